"""What stands around the records of a batch: one query for each kind, none for a record.

Here: postings, holds, approvals, releases, and other records with equal values. Not here: what of
it becomes a fact (gather.py).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from sqlalchemy import bindparam, or_, select, text
from sqlalchemy.orm import Session, aliased

from holding.access import operations
from holding.approvals import consent
from holding.approvals.consent import StandingApproval
from holding.evaluation.batch import HoldRow
from holding.intake import same_numbers as alike_of
from holding.intake.same_numbers import GONE_STATES, Known
from holding.lifecycle import stored_postings
from holding.lifecycle.stored_postings import PostingRow
from holding.programs.world import Judge
from holding.store import bulk
from holding.store.row_objects import Columns, of
from holding.tables import Cause, Dating, Hold, LinkKey, Person, Record, Release, Version
from holding.tables.decisions import HOLD_OPEN
from rules.facts.world import Dated, Subject


@dataclass(frozen=True, slots=True)
class Other:
    """Another record that shares a compared value."""

    record_id: int
    type: str
    number: str
    external_id: str


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the records of a batch, by record id."""

    postings: Mapping[int, Sequence[PostingRow]]
    holds: Mapping[int, Sequence[HoldRow]]
    approvals: Mapping[int, Sequence[StandingApproval]]
    releases: Mapping[int, Sequence[Release]]
    dated: Mapping[int, Mapping[str, Dated]]
    undo_until: Mapping[int, datetime]
    linked: Mapping[int, Mapping[tuple[str, str], Sequence[Other]]]
    others: Mapping[int, Sequence[PostingRow]]
    bodies: Mapping[int, Mapping[str, Any]]  # of records that a link joins to one of them
    arrived: Mapping[int, datetime]  # when that content of them came
    family: Mapping[int, Mapping[str, str]]
    decided: Mapping[int, stored_postings.Decided]  # of posted documents that others follow
    days: Mapping[int, Mapping[str, date]]  # of the documents of a family, the earliest a route
    ended: Mapping[int, Mapping[str, PostingRow]]  # of a family, a route of which none is to come
    back: Mapping[int, Mapping[str, tuple[str, ...]]]  # of a family, what was taken back
    back_at: Mapping[int, datetime]  # and when the last was, where somebody has said what follows
    alike: Mapping[int, Collection[int]]  # records with a value that rules compare, or the number
    twins: Mapping[int, Mapping[int, str]]  # records with the same number, and their ids there
    later: Mapping[int, frozenset[int]]  # records that came later, share a value and sent nothing
    known: Mapping[int, Known]  # what the last judging made of those, where there was one
    first: Mapping[int, Mapping[str, Any]]  # the record as it first came, where it is another now
    met: frozenset[int] = field(init=False)  # records and families of which any of it is told
    met_families: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        """Note whom any of it is told of."""
        told = [getattr(self, name) for name in _OF_RECORDS]
        object.__setattr__(self, "met", frozenset().union(*told))
        of = (self.family, self.decided, self.days, self.ended, self.back, self.back_at)
        families = frozenset().union(*of)
        object.__setattr__(self, "met_families", families)

    def is_alone(self, record_id: int, family: int) -> bool:
        """Whether none of it is told of a record and its family."""
        return record_id not in self.met and family not in self.met_families

    def linked_at(self, record_id: int) -> datetime | None:
        """When the newest content came of what links join to a record."""
        found = self.linked.get(record_id, {}).values()
        others = (other.record_id for several in found for other in several)
        return max((self.arrived[one] for one in others if one in self.arrived), default=None)


_OF_RECORDS = ("postings", "holds", "approvals", "releases", "dated", "undo_until", "linked",
               "alike", "twins", "later", "known", "first")  # fmt: skip


def around(
    session: Session,
    company_id: int,
    ids: Sequence[int],
    families: Mapping[int, int],
    changed: Sequence[int],
) -> Around:
    """Everything stored about these records and their families (record -> family), read in one go a
    kind; `changed`: those of them that came as another than they are now.
    """
    linked = _linked(session, company_id, ids)
    joined = _bodies(session, linked)
    other_ids = {o.record_id for found in linked.values() for os in found.values() for o in os}
    family_rows = stored_postings.of_families(session, company_id, set(families.values()))
    wanted = set(ids)
    postings = _by_record(row for row in family_rows if row.record_id in wanted)
    family, days = stored_postings.posted(family_rows)
    twins, later = alike_of.twins(session, company_id, ids)
    alike = {record_id: set(found) for record_id, found in twins.items()}
    for record_id, found in linked.items():
        same = {o.record_id for key, os in found.items() if _compared(key) for o in os}
        alike.setdefault(record_id, set()).update(same)
        later[record_id].update(other for other in same if other > record_id)
    releases = _by_record(session.scalars(_RELEASES, {"ids": list(ids)}))
    dated = _dated(session, ids)
    acted_on = {*postings, *releases, *dated}
    return Around(
        postings=postings,
        holds=_by_record(_holds(session, ids)),
        approvals=_approvals(session, family_rows),
        releases=releases,
        dated=dated,
        undo_until=operations.until(session, acted_on) if acted_on else {},
        linked=linked,
        bodies={key: body for key, (body, _) in joined.items()},
        arrived={key: at for key, (_, at) in joined.items()},
        others=_by_record(stored_postings.of_records(session, other_ids) if other_ids else ()),
        family=family,
        decided=stored_postings.decided_of_families(session, family_rows, families),
        days=days,
        ended=stored_postings.ended(family_rows),
        back=stored_postings.taken_back(family_rows),
        back_at=stored_postings.taken_back_at(session, releases, families),
        alike=alike,
        twins=twins,
        later={record_id: frozenset(found) for record_id, found in later.items()},
        known=alike_of.known(session, [record_id for record_id, found in later.items() if found]),
        first=_first(session, changed) if changed else {},
    )


def decided(record_id: int, kind: str, content: str, near: Around, judge: Judge) -> list[Release]:
    """What people let pass or rejected of this content. What hangs on other records was decided as
    those were then: more that is delivered since is asked about again, and a rejected part of an
    order is not all that is ever delivered of it.
    """
    mine = [one for one in near.releases[record_id] if one.content_sha256 == content]
    moved = near.linked_at(record_id) if mine else None
    if moved is None:
        return mine
    asked = judge.asked_of_links(kind)
    parts = {route.name for route in judge.routes if route.in_parts}

    def stands(one: Release) -> bool:
        return one.route not in parts if one.kind == "reject" else one.rule not in asked

    return [one for one in mine if one.at >= moved or stands(one)]


def joined(
    record_id: int, subject: Subject, near: Around, judge: Judge
) -> dict[str, tuple[Mapping[str, object], ...]]:
    """Link name -> the records that it joins to this one, in the order in which they came."""
    keys = judge.family_keys(dict(subject.body), subject.kind)
    if not keys:
        return {}
    linked = near.linked.get(record_id, {})
    found: dict[str, dict[int, Mapping[str, object]]] = defaultdict(dict)
    for name, value, wanted in keys:
        if wanted:
            others = (one for one in linked.get((name, value), ()) if one.type == wanted)
            found[name.rpartition(".")[2]] |= {
                one.record_id: near.bodies.get(one.record_id, {}) for one in others
            }
    return {name: tuple(joined.values()) for name, joined in found.items()}


def _by_record(rows: Iterable[Any]) -> dict[int, list[Any]]:
    found: dict[int, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.record_id].append(row)
    return found


def _first(session: Session, ids: Sequence[int]) -> dict[int, Mapping[str, Any]]:
    return {row.record_id: row.body for row in session.execute(_FIRST, {"ids": list(ids)})}


def _dated(session: Session, ids: Sequence[int]) -> dict[int, dict[str, Dated]]:
    """The days that people gave to documents, by record and route."""
    rows = session.execute(_DATED, {"ids": list(ids)})
    found: dict[int, dict[str, Dated]] = defaultdict(dict)
    for row in rows:
        found[row.record_id][row.route] = Dated(row.instead_of, row.day, row.by)
    return found


def _holds(session: Session, ids: Sequence[int]) -> list[HoldRow]:
    return list(_HOLD.each(session.execute(_HOLDS, {"ids": list(ids)})))


def _approvals(
    session: Session, postings: Sequence[PostingRow]
) -> dict[int, list[StandingApproval]]:
    record_of = {row.id: row.record_id for row in postings}
    found: dict[int, list[StandingApproval]] = defaultdict(list)
    for one in consent.standing(session, list(record_of)) if record_of else ():
        found[record_of[one.posting_id]].append(one)
    return found


def _linked(
    session: Session, company_id: int, ids: Sequence[int]
) -> dict[int, dict[tuple[str, str], list[Other]]]:
    """For each record: (name, value) -> other records that have it.

    Those that came to nothing are left out, but for links: a parcel that posts nothing is a fact.
    """
    rows = session.execute(_LINKED, {"company": company_id, "ids": list(ids)})
    found: dict[int, dict[tuple[str, str], list[Other]]] = defaultdict(lambda: defaultdict(list))
    other_of = _OTHER.reader(rows)
    for row in rows:
        found[row.of_id][row.name, row.value].append(other_of(row))
    return found


def _compared(key: tuple[str, str]) -> bool:
    """Whether duplicate rules compare this key, and no link finds records by it."""
    return not key[0].startswith(LinkKey.OF_LINKS)


def _bodies(
    session: Session, linked: Mapping[int, Mapping[tuple[str, str], Sequence[Other]]]
) -> dict[int, tuple[Mapping[str, Any], datetime]]:
    """The newest content of the records that links join to those of the batch, and when it came."""
    ids = {
        other.record_id
        for found in linked.values()
        for key, others in found.items()
        if not _compared(key)
        for other in others
    }
    rows = session.execute(_BODIES, {"ids": sorted(ids)}) if ids else ()
    return {row.id: (row.body or {}, row.at) for row in rows}


_FIRST = (
    select(Version.record_id, Version.body)
    .join(Record, Record.id == Version.record_id)
    .where(bulk.among_given(Version.record_id, "ids"), Version.no == 1)
    .where(Version.id != Record.version_id, Version.body.is_not(None))
)
_DATED = (
    select(Dating.record_id, Dating.route, Dating.instead_of, Dating.day)
    .add_columns(Person.name.label("by"))
    .join(Person, Person.id == Dating.person_id)
    .where(bulk.among_given(Dating.record_id, "ids"), text(f"dating.{Dating.STANDING}"))
    .order_by(Dating.id)
)
_RELEASES = select(Release).where(
    bulk.among_given(Release.record_id, "ids"), Release.voided_at.is_(None)
)
_HOLD = Columns(
    HoldRow(
        id=of(Hold.id),
        record_id=of(Hold.record_id),
        posting_id=of(Hold.posting_id),
        route=of(Hold.route),
        seq=of(Hold.seq),
        code=of(Hold.code),
        rule=of(Hold.rule),
        cause_id=of(Hold.cause_id),
        cause_key=of(Cause.key),
        changed_revision=of(Cause.changed_revision),
        error_class=of(Hold.error_class),
        revision=of(Hold.revision),
        book=of(Hold.book),
    )
)
_HOLDS = (
    _HOLD.select()
    .join(Cause, Cause.id == Hold.cause_id)
    .where(bulk.among_given(Hold.record_id, "ids"), HOLD_OPEN)
    .order_by(Hold.id)
)
_BY_LINK = LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True)
_other = aliased(LinkKey)
_OTHER = Columns(
    Other(
        record_id=of(Record.id),
        type=of(Record.type),
        number=of(Record.number),
        external_id=of(Record.external_id),
    )
)
_LINKED = (
    _OTHER.select(LinkKey.record_id.label("of_id"), LinkKey.name, LinkKey.value)
    .select_from(LinkKey)
    .join(
        _other,
        (_other.company_id == LinkKey.company_id)
        & (_other.name == LinkKey.name)
        & (_other.value == LinkKey.value)
        & (_other.record_id != LinkKey.record_id),
    )
    .join(Record, Record.id == _other.record_id)
    .where(
        LinkKey.company_id == bindparam("company"),
        bulk.among_given(LinkKey.record_id, "ids"),
        or_(Record.state.not_in(GONE_STATES), _BY_LINK),
    )
    .order_by(Record.id)
)
_BODIES = (
    select(Record.id, Version.body, Version.at)
    .join(Version, Version.id == Record.version_id)
    .where(bulk.among_given(Record.id, "ids"))
)
