"""Alarms before advice: likelihoods that do not fit, noise as it is, directions that collapse, regimes that agree."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.account import Account, Entry, mean_interval
from elbogap.auditing.audit import audit
from elbogap.auditing.entries import Setting, expanded_at
from elbogap.auditing.fit import fit_of
from elbogap.auditing.inputs.model import as_model
from elbogap.auditing.inputs.noise import rescaled
from elbogap.auditing.pages.sentences import gap_sentence
from elbogap.auditing.points import Points
from elbogap.auditing.regime import Check, Regime, with_scale
from elbogap.cli import run
from elbogap.errors import RequestError
from elbogap.numerics.model import LatentModel
from elbogap.numerics.noise import DiagonalNoise, FullNoise, Noise, ScalarNoise, StateNoise

WEIGHT = np.random.default_rng(2).standard_normal((20, 2))
LINEAR = LatentModel(lambda z: jnp.asarray(WEIGHT) @ z, 2, noise_var=1e-2)


def points(noise: float = 0.1, factor: float = 1.0) -> Points:
    """Points of the linear decoder, data with this noise deviation, times a factor."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal((50, 2))
    return Points(z, np.arange(50), factor * (z @ WEIGHT.T + noise * rng.standard_normal((50, 20))))


def test_data_of_the_model_raise_no_alarm() -> None:
    """Data with the model's own noise fit, and the variance that would fit is the one that was given."""
    found = fit_of(LINEAR, points())
    assert found is not None and found.alarm is None
    assert found.variance == pytest.approx(0.01, rel=0.1) and len(found.per_output) == 20


def test_a_likelihood_that_does_not_fit_is_an_alarm() -> None:
    """Noise ten times larger or smaller than the model's is an alarm that names the variance which would fit."""
    for noise in (1.0, 0.01):
        found = fit_of(LINEAR, points(noise))
        assert found is not None and found.alarm is not None
        assert found.variance == pytest.approx(noise**2, rel=0.1) and f"{found.variance:.3g} would fit" in found.alarm


def test_logits_and_bytes_are_recognised() -> None:
    """Binary data hint at Bernoulli, grey ones against outputs far outside at logits, data up to 255 at a division."""
    rng = np.random.default_rng(1)
    z = 3 * rng.standard_normal((50, 2))
    binary = Points(z, np.arange(50), (rng.random((50, 20)) < 0.5).astype(float))
    assert "Bernoulli" in str(fit_of(LINEAR, binary).alarm)
    grey = binary._replace(rows=0.5 * binary.rows)
    assert "logits" in str(fit_of(LINEAR, grey).alarm)
    small = LatentModel(lambda z: jnp.tanh(jnp.asarray(WEIGHT) @ z), 2)
    assert "255" in str(fit_of(small, Points(z, np.arange(50), np.abs(255 * rng.random((50, 20))))).alarm)


def test_counts_are_recognised_with_and_without_zeros() -> None:
    """Whole numbers from 0 or 1 on hint at likelihoods of counts, with a negative one among them they do not."""
    rng = np.random.default_rng(3)
    counts = Points(3 * rng.standard_normal((50, 2)), np.arange(50), 40.0 + rng.integers(0, 9, (50, 20)))
    zeros = counts._replace(rows=counts.rows - 40)
    negative = counts._replace(rows=counts.rows - 100)
    for rows, hinted in ((counts, True), (zeros, True), (negative, False)):
        assert ("poisson" in str(fit_of(LINEAR, rows).alarm)) == hinted


def test_a_misfit_heads_the_page_and_is_status_one(tmp_path, capsys, monkeypatch) -> None:
    """`elbogap audit` begins with the alarm and exits with 1, also without an account."""
    monkeypatch.setenv("ELBOGAP_CACHE_DIR", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((50, 1)) @ WEIGHT[:, :1].T + 2.0 * rng.standard_normal((50, 20))
    np.savez(tmp_path / "w.npz", x=rows)
    (tmp_path / "mine.py").write_text(
        "import jax.numpy as jnp, numpy as np\n"
        "W = np.random.default_rng(2).standard_normal((20, 2))[:, :1]\n"  # one latent: the search compiles in less
        "def decoder(z):\n    return jnp.asarray(W) @ z\n"
    )
    command = ["audit", f"{tmp_path / 'mine.py'}:decoder", "--latent-dim", "1", "--noise-var", "0.01"]
    assert run([*command, "--data", str(tmp_path / "w.npz"), "--account-points", "0"]) == 1
    page = capsys.readouterr().out
    assert page.index("ALARM") < page.index("contrast") and "noise standard deviations" in " ".join(page.split())


class SquaredNoise(Noise):
    """A fourth kind: covariance scale * level^2 * I."""

    scale: jnp.ndarray
    level: float

    def whiten(self, residual, z):
        """Residual / level."""
        return residual / self.level

    def log_det(self, z, size):
        """2 size log level."""
        return 2 * size * jnp.log(self.level)


@pytest.mark.parametrize(
    "noise",
    [
        ScalarNoise(0.1),
        DiagonalNoise(0.1, np.ones(20)),
        FullNoise(0.1, np.eye(20)),
        StateNoise(0.1, lambda z: 1.0 + z[0] ** 2),
        SquaredNoise(jnp.asarray(0.1), 2.0),
    ],
    ids=lambda noise: type(noise).__name__,
)
def test_noise_keeps_its_kind_under_scaling(noise: Noise) -> None:
    """Another scale changes the scale alone, whatever the kind of noise."""
    changed = with_scale(LINEAR.with_noise(noise), 0.5).noise
    assert type(changed) is type(noise) and float(changed.scale) == 0.5
    restored = eqx.tree_at(lambda n: n.scale, changed, noise.scale)
    assert eqx.tree_equal(restored, noise)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda z: 1e-2 * z[0], "variances > 0, got -"),
        (lambda z: jnp.exp(z[:1]) * 1e-2, r"shape \(\), \(20,\) or \(20, 20\), got \(1,\)"),
        (lambda z: jnp.ones((20, 20)), "variances > 0"),
    ],
    ids=["negative", "(1,)", "singular"],
)
def test_a_callable_noise_variance_is_judged(function, message: str) -> None:
    """Negative variances, shapes that would broadcast and singular covariances are refused in one line."""
    with pytest.raises(RequestError, match=message):
        as_model(LINEAR.decoder, 2, function)


def test_a_callable_noise_variance_is_stated_as_it_is() -> None:
    """Its mean and range over the points are reported, and eps is the mean: the model itself does not change."""
    report = audit(
        lambda z: jnp.concatenate([z, z[:1]]),
        latent_dim=2,
        points=8,
        account_points=0,
        noise_var=lambda z: 1e-2 + z[0] ** 2,
    )
    asked, first = report.document["parameters"], report.geometry.points[:, 0]
    assert asked["noise_var"] == pytest.approx(np.mean(1e-2 + first**2))
    assert asked["noise_var_range"] == pytest.approx([np.min(1e-2 + first**2), np.max(1e-2 + first**2)])
    assert "a function of z, mean eps" in " ".join(report.text().split())
    noise, z = StateNoise(1.0, lambda z: 1e-2 + z[0] ** 2), jnp.array([0.5, 0.0])
    other = rescaled(noise, 0.3)
    np.testing.assert_allclose(other.scale * other.fn(z), noise.scale * noise.fn(z))


def test_what_is_nearly_singular_is_judged_by_its_smallest_eigenvalue() -> None:
    """Columns (1, 0, .5) and (1, 1e-4, .5): no a1 (it would be -1e6 nat), and the finite-noise contrast, 2.0736."""
    matrix = jnp.array([[1.0, 1.0], [0.0, 1e-4], [0.5, 0.5]])
    model = LatentModel(lambda z: matrix @ z, 2, noise_var=1e-2)
    found = expanded_at(Setting(model, np.ones(2), 64), jnp.zeros(3), jnp.zeros(2), 2.07)
    assert found.left_out == "wide" and found.finite_noise and np.isnan(found.a1)
    assert found.contrast == pytest.approx(2.073555, abs=1e-6)


def test_a_collapsed_direction_is_named() -> None:
    """f = z0 + z1 and little else: no latent is inactive, and the direction z0 - z1 is named."""
    report = audit(
        lambda z: jnp.stack([z[0] + z[1], 1e-3 * z[1], 0.5 * (z[0] + z[1])]),
        latent_dim=2,
        points=8,
        account_points=0,
        noise_var=1e-2,
    )
    ((direction, share),) = report.collapsed
    assert report.inactive == [] and share > 0.9
    np.testing.assert_allclose(np.abs(direction), np.sqrt(0.5), atol=1e-3)
    assert "0.71 z0 - 0.71 z1 is no axis" in " ".join(report.text().split())


def test_a_regime_is_not_inside_against_the_account() -> None:
    """Where the account's own deviation exceeds the tolerance the model is outside, whatever was measured above."""
    check = Check(10.0, 1e-5, 1e-9)
    calm, loud = Check(1e-2, 1e-4, 1e-9), Check(1e-2, 0.86, 1e-9)
    assert Regime(0.01, 10.0, 10.0, (check,), 3, calm, "1/gamma^2").inside
    assert not Regime(0.01, 10.0, 10.0, (check,), 3, loud, "1/gamma^2").inside


def test_intervals_of_what_cannot_be_negative_begin_at_zero() -> None:
    """A contrast of widely different sizes has an interval from 0, a remainder of the same sizes one below 0."""
    values = np.array([0.0, 0.0, 1.0])

    zero = Entry(**dict.fromkeys(Entry._fields, 0.0))
    account = Account(tuple(zero._replace(contrast=value, remainder=value) for value in values), 0)
    assert mean_interval(values, np.zeros(3)).low < 0
    assert account.interval("contrast").low == 0 and account.interval("remainder").low < 0


def test_a_gap_without_an_error_is_called_no_measurement() -> None:
    """Where the draws' weights have no mean the error is infinite: the page says so, and does not say "agrees"."""
    entry = Entry(**dict.fromkeys(Entry._fields, 0.0))
    account = Account((entry._replace(remainder=-1.0, error=np.inf), entry), 0)
    assert account.without_error == 1 and Account((entry,), 0).without_error == 0
    gap = {
        "sum": {"mean": -1.0},
        "measured_again": {"mean": -1.1},
        "parts": {"contrast": {"mean": 0.1}},
        "closes": True,
        "points": 2,
        "points_without_error": account.without_error,
        "mean_error": None,
    }
    said = gap_sentence(gap)
    assert "at 1 of 2 points no error can be stated" in said and "agrees" not in said
    assert "agrees" in gap_sentence(gap | {"points_without_error": 0, "mean_error": 0.2})
    assert "confirms nothing" in gap_sentence(gap | {"points_without_error": 0})
    assert Account((entry._replace(total_error=np.inf),), 0).without_error == 0
