"""The page of a verify document: complete, valid, readable everywhere, and made of the document alone."""

import copy
import itertools
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from elbogap.cli import run
from elbogap.errors import RequestError
from elbogap.proofs_checks.registry import CLAIMS
from elbogap.report.schema import KINDS, VERSION, check, read
from elbogap.report.verification import render
from elbogap.theory.registry import DERIVATIONS

LARGEST_PAGE = 3_000_000
"""Bytes that the report may take."""
PLOTTED = 4
"""Every fourth claim has a measured law and its plot: they are all drawn alike."""
TEXT_CONTRAST = 4.5
"""WCAG 2.2, level AA, for text."""


def a_law(scale: float) -> dict[str, Any]:
    """A convergence law whose points lie on their line, but for one at its floor."""
    eps = [10.0**-k for k in range(1, 7)]
    series = [
        {"family": family, "d": d, "D": d, "prior": "normal", "eps": eps, "constant": -scale}
        | {"difference": [-scale * value for value in eps[:-1]] + [None], "floor": [1e-12] * 4 + [1.0, None]}
        for family, d in (("mlp", 2), ("moebius_linear", 3))
    ]
    law = {"name": "gap - c", "verdict": "holds", "summary": "order 1.000", "predicted_order": 1.0, "order": 1.0}
    return law | {"constant_error": 1e-6, "instances": [{"family": "mlp", "verdict": "holds"}], "series": series}


def a_claim(name: str, number: int) -> dict[str, Any]:
    """A claim of the registry with its own words, formulas and derivation, and made-up outcomes."""
    claim = CLAIMS[name]
    evidence: dict[str, Any] = {kind: {"verdict": "n/a", "summary": ""} for kind in KINDS}
    if number % PLOTTED == 0:
        law = a_law(0.1 * (number + 1))
        evidence["measured"] = {"verdict": "holds", "summary": law["summary"], "laws": [law]}
    if claim.derivation:
        steps = [
            {"status": "argued" if step.argued else "proved", "rule": step.rule, "seconds": 0.1, "detail": ""}
            for step in DERIVATIONS[claim.derivation]().steps
        ]
        evidence["derived"] = {"verdict": "holds", "summary": "proved", "id": claim.derivation, "steps": steps}
    control = {"id": "sign", "statement": "the sign <flipped> & doubled", "rejected": True, "by": "order 0, expected 1"}
    words = {key: getattr(claim, key) for key in ("id", "title", "statement", "latex", "source")}
    return words | {
        "assumptions": list(claim.assumptions),
        "verdict": "holds",
        "evidence": evidence,
        "controls": [control],
    }


def a_document(*names: str) -> dict[str, Any]:
    """A verify document of these claims."""
    claims = [a_claim(name, number) for number, name in enumerate(names)]
    return {
        "version": VERSION,
        "seed": 0,
        "effort": "quick",
        "versions": {"elbogap": "0.1.0"},
        "environment": {"python": "3.11.0"},
        "claims": claims,
        "controls": {"planted": len(claims), "rejected": len(claims)},
    }


@pytest.fixture(scope="module")
def full() -> str:
    """The page of all claims."""
    return render(a_document(*CLAIMS))


def test_every_claim_has_its_section_with_everything_that_was_asked(full: str) -> None:
    """Each claim shows statement, formula, assumptions, evidence, plot, controls, derivation and its command."""
    assert len(full.encode()) < LARGEST_PAGE
    for number, (name, claim) in enumerate(CLAIMS.items()):
        section = full.split(f'<section id="{name}"')[1].split("<h3>Reproduce</h3>")
        text, command = section[0], section[1][:200]
        assert "<math" in text and "<h3>Assumptions</h3>" in text and ('role="img"' in text) == (number % PLOTTED == 0)
        assert "the sign &lt;flipped&gt; &amp; doubled" in text and "order 0, expected 1" in text
        assert ("<summary>Derivation</summary>" in text) == (claim.derivation is not None)
        assert f"elbogap verify {name} --effort quick --seed 0" in command
        assert f'<a href="#{name}">' in full


def test_ids_are_unique_and_headings_descend_one_level_at_a_time(full: str) -> None:
    """No id stands twice, and no heading skips a level."""
    ids = re.findall(r'\bid="([^"]+)"', full)
    assert len(ids) == len(set(ids))
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", full)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_the_page_is_valid_without_script_and_asks_for_nothing(full: str) -> None:
    """There is no script, and no attribute that makes a browser fetch anything."""
    assert "<script" not in full
    assert not re.search(r'\b(src|srcset|poster|data)="', full) and not re.search(r'href="(?!#|data:)', full)
    assert not re.search(r"url\((?!#)|@import", full)


def test_a_derivation_of_another_version_is_shown_without_formulas() -> None:
    """Where theory has other steps than the document, the rules are shown and it is said."""
    document = a_document("elbo-limit")
    document["claims"][0]["evidence"]["derived"]["steps"][0]["rule"] = "another rule"
    page = render(document)
    assert "another rule" in page and "other steps than this document" in page


BROKEN = {
    "other version": (lambda d: d.update(version=7), "expected a report of version 1, got version 7"),
    "not a report": (lambda d: d.pop("claims"), "expected a report of `elbogap verify`, got other JSON"),
    "no seed": (lambda d: d.pop("seed"), "expected the key 'seed', which is missing"),
    "seed of text": (lambda d: d.update(seed="0"), "seed: expected int, got str"),
    "claim without title": (lambda d: d["claims"][0].pop("title"), "claims[0]: expected the key 'title'"),
    "no measured": (lambda d: d["claims"][0]["evidence"].pop("measured"), "expected the key 'measured'"),
    "unknown verdict": (lambda d: d["claims"][0].update(verdict="perhaps"), "got 'perhaps'"),
    "control without outcome": (lambda d: d["claims"][0]["controls"][0].pop("rejected"), "the key 'rejected'"),
    "law without name": (lambda d: d["claims"][0]["evidence"]["measured"]["laws"][0].pop("name"), "the key 'name'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_report_is_refused_in_one_line(case: str) -> None:
    """A document of another version or structure is refused, and the line says where."""
    change, message = BROKEN[case]
    document = copy.deepcopy(a_document("contrast"))
    change(document)
    with pytest.raises(RequestError) as refused:
        check(document, "saved.json")
    assert message in str(refused.value) and "\n" not in str(refused.value) and "saved.json" in str(refused.value)


def test_the_command_renders_a_saved_document_again(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """`elbogap report FILE.json` writes the page that `verify --out` would have written."""
    document = a_document("contrast")
    saved = tmp_path / "report.json"
    saved.write_text(json.dumps(document))
    assert run(["report", str(saved)]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text() == render(read(saved))


@pytest.mark.parametrize("content", [None, "no JSON", "[]", b"\xff\xfe\x00"])
def test_a_wrong_file_is_one_line(content: str | bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A file that is missing, no JSON, or no report ends with status 2 and one line."""
    saved = tmp_path / "other.json"
    if content is not None:
        saved.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert run(["report", str(saved)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "other.json" in error and not (tmp_path / "other.html").exists()


CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

FAINT = """(least) => {
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = (rgb) => rgb.slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const background = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const color = parse(getComputedStyle(e).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  return [...document.querySelectorAll("main *, header *, nav *")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()) && !e.closest("svg"))
    .filter((e) => {
      const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(background(e))].sort((x, y) => y - x);
      return (a + 0.05) / (b + 0.05) < least;
    })
    .map((e) => e.outerHTML.slice(0, 80));
}"""
"""Elements whose text stands out less than asked against what lies behind it."""


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")
def test_the_page_in_a_browser(full: str, tmp_path: Path) -> None:
    """Light and dark, phone and desktop: nothing overflows, nothing is requested, no raw `&`, text stands out."""
    playwright = pytest.importorskip("playwright.sync_api", reason='needs pip install "elbogap[test]"')
    file = tmp_path / "report.html"
    file.write_text(full)
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))
        page.goto(file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        for scheme, width in itertools.product(("light", "dark"), (390, 1280)):
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (scheme, width)
            assert page.evaluate(FAINT, TEXT_CONTRAST) == []
        assert [url for url in requested if not url.startswith("data:")] == [file.as_uri()]
        assert "&" not in "".join(page.eval_on_selector_all("math", "all => all.map((one) => one.textContent)"))
        labelled = "all => all.map((s) => s.getAttribute('role') === 'img' && !!s.querySelector('title, desc'))"
        images = page.eval_on_selector_all("svg", labelled)
        assert images and all(images)
        browser.close()
