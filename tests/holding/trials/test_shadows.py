"""A shadow in the worker: what it stores, what it leaves alone, and how it ends."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import Company, Evaluation, Event, Hold, Posting, Shadow, ShadowVerdict
from holding.db.models.columns import ShadowEnd
from holding.db.refusal import Refusal
from holding.rulesets import publication
from holding.trials import shadow_pages, shadow_turns, shadows
from holding.trials.shadow_turns import due_companies, take_turn
from tests.holding.shop import FILES, Shop, open_shop, order
from tests.support.clock import SetClock

STRICTER = """
check small on order
    require  total <= 150.00
    else     hold for accounts
    say      "Too large: {total}."
    clears   when it passes
"""


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    found = open_shop(database, company, clock)
    found.publish()
    return found


def changed(shop: Shop) -> int:
    path = next(path for path in FILES if path.endswith(".rules"))
    with shop.database.write() as session:
        answer = publication.push_change(
            session,
            shop.company.id,
            shop.actor("chan"),
            {**FILES, path: FILES[path] + STRICTER},
            "Stricter",
            shop.now,
        )
    assert isinstance(answer, int), answer
    return answer


def begun(shop: Shop, no: int, days: int = 1, who: str = "chan") -> Any:
    with shop.database.write() as session:
        answer = shadows.begin(session, no, shop.actor(who), days, shop.now)
        return answer if isinstance(answer, Refusal) else of(shop, session).id


def small(number: str) -> dict[str, Any]:
    line = {"pos": 1, "sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "1", "price": "96.00"}
    return order(number, total="96.00", lines=[line])


def turn(shop: Shop) -> int:
    return take_turn(shop.database, shop.clock, shop.company.id)


def of(shop: Shop, session: Session | None = None) -> Shadow:
    newest = select(Shadow).order_by(Shadow.id.desc()).limit(1)
    if session is not None:
        return session.scalars(newest).one()
    with shop.database.read() as reading:
        return reading.scalars(newest).one()


def counted(shop: Shop) -> list[int]:
    with shop.database.read() as session:
        kinds = (Evaluation, Posting, Hold, Event)
        return [session.scalar(select(func.count()).select_from(kind)) or 0 for kind in kinds]


def test_it_judges_each_evaluation_once_and_touches_nothing_else(shop: Shop) -> None:
    shop.receive(small("SO-0"))
    shop.judge()  # before it began
    assert isinstance(begun(shop, changed(shop)), int)
    shop.receive(small("SO-1"), order("SO-2"))
    shop.judge()
    before = counted(shop)
    with shop.database.read() as session:
        assert list(due_companies(session, shop.now)) == [shop.company.id]
    assert turn(shop) == 2
    assert turn(shop) == 0
    assert counted(shop) == before
    with shop.database.read() as session:
        assert list(due_companies(session, shop.now)) == []
        shadow = of(shop)
        (one,) = shadow_pages.differences(session, shop.company.id, shadow.id)
        rows = session.scalars(select(ShadowVerdict)).all()
        other = shadow_pages.differences(
            session, shop.company.id, shadow.id, before=one.evaluation_id
        )
    assert (shadow.judged, shadow.differ, shadow.unread) == (2, 1, 0)
    assert one.number == "SO-2"
    (was,), (would,) = one.was.values(), one.would.values()
    assert (was["state"], would["state"]) == ("ready", "held")
    assert [rule for _, rule in would["findings"]] == ["small"]
    assert all(len(row.hash) == 64 for row in rows)
    assert other == ()


def test_an_evaluation_that_is_committed_late_is_not_left_out(shop: Shop) -> None:
    begun(shop, changed(shop))
    shop.receive(small("SO-1"), small("SO-2"))
    shop.judge()
    with shop.database.write() as session:
        shadow = session.scalars(select(Shadow)).one()
        shadow.seen_id = session.scalar(select(func.max(Evaluation.id))) or 0
    assert turn(shop) == 2


def test_a_quiet_company_does_not_look_through_what_others_judge_again_and_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.receive(small("SO-1"), small("SO-2"), small("SO-3"))
    shop.judge()
    begun(shop, changed(shop))
    monkeypatch.setattr(shadow_turns, "LOOKS_BACK", 2)
    with shop.database.write() as session:
        last = session.scalar(select(func.max(Evaluation.id))) or 0
        shadow = session.scalars(select(Shadow)).one()
        shadow.seen_id = last - 3
    with shop.database.read() as session:
        assert list(due_companies(session, shop.now)) == [shop.company.id]
    assert turn(shop) == 0
    assert of(shop).seen_id == last
    with shop.database.read() as session:
        assert list(due_companies(session, shop.now)) == []
    shop.receive(small("SO-4"))
    shop.judge()
    assert turn(shop) == 1


def test_it_ends_at_its_time_at_its_limit_and_with_its_change(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    no = changed(shop)
    begun(shop, no)
    shop.clock.advance(timedelta(days=1))
    shop.receive(small("SO-1"))
    shop.judge()
    assert turn(shop) == 0
    assert (of(shop).ending, of(shop).judged) == (ShadowEnd.TIME, 0)
    assert isinstance(begun(shop, no), int)
    shop.receive(small("SO-2"))
    shop.judge()
    monkeypatch.setattr(shadows, "MOST_VERDICTS", 1)
    assert (turn(shop), turn(shop)) == (1, 0)
    assert of(shop).ending == ShadowEnd.LIMIT
    monkeypatch.undo()
    begun(shop, no)
    with shop.database.write() as session:
        publication.publish_change(session, no, shop.actor("pua"), shop.now)
    assert turn(shop) == 0
    assert of(shop).ending == ShadowEnd.CLOSED


def test_rules_that_fail_on_a_record_are_counted_and_harm_nobody(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        message = "no"
        raise ZeroDivisionError(message)

    begun(shop, changed(shop))
    shop.receive(small("SO-1"))
    shop.judge()
    monkeypatch.setattr(shadows, "judged_with", broken)
    assert turn(shop) == 1
    assert (of(shop).judged, of(shop).unread, of(shop).differ) == (0, 1, 0)
    assert turn(shop) == 0


def test_a_slow_turn_ends_early_and_goes_on(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    begun(shop, changed(shop))
    shop.receive(small("SO-1"), small("SO-2"))
    shop.judge()
    monkeypatch.setattr(shadow_turns, "A_TURN_SECONDS", 0.0)
    assert [turn(shop) for _ in range(3)] == [1, 1, 0]


def test_who_may_and_how_many_at_a_time(shop: Shop) -> None:
    no = changed(shop)
    for given, code in (
        ((no, 0), "shadow.days"),
        ((no, 15), "shadow.days"),
        ((9, 1), "change.unknown"),
    ):
        assert begun(shop, *given).code == code
    assert begun(shop, no, who="farah").status == 403
    begun(shop, no)
    assert begun(shop, changed(shop)).code == "shadow.running"
    with shop.database.write() as session:
        shadow = session.scalars(select(Shadow)).one()
        assert shadows.end(session, shadow, ShadowEnd.PERSON, shop.now, shop.actor("farah"))
        assert shadows.end(session, shadow, ShadowEnd.PERSON, shop.now, shop.actor("chan")) is None
        assert shadows.end(session, shadow, ShadowEnd.PERSON, shop.now, shop.actor("chan"))
    assert begun(shop, 1).code == "shadow.not_waiting"
