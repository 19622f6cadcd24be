"""The figure of work and precision: its truth, its two competitors, and that this package is the most precise."""

import numpy as np
import pytest
from elbogap.figures import work_precision as figure
from elbogap.figures.data import where
from scipy.integrate import quad

SIGMAS = 5.0
"""Standard errors: a wrong constant in the weights is off by many more."""


def test_the_truth_is_known_to_round_off() -> None:
    """log p agrees with adaptive quadrature, and no Gaussian near the best one has a larger ELBO."""
    density = lambda z: np.exp(figure._log_joint(np.asarray(z)))  # noqa: E731
    exact = np.log(quad(density, -1, 2, points=[figure.POINT], epsabs=1e-14, epsrel=1e-13)[0])
    assert figure.log_likelihood() == pytest.approx(exact, abs=1e-12)
    best = figure.best_elbo()
    rng = np.random.default_rng(0)
    tried = [figure.elbo(0.69 + 0.03 * u, np.log(0.066) + 0.2 * v) for u, v in rng.standard_normal((50, 2))]
    assert max(tried) <= best + 1e-12 and best < figure.log_likelihood()


def test_the_competitors_are_right_and_converge() -> None:
    """Importance sampling is off by its standard error only; the stochastic encoder comes close to the best one."""
    rng = np.random.default_rng(1)
    found = np.array([figure._importance(2000, rng) for _ in range(40)])
    assert abs(found.mean() - figure.log_likelihood()) < SIGMAS * found.std() / np.sqrt(len(found)) + 1e-4
    assert 0 <= figure.best_elbo() - figure.elbo(*figure._maximised(1000, rng)) < 0.02


@pytest.mark.slow
def test_the_package_is_the_most_precise() -> None:
    """Its error is below 1e-11 nats, far below what either competitor reaches in as many samples or steps."""
    work = figure.compute("small", 0)["work"]
    ours, others = (where(work, method=name).column("error") for name in ("elbogap", "importance"))
    assert ours.max() < 1e-11 < others.min() / 1e4
    assert np.all(work.column("seconds") > 0)
