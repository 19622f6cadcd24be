"""`ima_contrast` as a regulariser in a PyTorch training loss; the same experiment as regulariser_jax.py.

    python examples/regulariser_torch.py

The contrast is a native PyTorch function (`elbogap.auditing.torch_contrast`), equal to the JAX one; its gradient goes
through the Jacobian to the weights by ordinary `backward()`.
"""

import math

import torch
from elbogap.auditing.torch_contrast import ima_contrast
from torch import nn

WEIGHT, STEPS, BATCH = 0.3, 800, 128


def rotation(angle):
    """The 2 x 2 matrix that turns by this angle."""
    c, s = torch.cos(angle), torch.sin(angle)
    return torch.stack([torch.stack([c, -s]), torch.stack([s, c])])


def target(s):
    """Curved axes, rotated by 0.7: the contrast of s -> target(s) is not 0."""
    u, v = (s @ rotation(torch.tensor(0.7)).T).unbind(dim=1)
    return torch.stack([2.0 * u, 0.5 * v, 0.3 * u**2], dim=1)


def train(weight: float, steps: int = STEPS, seed: int = 0) -> tuple[float, float]:
    """Fit decoder and rotation; the last mean squared error and mean contrast."""
    torch.manual_seed(seed)
    decoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 3))
    angle = nn.Parameter(torch.zeros(()))
    optimiser = torch.optim.Adam([*decoder.parameters(), angle], lr=1e-2)
    error = contrast = torch.tensor(math.nan)
    for _ in range(steps):
        s = torch.randn(BATCH, 2)
        z = s @ rotation(angle).T
        error = ((decoder(z) - target(s)) ** 2).mean()
        contrast = ima_contrast(decoder, z).mean()
        loss = error + weight * contrast if weight else error
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return error.item(), contrast.item()


if __name__ == "__main__":
    for weight in (0.0, WEIGHT):
        error, contrast = train(weight)
        print(f"weight {weight}: mean squared error {error:.4f}, mean contrast {contrast:.4f} nat")
