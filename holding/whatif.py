"""What a mapping entry would do, and which value could be meant; nothing is written.

Here: the preview (the blocked records judged again in memory with the entry added) and suggestions
for a missing key. Not here: the fix (`mappings.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from difflib import SequenceMatcher
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.entries import (
    Parsed,
    causes_of,
    entry_of,
    read_value,
    shown,
    table_of,
    unfit,
    used_by,
    waiting_for,
)
from holding.models import Company, Connection, Evaluation, MappingEntry, Record, Version
from holding.refusal import Refusal
from holding.worlds import build_world, fresh_targets, program
from rules.compile import Program
from rules.facts import Entry, Facts, Subject, Table, UnitEntry, World, differences
from rules.outcome import Outcome

LOOKED_AT: Final = 500
SUGGESTED: Final = 5
TOLD: Final = 3
ALIKE: Final = 0.6
SENT: Final = ("posted", "reversed", "sending", "awaiting", "uncertain")


@dataclass(frozen=True, slots=True)
class Stay:
    """By which rules records would still be held, how many, and what those rules say."""

    reason: str
    records: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an entry would do; money in minor units of the books.

    `looked_at` is smaller than `blocked_records` where there are too many to judge at once: then
    `freed` counts among those looked at.
    """

    table: str
    key: str
    value: str
    before: str
    blocked_records: int
    amount: int
    looked_at: int
    freed: int
    freed_amount: int
    stays: tuple[Stay, ...]
    posted: int
    currency: str
    rev: int

    @property
    def say(self) -> str:
        """The preview in one sentence."""
        held = "; ".join(
            f"{stay.records} {'stays' if stay.records == 1 else 'stay'} held: {stay.reason}"
            for stay in self.stays
        )
        some = f" of the first {self.looked_at}" if self.looked_at < self.blocked_records else ""
        return f"frees {self.freed}{some}" + (f"; {held}" if held else "")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value in use that could be meant, whose key it has, and in what the two keys differ."""

    value: str
    key: str
    reason: str
    percent: int


def preview(
    session: Session, company_id: int, table: str, key: str, value: str, now: datetime
) -> Preview | Refusal:
    """Judge again, in memory, what waits for this key as if the entry were there."""
    found = table_of(session, company_id, table)
    if found is None:
        return Refusal(code="mapping.unknown", message=f"There is no table {table}.", status=404)
    parsed = read_value(found.kind, value)
    if isinstance(parsed, Refusal):
        return parsed
    judge = active_program(session, company_id)
    refusal = unfit(judge.ruleset if judge else None, found, parsed)
    if refusal:
        return refusal
    company = session.get_one(Company, company_id)
    causes = causes_of(session, found, key, judge.ruleset if judge else None)
    blocked = waiting_for(session, causes)
    entry = entry_of(session, found.id, key)
    amounts = _amounts(session, blocked)
    looked_at = blocked[:LOOKED_AT]
    world = _with_entry(_world(session, company, now), found.kind, table, key, parsed)
    outcomes = _judge(session, judge, looked_at, world, now) if judge else {}
    reasons = {record_id: _reasons(outcome) for record_id, outcome in outcomes.items()}
    freed = [record_id for record_id, why in reasons.items() if not why]
    return Preview(
        table=table,
        key=key,
        value=value,
        before=shown(entry.value, entry.num, entry.den) if entry else "",
        blocked_records=len(blocked),
        amount=sum(amounts.values()),
        looked_at=len(looked_at),
        freed=len(freed),
        freed_amount=sum(amounts.get(record_id, 0) for record_id in freed),
        stays=_stays(why for why in reasons.values() if why),
        posted=len(used_by(session, [entry.id], SENT)) if entry else 0,
        currency=company.currency,
        rev=company.revision,
    )


def suggestions(session: Session, company_id: int, table: str, key: str) -> tuple[Suggestion, ...]:
    """Entries whose key is nearly this one, best first; 100 % where only spelling differs."""
    found = table_of(session, company_id, table)
    if found is None:
        return ()
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value, MappingEntry.num, MappingEntry.den)
        .where(MappingEntry.table_id == found.id, MappingEntry.to_revision.is_(None))
        .order_by(MappingEntry.key)
    ).all()
    near = [
        Suggestion(shown(row.value, row.num, row.den), row.key, reason, percent)
        for row in rows
        if row.key != key and row.value is not None
        for reason, percent in [_alike(key, row.key)]
        if percent
    ]
    return tuple(sorted(near, key=lambda s: (-s.percent, s.key))[:SUGGESTED])


def active_program(session: Session, company_id: int) -> Program | None:
    """The program of the version in force."""
    version_id = session.scalar(select(Company.ruleset_version_id).where(Company.id == company_id))
    return program(session, version_id) if version_id is not None else None


def _alike(wanted: str, known: str) -> tuple[str, int]:
    """Why two keys could mean the same, and how much; ("", 0) when they do not: C-118 is not C-101,
    however much alike they look.
    """
    if _letters(wanted) == _letters(known):
        return " and ".join(differences(wanted, known)) or "spelling", 100
    if _digits(wanted) != _digits(known):
        return "", 0
    matcher = SequenceMatcher(a=wanted.casefold(), b=known.casefold(), autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return "", 0
    ratio = matcher.ratio()
    return ("similar", min(99, int(ratio * 100))) if ratio >= ALIKE else ("", 0)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())


def _amounts(session: Session, record_ids: Sequence[int]) -> dict[int, int]:
    rows = session.execute(
        select(Record.id, func.coalesce(Record.book, 0).label("book")).where(
            Record.id.in_(record_ids)
        )
    )
    return {row.id: row.book for row in rows}


def _world(session: Session, company: Company, now: datetime) -> World:
    known = fresh_targets(session, company.id, now)
    return build_world(session, company.id, company.revision, known)


def _with_entry(world: World, kind: str, table: str, key: str, parsed: Parsed) -> World:
    """The world with one entry more (or another value of it); its id is 0, for it has none yet."""
    if parsed.factor is not None and kind == "unit":
        unit = UnitEntry(0, parsed.factor.numerator, parsed.factor.denominator, parsed.value)
        return replace(world, units={**world.units, key: unit})
    entries = dict(world.maps[table].entries) if table in world.maps else {}
    entries[key] = Entry(0, parsed.value)
    return replace(world, maps={**world.maps, table: Table(entries)})


def _judge(
    session: Session, judge: Program, record_ids: Sequence[int], world: World, now: datetime
) -> dict[int, Outcome]:
    """Outcomes by record: its newest version, the facts of its newest judging, the given world."""
    newest = (
        select(func.max(Evaluation.id))
        .where(Evaluation.record_id.in_(record_ids))
        .group_by(Evaluation.record_id)
    )
    rows = session.execute(
        select(
            Record.id, Record.type, Connection.connector, Version.no, Version.body, Evaluation.facts
        )
        .join(Connection, Connection.id == Record.source_id)
        .join(Version, Version.id == Record.version_id)
        .join(Evaluation, Evaluation.record_id == Record.id)
        .where(Evaluation.id.in_(newest))
    )
    return {
        row.id: judge.evaluate(
            Subject(kind=row.type, source=row.connector, body=row.body, version=row.no),
            Facts.from_json(row.facts["facts"]),
            world,
            now,
        )
        for row in rows
        if row.body is not None and row.facts is not None
    }


Reasons = tuple[tuple[str, str], ...]  # rule, and what it says of all the records it holds


def _stays(reasons: Iterable[Reasons]) -> tuple[Stay, ...]:
    """Records by the rules that would still hold them, the most first."""
    records: Counter[str] = Counter()
    labels: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for why in reasons:
        rules = ", ".join(dict.fromkeys(rule for rule, _ in why))
        records[rules] += 1
        labels[rules] |= dict.fromkeys(label for _, label in why)
    return tuple(
        Stay(rules, count, _some(list(labels[rules]))) for rules, count in records.most_common()
    )


def _some(labels: Sequence[str]) -> str:
    """The first labels, and how many more there are."""
    more = len(labels) - TOLD
    return " ".join([*labels[:TOLD], *([f"And {more} more."] if more > 0 else [])])


def _reasons(outcome: Outcome) -> Reasons:
    """The rules that would still hold a record, with their labels; none = it is free."""
    return tuple(
        sorted(
            {
                (
                    f"approval by {finding.owner}"
                    if finding.severity == "approve"
                    else finding.rule,
                    finding.cause_label,
                )
                for decision in outcome.decisions
                if decision.state in {"held", "posted"}
                for finding in decision.findings
                if finding.severity in {"hold", "approve"}
            }
        )
    )
