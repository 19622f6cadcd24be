"""Nothing that a document says becomes markup: every field is planted with harmless tags, and the page is parsed."""

import ast
import copy
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import elbogap
import pytest
from elbogap.errors import RequestError
from elbogap.report.formula import ATTRIBUTES, ELEMENTS, formula
from elbogap.report.page import mathml, page, table
from elbogap.report.schema import check
from elbogap.report.verification import render

ROOT = Path(elbogap.__file__).parent
PAYLOADS = [
    "<planted>x</planted>",
    '"><planted y="',
    "'><planted y='",
    "</style></title></svg></math><planted>",
    "&lt;planted&gt;",
    r"\text{<planted>}",
    r"\text{&lt;planted&gt;}",
    r"\href{planted:x}{y} \style{planted:x}{y} \class{planted}{y}",
    r"\mathrm{a}<planted>",
    "]]><planted>",
    "<!--><planted>-->",
    "$<planted>$",
]
STEP = {"status": "proved", "rule": "a rule", "seconds": 0.1, "detail": "zero"}
SERIES = {
    "family": "mlp",
    "d": 2,
    "eps": [0.1, 0.01],
    "difference": [0.1, 0.01],
    "floor": [1e-9, 1e-9],
    "constant": 1.0,
}
LAW = {"name": "gap", "verdict": "holds", "summary": "order 1", "predicted_order": 1.0, "order": 1.0, "instances": []}
FINDING = {"statement": "mcc", "runs": 3, "value": 1.0, "low": 0.9, "high": 1.0, "direction": "at least", "bound": 0.9}
NONE = {"verdict": "n/a", "summary": "nothing"}
CLAIM = {
    "id": "a-claim",
    "title": "title",
    "statement": "statement",
    "latex": "x",
    "source": "source",
    "paper": "Theorem 1",
    "assumptions": ["one"],
    "verdict": "holds",
    "controls": [{"id": "sign", "statement": "false", "rejected": True, "by": "order 0"}],
    "evidence": {
        "derived": {"verdict": "holds", "summary": "proved", "id": "nothing", "steps": [STEP]},
        "measured": {"verdict": "holds", "summary": "s", "laws": [LAW | {"series": [SERIES]}], "table": [{"key": "v"}]},
        "enclosed": NONE | {"verdict": "holds", "reason": "because"},
        "trained": NONE | {"findings": [FINDING | {"control": "shuffled", "control_value": 0.1}]},
    },
}
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "seed": 0,
    "effort": "quick",
    "versions": {"elbogap": "0.1.0"},
    "environment": {"python": "3.11"},
    "claims": [CLAIM],
    "controls": {"planted": 1, "rejected": 1},
}


class Parsed(HTMLParser):
    """The tags, attribute names and attribute values of a page."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and its attributes."""
        self.found += [(tag, "", ""), *((tag, name, value or "") for name, value in attrs)]


def is_live(text: str) -> bool:
    """Whether a planted tag, attribute, address, style or class is part of the page's structure."""
    values = {"href", "src", "style", "class", "xlink:href"}
    return any(
        tag == "planted" or name == "planted" or (name in values and "planted" in value)
        for tag, name, value in Parsed(text).found
    )


def texts(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """The paths of all texts, keys of plain tables included (as the path of the table and the key)."""
    if isinstance(value, str):
        yield path
    for key, part in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from texts(part, (*path, key))


def planted(path: tuple, payload: str, document: dict[str, Any]) -> dict[str, Any]:
    """The document with the payload as the text at this path."""
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = payload
    return changed


def test_the_parser_sees_what_is_live() -> None:
    """The control: the same texts written into a page without escaping are seen."""
    assert all(
        is_live(page("t", f"<p>{text}</p>")) for text in PAYLOADS if text.startswith(("<planted", "</style", "]]"))
    )
    assert is_live('<a href="planted:x">y</a>') and is_live('<b class="planted">') and not is_live("<p>planted</p>")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_field_of_a_report_becomes_markup(payload: str) -> None:
    """Every text of a report is planted: fields that take a word are refused, all others are shown as they are."""
    free = copy.deepcopy(DOCUMENT)
    refused = []
    for path in texts(DOCUMENT):
        try:
            check(planted(path, payload, DOCUMENT))
        except RequestError:
            refused.append(path[-1])
        else:
            free = planted(path, payload, free)
    assert set(refused) == {"id", "effort", "verdict", "status"} and refused.count("id") == 1
    for name in ("versions", "environment"):
        free[name][payload] = payload
    free["claims"][0]["evidence"]["measured"]["table"][0][payload] = payload
    text = render(free)
    assert not is_live(text) and "planted" in text


@pytest.mark.parametrize("payload", PAYLOADS)
def test_formulas_hold_mathematics_alone(payload: str) -> None:
    """Whatever the LaTeX says, its page has elements and attributes of the list, and no other."""
    for text in (
        formula(payload),
        formula(payload, "block"),
        str(mathml(payload)),
        str(mathml(payload, display=False)),
    ):
        assert not is_live(text)
        for tag, name, value in Parsed(text).found:
            assert tag in ELEMENTS | {"div", "span", "code"} and name in ATTRIBUTES | {"", "xmlns", "class"}, (
                tag,
                name,
            )
            assert name != "class" or value == "math"


@pytest.mark.parametrize("latex", ["\\frac", "{" * 5000, "\\left(", "\\begin{matrix}", "x" * 10**6, "\0", "\\"])
def test_what_is_no_formula_is_shown_as_it_was_written(latex: str) -> None:
    """LaTeX that cannot be converted, is too deep or too long, is shown as text and stops nothing."""
    text = formula(latex)
    assert text.startswith("<code>") or text.startswith("<math")


@pytest.mark.parametrize("payload", PAYLOADS)
def test_no_cell_of_a_table_and_no_heading_becomes_markup(payload: str) -> None:
    """Tables, captions, titles and contents, of which every other page is made, escape what they are given."""
    text = page(payload, table([payload], [[payload]], caption=payload), toc=[(payload, payload)])
    text = text.replace('href="#', 'data-anchor="')  # an anchor on the page itself asks nobody
    assert not is_live(text)


TRUSTED = {
    ("report/page.py", "fragment"),
    ("report/page.py", "page"),
    ("report/page.py", "mathml"),
    ("report/page.py", "_kind"),
    ("report/style.py", "svg"),
    ("report/verification.py", "_controls"),
    ("report/verification.py", "_map"),
    ("report/verification.py", "derivation"),
    ("lessons/export.py", "_moving"),
    ("lessons/export.py", "lesson_page"),
}
"""Functions that make markup of more than a literal: templates, formulas, drawings, our own derivations and lessons."""


def test_markup_is_made_of_literals() -> None:
    """In the code of all pages `Markup(...)` takes a literal, but for the functions that are listed."""
    found = set()
    for folder in ("report", "auditing", "figures", "proofs_checks", "lessons"):
        for path in (ROOT / folder).rglob("*.py"):
            for function in ast.walk(ast.parse(path.read_text())):
                if not isinstance(function, ast.FunctionDef):
                    continue
                for node in ast.walk(function):
                    call = isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Markup"
                    if call and node.args and not isinstance(node.args[0], ast.Constant):
                        found.add((path.relative_to(ROOT).as_posix(), function.name))
    assert found == TRUSTED
