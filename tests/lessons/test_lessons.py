"""Every lesson runs, its sliders move something, its exercises are judged rightly, and its static page stands alone."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import symtable
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from elbogap.cli import run as command
from elbogap.lessons.answers import ANSWERS, right_answers
from elbogap.lessons.catalogue import Lesson, lesson, lessons

marimo = pytest.importorskip("marimo", reason='needs marimo: pip install "elbogap[teach]"')
from elbogap.lessons.exercises import exercise  # noqa: E402
from elbogap.lessons.export import index, lesson_page, symbols_page, with_exercises  # noqa: E402
from elbogap.lessons.notebook import Run, Shown, Slider, at_presets, cells, run  # noqa: E402
from elbogap.lessons.static_html import static  # noqa: E402

LESSONS = lessons()
QUICK = {"training": {"steps": 60}}
"""Values with which a lesson runs in seconds in place of half a minute."""
WIDEST_FONT = 125
"""Per cent: no font that a machine may have is wider than the one here by a quarter."""
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE = 120_000
"""Milliseconds that a lesson may take to compile and to answer on a machine that is busy with other work."""


@cache
def first_run(name: str) -> Run:
    """The one full run of a lesson that all tests share."""
    return run(lesson(name).path, **QUICK.get(name, {}))


@cache
def shown_at_presets(name: str, most: int = 1) -> tuple[list[Shown], list[Slider]]:
    """What the lesson shows at the start and at so many other presets of each slider, computed once."""
    begun, few = with_exercises(name, first_run(name)), ModuleType("few")
    vars(few).update(vars(begun.notebook))
    for slider, presets in few.PRESETS.items():
        start = begun.values[slider]
        others = [value for value in presets if value != start][:most]
        few.PRESETS = few.PRESETS | {slider: tuple(value for value in presets if value in (start, *others))}
    return at_presets(replace(begun, notebook=few))


HEAVY = {"rotations", "training", "latents"}
"""Lessons that take a third of the time of all ten; they run with the slow tests."""
heavy = pytest.mark.slow


def each_lesson(function: Callable) -> Callable:
    """The test, once for each lesson."""
    ones = [pytest.param(one, marks=[heavy] if one.name in HEAVY else [], id=one.name) for one in LESSONS]
    return pytest.mark.parametrize("one", ones)(function)


@each_lesson
def test_exercises_accept_what_is_right_and_nothing_else(one: Lesson) -> None:
    """No answer is not right, the right answer of every exercise is accepted, a wrong one and nonsense are refused."""
    begun, answers = first_run(one.name), ANSWERS[one.name]
    right = {f"{name}_answer": text for name, text in right_answers(one.name, begun.values).items()}
    wrong = {f"{name}_answer": no for name, (_, no) in answers.items()}
    for given, expected in (
        ({}, False),
        (right, True),
        (wrong, False),
        (dict.fromkeys(wrong, "__import__('os').getcwd()"), False),
    ):
        values = (begun.again(**given) if given else begun).values
        assert {name: bool(values[f"{name}_right"]) for name in answers} == dict.fromkeys(answers, expected), given


@each_lesson
def test_the_static_page_stands_alone(one: Lesson) -> None:
    """The page has one script of its own, no element of marimo's, no raw TeX, no id twice, links to its neighbours."""
    whole = lesson_page(one, *shown_at_presets(one.name))
    page = re.sub(r"<script>.*?</script>", "", whole, flags=re.DOTALL)
    assert whole.count("<script") == 1 and "<marimo" not in page and "||" not in page
    text = re.sub(r"<(code|pre)\b.*?</\1>|<svg.*?</svg>|<style>.*?</style>", "", page, flags=re.DOTALL)
    assert not re.search(r"\$\$|\\[a-z]{2,}|\$[^ ]", text), re.search(r".{60}(\$\$|\\[a-z]{2,}|\$[^ ]).{60}", text)
    wanted = re.findall(r'\b(?:src|href)="([^"#][^"]*)"', page)
    assert {where for where in wanted if not where.startswith("data:")} <= PAGES
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert page.count("<summary>Solution</summary>") == len(ANSWERS[one.name]) and page.count("<h1>") == 1


PAGES = {"index.html", "symbols.html", *(one.page for one in LESSONS)}


@pytest.mark.parametrize("most", [1, pytest.param(99, marks=pytest.mark.slow)])
@each_lesson
def test_every_slider_shows_something_else(one: Lesson, most: int) -> None:
    """A slider that changes nothing that is shown would teach nothing."""
    shown, sliders = shown_at_presets(one.name, most)
    seen = {at for piece in shown for at in piece.other if len(at) == 1}
    assert seen == {((slider.name, value),) for slider in sliders for value in slider.values if value != slider.start}
    assert len(sliders) == len(first_run(one.name).notebook.PRESETS) and all(len(one.values) > 1 for one in sliders)


@each_lesson
def test_a_cell_names_what_it_reads(one: Lesson) -> None:
    """Whatever a cell reads of another stands in its arguments, by which the export knows what depends on a slider."""
    defined = {
        name for cell in cells(one.path) for name in cell.defines if name not in vars(first_run(one.name).notebook)
    }
    tables = [symtable.symtable(one.path.read_text(), str(one.path), "exec")]
    while tables:
        table = tables.pop()
        tables += table.get_children()
        read = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_global() and symbol.is_referenced()}
        assert table.get_type() == "module" or not read & defined, read & defined


def test_the_first_lesson_says_what_is_measured() -> None:
    """Lesson 1: gap = divergence, by three integrals; the slope; the numbers of its solutions."""
    values = first_run("gap").values
    assert values["evidence"] - values["elbo"] == pytest.approx(values["divergence"], abs=1e-10)
    assert values["gaps"][-1] / 1e-5 == pytest.approx(values["slope"], rel=1e-4)
    assert values["slope"] == pytest.approx(0.75 * (1.4 / 1.49**2) ** 2)
    g = np.linspace(0.01, 2, 4000)
    assert np.max(3 * g**2 / (1 + g**2) ** 4) == pytest.approx(81 / 256, rel=1e-6)


def test_the_second_lesson_says_what_is_measured() -> None:
    """Lesson 2: the formula of the gap against quadrature and search, equal likelihood at every turn."""
    begun = first_run("linear-vae")
    notebook, measured = begun.notebook, begun.values["measured"]
    exact = notebook.exact_gap(notebook.columns(40), notebook.LADDER)
    count = len(notebook.LADDER)
    np.testing.assert_allclose(measured.gap[:count], exact, atol=1e-10)
    turned = [float(notebook.exact_gap(notebook.columns(40, turn), 0.1)) for turn in notebook.TURNS]
    np.testing.assert_allclose(measured.gap[count:], turned, atol=1e-10)
    assert np.ptp(measured.log_likelihood[count:]) < 1e-12
    assert exact[-1] == pytest.approx(begun.values["contrast"], abs=1e-3)


def test_the_third_lesson_says_what_is_measured() -> None:
    """Lesson 3: which changes leave the contrast alone, and the mean of random Jacobians."""
    from elbogap.numerics.contrast import contrast_of_jacobian

    values = first_run("contrast").values
    kept = {
        name: bool(np.isclose(contrast_of_jacobian(j), values["contrast"])) for name, j in values["changes"].items()
    }
    moved = [name for name, same in kept.items() if not same]
    assert moved == ["rotate the latents by 30 degrees", "stretch the first data value by two"]
    standard_error = np.std(values["sampled"]) / np.sqrt(len(values["sampled"]))
    assert abs(values["sampled"].mean() - values["expected"](20)) < 4 * standard_error


def test_the_fourth_lesson_says_what_is_measured() -> None:
    """Lesson 4: the encoder's shift and variances tend to m and s; the posterior's width in a solution."""
    values = first_run("self-consistency").values
    np.testing.assert_allclose(values["slopes"][-1], values["m"], rtol=1e-3)
    np.testing.assert_allclose(values["variances"][-1], values["s"], rtol=1e-4)
    jacobian = np.array([[1, 0.5], [0.4, 1.3]])
    assert np.sqrt(np.linalg.inv(jacobian.T @ jacobian)[1, 1]) == pytest.approx(0.979, abs=5e-4)


def test_the_fifth_lesson_says_what_is_measured() -> None:
    """Lesson 5: order 1, the slope a1, its sign, Richardson's gain; eight terms help at eps = 0.1 and not at 1."""
    begun = first_run("limit")
    gap, contrast, a = (begun.values[name] for name in ("gap", "contrast", "a"))
    assert begun.values["orders"][-1] == pytest.approx(1.0, abs=1e-4)
    # The next term is a2 eps / a1 of the slope, and eps is 1e-4 there.
    assert (gap[8] - contrast) / begun.notebook.LADDER[8] == pytest.approx(a[0], rel=1e-3)
    assert abs(begun.values["richardson"] - contrast) < abs(gap[6] - contrast) / 10
    assert begun.again(bend=0.0).values["a"][0] <= 0
    tenth, one = begun.values["partial_errors"], begun.again(noise_var=1.0).values["partial_errors"]
    assert tenth[8] < tenth[2] and one[8] > one[2]


@heavy
def test_the_sixth_lesson_says_what_is_measured() -> None:
    """Lesson 6: likelihoods agree within their error bound, the ELBO loses the contrast; where it loses nothing."""
    begun = first_run("rotations")
    for changed in ({}, {"twist": 0.3}, {"angle": 90}):
        values = begun.again(**changed).values
        assert np.all(values["likelihood_change"] <= values["error_bound"])
        # The loss has a slope in eps of order one, and eps is 1e-5.
        assert values["elbo_loss"][-1] == pytest.approx(values["curve"][values["angle"]], abs=1e-4)
    assert np.argmax(begun.values["curve"]) == 45 and begun.values["curve"][[0, 90]].max() < 1e-12
    assert begun.again(mixing=0).values["darmois"].max() < 1e-9 < begun.values["darmois"].mean()
    truth, darmois = begun.values["entangled_contrasts"]
    assert darmois < 1e-12 < 0.1 < truth


@heavy
def test_the_seventh_lesson_trains() -> None:
    """Lesson 7: the mixings are what they are said to be, every snapshot is kept, A is ahead, the record is found."""
    values = first_run("training").values
    assert values["mixing_contrasts"][0] < 1e-12 < 1 < values["mixing_contrasts"][1]
    assert len(values["snapshots"]) == 11 and values["snapshots"][-1]["step"] == values["steps"]
    assert values["last"]["mcc"][0] > max(values["last"]["mcc"][1:]) and values["recorded_rows"]


@pytest.mark.slow
def test_the_seventh_lesson_says_what_is_learnt() -> None:
    """Lesson 7 in full: A recovers, B has a better ELBO than its truth, C was ahead of chance and has collapsed."""
    values = run(lesson("training").path).values
    last, shots = values["last"], values["snapshots"]
    assert last["mcc"][0] > 0.99 and last["contrast"][0] < 0.01 and last["elbo"][0] < values["truth_elbo"][0]
    assert last["mcc"][1] < 0.95 and last["contrast"][1] < values["mixing_contrasts"][1] / 2
    assert last["elbo"][1] > values["truth_elbo"][1]
    assert last["mcc"][2] < 0.5 < max(shot["mcc"][2] for shot in shots[1:])


def test_the_eighth_lesson_says_what_is_judged() -> None:
    """Lesson 8: its claim holds; 1.001 is seen at 1e-7, not at 1e-6; at 1e-3 a control is undecided; none is proved."""
    begun = first_run("proofs")
    assert begun.values["result"].verdict == "holds" and all(one.rejected for one in begun.values["controls"])
    judged = [begun.again(factor=factor, floor=floor).values["judged"].verdict for factor, floor in LOOKS]
    assert judged == ["fails", "holds", "inconclusive"]
    assert begun.again(floor=-3).values["result"].verdict == "inconclusive"
    for step in range(1, 8):
        values = begun.again(step=step).values
        assert values["shown"].argued or set(values["outcomes"].values()) == {"refuted"}
    assert begun.values["main_argued"] == 3 and begun.values["chain_statuses"].count("refuted") == 1


def test_the_ninth_lesson_says_what_is_judged() -> None:
    """Lesson 9: its claim holds with every control rejected, not without one; its false variant fails by its order."""
    begun = first_run("own-theorem")
    values = begun.values
    assert values["alone"].verdict == "inconclusive" and values["result"].verdict == "holds"
    assert len(values["controls"]) == 6 and all(one.rejected for one in values["controls"])
    assert values["refuted"] == "fails" and values["verdict"] == "holds"
    for given, names in (({"order": -0.5}, "order"), ({"factor": 1.01}, "constant")):
        changed = begun.again(**given)
        assert changed.values["verdict"] == "fails" and any(names in one for cell in changed.shown for one in cell)
    # The numbers that exercise 3 gives.
    for n, left in ((8, -0.001300), (64, -0.00002034)):
        assert begun.notebook.corrected(n, 1.0)[0] == pytest.approx(left, rel=1e-3)


@heavy
def test_the_tenth_lesson_says_what_is_measured() -> None:
    """Lesson 10: latents collapse where it says, variances add up to one, a turn costs what the library measures."""
    begun = first_run("latents")
    counts = [begun.again(noise_var=eps).values["active"] for eps in (2.0, 0.5, 0.2, 0.05)]
    assert counts == [1, 2, 3, 4]
    values = begun.values
    np.testing.assert_allclose(values["variance"] + values["of_means"], 1.0, atol=2e-3)  # the grid of decoders
    assert values["measured_variance"] == pytest.approx(1 - 0.05 / 0.3, abs=1e-8)
    a, b = 3.0 / 0.05, 0.3 / 0.05
    assert begun.notebook.turned_loss(45) == pytest.approx(np.log((a + b) / 2) - np.log(a * b) / 2)
    assert begun.notebook.turned_loss(0) == pytest.approx(0, abs=1e-12)


LOOKS = ((1.001, -7), (1.001, -6), (1.0, -5))
"""Claimed constants and measuring errors of lesson 8, to the power of ten."""


def test_a_solution_opens_after_a_try() -> None:
    """Without an answer there is no solution to open; with one, right or wrong, there is."""
    check = lambda answer: (answer == "1", "")  # noqa: E731
    shown = {answer: exercise(answer, check, "SOLUTION")[1].text for answer in ("", "2", "1")}
    assert ["SOLUTION" in text for text in shown.values()] == [False, True, True]


def test_the_sheet_of_symbols_has_every_symbol() -> None:
    """Each row of the table of symbols stands on the sheet, as a formula, with its meaning and its name in code."""
    from elbogap.theory.notation import TABLE

    sheet = symbols_page()
    assert sheet.count("<tr>") == len(TABLE) + 1 and all(f"<code>{one.code}</code>" in sheet for one in TABLE)
    assert sheet.count("<math") >= len(TABLE) and "\\" not in re.sub(r"<style>.*?</style>", "", sheet, flags=re.DOTALL)


def test_an_element_that_cannot_be_static_is_refused() -> None:
    """What only marimo's script could show is an error of the export, and never missing in silence."""
    with pytest.raises(ValueError, match="marimo-plotly"):
        static("<p>a</p><marimo-plotly></marimo-plotly>")
    shown = static(marimo.md(r"$f'(z)$ and $\tfrac12\log x$").text)
    assert shown.count("<math") == 2 and "′" in shown and "\\" not in shown


def test_the_lessons_are_listed_by_number(capsys: pytest.CaptureFixture) -> None:
    """`elbogap lessons` prints a line a lesson; number, name and file name mean the same one; the index links all."""
    assert command(["lessons"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [[str(one.number), one.name] for one in LESSONS]
    for one in LESSONS:
        assert lesson(str(one.number)) == lesson(one.name) == lesson(one.path.name) == one
        assert one.title in " ".join(lines) and f'href="{one.page}"' in index(LESSONS)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["contrst"], "unknown lesson 'contrst': did you mean 'contrast'?"),
        (["9"], "unknown lesson '9': expected a number or one of gap, "),
        (["1", "--notebooks", f"{__file__}/below"], "--notebooks: expected a folder that can be written"),
        (["1", "--export", f"{__file__}/below"], "--export: expected a folder that can be written"),
    ],
)
def test_a_wrong_request_is_one_line(arguments: list[str], message: str, capsys: pytest.CaptureFixture) -> None:
    """An unknown lesson and a folder that cannot be written end with status 2 and one line."""
    assert command(["lessons", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and message in err


def test_without_marimo_a_lesson_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Opening or exporting without marimo ends with status 2 and the extra's name."""
    monkeypatch.setattr("elbogap.lessons.server.find_spec", lambda name: None)
    for arguments in (["1"], ["--export", "somewhere"]):
        assert command(["lessons", *arguments]) == 2
        assert capsys.readouterr().err == 'elbogap: lessons need marimo: pip install "elbogap[teach]"\n'
    assert not Path("somewhere").exists()


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
        (tmp_path / one.page).write_text(lesson_page(one, *shown_at_presets(one.name)))
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
