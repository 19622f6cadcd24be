"""beta-vae: the beta-VAE at noise variance eps is the VAE at beta eps, exactly, up to a constant.

L_beta(q; eps) = E_q[log p(x|z)] - beta KL(q || p0) is computed and maximised here from its definition (tensor
Gauss-Hermite, Newton in mean and log variance); the other side is the library's ELBO, log-likelihood and gap at
beta eps. K = (D/2) [beta log(2 pi beta eps) - log(2 pi eps)], D the dimension of x. Random curved surfaces with
D = 4 > d = 2.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.encoder import elbo
from ...numerics.families.registry import FAMILIES
from ...numerics.ladders import SHARED
from ...numerics.model import LatentModel
from ...numerics.newton import minimise, second_derivatives
from ...numerics.quadrature import gauss_hermite
from ..batch import Batch
from ..batch_laws import EPS64, convergence, flipped, predicted
from ..claim import Claim, Control
from ..formulas import predict
from ..laws import ConvergenceLaw, IdentityLaw, Law
from ..measurements import Measurements, each, once, stack
from ..potential import along_ladder, batch_of

LATENT_DIM, NODES = 2, 20
BETAS = (0.25, 4.0)
LARGEST_NOISE = 1e-2
"""Above, twenty nodes a coordinate do not carry E_q of the residual to round-off when beta is four."""

ROUND_OFF = 64 * EPS64
"""Relative to |log p(x|z)| ~ residual/eps, sums of 400 terms with weights that sum to one."""

OPTIMUM_TOLERANCE = 1e-8
"""The search for the maximum of L_beta stops there, in standard deviations; its value is then exact to round-off."""


def _measure(decoders: Any, betas: Any, points: Any, shifts: Any, stretches: Any, ladder: Any) -> dict[str, Any]:
    rule = gauss_hermite(LATENT_DIM, NODES)

    def one(decoder: Any, beta: Any, point: Any, shift: Any, stretch: Any) -> dict[str, Any]:
        x = decoder(point)
        plain = LatentModel(decoder, LATENT_DIM)
        columns = jnp.linalg.norm(jax.jacfwd(decoder)(point), axis=0)

        def objective(eps: Any, mean: Any, std: Any) -> Any:
            """L_beta(q; eps) by its definition; standard normal prior."""

            def log_likelihood(xi: Any) -> Any:
                return -plain.potential(mean + std * xi, x) / eps

            expected = rule.weights @ jax.vmap(log_likelihood)(jnp.asarray(rule.nodes))
            divergence = jnp.sum(0.5 * (mean**2 + std**2 - 1) - jnp.log(std))
            return expected - 0.5 * x.shape[0] * jnp.log(2 * jnp.pi * eps) - beta * divergence

        def at(eps: Any) -> dict[str, Any]:
            scale = jnp.sqrt(beta * eps) / columns
            other = plain.with_noise(beta * eps)

            def cost(y: Any) -> Any:
                return -objective(eps, point + scale * y[:2], scale * jnp.exp(y[2:])) / beta

            best = minimise(second_derivatives(cost), jnp.zeros(4), tolerance=OPTIMUM_TOLERANCE)
            mean, std = point + scale * shift, scale * stretch
            return {
                "objective": objective(eps, mean, std),
                "elbo_elsewhere": elbo(other, x, mean, std),
                "best": -beta * best.value,
                "best_std": scale * jnp.exp(best.point[2:]),
                "best_converged": best.converged,
            }

        # One eps of the ladder is one eps of the beta-VAE; the VAE beside it has beta eps.
        found = along_ladder(lambda eps: (plain.with_noise(beta * eps), x), point, ladder)
        return found | each(at)(ladder)

    return each(one)(decoders, betas, points, shifts, stretches)


@once
def measure(measured: Measurements) -> tuple[Batch, dict[str, np.ndarray]]:
    """The VAE at beta eps as a batch (its eps is the beta-VAE's), and what the beta-VAE's definition gives."""
    rng, family, count = measured.rng("beta-vae"), FAMILIES["surface"], measured.effort.instances
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(count)])
    points = np.stack([family.point(rng, LATENT_DIM) for _ in range(count)])
    betas = np.array(BETAS)[np.arange(count) % len(BETAS)]
    shifts, stretches = rng.uniform(-1.0, 1.0, (count, LATENT_DIM)), rng.uniform(0.7, 1.4, (count, LATENT_DIM))
    found = measured.programs.run(_measure, decoders, betas, points, shifts, stretches, SHARED)
    names = [f"surface, beta = {beta:g}" for beta in betas]
    return batch_of(found, rng, points, names, ("normal",) * count), found | {"beta": betas[:, None]}


def _constant(batch: Batch, beta: np.ndarray, dimension: int) -> np.ndarray:
    """K at every noise variance, for x of this dimension."""
    return predict("beta_constant", 1, D=float(dimension), beta=beta, eps=batch.eps)


def _data_dim(batch: Batch) -> int:
    return batch.derivatives["J"].shape[1]


def _floor(found: dict[str, np.ndarray]) -> np.ndarray:
    size = 1 + np.abs(found["best"]) + np.abs(found["log_likelihood"])
    return ROUND_OFF * size + np.where(found["best_converged"], 0.0, np.inf)


def _identity_law(
    name: str, measured: Measurements, *, dimension: int | None = None, scale: bool = True
) -> IdentityLaw:
    """L_beta(q; eps) = beta ELBO(q; beta eps) + K at encoders that are not optimal."""
    batch, found = measure(measured)
    small = batch.eps <= LARGEST_NOISE
    constant = _constant(batch, found["beta"], _data_dim(batch) if dimension is None else dimension)
    right = (found["beta"] if scale else 1.0) * found["elbo_elsewhere"] + constant
    left = found["objective"]
    tolerance = ROUND_OFF * (1 + np.abs(left) + np.abs(right) + np.abs(constant))
    return IdentityLaw(name, batch.instances, left[:, small], right[:, small], tolerance[:, small])


def _gap_law(
    name: str,
    measured: Measurements,
    *,
    dimension: int | None = None,
    slope_power: float = 1.0,
    by_beta: bool = True,
    likelihood: np.ndarray | None = None,
    factors: dict[str, float] | None = None,
    order: float = 1.0,
) -> ConvergenceLaw:
    """log p_{beta eps}(x) - (L_beta* - K)/beta -> contrast, with slope a1 beta."""
    batch, found = measure(measured)
    beta = found["beta"]
    shift = _constant(batch, beta, _data_dim(batch) if dimension is None else dimension)
    evidence = found["log_likelihood"] if likelihood is None else likelihood
    gap = evidence - (found["best"] - shift) / (beta if by_beta else 1.0)
    slope = predicted("general_gap_slope", factors=factors)(batch) * beta[:, 0] ** slope_power
    return convergence(
        name,
        [batch],
        measured=lambda _: gap,
        floor=lambda batch: batch.log_likelihood_error + _floor(found) / beta,
        limit=predicted("general_contrast"),
        constant=lambda _: slope,
        order=order,
    )


def _variance_law(name: str, measured: Measurements, power: float) -> ConvergenceLaw:
    """The maximiser's variances are beta eps s_k."""
    batch, found = measure(measured)
    variances = predicted("general_variance")(batch)
    scaled = np.einsum("nkk->nk", variances) * found["beta"] ** power
    error = OPTIMUM_TOLERANCE * found["beta"] * batch.eps * np.linalg.norm(scaled, axis=1)[:, None]
    return convergence(
        name,
        [batch],
        measured=lambda batch: batch.along(found["best_std"] ** 2),
        floor=lambda _: error + np.where(found["best_converged"], 0.0, np.inf),
        constant=lambda batch: batch.along(scaled),
    )


def laws(measured: Measurements) -> list[Law]:
    """The identity for every encoder, the maximiser's variances, and the gap's limit and slope."""
    return [
        _identity_law("L_beta = beta ELBO + K", measured),
        _variance_law("variance", measured, 1.0),
        _gap_law("log p - (L_beta* - K)/beta - contrast", measured),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    batch, found = measure(measured)
    # log p at the beta-VAE's own noise variance, to leading order: its limit moves by D - d logarithms of beta.
    shift = 0.5 * (_data_dim(batch) - LATENT_DIM) * np.log(found["beta"])
    own = found["log_likelihood"] + shift
    signs = flipped("general_gap_slope", batch)
    return [
        Control("variance-no-beta", "the variances are eps s_k", _variance_law("variance", measured, 0.0)),
        Control("variance-over-beta", "the variances are eps s_k / beta", _variance_law("variance", measured, -1.0)),
        Control("no-constant", "L_beta = beta ELBO without K", _identity_law("L_beta", measured, dimension=0)),
        Control("latent-constant", "K with d for D", _identity_law("L_beta", measured, dimension=LATENT_DIM)),
        Control("no-scale", "L_beta = ELBO + K, without beta", _identity_law("L_beta", measured, scale=False)),
        Control("gap-no-constant", "the gap without K", _gap_law("gap", measured, dimension=0)),
        Control("gap-latent-constant", "the gap with d for D in K", _gap_law("gap", measured, dimension=LATENT_DIM)),
        Control(
            "gap-no-division", "log p - (L_beta* - K), not divided by beta", _gap_law("gap", measured, by_beta=False)
        ),
        Control("own-noise", "compared with log p at eps for beta eps", _gap_law("gap", measured, likelihood=own)),
        Control("slope-no-beta", "the slope in eps is a1", _gap_law("gap", measured, slope_power=0.0)),
        Control("slope-over-beta", "the slope in eps is a1 / beta", _gap_law("gap", measured, slope_power=-1.0)),
        Control("slope-sign", "a1 with its sign flipped", _gap_law("gap", measured, factors=signs)),
        Control("rate", "the gap converges at the rate 1/gamma", _gap_law("gap", measured, order=0.5)),
    ]


CLAIM = Claim(
    id="beta-vae",
    order=10,
    title="the beta-VAE is a VAE with another noise variance",
    statement="For every encoder the objective of the beta-VAE is beta times the ELBO at noise variance beta eps plus "
    "a constant; so its optimal encoder is that of this VAE, and its gap tends to the contrast.",
    latex=r"L_\beta(q;\varepsilon) = \beta\, \mathrm{ELBO}(q; \beta\varepsilon) + "
    r"\tfrac D2\big[\beta\log(2\pi\beta\varepsilon) - \log(2\pi\varepsilon)\big],\quad "
    r"\sigma_k^2 \sim \beta\varepsilon s_k",
    source="Higgins et al. 2017 (ICLR) for the objective; limits and slope: new here",
    assumptions=("Gaussian noise", "beta > 0", "for the limit: the assumptions of general-limit"),
    derivation="beta-vae",
    laws=laws,
    controls=controls,
    trained=(("beta-collapse", "one-curve-linear"), ("beta-collapse", "one-curve-moebius")),
)
