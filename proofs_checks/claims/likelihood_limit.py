"""likelihood-limit: log p_eps(x) tends to the log-density of the push-forward, with slope L1."""

from __future__ import annotations

from ..batch_laws import PerBatch, convergence, predicted
from ..claim import Claim, Control
from ..laws import ConvergenceLaw
from ..measurements import Measurements

LIMIT, SLOPE = predicted("likelihood_limit"), predicted("likelihood_slope")


def _heat(factor: float) -> PerBatch:
    return lambda batch: factor * batch.predict("heat_slope")


def _law(name: str, measured: Measurements, constant: PerBatch, limit: PerBatch) -> ConvergenceLaw:
    return convergence(
        name,
        measured.batches,
        measured=lambda batch: batch.log_likelihood,
        floor=lambda batch: batch.log_likelihood_error,
        limit=limit,
        constant=constant,
    )


def laws(measured: Measurements) -> list[ConvergenceLaw]:
    """Order 1 with the slope of the Laplace expansion, and with that of the heat equation."""
    return [
        _law("log p - limit, Laplace slope", measured, SLOPE, LIMIT),
        _law("log p - limit, heat-equation slope", measured, _heat(1.0), LIMIT),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    volume_sign = predicted("likelihood_limit", factors={"volume": -1.0})
    flat = _law("L1", measured, lambda batch: 0 * SLOPE(batch), LIMIT)
    return [
        Control(
            "laplacian-factor",
            "L1 is the Laplacian without its 1/2",
            _law("L1", measured, _heat(2.0), LIMIT),
        ),
        Control(
            "volume-sign",
            "+ log det in the limit",
            _law("log p", measured, SLOPE, volume_sign),
        ),
        Control("no-slope", "L1 = 0: the likelihood converges faster than eps", flat),
    ]


CLAIM = Claim(
    id="likelihood-limit",
    order=4,
    paper="Theorem 1",
    title="limit of the log-likelihood",
    statement="As the noise variance goes to zero, the log-likelihood tends to the change-of-variables formula, with a "
    "slope given by the heat equation.",
    latex=r"\log p_\varepsilon(x) = \ell(g) - \tfrac12\log\det A - \tfrac{D-d}{2}\log(2\pi\varepsilon) "
    r"+ \varepsilon L_1 + O(\varepsilon^2)",
    source="Reizinger et al. 2022 (arXiv:2206.02416), Theorem 1 (first part); slope: new here",
    assumptions=(
        "g is the unique preimage of x, and f stays away from x elsewhere",
        "J(g) has full column rank",
        "f and log p0 are six and four times continuously differentiable near g",
    ),
    derivation="likelihood-limit",
    laws=laws,
    controls=controls,
    enclosed=True,
)
