"""What the numbers of an audit say, in sentences and rows that the terminal and the HTML page share.

Everything is read from the report's `document`, so that what is printed is what `--json` gives. Numbers have three
significant digits; latents are numbered from 0.
"""

from __future__ import annotations

from typing import Any

from ..geometry import INACTIVE as _INACTIVE
from ..regime import TRANSLATIONS

PART_NAMES = {
    "amortisation": "amortisation gap",
    "contrast": "IMA contrast",
    "slope": "a1 eps",
    "remainder": "remainder",
}
_ROUND_OFF = 1e-12  # what is smaller is shown as 0
_MOST_INACTIVE = 4  # inactive latents up to which each has a row of its own
_SHOWN = 0.1  # share of a direction below which a latent is not named
_ONE_SIDE = "the contrast there is that of one side, the measured gap knows both"
_WORTH = 0.01  # nats: rotations that save less are not listed


def number(value: float | None) -> str:
    """Three significant digits; a dash for what is undefined."""
    if value is None:
        return "–"
    if abs(value) < _ROUND_OFF:
        return "0"
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"


def headline(document: dict[str, Any]) -> list[tuple[str, str]]:
    """The findings, most important first: pairs (subject, sentence)."""
    found = [("ALARM", alarm) for alarm in document["alarms"]]
    if document["gap"]:
        found.append(("gap", gap_sentence(document["gap"])))
    found += [("contrast", _contrast(document)), ("entangled", _entangled(document)), ("inactive", _inactive(document))]
    if document["kinks"]["found"]:
        found.append(("kinks", _kinks(document["kinks"])))
    if document["gap"]:
        found.append(("regime", _regime(document)))
    return found


def noise(asked: dict[str, Any]) -> str:
    """The observation, or the noise variance as it was given: a number, or mean and range over the points."""
    observation = asked["observation"]
    if "n" in observation:
        return f"{observation['name']} observations (n = {number(observation['n'])})"
    eps = number(asked["noise_var"])
    if asked["noise_var_range"] is None:
        return f"eps = {eps} (gamma^2 = {number(1 / asked['noise_var'])})"
    low, high = map(number, asked["noise_var_range"])
    return f"noise variance a function of z, mean eps = {eps}, from {low} to {high} over the points"


def _kinks(kinks: dict[str, Any]) -> str:
    place = ", ".join(number(value) for value in kinks["where"][:6])
    points = f"{kinks['points_on']} of {kinks['points']} points"
    lines = f"on {kinks['kinked']} of {kinks['lines']} lines between the points, by up to {100 * kinks['jump']:.3g} %"
    seen = f"{lines} of its size" if kinks["kinked"] else f"at {points}"
    return (
        f"the decoder's derivative jumps {seen} (z = {place}). The gap then goes to its limit at the rate 1/gamma; "
        "there is no a1, and threshold and gap are measured at all points, those whose posterior lies across a kink "
        "among them." + (f" On a kink lie {points}: {_ONE_SIDE}." if kinks["points_on"] else "")
    )


def gap_sentence(gap: dict[str, Any]) -> str:
    """The gap, its largest part, and whether the second route confirms it; or that it is no measurement."""
    largest, part = largest_part(gap)
    mean, again = number(gap["sum"]["mean"]), number(gap["measured_again"]["mean"])
    if gap["points_without_error"]:
        return (
            f"{mean} nat a point, but at {gap['points_without_error']} of {gap['points']} points no error can be "
            f"stated, so that this is no measurement. By other samples: {again}. More --samples may help."
        )
    agrees = f"{'agrees' if gap['closes'] else 'DOES NOT AGREE'} within the stated errors ({number(gap['mean_error'])})"
    confirmed = agrees if gap["mean_error"] is not None else "confirms nothing: no error of it can be stated"
    return (
        f"{mean} nat a point; the largest part is the {PART_NAMES[largest]} ({number(part['mean'])} nat). Measured "
        f"again by sampling: {again}, which {confirmed}."
    )


def largest_part(gap: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and figures of the part of the gap whose mean is largest in size."""
    parts = [(name, part) for name, part in gap["parts"].items() if part]
    return max(parts, key=lambda named: abs(named[1]["mean"]))


def _contrast(document: dict[str, Any]) -> str:
    contrast = document["contrast"]
    noisy = f"finite-noise contrast {number(contrast['finite_noise']['mean'])}"
    if contrast["mean"] is None:
        return f"undefined at all {contrast['points']} points: the Jacobian is rank-deficient everywhere; {noisy} nat."
    active, d = len(contrast["latents"]), document["parameters"]["latent_dim"]
    over = "" if active == d else f", over the {active} active latent{'s' if active > 1 else ''}"
    text = f"mean {number(contrast['mean'])} nat over {contrast['points']} points{over}; {noisy}."
    if contrast["rank_deficient"]:
        text += f" Rank-deficient Jacobian at {contrast['rank_deficient']} of them, left out of the mean."
    return text


def _entangled(document: dict[str, Any]) -> str:
    if not document["entangled"]:
        return "no pair of latents (mean absolute column correlation at most 0.2)."
    named = [f"{p['latents'][0]} and {p['latents'][1]} ({number(p['correlation'])})" for p in document["entangled"]]
    rest = f" and {len(named) - 6} more pairs" if len(named) > 6 else ""
    return f"latents {', '.join(named[:6])}{rest}; in brackets the mean absolute column correlation."


def _inactive(document: dict[str, Any]) -> str:
    directions = "".join(
        f" The direction {direction(found['direction'])} is no axis and hardly moves the output: its posterior "
        f"variance is {number(found['posterior_share'])} of the prior's."
        for found in document["collapsed_directions"][:3]
    )
    if not document["inactive"]:
        return "no latent; each is known better from x than from the prior, the others given." + directions
    named = spans(document["inactive"])
    several = len(document["inactive"]) > 1
    return (
        f"latent{'s' if several else ''} {named}: eps s_k exceeds half the prior variance, the posterior is nearly the "
        "prior (collapse)." + directions
    )


def spans(latents: list[int]) -> str:
    """Numbers in words, three or more in a row as a span: "2, 6 to 31"."""
    runs: list[list[int]] = []
    for k in latents:
        if runs and k == runs[-1][-1] + 1:
            runs[-1].append(k)
        else:
            runs.append([k])
    return ", ".join(f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs)


def direction(vector: list[float]) -> str:
    """A vector as a sum of latents, those below a tenth of the length left out."""
    terms = [(value, k) for k, value in enumerate(vector) if abs(value) >= _SHOWN]
    text = " ".join(f"{'+' if value > 0 else '-'} {abs(value):.2f} z{k}" for value, k in terms[:6])
    return text.removeprefix("+ ") + (" ..." if len(terms) > 6 else "")


def _regime(document: dict[str, Any]) -> str:
    regime, asked = document["regime"], document["parameters"]
    if regime is None:
        return f"not determined: {document['regime_left_out']}."
    within = f"abs(gap - contrast) <= {number(regime['tolerance'])} nat"
    kinked = regime["rate"] == "1/gamma"
    predicted = f"{'the rate 1/gamma' if kinked else 'a1'} predicts {level(asked, regime['predicted'], bound=True)}"
    own = f"at {level(asked, regime['own']['noise_var'])} it is {number(regime['own']['deviation'])} in the mean"
    if regime["threshold"] is None:
        last = regime["checks"][-1]["noise_var"] if regime["checks"] else regime["predicted"]
        return f"not reached by measurement down to {level(asked, last)} ({within}; {own}; {predicted})."
    where = "inside" if regime["inside"] else "outside"
    return f"{where}: {within} was measured at {level(asked, regime['threshold'])}; {own} ({predicted})."


def level(asked: dict[str, Any], eps: float, bound: bool = False) -> str:
    """A noise variance, or for observations the n that it stands for, with the mean of counts there."""
    observation = asked["observation"]
    if "n" not in observation:
        return f"eps {'<=' if bound else '='} {number(eps)}"
    text = f"n {'>=' if bound else '='} {number(1 / eps)}"
    if observation["name"] in ("poisson", "negative-binomial"):
        text += f" (mean count {number(observation['mean'] / eps)})"
    return text


def gap_rows(gap: dict[str, Any]) -> list[list[str]]:
    """Part, mean, 95 % interval, what would reduce it; then the sum and the second route."""
    rows = []
    for part, name in PART_NAMES.items():
        stated = gap["parts"][part]
        if stated is None:
            rows.append([name, "left out", "", ""])
        else:
            rows.append([name, number(stated["mean"]), interval(stated), stated["reduced_by"]])
    rows.append(["sum of the parts", number(gap["sum"]["mean"]), interval(gap["sum"]), ""])
    again = gap["measured_again"]
    rows.append(["measured again", number(again["mean"]), interval(again), "importance sampling, independent samples"])
    return rows


def interval(stated: dict[str, Any]) -> str:
    """A 95 % interval."""
    if stated["low"] is None:
        return "one point"
    return f"{number(stated['low'])} to {number(stated['high'])}"


def latent_rows(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the table of latents."""
    latents, inactive = document["latents"], document["inactive"]
    shared = inactive if len(inactive) > _MOST_INACTIVE else []
    columns = ["latent", "column norm", "eps s / prior var", "most correlated with"]
    rows = []
    for k, norm in enumerate(latents["median_column_norm"]):
        if k in shared:
            continue
        others = [
            (value or 0.0, other)
            for other, value in enumerate(latents["correlation"][k])
            if other != k and (k in inactive or other not in inactive)
        ]
        value, other = max(others, default=(0.0, 0))
        share = latents["posterior_share"][k]
        mark = " (inactive)" if k in inactive else ""
        row = [f"{k}{mark}", number(norm), "inf" if share is None else number(share)]
        row.append(f"{other} ({number(value)})" if value > _ROUND_OFF else "none")
        rows.append(row)
    if shared:
        norms = [latents["median_column_norm"][k] for k in shared]
        rows.append([f"{spans(shared)} (inactive)", f"at most {number(max(norms))}", f"above {_INACTIVE}", "–"])
    return columns, rows


def encoder_rows(document: dict[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of the encoder beside the best one; no rows without an encoder."""
    encoder, inactive = document["encoder"], document["inactive"]
    columns = ["latent", "mean off by (std)", "std / best std", "best std / formula", "KL to prior"]
    kept = [
        k for k in range(document["parameters"]["latent_dim"]) if k not in inactive or len(inactive) <= _MOST_INACTIVE
    ]
    measured = ("mean_offset", "std_ratio", "formula_ratio", "divergence")
    return columns, [[str(k), *(number(encoder[name][k]) for name in measured)] for k in kept] if encoder else []


def rotation_rows(document: dict[str, Any]) -> list[list[str]]:
    """Pairs whose best rotation saves at least 0.01 nat, at most ten: latents, degrees, saving."""
    kept = [r for r in document["rotations"] if r["saving"] >= _WORTH][:10]
    return [[f"{r['latents'][0]}, {r['latents'][1]}", f"{r['degrees']:.1f}", number(r["saving"])] for r in kept]


def worst_rows(document: dict[str, Any]) -> list[list[str]]:
    """Points of the largest contrast: index, contrast, finite-noise contrast, z."""
    rows = []
    for point in document["worst"]:
        z = ", ".join(number(value) for value in point["z"][:6]) + (", ..." if len(point["z"]) > 6 else "")
        contrast = "undefined" if point["contrast"] is None else number(point["contrast"])
        rows.append([str(point["index"]), contrast, number(point["finite_noise"]), z])
    return rows


def condition_rows(document: dict[str, Any]) -> list[list[str]]:
    """What the limit theorems assume: condition, answer, what was seen."""
    return [[one["name"], one["answer"], one["reason"]] for one in document["conditions"]]


def translation_rows(document: dict[str, Any]) -> list[list[str]]:
    """The same noise variance in other units: name, value, loss."""
    return [
        [name, f"{document['translation'][key]:.5g}", loss]
        for key, (name, loss) in TRANSLATIONS.items()
        if key in document["translation"]
    ]


def inference_rows(document: dict[str, Any]) -> list[list[str]]:
    """What users of variational inference look for: name, value, what to hold it against."""
    rows = []
    if found := document["weights"]:
        use = "below 0.7 importance-weighted estimates can be trusted"
        against = f"1 - lambda_min(R) = {number(found['limit'])} predicted; {use}"
        rows.append(["Pareto k, best encoder", number(found["best_shape"]), against])
        rows.append(["effective draws, best encoder", percent(found["best_share"]), "of the importance weights"])
        if found["given_shape"] is not None:
            largest = f"at most {number(found['largest_given_shape'])} over the points"
            rows.append(["Pareto k, this encoder", number(found["given_shape"]), largest])
            rows.append(["effective draws, this encoder", percent(found["given_share"]), "of the importance weights"])
    if found := document["entropies"]:
        low, high = min(found["second_moments"]), max(found["second_moments"])
        against = f"the mean ELBO is {number(found['elbo'])}; equal once noise variance and scales are trained"
        rows.append(["sum of entropies (nat)", number(found["entropy_sum"]), against])
        rows.append(["mean of mu^2 + sigma^2", f"{number(low)} to {number(high)}", "1 for every latent once trained"])
    if found := document["collapse"]:
        against = f"{found['above']} of the first {document['parameters']['latent_dim']} eigenvalues of the data's "
        against += "covariance are above eps: a linear decoder keeps so many latents"
        rows.append(["all latents collapse at eps =", number(found["largest"]), against])
    return rows


def percent(value: float | None) -> str:
    """Two digits."""
    return "–" if value is None else f"{100 * value:.2g} %"


def units_title(document: dict[str, Any]) -> str:
    """What the table of units is about."""
    return "The same n elsewhere" if "repetitions" in document["translation"] else "The same noise variance elsewhere"


def remarks(document: dict[str, Any]) -> list[str]:
    """Notes of the audit and what was left out."""
    notes = list(document["notes"])
    if gap := document["gap"]:
        notes += [gap["slope_left_out"] + "."] if gap["slope_left_out"] else []
        if gap["failed"]:
            tried = gap["points"] + gap["failed"]
            notes.append(f"No posterior mode or best encoder was found at {gap['failed']} of {tried} points: left out.")
        if gap["sampled_points"]:
            notes.append(
                f"The gap was sampled at {gap['sampled_points']} of {gap['points']} points, where quadrature about a "
                "smooth mode does not serve; its stated errors are four standard errors."
            )
        if gap["multimodal_points"]:
            notes.append(
                f"The posterior has several modes at {gap['multimodal_points']} of {gap['points']} points (the decoder "
                "is not injective there): their share of the gap is in the remainder."
            )
    if (fit := document["fit"]) and not fit["alarm"] and fit["observation"]:
        notes.append(
            f"The likelihood fits the data: reconstructions are off by {number(fit['deviations'])} of its standard "
            f"deviations ({number(fit['expected'])} expected)."
        )
        if fit["fractions"]:
            notes.append(
                "The data are fractions, the likelihood is one of 0 and 1: log p is that of binary cross-entropy, "
                "which is not normalised over fractions; gap and contrast do not depend on it."
            )
    elif fit and not fit["alarm"]:
        notes.append(
            f"The likelihood fits the data: reconstructions are off by {number(fit['deviations'])} noise standard "
            f"deviations an output ({number(fit['expected'])} expected); a noise variance of {number(fit['variance'])} "
            "would fit best."
        )
    if encoder := document["encoder"]:
        notes.append(
            f"Reconstruction error of the encoder: {number(encoder['reconstruction'])} noise standard deviations an "
            "output (root mean square)."
        )
    if not document["complete"]:
        notes.append("Interrupted: the numbers are those of the points done until then.")
    return notes
