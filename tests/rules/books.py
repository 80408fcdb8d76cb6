"""A small shop that posts to real targets, as the connectors describe them."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from connectors.kit.canonical_record import orders_of
from connectors.targets.aiaccount.ways import DOCUMENTS as AIACCOUNT
from connectors.targets.autocount.documents import DOCUMENTS as AUTOCOUNT
from connectors.targets.quickbooks.documents import POSTED as QUICKBOOKS
from grammar.parsing.parser import parse
from grammar.text.problem import Problem
from rules.checker.all_checks import check
from rules.program import Program, compile_ruleset
from rules.types.symbol_table import Schemas
from tests.rules.shop import TEXT

ORDERS = orders_of("shop")
KNOWN = Schemas((*AIACCOUNT, *AUTOCOUNT, *QUICKBOOKS), (ORDERS,))

_SHOP = TEXT[: TEXT.index("post order")]
_SHOP = _SHOP.replace("    day      date   dated\n", "    ordered_on  date  dated\n")
_SHOP = _SHOP.replace("status, day, total", "status, ordered_on, tax_total, total, customer")
_SHOP = _SHOP.replace(
    "    total    money\n", "    tax_total  money\n    total  money\n    customer  text\n"
)

AIACCOUNT_POST = """
post order to aiaccount.sales_invoice as "{number}"
    immediately
    we own   the rest  else review by accounts
    InvoiceNumber    = document_number
    InvoiceDate      = ordered_on
    Customer         = customer
    Currency         = "MYR"
    Total            = total
    each line
        LineNo       = line.pos
        Description  = line.sku
        Quantity     = line.qty
        UnitPrice    = line.price
        AccountCode  = "40000"
        TaxCode      = "SST"
        TaxAmount    = line.tax_due
        LineTotal    = line.amount + line.tax_due
"""
AUTOCOUNT_POST = """
post order to autocount.invoice as "IV-{number}"
    immediately
    we own   the rest  else review by accounts
    DocNo            = document_number
    DocDate          = ordered_on
    DebtorCode       = customer
    DebtorName       = customer
    DisplayTerm      = "C.O.D."
    Location         = "HQ"
    InclusiveTax     = no
    each line
        ItemCode        = item(line.sku)
        AccNo           = "500-0000"
        Qty             = line.qty
        UnitPrice       = line.price
        SubTotal        = line.amount
        TaxCode         = "S-10"
        TaxAmount       = line.tax_due
"""
QUICKBOOKS_POST = """
post order to quickbooks.invoice as "{number}"
    immediately
    we own   the rest  else review by accounts
    DocNumber             = document_number
    TxnDate               = ordered_on
    CustomerRef           = customer
    GlobalTaxCalculation  = "TaxExcluded"
    Total                 = total
    each line
        ItemRef     = "11"
        Qty         = line.qty
        UnitPrice   = line.price
        Amount      = line.amount
        TaxCodeRef  = line.sku
        TaxAmount   = line.tax_due
"""


def text_of(post: str, changes: Mapping[str, str]) -> str:
    """The text of the shop's rules under this route, with pieces replaced."""
    target = post.split(" to ")[1].split(".")[0]
    text = (_SHOP + post).replace("target books", f"target {target}")
    for old, new in changes.items():
        assert old in text, old
        text = text.replace(old, new, 1)
    return text


@lru_cache(maxsize=64)
def _rules(text: str) -> tuple[Program, tuple[Problem, ...]]:
    ruleset, problems = parse({"shop.rules": text})
    assert problems == (), problems
    return compile_ruleset(ruleset, hash="x", schemas=KNOWN), check(ruleset, KNOWN)


def rules(
    post: str = AIACCOUNT_POST, changes: Mapping[str, str] | None = None
) -> tuple[Program, tuple[Problem, ...]]:
    """The shop under this route with pieces replaced: its program and what the checker says."""
    return _rules(text_of(post, changes or {}))


def codes(post: str = AIACCOUNT_POST, changes: Mapping[str, str] | None = None) -> list[str]:
    """The codes of what the checker says of the amounts."""
    return [p.code for p in rules(post, changes)[1] if p.code in {"POS21", "POS22", "POS23"}]


def order(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An order of 12 pieces for 10.00 each and 10 % tax: 132.00."""
    body = {
        "number": "A-1", "status": "paid", "ordered_on": "2026-11-19", "customer": "300-C007",
        "tax_total": "12.00", "total": "132.00", "lines": list(lines) or [line()],
    }  # fmt: skip
    return {k: v for k, v in (body | changes).items() if v is not None}


def line(**changes: Any) -> dict[str, Any]:
    """One line of it."""
    return {"pos": 1, "sku": "T-1", "uom": "PCS", "qty": "12", "price": "10.00"} | changes
