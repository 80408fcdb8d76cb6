"""The list of companies on a phone: sums of several currencies keep to the window."""

import pytest
from sqlalchemy import inspect, select

from holding.tables import Company, Hold, Membership, Person
from tests.browser.conftest import Open, Served
from tests.support.factories import make_company

pytestmark = pytest.mark.browser
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
