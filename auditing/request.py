"""What an audit is asked for, with the defaults of the function and of the command, judged before any work begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import RequestError
from ..shell import requests

GAUSSIAN = "gaussian"
"""The name of the observation that an audit supposes unless another is named."""
ENCODER_OUTPUTS = ("std", "log-std", "var", "log-var")
"""What the second output of an encoder may be."""
_FEWEST_SAMPLES = 64


@dataclass(frozen=True)
class AuditRequest:
    """The options of `audit.audit`, which says what each means. RequestError, one line, for what is out of range."""

    latent_dim: int | None = None
    noise_var: Any = None
    observation: Any = None
    output: tuple[str, ...] = ()
    inputs: Any = None
    prior: Any = None
    encoder: Any = None
    encoder_output: str = "std"
    data: Any = None
    points: int = 1000
    account_points: int = 64
    samples: int = 4096
    relative: float = 0.05
    absolute: float = 0.01
    search: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.latent_dim is not None:
            requests.whole("latent_dim", self.latent_dim, 1)
        requests.whole("points", self.points, 1)
        requests.whole("account_points", self.account_points, 0)
        requests.whole("samples", self.samples, _FEWEST_SAMPLES)
        requests.number("relative tolerance", self.relative, above=0)
        requests.number("absolute tolerance", self.absolute, above=0)
        requests.seed(self.seed, "seed")
        requests.flag("search", self.search)
        if not isinstance(self.output, tuple) or not all(isinstance(name, str) and name for name in self.output):
            raise RequestError(f"output: expected the name of an output, or a tuple of names, got {self.output!r}")
        if not (self.inputs is None or isinstance(self.inputs, Mapping)):
            raise RequestError(f"inputs: expected values by name, got {self.inputs!r:.40}")
        requests.one_of("encoder output", self.encoder_output, ENCODER_OUTPUTS)

    @property
    def pairs(self) -> int:
        """Antithetic pairs a sampled estimate."""
        return self.samples // 2
