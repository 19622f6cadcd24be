"""The examples of theorems: short, with at least three controls, all rejected; the false ones refuted."""

import importlib.util
import sys
from pathlib import Path

import elbogap
import pytest
from elbogap import theorem as th
from elbogap.proofs_checks.claim import Claim

FOLDER = Path(elbogap.__file__).parent / "examples" / "theorems"
FILES = sorted(FOLDER.glob("*.py"))
SAMPLED = ("importance_gap", "delta_method")
"""What draws samples takes many seconds."""


def claims_of(path: Path) -> list[Claim]:
    """The claims of an example."""
    spec = importlib.util.spec_from_file_location(f"example_{path.stem}", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return [value for value in vars(module).values() if isinstance(value, Claim)]


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] if path.stem in SAMPLED else [], id=path.stem) for path in FILES],
)
def test_an_example_holds_or_is_refuted(path: Path) -> None:
    """At most 45 lines; true claims hold, false ones fail with a figure; three controls or more, all rejected."""
    assert path.read_text().count("\n") <= 45
    claims = claims_of(path)
    result = th.verify(*claims)
    assert result.planted == result.rejected and all(len(one.controls) >= 3 for one in result.results), str(result)
    verdicts = [one.verdict for one in result.results]
    if path.stem.startswith("false_"):
        assert verdicts == ["fails", "holds"] and "off by" in result.results[0].reason
    else:
        assert verdicts == ["holds"], str(result)


def test_there_is_a_page_and_a_picture_for_each() -> None:
    """Nine examples, each with its picture in the documentation."""
    assert len(FILES) == 9
    assert {path.stem for path in FILES} == {
        path.stem for path in (FOLDER.parents[1] / "docs" / "theorems").glob("*.svg")
    }
