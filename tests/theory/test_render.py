"""Derivations as text, LaTeX and MathML: complete, balanced, in the notation of the table."""

import re
import shutil
import subprocess
from functools import cache

import pytest
from elbogap.theory.notation import TABLE, lookup
from elbogap.theory.proof.derivation import check
from elbogap.theory.proof.unicode_text import unicode_text
from elbogap.theory.registry import DERIVATIONS
from elbogap.theory.registry import derivation as built
from elbogap.theory.render import escape_latex, explain_latex, explain_mathml, explain_text, side_lines

derivation, latex_of = cache(built), cache(lambda claim: explain_latex(derivation(claim)))
"""Built once for all tests, and shown in LaTeX once."""

CLAIMS = sorted(DERIVATIONS)
DISPLAY = re.compile(r"\\begin\{align\*\}(.*?)\\end\{align\*\}", re.DOTALL)


def test_the_table_has_one_row_a_symbol_and_no_unknown_ones():
    """Code names are unique; a symbol that is not listed is refused by name."""
    codes = [row.code for row in TABLE]
    assert len(set(codes)) == len(codes)
    assert lookup("J_01").code == "J"
    with pytest.raises(KeyError, match="'quux' is not in the notation table"):
        lookup("quux_1")


@pytest.mark.parametrize("claim", CLAIMS)
def test_text_shows_every_step_with_its_status(claim):
    """Each step appears with number, rule and status; every symbol is in the notation table (else KeyError)."""
    chain = derivation(claim)
    text = explain_text(chain)
    assert "Notation (ours" in text
    for number, step in enumerate(chain.steps, 1):
        first_words = " ".join(f"{number}. {step.rule}".split()[:4])
        assert first_words in " ".join(text.split())
    assert text.count("decided by machine") + text.count("argued, not checked") == len(chain.steps)
    assert "\\" not in text
    assert max(map(len, text.splitlines())) <= 130


@pytest.mark.parametrize("claim", CLAIMS)
def test_latex_is_balanced(claim):
    """Environments, braces and delimiters pair up, and & stands only where an alignment is open."""
    latex = latex_of(claim)
    stack = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+\*?)\}", latex):
        if kind == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    assert not stack
    bare = re.sub(r"\\[{}]", "", latex)
    depth = 0
    for character in bare:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    outside = re.sub(r"\\begin\{(align\*|tabular)\}.*?\\end\{\1\}", "", latex, flags=re.DOTALL)
    assert not re.search(r"(?<!\\)[&_^]", re.sub(r"\$[^$]*\$", "", outside))
    for body in DISPLAY.findall(latex):
        assert body.count(r"\left") - body.count(r"\leftarrow") == body.count(r"\right") - body.count(r"\rightarrow")
        assert not re.search(r"\n\s*\n", body)  # a blank line inside align* does not compile


@pytest.mark.parametrize("claim", CLAIMS)
def test_latex_shows_both_sides_of_every_step(claim):
    """Every line of every side that is checked is in a display of its own step, in order."""
    displays = iter(DISPLAY.findall(latex_of(claim)))
    for step in derivation(claim).steps:
        if not step.argued:
            rest = next(displays)
            for line in [*side_lines(step.left), *side_lines(step.right)]:
                assert line in rest
                rest = rest.partition(line)[2]
    assert next(displays, None) is None


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_compiles(tmp_path):
    """One document with all derivations goes through LaTeX without an error."""
    body = "".join(map(latex_of, CLAIMS))
    head = "\\documentclass{article}\n\\usepackage{amsmath}\n\\begin{document}\n"
    (tmp_path / "all.tex").write_text(head + body + "\\end{document}\n", encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert result.returncode == 0, result.stdout[-2000:]


@pytest.mark.parametrize("claim", CLAIMS)
def test_mathml_has_no_raw_latex(claim):
    """latex2mathml understands every formula: no command and no & is printed as text."""
    html = explain_mathml(derivation(claim))
    assert html.count("<li") == len(derivation(claim).steps)
    texts = re.findall(r">([^<>]*)<", html)
    assert not [text for text in texts if "\\" in text or text.strip() == "&amp;"]


def test_a_verdict_is_shown_beside_each_step():
    """Proved, argued and refuted steps are told apart."""
    chain = derivation("elbo-decomposition")
    text = explain_text(chain, check(chain))
    assert text.count("proved by machine") == 5
    assert text.count("argued, not checked by machine") == 1
    assert "proved by machine" in explain_latex(chain, check(chain))


@pytest.mark.parametrize(
    ("latex", "expected"),
    [
        (r"\tfrac12 \log\det A^{-1}", "1/2 log det A⁻¹"),
        (r"\frac{a+b}{c}", "(a+b)/c"),
        (r"{V^{(3)}}_{abc} u_a", "V⁽³⁾_abc u_a"),
        (r"\sum_k R_{kk}^2 \ge 0", "Σ_k R_kk² ≥ 0"),
        (r"\sqrt{2\pi}", "√(2π)"),
    ],
)
def test_latex_becomes_readable_text(latex, expected):
    """The translation to one line of Unicode keeps indices, exponents and fractions."""
    assert unicode_text(latex) == expected


def test_special_characters_are_escaped():
    """Plain text cannot break a LaTeX document."""
    assert escape_latex("a_b & 50% {x}") == r"a\_b \& 50\% \{x\}"
