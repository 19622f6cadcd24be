"""The delta method's bias by sampling: E g(mean of n) - g(mu) = g''(mu) sigma^2 / 2n + O(n^-2). Source: Cramer 1946."""

import numpy as np
from elbogap import theorem as th


def log_mean(n, rng, repetitions, k):
    """log of the mean of n exponential variables raised by k, in blocks of n, less its linear part."""
    x = k + rng.exponential(size=(repetitions, int(n.max())))
    means = [x.reshape(repetitions, -1, int(m)).mean(axis=2) for m in n]
    return np.stack([(np.log(m) - (m - k - 1) / (k + 1)).mean(axis=1) for m in means], axis=1)


delta = th.Claim(
    "delta-method",
    "The logarithm of a mean is biased by -sigma^2 / (2 mu^2 n).",
    latex=r"\mathbb{E}\log\bar X_n = \log\mu - \frac{\sigma^2}{2\mu^2 n} + O(n^{-2})",
    source="Cramer 1946, section 27.7",
    over=th.cases(k=[1, 2]),
    law=th.ConvergesInMean(log_mean, along=th.doubling("n", 4, 256), order=-1, limit="log(k + 1)",
                           constant="-1/(2*(k + 1)**2)", repetitions="until 2%", ylabel="|bias|"),
)  # fmt: skip
delta.control("no bias of order 1/n", order=-2)
delta.control("the rate of the standard deviation", order=-0.5)
delta.control("g of the median", limit="log(k + log(2))")
delta.mutants()
