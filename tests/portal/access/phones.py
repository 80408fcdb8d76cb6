"""People of the seeded shop who have an app on their phone, for tests of pages."""

import re

from sqlalchemy import select

from holding.access.actors import Keys, load_keys
from holding.db.database import Database
from holding.db.models import Company, Person
from holding.platform.settings import Settings
from tests.holding.access.factors import Phone, enrolled
from tests.portal.conftest import Browser
from tests.portal.seed import PASSWORD
from tests.support.clock import SetClock

CODE = "/signin/code"
SETUP = "/signin/setup"


def phone_of(database: Database, clock: SetClock, name: str, company: str = "kedai") -> Phone:
    """Switch the second factor of somebody on."""
    keys = load_keys(Settings.from_env())
    assert isinstance(keys, Keys)
    with database.write() as session:
        address = f"{name}@{company}.my"
        person_id = session.scalars(select(Person.id).where(Person.email == address)).one()
        return enrolled(session, person_id, clock.now(), keys)


def require_it(database: Database, company: str = "kedai") -> None:
    """The company requires a second factor, as after an administrator said so."""
    with database.write() as session:
        found = session.scalars(select(Company).where(Company.code == company)).one()
        found.needs_second_factor = True


def password_given(
    browser: Browser, name: str = "lim", company: str = "kedai", onward: str = "/"
) -> str:
    """Sign in as far as the password goes; where that leads."""
    form = {"email": f"{name}@{company}.my", "password": PASSWORD, "next": onward}
    return browser.post("/signin", form, status=303).location


def codes_in(page: str) -> list[str]:
    """The recovery codes that a page shows."""
    return re.findall(r"<li>((?:[a-z2-7]{4}-){3}[a-z2-7]{4})</li>", page)


def key_in(page: str) -> Phone:
    """The app that was given the key of a page."""
    found = re.search(r'id="appkey">([A-Z2-7 ]+)<', page)
    assert found, page[:2000]
    return Phone(found[1].replace(" ", ""))
