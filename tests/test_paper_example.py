"""The example of a paper: one command makes its numbers, table and figure, and the page compiles with them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import elbogap
import pytest

FOLDER = Path(elbogap.__file__).parent / "examples" / "paper"


def test_the_page_uses_macros_that_exist_and_types_no_number() -> None:
    """Every macro of the page is one that `--macros` writes, and no result is typed into its text."""
    from elbogap.proofs_checks.macros import _KINDS

    text = (FOLDER / "paper.tex").read_text().split(r"We verified")[1].split(r"\begin{figure}")[0]
    used = re.findall(r"\\elbogap(\w+)\{log-of-a-mean\}", text)
    assert set(used) <= set(_KINDS) and len(used) >= 6
    assert not re.search(r"\d", text)


@pytest.mark.slow
def test_one_command_makes_the_page(tmp_path: Path) -> None:
    """The command writes what the page includes; where LaTeX is installed, a PDF without an open reference."""
    command = [sys.executable, str(FOLDER / "make.py"), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {"numbers.tex", "table.tex", "figure.pdf", "paper.tex"} <= {path.name for path in tmp_path.iterdir()}
    if shutil.which("pdflatex"):
        assert Path(done.stdout.strip()).read_bytes().startswith(b"%PDF")
        log = (tmp_path / "paper.log").read_text(errors="replace")
        assert "undefined" not in log and "Overfull" not in log
