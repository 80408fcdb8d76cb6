"""Documents that stand in a target before go live: told first, and then just that happens."""

from typing import Any

import pytest

from connectors.contract import Found, Stands
from connectors.targets.aiaccount.connector import AiAccount
from holding.access.actors import Actor
from holding.company.standing_documents import Look, There, look
from holding.connections import breaker
from holding.db.refusal import Refusal
from tests.holding.company.test_going_live import admin, set_up
from tests.holding.pushing import Lane


def looked(lane: Lane, after: int = 0, actor: Actor | None = None) -> Look | Refusal:
    asker = actor or admin(lane.company)
    desk = lane.desk
    return look(lane.database, lane.clock, asker, after, http=desk.http, keys=desk.keys)


def told(lane: Lane) -> dict[str, There]:
    found = looked(lane)
    assert isinstance(found, Look), found
    assert found.silent == ()
    return {one.number: one.there for one in found.asked}


def test_what_is_told_before_go_live_happens_then(lane: Lane) -> None:
    set_up(lane.database, lane.company)
    same, other, new = lane.ready("IV-1", "IV-2", "IV-3")
    lane.put_there("IV-1")
    lane.put_there("IV-2", price="12.00")
    written = len(lane.target.writes())
    assert told(lane) == {"IV-1": There.SAME, "IV-2": There.OTHER, "IV-3": There.ABSENT}
    assert len(lane.target.writes()) == written, "a look writes nothing there"
    assert lane.states([same, other, new]) == ["ready"] * 3, "and nothing here"

    set_up(lane.database, lane.company, live=True)
    lane.settle(minutes=1)
    assert lane.states([same, other, new]) == ["posted", "failed", "posted"]
    assert len(lane.open_holds()) == 1, "the other one, for a person to compare"
    made = [line["number"] for line in lane.target.lines("created")]
    assert sorted(made) == ["IV-1", "IV-2", "IV-3"], "none is made a second time"


ALIKE = Stands(
    number="INV-77",
    target_ref="77",
    party="300-B001",
    date="2026-11-18",
    currency="MYR",
    amount=None,
)


@pytest.mark.parametrize(
    ("answer", "there"),
    [
        ((ALIKE,), There.ALIKE),
        (Found(kind="different", words="So many that a person must look."), There.ALIKE),
        (Found(kind="unknown", words="Not now."), There.UNTOLD),
        ((), There.ABSENT),
    ],
)
def test_what_is_alike_under_another_number_is_told(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, answer: Any, there: There
) -> None:
    set_up(lane.database, lane.company)
    lane.ready("IV-1")
    monkeypatch.setattr(AiAccount, "alike", lambda *_: answer, raising=False)
    assert told(lane) == {"IV-1": there}


def test_many_are_asked_in_turns(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("holding.company.standing_documents.AT_ONCE", 2)
    set_up(lane.database, lane.company)
    lane.ready("IV-1", "IV-2", "IV-3")
    first = looked(lane)
    assert isinstance(first, Look)
    assert (len(first.asked), first.left) == (2, 1)
    rest = looked(lane, first.after)
    assert isinstance(rest, Look)
    assert ([one.number for one in rest.asked], rest.left) == (["IV-3"], 0)
    none = looked(lane, rest.after)
    assert isinstance(none, Look)
    assert (none.asked, none.left) == ((), 0)


def test_who_may_not_set_up_and_a_live_company_are_refused(lane: Lane) -> None:
    set_up(lane.database, lane.company)
    viewer = Actor(None, "V", "v@x", lane.company.id, frozenset({"finance"}))
    refused = looked(lane, actor=viewer)
    assert isinstance(refused, Refusal)
    assert refused.code == "forbidden"
    set_up(lane.database, lane.company, live=True)
    late = looked(lane)
    assert isinstance(late, Refusal)
    assert late.code == "cutover.live"


def test_a_target_that_is_not_tested_is_not_asked(lane: Lane) -> None:
    set_up(lane.database, lane.company)
    lane.ready("IV-1")
    with lane.database.write() as session:
        breaker.hold_back(session, lane.connection(session).id, lane.clock.now())
    found = looked(lane)
    assert isinstance(found, Look)
    assert found.silent == (("aiaccount", "Its connection test has not passed."),)
