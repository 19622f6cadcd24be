"""Steps a second of the training loop against PyTorch, for the paper's network and a larger one.

Run: python benchmarks/training.py   (needs the extra `bench`: torch; a few minutes)

The same VAE in both: MLPs of leaky ReLU units, three latents, one Monte Carlo sample, Adam, minibatches by index from
data that stay in memory. PyTorch runs eagerly with one thread, and once more through torch.compile where a C++ compiler
makes that possible. Cost is CPU time of the process a step, all its threads included, so that other work on the machine
does not enter; sides alternate and the best repetition counts. Compilation is timed apart: the last column says after
how many steps the compiled program has caught up with PyTorch's.
"""

import time
from collections.abc import Callable

import jax
import numpy as np
import torch
from elbogap.training.loop import Annealing, Recipe, stack, train
from elbogap.training.models import mlp_vae

STEPS = 1000
REPETITIONS = 3
CASES = (((30,), 64, 1), ((30,), 64, 8), ((64, 64), 64, 1))  # hidden units, batch, runs at once
LATENT_DIM = 3


def cpu(function: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def jax_side(data: np.ndarray, hidden: tuple[int, ...], batch: int, runs: int) -> Callable[[], object]:
    """A call that trains `runs` VAEs for STEPS steps; the first one compiles."""
    rng = np.random.default_rng(0)
    vaes = stack(
        [
            mlp_vae(data, LATENT_DIM, rng, prior="normal", hidden=hidden, activation=jax.nn.leaky_relu)
            for _ in range(runs)
        ]
    )
    level = np.full(runs, -4.0, np.float32)
    noise = Annealing(jax.numpy.asarray(level), jax.numpy.asarray(level))
    recipe = Recipe(steps=STEPS, batch=batch, chunks=1, rate=1e-3, warm_up=10)

    def call() -> object:
        return jax.block_until_ready(
            jax.tree.leaves(train(vaes, data[None], [0] * runs, noise, jax.random.key(0), recipe).vaes)[0]
        )

    return call


def torch_side(data: np.ndarray, hidden: tuple[int, ...], batch: int, compiled: bool) -> Callable[[], object]:
    """A call that trains one VAE for STEPS steps."""

    def network(sizes: list[int]) -> torch.nn.Sequential:
        layers: list[torch.nn.Module] = []
        for index in range(len(sizes) - 1):
            layers += [torch.nn.Linear(sizes[index], sizes[index + 1]), torch.nn.LeakyReLU(0.01)]
        return torch.nn.Sequential(*layers[:-1])

    size = data.shape[1]
    encoder, decoder = network([size, *hidden, 2 * LATENT_DIM]), network([LATENT_DIM, *hidden, size])
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    resident = torch.from_numpy(data)
    precision = float(np.exp(4.0))

    def loss(x: torch.Tensor) -> torch.Tensor:
        mean, log_std = encoder(x).chunk(2, dim=1)
        z = mean + log_std.exp() * torch.randn_like(mean)
        squared = ((x - decoder(z)) ** 2).sum(dim=1)
        return (0.5 * precision * squared + 0.5 * (z**2).sum(dim=1) - log_std.sum(dim=1)).mean()

    objective = torch.compile(loss) if compiled else loss

    def call() -> None:
        for _ in range(STEPS):
            optimiser.zero_grad(set_to_none=True)
            objective(resident[torch.randint(len(resident), (batch,))]).backward()
            optimiser.step()

    return call


def main() -> None:
    """Print one row for each case."""
    torch.set_num_threads(1)
    data = np.random.default_rng(0).standard_normal((20_000, LATENT_DIM)).astype(np.float32)
    print("hidden      batch runs   eager/s compiled/s     here/s  x eager  x compiled  compile s  even after")
    for hidden, batch, runs in CASES:
        ours, eager = jax_side(data, hidden, batch, runs), torch_side(data, hidden, batch, False)
        first = cpu(ours)
        cpu(eager)
        rival = None
        try:
            rival = torch_side(data, hidden, batch, True)
            cpu(rival)
        except Exception as error:  # no compiler, or one that torch does not support
            print(f"torch.compile is not possible here: {type(error).__name__}")
            rival = None
        sides = {"ours": ours, "eager": eager} | ({"rival": rival} if rival else {})
        seconds = dict.fromkeys(sides, np.inf)
        for _ in range(REPETITIONS):
            for name, side in sides.items():
                seconds[name] = min(seconds[name], cpu(side))
        here, theirs = runs * STEPS / seconds["ours"], STEPS / seconds["eager"]
        compiled = STEPS / seconds["rival"] if rival else np.nan
        compile_time = max(0.0, first - seconds["ours"])
        even = compile_time / (1 / theirs - 1 / here) if here > theirs else np.inf
        print(
            f"{hidden!s:<11} {batch:5d} {runs:4d} {theirs:9.0f} {compiled:10.0f} {here:10.0f} {here / theirs:8.1f}"
            f" {here / compiled:11.1f} {compile_time:10.1f} {even:11.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
