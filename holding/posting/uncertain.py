"""Resolve pushes of unknown outcome by lookups in the target."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.contract import Found
from connectors.contract.targets import Deferring
from connectors.transport import strict_json
from connectors.transport.http import Http, Remembering
from grammar.text.finding_codes import ErrorClass
from holding.connections import breaker, limits
from holding.connections.channel import Channel, Desk
from holding.db.models import Attempt, Evaluation, Posting, Push, Request
from holding.db.models.columns import AttemptState
from holding.db.refusal import plural
from holding.posting import holds, store_results
from holding.posting import push as posting_push
from holding.posting import runs as run_counts
from holding.posting.claims import POISON_CRASHES, TOGETHER, Claim, lock_families, requeue
from holding.posting.evidence import action_of, target_owned_fields, without_target_fields
from holding.posting.lone_failures import target_fails_on_it
from holding.posting.lookups import Lookups, lookup_question
from holding.posting.push import Case, Member, add_lookup, owned_posting
from holding.posting.send import QUOTA, apply_answer, resend, send_flight, split_members
from holding.posting.store_results import (
    SendHistory,
    absent_since,
    last_send,
    load_send_history,
    ticket_of,
)
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive

KEY_MARGIN = timedelta(days=1)
"""So long before a target may forget a key, it counts as forgotten."""

STILL_QUEUED = "It may still be queued there, so it is not sent again automatically."


def resolve_uncertain(desk: Desk, channel: Channel, claims: Sequence[Claim]) -> int:
    """Look up each claimed uncertain push. Pushes proved absent are sent again, grouped as before.

    Documents of one file share their lookups, so every lookup counts from the start of the pass.
    """
    started_at, http = desk.clock.now(), Remembering(desk.http)
    groups: dict[int, list[UncertainPush]] = defaultdict(list)
    runs: set[int] = set()
    uncertain_pushes = load_uncertain(desk, channel, claims)
    asks = {push.member.claim.posting_id: push for push in uncertain_pushes if not push.ticket}
    questions = {key: lookup_question(push.member, push.request_key) for key, push in asks.items()}
    looks = Lookups(channel, http, questions)
    for at, doubt in enumerate(uncertain_pushes, start=1):
        runs |= {doubt.run_id} if doubt.run_id else set()
        if _look(desk, channel, doubt, looks, http, started_at):
            groups[doubt.request_id].append(doubt)
        if not limits.lets_us(desk, channel):
            others = [
                *(push for group in groups.values() for push in group),
                *uncertain_pushes[at:],
            ]
            requeue(desk, [push.member.claim for push in others])
            groups.clear()
            break
    for request_id, group in groups.items():
        members_of = [doubt.member for doubt in group]
        for members in split_members(members_of, max(doubt.sent.count for doubt in group)):
            desk.renew()
            flight = resend(desk, channel, request_id, members)
            if flight is not None:
                strict_json.fault_point("push.after_intent")
                send_flight(desk, flight)
    with desk.database.write() as session:
        run_counts.recount(session, runs)
        limits.spend(session, channel, http.calls - len(claims) * channel.target.pace.to_look)
    return len(claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class UncertainPush:
    """A push of unknown outcome: how it was `sent` and what was seen since.

    `ticket` continues a call that the target answers later.
    """

    member: Member
    request_id: int
    request_key: str
    run_id: int | None
    waiting_there: bool
    settles: timedelta
    absent_at: datetime | None
    sent: SendHistory
    ticket: str | None


def _look(
    desk: Desk,
    channel: Channel,
    doubt: UncertainPush,
    looks: Lookups,
    http: Http,
    started_at: datetime,
) -> bool:
    """Look up one push and store the result; return True when it may be sent again."""
    strict_json.fault_point("lookup.before")
    lookup_result = _asked(channel, doubt, looks, http)
    strict_json.fault_point("lookup.after")
    with desk.database.write() as session:
        now = desk.clock.now()
        lock_families(session, channel.company_id, [doubt.member.claim.family])
        if uncertain_posting(session, doubt.member.claim) is None:
            return False
        kind = "poll" if doubt.waiting_there else "lookup"
        key = doubt.request_key
        sealed_call = add_lookup(
            session, channel, doubt.member, lookup_result, kind=kind, key=key, now=now
        )
        chance = desk.chance.random()
        case = Case(session, desk, channel, doubt.member, now, luck=chance, call=sealed_call)
        resend = False
        if lookup_result.key_lasts is not None:
            resend = _asks_by_key(case, doubt, lookup_result, lookup_result.key_lasts)
        elif lookup_result.by_person:
            _leave_to_person(case, doubt, lookup_result)
        elif _proved_absent(doubt, lookup_result, started_at):
            resend = _sends_again(case, doubt, lookup_result)
        else:
            _conclude(case, doubt, lookup_result, started_at)
        holds.settle_holds(session, [doubt.member.record_id], case.causes)
        if doubt.waiting_there and lookup_result.kind == "equal":
            is_counted = channel.counts(doubt.member.document.document)
            limits.count_documents(session, channel, now, int(is_counted))
        if lookup_result.refused is not None and lookup_result.refused.code == QUOTA:
            limits.mark_exhausted(session, channel, now)
        limits.note_answers(
            session, channel, [lookup_result], now
        )  # it locks others, too, so it comes first
        connection_id = channel.connection_id
        breaker.looked(
            session, connection_id, [lookup_result], now, desk.pace, key_id=channel.key_id
        )
        strict_json.fault_point("lookup.before_commit")
    return resend


def _asked(channel: Channel, doubt: UncertainPush, looks: Lookups, http: Http) -> Found:
    """Return the target's current answer about its pending call, or else about the document."""
    target, member = channel.target, doubt.member
    if not doubt.ticket or not isinstance(target, Deferring):
        return looks.ask(member.claim.posting_id, lookup_question(member, doubt.request_key))
    document = without_target_fields(member.document, member.theirs)
    return target.ask_again(document, doubt.ticket, channel.settings, channel.secret, http)


def _asks_by_key(case: Case, doubt: UncertainPush, lookup_result: Found, lasts: timedelta) -> bool:
    """Check whether the call must be repeated, because only the repetition shows the result of the
    first call.

    A call that the target queues for later is never repeated.
    """
    posting = owned_posting(case)
    if posting is None:
        return False
    tries = posting.tries + doubt.sent.count
    retry = store_results.decide_retry(case.session, posting, "temporary", tries)
    is_key_expired = case.now >= doubt.sent.first_at + lasts - KEY_MARGIN
    if is_key_expired or not (retry.again or doubt.waiting_there):
        times = plural(doubt.sent.count, "time")
        words = f"Sent {times} without a clear answer. {doubt.sent.said} {lookup_result.words}"
        store_results.mark_unseen(case, words, tries)
    elif doubt.waiting_there:
        posting_push.mark_accepted(case, lookup_result.words, key_paused=lookup_result.key_paused)
    else:
        due = doubt.sent.last_at + doubt.settles + retry.most * case.desk.pace
        if case.now >= due:
            return True
        posting_push.mark_uncertain(case, lookup_result.words, not_before=due)
    return False


def _leave_to_person(case: Case, doubt: UncertainPush, lookup_result: Found) -> None:
    """Hold an uncertain push for a person once its last call has certainly ended."""
    due = doubt.sent.last_at + doubt.settles
    if case.now < due:
        posting_push.mark_uncertain(case, lookup_result.words, not_before=due)
        return
    posting = owned_posting(case)
    if posting is not None:
        tries = posting.tries + doubt.sent.count
        store_results.mark_unseen(case, f"{doubt.sent.said} {lookup_result.words}".strip(), tries)


def _proved_absent(doubt: UncertainPush, lookup_result: Found, now: datetime) -> bool:
    was_absent_before = (
        _absent(lookup_result) and not doubt.waiting_there and doubt.absent_at is not None
    )
    return was_absent_before and now >= _over_at(doubt, now)


def _absent(lookup_result: Found) -> bool:
    return lookup_result.kind == "absent" and lookup_result.refused is None


def _over_at(doubt: UncertainPush, now: datetime) -> datetime:
    """Return when a second lookup may prove that the document is absent."""
    return (doubt.absent_at or now) + doubt.settles


def _sends_again(case: Case, doubt: UncertainPush, lookup_result: Found) -> bool:
    """Check whether an absent document is resent now: not too early and not for ever.

    Where it may still be in the target's queue, only a person can resend it.
    """
    posting = owned_posting(case)
    if posting is None:
        return False
    tries = posting.tries + doubt.sent.count
    if isinstance(case.channel.target, Deferring):
        store_results.give_up_push(
            case, f"{doubt.sent.said} {lookup_result.words} {STILL_QUEUED}", tries
        )
        return False
    if target_fails_on_it(case):
        store_results.hold_failing_document(case, doubt.sent.said)
        return False
    retry = store_results.decide_retry(case.session, posting, "temporary", tries)
    if not retry.again:
        store_results.give_up_push(case, doubt.sent.said, tries)
        return False
    due = (doubt.absent_at or case.now) + retry.most * case.desk.pace
    if case.now < due:
        posting_push.mark_uncertain(case, lookup_result.words, not_before=due)
        return False
    return True


def _conclude(case: Case, doubt: UncertainPush, lookup_result: Found, started_at: datetime) -> None:
    """Store what a lookup means that allows no resend."""
    if lookup_result.kind == "equal":
        store_results.mark_posted(
            case,
            target_ref=lookup_result.target_ref,
            words=lookup_result.words,
            existing=False,
            total=lookup_result.total,
            remark=lookup_result.besides,
        )
    elif lookup_result.kind == "different" and _is_our_own_total(case, doubt, lookup_result):
        # The target made it and came to another total: the read-back holds it as stored otherwise.
        store_results.mark_posted(
            case, target_ref=lookup_result.target_ref, words=lookup_result.words, existing=False
        )
    elif lookup_result.kind == "different":
        store_results.mark_conflict(
            case, lookup_result, _conflict_class(case, doubt, lookup_result)
        )
    elif lookup_result.refused is not None:
        apply_answer(case, lookup_result.refused, looked=True)
    elif doubt.waiting_there and not _vanished(doubt, lookup_result, started_at):
        posting_push.mark_accepted(case, lookup_result.words, key_paused=lookup_result.key_paused)
    else:
        posting_push.mark_uncertain(
            case, lookup_result.words, not_before=_worth_a_look(doubt, lookup_result, case.now)
        )
        if lookup_result.lookup_refused:
            posting_push.hold_unanswered(case, "uncertain", lookup_result.words)


def _is_our_own_total(case: Case, doubt: UncertainPush, lookup_result: Found) -> bool:
    """Check whether the target gave our new document this id, and it differs in its total alone."""
    if doubt.member.action != "create" or lookup_result.void or not lookup_result.target_ref:
        return False
    total = case.channel.total_field(doubt.member.document.document)
    differing = {(difference.line, difference.field) for difference in lookup_result.differs}
    created_ref = store_results.made_ref(case.session, doubt.member.push_id)
    return differing == {(0, total)} and created_ref == lookup_result.target_ref


def _conflict_class(case: Case, doubt: UncertainPush, lookup_result: Found) -> ErrorClass:
    """Return the class of a document with other content: our own with a changed result, or possibly
    another user's with an equal number.
    """
    created_ref = store_results.made_ref(case.session, doubt.member.push_id)
    if lookup_result.target_ref and created_ref == lookup_result.target_ref:
        return "stale_version"
    unsent = case.channel.unsent_fields(doubt.member.document.document)
    names = {difference.field for difference in lookup_result.differs}
    return "stale_version" if names and names <= unsent else "duplicate"


def _vanished(doubt: UncertainPush, lookup_result: Found, now: datetime) -> bool:
    """Check whether a document that the target had accepted was absent for as long as an answer may
    take. It is then uncertain like any other and keeps its key.
    """
    is_absent = _absent(lookup_result) and doubt.absent_at is not None
    return is_absent and now >= (doubt.absent_at or now) + max(
        posting_push.POLL_LIMIT, doubt.settles
    )


def _worth_a_look(doubt: UncertainPush, lookup_result: Found, now: datetime) -> datetime | None:
    """Return the earliest useful time of the next lookup, or None for soon.

    A lookup that is pending in the target is continued soon. A long settling time of the target is
    capped.
    """
    return (
        None
        if lookup_result.target_ref
        else min(_over_at(doubt, now), now + posting_push.LONGEST_LOOK)
    )


def load_uncertain(desk: Desk, channel: Channel, claims: Sequence[Claim]) -> list[UncertainPush]:
    """Return the uncertain pushes that are still ours, read in one transaction."""
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family for claim in claims])
        uncertain = (_doubt(session, desk, channel, claim) for claim in claims)
        return [doubt for doubt in uncertain if doubt is not None]


def _doubt(session: Session, desk: Desk, channel: Channel, claim: Claim) -> UncertainPush | None:
    """Load one uncertain push. A call that ended with its worker is marked uncertain first."""
    rows = uncertain_posting(session, claim)
    if rows is None:
        return None
    posting, push = rows
    posted_push = session.get(Push, posting.posted_push_id) if posting.posted_push_id else None
    rules = session.get_one(Evaluation, push.evaluation_id).ruleset_version_id
    target_fields = target_owned_fields(session, channel.target, rules, posting.route)
    member = _member(posting, push, posted_push, claim, target_fields)
    awaiting = posting.state == PostingState.AWAITING
    if posting.state == PostingState.SENDING:
        _mark(session, desk, channel, member)
    if posting.crashes >= POISON_CRASHES:
        _tell_of_crashes(Case(session, desk, channel, member, desk.clock.now()), posting)
    last = last_send(session, push.id)
    return UncertainPush(
        member=member,
        sent=load_send_history(session, push.id),
        ticket=ticket_of(session, push.id) if isinstance(channel.target, Deferring) else None,
        request_id=last.id,
        request_key=last.key,
        run_id=last.run_id,
        waiting_there=awaiting,
        settles=_length(last) + channel.settle,
        absent_at=absent_since(session, push.id, last.id, desk.clock.now()),
    )


def _member(
    posting: Posting, push: Push, stands: Push | None, claim: Claim, target_fields: frozenset[str]
) -> Member:
    return Member(
        claim=claim,
        record_id=posting.record_id,
        push_id=push.id,
        action=action_of(push.action),
        document=revive(Document, push.content),
        standing=revive(Document, stands.content) if stands else None,
        theirs=target_fields,
        key=push.key,
    )


def _mark(session: Session, desk: Desk, channel: Channel, member: Member) -> None:
    """Mark the attempts and the posting of a dead worker as uncertain."""
    words = "The worker ended before an answer was stored."
    session.execute(
        update(Attempt)
        .where(Attempt.push_id == member.push_id, Attempt.state == AttemptState.SENDING)
        .values(state=AttemptState.UNCERTAIN, error_class="uncertain", error=words)
    )
    posting_push.mark_uncertain_now(Case(session, desk, channel, member, desk.clock.now()), words)
    holds.settle_holds(session, [member.record_id], ())


def _tell_of_crashes(case: Case, posting: Posting) -> None:
    """Open a hold for a push that workers died over again and again, so that no lookup finishes."""
    error_class: ErrorClass = "temporary" if posting.state == PostingState.AWAITING else "uncertain"
    words = f"Workers ended {posting.crashes - TOGETHER} times over it alone."
    posting_push.hold_unanswered(case, error_class, words)
    holds.settle_holds(case.session, [posting.record_id], case.causes)


def _length(call: Request) -> timedelta:
    """Return how long the call can have lasted, limited because the clock may have changed."""
    longest = call.deadline_at - call.made_at
    elapsed = (call.answered_at or call.deadline_at) - call.made_at
    return min(longest, max(timedelta(), elapsed))


def uncertain_posting(session: Session, claim: Claim) -> tuple[Posting, Push] | None:
    """Return the posting and its open push while the fence is ours, else None."""
    query = (
        select(Posting, Push)
        .join(Push, Push.id == Posting.push_id)
        .where(Posting.id == claim.posting_id, Posting.fence == claim.fence)
        .execution_options(populate_existing=True)
    )
    row = session.execute(query).one_or_none()
    return (row.Posting, row.Push) if row else None
