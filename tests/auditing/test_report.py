"""What a report offers a notebook, a logger and a later run: HTML, figures, scalars, files, a comparison."""

import importlib.util
import json
from pathlib import Path

import elbogap
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.audit import audit
from elbogap.auditing.report import AuditReport
from elbogap.cli import run
from elbogap.errors import RequestError

EXAMPLE = Path(elbogap.__file__).parent / "examples" / "audit_during_training.py"


@pytest.fixture(scope="module")
def report() -> AuditReport:
    """Geometry of a decoder with an entangled pair and an inactive latent; no account."""
    return audit(
        lambda z: jnp.stack([z[0] + 0.5 * z[2], 1e-3 * z[1], z[2], z[0] * z[2]]),
        latent_dim=3,
        points=8,
        account_points=0,
        noise_var=1e-2,
    )


def test_scalars_are_the_numbers_of_the_document(report: AuditReport) -> None:
    """Each is a float at the path it has in the document, and the counts are those of the lists."""
    found, document = report.scalars(), report.document
    assert all(isinstance(value, float) for value in found.values())
    assert found["contrast/mean"] == document["contrast"]["mean"] > 0
    assert found["contrast/finite_noise/quantiles/0.5"] == document["contrast"]["finite_noise"]["quantiles"]["0.5"]
    assert (found["inactive/count"], found["entangled/count"], found["alarms/count"]) == (1, 1, 0)
    assert found["rotations/best_saving"] == report.rotations[0].saving > 0.01


def test_a_notebook_shows_findings_and_figures(report: AuditReport) -> None:
    """The HTML names the pair and the inactive latent; figures are drawn, and what is not there is refused."""
    html = report._repr_html_()
    assert html.startswith("<div>") and "latents 0 and 2" in html and "latent 1" in html and "<script" not in html
    assert report.plot("correlation").axes and report.plot("contrast").axes
    with pytest.raises(RequestError, match="plot: expected an audit with something to draw as 'gap', got one without"):
        report.plot()
    with pytest.raises(RequestError, match="plot: expected one of gap, contrast, correlation, regime, got 'bars'"):
        report.plot("bars")


@pytest.mark.slow
@pytest.mark.parametrize("library", ["jax", "torch"])
def test_the_example_audits_while_it_trains(library: str) -> None:
    """The decoder that each half of the example trains fits its data, with both latents in use."""
    pytest.importorskip(library)
    spec = importlib.util.spec_from_file_location("during", EXAMPLE)
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    with jax.numpy_dtype_promotion("standard"):  # Optax steps by it
        found = getattr(example, f"train_{library}")(example.surface())
    assert found["inactive/count"] == 0 and found["fit/deviations"] < 1.5


def test_latents_are_written_as_a_table(report: AuditReport, tmp_path: Path) -> None:
    """One row a latent, from which norms, activity and correlations can be read."""
    report.write(tmp_path)
    table = np.genfromtxt(tmp_path / "latents.csv", delimiter=",", names=True)
    np.testing.assert_array_equal(table["active"], [1, 0, 1])
    np.testing.assert_allclose(table["median_column_norm"], np.median(report.geometry.norms, axis=0), rtol=1e-9)
    np.testing.assert_allclose(table["correlation2"][0], report.geometry.correlation[0, 2], rtol=1e-9)


def test_two_audits_are_compared(report: AuditReport, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """What changed is shown with its sign, what did not as 0, other settings and latents by name."""
    old, new = json.loads(report.to_json()), json.loads(report.to_json())
    new["contrast"]["mean"] = old["contrast"]["mean"] + 0.25
    new["inactive"], new["parameters"]["seed"] = [], 7
    for name, document in (("old.json", old), ("new.json", new)):
        (tmp_path / name).write_text(json.dumps(document))
    assert run(["audit", "--compare", str(tmp_path / "old.json"), str(tmp_path / "new.json")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any("contrast (nat)" in line and "+0.25" in line for line in lines)
    assert any("inactive latents" in line and "-1" in line and "no longer 1" in line for line in lines)
    assert "asked for otherwise: seed: 0 and 7" in lines


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["audit"], "audit: expected FILE.py:NAME of a decoder, got none"),
        (["audit", "x.py:f"], "audit: expected --latent-dim, the number of latents, got none"),
        (["audit", "--compare", "no.json", "none.json"], "no.json: expected a file that can be read"),
        (["audit", "x.py:f", "--compare", "no.json", "none.json"], "--compare: expected two audit.json and no decoder"),
    ],
)
def test_a_request_without_its_parts_is_one_line(arguments: list[str], message: str, capsys) -> None:
    """Exit status 2 and one line."""
    assert run(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert message in said and "\n" not in said


def test_a_document_of_something_else_is_refused(tmp_path: Path, capsys) -> None:
    """A JSON file that is no audit: one line that says so."""
    (tmp_path / "other.json").write_text("{}")
    assert run(["audit", "--compare", str(tmp_path / "other.json"), str(tmp_path / "other.json")]) == 2
    assert "expected the audit.json of an audit" in capsys.readouterr().err
