"""The audit as one self-contained HTML page: findings, plots, tables, units, remarks."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from ...report.page import mathml, page, table
from ...report.style import style, svg
from ..findings import Findings
from . import plots
from .sentences import (
    condition_rows,
    gap_rows,
    headline,
    inference_rows,
    latent_rows,
    noise,
    number,
    remarks,
    rotation_rows,
    translation_rows,
    units_title,
    worst_rows,
)

_ACCOUNT = (
    r"\log p_\varepsilon(x) - \mathrm{ELBO} = \text{amortisation gap} + c(z) + a_1 \varepsilon + \text{remainder},"
    r"\quad c = \textstyle\sum_k \log |J_k| - \frac12 \log\det J^{\mathsf T} J"
)
_FISHER = (
    _ACCOUNT.replace(r"J^{\mathsf T} J", "M").replace(
        r"\textstyle\sum_k \log |J_k|", r"\textstyle\frac12 \sum_k \log M_{kk}"
    )
    + r",\quad M = J^{\mathsf T} F J"
)


def html(findings: Findings) -> str:
    """The whole document."""
    with style():
        sections = _sections(findings)
    toc = [(anchor, heading) for anchor, heading, _ in sections]
    body = Markup("").join(
        Markup('<section><h2 id="{}">{}</h2>{}</section>').format(anchor, heading, content)
        for anchor, heading, content in sections
    )
    return page("Audit of a decoder", body, toc=toc)


def fragment(findings: Findings) -> str:
    """Findings and account without the page around them, for a notebook."""
    document, content = findings.document, _findings(findings.document)
    if document["gap"]:
        columns = ["part", "mean (nat)", "95 % interval"]
        content += table(columns, [row[:3] for row in gap_rows(document["gap"])], caption="log p − ELBO")
    return str(Markup("<div>{}</div>").format(content))


def _sections(findings: Findings) -> list[tuple[str, str, Markup]]:
    document = findings.document
    found = [("findings", "Findings", _findings(document))]
    if findings.account and document["gap"]:
        found.append(("gap", "Where the ELBO gap comes from", _gap(findings)))
    if findings.regime:
        found.append(("regime", "The near-deterministic regime", _regime(findings)))
    if rows := inference_rows(document):
        caption = "Medians over the account's points"
        found.append(("inference", "Variational inference", table(["", "value", "beside"], rows, caption=caption)))
    found.append(("contrast", "Contrast over the points", _contrast(findings)))
    found.append(("latents", "Latents", _latents(findings)))
    if findings.traversal is not None:
        found.append(("traversals", "Traversals", _traversals(findings)))
    columns = ["condition", "answer", "seen"]
    found.append(("conditions", "What the theorem assumes", table(columns, condition_rows(document))))
    found.append(("units", units_title(document), _units(document)))
    if notes := remarks(document):
        found.append(("remarks", "Remarks", _list(notes)))
    return found


def _findings(document: dict[str, Any]) -> Markup:
    asked = document["parameters"]
    shape = " × ".join(map(str, asked["output_shape"])) or "1"
    summary = Markup("<p>{} latents, {} outputs, {}, {} prior.</p>").format(
        asked["latent_dim"], shape, noise(asked), asked["prior"]
    )
    rows = Markup("").join(Markup("<dt><strong>{}</strong></dt><dd>{}</dd>").format(*row) for row in headline(document))
    return summary + Markup("<dl>{}</dl>").format(rows)


def _gap(findings: Findings) -> Markup:
    gap = findings.document["gap"]
    assert findings.account is not None
    alt = (
        f"Stacked bars of the parts of the gap at {gap['points']} points. They add up to "
        f"{number(gap['sum']['mean'])} nat in the mean; measured again by sampling: "
        f"{number(gap['measured_again']['mean'])}."
    )
    caption = "Every bar is one point; dots with error bars: the same gap measured again by importance sampling."
    return (
        mathml(_ACCOUNT if findings.model.observation is None else _FISHER)
        + table(
            ["part", "mean (nat)", "95 % interval"],
            [row[:3] for row in gap_rows(gap)],
            caption=f"Mean over {gap['points']} points",
        )
        + Markup("<p>What would reduce each part:</p>")
        + _list([f"{name}: {advice}" for name, _, _, advice in gap_rows(gap)[:4] if advice])
        + _figure(plots.account_bars(findings.account), alt, caption)
    )


def _regime(findings: Findings) -> Markup:
    found, asked = findings.document["regime"], findings.document["parameters"]
    eps, variance = asked["eps"], "noise variance" if findings.model.observation is None else "1/n"
    checks = [found["own"], *found["checks"]]
    rows = [[number(c["noise_var"]), number(c["deviation"]), number(c["error"])] for c in checks]
    alt = (
        f"Mean distance of gap and contrast against the {variance}. Tolerance {number(found['tolerance'])} nat, "
        f"predicted to be met below {number(found['predicted'])}."
    )
    law = "The rate 1/γ of a decoder with kinks" if found["rate"] == "1/gamma" else "The slope a1"
    caption = f"{law} predicts the line; the squares are measured, the first at this model's own {variance}."
    columns = [variance, "mean |gap − contrast| (nat)", "stated error"]
    return _figure(plots.regime_plot(found, eps, f"{variance} (ε)"), alt, caption) + table(
        columns, rows, caption="Measured"
    )


def _contrast(findings: Findings) -> Markup:
    found = findings.document["contrast"]
    names = {"mean": "mean"} | {q: f"{100 * float(q):g} %" for q in found["finite_noise"]["quantiles"]}
    rows = []
    for name, values in (("contrast", found), ("finite-noise contrast", found["finite_noise"])):
        shown = {"mean": values["mean"]} | values["quantiles"]
        rows.append([name, *(number(shown.get(key)) for key in names)])
    content = table(["", *names.values()], rows, caption=f"{found['points']} points, nat")
    drawn = plots.histogram(findings.geometry)
    if drawn is None:
        content += Markup("<p>The contrast is the same at every point: no distribution to show.</p>")
    else:
        alt = f"Histogram of the contrast at {found['points']} points. Mean {number(found['mean'])} nat."
        content += _figure(drawn, alt, "Filled: the contrast; dashed: the finite-noise contrast.")
    return content + table(
        ["point", "contrast", "finite-noise", "z"], worst_rows(findings.document), caption="Worst points"
    )


def _latents(findings: Findings) -> Markup:
    columns, rows = latent_rows(findings.document)
    content = Markup("")
    if len(rows) > 1:
        pairs = findings.document["entangled"]
        named = "; ".join(f"{p['latents'][0]} and {p['latents'][1]}" for p in pairs[:6]) or "none"
        alt = f"Heat map of the mean absolute column correlation of {len(rows)} latents. Above 0.2: {named}."
        content += _figure(plots.heat_map(findings.geometry), alt, "Bold: above 0.2, called entangled.")
    content += table(columns, rows, caption="Every latent; norms and ε s are medians over the points")
    if rotations := rotation_rows(findings.document):
        caption = "Best rotation of a pair and the mean finite-noise contrast it saves"
        content += table(["latents", "degrees", "saves (nat)"], rotations, caption=caption)
    return content


def _traversals(findings: Findings) -> Markup:
    assert findings.traversal is not None
    images, rescaled = plots.traversal_images(findings.traversal)
    rows = Markup("").join(
        Markup("<figure>{}<figcaption>latent {}</figcaption></figure>").format(image, k)
        for k, image in enumerate(images)
    )
    text = "Each latent from −2 to 2 prior standard deviations, the others at their medians."
    text += " Values are rescaled to the range of all images." if rescaled else ""
    return Markup("<p>{}</p>").format(text) + rows


def _units(document: dict[str, Any]) -> Markup:
    outputs = document["parameters"]["outputs"]
    caption = f"For {outputs} outputs" + ("" if "repetitions" in document["translation"] else ", r = x − f(z)")
    return table(["name", "value", "loss"], translation_rows(document), caption=caption)


def _list(items: list[str]) -> Markup:
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(item) for item in items))


def _figure(figure: Figure, alt: str, caption: str) -> Markup:
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(svg(figure, alt), caption)
