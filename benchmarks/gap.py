"""Error and time of the gap against the dimension, and beside what a user would otherwise pick.

Run: python benchmarks/gap.py   (needs the extra `bench`: numpyro; about three minutes)

1. Rotated products of d one-dimensional decoders: the true gap is d times that of d = 1, so the true error is known.
2. One thousand points of f2 (of the reference tables) at d = 2 in one mapped program.
3. d = 64: residual tanh networks 64-256-256-64 with cond(J) 4 and 22, against an independent antithetic importance
   sample.
4. NumPyro: AutoDiagonalNormal with SVI for the ELBO, importance sampling with 1e5 samples for the evidence.
Times exclude compilation; ratios are taken within the run.
"""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from elbogap.numerics.encoder import elbo
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.model import LatentModel
from elbogap.numerics.modes import find_mode, whitening
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoDiagonalNormal
from scipy.stats import ortho_group

jax.config.update("jax_enable_x64", True)

SAMPLES = 100_000
STEPS = 5_000


def timed(function: Callable[..., Any], *arguments: Any, repetitions: int = 3) -> tuple[Any, float]:
    """The result, and the best time in seconds of a few calls after one that compiles."""
    result = jax.block_until_ready(function(*arguments))
    best = np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        best = min(best, time.perf_counter() - start)
    return result, best


def f2(z):
    """The decoder f2 of the reference tables."""
    y = jnp.stack([z[0] + 0.5 * jnp.tanh(z[1]), 1.3 * z[1] + 0.4 * jnp.sin(z[0])])
    return jnp.array([[1.0, 0.6], [-0.2, 1.1]]) @ jnp.tanh(y / 2) + 0.8 * y


def table_of_dimensions(eps: float = 1e-3) -> None:
    """Print true and stated error of the gap and the time of one point against d."""

    def curve(z):
        return z + 0.3 * jnp.tanh(z) + z**2 / 20

    def measure(d):
        turn = jnp.asarray(ortho_group.rvs(d, random_state=0)) if d > 1 else jnp.ones((1, 1))
        start = jnp.full(d, 0.4)
        program = jax.jit(
            lambda x: measure_gap(LatentModel(lambda z: turn @ curve(z), d, noise_var=eps), x, start=start)
        )
        return timed(program, turn @ curve(start), repetitions=1 if d > 16 else 3)

    line, _ = measure(1)
    print(f"\nrotated products, eps = {eps:g}\n")
    print("| d | gap | true error | stated error | seconds a point |\n|---|---|---|---|---|")
    for d in (1, 2, 3, 4, 6, 16, 64):
        found, seconds = measure(d)
        error = abs(float(found.gap - d * line.gap))
        print(f"| {d} | {float(found.gap):.9e} | {error:.1e} | {float(found.gap_error):.1e} | {seconds:.2g} |")


def thousand_points() -> None:
    """Print the time of a point among a thousand, and the largest stated error."""
    points = jnp.asarray(np.random.default_rng(0).normal(size=(1000, 2)))
    data = jax.vmap(f2)(points)
    program = jax.jit(jax.vmap(lambda x, z: measure_gap(LatentModel(f2, 2, noise_var=1e-2), x, start=z)))
    found, seconds = timed(program, data, points)
    worst, median = float(jnp.max(found.gap_error)), float(jnp.median(found.gap_error))
    print(f"\n1000 points, f2, d = 2, eps = 1e-2: {seconds:.3f} ms a point, every search converged: ", end="")
    print(bool(jnp.all(found.converged)))
    print(f"stated error: median {median:.1e}, largest {worst:.1e}")


def network(d: int, width: int, strength: float) -> Callable:
    """A residual tanh network d-width-width-d."""
    rng = np.random.default_rng(0)
    first, middle, last = (rng.normal(size=s) / np.sqrt(s[1]) for s in ((width, d), (width, width), (d, width)))
    shift, other = 0.3 * rng.normal(size=(2, width))
    return lambda z: z + strength * (last @ jnp.tanh(middle @ (2 * jnp.tanh(first @ z + shift)) + other))


def large(strength: float, d: int = 64, eps: float = 1e-4) -> None:
    """Print the gap of the residual network beside plain antithetic importance sampling."""
    decoder = network(d, 4 * d, strength)
    start = jnp.asarray(np.random.default_rng(1).normal(size=d))
    x, model = decoder(start), LatentModel(decoder, d, noise_var=eps)
    found, seconds = timed(jax.jit(lambda x: measure_gap(model, x, start=start)), x, repetitions=1)

    @jax.jit
    def plain(key, x):
        mode = find_mode(model, x, start)
        factor, log_det = whitening(mode.hessian)

        def pair(key):
            xi = jax.random.normal(key, (d,))
            both = jnp.stack([xi, -xi])
            logs = jax.vmap(lambda v: model.exponent(mode.point + jnp.sqrt(eps) * factor @ v, x))(both)
            return jnp.mean(jnp.exp(logs - mode.exponent + 0.5 * xi @ xi))

        weights = jax.lax.map(pair, jax.random.split(key, SAMPLES // 2), batch_size=500)
        constant = model.log_constant(x) + mode.exponent + log_det + 0.5 * d * jnp.log(2 * jnp.pi * eps)
        mean = jnp.mean(weights)
        return jnp.log(mean) + constant, jnp.std(weights) / mean / np.sqrt(len(weights))

    (value, deviation), plain_seconds = timed(plain, jax.random.key(5), x, repetitions=1)
    condition = np.linalg.cond(np.asarray(jax.jacfwd(decoder)(start)))
    difference = abs(float(found.log_likelihood - value))
    print(f"\nd = {d}, eps = {eps:g}, cond(J) = {condition:.1f}: gap {float(found.gap):.9f}, stated error")
    print(
        f"{float(found.gap_error):.1e} in {seconds:.1f} s; log p differs by {difference:.1e} from {SAMPLES} antithetic"
    )
    print(f"importance samples, whose standard error is {float(deviation):.1e} after {plain_seconds:.1f} s")


def beside_numpyro(eps: float = 1e-2) -> None:
    """Print ELBO and evidence by SVI and importance sampling, with time and error, beside ours."""
    start = jnp.array([0.7, -0.4])
    x = f2(start)
    model = LatentModel(f2, 2, noise_var=eps)
    ours, seconds = timed(jax.jit(lambda x: measure_gap(model, x, start=start)), x)

    def joint(x):
        z = numpyro.sample("z", dist.Normal(0.0, 1.0).expand([2]).to_event(1))
        numpyro.sample("x", dist.Normal(f2(z), jnp.sqrt(eps)).to_event(1), obs=x)

    guide = AutoDiagonalNormal(joint)
    svi = SVI(joint, guide, numpyro.optim.Adam(5e-3), Trace_ELBO(num_particles=10))
    begun = time.perf_counter()
    result = svi.run(jax.random.key(0), STEPS, x, progress_bar=False)
    jax.block_until_ready(result.params)
    svi_seconds = time.perf_counter() - begun
    mean, std = result.params["auto_loc"], result.params["auto_scale"]
    loss = float(ours.elbo - elbo(model, x, mean, std))

    def importance(key):
        z = mean + std * jax.random.normal(key, (SAMPLES, 2))
        logs = jax.vmap(lambda v: model.log_joint(v, x))(z)
        density = -0.5 * jnp.sum(((z - mean) / std) ** 2, axis=1) - jnp.sum(jnp.log(std)) - jnp.log(2 * jnp.pi)
        return jax.scipy.special.logsumexp(logs - density) - jnp.log(SAMPLES)

    values = jnp.stack([jax.jit(importance)(key) for key in jax.random.split(jax.random.key(1), 20)])
    _, is_seconds = timed(jax.jit(importance), jax.random.key(2))
    deviation = float(jnp.sqrt(jnp.mean((values - ours.log_likelihood) ** 2)))
    budget = max(1, int(SAMPLES * seconds / is_seconds))
    equal_time = deviation * np.sqrt(SAMPLES / budget)
    equal_error = is_seconds * (deviation / float(ours.log_likelihood_error)) ** 2
    print(f"\nf2, eps = {eps:g}, one point\n\n| | error | seconds |\n|---|---|---|")
    print(f"| ours, ELBO* | {float(ours.elbo_error):.1e} | {seconds:.2g} (both sides) |")
    print(f"| ours, log p | {float(ours.log_likelihood_error):.1e} | |")
    print(f"| SVI, AutoDiagonalNormal, {STEPS} steps of 10 particles: ELBO* | {loss:.1e} | {svi_seconds:.2g} |")
    print(f"| importance sampling from its guide, {SAMPLES} samples: log p | {deviation:.1e} | {is_seconds:.2g} |")
    print(f"| the same in our time ({budget} samples) | {equal_time:.1e} | {seconds:.2g} |")
    target = float(ours.log_likelihood_error)
    print(f"| the same to our error (extrapolated as N^-1/2) | {target:.1e} | {equal_error:.1e} |")


if __name__ == "__main__":
    table_of_dimensions()
    thousand_points()
    large(0.5)
    large(1.1)
    beside_numpyro()
