"""Speed of the contrast as ratios within one run, and the memory of the compiled program.

Run: python benchmarks/contrast.py [--one-core]   (needs the extra `bench`: torch; about a minute)

`--one-core` pins the process to one core and torch to one thread and counts CPU time: on a machine that is
busy with other work torch's threads wait for each other, and ratios of wall time flatter us.

Decoders are tanh networks with the same shapes and float64 on both sides. The rivals compute J for the whole
batch by torch.func, or row by row by one backward pass an output, and then the Gram formula; we use
`ima_contrast`. The best of a few repetitions counts, alternating between the sides, so that other work on the
machine hits both.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import torch
from elbogap.numerics.contrast import _contrast_of_batch, ima_contrast

ONE_CORE = "--one-core" in sys.argv[1:]
REPETITIONS = 10
SMALL, SMALL_BATCH = (3, 60, 60, 3), 10_000
LARGE, LARGE_BATCH = (10, 256, 256, 3072), 64


def weights(sizes: tuple[int, ...]) -> list[np.ndarray]:
    """Gaussian weights of variance 1 / fan-in."""
    rng = np.random.default_rng(0)
    return [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in itertools.pairwise(sizes)]


def jax_network(sizes: tuple[int, ...]) -> Callable:
    """The network as a JAX function of one point."""
    matrices = [jnp.asarray(w) for w in weights(sizes)]

    def network(z):
        for matrix in matrices[:-1]:
            z = jnp.tanh(matrix @ z)
        return matrices[-1] @ z

    return network


def torch_network(sizes: tuple[int, ...]) -> Callable:
    """The network as a torch function of one point or a batch."""
    matrices = [torch.as_tensor(w) for w in weights(sizes)]

    def network(z):
        for matrix in matrices[:-1]:
            z = torch.tanh(z @ matrix.T)
        return z @ matrices[-1].T

    return network


def gram_contrast(jacobian: torch.Tensor) -> torch.Tensor:
    """log of column lengths minus half the log-determinant of the Gram matrix: the usual formula."""
    return jacobian.norm(dim=-2).log().sum(-1) - 0.5 * torch.logdet(jacobian.mT @ jacobian)


def backward_loop(network: Callable, z: torch.Tensor) -> torch.Tensor:
    """J of the batch by one backward pass an output, which keeps the graph: the loop found in most training code."""
    z = z.clone().requires_grad_(True)
    x = network(z)
    rows = [torch.autograd.grad(x[:, k].sum(), z, create_graph=True)[0] for k in range(x.shape[1])]
    return torch.stack(rows, dim=1).detach()


def point_loop(network: Callable, z: torch.Tensor) -> torch.Tensor:
    """J point by point and output by output."""
    return torch.cat([backward_loop(network, point[None]) for point in z])


def seconds(*functions: Callable, repetitions: int = REPETITIONS) -> list[float]:
    """The best time of each, in turns; a first call, which compiles, does not count."""
    clock = time.process_time if ONE_CORE else time.perf_counter
    best = [np.inf] * len(functions)
    for function in functions:
        function()
    for _ in range(repetitions):
        for k, function in enumerate(functions):
            start = clock()
            function()
            best[k] = min(best[k], clock() - start)
    return best


def compare(sizes: tuple[int, ...], batch: int, rivals: dict[str, Callable], ours: Callable) -> None:
    """Prints points a second and our ratio to each rival."""
    times = seconds(ours, *rivals.values())
    print(f"\ndecoder {'-'.join(map(str, sizes))}, batch {batch}")
    print(f"  {'ima_contrast':42s} {batch / times[0]:12,.0f} points/s")
    for name, spent in zip(rivals, times[1:], strict=True):
        print(f"  {name:42s} {batch / spent:12,.0f} points/s   ratio {spent / times[0]:6.1f}")


def memory(sizes: tuple[int, ...], batches: tuple[int, ...]) -> None:
    """Print the temporary memory of the compiled program for several batches, chunks of 4, beside that of all J."""
    network = jax_network(sizes)
    print(f"\ntemporary memory, decoder {'-'.join(map(str, sizes))}, chunk 4")
    for batch in batches:
        program = jax.jit(lambda z: _contrast_of_batch(network, z, 4))
        size = program.lower(jnp.zeros((batch, sizes[0]))).compile().memory_analysis().temp_size_in_bytes
        whole = 8 * batch * sizes[0] * sizes[-1]
        print(f"  batch {batch:5d}: {size / 2**20:7.2f} MiB   (all Jacobians: {whole / 2**20:8.2f} MiB)")


def benchmark(sizes: tuple[int, ...], batch: int, mode: str, *, loops: bool) -> None:
    """One decoder: ours against torch.func in the given mode and, if asked for, against loops of backward passes."""
    z = np.random.default_rng(1).standard_normal((batch, sizes[0]))
    z_torch, z_jax = torch.as_tensor(z), jnp.asarray(z)
    network, decoder = torch_network(sizes), jax_network(sizes)
    jacobian = torch.func.vmap(getattr(torch.func, mode)(network))
    rivals: dict[str, Callable] = {f"torch.func.vmap({mode})": lambda: gram_contrast(jacobian(z_torch))}
    if loops:
        rivals["backward loop over outputs"] = lambda: gram_contrast(backward_loop(network, z_torch))
        rivals["backward loop over points and outputs"] = lambda: gram_contrast(point_loop(network, z_torch))
    compare(sizes, batch, rivals, lambda: ima_contrast(decoder, z_jax).block_until_ready())
    difference = np.abs(np.asarray(ima_contrast(decoder, z_jax)) - gram_contrast(jacobian(z_torch)).numpy())
    print(f"  largest difference of the results: {difference.max():.1e}")


def main() -> None:
    """Both decoders, then memory."""
    if ONE_CORE:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # before JAX starts its threads
        torch.set_num_threads(1)
    jax.config.update("jax_enable_x64", True)
    benchmark(SMALL, SMALL_BATCH, "jacrev", loops=True)
    benchmark(LARGE, LARGE_BATCH, "jacfwd", loops=False)
    memory(LARGE, (16, 64, 256, 1024))


if __name__ == "__main__":
    main()
