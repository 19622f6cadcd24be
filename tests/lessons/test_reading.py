"""Answers are read as people write them, in the library and in the script of a page; what cannot be read is named."""

import re
import shutil

import pytest
import sympy as sp

pytest.importorskip("marimo", reason='needs marimo: pip install "elbogap[teach]"')
from elbogap.lessons.exercises import formula, number
from elbogap.lessons.reading import Unreadable

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def test_answers_are_read_as_they_are_written() -> None:
    """ln, products and functions without signs or brackets, and Unicode are read; a decimal is meant exactly."""
    J, H, s = sp.symbols("J H s", real=True)
    read = {
        "log(1 + s^2)/2": sp.log(1 + s**2) / 2,
        "ln(2)": sp.log(2),
        "3H^2/(4J^4)": 3 * H**2 / (4 * J**4),
        "3·H²/(4J⁴)": 3 * H**2 / (4 * J**4),
        "1/sqrt 3": 1 / sp.sqrt(3),
        "√3/3": 1 / sp.sqrt(3),
        "sin^2(s) + cos(s)^2": 1,
        "2(s + Js)": 2 * s * (1 + J),
        "-2^2": -4,
        "2^-3": sp.Rational(1, 8),
        "1e-3": sp.Rational(1, 1000),
    }
    for text, meant in read.items():
        assert sp.simplify(formula(text, {"J": J, "H": H, "s": s}) - meant) == 0, text
    assert number("1/4") == 0.25


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("3*x", "Cannot read `x`: the symbols are `s`."),
        ("sqrt3", "Cannot read `sqrt3`: write `sqrt(...)`."),
        ("0,5", "Cannot read `,` in `,5` (decimals have a point)."),
        ("1/2s", "Cannot read `s`: behind a division it can be read in two ways; write * or brackets."),
        ("2 3", "Cannot read `3`: a number behind a factor needs a sign between, such as *."),
        ("log(2", "The bracket opened in `(2` is not closed."),
        ("2)", "Cannot read `)`: a closing bracket without an opening one."),
        ("2 +", "Something is missing at the end of `2 +`."),
        ("1/0", "`1/0` is not finite."),
        ("9**9**9", "The power in `9^9^9` is too large to be meant."),
        ("__import__('os')", "Cannot read `_`"),
        ("s.diff()", "Cannot read `.` in `.diff()`."),
        ("(" * 300, "nested too deeply"),
        ("a" * 1000, "at most 400 characters"),
        ("", "nothing to read"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, part: str) -> None:
    """A refusal says which part of an answer cannot be read, and what would be."""
    with pytest.raises(Unreadable, match=re.escape(part)):
        formula(text, {"s": sp.Symbol("s", real=True)})
    with pytest.raises(Unreadable, match="from 0 to 1"):
        number("2", 0, 1)


READ = [
    "ln(2)",
    "3r^2/4",
    "1/sqrt 3",
    "√3/3",
    "sin^2 r",
    "2(r + rr)",
    "-2^2",
    "2^-3",
    "log 2/2",
    "e^r",
    "1e-3",
    "pi",
    "(1+r)^-1",
]
REFUSED = ["3*x", "sqrt3", "0,5", "1/2r", "2 3", "log(2", "2)", "2 +", "", "r.diff()", "(" * 300]


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")
def test_the_page_reads_as_the_library_does() -> None:
    """The reader in the page's script gives the library's value for every answer, and refuses what it refuses."""
    from elbogap.report.page import TEMPLATES

    playwright = pytest.importorskip("playwright.sync_api", reason='needs pip install "elbogap[test]"')
    r = sp.Symbol("r")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(content=(TEMPLATES / "lesson.js").read_text())
        for text in READ + REFUSED:
            found = page.evaluate("(text) => elbogapLesson.read(text, ['r'])", text)
            if text in READ:
                assert found == pytest.approx(float(formula(text, {"r": r}).subs(r, 0.31)), rel=1e-12), text
            else:
                assert isinstance(found, str), text
                with pytest.raises(Unreadable):
                    formula(text, {"r": r})
        browser.close()
