"""The wheel: it holds every file of the package, is built without a warning, and works in an environment of its own."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import elbogap
import jax
import pytest

ROOT = Path(elbogap.__file__).resolve().parent
OUTSIDE = {"tests", "docs", "examples", "benchmarks", "findings", "build", "dist", "site"}
"""Folders of the repository that are not part of the package."""


def package_files() -> set[str]:
    """Every file of code in the package, relative to its root."""
    files = {path.relative_to(ROOT) for path in ROOT.rglob("*.py")}
    return {str(path) for path in files if not path.parts[0].startswith(".") and path.parts[0] not in OUTSIDE}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The wheel, built from a copy of the sources, and what the build printed."""
    folder = tmp_path_factory.mktemp("wheel")
    left_out = shutil.ignore_patterns(".*", "__pycache__", *OUTSIDE, "*.egg-info")
    shutil.copytree(ROOT, folder / "source", ignore=left_out)
    command = f"from setuptools.build_meta import build_wheel; build_wheel({str(folder)!r})"
    done = subprocess.run([sys.executable, "-c", command], cwd=folder / "source", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return next(folder.glob("*.whl")), done.stdout + done.stderr


def test_the_wheel_holds_every_file_of_code(built: tuple[Path, str]) -> None:
    """A folder that is missing in `packages` would be missing for users, and no editable install would notice."""
    with zipfile.ZipFile(built[0]) as wheel:
        inside = {name.removeprefix("elbogap/") for name in wheel.namelist() if name.endswith(".py")}
        data = set(wheel.namelist())
    assert inside == package_files()
    for path in ("py.typed", "report/templates/page.css", "report/elbogap.mplstyle", "results/moebius-gamma.json"):
        assert f"elbogap/{path}" in data


def test_the_build_prints_no_warning_about_packages(built: tuple[Path, str]) -> None:
    """setuptools has nothing to say about folders that look like packages and are not listed."""
    assert "is absent from the `packages`" not in built[1] and "ignored by setuptools" not in built[1].lower()


def test_the_wheel_verifies_a_claim_in_an_environment_of_its_own(built: tuple[Path, str], tmp_path: Path) -> None:
    """Installed from the wheel, away from the sources, `elbogap verify contrast` holds."""
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / "bin" / "python"
    place = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    with zipfile.ZipFile(built[0]) as wheel:
        wheel.extractall(place)
    # The dependencies are this environment's; its own editable install is not seen, since no .pth file there is read.
    Path(place, "dependencies.pth").write_text(f"{Path(jax.__file__).parents[1]}\n")
    where = subprocess.run(
        [python, "-c", "import elbogap; print(elbogap.__file__)"],
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.strip().startswith(str(Path(place).resolve()))
    done = subprocess.run([python, "-m", "elbogap", "verify", "contrast"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "holds" in done.stdout
