"""From an invitation to signing in again, in a browser."""

import pytest

from tests.browser.conftest import Open
from tests.browser.test_accessible import violations

pytestmark = pytest.mark.browser
PASSWORD = "teh tarik satu 2026"


@pytest.mark.slow
def test_who_is_invited_joins_and_signs_in_again(somebody: Open) -> None:
    adam = somebody("adam")
    page = adam.page
    adam.go("/c/kedai/people/")
    page.click("#invite")
    page.fill("#email", "siti@kedai.my")
    page.check("#role_finance")
    assert not page.is_visible(".duty-finance-approver")
    page.check("#role_approver")
    assert page.is_visible(".duty-finance-approver")
    assert not page.is_visible(".duty-admin-approver")
    assert violations(page) == "[]"
    page.check("#understood")
    page.click("#sendinvite")
    link = page.input_value("#link")
    assert violations(page) == "[]"
    guest = somebody(width=390, scheme="dark")
    guest.go(link.removeprefix(guest.url))
    assert violations(guest.page) == "[]"
    guest.page.fill("#name", "Siti Hajar")
    guest.page.fill("#password", PASSWORD)
    guest.page.click("#join")
    guest.page.wait_for_url("**/c/kedai/")
    guest.go("/me")
    guest.page.click("#everywhere")
    guest.page.wait_for_url("**/signin")
    guest.page.fill("#email", "siti@kedai.my")
    guest.page.fill("#password", PASSWORD)
    guest.page.click("button[type=submit]")
    guest.page.wait_for_url("**/c/kedai/")
    adam.go("/c/kedai/people/")
    assert "Siti Hajar" in page.content()
    with page.expect_navigation():  # what is half loaded has fields without their labels
        page.click("text=Change Siti Hajar")
    assert violations(page) == "[]"
    assert adam.said == guest.said == []
