"""`make faults` and `make soak`: run the fault suite, then say in one line what it came to.

Here: the amounts, the processes, the sum over all tests. Not here: the tests (tests/faults).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTED = ("faults", "histories", "records", "lost", "doubled", "stuck", "mutants_caught")
BUGS = 12


def main() -> int:
    """Run the suite; 1 when a test fails, anything is wrong, or a bug is not caught."""
    given, more = _parser().parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.jsonl"
        told = {"CLEARPOST_FAULTS_SUITE": given.suite, "CLEARPOST_FAULTS_SHEET": str(sheet)}
        if given.soak:
            told["CLEARPOST_SOAK"] = str(given.records)
        ended = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *_wanted(given), *more],
            env={**os.environ, **told},
            cwd=ROOT,
            check=False,
        )
        done = _sum(sheet)
    sys.stdout.write(json.dumps(done) + "\n")
    wrong = done["lost"] or done["doubled"] or done["stuck"]
    few = not given.soak and not more and done["mutants_caught"] != BUGS
    return 1 if ended.returncode or wrong or few else 0


def _wanted(given: argparse.Namespace) -> list[str]:
    if given.soak:
        return ["-n", "0", "tests/faults/test_f25_soak.py", "-k", "f25"]
    return ["-n", str(given.workers), "--dist", "worksteal", "tests/faults"]


def _sum(sheet: Path) -> dict[str, int]:
    total: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
    for line in sheet.read_text("utf-8").splitlines() if sheet.exists() else []:
        total.update({name: json.loads(line)[name] for name in COUNTED})
    return {name: total[name] for name in COUNTED}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--suite", choices=("smoke", "ci", "night"), default="ci")
    parser.add_argument("--soak", action="store_true", help="only the long run")
    parser.add_argument("--records", type=int, default=100_000, help="of the long run")
    parser.add_argument("--workers", type=int, default=2, help="test processes")
    return parser


if __name__ == "__main__":
    sys.exit(main())
