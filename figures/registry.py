"""The figures by name. Modules are imported only when their figure is asked for.

A module has `CAPTION`, `compute(effort, seed, programs) -> Data` and `draw(data) -> Figure`; a figure of recorded
results names its experiment here, and its `compute` is `Data.of(recorded(experiment))`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from types import ModuleType

from ..shell.requests import known


@dataclass(frozen=True)
class Entry:
    """One figure: its name, the module that makes it, a title, and the recorded experiment that it draws, if any."""

    name: str
    module: str
    title: str
    experiment: str = ""

    def load(self) -> ModuleType:
        """The figure's module."""
        return import_module(f".{self.module}", __package__)


_ENTRIES = (
    Entry("self-consistency", "self_consistency", "the encoder inverts the decoder, trained", "self-consistency"),
    Entry("elbo-likelihood", "elbo_likelihood", "ELBO, its limit and log-likelihood over the noise", "fixed-decoder"),
    Entry("mcc-gamma", "mcc_gamma", "MCC and contrast over the noise, trained", "moebius-gamma"),
    Entry("mcc-contrast", "mcc_contrast", "MCC against contrast, trained", "moebius-linear"),
    Entry("affine-flow", "affine_flow", "MCC against contrast of affine flows, trained", "affine-flow"),
    Entry("likelihood-vs-vae", "likelihood_vs_vae", "one decoder class, two objectives, trained", "likelihood-vs-vae"),
    Entry("beta-collapse", "beta_collapse", "the beta-VAE over beta times the noise, trained", "beta-collapse"),
    Entry("diagonal-or-full", "diagonal_or_full", "two covariances of the encoder, trained", "diagonal-or-full"),
    Entry("learned-variance", "learned_variance", "a decoder variance that is learnt", "learned-variance"),
    Entry("encoder-capacity", "encoder_capacity", "the amortisation gap over capacity, trained", "encoder-capacity"),
    Entry("controlled-angle", "controlled_angle", "gap and recovery over an angle, trained", "controlled-angle"),
    Entry("gamma-million", "gamma_million", "gamma = 1000: optimisation or theory, trained", "gamma-million"),
    Entry("priors-dimensions", "priors_dimensions", "sources and priors of four laws, trained", "priors-dimensions"),
    Entry("sprites", "sprites", "sprites: traversals and training curves", "sprites"),
    Entry("convergence", "convergence", "the gap converges to the contrast, with constant and next order"),
    Entry("encoder", "encoder", "mean and variance of the best encoder against prediction"),
    Entry("posterior", "posterior", "the posterior against its best factorised approximation"),
    Entry("rotations", "rotations", "the landscape of the contrast over rotations"),
    Entry("spurious-solutions", "spurious_solutions", "equal likelihood, different ELBO"),
    Entry("breakdown", "breakdown", "where assumptions break: folds and kinks"),
    Entry("random-directions", "random_directions", "contrast of random directions against dimension"),
    Entry("conditioning", "conditioning", "condition number against error of the contrast"),
    Entry("work-precision", "work_precision", "error over time, beside sampling and stochastic maximisation"),
    Entry("posterior-collapse", "posterior_collapse", "latents collapse at exact thresholds"),
    Entry("pareto-k", "pareto_k", "the tail of the importance weights, and what a sample sees of it"),
    Entry("vi-accuracy", "vi_accuracy", "the accuracy of Gaussian approximations of the posterior"),
    Entry("audit", "audit_account", "where the gap of a decoder comes from"),
)
FIGURES: dict[str, Entry] = {entry.name: entry for entry in _ENTRIES}


def entry(name: str) -> Entry:
    """The figure of this name; RequestError with the nearest name if there is none."""
    return FIGURES[known("figure", name, FIGURES)]
