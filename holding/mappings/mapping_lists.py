"""List mapping tables, entries, revisions and unit differences for pages."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.kept_plans import KEPT
from holding.db.models import (
    Cause,
    Connection,
    Evaluation,
    Hold,
    MappingEntry,
    MappingTable,
    Person,
    Record,
    Revision,
)
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Sums
from holding.holds import tally_figures
from holding.mappings.entries import OWN_KINDS, entry_text
from holding.mappings.fixes import Missing, missing
from holding.programs import world
from holding.programs.replay import replay_for_page
from rules.outcomes import Outcome, UnitDifference, UnitSource, Verdict
from rules.values.cause_keys import UNITS, CauseKind, rate_similarity

A_PAGE = 50


@dataclass(frozen=True, slots=True)
class TableRow:
    """A mapping table and its number of current entries."""

    name: str
    kind: str
    entries: int


TABLE = Columns(
    TableRow(
        name=of(MappingTable.name),
        kind=of(MappingTable.kind),
        entries=of(func.count(MappingEntry.id).label("entries")),
    ),
)


@dataclass(frozen=True, slots=True)
class RevisionRow:
    """One change of mappings or units."""

    no: int
    kind: str
    what: str
    by: str | None
    reason: str | None
    at: datetime


REVISION = Columns(
    RevisionRow(
        no=of(Revision.no),
        kind=of(Revision.kind),
        what=of(Revision.what),
        by=of(Person.name),
        reason=of(Revision.reason),
        at=of(Revision.at),
    ),
    {"by": "person.name"},
)

SUGGESTED: Final = 5

MISSING: Final = "not told"

_NO: Final = {
    UnitSource.RECORD: 1,
    UnitSource.UNITS_TABLE: 2,
    UnitSource.ITEM_SET_UP: 3,
    UnitSource.DOCUMENT: 4,
}


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One current entry, for records dated `since` (None: any day) or later; no value: removed."""

    id: int
    key: str
    value: str
    since: date | None
    revision: int
    by: str | None
    reason: str
    at: datetime


def tables(session: Session, company_id: int) -> tuple[TableRow, ...]:
    """Return the company's mapping tables by name."""
    rows = session.execute(
        TABLE.select()
        .outerjoin(
            MappingEntry,
            (MappingEntry.table_id == MappingTable.id)
            & MappingEntry.to_revision.is_(None)
            & MappingEntry.value.is_not(None),
        )
        .where(MappingTable.company_id == company_id)
        .group_by(MappingTable.id, MappingTable.name, MappingTable.kind)
        .order_by(MappingTable.name),
        execution_options=KEPT,
    )
    return TABLE.each(rows)


def declared_tables(session: Session, version_id: int) -> frozenset[str]:
    """Return the tables that a rule version declares; other tables keep their entries."""
    ruleset = world.program(session, version_id).ruleset
    units = [UNITS] if ruleset.units else []
    return frozenset([*(table.name for table in ruleset.maps), *units])


def entries(
    session: Session,
    company_id: int,
    table: str,
    *,
    text: str = "",
    after: str | None = None,
    since: date | None = None,
    most: int = A_PAGE,
) -> tuple[EntryRow, ...]:
    """Return current entries by key and day, found by key or value, after a key and its day."""
    query = (
        select(MappingEntry, Person.name)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .outerjoin(Person, Person.id == MappingEntry.person_id)
        .where(
            MappingTable.company_id == company_id,
            MappingTable.name == table,
            MappingEntry.to_revision.is_(None),
        )
        .order_by(MappingEntry.key, MappingEntry.valid_from)
        .limit(most)
    )
    if after is not None:
        of_key = and_(MappingEntry.key == after, MappingEntry.valid_from > (since or ALWAYS))
        query = query.where(or_(MappingEntry.key > after, of_key))
    if text:
        query = query.where(
            or_(
                MappingEntry.key.icontains(text, autoescape=True),
                MappingEntry.value.icontains(text, autoescape=True),
            )
        )
    return tuple(
        EntryRow(
            id=entry.id,
            key=entry.key,
            value=entry_text(entry.value, entry.num, entry.den),
            since=entry.valid_from if entry.valid_from > ALWAYS else None,
            revision=entry.from_revision,
            by=name,
            reason=entry.reason,
            at=entry.at,
        )
        for entry, name in session.execute(query)
    )


def list_revisions(session: Session, company_id: int, limit: int = 10) -> tuple[RevisionRow, ...]:
    """Return the latest changes of mappings and units."""
    rows = session.execute(
        REVISION.select()
        .outerjoin(Person, Person.id == Revision.person_id)
        .where(Revision.company_id == company_id, Revision.kind.in_(OWN_KINDS))
        .order_by(Revision.no.desc())
        .limit(limit)
    )
    return REVISION.each(rows)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value in use that may be meant, with its key and how the two keys differ."""

    value: str
    key: str
    reason: str
    percent: int


def suggestions(session: Session, company_id: int, table: str, key: str) -> tuple[Suggestion, ...]:
    """Return entries with a similar key, best first; 100 % if only the spelling differs."""
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value, MappingEntry.num, MappingEntry.den)
        .join(MappingTable, MappingTable.id == MappingEntry.table_id)
        .where(MappingTable.company_id == company_id, MappingTable.name == table)
        .where(MappingEntry.to_revision.is_(None))
        .order_by(MappingEntry.key)
    )
    near = [
        Suggestion(entry_text(row.value, row.num, row.den), row.key, reason, percent)
        for row in rows
        if row.key != key and row.value is not None
        for reason, percent in [rate_similarity(key, row.key)]
        if percent
    ]
    return tuple(sorted(near, key=lambda s: (-s.percent, s.key))[:SUGGESTED])


@dataclass(frozen=True, slots=True)
class UnitValue:
    """One of the four compared values: number, name, text, and whether it differs."""

    no: int
    name: str
    text: str
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitComparison:
    """The four values for a unit of an item; `effect` describes the error in stock.

    `entry` is the units table key that has, or would have, the conversion.
    """

    cause_id: int
    unit: str
    item: str
    code: str
    records: int
    money: Sums
    number: str
    source: str
    kind: str
    external_id: str
    target: str
    values: tuple[UnitValue, ...]
    effect: str
    entry: str
    has_entry: bool

    @property
    def says(self) -> str:
        """Which values differ, such as `2 and 3 differ`, or which one is missing."""
        differing = [str(value.no) for value in self.values if value.differs]
        return (
            f"{' and '.join(differing)} differ"
            if len(differing) > 1
            else f"{''.join(differing)} is missing"
        )


def units_on_hold(session: Session, company_id: int) -> tuple[Missing, ...]:
    """Return the units that records wait for, largest amounts first."""
    return missing(session, company_id, most=None, kinds=(CauseKind.UNIT,))


def unit_comparison(session: Session, company_id: int, cause_id: int) -> UnitComparison | None:
    """Return the four values of the newest held record, or None if nothing waits for this unit."""
    judged = select(func.max(Evaluation.id)).where(
        Evaluation.record_id == Record.id, Evaluation.facts.is_not(None)
    )
    row = session.execute(
        select(
            Cause, Hold.code, Record.number, Record.type, Record.external_id,
            Connection.name.label("source"), judged.scalar_subquery().label("judged"),
        )
        .join(Hold, Hold.cause_id == Cause.id)
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Cause.company_id == company_id, Cause.id == cause_id, Cause.records > 0, HOLD_OPEN)
        .order_by(Hold.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    cause: Cause | None = row.Cause if row else None
    if row is None or cause is None or cause.key.kind is not CauseKind.UNIT or row.judged is None:
        return None
    outcome = replay_for_page(session, row.judged)
    if outcome is None:
        return None
    unit, item = cause.key.unit_and_item
    verdict = _verdict(outcome, unit, item)
    operands: Mapping[str, str] = dict(verdict.operands) if verdict else {}
    difference = verdict.units if verdict else None
    target = _target(outcome, verdict)
    values = _values(unit, item, operands, difference)
    entry, has_entry = _entry(session, company_id, unit, item)
    return UnitComparison(
        cause_id=cause.id,
        unit=unit,
        item=item,
        code=row.code,
        records=cause.records,
        money=_money(session, company_id, cause_id),
        number=row.number,
        source=row.source,
        kind=row.type,
        external_id=row.external_id,
        target=target,
        values=values,
        effect=_effect(difference, target),
        entry=entry,
        has_entry=has_entry,
    )


def _verdict(outcome: Outcome, unit: str, item: str) -> Verdict | None:
    """Return the comparison this unit failed; None if its conversion is missing."""
    comparisons = (verdict for verdict in outcome.verdicts if verdict.units is not None)
    matching = (
        verdict
        for verdict in comparisons
        if verdict.units and (verdict.units.unit, verdict.units.item) == (unit, item)
    )
    return next(matching, None)


def _target(outcome: Outcome, verdict: Verdict | None) -> str:
    """Return the comparison's target, otherwise the target in the first route."""
    routes = [verdict.route] if verdict else [decision.route for decision in outcome.decisions]
    return routes[0].partition(".")[0] if routes else ""


def _values(
    unit: str, item: str, texts_by_label: Mapping[str, str], difference: UnitDifference | None
) -> tuple[UnitValue, ...]:
    differ = {_NO[name] for name in difference.differ} if difference else {2}
    posted = texts_by_label.get("mapping") or "Nothing: the document cannot be made"
    goes = texts_by_label.get("after")
    texts = (
        ("Unit on the order", f"{unit}, {item}"),
        ("Conversion, units table", texts_by_label.get("units") or f"No conversion for 1 {unit}"),
        ("Item set-up in the accounting system", texts_by_label.get("item set-up", MISSING)),
        ("Posted", f"{posted}: {goes}" if goes else posted),
    )
    return tuple(
        UnitValue(no, title, text, no in differ) for no, (title, text) in enumerate(texts, start=1)
    )


def _entry(session: Session, company_id: int, unit: str, item: str) -> tuple[str, bool]:
    """Return the key of the entry that converts the item's unit, otherwise the item's own key."""
    item_key = f"{unit}|{item}"
    keys = set(
        session.scalars(
            select(MappingEntry.key)
            .join(MappingTable, MappingTable.id == MappingEntry.table_id)
            .where(MappingTable.company_id == company_id, MappingTable.name == UNITS)
            .where(MappingEntry.key.in_((item_key, unit)), MappingEntry.to_revision.is_(None))
        )
    )
    return next(((key, True) for key in (item_key, unit) if key in keys), (item_key, False))


def _money(session: Session, company_id: int, cause_id: int) -> Sums:
    figure = tally_figures.of_causes(session, company_id, [cause_id]).get(cause_id)
    return figure.money if figure is not None else {}


def _effect(difference: UnitDifference | None, target: str) -> str:
    """Return the stock error, if both sides count in one unit."""
    if difference is None or difference.here is None or difference.there is None:
        return ""
    off, base = abs(difference.there - difference.here), difference.base
    if not off:
        return ""
    return (
        f"{difference.quantity} {difference.unit} would be {difference.here} {base} here and"
        f" {difference.there} {base} in {target}: stock would be wrong by {off} {base}."
    )
