"""What AutoCount shows although it was told as Error or withdrawn: a person decides what it is.

Here: finding such documents in a listing, and the conflict that each becomes. Not here: documents
of which nobody knew (listings.py); deciding on a conflict (holding/reconciliation).
"""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.contract import Found, Stands
from connectors.contract.hand_imports import Listed
from holding.access.actors import Actor
from holding.db import bulk
from holding.db.models import Attempt, ImportFile, Posting, Push
from holding.db.models.columns import PushState
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import plural
from holding.import_files.open_files import Exported
from holding.import_files.verdicts import Became, Verdict, of
from holding.platform.events import CALL, record_event
from holding.platform.states import WITHDRAWN, move_posting
from holding.posting import holds as target_holds
from holding.posting.claims import lock_families
from holding.posting.evidence import push_key
from holding.posting.holds import CONFLICT, GAVE_UP, IMPORT_OPEN, REFUSED, Trouble
from holding.posting.push import keep_alike, keep_look
from rules.values.canonical import dumps, plain
from rules.values.posting_states import PostingState

_TOLD: Final[Mapping[Became, str]] = {
    Became.REFUSED: "told as Error",
    Became.WITHDRAWN: "withdrawn",
}
_ANSWERED: Final = (REFUSED, GAVE_UP, IMPORT_OPEN, WITHDRAWN)
_ELSEWHERE: Final = frozenset(
    {*IN_FLIGHT_STATES, PostingState.SENDING, PostingState.POSTED, PostingState.REVERSED}
)
"""Another file brought it there, or is on its way: its own listing tells."""


def contradict(
    session: Session,
    actor: Actor,
    file: ImportFile,
    documents: Collection[Exported],
    listing: Collection[Listed],
    now: datetime,
) -> Mapping[str, Verdict]:
    """Hold every document that was told not to be there and is in the listing, with its new
    verdict; empty where there is none. It was not sent by us a second time, and is not from now on.
    """
    there = {one.number.casefold(): one for one in listing}
    told = {
        one.posting_id: _TOLD[was.became]
        for one in documents
        if (was := of(file.verdicts, one.number)) is not None
        if was.became in _TOLD and one.number.casefold() in there
    }
    if not told:
        return {}
    causes: set[int] = set()
    records: set[int] = set()
    found: dict[str, Verdict] = {}
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
        found[push.number] = Verdict(became=Became.DIFFERS, words=words, error_class="duplicate")
    target_holds.settle(session, records, causes)
    file.note = ". ".join(_notes(file, found)) or file.note
    return found


def _notes(file: ImportFile, found: Mapping[str, Verdict]) -> list[str]:
    """What the page of the file says, for each word that was told."""
    notes = []
    for became, told in _TOLD.items():
        mine = [n for n in found if (was := of(file.verdicts, n)) and was.became is became]
        if mine:
            few = ", ".join(mine[:3]) + (" …" if len(mine) > 3 else "")
            verbs = ("was", "stands") if len(mine) == 1 else ("were", "stand")
            notes.append(
                f"{plural(len(mine), 'document')} {verbs[0]} {told} and {verbs[1]} in the"
                f" listing: {few}"
            )
    return notes


def _locked(
    session: Session, file: ImportFile, posting_ids: Collection[int]
) -> list[tuple[Posting, Push]]:
    """The postings under our lock, as a worker takes them: their families first."""
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
    """The posting as any that met another content under its number; the causes that it touched."""
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
    call = keep_look(
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
    keep_alike(session, posting.id, [stands], now)
    _stop(session, posting, push)
    closed = target_holds.close_holds(session, [posting.id], _ANSWERED, now, why=words)
    trouble = Trouble(code=CONFLICT, error_class="duplicate", words=words)
    cause = target_holds.open_hold(session, posting, trouble, now)
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
    """What was told of a push stays; another, which sends nothing, meets what the target has."""
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
    """It counts as sent, and nothing more is sent of it."""
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
