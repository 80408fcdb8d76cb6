"""Plays the tests in forks of the process that collected them: `--forks 2`.

What every test process needs is done once and is there in each fork: the modules, the tests, what
is parametrized. A fork takes one module after the other, those that start whole products first, so
that none of them is left when the others are through. What it found goes through a pipe and is told
here as if it had happened here. Not here: which tests run, what is said of them (pytest).
"""

import atexit
import gc
import mmap
import os
import pickle
import struct
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from select import select
from typing import IO, Any

import pytest

SLOW = ("tests/acceptance/", "tests/browser/", "tests/workers/")
NUMBER = struct.Struct("I")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--forks", type=int, default=0, help="play the tests in so many forks")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    option = session.config.option
    if option.forks < 1 or option.collectonly or session.testsfailed:
        return None
    _alone(session.config)
    modules = modules_of(session.items)
    forks = _Forks(session, modules)
    try:
        for _ in range(min(option.forks, len(modules))):
            forks.begin()
        forks.hear()
    finally:
        forks.end()
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)
    return True


def modules_of(items: Sequence[pytest.Item]) -> list[list[pytest.Item]]:
    """The tests module by module, the slow ones first."""
    modules = [list(found) for _, found in groupby(items, key=lambda item: item.path)]
    return sorted(modules, key=lambda found: not found[0].nodeid.startswith(SLOW))


@dataclass
class _Fork:
    """A process, what it tells, and the test that it is at."""

    name: str
    pid: int
    told: IO[bytes]
    at: str = ""
    through: bool = False


class _Forks:
    """All of them, and the modules that nobody took yet: their numbers, in a pipe."""

    def __init__(self, session: pytest.Session, modules: list[list[pytest.Item]]) -> None:
        self._session, self._modules = session, modules
        self._stop = mmap.mmap(-1, 1)
        self._numbers, numbers = os.pipe()
        os.write(numbers, b"".join(map(NUMBER.pack, range(len(modules)))))
        os.close(numbers)
        self._forks: list[_Fork] = []

    def begin(self) -> None:
        heard, tells = os.pipe()
        name = f"gw{len(self._forks)}"
        pid = os.fork()
        if pid == 0:
            os.close(heard)
            _play(self._session, self._tests(), os.fdopen(tells, "wb"), name)
        os.close(tells)
        self._forks.append(_Fork(name, pid, os.fdopen(heard, "rb")))

    def hear(self) -> None:
        """Tell what they found, until each of them is through."""
        living = {fork.told.fileno(): fork for fork in self._forks}
        while living:
            for handle in select(list(living), [], [])[0]:
                fork = living[handle]
                try:
                    word, told = pickle.load(fork.told)
                except EOFError:
                    del living[handle]
                    self._ended(fork)
                else:
                    self._tell(fork, word, told)
            if self._session.shouldfail or self._session.shouldstop:
                self._stop[0] = 1

    def end(self) -> None:
        """Nobody begins another test; wait until all have put away what their tests shared."""
        self._stop[0] = 1
        for fork in self._forks:
            if fork.pid:
                fork.told.read()
                os.waitpid(fork.pid, 0)
            fork.told.close()

    def _tests(self) -> Iterator[pytest.Item]:
        """The tests of a fork: of each module that it is the first to ask for."""
        while number := os.read(self._numbers, NUMBER.size):
            for item in self._modules[NUMBER.unpack(number)[0]]:
                if self._stop[0]:
                    return
                yield item

    def _tell(self, fork: _Fork, word: str, told: Any) -> None:
        hook = self._session.config.hook
        if word == "began":
            fork.at = told
        elif word == "through":
            fork.through = True
        elif word == "warning":
            hook.pytest_warning_recorded.call_historic(kwargs=told)
        elif word == "whole report":
            hook.pytest_runtest_logreport(report=told)
        else:
            report = hook.pytest_report_from_serializable(config=self._session.config, data=told)
            hook.pytest_runtest_logreport(report=report)

    def _ended(self, fork: _Fork) -> None:
        code = os.waitstatus_to_exitcode(os.waitpid(fork.pid, 0)[1])
        fork.pid = 0
        if not fork.through:
            place = (fork.at.partition("::")[0], None, fork.at)
            words = f"the process of the tests ended too early at {fork.at}, with {code}"
            report = pytest.TestReport(fork.at, place, {}, "failed", words, "call")
            self._session.config.hook.pytest_runtest_logreport(report=report)


class _Teller:
    """What a fork would say, it tells."""

    def __init__(self, config: pytest.Config, tells: IO[bytes]) -> None:
        self._config, self._tells = config, tells

    def tell(self, word: str, told: Any) -> None:
        pickle.dump((word, told), self._tells)
        self._tells.flush()

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self.tell("began", nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.passed:
            self.tell("whole report", report)
        else:
            hook = self._config.hook.pytest_report_to_serializable
            self.tell("report", hook(config=self._config, report=report))

    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str, location: object
    ) -> None:
        of = warning_message
        same = warnings.WarningMessage(
            UserWarning(f"{of.category.__name__}: {of.message}"),
            UserWarning,
            of.filename,
            of.lineno,
        )
        told = {"warning_message": same, "when": when, "nodeid": nodeid, "location": location}
        self.tell("warning", told)


def _alone(config: pytest.Config) -> None:
    """Before the first fork: what they share, which is not looked through for rubbish any more."""
    config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
    if told := config.pluginmanager.getplugin("terminalreporter"):
        told.showfspath = False  # they are at several files at once
        told.flush()
    gc.freeze()


def _play(
    session: pytest.Session, tests: Iterator[pytest.Item], tells: IO[bytes], name: str
) -> None:
    """A fork, to its end: the tests that it gets, one by one."""
    config, code = session.config, 1
    try:
        _settle(config, name)
        teller = _Teller(config, tells)
        config.pluginmanager.register(teller, "forks teller")
        item = next(tests, None)
        while item is not None:
            following = next(tests, None)
            config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            item = following
        teller.tell("through", None)
        code = 0
    finally:
        tells.close()
        atexit._run_exitfuncs()
        os._exit(code)


def _settle(config: pytest.Config, name: str) -> None:
    """A fork has a name, a folder and streams of its own, and says nothing but through its pipe."""
    os.environ["PYTEST_XDIST_WORKER"] = name
    factory = config._tmp_path_factory  # type: ignore[attr-defined]
    factory._basetemp = factory.getbasetemp() / f"popen-{name}"
    factory._basetemp.mkdir(mode=0o700)
    config.pluginmanager.unregister(name="terminalreporter")
    captured = config.pluginmanager.getplugin("capturemanager")
    captured.stop_global_capturing()
    captured.start_global_capturing()
