"""A duty that nobody can take back breaks the proof; a count of failed sign-ins is no duty."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from holding.access import enrolment
from holding.access.sessions import prove
from holding.db import leases
from holding.db.database import Database
from holding.db.models import Company, Singleton
from holding.db.refusal import Refusal
from holding.operations import invariants
from holding.platform.settings import Settings
from tests.holding.desks import KEYS
from tests.holding.shop import Shop, open_shop
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


def breaches(shop: Shop) -> list[str]:
    with shop.database.read() as session:
        found = invariants.check(
            session, shop.company.id, now=shop.now, settings=Settings.from_env(), only={"I7"}
        )
        return [one.say for one in found.breaches]


def test_a_wrong_password_and_a_wrong_code_break_no_proof(shop: Shop) -> None:
    with shop.database.write() as session:
        assert isinstance(prove(session, "nobody@kedai.my", "wrong", shop.now), Refusal)
        assert enrolment.prove(session, shop.actor("chan").person_id or 0, "1", KEYS, shop.now)
        counters = session.scalar(select(func.count()).select_from(Singleton))
        assert counters == 3, "of the address, of the account, and of the second factor"
    assert breaches(shop) == []


@pytest.mark.parametrize("name", ["sweep", "signing", "code_lists"])
def test_a_duty_that_lasts_for_years_does(shop: Shop, name: str) -> None:
    until = shop.now + timedelta(days=365)
    with shop.database.write() as session:
        prove(session, "nobody@kedai.my", "wrong", shop.now)
        assert leases.take(session, name, owner="lost", until=until, now=shop.now)
    (say,) = breaches(shop)
    assert say.startswith(f"lost has the duty {name} until")
