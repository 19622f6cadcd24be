"""Requests are judged before any work: what passes comes back unchanged, the rest is one line."""

import typing
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from elbogap.cli import COMMANDS
from elbogap.errors import RequestError
from elbogap.shell import requests
from hypothesis import given
from hypothesis import strategies as st


def refused(message: str, call, *arguments, **keywords) -> None:
    """The call raises RequestError with exactly this message."""
    with pytest.raises(RequestError) as caught:
        call(*arguments, **keywords)
    assert str(caught.value) == message


@given(st.integers(0, requests.LARGEST_SEED))
def test_a_seed_comes_back_unchanged(seed: int) -> None:
    """Every integer from 0 to the bound is a seed, as a Python or a NumPy integer."""
    assert requests.seed(seed) == seed == requests.seed(np.int64(seed))


@pytest.mark.parametrize(
    ("value", "shown"),
    [(-1, "-1"), (2**32, "4294967296"), (1.0, "1.0"), (True, "True"), (None, "None"), ("1", "'1'")],
)
def test_what_is_no_seed_is_refused_and_never_rounded(value: object, shown: str) -> None:
    """Numbers outside the bound, floats, booleans and words are refused, with what came."""
    refused(f"seed: expected an integer from 0 to 4294967295, got {shown}", requests.seed, value, "seed")


def test_whole_numbers_state_their_bounds() -> None:
    """The line names the bounds that there are; zero is a bound like any other."""
    refused("n: expected an integer, got 1.5", requests.whole, "n", 1.5)
    refused("n: expected an integer >= 0, got -1", requests.whole, "n", -1, 0)
    refused("n: expected an integer from -2 to 0, got 1", requests.whole, "n", 1, -2, 0)
    assert requests.whole("n", 0, 0, 0) == 0


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", True, None, 1j, [1.0], 10**400])
def test_what_is_no_finite_number_is_refused(value: object) -> None:
    """nan, infinities, words, booleans, complex numbers, lists and integers beyond float64 are no numbers."""
    with pytest.raises(RequestError, match=r"^x: expected a finite number, got "):
        requests.number("x", value)


def test_numbers_state_their_bounds() -> None:
    """`above` excludes its bound, `least` and `most` include theirs."""
    assert requests.number("x", 1, above=0, most=1) == 1.0 == requests.number("x", np.float32(1), least=1)
    refused("x: expected a number > 0, got 0", requests.number, "x", 0, above=0)
    refused("x: expected a number >= 0 and <= 1, got 1.5", requests.number, "x", 1.5, least=0, most=1)


def test_the_nearest_name_is_suggested() -> None:
    """A slip of the finger gets the name that was meant, something else all names."""
    refused(
        "unknown claim 'elbo-limt': did you mean 'elbo-limit'?", requests.known, "claim", "elbo-limt", ["elbo-limit"]
    )
    refused("unknown claim 'qqq': expected one of a, b", requests.known, "claim", "qqq", ["a", "b"])
    refused("--e: expected one of a, b, got 3", requests.one_of, "--e", 3, ["a", "b"])


@given(st.one_of(st.text(), st.binary(), st.integers(), st.lists(st.integers())))
def test_what_came_is_shown_on_one_short_line(value: object) -> None:
    """Whatever came, the message stays one line of at most 80 characters of it."""
    text = requests.shown(value)
    assert len(text) <= 80 and text.isprintable()


def test_what_cannot_be_shown_is_named_by_its_type() -> None:
    """An integer of more digits than Python prints, and an object whose repr fails, do not end in another error."""

    class Silent:
        def __repr__(self) -> str:
            raise RuntimeError

    assert requests.shown(10**5000) == "a int that cannot be shown"
    assert requests.shown(Silent()) == "a Silent that cannot be shown"


def test_a_folder_is_made_and_tried_before_the_work(tmp_path: Path) -> None:
    """The folder is there inside the block and stays after it; the bytes that tried it are gone."""
    out = tmp_path / "a" / "b"
    with requests.out_folder(out):
        assert out.is_dir() and not list(out.iterdir())
    assert out.is_dir()


def test_work_that_fails_leaves_no_empty_folder_but_every_file(tmp_path: Path) -> None:
    """Folders made for work that failed go again while they are empty; a file that was written stays."""
    for name, files in (("empty", 0), ("partly", 1)):
        out = tmp_path / name / "out"
        with pytest.raises(KeyboardInterrupt), requests.out_folder(out):
            if files:
                (out / "result").write_text("kept")
            raise KeyboardInterrupt
        assert out.exists() == bool(files) == (tmp_path / name).exists()
    assert (tmp_path / "partly" / "out" / "result").read_text() == "kept"


@pytest.mark.parametrize("place", ["file/below", "file", "x" * 300, "broken"])
def test_what_is_no_folder_is_refused(place: str, tmp_path: Path) -> None:
    """Below a file, a file itself, a name that is too long, a link that leads nowhere: one line, nothing made."""
    (tmp_path / "file").write_text("")
    (tmp_path / "broken").symlink_to(tmp_path / "nowhere")
    before = sorted(tmp_path.iterdir())
    with (
        pytest.raises(RequestError, match=r"^--out: expected a folder that can be written, got "),
        requests.out_folder(tmp_path / place),
    ):
        raise AssertionError("the work must not begin")
    assert sorted(tmp_path.iterdir()) == before


def test_a_file_needs_a_folder_that_exists(tmp_path: Path) -> None:
    """A path in a folder that exists is good, a folder is no file, and a missing folder is not made."""
    assert requests.out_file(tmp_path / "x.csv") == tmp_path / "x.csv"
    refused(f"--out: expected a file, got the folder {str(tmp_path)!r}", requests.out_file, tmp_path)
    with pytest.raises(RequestError, match="--out: expected a file in a folder that exists"):
        requests.out_file(tmp_path / "no" / "x.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("target", [target for _, target, _ in COMMANDS])
def test_no_option_is_rounded_by_the_parser(target: str) -> None:
    """Every option that is a number says so by `Whole` or `Real`; the parser's own int would round."""
    module, _, name = target.partition(":")
    hints = typing.get_type_hints(getattr(import_module(f"elbogap.{module}"), name), include_extras=True)
    for parameter, hint in hints.items():
        members = {hint} if hasattr(hint, "__metadata__") else {hint, *typing.get_args(hint)}
        assert parameter == "return" or not members & {int, float}, parameter
