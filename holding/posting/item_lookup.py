"""The look at a target's items before a document goes: it waits for what was never, or not lately,
told.

Here: which documents name such items, asking for those in one round, and what waits. Not here: what
follows from an item that is set up otherwise: the rules judge again (rules/documents/agreement.py);
the rounds of a connection test (holding/connections/probe.py).
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from sqlalchemy import bindparam, update

from connectors.contract import Found, ItemSetup
from connectors.contract.master_lists import TellsItems
from holding.connections import breaker, limits, master_data
from holding.connections.channel import Channel, Desk
from holding.connections.probe import renewed_after_all
from holding.journal.posting_claims import Claim
from holding.journal.returned_claims import put_back, stay_in_line
from holding.posting import refused_key
from holding.posting.intent import Examined
from holding.posting.last_check import Checked
from holding.tables import Connection, Posting
from holding.tables.columns import table_of
from holding.tables.row_states import PostingWait
from rules.decisions.posting_steps import READY

Told = Mapping[str, ItemSetup | None]


def with_items(desk: Desk, channel: Channel, examined: Examined, *, in_file: bool) -> Examined:
    """Those whose items the target has told of lately, and as they were judged by.

    The others keep their places: they wait for an answer, or to be judged by the one that came.
    """
    target = channel.target
    if not isinstance(target, TellsItems) or not examined.good:
        return examined
    named = {one.claim.posting_id: _codes(channel, one) for one in examined.good}
    wanted = _unknown(desk, channel, named)
    if not wanted:
        return _parted(desk, channel, examined, named, frozenset(), frozenset())
    asked = wanted[: target.items_at_once]
    told = target.items(asked, channel.settings, channel.secret, desk.http)
    if isinstance(told, Found) and told.key_refused:
        return _key_refused(desk, channel, examined, told)
    changed = _keep(desk, channel, len(asked), told)
    answered = frozenset() if isinstance(told, Found) else frozenset(told)
    left = _parted(desk, channel, examined, named, frozenset(wanted) - answered, changed)
    if answered:
        count = len(examined.good) - len(left.good)
        with desk.database.write() as session:
            steps = int(not left.good) if in_file else count
            limits.refund(session, channel, steps, in_file=in_file)
    return left


def _codes(channel: Channel, one: Checked) -> frozenset[str]:
    """The items that a document names; what is made void is not counted any more."""
    field = master_data.item_field(channel.target.documents, one.document.document)
    if not field or one.action == "void":
        return frozenset()
    return frozenset(line[field] for line in one.document.lines if line.get(field))


def _unknown(desk: Desk, channel: Channel, named: Mapping[int, frozenset[str]]) -> list[str]:
    """The items to ask for, those of the document that waits longest first."""
    codes = dict.fromkeys(code for found in named.values() for code in sorted(found))
    since = desk.clock.now() - timedelta(minutes=desk.settings.item_minutes)
    with desk.database.read() as session:
        fresh = master_data.asked_since(session, channel.connection_id, codes, since)
    return [code for code in codes if code not in fresh]


def _keep(desk: Desk, channel: Channel, calls: int, told: Told | Found) -> frozenset[str]:
    """Store what was told; the items that are not as they were judged by."""
    with desk.database.write() as session:
        now = desk.clock.now()
        limits.spend(session, channel, calls)
        if isinstance(told, Found):
            limits.heard(session, channel, [told], now)
            breaker.failed(session, channel.connection_id, now, desk.pace)
            return frozenset()
        connection = session.get_one(Connection, channel.connection_id)
        return master_data.keep_items(session, connection, told, now)


def _parted(
    desk: Desk,
    channel: Channel,
    examined: Examined,
    named: Mapping[int, frozenset[str]],
    unknown: frozenset[str],
    changed: frozenset[str],
) -> Examined:
    """Those that go on; what names an unknown item waits, what names a changed one is judged."""
    going: list[Checked] = []
    judged: list[Claim] = []
    waiting: dict[Claim, str] = {}
    for one in examined.good:
        codes = named[one.claim.posting_id]
        if codes & unknown:
            waiting[one.claim] = min(codes & unknown)
        elif codes & changed:
            judged.append(one.claim)
        else:
            going.append(one)
    if judged:
        stay_in_line(desk, judged)
    _wait(desk, channel, waiting, soon=bool(going or judged))
    _go_on(desk, [one.claim for one in going if one.posting.waits is PostingWait.ITEM_SETUP])
    return examined.only([one.claim.posting_id for one in going])


def _wait(desk: Desk, channel: Channel, waiting: Mapping[Claim, str], *, soon: bool) -> None:
    """Say what each waits for; it is asked for with the next round, or a little later."""
    if not waiting:
        return
    with desk.database.write() as session:
        now = desk.clock.now()
        for claim, code in waiting.items():
            put_back(session, claim, now if soon else now + desk.lease / 4)
            say = f"Waits until {channel.name} says how it counts {code}."
            session.execute(_SAY, _told(claim, say, PostingWait.ITEM_SETUP))


def _go_on(desk: Desk, waited: Sequence[Claim]) -> None:
    """What they waited for is answered."""
    if not waited:
        return
    with desk.database.write() as session:
        for claim in waited:
            session.execute(_SAY, _told(claim, READY, None))


def _told(claim: Claim, say: str, waits: PostingWait | None) -> dict[str, object]:
    return {"this": claim.posting_id, "ours": claim.fence, "say": say, "waits_for": waits}


def _key_refused(desk: Desk, channel: Channel, examined: Examined, found: Found) -> Examined:
    """The first carries the exception, unless another key was made meanwhile; none goes on."""
    first, *others = examined.good
    claims = [one.claim for one in others]
    if renewed_after_all(desk, channel):
        stay_in_line(desk, [first.claim, *claims])
    else:
        story = examined.stories[first.claim.posting_id]
        refused_key.met(desk, channel, first.claim, found, story, claims)
    return examined.only([])


_POSTING = table_of(Posting)
_SAY = (
    update(_POSTING)
    .where(_POSTING.c.id == bindparam("this"), _POSTING.c.fence == bindparam("ours"))
    .values(reason=bindparam("say"), waits=bindparam("waits_for"))
)
