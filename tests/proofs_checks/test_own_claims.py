"""Claims of one's own: judged by the same machinery, rejected for what is wrong, and bad input is one line."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from elbogap import theorem as th
from elbogap.cli import run
from elbogap.errors import RequestError

H = th.ladder("h", 0.1, 1e-4)


def quotient(h, a=1.0):
    """(exp(a h) - 1) / h, exact to a few units in the last place."""
    value = np.expm1(a * h) / h
    return value, 4e-16 * value


@th.instances(3)
def some(rng):
    """A random slope."""
    return dict(a=rng.uniform(0.5, 2.0))


def claim(**changes):
    """A true claim with two controls, or a changed one."""
    law = dict(measured=quotient, along=H, limit="a", order=1, constant="a**2/2") | changes
    made = th.Claim("quotient", "The quotient converges.", over=some, law=th.Converges(**law))
    made.control("second order", order=2)
    made.control("wrong factor", constant="a**2")
    return made


def test_a_true_claim_holds_and_its_mutants_are_rejected() -> None:
    """Order, constant and remainder are found; planted and machine-made controls are all rejected."""
    true = claim()
    true.mutants()
    result = th.verify(true)
    assert result.holds and result.planted == result.rejected > 4
    (law,) = result.laws["quotient"]
    assert abs(law.rows[0].figures["order"] - 1) < 1e-3 and law.rows[0].figures["constant_error"] < 1e-4


def test_the_plot_of_a_law_is_asked_for_by_its_name() -> None:
    """The last law of convergence is drawn, or the one that is named; another name is refused in one line."""
    report = th.verify(claim())
    drawn = report.plot("quotient").axes[0].get_title(), report.plot("quotient", "quotient").axes[0].get_title()
    assert drawn[0] == drawn[1]
    with pytest.raises(RequestError, match="expected a law of convergence named 'other', got quotient"):
        report.plot("quotient", "other")


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"order": 0.5}, "order 1.000"),
        ({"order": 2}, "order 1.000"),
        ({"order": 1.5}, "order 1.000"),
        ({"constant": "a**2/2.2"}, "constant"),
        ({"constant": lambda a: -(a**2) / 2}, "constant"),
        ({"limit": "1.01*a"}, "the limit is off by"),
    ],
)
def test_the_reason_names_what_is_wrong(changes, reason) -> None:
    """A wrong rate is called an order, a wrong constant a constant, a wrong limit a limit."""
    result = th.verify(claim(**changes))
    (law,) = result.laws["quotient"]
    assert law.verdict == "fails" and law.reason.startswith(reason)


def test_a_variant_too_large_for_a_number_is_no_control() -> None:
    """c for d in b**(1/d) gives 5**1000: what overflows at an instance is left out, and the claim is judged."""
    over = th.cases(b=[5.0, 7.0], c=[1e-3, 2e-3], d=[2, 3])
    roots = th.Claim("roots", over=over, law=th.Equal(lambda b, c, d: c + b ** (1 / d), "c + b**(1/d)"))
    roots.mutants(field="right")
    result = th.verify(roots)
    assert result.holds, str(result)
    assert all("b**(1/c)" not in control.statement for control in result.results[0].controls)


def test_the_verdict_follows_the_controls() -> None:
    """No controls: inconclusive; a control whose law holds: fails; one that is undecided: inconclusive."""
    law = th.Converges(quotient, along=H, limit="a", order=1, constant="a**2/2")
    bare = th.Claim("bare", "no controls", over=some, law=law)
    assert th.verify(bare).results[0].verdict == "inconclusive" and "no controls" in str(th.verify(bare))
    bare.control("the same again", constant="a**2*2/4")
    assert th.verify(bare).results[0].verdict == "fails"

    noisy = th.Claim("noisy", "a floor hides it", over=some, law=law)
    noisy.control("hidden in the floor", constant="a**2/2 + 1e-6", law=None)
    noisy.planted[0].changes["floor"] = 1e-2
    result = th.verify(noisy).results[0]
    assert result.verdict == "inconclusive" and "undecided" in result.reason


def test_orders_logarithms_and_rates_in_a_number() -> None:
    """Orders that are no multiple of the spacing, eps log(1/eps) and rates in K are judged."""
    one = th.Claim("one", law=th.Converges(lambda h: 2 + h**1.37 * (1 + h), along=H, limit=2, order=1.37, constant=1))
    log = th.Claim(
        "log", law=th.Converges(lambda h: h * (np.log(1 / h) + 2) + h**2, along=H, order=1, constant=1, log_power=1)
    )
    rate = th.Claim(
        "rate", law=th.Converges(lambda K: 3 / K + 1 / K**2, along=th.doubling("K", 8, 4096), order=-1, constant=3)
    )
    for each in (one, log, rate):
        each.control("wrong constant", constant=2)
        result = th.verify(each)
        assert result.holds, str(result)
    assert th.verify(rate).laws["rate"][0].rows[0].figures["order"] == pytest.approx(-1, abs=1e-3)


def test_a_logarithm_is_not_taken_for_a_power() -> None:
    """h log(1/h) claimed to be of order 1 is inconclusive, its reason shows the logarithm; so are changing signs."""
    for function, word in ((lambda h: h * np.log(1 / h), r"log(1/eps)^1.00"), (_alternating, "the sign changes")):
        law = th.Converges(function, along=th.ladder("h", 0.1, 1e-6, 11), order=1, constant=1)
        (judged,) = th.verify(th.Claim("log", law=law)).laws["log"]
        assert judged.verdict == "inconclusive" and word in judged.reason


def _alternating(h: float) -> float:
    return h * (-1) ** round(2 * np.log10(h))


def test_other_kinds_of_laws() -> None:
    """Equal, Bounded, Monotone and Fact hold where they should and fail where they should not."""
    over = th.cases(x=[0.3, 0.7])
    true = th.Claim(
        "kinds",
        over=over,
        law=[
            th.Equal(lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, 1),
            th.Bounded(lambda x: x - np.sin(x), below=0),
            th.Monotone(lambda h, x: np.exp(-x / h), along=th.ladder("h", 0.1, 1.0), rises=True),
            th.Fact(lambda x: bool(x < 1)),
        ],
    )
    true.control("sines alone", law=th.Equal(lambda x: np.sin(x) ** 2, 1))
    true.control("above", of=1, above=0.01, below=None)
    true.control("falls", rises=False)
    true.control("all are small", law=th.Fact(lambda x: bool(x < 0.5), reason="one is large"))
    assert th.verify(true).holds, str(th.verify(true))


def _broken(h, a):
    raise ZeroDivisionError("oh")


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"measured": _broken}, r"_broken \(test_own_claims.py, line \d+\): ZeroDivisionError: oh \(at a = "),
        ({"constant": [1.0, 2.0]}, "constant: expected one number or 3, one an instance, got shape"),
        ({"limit": np.ones((3, 2))}, "limit: expected one number or 3"),
        ({"floor": np.ones(10)}, "floor: expected a number or shape"),
        ({"floor": -1.0}, "floor: expected bounds >= 0, got -1"),
        ({"measured": lambda h, a: np.ones(2)}, r"lambda: expected a real number, got an array of shape \(2,\)"),
        ({"measured": lambda h, a: (1.0, -1.0)}, "lambda: expected an error bound >= 0, got -1"),
        ({"constant": "a*b"}, "constant: expected a formula in a, got 'b' in it"),
        ({"constant": "1e300**(a + 10)"}, r"constant: expected a number, got OverflowError: .* \(at a = "),
        ({"constant": "1/(a - a)"}, "constant: expected a formula with finite numbers, got zoo"),
        ({"measured": lambda h, a: np.nan}, "every value is nan or infinite"),
    ],
)
def test_numbers_that_cannot_be_used_leave_the_claim_inconclusive(changes, line) -> None:
    """One line says what was wrong, with file and line; the claim is inconclusive and the other claim goes on."""
    wrong, right = claim(**changes), th.Claim("right", over=some, law=claim().law)
    right.control("second order", order=2)
    result = th.verify(wrong, right)
    import re

    assert result.results[0].verdict == "inconclusive" and result.results[1].verdict == "holds"
    assert re.search(line, result.results[0].reason), result.results[0].reason


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: th.ladder("h", 0.1, -1), "ladder 'h': expected two different positive"),
        (lambda: th.doubling("K", 8, 20), "doubling 'K': expected at least 4 values"),
        (lambda: th.cases(a=[1, 2], b=[1]), "cases: expected lists of one length"),
        (lambda: th.Claim("Not a slug"), "claim: expected an id of small letters"),
        (lambda: claim().control("nothing"), "expected something that it claims instead"),
        (lambda: claim().control("what", colour=2), "expected a law that claims colour"),
        (lambda: claim(order=-1), "order: expected a positive"),
        (lambda: th.verify(claim(), claim()), "expected one claim with this id, got two"),
        (lambda: th.verify(), "expected at least one claim"),
    ],
)
def test_requests_that_are_wrong_say_so(make, line) -> None:
    """What was wrong, expected and received, in one line."""
    with pytest.raises(RequestError, match=line):
        make()


FILE = """
import numpy as np
from elbogap import theorem as th
def quotient(h):
    return np.expm1(h) / h, 1e-15
one = th.Claim("one", "x", law=th.Converges(quotient, along=th.ladder("h", 0.1, 1e-4), limit=1, order=1, constant=0.5))
one.control("second order", order=2)
two = th.Claim("two", "y", law=th.Converges(quotient, along=th.ladder("h", 0.1, 1e-4), limit=1, order=1, constant=0.5))
two.control("limit", limit=1.1)
"""


def test_a_file_in_numpy_alone_loads_neither_jax_nor_sympy(tmp_path: Path) -> None:
    """`elbogap verify FILE.py` of a claim without formulas imports no JAX, no SymPy, no matplotlib and no SciPy."""
    (tmp_path / "mine.py").write_text(FILE)
    code = (
        "import sys; from elbogap.cli import run; status = run(['verify', 'mine.py']);"
        "print(status, {'jax', 'sympy', 'matplotlib', 'scipy', 'equinox'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.splitlines()[-1] == "0 set()", done.stdout + done.stderr


def test_programs_of_a_file_in_jax_are_kept(tmp_path: Path) -> None:
    """The second run of a claim in JAX reads its program from the cache, sealed, and compiles nothing."""
    listen = (
        "import atexit, jax, jax.monitoring\nfound = []\n"
        "jax.monitoring.register_event_listener(lambda event, **_: found.append(event))\n"
        "atexit.register(lambda: print(*(sum(e.endswith(w) for e in found) for w in ('cache_hits', 'cache_misses'))))\n"
    )
    quotient = "import jax.numpy as np\n@jax.jit\ndef quotient"
    (tmp_path / "mine.py").write_text(listen + FILE.replace("import numpy as np", "").replace("def quotient", quotient))
    code = "from elbogap.cli import run; run(['verify', 'mine.py:one', '--json'])"
    cache = os.environ | {"ELBOGAP_CACHE_DIR": str(tmp_path / "cache")}
    counts = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=cache
        )
        for _ in range(2)
    ]
    first, second = (done.stdout.splitlines()[-1] for done in counts)
    assert (first, second) == ("0 1", "1 0") and (tmp_path / "cache" / "programs" / "seals.json").is_file()


def test_files_on_the_command_line(tmp_path: Path, monkeypatch, capsys) -> None:
    """FILE.py checks all its claims, FILE.py:NAME one; --json is one document, --out writes a page without decoders."""
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    assert run(["verify", "mine.py:two", "--json", "--out", "out"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert [one["id"] for one in document["claims"]] == ["two"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "decoder" not in page and "elbogap verify mine.py:two --effort quick --seed 0" in page
    assert (tmp_path / "out" / "two.csv").read_text().count("\n") == 11
    assert run(["explain", "mine.py:one"]) == 0 and "one" in capsys.readouterr().out
    assert run(["false-alarms", "mine.py", "--seeds", "3"]) == 0
    assert run(["new", "new.py"]) == 0 and run(["verify", "new.py"]) == 0
    assert run(["new", "new.py"]) == 2


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x = 1", "expected a claim"),
        (FILE + "\nthree = th.Claim('one')", "expected one claim with the id 'one', got two"),
        (FILE + "\n1 / 0", "line 11: ZeroDivisionError: division by zero"),
        ("def f(:", "line 1: SyntaxError"),
    ],
)
def test_files_that_hold_no_claims(text, line, tmp_path: Path, monkeypatch, capsys) -> None:
    """One line on standard error, exit 2."""
    (tmp_path / "mine.py").write_text(text)
    monkeypatch.chdir(tmp_path)
    assert run(["verify", "mine.py"]) == 2
    error = capsys.readouterr().err
    assert line in error and error.count("\n") == 1


def test_compare_names_what_was_lost(tmp_path: Path, monkeypatch, capsys) -> None:
    """A claim that held and fails now is named, and the exit status is 1."""
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    assert run(["verify", "mine.py", "--out", "out"]) == 0
    assert run(["verify", "mine.py", "--compare", "out/report.json"]) == 0
    assert "nothing changed" in capsys.readouterr().out
    (tmp_path / "mine.py").write_text(FILE.replace("constant=0.5))\none.control", "constant=0.6))\none.control"))
    assert run(["verify", "mine.py", "--compare", "out/report.json"]) == 1
    assert "one: holds -> fails" in capsys.readouterr().out


def test_tables_and_macros(tmp_path: Path, monkeypatch) -> None:
    """The LaTeX table has booktabs' rules and a line a point; macros name the claim's order and verdict."""
    result = th.verify(claim())
    assert result.table("quotient", most=1).latex().count(r"\midrule") == 1
    table = result.table("quotient")
    latex = table.latex()
    assert latex.count(r"\midrule") == 3 and r"\toprule" in latex and latex.count(r"\\") == 1 + 3 * 11
    assert table.markdown().count("\n| ") == 3 * 11 - 0 and table.csv().count("\n") == 31
    value = table.parts[0].columns
    assert value["Richardson limit"][-1] == pytest.approx(result.laws["quotient"][0].law.limit[0], rel=1e-9)
    (tmp_path / "mine.py").write_text(FILE)
    monkeypatch.chdir(tmp_path)
    assert run(["verify", "mine.py", "--macros", "numbers.tex"]) == 0
    text = (tmp_path / "numbers.tex").read_text()
    assert r"\csname elbogap@Order@one\endcsname{1.000}" in text and r"\newcommand{\elbogapOrder}[1]" in text


def test_a_claim_as_pytest_items() -> None:
    """`th.test` has an item a law and a control, and a false law fails its item with the reason."""
    test = th.test(claim(constant="a**2"))
    (mark,) = test.pytestmark
    assert mark.kwargs["ids"] == ["law-quotient", "control-second-order", "control-wrong-factor"]
    with pytest.raises(AssertionError, match="constant"):
        test(0)
    test("second-order")


test_true = th.test(claim())


@pytest.mark.parametrize(
    ("enclosed", "verdict"),
    [
        (lambda a: (a**2 / 2 - 1e-6, a**2 / 2 + 1e-6), "holds"),
        (lambda a: (a**2, a**2 + 1e-6), "fails"),
        (lambda a: (0.0, 100.0), "inconclusive"),
        (lambda a: 3, "inconclusive"),
    ],
)
def test_enclosed_evidence_of_ones_own(enclosed, verdict) -> None:
    """An interval that holds the constant and is narrow holds; one that excludes it fails."""
    made = th.Claim("quotient", over=some, law=claim().law, enclosed=enclosed)
    made.control("second order", order=2)
    assert th.verify(made).results[0].evidence["enclosed"].verdict == verdict


def test_derivations_and_trained_tables_of_ones_own() -> None:
    """Steps are checked by the zero test, a false one fails; rows of a table are held against their bounds."""
    import sympy as sp

    x = sp.Symbol("x")
    for right, verdict in ((x**2 + 2 * x + 1, "holds"), (x**2 + 1, "fails")):
        made = th.Claim("square", derivation=[th.step((x + 1) ** 2, right, "binomial"), th.argued("by taste")])
        made.control("never", law=th.Fact(lambda: False))
        assert th.verify(made).results[0].verdict == verdict
    table = [{"statement": "accuracy", "low": 0.8, "high": 0.9, "at_least": 0.75}]
    made = th.Claim("trained", trained=table)
    assert th.verify(made).results[0].evidence["trained"].verdict == "holds"
