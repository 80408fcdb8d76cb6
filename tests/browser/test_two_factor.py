"""Two-factor authentication in a browser, from setting it up to losing the phone."""

import pytest

from holding.access import enrolment
from tests.browser.conftest import Open, Person, Served
from tests.browser.test_accessible import violations
from tests.portal.access.phones import key_in, require_it
from tests.portal.seed import PASSWORD

pytestmark = pytest.mark.browser


def given_password(person: Person, name: str) -> None:
    person.go("/signin")
    person.page.fill("#email", f"{name}@kedai.my")
    person.page.fill("#password", PASSWORD)
    person.page.click("button[type=submit]")


def code_of(person: Person, served: Served) -> str:
    """What the phone shows whose app was given the key of this page."""
    return key_in(person.page.content()).code(served.clock.now())


def looked_at(person: Person) -> None:
    """Nothing is wrong with the page, it is no wider than its window, and a key is seen whole."""
    assert violations(person.page) == "[]"
    wide = person.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= person.page.viewport_size["width"]
    assert person.page.evaluate(
        "[...document.querySelectorAll('#appkey')].every(one => one.scrollWidth <= one.clientWidth)"
    )


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False], ids=["scripts", "no-scripts"])
def test_who_sets_it_up_signs_in_by_codes_and_by_a_recovery_code(
    somebody: Open, served: Served, script: bool
) -> None:
    lim = somebody("lim", width=390, scheme="dark", script=script)
    page = lim.page
    lim.go("/me")
    page.click("#setupfactor")
    page.wait_for_url("**/me/two-factor**")
    if script:
        looked_at(lim)
    phone = key_in(page.content())
    page.fill("#factorcode", phone.code(served.clock.now()))
    page.fill("#factorpresent", PASSWORD)
    page.click("#confirmcode")
    page.locator("#recoverycodes").wait_for()
    codes = page.locator("#recoverycodes li").all_inner_texts()
    assert len(codes) == 10
    if script:
        looked_at(lim)
    page.click("#onward")
    page.locator("#newcodes").wait_for()
    if script:
        looked_at(lim)
    page.click("#everywhere")
    page.wait_for_url("**/signin")

    used = phone.code(served.clock.now())
    given_password(lim, "lim")
    page.wait_for_url("**/signin/code**")
    if script:
        looked_at(lim)
    page.fill("#code", used)
    page.click("#entercode")
    page.locator("#wrong").wait_for()
    if script:
        looked_at(lim)
    lim.go("/c/kedai/")
    assert page.url.split("?")[0].endswith("/signin"), "without the code no page opens"
    given_password(lim, "lim")
    page.wait_for_url("**/signin/code**")
    served.clock.advance(60)
    code = phone.code(served.clock.now())
    page.fill("#code", f"{code[:3]} {code[3:]}")
    page.click("#entercode")
    page.wait_for_url("**/c/kedai/")

    other = somebody(script=script)
    given_password(other, "lim")
    other.page.wait_for_url("**/signin/code**")
    other.page.click("#userecovery")
    other.page.locator("label[for=code] >> text=Recovery code").wait_for()
    if script:
        looked_at(other)
    other.page.fill("#code", codes[0])
    other.page.click("#entercode")
    other.page.wait_for_url("**/c/kedai/")
    assert lim.said == other.said == []


@pytest.mark.slow
def test_a_company_requires_it_and_an_administrator_ends_one_that_was_lost(
    somebody: Open, served: Served
) -> None:
    require_it(served.database)
    adam = somebody()
    given_password(adam, "adam")
    adam.page.wait_for_url("**/signin/setup**")
    looked_at(adam)
    adam.page.click("#beginsetup")
    adam.page.locator("#appkey").wait_for()
    looked_at(adam)
    adam.page.fill("#code", "1")
    adam.page.click("#confirmcode")
    adam.page.locator("#wrong").wait_for()
    adam.page.fill("#code", code_of(adam, served))
    adam.page.click("#confirmcode")
    adam.page.locator("#recoverycodes").wait_for()
    looked_at(adam)
    adam.page.click("#onward")
    adam.page.wait_for_url("**/c/kedai/")

    lim = somebody(width=390)
    given_password(lim, "lim")
    lim.page.wait_for_url("**/signin/setup**")
    lim.page.click("#beginsetup")
    lim.page.locator("#appkey").wait_for()
    looked_at(lim)
    phone = key_in(lim.page.content())
    lim.page.fill("#code", phone.code(served.clock.now()))
    lim.page.click("#confirmcode")
    lim.page.locator("#recoverycodes").wait_for()

    adam.go("/c/kedai/people/")
    looked_at(adam)
    adam.page.click("text=Change Lim")
    adam.page.locator("#endfactor").wait_for()
    looked_at(adam)
    adam.page.fill("#factorreason", "Lost on the train")
    adam.page.click("#endfactor")
    adam.page.wait_for_url("**/c/kedai/people/")
    lim.page.click("#onward")
    lim.page.locator("#password").wait_for()
    given_password(lim, "lim")
    lim.page.wait_for_url("**/signin/setup**")
    served.clock.advance(enrolment.STEP_SECONDS)
    adam.go("/c/kedai/people/")
    adam.page.click("#requirefactor")
    adam.page.locator("#companyfactor >> text=Optional").wait_for()
    given_password(lim, "lim")
    lim.page.wait_for_url("**/c/kedai/")
    assert adam.said == lim.said == []
