"""Decoders that end in an affine map: f(z) = W h(z) + b with D > h, found in the program, never by numbers.

Notation: W (D, h) and b (D,) constant, h(z) (h,) the hidden values, J = W J_h; W = Q R with Q (D, h) orthonormal and R
(h, h) upper triangular. Then J'J = (R J_h)'(R J_h): whatever depends on J through J'J alone (contrast, correlations of
columns, lengths, rotations) is that of z -> R h(z), exactly and with nothing squared, for h instead of D outputs.

Search. The decoder is traced to a jaxpr and its wrappers (jit, checkpoint) are opened. From the output backwards, an
equation that is affine in what depends on z (a product with a constant, sums, reshaping) is replaced by its inputs;
the values where this stops, or any cut before, are candidates for h(z). The cut that saves most arithmetic is taken,
h^2 + h for R h(z) against that of the equations behind the cut; none where nothing is saved, or where h < d. A rule of
one's own for derivatives (`jax.custom_jvp`) is never opened: it may differ from its function on purpose.

W, b, Q, R are computed once, while a program is traced. Where they depend on values that are not known then (weights
that are arguments of `jit` or `grad`), nothing is found and nothing changes.
"""

import logging
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, jaxpr_as_fun
from jaxtyping import Array, Float, Inexact

from .program import traced_now

Decoder = Callable[[Array], Array]
_LOG = logging.getLogger("elbogap.affine_output")

# Wrappers that change how a program runs, not what it computes or how it is differentiated.
_WRAPPERS = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr", "remat2": "jaxpr"}
_WRAPPERS |= {"checkpoint": "jaxpr"}

# Primitives that are linear in all their operands together, in the first alone, and in either one of two.
_JOINTLY = {"add", "add_any", "sub", "neg", "concatenate", "copy", "copy_p", "pad", "reshape", "squeeze", "transpose"}
_JOINTLY |= {"expand_dims", "broadcast_in_dim", "rev", "slice", "split", "reduce_sum", "cumsum", "convert_element_type"}
_FIRST = {"div", "gather", "dynamic_slice"}
_EITHER = {"mul", "dot_general"}


class Structure(NamedTuple):
    """Sizes of W: D outputs, h hidden values."""

    outputs: int
    hidden: int


class Cut(NamedTuple):
    """f(z) = tail(hidden(z)): two programs of one flat argument; the second is affine."""

    hidden: ClosedJaxpr
    tail: ClosedJaxpr
    structure: Structure


class Hidden(eqx.Module):
    """z -> h(z), or R h(z) with a factor. The constants are leaves: arguments of programs, not parts of them."""

    factor: Array | None
    constants: list
    jaxpr: Jaxpr = eqx.field(static=True)

    def __call__(self, z: Inexact[Array | np.ndarray, " d"]) -> Inexact[Array, " h"]:
        """The hidden values, times the factor."""
        (value,) = jaxpr_as_fun(ClosedJaxpr(self.jaxpr, self.constants))(z)
        return value if self.factor is None else self.factor @ value


class AffineOutput(NamedTuple):
    """h(z), W and b, float64 or as the decoder computes."""

    hidden: Hidden
    weight: Float[np.ndarray, "D h"]
    bias: Float[np.ndarray, " D"]


def structure(decoder: Decoder, latent_dim: int) -> Structure | None:
    """The sizes (D, h) of the affine map that a decoder (d,) -> (D,) ends in, where elbogap computes with h outputs.

    None: the decoder is used as it is.

        >>> weight = jnp.ones((5, 2))
        >>> structure(lambda z: weight @ jnp.tanh(z) + 1.0, 2)
        Structure(outputs=5, hidden=2)
        >>> structure(lambda z: jnp.tanh(weight @ z), 2) is None
        True
    """
    found = _find(decoder, latent_dim, jnp.result_type(float))
    return None if found is None else found.structure


def affine_output(decoder: Decoder, latent_dim: int, dtype: Any = None) -> AffineOutput | None:
    """h(z), W and b of a decoder that ends in an affine map; None where it does not, or where they are not finite."""
    found = _find(decoder, latent_dim, jnp.result_type(float) if dtype is None else dtype)
    if found is None:
        return None
    with jax.ensure_compile_time_eval(), jax.default_matmul_precision("highest"):
        (argument,) = found.tail.in_avals
        tail, origin = jaxpr_as_fun(found.tail), jnp.zeros(argument.shape, argument.dtype)

        def column(direction: Array) -> Array:
            return jax.jvp(lambda h: tail(h)[0], (origin,), (direction,))[1]

        weight = np.asarray(jax.vmap(column, out_axes=1)(jnp.eye(argument.size, dtype=argument.dtype)))
        bias = np.asarray(tail(origin)[0])
        constants = [jnp.asarray(constant) for constant in found.hidden.consts]
    if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(bias))):
        return None
    return AffineOutput(Hidden(None, constants, found.hidden.jaxpr), weight, bias)


def shortened(decoder: Decoder, latent_dim: int, dtype: Any = None) -> Decoder:
    """z -> R h(z), whose Jacobian has the J'J of the decoder's; the decoder itself where there is no such structure."""
    found = affine_output(decoder, latent_dim, dtype)
    if found is None:
        return decoder
    factor = np.asarray(np.linalg.qr(found.weight.astype(float), mode="r"))
    return with_factor(found.hidden, factor.astype(found.weight.dtype))


def with_factor(hidden: Hidden, factor: np.ndarray) -> Hidden:
    """z -> R h(z)."""
    with jax.ensure_compile_time_eval():
        return eqx.tree_at(lambda h: h.factor, hidden, jnp.asarray(factor), is_leaf=lambda leaf: leaf is None)


def _find(decoder: Decoder, latent_dim: int, dtype: Any) -> Cut | None:
    """The cut that saves most, written to the log; None where there is none or where its constants are not known."""
    point = jax.ShapeDtypeStruct((latent_dim,), dtype)
    traced = traced_now(decoder, latent_dim, dtype)
    if traced.effects or len(traced.jaxpr.outvars) != 1 or traced.out_avals[0].ndim != 1:
        return None
    flat = jax.make_jaxpr(lambda z: _opened(traced.jaxpr, traced.consts, [z]))(point)
    chosen = _best_cut(flat.jaxpr, latent_dim)
    if chosen is None:
        _LOG.debug("the decoder does not end in an affine map that would save work: it is used as it is")
        return None
    cut = _programs(flat, chosen, point)
    if any(isinstance(constant, jax.core.Tracer) for constant in cut.tail.consts):
        _LOG.debug("the decoder ends in an affine map whose weights are traced: it is used as it is")
        return None
    _LOG.debug("the decoder ends in an affine map of %d values to %d outputs: taken once", *cut.structure[::-1])
    return cut


def _opened(jaxpr: Jaxpr, constants: Iterable[Any], arguments: Iterable[Any]) -> list[Any]:
    """Evaluate a jaxpr with its wrappers opened."""
    values = dict(zip(jaxpr.constvars, constants, strict=True)) | dict(zip(jaxpr.invars, arguments, strict=True))

    def read(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in jaxpr.eqns:
        if equation.primitive.name in _WRAPPERS:
            inner = equation.params[_WRAPPERS[equation.primitive.name]]
            closed = inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ())
            results = _opened(closed.jaxpr, closed.consts, map(read, equation.invars))
        else:
            results = _evaluate(jaxpr, [equation], values, equation.outvars)
        values.update(zip(equation.outvars, results, strict=True))
    return [read(variable) for variable in jaxpr.outvars]


def _evaluate(jaxpr: Jaxpr, equations: list[JaxprEqn], values: dict, outputs: Iterable[Any]) -> list[Any]:
    """The values of `outputs` after some equations of a jaxpr, from those of its variables that are known."""
    produced = {variable for equation in equations for variable in equation.outvars}
    used = [variable for equation in equations for variable in equation.invars] + list(outputs)
    known = [variable for variable in dict.fromkeys(_variables(used)) if variable not in produced]
    part = jaxpr.replace(constvars=[], invars=known, outvars=list(outputs), eqns=equations)
    return jax.core.eval_jaxpr(part, (), *(values[variable] for variable in known))


class _Choice(NamedTuple):
    """Variables that the output is an affine function of, and the indices of the equations in between."""

    variables: tuple
    absorbed: frozenset[int]


def _best_cut(jaxpr: Any, latent_dim: int) -> _Choice | None:
    """The set of variables that the output depends on through affine equations alone, at the least arithmetic."""
    producer = {variable: i for i, equation in enumerate(jaxpr.eqns) for variable in equation.outvars}
    varying = set(jaxpr.invars)
    for equation in jaxpr.eqns:
        if any(variable in varying for variable in _variables(equation.invars)):
            varying |= set(equation.outvars)
    (output,) = jaxpr.outvars
    if isinstance(output, Literal) or output not in varying:
        return None
    frontier: set[Any] = {output}
    stopped: set[Any] = set()
    absorbed: set[int] = set()
    spent, best, most = 0, None, 0
    while rest := [variable for variable in frontier - stopped if variable in producer]:
        last = max(producer[variable] for variable in rest)
        equation = jaxpr.eqns[last]
        of_equation = {variable for variable in rest if producer[variable] == last}
        if not _is_affine(equation, varying):
            stopped |= of_equation
            continue
        frontier = (frontier - of_equation) | {v for v in _variables(equation.invars) if v in varying}
        absorbed.add(last)
        spent += _arithmetic(equation)
        size = sum(variable.aval.size for variable in frontier)
        saved = spent + output.aval.size - size**2 - size
        if latent_dim <= size < output.aval.size and saved > 0 and saved >= most:
            order = sorted(frontier, key=lambda variable: producer.get(variable, -1))
            best, most = _Choice(tuple(order), frozenset(absorbed)), saved
    return best


def _variables(atoms: Iterable[Any]) -> list[Any]:
    """Those that are not literals."""
    return [atom for atom in atoms if not isinstance(atom, Literal)]


def _is_affine(equation: Any, varying: set) -> bool:
    """Whether the outputs are affine in the inputs that vary, in one floating type."""
    places = [i for i, v in enumerate(equation.invars) if not isinstance(v, Literal) and v in varying]
    types = {v.aval.dtype for v in [*equation.outvars, *(equation.invars[i] for i in places)]}
    if len(types) != 1 or not jnp.issubdtype(types.pop(), jnp.floating):
        return False
    name = equation.primitive.name
    if name in _EITHER:
        return len(places) == 1
    return name in _JOINTLY or (name in _FIRST and places == [0]) or (name == "select_n" and 0 not in places)


def _arithmetic(equation: Any) -> int:
    """Multiplications, or entries written, of one equation."""
    size = sum(variable.aval.size for variable in equation.outvars)
    if equation.primitive.name != "dot_general":
        return size
    (contracted, _), _ = equation.params["dimension_numbers"]
    return size * int(np.prod([equation.invars[0].aval.shape[axis] for axis in contracted]))


def _programs(flat: ClosedJaxpr, chosen: _Choice, point: jax.ShapeDtypeStruct) -> Cut:
    """The programs before and behind the cut, each with what it needs of the others' equations that do not vary."""
    jaxpr: Any = flat.jaxpr
    constants = dict(zip(jaxpr.constvars, flat.consts, strict=True))
    sizes = [variable.aval.size for variable in chosen.variables]

    def hidden(z: Array) -> Array:
        values = constants | dict(zip(jaxpr.invars, [z], strict=True))
        found = _evaluate(jaxpr, _needed(jaxpr, chosen.variables, ()), values, chosen.variables)
        return jnp.concatenate([jnp.ravel(value) for value in found])

    def tail(h: Array) -> Array:
        parts = jnp.split(h, list(np.cumsum(sizes)[:-1]))
        given = {v: jnp.reshape(part, v.aval.shape) for v, part in zip(chosen.variables, parts, strict=True)}
        equations = _needed(jaxpr, jaxpr.outvars, chosen.variables)
        (value,) = _evaluate(jaxpr, equations, constants | given, jaxpr.outvars)
        return value

    size, dtype = sum(sizes), chosen.variables[0].aval.dtype
    programs = jax.make_jaxpr(hidden)(point), jax.make_jaxpr(tail)(jax.ShapeDtypeStruct((size,), dtype))
    return Cut(*programs, Structure(jaxpr.outvars[0].aval.size, size))


def _needed(jaxpr: Jaxpr, outputs: Iterable[Any], given: Iterable[Any]) -> list[JaxprEqn]:
    """The equations that lead to `outputs` when `given` are known, in order."""
    wanted, kept = set(_variables(outputs)) - set(given), []
    for equation in reversed(jaxpr.eqns):
        if wanted & set(equation.outvars):
            kept.append(equation)
            wanted |= set(_variables(equation.invars)) - set(given)
    return kept[::-1]
