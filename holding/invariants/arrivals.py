"""I1, I12 and I13: arrivals became versions, judged by rules in force; no secret lies about.

Here: deliveries, records, versions and evaluations. Not here: what was sent (effects.py).
"""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, LargeBinary, String, cast, exists, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from holding.invariants.look import Breach, Look
from holding.models import (
    Attempt,
    Connection,
    Delivery,
    Evaluation,
    Event,
    Push,
    Record,
    Request,
    RulesetVersion,
    Version,
)

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
        yield Breach("I1", f"Nothing came of delivery {key}, and nobody was told why.")


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
        say = f"{name} was judged by rules no. {row.no} when they were not in force."
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
