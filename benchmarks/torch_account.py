"""CPU seconds a point of the account of PyTorch decoders, of this build and of another one, side by side.

    python benchmarks/torch_account.py --other FOLDER [--decoder disc|image] [--points 4]

FOLDER holds a package `elbogap` of the other build. Every account runs in a process of its own; seconds are of its CPU.
A point is the difference of two accounts, of `points` and of one, over the points between: compilation is in the first.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

LATENTS, NOISE_VAR = 3, 2e-3


def decoder(name: str):
    """`disc`: that of examples/convolutional_vae.py; `image`: 28 x 28, BatchNorm and GELU. Untrained, seeded."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    torch.set_num_threads(1)
    if name == "disc":
        sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
        from convolutional_vae import Decoder

        return Decoder().eval()
    up = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.BatchNorm2d(32), nn.GELU()
    last = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1), nn.Sigmoid()
    first = nn.Linear(LATENTS, 64 * 7 * 7), nn.GELU(), nn.Unflatten(1, (64, 7, 7))
    return nn.Sequential(*first, *up, *last).eval()


def account(name: str, points: int) -> None:
    """One account; prints its CPU seconds and the gap at the first point."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import elbogap

    begun = time.process_time()
    module = decoder(name)
    model = {"latent_dim": LATENTS, "noise_var": NOISE_VAR}
    report = elbogap.audit(module, **model, points=max(points, 2), account_points=points)
    entry = report.account.entries[0]
    print(time.process_time() - begun, entry.gap, entry.error)


def measured(name: str, points: int, folder: Path) -> list[float]:
    """CPU seconds, gap and its error, in a process of its own with the package of a folder."""
    command = [sys.executable, __file__, "--decoder", name, "--points", str(points), "--one"]
    environment = os.environ | {"PYTHONPATH": str(folder)}
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return [float(part) for part in out.split()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", type=Path)
    parser.add_argument("--decoder", choices=("disc", "image"), default="disc")
    parser.add_argument("--points", type=int, default=4)
    parser.add_argument("--one", action="store_true")
    given = parser.parse_args()
    if given.one:
        account(given.decoder, given.points)
        return
    import elbogap

    print("| build | first point, CPU s | a further point, CPU s | gap at the first | error |")
    print("|---|---|---|---|---|")
    for name, folder in (("this", Path(elbogap.__path__[0]).parent), ("other", given.other)):
        if folder is not None:
            one, more = (measured(given.decoder, count, folder) for count in (1, given.points))
            each = (more[0] - one[0]) / (given.points - 1)
            print(f"| {name} | {one[0]:.0f} | {each:.2f} | {one[1]:.8f} | {one[2]:.1g} |", flush=True)


if __name__ == "__main__":
    main()
