"""The scan along a line (d = 1): the chords between neighbours predict where the decoder comes nearest to x.

A continuous decoder that passes x between two points is seen however steep it is there. What turns within one interval
may hide more: `hidden` says how much. Notation: s, z, e(z) as in `frame`; r the whitened residual.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from .frame import NARROW, Frame, Local, local_model, scan_points
from .model import LatentModel

Vector = Float[Array | np.ndarray, " D"]

# Intervals bisected, and how often.
_BRACKETS, _BISECTIONS = 40, 17


def look_along_line(
    model: LatentModel, x: Vector, frame: Frame
) -> tuple[Local, Float[Array, "I 1"], Float[Array, " I"], Float[Array, ""]]:
    """Predict by the chords between neighbours, polish the best by bisection: d = 1.

    A continuous decoder that passes x between two points is seen however steep it is there.
    """
    s = jnp.asarray(scan_points(1)[0])[:, 0]

    def at(place: Array) -> tuple[Array, Array]:
        """Return the whitened residual (without it for observations), and the rest of the exponent."""
        z = frame.place(place[None])
        if model.observation is not None:
            return jnp.zeros(1), model.exponent(z, x)
        return model.noise.whiten(model.decoder(z) - x, z) / jnp.sqrt(model.eps), model.log_prior(z)

    values = jax.vmap(at)(s)
    left, right = (
        jax.tree.map(lambda leaf, part=part: leaf[part], values) for part in (slice(None, -1), slice(1, None))
    )
    turn = _turn(values[0])
    scores = jax.vmap(_highest_on_chord)(left, right, 0.25 * turn)
    certain = jax.vmap(_highest_on_chord)(left, right)
    slope = jax.vmap(lambda a, b: jnp.linalg.norm(b - a))(left[0], right[0])
    narrow = slope + turn > NARROW
    best = _beats_neighbours(scores, certain, 0.0)
    # Two intervals in which the decoder passes x differ by the prior only: neither hides the other.
    tops = jnp.maximum(left[1], right[1])
    best = best | (narrow & _beats_neighbours(scores - tops, certain - tops, 1.0))
    # The mass of an interval: the whole of it, or what a Gaussian of the residual's slope holds.
    volume = jax.vmap(lambda place: frame.log_volume(place[None]))(0.5 * (s[1:] + s[:-1]))
    weighed = scores + volume + jnp.log((s[1] - s[0]) / jnp.maximum(1.0, slope / np.sqrt(2 * np.pi)))
    weighed = jnp.where(jnp.isnan(weighed), -jnp.inf, weighed)
    _, chosen = jax.lax.top_k(jnp.where(best, weighed, -jnp.inf), _BRACKETS)

    def bisect(a: Array, b: Array, low: tuple[Array, Array], high: tuple[Array, Array]) -> Local:
        def halve(_: Array, state: tuple) -> tuple:
            a, b, low, high = state
            middle = 0.5 * (a + b)
            value = at(middle)
            first = _highest_on_chord(low, value) >= _highest_on_chord(value, high)
            pick = lambda one, other: jnp.where(first, one, other)  # noqa: E731
            return pick(a, middle), pick(middle, b), jax.tree.map(pick, low, value), jax.tree.map(pick, value, high)

        a, b, low, high = jax.lax.fori_loop(0, _BISECTIONS, halve, (a, b, low, high))
        exponents = jnp.stack([value[1] - 0.5 * value[0] @ value[0] for value in (low, high)])
        place = jnp.where(exponents[1] > exponents[0], b, a)
        return local_model(model, x, frame, frame.place(place[None]))

    # Two modes may lie in one interval: both halves are searched.
    middles = 0.5 * (s[chosen] + s[chosen + 1])
    lows, highs = (jax.tree.map(lambda leaf, k=k: leaf[chosen + k], values) for k in (0, 1))
    both = lambda one, other: jax.tree.map(lambda p, q: jnp.concatenate([p, q]), one, other)  # noqa: E731
    centres = jax.vmap(at)(middles)
    ends = both(s[chosen], middles), both(middles, s[chosen + 1]), both(lows, centres), both(centres, highs)
    # What is wide the lattices and the boxes of `cover` see.
    left_over = best & narrow & (weighed < weighed[chosen[-1]])
    unsure = jnp.concatenate([jnp.where(left_over, weighed + np.log(2.0), -jnp.inf), jnp.full(1, -jnp.inf)])
    between = jnp.maximum(hidden(s, values, frame), unsure)
    return jax.vmap(bisect)(*ends), jax.vmap(lambda place: frame.place(place[None]))(s), between, jnp.asarray(-jnp.inf)


def _turn(r: Float[Array, "N D"]) -> Float[Array, " I"]:
    """Return the larger second difference of r at the ends of every interval.

    A parabola leaves its chord by an eighth of it; a quarter is allowed.
    """
    turn = jnp.linalg.norm(r[2:] - 2 * r[1:-1] + r[:-2], axis=1)
    return jnp.maximum(jnp.concatenate([turn[:1], turn]), jnp.concatenate([turn, turn[-1:]]))


def _beats_neighbours(scores: Float[Array, " I"], certain: Float[Array, " I"], slack: float) -> Bool[Array, " I"]:
    """Whether each score is within `slack` of what both neighbours certainly have, or above it."""
    padded = jnp.concatenate([jnp.full(1, -jnp.inf), certain, jnp.full(1, -jnp.inf)])
    return (scores + slack >= padded[:-2]) & (scores + slack >= padded[2:])


def _highest_on_chord(
    left: tuple[Array, Array], right: tuple[Array, Array], sagitta: Float[Array, ""] | float = 0.0
) -> Float[Array, ""]:
    """Return the largest exponent on the chord between two points: residual and the rest of the exponent at each.

    sagitta: by how much the residual may be smaller than the chord's.
    """
    (r, ell), (end, other) = left, right
    step = end - r
    square = step @ step
    t = jnp.clip(-(r @ step) / jnp.where(square > 0, square, 1.0), 0.0, 1.0)
    nearest = r + t * step
    distance = jnp.maximum(jnp.sqrt(nearest @ nearest) - sagitta, 0.0)
    score = jnp.maximum(ell, other) - 0.5 * distance**2
    return jnp.where(jnp.isnan(score), -jnp.inf, score)


def hidden(s: Float[Array, " N"], values: tuple[Array, Array], frame: Frame) -> Float[Array, " N"]:
    """Return log of the mass that may hide at a point of the line where the decoder turns within one interval.

    values: whitened residual r and the rest of the exponent. Where the second difference of r exceeds the first
    (at three neighbours: a kink turns once), r may come nearer to 0 than its values by as
    much; a root then holds the density there times sqrt(2 pi) / slope.
    """
    r, ell = values
    turn = jnp.linalg.norm(r[2:] - 2 * r[1:-1] + r[:-2], axis=1)
    change = jnp.linalg.norm(r[2:] - r[:-2], axis=1)
    nearest = jnp.maximum(jnp.linalg.norm(r[1:-1], axis=1) - turn, 0.0)
    width = jnp.log((s[1] - s[0]) / jnp.maximum(1.0, turn / np.sqrt(2 * np.pi)))
    volume = jax.vmap(lambda place: frame.log_volume(place[None]))(s[1:-1])
    faster = turn > change
    faster = faster & jnp.roll(faster, 1) & jnp.roll(faster, -1)
    mass = jnp.where(faster, ell[1:-1] - 0.5 * nearest**2 + width + volume, -jnp.inf)
    mass = jnp.where(jnp.isnan(mass), -jnp.inf, mass)
    return jnp.concatenate([jnp.full(1, -jnp.inf), mass, jnp.full(1, -jnp.inf)])
