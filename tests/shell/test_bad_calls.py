"""Bad calls of the Python API, as a user meets them: RequestError, one line, with what was expected and what came.

They run in one process without the type checks of the tests, which would answer first.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

SEED = "seed: expected an integer from 0 to 4294967295, got "
EFFORT = "effort: expected one of quick, standard, full, got "
CALLS = {
    "eg.verify(['elbo-limt'])": "unknown claim 'elbo-limt': did you mean 'elbo-limit'?",
    "eg.verify([''])": "unknown claim '': expected one of elbo-decomposition",
    "eg.verify([3])": "unknown claim '3': expected one of ",
    "eg.verify([None])": "unknown claim 'None': expected one of ",
    "eg.verify('contrast')": "claims: expected a list of ids or claims, got 'contrast'",
    "eg.verify(3)": "claims: expected a list of ids or claims, got 3",
    "eg.verify(['contrast'], effort='quik')": EFFORT + "'quik' (did you mean 'quick'?)",
    "eg.verify(['contrast'], effort=None)": EFFORT + "None",
    "eg.verify(['contrast'], effort=['quick'])": EFFORT + "['quick']",
    "eg.verify(['contrast'], seed=None)": SEED + "None",
    "eg.verify(['contrast'], seed=1.5)": SEED + "1.5",
    "eg.verify(['contrast'], seed='1')": SEED + "'1'",
    "eg.verify(['contrast'], seed=True)": SEED + "True",
    "eg.verify(['contrast'], seed=-1)": SEED + "-1",
    "eg.verify(['contrast'], seed=2**32)": SEED + "4294967296",
    "eg.verify(['contrast'], seed=10**5000)": SEED + "a int that cannot be shown",
    "testing.points(-1)": "latent_dim: expected an integer >= 1, got -1",
    "testing.points(0)": "latent_dim: expected an integer >= 1, got 0",
    "testing.points(1.5)": "latent_dim: expected an integer >= 1, got 1.5",
    "testing.points(2, radius=0)": "radius: expected a number > 0, got 0",
    "testing.points(2, radius=math.nan)": "radius: expected a number > 0, got nan",
    "testing.encoders(-1)": "latent_dim: expected an integer >= 1, got -1",
    "testing.encoders('2')": "latent_dim: expected an integer >= 1, got '2'",
    "testing.encoders(2, scale=0)": "scale: expected a number > 0, got 0",
    "testing.encoders(2, scale='1')": "scale: expected a number > 0, got '1'",
}
SCRIPT = """
import json, math, sys
import jax
jax.config.update("jax_enable_x64", True)
import elbogap as eg
from elbogap import testing
from elbogap.errors import RequestError
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
