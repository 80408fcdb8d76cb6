"""An order that is cancelled or changed while its document waits for the target's answer."""

from typing import Any

import pytest
from sqlalchemy import select

from holding.db.models import Hold, Posting
from holding.posting.newer_versions import find_newer_versions
from tests.holding.posting.test_made_later import Relayed, life, opened, running, state

__all__ = ["life", "opened", "running"]

LESS: dict[str, Any] = {
    "total": "96.00",
    "lines": [
        {"pos": 1, "sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "1", "price": "96.00"}
    ],
}
CANCELLED: dict[str, Any] = {"status": "cancelled"}
SENT = "RM 192.00"


def messages(life: Relayed, number: str = "A-1") -> list[str]:
    with life.shop.database.read() as session:
        query = select(Hold.message).where(Hold.number == number, Hold.state == "open")
        return list(session.scalars(query))


def waiting(life: Relayed, how: str) -> None:
    """A document at a desktop that is off, or one whose call had no answer."""
    if how == "at the target":
        life.sim.control("book", offline=True)
    else:
        life.sim.control("faults", fault="timeout_before")
    life.arrive("A-1")
    assert state(life) == ("awaiting" if how == "at the target" else "uncertain")


@pytest.mark.parametrize("how", ["at the target", "in doubt"])
@pytest.mark.parametrize(
    ("changes", "word", "now"), [(LESS, "changed", "RM 96.00"), (CANCELLED, "cancelled", SENT)]
)
def test_the_hold_names_the_newer_version_with_both_amounts(
    life: Relayed, how: str, changes: dict[str, Any], word: str, now: str
) -> None:
    waiting(life, how)
    life.later(1200)
    assert life.held("A-1") == [], "nothing changed, so nobody is needed yet"
    life.arrive("A-1", **changes)
    life.later(1200)
    assert life.held("A-1") == ["TGT03"]
    [message] = messages(life)
    assert f"was {word} in netshop" in message
    assert "version 2" in message
    assert f"{SENT} was sent" in message
    assert f"now comes to {now}" in message


def test_it_is_posted_once_and_then_the_rules_decide(life: Relayed) -> None:
    waiting(life, "at the target")
    life.arrive("A-1", **LESS)
    life.later(1200)
    assert life.held("A-1") == ["TGT03"]
    life.sim.control("book", offline=False)
    life.later(1200)
    assert (state(life), life.made()) == ("posted", ["A-1"])
    assert life.held("A-1") == ["STL01"]


def test_an_order_that_is_as_it_was_sent_has_no_newer_version(life: Relayed) -> None:
    waiting(life, "at the target")
    life.arrive("A-1", **LESS)
    with life.shop.database.read() as session:
        ids = list(session.scalars(select(Posting.id)))
        [newer] = find_newer_versions(session, ids).values()
        assert (newer.number, newer.no, newer.cancelled) == ("A-1", 2, False)
        assert (newer.sent_text, newer.now_text) == (SENT, "RM 96.00")
    life.sim.control("book", offline=False)
    life.later(600)
    with life.shop.database.read() as session:
        assert find_newer_versions(session, ids) == {}, "what is posted is the rules' matter"
