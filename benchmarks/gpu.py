"""Contrast and gap in float64 on an accelerator beside the CPU: equal within the stated errors, and how fast.

Run: python benchmarks/gpu.py   (JAX with CUDA: pip install "jax[cuda13]"; without a GPU the CPU beside itself)

Float64 throughout. Some accelerators round float32 products to 10 bits (TF32) unless told otherwise: the script checks
that a float32 product has float32's accuracy under the setting that `ima_contrast` uses, and says how far the default
is off. Exit status 1 where a difference exceeds the error that is stated for it. Times are wall seconds, the best of
five after a first call that compiles.
"""

import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from elbogap.numerics.contrast import ima_contrast
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.model import LatentModel

REPETITIONS = 5
CONTRAST_ERROR = 1e-12  # some thousand units in the last place: condition numbers of these decoders are below a hundred
SINGLE = 1e-5  # relative error of a float32 product of 256 terms; TF32 leaves 1e-3


def network(sizes: tuple[int, ...]) -> Callable[[jax.Array], jax.Array]:
    """A tanh network with a linear output, Gaussian weights of variance 1 / fan-in."""
    rng = np.random.default_rng(0)
    layers = [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]

    def decoder(z: jax.Array) -> jax.Array:
        for layer in layers[:-1]:
            z = jnp.tanh(layer @ z)
        return layers[-1] @ z

    return decoder


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """The result, and the best wall time after a first call."""
    result = jax.block_until_ready(function(*arguments))
    best = np.inf
    for _ in range(REPETITIONS):
        start = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        best = min(best, time.perf_counter() - start)
    return result, best


def on(device: jax.Device, function: Callable[..., Any], *arguments: Any) -> tuple[Any, float]:
    """`timed` on a device; results as NumPy arrays."""
    with jax.default_device(device):
        found, seconds = timed(function, *(jax.device_put(argument, device) for argument in arguments))
    return jax.tree.map(np.asarray, found), seconds


def products(device: jax.Device) -> float:
    """Largest relative error of a float32 product at the precision that `ima_contrast` asks for."""
    rng = np.random.default_rng(3)
    a, b = (rng.standard_normal((256, 256)).astype(np.float32) for _ in range(2))
    exact = a.astype(float) @ b.astype(float)

    def error(precision: str | None) -> float:
        with jax.default_matmul_precision(precision or "default"):
            (found, _) = on(device, jax.jit(jnp.matmul), a, b)
        return float(np.max(np.abs(found - exact)) / np.max(np.abs(exact)))

    print(f"float32 product: error {error('highest'):.1e} as used here, {error(None):.1e} by JAX's default")
    return error("highest")


def compare(devices: list[jax.Device]) -> list[bool]:
    """Print a row for each piece of work; whether each difference is within its error."""
    print("\n| work | difference | stated error | " + " | ".join(f"{d.platform}, s" for d in devices) + " |")
    print("|---|---|---|" + "---|" * len(devices))
    kept = []
    rng = np.random.default_rng(1)
    for sizes, batch in (((3, 60, 60, 3), 10_000), ((10, 256, 256, 3072), 64)):
        decoder, points = network(sizes), rng.standard_normal((batch, sizes[0]))
        runs = [on(device, lambda z, f=decoder: ima_contrast(f, z), points) for device in devices]
        first, last = runs[0][0], runs[-1][0]
        difference = float(np.max(np.abs(first - last) / (1 + np.abs(first))))
        kept.append(show(f"contrast {sizes}, batch {batch}", difference, CONTRAST_ERROR, runs))
    decoder, z = network((2, 64, 3072)), jnp.array([0.3, -0.2])
    model = LatentModel(decoder, 2, noise_var=1e-2)
    program = jax.jit(lambda x: measure_gap(model, x, start=z))
    runs = [on(device, program, np.asarray(decoder(z))) for device in devices]
    first, last = runs[0][0], runs[-1][0]
    stated = float(first.gap_error + last.gap_error)
    kept.append(show("gap of one point, (2, 64, 3072)", float(abs(first.gap - last.gap)), stated, runs))
    return kept


def show(what: str, difference: float, stated: float, runs: list[tuple[Any, float]]) -> bool:
    """Print the row; whether the difference is within the error."""
    seconds = " | ".join(f"{spent:.1e}" for _, spent in runs)
    print(f"| {what} | {difference:.1e} | {stated:.1e} | {seconds} |", flush=True)
    return difference <= stated


def main() -> int:
    """Both devices, side by side."""
    jax.config.update("jax_enable_x64", True)
    cpu, other = jax.devices("cpu")[0], jax.devices()[0]
    if other.platform == "cpu":
        print("no accelerator: the CPU beside itself")
    single = products(other)
    return 0 if all(compare([cpu, other])) and single < SINGLE else 1


if __name__ == "__main__":
    sys.exit(main())
