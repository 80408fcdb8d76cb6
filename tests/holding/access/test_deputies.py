"""Delegates: by whom it is said, for how long, and what it does not allow."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from holding.access import actors, deputies
from holding.access.actors import Actor, may
from holding.approvals import approve as approvals_approve
from holding.approvals.approve import Approved
from holding.db.database import Database
from holding.db.models import Approval, Company, Event, Hold, Release
from holding.db.refusal import Refusal
from holding.holds import releases
from holding.holds.holds import Done
from holding.records import trace
from tests.holding.shop import Shop, line, open_shop, order, start
from tests.support.clock import SetClock
from tests.support.factories import make_person

LARGE = [line(price="960.00")]


@pytest.fixture
@start
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 is above the limit; NS-2 does not add up. Siti only reads."""
    shop = open_shop(database, company, clock)
    with database.write() as session:
        siti = make_person(session, company, "siti@kedai.my", "viewer")
        actor = actors.actor_of(session, siti.id, company.id)
        assert actor
        shop.actors["siti"] = actor
    shop.publish()
    shop.receive(order("NS-1", total="1920.00", lines=LARGE), order("NS-2", total="200.00"))
    shop.judge()
    return shop


def appoint(
    shop: Shop, who: str = "lim", person: str = "lim", deputy: str = "siti", **given: Any
) -> int | Refusal:
    wanted = {
        "person_id": shop.actor(person).person_id,
        "deputy_id": shop.actor(deputy).person_id,
        "from_at": shop.now,
        "until_at": shop.now + timedelta(days=5),
        "reason": "on leave",
    } | given
    with shop.database.write() as session:
        return deputies.appoint(session, shop.actor(who), **wanted, now=shop.now)


def now_acting(shop: Shop, name: str) -> Actor:
    with shop.database.read() as session:
        person_id = shop.actor(name).person_id or 0
        actor = actors.actor_of(session, person_id, shop.company.id, now=shop.now)
        assert actor
        return actor


def approve(shop: Shop, name: str = "siti") -> Approved | Refusal:
    actor = now_acting(shop, name)
    with shop.database.write() as session:
        ids = [shop.posting(session, "NS-1").id]
        return approvals_approve.approve(session, actor, ids, "checked", shop.now)


def test_a_deputy_approves_in_the_name_of_the_person(shop: Shop) -> None:
    assert isinstance(approve(shop), Refusal)
    assert isinstance(appoint(shop), int)
    answer = approve(shop)
    assert isinstance(answer, Approved)
    assert len(answer.ready) == 1
    lim, siti = shop.actor("lim").person_id, shop.actor("siti").person_id
    with shop.database.read() as session:
        row = session.scalars(select(Approval)).one()
        assert (row.person_id, row.for_person_id) == (siti, lim)
        said = session.scalars(select(Event).where(Event.act == "posting.approved")).one()
        assert (said.person_id, said.actor) == (siti, "Siti for Lim")
        assert said.body["say"].startswith("Siti for Lim approved NS-1")
        hold = session.scalars(select(Hold).where(Hold.code == "APP01")).one()
        assert hold.closed_by_id == siti
        who = trace.answer_questions(session, shop.record(session, "NS-1").id)[1]
        assert who.text.startswith("Siti for Lim, ")


def test_a_deputy_releases_in_the_name_of_the_person(shop: Shop) -> None:
    appoint(shop)
    with shop.database.write() as session:
        (left,) = shop.holds(session, "NS-2")
        done = releases.release(session, now_acting(shop, "siti"), left.id, "agreed", shop.now)
        assert isinstance(done, Done)
        assert done.say.startswith("Siti for Lim released")
        row = session.scalars(select(Release)).one()
        assert row.for_person_id == shop.actor("lim").person_id


def test_a_deputy_does_nothing_else(shop: Shop) -> None:
    appoint(shop, who="adam")
    siti = now_acting(shop, "siti")
    assert may(siti, "posting.approve") is None
    assert may(siti, "hold.assign") is not None
    assert may(siti, "record.pii") is not None


@pytest.mark.parametrize("hand", ["lim", "siti"])
def test_four_eyes_hold_for_both(shop: Shop, hand: str) -> None:
    shop.receive(order("NS-3", total="1920.00", lines=LARGE, created_by=hand))
    shop.judge()
    appoint(shop)
    actor = now_acting(shop, "siti")
    with shop.database.write() as session:
        ids = [shop.posting(session, "NS-3").id]
        answer = approvals_approve.approve(session, actor, ids, "checked", shop.now)
    assert isinstance(answer, Approved)
    named = {
        "lim": "Lim, for whom you act, created it (according to the source)",
        "siti": "you created it (according to the source)",
    }
    (left,) = answer.refused
    assert left.reason.startswith(named[hand])
    assert left.status == 403


def test_only_for_its_time_and_until_it_is_ended(shop: Shop) -> None:
    tomorrow = shop.now + timedelta(days=1)
    row = appoint(shop, from_at=tomorrow, until_at=tomorrow + timedelta(days=1))
    assert isinstance(row, int)
    assert now_acting(shop, "siti").stands_for == ()
    shop.clock.advance(timedelta(days=1))
    assert [one.name for one in now_acting(shop, "siti").stands_for] == ["Lim"]
    with shop.database.write() as session:
        assert deputies.end(session, shop.actor("lim"), row, shop.now) is None
    assert now_acting(shop, "siti").stands_for == ()
    with shop.database.write() as session:
        again = deputies.end(session, shop.actor("lim"), row, shop.now)
        assert isinstance(again, Refusal)
        (listed,) = deputies.list_deputies(session, shop.company.id)
    assert (listed.person, listed.deputy, listed.ended_at) == ("Lim", "Siti", shop.now)
    later = appoint(shop)
    assert isinstance(later, int)
    shop.clock.advance(timedelta(days=5))
    assert now_acting(shop, "siti").stands_for == ()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"who": "tan"}, "forbidden"),
    ({"who": "siti"}, "deputy.own"),
    ({"who": "adam", "deputy": "adam"}, "deputy.own"),
    ({"deputy": "lim"}, "deputy.self"),
    ({"who": "adam", "person": "vera"}, "deputy.nothing"),
    ({"deputy_id": 987}, "person.unknown"),
    ({"reason": " "}, "reason.missing"),
    ({"until_at": SetClock().now()}, "deputy.time"),
    ({"until_at": SetClock().now() + timedelta(days=93)}, "deputy.time"),
]


def test_who_may_be_named_by_whom(shop: Shop) -> None:
    answers = [appoint(shop, **given) for given, _ in REFUSED]
    assert [getattr(answer, "code", "named") for answer in answers] == [code for _, code in REFUSED]


def test_only_those_concerned_or_an_admin_end_it(shop: Shop) -> None:
    row = appoint(shop)
    assert isinstance(row, int)
    with shop.database.write() as session:
        assert isinstance(deputies.end(session, shop.actor("tan"), row, shop.now), Refusal)
        assert deputies.end(session, shop.actor("adam"), row, shop.now) is None
