"""Each figure is computed small and its table says what the figure claims; drawing and writing keep the numbers."""

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from elbogap.cli import run
from elbogap.errors import RequestError
from elbogap.figures import likelihood_vs_vae
from elbogap.figures.data import Data, columns, distinct, where
from elbogap.figures.making import drawing
from elbogap.figures.own_decoder import own_tables
from elbogap.figures.registry import FIGURES, entry
from elbogap.figures.store import FORMATS, keep, kept, write
from elbogap.figures.words import words
from elbogap.proofs_checks.order import estimate_constant, estimate_order
from elbogap.report.style import style
from elbogap.results import Recorded, Table, names, recorded

SEED = 3
RATE_TOLERANCE = 0.03
"""Orders from local slopes at eps = 1e-2 and below, as the verifier judges them."""
CONSTANT_TOLERANCE = 1e-3
"""A predicted constant is met to three digits along these short ladders."""
SAMPLING_SIGMAS = 5.0
"""Means over 500 random Jacobians: three comparisons fail together once in a million seeds."""


@cache
def computed(name: str) -> Data:
    """The figure's tables at the smallest effort."""
    return entry(name).load().compute("small", SEED)


def curves(table: Table) -> list[Table]:
    """The rows of each instance of each quantity."""
    parts = [where(table, quantity=quantity) for quantity in distinct(table, "quantity")]
    return [where(part, instance=instance) for part in parts for instance in distinct(part, "instance")]


def assert_follows_its_law(rows: Table) -> None:
    """Order and constant of the measured differences are those that the table predicts."""
    eps, difference, floor = (rows.column(name) for name in ("eps", "difference", "floor"))
    order, constant = float(rows.column("order")[0]), float(rows.column("constant")[0])
    spacing = 0.25 if order == 0.25 else min(order, 1.0)
    found = estimate_order(eps, difference, floor, spacing)
    assert found.order is not None and abs(found.order.value - order) < RATE_TOLERANCE + found.order.half_width
    value = estimate_constant(eps, difference, floor, order, spacing)
    assert value is not None and abs(value.value - constant) < CONSTANT_TOLERANCE * abs(constant) + value.half_width
    np.testing.assert_allclose(rows.column("predicted"), constant * eps**order, rtol=1e-12)


@pytest.mark.parametrize("name", ["convergence", "encoder", "breakdown"])
def test_points_lie_on_lines_that_were_predicted(name: str) -> None:
    """Every instance shown has the order and the constant of the line that is drawn through it."""
    table = computed(name)["law"]
    for rows in curves(table):
        assert_follows_its_law(rows)


def test_orders_are_one_and_two() -> None:
    """The gap less the contrast is of order one, less its first order of order two."""
    table = computed("convergence")["law"]
    assert dict.fromkeys(zip(table.column("quantity"), table.column("order"), strict=True)) == {
        ("gap - c", 1.0): None,
        ("gap - c - a1 eps", 2.0): None,
    }


def test_rates_where_assumptions_break() -> None:
    """The expected gap has rates 1/2 at kinks and 1/4 at folds, and tends to the profile beside a kink."""
    data = computed("breakdown")
    table = data["law"]
    rates = {quantity: set(where(table, quantity=quantity).column("order")) for quantity in distinct(table, "quantity")}
    assert rates == {"smooth": {1.0}, "kink": {0.5}, "fold": {0.25}}
    distances = [
        np.max(np.abs(rows.column("gap") - rows.column("limit")))
        for eps in (1e-1, 1e-2, 1e-4)
        for rows in [where(data["profile"], eps=eps)]
    ]
    assert distances == sorted(distances, reverse=True) and distances[-1] < 0.01


@pytest.mark.slow
def test_the_posterior_is_nearly_factorised_only_for_orthogonal_columns() -> None:
    """Densities are normalised, and the gap is near the contrast: zero for one decoder, not for the other."""
    data = computed("posterior")
    contrast, gap = (data["gaps"].column(name) for name in ("contrast", "gap"))
    assert contrast[0] == pytest.approx(0.0, abs=1e-12) and contrast[1] > 0.3
    np.testing.assert_allclose(gap, contrast, atol=0.01)
    for name in distinct(data["density"], "decoder"):
        rows = where(data["density"], decoder=name)
        cell = np.ptp(rows.column("z1")) * np.ptp(rows.column("z2")) / (data.parameters["nodes"] - 1) ** 2
        for density in ("posterior", "encoder"):
            # Two and a half standard deviations of the widest latent lie inside the square.
            assert np.sum(np.exp(rows.column(density))) * cell == pytest.approx(1.0, abs=0.1)


def test_rotations_cost_a_conformal_map_nothing_and_others_something() -> None:
    """Measured and predicted contrasts agree at every angle, vanish for a conformal map, and vary for the others."""
    plane = computed("rotations")["plane"]
    np.testing.assert_allclose(plane.column("contrast"), plane.column("predicted"), atol=1e-12)
    spread = {name: np.ptp(where(plane, decoder=name).column("contrast")) for name in distinct(plane, "decoder")}
    assert spread["conformal"] < 1e-12 and spread["polar"] > 0.01 and spread["mlp"] > 1e-4
    polar = where(plane, decoder="polar")
    quarter_turns = np.isin(np.round(np.degrees(polar.column("angle"))), [0, 90, 180])
    assert np.max(polar.column("contrast")[quarter_turns]) < 1e-12
    space = computed("rotations")["space"].column("contrast")
    assert np.min(space) >= 0.0 and np.ptp(space) > 0.01


@pytest.mark.slow
def test_spurious_solutions_share_the_likelihood_and_not_the_elbo() -> None:
    """Log-likelihoods agree within their error at every noise, and ELBOs differ by the predicted limit and slope."""
    table = computed("spurious-solutions")["law"]
    assert np.all(np.abs(table.column("log_likelihood")) <= table.column("log_likelihood_error"))
    assert np.max(np.abs(table.column("limit"))) > 0.01
    for family in distinct(table, "family"):
        for instance in distinct(where(table, family=family), "instance"):
            assert_follows_its_law(where(table, family=family, instance=instance))


def test_latents_collapse_where_they_are_said_to() -> None:
    """Divergence and length at the maximum are the predicted ones: positive below the threshold, zero beyond it."""
    table = computed("posterior-collapse")["latents"]
    for name in ("divergence", "squared_length"):
        # The maximum is found to 1e-7; either is zero to first order there.
        np.testing.assert_allclose(table.column(name), table.column(f"predicted_{name}"), atol=1e-6)
        assert np.ptp(table.column(name)) > 0.5


def test_samples_see_less_than_the_index_of_the_tail() -> None:
    """Hill's estimate grows with the index and stays below it; at weights of size s it is kappa - kappa^2/(2s)."""
    data = computed("pareto-k")
    rho, mean = (data["samples"].column(name) for name in ("rho", "mean"))
    assert np.all(mean < rho) and np.corrcoef(rho, mean)[0, 1] > 0.95
    seen = where(data["seen"], kappa=0.3)
    # The next term is of order kappa^3 / s^2.
    bound = seen.column("kappa") ** 3 / seen.column("s") ** 2
    assert np.all(np.abs(seen.column("index") - seen.column("predicted")) < bound)


@pytest.mark.slow
def test_the_means_of_gaussian_approximations_have_their_orders() -> None:
    """Mode and mean field of order one, full covariance and its covariance of order two, on the predicted lines."""
    table = computed("vi-accuracy")["law"]
    orders = dict(zip(table.column("quantity"), table.column("order"), strict=True))
    assert orders == {"mode": 1.0, "mean, mean field": 1.0, "mean, full covariance": 2.0, "covariance": 2.0}
    for rows in curves(table):
        assert_follows_its_law(rows)


def test_random_directions_have_the_predicted_mean() -> None:
    """The mean contrast of random columns is the predicted one within its standard error, and falls with D."""
    table = computed("random-directions")["contrast"]
    error = np.abs(table.column("mean") - table.column("predicted"))
    assert np.all(error < SAMPLING_SIGMAS * table.column("standard_error"))
    assert np.all(np.diff(where(table, d=2).column("predicted")) < 0)


def test_the_contrast_loses_digits_with_the_condition_and_not_with_its_square() -> None:
    """At condition 1e12 this package keeps digits that the Gram matrix has lost."""
    table = computed("conditioning")["error"]
    assert set(table.column("condition")) == {1.0, 1e6, 1e12}
    worst = {
        (method, condition): np.max(where(table, method=method, condition=condition).column("error"), initial=0.0)
        for method in distinct(table, "method")
        for condition in distinct(table, "condition")
    }
    assert worst["elbogap", 1e6] < 1e-9 < worst["gram", 1e6]
    assert worst["elbogap", 1e12] < 1e-2


@pytest.mark.slow
def test_the_account_of_an_audit_adds_up() -> None:
    """The parts of the gap add up to the gap of the second route."""
    table = computed("audit")["account"]
    parts = where(table, part="total").column("mean")
    assert np.sum(table.column("mean")) - parts[0] == pytest.approx(parts[0], abs=0.02)


@pytest.mark.parametrize("name", ["convergence", "encoder", "breakdown", "rotations", "conditioning"])
def test_drawing_does_not_change_what_is_drawn(name: str) -> None:
    """`draw` takes the tables as they come back from the disk, and says all its axes."""
    data = Data.from_json(computed(name).to_json())
    with style():
        figure = entry(name).load().draw(data)
    shown = [axes for axes in figure.axes if axes.get_visible()]
    assert shown and all(axes.get_xlabel() or axes.get_ylabel() for axes in shown)
    assert data.to_json() == computed(name).to_json()  # as text: a nan is equal to itself there


def test_files_carry_their_provenance_and_do_not_differ_between_runs(tmp_path: Path) -> None:
    """CSV files begin with seed, versions and parameters, and every format is written to the same bytes again."""
    data = computed("conditioning")
    contents = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        with style():
            figure = entry("conditioning").load().draw(data)
        said = words(entry("conditioning").load().CAPTION, figure)
        paths = write(folder, "conditioning", data, figure, FORMATS, said)
        contents.append({path.name: path.read_bytes() for path in paths})
    assert contents[0] == contents[1]
    assert set(contents[0]) == {f"conditioning.{kind}" for kind in ("pdf", "svg", "png", "csv", "txt", "tex")}
    lines = contents[0]["conditioning.csv"].decode().splitlines()
    assert lines[0] == f"# seed: {SEED}" and json.loads(lines[1].removeprefix("# versions: "))["elbogap"]
    table = list(csv.reader(line for line in lines if not line.startswith("#")))
    assert tuple(table[0]) == data["error"].columns and len(table) - 1 == len(data["error"].rows)


def test_a_kept_table_is_used_again(tmp_path: Path) -> None:
    """What was kept comes back equal, and a damaged file is as good as none."""
    data = computed("conditioning")
    keep(tmp_path / "kept" / "one.json", data)
    found = kept(tmp_path / "kept" / "one.json")
    assert found is not None and found.to_json() == data.to_json()
    (tmp_path / "kept" / "one.json").write_text("{")
    assert kept(tmp_path / "kept" / "one.json") is None


def test_recorded_results_are_stamped() -> None:
    """A figure of recorded results says so, with seed and versions; one of its own computation does not."""
    table = columns(x=np.arange(2))
    assert Data({"t": table}, {}, 7, "elbogap record x", {"elbogap": "0.1.0", "jax": "1"}).stamp == (
        "recorded: seed 7, elbogap 0.1.0, jax 1"
    )
    assert Data({"t": table}, {}, 7).stamp == ""


def drawable() -> list[str]:
    """The figures whose recorded results exist."""
    return [one.name for one in FIGURES.values() if one.experiment in names()]


@pytest.mark.parametrize("name", drawable())
def test_recorded_results_are_drawn_as_they_are(name: str) -> None:
    """A figure of recorded results draws the recorded tables, whatever effort and seed are asked for."""
    data = entry(name).load().compute("quick", 5)
    found = recorded(entry(name).experiment)
    assert data.tables == found.tables and data.seed == found.seed and data.stamp
    figure = drawing(entry(name), data)
    assert data.stamp in [text.get_text() for text in figure.texts]


def test_one_decoder_class_is_compared_mixing_by_mixing() -> None:
    """Lines join the selected runs of the two methods on one mixing; the VAE's has the smaller contrast on each."""
    runs = where(computed("likelihood-vs-vae")["runs"], selected=True)
    likelihood, vae = (where(runs, method=method) for method in likelihood_vs_vae.METHODS)
    assert likelihood.column("mixing").tolist() == vae.column("mixing").tolist() == distinct(runs, "mixing")
    assert np.all(vae.column("contrast_point") < likelihood.column("contrast_point"))
    row = {"log_likelihood_data": 2.0, "log_likelihood": 1.5, "mcc_mean": 0.9}
    assert likelihood_vs_vae.values(Table.of([row]), "shortfall").tolist() == [0.5]
    assert likelihood_vs_vae.values(Table.of([row]), "mcc_mean").tolist() == [0.9]


def test_affine_flows_near_the_class_are_recovered_and_far_ones_not() -> None:
    """The nearest quarter of the recorded affine flows is recovered better than the farthest; restarts share theirs."""
    runs = computed("affine-flow")["runs"]
    assert len(set(zip(runs.column("mixing"), runs.column("mixing_contrast"), strict=True))) == len(
        distinct(runs, "mixing")
    )
    best = where(runs, selected=True)
    mcc = best.column("mcc_mean")[np.argsort(best.column("mixing_contrast"))]
    quarter = len(mcc) // 4
    assert np.min(mcc[:quarter]) > np.max(mcc[-quarter:])


def test_recomputing_trains_and_draws_what_was_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--recompute` hands effort and seed to the training, and draws its result and not the package's."""
    asked = []

    def record(*experiments: str, effort: str, seed: int, out: Path) -> int:
        asked.append((experiments, effort, seed))
        out.mkdir(parents=True)
        rows = [
            {
                "mixing": i,
                "selected": True,
                "map_contrast": 0.1 * i,
                "mixing_contrast": 0.2 * i,
                "mcc_mean": 1 - 0.1 * i,
            }
            for i in range(5)
        ]
        Recorded("moebius-linear", "elbogap record", seed, {}, 5, "none", (), {"runs": Table.of(rows)}).write(out)
        return 0

    monkeypatch.setattr("elbogap.training.commands.record_command", record)
    monkeypatch.setenv("ELBOGAP_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr("elbogap.figures.commands.prepare_jax", lambda: None)
    arguments = ["figures", "mcc-contrast", "--recompute", "--seed", "9", "--format", "svg"]
    assert run([*arguments, "--out", str(tmp_path / "out")]) == 0
    assert asked == [(("moebius-linear",), "quick", 9)]
    lines = (tmp_path / "out" / "mcc-contrast.csv").read_text().splitlines()
    assert "# seed: 9" in lines and lines[-1].endswith("0.6")


@pytest.mark.slow
def test_a_decoder_of_the_readers_own(tmp_path: Path) -> None:
    """The gap of a decoder in a file has the predicted order and constant as well."""
    (tmp_path / "mine.py").write_text("import jax.numpy as jnp\ndef f(z):\n    return z + 0.2 * jnp.tanh(z)\n")
    table = own_tables(f"{tmp_path / 'mine.py'}:f", 1, SEED)["law"]
    for instance in distinct(table, "instance"):
        assert_follows_its_law(where(table, quantity="gap - c", instance=instance))


@pytest.mark.parametrize(
    ("content", "text", "message"),
    [
        ("f = 1", "mine.py", "expected FILE.py:NAME or FILE.py:NAME.ATTRIBUTE, got"),
        ("f = 1", "none.py:f", "expected a file that exists"),
        ("f = 1", "mine.py:g", "expected a name defined in"),
        ("x = 0\ny = 1 / x", "mine.py:f", "ZeroDivisionError: division by zero"),
    ],
)
def test_a_wrong_file_of_the_readers_own_is_one_line(
    content: str, text: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file or a name that is not there, or that fails, is said in one line, with the line of the failure."""
    (tmp_path / "mine.py").write_text(content)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RequestError, match=message) as refused:
        own_tables(text, 1, 0)
    assert "ZeroDivision" not in message or "mine.py, line 2" in str(refused.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["convergense"], "did you mean 'convergence'?"),
        (["convergence", "--format", "gif"], "--format: expected some of pdf, svg, png, got 'gif'"),
        (["convergence", "--effort", "small"], "--effort: expected one of quick, standard, full"),
        (["convergence", "--seed", "-1"], "--seed: expected an integer from 0"),
        (["encoder", "--decoder", "a.py:f", "--latent-dim", "2"], "--decoder: expected `figures convergence"),
        (["convergence", "--decoder", "a.py:f"], "--decoder: expected `figures convergence"),
        (["convergence", "--style", "poster"], "--style: expected one of paper, slides, got 'poster'"),
        (["convergence", "--width", "0"], "--width: expected 1.5 to 40 inches, got 0"),
        (["convergence", "--font-size", "99"], "--font-size: expected 4 to 48 points, got 99"),
        (["convergence", "--gallery", "elsewhere"], "--gallery: expected it in place of --out, got both"),
    ],
)
def test_a_wrong_request_is_one_line(
    arguments: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """A wrong request ends with status 2, one line, and no folder."""
    assert run(["figures", *arguments, "--out", str(tmp_path / "new")]) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1 and not (tmp_path / "new").exists()


def test_the_list_names_every_figure(capsys: pytest.CaptureFixture) -> None:
    """`figures --list` prints one line a figure."""
    assert run(["figures", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(FIGURES)


def test_an_unknown_effort_is_refused() -> None:
    """A figure does not guess what an effort means."""
    with pytest.raises(RequestError, match="effort: expected one of"):
        entry("conditioning").load().compute("huge", 0)
