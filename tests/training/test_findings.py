"""What trained models say: findings of made-up and of recorded runs, and results spoilt on purpose."""

import dataclasses

import numpy as np
import pytest
from elbogap.results import Table, recorded
from elbogap.training.experiments import MODULES, experiment, likelihood_vs_vae, moebius_gamma
from elbogap.training.findings import Bound, Finding, finding


def test_findings_need_the_whole_interval_and_a_rejected_control() -> None:
    """A finding fails when its interval crosses the bound, and its control is not rejected when it passes as well."""
    one = Finding("e", "i", "s", 5, 0.99, 0.97, 1.0, 0.95, "at least", "c", 0.2)
    assert one.holds
    assert one.control_rejected
    assert not dataclasses.replace(one, low=0.9).holds
    assert not dataclasses.replace(one, control_value=0.96).control_rejected
    assert one.as_dict()["holds"]


@pytest.mark.parametrize(("short", "verdict"), [(0.5, "inconclusive"), (0.0, "fails")])
def test_recorded_runs_refute_only_if_they_converged(short: float, verdict: str) -> None:
    """The same recorded statistic beyond its bound fails for converged runs, and for others it is inconclusive."""
    values, control = np.linspace(0.6, 0.7, 8), np.full(8, 0.1)
    made, bound = ("made-up", "mcc", "MCC", values, "shuffled", control), Bound("at least", 0.95)
    found = finding(*made, bound=bound, shortfalls=np.full(8, short))
    assert found.verdict == verdict and found.not_converged == (8 if short else 0)
    unknown = finding(*made, bound=bound)
    assert unknown.verdict == "inconclusive" and unknown.not_converged is None


@pytest.mark.parametrize("name", MODULES)
def test_recorded_findings_hold_and_shuffled_results_do_not(name: str) -> None:
    """The recorded results support the findings; the same tables with the measured column permuted do not."""
    result = recorded(name)
    findings = experiment(name).findings()
    assert len({finding.id for finding in findings}) == len(findings) > 0
    assert all(finding.experiment == name for finding in findings)
    assert all(finding.holds and finding.control_rejected for finding in findings)
    if name == "moebius-gamma":
        table = result.tables["runs"]
        column = table.columns.index("mcc_mean")
        shuffled = np.random.default_rng(0).permutation(table.column("mcc_mean"))
        rows = tuple(
            (*row[:column], float(value), *row[column + 1 :]) for row, value in zip(table.rows, shuffled, strict=True)
        )
        spoilt = dataclasses.replace(result, tables={"runs": dataclasses.replace(table, rows=rows)})
        assert not all(finding.holds for finding in moebius_gamma.findings(spoilt))


def test_the_likelihood_is_maximised_as_well_as_by_the_vae() -> None:
    """The control is no badly trained flow; with the two methods' names exchanged no finding about them holds."""
    result = recorded("likelihood-vs-vae")
    best = [row for row in result.tables["runs"].records() if row["selected"]]
    fit = {m: [row["log_likelihood"] for row in best if row["method"] == m] for m in ("likelihood", "vae")}
    assert np.median(np.subtract(fit["likelihood"], fit["vae"])) >= 0
    exchanged = [row | {"method": {"vae": "likelihood", "likelihood": "vae"}[row["method"]]} for row in best]
    spoilt = dataclasses.replace(result, tables={"runs": Table.of(exchanged)})
    assert [finding.holds for finding in likelihood_vs_vae.findings(spoilt)][:2] == [False, False]
