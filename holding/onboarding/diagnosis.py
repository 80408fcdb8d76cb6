"""What is the matter with a connection, by the ten topics that people ask about.

Here: which topic the stored state speaks for, what shows it, and the next step. Not here: findings
one by one (preflight/findings.py), what sent documents tell (posted_documents.py), the installation
itself (clearpost doctor without a name).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session, aliased

from connectors.contract.errors import RETRY
from grammar.text.finding_codes import ErrorClass
from holding.db.models import (
    Cause,
    Company,
    Connection,
    ConnectionKey,
    Hold,
    MappingEntry,
    MappingTable,
    Posting,
    PostingUse,
    Pull,
)
from holding.db.models.columns import NOW, moment
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import duration, plural
from holding.db.together import answer
from holding.onboarding import e_invoice_holds, posted_documents
from holding.onboarding.topics import SLOW, Diagnosis, Look, Topic
from holding.platform import processes as heartbeats
from holding.posting import holds as target_holds
from holding.programs.world import program, schemas
from holding.rulesets.target_ways import late_calls
from holding.trials import findings as preflight
from holding.trials import fixed_codes
from holding.trials.findings import Code, Finding
from holding.trials.waiting_documents import (
    FORGOTTEN,
    NOT_UNPAID,
    TOO_MUCH,
    TWO_E_INVOICES,
    WINDOW_OVER,
)
from rules.comparison.preflight import references
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.posting_states import PostingState

_OF_FINDING: Final[Mapping[str, Topic]] = {
    Code.SETTING: Topic.TEST,
    Code.NO_KEY: Topic.TEST,
    Code.NOT_TESTED: Topic.TEST,
    Code.KEY_REFUSED: Topic.TEST,
    Code.AWAY: Topic.TEST,
    Code.PAUSED: Topic.PAUSED,
    Code.QUOTA: Topic.DELAYED,
    "test.quota": Topic.DELAYED,
    "IDN02": Topic.NO_RECORDS,
    "PER01": Topic.NO_RECORDS,
    Code.TWO_WAYS: Topic.DUPLICATES,
    "test.excel.on": Topic.DUPLICATES,
    "DUP01": Topic.DUPLICATES,
    "IDN01": Topic.DUPLICATES,
    "PSH03": Topic.DUPLICATES,
    Code.ROUNDING: Topic.ONE_SEN,
    "test.rounding": Topic.ONE_SEN,
    **dict.fromkeys(("RND01", "RND02", "RND03", "RND04", "RND05"), Topic.ONE_SEN),
    "VAL02": Topic.E_INVOICE,
    WINDOW_OVER: Topic.E_INVOICE,
    TWO_E_INVOICES: Topic.DUPLICATES,
    "PSH06": Topic.DUPLICATES,
    "PSH07": Topic.DUPLICATES,
    FORGOTTEN: Topic.DUPLICATES,
    NOT_UNPAID: Topic.DUPLICATES,
    TOO_MUCH: Topic.DUPLICATES,
}
_OF_WARNING: Final[Mapping[str, Topic]] = {"key.inactive": Topic.PAUSED}
"""A step of the connection test that warns, and stops nothing here."""
_VAGUE: Final = (Code.NOT_TESTED, Code.KEY_REFUSED, Code.AWAY)
"""What says that it does not work, and not why: told where nothing else is."""
_LIKELY: Final = "DUP01"  # two that are alike: told where nothing says that they are the same
_OF_CLASS: Final[Mapping[ErrorClass, Topic]] = {
    "authorization_failed": Topic.TEST,
    "period_locked": Topic.NO_RECORDS,
    "duplicate": Topic.DUPLICATES,
}
"""What a target refused for this reason speaks for."""
_REASON: Final[Mapping[Topic, str]] = {Topic.TEST: RETRY["authorization_failed"].action}
"""What to do about such a refusal, where it is more than to look at it."""
_E_INVOICE: Final = "einvoice_invalid"  # the word of a target that cannot submit it


def diagnose(session: Session, connection_id: int, now: datetime) -> tuple[Diagnosis, ...]:
    """Each topic that something speaks for, once, with the clearest that shows it."""
    connection = session.get_one(Connection, connection_id)
    found: dict[Topic, Diagnosis] = {}
    listed = preflight.findings(session, connection.company_id, now, connection.name)
    clear = [one for one in listed if one.code not in _VAGUE]
    clear.sort(key=lambda each: each.code == _LIKELY)
    vague = (one for one in listed if one.code in _VAGUE)
    state = _of_state(session, connection, now)
    for one in (*_of_findings(clear), *state, *_of_findings(vague)):
        found.setdefault(one.topic, one)
    return tuple(found[topic] for topic in Topic if topic in found)


def _of_findings(listed: Iterable[Finding]) -> Iterator[Diagnosis]:
    for one in listed:
        topic = _OF_FINDING.get(one.code)
        if topic is None and one.code.startswith("test."):
            topic = Topic.TEST
        if topic is not None:
            yield Diagnosis(topic, _counted(one), one.todo)


def _counted(one: Finding) -> str:
    return f"{one.words} {plural(one.records, 'record')}." if one.records else one.words


def _of_state(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    for look in _LOOKS:
        yield from look(session, connection, now)


def _warned(_: Session, connection: Connection, __: datetime) -> Iterator[Diagnosis]:
    """What the last connection test found beside what stops us."""
    for step in connection.test_steps:
        topic = _OF_WARNING.get(str(step.get("code")))
        if topic is not None:
            yield Diagnosis(topic, f"{step['name']}: {step['words']}", str(step["hint"]))


def _refused(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """What the target refused and a person has to look at."""
    rows = session.execute(_REFUSED, {"connection": connection.id})
    invalid = str(CauseKey(CauseKind.TARGET, f"{connection.name}:{_E_INVOICE}"))
    for row in rows:
        topic = Topic.E_INVOICE if str(row.key) == invalid else _OF_CLASS.get(row.error_class)
        if row.code == target_holds.CONFLICT:
            topic = Topic.DUPLICATES
        if topic is not None:
            todo = _REASON.get(topic, "Open its group under On hold and follow it.")
            yield Diagnosis(topic, row.message, todo)


_REFUSED = (
    select(Cause.key, Cause.error_class, Hold.code, func.min(Hold.message).label("message"))
    .join(Cause, Cause.id == Hold.cause_id)
    .join(Posting, Posting.id == Hold.posting_id)
    .where(Posting.connection_id == bindparam("connection"), HOLD_OPEN)
    .group_by(Cause.key, Cause.error_class, Hold.code)
    .order_by(Cause.key, Hold.code)
)


def _delayed(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Which part keeps documents waiting: our queue, a source that cannot be read, or its queue."""
    due = session.scalar(_DUE, {"connection": connection.id})
    waits = due is not None and now - due > SLOW and connection.paused_at is None
    if due is not None and waits:
        age = duration(int((now - due).total_seconds()) // 60)
        idle = heartbeats.workers(session, now).running == 0
        why = "no worker runs" if idle else "the queue here is long"
        todo = "Start a worker: clearpost up, or clearpost worker."
        words = f"A document has been due for {age}: {why}."
        yield Diagnosis(Topic.DELAYED, words, todo if idle else "Start another clearpost worker.")
    given = {"company": connection.company_id, "now": now - SLOW}
    for name, wrong in session.execute(_SOURCES_AWAY, given):
        words = f"The source {name} has not been read for more than 10 minutes: {wrong}"
        yield Diagnosis(Topic.DELAYED, words, f"Look at {name}, or ask who runs it.")
    for name, (count, longest) in answer(session, late_calls(connection.company_id, now)).items():
        long = duration(int(longest.total_seconds()) // 60)
        told = plural(count, "change")
        words = (
            f"The source {name} told {told} late in the last hour: up to {long} after it was made."
        )
        yield Diagnosis(Topic.DELAYED, words, f"Ask the support of {name} about its retry queue.")


_DUE = select(func.min(Posting.due_at)).where(
    Posting.connection_id == bindparam("connection"), Posting.state == PostingState.READY
)
_SOURCES_AWAY = (
    select(Connection.name, Pull.wrong)
    .join(Pull, Pull.connection_id == Connection.id)
    .where(Connection.company_id == bindparam("company"), Pull.wrong_since < NOW)
    .order_by(Connection.name)
)


def _mapped_otherwise(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """Documents that the target has with a value that is another by now."""
    row = session.execute(_OTHERWISE, {"connection": connection.id}).first()
    if row is not None:
        told = plural(row.documents, "posted document was", "posted documents were")
        words = f"{row.name} “{row.key}” is {row.value} now; {told} made with the value before."
        todo = "Open the value under Mappings: it lists them and the journal that moves the money."
        yield Diagnosis(Topic.ACCOUNT, words, todo)


def _fixed_otherwise(
    session: Session, connection: Connection, now: datetime
) -> Iterator[Diagnosis]:
    """Documents that the target has with a fixed account that the rules say otherwise by now."""
    for one in fixed_codes.posted_otherwise(session, connection, now)[:1]:
        told = plural(one.documents, "posted document was", "posted documents were")
        words = f"{one.field} is “{one.now}” in the rules now; {told} made with “{one.before}”."
        todo = f"Move the money in {connection.name}, or give those days their value in the rules."
        yield Diagnosis(Topic.ACCOUNT, words, todo)


def _not_listed(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """A code of the rules or of a mapping table that the target does not list."""
    for one in fixed_codes.strangers(session, connection, now):
        yield Diagnosis(Topic.NO_RECORDS, one.words, one.todo)


_live = aliased(MappingEntry, name="live")
_documents = func.count(Posting.id.distinct())
_OTHERWISE = (
    select(MappingTable.name, MappingEntry.key, _live.value, _documents.label("documents"))
    .join(PostingUse, PostingUse.posting_id == Posting.id)
    .join(MappingEntry, MappingEntry.id == PostingUse.entry_id)
    .join(MappingTable, MappingTable.id == MappingEntry.table_id)
    .join(_live, (_live.table_id == MappingEntry.table_id) & (_live.key == MappingEntry.key))
    .where(Posting.connection_id == bindparam("connection"), Posting.state == PostingState.POSTED)
    .where(MappingEntry.to_revision.is_not(None), _live.to_revision.is_(None))
    .where(_live.valid_from == MappingEntry.valid_from, _live.value != MappingEntry.value)
    .group_by(MappingTable.name, MappingEntry.key, _live.value)
    .order_by(_documents.desc(), MappingTable.name, MappingEntry.key)
    .limit(1)
)


def _articles(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """Articles that match none exactly, so that no stock moves for them."""
    version = session.get_one(Company, connection.company_id).ruleset_version_id
    if version is None:
        return
    named = references(program(session, version).ruleset, schemas())
    words = {connection.name, connection.connector}
    tables = {
        table for one in named if one.kind == "item" and one.target in words for table in one.tables
    }
    given = {"company": connection.company_id}
    for row in session.execute(_MISSING, given):
        if row.table_name in tables:
            waits = plural(row.records, "record waits", "records wait")
            shown = f"{row.label.rstrip('.')}. {waits}."
            todo = "Compare the article on both sides: case, spaces and special characters count."
            yield Diagnosis(Topic.STOCK, shown, todo)
            return


_MISSING = (
    select(Cause.table_name, Cause.label, Cause.records)
    .where(Cause.company_id == bindparam("company"), Cause.records > 0)
    .where(Cause.table_name.is_not(None))
    .order_by(Cause.records.desc(), Cause.id)
)


def _rotated(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """A key that was replaced and is kept for a while."""
    row = session.execute(_KEPT, {"connection": connection.id, "since": now}).first()
    if row is not None and row.keep_until is not None:
        day = row.keep_until.date().isoformat()
        words = f"A new key is in use; the one before, ending in {row.tail}, is kept until {day}."
        todo = f"Set the old key to disabled in {connection.name}; delete it there after {day}."
        yield Diagnosis(Topic.ROTATION, words, todo)


_KEPT = (
    select(ConnectionKey.tail, ConnectionKey.keep_until)
    .where(ConnectionKey.connection_id == bindparam("connection"))
    .where(ConnectionKey.keep_until > moment("since"))
    .order_by(ConnectionKey.no.desc())
    .limit(1)
)
_LOOKS: Final[tuple[Look, ...]] = (
    _warned,
    posted_documents.kept_there,
    _refused,
    e_invoice_holds.held,
    _delayed,
    posted_documents.unconfirmed,
    posted_documents.rounded,
    posted_documents.not_there,
    _mapped_otherwise,
    _fixed_otherwise,
    _not_listed,
    _articles,
    posted_documents.not_restocked,
    _rotated,
)
