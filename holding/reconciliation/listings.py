"""Compare an AutoCount listing with the exported documents, or record a user's confirmation."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.contract import Found, SourceRefusal, Stands
from connectors.contract.pulls import Listed
from holding.access.actors import Actor
from holding.db import bulk
from holding.db.models import Attempt, ImportFile, Posting, Push
from holding.db.models.columns import ImportFileState, PushState, from_minor
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal, plural
from holding.platform.events import CALL, record_event
from holding.platform.states import WITHDRAWN, move_posting
from holding.posting import holds
from holding.posting.claims import lock_families
from holding.posting.evidence import push_key
from holding.posting.holds import CONFLICT, GAVE_UP, IMPORT_OPEN, REFUSED, Trouble
from holding.posting.push import store_lookup, store_similar_document
from holding.reconciliation import open_files
from holding.reconciliation.open_files import (
    TOLD,
    Became,
    Exported,
    Verdict,
    close_if_known,
    documents_without_verdict,
    exported_documents,
    store_verdicts,
    verdict_of,
)
from rules.values.canonical import PostingState, dumps, plain

FILE_BYTES: Final = 20 * 1024 * 1024

COMPARED: Final = TOLD | {ImportFileState.RECONCILED, ImportFileState.WITHDRAWN}

_TOLD: Final[Mapping[Became, str]] = {
    Became.REFUSED: "told as Error",
    Became.WITHDRAWN: "withdrawn",
}

_ANSWERED: Final = (REFUSED, GAVE_UP, IMPORT_OPEN, WITHDRAWN)

_ELSEWHERE: Final = frozenset(
    {*IN_FLIGHT_STATES, PostingState.SENDING, PostingState.POSTED, PostingState.REVERSED}
)
"""States of a document that another file posted or is posting; that file's listing decides."""


def compare_listing(
    session: Session,
    actor: Actor,
    company_id: int,
    file_id: int,
    listing: tuple[Listed, ...] | SourceRefusal,
    now: datetime,
) -> ImportFileState | Refusal:
    """Store a verdict for every document of the file that the listing contains.

    A missing document keeps waiting, because a listing may cover other days. A document reported as
    Error or withdrawn that is listed makes the file a mismatch, even after its end.
    """
    verb = "compare a listing with"
    file = open_files.lock_file(session, actor, company_id, file_id, COMPARED, verb)
    if isinstance(file, Refusal):
        return file
    if isinstance(listing, SourceRefusal):
        return Refusal(listing.code, listing.message, listing.hint, 422)
    documents = exported_documents(session, file)
    has_ended, note = file.state not in TOLD, file.note
    verdicts = _verdicts(documents_without_verdict(file, documents), listing)
    contradicted = hold_contradicted(session, actor, file, documents, listing, now)
    file.imported_at = file.imported_at or now
    file.imported_by_id = file.imported_by_id or actor.person_id
    store_verdicts(session, file, documents, {**verdicts, **contradicted}, now)
    notes = [file.note] if contradicted else []
    left = documents_without_verdict(file, documents)
    notes += _not_readable(left, listing)
    seen = {one.number.casefold() for one in listing}
    if missing := [one for one in left if one.number.casefold() not in seen]:
        notes.append(_missing(missing))
    file.note = ". ".join(notes) or note
    if contradicted or not has_ended:
        close_if_known(file, documents, actor, now)
    posted = sum(verdict.became is Became.POSTED for verdict in verdicts.values())
    say = (
        f"{actor.name} compared {file.name} with AutoCount's listing: {posted:,} of"
        f" {len(documents):,} exist there as they were sent."
    )
    open_files.record_file_event(session, file, actor, now, "import.compared", say)
    return file.state


def _verdicts(wanted: Collection[Exported], listing: Sequence[Listed]) -> Mapping[str, Verdict]:
    count = Counter(one.number.casefold() for one in listing)
    there = {one.number.casefold(): one for one in listing}
    found = {}
    for one in wanted:
        key = one.number.casefold()
        if count[key] > 1:
            words = f"{one.number} stands {count[key]} times in AutoCount's listing."
            found[one.number] = Verdict(became=Became.DIFFERS, words=words, error_class="duplicate")
        elif count[key] == 1:
            verdict = _compared(one, there[key])
            found |= {one.number: verdict} if verdict else {}
    return found


def _compared(one: Exported, there: Listed) -> Verdict | None:
    """Return the verdict, or None if the readable values match but others cannot be read."""
    differences = ["it is cancelled"] if there.cancelled else []
    if there.party.casefold() != one.party.casefold():
        differences.append(f"its party is {there.party or 'blank'}, not {one.party}")
    if there.date is not None and there.date != one.doc_date:
        differences.append(f"its date is {there.date}, not {one.doc_date}")
    if there.total is not None and there.total != one.total:
        differences.append(f"its total is {there.total:,.2f}, not {one.total:,.2f}")
    if not differences and (there.date is None or there.total is None):
        return None
    if not differences:
        words = f"It stands in row {there.row} of AutoCount's listing."
        return Verdict(became=Became.POSTED, words=words)
    words = f"In AutoCount {'; '.join(differences)}: the file was edited before the import, or the"
    return Verdict(became=Became.DIFFERS, words=f"{words} document there was changed since.")


def _not_readable(left: Collection[Exported], listing: Sequence[Listed]) -> list[str]:
    """Describe some listed documents that could not be compared."""
    numbers = {one.number.casefold(): one.number for one in left}
    odd = [one for one in listing if one.number.casefold() in numbers]
    notes = []
    for one in odd[:3]:
        cells = [name for name, cell in (("date", one.date), ("total", one.total)) if cell is None]
        words = " and ".join(f"its {name}" for name in cells)
        number = numbers[one.number.casefold()]
        notes.append(f"Row {one.row} of the listing cannot be read: {words} of {number}")
    return notes + ([f"So it is with {len(odd) - 3:,} more"] if len(odd) > 3 else [])


def _missing(missing: Sequence[Exported]) -> str:
    few = ", ".join(one.number for one in missing[:3]) + (" …" if len(missing) > 3 else "")
    is_are = "is" if len(missing) == 1 else "are"
    return f"{plural(len(missing), 'document')} {is_are} not in the listing: {few}"


def confirm_import(
    session: Session,
    actor: Actor,
    company_id: int,
    file_id: int,
    *,
    total: Decimal,
    reason: str,
    now: datetime,
) -> ImportFileState | Refusal:
    """Store a user's confirmation that new rows are posted, with the total that AutoCount shows.

    This requires an entered outcome, and documents of one currency.
    """
    states = (ImportFileState.IMPORTED,)
    file = open_files.lock_file(session, actor, company_id, file_id, states, "confirm")
    if isinstance(file, Refusal):
        return file
    documents = exported_documents(session, file)
    left = documents_without_verdict(file, documents)
    currencies = {one.currency for one in left}
    if len(currencies) != 1:
        words = f"You cannot confirm {file.name}, because it has several currencies."
        return Refusal("import.currencies", words, "Upload AutoCount's listing.", 422)
    ours = from_minor(sum(one.minor or 0 for one in left), currencies.pop())
    found: dict[str, Verdict] = {}
    file.reason = reason
    if total == ours:
        words = f"{actor.name} confirmed it without a listing: {reason}"
        found = {one.number: Verdict(became=Became.POSTED, words=words) for one in left}
    else:
        file.state = ImportFileState.MISMATCH
        file.note = (
            f"AutoCount shows {total:,.2f} in all, and the file has {ours:,.2f}: it was edited"
            " before the import."
        )
    store_verdicts(session, file, documents, found, now)
    if found:
        close_if_known(file, documents, actor, now)
    say = f"{actor.name} confirmed {file.name} with a total of {total:,.2f}: {reason}"
    open_files.record_file_event(session, file, actor, now, "import.confirmed", say)
    return file.state


def hold_contradicted(
    session: Session,
    actor: Actor,
    file: ImportFile,
    documents: Collection[Exported],
    listing: Collection[Listed],
    now: datetime,
) -> Mapping[str, Verdict]:
    """Hold every document that was reported missing but is listed, and return its new verdict.

    It was not sent a second time, and will not be.
    """
    there = {one.number.casefold(): one for one in listing}
    told = {
        one.posting_id: _TOLD[was.became]
        for one in documents
        if (was := verdict_of(file.verdicts, one.number)) is not None
        if was.became in _TOLD and one.number.casefold() in there
    }
    if not told:
        return {}
    causes: set[int] = set()
    records: set[int] = set()
    verdicts: dict[str, Verdict] = {}
    for posting, push in _locked(session, file, told):
        if posting.state in _ELSEWHERE:
            continue
        seen = there[push.number.casefold()]
        words = (
            f"It was {told[posting.id]}, and stands in row {seen.row} of AutoCount's listing:"
            " the import took it, or a person typed it there."
        )
        records.add(posting.record_id)
        causes |= _conflict(session, actor, posting, push, seen, words, now)
        verdicts[push.number] = Verdict(became=Became.DIFFERS, words=words, error_class="duplicate")
    holds.settle_holds(session, records, causes)
    file.note = ". ".join(_notes(file, verdicts)) or file.note
    return verdicts


def _locked(
    session: Session, file: ImportFile, posting_ids: Collection[int]
) -> list[tuple[Posting, Push]]:
    """Lock the postings in the order that workers use: families first."""
    among = bulk.among(Posting.id, list(posting_ids))
    families = session.scalars(select(Posting.family).where(among)).all()
    lock_families(session, file.company_id, families)
    query = (
        select(Posting, Push)
        .join(Push, Push.posting_id == Posting.id)
        .join(Attempt, Attempt.push_id == Push.id)
        .where(among, Attempt.request_id == file.request_id, Posting.company_id == file.company_id)
        .order_by(Posting.id)
        .execution_options(populate_existing=True)
        .with_for_update(key_share=True, of=Posting)
    )
    return [(posting, push) for posting, push in session.execute(query)]


def _conflict(
    session: Session,
    actor: Actor,
    posting: Posting,
    push: Push,
    seen: Listed,
    words: str,
    now: datetime,
) -> set[int]:
    """Mark the posting as in conflict with the target's document; return the changed causes."""
    stands = Stands(
        number=push.number,
        target_ref=push.number,
        party=seen.party,
        date=seen.date.isoformat() if seen.date else "",
        currency=posting.currency,
        amount=seen.total,
    )
    met = _meets(session, posting, push, words, now)
    proof = dumps({"row": seen.row, "stands": plain(stands)}).encode()
    call = store_lookup(
        session,
        met.connection_id,
        met.id,
        Found(kind="different", words=words, proof=proof),
        number=met.number,
        kind="lookup",
        key=met.key,
        key_id=None,
        fence=posting.fence,
        now=now,
    )
    store_similar_document(session, posting.id, [stands], now)
    _stop(session, posting, push)
    closed = holds.close_holds(session, [posting.id], _ANSWERED, now, why=words)
    trouble = Trouble(code=CONFLICT, error_class="duplicate", words=words)
    cause = holds.open_hold(session, posting, trouble, now)
    record_event(
        session,
        company_id=posting.company_id,
        at=now,
        actor=actor,
        act="posting.contradicted",
        record_id=posting.record_id,
        posting_id=posting.id,
        fence=posting.fence,
        body={"say": f"{push.number}: {words}", "push": met.id, CALL: list(call)},
    )
    return {*closed, cause}


def _meets(session: Session, posting: Posting, told: Push, words: str, now: datetime) -> Push:
    """Add a push without a call that records the target's document; the earlier push stays as
    reported.
    """
    last = select(func.max(Push.no)).where(Push.posting_id == posting.id)
    no = (session.scalar(last) or 0) + 1
    push = Push(
        posting_id=posting.id,
        no=no,
        connection_id=told.connection_id,
        family=posting.family,
        action=told.action,
        hash=told.hash,
        number=told.number,
        key=push_key(posting, no),
        content=told.content,
        evaluation_id=told.evaluation_id,
        state=PushState.CONFLICT,
        target_ref=told.number,
        error_class="duplicate",
        error=words,
        made_at=now,
        closed_at=now,
    )
    session.add(push)
    session.flush()
    return push


def _stop(session: Session, posting: Posting, push: Push) -> None:
    """Mark the posting as sent, so that nothing more is sent for it."""
    failed = posting.state in {PostingState.FAILED, PostingState.READY}
    moved = move_posting(
        session,
        posting.id,
        expected=posting.state,
        to=PostingState.FAILED if failed else PostingState.HELD,
        lock=posting.lock,
        due_at=None,
        sent_at=push.made_at,
    )
    if not moved:
        message = f"posting {posting.id} moved under our lock"
        raise RuntimeError(message)
    session.refresh(posting)


def _notes(file: ImportFile, found: Mapping[str, Verdict]) -> list[str]:
    """Return the notes for the file's page, one for each kind of earlier report."""
    notes = []
    for became, told in _TOLD.items():
        numbers = [
            n for n in found if (was := verdict_of(file.verdicts, n)) and was.became is became
        ]
        if numbers:
            few = ", ".join(numbers[:3]) + (" …" if len(numbers) > 3 else "")
            verbs = ("was", "stands") if len(numbers) == 1 else ("were", "stand")
            notes.append(
                f"{plural(len(numbers), 'document')} {verbs[0]} {told} and {verbs[1]} in the"
                f" listing: {few}"
            )
    return notes
