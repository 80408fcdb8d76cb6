"""The last look at postings before they are sent: is each what was judged and approved?

Here: reading and comparing, in bulk. Not here: any write; what is refused gets its hold from
holding/pushing/intent.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from holding.models import Approval, Evaluation, Hold, Posting, Push, Record
from holding.posting_hash import posting_hash
from holding.pushing import trouble
from holding.pushing.claim import POISON_CRASHES, Claim, lock_families
from holding.pushing.desk import Channel
from holding.pushing.evidence import push_key
from holding.pushing.rows import next_push_no
from holding.pushing.trouble import Trouble
from rules.canonical import revive
from rules.outcome import Document

APPROVAL = "APP01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A posting that may be sent as it stands."""

    claim: Claim
    record_id: int
    evaluation_id: int
    document: Document
    hash: str
    lock: int
    key: str
    no: int


@dataclass(frozen=True, slots=True)
class NotNow:
    """Not ours any more, or about to be judged again: no fault, and nothing to say to anybody."""


Verdict = Checked | Trouble | NotNow


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """What stands around the postings."""

    quiet: frozenset[int]
    held: frozenset[int]
    needing: frozenset[int]
    approved: frozenset[tuple[int, str]]
    taken: frozenset[str]
    families: frozenset[int]
    numbers: dict[int, int]


def check(
    session: Session, channel: Channel, claims: Sequence[Claim], *, lock: bool, now: datetime
) -> dict[int, Verdict]:
    """What may be done with each claimed posting; with `lock`, it stays so until the commit."""
    if lock:
        lock_families(session, channel.company_id, [claim.family for claim in claims])
    postings = _postings(session, claims, lock=lock)
    seen = _look_around(session, list(postings.values()), now)
    verdicts: dict[int, Verdict] = {}
    sending = set(seen.families)
    for claim in claims:
        verdict = _verdict(channel, claim, postings.get(claim.posting_id), seen)
        if isinstance(verdict, Checked) and claim.family in sending:
            verdict = NotNow()  # one at a time for each family
        if isinstance(verdict, Checked):
            sending.add(claim.family)
        verdicts[claim.posting_id] = verdict
    return verdicts


def _verdict(channel: Channel, claim: Claim, posting: Posting | None, seen: _Seen) -> Verdict:
    if posting is None or posting.content is None or posting.id not in seen.quiet:
        return NotNow()
    if posting.id in seen.held:
        return NotNow()
    document: Document = revive(Document, posting.content)
    found = posting_hash(posting.connection_id, channel.company_there, document, posting.action)
    if found != posting.hash or document.number != posting.number:
        words = f"{posting.number} is not what was judged: its stored content was changed since."
        return _own(trouble.CONTENT_CHANGED, words)
    if posting.id in seen.needing and (posting.id, posting.hash) not in seen.approved:
        words = f"{posting.number} is not what was approved: the approval is for another content."
        return _own(trouble.NOT_APPROVED, words)
    if posting.number in seen.taken:
        words = f"{posting.number} was already sent for another document."
        return Trouble(code=trouble.NUMBER_TAKEN, error_class="duplicate", words=words)
    if posting.crashes >= POISON_CRASHES:
        words = f"{posting.number}: workers ended {posting.crashes} times while preparing it."
        return _own(trouble.WORKERS_DIED, words)
    no = seen.numbers[posting.id]
    return Checked(
        claim=claim,
        record_id=posting.record_id,
        evaluation_id=posting.evaluation_id,
        document=document,
        hash=posting.hash,
        lock=posting.lock,
        key=push_key(posting, no),
        no=no,
    )


def _own(code: str, words: str) -> Trouble:
    return Trouble(code=code, error_class="business_rule", words=words)


def _postings(session: Session, claims: Sequence[Claim], *, lock: bool) -> dict[int, Posting]:
    fences = {claim.posting_id: claim.fence for claim in claims}
    query = select(Posting).where(Posting.id.in_(fences), Posting.state == "ready")
    query = query.order_by(Posting.id).execution_options(populate_existing=True)
    if lock:
        query = query.with_for_update(key_share=True)
    return {row.id: row for row in session.scalars(query) if row.fence == fences[row.id]}


def _look_around(session: Session, postings: Sequence[Posting], now: datetime) -> _Seen:
    ids = [posting.id for posting in postings]
    held = session.scalars(
        select(Hold.posting_id).where(Hold.posting_id.in_(ids), Hold.state == "open")
    )
    approved = session.execute(
        select(Approval.posting_id, Approval.hash).where(
            Approval.posting_id.in_(ids), Approval.voided_at.is_(None)
        )
    )
    return _Seen(
        quiet=frozenset(_quiet(session, postings, now)),
        held=frozenset(key for key in held if key is not None),
        needing=frozenset(_needing(session, postings)),
        approved=frozenset((key, content) for key, content in approved),
        taken=frozenset(_taken(session, postings)),
        families=frozenset(_busy_families(session, postings)),
        numbers=next_push_no(session, ids),
    )


def _busy_families(session: Session, postings: Sequence[Posting]) -> list[int]:
    """Families with a push under way."""
    families = {posting.family for posting in postings}
    connections = {posting.connection_id for posting in postings}
    query = select(Push.family).where(
        Push.connection_id.in_(connections), Push.family.in_(families), text(f"push.{Push.OPEN}")
    )
    return list(session.scalars(query))


def _quiet(session: Session, postings: Sequence[Posting], now: datetime) -> list[int]:
    """Those whose record has no newer version and is neither due by now nor in judging."""
    found = session.execute(
        select(Record.id, Record.version_id, Record.due_at, Record.lease_until).where(
            Record.id.in_({posting.record_id for posting in postings})
        )
    )
    version = {
        key: no for key, no, due, leased in found if leased is None and (due is None or due > now)
    }
    return [one.id for one in postings if version.get(one.record_id) == one.version_id]


def _needing(session: Session, postings: Sequence[Posting]) -> list[int]:
    """Those whose rules asked for an approval."""
    found = session.execute(
        select(Evaluation.id, Evaluation.outcome).where(
            Evaluation.id.in_({posting.evaluation_id for posting in postings})
        )
    )
    outcomes: dict[int, Any] = dict(found.all())
    return [one.id for one in postings if _asks(outcomes.get(one.evaluation_id), one.route)]


def _asks(outcome: Any, route: str) -> bool:
    return any(
        finding[0] == APPROVAL
        for decision in (outcome or {}).get("decisions", ())
        if decision["route"] == route
        for finding in decision["findings"]
    )


def _taken(session: Session, postings: Sequence[Posting]) -> list[str]:
    """Numbers that another posting, or an accepted push of the same one, has used."""
    if not postings:
        return []
    one = postings[0]
    others = select(Posting.number).where(
        Posting.connection_id == one.connection_id,
        Posting.number.in_({posting.number for posting in postings}),
        Posting.sent_at.is_not(None),
        Posting.id.not_in({posting.id for posting in postings}),
    )
    own = select(Push.number).where(
        Push.posting_id.in_({posting.id for posting in postings}), Push.state == "accepted"
    )
    return [*session.scalars(others), *session.scalars(own)]
