"""The audit's page: a sentence on what to do about each finding, columns explained, tables that fit a phone."""

import copy
import re
import shutil
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from elbogap.auditing.audit import audit
from elbogap.auditing.pages.advice import advice
from elbogap.auditing.pages.sentences import headline
from elbogap.auditing.report import AuditReport

CHROMIUM = shutil.which("chromium")
PHONE = 390


@pytest.fixture(scope="module")
def tangled() -> AuditReport:
    """Geometry of four latents: 0 and 2 entangled, 1 inactive."""

    def decoder(z):
        return jnp.stack([z[0] + 0.5 * z[2], 1e-3 * z[1], z[2], z[0] * z[2], z[3]])

    return audit(decoder, latent_dim=4, points=8, account_points=0, noise_var=1e-2)


@pytest.fixture(scope="module")
def whole() -> AuditReport:
    """Everything that a page can have: data, an encoder, an account, a regime, an entangled pair."""
    rng = np.random.default_rng(0)
    linear = jnp.asarray([[1.0, 0.6], [0.1, 0.8], [0.4, -0.2]])
    data = rng.standard_normal((24, 2)) @ np.asarray(linear).T + 0.1 * rng.standard_normal((24, 3))
    back = jnp.linalg.pinv(linear)
    return audit(
        lambda z: linear @ z,
        latent_dim=2,
        noise_var=1e-2,
        data=data,
        encoder=lambda x: (back @ x, jnp.full(2, 0.1)),
        points=12,
        account_points=2,
    )


def test_every_finding_says_what_to_do(tangled: AuditReport, whole: AuditReport) -> None:
    """Each subject of the page has one sentence, and the page shows it."""
    for report in (tangled, whole):
        said = advice(report.document)
        for subject, _ in headline(report.document):
            assert re.fullmatch(r"[A-Z].*\.", said[subject]) and len(re.findall(r"[.!?] [A-Z]", said[subject])) == 0
        assert said["contrast"] in re.sub(r"&#39;", "'", report._repr_html_())


def test_what_to_do_names_what_was_found(tangled: AuditReport) -> None:
    """The pair and its rotation, the inactive latent and the number of latents that would do."""
    said, document = advice(tangled.document), tangled.document
    best = document["rotations"][0]
    assert best["latents"] == [0, 2] and f"Rotate latents 0, 2 by {best['degrees']:.1f} degrees" in said["contrast"]
    assert "latents 0 and 2" in said["entangled"] and "latents 1 out (--latent-dim 3" in said["inactive"]


def test_what_to_do_follows_the_numbers(whole: AuditReport) -> None:
    """Small numbers ask for nothing; large ones for what makes them smaller; a missing one for another number."""
    document = copy.deepcopy(whole.document)
    for part in document["gap"]["parts"].values():
        part["mean"] = 0.0
    document["gap"]["parts"]["amortisation"]["mean"], document["gap"]["sum"]["mean"] = 3.0, 3.0
    assert "larger encoder" in advice(document)["gap"]
    document["gap"]["sum"]["mean"], document["contrast"]["mean"] = 1e-3, 1e-3
    assert advice(document)["gap"].startswith("Nothing to do") and advice(document)["contrast"].startswith("Nothing")
    document["contrast"]["mean"], document["rotations"] = 0.5, []
    assert "No rotation" in advice(document)["contrast"] and "ima_contrast" in advice(document)["contrast"]
    document["gap"]["points_without_error"] = 1
    assert "--samples" in advice(document)["gap"]
    document["regime"] |= {"inside": True}
    assert "can be read as the gap" in advice(document)["regime"]
    document["regime"] |= {"inside": False, "threshold": 1e-3}
    assert "train at eps <= 0.001" in advice(document)["regime"]
    document["regime"] |= {"threshold": None}
    assert "at any noise variance that was tried" in advice(document)["regime"]
    document["regime"] = None
    assert "finite-noise contrast" in advice(document)["regime"]
    document["inactive"] = [0, 1]
    assert "uses no latent" in advice(document)["inactive"]


def test_every_column_that_is_explained_is_there(whole: AuditReport, tmp_path: Path) -> None:
    """Below each table stand names that it has, and every table has such an explanation."""
    whole.write(tmp_path)
    page = (tmp_path / "report.html").read_text()
    tables = re.findall(r"<table>(.*?)</table></div>\s*(?:<p class=\"columns\">(.*?)</p>)?", page, re.S)
    assert len(tables) >= 9
    for table, explained in tables:
        names = re.findall(r"<b>(.*?)</b>", explained)
        assert names and all(name in table for name in names), (table[:200], names)


@pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")
def test_the_tables_fit_a_phone(whole: AuditReport, tangled: AuditReport, tmp_path: Path) -> None:
    """At 390 and 1280 pixels no table, formula or figure is wider than the page."""
    playwright = pytest.importorskip("playwright.sync_api", reason='needs pip install "elbogap[test]"')
    wide = "all => all.filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.innerText)"
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        for name, report in (("whole", whole), ("tangled", tangled)):
            (tmp_path / name).mkdir()
            report.write(tmp_path / name)
            page.goto((tmp_path / name / "report.html").as_uri())
            for width in (PHONE, 1280):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.eval_on_selector_all("table, math, svg, img, p", wide) == [], (name, width)
        browser.close()
