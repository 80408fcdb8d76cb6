"""Counts the tests that really ran on SQLite, on PostgreSQL and in the browser, and says so.

`REQUIRE_POSTGRESQL=1` and `REQUIRE_BROWSER=1` turn a zero into a failure, so that a half cannot be
left out silently; these, `REQUIRE_MARIADB=1` and `REQUIRE_REDIS=1` do so with any test that was
left out for want of a server, its programs or a browser.
"""

import os
from collections import Counter

import pytest

KINDS = ("sqlite", "postgresql", "browser")
WANTING = {
    "postgresql": "NO POSTGRESQL",
    "mariadb": "NO MARIADB",
    "redis": "no redis-server",
    "browser": "NO BROWSER",
}
"""What a test says that was left out for want of it."""
_ran: Counter[str] = Counter()
_without: dict[str, list[str]] = {kind: [] for kind in WANTING}


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    for kind, words in WANTING.items():
        if report.skipped and words in str(report.longrepr):
            _without[kind].append(report.nodeid)
    if report.when == "call" and not report.skipped:
        for kind in KINDS:
            if kind in report.keywords:
                _ran[kind] += 1


def _missing() -> list[str]:
    return [k for k in KINDS if _required(k) and not _ran[k]]


def _left_out() -> list[tuple[str, str]]:
    return [(kind, test) for kind in WANTING if _required(kind) for test in _without[kind]]


def _required(kind: str) -> bool:
    return os.environ.get(f"REQUIRE_{kind.upper()}") == "1"


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if hasattr(session.config, "workerinput"):
        return
    if exitstatus == 0 and (_missing() or _left_out()):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    told = ", ".join(
        f"{_ran[k]} {name}"
        for k, name in zip(KINDS, ("on SQLite", "on PostgreSQL", "in the browser"), strict=True)
    )
    terminalreporter.write_line(f"Tests run: {told}")
    for kind in _missing():
        terminalreporter.write_line(f"FAILED: no test ran for {kind}, and REQUIRE_{kind.upper()}=1")
    for kind, test in _left_out():
        words = f"was left out for want of {kind}, and REQUIRE_{kind.upper()}=1"
        terminalreporter.write_line(f"FAILED: {test} {words}")
