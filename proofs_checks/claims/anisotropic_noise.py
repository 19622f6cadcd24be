"""anisotropic-noise: noise of covariance eps S, and eps S(z): the noise sets the metric of the contrast.

Random polynomial shears; S(z) = B (I + diag(tanh(K z))/2) B' with random B and K, constant (K = 0) for every other
instance. B is drawn apart from the decoder: S near J J' would make the contrast vanish. The limit sees S(g) alone, the
slope sees how S varies: ell_eff = log p0 - 1/2 log det S(z).
"""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from ...numerics.derivatives import decoder_derivatives, prior_derivatives
from ...numerics.families.draws import entangling, signed
from ...numerics.families.registry import FAMILIES
from ...numerics.ladders import SHARED
from ...numerics.model import LatentModel
from ...numerics.noise import Noise
from ..batch import Batch
from ..batch_laws import PerBatch, flipped, limit_law, predicted
from ..claim import Claim, Control
from ..laws import Law
from ..measurements import Measurements, each, once, stack
from ..potential import along_ladder, batch_of, metric

FAMILY, LATENT_DIM = "shear", 2


class FactoredNoise(Noise):
    """Covariance scale * B diag(1 + tanh(K z) / 2) B', given by K and the inverse of B."""

    scale: Any
    unmix: Any
    coupling: Any

    @property
    def depends_on_state(self) -> bool:
        """True: the log-determinant is part of the effective prior, as a constant where K = 0."""
        return True

    def variances(self, z: Any) -> Any:
        """1 + tanh(K z) / 2."""
        return 1 + 0.5 * jnp.tanh(self.coupling @ z)

    def whiten(self, residual: Any, z: Any) -> Any:
        """diag(...)^(-1/2) B^-1 residual."""
        return self.unmix @ residual / jnp.sqrt(self.variances(z))

    def log_det(self, z: Any, size: int) -> Any:
        """log det S(z)."""
        return jnp.sum(jnp.log(self.variances(z))) - 2 * jnp.linalg.slogdet(self.unmix)[1]


def _measure(decoders: Any, points: Any, unmixings: Any, couplings: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, point: Any, unmix: Any, coupling: Any) -> dict[str, Any]:
        def model_at(eps: Any) -> tuple[LatentModel, Any]:
            return LatentModel(decoder, LATENT_DIM, noise_var=FactoredNoise(eps, unmix, coupling)), decoder(point)

        plain = LatentModel(decoder, LATENT_DIM)
        noise = FactoredNoise(jnp.ones(()), unmix, coupling)
        l1, l2 = prior_derivatives(plain, point)
        _, _, H, T = decoder_derivatives(decoder, point, 3)
        alone = {"prior_l1": l1, "prior_l2": l2, "H": H, "T": T, "variances": noise.variances(point)}
        return along_ladder(model_at, point, ladder) | alone

    return each(one)(decoders, points, unmixings, couplings)


@once
def measure(measured: Measurements) -> Batch:
    """Every other instance with noise that depends on z."""
    rng, family, count = measured.rng("anisotropic-noise"), FAMILIES[FAMILY], measured.effort.instances
    decoders = stack([family.draw(rng, LATENT_DIM) for _ in range(count)])
    points = np.stack([family.point(rng, LATENT_DIM) for _ in range(count)])
    factors = np.stack([entangling(rng, LATENT_DIM) for _ in range(count)])
    varies = np.arange(count) % 2 == 0
    couplings = signed(rng, 0.4, 0.8, (count, LATENT_DIM, LATENT_DIM)) * varies[:, None, None]
    found = measured.programs.run(_measure, decoders, points, np.linalg.inv(factors), couplings, SHARED)
    found["S"] = np.einsum("nik,nk,njk->nij", factors, found["variances"], factors)
    names = [f"{FAMILY}, S(z)" if state else f"{FAMILY}, S" for state in varies]
    also = ("prior_l1", "prior_l2", "H", "T", "S")
    return batch_of(found, rng, points, names, ("normal",) * count, also=also)


def _root(matrix: np.ndarray, power: float) -> np.ndarray:
    """A power of symmetric positive definite matrices."""
    values, vectors = np.linalg.eigh(matrix)
    return np.einsum("nia,na,nja->nij", vectors, values**power, vectors)


def _contrast_in(power: float, *, diagonal: bool = False) -> PerBatch:
    """The contrast of J' S^power J, S replaced by its diagonal if asked."""

    def value(batch: Batch) -> np.ndarray:
        noise = batch.derivatives["S"]
        kept = np.einsum("nij,ij->nij", noise, np.eye(noise.shape[1])) if diagonal else noise
        half = _root(kept, power / 2) @ batch.derivatives["J"]
        return predicted("general_contrast", M=lambda _: metric(half))(batch)

    return value


def _row_metric(batch: Batch) -> np.ndarray:
    J, noise = batch.derivatives["J"], batch.derivatives["S"]
    return predicted("general_contrast", M=lambda _: J @ np.linalg.inv(noise) @ np.swapaxes(J, 1, 2))(batch)


def _whitened_slope(batch: Batch) -> np.ndarray:
    """a1 of the decoder S(g)^(-1/2) f with isotropic noise: all of the answer if S is constant."""
    whiten = _root(batch.derivatives["S"], -0.5)
    names = {"J": "nij,nja->nia", "H": "nij,njab->niab", "T": "nij,njabc->niabc"}
    replaced = {name: np.einsum(rule, whiten, batch.derivatives[name]) for name, rule in names.items()}
    return batch.predict("gap_slope", l1=batch.derivatives["prior_l1"], l2=batch.derivatives["prior_l2"], **replaced)


def _constant(batch: Batch) -> Batch:
    return batch.take([i for i, name in enumerate(batch.instances.family) if name == f"{FAMILY}, S"])


def laws(measured: Measurements) -> list[Law]:
    """The gap's limit and slope; where S is constant, also by whitening the decoder."""
    batch = measure(measured)
    whitened = limit_law("eps S: whitened decoder", [_constant(batch)], limit=_contrast_in(-1.0), slope=_whitened_slope)
    return [whitened, limit_law("gap - contrast of J'S^-1 J", [batch], limit=_contrast_in(-1.0))]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants."""
    batch = measure(measured)

    def limit(key: str, statement: str, variant: PerBatch) -> Control:
        return Control(key, statement, limit_law("gap", [batch], limit=variant))

    def slope(key: str, statement: str, variant: PerBatch) -> Control:
        return Control(key, statement, limit_law("gap", [batch], slope=variant))

    bare = predicted(
        "general_gap_slope",
        l1=lambda batch: batch.derivatives["prior_l1"],
        l2=lambda batch: batch.derivatives["prior_l2"],
    )
    signs = flipped("general_gap_slope", batch)
    return [
        limit("no-noise-metric", "J'J: the noise does not matter", _contrast_in(0.0)),
        limit("noise-for-precision", "J'S J for J'S^-1 J", _contrast_in(1.0)),
        limit("half-power", "J'S^(-1/2) J for J'S^-1 J", _contrast_in(-0.5)),
        limit("diagonal-noise", "the diagonal of S alone", _contrast_in(-1.0, diagonal=True)),
        limit("row-metric", "the row metric J S^-1 J'", _row_metric),
        slope("no-log-determinant", "the slope without -1/2 log det S(z) in the prior", bare),
        slope("frozen-noise", "the slope of noise frozen at S(g)", _whitened_slope),
        slope("slope-sign", "a1 with its sign flipped", predicted("general_gap_slope", factors=signs)),
        Control("rate", "the gap converges at the rate 1/gamma", limit_law("gap", [batch], order=0.5)),
    ]


CLAIM = Claim(
    id="anisotropic-noise",
    order=12,
    title="correlated noise, and noise that depends on the latents",
    statement="Noise of covariance eps S(z) measures the decoder's columns in the metric of the inverse of S at the "
    "preimage; how S varies acts as a prior and changes the slope only.",
    latex=r"\mathrm{gap} \to \tfrac12\Big[\sum_k \log M_{kk} - \log\det M\Big],\quad M = J^\top S(g)^{-1} J,\quad "
    r"\ell_{\mathrm{eff}} = \log p_0 - \tfrac12 \log\det S(z)",
    source="new here (general-limit for covariance eps S(z))",
    assumptions=(
        "S(z) is positive definite and as smooth as the decoder",
        "x is on the manifold: off it, derivatives of the inverse of S enter M",
    ),
    derivation="anisotropic-noise",
    laws=laws,
    controls=controls,
)
