"""I10 and I11: what happened is written down, whole and in an order that can be.

Here: the events of pushes and versions against their rows, and the chain over all events. Not here:
writing either.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import exists, select

from holding import chain
from holding.invariants.look import Breach, Look
from holding.lifecycle import PUSH_MOVES, allowed
from holding.models import Event, Posting, Push, Record, Version

AFTER = {
    "posting.sending": "sending",
    "posting.awaiting": "awaiting",
    "posting.uncertain": "uncertain",
    "posting.posted": "accepted",
    "posting.refused": "refused",
    "posting.later": "refused",
    "posting.waits": "refused",
    "posting.conflict": "conflict",
    "posting.linked": "accepted",
}
"""The state of a push after an event that names it."""
AT_ONCE = {"posting.linked": ["sending", "accepted"]}
"""What a link tells in one: a person has found what stands there."""
OF_PUSH = {"sending": "sending", "awaiting": "awaiting", "uncertain": "uncertain"}
"""A posting in one of these states has its push in the same one."""


def history_follows_the_table(look: Look) -> Iterator[Breach]:
    """I10: the events of every push are moves that the table has, and end where the push stands."""
    told = _told(look)
    query = (
        select(Push.id, Push.number, Push.state, Posting.record_id)
        .join(Posting, Posting.id == Push.posting_id)
        .where(Posting.company_id == look.company_id)
        .order_by(Push.id)
    )
    for push in look.session.execute(query):
        states, about = told.get(push.id, []), (push.record_id,)
        if not states or states[0] != "sending":
            yield Breach("I10", f"Nothing tells when {push.number} was sent first.", about)
            continue
        for one, other in pairwise(states):
            still = one == other and one in OF_PUSH
            if not still and not allowed(PUSH_MOVES, one, other):
                say = f"{push.number} is told to have gone from {one} to {other}, which cannot be."
                yield Breach("I10", say, about)
        last = states[-1]
        if last != push.state and not _on_its_way(last, push.state):
            say = f"The push of {push.number} is {push.state}, the last that was told of it is"
            yield Breach("I10", f"{say} {last}.", about)
    yield from _states_apart(look)


def _told(look: Look) -> dict[int, list[str]]:
    """The states that the events of each push told of, in order."""
    query = (
        select(Event.act, Event.body)
        .where(Event.company_id == look.company_id, Event.act.in_(AFTER))
        .order_by(Event.id)
    )
    told: dict[int, list[str]] = defaultdict(list)
    for act, body in look.session.execute(query):
        told[int(body.get("push") or 0)] += AT_ONCE.get(act) or [AFTER[act]]
    return told


def _on_its_way(told: str, state: str) -> bool:
    """A doubt that is sent again, or asked for again, is still the doubt that was told of."""
    return {told, state} <= {"sending", "uncertain", "awaiting"}


def _states_apart(look: Look) -> Iterator[Breach]:
    """A posting and the push that it is in tell the same."""
    query = (
        select(Posting.number, Posting.state, Push.state.label("push"), Posting.record_id)
        .join(Push, Push.id == Posting.push_id)
        .where(Posting.company_id == look.company_id)
    )
    open_pushes = set(OF_PUSH.values())
    for row in look.session.execute(query):
        wanted = OF_PUSH.get(row.state)
        if (wanted or row.push) != row.push or (wanted is None and row.push in open_pushes):
            say = f"{row.number} is {row.state}, its push is {row.push}."
            yield Breach("I10", say, (row.record_id,))


def every_version_is_told(look: Look) -> Iterator[Breach]:
    """I11: no version without its event; where events are chained, the chain is whole."""
    told: dict[int, set[Any]] = defaultdict(set)
    events = select(Event.record_id, Event.body).where(
        Event.company_id == look.company_id,
        Event.act.like("record.%"),
        Event.act != "record.judged",
    )
    for record_id, body in look.session.execute(events):
        told[record_id or 0].add(body.get("version"))
    query = (
        select(Record.id, Record.type, Record.number, Version.no)
        .join(Version, Version.record_id == Record.id)
        .where(Record.company_id == look.company_id, Version.corrects_id.is_(None))
    )
    for row in look.session.execute(query):
        if row.no not in told[row.id]:
            say = f"No event tells how version {row.no} of {row.type} {row.number} arrived."
            yield Breach("I11", say, (row.id,))
    for gap in chain.verify(look.session, look.company_id, now=look.now, known=look.anchors):
        yield Breach("I11", gap.message)
    judged = exists().where(Event.record_id == Record.id, Event.act == "record.judged")
    silent = select(Record.id, Record.type, Record.number).where(
        Record.company_id == look.company_id, Record.state != "received", ~judged
    )
    for record_id, kind, number in look.session.execute(silent):
        yield Breach("I11", f"No event tells how {kind} {number} was judged.", (record_id,))
