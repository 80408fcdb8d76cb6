"""Name every cause of the ten common support topics, for one connection."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, exists, func, or_, select
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract.errors import RETRY
from connectors.contract.pulls import ImportedByHand
from grammar import nodes
from grammar.text.characters import in_currency
from grammar.text.finding_codes import ErrorClass
from holding.connections.connections import KEEP_OLD
from holding.connections.key_rotation import authorizing
from holding.db import bulk
from holding.db.models import (
    Attempt,
    Cause,
    Company,
    Connection,
    ConnectionKey,
    Event,
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
from holding.db.models.rules import ALWAYS
from holding.db.refusal import duration, plural
from holding.platform import processes
from holding.platform.states import GONE, NOT_THERE, OTHER_COMPANY, STORED_OTHERWISE
from holding.posting import holds
from holding.programs.known_schemas import schemas
from holding.programs.world import program
from holding.rulesets.target_ways import load_late_calls
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
    """The ten topics in display order: what stops everything comes first."""

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
    Code.MODULE: Topic.DUPLICATES,
    Code.ISSUER: Topic.E_INVOICE,
    "SRC04": Topic.DUPLICATES,
    "test.excel.on": Topic.DUPLICATES,
    "DUP01": Topic.DUPLICATES,
    "IDN01": Topic.DUPLICATES,
    "PSH03": Topic.DUPLICATES,
    "DUP04": Topic.DUPLICATES,
    Code.ROUNDING: Topic.ONE_SEN,
    "test.rounding": Topic.ONE_SEN,
    **dict.fromkeys(("RND01", "RND02", "RND03", "RND04", "RND05", "RND06"), Topic.ONE_SEN),
    "VAL02": Topic.E_INVOICE,
    "SRC02": Topic.E_INVOICE,
    "SRC03": Topic.E_INVOICE,
    WINDOW_OVER: Topic.E_INVOICE,
    TWO_E_INVOICES: Topic.DUPLICATES,
    "PSH06": Topic.DUPLICATES,
    "PSH07": Topic.DUPLICATES,
    "PSH09": Topic.DUPLICATES,
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
"""What shows that it does not work, and not why: left out where a cause of the topic is known."""

_LIKELY: Final = "DUP01"  # two records that are alike, and perhaps no duplicates

_SAME: Final[Mapping[str, str]] = {
    Code.QUOTA: "test.quota",
    Code.ROUNDING: "test.rounding",
    "RND03": "test.rounding",
}
"""Findings that show the same cause as another one."""

_KEY_STEPS: Final = ("key.", "company.")
"""How the codes of test steps begin that name what is wrong with a key."""

MOST: Final = 10
"""How many causes of one kind are named; the others are counted."""

_OF_CLASS: Final[Mapping[ErrorClass, Topic]] = {
    "authorization_failed": Topic.TEST,
    "period_locked": Topic.NO_RECORDS,
    "duplicate": Topic.DUPLICATES,
}
"""What a target refused for this reason speaks for."""

_OPEN_GROUP: Final = "Open its group under On hold"

_STEP_OF_CODE: Final[Mapping[str, str]] = {
    "RND01": "let the source round as the accounting system does, or set a tolerance in the rules",
    "RND02": "find the line, discount or tax that is missing, and correct the record",
    "RND03": "set it back in the accounting system and test the connection, or publish rules that"
    " round as it does",
    "RND04": "correct the record, or the total in the posting rule",
    "RND05": "correct the line amount in the posting rule: the message shows how it is made",
    "RND06": "map the tax to the tax code of its rate, or correct the rate of that code",
    "DUP01": "compare both records, then reject the copy or release the record with a reason",
    "IDN01": "ask who runs the source which record is meant, then reject the other one or release",
    "PSH03": "look at the document with this number; if it is the same sale reject the record,"
    " otherwise renumber one of the two",
    "DUP04": "compare it with the record that the hold names; reject one if both are the same sale,"
    " otherwise give one another number",
    "PSH06": "reject ours, or set “e_invoices” of the system that submits none to none and release",
    "PSH07": "reject it if the sale stays in the other system, release it if it is taken out there",
    "VAL02": "correct the classification code of the item, in the source or under Mappings",
}
"""What to do on the page of a hold, by its code."""

_STEP_OF_CONFLICT: Final = (
    "compare the document in {name} with the record, then link it, have it replaced, or skip ours"
)
_STEP_OF_PERIOD: Final = "open the period in {name}, or agree on another date"
_STEP_OF_DUPLICATE: Final = "compare both documents before anything is sent again"
_STEP_OF_TIN: Final = "correct the TIN of the customer in the source; it is then checked again"
_STEP_OF_DETAILS: Final = (
    "complete the classification code of the item, or the buyer’s details above RM 10,000, in the"
    " source or under Mappings; {name} may also have a usual classification code"
)
_STEP_OF_CLASS: Final[Mapping[ErrorClass, str]] = {
    "bad_value": _STEP_OF_TIN,
    "missing_field": _STEP_OF_DETAILS,
}
"""What to do about a refused e-Invoice."""

_STORED: Final[Mapping[str, str]] = {
    NOT_THERE: (
        "Look for its number there and in the other companies of this key. Open its group under On"
        " hold: an approver checks it again or sends it again."
    ),
    OTHER_COMPANY: (
        "Void it in the other company. Open its group under On hold: an approver sends it again."
    ),
    STORED_OTHERWISE: (
        "Correct it in the accounting system. Open its group under On hold, then check it again."
    ),
}
"""What to do about a document that the target lost or stored otherwise than it was sent."""

_E_INVOICE: Final = "einvoice_invalid"  # the word of a target that cannot submit it

_REFUSED = (
    select(Cause.key, Hold.error_class, Hold.code, Hold.message, func.count().label("holds"))
    .join(Cause, Cause.id == Hold.cause_id)
    .join(Posting, Posting.id == Hold.posting_id)
    .where(Posting.connection_id == bindparam("connection"), HOLD_OPEN)
    .group_by(Cause.key, Hold.error_class, Hold.code, Hold.message)
    .order_by(Cause.key, Hold.code, Hold.message)
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

_used = aliased(MappingEntry, name="used")

_later = aliased(MappingEntry, name="later")

_OTHERWISE = (
    select(MappingTable.name, _live.key, _live.value, _live.valid_from)
    .add_columns(_documents.label("documents"))
    .join(MappingTable, MappingTable.id == _live.table_id)
    .join(_used, (_used.table_id == _live.table_id) & (_used.key == _live.key))
    .join(PostingUse, PostingUse.entry_id == _used.id)
    .join(Posting, Posting.id == PostingUse.posting_id)
    .where(MappingTable.company_id == bindparam("company"), _live.to_revision.is_(None))
    .where(_used.id != _live.id, _used.value != _live.value)
    .where(Posting.connection_id == bindparam("connection"), Posting.state == PostingState.POSTED)
    .where(or_(_live.valid_from == ALWAYS, _live.valid_from <= Posting.doc_date))
    .where(
        ~exists().where(
            _later.table_id == _live.table_id,
            _later.key == _live.key,
            _later.to_revision.is_(None),
            _later.valid_from > _live.valid_from,
            _later.valid_from <= Posting.doc_date,
        )
    )
    .group_by(MappingTable.name, _live.key, _live.value, _live.valid_from)
    .order_by(_documents.desc(), MappingTable.name, _live.key)
)
"""Posted documents whose mapping entry is not the one in force for their day."""

_MISSING = (
    select(Cause.table_name, Cause.label, Cause.records)
    .where(Cause.company_id == bindparam("company"), Cause.records > 0)
    .where(Cause.table_name.is_not(None))
    .order_by(Cause.records.desc(), Cause.id)
)

_KEYS_IN_GRACE = (
    select(ConnectionKey)
    .where(ConnectionKey.connection_id == bindparam("connection"))
    .where(ConnectionKey.keep_until > moment("since"))
    .order_by(ConnectionKey.no.desc())
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
    .limit(NEWEST)
)

_KEPT_THERE = (
    _SENT.where(Push.state == PushState.AWAITING, _is_kept).order_by(Push.id).limit(NEWEST)
)

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

_OF_BUYER: Final = frozenset({"is_tin", "e_invoice_issuer"})
"""Words of the rules by which a check is about the buyer of an e-Invoice."""

_CLASS: Final = "e_invoice_class"

_HELD = (
    select(Cause.label, Cause.table_name, Hold.route, func.count().label("holds"))
    .join(Cause, Cause.id == Hold.cause_id)
    .where(Cause.company_id == bindparam("company"), HOLD_OPEN)
    .where(
        or_(bulk.among_given(Cause.key, "keys"), bulk.among_given(Cause.table_name, "tables")),
    )
    .group_by(Cause.label, Cause.table_name, Hold.route)
    .order_by(func.count().desc(), Cause.label)
)

SLOW: Final = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """A topic, the evidence of one cause, and what to do next.

    `records`: how many documents or records wait for it, where that is known. `code`: its kind.
    """

    topic: Topic
    words: str
    todo: str
    records: int = 0
    code: str = ""


Look = Callable[[Session, Connection, datetime], Iterator[Diagnosis]]


def diagnose(session: Session, connection_id: int, now: datetime) -> tuple[Diagnosis, ...]:
    """Return every cause that something shows, topic by topic, the worst first.

    What stops everything comes before what stops some documents.
    """
    connection = session.get_one(Connection, connection_id)
    listed = findings.findings(session, connection.company_id, now, connection.name)
    causes = [*_of_findings(_merge(listed)), *_of_state(session, connection, now)]
    known_topics = {cause.topic for cause in causes if cause.code not in _VAGUE}
    causes = [
        cause for cause in causes if cause.code not in _VAGUE or cause.topic not in known_topics
    ]
    causes.sort(key=_urgency)  # equal ones stay in the order of their looks
    return tuple(_shorten(dict.fromkeys(causes)))


def _urgency(cause: Diagnosis) -> tuple[int, int, int]:
    stops_all = cause.code.startswith(("test.", "connection.", *_KEY_STEPS))
    rank = 2 if cause.code == _LIKELY else 0 if stops_all else 1
    return [*Topic].index(cause.topic), rank, -cause.records


def _merge(listed: Iterable[Finding]) -> Iterator[Finding]:
    """Return one finding for each cause; the first words it, the most records count."""
    by_cause: dict[Hashable, Finding] = {}
    for no, finding in enumerate(listed):
        cause: Hashable = _SAME.get(finding.code, finding.code)
        cause = cause if cause in _SAME.values() else no
        first = by_cause.setdefault(cause, finding)
        by_cause[cause] = replace(first, records=max(first.records, finding.records))
    yield from by_cause.values()


def _shorten(causes: Iterable[Diagnosis]) -> Iterator[Diagnosis]:
    """Return at most `MOST` causes of a kind, then one that counts the others."""
    for _, same_topic in groupby(causes, key=lambda cause: cause.topic):
        by_code: dict[str, list[Diagnosis]] = {}
        for cause in same_topic:
            by_code.setdefault(cause.code, []).append(cause)
        for kind in by_code.values():
            yield from kind[:MOST]
            if further := kind[MOST:]:
                records = sum(cause.records for cause in further)
                words = f"{plural(len(further), 'more cause')} of this kind."
                yield replace(further[0], words=words, records=records)


def _of_state(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    for look in _LOOKS:
        yield from look(session, connection, now)


def _of_findings(listed: Iterable[Finding]) -> Iterator[Diagnosis]:
    for finding in listed:
        topic = _OF_FINDING.get(finding.code)
        if topic is None and finding.code.startswith("test."):
            topic = Topic.TEST
        if topic is not None:
            todo = _with_step(finding.todo, _STEP_OF_CODE.get(finding.code, ""))
            yield Diagnosis(topic, _counted(finding), todo, finding.records, finding.code)


def _with_step(todo: str, step: str) -> str:
    """Return what to do with the step on the hold's page, if there is one."""
    if not step:
        return todo
    opens = f"{_OPEN_GROUP}: {step}."
    return opens if todo.startswith(_OPEN_GROUP) or not todo else f"{todo} {opens}"


def _counted(finding: Finding) -> str:
    return (
        f"{finding.words} {plural(finding.records, 'record')}."
        if finding.records
        else finding.words
    )


def unconfirmed(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Yield sent documents without a confirmation, grouped by the target's answer.

    A file that a person imports is left out, since it waits for that person.
    """
    if isinstance(registry.targets().get(connection.connector), ImportedByHand):
        return
    parameters = {**_paused(connection), "since": now - SLOW}
    for rows in _by_error(session.execute(_UNCONFIRMED, parameters)):
        first = rows[0]
        age = duration(int((now - first.made_at).total_seconds()) // 60)
        more = f" {plural(len(rows) - 1, 'more document')}." if len(rows) > 1 else ""
        words = f"{first.number} was sent {age} ago and is not confirmed. {first.error or ''}"
        todo = f"Look in {connection.name} for what delays it. Clearpost asks again automatically."
        yield Diagnosis(Topic.DELAYED, words.strip() + more, todo, len(rows), "unconfirmed")


def _by_error(rows: Iterable[Any]) -> Iterable[Sequence[Any]]:
    by_error: dict[str, list[Any]] = {}
    for row in rows:
        by_error.setdefault(row.error or "", []).append(row)
    return by_error.values()


def _paused(connection: Connection) -> dict[str, object]:
    """Return what shows that a paused call is kept; empty where the target keeps none."""
    target = registry.targets().get(connection.connector)
    status = target.form.tells.kept_while_paused if target and target.form.tells else None
    return {
        "connection": connection.id,
        "kept": -1 if status is None else status,
        "tested": connection.tested_at or datetime.min.replace(tzinfo=UTC),
    }


def kept_there(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Return the first document that waits in the target for its paused key, and their number.

    A test made since has the last word, and names the paused key itself.
    """
    if any(step.get("code") == "key.inactive" for step in connection.test_steps):
        return
    rows = session.execute(_KEPT_THERE, _paused(connection)).all()
    if rows:
        first = rows[0]
        age = duration(int((now - first.made_at).total_seconds()) // 60)
        more = f" {plural(len(rows) - 1, 'more document')}." if len(rows) > 1 else ""
        words = f"{first.number} was sent {age} ago and is kept there. {first.error or ''}"
        todo = f"Make the key active in {connection.name}: what is kept there runs then."
        yield Diagnosis(Topic.PAUSED, words.strip() + more, todo, len(rows), "key.inactive")


def rounded(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Yield posted documents with another total there, as far as rounding explains it."""
    rounded_rows = []
    for row in session.execute(
        _POSTED_CONTENT, {"connection": connection.id, "since": now - LATELY}
    ):
        document: Document = revive(Document, row.content)
        if holds.rounding_text(document, row.kept):
            rounded_rows.append((row.number, document, row.kept))
    if rounded_rows:
        number, document, target_total = rounded_rows[0]
        target_amount = in_currency(from_minor(target_total, document.currency), document.currency)
        sent = in_currency(document.amount, document.currency)
        count_text = plural(len(rounded_rows), "posted document differs", "posted documents differ")
        words = f"{number} comes to {target_amount} there and was sent with {sent}. {count_text}."
        todo = (
            f"Set “Rounding” of the connection as it is in {connection.name} and publish rules that"
            f" say the same; then correct {plural(len(rounded_rows), 'document')} in"
            f" {connection.name}."
        )
        yield Diagnosis(Topic.ONE_SEN, words, todo, len(rounded_rows), "rounded")


def not_there(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Yield posted documents that the last reading did not find, without a hold of their own."""
    is_held = exists().where(Hold.posting_id == Posting.id, HOLD_OPEN, Hold.code.in_(sorted(GONE)))
    rows = session.execute(
        _READ.where(~is_held), {"connection": connection.id, "since": now - LATELY}
    )
    missing_numbers = [row.number for row in rows if row.body["found"] == "absent"]
    if missing_numbers:
        count_text = plural(
            len(missing_numbers), "posted document was not found", "posted documents were not found"
        )
        words = f"{missing_numbers[0]} was posted, and is not there any more. {count_text}."
        todo = "Look for its number in the other companies of this key, then open its record."
        yield Diagnosis(Topic.NO_RECORDS, words, todo, len(missing_numbers), "not_there")


def not_restocked(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Return posted refunds that name goods and brought none back, by source and its status."""
    rows = session.execute(_REFUNDS, {"connection": connection.id, "since": now - LATELY})
    by_status: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        if _keeps_goods(row.body or {}):
            by_status.setdefault((row.source, str(row.body.get("status"))), []).append(row)
    for (source, status), refunds in by_status.items():
        first = refunds[0]
        count_text = plural(
            len(refunds), "posted refund returned none", "posted refunds returned none"
        )
        words = (
            f"{first.number} gave money back for goods and returned none of them to stock:"
            f" {source} says “{status}”. {count_text}."
        )
        todo = f"Look at the refund in {source}: its status says whether items came back."
        yield Diagnosis(Topic.STOCK, words, todo, len(refunds), "not_restocked")


def _keeps_goods(body: Mapping[str, Any]) -> bool:
    return body.get("restock") == "none" and bool(body.get("lines"))


def held(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """Return what documents of a connection are held for, if it is about their e-Invoice."""
    company = session.get_one(Company, connection.company_id)
    if company.ruleset_version_id is None:
        return
    ruleset = program(session, company.ruleset_version_id).ruleset
    keys = [str(CauseKey(CauseKind.RULE, name)) for name in _checks(ruleset)]
    parameters = {"company": company.id, "keys": keys, "tables": list(_tables(ruleset))}
    owner = owner_of(session, company)
    for row in session.execute(_HELD, parameters):
        if owner(row.route) == connection.name:
            waits = plural(row.holds, "document is on hold", "documents are on hold")
            words = f"{row.label.rstrip('.')}. {waits}."
            step = _STEP_OF_CODE["VAL02"] if row.table_name else _STEP_OF_TIN
            todo = _with_step("", step)
            yield Diagnosis(Topic.E_INVOICE, words, todo, row.holds, "held")


def _checks(ruleset: nodes.Ruleset) -> Iterator[str]:
    """Yield the checks of an e-Invoice's buyer details."""
    for check in ruleset.checks:
        terms = (term for term in (check.when, *check.requires) if term is not None)
        if any(_OF_BUYER & set(used_names(term)) for term in terms):
            yield check.name


def _tables(ruleset: nodes.Ruleset) -> Iterator[str]:
    """Yield the maps in which a classification is looked up."""
    maps = {table.name for table in ruleset.maps}
    for post in ruleset.posts:
        for assign in (*post.fields, *post.line_fields):
            named = set(used_names(assign.expr))
            if _CLASS in named:
                yield from sorted(named & maps)


def _warned(_: Session, connection: Connection, __: datetime) -> Iterator[Diagnosis]:
    """Yield the last connection test's warnings."""
    for step in connection.test_steps:
        topic = _OF_WARNING.get(str(step.get("code")))
        if topic is not None:
            words = f"{step['name']}: {step['words']}"
            yield Diagnosis(topic, words, str(step["hint"]), code=str(step["code"]))


def _refused(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """Yield the target's refusals that need a person, grouped by its answer.

    A refused key is left out if the connection test already reports it.
    """
    rows = session.execute(_REFUSED, {"connection": connection.id})
    invalid = str(CauseKey(CauseKind.TARGET, f"{connection.name}:{_E_INVOICE}"))
    failed = [str(step["code"]) for step in connection.test_steps if step.get("ok") is False]
    key_is_named = any(code.startswith(_KEY_STEPS) for code in failed)
    for row in rows:
        topic = Topic.E_INVOICE if str(row.key) == invalid else _OF_CLASS.get(row.error_class)
        if row.code == holds.CONFLICT:
            topic = Topic.DUPLICATES
        if row.code in _STORED:
            todo = _STORED[row.code]
            yield Diagnosis(Topic.NO_RECORDS, row.message, todo, row.holds, f"stored.{row.code}")
            continue
        is_told = row.code in _OF_FINDING or (topic is Topic.TEST and key_is_named)
        if topic is None or is_told:
            continue
        todo = _todo_of_refusal(topic, row, connection.name)
        yield Diagnosis(topic, row.message, todo, row.holds, f"refused.{row.code}")


def _todo_of_refusal(topic: Topic, row: Any, name: str) -> str:
    if topic is Topic.TEST:
        disabled = "disabled" in row.message
        return (
            f"Enable it in {name}, or create another key there and store it here; then test the"
            " connection."
            if disabled
            else RETRY["authorization_failed"].action
        )
    steps = {
        Topic.E_INVOICE: _STEP_OF_CLASS.get(row.error_class, _STEP_OF_DETAILS),
        Topic.NO_RECORDS: _STEP_OF_PERIOD,
        Topic.DUPLICATES: _STEP_OF_CONFLICT if row.code == holds.CONFLICT else _STEP_OF_DUPLICATE,
    }
    return _with_step("", steps[topic].format(name=name))


def _delayed(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Yield the part that delays documents: our queue, an unreadable source, or its queue."""
    due = session.scalar(_DUE, {"connection": connection.id})
    waits = due is not None and now - due > SLOW and connection.paused_at is None
    if due is not None and waits:
        age = duration(int((now - due).total_seconds()) // 60)
        idle = processes.count_workers(session, now).running == 0
        why = "no worker runs" if idle else "the queue here is long"
        todo = "Start a worker: clearpost up, or clearpost worker."
        words = f"A document has been due for {age}: {why}."
        todo = todo if idle else "Start another clearpost worker."
        yield Diagnosis(Topic.DELAYED, words, todo, code="queue")
    parameters = {"company": connection.company_id, "now": now - SLOW}
    for name, wrong in session.execute(_SOURCES_AWAY, parameters):
        words = f"The source {name} has not been read for more than 10 minutes: {wrong}"
        todo = f"Look at {name}, or ask who runs it."
        yield Diagnosis(Topic.DELAYED, words, todo, code="source_away")
    late_calls = load_late_calls(session, connection.company_id, now)
    for name, (count, longest) in late_calls.items():
        long = duration(int(longest.total_seconds()) // 60)
        count_text = plural(count, "change")
        words = (
            f"The source {name} told {count_text} late in the last hour: up to {long} after it was"
            " made."
        )
        todo = f"Ask the support of {name} about its retry queue."
        yield Diagnosis(Topic.DELAYED, words, todo, code="told_late")


def _mapped_otherwise(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """Return documents posted with another value than the one in force for their day."""
    parameters = {"connection": connection.id, "company": connection.company_id}
    for row in session.execute(_OTHERWISE, parameters):
        count_text = plural(row.documents, "posted document was", "posted documents were")
        since = "" if row.valid_from == ALWAYS else f" for documents from {row.valid_from} on"
        words = (
            f"{row.name} “{row.key}” is {row.value} now{since}; {count_text} made with another"
            " value."
        )
        todo = "Open the value under Mappings: it lists them and the journal that moves the money."
        yield Diagnosis(Topic.ACCOUNT, words, todo, row.documents, "mapped_otherwise")


def _fixed_otherwise(
    session: Session, connection: Connection, now: datetime
) -> Iterator[Diagnosis]:
    """Return documents posted to a fixed account that the rules name otherwise by now."""
    for difference in fixed_codes.posted_otherwise(session, connection, now):
        count_text = plural(difference.documents, "posted document was", "posted documents were")
        words = (
            f"{difference.field} is “{difference.now}” in the rules now; {count_text} made with"
            f" “{difference.before}”."
        )
        todo = f"Move the money in {connection.name}, or give those days their value in the rules."
        yield Diagnosis(Topic.ACCOUNT, words, todo, difference.documents, "fixed_otherwise")


def _not_listed(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Yield codes of the rules or of a mapping table that the target does not list."""
    for stranger in fixed_codes.strangers(session, connection, now):
        yield Diagnosis(Topic.NO_RECORDS, stranger.words, stranger.todo, code="not_listed")


def _articles(session: Session, connection: Connection, _: datetime) -> Iterator[Diagnosis]:
    """Yield articles without an exact match, so that no stock moves for them."""
    version = session.get_one(Company, connection.company_id).ruleset_version_id
    if version is None:
        return
    named = references(program(session, version).ruleset, schemas())
    words = {connection.name, connection.connector}
    tables = {
        table
        for reference in named
        if reference.kind == "item" and reference.target in words
        for table in reference.tables
    }
    parameters = {"company": connection.company_id}
    for row in session.execute(_MISSING, parameters):
        if row.table_name in tables:
            waits = plural(row.records, "record waits", "records wait")
            waiting_text = f"{row.label.rstrip('.')}. {waits}."
            todo = "Compare the article on both sides: case, spaces and special characters count."
            yield Diagnosis(Topic.STOCK, waiting_text, todo, row.records, "article")


def _rotated(session: Session, connection: Connection, now: datetime) -> Iterator[Diagnosis]:
    """Return each replaced key that is kept for a while.

    A key that the target refused when it was replaced needs no disabling.
    """
    if authorizing(connection.connector) is not None:
        return  # connecting again ends the permission before it: nobody disables it there
    zone = ZoneInfo(session.get_one(Company, connection.company_id).zone)
    kept_keys = session.scalars(_KEYS_IN_GRACE, {"connection": connection.id, "since": now})
    for row in kept_keys.all():
        if row.keep_until is None or _was_refused(session, connection, row, row.keep_until):
            continue
        day = row.keep_until.astimezone(zone).date().isoformat()
        words = f"A new key is in use; the one before, ending in {row.tail}, is kept until {day}."
        todo = f"Set the old key to disabled in {connection.name}; delete it there after {day}."
        yield Diagnosis(Topic.ROTATION, words, todo, code="rotated")


def _was_refused(
    session: Session, connection: Connection, row: ConnectionKey, kept_until: datetime
) -> bool:
    refused = select(Event.id).where(
        Event.company_id == connection.company_id,
        Event.record_id.is_(None),
        Event.object == f"connection:{connection.id}",
        Event.act == "connection.refused",
        Event.at.between(row.made_at, kept_until - KEEP_OLD),
    )
    return session.scalar(refused.limit(1)) is not None


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
