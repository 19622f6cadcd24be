"""Long runs: what `full` draws, results that survive a killed run, and the study of false alarms."""

import io
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from elbogap.proofs_checks import study, trained_study
from elbogap.proofs_checks.measurements import EFFORTS, PRIORS, shared_priors
from elbogap.proofs_checks.programs import Programs
from elbogap.proofs_checks.rates import upper_bound
from elbogap.proofs_checks.study import summarise
from elbogap.proofs_checks.verify import _unfinished, forget
from elbogap.shell.kept import keep


def test_full_draws_what_it_says() -> None:
    """`full` has a thousand decoders, up to eight latents, six priors, and noise variances over six decades."""
    full = EFFORTS["full"]
    assert sum(full.count(*batch) for batch in full.batches) == 1000
    assert max(d for _, d in full.batches) == 8
    assert full.priors == len(PRIORS) == len(shared_priors(2)) == 6
    assert np.log10(full.ladder[0] / full.ladder[-1]) == pytest.approx(6)


def doubled(x: np.ndarray) -> dict[str, np.ndarray]:
    """A program."""
    return {"y": 2 * x}


def test_a_killed_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """What a program found is read back by the next run, only for the same arguments, until the run is complete."""
    kept = tmp_path / "found"
    first = Programs(found=kept)
    assert first.run(doubled, np.arange(3.0))["y"].tolist() == [0, 2, 4]
    (file,) = kept.iterdir()
    stream = io.BytesIO()
    np.savez(stream, y=np.array([7.0]))
    keep(file, stream.getvalue())
    again = Programs(found=kept)
    assert again.run(doubled, np.arange(3.0))["y"].tolist() == [7.0], "expected the kept result, not a new one"
    assert again.run(doubled, np.arange(3.0) + 1)["y"].tolist() == [2, 4, 6]
    again.forget()
    assert not kept.exists()
    assert again.run(doubled, np.arange(3.0))["y"].tolist() == [0, 2, 4]


def test_the_machine_code_of_what_runs_once_is_dropped() -> None:
    """`run_once` finds what `run` finds and keeps no program, but in a study, whose next seed runs it again."""
    for repeated in (False, True):
        programs = Programs(repeated=repeated)
        np.testing.assert_array_equal(programs.run_once(doubled, np.arange(3.0))["y"], [0, 2, 4])
        assert len(programs._compiled) == repeated
        np.testing.assert_array_equal(programs.run(doubled, np.arange(3.0))["y"], [0, 2, 4])
        assert len(programs._compiled) == 1


def test_a_damaged_result_is_measured_again(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """A kept result or program in which one byte changed is ignored with a line each, made again and rewritten."""
    folders = {"folder": tmp_path / "traces", "found": tmp_path / "found"}
    Programs(**folders).run(doubled, np.arange(3.0))
    before = {path: path.read_bytes() for folder in folders.values() for path in folder.iterdir()}
    for path, content in before.items():
        path.write_bytes(content[:-40] + bytes([content[-40] ^ 1]) + content[-39:])
    assert Programs(**folders).run(doubled, np.arange(3.0))["y"].tolist() == [0, 2, 4]
    assert capsys.readouterr().err.count("elbogap: ignored ") == len(before) == 2
    Programs(**folders).run(doubled, np.arange(3.0))
    assert capsys.readouterr().err == ""


FACTORISES = """
import sys
from pathlib import Path
import jax
import numpy as np
from elbogap.proofs_checks.programs import Programs
from elbogap.shell.cache import prepare_jax
prepare_jax()
def factor(x):
    return {"y": jax.numpy.linalg.cholesky(x)}
print(Programs(Path(sys.argv[1])).run(factor, 4 * np.eye(2))["y"].tolist())
"""


def test_a_program_that_factorises_is_read_by_a_process_that_has_factorised_nothing(tmp_path, monkeypatch) -> None:
    """The second process reads program and machine code of a Cholesky factor from the cache, and finds the same."""
    monkeypatch.setenv("ELBOGAP_CACHE_DIR", str(tmp_path / "cache"))
    for _ in range(2):
        command = [sys.executable, "-c", FACTORISES, str(tmp_path / "traces")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout.strip()) == (0, "[[2.0, 0.0], [0.0, 2.0]]"), done.stderr[-2000:]


def seed_of(number: int, failed: list[str], survived: list[str]) -> dict:
    """What one seed of the study leaves."""
    counts = {"laws": 2, "instances": 12, "conclusive": 11, "inconclusive": [], "controls": 3}
    return {"seed": number, "seconds": 1.5, "claims": {"a": counts | {"failed": failed, "survived": survived}}}


def test_the_study_counts_alarms_and_misses() -> None:
    """Each law that failed and each control that survived is counted, named, and bounded."""
    found = summarise([seed_of(0, [], []), seed_of(1, ["gap: off"], []), seed_of(2, [], ["rate"])])
    (row,) = found.tables["claims"].rows
    values = dict(zip(found.tables["claims"].columns, row, strict=True))
    assert (values["false_alarms"], values["survived"], values["laws"], values["controls"]) == (1, 1, 6, 9)
    assert found.failures == ("seed 1, a: gap: off", "seed 2, a: control rate survived")
    assert found.tried == 3 and values["rate_below"] == pytest.approx(upper_bound(1, 3))


@pytest.mark.parametrize("module", [study, trained_study])
def test_a_study_forgets_its_own_seeds_alone(module: ModuleType, tmp_path: Path) -> None:
    """One that is written down leaves what another of the same sources has judged; the last one leaves no folder."""
    for seed in range(6):
        keep(module._kept(seed, tmp_path), "{}")
    module.forget(range(2, 4), tmp_path)
    folder = module._kept(0, tmp_path).parent
    assert sorted(path.name for path in folder.iterdir()) == ["0.json", "1.json", "4.json", "5.json"]
    module.forget(range(6), tmp_path)
    assert not folder.exists()


def test_a_long_run_forgets_its_own_claims_alone(tmp_path: Path) -> None:
    """A run of one claim that ends removes nothing of a run of others at the same effort and seed."""
    of_all, of_one = (_unfinished(claims, "full", 0, tmp_path) for claims in (["contrast", "kinks"], ["contrast"]))
    for folder in (of_all, of_one):
        keep(folder / "found.npz", "{}")
    forget(["contrast"], "full", 0, tmp_path)
    assert of_all.exists() and not of_one.exists()


def test_a_study_of_fresh_seeds_is_recorded_beside_the_first() -> None:
    """Name, seed and command say which seeds were judged; it is recorded as a file of its own."""
    found = summarise([seed_of(100_000, [], []), seed_of(100_001, ["gap: off"], [])], 100_000)
    assert found.experiment == "false-alarms-fresh" and found.seed == 100_000
    assert found.command == "elbogap false-alarms --seeds 2 --first-seed 100000"
    assert found.selection == "none: every seed from 100000 on"
    assert found.failures == ("seed 100001, a: gap: off",)
    assert summarise([seed_of(0, [], [])]).experiment == "false-alarms"


def test_the_bound_of_a_rate() -> None:
    """Without events the bound is 1 - 0.05^(1/n); it falls with trials, grows with events and ends at one."""
    assert upper_bound(0, 200) == pytest.approx(1 - 0.05 ** (1 / 200))
    assert upper_bound(0, 100) > upper_bound(0, 200) < upper_bound(1, 200)
    assert upper_bound(5, 5) == 1.0
