"""Looking before the first send: at targets that would take the same document twice, and at what
is about to be updated or made void, or met another content when it was sent before.

Here: the look, and ending a push that turns out to be done already, or not to be ours any more. Not
here: look-ups after a doubt (holding/pushing/settle.py). A target that refuses a second document by
its number is not asked before a create. What somebody changed there goes to the rules as a reading.
"""

from dataclasses import replace

from connectors.kit.contract import Found
from connectors.kit.standing import Readable
from connectors.kit.through import Remembering
from holding.drift import seen
from holding.drift.plan import read_now
from holding.models import Posting, Push, Reading
from holding.pushing import by_hand, limits, refused_key, results, trouble
from holding.pushing.case import Case
from holding.pushing.check import Checked, check
from holding.pushing.claim import Claim, put_back, stay_in_line
from holding.pushing.desk import Channel, Desk
from holding.pushing.intent import Examined, add_push
from holding.pushing.ownership import ours
from holding.pushing.probe import renewed_after_all
from holding.pushing.rows import add_look, conflicted
from rules.canonical import revive
from rules.outcome import Document


def first_looks(
    desk: Desk, channel: Channel, examined: Examined
) -> tuple[dict[int, Found], Examined]:
    """What was seen of each posting, and those that go on from here: none, once the target has
    enough of us or does not answer any more.
    """
    looked: dict[int, Found] = {}
    going: dict[int, Claim] = {}
    reads = Remembering(desk.http)
    for at, one in enumerate(examined.good):
        claim, story = one.claim, examined.stories[one.claim.posting_id]
        waiting = [other.claim for other in examined.good[at + 1 :]]
        found = _look(desk, channel, one)
        refused = found is not None and found.key_refused
        goes = found if refused else _goes(desk, channel, one, found, story, reads)
        if isinstance(goes, Found):
            others, going = [*going.values(), *waiting], {}
            if renewed_after_all(desk, channel):
                stay_in_line(desk, [claim, *others])
            else:
                refused_key.met(desk, channel, claim, goes, story, others)
            break
        if goes:
            going[claim.posting_id] = claim
            looked |= {claim.posting_id: found} if found is not None else {}
        elif not limits.lets_us(desk, channel):
            stay_in_line(desk, [*going.values(), *waiting])
            going = {}
            break
    return looked, examined.only(going)


def _look(desk: Desk, channel: Channel, one: Checked) -> Found | None:
    """What stands there; nothing where it is not looked at first.

    Of one that met another content, first by what it was sent as: with another customer it would
    not be found.
    """
    before = _met_another(desk, one)
    if one.action == "create" and not channel.looks_first and before is None:
        return None
    if before is not None and before.hash != one.hash:
        sent, key = revive(Document, before.content), before.key
        found = channel.target.look_up(
            sent, channel.settings, channel.secret, key, desk.http, action="create"
        )
        if found.kind == "equal":
            words = f"{sent.number} stands there as it was sent before, not as it is now."
            return replace(found, kind="different", words=words)
        if found.kind != "absent":
            return found
    return channel.target.look_up(
        ours(one.document, one.theirs),
        channel.settings,
        channel.secret,
        one.key,
        desk.http,
        action=one.action,
        standing=ours(one.standing, one.theirs),
    )


def _met_another(desk: Desk, one: Checked) -> Push | None:
    """The push of a document that is not posted and met another content under its number."""
    if one.action != "create" or one.posting.sent_at is None:
        return None
    with desk.database.read() as session:
        return conflicted(session, one.claim.posting_id)


def _goes(
    desk: Desk,
    channel: Channel,
    one: Checked,
    found: Found | None,
    story: bytes,
    reads: Remembering,
) -> bool | Found:
    """Whether it may be sent by what was seen; else it is not ours to send any more. A search may
    find that our key is refused.
    """
    if found is None or found.kind == "absent" or _known(desk, one, found):
        return by_hand.clear(desk, channel, one, reads)
    if by_hand.stands(desk, channel, one, found):
        return False
    if found.kind != "different" or not _told_the_rules(desk, channel, one):
        _turn(desk, channel, one.claim, found, story)
    return False


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
        by_hand.unclear(desk, channel, claim, found)
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
            results.posted(
                case,
                target_ref=found.target_ref,
                words=found.words,
                existing=True,
                total=found.total,
            )
        else:
            results.conflict(case, found)
        trouble.settle(session, [member.record_id], case.causes)
