"""LaTeX as MathML in which nothing but mathematics can stand, whoever wrote the LaTeX.

latex2mathml leaves its output un-escaped and passes styles, classes and links on. Here its tree is taken before that:
elements and attributes that are not of the list below (MathML Core, W3C 2025) are dropped, their text is kept, and
every character of it is escaped. What is no LaTeX is shown as it was written.
"""

from __future__ import annotations

from html import escape, unescape
from xml.etree.ElementTree import Element, SubElement, tostring

NAMESPACE = "http://www.w3.org/1998/Math/MathML"
_ELEMENTS = """
    math mrow mi mn mo ms mtext mspace mfrac msqrt mroot mstyle merror mpadded mphantom menclose msub msup msubsup
    munder mover munderover mmultiscripts mprescripts none mtable mtr mtd mlabeledtr
"""
_ATTRIBUTES = """
    display displaystyle scriptlevel mathvariant mathsize stretchy symmetric fence separator form largeop lspace rspace
    minsize maxsize movablelimits accent accentunder linethickness numalign denomalign bevelled width height depth
    voffset notation columnalign rowalign columnspacing rowspacing columnlines rowlines frame side dir
"""
ELEMENTS, ATTRIBUTES = frozenset(_ELEMENTS.split()), frozenset(_ATTRIBUTES.split())
_HARMLESS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.+-% ")
LONGEST = 20_000
"""Characters of LaTeX beyond which a formula is shown as it was written."""


def formula(latex: str, display: str = "inline") -> str:
    """MathML of the LaTeX, safe in any page; `<code>` with the text where it is no formula. display: inline, block."""
    from latex2mathml.converter import Converter

    if len(latex) <= LONGEST:
        try:
            return tostring(_clean(Converter(NAMESPACE, display).convert_to_element(latex)), encoding="unicode")
        except Exception:  # each command of LaTeX has errors of its own
            pass
    return f"<code>{escape(latex)}</code>"


def _clean(root: Element) -> Element:
    clean = Element("math", {"xmlns": NAMESPACE} | _attributes(root))
    _copy(root, clean)
    return clean


def _copy(source: Element, target: Element) -> None:
    """Text and children of `source` into `target`; an unknown child leaves its text alone."""
    target.text = _characters(source.text)
    for child in source:
        known = child.tag in ELEMENTS and child.tag != "math"
        part = SubElement(target, child.tag if known else "mrow", _attributes(child) if known else {})
        _copy(child, part)
        part.tail = _characters(child.tail)


def _attributes(element: Element) -> dict[str, str]:
    found = {name: _characters(value) or "" for name, value in element.attrib.items() if name in ATTRIBUTES}
    return {name: value for name, value in found.items() if set(value) <= _HARMLESS}


def _characters(text: str | None) -> str | None:
    """The text with entities as the characters they stand for (latex2mathml writes `&#x02211;`)."""
    return None if text is None else unescape(text)
