"""contrast: the IMA contrast is non-negative, zero exactly for orthogonal columns, and what it does not notice.

Measured with the library's contrast (column by column orthogonalisation) on composed decoders f o h, Q f, phi o f; held
against theory's formula (logarithms of norms and of a determinant) and against a divergence of Gaussians in NumPy.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.contrast import contrast_of_jacobian, ima_contrast
from ...numerics.families.registry import FAMILIES
from ..batch_laws import EPS64
from ..claim import Claim, Control
from ..formulas import predict
from ..laws import BoundLaw, IdentityLaw, Instances, Law
from ..measurements import Measurements, once, stack

CONDITION_TOLERANCE = 1e3 * EPS64
"""Singular values stay within [0.4, 2.5]: a contrast loses at most the condition number squared (< 40) times the few
dozen operations of the composed derivatives."""

FAMILY, LATENT_DIM, COUNT = "mlp", 3, 12


def _contrasts(decoders: Any, moebius: Any, points: Any, others: Any, turns: Any, maps: Any) -> dict[str, Any]:
    def one(decoder: Any, conformal: Any, z: Any, other: Any, turn: Any, matrix: Any) -> dict[str, Any]:
        order = jnp.roll(jnp.arange(z.shape[0]), 1)
        x = decoder(z)
        centre = x + 2.0 * jnp.ones_like(x)
        jacobian = jax.jacfwd(decoder)(z)
        orthogonal = turn * jnp.linalg.norm(jacobian, axis=0)

        def inversion(y: Any) -> Any:
            return centre + (y - centre) / jnp.sum((y - centre) ** 2)

        return {
            "jacobian": jacobian,
            "contrast": ima_contrast(decoder, z),
            "permutation": ima_contrast(lambda y: decoder(y[jnp.argsort(order)]), z[order]),
            "element-wise": ima_contrast(lambda y: decoder(jnp.sinh(y)), jnp.arcsinh(z)),
            "orthogonal map of x": ima_contrast(lambda y: turn @ decoder(y), z),
            "scaling of x": ima_contrast(lambda y: 3.7 * decoder(y), z),
            "conformal map of x": ima_contrast(lambda y: inversion(decoder(y)), z),
            "rotation of z": ima_contrast(lambda y: decoder(turn @ y), turn.T @ z),
            "linear map of x": ima_contrast(lambda y: matrix @ decoder(y), z),
            "Moebius map": ima_contrast(conformal, z),
            "orthogonal columns": contrast_of_jacobian(orthogonal),
            "triangular": contrast_of_jacobian(jnp.tril(jacobian)),
            "at the other point": ima_contrast(decoder, other),
            "mean Jacobian": contrast_of_jacobian(0.5 * (jacobian + jax.jacfwd(decoder)(other))),
        }

    return jax.vmap(one)(decoders, moebius, points, others, turns, maps)


@once
def measure(measured: Measurements) -> tuple[Instances, dict[str, np.ndarray]]:
    """The contrasts of random decoders, and of what is made of them, by name."""
    family, rng = FAMILIES[FAMILY], measured.rng("contrast")
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(COUNT)])
    moebius = stack([FAMILIES["moebius"].draw(rng, LATENT_DIM) for _ in range(COUNT)])
    points, others = (np.stack([family.point(rng, LATENT_DIM) for _ in range(COUNT)]) for _ in range(2))
    square = (COUNT, LATENT_DIM, LATENT_DIM)
    turns, _ = np.linalg.qr(rng.standard_normal(square))
    maps = np.eye(LATENT_DIM) + 0.3 * rng.standard_normal(square)
    found = measured.programs.run(_contrasts, decoders, moebius, points, others, turns, maps)
    instances = Instances((FAMILY,) * COUNT, (LATENT_DIM,) * COUNT, (LATENT_DIM,) * COUNT, ("none",) * COUNT)
    return instances, found


def _divergence(J: np.ndarray, *, reverse: bool) -> np.ndarray:
    """KL( N(0, diag(A)^-1) || N(0, A^-1) ), or the other way round, A = J'J."""
    A = np.einsum("nia,nib->nab", J, J)
    diagonal = np.einsum("naa->na", A)
    log_ratio = np.sum(np.log(diagonal), axis=1) - np.linalg.slogdet(A)[1]
    if not reverse:
        # tr(A diag(A)^-1) = d cancels the dimension.
        return 0.5 * log_ratio
    trace = np.sum(diagonal * np.einsum("naa->na", np.linalg.inv(A)), axis=1)
    return 0.5 * (trace - J.shape[2] - log_ratio)


def equal_law(name: str, instances: Instances, left: np.ndarray, right: np.ndarray) -> IdentityLaw:
    """left = right up to the round-off of a contrast."""
    tolerance = CONDITION_TOLERANCE * (1 + np.abs(left))
    return IdentityLaw(name, instances, left[:, None], right[:, None], tolerance[:, None])


def laws(measured: Measurements) -> list[Law]:
    """Non-negativity, the equality case, the invariances, the divergence, and agreement with theory's formula."""
    instances, found = measure(measured)
    c, J = found["contrast"], found["jacobian"]
    invariances = ("permutation", "element-wise", "orthogonal map of x", "scaling of x", "conformal map of x")
    seen = np.stack([c, found["at the other point"], found["rotation of z"], found["linear map of x"]], axis=1)
    return [
        equal_law("theory's formula", instances, c, predict("contrast", LATENT_DIM, J=J)),
        equal_law("the divergence", instances, c, _divergence(J, reverse=False)),
        BoundLaw("contrast >= 0", instances, seen, np.full_like(seen, CONDITION_TOLERANCE)),
        equal_law("zero for orthogonal columns", instances, found["orthogonal columns"], np.zeros(COUNT)),
        equal_law("zero for Moebius maps", instances, found["Moebius map"], np.zeros(COUNT)),
        *(equal_law(f"invariant: {name}", instances, found[name], c) for name in invariances),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    instances, found = measure(measured)
    c, J = found["contrast"], found["jacobian"]
    average = 0.5 * (c + found["at the other point"])

    def equal(key: str, statement: str, left: np.ndarray, right: np.ndarray) -> Control:
        return Control(key, statement, equal_law(key, instances, left, right))

    return [
        equal("linear-map", "invariant under linear maps of x", found["linear map of x"], c),
        equal("rotation", "invariant under rotation of z", found["rotation of z"], c),
        equal(
            "mean-jacobian",
            "the mean Jacobian's contrast is the mean contrast",
            found["mean Jacobian"],
            average,
        ),
        equal("triangular", "zero for a triangular Jacobian", found["triangular"], np.zeros(COUNT)),
        equal("kl-reversed", "the divergence taken the other way round", c, _divergence(J, reverse=True)),
    ]


CLAIM = Claim(
    id="contrast",
    order=6,
    paper="Gresele et al. 2021, 4.4",
    title="the IMA contrast",
    statement="The contrast is non-negative, zero exactly where the Jacobian's columns are orthogonal, and the "
    "divergence of the best factorised Gaussian from the posterior; it ignores permutations and element-wise maps of "
    "the latents and conformal maps of the data.",
    latex=r"c_{\mathrm{IMA}}(f,z) = \sum_k \log\|J_k\| - \tfrac12\log\det J^\top J "
    r"= \mathrm{KL}\big(N(0,\mathrm{diag}(A)^{-1}) \,\|\, N(0,A^{-1})\big) \ge 0",
    source="Gresele et al. 2021 (arXiv:2106.05200), 4.4; Reizinger et al. 2022 (arXiv:2206.02416)",
    assumptions=("J(z) has full column rank",),
    derivation="contrast",
    laws=laws,
    controls=controls,
    enclosed=True,
)
