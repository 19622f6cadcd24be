"""The posterior against its best factorised approximation, d = 2: orthogonal columns and not.

Both decoders are Moebius maps, in the second followed by a linear map that entangles, at one point and one noise, large
enough for the shapes to be seen. Contours of p_eps(z | x), normalised by the measured log p_eps(x), and of the q that
maximises the ELBO, each at the levels exp(-1/2) and exp(-2) of its own maximum. The gap is
KL(q || p(z | x)).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.stats import norm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..numerics.contrast import ima_contrast
from ..numerics.families.moebius import Moebius, MoebiusLinear
from ..numerics.gap import measure_gap
from ..numerics.model import LatentModel
from ..proofs_checks.formulas import predict
from ..proofs_checks.measurements import stack
from ..proofs_checks.programs import Programs
from ..report.look import points
from ..report.style import INK, PAGE, PALETTE, subplots
from .curves import letter
from .data import Data, columns, distinct, where
from .measure import instances

NOISE = 0.005
POINT = np.array([0.3, -0.2])
REACH = 2.7  # standard deviations of the widest marginal shown on either side of the preimage
NODES = {"small": 9}
FEWEST_NODES = 81
CAPTION = (
    "The posterior and its best factorised approximation for two latents. Left: a decoder with orthogonal columns, "
    "whose posterior is nearly factorised itself. Right: the same decoder followed by a linear map: the posterior is "
    "tilted, the best factorised encoder is narrower than its marginals, and the gap is near the IMA contrast."
)


def _decoders(seed: int) -> dict[str, MoebiusLinear]:
    rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(2,)))
    angle = rng.uniform(0, 2 * np.pi)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    pole = 4.6 * turned[:, 0]
    moebius = Moebius(pole, turned, np.array(16.0), np.zeros(2))
    # The map's own Jacobian at the point is a multiple of an orthogonal matrix, which is undone before the shear.
    u = POINT - pole
    entangling = np.array([[1.0, 0.7], [0.0, 0.7]]) @ (turned @ (np.eye(2) - 2 * np.outer(u, u) / (u @ u))).T
    return {
        "orthogonal columns": MoebiusLinear(moebius, np.eye(2)),
        "entangled columns": MoebiusLinear(moebius, entangling),
    }


def _measure(decoders: Any, point: Any, noise: Any, offsets: Any) -> dict[str, Any]:
    def one(decoder: Any) -> dict[str, Any]:
        model = LatentModel(decoder, 2, noise_var=noise)
        x = decoder(point)
        found = measure_gap(model, x, start=point)
        reach = REACH * jnp.sqrt(noise) * jnp.max(jnp.sqrt(jnp.diagonal(jnp.linalg.inv(_metric(decoder, point)))))
        z = jnp.asarray(point)[None, :] + reach * offsets
        posterior = jax.vmap(lambda at: model.log_joint(at, x))(z) - found.log_likelihood
        encoder = jax.vmap(lambda at: jnp.sum(norm.logpdf(at, found.mean, found.std)))(z)
        return {
            "z": z,
            "posterior": posterior,
            "encoder": encoder,
            "gap": found.gap,
            "contrast": ima_contrast(decoder, point),
            "J": jax.jacfwd(decoder)(point),
        }

    return jax.vmap(one)(decoders)


def _metric(decoder: Any, point: Any) -> Any:
    jacobian = jax.jacfwd(decoder)(point)
    return jacobian.T @ jacobian


def compute(effort: str, seed: int, programs: Programs | None = None) -> Data:
    """Tables "density": decoder, z1, z2, posterior, encoder (log-densities); "gaps": decoder, gap, contrast."""
    instances(effort)
    nodes = NODES.get(effort, FEWEST_NODES)
    line = np.linspace(-1.0, 1.0, nodes)
    offsets = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    decoders = _decoders(seed)
    found = (programs or Programs()).run(_measure, stack(list(decoders.values())), POINT, np.array(NOISE), offsets)
    names = np.array(list(decoders))
    density = columns(
        decoder=names[:, None],
        z1=found["z"][..., 0],
        z2=found["z"][..., 1],
        posterior=found["posterior"],
        encoder=found["encoder"],
    )
    predicted = predict("contrast", 2, 2, J=found["J"])
    gaps = columns(decoder=names, gap=found["gap"], contrast=predicted)
    return Data({"density": density, "gaps": gaps}, {"effort": effort, "noise_var": NOISE, "nodes": nodes}, seed)


def draw(data: Data) -> Figure:
    """Two panels, one a decoder."""
    figure, (panels,) = subplots(1, 2, width=PAGE * 0.85, height=2.9)
    nodes = data.parameters["nodes"]
    heights = -0.5 * np.array([2.0, 1.0]) ** 2
    for axes, name, panel in zip(panels, distinct(data["density"], "decoder"), "ab", strict=True):
        rows = where(data["density"], decoder=name)
        z1, z2 = (rows.column(key).reshape(nodes, nodes) for key in ("z1", "z2"))
        for key, color, lines in (("posterior", PALETTE[0], "-"), ("encoder", PALETTE[1], "--")):
            value = rows.column(key).reshape(nodes, nodes)
            axes.contour(z1, z2, value - value.max(), levels=heights, colors=color, linestyles=lines, linewidths=0.9)
        gaps = where(data["gaps"], decoder=name)
        numbers = f"gap {gaps.column('gap')[0]:.3f}, contrast {gaps.column('contrast')[0]:.3f}"
        axes.text(0.5, 0.98, numbers, transform=axes.transAxes, ha="center", va="top", color=INK, fontsize=points(6.8))
        axes.set_aspect("equal")
        axes.set_xlabel("z₁")
        axes.set_ylabel("z₂")
        letter(axes, f"{panel}  {name}")
    handles = [
        Line2D([], [], color=PALETTE[0], linestyle="-", label="posterior p(z | x)"),
        Line2D([], [], color=PALETTE[1], linestyle="--", label="best factorised q(z)"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2)
    return figure
