"""Size of every exported lesson, the CPU time of its export, and how fast its sliders answer in Chromium, offline.

Run: python benchmarks/lesson_pages.py [LESSON ...]   (needs the extra `test` and Chromium; about two minutes of CPU)

A slider is moved to either end, and the clock runs until the frame with the new panels has been drawn. Nothing may be
requested while it is; a request ends the program.
"""

import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from elbogap.lessons.catalogue import lesson, lessons
from elbogap.lessons.export import lesson_page, with_exercises
from elbogap.lessons.notebook import at_presets, run
from elbogap.shell.cache import prepare_jax
from playwright.sync_api import Browser, sync_playwright

MOVED = """async () => {
  document.querySelectorAll(".asked").forEach((one) => { one.hidden = false; });
  const times = [];
  for (const slider of document.querySelectorAll("input[data-slider]"))
    for (const value of [slider.min, slider.max]) {
      const begun = performance.now();
      slider.value = value;
      slider.dispatchEvent(new Event("input"));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
      times.push(performance.now() - begun);
    }
  return times;
}"""
LARGEST, SLOWEST, LONGEST = 4e6, 100.0, 180.0
"""Bytes of a page, milliseconds of a slider, CPU seconds of all exports together."""


def answers(browser: Browser, page: Path) -> list[float]:
    """Milliseconds that each move of a slider takes, in a browser without network."""
    context = browser.new_context(offline=True)
    tab = context.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(page.as_uri())
    found = tab.evaluate(MOVED)
    context.close()
    if strangers := [url for url in asked if not url.startswith(("file:", "data:"))]:
        raise SystemExit(f"{page.name} asks for {strangers[0]}")
    return found


def main(names: list[str]) -> None:
    """Print a row a lesson, and the whole beside what is asked."""
    prepare_jax()
    chosen = [lesson(name) for name in names] or list(lessons())
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    print("| lesson | CPU s | MB | slider, median ms | slowest ms |\n|---|---|---|---|---|")
    total = 0.0
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for one in chosen:
            begun = time.process_time()
            text = lesson_page(one, *at_presets(with_exercises(one.name, run(one.path))))
            seconds = time.process_time() - begun
            page = Path(folder) / one.page
            page.write_text(text)
            times = answers(browser, page)
            total += seconds
            size = page.stat().st_size / 1e6
            print(f"| {one.name} | {seconds:.1f} | {size:.2f} | {statistics.median(times):.0f} | {max(times):.0f} |")
        browser.close()
    print(f"\n{total:.0f} CPU s; asked: below {LONGEST:.0f} s, {LARGEST / 1e6:.0f} MB each, {SLOWEST:.0f} ms a slider")


if __name__ == "__main__":
    main(sys.argv[1:])
