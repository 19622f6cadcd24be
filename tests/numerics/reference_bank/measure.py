"""The bank's cases as elbogap models, measured by one compiled program a dimension; and a report over many of them.

`python tests/numerics/reference_bank/measure.py --seed 7 --count 1000` draws new cases, computes their references and
prints the table of the documentation: kind, tried, violations, unresolved (error inf), median stated / true error.
"""

import argparse
import json
from functools import cache
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from cases import PLAN, SMOOTH, draw_case
from composite import PRIORS, decode
from elbogap.numerics.likelihood import log_likelihood
from elbogap.numerics.model import LatentModel
from elbogap.numerics.outcome import Outcome
from elbogap.numerics.priors import Bimodal, Choice, Laplace, Logistic, Normal, StudentT

FILE = Path(__file__).with_name("bank.json")
FLOOR = 1e-15  # a true error below this is round-off of the comparison


class Composite(eqx.Module):
    """`composite.decode` with its parameters as leaves."""

    parameters: dict

    def __call__(self, z):
        """f(z)."""
        return decode(self.parameters, z, jnp)


@cache
def program(d):
    """One program for all cases of dimension d: (value, error, outcome) of log p without a start."""

    def run(parameters, index, scale, df, centre, eps, x):
        priors = (Normal(0.0, scale), Logistic(), Laplace(scale), StudentT(df), Bimodal(centre, scale))
        model = LatentModel(Composite(parameters), d, prior=Choice(priors, index), noise_var=eps)
        found = log_likelihood(model, x, full_output=True)
        return found.value, found.error, found.outcome

    return jax.jit(run)


def measure(case):
    """(value, error, outcome) of a case."""
    prior = case["prior"]
    numbers = (prior["scale"], prior["df"], prior["centre"], case["eps"])
    found = program(case["d"])(case["parameters"], PRIORS.index(prior["kind"]), *numbers, case["x"])
    return float(found[0]), float(found[1]), int(found[2])


def judge(case, value, error):
    """The record of a measured case: its true error, as far as the reference knows it, beside the stated one."""
    found, stated, outcome = measure(case)
    difference = abs(found - value)
    true = np.inf if np.isnan(difference) else difference
    return {
        "case": case,
        "found": found,
        "true": true,
        "stated": stated,
        "outcome": Outcome(outcome).name,
        "violated": bool(not true <= stated + error and stated != np.inf),  # nan is one, too
        # Where the reference itself is no better, the ratio means nothing.
        "ratio": stated / max(true, FLOOR) if true > 2 * error or true < FLOOR else np.nan,
    }


def recorded():
    """The recorded bank: (case, log p, its error) for each line."""
    document = json.loads(FILE.read_text())
    for d, index, value, error, check in document["cases"]:
        case = draw_case(document["seed"], d, index)
        if abs(float(np.sum(case["x"])) - check) > 1e-9 * (1 + abs(check)):
            raise ValueError(f"case {d}, {index}: not the model that was recorded; run make.py again")
        yield case, value, error


def table(rows):
    """The documentation's table, as lines."""
    yield "| kind | tried | violations | unresolved | median stated error | median stated / true |"
    yield "|---|---|---|---|---|---|"
    kinds = sorted({row["case"]["kind"] for row in rows}, key=lambda kind: (kind not in SMOOTH, kind))
    groups = {kind: [row for row in rows if row["case"]["kind"] == kind] for kind in kinds}
    groups |= {"all smooth": [row for row in rows if row["case"]["smooth"]], "all": rows}
    for kind, mine in groups.items():
        bad, lost = sum(row["violated"] for row in mine), sum(row["stated"] == np.inf for row in mine)
        ratios = [row["ratio"] for row in mine if np.isfinite(row["ratio"])]
        ratio = f"{np.median(ratios):.0f}" if ratios else ""
        stated = np.median([row["stated"] for row in mine])
        yield f"| {kind} | {len(mine)} | {bad} | {lost} | {stated:.0e} | {ratio} |"


def drawn(seed, count, dims):
    """New cases with their references: of `count` those of the dimensions named."""
    from make import LARGEST_ERROR, reference_of

    for d in dims:
        share = PLAN[d]
        for index in range(round(count * share / sum(PLAN.values()))):
            case = draw_case(seed, d, index)
            value, error = reference_of(case)
            if np.isfinite(value) and error < LARGEST_ERROR:
                yield case, value, error


def line_of(row, value, error):
    """A case in one line, for those that are violated or not resolved."""
    case, word = row["case"], "VIOLATED" if row["violated"] else row["outcome"]
    line = f"{word}: d={case['d']} {case['kind']} {case['prior']['kind']} eps={case['eps']:.1e} log p={value:.10g}"
    return f"{line} (+-{error:.0e}) found={row['found']:.10g} true={row['true']:.1e} stated={row['stated']:.1e}"


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    # Each program runs some hundred times: what is not optimised is there minutes sooner.
    jax.config.update("jax_disable_most_optimizations", True)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="draw new cases with this seed; else the recorded ones")
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--dims", type=int, nargs="*", default=list(PLAN))
    chosen = parser.parse_args()
    source = recorded() if chosen.seed is None else drawn(chosen.seed, chosen.count, chosen.dims)
    rows = []
    for case, value, error in source:
        if case["d"] in chosen.dims:
            rows.append(judge(case, value, error))
            row = rows[-1]
            if row["violated"] or row["stated"] > 1e-2:
                print(line_of(row, value, error), flush=True)
    print("\n".join(table(rows)))
