"""The last look at postings before they are sent: is each what was judged and approved?

Here: reading and comparing, in bulk. Not here: any write; what is refused gets its hold from
holding/posting/intent.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, and_, bindparam, exists, func, or_, select, text
from sqlalchemy.orm import Session, aliased

from connectors.contract import Action
from holding.approvals import consent
from holding.approvals.consent import posting_hash
from holding.connections.channel import Channel
from holding.journal import run_counts, sales_elsewhere, target_holds
from holding.journal.earlier_calls import skipped_unseen
from holding.journal.evidence import action_of, ours, push_key, theirs_of
from holding.journal.posting_claims import (
    POISON_CRASHES,
    RUNNING,
    SENDABLE,
    STOPPED,
    TOGETHER,
    TWIN_COMES,
    Claim,
    lock_families,
)
from holding.journal.push_rows import DRAWN, Drawn, drawn
from holding.journal.target_holds import Trouble
from holding.lifecycle.causes import UNSEEN
from holding.lifecycle.later_wakes import is_marked
from holding.programs.world import note_meaning
from holding.store import bulk
from holding.tables import (
    Company,
    Connection,
    Evaluation,
    Hold,
    Posting,
    Push,
    Record,
    RulesetVersion,
    Version,
)
from holding.tables.columns import Moment, is_word
from holding.tables.decisions import HOLD_OPEN, WHOLE_RECORD
from holding.tables.row_states import PushState
from rules.outcomes.outcome import Document
from rules.values.canonical import revive


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A posting that may be sent as it stands; equal to a later look when nothing moved since.

    `standing` is what stands in the target, where it is updated or made void; `theirs` are the
    fields that people there own; `drawn` comes with a look under locks.
    """

    claim: Claim
    record_id: int
    evaluation_id: int
    action: Action
    document: Document
    standing: Document | None
    theirs: frozenset[str]
    hash: str
    lock: int
    key: str
    no: int
    posting: Posting = field(compare=False, repr=False)
    brought: Drawn | None = field(compare=False, repr=False)

    @property
    def drawn(self) -> Drawn:
        """What the look brought; RuntimeError after one without locks: nothing follows that."""
        if self.brought is None:
            raise RuntimeError("a push is written after a look under locks alone")
        return self.brought

    @property
    def sent(self) -> Document:
        """What a call would carry: an update leaves alone what is theirs."""
        return ours(self.document, self.theirs) if self.action == "update" else self.document


@dataclass(frozen=True, slots=True)
class NotNow:
    """Not ours any more, or about to be judged again: no fault, and nothing to say to anybody.

    `judge`: the rules it was judged by are not in force any more, or cannot judge its record.
    `rest`: a worker has to look first whether a change of a mapping has it judged again.
    """

    judge: bool = False
    rest: bool = False


Verdict = Checked | Trouble | NotNow


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A claimed posting: is the record `quiet` and what is like it, or `marked` by a change of a
    mapping; `held`, or its route or connection stopped; `outdated`: judged by other rules or not.
    """

    posting: Posting
    standing: Any
    theirs: frozenset[str]
    quiet: bool
    marked: bool
    held: bool
    busy: bool
    outdated: bool
    taken: bool
    elsewhere: int | None
    of_record: bool
    not_approved: str
    pushes: int
    accepted: bool
    brought: Drawn | None


def check(
    session: Session, channel: Channel, claims: Sequence[Claim], *, lock: bool, now: datetime
) -> dict[int, Verdict]:
    """What may be done with each claimed posting; with `lock`, it stays so until the commit."""
    if lock:
        lock_families(session, channel.company_id, [claim.family for claim in claims])
    around = _look_around(session, channel, claims, lock=lock, now=now)
    verdicts: dict[int, Verdict] = {}
    sending: set[int] = set()
    numbers: set[tuple[str, str]] = set()
    for claim in claims:
        seen = around.get(claim.posting_id)
        verdict = _verdict(channel, claim, seen) if seen is not None else NotNow()
        if isinstance(verdict, Checked) and claim.family in sending:
            verdict = NotNow()  # one at a time for each family
        if isinstance(verdict, Checked) and seen is not None and verdict.action == "create":
            here, there, of_record = claim.posting_id, seen.elsewhere, seen.of_record
            both = sales_elsewhere.found(session, here, there, of_record=of_record)
            verdict = both or verdict
        if isinstance(verdict, Checked) and not channel.shows(verdict.posting.doc_type):
            verdict = _unseen(session, verdict)
        if isinstance(verdict, Checked) and verdict.action == "create":
            called = (verdict.posting.doc_type, verdict.posting.number)
            if called in numbers:
                verdict = _taken(f"{verdict.posting.number} is another document's number, too.")
            numbers.add(called)
        if isinstance(verdict, Checked):
            sending.add(claim.family)
        verdicts[claim.posting_id] = verdict
    return verdicts


def _verdict(channel: Channel, claim: Claim, seen: _Seen) -> Verdict:
    posting = seen.posting
    if posting.content is None or not seen.quiet or seen.held or seen.busy or seen.marked:
        return NotNow(rest=seen.marked)
    if seen.outdated:
        return NotNow(judge=True)
    document: Document = revive(Document, posting.content)
    found = posting_hash(posting.connection_id, channel.company_there, document, posting.action)
    if found != posting.hash or document.number != posting.number:
        words = f"{posting.number} is not what was checked: its stored content was changed since."
        return _own(target_holds.CONTENT_CHANGED, words)
    if seen.not_approved:
        return _own(target_holds.NOT_APPROVED, f"{posting.number} is not {seen.not_approved}.")
    if seen.taken or (posting.action == "create" and seen.accepted):
        return _taken(f"{posting.number} was already sent.")
    if posting.crashes >= POISON_CRASHES:
        alone = posting.crashes - TOGETHER
        words = f"{posting.number}: workers ended {alone} times while preparing it alone."
        return _own(target_holds.WORKERS_DIED, words)
    no = seen.pushes + 1
    return Checked(
        claim=claim,
        record_id=posting.record_id,
        evaluation_id=posting.evaluation_id,
        action=action_of(posting.action),
        document=document,
        standing=revive(Document, seen.standing) if seen.standing else None,
        theirs=seen.theirs,
        hash=posting.hash,
        lock=posting.lock,
        key=push_key(posting, no),
        no=no,
        posting=posting,
        brought=seen.brought,
    )


def _unseen(session: Session, one: Checked) -> Checked | Trouble:
    """What may be there already, unseen, goes only when who looked there says that it is not."""
    if not skipped_unseen(session, one.posting):
        return one
    words = f"{one.posting.number} was sent before without a clear answer, and was skipped then."
    return Trouble(code=UNSEEN, error_class="duplicate", words=words)


def _taken(words: str) -> Trouble:
    return Trouble(code=target_holds.NUMBER_TAKEN, error_class="duplicate", words=words)


def _own(code: str, words: str) -> Trouble:
    return Trouble(code=code, error_class="business_rule", words=words)


def _look_around(
    session: Session, channel: Channel, claims: Sequence[Claim], *, lock: bool, now: datetime
) -> dict[int, _Seen]:
    """The claimed postings that may be sent and are under our fence, in one query or two."""
    fences = {claim.posting_id: claim.fence for claim in claims}
    given = {"now": now, "postings": list(fences)} | (run_counts.joined_since(now) if lock else {})
    found = session.execute(_surrounded(lock), given)
    rows = [row for row in found if row.Posting.fence == fences[row.Posting.id]]
    lacking = consent.lacking(session, [(row.Posting, row.outcome) for row in rows])
    for row in rows:
        note_meaning(session, row.rules, row.rules_hash, row.rules_edition)
    ways = {(row.rules, row.Posting.route) for row in rows}
    theirs = {way: theirs_of(session, channel.target, *way) for way in ways}
    return {
        row.Posting.id: _Seen(
            posting=row.Posting,
            standing=row.standing,
            theirs=theirs[row.rules, row.Posting.route],
            quiet=bool(row.quiet),
            marked=bool(row.marked),
            held=bool(row.held),
            busy=bool(row.busy),
            outdated=bool(row.outdated),
            taken=bool(row.taken),
            elsewhere=row.elsewhere,
            of_record=bool(row.of_record),
            not_approved=lacking.get(row.Posting.id, ""),
            pushes=row.pushes or 0,
            accepted=bool(row.accepted),
            brought=drawn(row) if lock else None,
        )
        for row in rows
    }


_earlier = aliased(Push)
_MINE = _earlier.posting_id == Posting.id
_LAST_PUSH = select(func.max(_earlier.no)).where(_MINE).correlate(Posting).scalar_subquery()
_ACCEPTED = exists().where(_MINE, is_word(_earlier.state, PushState.ACCEPTED))


@cache
def _surrounded(lock: bool) -> Select[Any]:
    """Postings with what `_Seen` says of them. Without a lock also the rows by which each is judged
    again for its story, which the session then has (holding/programs/replay.py).
    """
    other, stands, source = aliased(Posting), aliased(Push), aliased(Connection)
    quiet = and_(
        Record.version_id == Posting.version_id,
        Record.lease_until.is_(None),
        or_(Record.due_at.is_(None), Record.due_at > bindparam("now", type_=Moment())),
        ~TWIN_COMES,
    )
    hold = exists().where(Hold.posting_id == Posting.id, HOLD_OPEN)
    held = or_(hold, STOPPED, ~RUNNING)
    busy = exists().where(
        Push.connection_id == Posting.connection_id,
        Push.family == Posting.family,
        text(f"push.{Push.OPEN}"),
    )
    not_judged = exists().where(
        Hold.record_id == Posting.record_id, Hold.route == WHOLE_RECORD, HOLD_OPEN
    )
    outdated = or_(Evaluation.ruleset_version_id != Company.ruleset_version_id, not_judged)
    taken = exists().where(
        other.connection_id == Posting.connection_id,
        other.doc_type == Posting.doc_type,
        other.number == Posting.number,
        other.sent_at.is_not(None),
        other.id != Posting.id,
    )
    query = (
        select(
            Posting,
            Evaluation.outcome.label("outcome"),
            Evaluation.ruleset_version_id.label("rules"),
            RulesetVersion.hash.label("rules_hash"),
            RulesetVersion.edition.label("rules_edition"),
            stands.content.label("standing"),
            quiet.label("quiet"),
            is_marked().label("marked"),
            held.label("held"),
            busy.label("busy"),
            outdated.label("outdated"),
            taken.label("taken"),
            sales_elsewhere.SENT_ELSEWHERE.label("elsewhere"),
            sales_elsewhere.RECORD_ELSEWHERE.label("of_record"),
            _LAST_PUSH.label("pushes"),
            _ACCEPTED.label("accepted"),
        )
        .join(Record, Record.id == Posting.record_id)
        .join(Company, Company.id == Posting.company_id)
        .join(Evaluation, Evaluation.id == Posting.evaluation_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .outerjoin(stands, stands.id == Posting.posted_push_id)
        .where(bulk.among_given(Posting.id, "postings"), SENDABLE)
        .order_by(Posting.id)
        .execution_options(populate_existing=True)
    )
    if lock:
        return query.add_columns(*DRAWN).with_for_update(of=Posting, key_share=True)
    return (
        query.add_columns(Evaluation, Version, Record, source)
        .join(Version, Version.id == Evaluation.version_id)
        .join(source, source.id == Record.source_id)
    )
