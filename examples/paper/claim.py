"""The claim of the page: the logarithm of a mean of n Gamma variables of shape k is biased by -1 / 2kn.

Source: the delta method, Cramer 1946, section 27.7. Measured: digamma(n k) - log(n k), exactly.
"""

import numpy as np
from elbogap import theorem as th
from scipy.special import digamma


def bias(n, k):
    """The bias, and a bound of its round-off."""
    return digamma(n * k) - np.log(n * k), 4e-15


claim = th.Claim(
    "log-of-a-mean",
    "The log of a mean of n Gamma variables of shape k is biased by -1 / 2kn.",
    latex=r"\mathbb{E}\log\bar X_n = \log\mu - \frac{1}{2kn} + O(n^{-2})",
    source="Cramer 1946, section 27.7",
    over=th.cases(k=[0.5, 1.0, 2.5, 6.0]),
    law=th.Converges(
        bias,
        along=th.doubling("n", 8, 512),
        limit=0,
        order=-1,
        constant="-1/(2*k)",
        xlabel="sample size n",
        ylabel="|bias|",
    ),
)
claim.control("no bias of order 1/n", order=-2)
claim.control("the rate of the standard deviation", order=-0.5)
claim.mutants()
