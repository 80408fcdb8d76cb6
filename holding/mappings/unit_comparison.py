"""Why a unit holds records: what was ordered, the conversion, the item set-up, what is posted.

Here: these four values for a cause, by the newest record that it holds, and which of them differ.
Not here: how they are compared (rules/documents/agreement.py), the units table (holding/mappings).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.programs.replay import replay
from holding.tables import Cause, Connection, Evaluation, Hold, MappingEntry, MappingTable, Record
from holding.tables.decisions import HOLD_OPEN
from holding.tallies import tally_figures
from holding.words import Sums
from rules.outcomes.outcome import HIT, Outcome
from rules.values.cause_keys import UNITS, CauseKind

MISSING: Final = "not told"
_RATE: Final = re.compile(r"1 (\S+) = ([0-9]+(?:\.[0-9]+)?)(?:/([0-9]+))? (\S+)")
_COUNT: Final = re.compile(r"([0-9.]+) (\S+) × (\S+) = ([0-9.]+) (\S+)")


@dataclass(frozen=True, slots=True)
class UnitValue:
    """One of the four: its number, what it is, its text, and whether it is one that differs."""

    no: int
    name: str
    text: str
    differs: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitComparison:
    """The four values for a unit of an item; `effect` is what would go wrong, where it is counted.

    `entry` is the key of the units table that has the conversion, or would have it.
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
        """`2 and 3 differ`, or which one is missing."""
        found = [str(one.no) for one in self.values if one.differs]
        return f"{' and '.join(found)} differ" if len(found) > 1 else f"{''.join(found)} is missing"


def unit_causes(session: Session, company_id: int) -> tuple[int, ...]:
    """The causes of records that a unit holds, the most money first."""
    query = (
        select(Cause.id, Cause.key)
        .where(Cause.company_id == company_id, Cause.records > 0)
        .order_by(Cause.book.desc(), Cause.id)
    )
    rows = session.execute(query)
    return tuple(row.id for row in rows if row.key.kind is CauseKind.UNIT)


def unit_comparison(session: Session, company_id: int, cause_id: int) -> UnitComparison | None:
    """The four values by the newest record that is held; None: nothing waits for this unit."""
    cause = session.scalar(
        select(Cause).where(Cause.company_id == company_id, Cause.id == cause_id, Cause.records > 0)
    )
    if cause is None or cause.key.kind is not CauseKind.UNIT:
        return None
    row = session.execute(
        select(
            Hold.code, Record.id, Record.number, Record.type, Record.external_id,
            Connection.name.label("source"),
        )
        .join(Record, Record.id == Hold.record_id)
        .join(Connection, Connection.id == Record.source_id)
        .where(Hold.cause_id == cause_id, HOLD_OPEN)
        .order_by(Hold.id.desc())
        .limit(1)
    ).first()  # fmt: skip
    if row is None:
        return None
    last = session.scalar(
        select(func.max(Evaluation.id)).where(
            Evaluation.record_id == row.id, Evaluation.facts.is_not(None)
        )
    )
    if last is None:
        return None
    outcome = replay(session, last)
    unit, item = cause.key.unit_and_item
    told, target = _told(outcome, unit, item)
    values = _values(unit, item, told)
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
        effect=_effect(told, target),
        entry=entry,
        has_entry=has_entry,
    )


def _told(outcome: Outcome, unit: str, item: str) -> tuple[Mapping[str, str], str]:
    """What the comparison of this unit was made with, and for which target; nothing where the
    conversion is missing, for then there was none.
    """
    source = f"{unit} of {item}"
    for verdict in outcome.verdicts:
        told = dict(verdict.operands)
        if verdict.kind == "units" and verdict.result == HIT and told.get("source") == source:
            return told, verdict.route.partition(".")[0]
    routes = [one.route for one in outcome.decisions]
    return {}, routes[0].partition(".")[0] if routes else ""


def _values(unit: str, item: str, told: Mapping[str, str]) -> tuple[UnitValue, ...]:
    differ = _differing(told) if told else {2}
    posted = told.get("mapping", "Nothing: the document cannot be made")
    goes = told.get("after")
    texts = (
        ("Unit on the order", told.get("source", f"{unit} of {item}")),
        ("Conversion, units table", told.get("units", f"1 {unit}: no conversion")),
        ("Item set-up in the accounting system", told.get("item set-up", MISSING)),
        ("Posted", f"{posted}: {goes}" if goes else posted),
    )
    return tuple(
        UnitValue(no, title, text, no in differ) for no, (title, text) in enumerate(texts, start=1)
    )


def _differing(told: Mapping[str, str]) -> set[int]:
    """Which of the four differ: nobody told a factor of what is posted, another quantity goes out
    than came in, the target does not have the posted unit, or has another rate.
    """
    came, goes = told.get("before", ""), told.get("after", "")
    if not goes:
        return {2, 4}
    if came and came.rpartition("= ")[2] != goes.rpartition("= ")[2]:
        return {1, 4}
    posted = told.get("mapping", "").rpartition(" in ")[2]
    ours, theirs = _RATE.fullmatch(told.get("units", "")), _RATE.fullmatch(told["item set-up"])
    if theirs is None and told["item set-up"] != f"{posted} only":
        return {3, 4}
    if ours and theirs and ours[1] != theirs[1] and posted not in (theirs[1], theirs[4]):
        return {3, 4}
    return {2, 3}


def _effect(told: Mapping[str, str], target: str) -> str:
    """What would be counted here and there, where both count the same unit."""
    came = _COUNT.fullmatch(told.get("before", ""))
    theirs = _RATE.fullmatch(told.get("item set-up", ""))
    if came is None or theirs is None or came[2] != theirs[1] or came[5] != theirs[4]:
        return ""
    there = Fraction(came[1]) * Fraction(theirs[2]) / int(theirs[3] or 1)
    off = abs(there - Fraction(came[4]))
    if not off or there.denominator != 1 or off.denominator != 1:
        return ""
    return (
        f"{came[1]} {came[2]} would be {came[4]} {came[5]} here and {there} {came[5]} in {target}: "
        f"stock would be wrong by {off} {came[5]}."
    )


def _entry(session: Session, company_id: int, unit: str, item: str) -> tuple[str, bool]:
    """The key of the entry that converts the unit of the item, else that of the item's own."""
    own = f"{unit}|{item}"
    keys = set(
        session.scalars(
            select(MappingEntry.key)
            .join(MappingTable, MappingTable.id == MappingEntry.table_id)
            .where(MappingTable.company_id == company_id, MappingTable.name == UNITS)
            .where(MappingEntry.key.in_((own, unit)), MappingEntry.to_revision.is_(None))
        )
    )
    return next(((key, True) for key in (own, unit) if key in keys), (own, False))


def _money(session: Session, company_id: int, cause_id: int) -> Sums:
    found = tally_figures.of_causes(session, company_id, [cause_id]).get(cause_id)
    return found.money if found is not None else {}
