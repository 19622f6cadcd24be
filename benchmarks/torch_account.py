"""CPU seconds a point of the account of PyTorch decoders, of this build and of another one, side by side.

    python benchmarks/torch_account.py --other FOLDER [--decoder disc|trained|image]
                                       [--first 4] [--points 24] [--other-points 8] [--threads 1]

FOLDER is the package of the other build, or holds it as `elbogap`. Every account runs in a process of its own; seconds
are of its CPU. A point is the difference of two accounts, of `points` and of --first, over the points between: what is
compiled is in the first of them. Where a point is cheap, many are needed: compiling alone differs by seconds from run
to run. The regime, too, measures at the points of the account, at no more than 16.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

LATENTS, NOISE_VAR = 3, 2e-3


def subject(name: str, threads: int) -> tuple[Any, dict[str, Any]]:
    """A decoder, seeded, and what else is audited.

    `disc`: that of examples/convolutional_vae.py; `trained`: the same as the example has it, trained for seconds, with
    its encoder and its data; `image`: 28 x 28, BatchNorm and GELU.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    if threads:
        torch.set_num_threads(threads)
    if name != "image":
        sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))
        from convolutional_vae import Decoder, discs, train

        if name == "disc":
            return Decoder().eval(), {}
        encoder, decoder, _ = train()
        return decoder, {"encoder": encoder, "encoder_output": "log-var", "data": discs(512, seed=1)}
    up = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1), nn.BatchNorm2d(32), nn.GELU()
    last = nn.ConvTranspose2d(32, 1, 4, stride=2, padding=1), nn.Sigmoid()
    first = nn.Linear(LATENTS, 64 * 7 * 7), nn.GELU(), nn.Unflatten(1, (64, 7, 7))
    return nn.Sequential(*first, *up, *last).eval(), {}


def account(name: str, threads: int, points: int) -> None:
    """One account; prints its CPU seconds and the gap at the first point."""
    import jax

    jax.config.update("jax_enable_x64", True)
    import elbogap

    module, rest = subject(name, threads)
    begun = time.process_time()
    model = {"latent_dim": LATENTS, "noise_var": NOISE_VAR}
    report = elbogap.audit(module, **model, **rest, points=max(points, 2), account_points=points)
    entry = report.account.entries[0]
    print(time.process_time() - begun, entry.gap, entry.error)
    print(Path(elbogap.__path__[0]).resolve())


def measured(name: str, threads: int, points: int, folder: Path) -> list[float]:
    """CPU seconds, gap and its error, in a process of its own with the package of a folder."""
    command = [sys.executable, __file__, "--decoder", name, "--threads", str(threads), "--points", str(points), "--one"]
    with tempfile.TemporaryDirectory() as root:
        package = folder.resolve() if (folder / "__init__.py").exists() else (folder / "elbogap").resolve()
        (Path(root) / "elbogap").symlink_to(package)
        environment = os.environ | {"PYTHONPATH": root}
        out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    numbers, path = out.splitlines()[-2:]
    if Path(path) != package:
        raise SystemExit(f"{folder}: expected the package there to be used, used {path}")
    return [float(part) for part in numbers.split()]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--other", type=Path)
    parser.add_argument("--decoder", choices=("disc", "trained", "image"), default="disc")
    parser.add_argument("--first", type=int, default=4)
    parser.add_argument("--points", type=int, default=24)
    parser.add_argument("--other-points", type=int, default=8)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch; 0 leaves it its own choice")
    parser.add_argument("--one", action="store_true")
    given = parser.parse_args()
    if not given.one and given.first >= min(given.points, given.other_points):
        parser.error(f"--points, --other-points: expected more than --first {given.first}")
    if given.one:
        account(given.decoder, given.threads, given.points)
        return
    import elbogap

    print("| build | first points, CPU s | a further point, CPU s | gap at the first | error |")
    print("|---|---|---|---|---|")
    builds = (("this", Path(elbogap.__path__[0]), given.points), ("other", given.other, given.other_points))
    for name, folder, points in builds:
        if folder is not None:
            one, more = (measured(given.decoder, given.threads, count, folder) for count in (given.first, points))
            each = (more[0] - one[0]) / (points - given.first)
            print(f"| {name} | {one[0]:.0f} | {each:.2f} | {one[1]:.8f} | {one[2]:.1g} |", flush=True)


if __name__ == "__main__":
    main()
