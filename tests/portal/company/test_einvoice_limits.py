"""The limit of e-Invoices, its day and whether it counts itself are answers, in every template."""

from datetime import date
from decimal import Decimal

import pytest

from holding.db.refusal import Refusal
from holding.rulesets.admission import examine, inspect
from portal.starters import catalogue
from portal.starters.catalogue import Draft, EInvoiceLimit, Template

HAVING = [one for one in catalogue.templates() if one.einvoice]
TEA = Decimal("248.70")  # what the order of the template's tests comes to
SOLD = date(2026, 11, 18)
ROUTE = "aiaccount.sales_invoice"
HELD = "hold for tax_desk because buyer_named"
AT_THE_LIMIT = "hold for tax_desk because order_at_the_limit"


def draft(template: Template, einvoice: EInvoiceLimit | None) -> Draft:
    return catalogue.fill_template(
        template,
        template.limit,
        template.hour,
        currency="MYR",
        zone="Asia/Kuala_Lumpur",
        einvoice=einvoice,
    )


def test_all_templates_but_none_speak_of_e_invoices() -> None:
    assert [one.word for one in catalogue.templates() if not one.einvoice] == []


@pytest.mark.parametrize("template", HAVING, ids=lambda one: one.word)
def test_every_template_takes_another_limit_and_day(template: Template) -> None:
    stands = template.einvoice
    assert stands is not None
    assert (stands.amount, stands.itself) == (Decimal("10000.00"), False)
    assert draft(template, stands) == draft(template, None)
    found = draft(template, EInvoiceLimit(Decimal(500), date(2026, 7, 1), itself=True))
    assert not isinstance(examine(dict(found.files)), Refusal)
    rules = [text for path, text in found.files.items() if not path.endswith("_test.rules")]
    told = "\n".join(rules)
    assert "from 2026-07-01 = 500.00\n" in told
    assert "bove {e_invoice_limit}" not in told
    assert "bove RM {e_invoice_limit}" not in told
    assert " > e_invoice_limit" not in told
    assert "<= e_invoice_limit" not in told
    assert "  # above it the e-invoice" not in told
    assert "a sale above it" not in told


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (EInvoiceLimit(TEA, SOLD), AT_THE_LIMIT),
        (EInvoiceLimit(TEA, SOLD, itself=True), f"{HELD}\n    expect   {ROUTE} {AT_THE_LIMIT}"),
        (EInvoiceLimit(TEA - Decimal("0.01"), SOLD), HELD),
        (EInvoiceLimit(TEA + Decimal("0.01"), SOLD, itself=True), "ready"),
        (EInvoiceLimit(Decimal(1), date(2026, 11, 19), itself=True), "ready"),
        (EInvoiceLimit(Decimal(1), date(2020, 1, 1)), HELD),
    ],
)
def test_an_order_without_its_buyer_is_held_from_the_answered_limit_and_day_on(
    limit: EInvoiceLimit, expected: str
) -> None:
    [template] = [one for one in HAVING if one.word == "netshop-aiaccount"]
    files = dict(draft(template, limit).files)
    asked = f'\ntest "as answered"\n    given    tea\n    expect   {ROUTE} {expected}\n'
    files["orders_test.rules"] += asked
    tests = inspect(files).tests
    assert tests is not None
    assert "as answered" not in [one.title for one in tests.failed]
    files["orders_test.rules"] += asked.replace(expected, "wait").replace("as answered", "not so")
    again = inspect(files).tests
    assert again is not None
    assert "not so" in [one.title for one in again.failed]
