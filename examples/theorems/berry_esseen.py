"""Berry-Esseen with its constant: n^1/2 sup|F_n - Phi| for gamma sums tends to skew/(6 sqrt(2 pi)). Esseen 1945."""

import numpy as np
from elbogap import theorem as th
from scipy.optimize import minimize_scalar
from scipy.special import gammainc, ndtr


@th.instances(4)
def shapes(rng):
    """Summands with the gamma distribution of this shape: skewness 2 / sqrt(shape)."""
    return dict(shape=rng.uniform(0.5, 4.0))


def distance(n, shape):
    """sup over x of |P(standardised sum <= x) - Phi(x)|, exactly: a sum of gammas is gamma."""
    k = n * shape

    def apart(x):
        return -abs(gammainc(k, np.maximum(k + np.sqrt(k) * x, 0.0)) - ndtr(x))

    return -minimize_scalar(apart, bounds=(-0.9, 0.9), method="bounded", options={"xatol": 1e-9}).fun, 2e-13


berry_esseen = th.Claim(
    "berry-esseen",
    "For sums with a density the distance to the normal law is skewness / (6 sqrt(2 pi n)) + O(1/n).",
    latex=r"\sup_x |F_n(x) - \Phi(x)| = \frac{\gamma_1}{6\sqrt{2\pi n}} + O(n^{-1})",
    source="Esseen 1945; Feller II, XVI.4",
    over=shapes,
    law=th.Converges(distance, along=th.doubling("n", 4, 16384), order=-0.5, spacing=0.5,
                     constant="2/sqrt(shape) / (6*sqrt(2*pi))", xlabel="summands", ylabel="distance to the normal law"),
)  # fmt: skip
berry_esseen.control("the rate 1/n", order=-1)
berry_esseen.control("the universal bound 0.4097 instead of the constant", constant="0.4097*2/sqrt(shape)")
berry_esseen.control("the skewness squared", constant="4/shape / (6*sqrt(2*pi))")
berry_esseen.mutants(most=4)
