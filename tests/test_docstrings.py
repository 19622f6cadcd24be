"""The examples in the docstrings of the public names, run as a reader would, and the one in the README."""

import doctest
import re
from pathlib import Path

import elbogap
import jax.numpy as jnp
import numpy as np
import pytest

ROOT = Path(elbogap.__file__).parent
HEAVY = {"audit", "verify"}  # minutes, and a page of output: shown in the README and in the manual
EXAMPLES = sorted(set(elbogap.__all__) - HEAVY - {"__version__"})


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_of_a_public_name_prints_what_it_says(name: str) -> None:
    """Every public name has an example in its docstring, and it prints what the docstring says."""
    names = {public: getattr(elbogap, public) for public in EXAMPLES} | {"jnp": jnp, "np": np}
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(elbogap, name), name, globs=names)
    assert example.examples
    runner = doctest.DocTestRunner()
    printed: list[str] = []
    runner.run(example, out=printed.append)
    assert runner.failures == 0, "".join(printed)


def test_the_examples_of_the_readme_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The README's Python example runs as it stands, and its picture shows the gap on the line that was predicted."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    monkeypatch.chdir(tmp_path)
    found: dict = {}
    exec(code, found)
    assert (tmp_path / "convergence.png").stat().st_size > 5000
    # The next term is of relative size eps, a few times it at most.
    eps = np.asarray(found["eps"])
    np.testing.assert_array_less(np.abs((found["gap"] - found["contrast"]) / (found["slope"] * eps) - 1), 10 * eps)
