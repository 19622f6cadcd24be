"""What the README says of the project is what the project says of itself."""

import re
import runpy
from pathlib import Path

import elbogap
import pytest
from elbogap.lessons.catalogue import lessons
from elbogap.proofs_checks.registry import CLAIMS

ROOT = Path(elbogap.__file__).parent
TEXT = (ROOT / "README.md").read_text()
WORDS = ("eight", "nine", "ten", "eleven", "twelve")


def test_the_table_of_theorems_is_the_registrys() -> None:
    """The README's table of the paper's theorems is what `docs/readme_tables.py` prints, and its files are there."""
    printed = runpy.run_path(str(ROOT / "docs" / "readme_tables.py"))["theorems"]()
    assert printed in TEXT and all((ROOT / path).is_file() for path in re.findall(r"\((\S+\.py)\)", printed))


def test_the_row_of_the_main_theorem_counts_as_the_claim_does() -> None:
    """Steps proved and argued, findings and controls in the README's excerpt are those of `elbo-limit` today."""
    from elbogap.theory.registry import DERIVATIONS

    claim = CLAIMS["elbo-limit"]
    steps = DERIVATIONS[claim.derivation]().steps
    argued = sum(step.argued for step in steps)
    assert f"{len(steps) - argued} proved, {argued} argued" in TEXT
    assert f"{len(claim.trained)} of {len(claim.trained)} findings" in TEXT


def test_the_lessons_are_counted() -> None:
    """The README counts the lessons as they are."""
    assert f"{WORDS[len(lessons()) - 8]} lessons" in TEXT


def test_every_command_of_the_readme_is_one_of_the_program(capsys: pytest.CaptureFixture) -> None:
    """Each `elbogap COMMAND --option` that the README shows is a command with that option."""
    from elbogap.cli import run

    shown = {
        (match[1], option)
        for match in re.finditer(r"^ +elbogap ([a-z-]+)(.*)$", TEXT, re.M)
        for option in (re.findall(r"--[a-z-]+", match[2].split("  ")[0]) or [""])
    }
    assert len(shown) > 15
    helps: dict[str, str] = {}
    for command, option in sorted(shown):
        if command not in helps:
            assert run([command, "--help"]) == 0, command
            helps[command] = capsys.readouterr().out
        assert option in ("", "--help") or option in helps[command], (command, option)
