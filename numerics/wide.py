"""The evidence without a start: search wide, integrate around every distinct mode, and account for the rest (d <= 3).

1. `scan` looks at thousands of points; Newton goes on from the best distinct ones and from the fixed starts.
2. Around each distinct mode a lattice is summed in several copies, shifted by multiples of an irrational vector and
   turned: what their means differ by shows a decoder that varies below the step, a kink or a jump.
3. `cover` integrates what lies outside of all balls by adaptive cubature, tails and plateaus included.
The stated error is the sum of what these disagree about, and of round-off: an estimate, no bound. What any point has
seen is meant to be in the value or in the error; what none has seen is in neither.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import logsumexp
from jaxtyping import Array, Float, Int

from .cover import cover_of, log_masses, outside_mass
from .frame import frame_of
from .model import LatentModel
from .modes import Mode, constant_rounding, distinct_first, find_modes, highest, relative_rounding, whitening
from .outcome import Outcome, outcome_of
from .precision import EPS64
from .quadrature import lattice
from .scan import INTEGRATED, KEPT, Scan, look
from .seed import SEED
from .starts import with_scanned

Vector = Float[Array | np.ndarray, " D"]

# Step and radius of the lattices as in `likelihood`; number of copies.
_LATTICE = {1: (0.25, 9.0, 16), 2: (0.5, 9.0, 8), 3: (0.65, 8.75, 4)}


# The largest deviation of a copy from the mean of all, times this, bounds the error of the latter; fewer copies, more.
_SPREAD = {1: 1.0, 2: 6.0, 3: 14.0}

# A tail that the lattices see at the edge and the cubature does not may hold this many times as much beyond.
_TAIL = 3.0


class Found(NamedTuple):
    """The distinct modes first, the largest mass first; the mass that each ball holds, and log of all of it.

    value and error are relative to exp(reference) as in `likelihood.evidence`; outside: log of the mass that may lie
    beyond the balls.
    """

    modes: Mode
    count: Int[Array, ""]  # type: ignore[assignment]  # hides a method of tuples that nobody calls here
    reference: Float[Array, ""]
    log_mass: Float[Array, " S"]
    value: Float[Array, ""]
    error: Float[Array, ""]
    outside: Float[Array, ""]
    outcome: Int[Array, ""]

    def log_likelihood(self, model: LatentModel, x: Vector) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Return log p(x) and its error, with the round-off of log C(x) and of the reference."""
        value = model.log_constant(x) + self.reference + self.value
        constant = jnp.where(self.count > 0, constant_rounding(model, x, self.modes), 0.0)
        size = jnp.abs(model.log_constant(x)) + jnp.abs(self.reference)
        return value, self.error + constant + 4 * EPS64 * size


def serves(d: int) -> bool:
    """Whether the wide search is made in this dimension."""
    return d <= INTEGRATED


@lru_cache
def _copies(d: int) -> tuple[np.ndarray, float]:
    """Return the nodes (copies, N, d) of the shifted and turned lattices, and the volume of a cell."""
    step, radius, copies = _LATTICE[d]
    rule = lattice(d, step, radius + step)
    # The generalised golden ratio: x^(d + 1) = x + 1; its powers are hard to approximate by fractions together.
    golden = 2.0
    for _ in range(64):
        golden = (1 + golden) ** (1 / (d + 1))
    offsets = np.mod(0.5 + np.arange(copies)[:, None] * golden ** -np.arange(1.0, d + 1), 1.0) - 0.5
    nodes = rule.nodes[None] + step * offsets[:, None, :]
    if d > 1:
        # A feature across one axis would lie between the same few planes of all copies: each is turned its own way.
        turns = np.linalg.qr(np.random.default_rng(SEED).normal(size=(copies, d, d)))[0]
        nodes = np.einsum("cab,cnb->cna", turns, nodes)
    return nodes, rule.cell


def search(model: LatentModel, x: Vector) -> tuple[Mode, Int[Array, ""], Scan]:
    """Return the modes found, distinct ones first, their number, and what the scan has seen."""
    scan = look(model, x, frame_of(model))
    starts, counts = with_scanned(model, x, scan) if model.latent_dim > 1 else (scan.point[: KEPT[1]], None)
    modes, count = distinct_first(find_modes(model, x, starts, counts), model.eps)
    return modes, count, scan


def wide_evidence(model: LatentModel, x: Vector, modes: Mode, count: Int[Array, ""], scan: Scan) -> Found:
    """Integrate the joint over R^d, d <= 3, from what `search` has found."""
    reference = jnp.where(count > 0, highest(modes), jnp.max(scan.exponent))
    d, frame = model.latent_dim, frame_of(model)
    nodes, cell = _copies(d)
    cover = cover_of(model, modes, count, _LATTICE[d][1])
    factors, log_dets = jax.vmap(whitening)(cover.hessian)
    h = jnp.sqrt(model.eps)
    laplace = log_masses(modes, model.eps)
    scale = jnp.maximum(logsumexp(laplace, where=jnp.isfinite(laplace)), jnp.max(scan.log_mass(frame)))

    def around(index: Array) -> tuple[Array, Array, Array]:
        root, point = h * factors[index], modes.point[index]
        log_cell = log_dets[index] + d * jnp.log(h) + np.log(cell) - scale

        def at(xi: Array) -> tuple[Array, Array]:
            z = point + root @ xi
            return model.exponent(z, x), model.rounding(z, x)

        flat = jnp.asarray(nodes.reshape(-1, d))
        exponents, rounding = jax.vmap(at)(flat)
        share, left = cover.shares(index, point[None, :] + flat @ root.T)
        edge = jnp.sum(jnp.exp(exponents + log_cell) * left) / len(nodes)
        values = jnp.exp(exponents + log_cell) * share
        rounding, values = values * rounding, values.reshape(nodes.shape[:2])
        return jnp.sum(values, axis=1), jnp.sum(rounding) / len(nodes), edge

    def add(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        index, copies, rounding, edges = state
        new, more, edge = around(index)
        return index + 1, copies.at[index].set(new), rounding + more, edges + edge

    first = (jnp.asarray(0), jnp.zeros((len(modes.converged), len(nodes))), jnp.zeros(()), jnp.zeros(()))
    _, copies, rounding, edges = jax.lax.while_loop(lambda state: state[0] < count, add, first)
    masses = jnp.mean(copies, axis=1)
    together = jnp.sum(copies, axis=0)
    spread = _SPREAD[d] * jnp.max(jnp.abs(together - jnp.mean(together)))
    rest = outside_mass(model, x, cover, frame, scan, scale)
    # The lattices reach a step beyond the balls: the cubature must not find less there than they do.
    missed = jnp.maximum(edges - rest.mass, 0.0)
    rest = rest._replace(mass=rest.mass + missed, error=rest.error + _TAIL * missed)
    total = jnp.sum(masses) + rest.mass
    rounding = rounding + 0.5 * relative_rounding(model, x) * total
    value = jnp.log(total) + scale - reference
    relative = (spread + rest.error + rounding) / total
    # log(1 - r) is what a relative error r can be worth; beyond r = 1 nothing is known.
    error = jnp.where(relative < 1, -jnp.log1p(-jnp.minimum(relative, 1.0)), jnp.inf)
    error = jnp.where(jnp.isnan(relative), jnp.inf, error) + 4 * EPS64 * (jnp.abs(value) + jnp.abs(scale - reference))
    parts = (rest.not_finite, rest.unseen, rest.error - rest.unseen - rest.not_finite, spread, rounding)
    reasons = (Outcome.NON_FINITE, Outcome.MODES, Outcome.TAIL, Outcome.RIPPLE, Outcome.ROUNDING)
    return Found(
        modes=modes,
        count=count,
        reference=reference,
        log_mass=jnp.log(masses) + scale - reference,
        value=value,
        error=error,
        outside=jnp.log(rest.mass + rest.error) + scale - reference,
        outcome=outcome_of(error, jnp.stack(parts), reasons),
    )
