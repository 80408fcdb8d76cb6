"""Counts the tests that really ran on SQLite, on PostgreSQL and in the browser, and says so.

`REQUIRE_POSTGRESQL=1` and `REQUIRE_BROWSER=1` turn a zero into a failure, so that a half cannot be
left out silently; `REQUIRE_REDIS=1` does so with any test that was left out for want of a server.
"""

import os
from collections import Counter

import pytest

KINDS = ("sqlite", "postgresql", "browser")
NO_REDIS = "no redis-server"
_ran: Counter[str] = Counter()
_without_redis: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.skipped and NO_REDIS in str(report.longrepr):
        _without_redis.append(report.nodeid)
    if report.when == "call" and not report.skipped:
        for kind in KINDS:
            if kind in report.keywords:
                _ran[kind] += 1


def _missing() -> list[str]:
    return [k for k in KINDS if _required(k) and not _ran[k]]


def _left_out() -> list[str]:
    return _without_redis if _required("redis") else []


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
    for test in _left_out():
        terminalreporter.write_line(f"FAILED: {test} found no redis-server, and REQUIRE_REDIS=1")
