#!/usr/bin/env bash
# Optax 0.2.8 with JAX 0.10.2: `optax.adam` cannot take a step under `jax_numpy_dtype_promotion=strict`. Its bias
# correction raises the decay, a Python float, to the power of an int32 count of steps, which strict promotion refuses;
# `optax.sgd` steps. Seen: TypePromotionError for adam and adamw, a step for sgd. Fails if that changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q jax==0.10.2 optax==0.2.8
cat > "$folder/step.py" <<'PY'
import jax
import jax.numpy as jnp
import optax

jax.config.update("jax_numpy_dtype_promotion", "strict")
parameters = jnp.ones(3)


def step(optimiser):
    state = optimiser.init(parameters)
    try:
        optimiser.update(jnp.ones(3), state, parameters)
    except Exception as error:
        return type(error).__name__
    return "steps"


found = {name: step(getattr(optax, name)(1e-3)) for name in ("sgd", "adam", "adamw")}
print(f"jax {jax.__version__}, optax {optax.__version__}: {found}")
assert found == {"sgd": "steps", "adam": "TypePromotionError", "adamw": "TypePromotionError"}
PY
"$folder/venv/bin/python" "$folder/step.py"
