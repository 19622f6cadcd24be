"""Certificates for every noise variance up to one: re-verified by the checker, refused when anything is false."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import sympy
from elbogap.cli import run
from elbogap.enclosures.balls import rational
from elbogap.enclosures.certificate import digest, save
from elbogap.enclosures.checker import CertificateError, check
from elbogap.enclosures.elementary.document import build_certificate
from elbogap.enclosures.elementary.instance import Instance
from elbogap.enclosures.elementary.uniform import enclose_uniform
from elbogap.theory.series.decoders import SymbolicDecoder, latent_symbols
from flint import fmpq

(Z,) = latent_symbols(1)
PATIENCE = 400.0
SOURCE = """
from sympy import exp, sin, tanh
def curve(z): return [z, exp(z / 2)]
def folded(z): return sin(z)
def sines(x, y): return [x + sin(y) / 2, y + sin(x) / 3]
def exponential(x, y): return [x + exp(y / 2) / 4, y + sin(x) / 4]
def tanhs(x, y): return [x + tanh(y) / 2, y - tanh(x) / 3]
"""


@pytest.fixture(scope="module")
def document() -> dict:
    """The certificate of (z, exp(z/2)) at 7/10 for every eps up to 1/100."""
    instance = Instance(SymbolicDecoder("curve", (Z,), (Z, sympy.exp(Z / 2))), (fmpq(7, 10),))
    return build_certificate([], "0", [enclose_uniform(instance, fmpq(1, 100))])


def checked(document: dict, folder: Path, rehash: bool = True) -> list[str]:
    """What the checker says about a document."""
    if rehash:
        document["sha256"] = digest(document)
    return check(save(document, folder / "certificate.json"), PATIENCE)


def test_a_true_certificate_is_verified(document: dict, tmp_path: Path) -> None:
    """The checker proves every piece anew and says for which decoder and range."""
    (line,) = checked(copy.deepcopy(document), tmp_path, rehash=False)
    assert line.startswith("f = (z1, exp((1/2 * z1))), g = (7/10): (gap - c)/eps in [0.01")
    assert line.endswith("for every eps in (0, 1/100]; the order is exactly 1")


def shifted(by: fmpq) -> Callable[[dict], None]:
    """Move every interval."""

    def change(entry: dict) -> None:
        for part in (entry, *entry["pieces"]):
            part["slope"] = [str(rational(end) + by) for end in part["slope"]]

    return change


def narrowed(entry: dict) -> None:
    """Halve the interval of one piece."""
    low, high = (rational(end) for end in entry["pieces"][3]["slope"])
    entry["pieces"][3]["slope"] = [str(low), str((low + high) / 2)]


def rows(key: str, values: list[str]) -> Callable[[dict], None]:
    """Another path of encoders."""
    return lambda entry: entry.update({key: [values]})


@pytest.mark.parametrize(
    ("falsify", "message"),
    [
        (shifted(fmpq(1, 200)), "is not proved to lie in"),
        (narrowed, "is not proved to lie in"),
        (lambda entry: entry["pieces"].pop(4), "leave a hole"),
        (lambda entry: entry["pieces"].pop(), "the pieces end at 3/320, expected 1/100"),
        (lambda entry: entry.update(slope=["0.0135", "0.0136"]), "exceeds the whole"),
        (lambda entry: entry.update(eps0="1/50"), "the pieces end at 1/100, expected 1/50"),
        (lambda entry: entry.update(outputs=["z1", ["exp", ["*", "3/5", "z1"]]]), "not proved"),
        (lambda entry: entry.update(outputs=[["sin", "z1"]]), "not proved|falls too fast"),
        (lambda entry: entry.update(theta="99/100"), "falls too fast|not proved to grow"),
        (lambda entry: entry.update(reach="1/100"), "not proved|not excluded"),
        (rows("deviation", ["10", "0", "0", "0", "0"]), "is not proved to lie in"),
        (rows("deviation", ["60", "0", "0", "0", "0"]), "deviations change too much"),
        (rows("mean", ["1", "0", "0", "0"]), "expected 4 to 4 terms|expected 5 to 5 terms"),
        (rows("mean", ["1"] * 20), "expected 1 to 8 terms"),
        (lambda entry: entry.pop("reach"), "malformed certificate: KeyError"),
    ],
)
def test_false_or_malformed_entries_are_refused(
    document: dict, tmp_path: Path, falsify: Callable[[dict], object], message: str
) -> None:
    """Moved or narrowed intervals, holes, other decoders and hints that prove nothing are refused: the hash fits."""
    changed = copy.deepcopy(document)
    falsify(changed["elementary_uniform"][0])
    with pytest.raises(CertificateError, match=message) as caught:
        checked(changed, tmp_path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def target(tmp_path: Path) -> str:
    """A file of decoders."""
    path = tmp_path / "decoders.py"
    path.write_text(SOURCE)
    return str(path)


def test_the_command_encloses_down_to_zero(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--up-to of a transcendental decoder: verified with a certificate; a claim is decided; else inconclusive."""
    curve = ["enclose", f"{target}:curve", "--latent-dim", "1", "--at", "7/10", "--up-to", "1e-2"]
    assert run([*curve, "--claim=0.01,0.02", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "verified     (gap - contrast)/eps for every eps in (0, 1/100] in [0.01" in out
    assert "by exact order eps" in out
    assert run(["check-certificate", str(tmp_path / "enclosure-certificate.json")]) == 0
    assert "the order is exactly 1" in capsys.readouterr().out
    assert run([*curve, "--claim=-1,0"]) == 1
    assert "refuted" in capsys.readouterr().out
    assert run(["enclose", f"{target}:folded", "--latent-dim", "1", "--at", "1/2", "--up-to", "1e-2", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["outcome"], found["certificate"]) == ("inconclusive", None)
    assert "no growth of the misfit" in found["statements"][0]["reason"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["sines", "exponential", "tanhs"])
def test_two_latents_in_a_second_process(name: str, target: str, tmp_path: Path) -> None:
    """Two latents: the certificate is re-verified in its own process, and refused when one digit is changed."""
    point = ["--latent-dim", "2", "--at", "7/10,-2/5", "--up-to", "1e-2", "--out", str(tmp_path)]
    assert run(["enclose", f"{target}:{name}", *point]) == 0
    path = tmp_path / "enclosure-certificate.json"
    command = [sys.executable, "-m", "elbogap", "check-certificate", str(path), "--seconds", str(PATIENCE)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 0 and "for every eps in (0, 1/100]; the order is exactly 1" in done.stdout
    document = json.loads(path.read_text())
    text = document["elementary_uniform"][0]["slope"][0]
    document["elementary_uniform"][0]["slope"][0] = text[:-1] + str((int(text[-1]) + 1) % 10)
    path.write_text(json.dumps(document))
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
    assert done.returncode == 1 and "the content was changed" in done.stderr
