"""The list of companies: sums of several currencies keep to the window, and it renews itself."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from sqlalchemy import inspect, select, update
from sqlalchemy.exc import OperationalError

from holding.db.models import Company, Hold, Membership, Person, Session
from holding.holds.folding import fold_all
from tests.browser.conftest import Open, Served
from tests.browser.test_accessible import violations
from tests.support.factories import make_company

pytestmark = pytest.mark.browser
ITSELF = re.compile(r"/c\??$")
LARGE = 123_456_789_012
"""Minor units: RM 1,234,567,890.12."""


def _hold_in(served: Served, code: str, currency: str, book: int) -> None:
    """A company of farah with one hold of so much, in a currency of its own."""
    with served.database.write() as session:
        farah = session.scalars(select(Person).where(Person.email == "farah@kedai.my")).one()
        other = make_company(session, code, name=f"Kedai {code} Sdn Bhd")
        session.get_one(Company, other.id).currency = currency
        role = {"role": "viewer", "granted_at": served.clock.now()}
        session.add(Membership(company_id=other.id, person_id=farah.id, **role))
        hold = session.scalars(select(Hold).where(Hold.state == "open").order_by(Hold.id)).first()
        assert hold is not None
        names = [one.key for one in inspect(Hold).column_attrs if one.key != "id"]
        own = {"company_id": other.id, "seq": 98 + book % 2, "book": book}
        session.add(Hold(**{name: getattr(hold, name) for name in names} | own))


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_sums_of_several_currencies_keep_to_the_window(
    somebody: Open, served: Served, width: int
) -> None:
    farah = somebody("farah", width=width)
    _hold_in(served, "utara", "SGD", LARGE)
    _hold_in(served, "timur", "USD", LARGE + 1)
    farah.go("/c")
    foot = farah.page.locator("tfoot")
    assert "SGD" in foot.inner_text()
    assert "USD" in foot.inner_text()
    assert farah.page.evaluate("document.documentElement.scrollWidth") <= width
    edges = "all => all.map(one => one.getBoundingClientRect().right)"
    for part in ("tfoot *", "tbody *"):
        most = max(farah.page.locator(part).evaluate_all(edges))
        assert most <= farah.page.locator("main").evaluate(
            "one => one.getBoundingClientRect().right"
        )


def test_the_list_of_companies_renews_itself(somebody: Open, served: Served) -> None:
    """What a colleague does shows without a click; what is typed, and where one is, stays."""
    farah = somebody("farah")
    page = farah.page
    _hold_in(served, "utara", "SGD", 500)
    farah.go("/c")
    page.evaluate("window.kept = 1")
    row = page.locator("tbody tr", has_text="Kedai utara Sdn Bhd")
    assert "SGD 5.00" in row.inner_text().replace("\u00a0", " ")
    page.keyboard.press("/")
    page.keyboard.type("SO-10")
    with served.database.write() as session:
        session.execute(
            update(Hold).where(Hold.seq >= 98).values(state="cleared", closed_at=served.clock.now())
        )
    fold_all(served.database)
    served.clock.advance(timedelta(minutes=5))
    page.evaluate("htmx.trigger(document.body, 'tick')")
    row.get_by_text("None").first.wait_for()
    assert page.evaluate("window.kept") == 1
    assert page.input_value("#find") == "SO-10"
    assert page.evaluate("document.activeElement.id") == "find"
    told = served.clock.now().astimezone(ZoneInfo("Asia/Kuala_Lumpur"))
    assert f"{told:%H:%M}" in page.locator("#foot").inner_text(), "the moment of its data, too"
    assert violations(page) == "[]"
    assert farah.said == []


def test_a_list_that_cannot_be_renewed_says_so_and_stays(somebody: Open, served: Served) -> None:
    farah = somebody("farah")
    page = farah.page
    _hold_in(served, "utara", "SGD", 500)
    farah.go("/c")
    before = page.inner_text("h1")
    page.route(ITSELF, lambda route: route.abort())
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.locator("#netbar", has_text="Clearpost is not responding").wait_for()
    assert page.inner_text("h1") == before
    page.unroute(ITSELF)
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.locator("#netbar").wait_for(state="hidden")
    farah.said.clear()  # the lost request is what was asked for


def test_an_outage_of_the_database_is_told_in_the_words_of_its_page_and_goes_away(
    somebody: Open, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    farah = somebody("farah")
    page = farah.page
    for address in ("/c", "/c/kedai/holding"):
        farah.go(address)
        bar, before = page.locator("#netbar"), page.inner_text("h1")
        with monkeypatch.context() as broken:
            broken.setattr(type(served.clock), "now", _away)
            page.evaluate("htmx.trigger(document.body, 'tick')")
            bar.get_by_text("The database cannot be reached.").wait_for()
            assert "Nothing was lost, and nothing was sent." in page.inner_text("#announce")
            assert page.inner_text("#notice") == ""
            assert page.inner_text("h1") == before
        page.evaluate("htmx.trigger(document.body, 'tick')")
        bar.wait_for(state="hidden")


def _away(_: object) -> None:
    raise OperationalError("SELECT 1", {}, psycopg.OperationalError("connection refused"))


def test_the_page_of_a_proxy_is_not_shown_as_words_of_the_portal(
    somebody: Open, served: Served
) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c")
    html = {"content_type": "text/html", "body": "<h1>Bad gateway</h1>"}
    page.route(ITSELF, lambda route: route.fulfill(status=502, **html))
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.locator("#netbar", has_text="Clearpost is not responding.").wait_for()
    farah.said.clear()  # the refused request is what was asked for


def test_whoever_was_signed_out_meanwhile_is_asked_to_sign_in(
    somebody: Open, served: Served
) -> None:
    farah = somebody("farah")
    _hold_in(served, "utara", "SGD", 500)
    farah.go("/c")
    with served.database.write() as session:
        session.execute(update(Session).values(revoked_at=served.clock.now()))
    farah.page.evaluate("htmx.trigger(document.body, 'tick')")
    farah.page.wait_for_url("**/signin**")
