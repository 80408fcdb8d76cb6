"""Preview what changes of mapping entries would do to waiting records, without writing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.kept_plans import KEPT
from holding.db.models import Company, Connection, Evaluation, Hold, MappingTable, Record, Version
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, Sums, added, by_key
from holding.mappings.entries import (
    OfKey,
    Parsed,
    entry_text,
    load_key,
    read_value,
    refuse_circle,
    refuse_wrong_kind,
    with_value,
)
from holding.mappings.key_reach import find_reach, find_reaches
from holding.mappings.reclassification import (
    Change,
    Contradictions,
    find_contradictions,
    parsed_of,
)
from holding.programs.world import fresh_targets, program, world
from rules.facts import Facts, Subject, World
from rules.outcomes import Outcome, finding_title
from rules.program import Program
from rules.values.canonical import PostingState

MOST_RECORDS: Final = 500

TOLD: Final = 3

Reasons = tuple[tuple[str, str], ...]  # rule, and what it says of all the records it holds

MOST_CHANGES: Final = 1_000


@dataclass(frozen=True, slots=True)
class Stay:
    """The rules that would still hold records, how many, and their messages."""

    reason: str
    records: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What edits would do to the records that wait for their keys.

    If there are too many, only `looked_at` of the `records` are evaluated, and `ready` and `stays`
    refer to these. `going` are unsent records that use the keys' current values and are evaluated
    again. `more`: not all records were counted.
    """

    records: int
    money: Sums
    looked_at: int
    ready: int
    ready_money: Sums
    stays: tuple[Stay, ...]
    going: int
    more: bool

    @property
    def complete(self) -> bool:
        """Whether all waiting records were evaluated."""
        return self.looked_at == self.records and not self.more


NOTHING: Final = Effect(0, {}, 0, 0, {}, (), 0, more=False)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an entry would do.

    It frees some of the held records it affects (`blocked_records`), and stops some unsent ones
    (`going`). If there are too many, only `looked_at` are evaluated, and all counts refer to these.
    `more`: not all records were counted. `contradicted` are posted documents that it would have
    made differently.
    """

    table: str
    key: str
    value: str
    before: str
    blocked_records: int
    money: Sums
    looked_at: int
    freed: int
    freed_money: Sums
    stays: tuple[Stay, ...]
    going: int
    more: bool
    halts: tuple[Stay, ...]
    contradicted: Contradictions
    currency: str
    rev: int

    @property
    def complete(self) -> bool:
        """Whether all affected records were evaluated."""
        return self.looked_at == self.blocked_records + self.going and not self.more

    @property
    def say(self) -> str:
        """The preview in one sentence."""
        stays_text = "; ".join(
            f"{stay.records} {'stays' if stay.records == 1 else 'stay'} held: {stay.reason}"
            for stay in self.stays
        )
        some = "" if self.complete else f" of the first {self.looked_at}"
        return f"clears {self.freed}{some}" + (f"; {stays_text}" if stays_text else "")


def preview_entry(
    session: Session,
    company_id: int,
    table: str,
    key: str,
    value: str,
    now: datetime,
    since: date = ALWAYS,
) -> Preview | Refusal:
    """Evaluate in memory the records that wait for a key, as if it had the value from a day on."""
    standing = load_key(session, company_id, table, key)
    if standing is None:
        return Refusal(
            code="mapping.unknown", message=f"Mapping table {table} does not exist.", status=404
        )
    mapping_table = standing.table
    parsed = read_value(mapping_table.kind, value)
    if isinstance(parsed, Refusal):
        return parsed
    judge = active_program(session, company_id)
    refusal = refuse_wrong_kind(judge.ruleset if judge else None, mapping_table, parsed)
    refusal = refusal or refuse_circle(session, mapping_table, key, parsed)
    if refusal:
        return refusal
    company = session.get_one(Company, company_id)
    reached = find_reach(session, mapping_table, key, judge.ruleset if judge else None)
    entry = standing.since(since)
    change = _change(standing, parsed, since)
    touched = _load_amounts(session, reached.records)
    held_ids = {record_id for record_id, (is_held, _) in touched.items() if is_held}
    amounts = {record_id: money for record_id, (_, money) in touched.items()}
    looked_at = [*sorted(held_ids), *sorted({*reached.using} - held_ids)][:MOST_RECORDS]
    fresh = fresh_targets(session, company_id, now)
    current_world = world(session, company_id, company.revision, fresh)
    changed = with_value(current_world, mapping_table.kind, table, key, parsed, since)
    outcomes = _judge_records(session, judge, looked_at, changed, now)
    reasons = {record_id: reasons_of(outcome) for record_id, outcome in outcomes.items()}
    freed = [record_id for record_id in held_ids if reasons.get(record_id) == ()]
    return Preview(
        table=table,
        key=key,
        value=value,
        before=entry_text(entry.value, entry.num, entry.den) if entry else "",
        blocked_records=len(held_ids),
        money=added(amounts[record_id] for record_id in held_ids),
        looked_at=len(looked_at),
        freed=len(freed),
        freed_money=added(amounts.get(record_id, {}) for record_id in freed),
        stays=group_stays(
            why for record_id, why in reasons.items() if why and record_id in held_ids
        ),
        going=len({*reached.using} - held_ids),
        more=reached.more,
        halts=group_stays(
            why for record_id, why in reasons.items() if why and record_id not in held_ids
        ),
        contradicted=find_contradictions(session, change, most=MOST_RECORDS),
        currency=company.currency,
        rev=company.revision,
    )


def _change(standing: OfKey, parsed: Parsed, since: date) -> Change:
    """Return the change in the form that is compared with posted documents."""
    return Change(
        company_id=standing.table.company_id,
        kind=standing.table.kind,
        table=standing.table.name,
        key=standing.key,
        before=parsed_of(standing.since(since)),
        after=parsed,
        entries=tuple(entry.id for entry in standing.entries),
        since=since,
    )


def active_program(session: Session, company_id: int) -> Program | None:
    """Return the program of the current rule version."""
    company = session.get(Company, company_id)
    version_id = company.ruleset_version_id if company else None
    return program(session, version_id) if version_id is not None else None


def _load_amounts(session: Session, record_ids: Sequence[int]) -> dict[int, tuple[bool, Sums]]:
    """Return by record whether it is held, and its amount."""
    is_on_hold = exists().where(Hold.record_id == Record.id, HOLD_OPEN)
    rows = session.execute(
        select(Record.id, Record.currency, Record.amount, is_on_hold.label("held")).where(
            bulk.among(Record.id, record_ids)
        )
    )
    return {
        row.id: (bool(row.held), by_key([(row.id, row.currency, row.amount)]).get(row.id, {}))
        for row in rows
    }


def _judge_records(
    session: Session,
    judge: Program | None,
    record_ids: Sequence[int],
    assumed_world: World,
    now: datetime,
) -> dict[int, Outcome]:
    """Return each record's outcome in the given world, with the facts of its last evaluation."""
    if judge is None or not record_ids:
        return {}
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
        .order_by(Record.id)
    )
    return {
        row.id: judge.decision(
            Subject(kind=row.type, source=row.connector, body=row.body, version=row.no),
            Facts.from_json(row.facts["facts"]),
            assumed_world,
            now,
        )
        for row in rows
        if row.body is not None and row.facts is not None
    }


def group_stays(reasons: Iterable[Reasons]) -> tuple[Stay, ...]:
    """Group records by the rules that would still hold them, most records first."""
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
    """Return the first labels, and how many more there are."""
    more = len(labels) - TOLD
    return " ".join([*labels[:TOLD], *([f"And {more} more."] if more > 0 else [])])


def reasons_of(outcome: Outcome) -> Reasons:
    """Return the rules that would still hold a record, with labels; none means it is free."""
    return tuple(
        sorted(
            {
                (
                    f"approval by {finding.owner}"
                    if finding.severity == "approve"
                    else finding.rule,
                    finding_title(finding),
                )
                for decision in outcome.decisions
                if decision.state in {PostingState.HELD, PostingState.POSTED}
                for finding in decision.findings
                if finding.severity in {"hold", "approve"}
            }
        )
    )


@dataclass(frozen=True, slots=True)
class Edit:
    """A key's value from a day on; without `parsed` the entry of that day is removed."""

    table: str
    key: str
    parsed: Parsed | None
    since: date


class KnownMaps:
    """A company's mapping tables, loaded once for several previews."""

    def __init__(self, by_name: Mapping[str, MappingTable]) -> None:
        self._by_name = by_name


def load_maps(session: Session, company_id: int) -> dict[str, MappingTable]:
    """Return a company's mapping tables by name."""
    query = select(MappingTable).where(MappingTable.company_id == company_id)
    return {table.name: table for table in session.scalars(query, execution_options=KEPT)}


def preview_edits(
    session: Session,
    company_id: int,
    edits: Sequence[Edit],
    now: datetime,
    *,
    maps: KnownMaps | None = None,
) -> Effect:
    """Evaluate in memory the records that wait for these keys, as if all edits were made.

    `maps` are the company's tables, if already loaded.
    """
    judge = active_program(session, company_id)
    revision = session.get_one(Company, company_id).revision
    waiting, using = set[int](), set[int]()
    tables = load_maps(session, company_id) if maps is None else maps._by_name
    known_edits = [edit for edit in edits if edit.table in tables]
    mapping_keys = [(tables[edit.table], edit.key) for edit in known_edits]
    reached = find_reaches(session, mapping_keys, judge.ruleset if judge else None)
    changed = world(session, company_id, revision, fresh_targets(session, company_id, now))
    for edit, key_reach in zip(known_edits, reached, strict=True):
        waiting |= set(key_reach.waiting)
        using |= set(key_reach.using)
        kind = tables[edit.table].kind
        changed = with_value(changed, kind, edit.table, edit.key, edit.parsed, edit.since)
    looked_at = sorted(waiting)[:MOST_CHANGES]
    outcomes = _judge_records(session, judge, looked_at, changed, now)
    amount_rows = _load_amounts(session, sorted(waiting))
    amounts = {record_id: money for record_id, (_, money) in amount_rows.items()}
    reasons = {record_id: reasons_of(outcome) for record_id, outcome in outcomes.items()}
    ready = [record_id for record_id, why in reasons.items() if not why]
    return Effect(
        records=len(waiting),
        money=added(amounts.values()),
        looked_at=len(looked_at),
        ready=len(ready),
        ready_money=added(amounts.get(record_id, {}) for record_id in ready),
        stays=group_stays(why for why in reasons.values() if why),
        going=len(using - waiting),
        more=any(edit.more for edit in reached),
    )
