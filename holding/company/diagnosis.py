"""Diagnose a connection by the ten topics that users ask support about."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import bindparam, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract.errors import RETRY
from connectors.contract.pulls import ImportedByHand
from grammar import nodes
from grammar.text.characters import in_currency
from grammar.text.finding_codes import ErrorClass
from holding.db import bulk
from holding.db.models import (
    Attempt,
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
    Push,
    Reading,
    Record,
    Request,
    Version,
)
from holding.db.models.columns import NOW, PushState, among_words, from_minor, moment
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import duration, plural
from holding.db.together import answer
from holding.platform import processes
from holding.posting import holds
from holding.programs.known_schemas import schemas
from holding.programs.world import program
from holding.rulesets.target_ways import late_calls
from holding.trials import findings, fixed_codes
from holding.trials.findings import Code, Finding, owner_of
from holding.trials.waiting_documents import (
    FORGOTTEN,
    NOT_UNPAID,
    TOO_MUCH,
    TWO_E_INVOICES,
    WINDOW_OVER,
)
from rules.checker.places import used_names
from rules.comparison.preflight import references
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive
from rules.values.cause_keys import CauseKey, CauseKind


class Topic(StrEnum):
    """The ten, in the order in which they are told: what stops everything comes first."""

    TEST = "Connection test failed"
    PAUSED = "Sync is paused"
    DELAYED = "Sync delayed more than 10 minutes"
    ONE_SEN = "Amounts off by 1 sen"
    NO_RECORDS = "Sync succeeded, but no records there"
    DUPLICATES = "Duplicate entries"
    E_INVOICE = "e-Invoice submission failed"
    STOCK = "Inventory count wrong"
    ACCOUNT = "Posted to the wrong ledger account"
    ROTATION = "API key is being changed"


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
    **dict.fromkeys(("RND01", "RND02", "RND03", "RND04", "RND05", "RND06"), Topic.ONE_SEN),
    "VAL02": Topic.E_INVOICE,
    WINDOW_OVER: Topic.E_INVOICE,
    TWO_E_INVOICES: Topic.DUPLICATES,
    "PSH06": Topic.DUPLICATES,
    "PSH07": Topic.DUPLICATES,
    FORGOTTEN: Topic.DUPLICATES,
    NOT_UNPAID: Topic.DUPLICATES,
    TOO_MUCH: Topic.DUPLICATES,
}

_OF_WARNING: Final[Mapping[str, Topic]] = {
    "key.inactive": Topic.PAUSED,
    "key.short_lived": Topic.DELAYED,
}
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

_REFUSED = (
    select(Cause.key, Cause.error_class, Hold.code, func.min(Hold.message).label("message"))
    .join(Cause, Cause.id == Hold.cause_id)
    .join(Posting, Posting.id == Hold.posting_id)
    .where(Posting.connection_id == bindparam("connection"), HOLD_OPEN)
    .group_by(Cause.key, Cause.error_class, Hold.code)
    .order_by(Cause.key, Hold.code)
)

_DUE = select(func.min(Posting.due_at)).where(
    Posting.connection_id == bindparam("connection"), Posting.state == PostingState.READY
)

_SOURCES_AWAY = (
    select(Connection.name, Pull.wrong)
    .join(Pull, Pull.connection_id == Connection.id)
    .where(Connection.company_id == bindparam("company"), Pull.wrong_since < NOW)
    .order_by(Connection.name)
)

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

_MISSING = (
    select(Cause.table_name, Cause.label, Cause.records)
    .where(Cause.company_id == bindparam("company"), Cause.records > 0)
    .where(Cause.table_name.is_not(None))
    .order_by(Cause.records.desc(), Cause.id)
)

_KEYS_IN_GRACE = (
    select(ConnectionKey.tail, ConnectionKey.keep_until)
    .where(ConnectionKey.connection_id == bindparam("connection"))
    .where(ConnectionKey.keep_until > moment("since"))
    .order_by(ConnectionKey.no.desc())
    .limit(1)
)

LATELY: Final = timedelta(days=31)

_REFUND: Final = "refund"

NEWEST: Final = 500
"""So many of what was posted lately are looked at: a cause shows in the newest."""

_is_kept = (
    exists()
    .where(Attempt.push_id == Push.id, Attempt.request_id == Request.id)
    .where(Request.status == bindparam("kept"), Request.answered_at >= moment("tested"))
)

_SENT = select(Push.number, Push.error, Push.made_at).where(
    Push.connection_id == bindparam("connection")
)

_UNCONFIRMED = (
    _SENT.where(Push.made_at < moment("since"), ~_is_kept)
    .where(among_words(Push.state, (PushState.AWAITING, PushState.UNCERTAIN)))
    .order_by(Push.id)
    .limit(1)
)

_KEPT_THERE = _SENT.where(Push.state == PushState.AWAITING, _is_kept).order_by(Push.id).limit(1)

_POSTED = (
    select(Posting.number)
    .where(Posting.connection_id == bindparam("connection"), Posting.posted_at > moment("since"))
    .where(Posting.state == PostingState.POSTED)
    .order_by(Posting.posted_at.desc(), Posting.id.desc())
    .limit(NEWEST)
)

_POSTED_CONTENT = (
    _POSTED.add_columns(Push.content, Push.kept)
    .join(Push, Push.id == Posting.posted_push_id)
    .where(Push.kept.is_not(None))
)

_READ = (
    _POSTED.add_columns(Reading.body)
    .join(Reading, Reading.id == Posting.reading_id)
    .where(Reading.same.is_(False))
)

_SOURCE = aliased(Connection, name="source")

_REFUNDS = (
    _POSTED.add_columns(Version.body, _SOURCE.name.label("source"))
    .join(Version, Version.id == Posting.version_id)
    .join(Record, Record.id == Posting.record_id)
    .join(_SOURCE, _SOURCE.id == Record.source_id)
    .where(Record.type == _REFUND)
)

_TIN: Final = "is_tin"

_CLASS: Final = "e_invoice_class"

_HELD = (
    select(Cause.label, Hold.route, func.count().label("holds"))
    .join(Cause, Cause.id == Hold.cause_id)
    .where(Cause.company_id == bindparam("company"), HOLD_OPEN)
    .where(
        or_(bulk.among_given(Cause.key, "keys"), bulk.among_given(Cause.table_name, "tables")),
    )
    .group_by(Cause.label, Hold.route)
    .order_by(func.count().desc(), Cause.label)
)

SLOW: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A topic, what shows it, and what to do next."""

    topic: Topic
    words: str
    todo: str


Look = Callable[[Session, Connection, datetime], Iterator[Diagnosis]]


def diagnose(session: Session, connection_id: int, now: datetime) -> tuple[Diagnosis, ...]:
    """Each topic that something speaks for, once, with the clearest that shows it."""
    connection = session.get_one(Connection, connection_id)
    found: dict[Topic, Diagnosis] = {}
    listed = findings.findings(session, connection.company_id, now, connection.name)
    clear = [one for one in listed if one.code not in _VAGUE]
    clear.sort(key=lambda each: each.code == _LIKELY)
    vague = (one for one in listed if one.code in _VAGUE)
    state = _of_state(session, connection, now)
    for one in (*_of_findings(clear), *state, *_of_findings(vague)):
        found.setdefault(one.topic, one)
    return tuple(found[topic] for topic in Topic if topic in found)


def _of_state(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    for look in _LOOKS:
        yield from look(session, connection, now)


def _of_findings(listed: Iterable[Finding]) -> Iterator[Diagnosis]:
    for one in listed:
        topic = _OF_FINDING.get(one.code)
        if topic is None and one.code.startswith("test."):
            topic = Topic.TEST
        if topic is not None:
            yield Diagnosis(topic, _counted(one), one.todo)


def _counted(one: Finding) -> str:
    return f"{one.words} {plural(one.records, 'record')}." if one.records else one.words


def unconfirmed(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """The first document that went out and was not confirmed since. A file that a person imports
    waits for that person.
    """
    if isinstance(registry.targets().get(connection.connector), ImportedByHand):
        return
    given = {**_paused(connection), "since": now - SLOW}
    row = session.execute(_UNCONFIRMED, given).first()
    if row is not None:
        age = duration(int((now - row.made_at).total_seconds()) // 60)
        words = row.error or ""
        said = f"{row.number} was sent {age} ago and is not confirmed. {words}"
        todo = f"Look in {connection.name} for what delays it. Clearpost asks again automatically."
        yield Diagnosis(Topic.DELAYED, said.strip(), todo)


def _paused(connection: Connection) -> dict[str, object]:
    """What says that a call to it is kept; nothing does where the target keeps none."""
    target = registry.targets().get(connection.connector)
    status = target.form.tells.kept_while_paused if target and target.form.tells else None
    return {
        "connection": connection.id,
        "kept": -1 if status is None else status,
        "tested": connection.tested_at or datetime.min.replace(tzinfo=UTC),
    }


def kept_there(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """The first document that waits in the target for its paused key, as the call itself was told.
    A test made since has the last word.
    """
    row = session.execute(_KEPT_THERE, _paused(connection)).first()
    if row is not None:
        age = duration(int((now - row.made_at).total_seconds()) // 60)
        words = row.error or ""
        said = f"{row.number} was sent {age} ago and is kept there. {words}"
        todo = f"Make the key active in {connection.name}: what is kept there runs then."
        yield Diagnosis(Topic.PAUSED, said.strip(), todo)


def rounded(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Posted documents that come to another total there, as far as rounding explains it."""
    found = []
    for row in session.execute(
        _POSTED_CONTENT, {"connection": connection.id, "since": now - LATELY}
    ):
        document: Document = revive(Document, row.content)
        if holds.rounding_text(document, row.kept):
            found.append((row.number, document, row.kept))
    if found:
        number, document, kept = found[0]
        there = in_currency(from_minor(kept, document.currency), document.currency)
        sent = in_currency(document.amount, document.currency)
        told = plural(len(found), "posted document differs", "posted documents differ")
        words = f"{number} comes to {there} there and was sent with {sent}. {told}."
        todo = f"Make the rounding of the rules and of the connection that of {connection.name}."
        yield Diagnosis(Topic.ONE_SEN, words, todo)


def not_there(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Posted documents that the last reading did not find."""
    rows = session.execute(_READ, {"connection": connection.id, "since": now - LATELY})
    gone = [row.number for row in rows if row.body["found"] == "absent"]
    if gone:
        told = plural(len(gone), "posted document was not found", "posted documents were not found")
        words = f"{gone[0]} was posted, and is not there any more. {told}."
        todo = "Look for its number in the other companies of this key, then open its record."
        yield Diagnosis(Topic.NO_RECORDS, words, todo)


def not_restocked(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Posted refunds that name goods and brought none back, by the word of their source."""
    rows = session.execute(_REFUNDS, {"connection": connection.id, "since": now - LATELY})
    found = [row for row in rows if _keeps_goods(row.body or {})]
    if found:
        first = found[0]
        status = str(first.body.get("status"))
        told = plural(len(found), "posted refund returned none", "posted refunds returned none")
        words = (
            f"{first.number} gave money back for goods and returned none of them to stock:"
            f" {first.source} says “{status}”. {told}."
        )
        todo = f"Look at the refund in {first.source}: its status says whether items came back."
        yield Diagnosis(Topic.STOCK, words, todo)


def _keeps_goods(body: Mapping[str, Any]) -> bool:
    return body.get("restock") == "none" and bool(body.get("lines"))


def held(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """What most documents of a connection are held for, if it is about their e-Invoice."""
    company = session.get_one(Company, connection.company_id)
    if company.ruleset_version_id is None:
        return
    ruleset = program(session, company.ruleset_version_id).ruleset
    keys = [str(CauseKey(CauseKind.RULE, name)) for name in _checks(ruleset)]
    given = {"company": company.id, "keys": keys, "tables": list(_tables(ruleset))}
    owner = owner_of(session, company)
    for row in session.execute(_HELD, given):
        if owner(row.route) == connection.name:
            waits = plural(row.holds, "document is on hold", "documents are on hold")
            shown = f"{row.label.rstrip('.')}. {waits}."
            todo = "Open its group under On hold and follow it."
            yield Diagnosis(Topic.E_INVOICE, shown, todo)


def _checks(ruleset: nodes.Ruleset) -> Iterator[str]:
    """The checks that ask for the form of a TIN."""
    for check in ruleset.checks:
        asked = (one for one in (check.when, *check.requires) if one is not None)
        if any(_TIN in used_names(one) for one in asked):
            yield check.name


def _tables(ruleset: nodes.Ruleset) -> Iterator[str]:
    """The maps in which a classification is looked up."""
    maps = {table.name for table in ruleset.maps}
    for post in ruleset.posts:
        for assign in (*post.fields, *post.line_fields):
            named = set(used_names(assign.expr))
            if _CLASS in named:
                yield from sorted(named & maps)


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
        if row.code == holds.CONFLICT:
            topic = Topic.DUPLICATES
        if topic is not None:
            todo = _REASON.get(topic, "Open its group under On hold and follow it.")
            yield Diagnosis(topic, row.message, todo)


def _delayed(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Which part keeps documents waiting: our queue, a source that cannot be read, or its queue."""
    due = session.scalar(_DUE, {"connection": connection.id})
    waits = due is not None and now - due > SLOW and connection.paused_at is None
    if due is not None and waits:
        age = duration(int((now - due).total_seconds()) // 60)
        idle = processes.count_workers(session, now).running == 0
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


def _rotated(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """A key that was replaced and is kept for a while."""
    row = session.execute(_KEYS_IN_GRACE, {"connection": connection.id, "since": now}).first()
    if row is not None and row.keep_until is not None:
        day = row.keep_until.date().isoformat()
        words = f"A new key is in use; the one before, ending in {row.tail}, is kept until {day}."
        todo = f"Set the old key to disabled in {connection.name}; delete it there after {day}."
        yield Diagnosis(Topic.ROTATION, words, todo)


_LOOKS: Final[tuple[Look, ...]] = (
    _warned,
    kept_there,
    _refused,
    held,
    _delayed,
    unconfirmed,
    rounded,
    not_there,
    _mapped_otherwise,
    _fixed_otherwise,
    _not_listed,
    _articles,
    not_restocked,
    _rotated,
)
