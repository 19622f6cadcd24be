"""Sentences as they are set in print: γ⁻², ε, ±, √ε, 3.3·10⁻⁸ and → in place of what a keyboard has.

Claims, reasons and figures are written in ASCII, which every terminal, file and search can hold; pages show them
through `typeset`. Code between backticks stays as it is written, as do exponents that have no raised form.
"""

from __future__ import annotations

import re

_GREEK = {
    "gamma": "γ",
    "eps": "ε",
    "epsilon": "ε",
    "sigma": "σ",
    "beta": "β",
    "lambda": "λ",
    "Lambda": "Λ",
    "mu": "μ",
    "nu": "ν",
    "rho": "ρ",
    "tau": "τ",
    "chi": "χ",
}
_RAISED = str.maketrans("0123456789+-*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻*")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SIGNS = {"+-": "±", "->": "→", ">=": "≥", "<=": "≤"}
_LETTER = re.compile(rf"(?<![A-Za-z\\`])({'|'.join(_GREEK)})(?![a-z]|-[a-z])")
_CODE = re.compile(r"(`[^`]*`)")


def typeset(text: str) -> str:
    """The sentence with symbols in place of their names; plain text in, plain text out."""
    return "".join(part if part.startswith("`") else _set(part) for part in _CODE.split(text))


def _set(text: str) -> str:
    for written, sign in _SIGNS.items():
        text = text.replace(written, sign)
    text = re.sub(r"(?<=\d)e([+-]?)0*(\d+)\b", lambda m: f"·10{(m[1].strip('+') + m[2]).translate(_RAISED)}", text)
    text = re.sub(r"(?<![\w.])1·10(?=[⁰¹²³⁴⁵⁶⁷⁸⁹⁻])", "10", text)
    text = _LETTER.sub(lambda match: _GREEK[match[1]], text)
    text = re.sub(r"\^(-?\d+)(?![\d/])", lambda match: match[1].translate(_RAISED), text)
    text = re.sub(r"(?<=[A-Za-zα-ω])_(\d+)\b", lambda match: match[1].translate(_LOWERED), text)
    text = re.sub(r"\bsqrt\((\w+)\)", r"√\1", text)
    text = re.sub(r"\bsqrt\(", "√(", text)
    return re.sub(r"(?<![\w.)\]⁻])-(?=[\d.])|(?<= )-(?= )", "−", text)
