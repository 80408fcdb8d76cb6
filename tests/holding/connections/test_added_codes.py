"""Codes that were added in the accounting system free what waited for them, at the next reading."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from holding.connections import breaker, channel
from holding.connections.master_data import FRESH, ITEM, RATE, keep_kinds
from holding.db.models import Snapshot
from tests.holding.life import Life
from tests.holding.trials.test_fixed_codes import lists
from tests.support.factories import connection_named

SOLD, OTHERS = "40000", ("50000",)


@pytest.mark.parametrize("kind", [ITEM, RATE, "customer"])
def test_a_list_that_changed_meanwhile_puts_off_no_reading_of_the_others(
    life: Life, kind: str
) -> None:
    """Items are read with the documents, and people confirm rates: codes are read by a test."""
    lists(life, accounts=OTHERS, currencies=("MYR",))
    begun = life.shop.now
    for minutes in (5, 10, 14):
        now = begun + timedelta(minutes=minutes)
        with life.shop.database.write() as session:
            there = connection_named(session, life.shop.company, "aiaccount")
            keep_kinds(session, there, {kind: {f"X-{minutes}": {}}}, person=None, now=now)
            assert channel.to_refresh(session, now) == ()
    with life.shop.database.read() as session:
        assert channel.to_refresh(session, begun + FRESH) == (there.id,)


def test_a_target_that_was_away_is_asked_again_though_nothing_is_due(life: Life) -> None:
    """What is held for a missing code is not due, so no push asks whether the target is back."""
    with life.shop.database.write() as session:
        there = connection_named(session, life.shop.company, "aiaccount")
        for _ in range(breaker.FAILURES):
            breaker.failed(session, there.id, life.shop.now, 1.0)
        assert channel.to_refresh(session, life.shop.now) == ()
    life.shop.clock.advance(breaker.SHORTEST.total_seconds())
    with life.shop.database.read() as session:
        assert channel.to_refresh(session, life.shop.now) == (there.id,)
    channel.refresh_master_data(life.desk, there.id)
    with life.shop.database.read() as session:
        assert breaker.closed(session, there.id)


def test_a_list_that_could_not_be_read_is_not_shown_as_read(life: Life) -> None:
    lists(life, accounts=OTHERS, currencies=("MYR",))
    begun = life.shop.now
    life.shop.clock.advance(FRESH.total_seconds())
    lists(life, currencies=("MYR",))
    with life.shop.database.read() as session:
        rows = {row.kind: row.checked_at for row in session.scalars(select(Snapshot))}
    assert (rows["account"], rows["currency"]) == (begun, life.shop.now)


def test_a_code_that_is_listed_frees_what_was_held_before_sending(life: Life) -> None:
    lists(life, accounts=OTHERS, currencies=("MYR",))
    life.arrive("A-1")
    assert life.held("A-1") == ["LST01"]
    lists(life, accounts=OTHERS, currencies=("MYR",))
    life.work()
    assert life.held("A-1") == ["LST01"]
    lists(life, accounts=(SOLD, *OTHERS), currencies=("MYR",))
    life.work()
    assert (life.held("A-1"), life.postings("A-1")[0][2]) == ([], "posted")


@pytest.mark.parametrize("added", [{"accounts": ("1", SOLD)}, {"tax_codes": ("NT", "SR")}])
def test_a_new_code_frees_what_the_target_refused_for_one(
    life: Life, added: dict[str, tuple[str, ...]]
) -> None:
    """Its list may be younger than the document: it was refused, not held before."""
    known = {"accounts": (SOLD,), "tax_codes": ("NT",), "currencies": ("MYR",)}
    lists(life, **known)
    life.books.moods += ["unlisted"]
    life.arrive("A-1")
    assert (life.held("A-1"), life.postings("A-1")[0][2]) == (["TGT01"], "failed")
    lists(life, **known)
    life.work()
    assert life.held("A-1") == ["TGT01"], "nothing was added"
    lists(life, **(known | added))
    life.work()
    assert (life.held("A-1"), life.postings("A-1")[0][2]) == ([], "posted")
    assert life.books.effects == [("create", "A-1-1")]


def test_a_new_code_frees_nothing_that_was_refused_for_another_reason(life: Life) -> None:
    lists(life, accounts=(SOLD,), currencies=("MYR",))
    life.books.moods += ["refuse"]
    life.arrive("A-1")
    assert life.held("A-1") == ["TGT01"]
    lists(life, accounts=(SOLD, *OTHERS), currencies=("MYR",))
    life.work()
    assert life.held("A-1") == ["TGT01"]


def test_look_again_reads_at_once(life: Life) -> None:
    lists(life, accounts=OTHERS, currencies=("MYR",))
    with life.shop.database.write() as session:
        actor = life.shop.actor("farah")
        now = life.shop.now
        assert channel.refresh_now(session, actor, ["aiaccount"], now) == ("aiaccount",)
        there = connection_named(session, life.shop.company, "aiaccount")
        assert channel.to_refresh(session, now) == (there.id,)
