r"""What a figure says in words: its caption, a description for those who do not see it, and a LaTeX float.

The caption is the module's `CAPTION`; the description is read off the drawing, panel by panel: title, axes, series.
Symbols are Unicode in text and become LaTeX in the float.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

_LATEX = {
    "γ": r"\gamma",
    "β": r"\beta",
    "ε": r"\varepsilon",
    "ρ": r"\rho",
    "κ": r"\kappa",
    "λ": r"\lambda",
    "₁": "_1",
    "√": r"\surd ",
    "±": r"\pm",
    "≤": r"\le",
    "≥": r"\ge",
}
_POWERS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
_SYMBOL = re.compile("[" + "".join(_LATEX) + "]|[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+")
_RESERVED = re.compile(r"([%&#_$])")


@dataclass(frozen=True)
class Words:
    """The caption of a figure, and its description panel by panel."""

    caption: str
    description: str

    def text(self) -> str:
        """Both, each under its heading."""
        return f"Caption\n{self.caption}\n\nAlternative text\n{self.description}\n"

    def latex(self, name: str) -> str:
        """A float that includes NAME at the width of the line; `alt` is read by the LaTeX kernel's tagging."""
        lines = (
            r"\begin{figure}",
            r"  \centering",
            rf"  % alternative text: {self.description}",
            rf"  \includegraphics[width=\linewidth]{{{name}}}",
            rf"  \caption{{{latex_text(self.caption)}}}",
            rf"  \label{{fig:{name}}}",
            r"\end{figure}",
        )
        return "\n".join(lines) + "\n"


def words(caption: str, figure: Figure) -> Words:
    """The words of a drawing with this caption."""
    panels = [_panel(axes) for axes in figure.axes]
    first = re.split(r"(?<=[.])\s", caption, maxsplit=1)[0]
    return Words(caption, " ".join([first, *(panel for panel in panels if panel)]))


def latex_text(text: str) -> str:
    """Text with Unicode symbols as LaTeX: neighbouring symbols share one pair of dollars."""
    escaped = _RESERVED.sub(r"\\\1", text)
    found = re.sub(f"(?:{_SYMBOL.pattern})+", lambda match: f"${_symbols(match[0])}$", escaped)
    return found.replace("−", "$-$").replace("–", "--").replace("ö", r"\"o")


def _symbols(text: str) -> str:
    def one(match: re.Match[str]) -> str:
        return _LATEX.get(match[0]) or f"^{{{match[0].translate(_POWERS)}}}"

    return _SYMBOL.sub(one, text).strip()


def _panel(axes: Axes) -> str:
    title = axes.get_title(loc="left") or axes.get_title()
    parts = [f"Panel {title}" if title else "A panel"]
    across, up = axes.get_xlabel(), axes.get_ylabel()
    if up:
        parts.append(f"shows {up}" + (f" over {across}" if across else ""))
    elif across:
        parts.append(f"has the abscissa {across}")
    named = dict.fromkeys(label for label in axes.get_legend_handles_labels()[1] if not label.startswith("_"))
    if named:
        parts.append(f"for {', '.join(named)}")
    return " ".join(parts).replace("\n", " ") + "." if len(parts) > 1 or title else ""
