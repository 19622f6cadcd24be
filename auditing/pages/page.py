"""The audit as one self-contained HTML page: findings, plots, tables, units, remarks."""

from __future__ import annotations

from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.figure import Figure

from ...report.page import mathml, page, table
from ...report.style import style, svg
from ..findings import Findings
from . import columns, plots
from .advice import advice
from .sentences import (
    condition_rows,
    encoder_rows,
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

_ACCOUNT = (  # a line each, so that a phone shows them
    r"\begin{gathered}\log p_\varepsilon(x) - \mathrm{ELBO} = \text{amortisation gap} \\ + c(z) + a_1 \varepsilon + "
    r"\text{remainder}, \\ c = \textstyle\sum_k \log |J_k| - \frac12 \log\det J^{\mathsf T} J\end{gathered}"
)
_FISHER = (
    _ACCOUNT.replace(r"J^{\mathsf T} J", "M")
    .replace(r"\textstyle\sum_k \log |J_k|", r"\textstyle\frac12 \sum_k \log M_{kk}")
    .replace(r"\end{gathered}", r", \\ M = J^{\mathsf T} F J\end{gathered}")
)
_RESCALED = " Values are rescaled to the range of all images."


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
        heads = ["part", "mean (nat)", "95 % interval"]
        content += table(heads, [row[:3] for row in gap_rows(document["gap"])], caption="log p − ELBO")
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
        inferred = table(["", "value", "beside"], rows, caption=caption, explained=columns.INFERENCE)
        found.append(("inference", "Variational inference", inferred))
    found.append(("contrast", "Contrast over the points", _contrast(findings)))
    found.append(("latents", "Latents", _latents(findings)))
    if findings.traversal is not None:
        found.append(("traversals", "Traversals", _traversals(findings)))
    conditions = table(["condition", "answer", "seen"], condition_rows(document), explained=columns.CONDITIONS)
    found.append(("conditions", "What the theorem assumes", conditions))
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
    to_do, entry = advice(document), Markup('<dt><strong>{}</strong></dt><dd>{}<p class="do">{}</p></dd>')
    rows = Markup("").join(entry.format(subject, said, to_do[subject]) for subject, said in headline(document))
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
            explained=columns.GAP,
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
    heads = [variance, "mean |gap − contrast| (nat)", "stated error"]
    return _figure(plots.regime_plot(found, eps, f"{variance} (ε)"), alt, caption) + table(
        heads, rows, caption="Measured", explained=columns.REGIME
    )


def _contrast(findings: Findings) -> Markup:
    found = findings.document["contrast"]
    names = {"mean": "mean"} | {q: f"{100 * float(q):g} %" for q in found["finite_noise"]["quantiles"]}
    both = [{"mean": values["mean"]} | values["quantiles"] for values in (found, found["finite_noise"])]
    rows = [[name, *(number(values.get(key)) for values in both)] for key, name in names.items()]
    heads = ["", "contrast", "finite-noise"]
    content = table(heads, rows, caption=f"{found['points']} points, nat", explained=columns.CONTRAST)
    drawn = plots.histogram(findings.geometry)
    if drawn is None:
        content += Markup("<p>The contrast is the same at every point: no distribution to show.</p>")
    else:
        alt = f"Histogram of the contrast at {found['points']} points. Mean {number(found['mean'])} nat."
        content += _figure(drawn, alt, "Filled: the contrast; dashed: the finite-noise contrast.")
    heads, rows = ["point", "contrast", "finite-noise", "z"], worst_rows(findings.document)
    content += table(heads, rows, caption="Worst points", explained=columns.WORST)
    return content if findings.worst_images is None else content + _worst_images(findings.worst_images)


def _worst_images(images: np.ndarray) -> Markup:
    (row,), rescaled = plots.strips(images[None], [f"Decoded images of the {len(images)} worst points"])
    text = "What the decoder draws at the worst points, in the order of the table." + (_RESCALED if rescaled else "")
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(row, text)


def _latents(findings: Findings) -> Markup:
    heads, rows = latent_rows(findings.document)
    content = Markup("")
    if len(rows) > 1:
        pairs = findings.document["entangled"]
        named = "; ".join(f"{p['latents'][0]} and {p['latents'][1]}" for p in pairs[:6]) or "none"
        alt = f"Heat map of the mean absolute column correlation of {len(rows)} latents. Above 0.2: {named}."
        content += _figure(plots.heat_map(findings.geometry), alt, "Bold: above 0.2, called entangled.")
    content += table(heads, rows, caption="Every latent", explained=columns.LATENTS)
    heads, rows = encoder_rows(findings.document)
    if rows:
        content += table(heads, rows, caption="The encoder beside the best one", explained=columns.ENCODER)
    if rotations := rotation_rows(findings.document):
        heads = ["latents", "degrees", "saves (nat)"]
        content += table(heads, rotations, caption="Rotating a pair of latents", explained=columns.ROTATIONS)
    return content


def _traversals(findings: Findings) -> Markup:
    assert findings.traversal is not None
    alts = [
        f"Decoded images as latent {k} goes from -2 to 2 prior standard deviations"
        for k in range(len(findings.traversal))
    ]
    images, rescaled = plots.strips(findings.traversal, alts)
    rows = Markup("").join(
        Markup("<figure>{}<figcaption>latent {}</figcaption></figure>").format(image, k)
        for k, image in enumerate(images)
    )
    text = "Each latent from −2 to 2 prior standard deviations, the others at their medians."
    text += _RESCALED if rescaled else ""
    return Markup("<p>{}</p>").format(text) + rows


def _units(document: dict[str, Any]) -> Markup:
    outputs = document["parameters"]["outputs"]
    caption = f"For {outputs} outputs" + ("" if "repetitions" in document["translation"] else ", r = x − f(z)")
    return table(["name", "value", "loss"], translation_rows(document), caption=caption, explained=columns.UNITS)


def _list(items: list[str]) -> Markup:
    return Markup("<ul>{}</ul>").format(Markup("").join(Markup("<li>{}</li>").format(item) for item in items))


def _figure(figure: Figure, alt: str, caption: str) -> Markup:
    return Markup("<figure>{}<figcaption>{}</figcaption></figure>").format(svg(figure, alt), caption)
