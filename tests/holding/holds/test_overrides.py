"""An admin has something tried again although nothing changed: once more, with a reason, told."""

from typing import Any

import pytest
from sqlalchemy import delete, select

from holding.db.models import Event
from holding.db.refusal import Refusal
from holding.holds.holds import Done
from holding.holds.retries import override, retry
from holding.operations.invariants import check
from tests.holding.life import Begun, Life
from tests.holding.shop import FILES, RULES, line
from tests.support.databases import unlock


@pytest.fixture
def life(begun: Begun) -> Life:
    """NS-1 was refused by the target, NS-2 is held by our own rules."""
    life = begun(FILES)
    life.books.moods = ["refuse"]
    life.arrive("NS-1")
    life.arrive("NS-2", lines=[line(sku="AB-1", uom="PCS")])
    assert life.shop.states() == {"NS-1": "failed", "NS-2": "held"}
    life.shop.clock.advance(3600)
    return life


def overridden(life: Life, number: str, who: str = "adam", reason: str = "Support said so") -> Any:
    with life.shop.database.write() as session:
        hold = life.shop.holds(session, number)[0]
        return override(session, life.shop.actor(who), hold.id, reason, life.shop.now)


def i15(life: Life) -> list[str]:
    with life.shop.database.read() as session:
        settings = life.desk.settings
        found = check(
            session, life.shop.company.id, now=life.shop.now, settings=settings, only=("I15",)
        )
        return [one.invariant for one in found.breaches]


def test_what_nobody_may_try_again_an_admin_sends_once_more(life: Life) -> None:
    with life.shop.database.write() as session:
        hold = life.shop.holds(session, "NS-1")[0]
        answer = retry(session, life.shop.actor("lim"), hold.id, life.shop.now)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.status) == ("retry.unchanged", 409)
    made = overridden(life, "NS-1")
    assert isinstance(made, Done), made
    assert made.say == "Adam had NS-1 tried again: Support said so"
    life.work()
    assert life.shop.states()["NS-1"] == "posted"
    assert life.told("retry.overridden") == [made.say]
    assert i15(life) == []


def test_only_what_was_tried_again_by_somebody_may_go_out_unchanged(life: Life) -> None:
    overridden(life, "NS-1")
    life.work()
    with life.shop.database.write() as session:  # as if it had gone out by itself, beside a note
        event = session.scalars(select(Event).where(Event.act == "retry.overridden")).one()
        unlock(session)
        session.execute(delete(Event).where(Event.id == event.id))
    assert i15(life) == ["I15"]


@pytest.mark.parametrize(
    ("number", "who", "reason", "code"),
    [
        ("NS-1", "lim", "please", "forbidden"),
        ("NS-1", "adam", " ", "reason.missing"),
        ("NS-2", "adam", "please", "override.senseless"),
    ],
)
def test_it_is_for_admins_with_a_reason_and_for_what_was_refused_there(
    life: Life, number: str, who: str, reason: str, code: str
) -> None:
    answer = overridden(life, number, who, reason)
    assert isinstance(answer, Refusal)
    assert answer.code == code
    assert life.told("retry.overridden") == []


def test_what_changed_needs_no_override(life: Life) -> None:
    life.shop.publish(FILES | {"shop.rules": RULES + "\n# another word\n"})
    answer = overridden(life, "NS-1")
    assert isinstance(answer, Refusal)
    assert answer.code == "override.needless"
