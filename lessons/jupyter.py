"""A lesson's cells in Jupyter and Colab: the same functions as in marimo, run again when a slider moves.

`App.cell` runs a cell with what it reads, shows its last expression, and gives what it returns to the cells below and
to the notebook. For each slider and field that a cell defines an ipywidget appears under it; moving one runs the
cells that depend on it, and their output is replaced where it stands. Formulas are MathML, figures are SVG.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .notebook import Cell, downstream
from .static_html import slider_label, static

_INPUT = re.compile(r'<div class="control[^>]*>.*?</div>', re.S)
_STYLE = """<style>
.paragraph { margin: .6em 0 } .callout, details { border-left: 3px solid #8a94a0; padding-left: .8em; margin: .8em 0 }
.callout.success { border-color: #0b6b45 } .callout.warn { border-color: #b07a00 } summary { cursor: pointer }
.row { display: flex; flex-wrap: wrap; gap: 1em } .row > * { flex: 1 1 16em; min-width: 0 } svg { max-width: 100% }
.asked { display: none } /* shown once something has been predicted */
</style>"""


@dataclass
class _Placed:
    """A cell of the notebook: what it reads and defines, how it runs, and where its output stands."""

    graph: Cell
    run: Callable[..., tuple[Any, dict[str, Any]]]
    shows: bool
    ran: bool = False
    output: Any = None


class App:
    """The cells run so far and the values of the names they define; `widgets` are the ipywidgets by name."""

    def __init__(self) -> None:
        require_ipywidgets()
        from IPython.display import HTML, display

        self.values: dict[str, Any] = {}
        self.widgets: dict[str, Any] = {}
        self._cells: list[_Placed] = []
        display(HTML(_STYLE))

    def cell(self, function: Callable) -> None:
        """Run this cell and show it, and its sliders and fields below."""
        from IPython.display import display

        placed = _Placed(*_compiled(function))
        self._cells = [one for one in self._cells if not one.graph.defines & placed.graph.defines] + [placed]
        self._show(placed, function.__globals__)
        for name in sorted(placed.graph.defines, key=list(self.values).index):
            element = self.values[name]
            if hasattr(element, "_update"):
                self.widgets[name] = self._widget(name, element, function.__globals__)
                display(_labelled(element, self.widgets[name]))

    def _show(self, placed: _Placed, notebook: dict[str, Any]) -> None:
        import marimo
        from IPython.display import HTML, display

        shown, made = placed.run(**{name: self.values[name] for name in placed.graph.reads})
        kept = {name: self.values[name] for name in made if name in self.widgets and placed.ran}
        placed.ran = True
        self.values |= made | kept
        notebook |= made | kept
        if not placed.shows:
            return
        html = "" if shown is None else _INPUT.sub("", static(marimo.as_html(shown).text))
        if placed.output is None:
            placed.output = display(HTML(html), display_id=True)
        else:
            placed.output.update(HTML(html))

    def _widget(self, name: str, element: Any, notebook: dict[str, Any]) -> Any:
        widget, sent = _ipywidget(element)

        def moved(change: Any) -> None:
            element._update(sent(change["new"]))
            reached = downstream([one.graph for one in self._cells], [name])
            for placed in self._cells:
                if placed.graph.reads & reached:
                    self._show(placed, notebook)

        widget.observe(moved, names="value")
        return widget


def require_ipywidgets() -> None:
    """ImportError with the hint how to install it, if ipywidgets is missing."""
    from importlib.util import find_spec

    if find_spec("ipywidgets") is None:
        raise ImportError('lessons in Jupyter need ipywidgets: pip install "elbogap[notebooks]"')


def _compiled(function: Callable) -> tuple[Cell, Callable[..., tuple[Any, dict[str, Any]]], bool]:
    """What a cell reads and defines, a function that gives (what it shows, what it defines), whether it shows any."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    (definition,) = (node for node in tree.body if isinstance(node, ast.FunctionDef))
    definition.decorator_list = []
    names: list[str] = []
    if isinstance(definition.body[-1], ast.Return):
        returned = definition.body.pop()
        names = [node.id for node in ast.walk(returned) if isinstance(node, ast.Name)]
    shown: ast.expr = ast.Constant(None)
    if definition.body and isinstance(definition.body[-1], ast.Expr):
        last = definition.body.pop()
        assert isinstance(last, ast.Expr)
        shown = last.value
    made = ast.Dict([ast.Constant(name) for name in names], [ast.Name(name, ast.Load()) for name in names])
    definition.body.append(ast.Return(ast.Tuple([shown, made], ast.Load())))
    found: dict[str, Any] = {}
    exec(compile(ast.fix_missing_locations(tree), function.__code__.co_filename, "exec"), function.__globals__, found)
    graph = Cell(frozenset(one.arg for one in definition.args.args), frozenset(names))
    return graph, found[definition.name], not isinstance(shown, ast.Constant)


def _ipywidget(element: Any) -> tuple[Any, Callable[[Any], Any]]:
    """The ipywidget for one of marimo's, and what is to be sent to the latter for a value of the former."""
    import ipywidgets
    import marimo

    wide = ipywidgets.Layout(width="60%")
    if isinstance(element, marimo.ui.text):
        options = {"placeholder": element._component_args["placeholder"], "continuous_update": False}
        return ipywidgets.Text(element.value, layout=wide, **options), lambda value: value
    assert isinstance(element, marimo.ui.slider), f"{type(element).__name__} has no form in Jupyter: use slider or text"
    if element.steps:
        shown = [(f"{value:g}", i) for i, value in enumerate(element.steps)]
        start = element.steps.index(element.value)
        return ipywidgets.SelectionSlider(
            options=shown, value=start, layout=wide, continuous_update=False
        ), lambda value: value
    bounds = {"min": element.start, "max": element.stop, "step": element.step, "value": element.value}
    whole = all(isinstance(one, int) for one in bounds.values())
    kind = ipywidgets.IntSlider if whole else ipywidgets.FloatSlider
    return kind(**bounds, layout=wide, continuous_update=False), lambda value: value


def _labelled(element: Any, widget: Any) -> Any:
    import ipywidgets

    return ipywidgets.HBox([ipywidgets.HTML(slider_label(element.text)), widget])
