"""mkdocs hooks: the claims' pages and the table of symbols from the registry, and formulas as MathML.

`$...$` and `$$...$$` in a page become MathML, so that no script and no font has to be fetched. Claims' pages are
written from `proofs_checks.registry` and `theory.registry` at build time: what the page says is what `elbogap verify`
checks.
"""

import json
import re
import sys
from html import escape
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

sys.path.insert(0, str(Path(__file__).parent))
from api_entries import entries

ROOT = Path(__file__).parents[1]
_FORMULA = re.compile(
    r"(?P<kept>```.*?```|`[^`\n]*`|^ {4}.*?$|<[^>]+>|\]\([^)\n]*\))|\$\$(?P<block>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$",
    re.S | re.M,
)

_RECORDED = re.compile(r"<!-- recorded: (\S+) (\S+) -->")
_SUMMARY = re.compile(r"<!-- summary: (\S+) (\S+) (.+?) -->")
_FIGURE = re.compile(r"<!-- figure: (\S+) -->")
_API = re.compile(r"<!-- api: ([^>]+?) -->")


def on_post_page(output: str, **_: Any) -> str:
    """The two style sheets that the theme's switch of colours looks for, empty: it stops where it finds none."""
    return output.replace("</head>", '<style id="hljs-light"></style><style id="hljs-dark"></style></head>', 1)


def on_post_build(config: Any) -> None:
    """The index of the search once more, as a script for a site that is opened as files."""
    folder = Path(config.site_dir) / "search"
    pages = json.loads((folder / "search_index.json").read_text())["docs"]
    for one in pages:
        one["text"] = re.sub(r"\s+", " ", one["text"].replace("¶", ""))
        one["all"] = f"{one['text']} {one['title']}".lower()
    (folder / "offline_index.js").write_text(f"window.offlineIndex = {json.dumps(pages, ensure_ascii=False)};\n")


def with_formulas(markdown: str) -> str:
    """Formulas outside code as MathML, sentences with symbols; code, tags and addresses stay."""

    def replace(match: re.Match) -> str:
        if match["kept"]:
            return match["kept"]
        if match["block"]:
            return f"\n{_html(match['block'], display=True)}\n"
        # Within a span: a line that starts with <math would be taken for a block of HTML.
        return f"<span>{_html(match['inline'], display=False)}</span>"

    parts, end = [], 0
    for match in _FORMULA.finditer(markdown):
        parts += [_with_symbols(markdown[end : match.start()]), replace(match)]
        end = match.end()
    return "".join([*parts, _with_symbols(markdown[end:])])


def _with_symbols(markdown: str) -> str:
    """Sentences as in print; a heading that changes keeps the address that it has as written."""
    from elbogap.shell.typography import typeset
    from markdown.extensions.toc import slugify

    def shown(line: str) -> str:
        heading = re.fullmatch(r"#{1,6} ([^{]+)", line)
        address = f" {{ #{slugify(heading[1], '-')} }}" if heading and typeset(line) != line else ""
        return typeset(line) + address

    return "\n".join(map(shown, markdown.split("\n")))


def _html(latex: str, *, display: bool) -> str:
    """A formula as MathML; a bar within it does not end the cell of a table."""
    from elbogap.report.page import mathml

    return str(mathml(latex.strip(), display=display)).replace("|", "&#124;")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """mkdocs calls this for every page."""
    markdown = _RECORDED.sub(lambda match: recorded_table(*match.groups()), markdown)
    markdown = _SUMMARY.sub(lambda match: summary_table(match[1], match[2], match[3].split()), markdown)
    markdown = _API.sub(lambda match: entries(match[1]), markdown)
    return with_formulas(_FIGURE.sub(lambda match: drawn(match[1]), markdown))


def recorded_table(experiment: str, name: str) -> str:
    """A table of a recorded result; one line that says so where it is not recorded."""
    from elbogap.results import names, recorded

    if experiment not in names():
        return f"*Not recorded: `{experiment}`.*"
    table = recorded(experiment).tables[name]
    rows = [table.columns, ["---"] * len(table.columns), *table.rows]
    return "\n".join("| " + " | ".join(_cell(value) for value in row) + " |" for row in rows)


def summary_table(experiment: str, key: str, quantities: list[str]) -> str:
    """Medians with their intervals from a recorded summary: a row a value of `key`, a column a quantity.

    Quantities of the form name=value choose rows: decoder=orthogonal.
    """
    from elbogap.results import names, recorded

    if experiment not in names():
        return f"*Not recorded: `{experiment}`.*"
    chosen = dict(quantity.split("=") for quantity in quantities if "=" in quantity)
    quantities = [quantity for quantity in quantities if "=" not in quantity]
    rows = [
        row
        for row in recorded(experiment).tables["summary"].records()
        if all(row[name] == value for name, value in chosen.items())
    ]
    found = {(row[key], row["quantity"]): row for row in rows}
    lines = [
        f"| {key.replace('_', ' ')} | " + " | ".join(name.replace("_", " ") for name in quantities) + " |",
        "|---" * (len(quantities) + 1) + "|",
    ]
    for value in dict.fromkeys(row[key] for row in rows):
        cells = [found.get((value, quantity)) for quantity in quantities]
        shown = [f"{c['median']:.4g} [{c['low']:.3g}, {c['high']:.3g}]" if c else "" for c in cells]
        lines.append(f"| {value if isinstance(value, str) else format(value, 'g')} | " + " | ".join(shown) + " |")
    return "\n".join(lines)


def drawn(name: str) -> str:
    """A figure of recorded results as inline SVG, with its caption."""
    from elbogap.figures.data import Data
    from elbogap.figures.registry import entry
    from elbogap.report.style import style, svg
    from elbogap.results import names, recorded

    wanted = entry(name)
    if wanted.experiment not in names():
        return f"*Not recorded: `{wanted.experiment}`.*"
    module = wanted.load()
    with style():
        image = svg(module.draw(Data.of(recorded(wanted.experiment))), module.CAPTION)
    return f'<figure class="drawn">{image}<figcaption>{escape(module.CAPTION)}</figcaption></figure>'


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def on_files(files: Files, config: Any) -> Files:
    """Add the pages that are generated."""
    from elbogap.proofs_checks.registry import CLAIMS

    pages = {f"claims/{name}.md": claim_page(claim) for name, claim in CLAIMS.items()}
    pages["claims/index.md"] = claims_index(CLAIMS)
    pages["symbols.md"] = symbols_page()
    examples = sorted((ROOT / "examples" / "theorems").glob("*.py"))
    pages |= {f"theorems/{path.stem}.md": theorem_page(path) for path in examples}
    pages["theorems/index.md"] = theorems_index(examples)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def theorem_page(path: Path) -> str:
    """An example: what it says, its picture, the whole file, and the command that checks it."""
    text = path.read_text()
    said, code = _docstring(text)
    name = path.stem.replace("_", " ").capitalize()
    picture = f"![Measured points on the predicted lines, both axes logarithmic: {path.stem}]({path.stem}.svg)"
    check = f"```\nelbogap verify examples/theorems/{path.name} --controls\n```"
    return f"# {name}\n\n{said}\n\n{picture}\n\n{check}\n\n```python\n{code.strip()}\n```\n"


def _docstring(text: str) -> tuple[str, str]:
    """The module's docstring, made safe for Markdown, and the rest of the file."""
    import ast

    said = ast.get_docstring(ast.parse(text)) or ""
    return said.replace("|", "&#124;").replace("_", r"\_").replace("*", r"\*"), text.split('"""', 2)[2]


def theorems_index(examples: list[Path]) -> str:
    """One line an example."""
    lines = [f"- [{path.stem.replace('_', ' ')}]({path.name[:-3]}.md): {_first_line(path)}" for path in examples]
    head = (
        "# Theorems of one's own: examples\n\nEach is one file that [elbogap.theorem](../howto/claim.md) verifies.\n\n"
    )
    return head + "\n".join(lines) + "\n"


def _first_line(path: Path) -> str:
    return _docstring(path.read_text())[0].split("\n")[0]


def claims_index(claims: dict[str, Any]) -> str:
    """One row a claim."""
    rows = [
        f"| [{name}]({name}.md) | {claim.paper} | {claim.title} | {claim.source} |" for name, claim in claims.items()
    ]
    head = (
        "# Claims\n\nEvery statement that `elbogap verify` checks, in the order in which they build on each other.\n\n"
    )
    from elbogap.proofs_checks.claim_map import map_svg

    said = "An arrow goes from a claim to those that take steps of its derivation; marks say which evidence there is."
    drawing = f'<figure class="drawn">{map_svg(list(claims.values()))}<figcaption>{said}</figcaption></figure>\n\n'
    head += re.sub(r"\n+", "\n", drawing.strip()) + "\n\n"
    return head + "\n".join(["| claim | in the paper | about | source |", "|---|---|---|---|", *rows]) + "\n"


def claim_page(claim: Any) -> str:
    """Statement, formula, assumptions, derivation, and the commands that check it."""
    from elbogap.theory.registry import DERIVATIONS
    from elbogap.theory.render import explain_mathml

    lines = [
        f"# {claim.id}: {claim.title}",
        "",
        *([f"In the paper: {claim.paper}.", ""] if claim.paper else []),
        claim.statement,
        "",
        f"$${claim.latex}$$",
        "",
        f"Source: {claim.source}.",
    ]
    lines += ["", "## Assumptions", "", *(f"- {assumption}" for assumption in claim.assumptions)]
    lines += [
        "",
        "## Check it",
        "",
        "```",
        f"elbogap verify {claim.id} --controls",
        f"elbogap explain {claim.id}",
        "```",
    ]
    name = claim.id.replace("-", "_")
    lines += ["", f"Laws and controls: `proofs_checks/claims/{name}.py`"]
    lines[-1] += f", derivation: `theory/claims/{name}.py`." if claim.derivation else "."
    lines[-1] += " All claims are judged by `tests/proofs_checks/test_verify.py`."
    literature = ROOT / "docs" / "literature" / f"{claim.id}.md"
    if literature.is_file():
        lines += ["", "## What is said, and what is true", "", literature.read_text().strip()]
    if claim.derivation:
        lines += [
            "",
            "## Derivation",
            "",
            "Each step is decided by an exact zero test, or marked as argued in words.",
            "",
        ]
        lines += ['<div class="derivation">', explain_mathml(DERIVATIONS[claim.derivation]()), "</div>"]
    else:
        lines += ["", "This claim has no symbolic derivation of its own; its evidence is measured."]
    return "\n".join(lines) + "\n"


def symbols_page() -> str:
    """The paper's symbols beside ours."""
    from elbogap.theory.notation import TABLE

    rows = [
        " | ".join(
            ["", _formula(one.paper), _formula(one.latex), f"`{one.code}`", one.meaning.replace("|", "&#124;"), ""]
        )
        for one in TABLE
    ]
    head = "# Symbols\n\nThe paper's symbol, ours, its name in code, and what it means.\n\n"
    return head + "\n".join(["| paper | here | code | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _formula(latex: str) -> str:
    return f"${latex}$" if latex else ""
