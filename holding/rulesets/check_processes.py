"""Rule files looked at for pages: in processes with limits, two at a time.

Here: who looks, how many wait, and what is said when a look is stopped or none is free. Not here:
the look (admission.py), its words (check_report.py), what may be written
(rules/editing), limiting a process (connectors/kit).
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

import msgspec

from connectors.kit.confined_process import Child, Ended, serve
from connectors.kit.delivery_limits import MEGABYTE
from holding.programs.known_schemas import schemas
from holding.refusal import Refusal
from holding.rulesets.check_report import Report, fingerprint, report
from rules.rulebook.suggested_names import Suggested, suggested

AT_ONCE: Final = 2
WAITING: Final = 2
WAIT_SECONDS: Final = 2.0
SPARE_SECONDS: Final = 7.0  # beyond the processor time: to start, and where others are at work
MEMORY_BYTES: Final = 512 * MEGABYTE
_KEPT: Final = 8  # reports: what is looked at is often pushed next
_REPORT: Final = msgspec.json.Decoder(Report)
_SUGGESTED: Final = msgspec.json.Decoder(tuple[Suggested, ...])


class Question(msgspec.Struct, frozen=True):
    """What is asked of these files: a report, with their tests or without, or, where `before` is
    the text before the cursor, what may be written behind it.
    """

    files: dict[str, str]
    tests: bool = True
    before: str | None = None


BUSY: Final = Refusal(
    "rules.busy",
    "Other rules are being checked at the moment.",
    "Nothing was checked or changed. Try again in a few seconds.",
    503,
)
RETRY_SECONDS: Final = 5


class RuleChecks:
    """The looks of one process. Each may take so many seconds of processor time."""

    def __init__(self, cpu_seconds: float) -> None:
        self._seconds = cpu_seconds
        self._inside = threading.BoundedSemaphore(AT_ONCE + WAITING)
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._idle: list[Child] = []
        self._told: OrderedDict[tuple[str, bool], Report] = OrderedDict()
        self.end = weakref.finalize(self, _end, self._idle)

    def report(self, files: Mapping[str, str], *, tests: bool = True) -> Report | Refusal:
        """A look at rule files; or why there is none: it was stopped, or nobody is free."""
        key = (fingerprint(files), tests)
        with self._lock:
            if key in self._told:
                return self._told[key]
        told = self._asked(Question(dict(files), tests))
        if isinstance(told, Refusal):
            return told
        found = _REPORT.decode(told)
        with self._lock:
            self._told[key] = found
            if len(self._told) > _KEPT:
                self._told.popitem(last=False)
        return found

    def suggested(self, files: Mapping[str, str], before: str) -> tuple[Suggested, ...] | Refusal:
        """What may be written behind a text that one of these files begins with."""
        told = self._asked(Question(dict(files), before=before))
        return told if isinstance(told, Refusal) else _SUGGESTED.decode(told)

    def _asked(self, question: Question) -> bytes | Refusal:
        if not self._inside.acquire(blocking=False):
            return BUSY
        try:
            if not self._turn.acquire(timeout=WAIT_SECONDS):
                return BUSY
            try:
                return self._answered(question)
            finally:
                self._turn.release()
        finally:
            self._inside.release()

    def warm(self) -> None:
        """Somebody will ask soon: a process starts meanwhile."""
        with self._lock:
            if not self._idle:
                self._idle.append(self._started())

    def _answered(self, question: Question) -> bytes | Refusal:
        with self._lock:
            child = self._idle.pop() if self._idle else self._started()
        told = child.ask(msgspec.json.encode(question), self._seconds + SPARE_SECONDS)
        if isinstance(told, Ended):
            return self._stopped(told)
        with self._lock:
            self._idle.append(child)
        return told

    def _started(self) -> Child:
        return Child("holding.rulesets.check_child", str(self._seconds))

    def _stopped(self, why: Ended) -> Refusal:
        if why is Ended.BROKEN:
            message = "the process that checks rules ended by itself"
            raise RuntimeError(message)
        used = {
            Ended.PROCESSOR: f"after {self._seconds:g} seconds of processor time",
            Ended.TIME: f"after {self._seconds + SPARE_SECONDS:g} seconds",
            Ended.MEMORY: f"at {MEMORY_BYTES // MEGABYTE} MB of memory",
        }
        return Refusal(
            "rules.stopped",
            f"The check was stopped {used[why]}: these rules are too large to check here.",
            "Shorten what you added last, or split it into several checks. "
            "On the command line clearpost check has no such limit.",
            422,
        )


def answer(question: bytes) -> bytes:
    """One look, as the lines between the processes say it."""
    asked = msgspec.json.decode(question, type=Question)
    if asked.before is not None:
        return msgspec.json.encode(suggested(asked.files, asked.before, schemas()))
    return msgspec.json.encode(report(asked.files, tests=asked.tests))


def listen(cpu_seconds: float) -> None:
    """Look at what is asked on standard input until nobody asks any more."""
    report({"first.rules": "language 1\n"})  # the grammar is ready before the first question
    serve(answer, memory_bytes=MEMORY_BYTES, cpu_seconds=cpu_seconds)


def _end(idle: list[Child]) -> None:
    for child in idle:
        child.end()
