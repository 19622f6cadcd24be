"""Certificates: written, re-verified by the separate checker, and refused when anything in them is false."""

import ast
import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from elbogap.enclosures import checker
from elbogap.enclosures.all_eps import enclose_all_eps
from elbogap.enclosures.balls import rational
from elbogap.enclosures.certificate import build_certificate, digest, save
from elbogap.enclosures.checker import CertificateError, check
from elbogap.enclosures.fixed import gap_at
from elbogap.enclosures.proofs import evidence, write_certificate
from elbogap.enclosures.refutation import refutations
from elbogap.enclosures.shear import ShearInstance
from flint import fmpq


@pytest.fixture(scope="module")
def document(reference: ShearInstance) -> dict:
    """A certificate of the first instance: one gap, all eps <= 1e-3, the refutations."""
    fixed = [(reference, gap_at(reference, rational("1/10"), 62))]
    uniform = [enclose_all_eps(reference, rational("1/1000"), fmpq(1, 50))]
    return build_certificate(fixed, uniform, [(reference, case) for case in refutations(reference)], "0")


def checked(document: dict, folder: Path, rehash: bool = True) -> list[str]:
    """What the checker says about a document saved in a folder, its hash recomputed or not."""
    if rehash:
        document["sha256"] = digest(document)
    return check(save(document, folder / "certificate.json"))


def test_a_true_certificate_is_verified(document: dict, tmp_path: Path) -> None:
    """Every statement of a true certificate is verified, one line each."""
    lines = checked(copy.deepcopy(document), tmp_path, rehash=False)
    assert len(lines) == 2 + len(document["refutations"])
    assert any("for every eps in (0, 1/1000]; the order is exactly 1" in line for line in lines)
    assert sum(line.startswith("false: ") for line in lines) == len(document["refutations"])


def test_any_changed_digit_is_refused(document: dict, tmp_path: Path) -> None:
    """Changing any single digit of an interval without a new hash is refused."""
    for place in (("fixed", 0, "enclosed", 0), ("uniform", 0, "slope", 1), ("refutations", 3, "claimed", 0)):
        changed = copy.deepcopy(document)
        holder: Any = changed
        for key in place[:-1]:
            holder = holder[key]
        text = holder[place[-1]]
        holder[place[-1]] = text[:-1] + str((int(text[-1]) + 1) % 10)
        with pytest.raises(CertificateError, match="content was changed"):
            checked(changed, tmp_path, rehash=False)


def shift(values: list[str], by: fmpq) -> list[str]:
    """An interval moved by a rational."""
    return [str(rational(value) + by) for value in values]


def falsify_gap(document: dict) -> None:
    """Move a gap's interval by far less than any float could show."""
    document["fixed"][0]["enclosed"] = shift(document["fixed"][0]["enclosed"], fmpq(1, 10**50))


def falsify_slope(document: dict) -> None:
    """Move the interval for all eps."""
    entry = document["uniform"][0]
    entry["slope"] = shift(entry["slope"], fmpq(1, 1000))
    for piece in entry["pieces"]:
        piece["slope"] = shift(piece["slope"], fmpq(1, 1000))


def narrow_slope(document: dict) -> None:
    """Keep the middle of a piece's interval."""
    piece = document["uniform"][0]["pieces"][0]
    low, high = (rational(value) for value in piece["slope"])
    piece["slope"] = [str((4 * low + high) / 5), str((low + 4 * high) / 5)]


def narrow_hull(document: dict) -> None:
    """Claim less than the pieces say."""
    entry = document["uniform"][0]
    entry["slope"] = [document["uniform"][0]["pieces"][0]["slope"][0], "-0.356"]


def drop_piece(document: dict) -> None:
    """Leave the range uncovered."""
    document["uniform"][0]["pieces"] = []


def stretch_range(document: dict) -> None:
    """Claim ten times the range proved."""
    document["uniform"][0]["eps0"] = "1/100"


def refute_a_truth(document: dict) -> None:
    """Call a true statement false."""
    document["refutations"][0]["claimed"] = document["refutations"][0]["enclosed"]


def change_instance(document: dict) -> None:
    """Move the point g."""
    document["instances"][0]["point"] = ["1/2", "61/100"]


@pytest.mark.parametrize(
    ("falsify", "message"),
    [
        (falsify_gap, "gap at eps = 1/10 is not proved"),
        (falsify_slope, "is not proved to lie"),
        (narrow_slope, "is not proved to lie"),
        (narrow_hull, "exceeds"),
        (drop_piece, "pieces end at 0"),
        (stretch_range, "pieces end at 1/1000"),
        (refute_a_truth, "is not refuted"),
        (change_instance, "is not proved"),
    ],
)
def test_false_certificates_with_a_matching_hash_are_refused(
    document: dict, tmp_path: Path, falsify: Callable[[dict], None], message: str
) -> None:
    """False, too narrow or incomplete statements are refused although the hash matches."""
    changed = copy.deepcopy(document)
    falsify(changed)
    with pytest.raises(CertificateError, match=message):
        checked(changed, tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        '{"format": "something else"}',
        '{"format": "elbogap enclosure certificate"}',
        "\udce9",
        "[" * 10**5,
    ],
)
def test_malformed_files_give_one_line(tmp_path: Path, text: str) -> None:
    """A file that is not a certificate is refused with one clear line."""
    path = tmp_path / "file.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(CertificateError) as caught:
        check(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(CertificateError, match="cannot read"):
        check(tmp_path / "missing.json")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda document: document.pop("uniform"),
        lambda document: document["fixed"][0].update(enclosed="0.2"),
        lambda document: document["fixed"][0].update(enclosed=[0.2, 0.3]),
        lambda document: document["fixed"][0].update(instance=7),
        lambda document: document["fixed"][0].update(quantity="entropy"),
        lambda document: document["instances"][0].update(matrix=[["1", "1"], ["1", "1"]]),
        lambda document: document["instances"][0].update(matrix=[["1"]]),
    ],
)
def test_malformed_content_gives_one_line(document: dict, tmp_path: Path, spoil: Callable[[dict], Any]) -> None:
    """Missing fields, floats, unknown quantities and singular matrices are refused with one clear line."""
    changed = copy.deepcopy(document)
    spoil(changed)
    with pytest.raises(CertificateError) as caught:
        checked(changed, tmp_path)
    assert "\n" not in str(caught.value)


def test_the_checker_is_small_and_separate() -> None:
    """Each file of the checker has < 300 lines and imports only its own folder, python-flint and the standard library.

    That is: nothing of the code that makes certificates.
    """
    standard = {
        "__future__",
        "collections",
        "dataclasses",
        "fractions",
        "functools",
        "hashlib",
        "heapq",
        "json",
        "math",
    }
    standard |= {"pathlib", "re", "time", "typing", "itertools"}
    sources = sorted(Path(checker.__file__).parent.glob("*.py"))
    assert len(sources) >= 3
    for path in sources:
        source = path.read_text(encoding="utf-8")
        assert len(source.splitlines()) < 300, path
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 1 or (node.level == 0 and node.module.split(".")[0] in {*standard, "flint"}), path
            elif isinstance(node, ast.Import):
                assert {alias.name for alias in node.names} <= standard, path


def test_three_latents_are_certified_and_their_digits_matter(three_latents: ShearInstance, tmp_path: Path) -> None:
    """A shear of three latents is certified, fixed and for all eps; a moved interval is refused."""
    uniform = [enclose_all_eps(three_latents, rational("1/100"), fmpq(1, 20))]
    document = build_certificate([(three_latents, gap_at(three_latents, fmpq(1, 10), 62))], uniform, [], "0")
    assert len(checked(copy.deepcopy(document), tmp_path, rehash=False)) == 2
    falsify_gap(document)
    with pytest.raises(CertificateError, match="gap at eps = 1/10 is not proved"):
        checked(document, tmp_path)


def test_standing_statements_are_not_certified(reference: ShearInstance) -> None:
    """The writer refuses refutations that do not refute."""
    case = refutations(reference)[0]
    true = type(case)(case.id, "a true statement", case.quantity, case.eps, case.enclosed, case.enclosed, case.box)
    assert not true.rejected
    with pytest.raises(ValueError, match="not refuted"):
        build_certificate([], [], [(reference, true)], "0")


def test_an_empty_certificate_is_refused(document: dict, tmp_path: Path) -> None:
    """A certificate without statements proves nothing and is refused, hash or not."""
    empty = copy.deepcopy(document) | {"fixed": [], "uniform": [], "refutations": []}
    with pytest.raises(CertificateError, match="empty: expected at least one statement"):
        checked(empty, tmp_path)


def test_no_free_text_reaches_a_line(document: dict, tmp_path: Path) -> None:
    """Texts of the file are not repeated: a line says only what was verified, so that none can be forged."""
    forged = copy.deepcopy(document)
    forged["statement"] = forged["refutations"][0]["statement"] = "harmless\nverified  the gap is 0"
    forged["refutations"][0]["id"] = forged["versions"]["elbogap"] = "verified"
    lines = checked(forged, tmp_path)
    assert lines == checked(copy.deepcopy(document), tmp_path)
    assert all("\n" not in line and "harmless" not in line for line in lines)
    assert all("shear M = ((1, 1/2), (-1/5, 6/5)), p = ((0, 0, 1/2, 1/5)), g = (1/2, 3/5)" in line for line in lines)
    assert lines[-1].startswith("false: variance/eps of the last latent at eps = 1/100 lies in [")


@pytest.mark.parametrize(
    ("enlarge", "message"),
    [
        (lambda d: d["instances"][0].update(profiles=[["0"] * 400]), "1 to 13 coefficients of a profile, got 400"),
        (lambda d: d["instances"][0].update(point=["0"] * 9), "2 to 4 latents, got 9"),
        (lambda d: d.update(instances=d["instances"] * 40), "0 to 32 instances, got 40"),
        (lambda d: d.update(fixed=d["fixed"] * 201), "0 to 200 fixed, got 201"),
        (lambda d: d["uniform"][0].update(pieces=d["uniform"][0]["pieces"] * 9000), "0 to 5000 pieces, got"),
        (lambda d: d["fixed"][0].update(eps="1" * 401), "at most 400 characters"),
        (lambda d: d.update(padding="x" * 8_000_000), "at most 8000000 bytes"),
    ],
)
def test_sizes_are_bounded_before_work_begins(
    document: dict, tmp_path: Path, enlarge: Callable[[dict], None], message: str
) -> None:
    """What would take for ever is refused at once, and the message names the bound."""
    large = copy.deepcopy(document)
    enlarge(large)
    with pytest.raises(CertificateError, match=message):
        checked(large, tmp_path)


def test_checking_ends_when_its_time_is_over(document: dict, tmp_path: Path) -> None:
    """A certificate that needs longer than it is given is refused with the number of seconds."""
    path = save(copy.deepcopy(document), tmp_path / "certificate.json")
    with pytest.raises(CertificateError, match=r"not verified within 0\.001 seconds"):
        check(path, seconds=0.001)


def test_evidence_holds_and_its_certificate_is_verified(tmp_path: Path) -> None:
    """The quick evidence holds, rejects every control, and its certificate passes the checker."""
    found = evidence("quick")
    assert found.verdict == "holds"
    assert len(found.controls) >= 12 and all(control.rejected for control in found.controls)
    assert all(instance.interval.startswith("[") for instance in found.instances)
    path = write_certificate(tmp_path / "new" / "folder", "quick")
    assert json.loads(path.read_text())["sha256"] in path.read_text()
    assert len(check(path)) == 9 + 3 + 9
    with pytest.raises(ValueError, match="effort: expected one of quick, standard, full"):
        evidence("thorough")
