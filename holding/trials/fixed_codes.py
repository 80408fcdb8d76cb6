"""Find codes in rules and mappings that their accounting system does not list."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from connectors.contract.schema import MASTER_DATA
from grammar.nodes import Ruleset
from holding.db.models import (
    Company,
    Connection,
    Evaluation,
    Posting,
    Push,
    Record,
    Snapshot,
    SnapshotItem,
)
from holding.db.models.columns import PushState, is_word, moment
from holding.db.refusal import Refusal, plural
from holding.evaluation.batch import Batch, Case, Claimed, Judgment, Plan
from holding.evaluation.evaluate_due import hold_used_numbers
from holding.evaluation.load_facts import load_batch
from holding.evaluation.plan import plan_case
from holding.evaluation.used_numbers import ReadyNumbers
from holding.platform.settings import logger
from holding.platform.states import NUMBER_USED, TARGET_LIMIT
from holding.programs import world
from holding.programs.known_schemas import schemas
from rules.comparison.preflight import (
    WHOLE,
    Beyond,
    Reference,
    Tally,
    fixed_on,
    references,
)
from rules.facts import World
from rules.values.canonical import PostingState

log = logger("clearpost.trials")

LATELY: Final = timedelta(days=31)

NEWEST: Final = 500
"""So many of what was posted lately are looked at."""

_LISTED_ONCE = (
    select(SnapshotItem.code)
    .join(Snapshot, Snapshot.id == SnapshotItem.snapshot_id)
    .where(Snapshot.connection_id == bindparam("connection"), Snapshot.kind == bindparam("kind"))
    .where(SnapshotItem.to_revision.is_not(None))
)

_POSTED_DOCUMENTS = (
    select(Posting.route, Posting.doc_date, Evaluation.ruleset_version_id.label("version"))
    .join(Push, Push.id == Posting.posted_push_id)
    .join(Evaluation, Evaluation.id == Push.evaluation_id)
    .where(Posting.connection_id == bindparam("connection"), Posting.posted_at > moment("since"))
    .where(is_word(Posting.state, PostingState.POSTED))
    .order_by(Posting.posted_at.desc(), Posting.id.desc())
    .limit(NEWEST)
)

AT_ONCE: Final = 200  # records judged at a time

_IS_POSTED = (
    exists()
    .where(Posting.record_id == Record.id)
    .where(Push.posting_id == Posting.id, is_word(Push.state, PushState.ACCEPTED))
)

_WAITING = (
    select(Record.id)
    .where(Record.company_id == bindparam("company"), Record.version_id.is_not(None), ~_IS_POSTED)
    .order_by(Record.id)
)


@dataclass(frozen=True, slots=True)
class Stranger:
    """A value that the accounting system does not list.

    `table` is the mapping that gives it, blank if the rules name it directly. `first` is an example
    among `count` values.
    """

    table: str
    first: str
    count: int = 1

    @property
    def words(self) -> str:
        """The fault in words."""
        table, first = self.table, self.first
        if not table:
            return f"The rules name {first}, which it does not list."
        count_text = plural(self.count, "value is", "values are")
        return f"Mapping {table}: {count_text} not listed there any more, the first {first}."

    @property
    def todo(self) -> str:
        """The advice in words."""
        if not self.table:
            return "Give the rules the code that is meant, or add it there; then test it again."
        return "Correct it under Mappings, or add it there; then test the connection."


def strangers(session: Session, connection: Connection, now: datetime) -> Iterator[Stranger]:
    """Yield the unlisted codes in the rules in force, each once, then the unlisted codes of each
    mapping table.
    """
    company = session.get_one(Company, connection.company_id)
    if company.ruleset_version_id is None:
        return
    fresh = world.fresh_targets(session, company.id, now)
    current_world = world.world(session, company.id, company.revision, fresh)
    state = current_world.targets.get(connection.name)
    ruleset = world.program(session, company.ruleset_version_id).ruleset
    words = {connection.name, connection.connector}
    own_references = [ref for ref in references(ruleset, schemas()) if ref.target in words]
    strangers_by_place: dict[tuple[str, str], Stranger] = {}
    for ref in own_references:
        sure = state is not None and state.known and ref.kind in WHOLE
        listed = state.codes.get(WHOLE[ref.kind]) if state and sure else None
        if listed:
            code = fixed_on(ref, ruleset, now.date())
            if code and code not in listed:
                name = "" if ref.formula.startswith('"') else f"{ref.formula} = "
                stranger = Stranger("", f"{name}“{code}”")
                strangers_by_place.setdefault((ref.kind, stranger.first), stranger)
            for table_stranger in _of_tables(
                ref, current_world, _gone(session, connection, ref.kind) - listed
            ):
                strangers_by_place.setdefault(
                    (ref.kind, f"map {table_stranger.table}"), table_stranger
                )
    yield from strangers_by_place.values()


def _of_tables(
    ref: Reference, current_world: World, unlisted: frozenset[str]
) -> Iterator[Stranger]:
    for name in ref.tables:
        table = current_world.maps.get(name)
        entries = table.entries if table is not None else {}
        wrong = sorted(key for key, entry in entries.items() if entry.value in unlisted)
        if wrong:
            first = f"“{wrong[0]}” → “{entries[wrong[0]].value}”"
            yield Stranger(name, first, len(wrong))


def _gone(session: Session, connection: Connection, kind: str) -> frozenset[str]:
    """Return all codes of a kind that the target ever listed."""
    parameters = {"connection": connection.id, "kind": WHOLE[kind]}
    return frozenset(session.scalars(_LISTED_ONCE, parameters))


@dataclass(frozen=True, slots=True)
class Otherwise:
    """An account that the current rules fill differently from what was posted."""

    field: str
    before: str
    now: str
    documents: int = 0


def posted_otherwise(
    session: Session, connection: Connection, now: datetime
) -> tuple[Otherwise, ...]:
    """Return fixed accounts of recently posted documents that the rules in force now fill
    differently for that day, most frequent first.
    """
    current = session.get_one(Company, connection.company_id).ruleset_version_id
    if current is None:
        return ()
    parameters = {"connection": connection.id, "since": now - LATELY}
    rows = session.execute(_POSTED_DOCUMENTS, parameters).all()
    counted: Counter[Otherwise] = Counter()
    sets = {no: _Fixed(session, no) for no in {current, *(row.version for row in rows)}}
    for row in rows:
        if row.version == current or row.doc_date is None:
            continue
        after = sets[current].of(row.route, row.doc_date)
        for field, value in sets[row.version].of(row.route, row.doc_date).items():
            if after.get(field, value) != value:
                counted[Otherwise(field, value, after[field])] += 1
    return tuple(
        replace(difference, documents=count) for difference, count in counted.most_common()
    )


class _Fixed:
    """The fixed accounts of one version of the rules."""

    def __init__(self, session: Session, version: int) -> None:
        self.ruleset: Ruleset = world.program(session, version).ruleset
        named = references(self.ruleset, schemas())
        self.references = [ref for ref in named if ref.kind == "account"]

    def of(self, route: str, day: date) -> Mapping[str, str]:
        """Return field -> the fixed code that the rules fill in on this day."""
        route_references = (ref for ref in self.references if ref.route == route)
        field_codes = ((ref.field, fixed_on(ref, self.ruleset, day)) for ref in route_references)
        return {field: code for field, code in field_codes if code is not None}


def named_codes(session: Session, company_id: int, now: datetime) -> Tally | Refusal:
    """Return the codes named by all records without an accepted document, oldest first.

    Records dated before the cutover count too, since this check runs before deliveries begin.
    """
    company = session.get_one(Company, company_id)
    if company.ruleset_version_id is None:
        words = f"No rules are in force for {company.name}."
        hint = "Publish rules first: clearpost rules push, then clearpost publish."
        return Refusal("preflight.no_rules", words, hint)
    ruleset = world.program(session, company.ruleset_version_id).ruleset
    tally = Tally(references(ruleset, schemas()), MASTER_DATA)
    ids = session.scalars(_WAITING, {"company": company_id}).all()
    ready_numbers: ReadyNumbers = {}
    for at in range(0, len(ids), AT_ONCE):
        claims = [Claimed(record_id, 0, 0) for record_id in ids[at : at + AT_ONCE]]
        batch = replace(load_batch(session, company_id, claims, now, world.program), starts_on=None)
        plans = [plan for case in batch.cases if (plan := _planned(batch, case, now)) is not None]
        _, plans = hold_used_numbers(session, batch, plans, ready_numbers)
        for plan in plans:
            if plan.judged.outcome is not None:
                beyond = tuple(_beyond(batch, plan))
                tally.add(plan.case.subject.kind, plan.judged.outcome, batch.world, beyond)
        session.expunge_all()
    return tally


def _planned(batch: Batch, case: Case, now: datetime) -> Plan | None:
    """Return the plan of a record, or None if its rules fail."""
    try:
        outcome = batch.judge.evaluate(case.subject, case.facts, batch.world, now)
        return plan_case(batch, Judgment(case=case, at=now, outcome=outcome))
    except Exception:
        # Such a record is on hold; its codes are not known until the rules are corrected.
        log.exception("The rules failed on a record.", record=case.record_id)
        return None


def _beyond(batch: Batch, plan: Plan) -> Iterator[Beyond]:
    """Yield the holds of documents that their target could not take."""
    teams = {team_id: name for name, team_id in batch.teams.items()}
    for wanted_hold in plan.wanted.values():
        if wanted_hold.code in (TARGET_LIMIT, NUMBER_USED):
            owner = teams.get(wanted_hold.team_id or 0, "")
            yield Beyond(
                wanted_hold.code,
                str(wanted_hold.cause_key),
                wanted_hold.number,
                wanted_hold.message,
                owner,
            )
