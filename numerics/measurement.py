"""log p(x), the best mean-field ELBO and the ELBO of a given encoder, measured at one point.

d <= 3: quadrature (`numerics`). Above: importance sampling for log p and sampling for the ELBO (`importance_sampling`);
the best encoder is found by damped Newton steps on the average over a fixed sample whose second moments are exactly I,
so that the quadratic part of the exponent is exact, with the Hessian of the quadratic model; its value is then measured
with a fresh sample. Gradients that are left in a fresh sample bound what a better encoder could gain.

Where the decoder has kinks, or quadrature fails, both are sampled for every d, around proposals that are fitted to the
posterior (`adaptive`), and the encoder is searched on a larger sample.

The quantities are relative to the exponent at the highest mode, so that log C, -V(g)/eps, common to both sides, never
meet in the gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .adaptive import adapted_modes
from .encoder import NODES, best_optimum, entropy, expected_exponent
from .frame import Decoded, frame_of
from .importance_sampling import Draws, Estimate, draws, mixture_evidence, sampled_elbo
from .likelihood import SAME_MODE, evidence, find_modes, highest
from .missed import unseen_ratio
from .model import LatentModel
from .modes import Mode
from .newton import minimise
from .precision import EPS64
from .quadrature import gauss_hermite
from .seed import SEED
from .shared_look import glances, shared_look, shares
from .starts import search_starts, with_scanned

QUADRATURE = 3  # the largest latent dimension that is integrated by quadrature
_NEGLIGIBLE = 40.0  # modes whose exponent is lower by more do not count: exp(-40) is below round-off
_TOLERANCE = 1e-4
_ROUNDS, _PILOT = 3, 2048  # of the fit of a proposal, and draws in each
_ROUND_OFF = 8 * EPS64
_SHARED = 64  # x that share one wide look: what is kept of it is about a megabyte each


class _Effort(NamedTuple):
    """Pairs and steps of a search by sampling, and the decrement at which it counts as ended.

    What a better encoder could gain is bounded afterwards in any case, and is part of the error.
    """

    pairs: int
    steps: int
    accepted: float


_SMOOTH, _ROUGH = _Effort(64, 40, 0.05), _Effort(512, 200, 0.3)


class Measurement(NamedTuple):
    """The two sides at one point and their difference; errors are meant as bounds (four standard errors if sampled).

    gap = log_likelihood - elbo; encoder_elbo, amortisation = elbo - encoder_elbo are nan without an encoder; mean,
    std (d,) are those of the best mean-field encoder.
    """

    gap: Float[Array, ""]
    gap_error: Float[Array, ""]
    amortisation: Float[Array, ""]
    amortisation_error: Float[Array, ""]
    log_likelihood: Float[Array, ""]
    elbo: Float[Array, ""]
    mean: Float[Array, " d"]
    std: Float[Array, " d"]
    converged: Bool[Array, ""]


@eqx.filter_jit
def _all_modes(model: LatentModel, x: Float[Array, " D"], starts: Float[Array, "S d"], search: bool) -> Mode:
    if search:
        starts = jnp.concatenate([starts, search_starts(model, x)])
    return find_modes(model, x, starts)


@eqx.filter_jit
def _all_modes_of_look(
    model: LatentModel, x: Float[Array, " D"], starts: Float[Array, "S d"], glance: Decoded
) -> tuple[Mode, Float[Array, ""]]:
    """The modes (stacked), and the mass that the look has seen elsewhere over theirs."""
    scan = shared_look(model, x, frame_of(model), glance)
    more, distinct = with_scanned(model, x, scan)
    counts = jnp.concatenate([jnp.ones(len(starts), bool), distinct])
    modes = find_modes(model, x, jnp.concatenate([starts, more]), counts)
    return modes, unseen_ratio(model, modes, scan)


@eqx.filter_jit
def _glances(model: LatentModel, data: Float[Array, "n D"]) -> Decoded:
    return glances(model, data, frame_of(model))


def glances_of(model: LatentModel, data: list[Float[np.ndarray, " D"]]) -> Iterator[Decoded | None]:
    """For each x what `distinct_modes` takes as `glance`: a wide look shared by all, for every eps; None for other d.

    Of observations for every n as long as x / n stays.
    """
    if not shares(model.latent_dim):
        yield from [None] * len(data)
        return
    for begin in range(0, len(data), _SHARED):
        part = np.stack(data[begin : begin + _SHARED])
        found = jax.device_get(_glances(model, jnp.asarray(_to_power_of_two(part))))
        for k in range(len(part)):
            yield jax.tree.map(lambda leaf, k=k: leaf[k], found)


def _to_power_of_two(rows: np.ndarray) -> np.ndarray:
    """The rows, repeated to a power of two: few lengths, as each is compiled."""
    return np.resize(rows, (2 ** int(np.ceil(np.log2(len(rows)))), *rows.shape[1:]))


def distinct_modes(
    model: LatentModel,
    x: Float[Array, " D"],
    starts: Float[Array, "S d"],
    *,
    search: bool = True,
    glance: Decoded | None = None,
) -> tuple[Mode | None, float]:
    """The different modes that matter, the highest first, repeated to a power of two (few shapes to compile).

    From the starts, and from the fixed ones of `numerics.starts` with `search`; None where no start leads to a mode.
    And the mass seen elsewhere over that of the modes: 0 without a glance, which is that of `glances_of` for this x.
    """
    missed = 0.0
    if search and glance is not None:
        found, missed = jax.device_get(_all_modes_of_look(model, x, starts, glance))
    else:
        found = jax.device_get(_all_modes(model, x, starts, search))
    order = [i for i in np.argsort(-np.where(found.converged, found.exponent, -np.inf)) if found.converged[i]]
    kept: list[int] = []
    for i in order:
        moves = found.point[i] - found.point[kept]
        distances = np.einsum("sa,ab,sb->s", moves, found.hessian[i], moves) / float(model.eps)
        if np.all(distances > SAME_MODE) and found.exponent[i] > found.exponent[order[0]] - _NEGLIGIBLE:
            kept.append(i)
    if not kept:
        return None, float(missed)
    repeated = _to_power_of_two(np.asarray(kept))
    # A repeated mode would count twice in a sum over modes: the copies are marked as not converged.
    modes = jax.tree.map(lambda leaf: jnp.asarray(leaf[repeated]), found)
    return modes._replace(converged=jnp.arange(len(repeated)) < len(kept)), float(missed)


def with_missed(found: Measurement, ratio: float) -> Measurement:
    """The measurement with errors that allow for modes of this mass, over that which was measured, beside it.

    log p grows by log(1 + ratio); the ELBO of an encoder there is at most log of its mass.
    """
    with np.errstate(divide="ignore"):
        better = np.maximum(np.log(ratio) + found.gap, 0.0)
    return found._replace(
        gap_error=found.gap_error + np.log1p(ratio) + better, amortisation_error=found.amortisation_error + better
    )


def fitted_modes(
    model: LatentModel, x: Float[Array, " D"], starts: Float[Array, "S d"], prior_std: Float[Array, " d"]
) -> Mode | None:
    """Components fitted to the posterior, in the place of modes; None where too few draws fall on it."""
    rng, d = np.random.default_rng(SEED), model.latent_dim
    rounds = jax.tree.map(lambda *leaves: np.stack(leaves), *(draws(rng, _PILOT, d) for _ in range(_ROUNDS)))
    found = adapted_modes(model, x, jnp.concatenate([starts, _searched(model, x)]), prior_std, rounds)
    return found if bool(found.converged[0]) else None


_searched = eqx.filter_jit(search_starts)


def random_for(rng: np.random.Generator, pairs: int, d: int, rough: bool = False) -> tuple[Draws, Draws, Draws] | None:
    """Random numbers for `measure`: none where quadrature serves (d <= 3, not rough)."""
    if d <= QUADRATURE and not rough:
        return None
    return draws(rng, pairs, d), draws(rng, pairs, d), draws(rng, pairs, d)


@eqx.filter_jit
def measure(
    model: LatentModel,
    x: Float[Array, " D"],
    modes: Mode,
    encoder: tuple[Float[Array, " d"], Float[Array, " d"]] | None,
    random: tuple[Draws, Draws, Draws] | None,
    rough: bool = False,
) -> Measurement:
    """Measure at x (D,) from distinct modes; encoder: its mean and std (d,) at x, or None; random: see `random_for`.

    rough: the modes are those of `fitted_modes`.
    """
    reference = highest(modes)
    if random is None:
        likelihood = Estimate(*evidence(model, x, modes, reference))
        _, optimum = best_optimum(model, x, modes, "mean-field", reference, frugal=True)
        best = Estimate(optimum.value, optimum.error)
        mean, std = optimum.mean, jnp.sqrt(jnp.sum(optimum.factor**2, axis=1))
        converged = optimum.converged
    else:
        top = jax.tree.map(lambda leaf: leaf[0], modes)
        likelihood = mixture_evidence(model, x, modes, reference, random[0])
        effort = _ROUGH if rough else _SMOOTH
        mean, std, best, converged = _best_encoder(model, x, top, reference, random[1], effort)
    nan = jnp.asarray(jnp.nan)
    given = Estimate(nan, nan)
    if encoder is not None:
        given = _elbo(model, x, *encoder, reference, random and random[2])
    constant = model.log_constant(x) + reference
    # Where sampling is exact, as for a linear decoder, the round-off of the two sides is what is left.
    rounding = _ROUND_OFF * (1 + jnp.abs(likelihood.value) + jnp.abs(best.value))
    return Measurement(
        gap=likelihood.value - best.value,
        gap_error=likelihood.error + best.error + rounding,
        amortisation=best.value - given.value,
        amortisation_error=best.error + given.error,
        log_likelihood=constant + likelihood.value,
        elbo=constant + best.value,
        mean=mean,
        std=std,
        converged=converged,
    )


def _elbo(
    model: LatentModel,
    x: Float[Array, " D"],
    mean: Float[Array, " d"],
    std: Float[Array, " d"],
    reference: Float[Array, ""],
    random: Draws | None,
) -> Estimate:
    """The ELBO of N(mean, diag(std^2)), without log C and relative to the reference."""
    d = model.latent_dim
    if random is not None:
        return sampled_elbo(model, x, mean, std, reference, random)
    factor = jnp.diag(std)
    (coarse, _), (fine, rounding) = (
        expected_exponent(model, x, mean, factor, gauss_hermite(d, n), reference) for n in NODES[d]
    )
    return Estimate(fine + entropy(factor), jnp.abs(fine - coarse) + rounding)


def _best_encoder(
    model: LatentModel,
    x: Float[Array, " D"],
    mode: Mode,
    reference: Float[Array, ""],
    random: Draws,
    effort: _Effort,
) -> tuple[Array, Array, Estimate, Array]:
    """Mean, std, ELBO and convergence of the best encoder found from a mode, by sampling."""
    d = model.latent_dim
    scale = jnp.sqrt(model.eps / jnp.diagonal(mode.hessian))
    quadratic = mode.hessian * scale[:, None] * scale[None, :] / model.eps
    search, check = (jnp.asarray(sample) for sample in _whitened_samples(d, effort.pairs))

    def objective(p: Array, sample: Array) -> Array:
        shift, root = p[:d], p[d:]

        def at(xi: Array) -> Array:
            return model.exponent(mode.point + scale * (shift + root * xi), x) - reference

        return -jnp.mean(jax.lax.map(at, sample, batch_size=len(sample))) - jnp.sum(jnp.log(root))

    def derivatives(p: Array, sample: Array = search) -> tuple[Array, Array, Array]:
        value, gradient = jax.value_and_grad(objective)(p, sample)
        curvature = jax.scipy.linalg.block_diag(quadratic, jnp.diag(1.0 + 1.0 / p[d:] ** 2))
        return value, gradient, curvature

    start = jnp.concatenate([jnp.zeros(d), jnp.ones(d)])
    slack = model.rounding(mode.point, x)
    found = minimise(
        derivatives, start, tolerance=_TOLERANCE, accepted=effort.accepted, slack=slack, max_steps=effort.steps
    )
    mean, std = mode.point + scale * found.point[:d], scale * jnp.abs(found.point[d:])
    _, gradient, curvature = derivatives(found.point, check)
    gain = 0.5 * gradient @ jnp.linalg.solve(curvature, gradient)
    value, error = sampled_elbo(model, x, mean, std, reference, random)
    return mean, std, Estimate(value, error + gain), found.converged & mode.converged


def _whitened_samples(d: int, pairs: int) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n d"]]:
    """Two samples of antithetic points whose mean is 0 and whose second moments are exactly I."""
    found = []
    for seed in (SEED, SEED + 1):
        half = np.random.default_rng(seed).standard_normal((max(pairs, 4 * d), d))
        factor = np.linalg.cholesky(half.T @ half / len(half))
        half = np.linalg.solve(factor, half.T).T
        found.append(np.concatenate([half, -half]))
    return found[0], found[1]
