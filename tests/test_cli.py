"""The command line as a user meets it: what is printed where, exit statuses, one line for a wrong request."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from elbogap.cli import run

FAST = ("contrast",)  # the one claim that needs no table of gaps


def elbogap(*arguments: str, **kwargs) -> subprocess.CompletedProcess:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "elbogap", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **kwargs)


def test_list_names_every_claim(capsys: pytest.CaptureFixture) -> None:
    """`verify --list` prints one line a claim, its id first, and verifies nothing."""
    from elbogap.proofs_checks.registry import CLAIMS

    assert run(["verify", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(CLAIMS)
    assert all(claim.paper in line for line, claim in zip(lines, CLAIMS.values(), strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["verify", "elbo-limt"], "unknown claim 'elbo-limt': did you mean 'elbo-limit'?"),
        (["explain", "Theorm 1"], "unknown claim 'Theorm 1': did you mean 'Theorem 1'?"),
        (["verify", "qqqq"], "unknown claim 'qqqq': expected one of"),
        (["verify", "--effort", "huge"], "--effort: expected one of quick, standard, full, got 'huge'"),
        (["verify", "--seed", "-1"], "--seed: expected an integer from 0 to 4294967295, got -1"),
        (["verify", "--seed", "many"], "many"),
        (["explain", "nothing-like-it"], "unknown claim"),
        (["explain"], "CLAIM"),
        (["verify", "--no-such-option"], "--no-such-option"),
    ],
)
def test_a_wrong_request_is_one_line_and_status_two(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture
) -> None:
    """A wrong request prints one line on standard error, nothing on standard output, and exits with 2."""
    assert run(arguments) == 2
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and err.startswith("elbogap: ") and message in err


@pytest.fixture(scope="module")
def compiled() -> list[str]:
    """The programs that JAX compiles from here on, one entry each."""
    import jax.monitoring

    found: list[str] = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, seconds, **_: found.append(name) if name.endswith("backend_compile_duration") else None
    )
    return found


def test_an_unwritable_folder_is_refused_before_any_work(
    tmp_path: Path, capsys: pytest.CaptureFixture, compiled: list[str]
) -> None:
    """`--out` at a path that cannot be a folder is refused before a program is compiled, and nothing is left behind."""
    file = tmp_path / "file"
    file.write_text("")
    compiled.clear()
    assert run(["verify", *FAST, "--out", str(file / "folder")]) == 2
    assert "--out: expected a folder that can be written" in capsys.readouterr().err
    assert compiled == [] and list(tmp_path.iterdir()) == [file]


def test_help_is_light() -> None:
    """`--help` imports neither jax nor sympy nor pyplot."""
    code = (
        "import sys; from elbogap.cli import run; run(['--help']);"
        "print({'jax', 'sympy', 'matplotlib', 'scipy', 'equinox'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()" and "verify" in done.stdout


def test_an_interrupt_leaves_nothing_and_exits_130(command_line: list[str], tmp_path: Path) -> None:
    """Ctrl-C during `verify --out DIR` leaves no file and no folder and exits with 130."""
    out = tmp_path / "made" / "by-verify"
    command = [*command_line, "verify", "--out", str(out)]
    environment = os.environ | {"ELBOGAP_CACHE_DIR": str(tmp_path / "cache")}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment, text=True, **pipes) as process:
        assert process.stderr is not None
        process.stderr.readline()  # the first line of progress: the work has begun
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert output == "" and "Traceback" not in errors and not out.parent.exists()


@pytest.mark.parametrize("arguments", [["verify", "--list"], ["figures", "--list"], ["cache"]])
def test_a_reader_that_leaves_early_is_no_error(arguments: list[str]) -> None:
    """A pipe whose reader is gone (`| head`) ends a command quietly, with the status of its work."""
    reader, writer = os.pipe()
    os.close(reader)
    done = elbogap_into(writer, *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def elbogap_into(stdout: int, *arguments: str) -> subprocess.CompletedProcess:
    """Run the command line with this standard output, which is closed afterwards."""
    command = [sys.executable, "-m", "elbogap", *arguments]
    try:
        return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(stdout)


@pytest.mark.parametrize("asked", ["", "elbogap.keep_programs()", "environment"])
def test_programs_are_kept_only_where_that_is_asked_for(asked: str, tmp_path: Path) -> None:
    """The library leaves JAX's cache alone; asked once, it keeps every program where the command line does."""
    environment = os.environ | {"ELBOGAP_CACHE_DIR": str(tmp_path), "ELBOGAP_KEEP_PROGRAMS": "0"}
    code = "import jax.numpy as jnp, elbogap; {}; elbogap.ima_contrast(jnp.sin, jnp.ones(2))"
    if asked == "environment":
        environment["ELBOGAP_KEEP_PROGRAMS"], asked = "1", ""
    wanted = bool(asked) or environment["ELBOGAP_KEEP_PROGRAMS"] == "1"
    subprocess.run([sys.executable, "-c", code.format(asked or "pass")], env=environment, check=True)
    assert (tmp_path / "programs").is_dir() == wanted and (not wanted or any((tmp_path / "programs").iterdir()))


def test_a_missing_extra_is_named_with_its_install_hint() -> None:
    """Without python-flint, `check-certificate` says what to install and exits with 2."""
    # A process of its own: the command line keeps a command that it has loaded once.
    without_flint = "import sys; sys.modules['flint'] = None; from elbogap.cli import run; "
    code = without_flint + "sys.exit(run(['check-certificate', 'file.json']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == 'elbogap: enclosures need python-flint: pip install "elbogap[rigorous]"\n'


def test_names_and_kept_explanations_need_no_jax(tmp_path: Path) -> None:
    """`--list`, an unknown claim and an explanation that was made before import neither JAX nor SymPy."""
    environment = os.environ | {"ELBOGAP_CACHE_DIR": str(tmp_path)}
    code = (
        "import sys; from elbogap.cli import run; "
        "found = [run(['verify', '--list']), run(['verify', 'contrats']), run(['explain', 'contrast'])]; "
        "print(found, [name in sys.modules for name in ('jax', 'sympy', 'scipy')], file=sys.stderr)"
    )
    command = [sys.executable, "-c", code]
    first, second = (subprocess.run(command, env=environment, capture_output=True, text=True) for _ in range(2))
    assert first.stderr.splitlines()[-1] == "[0, 2, 0] [True, True, True]", first.stderr
    assert second.stderr.splitlines()[-1] == "[0, 2, 0] [False, False, False]", second.stderr
    assert second.stdout == first.stdout and "did you mean 'contrast'?" in second.stderr
