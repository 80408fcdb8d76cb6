"""A change of an entry that very many documents used: some are looked at with it, the rest later.

No record is missed whatever comes between, and none of them is sent before it was looked at.
"""

from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import func, select, update

from holding.db.database import Database
from holding.db.models import Company, Event, MappingEntry, Posting, PostingUse, Record, WakeMark
from holding.db.refusal import Refusal
from holding.mappings import key_reach, reclassification
from holding.mappings.fixes import Fixed, apply_together
from holding.mappings.reclassification import saved_change
from holding.operations import invariants
from holding.platform import changes, states
from holding.platform.settings import Settings
from holding.platform.states import newest_uses
from rules.values.canonical import PostingState
from tests.holding.fixing import due, fix, preview
from tests.holding.pushing import Lane
from tests.holding.shop import Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.databases import any_move

FEW = 2
UNKNOWN = [line(sku="AB-100", uom="PCS")]
CLEAR, BLOCKED = [f"NS-1{n}" for n in range(7)], [f"NS-2{n}" for n in range(5)]


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two documents are many."""
    monkeypatch.setattr(changes, "MOST_COUNTED", FEW)
    monkeypatch.setattr(key_reach, "MOST_COUNTED", FEW)
    monkeypatch.setattr(changes, "LOOKS", 1)


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """Seven orders that are ready, made with TEA-1, and five that wait for AB-100."""
    found = open_shop(database, company, clock)
    found.publish()
    found.receive(*map(order, CLEAR))
    found.receive(*(order(number, lines=UNKNOWN) for number in BLOCKED))
    found.judge()
    return found


def marks(shop: Shop) -> int:
    with shop.database.read() as session:
        return session.scalar(select(func.count()).select_from(WakeMark)) or 0


def woken(shop: Shop) -> list[str]:
    """The number of each event of a record that was woken."""
    with shop.database.read() as session:
        query = select(Record.number).join(Event, Event.record_id == Record.id)
        return sorted(session.scalars(query.where(Event.act == "record.woken")))


def saved(shop: Shop, table: str, key: str, value: str) -> Fixed:
    done = fix(shop, table, key, value)
    assert isinstance(done, Fixed), done
    return done


@pytest.mark.usefixtures("few")
def test_the_newest_are_woken_with_the_change_and_the_rest_by_turns(shop: Shop) -> None:
    done = saved(shop, "item", "TEA-1", "TEA-2")
    assert (done.woken, done.later, due(shop)) == (FEW, True, CLEAR[-FEW:])
    turns = []
    while marks(shop):
        with shop.database.write() as session:
            turns.append(changes._turn(session, shop.now))
    assert sum(turns) == len(CLEAR) - FEW
    assert due(shop) == woken(shop) == CLEAR


@pytest.mark.usefixtures("few")
def test_what_waits_for_a_key_is_woken_by_turns_too(shop: Shop) -> None:
    done = saved(shop, "item", "AB-100", "TEA-1")
    assert (done.woken, done.later, len(due(shop))) == (FEW, True, FEW)
    assert changes.wake_marked(shop.database, shop.now) == len(BLOCKED) - FEW
    assert due(shop) == woken(shop) == BLOCKED
    shop.judge()
    assert {shop.states()[number] for number in BLOCKED} == {"ready"}


def test_a_change_that_reaches_few_leaves_no_mark(shop: Shop) -> None:
    assert not saved(shop, "item", "TEA-1", "TEA-2").later
    assert marks(shop) == 0


@pytest.mark.usefixtures("few")
def test_events_of_later_say_who_changed_what(shop: Shop) -> None:
    saved(shop, "item", "TEA-1", "TEA-2")
    changes.wake_marked(shop.database, shop.now)
    with shop.database.read() as session:
        told = session.scalars(select(Event).where(Event.act == "record.woken")).all()
        assert len({(one.body["say"], one.actor, one.person_id) for one in told}) == 1
        changed = session.scalars(select(Event).where(Event.act == "mapping.fixed")).one()
        assert changed.body["say"].endswith("2 records are checked again, more may follow.")


@pytest.mark.usefixtures("few")
def test_what_comes_in_meanwhile_and_what_was_sent_is_left_alone(shop: Shop) -> None:
    saved(shop, "item", "TEA-1", "TEA-2")
    with shop.database.write() as session, any_move(session):
        shop.posting(session, CLEAR[0]).state = PostingState.POSTED
    shop.judge()
    shop.receive(order("NS-3"))
    shop.judge()
    changes.wake_marked(shop.database, shop.now)
    assert due(shop) == CLEAR[1:-FEW]


@pytest.mark.usefixtures("few")
def test_a_turn_that_breaks_is_made_again(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its records and its mark are one transaction."""
    saved(shop, "item", "TEA-1", "TEA-2")

    def breaks(*_: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(changes, "record_events", breaks)
        with pytest.raises(RuntimeError):
            changes.wake_marked(shop.database, shop.now)
    assert due(shop) == CLEAR[-FEW:]
    changes.wake_marked(shop.database, shop.now)
    assert due(shop) == woken(shop) == CLEAR


@pytest.mark.usefixtures("few")
def test_the_proof_finds_a_document_that_nobody_will_look_at(shop: Shop) -> None:
    saved(shop, "item", "TEA-1", "TEA-2")
    assert breaches(shop) == []  # a mark speaks of it
    with shop.database.write() as session:
        session.execute(update(WakeMark).values(below=0))
    assert len(breaches(shop)) == len(CLEAR) - FEW
    with shop.database.write() as session:
        session.execute(update(WakeMark).values(below=1 << 40))
    changes.wake_marked(shop.database, shop.now)
    assert breaches(shop) == []  # they are due
    shop.judge()
    assert breaches(shop) == []  # they have the new value


def breaches(shop: Shop) -> list[str]:
    with shop.database.read() as session:
        found = invariants.check(
            session, shop.company.id, now=shop.now, settings=Settings.from_env(), only={"I7"}
        )
        return [one.say for one in found.breaches]


def test_a_document_that_is_still_to_be_looked_at_is_not_sent(lane: Lane) -> None:
    older, newer = lane.ready("IV-1", "IV-2")
    with lane.database.write() as session:
        for number, posting in enumerate((older, newer), 7_001):
            session.add(PostingUse(entry_id=number, posting_id=posting))
            mark = WakeMark(company_id=lane.company.id, entry_id=number, below=newer, told={})
            session.add(mark)
    lane.work()
    assert [lane.one(key).state for key in (older, newer)] == ["ready", "posted"]
    with lane.database.write() as session:
        session.execute(update(WakeMark).values(below=0))
    lane.clock.advance(600)
    lane.work()
    assert lane.one(older).state == "posted"


# ---- what a request reads ----------------------------------------------------------------------


@pytest.mark.usefixtures("few")
def test_a_preview_counts_some_and_says_so(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    found = preview(shop, "item", "TEA-1", "TEA-2")
    assert (found.going, found.more, found.complete) == (FEW, True, False)
    held = preview(shop, "item", "AB-100", "TEA-1")
    assert (held.blocked_records, held.more) == (FEW + 1, True)
    monkeypatch.setattr(key_reach, "MOST_COUNTED", 100)
    whole = preview(shop, "item", "TEA-1", "TEA-2")
    assert (whole.going, whole.more, whole.complete) == (len(CLEAR), False, True)


def test_the_newest_uses_of_each_entry_are_read(shop: Shop) -> None:
    with shop.database.read() as session:
        uses = select(PostingUse.entry_id, PostingUse.posting_id)
        of: dict[int, list[int]] = {}
        for row in session.execute(uses.order_by(PostingUse.posting_id)):
            of.setdefault(row.entry_id, []).append(row.posting_id)
        assert max(map(len, of.values())) == len(CLEAR + BLOCKED)
        for most in (1, FEW, 100):
            some = newest_uses(list(of), most)
            found = {(row.entry_id, row.posting_id) for row in session.execute(select(some))}
            assert found == {(entry, one) for entry, ids in of.items() for one in ids[-most:]}


def test_sheets_of_parts_have_every_document_once(shop: Shop) -> None:
    with shop.database.write() as session, any_move(session):
        ready = Posting.state == PostingState.READY
        session.execute(update(Posting).where(ready).values(state=PostingState.POSTED))
    with shop.database.read() as session:
        older = session.scalars(select(MappingEntry.id).where(MappingEntry.key == "TEA-1")).one()
    saved(shop, "item", "TEA-1", "TEA-2")
    revision = saved(shop, "item", "TEA-1", "TEA-3").revision
    with shop.database.write() as session:  # of the second value there are some, of the same time
        change = saved_change(session, shop.company.id, revision)
        assert change is not None
        mine = session.scalars(select(PostingUse).where(PostingUse.entry_id == older)).all()
        for use in mine[::2]:
            use.entry_id = max(change.entries)
    with shop.database.read() as session:
        parts, below = [], states.END_OF_IDS
        while below:
            sent = reclassification.load_sent(session, change, FEW, below)
            parts.append(sent.documents)
            below = sent.below or 0
    assert [len(part) for part in parts] == [3, 4]  # down to where both were read
    found = [one for part in parts for one in part]
    assert found == sorted(set(found), reverse=True)
    assert len(found) == len(CLEAR)


@pytest.mark.parametrize("later", [(True, False), (False, True)])
def test_of_changes_made_together_more_may_follow_if_it_may_of_any(
    database: Database, later: tuple[bool, bool]
) -> None:
    made = [
        Fixed("item", f"K{n}", "V", "", n + 5, 2, later=one, records=frozenset({1, n + 2}))
        for n, one in enumerate(later)
    ]
    with database.write() as session:
        done = apply_together(session, [partial(replace, one) for one in made])
    assert not isinstance(done, Refusal)
    assert (done.first, done.revision, done.woken, done.later) == (5, 6, 3, True)
