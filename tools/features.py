"""Checks docs/features.md against the acceptance tests, in both directions, by running them.

Here: every row says what it leaves out and names a test that passes, and every acceptance test of a
row is named. Not here: the tests. `--collect` only compares names and runs nothing; a path is that
of another page.
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
WORDS = r"[^|\s](?:[^|]*[^|\s])?"
ROW = re.compile(
    rf"^\| (?P<row>[A-Z]\d\d) \| {WORDS} \| {WORDS}"
    r" \| `(?P<file>test_\w+\.py)::(?P<test>test_[A-Z]\d\d_\w+)` \|$"
)
BEGUN = re.compile(r"^\| ([A-Z]\d\d) \|")
WHOLE = "| row | what it does | left out | test |"
NAMED = re.compile(r"^(?:async )?def (test_([A-Z]\d\d)_\w+)", re.MULTILINE)


def main(words: list[str]) -> int:
    """The number of things that are wrong, as exit code 0 or 1."""
    page = next((Path(word) for word in words if not word.startswith("--")), PAGE)
    text = page.read_text("utf-8")
    rows = dict(_rows(text))
    wrong = [*_torn(text), *_names(rows)]
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
            yield match["row"], f"{match['file']}::{match['test']}"


def _torn(text: str) -> Iterable[str]:
    """Rows that lack a column, or the words in one."""
    for line in text.splitlines():
        begun = BEGUN.match(line)
        if begun and not ROW.match(line):
            yield f"{begun[1]}: its line is not {WHOLE}"


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
