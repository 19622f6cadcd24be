"""The measuring side, as JAX: what can be measured for a given decoder, without any asymptotics.

`expansion` is the exception: it evaluates the formulas of claim `general-limit` by automatic differentiation,
and is there to be compared with what the rest measures. Names of functions shadow those of their modules here; import
from the module (`elbogap.numerics.gap`) for anything that is not in this list.
"""

from .contrast import (
    amari_distance,
    block_contrast,
    column_correlation,
    conformal_contrast,
    contrast_of_jacobian,
    finite_noise_contrast,
    ima_contrast,
    metric_contrast,
)
from .encoder import Encoding, elbo, optimal_encoder
from .expansion import Expansion, expansion
from .gap import GapMeasurement, gap, measure_gap
from .likelihood import LogLikelihood, log_likelihood
from .model import LatentModel
from .noise import DiagonalNoise, FullNoise, Noise, ScalarNoise, StateNoise, as_noise
from .observation_parameters import (
    BernoulliProbability,
    Categorical,
    DecodedNegativeBinomial,
    NegativeBinomial,
    PoissonRate,
)
from .observations import Bernoulli, Binomial, ExponentialFamily, Observation, Poisson
from .priors import Bimodal, Choice, CorrelatedNormal, Laplace, Logistic, Normal, Prior, StudentT, UniformLogitNormal

__all__ = [
    "Bernoulli",
    "BernoulliProbability",
    "Bimodal",
    "Binomial",
    "Categorical",
    "Choice",
    "CorrelatedNormal",
    "DecodedNegativeBinomial",
    "DiagonalNoise",
    "Encoding",
    "Expansion",
    "ExponentialFamily",
    "FullNoise",
    "GapMeasurement",
    "Laplace",
    "LatentModel",
    "LogLikelihood",
    "Logistic",
    "NegativeBinomial",
    "Noise",
    "Normal",
    "Observation",
    "Poisson",
    "PoissonRate",
    "Prior",
    "ScalarNoise",
    "StateNoise",
    "StudentT",
    "UniformLogitNormal",
    "amari_distance",
    "as_noise",
    "block_contrast",
    "column_correlation",
    "conformal_contrast",
    "contrast_of_jacobian",
    "elbo",
    "expansion",
    "finite_noise_contrast",
    "gap",
    "ima_contrast",
    "log_likelihood",
    "measure_gap",
    "metric_contrast",
    "optimal_encoder",
]
