"""`elbogap enclose`: outcomes kept apart, certificates that are accepted, and one line for every bad request."""

import json
from fractions import Fraction
from pathlib import Path

import pytest
from elbogap.cli import run

SOURCE = """
from sympy import Abs, Rational, besselj, exp, log, sin, symbols, tan, tanh
a, b = symbols("a b")
number = 3
def line(z): return z + tanh(z) / 2
def curve(z): return [z, exp(z / 2)]
def folded(z): return sin(z)
def square(z): return z**2
def two(x, y): return [x + y, x - y]
def broken(z): raise RuntimeError("no")
inexact = [0.5 * a]
bessel = [besselj(0, a)]
half = [log(a)]
poles = [tan(a)]
corner = [Abs(a)]
text = ["import os"]
def shear(x, y):
    u = x + y**2 / 2 + y**3 / 5
    return [u + y / 2 + 7, -u / 5 + Rational(6, 5) * y]
def bent(x, y): return [x + sin(y), y]
def three(x, y, z): return [x + z**2 / 2 + (y - z**3 / 3) / 2, y - z**3 / 3, z - (x + z**2 / 2) / 4]
def three_bent(x, y, z): return [x + sin(z), y, z]
"""


@pytest.fixture
def target(tmp_path: Path) -> str:
    """A file of decoders."""
    path = tmp_path / "decoders.py"
    path.write_text(SOURCE)
    return str(path)


def enclose(target: str, name: str, *more: str, at: str = "7/10") -> int:
    """Run the command for a decoder of one latent."""
    return run(["enclose", f"{target}:{name}", "--latent-dim", "1", "--at", at, *more])


def test_a_decoder_is_enclosed_and_its_certificate_accepted(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All statements are verified, exit 0, and check-certificate accepts the file that --out wrote."""
    assert enclose(target, "line", "--noise-var", "1e-2", "--out", str(tmp_path / "new")) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(line.startswith("verified") for line in lines)
    assert any("gap of the best encoder in [0.0003468801448561" in line for line in lines)
    assert run(["check-certificate", str(tmp_path / "new" / "enclosure-certificate.json")]) == 0
    assert "all 1 statements verified" in capsys.readouterr().out


def test_claims_are_decided(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A claimed interval is verified, refuted or, where the proof is too wide, undecided; the exit status says so."""

    def outcome(claim: str) -> tuple[int, dict]:
        status = enclose(target, "line", "--noise-var", "1/100", f"--claim={claim}", "--json")
        document = json.loads(capsys.readouterr().out)
        assert document["outcome"] == document["statements"][-1]["outcome"]
        return status, document

    status, document = outcome("0.0003,0.0004")
    assert (status, document["outcome"]) == (0, "verified")
    status, document = outcome("-1,0.0003")
    assert (status, document["outcome"]) == (1, "refuted")
    low, high = (Fraction(end) for end in document["statements"][-1]["interval"])
    status, document = outcome(f"0,{(low + high) / 2}")
    assert (status, document["outcome"]) == (1, "inconclusive")


def test_what_is_not_proved_is_inconclusive(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    """For a decoder with other preimages the best encoder is not claimed, and the line says what was not proved."""
    assert enclose(target, "folded", "--noise-var", "1/100") == 1
    out = capsys.readouterr().out
    assert "inconclusive ELBO of the best encoder (that no other encoder is better:" in out
    assert "verified     log p(x)" in out


def test_polynomial_shears_are_enclosed_down_to_zero(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """--up-to proves (gap - c)/eps of a shear for every eps, with a certificate; what is not proved is said."""
    two = ["--latent-dim", "2", "--at", "1/2,3/5", "--up-to", "1e-3"]
    assert run(["enclose", f"{target}:shear", *two, "--claim=-.36,-.35", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "verified     (gap - contrast)/eps for every eps in (0, 1/1000] in [-0.356" in out
    assert "by exact order eps" in out
    assert run(["check-certificate", str(tmp_path / "enclosure-certificate.json")]) == 0
    assert "the order is exactly 1" in capsys.readouterr().out
    flat = ["--latent-dim", "1", "--at", "1/2", "--up-to", "1e-3"]
    assert run(["enclose", f"{target}:folded", *flat]) == 1
    assert "inconclusive (gap - contrast)/eps" in capsys.readouterr().out


def test_shears_of_three_latents_have_sixty_digits(
    target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A polynomial shear of three latents is enclosed to 60 digits with a certificate; other decoders are refused."""
    three = ["--latent-dim", "3", "--at", "1/2,-1/3,3/5", "--noise-var", "1e-2", "--out", str(tmp_path)]
    assert run(["enclose", f"{target}:three", *three, "--digits", "60", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    low, high = (Fraction(end) for end in document["statements"][2]["interval"])
    assert 0 < low < high < low + Fraction(1, 10**60)
    assert run(["check-certificate", str(tmp_path / "enclosure-certificate.json")]) == 0
    capsys.readouterr()
    assert run(["enclose", f"{target}:three_bent", *three]) == 2
    assert "expected a polynomial shear for more than 2 latents" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "more", "at", "line"),
    [
        (
            "line",
            ("--noise-var", "x"),
            "7/10",
            "--noise-var: expected a rational or decimal such as 1/100 or 1e-2, got",
        ),
        ("line", ("--noise-var", "nan"), "7/10", "--noise-var: expected a rational or decimal"),
        ("line", ("--noise-var", "0"), "7/10", "the noise variance: expected a number above 0"),
        ("line", ("--noise-var", "1e-2"), "sqrt(2)", "--at: expected a rational or decimal"),
        ("line", ("--noise-var", "1e-2"), "1,2", "--at: expected 1 numbers separated by commas, got 2"),
        ("line", (), "7/10", "expected one of --noise-var and --up-to, got none"),
        ("line", ("--noise-var", "1", "--up-to", "1"), "7/10", "expected one of --noise-var and --up-to, got both"),
        ("line", ("--noise-var", "1", "--digits", "99"), "7/10", "--digits: expected an integer from 1 to 60, got 99"),
        ("line", ("--noise-var", "1", "--claim", "2,1"), "7/10", "--claim: expected LOW <= HIGH"),
        (
            "line",
            ("--noise-var", "1", "--offset", "1,2"),
            "7/10",
            "--offset: expected 1 numbers separated by commas, got 2",
        ),
        ("inexact", ("--noise-var", "1"), "7/10", "inexact: an enclosure needs exact numbers"),
        ("bessel", ("--noise-var", "1"), "7/10", "bessel: unsupported function besselj"),
        ("corner", ("--noise-var", "1"), "7/10", "corner: unsupported function Abs"),
        ("half", ("--noise-var", "1"), "7/10", "half: unsupported: no growth bound known for log(z_1)"),
        ("poles", ("--noise-var", "1"), "7/10", "poles: unsupported: no growth bound known for tan(z_1)"),
        ("square", ("--noise-var", "1"), "0", "square at (0): the Hessian of the misfit is not positive definite"),
        ("two", ("--noise-var", "1"), "7/10", "two: expected a function of 1 SymPy symbols"),
        ("broken", ("--noise-var", "1"), "7/10", "broken: expected a function of 1 SymPy symbols, got RuntimeError no"),
        ("number", ("--noise-var", "1"), "7/10", "the Hessian of the misfit"),
        ("text", ("--noise-var", "1"), "7/10", "text: expected SymPy expressions, got str"),
        ("absent", ("--noise-var", "1"), "7/10", "has no 'absent': expected one of"),
    ],
)
def test_bad_requests_give_one_line(
    target: str, capsys: pytest.CaptureFixture[str], name: str, more: tuple[str, ...], at: str, line: str
) -> None:
    """What was wrong, what was expected and what came, on one line, with exit status 2."""
    assert enclose(target, name, *more, at=at) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert line in captured.err
