"""Training of many VAEs at once: one jitted `lax.scan` over steps, with the runs mapped over by `vmap`.

A *run* is one VAE with its own initialisation, data set and noise; R runs are trained together as one program.

    vaes    a `models.VAE` whose arrays have a leading axis R (`stack` makes it from a list)
    data    (M, n, ...): M data sets of n observations, kept on the device; `which` (R,) says which one a run learns
    noise   `Annealing` of (R,) arrays: log eps goes linearly in the step from `start` to `target` during the first
            `recipe.anneal` of the steps and stays there; with `recipe.learn_noise` the model's `log_noise_var` is used
    key     one key; step t of run r draws its minibatch and its noise from fold_in(fold_in(key, r), t)

Any pair of networks with the interface of `models` fits; observations may have any shape. All randomness is a function
of (key, r, t), so a state saved after a chunk and loaded again continues to the same bits. The optimiser is Adam with
gradients clipped by their norm, a linear warm-up and a cosine decay to zero.

After each chunk of steps the loop looks at every quantity of every step; the first that is not finite raises
`NotFinite` with its name, step and run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, PRNGKeyArray

from ..errors import RequestError
from ..shell import requests
from .checkpoint import load_state, save_state
from .loss import Terms, batch_terms, draw_nodes
from .models import DTYPE, VAE

Objective = Callable[..., Terms]
"""Like `loss.batch_terms`: (vae, x (B, ...), log_noise_var, nodes (B, K, d), path=...) -> Terms."""


class NotFinite(ArithmeticError):
    """A quantity became nan or infinite: its name, step and run are in the message."""


@dataclass(frozen=True)
class Recipe:
    """How to train; hashable, part of the compiled program. RequestError for values out of range.

    steps: a multiple of `chunks`, after each of which there is a report. batch: observations a step. rate: peak
    learning rate after `warm_up` steps. anneal: share of the steps in which eps moves. draws: Monte Carlo nodes an
    observation; antithetic, path: see `loss`. clip: largest norm of a gradient. chunks: how many scans. objective: the
    terms of a batch, the mean of whose `elbo` is maximised; recipes for another one are a subclass.
    """

    steps: int = 5000
    batch: int = 128
    rate: float = 5e-3
    warm_up: int = 200
    anneal: float = 0.5
    draws: int = 1
    antithetic: bool = False
    path: bool = False
    clip: float = 1e3
    learn_noise: bool = False
    chunks: int = 10
    objective: ClassVar[Objective] = staticmethod(batch_terms)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "draws", "chunks"):
            requests.whole(name, getattr(self, name), 1)
        for name in ("antithetic", "path", "learn_noise"):
            requests.flag(name, getattr(self, name))
        if self.steps % self.chunks:
            raise RequestError(f"steps: expected a multiple of chunks = {self.chunks}, got {self.steps}")
        requests.whole("warm_up", self.warm_up, 0, self.steps - 1)
        requests.number("anneal", self.anneal, above=0, most=1)
        requests.number("rate", self.rate, above=0)
        requests.number("clip", self.clip, above=0)
        if self.antithetic and self.draws % 2:
            raise RequestError(f"draws: expected an even number with antithetic pairs, got {self.draws}")

    def optimiser(self) -> optax.GradientTransformation:
        """Clipped Adam with warm-up and cosine decay."""
        rate = optax.warmup_cosine_decay_schedule(0.0, self.rate, self.warm_up, self.steps)
        return optax.chain(optax.clip_by_global_norm(self.clip), optax.adam(rate))


class Annealing(NamedTuple):
    """log eps at the first step and at the end, (R,) each."""

    start: Float[Array, "R"]
    target: Float[Array, "R"]


class State(eqx.Module):
    """Everything that changes: the runs, their optimisers, and the number of steps made."""

    vaes: VAE
    optimiser: Any
    step: Int[Array, ""]


class Trained(NamedTuple):
    """The trained runs, and per chunk and run the means of the ELBO's terms, (chunks, R) each, noise as it then was."""

    vaes: VAE
    history: Terms


Report = Callable[[int, VAE, Terms], None]
"""Called after each chunk with the number of steps made, the runs, and the chunk's mean terms (R,)."""


def stack(vaes: Sequence[VAE]) -> VAE:
    """One VAE with a leading axis from several of one structure; RequestError for an empty list."""
    if not isinstance(vaes, list | tuple) or not vaes:
        raise RequestError(f"vaes: expected a list of at least one, got {requests.shown(vaes)}")

    def together(*leaves: Any) -> Any:
        return jnp.asarray(np.stack(leaves)) if eqx.is_array(leaves[0]) else leaves[0]

    return jax.tree.map(together, *vaes)


def run_of(vaes: VAE, index: int) -> VAE:
    """One run of a stack."""
    return jax.tree.map(lambda leaf: leaf[index] if eqx.is_array(leaf) else leaf, vaes)


def annealing(data: Float[np.ndarray, "M n ..."], which: Sequence[int], noise_var: Sequence[float]) -> Annealing:
    """From eps = (smallest standard deviation of the data)^2 / 5, whatever the data's scale, to `noise_var` (R,)."""
    requests.numbers("data", data)
    data, final = np.asarray(data), requests.numbers("noise_var", noise_var)
    if data.ndim < 3:
        raise RequestError(f"data: expected shape (mixings, points, ...), got {data.shape}")
    for one in which:
        requests.whole("which", one, 0, len(data) - 1)
    if final.shape != (len(which),) or not np.all((final > 0) & np.isfinite(final)):
        raise RequestError(f"noise_var: expected {len(which)} numbers > 0, one a run, got {requests.shown(noise_var)}")
    smallest = np.array([rows.reshape(len(rows), -1).var(axis=0).min() for rows in data])[np.asarray(which)]
    if not (smallest > 0).all():
        raise RequestError("data: expected every coordinate to vary, got a constant one")
    return Annealing(jnp.asarray(np.log(smallest / 5), DTYPE), jnp.asarray(np.log(final), DTYPE))


def train(
    vaes: VAE,
    data: Float[Array | np.ndarray, "M n ..."],
    which: Sequence[int],
    noise: Annealing,
    key: PRNGKeyArray,
    recipe: Recipe,
    *,
    report: Report | None = None,
    checkpoint: Path | None = None,
) -> Trained:
    """Train the runs. With `checkpoint`, a file, the state is saved after each chunk, and continued if it is there.

    Raises `NotFinite`, RequestError for sizes that do not fit, and RequestError for a checkpoint of other runs.
    """
    count = len(which)
    if noise.start.shape != (count,) or noise.target.shape != (count,):
        raise RequestError(f"noise: expected shape ({count},), got {noise.start.shape} and {noise.target.shape}")
    if min(which) < 0 or max(which) >= len(data):
        raise RequestError(f"which: expected indices of the {len(data)} data sets, got {min(which)} to {max(which)}")
    resident = jnp.asarray(data, DTYPE)
    rows = jnp.asarray(which, jnp.int32)
    optimiser = recipe.optimiser()
    parameters = eqx.filter(vaes, eqx.is_inexact_array)
    state = State(vaes, jax.vmap(optimiser.init)(parameters), jnp.zeros((), jnp.int32))
    history = np.full((recipe.chunks, len(Terms._fields), count), np.nan, np.float32)
    if checkpoint is not None and checkpoint.exists():
        state, history = load_state(checkpoint, (state, history))
    length = recipe.steps // recipe.chunks
    for chunk in range(int(state.step) // length, recipe.chunks):
        state, terms, norm = _advance(state, resident, rows, noise, key, recipe, length)
        quantities = {name: np.asarray(value) for name, value in zip(Terms._fields, terms, strict=True)}
        _require_finite({**quantities, "gradient": np.asarray(norm)}, chunk * length)
        means = [quantities[name].mean(axis=0) for name in Terms._fields]
        history[chunk] = np.stack(means)
        if checkpoint is not None:
            save_state(checkpoint, (state, history))
        if report is not None:
            report((chunk + 1) * length, state.vaes, Terms(*means))
    return Trained(state.vaes, Terms(*np.moveaxis(history, 1, 0)))


@eqx.filter_jit
def _advance(
    state: State,
    data: Array,
    which: Int[Array, "R"],
    noise: Annealing,
    key: PRNGKeyArray,
    recipe: Recipe,
    length: int,
) -> tuple[State, Terms, Array]:
    """`length` steps of every run; the terms and the norm of the gradient at each step, (length, R)."""
    optimiser = recipe.optimiser()
    learnt, fixed = eqx.partition(state.vaes, eqx.is_inexact_array)
    mean = jax.eval_shape(lambda vaes, x: run_of(vaes, 0).encoder(x, noise.start[0])[0], state.vaes, data[0, 0])
    latent_dim = mean.shape[0]

    def step_of_run(
        learnt: VAE, optimiser_state: Any, row: Array, start: Array, target: Array, key: PRNGKeyArray, step: Array
    ) -> tuple[VAE, Any, Terms, Array]:
        index_key, noise_key = jax.random.split(jax.random.fold_in(key, step))
        index = jax.random.randint(index_key, (recipe.batch,), 0, data.shape[1], jnp.int32)
        nodes = draw_nodes(noise_key, (recipe.batch, recipe.draws, latent_dim), recipe.antithetic, data.dtype)
        share = jnp.minimum(step.astype(data.dtype) / (recipe.anneal * recipe.steps), 1)
        scheduled = start + share * (target - start)

        def loss(learnt: VAE) -> tuple[Array, Terms]:
            vae = eqx.combine(learnt, fixed)
            log_noise_var = vae.log_noise_var if recipe.learn_noise else scheduled
            terms = recipe.objective(vae, data[row, index], log_noise_var, nodes, path=recipe.path)
            return -terms.elbo, terms

        gradient, terms = jax.grad(loss, has_aux=True)(learnt)
        updates, optimiser_state = optimiser.update(gradient, optimiser_state, learnt)
        norm = jnp.sqrt(sum(jnp.vdot(leaf, leaf) for leaf in jax.tree.leaves(gradient)))
        return optax.apply_updates(learnt, updates), optimiser_state, terms, norm

    keys = jax.vmap(lambda run: jax.random.fold_in(key, run))(jnp.arange(len(which), dtype=jnp.uint32))
    mapped = jax.vmap(step_of_run, in_axes=(0, 0, 0, 0, 0, 0, None))

    def body(carry: tuple[VAE, Any, Array], _: None) -> tuple[tuple[VAE, Any, Array], tuple[Terms, Array]]:
        learnt, optimiser_state, step = carry
        learnt, optimiser_state, terms, norm = mapped(
            learnt, optimiser_state, which, noise.start, noise.target, keys, step
        )
        return (learnt, optimiser_state, step + 1), (terms, norm)

    carry = (learnt, state.optimiser, state.step)
    (learnt, optimiser_state, step), (terms, norm) = jax.lax.scan(body, carry, None, length)
    return State(eqx.combine(learnt, fixed), optimiser_state, step), terms, norm


def _require_finite(quantities: dict[str, np.ndarray], first_step: int) -> None:
    """Raise `NotFinite` for the earliest step at which something, (steps, R), is not finite."""
    bad = {name: np.argwhere(~np.isfinite(values)) for name, values in quantities.items()}
    found = [(int(where[0, 0]), int(where[0, 1]), name) for name, where in bad.items() if len(where)]
    if found:
        step, run, _ = min(found)
        named = ", ".join(name for at, of, name in found if (at, of) == (step, run))
        raise NotFinite(f"not finite: {named} at step {first_step + step} of run {run}")
