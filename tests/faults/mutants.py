"""Bugs planted on purpose, to see that the fault tests find each of them.

Here: fourteen changes to the product's own functions, made in memory by the number in
`CLEARPOST_MUTANT`. Not here: any trace of them in the product, and the tests that catch them
(test_mutants.py).
"""

import ast
import inspect
import os
import signal
import textwrap
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from types import FunctionType
from typing import Any

from sqlalchemy import text

from connectors.contract import Sent
from holding.approvals import consent
from holding.connections import breaker
from holding.db import database
from holding.evaluation import batch, evaluate_due
from holding.evaluation import store_results as finish
from holding.platform import processes, settings
from holding.posting import lone_failures, lookups, prepare, push, send, uncertain
from holding.posting import store_results as taken_documents
from workers import jobs

VARIABLE = "CLEARPOST_MUTANT"
POISON = "CLEARPOST_POISON"
STUCK = 1.0
"""Seconds of processor time after which a loop counts as endless here."""
_EARLY: dict[str, Sent] = {}
"""What was sent before it was written down, by its key (mutant 1)."""


@dataclass(frozen=True)
class Mutant:
    """A bug: what it is, and the change of each function, as text or as a whole new function."""

    no: int
    name: str
    changes: tuple[tuple[Callable[..., Any], str | Callable[..., Any], str], ...]


@contextmanager
def planted(no: int) -> Iterator[Mutant]:
    """The bug, for as long as the block."""
    mutant = MUTANTS[no - 1]
    with ExitStack() as stack:
        for function, old, new in mutant.changes:
            stack.enter_context(changed(function, old, new))
        yield mutant


def plant_from(environment: Mapping[str, str]) -> None:
    """The bug that the environment names, for the life of this process; only in a test."""
    if environment.get(VARIABLE) and environment.get("CLEARPOST_ENV") == "test":
        _FOR_EVER.enter_context(planted(int(environment[VARIABLE])))


def poison_from(environment: Mapping[str, str]) -> None:
    """Judging the record with the number in `CLEARPOST_POISON` breaks this process, in the way
    that `CLEARPOST_POISON_KIND` names; it does not once the record counts as poison.
    """
    number = environment.get(POISON)
    judging: list[object] = []
    if not number or environment.get("CLEARPOST_ENV") != "test":
        return
    breaks = BREAKS[environment.get(f"{POISON}_KIND", "segfault")]
    steps = vars(evaluate_due)
    enter, reach = steps["_entered"], steps["fault_point"]

    def enter_or_die(case: Any) -> Any:
        judging[:] = [] if case.claimed.poison else [case.subject.body.get("number")]
        return enter(case)

    def reach_or_die(name: str) -> None:
        if name == "eval.each" and number in judging:
            breaks()
        reach(name)

    steps.update(_entered=enter_or_die, fault_point=reach_or_die)
    jobs.LONGEST = STUCK


def _segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _memory() -> None:
    bytearray(1 << 62)


def _loop() -> None:
    while True:
        pass


def _recursion() -> None:
    _recursion()


BREAKS = {"segfault": _segfault, "memory": _memory, "loop": _loop, "recursion": _recursion}
"""How a record can break whoever judges it."""
_FOR_EVER = ExitStack()


@contextmanager
def changed(
    function: Callable[..., Any], old: str | Callable[..., Any], new: str
) -> Iterator[None]:
    """Other code for a function; whoever imported it by name has the new code, too."""
    real: Any = inspect.unwrap(function)
    before = real.__code__
    real.__code__ = (_edited(real, old, new) if isinstance(old, str) else old).__code__
    try:
        yield
    finally:
        real.__code__ = before


def _edited(function: FunctionType, old: str, new: str) -> FunctionType:
    source = textwrap.dedent(inspect.getsource(function))
    assert old in source, f"{function.__qualname__} has no {old!r}: the mutant is out of date"
    tree = ast.parse(source.replace(old, new))
    tree.body[0].decorator_list = []  # type: ignore[attr-defined]
    namespace: dict[str, Any] = dict(function.__globals__)
    exec(compile(tree, f"<mutant of {function.__qualname__}>", "exec"), namespace)
    made: FunctionType = namespace[function.__name__]
    return made


def _send_first(desk, channel, examined, payload, run_id, name, looked):  # type: ignore[no-untyped-def]
    from holding.posting.evidence import request_key
    from tests.faults.mutants import _EARLY, _REAL_COMMIT

    key = request_key(one.key for one in examined.good)
    _EARLY[key] = channel.target.send(payload, channel.settings, channel.secret, key, desk.http)
    return _REAL_COMMIT(desk, channel, examined, payload, run_id, name, looked)


def _what_was_sent(desk, flight):  # type: ignore[no-untyped-def]
    from tests.faults.mutants import _EARLY

    return _EARLY.pop(flight.key)


def _copy(function: Any) -> FunctionType:
    return FunctionType(function.__code__, function.__globals__, function.__name__)


_REAL_COMMIT = _copy(prepare._commit)
_OWN = "Posting.fence == claim.fence"
_RANDOM = "f'cp-{__import__(\"uuid\").uuid4().hex}'"

MUTANTS = (
    Mutant(
        1,
        "intent after send",
        ((prepare._commit, _send_first, ""), (send.make_call, _what_was_sent, "")),
    ),
    Mutant(
        2,
        "no fence in WHERE",
        (
            (
                push.lock_posting,
                "_OURS, parameters",
                "select(Posting).where(Posting.id == claim.posting_id)",
            ),
            (push.lock_postings, " if row.posting.fence == fences[row.posting.id]", ""),
            (uncertain.uncertain_posting, f", {_OWN}", ""),
            (finish._lock, "if row.fence == fences[row.id] and row.lease_owner == owner", ""),
        ),
    ),
    Mutant(
        3,
        "sent again without a look-up",
        (
            (
                uncertain._look,
                "elif _proved_absent(doubt, lookup_result, started_at):",
                "elif True:",
            ),
            (uncertain._sends_again, "if case.now < due", "if False"),
        ),
    ),
    Mutant(
        4,
        "random key",
        (
            (prepare._push_row, "checked.key", _RANDOM),
            (prepare._member, "checked.key", _RANDOM),
        ),
    ),
    Mutant(
        5,
        "RQ retries",
        (
            (
                processes.ring,
                "failure_ttl=60",
                "failure_ttl=60, retry=__import__('rq').Retry(max=3)",
            ),
        ),
    ),
    Mutant(6, "missing unique index", ()),
    Mutant(
        7,
        "approved without its hash",
        (
            (consent.counting, "and approval.hash == hash_", ""),
            (consent.of_another_content, "approval.hash != hash_", "False"),
            (consent._given, ".where(Approval.hash == Posting.hash)", ""),
        ),
    ),
    Mutant(
        8,
        "synchronous=OFF",
        ((database._sqlite_engine, "'FULL' if durable else 'OFF'", "'OFF'"),),
    ),
    Mutant(
        9,
        "whatever came back, it is posted",
        ((send.is_taken, 'return answer.kind == "accepted"', "return True or answer.kind"),),
    ),
    Mutant(
        10,
        "leases by the worker's clock",
        (
            (
                settings.DatabaseClock.now,
                "self._machine.now() + self._difference",
                "self._machine.now()",
            ),
        ),
    ),
    Mutant(
        11,
        "a dropped event",
        (
            (push.log_posting_event, "record_events(", "(lambda *a: None)("),
            (taken_documents.mark_all_posted, "join_events(", "(lambda *a: None)("),
        ),
    ),
    Mutant(
        12,
        "retried whatever the cause",
        ((batch.may_retry, "if not same_content", "if True or not same_content"),),
    ),
    Mutant(
        13,
        "a refused look-up counts as an outage",
        (
            (
                lookups._trouble_of_lookup,
                "if lookup_result.lookup_refused or lookup_result",
                "if lookup_result",
            ),
            (breaker.looked, "or lookup.lookup_refused", ""),
        ),
    ),
    Mutant(
        14,
        "a document on which alone the target fails is sent without end",
        (
            (lone_failures.target_fails_on_it, "return len(times) > 1 and", "return False and"),
            (lone_failures.failed_alone_before, "return since is not None and", "return False and"),
        ),
    ),
)
INDEX = 6
DROP = text("DROP INDEX uq_push_effect")
"""Mutant 6 is no code: the database lacks an index."""
