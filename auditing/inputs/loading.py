"""What the command line names: objects in Python files, data, weights, priors, noise variances.

Every function raises RequestError, one line with what was expected and what came. A Python file is executed, with its
own folder on the import path; an exception in it is named with its file and line. PyTorch files are read with
`weights_only`, so that they cannot execute anything.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from ...errors import RequestError
from ...numerics.observation_parameters import Categorical, NegativeBinomial
from ...numerics.observations import Observation
from ...numerics.priors import Laplace, Logistic, Normal, Prior, StudentT, UniformLogitNormal
from ...shell import requests
from ...shell.python_files import module_of
from .array_files import read_array, read_safetensors, require_same_kind
from .decoder import failure
from .extras import is_torch_module, torch
from .noise import DECODED
from .observation import OBSERVATIONS
from .wholes import names_in, owner_of

PRIORS: dict[str, type[Prior]] = {
    "normal": Normal,
    "logistic": Logistic,
    "laplace": Laplace,
    "student-t": StudentT,
    "uniform": UniformLogitNormal,
}


def named_object(text: str, option: str) -> Any:
    """The object NAME of FILE.py, given as FILE.py:NAME; a class of PyTorch or Equinox is called without arguments."""
    file, _, name = text.rpartition(":")
    path = Path(file)
    if path.suffix != ".py" or not all(part.isidentifier() for part in name.split(".")):
        raise RequestError(f"{option}: expected FILE.py:NAME or FILE.py:NAME.ATTRIBUTE, got {text!r}")
    if not path.is_file():
        raise RequestError(f"{option}: expected a file that exists, got {file!r}")
    module = _executed(path.resolve(), option)
    value, where = module, file
    for part in name.split("."):
        if not hasattr(value, part):
            there = ", ".join(names_in(value))[:200]
            raise RequestError(f"{option}: expected a name defined in {where} ({there}), got {part!r}")
        value, where = getattr(value, part), part
        if inspect.isclass(value):
            try:
                value = value()
            except Exception as error:
                raise RequestError(
                    f"{option}: expected {part} to be an object, or a class without arguments, {failure(error)}"
                ) from error
    return value


def _executed(path: Path, option: str) -> Any:
    """The module of a file; a file named twice is executed once."""
    name = f"elbogap_audited_{path.stem}_{abs(hash(str(path))):x}"
    if name in sys.modules:
        return sys.modules[name]
    module, loader = module_of(path, name)
    sys.modules[name] = module
    sys.path.insert(0, str(path.parent))
    try:
        loader.exec_module(module)
    except ImportError as error:
        del sys.modules[name]
        if error.name == "torch":
            torch()  # says how to install it
        raise RequestError(f"{option}: expected {path.name} to be importable, {failure(error)}") from error
    except Exception as error:
        del sys.modules[name]
        raise RequestError(f"{option}: expected {path.name} to be importable, {failure(error)}") from error
    finally:
        sys.path.remove(str(path.parent))
    return module


def load_data(text: str) -> Any:
    """The array of a .npy file (mapped, not read), or of a .npz file with one array, or NAME of FILE.npz:NAME.

    Or the object FILE.py:NAME: an array, a tensor, or an iterable of batches.
    """
    if ".py:" in text:
        return named_object(text, "--data")
    file, name = text, None
    if ".npz:" in text:
        file, _, name = text.rpartition(":")
    return read_array(Path(file), name, "--data")


def load_prior(text: str) -> Prior:
    """normal, logistic, laplace, student-t, uniform (logit-normal encoder), or FILE.py:NAME of a `Prior`."""
    if text in PRIORS:
        return PRIORS[text]()
    if ".py:" not in text:
        raise RequestError(f"--prior: expected {', '.join(PRIORS)} or FILE.py:NAME, got {text!r}")
    prior = named_object(text, "--prior")
    if not isinstance(prior, Prior):
        raise RequestError(f"--prior: expected an elbogap.numerics.Prior, got {type(prior).__name__}")
    return prior


def load_noise(text: str) -> Any:
    """A number, numbers with commas, a .npy file, or FILE.py:NAME (number, array, tensor, or callable of z).

    Or what the second output of the decoder is: std, log-std, var, log-var.
    """
    return text if text in DECODED else _positive_numbers(text, "--noise-var", "variances")


def load_observation(name: str, dispersion: str | None, classes: int | None) -> Observation | None:
    """The observation of `--observation`, `--dispersion` and `--classes`; None for Gaussian noise."""
    if name not in OBSERVATIONS:
        raise RequestError(f"--observation: expected one of {', '.join(OBSERVATIONS)}, got {name!r}")
    for option, value, owner in (
        ("--dispersion", dispersion, "negative-binomial"),
        ("--classes", classes, "categorical"),
    ):
        if value is not None and name != owner:
            raise RequestError(f"{option}: expected --observation {owner} with it, got {name}")
    if dispersion is not None:
        return NegativeBinomial(_positive_numbers(dispersion, "--dispersion", "inverse dispersions"))
    if classes is not None:
        requests.whole("--classes", classes, 2)
        return Categorical(classes)
    return OBSERVATIONS[name]()


def load_inputs(texts: list[str]) -> dict[str, Any]:
    """The values of `--with NAME=VALUE`: numbers, arrays, or the object FILE.py:NAME."""
    found: dict[str, Any] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not name.isidentifier() or not value:
            raise RequestError(f"--with: expected NAME=VALUE, got {text!r}")
        if ".py:" in value:
            found[name] = named_object(value, "--with")
        elif value.endswith(".npy"):
            found[name] = np.array(read_array(Path(value), None, "--with"))
        else:
            found[name] = _numbers(value)
    return found


def _numbers(text: str) -> int | float | np.ndarray:
    """A number, whole where it is written so, or an array of numbers with commas."""
    parts = [part for part in text.split(",") if part.strip()]
    try:
        kind = int if all(part.strip().lstrip("+-").isdigit() for part in parts) else float
        values = [kind(part) for part in parts]
    except ValueError:
        raise RequestError(
            f"--with: expected a number, numbers with commas, .npy or FILE.py:NAME, got {text!r}"
        ) from None
    return values[0] if "," not in text else np.array(values)


def _positive_numbers(text: str, option: str, what: str) -> Any:
    """Numbers > 0 with commas, of a .npy file or of FILE.py:NAME; a callable of that name is returned as it is."""
    if ".py:" in text:
        value = named_object(text, option)
        if callable(value) and not hasattr(value, "__array__"):
            if what != "variances":
                raise RequestError(f"{option}: expected an array, got {type(value).__name__}")
            return value
        values = np.asarray(value.detach().cpu().numpy() if hasattr(value, "detach") else value, dtype=float)
        return _positive(values, "an array", option, what)
    if text.endswith(".npy"):
        return _positive(np.array(read_array(Path(text), None, option)), text, option, what)
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        raise RequestError(
            f"{option}: expected a number, numbers with commas, .npy or FILE.py:NAME, got {text!r}"
        ) from None
    return _positive(np.array(numbers[0] if len(numbers) == 1 else numbers), text, option, what)


def _positive(values: np.ndarray, text: str, option: str, what: str) -> np.ndarray:
    if not (np.issubdtype(values.dtype, np.number) and np.all(np.isfinite(values))) or (
        values.ndim < 2 and not np.all(values > 0)
    ):
        raise RequestError(f"{option}: expected finite {what} > 0, got {text}")
    return values


def with_weights(model: Any, path: Path, option: str = "--weights") -> Any:
    """The model with the weights of a .safetensors, .eqx, .pt or .pth file, by name; shapes must match."""
    if not path.is_file():
        raise RequestError(f"{option}: expected a file that exists, got {str(path)!r}")
    if is_torch_module(model):
        return _with_torch_weights(model, path, option)
    if owner_of(model) is not None:
        _with_torch_weights(owner_of(model), path, option)
        return model
    if not isinstance(model, eqx.Module):
        raise RequestError(
            f"{option}: expected a torch.nn.Module or an Equinox module to load into, got {type(model).__name__}"
        )
    if path.suffix == ".eqx":
        return _with_serialised_leaves(model, path, option)
    if path.suffix != ".safetensors":
        raise RequestError(f"{option}: expected .safetensors or .eqx for an Equinox module, got {path.name}")
    tensors = read_safetensors(path, option)
    leaves, tree = jax.tree.flatten_with_path(eqx.filter(model, eqx.is_array))
    names = [jax.tree_util.keystr(key).replace("[", ".").replace("]", "").lstrip(".") for key, _ in leaves]
    _check_names(set(names), set(tensors), option)
    for name, (_, leaf) in zip(names, leaves, strict=True):
        if tensors[name].shape != leaf.shape:
            raise RequestError(f"{option}: expected shape {leaf.shape} for {name}, got {tensors[name].shape}")
        require_same_kind(name, tensors[name], leaf.dtype, option)
    loaded = jax.tree.unflatten(tree, [jnp.asarray(tensors[name]) for name in names])
    return eqx.combine(loaded, model)


def _with_serialised_leaves(model: Any, path: Path, option: str) -> Any:
    """The leaves of an .eqx file, which remembers their type: written in float32, it is read in float32."""
    failures = []
    for kind in (jnp.float64, jnp.float32, jnp.float16, jnp.bfloat16):
        like = jax.tree.map(lambda leaf, kind=kind: leaf.astype(kind) if eqx.is_inexact_array(leaf) else leaf, model)
        try:
            return eqx.tree_deserialise_leaves(path, like)
        except Exception as error:
            failures.append(error)
    raise RequestError(f"{option}: expected leaves that fit the module, {failure(failures[0])}") from failures[0]


def _with_torch_weights(module: Any, path: Path, option: str) -> Any:
    library = torch()
    if path.suffix == ".safetensors":
        arrays = read_safetensors(path, option)
        tensors = {
            name: library.from_numpy(np.array(a, dtype=np.float32 if a.dtype == jnp.bfloat16 else a.dtype))
            for name, a in arrays.items()
        }
    elif path.suffix in (".pt", ".pth", ".ckpt"):
        try:
            tensors = library.load(path, map_location="cpu", weights_only=True)
        except Exception as error:
            raise RequestError(f"{option}: expected a file of weights only, {failure(error)}") from error
    else:
        raise RequestError(f"{option}: expected .safetensors, .pt, .pth or .ckpt for a PyTorch module, got {path.name}")
    if not isinstance(tensors, dict):
        raise RequestError(f"{option}: expected a state dict, got {type(tensors).__name__}")
    expected = set(module.state_dict())
    tensors = _state_in(tensors, expected)
    _check_names(expected, set(tensors), option)
    try:
        module.load_state_dict(tensors)
    except Exception as error:
        raise RequestError(f"{option}: expected weights that fit the module, {failure(error)}") from error
    return module


def _state_in(found: dict, expected: set[str]) -> dict:
    """The weights in a checkpoint: a dictionary whose names, less a prefix such as `module.`, are the expected."""
    candidates = [found, *(value for value in found.values() if isinstance(value, dict))]
    for names in candidates:
        prefixes = {"", *(name[: name.index(".") + 1] for name in names if isinstance(name, str) and "." in name)}
        prefixes |= {first + second for first in prefixes for second in ("decoder.",)}
        for prefix in sorted(prefixes, key=len):
            kept = {
                name.removeprefix(prefix): value
                for name, value in names.items()
                if isinstance(name, str) and name.startswith(prefix)
            }
            if expected and set(kept) == expected:
                return kept
    return found


def _check_names(expected: set[str], received: set[str], option: str) -> None:
    if missing := sorted(expected - received):
        there = ", ".join(sorted(map(str, received))[:6])
        raise RequestError(
            f"{option}: expected weights for {', '.join(missing[:3])}, got none of that name, but {there}"
        )
    if unknown := sorted(received - expected):
        raise RequestError(f"{option}: expected weights of the module, got {', '.join(unknown[:3])} which it lacks")
