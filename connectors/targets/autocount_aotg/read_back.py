"""Posted invoices read again: one list over the days of many, whose answer may come much later.

Here: asking for the list, and what it says of each. Not here: the calls (relay.py), the comparison
of one invoice (compare.py), keeping the ticket (holding/reconciliation).

The list goes by the day of a document, so a few days around are asked for: who corrects a day
mostly moves it by little. What it does not show was deleted or moved further; AutoCount does not
tell which.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from connectors.contract import Found
from connectors.kit.calls import KEPT_BYTES
from connectors.targets.autocount_aotg.compare import AROUND, Wanted, is_number, judged
from connectors.targets.autocount_aotg.outcomes import result
from connectors.targets.autocount_aotg.relay import (
    GONE,
    UNDER_WAY,
    Progress,
    Relay,
    Told,
    not_told,
    told_of,
)
from connectors.transport.strict_json import dumps

AT_ONCE = 50
SPAN = timedelta(days=31)
_LATER = "It is read by a list of its own, in a later turn."


def ask(wanted: Sequence[Wanted], relay: Relay) -> tuple[Found, ...]:
    """Ask for the list of their days, and read it where it is there at once. Of documents whose
    days lie too far apart for one list, the others of the first one's days have their turn later.
    """
    low, high = _days(wanted)
    answer = relay.listed((low - AROUND).isoformat(), (high + AROUND).isoformat())
    asked = told_of(answer)
    if asked is None:
        return (not_told(answer),) * len(wanted)
    found = _waiting(asked) if asked.progress in UNDER_WAY else _read(asked.request, relay)
    return tuple(
        _of_one(one, found) if low <= _day(one) <= high else Found(kind="unknown", words=_LATER)
        for one in wanted
    )


def ask_again(wanted: Sequence[Wanted], ticket: str, relay: Relay) -> tuple[Found, ...]:
    """What became of the list of this ticket; one that is not kept any more is asked for again."""
    found = _read(ticket, relay)
    if isinstance(found, Found) and found.status == GONE:
        return ask(wanted, relay)
    return tuple(_of_one(one, found) for one in wanted)


def _days(wanted: Sequence[Wanted]) -> tuple[date, date]:
    """The first and last day of those that lie around the day of the first, within one list."""
    first = _day(wanted[0])
    near = [day for one in wanted if abs((day := _day(one)) - first) <= SPAN / 2]
    return min(near), max(near)


def _day(wanted: Wanted) -> date:
    return date.fromisoformat(wanted.day)


def _read(request: str, relay: Relay) -> Told | Found:
    told = result(request, relay)
    if isinstance(told, Found):
        return told
    if told.progress in UNDER_WAY:
        return _waiting(told)
    if told.progress == Progress.FAILED or not isinstance(told.content, list):
        words = "The account book could not list its invoices: they are asked for once more."
        return Found(kind="unknown", words=words, proof=told.proof)
    return told


def _waiting(told: Told) -> Found:
    words = f"The account book has not listed its invoices yet (request {told.request})."
    return Found(kind="unknown", words=words, proof=told.proof, target_ref=told.request)


def _of_one(wanted: Wanted, found: Told | Found) -> Found:
    if isinstance(found, Found):
        return found
    mine = [one for one in found.rows if is_number(one, wanted.number)]
    proof = dumps(mine)[:KEPT_BYTES]  # of the others nothing is kept beside this one
    seen = judged(wanted, None, replace(found, content=mine, proof=proof))
    if seen.kind != "absent":
        return seen
    day = _day(wanted)
    low, high = day - AROUND, day + AROUND
    words = (
        f"No {wanted.number} exists there from {low} to {high}: it was deleted,"
        " or moved to another day."
    )
    return Found(kind="different", words=words, proof=proof)
