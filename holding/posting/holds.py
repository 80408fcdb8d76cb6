"""Open and close the holds that pushing raises, and find a sale already posted elsewhere."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, bindparam, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from connectors import registry
from connectors.contract import Found, Kept
from connectors.contract.errors import RETRY, RetryWay
from connectors.contract.schema import SAME_E_INVOICE
from connectors.contract.targets import UnusableEntry
from connectors.kit.preflight import room
from grammar.text.characters import in_currency
from grammar.text.finding_codes import ErrorClass
from holding.access.people import FALLBACK_TEAM
from holding.connections.channel import Channel
from holding.connections.connections import restored_cause, untested_label
from holding.db import bulk
from holding.db.models import (
    Company,
    Connection,
    Evaluation,
    Hold,
    Posting,
    Record,
    Release,
    Team,
    Version,
)
from holding.db.models.columns import NOW, HoldState, from_minor, is_word, to_minor
from holding.db.models.decisions import HOLD_OPEN
from holding.holds.retries import answer_by
from holding.platform import states
from holding.platform.changes import wake_number_users
from holding.platform.states import (
    CREDITED_CHANGED,
    FAILS_ON_IT,
    INACTIVE,
    LOOKUP_REFUSED,
    NOT_THERE,
    OF_READING,
    OTHER_COMPANY,
    OTHER_CURRENCY,
    STORED_OTHERWISE,
    TOTALS,
    UNSEEN,
    WITHDRAWN,
    refresh_record_states,
)
from holding.programs import world
from rules.comparison.difference import days_apart
from rules.documents.fields import QUANTITIES
from rules.outcomes import Document
from rules.program import Program
from rules.values.canonical import PostingState
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing
from rules.values.wording import month_name

_other, _earlier = aliased(Posting), aliased(Posting)

SENT_ELSEWHERE: Final[ColumnElement[Any]] = (
    select(func.min(_other.id))
    .where(
        _other.company_id == Posting.company_id,
        _other.number == Posting.number,
        _other.doc_date == Posting.doc_date,
        _other.connection_id != Posting.connection_id,
        _other.sent_at.is_not(None),
        ~is_word(_other.state, PostingState.REVERSED),
    )
    .correlate(Posting)
    .scalar_subquery()
)
"""A document of the same number and day that went to another connection of the company, and is not
undone there.
"""

RECORD_ELSEWHERE: Final[ColumnElement[bool]] = exists().where(
    Posting.reverses_id.is_(None),
    _earlier.record_id == Posting.record_id,
    _earlier.connection_id != Posting.connection_id,
    _earlier.sent_at.is_not(None),
    _earlier.reverses_id.is_(None),
    ~is_word(_earlier.state, PostingState.REVERSED),
)
"""Whether another connection has a document of the same record, whatever its number, which is not
undone there. Neither is one that undoes another.
"""

_OF_RECORD = (
    select(
        Posting.route,
        Posting.number,
        Posting.connection_id.label("at"),
        Connection.name,
        (~is_word(Posting.state, PostingState.REVERSED)).label("stands"),
    )
    .join(Connection, Connection.id == Posting.connection_id)
    .where(Posting.record_id == bindparam("record"), Posting.id != bindparam("posting"))
    .where(Posting.sent_at.is_not(None), Posting.reverses_id.is_(None))
    .order_by(Posting.id)
)

_LET_PASS = (
    select(Release.id)
    .join(Posting, Posting.record_id == Release.record_id)
    .join(Record, Record.id == Release.record_id)
    .join(Version, Version.id == Record.version_id)
    .where(Posting.id == bindparam("posting"), Release.route == Posting.route)
    .where(Release.seq == Posting.seq, Release.code == bindparam("code"), Release.kind == "release")
    .where(Release.voided_at.is_(None), Release.content_sha256 == Version.sha256)
    .limit(1)
)

CONTENT_CHANGED = "PSH01"

NOT_APPROVED = "PSH02"

NUMBER_TAKEN = "PSH03"

WORKERS_DIED = "PSH04"

TOO_LARGE = "PSH05"

TWO_E_INVOICES = "PSH06"

MOVED = "PSH07"

KEY_PAUSED = "key_paused"
"""The target's code for a document that it keeps until the paused key is active again."""

TARGET_LIMIT = "PSH08"

RESTORED = "PSH09"

REFUSED = "TGT01"

CONFLICT = "TGT02"

NO_ANSWER = "TGT03"

GAVE_UP = "TGT04"

MANUAL = "TGT05"

IMPORT_OPEN = "TGT08"

UNDER_OUR_NUMBER = frozenset({CONFLICT, UNSEEN})
"""What a document there, of our number, may be linked for: another content, or perhaps ours."""

NAMES = {
    CONTENT_CHANGED: "push.content_changed",
    NOT_APPROVED: "push.not_approved",
    NUMBER_TAKEN: "push.number_taken",
    WORKERS_DIED: "push.workers_died",
    TOO_LARGE: "push.too_large",
    TWO_E_INVOICES: "push.two_e_invoices",
    MOVED: "push.other_system_before",
    TARGET_LIMIT: "push.target_limit",
    RESTORED: "push.after_restore",
    REFUSED: "target.refused",
    CONFLICT: "target.conflict",
    NO_ANSWER: "target.no_answer",
    GAVE_UP: "target.gave_up",
    MANUAL: "possible_manual_entry",
    INACTIVE: "target.party_inactive",
    TOTALS: "totals_mismatch",
    IMPORT_OPEN: "target.import_open",
    WITHDRAWN: "target.file_withdrawn",
    UNSEEN: "target.not_shown",
    LOOKUP_REFUSED: "target.lookup_refused",
    FAILS_ON_IT: "target.fails_on_it",
    OTHER_CURRENCY: "target.other_currency",
    NOT_THERE: "target.not_there",
    OTHER_COMPANY: "target.other_company",
    STORED_OTHERWISE: "target.stored_otherwise",
    CREDITED_CHANGED: "target.credited_changed",
}

ANSWERED = "The accounting system has answered."

_CLOSE_HOLDS = (
    update(Hold)
    .where(bulk.among_given(Hold.posting_id, "postings"), HOLD_OPEN)
    .where(bulk.among_given(Hold.code, "codes"))
    .values(state=HoldState.CLEARED, closed_at=NOW, closed_why=bindparam("why"))
    .returning(Hold.cause_id)
    .execution_options(synchronize_session=False)
)

_WAYS = {
    MANUAL: (
        "a person links it to the existing document, skips this one, or posts it as an"
        " additional document"
    ),
    **dict.fromkeys((TWO_E_INVOICES, MOVED), "a person skips it, or decides to post it here too"),
    RESTORED: "a person looks for it in the accounting system, then posts it or skips it",
    TOTALS: (
        "the accounting system shows the total that was sent, or a person accepts the difference"
    ),
    NOT_THERE: ("the accounting system shows the document, or a person sends it again or skips it"),
    OTHER_COMPANY: (
        "a person voids the document in the other company, then sends it again or skips it"
    ),
    STORED_OTHERWISE: (
        "the accounting system shows what was sent, or a person accepts the difference"
    ),
    IMPORT_OPEN: "a person enters on the page of the file how its import ended",
    WITHDRAWN: "a person retries it; it is then put in another file",
    LOOKUP_REFUSED: (
        "the accounting system answers the look-up, which is repeated every day; a person can"
        " retry it"
    ),
    FAILS_ON_IT: "the accounting system can process it; a person then retries it",
    CREDITED_CHANGED: (
        "the document that it credits is there again as it was posted; a person then retries it,"
        " or skips it"
    ),
    UNSEEN: (
        "a person looks for it in the accounting system, then links it where it is there,"
        " sends it again where it is not, or skips it"
    ),
}

_READ_THERE = {
    NOT_THERE: ("gone", "Accepted by {}, and not there"),
    OTHER_COMPANY: ("other company", "Posted to another company of {}"),
    STORED_OTHERWISE: ("stored", "{} stored something else than was sent"),
}
"""The word of the cause and its label, for what only a reading of the document shows."""

_STORED = {
    "lines": "A line is missing in {}",
    "total": "{} stored another total",
}

_OWN = {
    CONTENT_CHANGED: "Changed after it was checked",
    NOT_APPROVED: "Approval does not match the document",
    NUMBER_TAKEN: "Document number already used",
    WORKERS_DIED: "Sending was interrupted",
    TOO_LARGE: "Too large for one file",
    TARGET_LIMIT: "The accounting system cannot take it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """The reason why a posting cannot go on.

    `target_code` is the target's own code, or what the reason is about: the unusable party, the
    file, or the other connection. `owner` is the team that the rules name. With `decided`, a person
    may let the posting pass.
    """

    code: str
    error_class: ErrorClass
    words: str
    target_code: str = ""
    owner: str = ""
    decided: bool = False


def unusable_entry(system: str, number: str, unusable: UnusableEntry) -> Trouble:
    """Return the trouble of a document whose entry is inactive there, or of another currency."""
    entry = unusable.entry[:1].upper() + unusable.entry[1:]
    code, words = INACTIVE, f"{entry} was made inactive in {system}, so it was not sent."
    if unusable.currency:
        code = OTHER_CURRENCY
        words = (
            f"{entry} is in {unusable.currency} in {system}, and {number} is in {unusable.needed},"
            " so it was not sent."
        )
    return Trouble(
        code=code, error_class="mapping_missing", words=words, target_code=unusable.entry
    )


def refused_lookup(system: str, number: str, lookup_result: Found, owner: str) -> Trouble:
    """Return the trouble of a document whose lookup the target refuses, in the target's words."""
    words = f"{system} refused the look-up of {number}, so it was not sent. {lookup_result.words}"
    if lookup_result.by_person:
        words = (
            f"{number} was not sent: it has to be found in {system} first. {lookup_result.words}"
        )
    return Trouble(
        code=LOOKUP_REFUSED,
        error_class="bad_value",
        words=words,
        target_code=str(lookup_result.status or ""),
        owner=owner,
    )


def credited_changed(system: str, document: Document, credited: Document, found: Found) -> Trouble:
    """Return the trouble of a credit note whose document is not there as it was posted."""
    words = (
        f"{document.number} was not sent: it credits {credited.number}, and {system} shows another"
        f" state. {found.words}"
    )
    return Trouble(
        code=CREDITED_CHANGED,
        error_class="business_rule",
        words=words,
        target_code=credited.number,
        owner=RETRY["stale_version"].owner,
    )


def posted_elsewhere(
    session: Session, posting_id: int, same_number: int | None, *, of_record: bool
) -> Trouble | None:
    """Return the trouble of a new document that another connection already has, or None.

    `same_number` is the posting SENT_ELSEWHERE. `of_record` is whether RECORD_ELSEWHERE holds.
    """
    trouble = (
        elsewhere_trouble(session, posting_id, same_number) if same_number is not None else None
    )
    return trouble or (moved_trouble(session, posting_id) if of_record else None)


def elsewhere_trouble(session: Session, posting_id: int, other_id: int) -> Trouble | None:
    """Return the trouble if the other posting makes a second e-Invoice of this sale, or None."""
    posting, other = (session.get_one(Posting, key) for key in (posting_id, other_id))
    connection, other_connection = (
        session.get_one(Connection, row.connection_id) for row in (posting, other)
    )
    # LHDN refuses a duplicate only with an equal issue time, which two systems do not share.
    kind = _kind_of(connection, posting.doc_type)
    if not kind or kind != _kind_of(other_connection, other.doc_type):
        return None
    if _let_pass(session, posting_id, TWO_E_INVOICES):
        return None
    words = (
        f"It went to {other_connection.name} already, and an e-Invoice is made of it there and in"
        f" {connection.name}."
        f" {SAME_E_INVOICE}"
    )
    return Trouble(
        code=TWO_E_INVOICES,
        error_class="duplicate",
        words=words,
        target_code=other_connection.name,
        decided=True,
    )


def _kind_of(connection: Connection, doc_type: str) -> str:
    """Return the e-Invoice type of such a document, or an empty string."""
    target = registry.targets().get(connection.connector)
    stated = target.form.e_invoices if target else None
    return stated.type_in(doc_type, connection.settings) if stated else ""


def _let_pass(session: Session, posting_id: int, code: str) -> bool:
    parameters = {"posting": posting_id, "code": code}
    return session.scalar(_LET_PASS, parameters) is not None


def restored_trouble(session: Session, channel: Channel, posting: Posting) -> Trouble | None:
    """Return the trouble of a new document that may have been sent after the restored backup.

    The target can look up other documents, so only those that no lookup finds are for a person.
    """
    if channel.restored_at is None or not channel.cannot_look_up(posting.doc_type):
        return None
    if _let_pass(session, posting.id, RESTORED):
        return None
    words = (
        f"Clearpost was restored from a backup, and cannot look up whether {channel.name} already"
        f" has {posting.number}."
    )
    return Trouble(
        code=RESTORED,
        error_class="duplicate",
        words=words,
        target_code=channel.name,
        decided=True,
    )


def moved_trouble(session: Session, posting_id: int) -> Trouble | None:
    """Return the trouble if another connection has a document that the current rules post only
    here.

    Either that route is no longer in the rules, or the rules split days between both targets and
    the record's day changed. If part of the record was posted here by this route, a person decided
    it before.
    """
    posting = session.get_one(Posting, posting_id)
    rules = session.get_one(Evaluation, posting.evaluation_id).ruleset_version_id
    program = world.program(session, rules)
    # Only days are compared: routes that exclude each other by status may post one sale to two
    # systems on purpose.
    route_names, exclusive_pairs = {route.name for route in program.routes}, _apart(program)
    parameters = {"record": posting.record_id, "posting": posting_id}
    others = session.execute(_OF_RECORD, parameters).all()
    if any((other.at, other.route) == (posting.connection_id, posting.route) for other in others):
        return None
    for other in others:
        route_ended = other.route not in route_names
        if other.at == posting.connection_id or not other.stands:
            continue
        if (route_ended or {other.route, posting.route} in exclusive_pairs) and not _let_pass(
            session, posting_id, MOVED
        ):
            number, system = other.number, other.name
            ended_words = (
                f"{number} was posted to {system}, by a posting rule that is not in force any more."
                " It would be in both accounting systems."
            )
            day_words = (
                f"{number} was posted to {system} when the record had another day: by the rules"
                " each day goes to one accounting system. It would be in both."
            )
            words = ended_words if route_ended else day_words
            return Trouble(
                code=MOVED,
                error_class="duplicate",
                words=words,
                target_code=other.name,
                decided=True,
            )
    return None


@lru_cache(maxsize=8)
def _apart(program: Program) -> frozenset[frozenset[str]]:
    """Return pairs of routes that never post documents of one day."""
    return days_apart(program.ruleset)


def open_hold(session: Session, posting: Posting, trouble: Trouble, now: datetime) -> int:
    """Open the hold or refresh the message of an open one; return the cause's id."""
    cause_id, team_id = _cause(session, posting, trouble, now)
    open_hold_ids = session.scalars(
        update(Hold)
        .where(
            Hold.record_id == posting.record_id,
            Hold.route == posting.route,
            Hold.seq == posting.seq,
            Hold.code == trouble.code,
            Hold.cause_id == cause_id,
            HOLD_OPEN,
        )
        .values(message=trouble.words, lock=Hold.lock + 1)
        .returning(Hold.id)
    ).all()
    if not open_hold_ids:
        session.add(_hold(session, posting, trouble, cause_id, team_id, now))
        session.flush()
    if posting.sent_at is None:  # another document may have its number now
        wake_number_users(session, posting.company_id, [posting.number], now)
    return cause_id


def _cause(
    session: Session, posting: Posting, trouble: Trouble, now: datetime
) -> tuple[int, int | None]:
    connection = session.get_one(Connection, posting.connection_id)
    full_key, label = _key(posting, trouble, connection.name)
    if full_key.kind is CauseKind.CREDENTIAL and connection.untested_since is not None:
        label = untested_label(connection.name)
    key = full_key.kept  # a target may say any word
    team_id = _team(session, posting.company_id, trouble.owner or RETRY[trouble.error_class].owner)
    spec = states.CauseSpec(
        key=key,
        error_class=trouble.error_class,
        label=label,
        rule=NAMES[trouble.code],
        team_id=team_id,
    )
    cause_id = states.ensure_causes(session, posting.company_id, [spec], now)[key]
    if key.kind is CauseKind.CREDENTIAL:  # a test is awaited, or the key is refused
        states.add_to_causes(session, {}, {cause_id: label})
    return cause_id, team_id


def _key(posting: Posting, trouble: Trouble, connection: str) -> tuple[CauseKey, str]:
    """Return the cause key that similar troubles share, with its label."""
    if trouble.code == MANUAL:
        label = f"{posting.number} may already exist in {connection}"
        return CauseKey(CauseKind.MANUAL, posting.number), label
    if trouble.code == TWO_E_INVOICES:
        named = f"{connection}:e-Invoice {trouble.target_code}"
        e_invoice_label = f"e-Invoices are made in {trouble.target_code} and {connection}"
        return CauseKey(CauseKind.TARGET, named), e_invoice_label
    if trouble.code == MOVED:
        before = f"Documents were posted to {trouble.target_code} before"
        return CauseKey(CauseKind.TARGET, f"{connection}:moved {trouble.target_code}"), before
    if trouble.code == TOTALS:
        day = posting.doc_date.isoformat() if posting.doc_date else "no day"
        label = f"{posting.doc_type.replace('_', ' ').capitalize()} totals of {day} differ in"
        named = f"{connection}:{posting.doc_type}:{day}"
        return CauseKey(CauseKind.TOTALS, named), f"{label} {connection}"
    if trouble.code == IMPORT_OPEN:
        label = f"{trouble.target_code} is not reconciled"
        return CauseKey(CauseKind.TARGET, f"{connection}:{trouble.target_code}"), label
    if trouble.code == WITHDRAWN:
        named = f"{connection}:withdrawn {trouble.target_code}"
        return CauseKey(CauseKind.TARGET, named), f"{trouble.target_code} was withdrawn"
    if trouble.code == UNSEEN:
        named = f"{connection}:{posting.doc_type}:unseen"
        return CauseKey(CauseKind.TARGET, named), f"Only a person can look for it in {connection}"
    if trouble.code in (INACTIVE, OTHER_CURRENCY):
        return _key_of_entry(trouble, connection)
    if trouble.code in _OWN:
        return CauseKey(CauseKind.RULE, NAMES[trouble.code]), _OWN[trouble.code]
    return _key_of_class(posting, trouble, connection)


def _key_of_entry(trouble: Trouble, connection: str) -> tuple[CauseKey, str]:
    """Return the cause and its label of an entry that the target would refuse."""
    entry = trouble.target_code
    name = entry[:1].upper() + entry[1:]
    if trouble.code == INACTIVE:
        key = CauseKey(CauseKind.INACTIVE, f"{connection}:{entry}")
        return key, f"{name} was made inactive in {connection}"
    key = CauseKey(CauseKind.TARGET, f"{connection}:currency {entry}")
    return key, f"{name} has another currency in {connection}"


def _key_of_class(posting: Posting, trouble: Trouble, connection: str) -> tuple[CauseKey, str]:
    """Return the cause and its label by the error class alone, or by the failing document."""
    if trouble.code == RESTORED:
        return (
            restored_cause(connection),
            f"Restored: {connection} may already have these documents",
        )
    if trouble.code in _READ_THERE:
        named = f"{connection}:{_READ_THERE[trouble.code][0]} {trouble.target_code}".rstrip()
        label = _STORED.get(trouble.target_code, _READ_THERE[trouble.code][1])
        return CauseKey(CauseKind.TARGET, named), label.format(connection)
    if trouble.code == LOOKUP_REFUSED:
        named = f"{connection}:look-up {trouble.target_code}"
        return CauseKey(CauseKind.TARGET, named), f"{connection} refuses the look-up"
    if trouble.code == CREDITED_CHANGED:
        named = f"{connection}:credits {trouble.target_code}"
        label = f"{trouble.target_code} is not in {connection} as it was posted"
        return CauseKey(CauseKind.TARGET, named), label
    if trouble.code == FAILS_ON_IT:
        named = f"{connection}:fails {posting.number}"
        return CauseKey(CauseKind.TARGET, named), f"{connection} fails on {posting.number}"
    target = posting.route.partition(".")[0]
    month = posting.doc_date.strftime("%Y-%m") if posting.doc_date else ""
    t_month = month_name(month)
    answers: dict[str, tuple[CauseKey, str]] = {
        "authorization_failed": (
            CauseKey(CauseKind.CREDENTIAL, connection),
            f"{connection} rejects the API key",
        ),
        "period_locked": (
            CauseKey.period(target, month),
            f"{t_month} is closed in {connection}"
            if month
            else f"A period is closed in {connection}",
        ),
        "duplicate": (
            CauseKey(CauseKind.DUPLICATE, posting.number),
            f"Document number {posting.number} already exists in {connection}",
        ),
        "stale_version": (
            CauseKey(CauseKind.STALE, posting.route),
            f"The document in {connection} differs from the record",
        ),
        "temporary": (CauseKey(CauseKind.AWAY, connection), f"{connection} is not responding"),
        KEY_PAUSED: (
            CauseKey(CauseKind.AWAY, f"{connection}:{KEY_PAUSED}"),
            f"The API key of {connection} is paused",
        ),
        "uncertain": (
            CauseKey(CauseKind.UNCERTAIN, connection),
            f"No confirmed answer from {connection}",
        ),
    }
    word = trouble.target_code or trouble.error_class
    refused = CauseKey(CauseKind.TARGET, f"{connection}:{word}")
    return answers.get(
        word if word == KEY_PAUSED else trouble.error_class,
        (refused, f"{connection} rejected the document: {word}"),
    )


def _team(session: Session, company_id: int, owner: str) -> int | None:
    """Return the team of that name, or the company's fallback team."""
    teams = {
        team.name: team.id
        for team in session.scalars(
            select(Team).where(Team.company_id == company_id).order_by(Team.id.desc())
        )
    }
    fallback = session.get_one(Company, company_id).settings.get(FALLBACK_TEAM)
    return teams.get(owner) or teams.get(str(fallback)) or next(reversed(teams.values()), None)


def _hold(
    session: Session,
    posting: Posting,
    trouble: Trouble,
    cause_id: int,
    team_id: int | None,
    now: datetime,
) -> Hold:
    record = session.get_one(Record, posting.record_id)
    settings = session.get_one(Company, posting.company_id).settings
    decided = trouble.decided and team_id is not None
    return Hold(
        company_id=posting.company_id,
        record_id=posting.record_id,
        posting_id=posting.id,
        route=posting.route,
        seq=posting.seq,
        code=trouble.code,
        cause_id=cause_id,
        error_class=trouble.error_class,
        severity="hold",
        rule=NAMES[trouble.code],
        message=trouble.words,
        would_pass=_way(posting, trouble),
        clears=Clearing.by(session.get_one(Team, team_id).name) if decided else ITSELF,
        revision=posting.revision,
        team_id=team_id,
        answer_by=answer_by(settings, trouble.error_class, now),
        opened_at=now,
        book=record.book,
        number=posting.number,
        party_key=record.party_key,
        doc_type=posting.doc_type,
        doc_date=posting.doc_date,
        connection_id=posting.connection_id,
    )


def _way(posting: Posting, trouble: Trouble) -> str:
    """Return what ends the hold, naming only actions that exist."""
    if trouble.code in _WAYS:
        return _WAYS[trouble.code]
    if trouble.code == INACTIVE:
        party = trouble.target_code
        other = f"the mapping names another {party.partition(' ')[0]}"
        return f"{party} is made active there and this document is retried, or {other}"
    if trouble.code == OTHER_CURRENCY:
        party = trouble.target_code.partition(" ")[0]
        return f"the mapping names another {party}, which has the currency of this document there"
    if trouble.code == NO_ANSWER:
        return RETRY["uncertain"].action
    if trouble.error_class == "temporary":  # what is retried automatically has no hold
        return "a person retries it; it is then sent once more"
    if trouble.code == TOO_LARGE:
        return "the record is split in the source into records with fewer lines"
    if trouble.code != CONFLICT:
        return RETRY[trouble.error_class].action
    correction = "corrects it in the accounting system and checks it again"
    if posting.action == "void":
        return f"a person {correction}"
    return f"a person links it{', skips it' if posting.action == 'create' else ''}, or {correction}"


def close_holds(
    session: Session,
    posting_ids: Collection[int],
    codes: tuple[str, ...],
    now: datetime,
    *,
    why: str = ANSWERED,
) -> Collection[int]:
    """Close the holds that pushing opened, once the target answered; return the causes' ids."""
    parameters = {"postings": list(posting_ids), "codes": codes, "now": now, "why": why}
    return session.scalars(_CLOSE_HOLDS, parameters).all()


def settle_holds(session: Session, record_ids: Collection[int], cause_ids: Collection[int]) -> None:
    """Refresh the records' states and recount the causes. Call this last in a transaction."""
    refresh_record_states(session, sorted(set(record_ids)))
    states.recount_causes(session, cause_ids)


def ends_in_target(code: str, error_class: ErrorClass, *, of_push: bool) -> bool:
    """Check whether only a change in the target ends this hold."""
    if code in OF_READING:
        return True
    return of_push and code != MANUAL and RETRY[error_class].retry == RetryWay.NEVER


def is_rounding(document: Document, total: Decimal) -> bool:
    """Check whether rounding alone explains the difference between this total and the
    lines sent.
    """
    return abs(total - document.amount) <= _rounding_room(document)


def _rounding_room(document: Document) -> Decimal:
    """Return how much rounding alone may change a sum of the document."""
    quantities = [
        next((line[name] for name in QUANTITIES if line.get(name)), "0") for line in document.lines
    ]
    return room(quantities, from_minor(1, document.currency))


def different_tax(field: str, document: Document, tax: Decimal | None) -> tuple[Kept, ...]:
    """Return the target's tax as a value that it stores differently, or an empty tuple.

    `field` is the field with the tax of a line. Documents without it state no tax.
    """
    sent = [line[field] for line in document.lines if line.get(field)]
    if tax is None or not sent:
        return ()
    if abs(tax - sum(map(Decimal, sent), Decimal(0))) <= _rounding_room(document):
        return ()
    return (Kept(0, field, format(tax, "f")),)


def target_total_minor(document: Document, total: Decimal | None) -> int | None:
    """Return the target's total in minor units, or None if it is missing or not a valid total."""
    try:
        return None if total is None else to_minor(total, document.currency)
    except (OverflowError, InvalidOperation):
        return None


def book_amount(document: Document, target_total: int | None) -> int:
    """Return the amount of the document in the books, in minor units.

    That is the target's total if it was returned and rounding explains it, otherwise the amount
    sent.
    """
    sent = to_minor(document.amount, document.currency)
    if target_total is None or not is_rounding(
        document, from_minor(target_total, document.currency)
    ):
        return sent
    return target_total


def rounding_text(document: Document, target_total: int | None) -> str:
    """Return the rounding difference as text, or an empty string."""
    target_amount = book_amount(document, target_total)
    if target_amount == to_minor(document.amount, document.currency):
        return ""
    total = from_minor(target_amount, document.currency)
    return (
        f"It comes to {in_currency(total, document.currency)} there and was sent with"
        f" {in_currency(document.amount, document.currency)}: the difference is rounding."
    )


def different_total(
    total_field: str | None, document: Document, target_total: int | None
) -> tuple[Kept, ...]:
    """Return the total as a value that the target stores differently, or an empty tuple."""
    if total_field is None or target_total in (None, to_minor(document.amount, document.currency)):
        return ()
    return (Kept(0, total_field, str(from_minor(target_total or 0, document.currency))),)
