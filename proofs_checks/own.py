"""A claim, judged; one of one's own: instances drawn, laws and controls made, errors kept as one line each.

What a user's function raises leaves its claim inconclusive, with file and line; the other claims go on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import RequestError
from .claim import Claim, Control, ControlOutcome, Evidence
from .draws import Draws
from .laws import Law, LawResult
from .statements import Expansion, Run
from .values import MeasuringError, called, name_of, number, per_row
from .verdict import Verdict

if TYPE_CHECKING:
    from .measurements import Measurements

ENCLOSED_RESOLUTION = 0.01
"""A ball wider than 1 % of the constant would not tell it from another."""


@dataclass(frozen=True)
class Judged:
    """The laws and controls of a claim, judged, and what could not be."""

    laws: tuple[LawResult, ...] = ()
    controls: tuple[ControlOutcome, ...] = ()
    errors: tuple[str, ...] = ()
    equal_mutants: int = 0


def judge_control(control: Control) -> ControlOutcome:
    """A control is rejected exactly if its law fails; it is undecided if its law is inconclusive."""
    result = control.law.judge()
    rejected = result.verdict == "fails"
    undecided = result.reason if result.verdict == "inconclusive" else ""
    return ControlOutcome(control.id, control.statement, rejected, result.reason if rejected else "", undecided)


def judge_measured(claim: Claim, measured: Measurements) -> Judged:
    """The laws and controls of a built-in claim, on measured decoders."""
    laws = tuple(law.judge() for law in claim.laws(measured)) if claim.laws else ()
    controls = tuple(map(judge_control, claim.controls(measured))) if claim.controls else ()
    return Judged(laws, controls)


def run_of(claim: Claim, draws: Draws) -> Run:
    """The claim's instances in this run."""
    return Run(claim.id, claim.over.rows(draws, claim.id), draws)


def judge_own(claim: Claim, draws: Draws) -> Judged:
    """Every law and every control of a claim, on the same instances and the same measured numbers."""
    laws: list[LawResult] = []
    errors: list[str] = []
    try:
        run = run_of(claim, draws)
    except (RequestError, MeasuringError) as error:
        return Judged(errors=(str(error),))
    except Exception as error:
        return Judged(errors=(f"instances {claim.over.name!r}: {type(error).__name__}: {error}",))
    for statement in claim.statements:
        made = _attempt(partial(_judged, statement, run), errors)
        laws += [made] if made is not None else []
    controls: list[ControlOutcome] = []
    for one in claim.planted:
        statement = one.law or claim.statements[one.of].vary(**one.changes)
        failed: list[str] = []
        law = _attempt(partial(statement.law, run), failed)
        if isinstance(law, Law):
            controls.append(judge_control(Control(one.id, one.statement, law)))
        else:
            controls.append(ControlOutcome(one.id, one.statement, False, "", failed[0]))
    equal = 0
    if claim.mutated:
        from .mutants import mutants_of

        made = _attempt(lambda: mutants_of(claim, run), errors)
        if made is not None:
            controls += map(judge_control, made.controls)
            equal = made.equal
    return Judged(tuple(laws), tuple(controls), tuple(errors), equal)


def _judged(statement: Any, run: Any) -> Any:
    return statement.law(run).judge()


def _attempt(make: Callable[[], Any], errors: list[str]) -> Any:
    """What `make` returns; None, and one line in `errors`, if the user's numbers cannot be used."""
    try:
        return make()
    except (RequestError, MeasuringError) as error:
        errors.append(str(error))
        return None


def derived_evidence(claim: Claim, time_limit: float) -> Evidence:
    """The steps of a claim of one's own, checked like those of `theory`."""
    from dataclasses import asdict

    from ..theory.proof.derivation import Derivation, Step, check
    from .exact import derived_from

    steps = tuple(claim.derivation or ())
    if not all(isinstance(step, Step) for step in steps):
        return Evidence("inconclusive", "", {"reason": "derivation: expected a list of step(...) and argued(...)"})
    return derived_from(asdict(check(Derivation(claim.id, claim.title, steps), time_limit=time_limit)))


def enclosed_evidence(claim: Claim, draws: Draws) -> Evidence:
    """What `enclosed(**instance)` returns, a ball or a pair (low, high): does it hold the claimed constant?

    With a law of convergence the interval is one of its constant; without one, of a number that is claimed positive.
    """
    errors: list[str] = []
    found = _attempt(lambda: _intervals(claim, run_of(claim, draws)), errors)
    if found is None:
        hint = "pip install" in errors[0] or "No module named 'flint'" in errors[0]
        return Evidence("not installed" if hint else "inconclusive", errors[0], {"reason": errors[0]})
    verdicts = [row["verdict"] for row in found]
    verdict: Verdict = "fails" if "fails" in verdicts else "holds"
    if verdict == "holds" and "inconclusive" in verdicts:
        verdict = "inconclusive"
    reason = next((str(row["reason"]) for row in found if row["verdict"] == verdict != "holds"), "")
    return Evidence(verdict, f"{len(found)} intervals", {"instances": found} | ({"reason": reason} if reason else {}))


def _intervals(claim: Claim, run: Run) -> list[dict[str, Any]]:
    expansion = next((one for one in claim.statements if isinstance(one, Expansion)), None)
    constants = per_row(expansion.constant, run.rows, "constant") if expansion else None
    rows = []
    for i in range(len(run.rows)):
        low, high = _ends(called(claim.enclosed, **run.rows.row(i)), name_of(claim.enclosed))  # type: ignore[arg-type]
        row: dict[str, Any] = {**run.rows.row(i), "low": low, "high": high}
        if constants is None:
            row |= _told(low > 0, high <= 0, f"[{low:.6g}, {high:.6g}] holds zero")
        else:
            value = float(constants[i])
            inside, wide = low <= value <= high, high - low > ENCLOSED_RESOLUTION * abs(value)
            row |= _told(inside and not wide, not inside, f"[{low:.6g}, {high:.6g}], expected {value:.6g}")
        rows.append(row)
    return rows


def _told(holds: bool, fails: bool, reason: str) -> dict[str, str]:
    verdict = "holds" if holds else "fails" if fails else "inconclusive"
    return {"verdict": verdict, "reason": "" if holds else reason}


def _ends(value: Any, what: str) -> tuple[float, float]:
    """Ends of an interval as floats: rounded outwards for a ball, to the nearest for a pair of rationals."""
    if hasattr(value, "mid") and hasattr(value, "rad"):
        return float(value.lower()), float(value.upper())
    if isinstance(value, tuple) and len(value) == 2:
        low, high = float(value[0]), float(value[1])
        number(low, what), number(high, what)
        if low <= high:
            return low, high
    raise MeasuringError(f"{what}: expected a ball or a pair (low, high), got {value!r:.80}")


def trained_table(claim: Claim) -> Evidence:
    """A recorded table of one's own: rows with statement, low, high, and at_least or at_most."""
    rows = [dict(row) for row in claim.trained]
    held = 0
    for row in rows:
        try:
            least, most = float(row.get("at_least", "-inf")), float(row.get("at_most", "inf"))
            low, high = float(row["low"]), float(row["high"])
        except (KeyError, TypeError, ValueError):
            wanted = "trained: expected rows with statement, low, high and at_least or at_most"
            return Evidence("inconclusive", "", {"reason": f"{wanted}, got {row!r:.80}"})
        row["holds"] = low >= least and high <= most
        held += row["holds"]
    verdict: Verdict = "holds" if rows and held == len(rows) else "fails"
    reason = next(
        (f"{row.get('statement', 'a row')}: [{row['low']}, {row['high']}]" for row in rows if not row["holds"]), ""
    )
    details = {"table": [{key: str(value) for key, value in row.items()} for row in rows]}
    return Evidence(verdict, f"{held} of {len(rows)} findings", details | ({"reason": reason} if reason else {}))
