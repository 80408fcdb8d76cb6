"""Store the results of documents in import files on their postings, under the claim's fence.

Only a user's report or a listing ends the wait for a document. A file whose worker died stays
written, so its documents wait as well. A document that no file can carry gets its answer here if
the worker died before storing it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.contract import Answer, Found
from grammar.text.finding_codes import ErrorClass
from holding.connections.channel import Channel, Desk
from holding.db.models import Attempt, ImportFile, Posting, Push
from holding.db.models.columns import AttemptState, ImportFileState
from holding.posting import holds, store_results
from holding.posting import push as posting_push
from holding.posting import runs as run_counts
from holding.posting.claims import Claim, lock_families
from holding.posting.evidence import action_of
from holding.posting.holds import IMPORT_OPEN, Trouble
from holding.posting.newer_versions import NewerVersion
from holding.posting.push import Case, Member, add_lookup, owned_posting
from holding.reconciliation import file_list
from holding.reconciliation.open_files import Became, Verdict, verdict_of
from rules.outcomes import Document
from rules.values.canonical import dumps, revive

TOO_LONG: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A document whose result a user reports, with its file; None if no file could carry it."""

    case: Case
    posting: Posting
    file: ImportFile | None


def settle_documents(desk: Desk, channel: Channel, claims: Sequence[Claim]) -> int:
    """Store the known results of claimed documents, and return how many were checked."""
    runs: set[int] = set()
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family for claim in claims])
        causes: set[int] = set()
        records = []
        for claim in claims:
            waiting = _waiting(session, desk, channel, claim, causes)
            if waiting is None:
                continue
            records.append(waiting.posting.record_id)
            if waiting.file is None:
                _not_carried(waiting)
                continue
            runs |= {waiting.file.run_id} if waiting.file.run_id else set()
            _apply(waiting, waiting.file)
        holds.settle_holds(session, records, causes)
    with desk.database.write() as session:
        run_counts.recount(session, runs)
    return len(claims)


def _waiting(
    session: Session, desk: Desk, channel: Channel, claim: Claim, causes: set[int]
) -> _Waiting | None:
    """Lock the document, then read its file, so that recent reports are seen."""
    push = session.scalars(
        select(Push)
        .join(Posting, Posting.push_id == Push.id)
        .where(Posting.id == claim.posting_id, Posting.fence == claim.fence)
    ).one_or_none()
    if push is None:
        return None
    member = Member(
        claim=claim,
        record_id=session.get_one(Posting, claim.posting_id).record_id,
        push_id=push.id,
        action=action_of(push.action),
        document=revive(Document, push.content),
        standing=None,
        theirs=frozenset(),
        key=push.key,
    )
    case = Case(session, desk, channel, member, desk.clock.now(), causes)
    posting = owned_posting(case)
    file = session.scalars(
        select(ImportFile)
        .join(Attempt, Attempt.request_id == ImportFile.request_id)
        .where(Attempt.push_id == push.id, Attempt.row.is_not(None))
        .order_by(ImportFile.id.desc())
        .limit(1)
        .execution_options(populate_existing=True)
    ).one_or_none()
    return None if posting is None else _Waiting(case, posting, file)


def _not_carried(one: _Waiting) -> None:
    """Handle a document in no file: nothing happened, so it is sent again if a file can carry
    it.
    """
    case = one.case
    document, channel = case.member.document, case.channel
    payload = channel.target.build([document], channel.settings, batch=True, batch_name="")
    refused = payload.refused.get(0)
    if refused is not None:
        _end_attempt(one, AttemptState.REFUSED)
        store_results.mark_refused(case, refused)
        return
    words = "The worker ended before an answer was stored."
    _end_attempt(one, AttemptState.TEMPORARY)
    store_results.retry_later(case, Answer(kind="temporary", error_class="temporary", words=words))


def _apply(one: _Waiting, file: ImportFile) -> None:
    # its worker may have died before it said that the file is written: it was written before
    _end_attempt(one, AttemptState.AWAITING)
    verdict = verdict_of(file.verdicts, one.posting.number)
    if verdict is None:
        _wait_on(one, file)
        return
    case = _kept(one, file, verdict)
    closed = holds.close_holds(
        case.session, [one.posting.id], (IMPORT_OPEN,), case.now, why=verdict.words
    )
    case.causes.update(closed)
    match verdict.became:
        case Became.POSTED:
            number = one.posting.number
            store_results.mark_posted(case, target_ref=number, words=verdict.words, existing=False)
        case Became.REFUSED:
            store_results.mark_refused(case, _refusal(one, verdict))
        case Became.WITHDRAWN:
            store_results.mark_withdrawn(case, verdict.words, file.name)
        case Became.OVERWRITTEN | Became.DIFFERS:
            seen = Found(kind="different", words=verdict.words)
            store_results.mark_conflict(case, seen, verdict.error_class)


def _end_attempt(one: _Waiting, state: AttemptState) -> None:
    """Set the state of an attempt whose worker died."""
    one.case.session.execute(
        update(Attempt)
        .where(Attempt.push_id == one.case.member.push_id, Attempt.state == AttemptState.SENDING)
        .values(state=state)
    )


def _wait_on(one: _Waiting, file: ImportFile) -> None:
    case = one.case
    since = file.handed_over_at or file.made_at
    waiting_text = f"{file.name}: a person tells on its page how the import ended."
    posting_push.mark_accepted(case, waiting_text, until=_next_look(since, case.now))
    trouble = _trouble(one, file, since)
    if trouble is not None:
        _hold(one, trouble)
        return
    # the report was entered again, and fits the file now
    closed = holds.close_holds(case.session, [one.posting.id], (IMPORT_OPEN,), case.now)
    case.causes.update(closed)


def _trouble(one: _Waiting, file: ImportFile, since: datetime) -> Trouble | None:
    """Return why a user must check a file before its result is known."""
    words, error_class = "", _AS_TOLD
    if file.note and file.state == ImportFileState.MISMATCH:
        words = file.note
    elif file.state in _NOT_TOLD and (news := _news(one)) is not None:
        words, error_class = (
            file_list.overtaken_text(one.posting.number, file.name, news),
            _OVERTAKEN,
        )
    elif one.case.now - since >= TOO_LONG:
        words = f"{file.name} waits since {since:%Y-%m-%d %H:%M} UTC: {_STANDS[file.state]}."
        error_class = _UNKNOWN
    if not words:
        return None
    return Trouble(code=IMPORT_OPEN, error_class=error_class, words=words, target_code=file.name)


def _news(one: _Waiting) -> NewerVersion | None:
    posting_id = one.posting.id
    return file_list.news_of_postings(one.case.session, [posting_id]).get(posting_id)


def _next_look(since: datetime, now: datetime) -> datetime:
    return since + TOO_LONG if since + TOO_LONG > now else now + TOO_LONG


def _hold(one: _Waiting, trouble: Trouble) -> None:
    posting = one.case.session.get_one(Posting, one.posting.id)
    one.case.causes.add(holds.open_hold(one.case.session, posting, trouble, one.case.now))


def _kept(one: _Waiting, file: ImportFile, verdict: Verdict) -> Case:
    """Return the case with the proof of who reported what, stored as a lookup."""
    case = one.case
    found = Found(
        kind=_SEEN[verdict.became],
        words=verdict.words,
        target_ref=one.posting.number if verdict.became is Became.POSTED else None,
        proof=dumps({"file": file.name, "verdict": verdict.stored()}).encode(),
    )
    key, session = case.member.key, case.session
    call = add_lookup(
        session, case.channel, case.member, found, kind="lookup", key=key, now=case.now
    )
    return Case(session, case.desk, case.channel, case.member, case.now, case.causes, call=call)


def _refusal(one: _Waiting, verdict: Verdict) -> Answer:
    return Answer(
        kind="refused",
        error_class=verdict.error_class,
        words=verdict.words,
        number=one.posting.number,
    )


_SEEN: Final[Mapping[Became, Literal["equal", "absent", "different"]]] = {
    Became.POSTED: "equal",
    Became.REFUSED: "absent",
    Became.WITHDRAWN: "absent",
    Became.OVERWRITTEN: "different",
    Became.DIFFERS: "different",
}
_AS_TOLD: Final[ErrorClass] = "business_rule"
_OVERTAKEN: Final[ErrorClass] = "stale_version"
_UNKNOWN: Final[ErrorClass] = "uncertain"
_NOT_TOLD: Final = frozenset({ImportFileState.EXPORTED, ImportFileState.HANDED_OVER})
"""States of a file without a reported import, so that it may still be withdrawn."""
_STANDS: Final = {
    ImportFileState.EXPORTED: "not downloaded yet",
    ImportFileState.HANDED_OVER: "downloaded, and how its import ended was not told",
    ImportFileState.IMPORTED: "imported, and not compared with the accounting system yet",
    ImportFileState.MISMATCH: "imported, and not all of it is accounted for",
    ImportFileState.RECONCILED: "reconciled",
    ImportFileState.WITHDRAWN: "withdrawn",
}
