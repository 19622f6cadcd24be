"""Where strict promotion stops: Optax raises a decay to the power of an integer count of steps."""

from collections.abc import Iterator

import jax
import pytest


@pytest.fixture
def optax_promotes() -> Iterator[None]:
    """JAX's standard promotion, for tests that train with Optax's Adam."""
    before = jax.config.jax_numpy_dtype_promotion
    jax.config.update("jax_numpy_dtype_promotion", "standard")
    yield
    jax.config.update("jax_numpy_dtype_promotion", before)
