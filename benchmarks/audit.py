"""Geometry of large decoders: seconds and peak memory against the number of points.

    python benchmarks/audit.py [--points 10000] [--convolutional]

A decoder of 64 x 64 x 3 images with 10 latents, dense layers 10-384-384-12288 (4.9 million parameters, float64), and
one with 64 latents and 512 outputs on 1000 points; or with --convolutional a PyTorch decoder of such images, two dense
layers and four transposed convolutions, by the whole command without an account. Every case runs in a process of its
own, so that its peak memory is its own. CPU seconds hardly depend on what else runs; wall seconds do.
"""

import argparse
import itertools
import multiprocessing
import resource
import time
from collections.abc import Callable


def row(work: Callable[[], object], latents: int, outputs: int, parameters: int, points: int) -> None:
    """Do the work, and print what it took."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        f"| {latents} | {outputs} | {parameters / 1e6:.1f} | {points} | {cpu:.0f} | {wall:.0f} | {peak / 2**20:.2f} | "
        f"{(peak - before) / 2**20:.2f} |",
        flush=True,
    )


def case(latents: int, hidden: int, outputs: int, points: int) -> None:
    """Measure one geometry, compilation included, and print a row."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import numpy as np
    from elbogap.auditing.audit import as_model
    from elbogap.auditing.geometry import geometry

    rng = np.random.default_rng(0)
    sizes = [latents, hidden, hidden, outputs]
    layers = [jax.numpy.asarray(rng.standard_normal((n, m)) / m**0.5) for m, n in itertools.pairwise(sizes)]
    count = sum(layer.size for layer in layers)

    def decoder(z):
        first, second, last = layers
        return jax.nn.sigmoid(last @ jax.numpy.tanh(second @ jax.numpy.tanh(first @ z)))

    model, _ = as_model(decoder, latents, 1e-3, None)
    z = rng.standard_normal((points, latents))
    row(lambda: geometry(model, z, np.ones(latents)), latents, outputs, count, points)


def convolutional(points: int) -> None:
    """Measure `audit` of a PyTorch decoder of 64 x 64 x 3 images without an account, and print a row."""
    import elbogap
    import jax
    import torch
    from torch import nn

    jax.config.update("jax_enable_x64", True)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    dense = nn.Linear(10, 256), nn.SiLU(), nn.Linear(256, 1024), nn.SiLU(), nn.Unflatten(1, (64, 4, 4))
    channels, layers = (64, 64, 32, 32, 3), []
    for before, after in itertools.pairwise(channels):
        layers += [nn.ConvTranspose2d(before, after, 4, stride=2, padding=1), nn.SiLU()]
    module = nn.Sequential(*dense, *layers[:-1], nn.Sigmoid()).eval()
    count = sum(parameter.numel() for parameter in module.parameters())
    asked = {"latent_dim": 10, "noise_var": 1e-2, "points": points, "account_points": 0}
    row(lambda: elbogap.audit(module, **asked), 10, 12288, count, points)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10000)
    parser.add_argument("--convolutional", action="store_true")
    given = parser.parse_args()
    points = given.points
    print("| d | D | parameters (M) | points | CPU s | wall s | peak GiB | above the start |")
    print("|---|---|---|---|---|---|---|---|")
    context = multiprocessing.get_context("spawn")
    if given.convolutional:
        process = context.Process(target=convolutional, args=(points,))
        process.start()
        process.join()
        return
    cases = [(10, 384, 12288, points // 10), (10, 384, 12288, points), (64, 256, 512, 1000)]
    for arguments in cases:
        process = context.Process(target=case, args=arguments)
        process.start()
        process.join()


if __name__ == "__main__":
    main()
