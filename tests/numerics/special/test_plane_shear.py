"""Polynomial shears of the plane."""

import numpy as np
from elbogap.numerics.special import plane_shear
from scipy.integrate import quad

DIFFERENCE = 1e-6
"""Central differences with a step of 1e-4 or 1e-5 of functions of size one."""


def test_derivatives_of_shears_agree_with_differences():
    """J, H and T of the plane's shears are derivatives of f and of each other."""
    shears = plane_shear.draw(np.random.default_rng(4), 3)
    z, step = np.random.default_rng(5).uniform(-1, 1, (3, 1, 2)), 1e-4
    here = shears.derivatives(z)
    for axis in range(2):
        shift = step * np.eye(2)[axis]
        ahead, behind = shears.derivatives(z + shift), shears.derivatives(z - shift)
        image = np.einsum("nab,nkb->nka", shears.matrix, shears.unmixed(z + shift) - shears.unmixed(z - shift))
        assert np.allclose(here["J"][..., axis], image[:, 0] / (2 * step), atol=DIFFERENCE)
        for lower, higher in (("J", "H"), ("H", "T")):
            slope = (ahead[lower] - behind[lower]) / (2 * step)
            assert np.allclose(here[higher][..., axis], slope, atol=DIFFERENCE)


def test_the_integral_over_the_fibre_is_that_of_adaptive_quadrature():
    """log_integral, at a noise of a tenth and of a thousandth."""
    shears, eps = plane_shear.draw(np.random.default_rng(7), 1), np.array([0.1, 1e-3])
    fibre = plane_shear._Fibre.at(shears, np.array([[[0.9, -0.6], [0.9, -0.6]]]), eps)

    def integrand(t: float, k: int) -> float:
        centre = fibre.centre(np.full((1, 2, 1), t), 0)[0, k, 0]
        kappa, rho = fibre.kappa[0, 0] / eps[k], fibre.rho[0, k]
        return np.exp(-0.5 * (kappa * (t + 0.6) ** 2 + t**2 + rho * centre**2))

    for k, found in enumerate(fibre.log_integral()[0]):
        reach = 12 * np.sqrt(eps[k] / fibre.kappa[0, 0])
        wanted = quad(integrand, -0.6 - reach, -0.6 + reach, args=(k,), epsabs=0, epsrel=1e-12)[0]
        assert np.isclose(found, np.log(wanted), rtol=0, atol=1e-11)
