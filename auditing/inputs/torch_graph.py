"""A PyTorch module as one JAX program: its graph by `torch.export`, every operator by a JAX function of the same name.

A callback from JAX into PyTorch costs more than the small networks that people audit, and no compiler sees into it. The
graph of a module that `torch.export` gives, taken to the core operators of ATen (PyTorch documentation, Core ATen IR),
is a list of calls; each that depends on z is one of the table `OPERATORS` (`aten_pointwise`, `aten_layout`,
`aten_layers`), and the others, constants of the module, are computed once by PyTorch itself.

Nothing is taken on faith: values and gradients are compared with PyTorch's own at probe points, and the derivatives of
every order with differences of PyTorch's values (`derivative_checks`). `Untranslated` says why a module goes the other
way (`torch_derivatives`): an operator that is not in the table, a graph that depends on the values of z, state.
"""

from __future__ import annotations

import logging
import operator
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from .aten_convolution import Rows, by_rows
from .aten_layers import LAYERS
from .aten_layout import LAYOUT
from .aten_pointwise import POINTWISE
from .calls import said_by
from .extras import torch
from .torch_derivatives import Single

OPERATORS: dict[str, Callable] = POINTWISE | LAYOUT | LAYERS | {"getitem": operator.getitem}
_KEPT_WHOLE = ("softplus", "logsumexp", "upsample_bicubic2d")
"""Operators that are not taken apart: their parts overflow where they do not, or hide that they are linear."""
# Relative to the largest output, and to the largest entry of a gradient, which loses digits where units are saturated.
_AGREE = {"value": 1e-11, "gradient": 1e-9}
_SMALL = 2**18
"""Multiplications of a convolution by whole rows up to which that is the fastest way."""
TRANSLATED = "translated"
"""The name of this way among those to derivatives."""
_LOG = logging.getLogger("elbogap.torch_graph")


class Untranslated(Exception):
    """Why a module is not evaluated in JAX, in one line."""


class _Call(NamedTuple):
    """One call of the graph: where its value goes, the function, and its arguments with names for values."""

    name: str
    function: Callable
    arguments: tuple
    options: dict[str, Any]


class _Value(NamedTuple):
    """A value of the graph, by name."""

    name: str


class Graph:
    """The calls that depend on z, and the constants that they use: a JAX function (d,) -> (D,)."""

    def __init__(self, calls: list[_Call], constants: dict[str, Any], inputs: str, outputs: str):
        self.calls, self.constants, self.inputs, self.outputs = calls, constants, inputs, outputs

    def __call__(self, z: jax.Array) -> jax.Array:
        """f(z)."""
        values = self.constants | {self.inputs: z}

        def read(argument: Any) -> Any:
            return values[argument.name] if isinstance(argument, _Value) else argument

        def filled(argument: Any) -> Any:
            return jax.tree.map(read, argument, is_leaf=lambda leaf: isinstance(leaf, _Value))

        # PyTorch promotes, whatever the user asks of JAX.
        with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
            for call in self.calls:
                values[call.name] = call.function(*filled(call.arguments), **filled(call.options))
        return jnp.asarray(values[self.outputs])


def translated(single: Single, module: Any, points: np.ndarray) -> Graph:
    """The JAX function of a torch function of one point, which calls `module`; checked against it near the points.

    Raises `Untranslated` where that cannot be.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = _exported(single, module, points.shape[1])
            graph = _graph(program)
    except Untranslated:
        raise
    except Exception as error:  # torch.export fails in many ways, as many as there are modules
        raise Untranslated(f"torch.export: {type(error).__name__}: {said_by(error)[:160]}") from error
    _compare(graph, single, points)
    return graph


def attempted(single: Single, module: Any, points: np.ndarray) -> Graph | None:
    """`translated`, or None with the reason in the log."""
    try:
        graph = translated(single, module, points)
    except Untranslated as reason:
        _LOG.debug("the PyTorch module is called back from JAX: %s", reason)
        return None
    _LOG.debug("the PyTorch module is evaluated in JAX: %d calls of its graph", len(graph.calls))
    return graph


def _exported(single: Single, module: Any, d: int) -> Any:
    library = torch()

    class Whole(library.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, z: Any) -> Any:
            return single(z)

    example = library.zeros(d, dtype=library.float64)
    program = library.export.export(Whole(), (example,), strict=False)
    table = library.export.default_decompositions()
    for kept in [key for key in table if key.name().split("::")[-1].split(".")[0] in _KEPT_WHOLE]:
        table.pop(kept)
    return program.run_decompositions(table)


def _graph(program: Any) -> Graph:
    """The calls on z by their JAX functions; everything else is computed here."""
    signature = program.graph_signature
    if len(signature.user_outputs) != 1 or len(signature.output_specs) != 1:
        raise Untranslated("the module changes its own buffers")
    (given,) = signature.user_inputs
    stored = {**program.state_dict, **program.constants}
    places = signature.inputs_to_parameters | signature.inputs_to_buffers | signature.inputs_to_lifted_tensor_constants
    known = {name: stored[place] for name, place in places.items()}
    calls: list[_Call] = []
    for node in program.graph.nodes:
        if node.op in ("placeholder", "output"):
            if node.op == "placeholder" and node.name != given and node.name not in known:
                raise Untranslated(f"the graph has an input {node.name!r} that is no tensor")
        elif node.op != "call_function":
            raise Untranslated(f"the graph has a node {node.op!r}")
        elif all(argument.name in known for argument in node.all_input_nodes):
            known[node.name] = _computed(node, known)
        elif (rows := _row_matrices(node, known)) is not None:
            names = [f"{node.name}.{part}" for part in ("rows", "offset")]
            known |= dict(zip(names, rows[:2], strict=True))
            calls.append(_Call(node.name, by_rows, (_Value(node.args[0].name), *map(_Value, names), rows[2]), {}))
        else:
            calls.append(_Call(node.name, _operator(node.target), *_arguments(node)))
    used = {value.name for call in calls for value in _values(call)}
    constants = {name: _array(known[name]) for name in used if name in known}
    (output,) = signature.user_outputs
    if output in known:
        raise Untranslated("the output does not depend on z")
    return Graph(calls, constants, given, output)


def _row_matrices(node: Any, known: dict[str, Any]) -> tuple[Any, Any, Rows] | None:
    """A convolution of a small image by constant kernels as `by_rows` takes it, made by PyTorch; None for others."""
    library = torch()
    if node.target is not library.ops.aten.convolution.default or node.args[0].name in known:
        return None
    data, weight, bias, stride, padding, dilation, transposed, behind, groups = node.args
    given, new = data.meta["val"].shape, node.meta["val"].shape
    if len(given) != 4 or given[0] != 1 or not all(one.name in known for one in node.all_input_nodes[1:]):
        return None
    kernel = known[weight.name]
    (_, channels, height, width), count = given, kernel.shape[2]
    entries = channels * width * count * new[1] * new[3] * (height if transposed else new[2])
    if entries > _SMALL or dilation[0] != 1:
        return None
    basis = library.eye(channels * width, dtype=kernel.dtype).reshape(-1, channels, 1, width)
    how = [1, stride[-1]], [0, padding[-1]], [1, dilation[-1]], transposed, [0, behind[-1]], groups
    with library.no_grad():
        rows = [node.target(basis, kernel[:, :, k : k + 1], None, *how).reshape(len(basis), -1) for k in range(count)]
        offset = library.zeros(new[1], dtype=kernel.dtype) if bias is None else known[bias.name]
    return library.stack(rows), offset, Rows(tuple(new[1:]), stride[0], padding[0], transposed)


def _operator(target: Any) -> Callable:
    name = "getitem" if target is operator.getitem else str(target).removeprefix("aten.")
    if name not in OPERATORS:
        raise Untranslated(f"no JAX function for the operator {target}")
    return OPERATORS[name]


def _computed(node: Any, known: dict[str, Any]) -> Any:
    """A constant, by PyTorch itself."""
    library = torch()
    if library.Tag.nondeterministic_seeded in getattr(node.target, "tags", ()):
        raise Untranslated(f"the operator {node.target} draws random numbers")
    arguments, options = (
        library.fx.map_arg(part, lambda value: known[value.name]) for part in (node.args, node.kwargs)
    )
    with library.no_grad():
        return node.target(*arguments, **options)


def _arguments(node: Any) -> tuple[tuple, dict[str, Any]]:
    """Positional and named arguments, nodes as `_Value`."""
    node_type = torch().fx.Node

    def plain(part: Any) -> Any:
        if isinstance(part, node_type):
            return _Value(part.name)
        return [plain(one) for one in part] if isinstance(part, list | tuple) else part

    return tuple(plain(part) for part in node.args), {name: plain(part) for name, part in node.kwargs.items()}


def _values(call: _Call) -> list[_Value]:
    leaves = jax.tree.leaves((call.arguments, call.options), is_leaf=lambda leaf: isinstance(leaf, _Value))
    return [leaf for leaf in leaves if isinstance(leaf, _Value)]


def _array(value: Any) -> Any:
    """A constant for JAX."""
    return jnp.asarray(value.detach().numpy()) if hasattr(value, "detach") else value


def _compare(graph: Graph, single: Single, points: np.ndarray) -> None:
    """`Untranslated` unless values and gradients agree with PyTorch's at points between those given."""
    library = torch()
    rng = np.random.default_rng(len(points))
    share = rng.uniform(size=(4, len(points), 1))
    # Between two points of its support every prior has support, too.
    mixed = share * points[None] + (1 - share) * np.roll(points, 1, axis=0)[None]
    at = np.concatenate([points, mixed.reshape(-1, points.shape[1])])

    @jax.jit
    def ours(z: jax.Array, cotangent: jax.Array) -> tuple:
        value, pull = jax.vjp(graph, z)
        return value, pull(cotangent)[0]

    for z in at:
        try:
            value, pull = library.func.vjp(single, library.from_numpy(z))
            cotangent = rng.standard_normal(len(value))
            (gradient,) = pull(library.from_numpy(cotangent))
        except Exception as error:
            raise Untranslated(f"PyTorch has no gradient: {said_by(error)[:160]}") from error
        try:
            found = jax.device_get(ours(jnp.asarray(z), jnp.asarray(cotangent)))
        except Exception as error:
            raise Untranslated(f"its graph fails in JAX: {type(error).__name__}: {said_by(error)[:160]}") from error
        for what, mine, theirs in zip(("value", "gradient"), found, (value, gradient), strict=True):
            expected = theirs.detach().numpy()
            size = max(float(np.max(np.abs(expected), initial=0.0)), np.finfo(float).tiny)
            off = float(np.max(np.abs(mine - expected), initial=0.0))
            if not off <= _AGREE[what] * size:
                raise Untranslated(f"its graph in JAX is off from PyTorch by {off:.2g} of {size:.2g} in its {what}")
