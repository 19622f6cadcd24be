"""A page of a paper whose numbers, table and figure are made by one command: python examples/paper/make.py OUT

Writes into OUT: numbers.tex (macros), table.tex (booktabs), the figure of the claim as PDF, and paper.tex; and runs
pdflatex there if it is installed. Change claim.py, run it again, and the page says what is true now.
"""

import shutil
import subprocess
import sys
from pathlib import Path

from elbogap import theorem as th
from elbogap.proofs_checks.loading import claims_in
from elbogap.proofs_checks.macros import macros_text

HERE = Path(__file__).parent


def make(out: Path) -> Path:
    """Everything that paper.tex includes, and paper.tex; the path of the page, .pdf where LaTeX is installed."""
    out.mkdir(parents=True, exist_ok=True)
    report = th.verify(*claims_in(str(HERE / "claim.py")))
    (out / "numbers.tex").write_text(macros_text(report))
    (out / "table.tex").write_text(report.table("log-of-a-mean", most=2).latex())
    report.plot("log-of-a-mean").savefig(out / "figure.pdf", metadata={"CreationDate": None})
    page = out / "paper.tex"
    shutil.copyfile(HERE / "paper.tex", page)
    if shutil.which("pdflatex") is None:
        return page
    command = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", page.name]
    for _ in range(2):  # the second run knows the numbers of figure and table
        done = subprocess.run(command, cwd=out, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"pdflatex: {done.stdout[-1500:]}")
    return page.with_suffix(".pdf")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("expected a folder: python examples/paper/make.py OUT")
    print(make(Path(sys.argv[1])))
