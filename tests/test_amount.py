"""What `make test` leaves to CI (tests/amount.py)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.amount import AMOUNT, EVERYDAY, PRODUCTS, left_to_ci, slow_except

ROOT = Path(__file__).parents[1]
MANY = 200
MARKED = re.compile(r"^@pytest\.mark\.slow\n(?:[@ )\]].*\n)*def (test_\w+)", re.MULTILINE)


def both(name: str) -> set[str]:
    return {f"{name}[sqlite-3]", f"{name}[postgresql-3]"}


def test_of_two_databases_exactly_one_is_left_out_and_each_has_its_turn() -> None:
    names = [f"tests/holding/test_{no}.py::test_it" for no in range(MANY)]
    left = left_to_ci(set().union(*map(both, names)))
    assert [len(both(name) & left) for name in names] == [1] * MANY
    on_sqlite = sum("sqlite" in test for test in left)
    assert MANY / 3 < on_sqlite < MANY * 2 / 3


@pytest.mark.parametrize(
    "alone",
    [
        "tests/holding/test_a.py::test_it[sqlite]",
        "tests/holding/test_a.py::test_it[postgresql-x]",
        "tests/holding/test_a.py::test_sqlite_is_told",
        "tests/browser/test_a.py::test_it",
    ],
)
def test_what_has_one_database_or_none_is_played(alone: str) -> None:
    other = "tests/holding/test_b.py::test_it[postgresql]"
    assert left_to_ci({alone, other}) == set()


def test_products_are_left_out_except_those_of_every_day() -> None:
    every = {f"{PRODUCTS}/{name}.py::test_A01_it" for name in EVERYDAY}
    assert left_to_ci({*every, f"{PRODUCTS}/test_other.py::test_A02_it"}) == {
        f"{PRODUCTS}/test_other.py::test_A02_it"
    }


def test_what_is_slow_is_left_out_except_every_day() -> None:
    every, other = f"{PRODUCTS}/{min(EVERYDAY)}.py::test_it", "tests/rules/test_a.py::test_it[x]"
    assert left_to_ci({every, other}, {every, other}) == {other}
    assert left_to_ci({every, other}, {every}) == set()


def test_of_the_cases_of_a_law_one_is_played() -> None:
    marked = [(case.id, bool(case.marks)) for case in slow_except("b", "abc")]
    assert marked == [("a", True), ("b", False), ("c", True)]
    with pytest.raises(AssertionError, match="d is none of the cases"):
        slow_except("d", "abc")


def test_each_module_of_every_day_is_there() -> None:
    gone = {name for name in EVERYDAY if not (ROOT / PRODUCTS / f"{name}.py").exists()}
    assert gone == set()


def test_no_net_waits_for_ci() -> None:
    """What 0093 names goes red under `make test`."""
    named = (ROOT / "docs" / "decisions" / "0093-a-net-is-one-that-was-seen-red.md").read_text()
    nets = tuple(re.findall(r"::(test_\w+)", named))
    assert len(nets) > 20
    marked = [
        (path.name, name)
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in MARKED.findall(path.read_text("utf-8"))
        if name.startswith(nets)
    ]
    assert marked == []


def test_ci_leaves_nothing_out() -> None:
    run = (ROOT / ".ci" / "run").read_text("utf-8")
    assert re.search(rf"^export {AMOUNT}=all ", run, re.MULTILINE)
    assert run.rstrip().endswith("\nmake test")


TWO = """
import pytest

@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_it(database): pass
"""


@pytest.mark.parametrize(
    ("amount", "words", "told"),
    [
        ("", (), "1 passed, 1 deselected"),
        ("all", (), "2 passed"),
        ("", ("tests",), "2 passed"),
        ("", ("tests/test_two.py::test_it",), "2 passed"),
        ("", ("-k", "test_it"), "2 passed"),
        ("", ("-m", "not slow"), "2 passed"),
    ],
)
def test_only_a_run_of_everything_is_made_smaller(
    tmp_path: Path, amount: str, words: tuple[str, ...], told: str
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_two.py").write_text(TWO)
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\nmarkers = slow\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "tests.amount", *words],
        cwd=tmp_path,
        env={**os.environ, AMOUNT: amount, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert re.search(rf"^{told} in", done.stdout, re.MULTILINE), done.stdout
    assert ("Left to CI: 1 tests" in done.stdout) == ("deselected" in told)
