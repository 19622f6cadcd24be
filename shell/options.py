"""The types of options on the command line: numbers as they were typed, or a refusal.

The parser alone would round "2.6" to 3 and take "nan" for a number. A command declares `seed: Whole = 0`; ranges are
judged by `requests`, as for a call from Python.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Annotated, Any

from cyclopts import Parameter, Token

from ..errors import RequestError
from .requests import shown

_INTEGER = re.compile(r"[+-]?\d{1,40}", re.ASCII)


def _integer(_: Any, tokens: Sequence[Token]) -> int:
    (token,) = tokens
    if not _INTEGER.fullmatch(token.value):
        raise RequestError(f"{token.keyword or 'argument'}: expected an integer, got {shown(token.value)}")
    return int(token.value)


def _finite(_: Any, tokens: Sequence[Token]) -> float:
    (token,) = tokens
    try:
        value = float(token.value)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise RequestError(f"{token.keyword or 'argument'}: expected a number, got {shown(token.value)}")
    return value


Whole = Annotated[int, Parameter(converter=_integer)]
"""An integer: digits and a sign."""
Real = Annotated[float, Parameter(converter=_finite)]
"""A finite number."""
Flag = Annotated[bool, Parameter(negative=())]
"""A switch that is off unless it is named."""
