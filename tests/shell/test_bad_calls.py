"""Bad calls of the Python API, as a user meets them: RequestError, one line, with what was expected and what came.

They run in one process without the type checks of the tests, which would answer first.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

CALLS = json.loads((Path(__file__).parent / "bad_calls.json").read_text())
"""The calls, and how the line begins that each of them ends with."""
SCRIPT = """
import json, math, sys
import jax
jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np
import elbogap as eg
import elbogap.numerics as nu
from elbogap import testing, theorem as th
from elbogap.auditing.inputs.decoder import as_decoder
from elbogap.enclosures.proofs import certificate, evidence
from elbogap.enclosures.shear import shear_instance
from elbogap.errors import RequestError
from elbogap.figures.registry import entry
from elbogap.report.look import look
from elbogap.report.verification import render
from elbogap.results import recorded
from elbogap.theory.registry import derivation
from elbogap.theory.verdicts import run_all
from elbogap.training import metrics
from elbogap.training.experiments import experiment
from elbogap.training.loop import Recipe, annealing, stack
from elbogap.training.mixings import draw_moebius, mix
from elbogap.training.models import mlp_vae
@lambda function: as_decoder(function, 1)  # tried once, not anew by every call
def f(z): return jnp.array([z[0], jnp.sin(z[0])])
L = th.ladder("eps", 0.3, 3e-4)
q = th.instances(2)(lambda rng: dict(h=rng.uniform(0.7, 2)))
def K(**changes): return th.Converges(lambda eps, h: 1 + eps, **(dict(along=L, limit=1, order=1, constant=1) | changes))
def C(id="mine", title="a title", **changes): return th.Claim(id, title, **(dict(over=q, law=K()) | changes))
A = dict(latent_dim=1, points=4, account_points=0)
G = [1, 0.1, 0.01, 0.001]
m, x = eg.LatentModel(f, 1, noise_var=1e-2), jnp.zeros(2)
found = {}
for call in json.load(sys.stdin):
    try:
        found[call] = ["accepted", repr(eval(call))[:100]]
    except RequestError as error:
        found[call] = ["RequestError", str(error)]
    except Exception as error:
        found[call] = [type(error).__name__, str(error)]
json.dump(found, sys.stdout)
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What every call of the table ended with."""
    command = [sys.executable, "-c", SCRIPT]
    done = subprocess.run(command, input=json.dumps(list(CALLS)), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_call_is_one_line(call: str, answers: dict[str, Any]) -> None:
    """Each bad call of the table raises RequestError with its line."""
    kind, line = answers[call]
    assert kind == "RequestError", (kind, line)
    assert line.startswith(CALLS[call]) and "\n" not in line
