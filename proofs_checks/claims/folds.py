"""folds: a decoder that is not injective: branches add up in the likelihood and compete in the ELBO.

f(z) = shear(z_1^2, z_2 + s z_1) folds the plane along z_1 = 0: a regular value has the two preimages g and
(-g_1, g_2 + 2 s g_1). Branch b has l_b = log p0(g_b) - log |det J_b|, contrast c_b and slopes L1_b, E1_b, all from
theory's formulas. At the fold itself, and for expectations over the data, see `special.fold` (one latent).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ...numerics.derivatives import decoder_derivatives, prior_derivatives
from ...numerics.families.decoder import Decoder
from ...numerics.families.draws import entangling, signed
from ...numerics.families.shear import Shear
from ...numerics.gap import measure_gap
from ...numerics.ladders import SMALL
from ...numerics.model import LatentModel
from ...numerics.special import fold
from ..batch_laws import LIMIT_ROUND_OFF
from ..claim import Claim, Control
from ..formulas import predict
from ..laws import ConvergenceLaw, Instances, Law
from ..measurements import Measurements, each, once, stack

FOLD_LADDER = 10.0 ** -np.arange(2.0, 8.25, 1.0)
SEPARATION = 0.15
"""By how much l - c of the branches differs at least: near ties the best branch changes along the ladder."""

EXPECTATION_ERROR = 1e-9
"""Gauss-Legendre on panels that grow from the fold, against 16 nodes a panel: 3e-10 at eps = 1e-2, 1e-12 below."""


class _Folded(Decoder):
    """shear(z_1^2, z_2 + s z_1)."""

    shear: Any
    tilt: Any

    def __call__(self, z: Any) -> Any:
        return self.shear(jnp.stack([z[0] ** 2, z[1] + self.tilt * z[0]]))


def _measure_folded(decoders: Any, preimages: Any, ladder: Any) -> dict[str, Any]:
    def one(decoder: Any, branches: Any) -> dict[str, Any]:
        model = LatentModel(decoder, 2, noise_var=1.0)
        x = decoder(branches[0])
        # One start is given twice: a mode that is found twice must not be counted twice.
        starts = jnp.concatenate([branches, branches[:1]])
        found = each(lambda eps: measure_gap(model.with_noise(eps), x, start=starts))(ladder)

        def derivatives(g: Any) -> dict[str, Any]:
            _, J, H, T = decoder_derivatives(decoder, g, 3)
            l1, l2 = prior_derivatives(model, g)
            return {"J": J, "H": H, "T": T, "l0": model.log_prior(g), "l1": l1, "l2": l2}

        return found._asdict() | jax.vmap(derivatives)(branches)

    return each(one)(decoders, preimages)


def _draw(rng: np.random.Generator, contested: bool) -> tuple[_Folded, np.ndarray]:
    """A decoder and both preimages of a point; `contested`: the likelier branch has the lower l - c."""
    while True:
        shear = Shear(entangling(rng, 2, low=0.7, high=1.4), signed(rng, 0.15, 0.35, 1), signed(rng, 0.04, 0.1, 1))
        tilt = signed(rng, 0.3, 0.6)
        g = np.array([rng.uniform(0.5, 1.1), rng.uniform(-1.0, 1.0)])
        branches = np.array([g, [-g[0], g[1] + 2 * tilt * g[0]]])
        last = g[1] + tilt * g[0]
        bend = float(last * (2 * shear.quadratic[0] + 3 * last * shear.cubic[0]))
        J = shear.matrix @ [[1.0, bend], [0.0, 1.0]] @ np.array([[[2 * z[0], 0.0], [tilt, 1.0]] for z in branches])
        contrast = np.sum(np.log(np.linalg.norm(J, axis=1)), axis=1) - np.linalg.slogdet(J)[1]
        # Both branches share the determinant: likelihoods differ by the prior only.
        likelihood = -0.5 * np.sum(branches**2, axis=1)
        advantage, likelier = np.diff(likelihood - contrast)[0], np.diff(likelihood)[0]
        if abs(advantage) > SEPARATION and abs(likelier) > SEPARATION and contested == (advantage * likelier < 0):
            return _Folded(shear, tilt), branches


class _Branches:
    """Measurements at folded decoders, and theory's quantities by branch, arrays (instance, branch)."""

    def __init__(self, measured: Measurements):
        rng, count = measured.rng("folds"), measured.effort.instances
        drawn = [_draw(rng, contested=i % 2 == 0) for i in range(count)]
        decoders, preimages = stack([decoder for decoder, _ in drawn]), np.stack([branches for _, branches in drawn])
        found = measured.programs.run(_measure_folded, decoders, preimages, SMALL)
        self.instances = Instances(("folded shear",) * count, (2,) * count, (2,) * count, ("normal",) * count)
        self.gap = found["gap"]
        self.floor = found["gap_error"] + np.where(found["converged"], 0.0, np.inf) + LIMIT_ROUND_OFF
        self._derivatives: dict[str, Any] = {name: found[name] for name in ("J", "H", "T", "l0", "l1", "l2")}
        self.contrast, self.likelihood = self._predict("contrast"), self._predict("likelihood_limit")
        self.likelihood_slope, self.elbo_slope = self._predict("likelihood_slope"), self._predict("elbo_slope")

    def _predict(self, name: str) -> np.ndarray:
        return predict(name, 2, 2, eps=1.0, **self._derivatives)

    @property
    def evidence(self) -> np.ndarray:
        """log sum_b exp l_b."""
        return np.logaddexp(self.likelihood[:, 0], self.likelihood[:, 1])

    def at_best(self, values: np.ndarray, score: np.ndarray | None = None) -> np.ndarray:
        """The value of the branch with the highest score, l - c unless given."""
        best = np.argmax(self.likelihood - self.contrast if score is None else score, axis=1)
        return np.take_along_axis(values, best[:, None], axis=1)[:, 0]

    def limit(self) -> np.ndarray:
        """log sum_b exp l_b - max_b (l_b - c_b)."""
        return self.evidence - self.at_best(self.likelihood - self.contrast)

    def slope(self) -> np.ndarray:
        """sum_b w_b L1_b - E1_best, w = softmax(l)."""
        weights = np.exp(self.likelihood - self.evidence[:, None])
        return np.sum(weights * self.likelihood_slope, axis=1) - self.at_best(self.elbo_slope)


@once
def _branches(measured: Measurements) -> _Branches:
    return _Branches(measured)


def _law(name: str, branches: _Branches, limit: np.ndarray, slope: np.ndarray) -> ConvergenceLaw:
    return ConvergenceLaw(name, branches.instances, SMALL, branches.gap, limit, 1.0, slope, branches.floor)


@once
def _parabolas(measured: Measurements) -> tuple[np.ndarray, np.ndarray, Instances]:
    """a and b of f(z) = a z^2 + b z^4."""
    rng, count = measured.rng("folds", "parabolas"), measured.effort.instances
    instances = Instances(("a z^2 + b z^4",) * count, (1,) * count, (1,) * count, ("normal",) * count)
    return rng.uniform(0.6, 1.6, count), rng.uniform(0.0, 0.2, count), instances


@once
def _expected(measured: Measurements) -> np.ndarray:
    a, b, _ = _parabolas(measured)
    return fold.expected_gap(FOLD_LADDER, a, b)


def expected_law(
    name: str, measured: Measurements, *, order: float = 0.25, factor: float = 1.0, limit: float = np.log(2.0)
) -> ConvergenceLaw:
    """E[gap] - log 2 = K eps^(1/4): K = p0(0) a^(-1/2) int (Gamma - log 2), from the flat-prior profile."""
    a, _, instances = _parabolas(measured)
    constant = factor * fold.profile_excess() / np.sqrt(2 * np.pi * a)
    values = _expected(measured)
    floor = np.full(values.shape, EXPECTATION_ERROR)
    return ConvergenceLaw(
        name, instances, FOLD_LADDER, values, np.full(len(a), limit), order, constant, floor, spacing=0.25
    )


def _critical_law(name: str, measured: Measurements, *, limit: float, order: float = 0.5) -> ConvergenceLaw:
    """The gap at x = f(0), the fold's own image: Gamma(0), with a correction of order sqrt eps."""
    a, b, instances = _parabolas(measured)
    eps, quadratic, quartic = np.broadcast_arrays(FOLD_LADDER, a[:, None], b[:, None])
    values = fold.gap(np.zeros(eps.shape), eps, quadratic, quartic, np.zeros(eps.shape, bool))
    constant = predict("fold_slope", 1, a=a, b=b)
    floor = np.full(values.shape, EXPECTATION_ERROR)
    return ConvergenceLaw(
        name, instances, FOLD_LADDER, values, np.full(len(a), limit), order, constant, floor, spacing=0.5
    )


def laws(measured: Measurements) -> list[Law]:
    """At the fold, on average over the data, and at regular values."""
    branches = _branches(measured)
    return [
        _critical_law("gap at a critical value", measured, limit=float(predict("fold_value", 1))),
        expected_law("E[gap] - log 2", measured),
        _law("gap at a regular value", branches, branches.limit(), branches.slope()),
    ]


def controls(measured: Measurements) -> list[Control]:
    """Its false variants, and false rates at the fold."""
    branches = _branches(measured)
    level, c, slope = branches.likelihood, branches.contrast, branches.slope()
    likeliest = branches.evidence - branches.at_best(level - c, score=level)
    sums = branches.evidence - np.logaddexp(*(level - c).T)
    counted = branches.at_best(c) + np.log(2.0)
    alone = branches.at_best(branches.likelihood_slope - branches.elbo_slope)

    def limit(key: str, statement: str, value: np.ndarray) -> Control:
        return Control(key, statement, _law("gap", branches, value, slope))

    return [
        limit("likeliest", "the encoder sits on the branch with the largest likelihood", likeliest),
        limit("contrast-alone", "the limit is the best branch's contrast", branches.at_best(c)),
        limit("both-branches", "the ELBO adds the branches up as the likelihood does", sums),
        limit("count", "the limit is the contrast plus log of the number of branches", counted),
        Control("slope-alone", "the slope is the best branch's a1", _law("gap", branches, branches.limit(), alone)),
        Control("rate-eps", "the expected gap converges at the rate eps", expected_law("E", measured, order=1.0)),
        Control("rate-half", "the expected gap converges at the rate sqrt eps", expected_law("E", measured, order=0.5)),
        Control("one-side", "half the profile: one side of the fold", expected_law("E", measured, factor=0.5)),
        Control("critical-log-2", "the gap at the fold is log 2", _critical_law("gap", measured, limit=np.log(2.0))),
    ]


CLAIM = Claim(
    id="folds",
    order=20,
    title="folds: decoders with several preimages",
    statement="Where a point has several preimages the likelihood adds them up and the encoder chooses the one with "
    "the largest likelihood minus contrast; near a fold the average gap converges only like eps^(1/4).",
    latex=r"\mathrm{gap} \to \log\sum_b e^{l_b} - \max_b (l_b - c_b),\quad "
    r"a_1 = \sum_b w_b L_{1,b} - E_{1,b^*},\quad "
    r"\mathbb{E}[\mathrm{gap}] - \log 2 = K \varepsilon^{1/4} + O(\varepsilon^{3/4})",
    source="new here",
    assumptions=(
        "x is a regular value with finitely many preimages, and f stays away from x elsewhere",
        "a unique branch maximises l - c",
        "expectations: one latent, f(z) = a z^2 + b z^4, x = f(z) with z from the normal prior",
    ),
    derivation="folds",
    laws=laws,
    controls=controls,
    enclosed=True,
)
