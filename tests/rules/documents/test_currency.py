"""The currency of a document: what it names, else that of its record."""

from datetime import UTC, datetime
from typing import Any

import pytest

from grammar.parsing.parser import parse
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.program import compile_interpreted, compile_ruleset
from tests.rules.one_meaning import in_every_way

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
RULES = """\
language 1

role accounts "Accounts"

source shop
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "{field} is missing."

target books
    rounding   per line then sum to 0.01
    tolerance  0.00  else hold for accounts
    missing    hold for accounts  say "{field} is missing."

record order from shop
    number    text  key
    status    one of paid, cancelled
    day       date  dated
    party     text
    CURRENCY
    total     money

gate order
    ready   paid
    cancel  cancelled

post order to books.invoice as "{number}"
    immediately
    we own the rest else review by accounts
    DocNo    = document_number
    DocDate  = day
    Party    = party
    Total    = total
    NAMED
"""
ORDER = {"number": "N-1", "status": "paid", "day": "2026-11-19", "party": "P", "total": "100.00"}
OWN = "currency  text"


def currency(made_by: Any, own: str = OWN, named: str = "", **more: Any) -> str:
    text = RULES.replace("CURRENCY", own).replace("    NAMED\n", f"    {named}\n" if named else "")
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    program = made_by(ruleset, hash="h")
    world = load_seeds(ruleset, {}).world(1, {"books": TargetState(known=True)})
    subject = Subject("order", "shop", ORDER | more, 1)
    outcome = in_every_way(program, subject, Facts(NOW), world, NOW)
    (document,) = (one.document for one in outcome.decisions)
    assert document is not None
    return str(document.currency)


BOTH = pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])


@BOTH
def test_a_document_that_names_none_is_in_that_of_its_record(made_by: Any) -> None:
    """100.00 in SGD is not 100.00 in MYR."""
    assert currency(made_by, currency="SGD") == "SGD"
    assert currency(made_by, currency="MYR") == "MYR"
    assert currency(made_by, own="note  text  optional") == "MYR"


@BOTH
def test_one_that_names_its_currency_is_in_that(made_by: Any) -> None:
    assert currency(made_by, named="CurrencyCode = currency", currency="SGD") == "SGD"
    assert currency(made_by, named='Currency = "USD"', currency="SGD") == "USD"
    assert currency(made_by, named='CurrencyRef = "USD"', currency="SGD") == "USD"
