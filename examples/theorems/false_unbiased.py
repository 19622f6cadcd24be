"""FALSE: dividing by n - 1 makes the sample standard deviation unbiased. Refuted: its bias is -sigma / 4n.

That s is taken for unbiased because s^2 is, and by how much it is not: Gurland and Tripathi, The American Statistician
25 (1971), 30-32. Exact here: E s = sigma sqrt(2 / (n - 1)) Gamma(n / 2) / Gamma((n - 1) / 2) for normal samples.
"""

import numpy as np
from elbogap import theorem as th
from scipy.special import gammaln

N = th.doubling("n", 4, 4096)


def mean_of_s(n, sigma):
    """E s for a normal sample of n."""
    ratio = np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))
    return sigma * np.sqrt(2 / (n - 1)) * ratio, 4e-15 * sigma * n


sigmas = th.cases(sigma=[0.5, 1.0, 3.0])
unbiased = th.Claim(
    "s-is-unbiased",
    "The sample standard deviation with n - 1 has the expectation sigma.",
    source="circulates; refuted by Gurland and Tripathi 1971",
    over=sigmas,
    law=th.Equal(mean_of_s, lambda n, sigma: sigma, along=N),
)
unbiased.control("it is too large", law=th.Bounded(mean_of_s, below="sigma", along=N))
unbiased.control("it is too small by a tenth", right=lambda n, sigma: 0.9 * sigma)
unbiased.control("it falls with n", law=th.Monotone(mean_of_s, along=N, rises=False))

bias = th.Claim(
    "bias-of-s",
    "The sample standard deviation falls short of sigma by sigma / 4n.",
    source="Gurland and Tripathi 1971",
    over=sigmas,
    law=th.Converges(mean_of_s, along=N, limit="sigma", order=-1, constant="-sigma/4", ylabel="|E s - sigma|"),
)
bias.control("of order n^-2", order=-2)
bias.control("the bias of division by n", constant="-3*sigma/4")
bias.control("one half", constant="-sigma/2")
