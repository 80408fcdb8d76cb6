"""Held records in tests, and people who work on them."""

from typing import Any

from sqlalchemy import select

from holding.access import people
from holding.db.database import Database
from holding.db.models import Company, Event, Hold
from holding.db.refusal import Refusal
from holding.holds import holds
from holding.holds.holds import Correction, Done
from holding.holds.retries import retry
from tests.holding.shop import Shop, line, open_shop, order, start
from tests.support.clock import SetClock


def hold_of(shop: Shop, number: str) -> Hold:
    with shop.database.read() as session:
        return shop.holds(session, number)[0]


def again(shop: Shop, number: str, who: str = "farah") -> Done | Refusal:
    wanted = hold_of(shop, number).id
    with shop.database.write() as session:
        return retry(session, shop.actor(who), wanted, shop.now)


def set_right(
    shop: Shop, number: str, path: str, value: str, *, who: str = "farah", seen: int = 1
) -> Done | Refusal:
    wanted = hold_of(shop, number).id
    wish = Correction(path=path, value=value, reason="as on paper", seen=seen)
    with shop.database.write() as session:
        return holds.correct(session, shop.actor(who), wanted, wish, shop.now)


def refused(answer: Any, code: str) -> Refusal:
    assert isinstance(answer, Refusal), answer
    assert answer.code == code
    return answer


def says(shop: Shop, act: str) -> list[str]:
    with shop.database.read() as session:
        found = session.scalars(select(Event.body).where(Event.act == act).order_by(Event.id))
        return [body["say"] for body in found]


@start
def held_shop(database: Database, company: Company, clock: SetClock) -> Shop:
    """NS-1 does not add up, which accounts may release; NS-2: unknown item; NS-3: no customer."""
    shop = open_shop(database, company, clock)
    shop.publish()
    shop.receive(
        order("NS-1", total="190.00"),
        order("NS-2", lines=[line(sku="AB-1", uom="PCS")]),
        order("NS-3", customer=None),
    )
    shop.judge()
    assert set(shop.states().values()) == {"held"}
    with database.write() as session:
        for name in ("sales_admin", "accounts"):
            person_id = shop.actor("farah").person_id or 0
            people.add_to_team(session, company_id=company.id, name=name, person_id=person_id)
    clock.advance(3600)
    return shop
