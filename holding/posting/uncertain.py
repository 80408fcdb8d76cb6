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
from holding.posting.claims import POISON_CRASHES, TOGETHER, Claim, line_up_again, lock_families
from holding.posting.evidence import action_of, ours, theirs_of
from holding.posting.lookups import Lookups, question
from holding.posting.push import Case, Member, add_look, owned
from holding.posting.send import QUOTA, again, apply, fly, parted
from holding.posting.store_results import Sends, absent_since, last_send, sends_of, ticket_of
from rules.outcomes import Document
from rules.values.canonical import PostingState, revive

KEY_MARGIN = timedelta(days=1)
"""So long before a target may forget a key, it counts as forgotten."""

STILL_QUEUED = "It may still be queued there, so it is not sent again automatically."


def settle(desk: Desk, channel: Channel, claims: Sequence[Claim]) -> int:
    """Look up each claimed doubt; send again, grouped as they were sent, what is proved absent.

    Documents of one file ask the same of it: what is read for one serves all, so every look counts
    from the moment in which the pass began.
    """
    asked, http = desk.clock.now(), Remembering(desk.http)
    groups: dict[int, list[Doubt]] = defaultdict(list)
    runs: set[int] = set()
    found = read(desk, channel, claims)
    asks = {one.member.claim.posting_id: one for one in found if not one.ticket}
    questions = {key: question(one.member, one.request_key) for key, one in asks.items()}
    looks = Lookups(channel, http, questions)
    for at, doubt in enumerate(found, start=1):
        runs |= {doubt.run_id} if doubt.run_id else set()
        if _look(desk, channel, doubt, looks, http, asked):
            groups[doubt.request_id].append(doubt)
        if not limits.lets_us(desk, channel):
            others = [*(one for group in groups.values() for one in group), *found[at:]]
            line_up_again(desk, [one.member.claim for one in others])
            groups.clear()
            break
    for request_id, group in groups.items():
        members_of = [doubt.member for doubt in group]
        for members in parted(members_of, max(doubt.sent.count for doubt in group)):
            desk.renew()
            flight = again(desk, channel, request_id, members)
            if flight is not None:
                strict_json.point("push.after_intent")
                fly(desk, flight)
    with desk.database.write() as session:
        run_counts.recount(session, runs)
        limits.spend(session, channel, http.calls - len(claims) * channel.target.pace.to_look)
    return len(claims)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A push whose end is not known: how it was `sent`, what was seen since; `ticket`: by what a
    target is asked again that makes calls later.
    """

    member: Member
    request_id: int
    request_key: str
    run_id: int | None
    waiting_there: bool
    settles: timedelta
    absent_at: datetime | None
    sent: Sends
    ticket: str | None


def _look(
    desk: Desk, channel: Channel, doubt: Doubt, looks: Lookups, http: Http, asked: datetime
) -> bool:
    """One look-up and its commit; True when the push may be sent again."""
    strict_json.point("lookup.before")
    found = _asked(channel, doubt, looks, http)
    strict_json.point("lookup.after")
    with desk.database.write() as session:
        now = desk.clock.now()
        lock_families(session, channel.company_id, [doubt.member.claim.family])
        if in_doubt(session, doubt.member.claim) is None:
            return False
        kind = "poll" if doubt.waiting_there else "lookup"
        key = doubt.request_key
        looked = add_look(session, channel, doubt.member, found, kind=kind, key=key, now=now)
        luck = desk.chance.random()
        case = Case(session, desk, channel, doubt.member, now, luck=luck, call=looked)
        resend = False
        if found.key_lasts is not None:
            resend = _asks_by_key(case, doubt, found, found.key_lasts)
        elif _proved_absent(doubt, found, asked):
            resend = _sends_again(case, doubt, found)
        else:
            _conclude(case, doubt, found, asked)
        holds.settle(session, [doubt.member.record_id], case.causes)
        if doubt.waiting_there and found.kind == "equal":
            counted = channel.counts(doubt.member.document.document)
            limits.count(session, channel, now, int(counted))
        if found.refused is not None and found.refused.code == QUOTA:
            limits.exhausted(session, channel, now)
        limits.heard(session, channel, [found], now)  # it locks others, too, so it comes first
        there = channel.connection_id
        breaker.looked(session, there, [found], now, desk.pace, key_id=channel.key_id)
        strict_json.point("lookup.before_commit")
    return resend


def _asked(channel: Channel, doubt: Doubt, looks: Lookups, http: Http) -> Found:
    """What the target says now: of the call that it took in, else of the document."""
    target, member = channel.target, doubt.member
    if not doubt.ticket or not isinstance(target, Deferring):
        return looks.ask(member.claim.posting_id, question(member, doubt.request_key))
    document = ours(member.document, member.theirs)
    return target.ask_again(document, doubt.ticket, channel.settings, channel.secret, http)


def _asks_by_key(case: Case, doubt: Doubt, found: Found, lasts: timedelta) -> bool:
    """Whether the same call goes out once more, since only it tells what became of the first; what
    the target keeps for later is never sent again.
    """
    posting = owned(case)
    if posting is None:
        return False
    tries = posting.tries + doubt.sent.count
    follows = store_results.follow_up(case.session, posting, "temporary", tries)
    forgotten = case.now >= doubt.sent.first_at + lasts - KEY_MARGIN
    if forgotten or not (follows.again or doubt.waiting_there):
        times = plural(doubt.sent.count, "time")
        words = f"Sent {times} without a clear answer. {doubt.sent.said} {found.words}"
        store_results.unseen(case, words, tries)
    elif doubt.waiting_there:
        posting_push.parked(case, found.words)
    else:
        due = doubt.sent.last_at + doubt.settles + follows.most * case.desk.pace
        if case.now >= due:
            return True
        posting_push.doubtful(case, found.words, not_before=due)
    return False


def _proved_absent(doubt: Doubt, found: Found, now: datetime) -> bool:
    seen = _absent(found) and not doubt.waiting_there and doubt.absent_at is not None
    return seen and now >= _over_at(doubt, now)


def _absent(found: Found) -> bool:
    return found.kind == "absent" and found.refused is None


def _over_at(doubt: Doubt, now: datetime) -> datetime:
    """When a second look may prove that it is absent."""
    return (doubt.absent_at or now) + doubt.settles


def _sends_again(case: Case, doubt: Doubt, found: Found) -> bool:
    """What is proved absent goes out again: not too early, and not for ever; where it may still lie
    in the queue of the target, only by a person.
    """
    posting = owned(case)
    if posting is None:
        return False
    tries = posting.tries + doubt.sent.count
    if isinstance(case.channel.target, Deferring):
        store_results.gave_up(case, f"{doubt.sent.said} {found.words} {STILL_QUEUED}", tries)
        return False
    follows = store_results.follow_up(case.session, posting, "temporary", tries)
    if not follows.again:
        store_results.gave_up(case, doubt.sent.said, tries)
        return False
    due = (doubt.absent_at or case.now) + follows.most * case.desk.pace
    if case.now < due:
        posting_push.doubtful(case, found.words, not_before=due)
        return False
    return True


def _conclude(case: Case, doubt: Doubt, found: Found, asked: datetime) -> None:
    """What a look-up that allows no new send means."""
    if found.kind == "equal":
        store_results.posted(
            case,
            target_ref=found.target_ref,
            words=found.words,
            existing=False,
            total=found.total,
            besides=found.besides,
        )
    elif found.kind == "different":
        store_results.conflict(case, found)
    elif found.refused is not None:
        apply(case, found.refused, looked=True)
    elif doubt.waiting_there and not _vanished(doubt, found, asked):
        posting_push.parked(case, found.words)
    else:
        posting_push.doubtful(case, found.words, not_before=_worth_a_look(doubt, found, case.now))


def _vanished(doubt: Doubt, found: Found, now: datetime) -> bool:
    """Whether the target, which had it, shows nothing of it any more, look after look, for as long
    as an answer may take. Then it is a doubt like any other, and keeps its key.
    """
    gone = _absent(found) and doubt.absent_at is not None
    return gone and now >= (doubt.absent_at or now) + max(posting_push.POLL_LIMIT, doubt.settles)


def _worth_a_look(doubt: Doubt, found: Found, now: datetime) -> datetime | None:
    """Before when a look would tell nothing new; a look that is under way there is asked for soon,
    and where a target takes a day to settle, it is not waited for so long.
    """
    return None if found.target_ref else min(_over_at(doubt, now), now + posting_push.LONGEST_LOOK)


def read(desk: Desk, channel: Channel, claims: Sequence[Claim]) -> list[Doubt]:
    """The pushes that are still ours, in one look at the database."""
    with desk.database.write() as session:
        lock_families(session, channel.company_id, [claim.family for claim in claims])
        found = (_doubt(session, desk, channel, claim) for claim in claims)
        return [doubt for doubt in found if doubt is not None]


def _doubt(session: Session, desk: Desk, channel: Channel, claim: Claim) -> Doubt | None:
    """Read the push; a call that ended with its worker becomes visibly uncertain first."""
    found = in_doubt(session, claim)
    if found is None:
        return None
    posting, push = found
    stands = session.get(Push, posting.posted_push_id) if posting.posted_push_id else None
    rules = session.get_one(Evaluation, push.evaluation_id).ruleset_version_id
    theirs = theirs_of(session, channel.target, rules, posting.route)
    member = _member(posting, push, stands, claim, theirs)
    awaiting = posting.state == PostingState.AWAITING
    if posting.state == PostingState.SENDING:
        _mark(session, desk, channel, member)
    if posting.crashes >= POISON_CRASHES:
        _tell_of_crashes(Case(session, desk, channel, member, desk.clock.now()), posting)
    last = last_send(session, push.id)
    return Doubt(
        member=member,
        sent=sends_of(session, push.id),
        ticket=ticket_of(session, push.id) if isinstance(channel.target, Deferring) else None,
        request_id=last.id,
        request_key=last.key,
        run_id=last.run_id,
        waiting_there=awaiting,
        settles=_length(last) + channel.settle,
        absent_at=absent_since(session, push.id, last.id, desk.clock.now()),
    )


def _member(
    posting: Posting, push: Push, stands: Push | None, claim: Claim, theirs: frozenset[str]
) -> Member:
    return Member(
        claim=claim,
        record_id=posting.record_id,
        push_id=push.id,
        action=action_of(push.action),
        document=revive(Document, push.content),
        standing=revive(Document, stands.content) if stands else None,
        theirs=theirs,
        key=push.key,
    )


def _mark(session: Session, desk: Desk, channel: Channel, member: Member) -> None:
    """The worker that sent this is gone: its attempts are uncertain now, and so is the posting."""
    words = "The worker ended before an answer was stored."
    session.execute(
        update(Attempt)
        .where(Attempt.push_id == member.push_id, Attempt.state == AttemptState.SENDING)
        .values(state=AttemptState.UNCERTAIN, error_class="uncertain", error=words)
    )
    posting_push.in_doubt(Case(session, desk, channel, member, desk.clock.now()), words)
    holds.settle(session, [member.record_id], ())


def _tell_of_crashes(case: Case, posting: Posting) -> None:
    """Workers end at it again and again, so that no look-up comes back: a person should know."""
    error_class: ErrorClass = "temporary" if posting.state == PostingState.AWAITING else "uncertain"
    words = f"Workers ended {posting.crashes - TOGETHER} times over it alone."
    posting_push.unanswered(case, error_class, words)
    holds.settle(case.session, [posting.record_id], case.causes)


def _length(call: Request) -> timedelta:
    """How long the call can have been under way; the clock may have been set meanwhile."""
    most = call.deadline_at - call.made_at
    took = (call.answered_at or call.deadline_at) - call.made_at
    return min(most, max(timedelta(), took))


def in_doubt(session: Session, claim: Claim) -> tuple[Posting, Push] | None:
    """The posting in doubt and its open push, while the fence is ours."""
    query = (
        select(Posting, Push)
        .join(Push, Push.id == Posting.push_id)
        .where(Posting.id == claim.posting_id, Posting.fence == claim.fence)
        .execution_options(populate_existing=True)
    )
    row = session.execute(query).one_or_none()
    return (row.Posting, row.Push) if row else None
