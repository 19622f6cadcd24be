"""The examples of other libraries: each has a command that can be read, and each is audited by run.py, slowly."""

import ast
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import independent
import run

NAMES = sorted(path.stem for path in (run.ROOT / run.FOLDER).glob("*.py"))


def test_every_example_is_audited() -> None:
    """run.py has an entry for each file of examples/decoders, and three at least are compared with independent code."""
    assert sorted(run.EXAMPLES) == NAMES
    assert len(independent.CASES) >= 3 and set(independent.CASES) <= set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_says_its_command(name: str) -> None:
    """The docstring has the command whole: the file itself, a name that it defines, and the number of latents."""
    path = run.ROOT / run.FOLDER / f"{name}.py"
    command, subject, *options = run.command_of(path)
    file, _, wanted = subject.rpartition(":")
    defined = {
        node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef | ast.FunctionDef)
    }
    defined |= {
        target.id
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert command == "audit" and run.ROOT / file == path and wanted.split(".")[0] in defined
    assert "--latent-dim" in options


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_real_libraries() -> None:
    """Every example in an environment of its own: accounts that close, refusals in one line, numbers of other code."""
    import subprocess

    done = subprocess.run([sys.executable, str(Path(run.__file__))], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]
