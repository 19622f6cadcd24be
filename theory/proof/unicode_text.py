r"""LaTeX formulas as one line of Unicode text, for terminals.

A small translation, not a TeX engine: it knows the commands that the derivations use. Fractions become ``a/b``,
exponents and subscripts Unicode characters where all of them exist, otherwise ``^(...)`` and ``_...``. Unknown
commands lose their backslash.
"""

import re

_SYMBOLS = {
    "varepsilon": "ε", "ell": "ℓ", "phi": "φ", "mu": "μ", "sigma": "σ", "gamma": "γ", "Lambda": "Λ", "lambda": "λ",
    "pi": "π", "Pi": "Π", "Delta": "Δ", "nabla": "∇", "partial": "∂", "theta": "θ", "Psi": "Ψ", "psi": "ψ",
    "eta": "η", "rho": "ρ", "beta": "β", "kappa": "κ", "chi": "χ", "tau": "τ", "delta": "δ", "omega": "ω",
    "nu": "ν", "alpha": "α", "Gamma": "Γ", "sum": "Σ", "prod": "∏", "int": "∫", "infty": "∞", "sim": "~", "ge": "≥",
    "le": "≤", "ne": "≠", "cdot": "·", "cdots": "⋯", "ldots": "…", "dots": "…", "pm": "±", "to": "→", "times": "×",
    "circ": "∘", "top": "ᵀ", "in": "∈", "approx": "≈", "det": "det", "log": "log", "exp": "exp", "max": "max",
    "min": "min", "sin": "sin", "cos": "cos", "sqrt": "√", "iff": "⇔", "quad": " ", "qquad": " ", "lVert": "‖",
    "rVert": "‖", "prime": "′", "propto": "∝", "mid": "|", "equiv": "≡",
}  # fmt: skip
_IGNORED = {"left", "right", "bigl", "bigr", "Bigl", "Bigr", "big", "displaystyle", "textstyle", "limits"}
_WRAPPERS = {"text", "operatorname", "mathrm", "mathbf", "mathcal"}
_OPERATORS = {"log", "det", "exp", "max", "min", "sin", "cos"}
_SUPERSCRIPTS = dict(zip("0123456789+-=()nᵀ′i", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿᵀ′ⁱ", strict=True))
_SUBSCRIPTS = dict(zip("0123456789+-=()", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎", strict=True))
_TOKEN = re.compile(r"\\([A-Za-z]+)|\\(.)|([{}^_])|(\s+)|([^\\{}^_\s])")


def unicode_text(latex: str) -> str:
    """Translate a LaTeX formula into one line of Unicode."""
    tokens = [match.group(0) for match in _TOKEN.finditer(latex)]
    text, rest = _group(tokens, closing=None)
    assert not rest
    return re.sub(r" {2,}", " ", text).replace(" ,", ",").strip()


def _group(tokens: list[str], closing: str | None) -> tuple[str, list[str]]:
    out = ""
    while tokens:
        if tokens[0] == closing:
            return out, tokens[1:]
        piece, tokens = _atom(tokens)
        out += piece
    return out, tokens


def _argument(tokens: list[str]) -> tuple[str, list[str]]:
    while tokens and tokens[0].isspace():
        tokens = tokens[1:]
    return _atom(tokens) if tokens else ("", tokens)


def _atom(tokens: list[str]) -> tuple[str, list[str]]:
    token, rest = tokens[0], tokens[1:]
    if token == "{":
        return _group(rest, "}")
    if token in "^_":
        content, rest = _argument(rest)
        table, mark = (_SUPERSCRIPTS, "^") if token == "^" else (_SUBSCRIPTS, "_")
        if content and all(character in table for character in content):
            return "".join(table[character] for character in content), rest
        return (f"{mark}({content})" if token == "^" and len(content) > 1 else f"{mark}{content}"), rest
    if not token.startswith("\\"):
        return (" " if token.isspace() else token), rest
    name = token[1:]
    if name in ("frac", "tfrac", "dfrac"):
        top, rest = _argument(rest)
        bottom, rest = _argument(rest)
        return f"{_bracketed(top)}/{_bracketed(bottom)} ", rest
    if name == "sqrt":
        content, rest = _argument(rest)
        return f"√({content})", rest
    if name in _WRAPPERS:
        return _argument(rest)
    if name in ("begin", "end"):
        _, rest = _argument(rest)
        return ("(" if name == "begin" else ")"), rest
    if name in _IGNORED:
        return "", rest
    if name in (",", ";", ":", " ", "!"):
        return " ", rest
    if name == "\\":
        return "; ", rest
    return _SYMBOLS.get(name, name) + (" " if name in _OPERATORS and rest[:1] != ["("] else ""), rest


def _bracketed(text: str) -> str:
    return text if re.fullmatch(r"[\w∂′²³]*", text) else f"({text})"
