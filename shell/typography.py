"""Sentences as they are set in print: γ⁻², ε, ±, √ε, 3.3·10⁻⁸ and → in place of what a keyboard has; and the way back.

Claims, reasons and figures are written in ASCII, which every terminal, file and search can hold; pages and terminals
that have the symbols show them through `typeset`. Code between backticks stays as it is written, as do exponents that
have no raised form. Formulas of derivations have symbols from the start; `spelled` writes those in ASCII.
"""

from __future__ import annotations

import re
import unicodedata

_GREEK = {
    "gamma": "γ", "eps": "ε", "epsilon": "ε", "sigma": "σ", "beta": "β", "lambda": "λ", "Lambda": "Λ", "mu": "μ",
    "nu": "ν", "rho": "ρ", "tau": "τ", "chi": "χ", "delta": "δ", "theta": "θ", "kappa": "κ", "psi": "ψ", "ell": "ℓ",
}  # fmt: skip
_RAISED = str.maketrans("0123456789+-*", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻*")
_LOWERED = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_SIGNS = {"+-": "±", "->": "→", ">=": "≥", "<=": "≤"}
_SPELLED = {
    "ε": "eps", "−": "-", "–": "-", "—": "-", "·": "*", "×": "x", "√": "sqrt ", "∞": "inf", "≈": "~", "≠": "!=",
    "Σ": "sum", "∏": "prod", "∫": "int", "∂": "d", "∇": "grad", "′": "'", "ᵀ": "'", "∈": "in", "‖": "|", "∘": "o",
    "═": "=", "─": "-", "✓": "+", "✗": "x", "¶": "-", "⧖": "-", "⋯": "...", "⇔": "iff", "∝": "~", "≡": "==",
}  # fmt: skip
_SPELLED = {letter: name for name, letter in _GREEK.items()} | {one: name for name, one in _SIGNS.items()} | _SPELLED
_UNRAISED = {high: chr(low) for low, high in _RAISED.items() if low != high}
_UNLOWERED = {high: chr(low) for low, high in _LOWERED.items()}
_LETTER = re.compile(rf"(?<![A-Za-z\\`])(?<!\w-)({'|'.join(_GREEK)})(?![a-z]|-[a-z])")
_CODE = re.compile(r"(`[^`]*`)")
_UNDERLINED = re.compile(r"^(.+)\n([═=])\2{2,}$", re.MULTILINE)


def typeset(text: str) -> str:
    """The sentence with symbols in place of their names; plain text in, plain text out."""
    shown = "".join(part if part.startswith("`") else _set(part) for part in _CODE.split(text))
    return _UNDERLINED.sub(lambda match: f"{match[1]}\n{match[2] * len(match[1])}", shown)


def spelled(text: str) -> str:
    """The text in ASCII, symbols by their names, raised and lowered digits behind ^ and _; "?" for what has no name."""
    text = re.sub(f"[{''.join(map(chr, _UNRAISED))}]+", lambda match: f"^{match[0].translate(_UNRAISED)}", text)
    text = re.sub(f"[{''.join(map(chr, _UNLOWERED))}]+", lambda match: f"_{match[0].translate(_UNLOWERED)}", text)
    return "".join(one if one.isascii() else _SPELLED.get(one) or _named(one) for one in text)


def _named(character: str) -> str:
    greek = re.fullmatch(r"GREEK (SMALL|CAPITAL) LETTER (\w+)", unicodedata.name(character, ""))
    if greek:
        return greek[2].lower() if greek[1] == "SMALL" else greek[2].capitalize()
    return unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode() or "?"


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
    return re.sub(r"(?<![\w.)\]⁻])-(?=[\d.])|(?<=\S )-(?= )", "−", text)
