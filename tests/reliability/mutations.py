"""Every format that elbogap reads, damaged at random: bytes changed, cut, doubled, inserted.

In JSON documents every other damage is one of values: a leaf or a branch is replaced, removed or doubled, so that the
text stays JSON (and a certificate gets its hash again). A reader may give back a value or raise RequestError
(CertificateError) with one line; anything else is lost. Memory and time are bounded.
"""

from __future__ import annotations

import io
import json
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from elbogap.auditing.inputs.loading import load_data, load_noise, with_weights
from elbogap.enclosures.balls import rational
from elbogap.enclosures.certificate import build_certificate, seal
from elbogap.enclosures.checker import CertificateError, check
from elbogap.enclosures.fixed import gap_at
from elbogap.enclosures.proofs import reference_instances
from elbogap.enclosures.refutation import refutations
from elbogap.errors import RequestError
from elbogap.report.schema import read
from elbogap.report.verification import render
from elbogap.shell.kept import keep, read_kept
from elbogap.training.sweeps import config
from elbogap.training.sweeps.store import Run, Store

SECONDS = 20
"""That one reading may take."""
ROOM = 2**30
"""Bytes beyond the start."""


@dataclass(frozen=True)
class Format:
    """A kind of file: its name, an example, and how it is read."""

    name: str
    example: bytes
    read: Callable[[Path], Any]
    seal: Callable[[dict[str, Any]], Any] | None = None
    """For JSON: called with a document whose values were damaged, before it is written."""


ODD = (None, True, -1, 0, 1e308, 10**400, 0.5, "", "nan", "1/0", "-1/3", "<b>", "x" * 3000, [], {}, [[]], [None] * 50)
"""What a value is replaced by."""


def damaged_document(rng: np.random.Generator, content: bytes, seal: Callable[[dict[str, Any]], Any]) -> bytes:
    """The JSON document with one to three damaged values."""
    document = json.loads(content)
    for _ in range(rng.integers(1, 4)):
        holder = document
        while True:
            keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
            if not keys:
                break
            key = keys[int(rng.integers(len(keys)))]
            if isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.9:
                holder = holder[key]
                continue
            match rng.integers(0, 4):
                case 0:
                    del holder[key]
                case 1 if isinstance(holder, list):
                    holder.append(holder[key])
                case _:
                    holder[key] = ODD[int(rng.integers(len(ODD)))]
            break
    return json.dumps(seal(document)).encode()


def mutated(rng: np.random.Generator, content: bytes) -> bytes:
    """The content with one to four random damages."""
    found = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        place = int(rng.integers(0, len(found) + 1))
        match rng.integers(0, 6):
            case 0:
                found[place : place + 1] = rng.bytes(1)
            case 1:
                del found[place:]
            case 2:
                found[place:place] = rng.bytes(int(rng.integers(1, 9)))
            case 3:
                del found[place : place + int(rng.integers(1, 9))]
            case 4:
                found[place:place] = found[: int(rng.integers(0, 64))]
            case _:
                found[place : place + 8] = int(rng.integers(0, 2**63)).to_bytes(8, "little")
    return bytes(found)


def formats(folder: Path) -> list[Format]:
    """All formats, each with a small example."""
    stream = io.BytesIO()
    np.savez(stream, a=np.arange(6.0).reshape(2, 3))
    npz = stream.getvalue()
    stream = io.BytesIO()
    np.save(stream, 1.0 + np.arange(6.0))
    npy = stream.getvalue()
    layer = eqx.nn.Linear(2, 3, key=jax.random.key(0))
    eqx.tree_serialise_leaves(folder / "a.eqx", layer)
    keep(folder / "kept", json.dumps({"a": 1}))
    store = Store(folder / "a.sqlite", create=True)
    for seed in range(3):
        store.add(Run({"seed": seed, "mixing": "moebius", "gamma2": 1.0}, "finished", {"elbo": 1.0}, 0.1, {"jax": "0"}))
    toml = '[grid]\nseeds = [0, 1]\ngamma2 = [1e3]\nmixings = ["moebius"]\n'
    toml += "[model]\nhidden = [8]\n[training]\nsteps = 10\nwarm_up = 2\n"
    return [
        Format("npy", npy, lambda path: np.sum(load_data(str(path)))),
        Format("npz", npz, lambda path: load_data(str(path))),
        Format("noise.npy", npy, lambda path: load_noise(str(path))),
        Format("safetensors", _safetensors(layer), lambda path: with_weights(layer, path)),
        Format("eqx", (folder / "a.eqx").read_bytes(), lambda path: with_weights(layer, path)),
        Format("toml", toml.encode(), config.load),
        Format("json", json.dumps(_report()).encode(), lambda path: render(read(path)), dict),
        Format("certificate", _certificate(), lambda path: check(path, SECONDS / 2), seal),
        Format("sqlite", (folder / "a.sqlite").read_bytes(), lambda path: (Store(path).keys(), Store(path).runs())),
        Format("kept", (folder / "kept").read_bytes(), lambda path: read_kept(path, json.loads)),
    ]


def _safetensors(layer: eqx.nn.Linear) -> bytes:
    from safetensors.numpy import save

    return save({"weight": np.asarray(layer.weight), "bias": np.asarray(layer.bias)})


def _certificate() -> bytes:
    """One gap and two refutations, as small as there are."""
    instance = reference_instances()[0]
    gap = gap_at(instance, rational("1/10"), 20)
    return json.dumps(
        build_certificate([(instance, gap)], [], [(instance, r) for r in refutations(instance)[:2]], "0")
    ).encode()


def _report() -> dict[str, Any]:
    series = {"family": "mlp", "d": 2, "eps": [0.1, 0.01], "difference": [0.1, 0.01], "floor": [1e-9, None]}
    law = {"name": "gap", "verdict": "holds", "summary": "order 1", "predicted_order": 1.0, "instances": []}
    none = {"verdict": "n/a", "summary": ""}
    evidence = {kind: none for kind in ("derived", "measured", "enclosed", "trained")}
    evidence["measured"] = {"verdict": "holds", "summary": "s", "laws": [law | {"series": [series]}]}
    words = {"id": "contrast", "title": "t", "statement": "s", "latex": "x^2", "source": "s"}
    claim = words | {"assumptions": ["a"], "verdict": "holds", "evidence": evidence, "controls": []}
    head = {"version": 1, "seed": 0, "effort": "quick", "versions": {"jax": "0"}, "claims": [claim]}
    return head | {"controls": {"planted": 0, "rejected": 0}}


def lost(one: Format, folder: Path, tries: int, seed: int = 0) -> list[str]:
    """Read `tries` damaged files; a line for each that was not refused as it should be."""
    rng = np.random.default_rng(seed)
    path = folder / f"mutated.{one.name}"
    path.write_bytes(one.example)
    one.read(path)
    found = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.signal(signal.SIGALRM, _too_long)
    for number in range(tries):
        values = one.seal is not None and number % 2
        content = damaged_document(rng, one.example, one.seal) if values and one.seal else mutated(rng, one.example)
        path.write_bytes(content)
        signal.alarm(SECONDS)
        try:
            one.read(path)
        except (RequestError, CertificateError) as error:
            if "\n" in str(error):
                found.append(f"{one.name} {number}: more than one line")
        except BaseException as error:
            found.append(f"{one.name} {number}: {type(error).__name__}: {str(error)[:100]}")
        finally:
            signal.alarm(0)
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    return found + [f"{one.name}: {used >> 20} MiB"] * (used > ROOM)


def _too_long(*_: object) -> None:
    raise TimeoutError(f"more than {SECONDS} s")
