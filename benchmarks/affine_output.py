"""What the last affine map saves: paired runs with the structure and without it, ratios of medians.

Run: python benchmarks/affine_output.py [--growth]   (one core; about two minutes, with --growth about ten)

The same decoder, once as it is and once behind an identity with a derivative rule of its own, which is never opened
(`numerics.affine_output`): the plain route. Both are timed in turns, in CPU seconds of one core, after a first call
that compiles; the median of the repetitions counts. `--growth` prints the time of the contrast and of the gap against
the number of latents and of outputs.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from elbogap.auditing.geometry import geometry
from elbogap.auditing.inputs.decoder import as_decoder
from elbogap.numerics.contrast import ima_contrast
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.model import LatentModel
from elbogap.numerics.reduction import reduction

REPETITIONS = 9
Decoder = Callable[[jax.Array], jax.Array]

opaque = jax.custom_jvp(lambda y: y)
opaque.defjvp(lambda primals, tangents: (primals[0], tangents[0]))


def network(sizes: tuple[int, ...]) -> Decoder:
    """A tanh network with a linear output, Gaussian weights of variance 1 / fan-in."""
    rng = np.random.default_rng(0)
    layers = [jnp.asarray(rng.standard_normal((b, a)) / np.sqrt(a)) for a, b in itertools.pairwise(sizes)]

    def decoder(z: jax.Array) -> jax.Array:
        for layer in layers[:-1]:
            z = jnp.tanh(layer @ z)
        return layers[-1] @ z

    return decoder


def plain(decoder: Decoder) -> Decoder:
    """The same function, by the route that does not know its structure."""
    return lambda z: opaque(decoder(z))


def medians(*functions: Callable[[], Any], repetitions: int = REPETITIONS) -> list[float]:
    """The median CPU seconds of each, in turns, after a first call."""
    spent: list[list[float]] = [[] for _ in functions]
    for function in functions:
        jax.block_until_ready(function())
    for _ in range(repetitions):
        for times, function in zip(spent, functions, strict=True):
            start = time.process_time()
            jax.block_until_ready(function())
            times.append(time.process_time() - start)
    return [float(np.median(times)) for times in spent]


def row(what: str, with_structure: Callable[[], Any], without: Callable[[], Any], **how: int) -> None:
    """Print both medians and their ratio."""
    short, long = medians(with_structure, without, **how)
    print(f"| {what} | {long:.2e} | {short:.2e} | {long / short:.1f} |", flush=True)


def contrast_of(decoder: Decoder, points: jax.Array) -> Callable[[], Any]:
    """The contrast at the points."""
    return lambda: ima_contrast(decoder, points)


def gap_of(decoder: Decoder, d: int) -> Callable[[], Any]:
    """The gap at one point on the manifold, compiled once."""
    z = jnp.asarray(0.3 * np.random.default_rng(2).standard_normal(d))
    model, x = LatentModel(decoder, d, noise_var=1e-2), decoder(z)
    program = jax.jit(lambda x: measure_gap(model, x, start=z))
    return lambda: program(x)


def geometry_of(decoder: Decoder, points: np.ndarray) -> Callable[[], Any]:
    """The audit's geometry, the reduction included in each call."""
    d = points.shape[1]
    model = LatentModel(as_decoder(decoder, d), d)
    whole = reduction(model)  # once in an audit
    return lambda: geometry(whole.model, points, np.ones(d))[0].contrast


def pairs() -> None:
    """The table of ratios."""
    rng = np.random.default_rng(1)
    print("| work | plain, CPU s | with the structure | ratio |\n|---|---|---|---|")
    decoder, points = network((10, 256, 256, 3072)), jnp.asarray(rng.standard_normal((64, 10)))
    row("contrast, 10-256-256-3072, batch 64", contrast_of(decoder, points), contrast_of(plain(decoder), points))
    decoder, many = network((10, 384, 384, 12288)), rng.standard_normal((512, 10))
    routes = geometry_of(decoder, many), geometry_of(plain(decoder), many)
    row("geometry, 10-384-384-12288, 512 points", *routes, repetitions=3)
    decoder = network((3, 64, 3072))
    row("gap of one point, 3-64-3072", gap_of(decoder, 3), gap_of(plain(decoder), 3), repetitions=3)


def growth() -> None:
    """Time against d and D: a contrast a point (batch 64), a gap of one point (hidden layer of 64)."""
    print("\n| d | D | contrast, CPU s a point | gap, CPU s |\n|---|---|---|---|")
    for d, outputs in ((2, 4), (2, 100), (2, 3000), (2, 100_000), (8, 3000), (16, 3000), (64, 3000), (64, 100_000)):
        decoder = network((d, 64, outputs))
        points = jnp.asarray(np.random.default_rng(1).standard_normal((64, d)))
        (contrast,) = medians(contrast_of(decoder, points), repetitions=3)
        (measured,) = medians(gap_of(decoder, d), repetitions=1)
        print(f"| {d} | {outputs} | {contrast / 64:.1e} | {measured:.1e} |", flush=True)


if __name__ == "__main__":
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before JAX starts its threads
    jax.config.update("jax_enable_x64", True)
    pairs()
    if "--growth" in sys.argv[1:]:
        growth()
