"""Verdicts, and the kinds of evidence that bear one.

Verdicts: `holds`, `fails`, `inconclusive`, `not installed`, and `n/a` where a kind of evidence does not apply.
"""

from __future__ import annotations

from typing import Literal

Verdict = Literal["holds", "fails", "inconclusive", "not installed", "n/a"]
KINDS = ("derived", "measured", "enclosed", "trained")
