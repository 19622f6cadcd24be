"""A lesson as a Jupyter notebook, from the same file: prose as Markdown, cells as they are, sliders by ipywidgets.

Each marimo cell stays a function under `@app.cell`; `app` is `lessons.jupyter.App`, which runs it again when a slider
moves. The first cell installs elbogap where it is missing, as on Colab.
"""

from __future__ import annotations

import ast
import re
import textwrap
from importlib.util import find_spec

from .catalogue import Lesson

_INSTALL = """\
# Installs elbogap where it is missing, as on Colab: from a wheel beside this notebook (upload the one that
# `pip wheel --no-deps .` makes in a checkout), or from the package index if there is none.
import importlib.util
from pathlib import Path

if importlib.util.find_spec("elbogap") is None:
    source = max(map(str, Path().glob("elbogap-*.whl")), default="elbogap")
    %pip install -q "{source}[notebooks]"
"""
_APP = "from elbogap.lessons.jupyter import App\n\napp = App()\n"
_HIDDEN = {"jupyter": {"source_hidden": True}, "cellView": "form", "tags": ["hide-input"]}


def require_nbformat() -> None:
    """ImportError with the hint how to install nbformat, if it is missing."""
    if find_spec("nbformat") is None:
        raise ImportError('notebooks need nbformat: pip install "elbogap[notebooks]"')


def notebook_text(one: Lesson) -> str:
    """The .ipynb file of a lesson, valid by nbformat's schema, without outputs."""
    require_nbformat()
    import nbformat
    from nbformat import v4

    text = one.path.read_text()
    nodes = [node for node in ast.parse(text).body if isinstance(node, ast.With | ast.FunctionDef)]
    cells = [v4.new_markdown_cell(_head(one)), v4.new_code_cell(_INSTALL.strip())]
    for node in nodes:
        source = "\n".join(text.splitlines()[_first_line(node) - 1 : node.end_lineno])
        if isinstance(node, ast.With):
            body = textwrap.dedent("\n".join(source.splitlines()[1:])).strip("\n")
            cells.append(v4.new_code_cell(f"{re.sub(r'  # isort: skip', '', body)}\n\n{_APP.strip()}"))
        elif (prose := _prose(node)) is not None:
            cells.append(v4.new_markdown_cell(_markdown(prose)))
        elif _decorator(node) == "app.function":
            cells.append(v4.new_code_cell("\n".join(source.splitlines()[1:])))
        else:
            cells.append(v4.new_code_cell(f"#@title {_title(node)}\n{source}", metadata=_HIDDEN))
    metadata = {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(cells):
        cell["id"] = f"{one.name}-{number}"[-64:]  # the same text gives the same file
    made = v4.new_notebook(cells=cells, metadata=metadata)
    nbformat.validate(made)
    return nbformat.writes(made) + "\n"


def _head(one: Lesson) -> str:
    return (
        f"*elbogap, lesson {one.number}: {one.title}. Run the cells from top to bottom (Run all); then move the "
        "sliders and type answers, ended by Enter. The code of a cell is folded away; open it to see what it computes.*"
    )


def _first_line(node: ast.stmt) -> int:
    return min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])


def _decorator(node: ast.FunctionDef) -> str:
    return ast.unparse(node.decorator_list[0]) if node.decorator_list else ""


def _prose(node: ast.FunctionDef) -> str | None:
    """The text of a cell that shows nothing but `mo.md` of a literal."""
    first = node.body[0]
    if node.args.args or not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Call):
        return None
    call = first.value
    literal = bool(call.args) and isinstance(call.args[0], ast.Constant) and ast.unparse(call.func) == "mo.md"
    return str(call.args[0].value) if literal else None  # type: ignore[attr-defined]


def _markdown(text: str) -> str:
    """Markdown for Jupyter: without the indent of the file."""
    return textwrap.dedent(text).strip()


def _title(node: ast.FunctionDef) -> str:
    """What a folded cell does, by what it defines."""
    names = [one.id for one in ast.walk(node.body[-1]) if isinstance(one, ast.Name)] if node.body else []
    if any(name.endswith("_right") for name in names):
        return "Exercise: the checker and its words"
    if any(name.endswith(("_field", "guess")) for name in names):
        return "Question"
    if any(name.endswith("_slider") for name in names):
        return "Slider"
    return f"Computes {', '.join(names)}" if names else "Shown"
