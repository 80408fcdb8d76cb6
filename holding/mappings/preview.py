"""Preview what changes of mapping entries would do to waiting records, without writing."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.models import Company, Connection, Evaluation, Hold, MappingTable, Record, Version
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.rules import ALWAYS
from holding.db.refusal import Refusal, Sums, added, by_key
from holding.db.together import Question, Together, answer
from holding.mappings.entries import (
    OfKey,
    Parsed,
    circle,
    of_key,
    read_value,
    shown,
    unfit,
    with_value,
)
from holding.mappings.key_reach import reach, reaches
from holding.mappings.reclassification import (
    Change,
    Contradictions,
    contradictions,
    parsed_of,
    used_by,
)
from holding.programs.world import fresh_now, program, world
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
    """By which rules records would still be held, how many, and what those rules say."""

    reason: str
    records: int
    label: str = ""


@dataclass(frozen=True, slots=True)
class Effect:
    """What edits would do to the records that wait for their keys.

    `looked_at` is smaller than `records` where there are too many to judge at once: then `ready`
    and `stays` are among those looked at. `going` waits for nothing and is not sent yet: it was
    made with what the keys have now, and is judged again. `more`: there are more of both.
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
        """Whether all that waits was judged."""
        return self.looked_at == self.records and not self.more


NOTHING: Final = Effect(0, {}, 0, 0, {}, (), 0, more=False)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an entry would do.

    Of the held records that it touches (`blocked_records`) it frees some and the others stay; of
    those that are not held and not sent (`going`) it halts some. `looked_at` is smaller than both
    together where there are too many to judge at once: then all counts are among those looked at.
    `more`: it touches more than those that were counted. `contradicted` are documents in the books
    that it would have made otherwise.
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
        """Whether all that it touches was judged."""
        return self.looked_at == self.blocked_records + self.going and not self.more

    @property
    def say(self) -> str:
        """The preview in one sentence."""
        held = "; ".join(
            f"{stay.records} {'stays' if stay.records == 1 else 'stay'} held: {stay.reason}"
            for stay in self.stays
        )
        some = "" if self.complete else f" of the first {self.looked_at}"
        return f"clears {self.freed}{some}" + (f"; {held}" if held else "")


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
    asked = Together(session)
    standing, fresh = (
        asked.ask(of_key(company_id, table, key)),
        asked.ask(fresh_now(company_id, now)),
    )
    if standing.value is None:
        return Refusal(
            code="mapping.unknown", message=f"Mapping table {table} does not exist.", status=404
        )
    found = standing.value.table
    parsed = read_value(found.kind, value)
    if isinstance(parsed, Refusal):
        return parsed
    judge = active_program(session, company_id)
    refusal = unfit(judge.ruleset if judge else None, found, parsed)
    refusal = refusal or circle(session, found, key, parsed)
    if refusal:
        return refusal
    company = session.get_one(Company, company_id)
    reached = reach(session, found, key, judge.ruleset if judge else None)
    entry = standing.value.since(since)
    change = _change(standing.value, parsed, since)
    sent, touched = asked.ask(used_by(change)), asked.ask(asked_amounts(reached.records))
    held = {one for one, (is_held, _) in touched.value.items() if is_held}
    amounts = {one: money for one, (_, money) in touched.value.items()}
    looked_at = [*sorted(held), *sorted({*reached.using} - held)][:MOST_RECORDS]
    known = world(session, company_id, company.revision, fresh.value)
    changed = with_value(known, found.kind, table, key, parsed, since)
    outcomes = answer(session, judged_in(judge, looked_at, changed, now))
    reasons = {record_id: reasons_of(outcome) for record_id, outcome in outcomes.items()}
    freed = [record_id for record_id in held if reasons.get(record_id) == ()]
    return Preview(
        table=table,
        key=key,
        value=value,
        before=shown(entry.value, entry.num, entry.den) if entry else "",
        blocked_records=len(held),
        money=added(amounts[record_id] for record_id in held),
        looked_at=len(looked_at),
        freed=len(freed),
        freed_money=added(amounts.get(record_id, {}) for record_id in freed),
        stays=stays_of(why for record_id, why in reasons.items() if why and record_id in held),
        going=len({*reached.using} - held),
        more=reached.more,
        halts=stays_of(why for record_id, why in reasons.items() if why and record_id not in held),
        contradicted=contradictions(session, change, sent.value, most=MOST_RECORDS),
        currency=company.currency,
        rev=company.revision,
    )


def _change(standing: OfKey, parsed: Parsed, since: date) -> Change:
    """The change as it is compared with the documents that were made with the key."""
    return Change(
        company_id=standing.table.company_id,
        kind=standing.table.kind,
        table=standing.table.name,
        key=standing.key,
        before=parsed_of(standing.since(since)),
        after=parsed,
        entries=tuple(one.id for one in standing.entries),
        since=since,
    )


def active_program(session: Session, company_id: int) -> Program | None:
    """The program of the version in force."""
    company = session.get(Company, company_id)
    version_id = company.ruleset_version_id if company else None
    return program(session, version_id) if version_id is not None else None


def asked_amounts(record_ids: Sequence[int]) -> Question[dict[int, tuple[bool, Sums]]]:
    """Record id -> whether it is held, and its amount."""
    held = exists().where(Hold.record_id == Record.id, HOLD_OPEN)
    rows = yield select(Record.id, Record.currency, Record.amount, held.label("held")).where(
        bulk.among(Record.id, record_ids)
    )
    return {
        row.id: (bool(row.held), by_key([(row.id, row.currency, row.amount)]).get(row.id, {}))
        for row in rows
    }


def judged_in(
    judge: Program | None, record_ids: Sequence[int], known: World, now: datetime
) -> Question[dict[int, Outcome]]:
    """Outcomes by record: its newest version, the facts of its newest judging, the given world."""
    if judge is None or not record_ids:
        return {}
    newest = (
        select(func.max(Evaluation.id))
        .where(Evaluation.record_id.in_(record_ids))
        .group_by(Evaluation.record_id)
    )
    rows = yield (
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
            known,
            now,
        )
        for row in rows
        if row.body is not None and row.facts is not None
    }


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
    """What a key of a table is to have from a day on; no `parsed`: the entry of that day goes."""

    table: str
    key: str
    parsed: Parsed | None
    since: date


class KnownMaps:
    """The maps of a company, read once for what asks for them later."""

    def __init__(self, by_name: Mapping[str, MappingTable]) -> None:
        self._by_name = by_name


def asked_maps(company_id: int) -> Question[dict[str, MappingTable]]:
    """All tables of a company by name, asked with other questions."""
    rows = yield select(MappingTable).where(MappingTable.company_id == company_id)
    return {one.name: one for one in rows.scalars()}


def effect(
    session: Session,
    company_id: int,
    edits: Sequence[Edit],
    now: datetime,
    *,
    maps: KnownMaps | None = None,
) -> Effect:
    """Judge again, in memory, what waits for these keys as if all edits were made. `maps`: those of
    the company, where they were read already.
    """
    judge = active_program(session, company_id)
    asked, revision = Together(session), session.get_one(Company, company_id).revision
    fresh, waiting, using = asked.ask(fresh_now(company_id, now)), set[int](), set[int]()
    tables = answer(session, asked_maps(company_id)) if maps is None else maps._by_name
    known = [one for one in edits if one.table in tables]
    wanted = [(tables[one.table], one.key) for one in known]
    reached = reaches(session, wanted, judge.ruleset if judge else None, beside=asked)
    changed = world(session, company_id, revision, fresh.value)
    for one, found in zip(known, reached, strict=True):
        waiting |= set(found.waiting)
        using |= set(found.using)
        kind = tables[one.table].kind
        changed = with_value(changed, kind, one.table, one.key, one.parsed, one.since)
    looked_at = sorted(waiting)[:MOST_CHANGES]
    judged = asked.ask(judged_in(judge, looked_at, changed, now))
    told = asked.ask(asked_amounts(sorted(waiting)))
    outcomes = judged.value
    amounts = {record_id: money for record_id, (_, money) in told.value.items()}
    reasons = {record_id: reasons_of(outcome) for record_id, outcome in outcomes.items()}
    ready = [record_id for record_id, why in reasons.items() if not why]
    return Effect(
        records=len(waiting),
        money=added(amounts.values()),
        looked_at=len(looked_at),
        ready=len(ready),
        ready_money=added(amounts.get(record_id, {}) for record_id in ready),
        stays=stays_of(why for why in reasons.values() if why),
        going=len(using - waiting),
        more=any(one.more for one in reached),
    )
