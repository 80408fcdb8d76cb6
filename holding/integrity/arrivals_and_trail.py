"""I1, I10 to I13: arrivals became versions, judged by rules in force; the trail is whole.

Here: deliveries, records, versions and evaluations; events written down in an order that can be; no
secret in plain text. Not here: what was sent (effects.py).
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, String, cast, exists, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from holding.db.models import (
    Attempt,
    Connection,
    Delivery,
    Evaluation,
    Event,
    Posting,
    Push,
    Record,
    Request,
    RulesetVersion,
    Version,
)
from holding.db.models.columns import PushState, RecordState
from holding.integrity import contents
from holding.integrity.journal_and_ledgers import Breach, Look
from holding.platform import events as chain
from holding.platform.states import PUSH_MOVES, allowed
from rules.values.posting_states import PostingState

AFTER: dict[str, PushState] = {
    "posting.sending": PushState.SENDING,
    "posting.awaiting": PushState.AWAITING,
    "posting.uncertain": PushState.UNCERTAIN,
    "posting.posted": PushState.ACCEPTED,
    "posting.refused": PushState.REFUSED,
    "posting.later": PushState.REFUSED,
    "posting.waits": PushState.REFUSED,
    "posting.overtaken": PushState.REFUSED,
    "posting.conflict": PushState.CONFLICT,
    "posting.linked": PushState.ACCEPTED,
    "posting.contradicted": PushState.CONFLICT,
}
"""The state of a push after an event that names it."""
AT_ONCE = {
    "posting.linked": [PushState.SENDING, PushState.ACCEPTED],
    "posting.contradicted": [PushState.SENDING, PushState.CONFLICT],
}
"""What is told in one: a person or a listing has found the document there."""
OF_PUSH = {
    PostingState.SENDING: PushState.SENDING,
    PostingState.AWAITING: PushState.AWAITING,
    PostingState.UNCERTAIN: PushState.UNCERTAIN,
}
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
        if not states or states[0] != PushState.SENDING:
            yield Breach("I10", f"Nothing tells when {push.number} was sent first.", about)
            continue
        for one, other in pairwise(states):
            still = one == other and one in OF_PUSH.values()
            if not still and not allowed(PUSH_MOVES, one, other):
                say = f"{push.number} is told to have gone from {one} to {other}, which cannot be."
                yield Breach("I10", say, about)
        last = states[-1]
        if last != push.state and not _on_its_way(last, push.state):
            say = f"The push of {push.number} is {push.state}, the last that was told of it is"
            yield Breach("I10", f"{say} {last}.", about)
    yield from _states_apart(look)


def _told(look: Look) -> dict[int, list[PushState]]:
    """The states that the events of each push told of, in order."""
    query = (
        select(Event.act, Event.body)
        .where(Event.company_id == look.company_id, Event.act.in_(AFTER))
        .order_by(Event.id)
    )
    told: dict[int, list[PushState]] = defaultdict(list)
    for act, body in look.session.execute(query):
        told[int(body.get("push") or 0)] += AT_ONCE.get(act) or [AFTER[act]]
    return told


def _on_its_way(told: PushState, state: PushState) -> bool:
    """A doubt that is sent again, or asked for again, is still the doubt that was told of."""
    return {told, state} <= {PushState.SENDING, PushState.UNCERTAIN, PushState.AWAITING}


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
    for edited in contents.compare(look.session, look.company_id).breaks:
        yield Breach("I11", edited.message)
    judged = exists().where(Event.record_id == Record.id, Event.act == "record.judged")
    silent = select(Record.id, Record.type, Record.number).where(
        Record.company_id == look.company_id, Record.state != RecordState.RECEIVED, ~judged
    )
    for record_id, kind, number in look.session.execute(silent):
        yield Breach("I11", f"No event tells how {kind} {number} was checked.", (record_id,))


PATTERNS = ("aia_live_", "-----BEGIN", "Authorization: ", "whsec_")
"""How secrets of targets and sources begin."""


def arrivals_became_versions(look: Look) -> Iterator[Breach]:
    """I1: every record has its newest version as the current one, and versions have no gaps."""
    current, newest = aliased(Version), aliased(Version)
    numbers = (
        select(
            Version.record_id,
            func.count(Version.id).label("count"),
            func.max(Version.no).label("last"),
        )
        .join(Record, Record.id == Version.record_id)
        .where(Record.company_id == look.company_id)
        .group_by(Version.record_id)
        .subquery()
    )
    fresher = exists().where(
        newest.record_id == Record.id,
        newest.stale.is_(False),
        newest.no > current.no,
    )
    query = (
        select(Record.id, Record.type, Record.number)
        .add_columns(current.record_id.label("owner_id"))
        .add_columns(numbers.c.count.label("versions"), numbers.c.last)
        .outerjoin(current, current.id == Record.version_id)
        .outerjoin(numbers, numbers.c.record_id == Record.id)
        .where(Record.company_id == look.company_id)
        .where(
            or_(
                current.id.is_(None),
                current.record_id != Record.id,
                current.stale,
                numbers.c.count != numbers.c.last,
                fresher,
            )
        )
    )
    for row in look.session.execute(query):
        name = f"{row.type} {row.number}"
        if row.owner_id is None:
            say = f"{name} was taken in and has no version."
        elif row.versions != row.last:
            say = f"{name} has {row.versions} versions and the last is no. {row.last}."
        else:
            say = f"The current version of {name} is not its newest one."
        yield Breach("I1", say, (row.id,))
    yield from _nothing_came_of(look)


def _nothing_came_of(look: Look) -> Iterator[Breach]:
    """A delivery that left no version and no word why, before anything like it was here."""
    earlier = aliased(Delivery)
    query = select(Delivery.key).where(
        Delivery.company_id == look.company_id,
        Delivery.error.is_(None),
        ~exists().where(Version.delivery_id == Delivery.id),
        ~exists().where(
            Version.delivery_id == earlier.id,
            earlier.source_id == Delivery.source_id,
            earlier.id < Delivery.id,
        ),
    )
    for key in look.session.scalars(query):
        yield Breach("I1", f"Nothing came of delivery {key}, without a reason being told.")


def judged_by_rules_of_the_time(look: Look) -> Iterator[Breach]:
    """I12: the rules of every judging were in force at its revision, and are this company's."""
    later = aliased(RulesetVersion)
    newer = exists().where(
        later.company_id == look.company_id,
        later.revision > RulesetVersion.revision,
        later.revision <= Evaluation.revision,
    )
    query = (
        select(Record.id, Record.type, Record.number, RulesetVersion.no)
        .select_from(Evaluation)
        .join(Record, Record.id == Evaluation.record_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .where(Record.company_id == look.company_id)
        .where(
            or_(
                RulesetVersion.company_id != look.company_id,
                RulesetVersion.revision > Evaluation.revision,
                newer,
            )
        )
    )
    for row in look.session.execute(query):
        name = f"{row.type} {row.number}"
        say = f"{name} was checked with rules no. {row.no} when they were not in force."
        yield Breach("I12", say, (row.id,))


def no_secret_lies_about(look: Look) -> Iterator[Breach]:
    """I13: no key and nothing that looks like one stands in what pages and exports show."""
    connections = select(Connection.id).where(Connection.company_id == look.company_id)
    places = (
        (Request.headers, Request.id, Request.connection_id.in_(connections)),
        (Request.body, Request.id, Request.connection_id.in_(connections)),
        (Request.answer, Request.id, Request.connection_id.in_(connections)),
        (Push.content, Push.id, Push.connection_id.in_(connections)),  # a sheet of it is packed
        (Attempt.proof, Attempt.id, _of_pushes(look)),
        (Attempt.error, Attempt.id, _of_pushes(look)),
        (Event.body, Event.id, Event.company_id == look.company_id),
        (Delivery.headers, Delivery.id, Delivery.company_id == look.company_id),
    )
    for word in (*PATTERNS, *look.secrets):
        for column, key, mine in places:
            found = look.session.scalars(select(key).where(mine, _holds(look, column, word)))
            for one in found:
                where = f"{column.class_.__tablename__} {one}, {column.key}"
                yield Breach("I13", f"What looks like a secret stands in {where}.")


def _of_pushes(look: Look) -> ColumnElement[bool]:
    return Attempt.push_id.in_(
        select(Push.id)
        .join(Connection, Connection.id == Push.connection_id)
        .where(Connection.company_id == look.company_id)
    )


def _holds(look: Look, column: InstrumentedAttribute[Any], word: str) -> ColumnElement[bool]:
    """Whether a text or bytes column has this word in it."""
    if not isinstance(column.type, LargeBinary):
        return cast(column, String).contains(word, autoescape=True)
    name = look.session.get_bind().dialect.name
    finds = func.instr if name == "sqlite" else func.pg_catalog.position
    return finds(column, literal(word.encode(), LargeBinary)) > 0
