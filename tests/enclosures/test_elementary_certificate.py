"""Certificates of elementary decoders: re-verified by the separate checker, refused when anything in them is false."""

import copy
from collections.abc import Callable
from pathlib import Path

import pytest
import sympy
from elbogap.enclosures.balls import rational
from elbogap.enclosures.certificate import digest, save
from elbogap.enclosures.checker import CertificateError, check
from elbogap.enclosures.checker.formulas import formulas, jets, values
from elbogap.enclosures.elementary.document import build_certificate, prefix
from elbogap.enclosures.elementary.fixed import enclose
from elbogap.enclosures.elementary.instance import Instance
from elbogap.theory.series.decoders import SymbolicDecoder, latent_symbols
from flint import acb, arb, ctx, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st

Z1, Z2 = latent_symbols(2)
EXPRESSION = sympy.exp(Z1 / 2) * sympy.tanh(Z2) / sympy.sqrt(1 + Z1**2) + sympy.atan(Z1 * Z2) + sympy.cosh(Z2 / 3) ** -2


@pytest.fixture(scope="module")
def document() -> dict:
    """The certificate of z + tanh(z)/2 at 7/10, eps = 1/100."""
    instance = Instance(SymbolicDecoder("line", (Z1,), (Z1 + sympy.tanh(Z1) / 2,)), (fmpq(7, 10),))
    return build_certificate([enclose(instance, fmpq(1, 100))], "0")


def checked(document: dict, folder: Path, rehash: bool = True) -> list[str]:
    """What the checker says about a document."""
    if rehash:
        document["sha256"] = digest(document)
    return check(save(document, folder / "certificate.json"))


def test_a_true_certificate_is_verified(document: dict, tmp_path: Path) -> None:
    """The checker proves the intervals anew and says which decoder they belong to."""
    (line,) = checked(copy.deepcopy(document), tmp_path, rehash=False)
    assert line.startswith("f = ((z1 + (1/2 * tanh(z1)))), g = (7/10), eps = 1/100: log p in [-1.44219")
    entry = document["elementary"][0]
    assert all(text in line for key in ("log_likelihood", "elbo", "gap") for text in entry[key])


def test_a_changed_digit_is_refused(document: dict, tmp_path: Path) -> None:
    """One digit changed, without a new hash, is refused."""
    changed = copy.deepcopy(document)
    text = changed["elementary"][0]["gap"][0]
    changed["elementary"][0]["gap"][0] = text[:-1] + str((int(text[-1]) + 1) % 10)
    with pytest.raises(CertificateError, match="content was changed"):
        checked(changed, tmp_path, rehash=False)


def moved(key: str, by: fmpq) -> Callable[[dict], None]:
    """Shift an interval or a list of numbers."""

    def change(entry: dict) -> None:
        entry[key] = [str(rational(value) + by) for value in entry[key]]

    return change


@pytest.mark.parametrize(
    ("falsify", "message"),
    [
        (moved("gap", fmpq(1, 10**13)), "gap at eps = 1/100 is not proved"),
        (moved("log_likelihood", fmpq(1, 10**13)), "log p at eps = 1/100 is not proved"),
        (moved("elbo", -fmpq(1, 10**13)), "best ELBO at eps = 1/100 is not proved"),
        (moved("mean", fmpq(1, 10)), "best ELBO at eps = 1/100 is not proved"),
        (lambda entry: entry.update(eps="1/99"), "is not proved"),
        (lambda entry: entry.update(theta="99/100"), "falls too fast|not proved to grow"),
        (lambda entry: entry.update(reach="1/100"), "not excluded"),
        (lambda entry: entry.update(outputs=[["sin", "z1"]]), "not proved"),
        (lambda entry: entry.update(outputs=[["*", "2", "z1"]]), "is not proved"),
        (lambda entry: entry.update(outputs=[["log", "z1"]]), "not known|not proved"),
        (lambda entry: entry.update(outputs=[["system", "z1"]]), "expected one of exp"),
        (lambda entry: entry.update(outputs=["z2"]), "expected a rational"),
        (lambda entry: entry.update(outputs=[["^", "z1", "1000"]]), "powers of at most 32"),
        (lambda entry: entry.update(point=["0"] * 3), "1 to 2 latents, got 3"),
        (lambda entry: entry.update(scale=["0"]), "positive scales"),
        (lambda entry: entry.update(deviation=["-1"]), "positive deviations"),
        (lambda entry: entry.pop("gap"), "malformed certificate: KeyError"),
    ],
)
def test_false_or_malformed_entries_are_refused(
    document: dict, tmp_path: Path, falsify: Callable[[dict], object], message: str
) -> None:
    """Moved intervals, hints that prove nothing, other decoders and malformed formulas are refused: the hash fits."""
    changed = copy.deepcopy(document)
    falsify(changed["elementary"][0])
    with pytest.raises(CertificateError, match=message) as caught:
        checked(changed, tmp_path)
    assert "\n" not in str(caught.value)


def test_formulas_are_bounded() -> None:
    """Formulas that are nested too deeply or have too many steps are refused before anything is computed."""
    deep = "z1"
    for _ in range(200):
        deep = ["sin", deep]
    with pytest.raises(CertificateError, match="at most 80 deep"):
        formulas([deep], 1)
    with pytest.raises(CertificateError, match="at most 1000 steps"):
        formulas([["+", *(["*", str(k), "z1"] for k in range(2000))]], 1)


@settings(max_examples=12)
@given(x=st.integers(-12, 12), y=st.integers(-12, 12))
def test_the_checkers_formulas_and_derivatives_are_right(x: int, y: int) -> None:
    """Values, gradients and Hessians of the checker hold those of SymPy; complex balls agree with real ones."""
    code = formulas([prefix(EXPRESSION, (Z1, Z2))], 2)
    with ctx.workprec(80):
        z = [arb(fmpq(x, 4)), arb(fmpq(y, 4))]
        ((value, first, second),) = jets(code, z)
        at = {Z1: sympy.Rational(x, 4), Z2: sympy.Rational(y, 4)}
        found = [value, *first, second[0, 0], second[0, 1], second[1, 1]]
        wanted = [EXPRESSION, *(sympy.diff(EXPRESSION, s) for s in (Z1, Z2))]
        wanted += [sympy.diff(EXPRESSION, a, b) for a, b in ((Z1, Z1), (Z1, Z2), (Z2, Z2))]
        for ball, expression in zip(found, wanted, strict=True):
            assert ball.overlaps(arb(str(sympy.N(expression.subs(at), 25)), fmpq(1, 10**18)))
        assert values(code, [acb(entry) for entry in z])[0].real.overlaps(value)


@given(x=st.integers(-40, 40), y=st.integers(-40, 40))
def test_the_checkers_growth_bounds_hold(x: int, y: int) -> None:
    """|e| and its derivatives stay below C exp(b.|z|) at every point tried."""
    from elbogap.enclosures.checker.lines import Growth

    code = formulas([prefix(EXPRESSION, (Z1, Z2))], 2)
    with ctx.workprec(64):
        z = [arb(fmpq(x, 4)), arb(fmpq(y, 4))]
        ((value, first, second),) = jets(code, z)
        ((top, slopes, bends),) = jets(code, [Growth.latent(k, 2) for k in range(2)], True)
        pairs = [(value, top), *zip(first, slopes, strict=True), *((second[key], bends[key]) for key in second)]
        for ball, bound in pairs:
            limit = (
                bound.factor
                * sum((rate * abs(entry) for rate, entry in zip(bound.rates, z, strict=True)), arb(0)).exp()
            )
            assert not abs(ball) > limit


@pytest.mark.slow
def test_two_latents_in_a_second_process(tmp_path: Path) -> None:
    """The certificate of a transcendental decoder of two latents is re-verified by the command in its own process."""
    import subprocess
    import sys

    instance = Instance(SymbolicDecoder("plane", (Z1, Z2), (Z1 + sympy.sin(Z2) / 2, Z2)), (fmpq(7, 10), fmpq(-2, 5)))
    document = build_certificate([enclose(instance, fmpq(1, 100))], "0")
    path = save(document, tmp_path / "certificate.json")
    command = [sys.executable, "-m", "elbogap", "check-certificate", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "all 1 statements verified" in done.stdout
    text = path.read_text()
    place = text.index('"gap": [') + 20
    path.write_text(text[:place] + str((int(text[place]) + 1) % 10) + text[place + 1 :])
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "the content was changed" in done.stderr
