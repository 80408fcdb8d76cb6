"""Who submits e-invoices: stated for each target, with nothing awaited where the target does."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.acceptance import gap_rules
from tests.acceptance.depot import day
from tests.acceptance.gaps_at_work import brought, sold
from tests.acceptance.houses import COMPANY
from tests.acceptance.overheard import Line, overheard
from tests.acceptance.parts import read, state
from tests.acceptance.product import ADMIN, Product, free_environment
from tests.acceptance.quiet import BASE, rows
from tests.acceptance.trader import SETTINGS, Trader, opened_trader

pytestmark = pytest.mark.slow
FIELD = "E-invoice"
BY_ADMIN = (*COMPANY, "--as", ADMIN)
STATED = {
    "aiaccount": "AiAccount submits them to LHDN",
    "autocount": "They are submitted in AutoCount.",
    "autocount_aotg": "They are submitted in AutoCount desktop.",
    "autocount_excel": "They are submitted in AutoCount desktop.",
    "quickbooks": "QuickBooks submits none and keeps none: a service of your own submits them.",
}
TITLES = {"aiaccount": "AiAccount", "autocount": "AutoCount"}
BY_TARGET = ("aiaccount", "autocount", "autocount_aotg", "autocount_excel")
STATES = """
SELECT posting.state FROM posting JOIN record ON record.id = posting.record_id
WHERE record.number = ?
"""
HOLDS = """
SELECT hold.code FROM hold JOIN record ON record.id = hold.record_id
WHERE hold.state = 'open' AND record.number = ?
"""
CALLS = {
    "aiaccount": {
        *(("GET", f"/v1/{path}") for path in ("connection", "sales/invoices")),
        ("POST", "/v1/sales/invoices"),
    },
    "autocount": {
        *(("GET", f"/1042/{path}") for path in ("invoice", "product", "debtor")),
        *(("GET", f"/1042/{path}/listing") for path in ("invoice", "creditNote", "product")),
        *(("GET", f"/1042/{path}/listing") for path in ("debtor", "creditor")),
        *(("POST", f"/1042/{path}") for path in ("invoice", "invoice/listing")),
    },
    "quickbooks": {
        *(("GET", f"/v3/company/9130347/{path}") for path in ("query", "preferences")),
        ("GET", "/v3/company/9130347/companyinfo/9130347"),
        ("POST", "/v3/company/9130347/invoice"),
    },
}
"""All that a target is called with when orders are posted and read back, or it is tested, and when
its lists are read.
"""


@dataclass(frozen=True)
class Shop:
    """The company, and the line to each of its targets."""

    trader: Trader
    lines: Mapping[str, Line]

    def e_invoice(self, order: str, number: str) -> str:
        """What the record page says of the e-invoice of a document."""
        panel = self.trader.page("order", order, "pushes").one("section", id="readings")
        row = next(r for r in panel.all("tr", role="row") if number in r.text.split())
        return row.all("td")[-1].text

    def panel(self, target: str) -> str:
        """What the page of a target says of e-invoices."""
        page = self.trader.person("finance").get(f"{BASE}/connections/{target}")
        return read(page).one("section", id="einvoices").text

    def note(self, number: str, text: str) -> None:
        """The company's own service writes into the field of an invoice in QuickBooks."""
        fields = {"SalesRep": "ALI01", FIELD: text}  # what we sent stays as it is
        written = [{"Name": name, "StringValue": one} for name, one in fields.items()]
        books = self.trader.books["quickbooks"]
        books.control("by_hand", number=number, fields={"CustomField": written})

    def days_go_by(self, count: int = 1) -> None:
        """What stands in the targets is read again."""
        self.trader.move(hours=25 * count)
        self.trader.work()
        self.trader.signed_in.clear()  # everybody was signed out meanwhile

    def is_posted_and_free(self, order: str) -> None:
        """Nothing of the order waits, is held or is to be done."""
        shown = self.trader.page("order", order)
        assert state(shown) == "Posted"
        assert {one for (one,) in rows(self.trader, STATES, order)} == {"posted"}
        assert rows(self.trader, HOLDS, order) == []


@pytest.fixture(scope="module")
def shop(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """The company under rules for three targets, with a go-between before each of them."""
    product = Product(command, tmp_path_factory.mktemp("einvoices"), free_environment())
    rules = product.folder / "rules"
    rules.mkdir()
    (rules / "shop.rules").write_text(gap_rules.rules(), "utf-8")
    teams = ("accounts", "sales", "tax_desk")
    with ExitStack() as stack:
        trader = stack.enter_context(opened_trader(product, rules, *SETTINGS, teams=teams))
        lines = {name: stack.enter_context(overheard(b.url)) for name, b in trader.books.items()}
        for name, line in lines.items():
            product.run("connection", "set", name, *BY_ADMIN, "--set", f"base_url={line.url}")
            product.run("connection", "key", name, *BY_ADMIN, stdin=SETTINGS[name][0])
            product.run("connection", "test", name, *BY_ADMIN)
            line.calls.clear()
        yield Shop(trader, lines)


def test_E33_who_submits_is_stated_and_only_a_service_is_waited_for(shop: Shop) -> None:
    _stated_for_each_target(shop)
    _nothing_is_awaited_where_the_target_submits(shop)
    _what_a_service_submits_must_come_back(shop)
    for name, line in shop.lines.items():
        assert set(line.calls) <= CALLS[name], "each is about a document, or the connection"
        assert len([one for one in line.calls if one[0] == "POST" and "listing" not in one[1]]) == 2


def _stated_for_each_target(shop: Shop) -> None:
    """Before it is connected, on its page, and for whoever types commands."""
    product, admin = shop.trader.product, shop.trader.person("admin")
    for name, words in STATED.items():
        told = product.run("connection", "settings", name).stdout
        assert f"e-Invoices: {words}" in told
        form = read(admin.get(f"{BASE}/connections/new?system={name}"))
        assert words in form.one("section", id="einvoices").text
        waits_for_none = "Clearpost submits none" in told and "waits for none" in told
        assert waits_for_none == (name in BY_TARGET)
    for name in SETTINGS:
        assert STATED[name] in shop.panel(name)


def _nothing_is_awaited_where_the_target_submits(shop: Shop) -> None:
    """AiAccount has e-invoices on; the field that another target has is no setting of it."""
    shop.trader.take(brought("NS-1"), sold("NS-1"))
    for _ in range(2):
        shop.is_posted_and_free("NS-1")
        for name, number in (("aiaccount", "NS-1"), ("autocount", "IV-NS-1")):
            told = f"not awaited: {TITLES[name]} submits e-Invoices"
            assert shop.e_invoice("NS-1", number) == told
            assert "await" not in shop.panel(name)
        assert shop.e_invoice("NS-1", "Q-NS-1") == "not awaited", "no field was named"
        shop.days_go_by()
    (made,) = [x for x in shop.trader.books["aiaccount"].lines() if x.get("effect") == "created"]
    assert "uuid" not in str(made).lower()
    words = ("connection", "set", "aiaccount", *BY_ADMIN, "--set", f"e_invoice_field={FIELD}")
    refused = shop.trader.product.run(*words, code=1)
    assert "e_invoice_field" in refused.stderr


def _what_a_service_submits_must_come_back(shop: Shop) -> None:
    """Posted at once, and shown as awaited until a moment is noted; anything else is none."""
    named = ("connection", "set", "quickbooks", *BY_ADMIN, "--set", f"e_invoice_field={FIELD}")
    shop.trader.product.run(*named)
    shop.trader.product.run("connection", "test", "quickbooks", *BY_ADMIN)
    shop.trader.take(brought("NS-2"), sold("NS-2"))
    for noted in ("", "submitted", "F9D425P6DS7D8IU"):
        if noted:
            shop.note("Q-NS-2", noted)
            shop.days_go_by()
        shop.is_posted_and_free("NS-2")
        assert shop.e_invoice("NS-2", "Q-NS-2") == "awaited"
        assert f"2 posted invoices await their e-Invoice in the field “{FIELD}”" in (
            shop.panel("quickbooks")
        )
        assert shop.e_invoice("NS-2", "NS-2") == "not awaited: AiAccount submits e-Invoices"
        long = "1 invoice posted more than 72 hours ago has no e-Invoice yet"
        assert (long in shop.panel("quickbooks")) == bool(noted)
    valid = f"{day(0)}T09:30:00+08:00"
    shop.note("Q-NS-2", valid)
    shop.days_go_by()
    assert shop.e_invoice("NS-2", "Q-NS-2").startswith(f"since {day(0)} 09:30")
    assert "1 posted invoice awaits its e-Invoice" in shop.panel("quickbooks")
    assert shop.e_invoice("NS-1", "Q-NS-1") == "awaited"
    shop.note("Q-NS-1", valid)
    shop.days_go_by()
    assert f"No posted invoice awaits its e-Invoice in the field “{FIELD}”." in (
        shop.panel("quickbooks")
    )
    shop.is_posted_and_free("NS-1")
