"""Make the bank again: `python tests/numerics/reference_bank/make.py [--seed N] [--count N] [--out FILE]`.

Draws cases until every dimension has its number, computes log p of each by `reference` (a product's is the sum of its
blocks'), leaves out those whose own error is above 1e-6, and writes dimension,
index, log p, its error and a check of x.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from cases import PLAN, draw_case
from composite import OUTPUTS
from reference import log_evidence

SEED = 20220602
LARGEST_ERROR = 1e-6
FILE = Path(__file__).with_name("bank.json")


def reference_of(case):
    """log p(x) and its error; the outputs that only fill up a shape are unit constants of the noise alone."""
    if "blocks" not in case:
        return log_evidence(case)
    found = [log_evidence(block) for block in case["blocks"]]
    filled = OUTPUTS[case["d"]] - sum(len(block["x"]) for block in case["blocks"])
    value = sum(v for v, _ in found) - 0.5 * filled * np.log(2 * np.pi * case["eps"])
    return value, sum(e for _, e in found)


def make(seed, plan):
    """The records [d, index, log p, error, sum of x] of the cases whose reference is good enough."""
    records = []
    for d, count in plan.items():
        index, kept = 0, 0
        while kept < count:
            case = draw_case(seed, d, index)
            value, error = reference_of(case)
            if np.isfinite(value) and error < LARGEST_ERROR:
                records.append([d, index, value, float(f"{error:.2g}"), float(np.sum(case["x"]))])
                kept += 1
            index += 1
    return records


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=int, default=sum(PLAN.values()))
    parser.add_argument("--out", type=Path, default=FILE)
    chosen = parser.parse_args()
    plan = {d: max(1, round(n * chosen.count / sum(PLAN.values()))) for d, n in PLAN.items()}
    lines = ",\n".join(json.dumps(record) for record in make(chosen.seed, plan))
    chosen.out.write_text(f'{{"seed": {chosen.seed}, "cases": [\n{lines}\n]}}\n')
