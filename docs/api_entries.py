"""The API pages: of each public object its signature on lines that can be read, a table of parameters, its docstring.

A page says `<!-- api: elbogap.gap elbogap.theorem.Claim ... -->`; names are imported, so a name that is gone stops the
build. Types are those of the source, shortened to their last part; private parameters and members are left out.
"""

import inspect
import re
import sys
from importlib import import_module
from typing import Any, Union, get_args, get_origin

WIDTH = 88
_ARRAYS = "Array, numpy.ndarray, numpy.bool, numpy.number, bool, int, float, complex"
_LONG = re.compile(r"\b(?:[a-z_]+\.)+(?=[A-Z])")


def entries(names: str) -> str:
    """Markdown for these objects, separated by spaces."""
    return "\n\n".join(_entry(name) for name in names.split())


def _entry(name: str) -> str:
    module, _, last = name.rpartition(".")
    found = getattr(import_module(module), last)
    lines = [f"### `{last}` {{ #{name} }}", "", f"`from {module} import {last}`", ""]
    if callable(found) and (signature := _signature(found)) is not None:
        lines += ["```python", _written(last, signature), "```", ""]
        lines += _parameters(signature)
    lines += [_said(found), ""]
    if inspect.isclass(found):
        lines += _members(found)
    return "\n".join(lines)


def _signature(found: Any) -> inspect.Signature | None:
    try:
        return inspect.signature(found)
    except (TypeError, ValueError):
        return None


def _shown(signature: inspect.Signature) -> list[inspect.Parameter]:
    return [one for one in signature.parameters.values() if not one.name.startswith("_") and one.name != "self"]


def _written(name: str, signature: inspect.Signature) -> str:
    """The call on one line, or one parameter a line where that is too long; types stand in the table."""
    parts, starred = [], False
    for one in _shown(signature):
        if one.kind is one.KEYWORD_ONLY and not starred:
            parts.append("*")
            starred = True
        starred = starred or one.kind is one.VAR_POSITIONAL
        mark = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        default = "" if one.default is one.empty else f"={_default(one.default)}"
        parts.append(f"{mark}{one.name}{default}")
    line = f"{name}({', '.join(parts)})"
    return line if len(line) <= WIDTH else f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + ")"


def _default(value: Any) -> str:
    if value == sys.maxsize:
        return "sys.maxsize"
    if isinstance(value, (str, int, float, bool, tuple, type(None))):
        return repr(value)
    return getattr(value, "__name__", "...") if callable(value) else "..."


def _parameters(signature: inspect.Signature) -> list[str]:
    rows = []
    for one in _shown(signature):
        default = "required" if one.default is one.empty else f"`{_default(one.default)}`"
        if one.kind in (one.VAR_POSITIONAL, one.VAR_KEYWORD):
            default = "any number"
        rows.append(f"| `{one.name}` | {_type(one.annotation)} | {default} |")
    head = ["| parameter | type | default |", "|---|---|---|"]
    returns = [] if signature.return_annotation in (signature.empty, None, "None") else [signature.return_annotation]
    said = [f"Returns {_type(one)}." for one in returns]
    return ([*head, *rows, ""] if rows else []) + ([*said, ""] if said else [])


def _type(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return ""
    text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
    if get_origin(annotation) is Union and _ARRAYS not in text:
        return " or ".join(dict.fromkeys(_type(one) for one in get_args(annotation)))
    text = re.sub(r"jax(lib)?\.[\w.]*\.Array\b", "Array", text).replace(_ARRAYS, "ArrayLike")
    text = re.sub(r"Union\[([^\]]*)\]", lambda match: match[1].replace(", ", " | "), text).replace("NoneType", "None")
    return f"`{_LONG.sub('', text).strip(chr(39))}`".replace("|", "&#124;") if "|" not in text else _alternatives(text)


def _alternatives(text: str) -> str:
    """`A | B` without a bar, which would end the cell of a table."""
    parts = [part.strip(" '") for part in _LONG.sub("", text).split(" | ")]
    joined = [] if any(part.count("[") != part.count("]") for part in parts) else parts
    return " or ".join(f"`{part}`" for part in joined) or f"<code>{_LONG.sub('', text).replace('|', '&#124;')}</code>"


def _said(found: Any) -> str:
    """The docstring as Markdown: underlined headings of a manual become bold, what is indented stays code."""
    text = inspect.getdoc(found) or ""
    return re.sub(r"^(\w[\w ]*)\n-{3,}$", r"**\1**\n", text, flags=re.M)


def _members(found: type) -> list[str]:
    """Public methods and properties of the class itself, with the first sentence of each."""
    rows = []
    for name, member in vars(found).items():
        if name.startswith("_") or not (inspect.isfunction(member) or isinstance(member, property)):
            continue
        said = (inspect.getdoc(member) or "").split("\n\n")[0].replace("\n", " ").replace("|", "&#124;")
        call = (
            ""
            if isinstance(member, property)
            else f"({', '.join(one.name for one in _shown(inspect.signature(member)))})"
        )
        rows.append(f"| `{name}{call}` | {said} |")
    return ["| member | |", "|---|---|", *rows, ""] if rows else []
