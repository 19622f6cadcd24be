"""elbo-decomposition: ELBO(q) = log p_eps(x) - KL(q || p_eps(z|x)) for every q, so that the gap is never negative.

The left side is the library's ELBO (Gauss-Hermite under q), the right side comes from the joint density on a plain grid
in latent space: evidence, posterior and divergence are sums over the grid and share nothing with the left side but
the density itself. The encoders are deliberately not optimal.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.encoder import elbo
from ...numerics.families.registry import FAMILIES
from ...numerics.model import LatentModel
from ..batch_laws import rows
from ..claim import Claim, Control
from ..laws import BoundLaw, IdentityLaw, Instances, Law
from ..measurements import Measurements, once, stack

NOISES = np.array([1e-2, 1e-3, 1e-4])
GRID_STANDARD_DEVIATIONS = 10.0
GRID_POINTS = 161
GRID_TOLERANCE = 1e-10
"""The grid reaches ten standard deviations of q and of the posterior at a step of at most a third of either: the
trapezoid rule is then exact to about exp(-(2 pi 3)^2 / 2), and a sum of 26 000 terms of size one keeps 1e-12."""


def _grids(decoders: Any, points: Any, shifts: Any, stretches: Any, noises: Any) -> dict[str, Any]:
    def one(decoder: Any, point: Any, shift: Any, stretch: Any, eps: Any) -> dict[str, Any]:
        model = LatentModel(decoder, point.shape[0], noise_var=eps)
        x = decoder(point)
        columns = jnp.linalg.norm(jax.jacfwd(decoder)(point), axis=0)
        std = jnp.sqrt(eps) / columns * stretch
        mean = point + std * shift
        axis = jnp.linspace(-GRID_STANDARD_DEVIATIONS, GRID_STANDARD_DEVIATIONS, GRID_POINTS)
        nodes = jnp.stack(jnp.meshgrid(*[axis] * point.shape[0], indexing="ij"), -1).reshape(-1, point.shape[0])
        log_joint = jax.vmap(lambda u: model.log_joint(mean + std * u, x))(nodes)
        log_q = jnp.sum(-0.5 * nodes**2 - jnp.log(std) - 0.5 * jnp.log(2 * jnp.pi), axis=1)
        cell = jnp.prod(std) * (axis[1] - axis[0]) ** point.shape[0]
        evidence = jax.scipy.special.logsumexp(log_joint) + jnp.log(cell)
        q, posterior = jnp.exp(log_q) * cell, jnp.exp(log_joint - evidence) * cell
        return {
            "elbo": elbo(model, x, mean, std),
            "evidence": evidence,
            "forward": jnp.sum(q * (log_q - log_joint + evidence)),
            "reverse": jnp.sum(posterior * (log_joint - evidence - log_q)),
            "normaliser": 0.5 * x.shape[0] * jnp.log(2 * jnp.pi * eps),
        }

    along_noise = jax.vmap(one, in_axes=(None, None, None, None, 0))
    return jax.vmap(along_noise, in_axes=(0, 0, 0, 0, None))(decoders, points, shifts, stretches, noises)


@once
def _measure(measured: Measurements, count: int = 8, d: int = 2) -> tuple[Instances, dict[str, np.ndarray]]:
    family = FAMILIES["mlp"]
    rng = measured.rng("elbo-decomposition")
    decoders = stack([family.draw(rng, d) for _ in range(count)])
    points = np.stack([family.point(rng, d) for _ in range(count)])
    shifts, stretches = rng.uniform(-1.0, 1.0, (count, d)), rng.uniform(0.7, 1.4, (count, d))
    found = measured.programs.run(_grids, decoders, points, shifts, stretches, NOISES)
    instances = Instances(("mlp",) * count, (d,) * count, (d,) * count, ("normal",) * count)
    return instances, found


def _identity(
    name: str, measured: Measurements, evidence: float, forward: float, reverse: float, normaliser: float
) -> Law:
    instances, found = _measure(measured)
    parts = {"evidence": evidence, "forward": forward, "reverse": reverse, "normaliser": normaliser}
    right = np.sum([weight * found[part] for part, weight in parts.items()], axis=0)
    tolerance = GRID_TOLERANCE * (1 + np.abs(found["evidence"]))
    return IdentityLaw(name, instances, found["elbo"], right, tolerance)


def laws(measured: Measurements) -> list[Law]:
    """The identity at encoders that are not optimal, and gap >= 0 on the whole shared table."""
    gaps = np.concatenate([batch.gap for batch in measured.batches])
    errors = np.concatenate([batch.gap_error for batch in measured.batches])
    return [
        _identity("ELBO = log p - KL", measured, 1.0, -1.0, 0.0, 0.0),
        BoundLaw("gap >= 0", rows(measured.batches), gaps, errors),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""

    def variant(key: str, statement: str, *weights: float) -> Control:
        return Control(key, statement, _identity("ELBO", measured, *weights))

    return [
        variant("kl-reversed", "the divergence is KL(posterior || q)", 1.0, 0.0, -1.0, 0.0),
        variant("no-normaliser", "the evidence without its normaliser (2 pi eps)^(-D/2)", 1.0, -1.0, 0.0, 1.0),
        variant("sign", "ELBO = log p + KL", 1.0, 1.0, 0.0, 0.0),
    ]


CLAIM = Claim(
    id="elbo-decomposition",
    order=1,
    title="the ELBO falls short of the log-likelihood by a divergence",
    statement="For every encoder the ELBO is the log-likelihood minus the divergence of the encoder from the "
    "posterior; so the gap is never negative.",
    latex=r"\mathrm{ELBO}(q) = \log p_\varepsilon(x) - \mathrm{KL}(q \,\|\, p_\varepsilon(z \mid x))",
    source="Kingma and Welling 2014 (arXiv:1312.6114)",
    assumptions=("q has a density and a finite ELBO",),
    derivation="elbo-decomposition",
    laws=laws,
    controls=controls,
)
