"""PyTorch decoders: derivatives handed over to JAX, evaluation mode and float64, the native contrast, weights."""

from pathlib import Path

import elbogap
import jax
import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason='needs torch: pip install "elbogap[torch]"')

from elbogap.auditing.inputs.decoder import as_decoder  # noqa: E402
from elbogap.auditing.inputs.loading import with_weights  # noqa: E402
from elbogap.auditing.inputs.model import as_model  # noqa: E402
from elbogap.auditing.torch_contrast import contrast_of_jacobian, ima_contrast  # noqa: E402
from elbogap.errors import RequestError  # noqa: E402

FLOAT32 = 1e-5  # relative: the module itself computes in float32
ROUND_OFF = 1e-12  # both sides compute in float64, derivatives are of size one


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """The networks are tiny: threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture
def called_back(monkeypatch):
    """Modules are called back from JAX, as those are whose operators are not known."""
    monkeypatch.setattr("elbogap.auditing.inputs.torch_graph.attempted", lambda *_: None)


def network() -> torch.nn.Module:
    """2 -> 3, smooth, with batch norm and dropout, float32 and in training mode, as users have them."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(2, 6), torch.nn.BatchNorm1d(6), torch.nn.SiLU(), torch.nn.Dropout(0.5)]
    return torch.nn.Sequential(*layers, torch.nn.Linear(6, 3))


def in_jax(module: torch.nn.Module):
    """The same function written in JAX, evaluation mode."""
    first, norm, _, _, last = (layer.double() for layer in module)
    w, b, v, c = (jnp.asarray(p.detach().numpy()) for p in (first.weight, first.bias, last.weight, last.bias))
    scale = 1 / jnp.sqrt(1.0 + norm.eps)  # running mean 0 and variance 1 of an untrained layer
    return lambda z: v @ jax.nn.silu(scale * (w @ z + b)) + c


@pytest.fixture(scope="module")
def pair():
    """A torch decoder behind the adapter, and its twin in JAX."""
    return as_decoder(network(), 2), in_jax(network())


def test_every_derivative_is_that_of_the_same_function_in_jax(pair) -> None:
    """Value, Jacobian and mixed derivatives up to order four agree with JAX's own, under jit and vmap."""
    decoder, twin = pair
    points = jnp.asarray(np.random.default_rng(0).standard_normal((3, 2)))
    direction, target = jnp.array([0.3, -0.8]), jnp.array([0.1, 0.5, -0.4])

    def derivatives(f):
        def potential(z):
            return 0.5 * jnp.sum((f(z) - target) ** 2)

        def along(g):
            return lambda z: jax.jvp(g, (z,), (direction,))[1]

        def at(z):
            third = jax.grad(along(along(potential)))(z)
            fourth = along(along(along(along(potential))))(z)
            return f(z), jax.jacfwd(f)(z), jax.jacrev(f)(z), jax.hessian(potential)(z), third, fourth

        return jax.jit(jax.vmap(at))(points)

    for ours, expected in zip(derivatives(decoder), derivatives(twin), strict=True):
        np.testing.assert_allclose(ours, expected, atol=ROUND_OFF)


def test_the_contrast_of_a_torch_decoder_is_that_of_its_twin(pair) -> None:
    """`elbogap.ima_contrast` and the geometry of an audit take a torch module like any JAX function."""
    decoder, twin = pair
    report = elbogap.audit(network(), latent_dim=2, points=6, account_points=0)
    np.testing.assert_allclose(
        report.geometry.contrast, elbogap.ima_contrast(twin, report.geometry.points), atol=ROUND_OFF
    )
    assert report.parameters["decoder"] == "torch" and decoder.shape == (3,)


def test_the_user_s_module_is_left_as_it_was() -> None:
    """The adapter works on a copy: training mode, float32 and gradients of the module stay."""
    module = network()
    as_decoder(module, 2)
    assert module.training and all(p.dtype == torch.float32 and p.requires_grad for p in module.parameters())


@pytest.mark.parametrize(
    ("functional", "message"),
    [
        (lambda z: torch.nn.functional.dropout(z, 0.5, training=True), "deterministic|rest of the batch"),
        (
            lambda z: torch.nn.functional.batch_norm(
                torch.cat([z, z.sum(1, keepdim=True)], 1), None, None, training=True
            ),
            "rest of the batch|Expected more than 1 value",
        ),
        (lambda z: z[:, :1], "at least as many outputs"),
        (lambda z: (z, z), "one tensor"),
        (lambda z: torch.from_numpy(np.tanh(z.numpy())), "torch.func can differentiate"),
        (lambda z: z @ torch.ones(3, 3, dtype=z.dtype), r"expected to accept z of shape \(1, 2\)"),
    ],
    ids=["dropout", "batch norm", "too few outputs", "two outputs", "numpy inside", "another latent dimension"],
)
def test_a_module_that_is_no_decoder_is_one_line(functional, message: str) -> None:
    """Stochastic modules and modules that do not fit are refused in one line that says what was expected."""

    class Module(torch.nn.Module):
        def forward(self, z):
            return functional(z)

    with pytest.raises(RequestError, match=message) as caught:
        as_decoder(Module(), 2)
    assert "\n" not in str(caught.value)


class Of(torch.nn.Module):
    """A module of two linear layers and a function in between."""

    def __init__(self, function):
        super().__init__()
        torch.manual_seed(3)
        self.function, self.first, self.last = function, torch.nn.Linear(2, 12), torch.nn.Linear(12, 6)

    def forward(self, z):
        """last(function(first(z)))."""
        return self.last(self.function(self.first(z)))


def without_gradients(h):
    """tanh under no_grad: forward mode only."""
    with torch.no_grad():
        return torch.tanh(h)


def attention(h):
    """Scaled dot-product attention of the three parts of h with themselves."""
    parts = h.reshape(-1, 3, 4)
    return torch.nn.functional.scaled_dot_product_attention(parts, torch.tanh(parts), parts).reshape(-1, 12)


@pytest.mark.parametrize(
    ("function", "route"),
    [
        (torch.tanh, "forward"),
        (lambda h: torch.tanh(torch.nn.functional.layer_norm(h, (12,))), "written out"),
        (
            lambda h: torch.nn.functional.instance_norm(torch.tanh(h).reshape(-1, 3, 4)).reshape(-1, 12),
            "written out",
        ),
        (lambda h: h * torch.linalg.slogdet(4 * torch.eye(3) + h[:, :9].reshape(-1, 3, 3))[1][:, None], "reverse"),
        (without_gradients, "forward only"),
        (attention, "forward"),
    ],
    ids=["tanh", "layer norm", "instance norm", "slogdet", "no_grad", "attention"],
)
def test_the_route_that_is_right_is_taken(function, route: str, called_back) -> None:
    """Where nested forward mode is silently wrong another way is found, and all three orders agree with differences."""
    found = as_decoder(Of(function), 2).derivatives
    assert found.route == route and found.orders == 3 and found.problem is None


def test_recurrent_layers_are_differentiated_one_point_at_a_time(called_back) -> None:
    """An LSTM, whose kernel cannot be mapped, has all orders."""

    class Recurrent(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layer, self.last = torch.nn.LSTM(2, 5, batch_first=True), torch.nn.Linear(5, 4)

        def forward(self, z):
            return self.last(self.layer(z[:, None, :].expand(-1, 3, -1))[0].sum(1))

    found = as_decoder(Recurrent(), 2).derivatives
    assert found.route.endswith("one at a time") and found.orders == 3


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # torch announces the end of scripts; people still have them
def test_scripted_and_traced_modules_are_those_they_were_made_of() -> None:
    """Frozen before they are copied they keep their values and derivatives, and the user's keep their gradients."""
    plain = torch.nn.Sequential(torch.nn.Linear(2, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))
    z = jnp.array([0.3, -0.5])

    def jacobian(module):
        decoder = as_decoder(module, 2)
        return jax.jit(jax.jacfwd(lambda z: decoder(z)))(z)

    expected = jacobian(plain)
    for module in (torch.jit.script(plain), torch.jit.trace(plain, torch.zeros(1, 2))):
        np.testing.assert_allclose(jacobian(module), expected, atol=ROUND_OFF)
        assert all(parameter.requires_grad for parameter in module.parameters())


class Labelled(torch.nn.Module):
    """(mean, log-variance) of a point and a class; a whole model, too, whose decoder is a part."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = torch.nn.Linear(3, 2), torch.nn.Linear(2, 3)
        self.log_var, self.label = torch.nn.Linear(2, 3), torch.nn.Embedding(2, 3)

    def forward(self, z, label=None):
        """The pair; without a class the reconstruction of z."""
        return (
            self.decoder(self.encoder(z)) if label is None else (self.decoder(z) + self.label(label), self.log_var(z))
        )


def test_a_whole_model_is_refused_with_the_name_of_its_decoder() -> None:
    """A VAE for its decoder: the line says which part to name."""
    with pytest.raises(RequestError, match=r"one of its parts is 'decoder': audit that, as FILE.py:NAME.decoder"):
        as_decoder(Labelled(), 2)


def test_learned_variances_and_other_inputs_of_a_module() -> None:
    """(mean, log-variance) of a module is a mean with a variance of z; a class label is given to every point."""
    module, z = Labelled(), jnp.array([0.25, -0.5])
    model, decoder = as_model(module, 2, "log-var", inputs={"label": 1})
    mean, log_var = (part.detach().numpy()[0] for part in module(torch.tensor([[0.25, -0.5]]), torch.tensor([1])))
    np.testing.assert_allclose(decoder(z), mean, rtol=FLOAT32)
    np.testing.assert_allclose(model.noise.whiten(jnp.ones(3), z), np.exp(-0.5 * log_var), rtol=FLOAT32)


@pytest.mark.parametrize(
    "function",
    [lambda z: z + (torch.round(z) - z).detach(), lambda z: z.detach() ** 2],
    ids=["straight-through", "detach"],
)
def test_derivatives_of_another_function_are_refused(function) -> None:
    """A straight-through quantiser and a detached input are refused: their derivative is not that of their values."""
    with pytest.raises(RequestError, match="off from central differences"):
        as_decoder(Of(function), 2)


@pytest.mark.slow
def test_a1_behind_a_layer_norm_is_that_of_the_formula() -> None:
    """a1 of a decoder with LayerNorm is that of the same decoder written in JAX, -0.158; believed, it was -9.8."""
    torch.manual_seed(3)
    module = torch.nn.Sequential(
        torch.nn.Linear(2, 12), torch.nn.LayerNorm(12), torch.nn.Tanh(), torch.nn.Linear(12, 6)
    )
    found = as_decoder(module, 2)
    w, b, v, c = (jnp.asarray(p.detach().double().numpy()) for i in (0, 3) for p in (module[i].weight, module[i].bias))

    def twin(z):
        h = w @ z + b
        h = h - jnp.mean(h)
        return v @ jnp.tanh(h / jnp.sqrt(jnp.mean(h * h) + module[1].eps)) + c

    z = jnp.array([0.5, 0.3])
    ours, theirs = (float(elbogap.expansion(elbogap.LatentModel(f, 2), z).gap_slope) for f in (found, twin))
    assert ours == pytest.approx(theirs, rel=1e-8) and theirs == pytest.approx(-0.158, abs=1e-3)


@pytest.mark.parametrize("shape", [(4, 4), (20, 3)])
def test_the_native_contrast_equals_that_of_jax(shape: tuple[int, int]) -> None:
    """The torch function equals the JAX one to 1e-12, with equal gradients, from tall to square."""
    matrices = np.random.default_rng(1).standard_normal((5, *shape))
    expected, slope = jax.vmap(jax.value_and_grad(elbogap.numerics.contrast.contrast_of_jacobian))(
        jnp.asarray(matrices)
    )
    tensor = torch.tensor(matrices, requires_grad=True)
    value = contrast_of_jacobian(tensor)
    value.sum().backward()
    np.testing.assert_allclose(value.detach().numpy(), expected, atol=ROUND_OFF)
    np.testing.assert_allclose(tensor.grad.numpy(), slope, atol=ROUND_OFF)


def test_the_native_contrast_has_stable_gradients() -> None:
    """At orthogonal, vanishing and dependent columns the value is 0, nan, inf as in JAX, and no gradient is nan."""
    orthogonal = torch.eye(4, 3, dtype=torch.float64) * torch.tensor([1.0, 1e-6, 1e6], dtype=torch.float64)
    vanishing, dependent = torch.eye(4, 3, dtype=torch.float64), torch.ones(4, 3, dtype=torch.float64)
    vanishing[:, 1] = 0
    tensor = torch.stack([orthogonal, vanishing, dependent]).requires_grad_()
    value = contrast_of_jacobian(tensor)
    value[0].backward()
    assert torch.all(torch.isfinite(tensor.grad))
    assert value[0] == 0 and torch.isnan(value[1]) and torch.isinf(value[2])
    expected = elbogap.numerics.contrast.contrast_of_jacobian(jnp.asarray(tensor.detach().numpy()))
    np.testing.assert_array_equal(value.detach().numpy(), expected)


def test_the_native_contrast_trains_a_module() -> None:
    """A gradient step on the mean contrast of a module lowers it; its value is that of the JAX adapter."""
    module = torch.nn.Sequential(torch.nn.Linear(2, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)).double()
    z = torch.randn(6, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    before = ima_contrast(module, z)
    np.testing.assert_allclose(
        before.detach().numpy(), elbogap.ima_contrast(as_decoder(module, 2), z.numpy()), atol=ROUND_OFF
    )
    before.mean().backward()
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.grad is not None:
                parameter -= 0.01 * parameter.grad
    assert ima_contrast(module, z).mean() < before.mean()


def test_weights_are_read_by_name_and_never_executed(tmp_path: Path) -> None:
    """State dicts load from .pt; a pickle with code, and names or shapes that do not fit, are refused in one line."""
    source, target = network(), network()
    with torch.no_grad():
        source[0].weight += 1
    torch.save(source.state_dict(), tmp_path / "good.pt")
    loaded = with_weights(target, tmp_path / "good.pt")
    assert torch.equal(loaded[0].weight, source[0].weight)
    torch.save(source, tmp_path / "whole.pt")
    torch.save({"0.weight": source[0].weight}, tmp_path / "part.pt")
    torch.save(source.state_dict() | {"0.weight": torch.ones(3, 3)}, tmp_path / "shape.pt")
    prefixed = {f"module.decoder.{name}": value for name, value in source.state_dict().items()}
    torch.save({"epoch": 3, "model_state_dict": prefixed | {"module.encoder.bias": torch.ones(2)}}, tmp_path / "c.ckpt")
    assert torch.equal(with_weights(network(), tmp_path / "c.ckpt")[0].weight, source[0].weight)
    for name, message in (
        ("whole.pt", "file of weights only"),
        ("part.pt", "expected weights for 0.bias"),
        ("shape.pt", "size mismatch"),
        ("none.pt", "a file that exists"),
    ):
        with pytest.raises(RequestError, match=message):
            with_weights(network(), tmp_path / name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["regulariser_jax", "regulariser_torch"])
def test_the_regulariser_lowers_the_contrast_at_little_cost(name: str) -> None:
    """In both examples the regularised fit has contrast below 0.02 nat, the plain one above 0.3, both small errors."""
    import runpy

    train = runpy.run_path(str(Path(elbogap.__file__).parent / "examples" / f"{name}.py"))["train"]
    (plain_error, plain), (error, contrast) = train(0.0), train(0.3)
    assert plain > 0.3 and contrast < 0.02 and error < 0.01 and plain_error < 0.01
