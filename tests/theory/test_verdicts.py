"""The cache of verdicts: read when valid, computed again when not."""

import json

import pytest
from elbogap.shell.kept import keep
from elbogap.theory import verdicts
from elbogap.theory.proof.derivation import Derivation, Step
from elbogap.theory.verdicts import run_all, source_hash


def test_cached_verdicts_equal_computed_ones(tmp_path, monkeypatch):
    """A second run reads the same verdict and computes nothing."""
    first = run_all(["elbo-decomposition"], cache_dir=tmp_path)
    monkeypatch.setattr(verdicts, "check", lambda *_, **__: pytest.fail("computed although cached"))
    assert run_all(["elbo-decomposition"], cache_dir=tmp_path) == first
    assert first["elbo-decomposition"].holds


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"id": "contrast", "steps": []}', '{"id": "elbo-decomposition"}'])
def test_a_corrupted_cache_is_ignored(tmp_path, damage, monkeypatch):
    """Truncated, foreign or empty files are computed again and replaced."""
    truth = run_all(["elbo-decomposition"], cache_dir=tmp_path)
    (path,) = tmp_path.iterdir()
    path.write_text(damage, encoding="utf-8")
    again = run_all(["elbo-decomposition"], cache_dir=tmp_path)
    assert [step.status for step in again["elbo-decomposition"].steps] == [
        step.status for step in truth["elbo-decomposition"].steps
    ]
    monkeypatch.setattr(verdicts, "check", lambda *_, **__: pytest.fail("the damaged entry was not replaced"))
    assert run_all(["elbo-decomposition"], cache_dir=tmp_path) == again


@pytest.mark.parametrize(
    "change",
    [
        lambda steps: steps[:-1],
        lambda steps: steps[::-1],
        lambda steps: [*steps, steps[0]],
        lambda steps: [steps[0] | {"status": "banana"}, *steps[1:]],
        lambda steps: [steps[0] | {"status": "timed out"}, *steps[1:]],
        lambda steps: [steps[0] | {"rule": "another rule"}, *steps[1:]],
        lambda steps: [step | {"status": "argued"} for step in steps],
        lambda steps: [],
    ],
    ids=["one short", "reversed", "one more", "no status", "timed out", "other rule", "all argued", "none"],
)
def test_a_verdict_counts_only_if_it_names_every_step(tmp_path, change, capsys):
    """A sealed entry that leaves out a step, has another one, or an unknown status is ignored, and computed again."""
    truth = run_all(["elbo-decomposition"], cache_dir=tmp_path)["elbo-decomposition"]
    (path,) = tmp_path.iterdir()
    document = json.loads(path.read_bytes().partition(b"\n")[2])
    keep(path, json.dumps(document | {"steps": change(document["steps"])}))
    again = run_all(["elbo-decomposition"], cache_dir=tmp_path)["elbo-decomposition"]
    assert [(s.rule, s.status) for s in again.steps] == [(s.rule, s.status) for s in truth.steps]
    assert capsys.readouterr().err.count(f"elbogap: ignored {path}") == 1


def test_timed_out_verdicts_are_not_kept(tmp_path, monkeypatch):
    """What depends on the machine's speed is decided anew each time."""

    def endless():
        while True:
            pass

    slow = Derivation("contrast", "", (Step(endless, 0, "endless"),))
    monkeypatch.setattr(verdicts, "derivation", lambda claim: slow)
    verdict = run_all(["contrast"], time_limit=0.05, cache_dir=tmp_path)["contrast"]
    assert verdict.steps[0].status == "timed out"
    assert not verdict.holds
    assert list(tmp_path.iterdir()) == []


def test_the_key_depends_on_the_sources(tmp_path, monkeypatch):
    """Another source, or another SymPy, is another key."""
    before = source_hash()
    monkeypatch.setattr(verdicts.sp, "__version__", "0.0")
    assert source_hash() != before


def test_unknown_claims_are_refused(tmp_path):
    """One line names the known claims."""
    with pytest.raises(ValueError, match=r"no derivation for \['nothing'\], expected some of"):
        run_all(["nothing"], cache_dir=tmp_path)
