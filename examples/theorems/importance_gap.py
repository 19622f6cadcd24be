"""The importance-weighted gap: log p - E log (w_1 + ... + w_K)/K = chi2 / 2K + O(K^-2). Domke and Sheldon 2018."""

import numpy as np
from elbogap import theorem as th

SCALES = th.cases(s=[0.8, 0.9, 1.15])


def gap(K, rng, repetitions, s):
    """Weights of N(0, s^2) against samples of N(0, 1); each repetition uses all of its draws for every K."""
    z = rng.standard_normal((repetitions, int(K.max())))
    w = np.exp(-(z**2) * (1 / s**2 - 1) / 2) / s
    blocks = [np.log(w.reshape(repetitions, -1, k).mean(axis=2)).mean(axis=1) for k in K]
    return -np.stack(blocks, axis=1)


def half_chi2(s):
    """Half of E w^2 - 1 = 1 / (s sqrt(2 - s^2)) - 1."""
    return (1 / (s * np.sqrt(2 - s**2)) - 1) / 2


iwae = th.Claim(
    "importance-gap",
    "With K importance samples the bound on log p falls short by chi2 / 2K.",
    latex=r"\log p - \mathbb{E}\log\tfrac1K\sum_i w_i = \frac{\chi^2}{2K} + O(K^{-2})",
    source="Domke and Sheldon 2018, Theorem 3; Maddison et al. 2017",
    over=SCALES,
    law=th.ConvergesInMean(gap, along=th.doubling("K", 8, 1024), order=-1, limit=0, constant=half_chi2,
                           repetitions="until 2%", ylabel="gap"),
)  # fmt: skip
iwae.control("chi2 / K", constant=lambda s: 2 * half_chi2(s))
iwae.control("the rate K^-1/2", order=-0.5)
iwae.control("a gap of 0.001 remains", limit=0.001)
iwae.control("ten per cent more", constant=lambda s: 1.1 * half_chi2(s))
