"""What to do about each finding of an audit, in one sentence, read from the report's `document`.

The sentences follow the claims: the gap shrinks by what its largest part depends on, entangled columns by a rotation or
by the contrast as a regulariser (claim `contrast`), collapse by a noise variance below its threshold (claim
`posterior-collapse`). Where nothing is to be done, that is said.
"""

from __future__ import annotations

from typing import Any

from .sentences import largest_part, level, number, rotation_rows, spans

SMALL = 0.01
"""Nat a point: a gap or contrast below it changes nothing that is read from an ELBO to two digits."""
_NOTHING = "Nothing to do"
_REGULARISER = "add elbogap.ima_contrast to the loss (examples/regulariser_jax.py, regulariser_torch.py)"


def advice(document: dict[str, Any]) -> dict[str, str]:
    """A sentence for each subject of `sentences.headline`."""
    found = {
        "ALARM": "Mend this first, and audit again: the findings below take the model as it was given.",
        "contrast": _contrast(document),
        "entangled": _entangled(document),
        "inactive": _inactive(document),
        "kinks": "Smooth activations (GELU, SiLU, tanh) in the decoder, if a limit at the rate 1/gamma^2 is wanted.",
    }
    if document["gap"]:
        found |= {"gap": _gap(document["gap"]), "regime": _regime(document)}
    return found


def _gap(gap: dict[str, Any]) -> str:
    if gap["points_without_error"]:
        return "Raise --samples, and read nothing from this number before its error is stated."
    if gap["sum"]["mean"] < SMALL:
        return f"{_NOTHING}: below {SMALL} nat the ELBO is the log-likelihood."
    return f"The largest part shrinks by {largest_part(gap)[1]['reduced_by']}."


def _contrast(document: dict[str, Any]) -> str:
    contrast = document["contrast"]
    if contrast["mean"] is None:
        return "Look at the inactive latents and collapsed directions: the decoder does not tell some latents apart."
    if contrast["mean"] < SMALL:
        return f"{_NOTHING}: the columns of the Jacobian are orthogonal as far as the ELBO can tell."
    if rotations := rotation_rows(document):
        pair, degrees, saving = rotations[0]
        return f"Rotate latents {pair} by {degrees} degrees, which saves {saving} nat, or {_REGULARISER}."
    return f"No rotation of two latents helps: {_REGULARISER}."


def _entangled(document: dict[str, Any]) -> str:
    if not document["entangled"]:
        return f"{_NOTHING}."
    first = document["entangled"][0]["latents"]
    return (
        f"Look at what latents {first[0]} and {first[1]} move, which is partly the same; the table of rotations says "
        "whether turning them parts it."
    )


def _inactive(document: dict[str, Any]) -> str:
    inactive, d = document["inactive"], document["parameters"]["latent_dim"]
    if inactive and len(inactive) < d:
        return (
            f"Leave latents {spans(inactive)} out (--latent-dim {d - len(inactive)} would do), or train with a smaller "
            "noise variance (a smaller beta) if they should carry something."
        )
    if inactive:
        return "Train with a smaller noise variance (a smaller beta): at this one the best decoder uses no latent."
    if document["collapsed_directions"]:
        return "Train with fewer latents: that direction carries nothing."
    return f"{_NOTHING}."


def _regime(document: dict[str, Any]) -> str:
    regime = document["regime"]
    if regime is None:
        return "Read the measured gap and the finite-noise contrast, not the limit."
    if regime["inside"]:
        return f"{_NOTHING}: the contrast can be read as the gap."
    if regime["threshold"] is None:
        return "Read the measured gap: the limit says little about this decoder at any noise variance that was tried."
    at = level(document["parameters"], regime["threshold"], bound=True)
    off = number(regime["own"]["deviation"])
    return f"Read the measured gap, which is {off} nat from the contrast in the mean, or train at {at}."
