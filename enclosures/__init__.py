"""Enclosures: computer-assisted proofs in ball arithmetic (python-flint) for instances of the theorems.

A ball [m +- r] is a set that contains the true value; every operation returns a ball that contains all
possible results. An enclosure printed by this package is therefore a theorem about its instance, up to the
correctness of Arb. The package needs the extra `rigorous` and nothing else in elbogap imports it eagerly.
Source: claim `enclosure`.
"""

try:
    import flint as _flint  # noqa: F401
except ImportError as error:
    raise ImportError('enclosures need python-flint: pip install "elbogap[rigorous]"') from error
