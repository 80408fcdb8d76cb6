"""How much of the suite is played: all of it by CI, and by `make test` what a person waits for.

`CLEARPOST_TESTS=all`, which `.ci/run` sets, plays everything. So does naming a file, a test or a
word: only a run of the whole folder is made smaller. Then these are left to CI:

- tests that start whole products, but for `EVERYDAY` (`make features` plays all of them);
- what is marked `slow`: it takes a second or more of a processor, or is one more case of a law;
- of a test that runs on SQLite and on PostgreSQL one of the two, by turns.

What is left out is counted in the last lines. Not here: what `make faults`, `make night` and `make
walk` play besides.
"""

import os
from collections.abc import Collection, Iterable
from pathlib import PurePath
from zlib import crc32

import pytest
from _pytest.mark import ParameterSet

AMOUNT = "CLEARPOST_TESTS"
PRODUCTS = "tests/acceptance"
EVERYDAY = frozenset({"test_approval", "test_limits", "test_posting", "test_story", "test_trace"})
"""Modules of `PRODUCTS` that are played each time: an order on its way to the books, and what keeps
it from being there twice, too early or without a reason."""
DATABASES = ("sqlite", "postgresql")
_left = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if os.environ.get(AMOUNT) == "all" or narrowed(config):
        return
    slow = {item.nodeid for item in items if item.get_closest_marker("slow")}
    left = left_to_ci([item.nodeid for item in items], slow)
    gone = [item for item in items if item.nodeid in left]
    config.stash[_left] = len(gone)
    config.hook.pytest_deselected(items=gone)
    items[:] = [item for item in items if item.nodeid not in left]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if number := terminalreporter.config.stash.get(_left, 0):
        terminalreporter.write_line(f"Left to CI: {number} tests ({AMOUNT}=all plays them, too)")


def narrowed(config: pytest.Config) -> bool:
    """Whether somebody asked for some tests by name."""
    option = config.option
    return config.args_source is not config.ArgsSource.TESTPATHS or bool(
        option.keyword or option.markexpr
    )


def left_to_ci(tests: Iterable[str], slow: Collection[str] = ()) -> set[str]:
    """Those of all tests, `path::name[case]` each, that `make test` leaves out."""
    known = set(tests)
    return {test for test in known if _waits(test, slow) or _is_the_others_turn(test, known)}


def slow_except(kept: str, cases: Iterable[str]) -> list[ParameterSet]:
    """Cases of one law, of which one is played every day."""
    marks = {case: () if case == kept else pytest.mark.slow for case in cases}
    assert kept in marks, f"{kept} is none of the cases"
    return [pytest.param(case, marks=mark, id=case) for case, mark in marks.items()]


def _waits(test: str, slow: Collection[str]) -> bool:
    path = PurePath(test.partition("::")[0])
    if str(path.parent) == PRODUCTS:
        return path.stem not in EVERYDAY
    return test in slow


def _is_the_others_turn(test: str, known: set[str]) -> bool:
    """Of two databases one, by the name of the test: about half of a module on each."""
    path, _, name = test.partition("::")
    for one, other in (DATABASES, DATABASES[::-1]):
        twin = f"{path}::{name.replace(one, other)}"
        if twin != test and twin in known:
            turn = crc32(test.replace(one, "").encode()) % 2
            return one == DATABASES[turn]
    return False
