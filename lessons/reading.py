"""Reading an answer: text as a person writes arithmetic, into a SymPy expression; or which part cannot be read.

Grammar, with `^` or `**` for powers and what stands side by side multiplied (`3H^2`, `2 sin(t)`):

    sum     = product (("+" | "-") product)*
    product = signed (("*" | "/" | nothing) signed)*
    signed  = ("+" | "-") signed | power
    power   = atom ("^" signed)?
    atom    = number | symbol | "(" sum ")" | function "(" sum ")" | function atom-with-power     (`sqrt 3`)

A product without a sign behind a division, `1/2x`, can be read in two ways and is refused. Text is never run as Python.
The static pages have the same reader in `report/templates/lesson.js`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple, NoReturn

import sympy as sp

_FUNCTIONS = {
    name: getattr(sp, name)
    for name in ("sqrt", "log", "exp", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "Abs")
} | {"ln": sp.log, "abs": sp.Abs}
_CONSTANTS = {"pi": sp.pi, "e": sp.E}
_WRITTEN = {
    "−": "-",
    "–": "-",
    "·": "*",
    "×": "*",
    "÷": "/",
    "**": "^",
    "π": " pi ",
    "ε": " eps ",
    "ρ": " rho ",
    "√": " sqrt ",
}
_RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")
_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)|(?P<name>[^\W\d_]\w*)|(?P<sign>[-+*/^()]))"
)
_LONGEST, _LARGEST_IN_POWER, _DEEPEST = 400, 1000, 25
"""Beyond these an answer is not meant, and would keep the machine busy."""


class Unreadable(ValueError):
    """The answer is not what was asked for; the message says which part, and what is expected."""


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


def read(text: str, symbols: Mapping[str, sp.Expr]) -> sp.Expr:
    """The expression in these symbols, pi, e and the elementary functions; `Unreadable` names the part it stops at."""
    if len(text) > _LONGEST:
        raise Unreadable(f"An answer of at most {_LONGEST} characters is expected, not {len(text)}.")
    for written, meant in _WRITTEN.items():
        text = text.replace(written, meant)
    text = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", lambda match: f"^({match[0].translate(_RAISED)})", text).strip()
    if not text:
        raise Unreadable("There is nothing to read yet.")
    reader = _Reader(text, symbols)
    value = reader.sum()
    if reader.now.kind != "end":
        reader.refuse("a closing bracket without an opening one" if reader.now.text == ")" else "not expected there")
    if value.has(sp.zoo, sp.nan, sp.oo):
        raise Unreadable(f"`{text}` is not finite.")
    return value


class _Reader:
    """Recursive descent over the tokens of one answer."""

    def __init__(self, text: str, symbols: Mapping[str, sp.Expr]) -> None:
        self.text, self.known = text, _CONSTANTS | dict(symbols)
        self.symbols, self.depth = tuple(symbols), 0
        self.tokens = self._tokens()

    @property
    def now(self) -> _Token:
        """The next token, not yet taken."""
        return self.tokens[0]

    def refuse(self, why: str) -> NoReturn:
        """Unreadable, naming the next token."""
        part = self.text[self.now.at :].strip()
        shown = f"`{self.now.text}`" + (f" in `{part[:20]}`" if part != self.now.text else "")
        raise Unreadable(f"Cannot read {shown}: {why}.")

    def sum(self) -> sp.Expr:
        """Products with + and - between."""
        value = self.product()
        while self.now.text in ("+", "-"):
            minus = self._take().text == "-"
            value = value - self.product() if minus else value + self.product()
        return value

    def product(self) -> sp.Expr:
        """Factors with *, / or nothing between."""
        value, divided = self.signed(), False
        while self.now.text in ("*", "/") or self.now.kind in ("number", "name") or self.now.text == "(":
            sign = self._take().text if self.now.text in ("*", "/") else ""
            if not sign and self.now.kind == "number":
                self.refuse("a number behind a factor needs a sign between, such as *")
            if not sign and divided:
                self.refuse("behind a division it can be read in two ways; write * or brackets")
            divided = sign == "/"
            value = value / self.signed() if divided else value * self.signed()
        return value

    def signed(self) -> sp.Expr:
        """A power, with signs before it."""
        if self.now.text in ("+", "-"):
            return -self._deeper(self.signed) if self._take().text == "-" else self._deeper(self.signed)
        return self.power()

    def power(self) -> sp.Expr:
        """An atom, raised or not."""
        base = self.atom()
        if self.now.text != "^":
            return base
        at = self._take()
        exponent = self._deeper(self.signed)
        if any(one.is_number and abs(one) > _LARGEST_IN_POWER for one in (base, exponent)):
            raise Unreadable(f"The power in `{self.text[max(0, at.at - 8) : at.at + 8]}` is too large to be meant.")
        return base**exponent

    def atom(self) -> sp.Expr:
        """A number, a symbol, brackets, or a function of what follows."""
        token = self._take()
        if token.kind == "number":
            return sp.Rational(token.text)  # a decimal is meant exactly
        if token.text == "(":
            return self._closed(token)
        if token.kind == "name" and token.text in _FUNCTIONS and token.text not in self.known:
            raised = None
            if self.now.text == "^":  # sin^2 t
                self._take()
                raised = self.atom()
            opening = self._take() if self.now.text == "(" else None
            argument = self._closed(opening) if opening else self._deeper(self.power)
            value = _FUNCTIONS[token.text](argument)
            return value if raised is None else value**raised
        if token.kind == "name":
            return self.known[token.text]
        self.tokens.insert(0, token)
        if token.kind == "end":
            raise Unreadable(f"Something is missing at the end of `{self.text}`.")
        self.refuse("a number, a symbol or a bracket is expected there")

    def _closed(self, opening: _Token) -> sp.Expr:
        value = self._deeper(self.sum)
        if self.now.text != ")":
            if self.now.kind != "end":
                self.refuse("not expected there")
            raise Unreadable(f"The bracket opened in `{self.text[opening.at :][:20]}` is not closed.")
        self._take()
        return value

    def _deeper(self, part: Callable[[], sp.Expr]) -> sp.Expr:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise Unreadable(f"`{self.text[:20]}…` is nested too deeply to be meant.")
        value = part()
        self.depth -= 1
        return value

    def _take(self) -> _Token:
        return self.tokens.pop(0)

    def _tokens(self) -> list[_Token]:
        found: list[_Token] = []
        at = 0
        while at < len(self.text):
            match = _TOKEN.match(self.text, at)
            if match is None or match.lastgroup is None:
                rest = self.text[at:].strip()
                point = " (decimals have a point)" if rest.startswith(",") else ""
                raise Unreadable(f"Cannot read `{rest[:1]}` in `{rest[:20]}`{point}.")
            kind, start = match.lastgroup, match.start(match.lastgroup)
            found += self._names(match[kind], start) if kind == "name" else [_Token(kind, match[kind], start)]
            at = match.end()
        return [*found, _Token("end", "", len(self.text))]

    def _names(self, word: str, at: int) -> list[_Token]:
        """The word as a name that is known, or as several of them side by side: `sr` is s times r."""
        parts = self._split(word)
        if parts is None:
            known = ", ".join(f"`{name}`" for name in self.symbols)
            why = f"the symbols are {known}" if known else "a number is asked for"
            near = next((name for name in _FUNCTIONS if word.startswith(name)), None)
            raise Unreadable(f"Cannot read `{word}`: " + (f"write `{near}(...)`." if near else f"{why}."))
        starts = [at + sum(map(len, parts[:i])) for i in range(len(parts))]
        return [_Token("name", part, start) for part, start in zip(parts, starts, strict=True)]

    def _split(self, word: str) -> list[str] | None:
        if word in self.known or word in _FUNCTIONS:
            return [word]
        for length in range(len(word) - 1, 0, -1):
            if word[:length] in self.symbols and (rest := self._split(word[length:])):
                return [word[:length], *rest]
        return None
