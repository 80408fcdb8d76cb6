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
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTED = ("faults", "histories", "records", "lost", "doubled", "stuck", "mutants_caught")
BUGS = 19
"""Fourteen by number (tests/faults/mutants.py), and five about an undo (F22)."""
HISTORIES = {"smoke": "6", "ci": "300", "night": "20000"}
ALONE = ("histories", "mutants", "f17_clocks", "f19_versions")
PLAYED = tuple(f"tests/faults/test_{name}.py" for name in ALONE)
"""Timed, so nothing is beside them but one another, a core each."""
REST = (
    "tests/faults/test_f20_neighbours.py",  # the longest comes first
    "tests/faults",
    "tests/holding/approvals/test_consent_law.py",  # F22, on SQLite
    "tests/acceptance/test_nights.py",  # the program is off at the hour of a daily run
)
NONE_CHOSEN = 5  # pytest's word for it
ONCE = "(not nothing_goes_unseen or sqlite)"
"""The races of people are between them, not in a database."""
BY_DAY = f"{ONCE} and not (postgresql and (f06 or f07_forged or f24))"
"""What is about Redis and keys is met on SQLite; by night on PostgreSQL, too."""


def main() -> int:
    """Run the suite; 1 when a test fails, anything is wrong, or a bug is not caught."""
    given, more = _parser().parse_known_args()
    with tempfile.TemporaryDirectory() as folder:
        sheet = Path(folder) / "sheet.jsonl"
        told = {"CLEARPOST_FAULTS_SUITE": given.suite, "CLEARPOST_FAULTS_SHEET": str(sheet)}
        told["CLEARPOST_HISTORIES"] = os.environ.get("CLEARPOST_HISTORIES", HISTORIES[given.suite])
        if given.soak:
            told["CLEARPOST_SOAK"] = str(given.records)
        ended = {_pytest([*chosen, *more], told) for chosen in _parts(given)}
        done, pace = _sum(sheet), _pace(sheet)
    sys.stdout.write(f"{pace}{json.dumps(done)}\n")
    wrong = done["lost"] or done["doubled"] or done["stuck"]
    few = not given.soak and not more and done["mutants_caught"] != BUGS
    bad = ended - {0, NONE_CHOSEN} or ended == {NONE_CHOSEN}
    return 1 if bad or wrong or few else 0


def _parts(given: argparse.Namespace) -> list[list[str]]:
    """What pytest is told: first for what is timed, then for all the rest."""
    if given.soak:
        return [["-n", "0", f"tests/faults/test_f25_{name}.py"] for name in ("invoices", "soak")]
    chosen = ONCE if given.suite == "night" else BY_DAY
    common = ["--dist", "worksteal", "-k", chosen]
    others = [*REST, *(f"--ignore={played}" for played in PLAYED)]
    return [["-n", "2", *common, *PLAYED], ["-n", str(given.workers), *common, *others]]


def _pytest(told: Sequence[str], environment: Mapping[str, str]) -> int:
    command = [sys.executable, "-m", "pytest", "-q", *told]
    return subprocess.run(
        command, env={**os.environ, **environment}, cwd=ROOT, check=False
    ).returncode


def _sum(sheet: Path) -> dict[str, int]:
    total: Counter[str] = Counter(dict.fromkeys(COUNTED, 0))
    for line in sheet.read_text("utf-8").splitlines() if sheet.exists() else []:
        total.update({name: json.loads(line)[name] for name in COUNTED})
    return {name: total[name] for name in COUNTED}


def _pace(sheet: Path) -> str:
    """How many histories a processor plays a minute, whatever else it did meanwhile."""
    lines = [json.loads(line) for line in sheet.read_text("utf-8").splitlines()]
    count, seconds = (sum(line[name] for line in lines) for name in ("timed", "timed_seconds"))
    return f"{count} histories, {count / seconds * 60:.0f} a minute a core\n" if seconds else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--suite", choices=("smoke", "ci", "night"), default="ci")
    parser.add_argument("--soak", action="store_true", help="only the long run")
    parser.add_argument("--records", type=int, default=100_000, help="of the long run")
    parser.add_argument("--workers", type=int, default=4, help="test processes; many only wait")
    return parser


if __name__ == "__main__":
    sys.exit(main())
