"""PyTorch modules evaluated in JAX: the same values, derivatives and account, or refused with the reason."""

import logging

import elbogap
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap import cli
from elbogap.numerics.contrast import ima_contrast
from elbogap.numerics.gap import measure_gap
from elbogap.numerics.model import LatentModel

torch = pytest.importorskip("torch", reason='needs torch: pip install "elbogap[torch]"')
from elbogap.auditing.inputs import torch_graph  # noqa: E402
from elbogap.auditing.inputs.decoder import as_decoder  # noqa: E402
from elbogap.auditing.inputs.torch_derivatives import jax_function  # noqa: E402
from elbogap.auditing.inputs.torch_module import private_copy, single_point  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

ROUND_OFF = 1e-11  # relative, of both sides in float64; a hundred times that for derivatives of saturated units
POINTS = np.random.default_rng(0).standard_normal((3, 2))


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The networks are tiny: threads would only wait for each other."""
    torch.set_num_threads(1)


class Layer(nn.Module):
    """A linear layer, its output in a shape, a layer and a smooth function after it."""

    def __init__(self, layer, *shape: int):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.layer, self.shape = nn.Linear(2, int(np.prod(shape))), layer(), shape

    def forward(self, z):
        """(n, 2) -> (n, D)."""
        return torch.tanh(self.layer(self.first(z).reshape(-1, *self.shape))).flatten(1)


class Of(nn.Module):
    """A function without weights as a layer."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        """function(x)."""
        return self.function(x)


CONVOLUTIONS = {
    "transposed, stride 2": (lambda: nn.ConvTranspose2d(3, 5, 4, 2, 1), 3, 4, 4),
    "transposed, few outputs": (lambda: nn.ConvTranspose2d(9, 1, 4, 2, 1), 9, 4, 4),
    "transposed, kernel 3, stride 2, output padding": (lambda: nn.ConvTranspose2d(3, 5, 3, 2, 1, 1), 3, 4, 5),
    "transposed, groups and dilation": (lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, groups=2, dilation=2), 4, 3, 3),
    "transposed, one axis": (lambda: nn.ConvTranspose1d(3, 4, 5, 3, 2), 3, 6),
    "transposed, three axes": (lambda: nn.ConvTranspose3d(2, 3, 2, 2), 2, 2, 2, 2),
    "plain": (lambda: nn.Conv2d(3, 5, 3, 1, 1), 3, 4, 4),
    "plain, few outputs, stride": (lambda: nn.Conv2d(9, 2, 3, 2, 1), 9, 5, 4),
    "plain, groups, dilation, no bias": (lambda: nn.Conv2d(4, 6, 2, 1, 1, 2, 2, bias=False), 4, 4, 4),
    "plain, large kernel": (lambda: nn.Conv2d(2, 3, 7, 1, 3), 2, 6, 6),
}
LAYERS = {
    "batch norm": (lambda: nn.BatchNorm2d(3).requires_grad_(False), 3, 2, 2),
    "group norm": (lambda: nn.GroupNorm(2, 4), 4, 2, 2),
    "scaled by bicubic": (lambda: nn.Upsample(scale_factor=2.5, mode="bicubic"), 2, 3, 3),
    "pooled": (lambda: nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False), 2, 5, 4),
    "adaptive": (lambda: nn.AdaptiveAvgPool2d(3), 2, 5, 4),
    "shuffled": (lambda: nn.PixelShuffle(2), 8, 2, 2),
    "attention": (lambda: nn.TransformerEncoderLayer(4, 2, 8, batch_first=True), 3, 4),
    "padded": (lambda: nn.ReflectionPad2d(1), 2, 3, 3),
    "rolled, flat": (lambda: Of(lambda x: x.roll(2) * x), 2, 3),
    "rolled, axes": (lambda: Of(lambda x: x.roll((1, -2), (1, 2)) * x), 2, 3),
    "softplus": (lambda: Of(lambda x: F.softplus(40 * x)), 6),
    "powers": (lambda: Of(lambda x: x**3 + (1 + x * x) ** 0.5 / (2 + x.sin())), 6),
}


def translated(module: nn.Module) -> torch_graph.Graph:
    """The graph of a module of batches, or the reason why there is none."""
    module = private_copy(module, POINTS)
    return torch_graph.translated(single_point(module, True), module, POINTS)


@pytest.mark.parametrize("rows", [True, False], ids=["by rows", "by patches"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_convolutions_are_those_of_pytorch(name: str, rows: bool, monkeypatch) -> None:
    """Value, first and second derivatives of every kind of convolution, small or not, are those of PyTorch."""
    if not rows:
        monkeypatch.setattr(torch_graph, "_SMALL", 0)
    _same_derivatives(Layer(*CONVOLUTIONS[name]))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_are_those_of_pytorch(name: str) -> None:
    """Value, first and second derivatives of layers that decoders have are those of PyTorch."""
    _same_derivatives(Layer(*LAYERS[name]))


def _same_derivatives(module: nn.Module) -> None:
    graph, module = translated(module), private_copy(module, POINTS)
    single = single_point(module, True)
    called = jax_function(single, len(single(torch.zeros(2, dtype=torch.float64))), "reverse")
    z, v = jnp.asarray(POINTS[0]), jnp.asarray(POINTS[1])

    def orders(f):
        def along(g):
            return lambda y: jax.jvp(g, (y,), (v,))[1]

        return f(z), along(f)(z), along(along(f))(z)

    # One program a side: operator by operator each would compile dozens.
    both = (jax.jit(lambda f=f: orders(f))() for f in (graph, called))
    for mine, theirs, lost in zip(*both, (1, 100, 100), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=lost * ROUND_OFF * float(jnp.max(jnp.abs(theirs))))


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda x: torch.linalg.det(4 * torch.eye(2) + x.reshape(-1, 2, 2))[:, None] * x, "no JAX function"),
        (lambda x: x if float(x.sum()) > 0 else -x, "torch.export"),
        (lambda x: x + torch.randn(4) * 0, "random numbers|no JAX function"),
        (lambda x: x + (torch.round(x) - x).detach(), "off from PyTorch|no JAX function"),
        (lambda x: x.detach() ** 2, "off from PyTorch"),
    ],
    ids=["unknown operator", "a branch", "random", "straight-through", "detached"],
)
def test_what_is_not_translated_says_why(function, reason: str) -> None:
    """Unknown operators, branches on values, noise and derivatives that are not those of the values are refused."""
    with pytest.raises(torch_graph.Untranslated, match=reason):
        translated(Layer(lambda: Of(function), 4))


def test_a_wrong_operator_is_found(monkeypatch) -> None:
    """With a tanh that is off by 1e-9 the module is called back, and the log says by how much it was off."""
    wrong = torch_graph.OPERATORS | {"tanh.default": lambda x: jnp.tanh(x) * (1 + 1e-9)}
    monkeypatch.setattr(torch_graph, "OPERATORS", wrong)
    with pytest.raises(torch_graph.Untranslated, match="off from PyTorch by"):
        translated(Layer(nn.Identity, 4))


def test_the_log_says_which_way_is_taken(caplog) -> None:
    """At the level of --debug one line names the way."""
    with caplog.at_level(logging.DEBUG, "elbogap"):
        assert as_decoder(Layer(nn.Identity, 4), 2).derivatives.route == torch_graph.TRANSLATED
    assert "is evaluated in JAX" in caplog.text


@pytest.mark.parametrize(
    ("value", "way"),
    [
        ("y", "is evaluated in JAX"),
        ("y * torch.linalg.det(4 * torch.eye(2) + y[:, :2, None])[:, None]", "is called back from JAX"),
    ],
)
def test_debug_on_the_command_line_says_which_way(value: str, way: str, tmp_path, caplog) -> None:
    """`elbogap audit --debug` names the way of a module that is translated, and of one that is not."""
    source = f"""
import torch
class Decoder(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 3)
    def forward(self, z):
        y = self.linear(z)
        return {value}
decoder = Decoder()
"""
    (tmp_path / "mine.py").write_text(source)
    options = ["--latent-dim", "2", "--points", "4", "--account-points", "0", "--debug"]
    level = logging.getLogger("elbogap").level
    try:
        assert cli.run(["audit", f"{tmp_path / 'mine.py'}:decoder", *options]) in (0, 1)
    finally:
        logging.getLogger("elbogap").setLevel(level)
    assert way in caplog.text


def test_an_entry_of_the_account_is_the_same_either_way() -> None:
    """Gap and contrast of one datum, of the module translated and called back, agree within the stated errors."""
    torch.manual_seed(1)
    module = private_copy(nn.Sequential(nn.Linear(1, 8), nn.GELU(), nn.Linear(8, 4)), POINTS[:, :1])
    single, z = single_point(module, True), jnp.asarray(POINTS[0, :1])
    new = torch_graph.translated(single, module, POINTS[:, :1])
    model = LatentModel(new, 1, noise_var=1e-4)
    x = new(z) + 0.01 * jnp.asarray(POINTS).ravel()[:4]
    ways = [model, LatentModel(jax_function(single, 4, "reverse"), 1, noise_var=1e-4)]
    mine, theirs = (jax.jit(lambda x, model=model: measure_gap(model, x, start=z))(x) for model in ways)
    assert bool(mine.converged & theirs.converged)
    assert abs(mine.gap - theirs.gap) <= mine.gap_error + theirs.gap_error
    assert abs(mine.log_likelihood - theirs.log_likelihood) <= mine.log_likelihood_error + theirs.log_likelihood_error
    assert ima_contrast(ways[0].decoder, z) == pytest.approx(float(ima_contrast(ways[1].decoder, z)), abs=1e-9)


@pytest.mark.slow  # two whole audits, of which everything is compiled twice; one entry of it stands above
@pytest.mark.parametrize("latent_dim", [1, 2])
def test_the_account_is_the_same_either_way(latent_dim: int, monkeypatch) -> None:
    """Every part of the account at every point, translated and called back, agrees within the stated errors."""
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(latent_dim, 8), nn.GELU(), nn.Linear(8, 4))
    reports = [elbogap.audit(module, latent_dim=latent_dim, noise_var=1e-4, points=4, account_points=3)]
    monkeypatch.setattr("elbogap.auditing.inputs.torch_graph.attempted", lambda *_: None)
    reports.append(elbogap.audit(module, latent_dim=latent_dim, noise_var=1e-4, points=4, account_points=3))
    new, old = (report.account.entries for report in reports)
    for mine, theirs in zip(new, old, strict=True):
        bound = mine.error + theirs.error
        assert abs(mine.gap - theirs.gap) <= bound and abs(mine.total - theirs.total) <= mine.total_error + 1e-9
        assert abs(mine.contrast - theirs.contrast) <= 1e-9
        assert mine.a1 == pytest.approx(theirs.a1, rel=1e-6, nan_ok=True)
