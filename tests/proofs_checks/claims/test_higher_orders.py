"""The claim `higher-orders`: the priors that it takes."""

import pytest
from elbogap.proofs_checks.claims.higher_orders import _log_prior
from elbogap.theory.series.decoders import latent_symbols


def test_higher_orders_take_the_priors_whose_series_they_have():
    """A prior that the series engine is not given by name is refused, not taken for another one."""
    assert _log_prior("normal", latent_symbols(1)) is None and _log_prior("logistic", latent_symbols(1)) is not None
    with pytest.raises(ValueError, match="expected one of normal, logistic, got 'Student t'"):
        _log_prior("Student t", latent_symbols(1))
