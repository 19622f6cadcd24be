"""How much is lost: python tests/reliability/run.py [--kills N] [--mutations N] [--only WORD]. Prints tried and lost.

Exits with 1 if anything is lost. 60 kills a command and 2000 mutations a format take hours on two cores.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from contextlib import redirect_stderr
from io import StringIO
from pathlib import Path

from identical import CLAIMS, documents
from kills import COMMANDS, kill, prepare, start, two_at_once
from mutations import formats, lost

FULL_DISK = 64 * 1024
"""Bytes: the pages and the certificate of a report do not fit, the bytes that try the folder do."""


def main() -> int:
    """Run what was asked for; the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60)
    parser.add_argument("--mutations", type=int, default=2000)
    parser.add_argument("--only", default="", help="a command, a format, `documents`, `disk` or `two`")
    asked = parser.parse_args()
    bad = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for one in formats(folder) if asked.mutations else ():
            if asked.only in ("", one.name):
                with redirect_stderr(StringIO()):
                    found = lost(one, folder, asked.mutations)
                print(f"{one.name}: {asked.mutations} mutations, {len(found)} lost", *found[:5], sep="\n  ", flush=True)
                bad += len(found)
        for command in COMMANDS if asked.kills else ():
            if asked.only in ("", command):
                count = kill(folder / command, command, asked.kills)
                print(f"{command}: {count}", flush=True)
                bad += count.bad
            if asked.only in ("", "two"):
                failed = two_at_once(folder / f"two-{command}", command)
                print(f"two of {command} at once: {len(failed)} lost", *sorted(failed), sep="\n  ", flush=True)
                bad += len(failed)
        for claims in CLAIMS if asked.only in ("", "documents") else ():
            (folder / claims[0]).mkdir()
            found = documents(folder / claims[0], claims)
            print(
                f"documents of {' '.join(claims)}: {len(found)} runs, {len(set(found.values()))} different: {found}",
                flush=True,
            )
            bad += len(set(found.values())) - 1
        if asked.only in ("", "disk"):
            bad += full_disk(folder / "disk")
    return 1 if bad else 0


def full_disk(folder: Path) -> int:
    """`verify` with its cache and its results on a disk of 64 KiB: the table is printed, one line says what failed."""
    prepare(folder)
    small = folder / "cache"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={FULL_DISK}", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        print("full disk: skipped, without the right to mount one")
        return 0
    try:
        process, _ = start(folder, ("verify", "contrast", "--out", "cache/out"))
        status = process.wait()
        printed = "1 of 1 claims hold" in (folder / "stdout").read_text()
        errors = [line for line in (folder / "stderr").read_text().splitlines() if line.startswith("elbogap: ")]
        good = printed and status == 1 and errors and not any("unexpected" in line for line in errors)
        print(f"full disk: status {status}, table printed {printed}, {len(errors)} lines", *errors, sep="\n  ")
        return 0 if good else 1
    finally:
        subprocess.run(["umount", str(small)], check=False)


if __name__ == "__main__":
    sys.exit(main())
