"""Decoders within larger objects, as the libraries have them: methods, parts, outputs of models, data in a file."""

from collections import OrderedDict
from pathlib import Path

import jax
import numpy as np
import pytest
from elbogap.auditing.inputs.calls import failure
from elbogap.auditing.inputs.decoder import as_decoder
from elbogap.auditing.inputs.encoder import as_encoder
from elbogap.auditing.inputs.loading import load_data, named_object, with_weights
from elbogap.auditing.inputs.outputs import choosing
from elbogap.errors import RequestError

torch = pytest.importorskip("torch", reason='needs torch: pip install "elbogap[torch]"')
nn = torch.nn


class Whole(nn.Module):
    """Encoder and decoder of a library: outputs by name, dropout, and a decoder that takes a class."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.encoder, self.last, self.drop = nn.Linear(3, 4), nn.Linear(2, 3), nn.Dropout(0.5)

    def encode(self, x):
        """A mapping with two arrays."""
        mean, log_var = self.encoder(x).chunk(2, dim=1)
        return OrderedDict(embedding=mean, log_covariance=log_var)

    def decode(self, z, label):
        """A mapping with one array."""
        return OrderedDict(reconstruction=self.drop(torch.tanh(self.last(z)) + label[:, None]))

    def forward(self, x):
        """The reconstruction of x."""
        return self.decode(self.encode(x)["embedding"], torch.zeros(len(x)))


def test_a_method_of_a_module_is_a_decoder() -> None:
    """`vae.decode` is audited in float64 and evaluation mode, with its other inputs; the user's module stays."""
    whole = Whole()
    decoder = as_decoder(choosing(whole.decode, (), None, {"label": 3}), 2)
    z = jax.numpy.array([0.3, -0.2])
    weight, bias = (getattr(whole.last, name).detach().double().numpy() for name in ("weight", "bias"))
    np.testing.assert_allclose(decoder(z), np.tanh(weight @ z + bias) + 3, rtol=1e-14)
    np.testing.assert_allclose(
        jax.jacfwd(decoder)(z), (1 - np.tanh(weight @ z + bias) ** 2)[:, None] * weight, rtol=1e-12
    )
    assert whole.training and whole.last.weight.dtype == torch.float32 and whole.last.weight.requires_grad


def test_outputs_are_those_that_were_named() -> None:
    """A name picks its output and no other; two names are a pair in the order in which they were given."""

    def decoder(z):
        return {"mean": z, "spread": 2 * z}

    z = jax.numpy.array([0.3, -0.2])
    np.testing.assert_array_equal(choosing(decoder, ("spread",), None)(z), 2 * z)
    pair = choosing(decoder, ("spread", "mean"), "mean and spread")(z)
    np.testing.assert_array_equal(pair, np.stack([2 * z, z], axis=-1))
    np.testing.assert_array_equal(choosing(decoder, (), "mean and spread")(z), pair[:, ::-1])


def test_weights_of_a_method_are_those_of_its_module(tmp_path: Path) -> None:
    """A state dict is loaded into the module that a named method belongs to."""
    trained, fresh = Whole(), Whole()
    nn.init.constant_(trained.last.weight, 0.5)
    torch.save(trained.state_dict(), tmp_path / "whole.pt")
    loaded = with_weights(fresh.decode, tmp_path / "whole.pt")
    assert loaded == fresh.decode and torch.equal(fresh.last.weight, trained.last.weight)


def test_a_mapping_of_two_arrays_is_an_encoder_s_pair() -> None:
    """pythae's encoders give mean and log-variance in a mapping, in that order; a method is taken, too."""
    whole = Whole()
    found = as_encoder(whole.encode, 2, (3,), "log-var")(np.zeros((2, 3)))
    bias = whole.encoder.bias.detach().double().numpy()
    np.testing.assert_allclose(found.mean[0], bias[:2])
    np.testing.assert_allclose(found.std[0], np.exp(bias[2:] / 2))


def test_data_may_be_an_object_of_a_file(tmp_path: Path) -> None:
    """`--data FILE.py:NAME` is the array of that name."""
    (tmp_path / "mine.py").write_text("import numpy as np\ndata = np.ones((4, 3))\n")
    np.testing.assert_array_equal(load_data(f"{tmp_path / 'mine.py'}:data"), np.ones((4, 3)))


class Model:
    """A whole model of a JAX library: called with data of its own dimension."""

    def __init__(self) -> None:
        self.decoder = jax.numpy.tanh

    def __call__(self, x):
        """Needs three numbers."""
        return x @ jax.numpy.ones((3, 3))


class Linen(Model):
    """One whose parameters lie elsewhere: the name of its module is all that tells it."""

    __module__ = "flax.linen.module"


@pytest.mark.parametrize(
    ("whole", "message"),
    [
        (Linen(), r"a Flax Linen module has no parameters: lambda z: model\.apply\(variables, z\)"),
        (Model(), r"one of its parts is 'decoder': audit that, as FILE.py:NAME.decoder"),
        (lambda z: nn.Linear(2, 3)(z), r"a function of PyTorch tensors\? name a torch.nn.Module, or its method"),
    ],
)
def test_what_is_not_the_decoder_is_refused_with_what_is(whole, message: str) -> None:
    """A whole model, or a function of tensors, is refused in one line that says what to name instead."""
    with pytest.raises(RequestError, match=message):
        as_decoder(whole, 2)


def test_an_exception_for_a_terminal_is_plain_text() -> None:
    """The escapes for bold letters in Keras's messages do not enter the line."""
    assert failure(ValueError("\x1b[1mInvalid input\x1b[0m\n\nshape")) == "got ValueError: Invalid input shape"


def test_an_unknown_part_lists_what_there_is(tmp_path: Path) -> None:
    """The parts of a PyTorch module are named where another is asked for."""
    (tmp_path / "mine.py").write_text(
        "from torch import nn\nwhole = nn.ModuleDict({'image': nn.Linear(2, 3), 'curve': nn.Linear(2, 4)})\n"
    )
    assert named_object(f"{tmp_path / 'mine.py'}:whole.curve", "decoder").out_features == 4
    with pytest.raises(RequestError, match=r"whole \(image, curve\), got 'text'"):
        named_object(f"{tmp_path / 'mine.py'}:whole.text", "decoder")
