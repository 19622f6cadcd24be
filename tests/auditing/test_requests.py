"""Bad input to an audit: one line each, with what was expected and what came."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.audit import as_model, audit
from elbogap.auditing.inputs.calls import output_of
from elbogap.auditing.inputs.decoder import as_decoder
from elbogap.auditing.inputs.encoder import as_encoder
from elbogap.auditing.inputs.loading import (
    load_data,
    load_noise,
    load_prior,
    named_object,
    read_safetensors,
    with_weights,
)
from elbogap.auditing.points import check_data
from elbogap.cli import run
from elbogap.errors import RequestError
from elbogap.numerics.priors import Laplace


def decoder(z):
    """(2,) -> (3,)."""
    return jnp.stack([z[0], z[1], z[0] * z[1]])


def fails(message: str, call, *arguments, **keywords) -> None:
    """The call raises RequestError, one line that contains the message, `expected` and `got`."""
    with pytest.raises(RequestError, match=message) as caught:
        call(*arguments, **keywords)
    text = str(caught.value)
    assert "\n" not in text and "expected" in text and "got" in text


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (3, "a callable"),
        (lambda z: z @ jnp.ones((5, 3)), r"to accept z of shape \(2,\)"),
        (lambda z: decoder(z)[:1], "at least as many outputs"),
        (lambda z: (z, z), "one array"),
        (lambda z: z.astype(int), "floating output"),
        (lambda z: decoder(z) + np.random.default_rng().normal(), "deterministic function"),
        (
            lambda z: (z - z.mean(axis=0, keepdims=True)) * jnp.ones((1, z.shape[1])),
            "rest of the batch",
        ),
        (lambda z: decoder(z) / 0.0, "finite values"),
        (lambda z: jnp.asarray(np.tanh(z)), "that JAX can trace"),
    ],
    ids=["no callable", "fails", "D < d", "pair", "integers", "stochastic", "batch norm", "nan", "numpy inside"],
)
def test_what_is_no_decoder_is_refused(function, message: str) -> None:
    """Whatever is not a deterministic JAX function (d,) -> (D,), D >= d, is refused in one line."""
    fails(message, as_decoder, function, 2)


def test_an_exception_in_a_user_s_file_is_named_with_its_line(tmp_path: Path) -> None:
    """The message names the file and the line in which the user's own code failed."""
    file = tmp_path / "mine.py"
    file.write_text("def f(z):\n    return z + missing_name\n")
    with pytest.raises(RequestError, match=r"NameError: name 'missing_name'.*mine.py, line 2"):
        as_decoder(named_object(f"{file}:f", "decoder"), 2)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 5)), r"shape \(n, 3\) or \(n, 3\), got \(4, 5\)"),
        (np.zeros(3), r"got \(3,\)"),
        (np.zeros((0, 3)), "at least one point"),
        (np.full((4, 3), np.nan), "nan or infinity in point 0"),
        (np.zeros((4, 3), dtype=np.uint8), "divide by 255"),
    ],
    ids=["dimension", "vector", "empty", "nan", "bytes"],
)
def test_data_that_do_not_fit_are_refused(data: np.ndarray, message: str) -> None:
    """Data of another dimension, with nan, or of integers are refused before any work."""
    fails(message, audit, decoder, latent_dim=2, data=data, account_points=0)


@pytest.mark.parametrize("variance", [np.ones(4), np.ones((3, 4)), -1.0, np.array([1.0, 0.0, 1.0])])
def test_noise_that_does_not_fit_is_refused(variance) -> None:
    """A noise variance of the wrong length, or not positive, is refused."""
    with pytest.raises(RequestError, match=r"(?i)noise.*expected.*got"):
        as_model(decoder, 2, variance, None)


@pytest.mark.parametrize(
    ("encoder", "spread", "message"),
    [
        (3, "std", "a callable"),
        (lambda x: x[:2], "std", "got 1 outputs"),
        (lambda x: (x[:2], x[:1]), "std", r"\(2,\) and \(1,\)"),
        (lambda x: (x[:2], x[:2]), "deviation", "one of std"),
    ],
)
def test_an_encoder_that_does_not_fit_is_refused(encoder, spread: str, message: str) -> None:
    """An encoder must give a pair of (d,) arrays, and its spread must have a known meaning."""
    fails(message, as_encoder, encoder, 2, (3,), spread)


def test_a_logarithm_taken_for_a_deviation_is_refused() -> None:
    """Standard deviations that are not positive are refused with a hint; declared as logarithms they are taken."""
    fails("log-var|a logarithm", as_encoder(lambda x: (x[:2], x[:2] - 4), 2, (3,), "std"), np.zeros((2, 3)))
    found = as_encoder(lambda x: (x[:2], x[:2] - 4), 2, (3,), "log-var")(np.zeros((2, 3)))
    np.testing.assert_allclose(found.std, np.exp(-2.0))


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"latent_dim": None}, "number of latents"),
        ({"latent_dim": 0}, "latent_dim: expected an integer >= 1"),
        ({"points": 0}, "points: expected an integer >= 1"),
        ({"samples": 2}, "samples: expected an integer >= 64"),
        ({"relative": -1.0}, "relative tolerance"),
    ],
)
def test_a_request_out_of_range_is_refused(keywords: dict, message: str) -> None:
    """Numbers out of range are refused with their name."""
    fails(message, audit, decoder, **({"latent_dim": 2} | keywords))


def test_data_are_taken_in_the_forms_they_come_in() -> None:
    """Images for a decoder of vectors and batches of a loader are data; another order of axes is refused."""
    flat = as_decoder(lambda z: jnp.concatenate([z, z]), 2)
    assert check_data(np.zeros((5, 1, 2, 2)), flat).shape == (5, 1, 2, 2)
    batches = [(np.ones((3, 4)), np.zeros(3)), (np.zeros((2, 4)), np.zeros(2))]
    np.testing.assert_array_equal(check_data(iter(batches), flat), np.repeat([[1.0] * 4, [0.0] * 4], [3, 2], axis=0))
    image = as_decoder(lambda z: jnp.reshape(jnp.concatenate([z, z, z]), (1, 2, 3)), 2)
    assert check_data(np.zeros((5, 2, 3)), image).shape == (5, 2, 3)
    fails("points of shape", check_data, np.zeros((5, 3, 2)), image)
    fails("batches of one", check_data, 3, flat)


@pytest.mark.parametrize("wrap", [lambda z: (z,), lambda z: {"sample": z}, lambda z: {"sample": z, "loss": None}])
def test_the_only_array_of_an_output_is_taken(wrap) -> None:
    """A decoder that returns a tuple of one, or a mapping with one array, is one of that array."""
    np.testing.assert_array_equal(output_of(wrap(np.ones(3))), np.ones(3))


def test_several_arrays_are_named() -> None:
    """Of several outputs none is chosen in silence: the message lists them."""
    fails(r"2 \(mean \(3,\), log_var \(3,\)\)", output_of, {"mean": np.ones(3), "log_var": np.ones(3)})


def test_an_attribute_of_a_named_object(tmp_path: Path) -> None:
    """FILE.py:NAME.ATTRIBUTE names a part of an object; an unknown one is refused with what there is."""
    (tmp_path / "mine.py").write_text("class Whole:\n    def __init__(self):\n        self.decoder = abs\n")
    assert named_object(f"{tmp_path / 'mine.py'}:Whole.decoder", "decoder") is abs
    fails(r"Whole \(decoder\), got 'encoder'", named_object, f"{tmp_path / 'mine.py'}:Whole.encoder", "decoder")


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """Missing files, files of another kind and arrays without a name are refused in one line."""
    np.savez(tmp_path / "two.npz", a=np.zeros((2, 3)), b=np.ones((2, 3)))
    (tmp_path / "broken.npy").write_text("no array")
    (tmp_path / "broken.safetensors").write_text("no weights")
    (tmp_path / "bad.py").write_text("import no_such_module_anywhere\n")
    fails("a file that exists", load_data, str(tmp_path / "none.npy"))
    fails(".npy or .npz", load_data, "data.csv")
    fails("NAME one of a, b", load_data, str(tmp_path / "two.npz"))
    fails("one of a, b", load_data, str(tmp_path / "two.npz:c"))
    fails("NumPy file", load_data, str(tmp_path / "broken.npy"))
    np.testing.assert_array_equal(load_data(str(tmp_path / "two.npz:b")), np.ones((2, 3)))
    fails("safetensors file", read_safetensors, tmp_path / "broken.safetensors")
    fails("to be importable", named_object, str(tmp_path / "bad.py:f"), "decoder")
    fails("FILE.py:NAME", named_object, "decoder", "decoder")
    fails("a file that exists", named_object, "none.py:f", "decoder")
    fails("a name defined", named_object, f"{Path(__file__)}:no_such_name", "decoder")


def test_noise_and_prior_by_name(tmp_path: Path) -> None:
    """Numbers, files and learned arrays are taken as noise variances, names as priors; others are refused."""
    (tmp_path / "mine.py").write_text(
        "import numpy as np\nlearned = np.array([0.1, 0.2])\n\ndef of_z(z):\n    return 1 + z[0] ** 2\n"
    )
    assert load_noise("2e-3") == 2e-3
    np.testing.assert_array_equal(load_noise("0.1,0.2"), [0.1, 0.2])
    np.testing.assert_array_equal(load_noise(f"{tmp_path / 'mine.py'}:learned"), [0.1, 0.2])
    assert callable(load_noise(f"{tmp_path / 'mine.py'}:of_z"))
    fails("a number", load_noise, "little")
    fails("variances > 0", load_noise, "-1")
    assert isinstance(load_prior("laplace"), Laplace)
    fails("normal, logistic", load_prior, "flat")


def test_weights_of_an_equinox_module(tmp_path: Path) -> None:
    """An Equinox module takes .safetensors by the names of its leaves and .eqx by their order; shapes must fit."""
    linear = eqx.nn.Linear(2, 3, key=jax.random.key(0))
    wanted = {"weight": np.ones((3, 2), np.float32), "bias": np.zeros(3, np.float32)}
    header, body = {}, b""
    for name, array in wanted.items():
        header[name] = {"dtype": "F32", "shape": array.shape, "data_offsets": [len(body), len(body) + array.nbytes]}
        body += array.tobytes()
    text = json.dumps(header).encode()
    (tmp_path / "w.safetensors").write_bytes(len(text).to_bytes(8, "little") + text + body)
    loaded = with_weights(linear, tmp_path / "w.safetensors")
    np.testing.assert_array_equal(loaded.weight, wanted["weight"])
    eqx.tree_serialise_leaves(tmp_path / "w.eqx", loaded)
    np.testing.assert_array_equal(with_weights(linear, tmp_path / "w.eqx").bias, wanted["bias"])
    fails("shape", with_weights, eqx.nn.Linear(4, 3, key=jax.random.key(0)), tmp_path / "w.safetensors")
    fails("fit the module", with_weights, eqx.nn.Linear(4, 3, key=jax.random.key(0)), tmp_path / "w.eqx")
    fails("torch.nn.Module or an Equinox module", with_weights, decoder, tmp_path / "w.eqx")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.py:f", "--latent-dim", "2"], "decoder: expected a file that exists"),
        (["{me}:decoder"], "--latent-dim"),
        (["{me}:decoder", "--latent-dim", "3"], "decoder: expected at least as many|decoder: expected to accept"),
        (["{me}:decoder", "--latent-dim", "2", "--gamma", "2", "--noise-var", "1"], "expected one of them, got both"),
        (["{me}:decoder", "--latent-dim", "2.4"], "--latent-dim: expected an integer, got '2.4'"),
        (["{me}:decoder", "--latent-dim", "2", "--points", "2.6"], "--points: expected an integer"),
        (["{me}:decoder", "--latent-dim", "2", "--seed", ".6"], "--seed: expected an integer"),
        (["{me}:decoder", "--latent-dim", "2", "--gamma", "-2"], "--gamma: expected a number > 0, got -2"),
        (["{me}:decoder", "--latent-dim", "2", "--noise-var", "1,2"], "one value for each of 3 outputs"),
        (["{me}:decoder", "--latent-dim", "2", "--data", "{me}"], "--data: expected a .npy or .npz file"),
        (["{me}:decoder", "--latent-dim", "2", "--out", "{me}/x"], "--out: expected a folder that can be written"),
    ],
)
def test_a_wrong_command_is_one_line_and_status_two(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture, monkeypatch, tmp_path: Path
) -> None:
    """A wrong `elbogap audit` prints one line on standard error, nothing on standard output, and exits with 2."""
    import re

    monkeypatch.setenv("ELBOGAP_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "mine.py").write_text(
        "import jax.numpy as jnp\ndef decoder(z):\n    a, b = z\n    return jnp.stack([a, b, a * b])\n"
    )
    filled = [argument.replace("{me}", str(tmp_path / "mine.py")) for argument in arguments]
    assert run(["audit", *filled]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and re.search(message, err), err
