"""Looking before the first send, for targets that would take the same document twice.

Here: the look, and ending a push that turns out to be there already. Not here: look-ups after a
doubt (holding/pushing/settle.py). A target that refuses a second document by its number is not
asked.
"""

from connectors.kit.contract import Found
from holding.pushing import breaker, results, trouble
from holding.pushing.check import Checked, check
from holding.pushing.claim import Claim, give_back, put_back
from holding.pushing.desk import Channel, Desk
from holding.pushing.intent import Examined, add_push
from holding.pushing.rows import add_look


def first_looks(
    desk: Desk, channel: Channel, examined: Examined
) -> tuple[dict[int, Found], Examined]:
    """What was seen of each posting, and those that go on from here."""
    looked: dict[int, Found] = {}
    if not channel.looks_first:
        return looked, examined
    for one in examined.good:
        found = channel.target.look_up(
            one.document, channel.settings, channel.secret, one.key, desk.http
        )
        if found.kind == "absent":
            looked[one.claim.posting_id] = found
        else:
            _turn(desk, channel, one.claim, found, examined.stories[one.claim.posting_id])
    return looked, examined.only(looked)


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
        case = results.Case(session, desk, channel, member, now)
        if found.kind == "equal":
            results.posted(case, target_ref=found.target_ref, words=found.words, existing=True)
        else:
            results.conflict(case, found.words)
        trouble.settle(session, [member.record_id], case.causes)
