"""marimo's HTML as plain HTML: no custom element is left, no script is needed, formulas are MathML.

marimo renders formulas, accordions and inputs as elements of its own, `<marimo-...>`, which are empty without its
JavaScript. `static` reads the HTML into a tree and writes it again: a formula as MathML, an accordion as `<details>`, a
text field as one of HTML, any other input as a line that says what is asked; sliders and what has the class "live" are
left out. An element it does not know is an error, so that nothing is lost in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html import escape, unescape
from html.parser import HTMLParser

from ..report.page import mathml

_VOID = {"br", "hr", "img", "input", "wbr", "col", "area", "source"}
_UNSPACED = re.compile(r"(?<=[\w})])(?<!log|det|sin|cos|exp)\s*\\(?=(?:log|det|sin|cos|exp)\b)")
"""Where TeX puts a thin space before an operator, and MathML does not."""
_FORMULA = re.compile(r"\s*\|\|([(\[])(.*)\|\|[)\]]\s*", re.DOTALL)


@dataclass
class Node:
    """An element: its name, start tag as written, attributes, and children; text is kept as written."""

    tag: str = ""
    start: str = ""
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)

    def elements(self) -> list[Node]:
        """The children that are elements."""
        return [child for child in self.children if isinstance(child, Node)]

    def text(self) -> str:
        """All text inside, character references resolved."""
        return "".join(unescape(one) if isinstance(one, str) else one.text() for one in self.children)

    def value(self, name: str, default: object = "") -> object:
        """The attribute `data-name`, which marimo writes as JSON."""
        return json.loads(self.attributes.get(f"data-{name}") or "null") or default


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.open = [Node()]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        node = self._add(tag, attrs)
        if tag not in _VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._add(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        at = max((i for i, node in enumerate(self.open) if node.tag == tag), default=0)
        if at:
            del self.open[at:]

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_entityref(self, name: str) -> None:
        self.handle_data(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self.handle_data(f"&#{name};")

    def _add(self, tag: str, attrs: list[tuple[str, str | None]]) -> Node:
        node = Node(tag, self.get_starttag_text() or "", {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        return node


def tree(html: str) -> Node:
    """The nodes of a piece of HTML, below a root without a name."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.open[0]


def static(html: str, *, inline: bool = False) -> str:
    """Plain HTML that shows what this HTML of marimo's shows; inline: without blocks, for a label.

    ValueError for an element of marimo's that has no static form.
    """
    return _children(tree(html), inline)


def blocks(html: str) -> list[str]:
    """The same, block by block: what stands below each other in a stack or in a piece of prose is taken apart."""
    found: list[str] = []
    pending: list[Node | str] = list(tree(html).children)
    while pending:
        node = pending.pop(0)
        if isinstance(node, Node) and _is_stack(node):
            pending = node.children + pending
        elif text := (node if isinstance(node, str) else _render(node, False)).strip():
            found.append(text)
    return found


def _is_stack(node: Node) -> bool:
    style, classes = node.attributes.get("style", ""), node.attributes.get("class", "").split()
    return (node.tag == "div" and "flex-direction: column" in style) or (node.tag == "span" and "markdown" in classes)


def slider_label(html: str) -> str:
    """The label of the first input in this HTML, as plain inline HTML."""
    pending = [tree(html)]
    while pending:
        node = pending.pop(0)
        if "data-label" in node.attributes:
            return static(str(node.value("label")), inline=True).strip()
        pending += node.elements()
    return ""


def _children(node: Node, inline: bool) -> str:
    return "".join(one if isinstance(one, str) else _render(one, inline) for one in node.children)


def _render(node: Node, inline: bool) -> str:
    if node.tag.startswith("marimo-"):
        if node.tag not in _STATIC:
            raise ValueError(f"<{node.tag}> has no static form: use text, formulas, figures, tables and plain inputs")
        return _STATIC[node.tag](node, inline)
    classes = node.attributes.get("class", "").split()
    if "live" in classes:
        return ""
    if "asked" in classes:
        return f'<div class="asked">{_children(node, False)}</div>'
    if node.tag == "span" and {"paragraph", "markdown"} & set(classes):
        inside = _children(node, inline)
        return inside if inline else f'<div class="{"paragraph" if "paragraph" in classes else "text"}">{inside}</div>'
    if node.tag == "div" and "flex-direction" in node.attributes.get("style", ""):
        opening = '<div class="row">' if "flex-direction: row" in node.attributes["style"] else "<div>"
        inside = _children(node, inline)
        return f"{opening}{inside}</div>" if inside.strip() else ""
    if node.tag == "h1":  # the page has one already
        return ""
    if node.tag == "div" and "scroll" in classes:  # a table of report.page, which scrolls by itself
        return _as_written(node, "".join(_as_written(one, _children(one, inline)) for one in node.elements()))
    written = _as_written(node, _children(node, inline))
    if node.tag == "table":
        return f'<div class="scroll" role="region" tabindex="0" aria-label="Table">{written}</div>'
    return written


def _as_written(node: Node, inside: str) -> str:
    if node.start.endswith("/>") or node.tag in _VOID:
        return node.start
    name = re.match(r"<([^\s>]+)", node.start)[1]  # type: ignore[index]  # with the capitals that SVG needs
    return f"{node.start}{inside}</{name}>"


def _formula(node: Node, inline: bool) -> str:
    match = _FORMULA.fullmatch(node.text())
    if not match:
        raise ValueError(f"a formula without delimiters: {node.text()[:60]!r}")
    # A prime is raised by its glyph; as a superscript it would be raised twice.
    latex = _UNSPACED.sub(r"\\,\\", match[2].strip().replace("''", "″").replace("'", "′"))
    return str(mathml(latex, display=match[1] == "[" and not inline))


def _accordion(node: Node, inline: bool) -> str:
    labels = node.value("labels", [])
    assert isinstance(labels, list)
    return "".join(
        f"<details><summary>{static(label, inline=True)}</summary>{_children(one, False)}</details>"
        for label, one in zip(labels, node.elements(), strict=True)
    )


def _callout(node: Node, inline: bool) -> str:
    return f'<div class="callout {escape(str(node.value("kind", "neutral")))}">{static(str(node.value("html")))}</div>'


def _input(node: Node, inline: bool) -> str:
    return _line(node, "<em>to be answered in the live lesson</em>", inline)


def _text(node: Node, inline: bool) -> str:
    """A field for an answer, which the script of the page reads."""
    label = static(str(node.value("label")), inline=True).strip()
    field = f'<input type="text" placeholder="{escape(str(node.value("placeholder")))}" autocomplete="off">'
    return f'<div class="control answer"><label>{label} {field}</label></div>'


def _line(node: Node, shown: str, inline: bool) -> str:
    label = static(str(node.value("label")), inline=True).strip()
    line = f"{label}{'' if not label or label.endswith(('=', ':', '→')) else ':'} {shown}"
    return line if inline else f'<div class="control">{line}</div>'


_STATIC: dict[str, Callable[[Node, bool], str]] = {
    "marimo-tex": _formula,
    "marimo-ui-element": _children,
    "marimo-accordion": _accordion,
    "marimo-callout-output": _callout,
    "marimo-slider": lambda node, inline: "",  # the page has its own beside what it moves
    "marimo-text": _text,
    **dict.fromkeys(
        ("marimo-number", "marimo-text-area", "marimo-dropdown", "marimo-radio", "marimo-checkbox"),
        _input,
    ),
    "marimo-code-editor": _input,
    "marimo-button": lambda node, inline: "",
}
