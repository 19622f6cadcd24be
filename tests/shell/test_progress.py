"""Progress: a bar on a terminal, a line now and then elsewhere, and an honest estimate of what is left."""

import io
import re

from elbogap.shell import progress


def said_of(*calls: tuple[float, int, int, str]) -> list[str]:
    """The lines that these calls give, each (seconds, done, total, what)."""
    now, said = 0.0, []
    notify = progress.lines(said.append, lambda: now)
    for now, *call in calls:  # noqa: B007  # the clock reads it
        notify(*call)
    return said


def test_off_a_terminal_there_is_at_most_a_line_in_ten_seconds() -> None:
    """A thousand steps in a hundred seconds give a line at once and one in ten seconds, each with what is left."""
    said = said_of(*((done / 10, done, 1000, "measuring") for done in range(1001)))
    assert len(said) == 11 and said[0] == "[0/1000] measuring" and said[-1] == "[1000/1000] measuring"
    assert said[1] == "[100/1000] measuring, about 2 min left" and said[8] == "[800/1000] measuring, about 20 s left"


def test_what_was_done_before_does_not_count_for_the_rate() -> None:
    """A sweep that continues at 900 of 1000 takes 100 s for 10 runs, and says what the other 90 need."""
    said = said_of((0, 900, 1000, "runs"), (100, 910, 1000, "runs"), (120, 0, 4, "another stage"))
    assert said == ["[900/1000] runs", "[910/1000] runs, about 15 min left", "[0/4] another stage"]


def test_a_stage_says_its_beginning_and_a_long_one_its_end() -> None:
    """Within ten seconds of the last line a stage still says that it begins, and after a minute that it has ended."""
    said = said_of(
        (0, 3, 3, "geometry"),
        (1, 0, 2, "account, about 1 min in all"),
        (55, 1, 2, "account"),
        (60, 2, 2, "account"),
    )
    assert said[1:] == ["[0/2] account, about 1 min in all", "[1/2] account, about 54 s left", "[2/2] account"]


def test_beginning_and_end_are_said_once() -> None:
    """Work of which nothing is done yet, and work that is done, say so once in ten seconds, whatever they are at."""
    said = said_of(
        *((second / 2, 0, 9, f"part {second}") for second in range(6)), (14, 9, 9, "done"), (15, 9, 9, "done")
    )
    assert said == ["[0/9] part 0", "[9/9] done"]


def test_a_duration_is_as_exact_as_an_estimate() -> None:
    """Seconds below a minute and a half, then minutes, then hours and minutes."""
    assert [progress.duration(one) for one in (0.2, 89, 100, 3600, 7500)] == [
        "1 s",
        "89 s",
        "2 min",
        "60 min",
        "2 h 5 min",
    ]


def test_a_terminal_sees_a_bar_with_the_time_left(monkeypatch) -> None:
    """On a terminal the bar names what is done, how much of it, and the time left."""
    import rich.console

    stream = io.StringIO()
    made = rich.console.Console
    wide = {"file": stream, "force_terminal": True, "width": 120, "stderr": False}
    monkeypatch.setattr(rich.console, "Console", lambda **options: made(**options | wide))
    with progress.progress() as notify:
        for done in range(1, 4):
            notify(done, 4, "drawing")
    text = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", stream.getvalue())
    assert "3/4" in text and "drawing" in text and "left" in text and re.search(r"left \d:\d\d:\d\d|left -:--:--", text)
