"""Times of the enclosures and of the series engine, each against the figure asked for, as a ratio of one run.

Run `python benchmarks/enclosures.py [--full]`; a ratio below 1 meets the figure. `--full` adds the pieces up to
eps0 = 1 (about ten seconds). The best of a few runs is taken for the short ones. Instances: those of the claims
`higher-orders` and `enclosure`.
"""

import sys
import time
from collections.abc import Callable

import sympy
from elbogap.enclosures.all_eps import enclose_all_eps
from elbogap.enclosures.balls import BALLS, shown
from elbogap.enclosures.elementary.fixed import enclose
from elbogap.enclosures.elementary.instance import Instance
from elbogap.enclosures.fixed import gap_at
from elbogap.enclosures.proofs import certificate, evidence, reference_instances
from elbogap.theory.series import decoders as series_decoders
from elbogap.theory.series.decoders import gap_coefficients
from elbogap.theory.series.ring import RATIONALS
from flint import ctx, fmpq

POINT = [sympy.Rational(7, 10), sympy.Rational(-2, 5)]


def best_time(work: Callable[[], object], repeats: int) -> tuple[float, object]:
    """The shortest time of a few runs, and the last result."""
    times, result = [], None
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


def certified_series() -> str:
    """a_1 .. a_6 of f2 as balls."""
    with ctx.workprec(300):
        found = gap_coefficients(series_decoders.f2(), POINT, 6, BALLS).gap
    return f"a6 = {found[-1].str(20)}"


def exact_series() -> str:
    """a_14 of the reference shear, an exact fraction."""
    last = gap_coefficients(series_decoders.reference_shear(), POINT, 14, RATIONALS).gap[13]
    return f"a_14 is a fraction with a denominator of {len(str(last.denominator))} digits"


def elementary() -> str:
    """The gap of f2, two latents and transcendental, at eps = 1/100, proved to belong to the best encoder."""
    found = enclose(Instance(series_decoders.f2(), (fmpq(7, 10), fmpq(-2, 5))), fmpq(1, 100), 12)
    return f"{shown(found.gap)}, {'supremum proved' if found.supremum else found.unproved}"


def main() -> None:
    """Print one line a figure: what, seconds, asked seconds, ratio, result."""
    first = reference_instances()[0]
    width = fmpq(6, 1000)
    cases: list[tuple[str, float, int, Callable[[], object]]] = [
        ("60 digits of a fixed-eps gap", 0.1, 5, lambda: shown(gap_at(first, fmpq(1, 10), 62).gap)),
        ("all eps <= 1e-3, width <= .006", 10, 3, lambda: shown(enclose_all_eps(first, fmpq(1, 1000), width).slope)),
        ("a_1 to a_6 of f2, certified", 0.5, 3, certified_series),
        (
            "shear to order 14, exact",
            5,
            1,
            exact_series,
        ),
        ("12 digits, f2 at eps = 1/100", 30, 1, elementary),
        ("quick evidence", 8, 1, lambda: evidence("quick").verdict),
        ("quick certificate", 8, 1, lambda: certificate("quick")["sha256"][:16]),
    ]
    if "--full" in sys.argv[1:]:
        wide = fmpq(1, 50)
        cases.append(("all eps <= 1", 120, 1, lambda: shown(enclose_all_eps(first, fmpq(1), wide).slope)))
        cases.append(("full evidence", 240, 1, lambda: evidence("full").verdict))
    for name, asked, repeats, work in cases:
        seconds, result = best_time(work, repeats)
        print(f"{name:34s} {seconds:8.3f} s   asked {asked:6.1f} s   ratio {seconds / asked:6.3f}   {result}")


if __name__ == "__main__":
    main()
