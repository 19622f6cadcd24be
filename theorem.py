"""A theorem of one's own, verified like the built-in claims: stated, measured, and its false variants rejected.

    from elbogap import theorem as th

    @th.instances(6)
    def quartic(rng):
        return dict(h=rng.uniform(0.7, 2))

    laplace = th.Claim("laplace-1d", "The Laplace approximation has relative error a1 eps.", over=quartic,
        law=th.Converges(ratio, along=th.ladder("eps", 0.3, 3e-4), limit=1, order=1, constant="5*t**2/(24*h**3)"))
    laplace.control("rate sqrt eps", order=0.5)
    laplace.mutants()
    print(th.verify(laplace))

Laws whose errors are bounds: `Converges`, `Equal`, `Bounded`, `Monotone`, `Fact`. A law whose errors are standard
errors: `ConvergesInMean`. Evidence of other kinds: `derivation=[step(...), argued(...)]`, `enclosed=`, `trained=`. No
kind is required; a claim without controls is never more than inconclusive. Neither JAX nor SymPy is loaded unless a
claim uses it.
"""

from __future__ import annotations

from typing import Any

from .errors import RequestError
from .proofs_checks.along import doubling, ladder
from .proofs_checks.cases import cases, instances
from .proofs_checks.claim import Claim
from .proofs_checks.mean_law import ConvergesInMean
from .proofs_checks.report import Report
from .proofs_checks.statements import Bounded, Converges, Equal, Fact, Monotone
from .shell import requests

__all__ = [
    "Bounded",
    "Claim",
    "Converges",
    "ConvergesInMean",
    "Equal",
    "Fact",
    "Monotone",
    "Report",
    "argued",
    "cases",
    "doubling",
    "instances",
    "ladder",
    "step",
    "test",
    "verify",
]


def verify(*claims: Claim | str, seed: int = 0, effort: str = "quick") -> Report:
    """Judge claims, of one's own or built-in ones by id, and all their controls.

    seed: of everything random; effort: "quick", "standard" or "full", how many instances and repetitions. The report
    has `.holds`, `.table(id)`, `.plot(id)`, `.write(folder)`, `.document()`, and prints as a table.
    Raises RequestError for an unknown id, or two claims with one.
    """
    from .proofs_checks.verify import verify as verify_claims

    if not claims:
        raise RequestError("verify: expected at least one claim, got none")
    for claim in claims:
        if not isinstance(claim, Claim | str):
            raise RequestError(f"verify: expected a Claim or the id of one, got {claim!r:.60}")
    return verify_claims(claims, seed=requests.seed(seed, "seed"), effort=requests.effort(effort, "effort"))


def test(claim: Claim, *, seed: int = 0, effort: str = "quick") -> Any:
    """A pytest test of a claim, `test_name = test(claim)`: one item a law and one a control, named after them."""
    from .proofs_checks.assertions import claim_test

    if not isinstance(claim, Claim):
        raise RequestError(f"test: expected a Claim, got {requests.shown(claim)}")
    requests.seed(seed, "seed")
    requests.effort(effort, "effort")
    return claim_test(claim, seed, effort)


def step(left: Any, right: Any, rule: str, *assumptions: str, relation: str = "=", certificate: Any = ()) -> Any:
    """A step of a derivation: left = right by `rule`, decided by an exact zero test in SymPy.

    relation ">=": then `certificate` holds terms that are not negative and sum to left - right.
    """
    from .theory.proof.derivation import Step

    requests.text("step, rule", rule)
    requests.one_of("step, relation", relation, ("=", ">="))
    for name, side in (("left", left), ("right", right)):
        if side is None or isinstance(side, str):
            raise RequestError(f"step, {name}: expected a SymPy expression, got {requests.shown(side)}")
    if not isinstance(certificate, list | tuple) and not callable(certificate):
        raise RequestError(f"step, certificate: expected a list of terms, got {requests.shown(certificate)}")
    return Step(left, right, rule, assumptions, relation=relation, certificate=certificate)  # type: ignore[arg-type]


def argued(rule: str, note: str = "", *assumptions: str) -> Any:
    """A step in words, for what no computer algebra decides; it is shown as such."""
    from .theory.proof.derivation import argued as argued_step

    requests.text("argued, rule", rule)
    return argued_step(rule, note or rule, *assumptions)
