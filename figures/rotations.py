"""The landscape of the contrast over rotations of the latents (claims `contrast`, `spurious-solutions`).

A rotation R leaves the likelihood as it is; c(f o R) says which of these decoders the ELBO prefers, averaged over
latents from the prior (each with its images under quarter turns, so that the average has the period of 90 degrees that
the expectation has). Left, d = 2: a conformal map (zero for every rotation), polar coordinates (zero at multiples of 90
degrees only), and an entangled network. Right, d = 3: a linear decoder over rotations in two planes, its lowest point
marked.
Points are measured with `numerics`, lines are theory's contrast of J(R z) R.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

from ..numerics.contrast import contrast_of_jacobian, ima_contrast
from ..numerics.families.draws import entangling
from ..numerics.families.registry import FAMILIES
from ..proofs_checks.formulas import predict
from ..proofs_checks.programs import Programs
from ..report.style import PAGE, subplots
from .curves import letter, series
from .data import Data, columns, distinct, where
from .measure import instances

PLANE = {"conformal": "conformal map", "polar": "polar coordinates", "mlp": "smooth MLP"}
ANGLES, LATENTS, GRID = 25, 20, 61
SMALL = (5, 4, 5)
CAPTION = (
    "The IMA contrast over rotations of the latents, which the likelihood cannot tell apart. Left: two latents; a "
    "conformal map keeps contrast zero, other decoders have isolated minima. Right: three latents, a linear decoder "
    "rotated in two planes; the cross marks the lowest contrast of the grid."
)


def _plane(decoder: Any, angles: Any, latents: Any) -> dict[str, Any]:
    def one(angle: Any, z: Any) -> dict[str, Any]:
        turn = jnp.array([[jnp.cos(angle), -jnp.sin(angle)], [jnp.sin(angle), jnp.cos(angle)]])
        jacobian = jax.jacfwd(decoder)(turn @ z)
        return {"contrast": ima_contrast(lambda y: decoder(turn @ y), z), "J": jacobian @ turn}

    return jax.vmap(lambda angle: jax.vmap(lambda z: one(angle, z))(latents))(angles)


def _space(matrix: Any, first: Any, second: Any) -> dict[str, Any]:
    def one(a: Any, b: Any) -> Any:
        inner = jnp.array([[jnp.cos(a), -jnp.sin(a), 0.0], [jnp.sin(a), jnp.cos(a), 0.0], [0.0, 0.0, 1.0]])
        outer = jnp.array([[1.0, 0.0, 0.0], [0.0, jnp.cos(b), -jnp.sin(b)], [0.0, jnp.sin(b), jnp.cos(b)]])
        return contrast_of_jacobian(matrix @ outer @ inner)

    return {"contrast": jax.vmap(one)(first, second)}


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Tables "plane": decoder, angle, contrast, predicted (means over latents); "space": first, second, contrast."""
    instances(effort)
    programs = programs or Programs()
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(3,)))
    count, latents, grid = SMALL if effort == "small" else (ANGLES, LATENTS, GRID)
    angles, drawn = np.linspace(0.0, np.pi, count), 0.6 * rng.standard_normal((latents // 4, 2))
    z = np.concatenate([drawn @ np.linalg.matrix_power([[0.0, 1.0], [-1.0, 0.0]], turns) for turns in range(4)])
    curves: dict[str, list[np.ndarray]] = {"contrast": [], "predicted": []}
    for family in PLANE:
        found = programs.run(_plane, FAMILIES[family].draw(rng, 2), angles, z)
        predicted = predict("contrast", 2, 2, J=found["J"])
        curves["contrast"].append(found["contrast"].mean(axis=1))
        curves["predicted"].append(predicted.mean(axis=1))
    plane = columns(
        decoder=np.array(list(PLANE))[:, None], angle=angles, **{name: np.stack(c) for name, c in curves.items()}
    )
    first, second = (side.ravel() for side in np.meshgrid(*[np.linspace(0.0, np.pi, grid)] * 2, indexing="ij"))
    found = programs.run(_space, entangling(rng, 3), first, second)
    space = columns(first=first, second=second, contrast=found["contrast"])
    parameters = {"effort": effort, "angles": count, "latents": latents, "grid": grid}
    return Data({"plane": plane, "space": space}, parameters, seed)


def draw(data: Data) -> Figure:
    """Curves over one angle, and a map over two."""
    figure, ((left, right),) = subplots(1, 2, width=PAGE, height=2.6)
    for index, family in enumerate(distinct(data["plane"], "decoder")):
        rows, (color, marker) = where(data["plane"], decoder=family), series(index)
        degrees = np.degrees(rows.column("angle"))
        left.plot(degrees, rows.column("predicted"), color=color, linewidth=0.9)
        left.plot(degrees, rows.column("contrast"), marker, color=color)
        left.plot([], [], marker, linestyle="-", color=color, label=PLANE.get(family, family))
    left.set_xlabel("angle of the rotation (degrees)")
    left.set_ylabel("mean IMA contrast of f∘R")
    left.set_xticks([0, 45, 90, 135, 180])
    left.set_ylim(top=1.45 * np.max(data["plane"].column("contrast")))
    left.legend(loc="upper center", ncols=2)
    grid = data.parameters["grid"]
    first, second, value = (data["space"].column(name).reshape(grid, grid) for name in ("first", "second", "contrast"))
    filled = right.contourf(np.degrees(first), np.degrees(second), value, levels=12, cmap="cividis")
    lowest = np.unravel_index(np.argmin(value), value.shape)
    where_lowest = float(np.degrees(first[lowest])), float(np.degrees(second[lowest]))
    right.plot(*where_lowest, "x", color="white", markersize=6, markeredgewidth=1.6, clip_on=False)
    right.set_xlabel("angle in the plane (z₁, z₂)")
    right.set_ylabel("angle in the plane (z₂, z₃)")
    for axis in (right.xaxis, right.yaxis):
        axis.set_ticks([0, 45, 90, 135, 180])
    right.grid(False)
    figure.colorbar(filled, ax=right, label="IMA contrast of f∘R")
    letter(left, "a  two latents")
    letter(right, "b  three latents, linear decoder")
    return figure
