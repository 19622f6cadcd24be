"""Bad requests over all commands: exit status 2 and one line, the one that the table expects.

A case is (kind, arguments, the line that is expected); FILE stands for a file that is in the way, DIR for a folder.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elbogap.cli import COMMANDS, run

Case = tuple[str, list[str], str]
QUOTED = int(version("cyclopts").split(".")[0]) < 5
"""Whether cyclopts puts the options that it names in quotes."""
AUDIT = ["audit", "x.py:f", "--latent-dim", "2"]
ENCLOSE = ["enclose", "x.py:f", "--latent-dim", "1", "--at", "0", "--noise-var", "1/100"]
WHOLE = {
    "--seed": (["verify"], ["record"], ["figures"], AUDIT),
    "--seeds": (["false-alarms"],),
    "--first-seed": (["false-alarms"],),
    "--latent-dim": (["audit", "x.py:f"], ["figures"]),
    "--points": (AUDIT,),
    "--account-points": (AUDIT,),
    "--samples": (AUDIT,),
    "--digits": (ENCLOSE,),
}
REAL = {
    "--gamma": (AUDIT,),
    "--relative-tolerance": (AUDIT,),
    "--absolute-tolerance": (AUDIT,),
    "--seconds": (["check-certificate", "file.json"],),
    "--width": (["figures"],),
    "--font-size": (["figures"],),
}
NO_INTEGER = ["1.5", "2.0", "1e3", "nan", "inf", "many", "1_0", "0x10", "", "1j", "9" * 41]
NO_NUMBER = ["nan", "inf", "-inf", "many", "", "1j", "1,5", "0x10", "1e999"]
UNKNOWN = {"verify": "claim", "explain": "claim", "figures": "figure", "record": "experiment", "lessons": "lesson"}
FOLDERS = {
    "--out": (["verify", "contrast"], ["record", "sprites"], ["figures", "encoder"], ["false-alarms"], AUDIT, ENCLOSE),
    "--export": (["lessons", "1"],),
}


def shown(text: str) -> str:
    """As a message shows it."""
    return repr(text) if len(repr(text)) <= 80 else f"{text!r}"[:77] + "..."


def numbers() -> list[Case]:
    """What is no number, for every option that takes one."""
    cases = [
        ("no integer", [*command, option, value], f"{option}: expected an integer, got {shown(value)}")
        for option, commands in WHOLE.items()
        for command in commands
        for value in NO_INTEGER
    ]
    cases += [
        ("no number", [*command, option, value], f"{option}: expected a number, got {shown(value)}")
        for option, commands in REAL.items()
        for command in commands
        for value in NO_NUMBER
    ]
    for command in WHOLE["--seed"]:
        for value in (-1, 2**32, 10**20):
            line = f"--seed: expected an integer from 0 to 4294967295, got {value}"
            cases.append(("out of range", [*command, f"--seed={value}"], line))
    for value in (0, -3):
        cases.append(
            (
                "range",
                ["audit", "x.py:f", f"--latent-dim={value}"],
                f"--latent-dim: expected an integer >= 1, got {value}",
            )
        )
        cases.append(
            (
                "range",
                ["false-alarms", f"--seeds={value}"],
                f"--seeds: expected an integer from 1 to 4294967295, got {value}",
            )
        )
        cases.append(
            ("range", [*ENCLOSE, f"--digits={value}"], f"--digits: expected an integer from 1 to 60, got {value}")
        )
        cases.append(("range", [*AUDIT, f"--gamma={value}"], f"--gamma: expected a number > 0, got {value:.1f}"))
        cases.append(
            (
                "range",
                ["check-certificate", "f", f"--seconds={value}"],
                f"--seconds: expected a number > 0, got {value:.1f}",
            )
        )
    return cases


def words() -> list[Case]:
    """Words that are not known: names, efforts, options."""
    cases: list[Case] = []
    for command, kind in UNKNOWN.items():
        for name in ("zzzzzz", "", "<b>", "../../etc", "x" * 500):
            line = f"unknown {kind} {shown(name)}: expected"
            if kind == "claim" and "/" in name:
                line = f"{name}: expected a file with claims, got no such file"
            cases.append(("unknown name", [command, name, *(["--out", "DIR"] if command == "figures" else [])], line))
    cases += [
        ("slip", ["verify", "elbo-limt"], "unknown claim 'elbo-limt': did you mean 'elbo-limit'?"),
        ("slip", ["explain", "contrst"], "unknown claim 'contrst': did you mean 'contrast'?"),
        ("slip", ["figures", "convergense"], "unknown figure 'convergense': did you mean 'convergence'?"),
        ("slip", ["record", "sprits"], "unknown experiment 'sprits': did you mean 'sprites'?"),
        ("slip", ["lessons", "contrst"], "unknown lesson 'contrst': did you mean 'contrast'?"),
    ]
    for command in ("verify", "record", "figures"):
        for value, near in (("quik", "quick"), ("FULL", ""), ("", ""), ("standart", "standard"), ("0", "")):
            line = f"--effort: expected one of quick, standard, full, got {value!r}"
            cases.append(
                ("effort", [command, "--effort", value], line + (f" (did you mean {near!r}?)" if near else ""))
            )
    for name, _, _ in COMMANDS:
        cases.append(("unknown option", [name, "--no-such-option"], "Unknown option: --no-such-option"))
        cases.append(("unknown option", [name, "--no-such-option=3"], "Unknown option: --no-such-option"))
    for command in (["explain"], ["audit"], ["enclose"], ["check-certificate"], ["report"], ["nothing"], ["verfy"]):
        cases.append(("incomplete", command, ""))
    for option in ("--seed", "--effort", "--out"):
        for command in ("verify", "record", "figures"):
            line = f'Command "{command}" parameter {option} requires an argument.'
            cases.append(("no value", [command, option], line))
    for command in ("verify", "record", "figures"):
        cases.append(("twice", [command, "--seed", "1", "--seed", "2"], "Parameter --seed specified multiple times."))
    for text in ("gif", "", "pdf,gif", ","):
        cases.append(
            ("format", ["figures", "--format", text], f"--format: expected some of pdf, svg, png, got {text!r}")
        )
    return cases


def places() -> list[Case]:
    """Files and folders that are not there, or in the way."""
    cases: list[Case] = []
    for option, commands in FOLDERS.items():
        for command in commands:
            for place in ("FILE", "FILE/below", "FILE/a/b", "y" * 300):
                line = f"{option}: expected a folder that can be written, got "
                cases.append(("no folder", [*command, option, place], line if command is not ENCLOSE else ""))
    cases += [
        ("no file", ["report", place], f"{place}: expected a file that can be read, got ")
        for place in ("no.json", "DIR")
    ]
    cases += [
        ("no file", ["sweep", place], f"{place}: expected a file that can be read, got ")
        for place in ("no.toml", "DIR")
    ]
    cases.append(("no file", ["check-certificate", "no.json"], "no certificate to check: expected a file, got no.json"))
    for text in ("x", "x.py", "x.txt:f", ":f", "x.py:", "x.py:f g", "x.py:1"):
        cases.append(
            (
                "no object",
                ["audit", text, "--latent-dim", "2"],
                f"decoder: expected FILE.py:NAME or FILE.py:NAME.ATTRIBUTE, got {text!r}",
            )
        )
        cases.append(("no object", [*AUDIT[:1], "g.py:f", *AUDIT[2:], "--encoder", text], ""))
    cases.append(("no object", AUDIT, "decoder: expected a file that exists, got 'x.py'"))
    for text in ("d.csv", "d", "no.npy", "no.npz", "no.npz:a", "DIR"):
        cases.append(("no data", [*AUDIT, "--data", text], "--data: expected a "))
    for text in ("gauss", "", "Normal", "x.py"):
        cases.append(("no prior", [*AUDIT, "--prior", text], "--prior: expected normal, logistic, laplace"))
    for text in ("a", "", "1,,2", "0", "-1", "nan", "inf", "1,-1", "no.npy", "1e-3,0"):
        cases.append(("no variance", [*AUDIT, "--noise-var", text], "--noise-var: expected "))
    both = "--noise-var, --gamma: expected one of them, got both"
    cases.append(("both", [*AUDIT, "--noise-var", "1", "--gamma", "1"], both))
    cases.append(
        ("sweep", ["sweep"], "sweep: expected CONFIG.toml, show CONFIG.toml or export CONFIG.toml, got nothing")
    )
    cases.append(("sweep", ["sweep", "a", "b"], "sweep: expected CONFIG.toml, show CONFIG.toml or export"))
    cases.append(("sweep", ["sweep", "a", "--out", "b.csv"], "--out: expected only with sweep export"))
    cases.append(("sweep", ["sweep", "show", "a", "--cluster", "b"], "--cluster: expected only with sweep CONFIG.toml"))
    cases.append(("sweep", ["sweep", "export", "a", "--out", "DIR"], "--out: expected a file, got the folder "))
    cases.append(
        ("sweep", ["sweep", "export", "a", "--out", "no/b.csv"], "--out: expected a file in a folder that exists")
    )
    return cases


CONTENTS: dict[str, Any] = {
    "empty": b"",
    "zeros": bytes(100),
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 100_000,
    "cut": b'{"version": 1, "claims": [',
    "other": b'{"a": 1}',
    "list": b"[]",
    "number": b"1",
    "nan": b'{"version": 1, "claims": [], "seed": NaN}',
    "digits": b'{"version": ' + b"9" * 5000 + b', "claims": []}',
    "version": b'{"version": 2, "claims": []}',
    "version of text": b'{"version": "1", "claims": []}',
    "claims of text": b'{"version": 1, "claims": "a"}',
    "twice": b'{"version": 1, "version": 1, "claims": 3}',
    "key": b"[grid]\nseeds = [10]\nseeds = [1]",
    "string": b'[grid]\nseeds = "a',
    "power": b"[grid]\nseeds=[1]\ngamma2=[1" + b"0" * 400 + b']\nmixings=["moebius"]',
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder with a file and a folder in the way, and a cache of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ELBOGAP_CACHE_DIR", str(tmp_path / "cache"))
    (tmp_path / "FILE").write_text("")
    (tmp_path / "DIR").mkdir()
    (tmp_path / "g.py").write_text(
        "import jax.numpy as jnp\ndef f(z):\n    return jnp.array([z[0], z[1], z[0] * z[1]])\n"
    )
    return tmp_path


def refused(arguments: list[str], expected: str, capsys: pytest.CaptureFixture) -> None:
    """Status 2, nothing on standard output, one line that begins as expected."""
    status = run(arguments)
    out, err = capsys.readouterr()
    assert status == 2, (status, err)
    said, line = (text.replace('"', "") if QUOTED else text for text in (err, f"elbogap: {expected}"))
    assert out == "" and err.count("\n") == 1 and said.startswith(line), err
    assert "unexpected" not in err and len(err) < 1000


CASES = [*numbers(), *words(), *places()]


@pytest.mark.parametrize(("kind", "arguments", "expected"), CASES, ids=lambda value: str(value)[:40])
def test_a_bad_request_is_one_line(
    kind: str, arguments: list[str], expected: str, place: Path, capsys: pytest.CaptureFixture
) -> None:
    """Each bad request of the table is refused with its line, and leaves no file behind."""
    before = {path for path in place.rglob("*") if "cache" not in path.parts}
    refused(arguments, expected, capsys)
    assert {path for path in place.rglob("*") if not {"cache", "__pycache__"} & set(path.parts)} == before


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize(("command", "name"), [("report", "a.json"), ("sweep", "a.toml"), ("sweep show", "a.toml")])
def test_a_bad_document_is_one_line(
    command: str, name: str, content: str, place: Path, capsys: pytest.CaptureFixture
) -> None:
    """A file that is no document of its kind is refused with its name."""
    (place / name).write_bytes(CONTENTS[content])
    refused([*command.split(), name], name, capsys)


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize(("option", "name"), [("--data", "a.npy"), ("--data", "a.npz"), ("--noise-var", "a.npy")])
def test_bad_arrays_are_one_line(
    option: str, name: str, content: str, place: Path, capsys: pytest.CaptureFixture
) -> None:
    """A file that holds no array is refused by every option that reads arrays."""
    (place / name).write_bytes(CONTENTS[content])
    refused([*AUDIT, option, name], f"{option}: expected a NumPy file of ", capsys)


@pytest.mark.parametrize("dtype", ["complex128", "U3", "datetime64[s]"])
def test_arrays_of_other_things_are_one_line(dtype: str, place: Path, capsys: pytest.CaptureFixture) -> None:
    """Complex numbers, words and dates are no data."""
    np.save(place / "a.npy", np.zeros(3, dtype))
    refused([*AUDIT, "--data", "a.npy"], "--data: expected a NumPy file of real numbers, got a.npy with ", capsys)


def test_the_table_is_large() -> None:
    """There are at least four hundred bad requests."""
    assert len(CASES) + 6 * len(CONTENTS) + 3 >= 400, json.dumps(len(CASES))
