"""The audit of a decoder: known answers, parts that add up, what is written, what an interrupt leaves."""

import importlib
import importlib.util
import json
from pathlib import Path

import elbogap
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.account import Account
from elbogap.auditing.audit import audit
from elbogap.auditing.geometry import geometry
from elbogap.auditing.report import AuditReport
from elbogap.cli import run
from elbogap.numerics.contrast import contrast_of_jacobian

ROOT = Path(elbogap.__file__).parent
DECODERS = ROOT / "examples" / "decoders.py"
NOISE_VAR = 1e-3
POINTS = 40

CONTRAST_IS_ZERO = 1e-12  # asked of a conformal decoder; the rounding of its Jacobian gives 1e-31
SECOND_ORDER = 0.1  # the remainder is O(eps^2): at eps = 1e-3 far below this share of a1 eps
DEGREES = 0.05  # the minimum is flat: an error of 1e-7 nat in the saving leaves so much in the angle


def example(name: str):
    """A decoder of examples/decoders.py."""
    spec = importlib.util.spec_from_file_location("example_decoders", DECODERS)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name)


def geometry_of(name: str, d: int) -> AuditReport:
    """An audit without the account."""
    return audit(example(name), latent_dim=d, points=POINTS, account_points=0, noise_var=NOISE_VAR)


@pytest.fixture(scope="module")
def rotated() -> AuditReport:
    """The whole audit of the rotated Moebius decoder, with data and an encoder that is a little off."""
    decoder = example("rotated_moebius")
    rng = np.random.default_rng(3)
    z = rng.standard_normal((POINTS, 2))
    data = np.array([decoder(point) for point in z]) + np.sqrt(NOISE_VAR) * rng.standard_normal((POINTS, 2))

    def encoder(x):
        # The inverse: the inversion is its own, then back from scale and rotation by 0.6.
        offset = x - jnp.array([3.0, 4.0])
        y = (jnp.array([3.0, 4.0]) + 25.0 * offset / jnp.sum(offset**2)) / jnp.array([1.25, 0.5])
        c, s = np.cos(0.6), np.sin(0.6)
        return jnp.stack([c * y[0] + s * y[1], -s * y[0] + c * y[1]]), jnp.full(2, 0.04)

    return audit(
        decoder,
        latent_dim=2,
        noise_var=NOISE_VAR,
        encoder=encoder,
        data=data,
        points=POINTS,
        account_points=3,
        search=False,
    )


def test_a_moebius_decoder_has_contrast_zero() -> None:
    """A conformal decoder has contrast 0 to 1e-12 at every point, and no entangled latents."""
    report = geometry_of("moebius", 2)
    assert np.max(report.geometry.contrast) < CONTRAST_IS_ZERO
    assert report.entangled == [] and report.inactive == []
    assert report.document["gap"] is None and "left out" in report.text()


def test_entangled_latents_are_found_and_named() -> None:
    """Of three latents exactly the deliberately entangled pair is named."""
    report = geometry_of("entangled", 3)
    assert [pair["latents"] for pair in report.document["entangled"]] == [[0, 2]]
    assert "latents 0 and 2" in report.text()


def test_a_collapsed_latent_is_found_and_named() -> None:
    """A latent that hardly moves the output is called inactive, and never entangled."""
    report = geometry_of("collapsed", 3)
    assert report.inactive == [1] and report.document["inactive"] == [1]
    assert "latent 1: eps s_k exceeds" in report.text()
    jacobian = jax.vmap(jax.jacfwd(example("collapsed")))(jnp.asarray(report.geometry.points))[:, :, jnp.array([0, 2])]
    np.testing.assert_allclose(report.geometry.contrast, contrast_of_jacobian(jacobian), atol=CONTRAST_IS_ZERO)
    assert {rotation.latents for rotation in report.rotations} == {(0, 2)}
    assert np.all(np.isfinite(report.geometry.finite_noise))


def test_a_vanishing_column_is_reported_and_not_fatal() -> None:
    """A decoder that ignores a latent: it is inactive, and contrast and finite-noise contrast are the others'."""
    report = audit(lambda z: jnp.stack([z[0], z[0] ** 2]), latent_dim=2, points=8, account_points=0)
    document = report.document
    assert document["contrast"]["rank_deficient"] == 0 and document["contrast"]["mean"] == pytest.approx(0.0, abs=1e-12)
    assert document["contrast"]["finite_noise"]["mean"] == pytest.approx(0.0, abs=1e-12)
    assert document["inactive"] == [1] and document["contrast"]["latents"] == [0]
    assert "over the 1 active latent;" in report.text()


@pytest.mark.slow
def test_many_inactive_latents_leave_the_account_of_the_others() -> None:
    """Six active latents of 32: contrast, a1 and regime are those of six, and the others are named once."""
    rng = np.random.default_rng(0)
    first, last = rng.normal(size=(40, 6)), rng.normal(size=(64, 40)) / 6
    small = 1e-6 * rng.normal(size=(64, 26))
    report = audit(
        lambda z: jnp.asarray(last) @ jnp.tanh(0.5 * jnp.asarray(first) @ z[:6]) + jnp.asarray(small) @ z[6:],
        latent_dim=32,
        points=20,
        account_points=1,
        noise_var=1e-2,
    )
    assert report.inactive == list(range(6, 32)) and report.account is not None and report.regime is not None
    (entry,) = report.account.entries
    assert np.isfinite(entry.a1) and abs(entry.remainder) < 0.01 < abs(entry.gap) and report.regime.inside
    assert report.text().count("6 to 31") == 2 and "31 (inactive)" in report.text()


def test_dependent_columns_are_reported_and_not_fatal() -> None:
    """A decoder of z0 + z1 alone has no contrast anywhere, but a finite-noise contrast."""
    report = audit(lambda z: jnp.stack([z[0] + z[1], (z[0] + z[1]) ** 2]), latent_dim=2, points=8, account_points=0)
    document = report.document
    assert document["contrast"]["rank_deficient"] == 8 and document["contrast"]["mean"] is None
    assert document["contrast"]["finite_noise"]["mean"] > 1
    assert document["inactive"] == [] and "rank-deficient everywhere" in report.text()
    assert "undefined" in report.text()


def test_the_best_rotation_undoes_the_rotation(rotated: AuditReport) -> None:
    """For a rotated decoder with orthogonal columns the best angle is minus the rotation, and saves the contrast."""
    (best,) = rotated.rotations
    assert best.latents == (0, 1) and np.degrees(best.angle) == pytest.approx(-np.degrees(0.6), abs=DEGREES)
    assert best.saving == pytest.approx(np.mean(rotated.geometry.finite_noise), rel=1e-3)


def test_the_parts_add_up_to_the_gap_measured_again(rotated: AuditReport) -> None:
    """Amortisation, contrast, a1 eps and remainder add up to the independently sampled gap within the stated errors."""
    account = rotated.account
    assert account is not None and len(account.entries) == 3 and account.failed == 0
    assert account.closes and all(entry.closes for entry in account.entries)
    for entry in account.entries:
        assert entry.amortisation > 0 and not entry.finite_noise and not entry.sampled
        assert abs(entry.remainder) < SECOND_ORDER * abs(entry.slope)


@pytest.mark.parametrize("part", ["amortisation", "contrast", "remainder"])
def test_a_wrong_account_does_not_close(rotated: AuditReport, part: str) -> None:
    """With one part wrong by 5 % of the gap the second route disagrees: the check can fail."""
    assert rotated.account is not None
    wrong = [entry._replace(**{part: getattr(entry, part) + 0.05 * entry.sum}) for entry in rotated.account.entries]
    assert not Account(tuple(wrong), 0).closes


def test_the_regime_holds_where_it_says(rotated: AuditReport) -> None:
    """At the threshold the measured distance of gap and contrast is within the tolerance; this model is inside."""
    regime = rotated.regime
    assert regime is not None and regime.threshold is not None
    assert regime.checks[-1].noise_var == regime.threshold
    assert regime.checks[-1].deviation <= regime.tolerance
    assert regime.tolerance == pytest.approx(0.05 * 0.33589493553721567, rel=1e-6)
    assert rotated.document["regime"]["inside"] is True
    assert rotated.document["alarms"] == [] and rotated.document["fit"]["alarm"] is None
    assert not rotated.document["kinks"]["found"] and regime.rate == "1/gamma^2"
    answers = {one["name"]: one["answer"] for one in rotated.document["conditions"]}
    assert answers["curvature"] == "holds" and answers["separation"] == "not checkable" and len(answers) == 5


def test_the_encoder_is_compared_with_the_best(rotated: AuditReport) -> None:
    """The exact inverse is off by less than a posterior deviation; the ratio of deviations is that of the formula."""
    found = rotated.consistency
    assert found is not None and np.all(found.mean_offset < 1.0)
    np.testing.assert_allclose(found.formula_ratio, 1.0, atol=0.02)  # `encoder-variance`: relative O(eps)
    np.testing.assert_allclose(found.std_ratio * rotated.account.entries[0].std, 0.04, rtol=0.5)


def test_the_document_keeps_its_schema(rotated: AuditReport) -> None:
    """`--json` is one document of plain, finite values with the agreed keys, and names the entangled pair."""
    document = json.loads(rotated.to_json())
    assert {"version", "contrast", "gap", "entangled", "inactive", "regime", "parameters", "translation"} <= set(
        document
    )
    assert document["entangled"][0]["latents"] == [0, 1]
    assert set(document["gap"]["parts"]) == {"amortisation", "contrast", "slope", "remainder"}
    low, mean, high = (document["gap"]["parts"]["contrast"][key] for key in ("low", "mean", "high"))
    assert low <= mean <= high


def test_translations_agree_with_each_other(rotated: AuditReport) -> None:
    """The weights and betas of the table are those of one and the same loss."""
    units, size = rotated.document["translation"], 2
    assert units["gamma_squared"] * units["eps"] == pytest.approx(1)
    assert units["weight_of_summed_squared_error"] * units["beta_with_summed_squared_error"] == pytest.approx(1)
    assert units["weight_of_mean_squared_error"] * units["beta_with_mean_squared_error"] == pytest.approx(1)
    assert units["weight_of_mean_squared_error"] == pytest.approx(size * units["weight_of_summed_squared_error"])


def test_the_files_hold_the_numbers(rotated: AuditReport, tmp_path: Path) -> None:
    """`write` gives a self-contained page with its plots, and CSV files from which the mean can be recomputed."""
    names = {path.name for path in rotated.write(tmp_path)}
    assert names == {"report.html", "audit.json", "points.csv", "latents.csv", "account.csv"}
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 4 and "http://" not in page.replace("http://www.w3.org", "") and "https://" not in page
    table = np.genfromtxt(tmp_path / "points.csv", delimiter=",", names=True)
    assert np.mean(table["contrast"]) == pytest.approx(rotated.document["contrast"]["mean"], rel=1e-9)
    assert len(np.genfromtxt(tmp_path / "account.csv", delimiter=",", names=True)) == 3


def test_an_image_decoder_gets_traversals(tmp_path: Path) -> None:
    """The page of a decoder of images shows a row of decoded images a latent, and what the worst points look like."""
    grid = jnp.linspace(-1, 1, 6)

    def decoder(z):
        return jnp.exp(-((grid[:, None] - z[0]) ** 2) - (grid[None, :] - z[1]) ** 2)[:, :, None]

    report = audit(decoder, latent_dim=2, points=8, account_points=0)
    assert report.traversal is not None and report.traversal.shape == (2, 7, 6, 6, 1)
    report.write(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert page.count('<img src="data:image/png;base64') == 3
    assert page.index("Worst points") < page.index("Decoded images of the 5 worst points") < page.index("latent 0 goes")
    assert report.worst_images is not None
    first = report.document["worst"][0]
    np.testing.assert_allclose(report.worst_images[0], decoder(np.array(first["z"])), rtol=1e-12)
    assert first["contrast"] == np.max(report.geometry.contrast)


def test_chunks_do_not_change_the_geometry_and_an_interrupt_keeps_them(rotated: AuditReport) -> None:
    """Small chunks give the numbers of large ones; Ctrl-C after three of them keeps these, and says so."""
    arguments = rotated.model, rotated.geometry.points, rotated.prior_std
    found, complete = geometry(*arguments, chunk=7)
    assert complete
    np.testing.assert_allclose(found.metric, rotated.geometry.metric, rtol=1e-12)
    np.testing.assert_allclose(found.posterior, rotated.geometry.posterior, rtol=1e-12)
    np.testing.assert_allclose(found.correlation, rotated.geometry.correlation, rtol=1e-12)

    def stop(done: int, total: int) -> None:
        if done >= 21:
            raise KeyboardInterrupt

    part, complete = geometry(*arguments, chunk=7, notify=stop)
    assert not complete and len(part.contrast) == len(part.points) == 21
    np.testing.assert_array_equal(part.contrast, found.contrast[:21])


def test_the_command_prints_one_document(capsys: pytest.CaptureFixture, monkeypatch, tmp_path: Path) -> None:
    """`elbogap audit --json` prints the document alone; `--out` writes the files; an interrupt exits with 130."""
    monkeypatch.setenv("ELBOGAP_CACHE_DIR", str(tmp_path / "cache"))
    out = tmp_path / "made" / "audit"
    command = ["audit", f"{DECODERS}:moebius", "--latent-dim", "2", "--points", "8", "--account-points", "0"]
    assert run([*command, "--gamma", "10", "--json", "--out", str(out)]) == 0
    output = capsys.readouterr()
    document = json.loads(output.out)
    assert document["parameters"]["noise_var"] == pytest.approx(0.01) and (out / "report.html").is_file()
    assert "geometry" in output.err

    from elbogap.auditing import geometry as module

    def interrupted(*arguments, **keywords):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "chunk_geometry", interrupted)
    assert run(command) == 130
    assert capsys.readouterr().out == ""


def test_the_public_name_is_the_function_always() -> None:
    """`elbogap.audit` stays the function after the subpackage and the module of the same name are imported."""
    importlib.import_module("elbogap.auditing.audit")
    assert elbogap.audit is audit and callable(elbogap.audit)


@pytest.mark.slow
def test_sampling_above_three_latents_has_the_exact_answer() -> None:
    """For a linear decoder the gap is known in closed form (`linear-vae`); d = 5 is sampled, within its error."""
    rng = np.random.default_rng(0)
    matrix = jnp.asarray(rng.standard_normal((7, 5)))
    report = audit(lambda z: matrix @ z, latent_dim=5, noise_var=0.05, points=4, account_points=2)
    precision = np.eye(5) + np.asarray(matrix.T @ matrix) / 0.05
    exact = 0.5 * (np.sum(np.log(np.diag(precision))) - np.linalg.slogdet(precision)[1])
    assert report.account is not None and report.account.closes
    for entry in report.account.entries:
        assert abs(entry.gap - exact) <= entry.error
