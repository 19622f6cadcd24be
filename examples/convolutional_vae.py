"""A small convolutional VAE in PyTorch, trained here in seconds on drawn discs: something to audit.

    python examples/convolutional_vae.py                    # trains, writes disc_decoder.pt, disc_encoder.pt, discs.npy
    elbogap audit examples/convolutional_vae.py:Decoder --latent-dim 3 --weights disc_decoder.pt \
        --encoder examples/convolutional_vae.py:Encoder --encoder-weights disc_encoder.pt --encoder-output log-var \
        --data discs.npy --noise-var 2e-3 --out audit

Images are 16 x 16, grey, a soft disc whose position and radius vary: three factors, three latents. The loss is the
negative ELBO with noise variance NOISE_VAR: sum of squares / (2 NOISE_VAR) + KL.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

LATENTS, SIDE, NOISE_VAR = 3, 16, 2e-3


class Decoder(nn.Module):
    """z (n, 3) -> images (n, 1, 16, 16)."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(LATENTS, 64),
            nn.SiLU(),
            nn.Linear(64, 16 * 4 * 4),
            nn.SiLU(),
            nn.Unflatten(1, (16, 4, 4)),
            nn.ConvTranspose2d(16, 16, 4, stride=2, padding=1),
            nn.BatchNorm2d(16),
            nn.SiLU(),
            nn.ConvTranspose2d(16, 1, 4, stride=2, padding=1),
            nn.Sigmoid(),
        )

    def forward(self, z):
        """Images in [0, 1]."""
        return self.net(z)


class Encoder(nn.Module):
    """images (n, 1, 16, 16) -> mean and log-variance, each (n, 3)."""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Conv2d(16, 32, 4, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(32 * 4 * 4, 64),
            nn.SiLU(),
            nn.Linear(64, 2 * LATENTS),
        )

    def forward(self, x):
        """Mean and log-variance."""
        mean, log_variance = self.net(x).chunk(2, dim=1)
        return mean, log_variance


def discs(count: int, seed: int) -> np.ndarray:
    """Soft discs (count, 1, 16, 16) in [0, 1]."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(5.0, 10.0, (count, 2, 1, 1))
    radius = rng.uniform(2.0, 4.0, (count, 1, 1))
    across, down = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    distance = np.hypot(across - centre[:, 0], down - centre[:, 1])
    return (1 / (1 + np.exp(distance - radius)))[:, None].astype(np.float32)


def train(steps: int = 1500, seed: int = 0) -> tuple[Encoder, Decoder, float]:
    """Encoder, decoder and the mean loss of the last 50 steps."""
    torch.manual_seed(seed)
    encoder, decoder = Encoder(), Decoder()
    data = torch.from_numpy(discs(4096, seed))
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=2e-3)
    losses = []
    for step in range(steps):
        # The noise variance falls to its final value over the first half, as the posterior would collapse at once.
        noise_var = NOISE_VAR * (50.0 ** max(0.0, 1 - 2 * step / steps))
        x = data[torch.randint(len(data), (128,))]
        mean, log_variance = encoder(x)
        z = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        error = ((decoder(z) - x) ** 2).sum(dim=(1, 2, 3))
        divergence = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1)
        loss = (error / (2 * noise_var) + divergence).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return encoder.eval(), decoder.eval(), float(np.mean(losses[-50:]))


def main() -> None:
    """Train and write the weights and held-out data into a folder."""
    torch.set_num_threads(1)  # the networks are small: threads would wait for each other
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("."))
    parser.add_argument("--steps", type=int, default=1500)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    encoder, decoder, loss = train(arguments.steps)
    torch.save(encoder.state_dict(), arguments.out / "disc_encoder.pt")
    torch.save(decoder.state_dict(), arguments.out / "disc_decoder.pt")
    np.save(arguments.out / "discs.npy", discs(512, seed=1))
    print(f"loss {loss:.2f} nat; wrote disc_encoder.pt, disc_decoder.pt, discs.npy to {arguments.out}")


if __name__ == "__main__":
    main()
