"""Stirling's series: log n! = n log n - n + log(2 pi n)/2 + 1/(12 n) + O(n^-3). Source: Stirling 1730."""

from elbogap import theorem as th
from mpmath import log, loggamma, mp, mpf, pi

N = th.doubling("n", 1, 1024)


def rest(n):
    """log n! without its three growing terms, in 50 digits: what is left has lost none that a float shows."""
    with mp.workdps(50):
        n = mpf(n)
        return float(loggamma(n + 1) - (n * log(n) - n + log(2 * pi * n) / 2))


def after_first(n):
    """What is left after 1/(12 n) as well."""
    with mp.workdps(50):
        n = mpf(n)
        return float(loggamma(n + 1) - (n * log(n) - n + log(2 * pi * n) / 2) - 1 / (12 * n))


stirling = th.Claim(
    "stirling",
    "The error of Stirling's formula is 1/(12 n), and that of its next term -1/(360 n^3).",
    latex=r"\log n! = n\log n - n + \tfrac12\log 2\pi n + \tfrac1{12n} - \tfrac1{360n^3} + O(n^{-5})",
    source="Stirling 1730",
    law=[
        th.Converges(rest, along=N, order=-1, constant="1/12", spacing=2, ylabel="log n! - Stirling"),
        th.Converges(after_first, along=N, order=-3, constant="-1/360", spacing=2, ylabel="after 1/(12 n)"),
    ],
)
stirling.control("the error is of order n^-2", of=0, order=-2)
stirling.control("the next term is of order n^-2", of=1, order=-2)
stirling.control("de Moivre's constant 2.5 for sqrt(2 pi)", of=0, limit=-0.0026)
stirling.control("the signs of both terms agree", of=1, constant="1/360")
stirling.mutants(of=1)
