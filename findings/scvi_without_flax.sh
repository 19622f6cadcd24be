#!/usr/bin/env bash
# scvi-tools 1.4.2: `import scvi` fails where JAX and Optax are installed and Flax is not. Its training plans define their
# JAX part if jax and optax are there, and import from its base module a class that exists only if jax and flax are. An
# environment with any other user of JAX and Optax is enough. Seen: ImportError (JaxBaseModuleClass) with jax and optax,
# an import that works once flax is there, too. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q torch==2.13.0
"$folder/venv/bin/pip" install -q scvi-tools==1.4.2 jax==0.10.2 optax==0.2.8
cat > "$folder/imported.py" <<'PY'
from importlib.metadata import version
from importlib.util import find_spec

try:
    import scvi

    found = "imported"
except ImportError as error:
    found = str(error).split(" from ")[0]
flax = version("flax") if find_spec("flax") else "none"
print(f"scvi-tools {version('scvi-tools')}, jax {version('jax')}, optax {version('optax')}, flax {flax}: {found}")
assert found == ("imported" if find_spec("flax") else "cannot import name 'JaxBaseModuleClass'"), found
PY
"$folder/venv/bin/python" "$folder/imported.py"
"$folder/venv/bin/pip" install -q flax==0.12.8
"$folder/venv/bin/python" "$folder/imported.py"
