"""FALSE: from n = 30 on a mean is normal enough, whatever the law: a 5 % tail is right to half a per cent. Refuted.

The rule of thumb and its failure: Hesterberg, The American Statistician 69 (2015), 371-386. Exact here: a sum of gamma
variables is gamma. What is true instead: the error is skewness (1 - q^2) phi(q) / (6 sqrt n) + O(1/n), q the quantile.
"""

import numpy as np
from elbogap import theorem as th
from scipy.special import gammainc

Q = -1.6448536269514722


def tail(n, shape):
    """P(standardised mean of n < the normal 5 % quantile), exactly."""
    k = n * shape
    return gammainc(k, k + np.sqrt(k) * Q), 1e-14


laws = th.cases(shape=[0.25, 1.0, 4.0])
rule = th.Claim(
    "thirty-is-enough",
    "From n = 30 on the lower 5 % tail of a standardised mean is between 4.5 and 5.5 %, whatever the distribution.",
    source="a rule of thumb of introductory texts; refuted by Hesterberg 2015",
    over=laws,
    law=th.Bounded(tail, below=0.045, above=0.055, along=th.ladder("n", 30, 240, 4)),
)
rule.control("a quarter of a per cent", below=0.0475, above=0.0525)
rule.control("a tenth of a per cent", below=0.049, above=0.051)
rule.control("never too few in the tail", below=0.05, above=None)

edgeworth = th.Claim(
    "edgeworth",
    "The tail is wrong by skewness (1 - q^2) phi(q) / (6 sqrt n).",
    source="Edgeworth 1905; Feller II, XVI.4",
    over=laws,
    law=th.Converges(tail, along=th.doubling("n", 128, 262144), limit=0.05, order=-0.5, spacing=0.5,
                     constant=f"2/sqrt(shape)*(1 - {Q**2})*exp(-{Q**2}/2)/sqrt(2*pi)/6", ylabel="|tail - 5 %|"),
)  # fmt: skip
edgeworth.control("the rate 1/n", order=-1)
edgeworth.control("too many in the tail", constant=f"-2/sqrt(shape)*(1 - {Q**2})*exp(-{Q**2}/2)/sqrt(2*pi)/6")
edgeworth.control("half the skewness", constant=f"1/sqrt(shape)*(1 - {Q**2})*exp(-{Q**2}/2)/sqrt(2*pi)/6")
