"""A decision about much money takes the code of the app in its own form, in a browser."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from holding.db.models import Company
from tests.browser.conftest import Open, Person, Served
from tests.browser.test_accessible import violations
from tests.browser.test_two_factor import given_password
from tests.portal.access.phones import phone_of
from tests.portal.reading import cause, hold_of, one

pytestmark = pytest.mark.browser
WHY = "checked against the order"


def limited(served: Served) -> None:
    with served.database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        company.settings = {**company.settings, "step_up": 100_000}


def state(served: Served, number: str) -> str:
    return str(one(served.database, f"SELECT state FROM posting WHERE number = '{number}'"))


def fits(person: Person) -> None:
    assert violations(person.page) == "[]"
    wide = person.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= person.page.viewport_size["width"]


@pytest.mark.parametrize("script", [True, False], ids=["scripts", "no-scripts"])
def test_the_code_is_given_beside_the_reason(somebody: Open, served: Served, script: bool) -> None:
    phone = phone_of(served.database, served.clock, "lim")
    lim = somebody(width=390, scheme="dark", script=script)
    given_password(lim, "lim")
    lim.page.fill("#code", phone.code(served.clock.now()))
    lim.page.click("#entercode")
    lim.page.wait_for_url("**/c/kedai/")
    limited(served)
    served.clock.advance(timedelta(minutes=11))
    hold_id = hold_of(served.database, "SO-10220")
    lim.go(f"/c/kedai/holding/{hold_id}")
    lim.page.fill(f"#approvereason_{hold_id}", WHY)
    lim.page.fill(f"#approvecode_{hold_id}", phone.wrong(served.clock.now()))
    lim.page.click(f"#approve{hold_id}")
    lim.page.locator("#approvecode_err").wait_for()
    assert lim.page.locator("#approvereason").input_value() == WHY
    if script:
        fits(lim)
    lim.page.fill("#approvecode", phone.code(served.clock.now()))
    lim.page.click("#approvego")
    lim.page.wait_for_url("**/c/kedai/holding**view=approve**")
    assert state(served, "SO-10220") == "ready"
    assert lim.said == []


def test_who_has_no_factor_finds_the_way_to_set_it_up(somebody: Open, served: Served) -> None:
    limited(served)
    tan = somebody("tan")
    tan.go(f"/c/kedai/holding/approve?cause={cause(served.database, 'approve:%')}")
    fits(tan)
    link = tan.page.locator("#approvecode_setup a")
    assert link.get_attribute("href") == "/me?c=kedai#twofactor"
    assert tan.said == []
