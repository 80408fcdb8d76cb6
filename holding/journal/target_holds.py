"""Holds that pushing opens: what the target said no to, and what may not be sent as it stands.

Here: opening and closing them, with cause, owner and remedy. Not here: holds of the rules (the
judging opens and closes those).
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from connectors.contract.errors import RETRY, RetryWay
from grammar.text.finding_codes import ErrorClass
from holding.access.teams import FALLBACK_TEAM
from holding.exceptions.deadlines import answer_by
from holding.lifecycle import causes
from holding.lifecycle.causes import INACTIVE, TOTALS, UNSEEN, WITHDRAWN
from holding.lifecycle.states import refresh
from holding.store import bulk
from holding.tables import Company, Connection, Hold, Posting, Record, Team
from holding.tables.columns import NOW
from holding.tables.decisions import HOLD_OPEN
from holding.tables.row_states import HoldState
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind, Clearing
from rules.values.names import month_name

CONTENT_CHANGED = "PSH01"
NOT_APPROVED = "PSH02"
NUMBER_TAKEN = "PSH03"
WORKERS_DIED = "PSH04"
TOO_LARGE = "PSH05"
TWO_E_INVOICES = "PSH06"
MOVED = "PSH07"
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
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a posting cannot go on; `target_code` is the target's own word, if it gave one (of a
    party that is not in use: which one; of a file that people carry: its name; of what
    another connection has: which), and `owner` the team that the rules name for it. With
    `decided`, a person may let it pass.
    """

    code: str
    error_class: ErrorClass
    words: str
    target_code: str = ""
    owner: str = ""
    decided: bool = False


def open_hold(session: Session, posting: Posting, trouble: Trouble, now: datetime) -> int:
    """Open the hold, once; a second time only its words are renewed. The cause's id."""
    cause_id, team_id = _cause(session, posting, trouble, now)
    kept = session.scalars(
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
    if not kept:
        session.add(_hold(session, posting, trouble, cause_id, team_id, now))
        session.flush()
    return cause_id


ANSWERED = "The accounting system has answered."


def close_holds(
    session: Session,
    posting_ids: Collection[int],
    codes: tuple[str, ...],
    now: datetime,
    *,
    why: str = ANSWERED,
) -> Collection[int]:
    """Close what pushing itself opened, once the target has answered; the causes' ids."""
    given = {"postings": list(posting_ids), "codes": codes, "now": now, "why": why}
    return session.scalars(_CLOSE_HOLDS, given).all()


_CLOSE_HOLDS = (
    update(Hold)
    .where(bulk.among_given(Hold.posting_id, "postings"), HOLD_OPEN)
    .where(bulk.among_given(Hold.code, "codes"))
    .values(state=HoldState.CLEARED, closed_at=NOW, closed_why=bindparam("why"))
    .returning(Hold.cause_id)
    .execution_options(synchronize_session=False)
)


def settle(session: Session, record_ids: Collection[int], cause_ids: Collection[int]) -> None:
    """After a change: the states of the records, the counters of the causes. Comes last."""
    refresh(session, sorted(set(record_ids)))
    causes.recount(session, cause_ids)


def waits_for_a_look(code: str, error_class: ErrorClass, *, of_push: bool) -> bool:
    """Whether only what is done in the target ends it."""
    return of_push and code != MANUAL and RETRY[error_class].retry == RetryWay.NEVER


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
        book=posting.book,
        number=posting.number,
        party_key=record.party_key,
        doc_type=posting.doc_type,
        doc_date=posting.doc_date,
        connection_id=posting.connection_id,
    )


def _way(posting: Posting, trouble: Trouble) -> str:
    """What ends the hold; every act that it names is there."""
    if trouble.code in _WAYS:
        return _WAYS[trouble.code]
    if trouble.code == INACTIVE:
        party = trouble.target_code
        other = f"the mapping names another {party.partition(' ')[0]}"
        return f"{party} is made active there and this document is retried, or {other}"
    if trouble.code == NO_ANSWER:
        return RETRY["uncertain"].action
    if trouble.error_class == "temporary":  # what is retried automatically has no hold
        return "a person retries it; it is then sent once more"
    if trouble.code == TOO_LARGE:
        return "the record is split in the source into records with fewer lines"
    if trouble.code != CONFLICT:
        return RETRY[trouble.error_class].action
    again = "corrects it in the accounting system and checks it again"
    if posting.action == "void":
        return f"a person {again}"
    return f"a person links it{', skips it' if posting.action == 'create' else ''}, or {again}"


_WAYS = {
    MANUAL: (
        "a person links it to the existing document, skips this one, or posts it as an"
        " additional document"
    ),
    **dict.fromkeys((TWO_E_INVOICES, MOVED), "a person skips it, or decides to post it here too"),
    TOTALS: (
        "the accounting system shows the total that was sent, or a person accepts the difference"
    ),
    IMPORT_OPEN: "a person enters on the page of the file how its import ended",
    WITHDRAWN: "a person retries it; it is then put in another file",
    UNSEEN: (
        "a person looks for it in the accounting system, then links it where it is there,"
        " sends it again where it is not, or skips it"
    ),
}


def _cause(
    session: Session, posting: Posting, trouble: Trouble, now: datetime
) -> tuple[int, int | None]:
    connection = session.get_one(Connection, posting.connection_id)
    whole, label = _key(posting, trouble, connection.name)
    key = whole.kept  # a target may say any word
    team_id = _team(session, posting.company_id, trouble.owner or RETRY[trouble.error_class].owner)
    spec = causes.CauseSpec(
        key=key,
        error_class=trouble.error_class,
        label=label,
        rule=NAMES[trouble.code],
        team_id=team_id,
    )
    return causes.ensure(session, posting.company_id, [spec], now)[key], team_id


def _key(posting: Posting, trouble: Trouble, connection: str) -> tuple[CauseKey, str]:
    """What this trouble has in common with others, and how people call it."""
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
        "uncertain": (
            CauseKey(CauseKind.UNCERTAIN, connection),
            f"No confirmed answer from {connection}",
        ),
    }
    if trouble.code == MANUAL:
        said = f"{posting.number} may already exist in {connection}"
        return CauseKey(CauseKind.MANUAL, posting.number), said
    if trouble.code == TWO_E_INVOICES:
        named = f"{connection}:e-Invoice {trouble.target_code}"
        both = f"e-Invoices are made in {trouble.target_code} and {connection}"
        return CauseKey(CauseKind.TARGET, named), both
    if trouble.code == MOVED:
        before = f"Documents were posted to {trouble.target_code} before"
        return CauseKey(CauseKind.TARGET, f"{connection}:moved {trouble.target_code}"), before
    if trouble.code == TOTALS:
        day = posting.doc_date.isoformat() if posting.doc_date else "no day"
        said = f"{posting.doc_type.replace('_', ' ').capitalize()} totals of {day} differ in"
        named = f"{connection}:{posting.doc_type}:{day}"
        return CauseKey(CauseKind.TOTALS, named), f"{said} {connection}"
    if trouble.code == IMPORT_OPEN:
        said = f"{trouble.target_code} is not reconciled"
        return CauseKey(CauseKind.TARGET, f"{connection}:{trouble.target_code}"), said
    if trouble.code == WITHDRAWN:
        named = f"{connection}:withdrawn {trouble.target_code}"
        return CauseKey(CauseKind.TARGET, named), f"{trouble.target_code} was withdrawn"
    if trouble.code == UNSEEN:
        named = f"{connection}:{posting.doc_type}:unseen"
        return CauseKey(CauseKind.TARGET, named), f"No clear answer, and no list in {connection}"
    if trouble.code == INACTIVE:
        party = trouble.target_code
        said = f"{party.capitalize()} is inactive in {connection}"
        return CauseKey(CauseKind.INACTIVE, f"{connection}:{party}"), said
    if trouble.code in _OWN:
        return CauseKey(CauseKind.RULE, NAMES[trouble.code]), _OWN[trouble.code]
    word = trouble.target_code or trouble.error_class
    refused = CauseKey(CauseKind.TARGET, f"{connection}:{word}")
    return answers.get(
        trouble.error_class, (refused, f"{connection} rejected the document: {word}")
    )


_OWN = {
    CONTENT_CHANGED: "Changed after it was checked",
    NOT_APPROVED: "Approval does not match the document",
    NUMBER_TAKEN: "Document number already used",
    WORKERS_DIED: "Sending was interrupted",
    TOO_LARGE: "Too large for one file",
}


def _team(session: Session, company_id: int, owner: str) -> int | None:
    """The team of that name, else the one that answers for all."""
    teams = {
        team.name: team.id
        for team in session.scalars(
            select(Team).where(Team.company_id == company_id).order_by(Team.id.desc())
        )
    }
    fallback = session.get_one(Company, company_id).settings.get(FALLBACK_TEAM)
    return teams.get(owner) or teams.get(str(fallback)) or next(reversed(teams.values()), None)
