"""Which assumption of the main theorem is needed for what: each broken on its own, and what then happens.

The theorem's four statements at x = f(g): mean (mu* - g = eps m), variance (sigma^2 = eps s), likelihood (log p = l0 -
log |J| + eps L1) and gap (log p - ELBO* = c + eps a1), each with a remainder of the next power of eps.
`special.broken_assumptions` measures one latent, where c = 0, at decoders and priors that break one assumption; the
covariance's assumption is broken in `block_encoder`. A statement that survives is a law here, one that does not is a
control that must be rejected, and what happens instead is a law with its own rate and constant:

two preimages        gap -> log sum_b e^(l_b) - max_b l_b                                            `folds`
J(g) = 0, f = a z^3  sigma^2 = eps^(1/3) (45 a^2)^(-1/3), gap -> a constant: the posterior is exp(-a^2 u^6 / 2)
kink of f at g       gap -> Gamma(0), the kink's profile                                             `kinks`
kink of log p0 at g  log p = l0 - log a - sqrt(eps s / (2 pi)) (1/b_+ + 1/b_-) + O(eps)              `priors`
f -> x at infinity   f = a z/(1 + b z^2), Cauchy prior: the tails add b times the mass at g, gap -> log(1 + b)
full covariance      gap -> 0: no regulariser                                                        `block-encoder`
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.special import gamma

from ...numerics.families.draws import signed
from ...numerics.ladders import SMALL
from ...numerics.special.broken_assumptions import QUADRATURE_ERROR, Case, Measured, measure
from ...numerics.special.kink import Kink, profile
from ..batch import Batch
from ..batch_laws import convergence, gap_law, predicted
from ..claim import Claim, Control, ControlOutcome
from ..formulas import predict
from ..laws import ConvergenceLaw, Instances, Law, LawResult
from ..measurements import Measurements, once
from . import block_encoder

HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))
NOTHING, PREIMAGES, RANK = "nothing broken", "two preimages", "J(g) singular"
DECODER_KINK, PRIOR_KINK, INFINITY = "kink of f at g", "kink of log p0 at g", "f -> x at infinity"
COVARIANCE = "full covariance"
STATEMENTS, INSTEAD = ("mean", "variance", "likelihood", "gap"), "instead"
VARIANCE_ERROR = 1e-2 * QUADRATURE_ERROR**0.5
"""Relative: a value known to q fixes the scale to sqrt(q), and Newton's last step gains two digits more at least."""
NOT_MEASURED = {"mean": "another constant (block-encoder)", "likelihood": "holds: no encoder in it"}
"""With a full covariance the likelihood is the same, and the mean's shift is that of `general-limit` for one block."""


def _normal(mean: Any) -> Callable[[np.ndarray], np.ndarray]:
    return lambda z: -0.5 * (z - mean) ** 2 - HALF_LOG_2PI


@dataclass(frozen=True)
class Drawn:
    """A case that breaks one assumption, and the constants of what happens instead."""

    case: Case
    instead: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Assumption:
    """One assumption broken: cases of slope a and prior mean p, and the statements that do not survive.

    spacing: of the powers of eps by which the gap reaches its limit instead.
    """

    name: str
    draw: Callable[[np.random.Generator, float, Any], Drawn]
    lost: tuple[str, ...] = ()
    spacing: float = 1.0


def _width(a: float) -> Callable[[float], float]:
    """The posterior's width for the slope a."""
    return lambda eps: float(np.sqrt(eps) / a)


def _nothing(rng: np.random.Generator, a: float, p: Any) -> Drawn:
    b, g = rng.uniform(0.2, 0.4), rng.uniform(0.2, 0.6)
    t = np.tanh(g)
    slope = 1 - t**2
    derivatives = {"J": a + b * slope, "H": -2 * b * t * slope, "T": -2 * b * slope * (1 - 3 * t**2)}
    derivatives |= {"l1": p - g, "l2": -1.0}
    return Drawn(Case(NOTHING, lambda z: a * z + b * np.tanh(z), _normal(p), g, derivatives, _width(a)))


def _two_preimages(rng: np.random.Generator, a: float, p: Any) -> Drawn:
    b, g = a * rng.uniform(0.4, 0.6), rng.uniform(0.1, 0.3)
    other = -a / b - g
    derivatives = {"J": a + 2 * b * g, "H": 2 * b, "T": 0.0, "l1": -g, "l2": -1.0}
    decoder = lambda z: a * z + b * z**2  # noqa: E731
    case = Case(PREIMAGES, decoder, _normal(0.0), g, derivatives, _width(a), others=(other,))
    return Drawn(case, {"limit": np.log1p(np.exp(0.5 * (g**2 - other**2)))})


def _singular(rng: np.random.Generator, a: float, p: Any) -> Drawn:
    derivatives = {"J": 0.0, "H": 0.0, "T": 6 * a, "l1": p, "l2": -1.0}
    case = Case(RANK, lambda z: a * z**3, _normal(p), 0.0, derivatives, lambda eps: float((eps / a**2) ** (1 / 6)))
    return Drawn(case, {"variance": (45 * a**2) ** (-1 / 3), "limit": cubic_gap()})


def _kinked_decoder(rng: np.random.Generator, a: float, p: Any) -> Drawn:
    """Derivatives at the kink are those of the side z > 0."""
    b = a * np.exp(signed(rng, 0.4, 0.7))
    derivatives = {"J": a, "H": 0.0, "T": 0.0, "l1": p, "l2": -1.0}
    case = Case(DECODER_KINK, lambda z: np.where(z > 0, a * z, b * z), _normal(p), 0.0, derivatives, _width(a))
    kink = Kink(*(np.array([value]) for value in (a, b, p)))
    return Drawn(case, {"limit": float(profile(np.zeros(1), kink)[0][0])})


def _kinked_prior(rng: np.random.Generator, a: float, p: Any) -> Drawn:
    """Derivatives at the kink are those of the side z > 0."""
    up, down = rng.uniform(0.6, 0.9), rng.uniform(1.1, 1.6)

    def laplace(z: np.ndarray) -> np.ndarray:
        return np.asarray(np.where(z > 0, -z / up, z / down) - np.log(up + down))

    derivatives = {"J": a, "H": 0, "T": 0, "l1": -1 / up, "l2": 0}
    case = Case(PRIOR_KINK, lambda z: a * z, laplace, 0.0, derivatives, _width(a))
    likelihood = -(1 / up + 1 / down) / (a * np.sqrt(2 * np.pi))
    return Drawn(case, {"likelihood": likelihood, "level": -np.log((up + down) * a)})


def _back_at_infinity(rng: np.random.Generator, a: float, p: Any) -> Drawn:
    b = rng.uniform(0.5, 1.5)
    derivatives = {"J": a, "H": 0.0, "T": -6 * a * b, "l1": 0.0, "l2": -2.0}
    decoder = lambda z: a * z / (1 + b * z**2)  # noqa: E731
    cauchy = lambda z: -np.log(np.pi * (1 + z**2))  # noqa: E731
    return Drawn(Case(INFINITY, decoder, cauchy, 0.0, derivatives, _width(a), inverted=True), {"limit": np.log1p(b)})


ASSUMPTIONS = {
    one.name: one
    for one in (
        Assumption(NOTHING, _nothing),
        Assumption(PREIMAGES, _two_preimages, ("likelihood", "gap")),
        Assumption(RANK, _singular, STATEMENTS, spacing=1 / 3),
        Assumption(DECODER_KINK, _kinked_decoder, STATEMENTS, spacing=0.5),
        Assumption(PRIOR_KINK, _kinked_prior, STATEMENTS, spacing=0.5),
        Assumption(INFINITY, _back_at_infinity, ("likelihood", "gap")),
    )
}
BROKEN = {name: one.lost for name, one in ASSUMPTIONS.items() if one.lost}
"""What does not survive; everything else does."""


class _Rows:
    """The instances of one case: what was measured, arrays (n, e), and the theorem's predictions, (n,)."""

    def __init__(self, name: str, measured: Measurements):
        rng, count = measured.rng("assumptions", name), max(3, measured.effort.instances // 2)
        draw = ASSUMPTIONS[name].draw
        self.drawn = [draw(rng, rng.uniform(0.9, 1.4), signed(rng, 0.2, 0.6)) for _ in range(count)]
        cases = [one.case for one in self.drawn]
        found = [measure(case) for case in cases]
        self.name = name
        self.instances = Instances((name,) * count, (1,) * count, (1,) * count, (name,) * count)
        self.values = {key: np.stack([vars(one)[key] for one in found]) for key in Measured.__annotations__}
        arguments: dict[str, Any] = {
            key: np.array([case.derivatives[key] for case in cases], dtype=float).reshape(count, *(1,) * rank)
            for key, rank in {"J": 2, "H": 3, "T": 4, "l1": 1, "l2": 2}.items()
        }
        arguments["l0"] = np.array([float(case.log_prior(np.array(case.preimage))) for case in cases])
        arguments["eps"] = np.ones(count)
        with np.errstate(divide="ignore", invalid="ignore"):
            self.predictions = {
                key: predict(key, 1, 1, **arguments).reshape(count)
                for key in ("mean_shift", "variance", "likelihood_limit", "likelihood_slope", "gap_slope")
            }

    def constant(self, key: str) -> np.ndarray:
        """A constant of what happens instead, as drawn."""
        return np.array([one.instead[key] for one in self.drawn])

    def law(self, name: str, quantity: str, limit: Any, order: float, constant: Any, spacing: float = 1.0) -> Law:
        """A law about one measured quantity."""
        values, count = self.values[quantity], len(self.instances)
        floor = QUADRATURE_ERROR * (1 + np.abs(values))
        if quantity == "shift":
            floor = floor * np.sqrt(SMALL)
        elif quantity == "variance":
            floor = VARIANCE_ERROR * values
        limit, constant = (np.broadcast_to(np.asarray(value, dtype=float), (count,)) for value in (limit, constant))
        return ConvergenceLaw(name, self.instances, SMALL, values, limit, order, constant, floor, spacing)

    def instead(self, quantity: str, limit: Any, order: float, constant: Any, spacing: float) -> Law:
        """What happens to a quantity instead."""
        shown = {"log_likelihood": "likelihood"}.get(quantity, quantity)
        law = self.law(f"{self.name}: instead, {shown}", quantity, limit, order, constant, spacing)
        return replace(law, place=(self.name, INSTEAD, shown))

    def theorem(self, name: str, statement: str) -> Law:
        """One of the main theorem's statements, taken at its word."""
        known = self.predictions
        quantity, limit, constant = {
            "mean": ("shift", 0.0, known["mean_shift"]),
            "variance": ("variance", 0.0, known["variance"]),
            "likelihood": ("log_likelihood", known["likelihood_limit"], known["likelihood_slope"]),
            "gap": ("gap", 0.0, known["gap_slope"]),
        }[statement]
        return replace(self.law(name, quantity, limit, 1.0, constant), place=(self.name, statement))


def theorem(name: str, statement: str, measured: Measurements) -> Law:
    """One of the main theorem's statements on the instances of a case."""
    return _rows(measured, name).theorem(statement, statement)


@once
def _rows(measured: Measurements, name: str) -> _Rows:
    return _Rows(name, measured)


def cubic_gap() -> float:
    """log int exp(-u^6/2) du - max over s of -15/2 s^6 + log s - 1/2 log(2 pi e), at s^6 = 1/45."""
    evidence = np.log(2 * 2 ** (1 / 6) * gamma(7 / 6))
    return float(evidence - (-1 / 6 - np.log(45) / 6 + HALF_LOG_2PI + 0.5))


def limit_of_gap(name: str, measured: Measurements) -> Law:
    """gap -> limit: the order of what remains is not claimed, so the law is about the extrapolated limit."""
    rows = _rows(measured, name)
    return rows.instead("gap", 0.0, 0.0, rows.constant("limit"), ASSUMPTIONS[name].spacing)


def laws(measured: Measurements) -> list[Law]:
    """What survives without an assumption, what happens instead, and all four statements where nothing is broken."""
    survivors = [
        _rows(measured, name).theorem(f"{name}: {statement}", statement)
        for name, broken in BROKEN.items()
        for statement in STATEMENTS
        if statement not in broken
    ]
    kink, singular = _rows(measured, PRIOR_KINK), _rows(measured, RANK)
    closing = gap_law(
        f"{COVARIANCE}: instead, gap",
        [block_encoder.measure(measured)["full"]],
        limit=predicted("general_contrast", block_encoder.FULL),
        constant=predicted("general_gap_slope", block_encoder.FULL),
    )
    return [
        *survivors,
        *(limit_of_gap(name, measured) for name in (PREIMAGES, RANK, DECODER_KINK, INFINITY)),
        singular.instead("variance", 0.0, 1 / 3, singular.constant("variance"), 1 / 3),
        kink.instead("log_likelihood", kink.constant("level"), 0.5, kink.constant("likelihood"), 0.5),
        replace(closing, place=(COVARIANCE, INSTEAD, "gap")),
        *(_rows(measured, NOTHING).theorem(f"{NOTHING}: {statement}", statement) for statement in STATEMENTS),
    ]


def controls(measured: Measurements) -> list[Control]:
    """The theorem's statements where their assumption is broken."""
    found = [
        Control(
            f"{name}: {statement}",
            f"the theorem's {statement} holds as well: {name}",
            _rows(measured, name).theorem(statement, statement),
        )
        for name, broken in BROKEN.items()
        for statement in broken
    ]
    full = block_encoder.measure(measured)["full"]
    mean_field = gap_law("gap", [full], limit=predicted("general_contrast"), constant=predicted("general_gap_slope"))
    return [
        *found,
        Control(f"{COVARIANCE}: variance", f"the theorem's variance holds as well: {COVARIANCE}", _own_variances(full)),
        Control(f"{COVARIANCE}: gap", f"the theorem's gap holds as well: {COVARIANCE}", mean_field),
    ]


def _own_variances(full: Batch) -> Law:
    """The full encoder's first variance as if it were that of mean field, eps / A_11."""
    return convergence(
        "variance",
        [full],
        measured=lambda batch: batch.derivatives["covariance"][..., 0, 0],
        floor=lambda batch: batch.eps * (block_encoder.COVARIANCE_TOLERANCE + batch.gap_error),
        constant=lambda batch: predicted("general_variance")(batch)[:, 0, 0],
    )


def table(laws: tuple[LawResult, ...], controls: tuple[ControlOutcome, ...]) -> list[dict[str, str]]:
    """One row an assumption: whether each statement survives without it, by verdict, and what happens instead."""
    verdicts = {result.law.place: result.verdict for result in laws}
    reasons = {control.id: f"fails: {control.by}" if control.rejected else "survives" for control in controls}
    rows = []
    for name in (NOTHING, *BROKEN, COVARIANCE):
        row = {"broken": name}
        for statement in STATEMENTS:
            reason = reasons.get(f"{name}: {statement}")
            row[statement] = verdicts.get((name, statement)) or reason or NOT_MEASURED[statement]
        instead = [
            f"{result.law.place[2]} {result.verdict}: {result.summary}"
            for result in laws
            if result.law.place[:2] == (name, INSTEAD)
        ]
        rows.append(row | {"instead": "; ".join(instead)})
    return rows


CLAIM = Claim(
    id="assumptions",
    order=24,
    title="which assumption is needed for what",
    statement="Each assumption of the main theorem is needed: with one of them broken some of its four statements "
    "fail, the others survive, and what happens instead has a rate and a constant of its own.",
    latex=r"\text{two preimages: } \mathrm{gap} \to \log\sum_b e^{l_b} - \max_b l_b;\quad "
    r"J(g) = 0,\ f = a z^3: \sigma^2 = \varepsilon^{1/3} (45 a^2)^{-1/3};\quad "
    r"f \to x \text{ at infinity: } \mathrm{gap} \to \log(1 + b)",
    source="new here: what the proofs of general-limit use, and examples where it is missing",
    assumptions=("one latent and x = f(g), but for the covariance: d = 3",),
    laws=laws,
    controls=controls,
    table=table,
)
