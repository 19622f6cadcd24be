"""The documentation site, built as a reader of CONTRIBUTING.md would: strictly, so that a broken link fails."""

import json
import re
import subprocess
import sys
from pathlib import Path

import elbogap
import pytest
from elbogap.proofs_checks.registry import CLAIMS

ROOT = Path(elbogap.__file__).parent
FETCHED = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=[\"'](?:https?:)?//[^\"']+")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built site."""
    pytest.importorskip("mkdocs", reason='the site needs pip install "elbogap[docs]"')
    folder = tmp_path_factory.mktemp("site")
    # Its theme's maker announces a successor in each build.
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--quiet", "--strict", "--site-dir"]
    done = subprocess.run([*command, str(folder)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_every_claim_has_its_page_with_its_formula(site: Path) -> None:
    """Each claim's page has a formula as MathML and the command that checks it."""
    for name in CLAIMS:
        page = (site / "claims" / f"{name}.html").read_text()
        assert "<math" in page and f"elbogap verify {name}" in page


def test_pages_fetch_nothing_and_show_no_markup(site: Path) -> None:
    """No page requests anything from elsewhere, shows LaTeX, an unfilled table, or names an experiment not recorded."""
    pages = list(site.rglob("*.html"))
    assert len(pages) > len(CLAIMS) + 10
    for path in pages:
        page = path.read_text()
        assert not FETCHED.search(page), path
        text = re.sub(r"<(script|style|pre|code|annotation)\b.*?</\1>|<[^>]+>", " ", page, flags=re.S)
        for sign in ("$$", r"\frac", r"\log", r"\varepsilon", "<!-- ", "Not recorded"):
            assert sign not in text, (path, sign)


def test_the_switch_of_colours_finds_its_style_sheets(site: Path) -> None:
    """Each page has the elements that the theme's script dereferences; without them its switch does nothing."""
    wanted = set(re.findall(r"getElementById\('(hljs-\w+)'\)", (site / "js" / "darkmode.js").read_text()))
    assert wanted and all(f'id="{name}"' in (site / "index.html").read_text() for name in wanted)


def test_headings_with_symbols_keep_their_addresses(site: Path) -> None:
    """A heading is typeset, and its address is what it was in ASCII: one that begins with a letter."""
    addresses = [one for page in site.rglob("*.html") for one in re.findall(r'<h[2-6] id="([^"]+)"', page.read_text())]
    assert len(addresses) > 100 and all(one.isascii() and not one[0].isdigit() for one in addresses)


def test_the_api_has_every_public_name_with_its_parameters(site: Path) -> None:
    """Every name of `elbogap`, `elbogap.theorem` and their results has an entry, with a table of parameters."""
    import elbogap.theorem

    page = (site / "api.html").read_text()
    public = {f"elbogap.{name}" for name in set(elbogap.__all__) - {"__version__", "verify"}}
    public |= {f"elbogap.theorem.{name}" for name in elbogap.theorem.__all__}
    public |= {"elbogap.auditing.report.AuditReport", "elbogap.results.recorded", "elbogap.testing.assert_converges"}
    for name in public:
        assert f'id="{name}"' in page, name
    assert page.count("<th>parameter</th>") > 40 and "<th>member</th>" in page


def test_the_search_has_an_index_that_a_page_of_files_can_load(site: Path) -> None:
    """Opened as files, a site has its index as a script, with every page in it."""
    text = (site / "search" / "offline_index.js").read_text()
    pages = json.loads(text.removeprefix("window.offlineIndex = ").removesuffix(";\n"))
    assert {"tutorial.html", "for/theorist.html", "api.html"} <= {page["location"].split("#")[0] for page in pages}
