"""What a mapping entry would do; nothing is written.

Here: the preview: what the fix would wake, judged again in memory with the entry as it would be,
and which posted documents it contradicts (holding/mappings/reclassification.py). Not here: the fix
(`fixes.py`).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.mappings.changed_world import with_value
from holding.mappings.entries import (
    Parsed,
    Reach,
    entry_of,
    reach,
    read_value,
    shown,
    table_of,
    unfit,
)
from holding.mappings.reclassification import (
    Change,
    Contradictions,
    contradictions,
    older_entries,
    parsed_of,
)
from holding.programs.world import build_world, fresh_targets, program
from holding.refusal import Refusal
from holding.store import bulk
from holding.tables import Company, Connection, Evaluation, Hold, MappingTable, Record, Version
from holding.tables.decisions import HOLD_OPEN
from holding.tables.rules import ALWAYS
from holding.words import Sums, added, by_key
from rules.facts.world import Facts, Subject, World
from rules.outcomes.outcome import Outcome
from rules.programs.program import Program
from rules.values.posting_states import PostingState
from rules.values.wording import titled

LOOKED_AT: Final = 500
TOLD: Final = 3


@dataclass(frozen=True, slots=True)
class Stay:
    """By which rules records would still be held, how many, and what those rules say."""

    reason: str
    records: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Preview:
    """What an entry would do.

    Of the held records that it touches (`blocked_records`) it frees some and the others stay; of
    those that are not held and not sent (`going`) it halts some. `looked_at` is smaller than both
    together where there are too many to judge at once: then all counts are among those looked at.
    `contradicted` are documents in the books that it would have made otherwise.
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
    halts: tuple[Stay, ...]
    contradicted: Contradictions
    currency: str
    rev: int

    @property
    def complete(self) -> bool:
        """Whether all that it touches was judged."""
        return self.looked_at == self.blocked_records + self.going

    @property
    def say(self) -> str:
        """The preview in one sentence."""
        held = "; ".join(
            f"{stay.records} {'stays' if stay.records == 1 else 'stay'} held: {stay.reason}"
            for stay in self.stays
        )
        some = "" if self.complete else f" of the first {self.looked_at}"
        return f"frees {self.freed}{some}" + (f"; {held}" if held else "")


def preview(
    session: Session,
    company_id: int,
    table: str,
    key: str,
    value: str,
    now: datetime,
    since: date = ALWAYS,
) -> Preview | Refusal:
    """Judge again, in memory, what waits for this key as if the entry were there from a day on."""
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
    reached = reach(session, found, key, judge.ruleset if judge else None)
    held = held_records(session, reached)
    amounts = amounts_of(session, sorted(held))
    looked_at = [*sorted(held), *sorted({*reached.using} - held)][:LOOKED_AT]
    world = with_value(world_now(session, company, now), found.kind, table, key, parsed, since)
    outcomes = judged_in(session, judge, looked_at, world, now) if judge else {}
    reasons = {record_id: reasons_of(outcome) for record_id, outcome in outcomes.items()}
    freed = [record_id for record_id in held if reasons.get(record_id) == ()]
    entry = entry_of(session, found.id, key, since)
    return Preview(
        table=table,
        key=key,
        value=value,
        before=shown(entry.value, entry.num, entry.den) if entry else "",
        blocked_records=len(held),
        money=added(amounts.values()),
        looked_at=len(looked_at),
        freed=len(freed),
        freed_money=added(amounts.get(record_id, {}) for record_id in freed),
        stays=stays_of(why for record_id, why in reasons.items() if why and record_id in held),
        going=len({*reached.using} - held),
        halts=stays_of(why for record_id, why in reasons.items() if why and record_id not in held),
        contradicted=_contradicted(session, found, key, parsed, since),
        currency=company.currency,
        rev=company.revision,
    )


def _contradicted(
    session: Session, table: MappingTable, key: str, parsed: Parsed, since: date
) -> Contradictions:
    """The posted documents that would be otherwise under this value."""
    change = Change(
        company_id=table.company_id,
        kind=table.kind,
        table=table.name,
        key=key,
        before=parsed_of(entry_of(session, table.id, key, since)),
        after=parsed,
        entries=tuple(one.id for one in older_entries(session, table.id, key)),
        since=since,
    )
    return contradictions(session, change, most=LOOKED_AT)


def active_program(session: Session, company_id: int) -> Program | None:
    """The program of the version in force."""
    company = session.get(Company, company_id)
    version_id = company.ruleset_version_id if company else None
    return program(session, version_id) if version_id is not None else None


def held_records(session: Session, reached: Reach) -> set[int]:
    """The records that are held, of those that a change reaches."""
    query = select(Hold.record_id).where(bulk.among(Hold.record_id, reached.using), HOLD_OPEN)
    return {*reached.waiting, *(session.scalars(query) if reached.using else ())}


def amounts_of(session: Session, record_ids: Sequence[int]) -> dict[int, Sums]:
    """Record id -> its amount."""
    query = select(Record.id, Record.currency, Record.amount).where(Record.id.in_(record_ids))
    return by_key((key, currency, minor) for key, currency, minor in session.execute(query))


def world_now(session: Session, company: Company, now: datetime) -> World:
    """What rules may look at as things stand."""
    known = fresh_targets(session, company.id, now)
    return build_world(session, company.id, company.revision, known)


def judged_in(
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
        .order_by(Record.id)  # the first labels that are told are those of the oldest records
    )
    return {
        row.id: judge.decision(
            Subject(kind=row.type, source=row.connector, body=row.body, version=row.no),
            Facts.from_json(row.facts["facts"]),
            world,
            now,
        )
        for row in rows
        if row.body is not None and row.facts is not None
    }


Reasons = tuple[tuple[str, str], ...]  # rule, and what it says of all the records it holds


def stays_of(reasons: Iterable[Reasons]) -> tuple[Stay, ...]:
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


def reasons_of(outcome: Outcome) -> Reasons:
    """The rules that would still hold a record, with their labels; none = it is free."""
    return tuple(
        sorted(
            {
                (
                    f"approval by {finding.owner}"
                    if finding.severity == "approve"
                    else finding.rule,
                    titled(finding.cause_label),
                )
                for decision in outcome.decisions
                if decision.state in {PostingState.HELD, PostingState.POSTED}
                for finding in decision.findings
                if finding.severity in {"hold", "approve"}
            }
        )
    )
