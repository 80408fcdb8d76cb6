"""Checks docs/features.md against the acceptance tests, in both directions, by running them.

Here: every row names a test that passes, and every acceptance test of a row is named. Not here: the
tests. `--collect` only compares names and runs nothing.
"""

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "features.md"
TESTS = ROOT / "tests" / "acceptance"
ROW = re.compile(r"^\| ([A-Z]\d\d) \|.*\| `(test_\w+\.py)::(test_[A-Z]\d\d_\w+)` \|$")
NAMED = re.compile(r"^(?:async )?def (test_([A-Z]\d\d)_\w+)", re.MULTILINE)


def main(words: list[str]) -> int:
    """The number of things that are wrong, as exit code 0 or 1."""
    rows = dict(_rows(PAGE.read_text("utf-8")))
    wrong = list(_names(rows))
    if "--collect" not in words:
        wrong += _results(rows)
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{len(rows)} rows, {len(wrong)} wrong\n")
    return 1 if wrong else 0


def _rows(text: str) -> Iterable[tuple[str, str]]:
    """Row id -> file::test."""
    for line in text.splitlines():
        match = ROW.match(line)
        if match:
            yield match[1], f"{match[2]}::{match[3]}"


def _names(rows: Mapping[str, str]) -> Iterable[str]:
    """Rows without a test of their id, and tests without a row."""
    found = {
        f"{path.name}::{name}": row
        for path in sorted(TESTS.glob("test_*.py"))
        for name, row in NAMED.findall(path.read_text("utf-8"))
    }
    for row, test in sorted(rows.items()):
        if found.get(test) != row:
            yield f"{row}: there is no acceptance test {test}"
    for test, row in sorted(found.items()):
        if rows.get(row) != test:
            yield f"{test}: docs/features.md does not name it in row {row}"


def _results(rows: Mapping[str, str]) -> list[str]:
    """Rows whose test did not pass."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-n", "2", f"--junitxml={report}", str(TESTS)],
            cwd=ROOT,
            check=False,
        )
        passed: dict[str, bool] = {}
        for case in ET.parse(report).iter("testcase"):  # noqa: S314 - our own file
            name = case.get("name", "").split("[")[0]
            test = f"{case.get('classname', '').split('.')[-1]}.py::{name}"
            good = not any(case.find(word) is not None for word in ("failure", "error", "skipped"))
            passed[test] = good and passed.get(test, True)
    return [
        f"{row}: {test} did not pass"
        for row, test in sorted(rows.items())
        if not passed.get(test, False)
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
