"""Check rule files for pages in child processes with time and memory limits."""

import sys
import threading
import weakref
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from connectors.kit.delivery_limits import MEGABYTE
from connectors.kit.workbook import Child, Ended, serve
from grammar.parsing.incremental import collect_rarely
from holding.db.refusal import Refusal
from holding.programs.known_schemas import schemas
from holding.rulesets.admission import Coverage, Report, Seen, fingerprint, measure_coverage, report
from rules.rulebook.suggested_names import Suggested, suggest_names

AT_ONCE: Final = 2

WAITING: Final = 2

WAIT_SECONDS: Final = 2.0

SPARE_SECONDS: Final = 7.0  # beyond the processor time: to start, and where others are at work

MEMORY_BYTES: Final = 512 * MEGABYTE

PROVING: Final = 0.5  # of the seconds of a look: a browser waits for both

_KEPT: Final = 8  # reports: what is looked at is often pushed next

DRAFTS: Final = 3  # that a process remembers

_REPORT: Final = msgspec.json.Decoder(Report)

_COVERAGE: Final = msgspec.json.Decoder(Coverage)

_SUGGESTED: Final = msgspec.json.Decoder(tuple[Suggested, ...])

Key = TypeVar("Key")

Answer = TypeVar("Answer")

BUSY: Final = Refusal(
    "rules.busy",
    "Other rules are being checked at the moment.",
    "Nothing was checked or changed. Try again in a few seconds.",
    503,
)

SLOW: Final = Refusal(
    "rules.busy",
    "The check did not end in time, because the computer is busy with other work.",
    "Nothing was checked or changed. Try again in a few seconds.",
    503,
)

RETRY_SECONDS: Final = 5


class Question(msgspec.Struct, frozen=True):
    """A request about these files.

    A report with or without tests; or with `before`, the text before the cursor, completions; or
    with `proves`, coverage for some seconds after the first `proved` parts. `whose` identifies a
    draft by company, person and file; blank disables its cache.
    """

    files: dict[str, str]
    tests: bool = True
    before: str | None = None
    proves: float = 0.0
    proved: int = 0
    whose: str = ""


@dataclass(slots=True, eq=False)
class _Looker:
    """A process and the drafts that it caches, most recent last."""

    child: Child
    drafts: deque[str] = field(default_factory=lambda: deque(maxlen=DRAFTS))

    def told(self, draft_key: str) -> None:
        """Record that the process was used for a draft."""
        if draft_key in self.drafts:
            self.drafts.remove(draft_key)
        if draft_key:
            self.drafts.append(draft_key)


class RuleChecks:
    """The rule checks of one process; each may use a limited processor time."""

    def __init__(self, cpu_seconds: float) -> None:
        self._seconds = cpu_seconds
        self._inside = threading.BoundedSemaphore(AT_ONCE + WAITING)
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._idle: list[_Looker] = []  # the one that was asked last comes last
        self._told: OrderedDict[tuple[str, bool], Report] = OrderedDict()
        self._proved: OrderedDict[str, Coverage] = OrderedDict()
        self.end = weakref.finalize(self, _end, self._idle)

    def report(
        self, files: Mapping[str, str], *, tests: bool = True, draft_key: str = ""
    ) -> Report | Refusal:
        """Check rule files; refuse if the check was stopped or no process is free.

        `draft_key` is the edited draft, whose next check costs only what changed.
        """
        key = (fingerprint(files), tests)
        with self._lock:
            if key in self._told:
                return self._told[key]
        reply = self._asked(Question(dict(files), tests, whose=draft_key))
        if isinstance(reply, Refusal):
            return reply
        return self._kept(self._told, key, _REPORT.decode(reply))

    def coverage(self, files: Mapping[str, str]) -> Coverage | Refusal:
        """Measure how much of these rules the tests prove, for part of a check's time.

        A repeated call continues with parts that were not measured before.
        """
        key = fingerprint(files)
        with self._lock:
            before = self._proved.get(key)
        if before and not before.left:
            return before
        done = before.measured if before else 0
        question = Question(dict(files), proves=self._seconds * PROVING, proved=done)
        reply = self._asked(question)
        if isinstance(reply, Refusal):
            return before or reply
        more = _COVERAGE.decode(reply)
        return self._kept(self._proved, key, before.plus(more) if before else more)

    def _kept(self, among: OrderedDict[Key, Answer], key: Key, answer: Answer) -> Answer:
        """Cache and return an answer."""
        with self._lock:
            among[key] = answer
            if len(among) > _KEPT:
                among.popitem(last=False)
        return answer

    def suggested(
        self, files: Mapping[str, str], before: str, *, draft_key: str = ""
    ) -> tuple[Suggested, ...] | Refusal:
        """Return completions for the text before the cursor in one of these files."""
        reply = self._asked(Question(dict(files), before=before, whose=draft_key))
        return reply if isinstance(reply, Refusal) else _SUGGESTED.decode(reply)

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
        """Start a process in advance of an expected check."""
        with self._lock:
            if not self._idle:
                self._idle.append(self._started())

    def _answered(self, question: Question) -> bytes | Refusal:
        with self._lock:
            looker = self._looker(question.whose)
        request = msgspec.json.encode(question)
        reply = looker.child.ask(request, self._seconds + SPARE_SECONDS)
        if reply is Ended.MEMORY and looker.drafts:  # maybe what it remembered was too much
            looker = self._started()
            reply = looker.child.ask(request, self._seconds + SPARE_SECONDS)
        if isinstance(reply, Ended):
            return self._stopped(reply)
        looker.told(question.whose)
        with self._lock:
            self._idle.append(looker)
        return reply

    def _looker(self, draft_key: str) -> _Looker:
        """Return the process that caches this draft, otherwise the least recently used one."""
        if not self._idle:
            return self._started()
        knows = next((looker for looker in self._idle if draft_key in looker.drafts), self._idle[0])
        self._idle.remove(knows)
        return knows

    def _started(self) -> _Looker:
        return _Looker(Child("holding.rulesets.check_processes", str(self._seconds)))

    def _stopped(self, why: Ended) -> Refusal:
        if why is Ended.BROKEN:
            message = "the process that checks rules ended unexpectedly"
            raise RuntimeError(message)
        if why is Ended.TIME:  # the limit of processor time is what large rules meet first
            return SLOW
        used = {
            Ended.PROCESSOR: f"after {self._seconds:g} seconds of processor time",
            Ended.MEMORY: f"at {MEMORY_BYTES // MEGABYTE} MB of memory",
        }
        return Refusal(
            "rules.stopped",
            f"The check was stopped {used[why]}: these rules are too large to check here.",
            "Shorten what you added last, or split it into several checks. "
            "On the command line clearpost check has no such limit.",
            422,
        )


def _end(idle: list[_Looker]) -> None:
    for looker in idle:
        looker.child.end()


class Looks:
    """The checks of one process, which caches its last drafts."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, Seen] = OrderedDict()

    def answer(self, question: bytes) -> bytes:
        """Process one encoded request and return the encoded answer."""
        request = msgspec.json.decode(question, type=Question)
        if request.proves:
            return msgspec.json.encode(
                measure_coverage(request.files, request.proves, after=request.proved)
            )
        caches = self._of(request.whose) if request.whose else None
        if request.before is None:
            return msgspec.json.encode(report(request.files, tests=request.tests, caches=caches))
        reader = caches.reader if caches else None
        return msgspec.json.encode(suggest_names(request.files, request.before, schemas(), reader))

    def _of(self, draft_key: str) -> Seen:
        """Return the caches of a draft, and drop the least recently used draft's."""
        self._seen.setdefault(draft_key, Seen())
        self._seen.move_to_end(draft_key)
        if len(self._seen) > DRAFTS:
            self._seen.popitem(last=False)
        return self._seen[draft_key]


def listen(cpu_seconds: float) -> None:
    """Process requests on standard input until it closes."""
    report({"first.rules": "language 1\n"})  # the grammar is ready before the first question
    collect_rarely()
    serve(Looks().answer, memory_bytes=MEMORY_BYTES, cpu_seconds=cpu_seconds)


if __name__ == "__main__":
    listen(float(sys.argv[1]))
