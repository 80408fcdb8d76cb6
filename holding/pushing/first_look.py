"""Looking before the first send: at targets that would take the same document twice, and at what
is about to be updated or made void.

Here: the look, and ending a push that turns out to be done already, or not to be ours any more. Not
here: look-ups after a doubt (holding/pushing/settle.py). A target that refuses a second document by
its number is not asked before a create. What somebody changed there goes to the rules as a reading.
"""

from collections.abc import Sequence

from connectors.kit.contract import Answer, Found
from connectors.kit.standing import Readable
from holding.drift import seen
from holding.drift.plan import read_now
from holding.models import Posting, Reading
from holding.pushing import breaker, by_hand, results, trouble
from holding.pushing.case import Case
from holding.pushing.check import Checked, check
from holding.pushing.claim import Claim, give_back, put_back
from holding.pushing.desk import Channel, Desk
from holding.pushing.intent import Examined, add_push
from holding.pushing.ownership import ours
from holding.pushing.probe import renewed_after_all
from holding.pushing.rows import add_look


def first_looks(
    desk: Desk, channel: Channel, examined: Examined
) -> tuple[dict[int, Found], Examined]:
    """What was seen of each posting, and those that go on from here."""
    looked: dict[int, Found] = {}
    going = set()
    for at, one in enumerate(examined.good):
        if one.action == "create" and not channel.looks_first:
            going |= {one.claim.posting_id} if by_hand.clear(desk, channel, one) else set()
            continue
        found = channel.target.look_up(
            ours(one.document, one.theirs),
            channel.settings,
            channel.secret,
            one.key,
            desk.http,
            action=one.action,
            standing=ours(one.standing, one.theirs),
        )
        if found.key_refused:
            waiting = [other.claim for other in examined.good[at + 1 :]]
            if renewed_after_all(desk, channel):
                _line_up(desk, [one.claim, *waiting])
                break
            _stopped(
                desk, channel, one.claim, found, examined.stories[one.claim.posting_id], waiting
            )
            break
        if found.kind == "absent" or _known(desk, one, found):
            looked[one.claim.posting_id] = found
            going |= {one.claim.posting_id} if by_hand.clear(desk, channel, one) else set()
        elif by_hand.stands(desk, channel, one, found):
            continue
        elif found.kind != "different" or not _told_the_rules(desk, channel, one):
            _turn(desk, channel, one.claim, found, examined.stories[one.claim.posting_id])
    return looked, examined.only(going)


def _known(desk: Desk, one: Checked, found: Found) -> bool:
    """Whether somebody changed it there, and the rules or a person let the update pass all the
    same: they have seen just this.
    """
    if one.action == "create" or found.kind != "different":
        return False
    with desk.database.read() as session:
        posting = session.get_one(Posting, one.claim.posting_id)
        reading = session.get(Reading, posting.reading_id) if posting.reading_id else None
        return reading is not None and seen.covers(reading.body, found)


def _told_the_rules(desk: Desk, channel: Channel, one: Checked) -> bool:
    """Have it read first, so that the rules say what a change by hand means."""
    if one.action == "create" or not isinstance(channel.target, Readable):
        return False
    with desk.database.write() as session:
        now = desk.clock.now()
        read_at = session.get_one(Posting, one.claim.posting_id).read_at
        if read_at is not None and now - read_at < desk.lease:
            return False  # it was read just now, and that did not show it
        read_now(session, [one.claim.posting_id], now)
        put_back(session, one.claim, now + desk.lease)
    return True


def _turn(desk: Desk, channel: Channel, claim: Claim, found: Found, story: bytes) -> None:
    """It is there, or nobody can say: either way nothing is sent now."""
    if found.kind == "unknown":
        give_back(desk, [claim], after=desk.lease)
        with desk.database.write() as session:
            now = desk.clock.now()
            breaker.failed(session, channel.connection_id, now, desk.pace)
        return
    with desk.database.write() as session:
        now = desk.clock.now()
        one = check(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        if not isinstance(one, Checked):
            put_back(session, claim, now)
            return
        member = add_push(session, desk, channel, one, story)
        add_look(session, channel, member, found, kind="lookup", key=one.key, now=now)
        case = Case(session, desk, channel, member, now)
        if found.kind == "equal":
            results.posted(case, target_ref=found.target_ref, words=found.words, existing=True)
        else:
            results.conflict(case, found.words)
        trouble.settle(session, [member.record_id], case.causes)


def _line_up(desk: Desk, claims: Sequence[Claim]) -> None:
    """They are looked at again in the next turn, with another key."""
    with desk.database.write() as session:
        for claim in claims:
            put_back(session, claim, claim.due_at)


def _stopped(
    desk: Desk, channel: Channel, claim: Claim, found: Found, story: bytes, waiting: Sequence[Claim]
) -> None:
    """Our key is refused: the first document carries the exception, the others wait for a key."""
    with desk.database.write() as session:
        now = desk.clock.now()
        breaker.keep_key(session, channel.connection_id)
        for other in waiting:
            put_back(session, other, other.due_at)
        one = check(session, channel, [claim], lock=True, now=now)[claim.posting_id]
        news = breaker.shut(session, channel.connection_id, now, channel.key_id)
        if not news or not isinstance(one, Checked):
            put_back(session, claim, claim.due_at)
            return
        member = add_push(session, desk, channel, one, story)
        add_look(session, channel, member, found, kind="lookup", key=one.key, now=now)
        case = Case(session, desk, channel, member, now)
        said = Answer(kind="refused", error_class="authorization_failed", words=found.words)
        results.refused(case, said)
        trouble.settle(session, [member.record_id], case.causes)
