"""What an audit found, as data: arrays, and their summary in plain values.

`document` is the schema of `elbogap audit --json`: numbers, lists and words only; what is not finite or was left out is
null. The pages and the CSV files are made of it and of the arrays beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from ..numerics.conditions import Condition
from ..numerics.model import LatentModel
from .account import LEFT_OUT, PARTS, Account
from .consistency import Consistency
from .fit import Fit
from .geometry import Geometry, collapsed_directions, entangled_pairs, inactive_latents, posterior_share
from .hypotheses import hypotheses
from .inference import Collapse, entropies, weights_summary
from .kinks import Kinks
from .regime import Regime, translation
from .rotation import Rotation, best_rotations
from .traversal import images_at

VERSION = 1
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
WORST = 5
LESS_NOISE, MORE_COUNTS = "a smaller noise variance", "larger counts or more repetitions n"
ADVICE = {
    "amortisation": "a larger encoder, longer training of the encoder alone, or refining its output at each point",
    "contrast": "ima_contrast as a regulariser, a rotation of entangled latents, or an encoder with full covariance",
    "slope": "a smaller noise variance: this part is proportional to it",
    "remainder": "a smaller noise variance: this part falls faster than the slope",
}
"""What would reduce each part of the gap, at a smooth decoder whose a1 is known."""
KINKED = "a smaller noise variance: at kinks this part falls like the noise standard deviation, 1/gamma"
MULTIMODAL = "an injective decoder: where the posterior has several modes, their share stays at any noise variance"
MEASURED = (
    "a smaller noise variance, once the posterior is narrow; what it contains beyond a1 eps is not separated here"
)


@dataclass(frozen=True)
class Findings:
    """Everything that an audit found; `complete` is False where Ctrl-C ended it."""

    model: LatentModel
    shape: tuple[int, ...]
    geometry: Geometry
    indices: np.ndarray
    prior_std: Float[np.ndarray, " d"]
    fit: Fit | None
    kinks: Kinks
    account: Account | None
    regime: Regime | None
    consistency: Consistency | None
    traversal: Float[np.ndarray, "latents steps H W C"] | None
    notes: tuple[str, ...]
    complete: bool
    parameters: dict[str, Any]
    collapse: Collapse | None = None

    @cached_property
    def posterior_share(self) -> Float[np.ndarray, " d"]:
        """eps s_k over the prior variance, in the median over points."""
        return posterior_share(self.geometry, float(self.model.eps), self.prior_std)

    @cached_property
    def inactive(self) -> list[int]:
        """Latents whose posterior is their prior."""
        return inactive_latents(self.posterior_share)

    @cached_property
    def entangled(self) -> list[tuple[int, int, float]]:
        """Pairs of latents and their mean absolute column correlation, above 0.2."""
        return entangled_pairs(self.geometry, self.inactive)

    @cached_property
    def collapsed(self) -> list[tuple[Float[np.ndarray, " d"], float]]:
        """Collapsed directions that are no axis, in units of the prior, and their posterior variance."""
        return collapsed_directions(self.geometry, self.inactive)

    @cached_property
    def rotations(self) -> list[Rotation]:
        """The best rotation of every pair of active latents."""
        active = np.setdiff1d(np.arange(self.model.latent_dim), self.inactive)
        found = best_rotations(self.geometry.metric[:, active][:, :, active])
        return [one._replace(latents=(int(active[one.latents[0]]), int(active[one.latents[1]]))) for one in found]

    @cached_property
    def alarms(self) -> list[str]:
        """What must be read before anything else, and makes the exit status 1."""
        found = [self.fit.alarm] if self.fit and self.fit.alarm else []
        if self.account and not self.account.entries and self.account.failed:
            found.append(
                f"no posterior mode or best encoder was found at any of {self.account.failed} points: there is no "
                "account of the gap."
            )
        if self.account and self.account.entries and self.account.without_error == len(self.account.entries):
            found.append(
                f"no error can be stated of the gap at any of {self.account.without_error} points: the tails of the "
                "draws' weights are too heavy for a mean, and the numbers of the account are no measurement."
            )
        if self.account and self.account.entries and not self.account.closes:
            found.append("the parts of the gap do not add up to the gap measured again, within the stated errors.")
        return found

    @cached_property
    def conditions(self) -> tuple[Condition, ...]:
        """What the limit theorems assume: what of it holds, fails, or cannot be checked."""
        entries = self.account.entries if self.account else ()
        return hypotheses(self.model, self.geometry.points, self.geometry.over_all, entries, self.kinks.found)

    @cached_property
    def document(self) -> dict[str, Any]:
        """The summary as plain data (`elbogap audit --json`)."""
        return _plain(
            {
                "version": VERSION,
                "alarms": self.alarms,
                "parameters": self.parameters,
                "fit": self.fit.document if self.fit else None,
                "kinks": self.kinks._asdict() | {"found": self.kinks.found},
                "conditions": [condition._asdict() for condition in self.conditions],
                "contrast": self._contrast(),
                "gap": self._gap(),
                "entangled": [{"latents": [k, other], "correlation": value} for k, other, value in self.entangled],
                "inactive": self.inactive,
                "collapsed_directions": [{"direction": v, "posterior_share": s} for v, s in self.collapsed],
                "latents": {
                    "median_column_norm": np.median(self.geometry.norms, axis=0),
                    "posterior_share": self.posterior_share,
                    "correlation": self.geometry.correlation,
                },
                "rotations": [
                    {"latents": list(r.latents), "degrees": np.degrees(r.angle), "saving": r.saving}
                    for r in self.rotations
                ],
                "worst": self._worst(),
                "regime": self._regime(),
                "regime_left_out": self._regime_left_out(),
                "translation": translation(
                    float(self.model.eps), self.parameters["outputs"], self.model.observation is not None
                ),
                "weights": weights_summary(self.account) if self.account else None,
                "entropies": self._entropies(),
                "collapse": self.collapse._asdict() if self.collapse else None,
                "encoder": vars(self.consistency) if self.consistency else None,
                "notes": list(self.notes),
                "complete": self.complete,
            }
        )

    def _contrast(self) -> dict[str, Any]:
        contrast, finite_noise = self.geometry.contrast, self.geometry.finite_noise
        kept = contrast[np.isfinite(contrast)]
        return {
            "mean": np.mean(kept) if len(kept) else None,
            "quantiles": _quantiles(kept),
            "finite_noise": {"mean": np.mean(finite_noise), "quantiles": _quantiles(finite_noise)},
            "points": len(contrast),
            "latents": self.geometry.latents,
            "rank_deficient": int(np.sum(~np.isfinite(contrast))),
        }

    def _gap(self) -> dict[str, Any] | None:
        if self.account is None or not self.account.entries:
            return None
        account = self.account

        def stated(part: str) -> dict[str, float] | None:
            interval = account.interval(part)
            return interval._asdict() if interval else None

        parts = {part: stated(part) for part in PARTS}
        return {
            "points": len(account.entries),
            "failed": account.failed,
            "parts": {part: value and value | {"reduced_by": self._advice(part)} for part, value in parts.items()},
            "sum": stated("sum"),
            "measured_again": stated("total"),
            "closes": account.closes,
            "points_that_close": sum(entry.closes for entry in account.entries),
            "mean_error": float(np.mean([entry.error + entry.total_error for entry in account.entries])),
            "points_without_error": account.without_error,
            "best_encoder_gap": stated("gap"),
            "log_likelihood": stated("log_likelihood"),
            "finite_noise_points": sum(entry.finite_noise for entry in account.entries),
            "multimodal_points": sum(entry.multimodal for entry in account.entries),
            "sampled_points": sum(entry.sampled for entry in account.entries),
            "slope_left_out": self._slope_left_out(),
        }

    def _advice(self, part: str) -> str:
        said = self._advice_on_noise(part)
        if self.model.observation is None:
            return said
        return said.replace(LESS_NOISE, MORE_COUNTS).replace("proportional to it", "proportional to 1/n")

    def _advice_on_noise(self, part: str) -> str:
        assert self.account is not None
        if part == "remainder" and self.kinks.found:
            return KINKED
        if part == "remainder" and any(entry.multimodal for entry in self.account.entries):
            return MULTIMODAL
        if part == "remainder" and any(entry.left_out for entry in self.account.entries):
            return MEASURED
        return ADVICE[part]

    def _slope_left_out(self) -> str | None:
        assert self.account is not None
        entries = self.account.entries
        reasons = [entry.left_out for entry in entries if entry.left_out]
        if not reasons:
            return None
        counts = {reason: reasons.count(reason) for reason in dict.fromkeys(reasons)}
        parts = [f"at {count} of {len(entries)} points: {LEFT_OUT[reason]}" for reason, count in counts.items()]
        return f"a1 is left out {'; '.join(parts)}"

    def _regime(self) -> dict[str, Any] | None:
        if self.regime is None:
            return None
        return self.regime._asdict() | {
            "checks": [check._asdict() for check in self.regime.checks],
            "own": self.regime.own._asdict(),
            "inside": self.regime.inside,
        }

    def _regime_left_out(self) -> str | None:
        """Why there is no regime though there is an account; None where there is one, or no account."""
        if self.regime is not None or self.account is None or not self.account.entries:
            return None
        observation = self.model.observation
        if observation is not None and not observation.manifold:
            return "no data lie on the manifold of a likelihood whose dispersion is decoded"
        if observation is not None:
            return "no point has a finite contrast and a1"
        return self._slope_left_out() or "no point has a finite contrast"

    def _entropies(self) -> dict[str, Any] | None:
        found = entropies(self.model, self.account, self.parameters["outputs"])
        return found._asdict() if found and self.fit else None

    @cached_property
    def worst(self) -> np.ndarray:
        """Places, among the geometry's points, of those of the largest contrast: undefined ones first."""
        return np.argsort(-np.where(np.isfinite(self.geometry.contrast), self.geometry.contrast, np.inf))[:WORST]

    @cached_property
    def worst_images(self) -> Float[np.ndarray, "n H W C"] | None:
        """What the decoder draws at the worst points; None where outputs are no images."""
        return images_at(self.model.mean, self.shape, self.geometry.points[self.worst])

    def _worst(self) -> list[dict[str, Any]]:
        return [
            {
                "index": int(self.indices[i]),
                "contrast": self.geometry.contrast[i],
                "finite_noise": self.geometry.finite_noise[i],
                "z": self.geometry.points[i],
            }
            for i in self.worst
        ]


def _quantiles(values: np.ndarray) -> dict[str, float]:
    return {str(q): float(np.quantile(values, q)) for q in QUANTILES} if len(values) else {}


def _plain(value: Any) -> Any:
    """NumPy to Python, what is not finite to None."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    return value
