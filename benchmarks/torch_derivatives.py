"""Which derivatives of PyTorch are right, and by which route: the table of docs/torch-derivatives.md, made again.

    python benchmarks/torch_derivatives.py > docs/torch-derivatives.md

Every operation stands between two linear layers, 2 -> 12 -> operation -> 6, in float64. Orders 1 to 3 along a direction
are compared with central differences at two points (`auditing.inputs.derivative_checks`).
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import torch
from elbogap.auditing.inputs.derivative_checks import ORDERS, check, differences, probes
from elbogap.auditing.inputs.torch_module import evaluate, private_copy, single_point, torch_rules, torch_ways
from elbogap.numerics.precision import EPS64
from elbogap.numerics.seed import SEED
from torch import nn
from torch.nn import functional as F

POINTS = np.random.default_rng(SEED).standard_normal((3, 2))
WIDTH = 12
Function = Callable[[Any], Any]

HEAD = """# Derivatives of PyTorch operations

The audit never believes a derivative: at two points it compares forward and reverse mode with central differences,
orders one to three, and takes the first route that is right. `python benchmarks/torch_derivatives.py` prints this page.

PyTorch {version}, Python {python}, CPU, float64; no other version was tried. *Forward mode*: whether plain nested
forward mode is right, and what is wrong with the first order that is not, relative. *Route*: what the audit takes
(`written out`: the normalisation by its formula; `reverse inside`: forward mode over a gradient; `reverse`: gradients
of gradients; `forward only`: no reverse mode exists; `one at a time`: points are not mapped together). *Orders*: how
many are right then; with two there is no a1, with one no account of the gap, with none the decoder is refused.

| operation | forward mode | route | orders |
|---|---|---|---|"""


class Between(nn.Module):
    """last(function(first(z)))."""

    def __init__(self, function: Function):
        super().__init__()
        torch.manual_seed(3)
        self.function, self.first = function, nn.Linear(2, WIDTH)
        with torch.no_grad():
            size = function(self.first(torch.zeros(1, 2))).reshape(1, -1).shape[1]
        self.last = nn.Linear(size, 6)

    def forward(self, z: Any) -> Any:
        """(n, 2) -> (n, 6)."""
        return self.last(self.function(self.first(z)).flatten(1))


def square(h: Any) -> Any:
    """(n, 3, 3), well conditioned."""
    return 4 * torch.eye(3, dtype=h.dtype) + torch.tanh(h[:, :9]).reshape(-1, 3, 3)


def positive(h: Any) -> Any:
    """(n, 3, 3), symmetric positive definite."""
    return square(h) @ square(h).mT


def in_rows(function: Function, *shape: int) -> Function:
    """The function of h reshaped."""
    return lambda h: function(h.reshape(-1, *shape))


class Reshaped(nn.Module):
    """A layer, made from a fixed seed, of h reshaped."""

    def __init__(self, layer: Callable[[], Any], shape: tuple[int, ...]):
        super().__init__()
        torch.manual_seed(5)
        self.layer, self.shape = layer().eval(), shape

    def forward(self, h: Any) -> Any:
        """The layer's output; of a recurrent layer the sequence."""
        out = self.layer(h.reshape(-1, *self.shape) if self.shape else h)
        return out[0] if isinstance(out, tuple) else out


def built(layer: Callable[[], Any], *shape: int) -> Function:
    """A layer with fixed weights, of h reshaped."""
    return Reshaped(layer, shape)


def recurrent(layer: Callable[[], Any]) -> Function:
    """The outputs of a recurrent layer over three steps."""
    return Reshaped(layer, (3, 4))


class _Self(nn.Module):
    """Attention of a sequence to itself."""

    def __init__(self, attention: Any):
        super().__init__()
        self.attention = attention

    def forward(self, x: Any) -> Any:
        """The attention's output."""
        return self.attention(x, x, x, need_weights=False)[0]


OPERATIONS: dict[str, Function] = {
    **{
        name: getattr(F, name)
        for name in ("relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "softsign")
    },
    **{name: getattr(F, name) for name in ("logsigmoid", "hardtanh", "hardswish", "hardsigmoid", "tanhshrink", "glu")},
    **{name: getattr(torch, name) for name in ("tanh", "sigmoid", "sin", "exp", "erf", "atan", "asinh", "sinh")},
    "log, sqrt of 1 + h^2": lambda h: torch.log(1 + h * h) + torch.sqrt(1 + h * h),
    "softmax": lambda h: F.softmax(h, 1),
    "log_softmax": lambda h: F.log_softmax(h, 1),
    "logsumexp": lambda h: torch.logsumexp(in_rows(lambda x: x, 3, 4)(h), 2),
    "cumsum, cumprod": lambda h: torch.cumsum(h, 1) + torch.cumprod(torch.tanh(h), 1),
    "normalize": lambda h: F.normalize(h, dim=1),
    "layer_norm": lambda h: torch.tanh(F.layer_norm(h, (WIDTH,))),
    "LayerNorm with weights": built(lambda: nn.Sequential(nn.LayerNorm(WIDTH), nn.Tanh())),
    "RMSNorm": built(lambda: nn.Sequential(nn.RMSNorm(WIDTH), nn.Tanh())),
    "instance_norm": in_rows(lambda x: torch.tanh(F.instance_norm(x)), 3, 4),
    "GroupNorm": built(lambda: nn.Sequential(nn.GroupNorm(3, 6), nn.Tanh()), 6, 2),
    "BatchNorm, evaluation": built(lambda: nn.Sequential(nn.BatchNorm1d(WIDTH), nn.Tanh())),
    "local_response_norm": in_rows(lambda x: F.local_response_norm(x, 2), 3, 4),
    "Bilinear": lambda h: F.bilinear(h[:, :3], h[:, 3:6], torch.ones(4, 3, 3, dtype=h.dtype) / 3),
    "Conv1d": built(lambda: nn.Sequential(nn.Conv1d(3, 4, 3, padding=1), nn.Tanh()), 3, 4),
    "Conv2d": built(lambda: nn.Sequential(nn.Conv2d(3, 2, 2), nn.Tanh()), 3, 2, 2),
    "ConvTranspose2d": built(lambda: nn.Sequential(nn.ConvTranspose2d(3, 2, 2, 2), nn.Tanh()), 3, 2, 2),
    "PixelShuffle": built(lambda: nn.Sequential(nn.PixelShuffle(2), nn.Tanh()), 12, 1, 1),
    "Upsample nearest": built(lambda: nn.Sequential(nn.Upsample(scale_factor=2), nn.Tanh()), 3, 2, 2),
    "Upsample bilinear": built(lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Tanh()), 3, 2, 2),
    "Upsample bicubic": built(lambda: nn.Sequential(nn.Upsample(scale_factor=2, mode="bicubic"), nn.Tanh()), 3, 2, 2),
    "AvgPool2d": built(lambda: nn.Sequential(nn.Tanh(), nn.AvgPool2d(2)), 3, 2, 2),
    "AdaptiveAvgPool2d": built(lambda: nn.Sequential(nn.Tanh(), nn.AdaptiveAvgPool2d(1)), 3, 2, 2),
    "MaxPool2d": built(lambda: nn.Sequential(nn.Tanh(), nn.MaxPool2d(2)), 3, 2, 2),
    "pad, reflect": in_rows(lambda x: F.pad(torch.tanh(x), (1, 1), mode="reflect"), 3, 4),
    "grid_sample": in_rows(
        lambda x: F.grid_sample(
            torch.tanh(x[:, :, :2, :2]), torch.tanh(x.reshape(-1, 2, 3, 2)) / 2, align_corners=False
        ),
        3,
        2,
        2,
    ),
    "cdist": in_rows(lambda x: torch.cdist(x, torch.tanh(x) + 2), 3, 4),
    "scaled_dot_product_attention": in_rows(lambda x: F.scaled_dot_product_attention(x, torch.tanh(x), x), 3, 4),
    "MultiheadAttention": built(lambda: _Self(nn.MultiheadAttention(4, 2, batch_first=True)), 3, 4),
    "TransformerEncoderLayer": built(lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 3, 4),
    "RNN": recurrent(lambda: nn.RNN(4, 5, batch_first=True)),
    "GRU": recurrent(lambda: nn.GRU(4, 5, batch_first=True)),
    "LSTM": recurrent(lambda: nn.LSTM(4, 5, batch_first=True)),
    "linalg.slogdet": lambda h: torch.linalg.slogdet(square(h))[1][:, None],
    "linalg.det": lambda h: torch.linalg.det(square(h))[:, None],
    "linalg.solve": lambda h: torch.linalg.solve(square(h), torch.ones(3, 1, dtype=h.dtype)),
    "linalg.inv": lambda h: torch.linalg.inv(square(h)),
    "linalg.cholesky": lambda h: torch.linalg.cholesky(positive(h)),
    "linalg.eigvalsh": lambda h: torch.linalg.eigvalsh(positive(h)),
    "linalg.svdvals": lambda h: torch.linalg.svdvals(square(h)),
    "linalg.qr": lambda h: torch.linalg.qr(square(h))[1],
    "linalg.matrix_exp": lambda h: torch.linalg.matrix_exp(square(h) / 4),
    "fft": lambda h: torch.fft.rfft(torch.tanh(h)).abs(),
    "einsum": in_rows(lambda x: torch.einsum("nij,nkj->nik", x, torch.tanh(x)), 3, 4),
}


def row(name: str, function: Function) -> str:
    """One line of the table."""
    try:
        module = private_copy(Between(function), POINTS)
        values = lambda z: evaluate(module, z)  # noqa: E731
        probed = [(probe, differences(values, probe, EPS64)) for probe in probes(POINTS, 6)]
    except Exception as error:
        return f"| {name} | does not run: {type(error).__name__} | | |"
    forward, best, route = None, -1, "none"
    for way, (single, how) in torch_ways(single_point(module, True)).items():
        orders, problem = check(torch_rules(single, how), probed)
        if forward is None:
            forward = _said(orders, problem)
        if orders > best:
            best, route = orders, way
        if orders == ORDERS:
            break
    return f"| {name} | {forward} | {route} | {best} |"


def _said(orders: int, problem: str | None) -> str:
    if problem is None:
        return "right"
    what = problem.split("is off from central differences by ")
    if len(what) == 2:
        off, size = (float(part.split(")")[0]) for part in what[1].split(" at ")[0].split(" (of "))
        return f"order {orders + 1} wrong by {off / size:.0%}" if size == size else f"order {orders + 1} not finite"
    return f"order {orders + 1} fails"


def main() -> None:
    """Print the page."""
    jax.config.update("jax_enable_x64", True)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(HEAD.format(version=torch.__version__.split("+")[0], python=platform.python_version()))
    for name, function in OPERATIONS.items():
        print(row(name, function), flush=True)


if __name__ == "__main__":
    main()
