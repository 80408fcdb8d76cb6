"""A document whose posting rule is in force no more is not forgotten when its record changes."""

from typing import Any

import pytest
from sqlalchemy import select

from holding.db.models import Cause, Hold
from holding.holds import releases
from holding.holds.holds import Done
from holding.programs import posted_differences
from tests.holding.life import LARGE, NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.shop import FILES, ROUTE

RULES = NUMBERED + TABLES
NOTHING = {"created_by": "siti"}
"""What the rules that posted it ignore."""


def without_posting() -> str:
    """The shop's rules as they judge on, without a word of invoices."""
    head, _, _ = RULES.partition("approve order for")
    return head.replace(" for aiaccount.sales_invoice", "")


@pytest.fixture
def life(begun: Begun) -> Life:
    made = begun(FILES | {"shop.rules": RULES})
    made.arrive("NS-1", **SMALL)
    assert made.books.effects == [("create", "NS-1-1")]
    return made


def leave(life: Life) -> None:
    life.shop.publish(FILES | {"shop.rules": without_posting()})
    life.work()


def hold(life: Life) -> Hold:
    with life.shop.database.read() as session:
        (found,) = life.shop.holds(session, "NS-1")
    return found


def test_a_cancelled_order_whose_posting_rule_left_is_held_for_a_person(life: Life) -> None:
    leave(life)
    life.arrive("NS-1", **{**SMALL, "status": "cancelled"})
    found = hold(life)
    assert (found.code, found.route, found.error_class) == ("STL01", ROUTE, "stale_version")
    assert found.message == (
        "NS-1-1 is posted, but the record is cancelled now. The posting rule that made it is no"
        " longer in force: the posted document stays until a person decides."
    )
    assert found.clears.by_people
    assert life.shop.states() == {"NS-1": "held"}
    assert life.books.effects == [("create", "NS-1-1")], "rules that left make nothing void"
    with life.shop.database.read() as session:
        label = session.scalar(select(Cause.label).where(Cause.id == found.cause_id))
    assert label == "Changed after posting to AiAccount sales invoice"


@pytest.mark.parametrize(("change", "held"), [(LARGE, True), (NOTHING, False)])
def test_only_what_its_own_rules_would_not_leave_so_is_held(
    life: Life, change: dict[str, Any], held: bool
) -> None:
    leave(life)
    life.arrive("NS-1", **{**SMALL, **change})
    assert life.held("NS-1") == ["STL01"] * held


def test_a_person_lets_it_stay_and_the_next_change_asks_again(life: Life) -> None:
    leave(life)
    life.arrive("NS-1", **{**SMALL, "status": "cancelled"})
    with life.shop.database.read() as session:
        there = posted_differences.posted_difference(
            session, life.shop.record(session, "NS-1").id, ROUTE
        )
    assert there is not None
    assert (there.goes, there.posted, there.wanted) == (False, 9600, 0)
    with life.shop.database.write() as session:
        actor = life.shop.actor("lim")
        told = releases.release(session, actor, hold(life).id, "kept", life.shop.now)
        assert isinstance(told, Done), told
    life.work()
    assert (life.held("NS-1"), life.shop.states()) == ([], {"NS-1": "posted"})
    life.arrive("NS-1", **{**LARGE, "status": "cancelled"})
    assert life.held("NS-1") == ["STL01"]


def test_what_was_on_hold_before_the_rule_left_stays_on_hold(life: Life) -> None:
    asks = RULES.replace("| <= 500.00 | void ", "| <= 500.00 | review by accounts ")
    life.shop.publish(FILES | {"shop.rules": asks})
    life.arrive("NS-1", **{**SMALL, "status": "cancelled"})
    assert life.held("NS-1") == ["STL01"]
    leave(life)
    assert life.held("NS-1") == ["STL01"]
