"""Skip every test of this folder where python-flint is missing; the claim's reference instances."""

import pytest

pytest.importorskip("flint", reason="enclosures need the extra `rigorous`")

from elbogap.enclosures.proofs import reference_instances
from elbogap.enclosures.shear import ShearInstance


@pytest.fixture(scope="session")
def reference() -> ShearInstance:
    """g = (1/2, 3/5), M = [[1, 1/2], [-1/5, 6/5]], p(t) = t^2/2 + t^3/5."""
    return reference_instances()[0]


@pytest.fixture(scope="session")
def second() -> ShearInstance:
    """The same decoder at g = (-1, 1/3)."""
    return reference_instances()[1]


@pytest.fixture(scope="session")
def three_latents() -> ShearInstance:
    """A shear of three latents."""
    return reference_instances()[2]
