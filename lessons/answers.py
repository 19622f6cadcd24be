"""Of every exercise an answer that is right, and one that is a likely mistake.

The tests hold the checkers to them; the static pages learn from them, by asking the checkers, what they may accept.
Where the right answer depends on what the lesson measured, it is a function of the lesson's values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Right = str | Callable[[Mapping[str, Any]], Any]
SWIRL = "z1*cos(z1^2+z2^2) - z2*sin(z1^2+z2^2); z1*sin(z1^2+z2^2) + z2*cos(z1^2+z2^2)"
ANSWERS: dict[str, dict[str, tuple[Right, str]]] = {
    "gap": {"twice": ("(3 - log(4))/2", "0.318"), "spread": ("1/sqrt(41)", "1/41"), "worst": ("1/sqrt(3)", "0.7")},
    "linear-vae": {
        "narrow": ("1/5", "5/16"),
        "formula": ("-log(1 - r^2/(1 + eps)^2)/2", "-log(1 - r^2/(1 + eps))/2"),
        "turn": ("30.7", "40"),
    },
    "contrast": {
        "spiral": ("log(1 + s^2*r^2)/2", "log(1 + s^2*r^2)"),
        "three": ("log(2)/2", "-3*log(sin(pi/3))"),
        "random": ("230", "450"),
    },
    "self-consistency": {
        "linear": ("-1/4", "1/4"),
        "width": ("1/sqrt(1.94)", "1/sqrt(1.85)"),
        "small": (lambda values: 1e-4 / np.linalg.norm(values["m"]), "1e-4"),
    },
    "limit": {
        "contrast": ("log(1 + s^2)/2", "log(1 + s)"),
        "side": ("1", "0"),
        "limit": (lambda values: values["contrast"], "0.1"),
    },
    "rotations": {
        "map": (SWIRL, "2*z1; z2/2"),
        "formula": ("log(1 + (r - 1/r)^2*sin(t)^2*cos(t)^2)/2", "log(1 + (r - 1/r)^2*sin(t)^2)/2"),
        "ratio": ("1", "2"),
    },
    "training": {
        "collapse": (lambda values: 1 / values["eigenvalues"][0][-1], "1"),
        "rotation": ("1/sqrt(2)", "0.5"),
        "shear": ("sqrt(e - 1)", "1"),
    },
    "proofs": {
        "zero": ("-log(1 - rho^2)/2", "-log(1 - rho^2)"),
        "chain": ("4", "5"),
        "constant": ("3*H^2/(4*J^4)", "H^2/J^4"),
    },
    "own-theorem": {
        "constant": ("-1/(2k)", "-1/k"),
        "rest": ("-2", "-3"),
        "next": ("-1/(12k^2)", "1/(12k^2)"),
    },
    "latents": {
        "collapse": ("1/0.3", "0.3"),
        "variance": ("1 - 0.05/0.3", "0.05/0.3"),
        "turned": ("log((a + b)/2) - log(a*b)/2", "log((a + b)/2)"),
    },
}


def right_answers(lesson: str, values: Mapping[str, Any]) -> dict[str, str]:
    """The right answer of each exercise, by the exercise's name, as text."""
    return {
        name: str(float(right(values)) if callable(right) else right) for name, (right, _) in ANSWERS[lesson].items()
    }
