"""Enclosures of elementary decoders as statements with outcomes."""

from __future__ import annotations

from flint import arb, ctx, fmpq

from ..statements import Statement, decided, verified, written
from .fixed import FixedEnclosure
from .uniform import UniformElementary

BEST = "of the best encoder"


def fixed_statements(found: FixedEnclosure, claimed: tuple[fmpq, fmpq] | None = None) -> list[Statement]:
    """What is proved at one noise variance; `claimed` is an interval in which a user puts the gap."""
    with ctx.workprec(128):
        statements = [
            verified("contrast", found.instance.contrast()),
            verified("log p(x)", found.log_likelihood),
        ]
        if found.supremum is None:
            return statements + _of_one_encoder(found, claimed)
        statements += [
            verified(f"ELBO {BEST}", found.elbo),
            verified(f"gap {BEST}", found.gap),
            verified("(gap - contrast)/eps", found.slope),
        ]
        for k, (mean, variance) in enumerate(zip(found.mean, found.variance, strict=True), 1):
            statements += [
                verified(f"mean {k} {BEST}", mean),
                verified(f"variance {k} {BEST}", variance),
            ]
        if claimed is not None:
            statements.append(decided("gap", found.gap, claimed))
        return statements


def uniform_statements(found: UniformElementary, claimed: tuple[fmpq, fmpq] | None = None) -> list[Statement]:
    """What is proved for every noise variance up to eps0; `claimed` is an interval for (gap - contrast)/eps."""
    quantity = f"(gap - contrast)/eps for every eps in (0, {found.eps0}]"
    with ctx.workprec(128):
        statements = [verified("contrast", found.instance.contrast()), verified(quantity, found.slope)]
        if found.order_is_one:
            statements.append(Statement("the gap differs from the contrast by exact order eps", "verified"))
        if claimed is not None:
            statements.append(decided(quantity, found.slope, claimed))
        return statements


def _of_one_encoder(found: FixedEnclosure, claimed: tuple[fmpq, fmpq] | None) -> list[Statement]:
    """Without the supremum: one encoder's ELBO bounds it from below, and its gap the gap from above."""
    between, upper = arb(0).union(found.gap.upper()), written(found.gap)[1]
    statements = [
        verified("ELBO of one encoder, a lower bound of the best", found.elbo),
        Statement(f"gap {BEST}: at least 0 and at most that of this encoder", "verified", ("0", upper)),
        Statement(f"ELBO {BEST}", "inconclusive", None, f"that no other encoder is better: {found.unproved}"),
    ]
    if claimed is not None:
        statements.append(decided("gap", between, claimed))
    return statements
