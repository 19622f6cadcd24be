"""`elbogap new FILE.py`: a commented claim that holds as it stands."""

from __future__ import annotations

from pathlib import Path

from ..errors import RequestError
from ..shell import requests
from ..shell.files import write_by_rename

TEMPLATE = '''"""A claim, with what would refute it. Check it:  elbogap verify {file} --controls --out report"""

import numpy as np

from elbogap import theorem as th


@th.instances(6)  # six random instances; the seed is that of `elbogap verify --seed`
def parameters(rng):
    return dict(a=rng.uniform(0.5, 2.0))


def quotient(h, a):  # measured, without what the claim says: a number, or (number, bound of its error)
    value = np.expm1(a * h) / h
    return value, 4e-16 * value  # expm1 and the division are exact to a few units in the last place


claim = th.Claim(
    "difference-quotient",  # the id: small letters, digits, hyphens
    "The forward difference quotient of exp(a x) at 0 has error a^2 h / 2.",
    latex=r"\\\\frac{{e^{{ah}} - 1}}{{h}} = a + \\\\tfrac12 a^2 h + O(h^2)",
    source="Taylor 1715",
    over=parameters,
    law=th.Converges(
        quotient,
        along=th.ladder("h", 0.1, 1e-4),  # or th.doubling("K", 8, 1024), with a negative order
        limit="a",  # a number, a formula in the parameters' names, or a function of them
        order=1,
        constant="a**2/2",
        xlabel="step h",
        ylabel="|quotient - a|",
    ),
)
# Controls are false variants of the claim. All must be rejected: a check that cannot fail shows nothing.
claim.control("second order", order=2)
claim.control("the factor 1/2 forgotten", constant="a**2")
claim.control("the derivative is 1.001 a", limit="1.001*a")
claim.mutants()  # and those that a machine makes of the constant: signs, factors, dropped terms

# Samples in place of error bounds: th.ConvergesInMean. In pytest:  test_claim = th.test(claim)
'''


def write_new(path: Path) -> Path:
    """Write the template; RequestError if the file exists or cannot be written."""
    if path.suffix != ".py":
        raise RequestError(f"new: expected a file that ends in .py, got {str(path)!r}")
    if path.exists():
        raise RequestError(f"new: expected a file that does not exist, got {str(path)!r}")
    requests.out_file(path, "new")
    return write_by_rename(path, TEMPLATE.format(file=path.name).replace("\\\\", "\\"))
