"""The audit of one decoder in stages: points, fit, kinks, geometry, account of the gap, regime, encoder.

Ctrl-C ends the part under way; what is done is kept, and the report says that it is not complete.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from ..numerics.model import LatentModel
from ..numerics.noise import StateNoise
from ..numerics.precision import EPS64, require_float64
from ..numerics.priors import Prior
from ..numerics.reduction import Reduction, reduction
from ..shell import requests
from ..shell.progress import Progress, silent
from .account import Account
from .active import active_part
from .consistency import Consistency, consistency
from .entries import Setting, Task, account
from .estimate import expectation
from .fit import fit_of
from .geometry import geometry, inactive_latents, over_active, posterior_share, spread
from .inference import collapse
from .inputs.decoder import Decoder
from .inputs.encoder import Encodings, as_encoder
from .inputs.model import as_model
from .inputs.noise import rescaled, variances_at
from .kinks import find_kinks
from .points import Points, check_data, points_of, prior_deviation
from .regime import Regime, regime
from .report import AuditReport
from .request import AuditRequest
from .subject import SECOND, Subject, notes_on, parameters_of
from .traversal import traversal

_ACCOUNT = "account of the ELBO gap"


def audit(
    model: LatentModel | Any,
    *,
    encoder: Any = None,
    data: Any = None,
    latent_dim: int | None = None,
    noise_var: Any = None,
    observation: Any = None,
    output: str | tuple[str, ...] = (),
    inputs: Mapping[str, Any] | None = None,
    prior: Prior | None = None,
    encoder_output: str = AuditRequest.encoder_output,
    points: int = AuditRequest.points,
    account_points: int = AuditRequest.account_points,
    samples: int = AuditRequest.samples,
    relative: float = AuditRequest.relative,
    absolute: float = AuditRequest.absolute,
    search: bool = AuditRequest.search,
    seed: int = AuditRequest.seed,
    progress: Progress = silent,
) -> AuditReport:
    """What the theorem says about a decoder: where its ELBO gap comes from, which latents are entangled, which eps.

    model: a `LatentModel`, or a decoder (JAX callable (d,) -> (D,), `torch.nn.Module`) with latent_dim, noise_var
    (1e-3 unless given: scalar, (D,), (D, D), a callable of z, or "log-var", "var", "std", "log-std": what the second of
    two outputs is), prior (N(0, I) unless given), output (names of those outputs that are meant) and inputs (what it
    takes beside z). observation: instead of Gaussian noise "bernoulli-logits", "bernoulli", "poisson", "categorical",
    "negative-binomial" (mean, inverse dispersion), or an `Observation`. encoder: x -> (mean, spread), spread one of
    std, log-std, var, log-var by `encoder_output`. data (n, ...): n points of the decoder's output shape, or
    flattened; without data z ~ prior, x = f(z) or a draw.

    points, account_points: how many enter the geometry and the account; samples: decoder evaluations an estimate where
    quadrature is out of reach (d > 3, kinks). relative, absolute: the tolerance of the regime, of the mean contrast and
    in nats. search: also look for modes from fixed starts, not only near the encoder's mean.

    Raises RequestError, one line, for anything that is not a deterministic decoder with matching data, encoder and
    noise; RuntimeError without float64. Rank-deficient Jacobians, inactive latents, kinks and a likelihood that does
    not fit are reported, never raised.
    """
    require_float64("audit")
    requests.function("progress", progress)
    request = AuditRequest(
        latent_dim=latent_dim,
        noise_var=noise_var,
        observation=observation,
        output=(output,) if isinstance(output, str) else output,
        inputs=inputs,
        prior=prior,
        encoder=encoder,
        encoder_output=encoder_output,
        data=data,
        points=points,
        account_points=account_points,
        samples=samples,
        relative=relative,
        absolute=absolute,
        search=search,
        seed=seed,
    )
    return run(_subject(model, request), request, progress)


def _subject(model: LatentModel | Any, request: AuditRequest) -> Subject:
    asked = (request.latent_dim, request.noise_var, request.prior, request.observation, request.output, request.inputs)
    found, decoder = as_model(model, *asked)
    encode = None
    if request.encoder is not None:
        encode = as_encoder(request.encoder, found.latent_dim, decoder.shape, request.encoder_output)
    rows = None if request.data is None else check_data(request.data, decoder, found.observation)
    return Subject(found, _reduced(found, decoder), decoder, rows, encode, prior_deviation(found))


def _reduced(model: LatentModel, decoder: Decoder) -> Reduction:
    """The reduced model; the model itself where the decoder computes in less than float64, which it must say."""
    return reduction(model) if decoder.resolution <= EPS64 else Reduction(model, model, None, None)


def run(subject: Subject, request: AuditRequest, progress: Progress) -> AuditReport:
    """All stages, one after another."""
    model, decoder = subject.model, subject.decoder
    points = points_of(
        subject.whole, subject.rows, subject.encode, count=request.points, seed=request.seed, progress=progress
    )
    kinks = find_kinks(decoder, points.z)
    noise = None
    if model.observation is None and isinstance(model.noise, StateNoise):
        noise = variances_at(model.noise, points.z, decoder.size)
        model = model.with_noise(rescaled(model.noise, float(np.mean(noise))))
        subject = replace(subject, model=model, whole=_reduced(model, decoder))
    measured, complete = geometry(
        subject.whole.model,
        points.z,
        subject.prior_std,
        notify=lambda done, total: progress(done, total, "geometry: contrast and columns"),
    )
    inactive = inactive_latents(posterior_share(measured, float(model.eps), subject.prior_std))
    active = active_part(subject.whole.model, inactive) if complete else None
    if active is not None:
        measured = over_active(subject.whole.model, measured, active.latents)
    setting = Setting(
        subject.whole.model,
        subject.prior_std,
        request.pairs,
        request.search,
        kinks.found,
        decoder.derivatives.orders,
        active,
    )
    stages = _Stages()
    if complete and decoder.derivatives.orders >= SECOND:
        some = spread(len(points.z), request.account_points)
        stages = _account_and_regime(subject, request, setting, points, some, progress)
    return AuditReport(
        model=model,
        shape=decoder.shape,
        geometry=measured,
        indices=points.indices[: len(measured.points)],
        prior_std=subject.prior_std,
        fit=fit_of(model, points),
        kinks=kinks,
        account=stages.account,
        regime=stages.regime,
        consistency=stages.consistency,
        traversal=traversal(model.mean, decoder.shape, measured.points, subject.prior_std),
        notes=notes_on(subject),
        complete=complete and stages.complete,
        parameters=parameters_of(subject, request, noise, measured.points),
        collapse=collapse(model, points, model.latent_dim),
    )


@dataclass(frozen=True)
class _Stages:
    """What the account leads to; complete is False where Ctrl-C ended it."""

    account: Account | None = None
    consistency: Consistency | None = None
    regime: Regime | None = None
    complete: bool = True


def _account_and_regime(
    subject: Subject, request: AuditRequest, setting: Setting, points: Points, some: np.ndarray, progress: Progress
) -> _Stages:
    if not len(some):
        return _Stages()
    targets = points.targets(subject.model, some)
    encodings = subject.encode(targets) if subject.encode else None
    tasks = []
    for n, i in enumerate(some):
        reduced, constant = subject.whole.data(jnp.asarray(targets[n]))
        encoding = None if encodings is None else (encodings.mean[n], encodings.std[n])
        tasks.append(Task(int(points.indices[i]), np.asarray(reduced), points.z[i], encoding, float(constant.value)))
    if progress is not silent:
        progress(0, len(tasks), _ACCOUNT + expectation(setting, tasks))
    entries, complete = account(setting, tasks, notify=lambda done, total: progress(done, total, _ACCOUNT))
    consistent = None
    if encodings is not None and entries.entries:
        kept = [n for n, task in enumerate(tasks) if task.index in {entry.point for entry in entries.entries}]
        chosen = Encodings(encodings.mean[kept], encodings.std[kept])
        consistent = consistency(subject.model, entries, targets[kept], chosen)
    found = None
    if complete:
        try:
            found = regime(
                setting,
                entries,
                relative=request.relative,
                absolute=request.absolute,
                notify=lambda done, total: progress(done, total, "regime: measured at the predicted variance"),
            )
        except KeyboardInterrupt:
            complete = False
    return _Stages(entries, consistent, found, complete)
