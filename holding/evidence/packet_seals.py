"""The contents of a packet beside what its events sealed: versions, pushes, approvals, calls.

Here: what differs, what an event tells of and the packet lacks, and how much could be compared.
Pure. Not here: whether the events are what was sealed (packet_walk.py).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from holding.evidence.packet_file import DATA, Fault
from rules.values.canonical import dumps, sha256_hex

SENDING: Final = "posting.sending"
APPROVED: Final = "posting.approved"
KINDS: Final = ("versions", "pushes", "approvals", "requests")
_OF_PUSH: Final = ("no", "action", "number", "key")
_OF_APPROVAL: Final = ("reason", "at", "hash")


@dataclass(frozen=True, slots=True)
class Sealed:
    """An event of the record from its text; `proved`: by a noted head that was given."""

    id: int
    act: str
    body: Mapping[str, Any]
    proved: bool


@dataclass(frozen=True, slots=True)
class Contents:
    """How many there are, how many of them stand in the packet as an event in it sealed them, and
    for how many that event is proved.
    """

    rows: int = 0
    compared: int = 0
    proved: int = 0


Finding = Fault | Sealed
"""What is wrong with a content, or the event that it agrees with."""


def compared(data: Mapping[str, Any], events: Iterable[Sealed], faults: list[Fault]) -> Contents:
    """Compare each content with the event that sealed it; where two did, with the proved one."""
    told = sorted(events, key=lambda one: one.proved)
    agree = []
    for name, ask in zip(KINDS, (_versions, _pushes, _approvals, _calls), strict=True):
        for found in ask(data[name], told):
            if isinstance(found, Fault):
                faults.append(found)
            else:
                agree.append(found)
    rows = sum(len(data[name]) for name in KINDS)
    return Contents(rows, compared=len(agree), proved=sum(one.proved for one in agree))


def _missing(told: Mapping[int, Sealed], held: Iterable[int], what: str) -> Iterator[Fault]:
    there = set(held)
    for key, event in told.items():
        if key not in there:
            words = f"{what} {key}, which event {event.id} tells of, is missing."
            yield Fault(DATA, words)


def _versions(rows: Sequence[Mapping[str, Any]], events: Sequence[Sealed]) -> Iterator[Finding]:
    told = {
        int(one.body["version"]): one
        for one in events
        if "sha256" in one.body and "version" in one.body
    }
    yield from _missing(told, [int(row["no"]) for row in rows], "Version")
    for row in rows:
        no, digest = int(row["no"]), row["sha256"]
        event, whole = told.get(no), row["whole"] is True
        own = sha256_hex(dumps(row["body"])) if whole else digest
        if {digest, event.body["sha256"] if event else digest} != {own}:
            yield Fault(DATA, f"Version {no} is not the content that was received.")
        elif event and whole:
            yield event


def _pushes(rows: Sequence[Mapping[str, Any]], events: Sequence[Sealed]) -> Iterator[Finding]:
    told = {
        int(one.body["push"]): one for one in events if one.act == SENDING and "sealed" in one.body
    }
    yield from _missing(told, [int(row["id"]) for row in rows], "Push")
    for row in rows:
        key, whole = int(row["id"]), row["sealed_row"]
        event = told.get(key)
        seal = event.body["sealed"] if event else row["sealed"]
        if whole is not None and sha256_hex(dumps(whole)) != seal:
            yield Fault(DATA, f"Push {key} is not what was sent.")
        elif row["sealed"] != seal:
            yield Fault(DATA, f"Push {key} has another seal than its event.")
        elif whole is not None and any(row[name] != whole[name] for name in _OF_PUSH):
            yield Fault(DATA, f"Push {key} is shown otherwise than it was sent.")
        elif event and whole is not None:
            yield event


def _approvals(rows: Sequence[Mapping[str, Any]], events: Sequence[Sealed]) -> Iterator[Finding]:
    told = {
        one.body["sealed"]: one for one in events if one.act == APPROVED and "sealed" in one.body
    }
    lacking = set(told)
    bare = 0
    for row in rows:
        whole = row["sealed_row"]
        if whole is None:
            bare += 1
            continue
        seal = sha256_hex(dumps(whole))
        lacking.discard(seal)
        if any(row[name] != whole[name] for name in _OF_APPROVAL):
            yield Fault(DATA, f"Approval {row['id']} is shown otherwise than it was given.")
        elif seal in told:
            yield told[seal]
    if len(lacking) > bare:  # which of them is one without its sealed row cannot be told
        words = "An approval that an event tells of is missing, or not what was given."
        yield Fault(DATA, words)


def _calls(rows: Sequence[Mapping[str, Any]], events: Sequence[Sealed]) -> Iterator[Finding]:
    told = {int(one.body["call"][0]): one for one in events if "call" in one.body}
    yield from _missing(told, [int(row["id"]) for row in rows], "Call")
    for row in rows:
        key = int(row["id"])
        event = told.get(key)
        _, sent, answered = (
            event.body["call"] if event else (key, row["sha256"], row["answer_sha256"])
        )
        wrong, whole = False, True
        for name, text, digest, own in (
            ("What was sent", row["sent"], row["sha256"], sent),
            ("What was answered", row["answer"], row["answer_sha256"], answered),
        ):
            there = text is not None and text["whole"] is True
            whole = whole and there
            if {digest, sha256_hex(text["text"]) if there else digest} != {own}:
                wrong = True
                yield Fault(DATA, f"{name} in call {key} is not what the trail says.")
        if event and whole and not wrong:
            yield event
