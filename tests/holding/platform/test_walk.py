"""Random histories: whatever people and sources do, the tables stay true to each other."""

import random

import pytest

from holding.db.models import Cause, Hold, Posting, Record
from holding.platform.states import POSTING_MOVES, allowed, state_of
from tests.support.shop import Shop, order

STEPS = 60


@pytest.mark.slow
def test_a_random_history_makes_no_illegal_move(shop: Shop) -> None:
    chance = random.Random(7)
    before: dict[int, str] = {}
    for _ in range(STEPS):
        step(shop, chance)
        if chance.random() < 0.5:
            shop.judge(limit=chance.choice((1, 3, 500)))
        for posting in shop.rows(Posting):
            was = before.get(posting.id)
            if was is not None and was != posting.state:
                assert allowed(POSTING_MOVES, was, posting.state), (was, posting.state)
            before[posting.id] = posting.state
    shop.judge()
    check(shop)


def step(shop: Shop, chance: random.Random) -> None:
    number = str(chance.randrange(12))
    skus = chance.sample("ABCD", 2)
    what = chance.random()
    if what < 0.75:
        status = chance.choice(("paid", "paid", "paid", "draft", "cancelled", "exempt"))
        total = chance.choice(("10.00", "20.00", "5000.00"))
        note = "boom" if chance.random() < 0.1 else ""
        reference = chance.choice(("", "", f"PO-{int(number) // 2}"))
        shop.arrive(
            order(number, *skus, status=status, total=total, note=note, reference=reference)
        )
    elif what < 0.9:
        shop.map(chance.choice("ABC"))
    else:
        shop.publish()


def check(shop: Shop) -> None:
    """Every state and counter equals what is counted live."""
    open_holds = shop.rows(Hold, Hold.state == "open")
    held = {hold.record_id for hold in open_holds}
    for record in shop.rows(Record):
        states = [p.state for p in shop.rows(Posting, Posting.record_id == record.id)]
        assert record.state == state_of(states, is_held=record.id in held)
        assert record.due_at is None
    for cause in shop.rows(Cause):
        mine = {h.record_id: h.book or 0 for h in open_holds if h.cause_id == cause.id}
        assert (cause.records, cause.book) == (len(mine), sum(mine.values())), cause.key
