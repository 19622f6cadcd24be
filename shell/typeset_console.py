"""A console of Rich's whose strings are set with symbols where the terminal has them; loaded when it prints."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.text import Text

from .typography import typeset


class TypesetConsole(Console):
    """A `rich.console.Console`; with `symbols` every string that it prints, in cells as well, is `typeset`."""

    def __init__(self, *, symbols: bool, **options: Any) -> None:
        super().__init__(**options)
        self._symbols = symbols

    def render_str(self, text: str, **options: Any) -> Text:
        """The string as text, markup read."""
        return super().render_str(typeset(text) if self._symbols else text, **options)
