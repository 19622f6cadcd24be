"""Lessons and their static pages in a browser: what a reader moves, answers and sees, on a phone and on a desk."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from elbogap.lessons.answers import ANSWERS, right_answers
from elbogap.lessons.catalogue import Lesson, lesson

pytest.importorskip("marimo", reason='needs marimo: pip install "elbogap[teach]"')
from elbogap.lessons.export import lesson_page
from lesson_runs import LESSONS, each_lesson, first_run, shown_at_presets

WIDEST_FONT = 125
"""Per cent: no font that a machine may have is wider than the one here by a quarter."""
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 120_000
"""Milliseconds that a lesson may take to compile and to answer on a machine that is busy with other work."""


@contextlib.contextmanager
def opened(name: str, command_line: list[str]) -> Iterator[str]:
    """The address of a lesson that `elbogap lessons` serves; Ctrl-C ends it with status 130."""
    started = [*command_line, "lessons", name, "--no-browser"]
    with subprocess.Popen(started, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?access_token=[\w-]{16,}", address)
            yield address
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(timeout=60) == 130
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def move_every_slider(one: Lesson, command_line: list[str]) -> list[float]:
    """Open the lesson in a browser and move each slider there and back; the seconds of the way back, for each.

    What is shown must change, no page and no cell may fail, and nothing may be asked of anybody but the server.
    """
    playwright = pytest.importorskip("playwright.sync_api", reason='needs pip install "elbogap[test]"')
    shown = "[...document.querySelectorAll('.output')].map((one) => one.textContent).join('|')"
    seconds, errors, strangers = [], [], []
    with opened(one.name, command_line) as address, playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: errors.append(str(error)))
        own = address.split("?")[0]
        allowed = (own, own.replace("http", "ws"), "data:", "blob:")
        page.on("request", lambda request: request.url.startswith(allowed) or strangers.append(request.url))
        page.on("websocket", lambda socket: socket.url.startswith(allowed) or strangers.append(socket.url))
        page.goto(address)
        page.get_by_text("References").first.wait_for()
        sliders = page.get_by_role("slider")
        sliders.nth(one.path.read_text().count("mo.ui.slider(") - 1).wait_for()
        for slider in sliders.all():
            least, now, most = (float(slider.get_attribute(f"aria-value{name}")) for name in ("min", "now", "max"))
            assert least <= now <= most
            for key in ("ArrowRight", "ArrowLeft") if now < most else ("ArrowLeft", "ArrowRight"):
                slider.focus()
                before, begun = page.evaluate(shown), time.monotonic()
                page.keyboard.press(key)
                page.wait_for_function(f"(before) => {shown} !== before", arg=before, polling=20)
                last = time.monotonic() - begun
                page.wait_for_timeout(1000)  # so that later outputs of this move are not taken for those of the next
            seconds.append(last)
        assert page.locator(".marimo-error, [data-testid=cell-error]").count() == 0
        browser.close()
    assert errors == [] and strangers == []
    return seconds


@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")
def test_a_lesson_in_a_browser(command_line: list[str]) -> None:
    """A live lesson answers its sliders, raises nothing, asks nobody, and ends with 130 at Ctrl-C."""
    assert len(move_every_slider(lesson("contrast"), command_line)) == 3


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")
@each_lesson
def test_every_lesson_in_a_browser(one: Lesson, command_line: list[str]) -> None:
    """The same for every lesson, with every slider."""
    seconds = move_every_slider(one, command_line)
    print(f"{one.name}: " + ", ".join(f"{value:.2f} s" for value in seconds))
    assert len(seconds) == one.path.read_text().count("mo.ui.slider(")


@pytest.mark.parametrize("quick", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.skipif(BROWSER is None, reason="needs Chromium (apt-get install chromium)")
def test_static_pages_in_a_browser(quick: bool, tmp_path: Path) -> None:
    """Offline, phone and desktop, light and dark: sliders move figures, answers are judged, nothing is fetched."""
    playwright = pytest.importorskip("playwright.sync_api", reason='needs pip install "elbogap[test]"')
    pages = [lesson("contrast")] if quick else LESSONS
    for one in pages:
        (tmp_path / one.page).write_text(lesson_page(one, *shown_at_presets(one.name, 1)))
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        context = browser.new_context(java_script_enabled=True, offline=True)
        for one in pages:
            page = context.new_page()
            fetched: list[str] = []
            page.on("request", lambda request, fetched=fetched: fetched.append(request.url))
            page.on("pageerror", lambda error: pytest.fail(str(error)))
            page.goto((tmp_path / one.page).as_uri())
            sliders_choose(page)
            answers_are_judged(page, one)
            page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
            for scheme, width in (("light", 390), ("dark", 1280)):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 900})
                for zoom in (100, WIDEST_FONT):
                    page.evaluate("(zoom) => { document.documentElement.style.fontSize = zoom + '%'; }", zoom)
                    overflow = page.evaluate("document.documentElement.scrollWidth") - width
                    assert overflow <= 0, (one.name, width, zoom, overflow)
            assert [url for url in fetched if not url.startswith(("data:", "file:"))] == []
            page.close()
        browser.close()


def sliders_choose(page: Any) -> None:
    """Every slider, moved, changes the panels that are shown, and of each piece one panel is shown all the time."""
    shown = "[...document.querySelectorAll('.panel')].map((one) => one.hidden ? '' : one.dataset.at).join('|')"
    page.evaluate("document.querySelectorAll('.asked').forEach((one) => { one.hidden = false; })")
    for slider in page.locator("input[data-slider]").all():
        before, most = page.evaluate(shown), int(slider.get_attribute("max"))
        slider.focus()
        page.keyboard.press("ArrowRight" if int(slider.input_value()) < most else "ArrowLeft")
        assert page.evaluate(shown) != before
    seen = "(one) => one.querySelectorAll(':scope > .panel:not([hidden])').length"
    assert set(page.evaluate(f"[...document.querySelectorAll('.piece')].map({seen})")) == {1}


def answers_are_judged(page: Any, one: Lesson) -> None:
    """Each exercise: its solution is closed, nonsense is named, the mistake is refused, the right answer accepted."""
    right = right_answers(one.name, first_run(one.name).values)
    exercises, fields = page.locator(".exercise"), page.locator(".answer:has(~ .exercise) input")
    by_exercise = page.evaluate_handle(
        "() => { let field; const found = []; for (const part of document.querySelectorAll('.answer input, .exercise'))"
        " if (part.matches('input')) field = part; else found.push(field); return found; }"
    )
    assert exercises.count() == len(right) and fields is not None
    for number_of, name in enumerate(right):
        field = by_exercise.get_property(str(number_of)).as_element()
        said, solution = (exercises.nth(number_of).locator(part) for part in (".verdict", ".solution"))
        assert not solution.is_visible()
        for answer, begins in (
            (f"{right[name]} +", "Something is missing"),
            (ANSWERS[one.name][name][1], "Not yet."),
            (right[name], "Right."),
        ):
            field.fill(answer)
            field.press("Enter")
            assert said.text_content().startswith(begins), (name, answer, said.text_content())
        assert solution.is_visible()
