"""A smooth cover of the joint density by balls around its modes, and what lies outside of all of them.

Around mode b, with M_b = Hess(V - eps ell) and r_b(z)^2 = (z - g_b)' M_b (z - g_b) / eps, the window phi_b(z) is 1 up
to r_b = R - 2 and 0 from R on. Inside, the joint is shared by the weights phi_b N_b / sum phi N (N_b the Laplace
approximation), so that nothing is counted twice; outside remains the joint times prod_b (1 - phi_b), which `cubature`
integrates over all of R^d, whatever its tails are: boxes in s, z = loc + P sinh(s), reach 1e32 prior standard
deviations. A point of the `scan` with mass outside of the balls is a witness: the box that holds it owes this mass as
an error until it is small enough to see it.
"""

from functools import lru_cache
from itertools import product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from .cubature import adapt, box_rule
from .frame import Frame
from .model import LatentModel
from .modes import Mode, whitening
from .scan import Scan

Vector = Float[Array | np.ndarray, " D"]

# Width of the edge of a window, in posterior standard deviations.
_EDGE = 2.0

# Ends of the boxes in s along one axis: even steps in the bulk, growing ones in the tails.
_BULK = {1: (3.75, 50), 2: (3.0, 12), 3: (3.0, 8)}
_TAILS = {
    1: (4.5, 5.5, 7.0, 9.0, 12.0, 16.0, 22.0, 30.0, 40.0, 55.0, 75.0),
    2: (5.0, 9.0, 20.0, 75.0),
    3: (6.0, 15.0, 75.0),
}

# Room for boxes, boxes halved in one pass, and the sum of errors that is small enough (relative to all mass).
_EFFORT = {1: (512, 16, 1e-13), 2: (2400, 64, 1e-10), 3: (6000, 128, 1e-8)}

# A box sees a witness when it is at most this many of its standard deviations wide on each side.
_RESOLVED = 3.0


# By how much the sum of the boxes' errors is multiplied: neighbouring boxes err alike.
_SAFETY = {1: 1.0, 2: 8.0, 3: 14.0}

# Mass outside that is as small as this may be all wrong: of a thin bent tail the nodes of a box see little.
_THIN = {1: 0.0, 2: 1e-8, 3: 1e-8}

# Two rules may agree by accident where a kink crosses boxes: the share of the mass outside that this may cost.
_ACCIDENT = {1: 1e-9, 2: 2e-6, 3: 2e-6}


class Cover(NamedTuple):
    """The balls: centres, M (I where unused), log of N_b at its centre, radius; the first `count` are in use."""

    centre: Float[Array, "S d"]
    hessian: Float[Array, "S d d"]
    height: Float[Array, " S"]
    count: Int[Array, ""]  # type: ignore[assignment]  # hides a method of tuples that nobody calls here
    radius: float
    eps: Float[Array, ""]

    def window(self, index: Array, z: Float[Array, "N d"]) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
        """Return phi_b and log N_b of ball b = index at every z."""
        r = z - self.centre[index][None, :]
        squares = jnp.einsum("na,ab,nb->n", r, self.hessian[index], r) / self.eps
        # The root's derivative at a centre is not finite; phi is constant there.
        safe = jnp.sqrt(jnp.maximum(squares, 0.25))
        t = jnp.clip((safe - self.radius) / _EDGE + 1.0, 0.0, 1.0)
        return 1.0 - t**4 * (35 - 84 * t + 70 * t**2 - 20 * t**3), self.height[index] - 0.5 * squares

    def shares(self, index: Array, z: Float[Array, "N d"]) -> tuple[Float[Array, " N"], Float[Array, " N"]]:
        """Return ball `index`'s share of the joint at every z (all shares add up to 1 - outside), and outside there."""
        own, log_own = self.window(index, z)

        def add(b: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
            phi, log = self.window(b, z)
            return state[0] + jnp.where(phi > 0, phi * jnp.exp(log - log_own), 0.0), state[1] * (1.0 - phi)

        total, left = jax.lax.fori_loop(0, self.count, add, (jnp.zeros(len(z)), jnp.ones(len(z))))
        return jnp.where(own > 0, (1.0 - left) * own / jnp.where(total > 0, total, 1.0), 0.0), left

    def outside(self, z: Float[Array, "N d"]) -> Float[Array, " N"]:
        """Return prod_b (1 - phi_b) at every z."""
        return jax.lax.fori_loop(0, self.count, lambda b, left: left * (1.0 - self.window(b, z)[0]), jnp.ones(len(z)))


class Outside(NamedTuple):
    """Mass outside of the balls and its error, in units of exp(reference).

    unseen, not_finite: how much of the error is owed to witnesses, and to values that are not finite.
    """

    mass: Float[Array, ""]
    error: Float[Array, ""]
    unseen: Float[Array, ""]
    not_finite: Float[Array, ""]


def log_masses(modes: Mode, eps: Float[Array, ""]) -> Float[Array, " S"]:
    """Return log of the Laplace approximation's mass at every mode; -inf where there is none."""
    d = modes.point.shape[-1]
    safe = jnp.where(modes.converged[:, None, None], modes.hessian, jnp.eye(d))
    log_dets = jax.vmap(lambda hessian: whitening(hessian)[1])(safe)
    return jnp.where(modes.converged, modes.exponent + log_dets + 0.5 * d * jnp.log(2 * jnp.pi * eps), -jnp.inf)


def cover_of(model: LatentModel, modes: Mode, count: Int[Array, ""], radius: float) -> Cover:
    """Return the balls around the first `count` modes."""
    d = model.latent_dim
    safe = jnp.where(modes.converged[:, None, None], modes.hessian, jnp.eye(d))
    return Cover(modes.point, safe, modes.exponent, count, radius, model.eps)


@lru_cache
def _first_boxes(d: int) -> tuple[np.ndarray, np.ndarray]:
    reach, count = _BULK[d]
    inner = np.linspace(-reach, reach, count + 1)
    ends = np.concatenate([-np.array(_TAILS[d])[::-1], inner, _TAILS[d]])
    centre, half = 0.5 * (ends[1:] + ends[:-1]), 0.5 * (ends[1:] - ends[:-1])
    return np.array(list(product(centre, repeat=d))), np.array(list(product(half, repeat=d)))


def outside_mass(
    model: LatentModel, x: Vector, cover: Cover, frame: Frame, scan: Scan, reference: Float[Array, ""]
) -> Outside:
    """Integrate exp(exponent - reference) outside of the balls, for d <= 3."""
    d = model.latent_dim
    rule = box_rule(d)
    nodes = jnp.asarray(rule.nodes)
    places = jax.vmap(frame.locate)(scan.point)
    masses = jnp.exp(scan.log_mass(frame) - reference) * cover.outside(scan.point)
    widths = jnp.sqrt(jnp.diagonal(scan.curvature, axis1=1, axis2=2)) * jnp.cosh(places)

    def integrand(s: Array) -> tuple[Array, Array]:
        """Return the integrand, and a bound on it where it is not a number (V >= 0 for Gaussian noise)."""
        z = jax.vmap(frame.place)(s)
        volumes = jax.vmap(frame.log_volume)(s) - reference
        exponents, bounds = jax.vmap(lambda point: (model.exponent(point, x), model.prior.log_prob(point)))(z)
        left, bad = cover.outside(z), jnp.isnan(exponents)
        bounds = jnp.where(bad, jnp.exp(bounds + volumes) * left, 0.0)
        values = jnp.exp(jnp.where(bad, -jnp.inf, exponents) + volumes) * left
        return values, jnp.where(jnp.isnan(bounds), jnp.inf, bounds)

    def rate(centre: Array, half: Array) -> tuple[Array, Array, Array, Array, Array]:
        values, bounds = integrand(centre[None, :] + half[None, :] * nodes)
        volume = jnp.prod(2 * half)
        differences = jnp.abs(jnp.asarray(rule.differences) @ values)
        inside = jnp.all(jnp.abs(places - centre[None, :]) <= half[None, :], axis=1)
        spread = half[None, :] * widths
        owed = jnp.where(inside & (jnp.max(spread, axis=1) > _RESOLVED), masses, 0.0)
        unseen = jnp.sum(owed)
        widest = jnp.argmax(spread[jnp.argmax(owed)])
        axis = jnp.where(unseen > 0, widest, jnp.argmax(differences + 1e-12 * half * jnp.max(differences)))
        value = volume * (jnp.asarray(rule.fine) @ values)
        infinite = volume * jnp.sum(bounds) / len(nodes)
        error = jnp.abs(volume * (jnp.asarray(rule.fine - rule.coarse) @ values))
        error = jnp.where(jnp.isfinite(error), error, jnp.inf) + unseen + infinite
        return jnp.where(jnp.isfinite(value), value, 0.0), error, axis, unseen, infinite

    capacity, split, tolerance = _EFFORT[d]
    boxes = adapt(rate, *_first_boxes(d), capacity=capacity, split=split, tolerance=tolerance)
    value, error, unseen, infinite = (
        jnp.sum(part) for part in (boxes.value, boxes.error, boxes.unseen, boxes.infinite)
    )
    between = jnp.exp(scan.log_between - reference) * cover.outside(scan.between)
    hidden = jnp.sum(between) + jnp.exp(scan.late - reference)
    unseen = unseen + hidden
    error = _SAFETY[d] * error + hidden + _ACCIDENT[d] * jnp.abs(value) + jnp.minimum(jnp.abs(value), _THIN[d])
    return Outside(jnp.maximum(value, 0.0), error, unseen, infinite)
