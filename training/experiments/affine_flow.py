"""MCC against the contrast of the mixing for affine flows in four dimensions (see `moebius_linear`)."""

from ...results import Recorded
from ..findings import Finding
from . import moebius_linear
from .runs import Batches, Effort

NAME = moebius_linear.AFFINE_FLOW.name


def batch_count(effort: Effort) -> int:
    """How many batches of runs there are."""
    return moebius_linear.batch_count(effort, moebius_linear.AFFINE_FLOW)


def compute(effort: Effort, seed: int, batches: Batches) -> Recorded:
    """Train, select and measure."""
    return moebius_linear.compute(effort, seed, batches, moebius_linear.AFFINE_FLOW)


def findings(result: Recorded | None = None) -> tuple[Finding, ...]:
    """The correlation for affine flows of four sources."""
    return moebius_linear.findings(result, moebius_linear.AFFINE_FLOW)
