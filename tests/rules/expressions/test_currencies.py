"""Amounts carry their currency: two of them never meet as numbers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.facts import Facts, Subject, TargetState, load_seeds
from rules.outcomes import Finding
from rules.program import compile_interpreted, compile_ruleset
from tests.rules.expressions.test_own_fields import MORE, REFUND
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import TEXT as SHOP
from tests.rules.shop import line, order

NOW = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
FITS = """
check fits on refund
    require  CONDITION
    else     hold for accounts
    say      "{number} does not fit."
    clears   by accounts
"""
BOTH = pytest.mark.parametrize("made_by", [compile_ruleset, compile_interpreted])
OTHER_SOURCE = """
source abroad
    currency  USD
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "{field} is blank."
"""


def rules(condition: str, *, told: bool = True, abroad: bool = False) -> str:
    """The shop and its refunds, in which each record says its currency; or whose orders are of a
    source in another one.
    """
    text = SHOP + MORE.replace("    where    day <= refunded_on\n", "")
    for kind in ("order", "refund") if told else ():
        begin = f"record {kind} from shop\n    number "
        assert text.count(begin) == 1
        text = text.replace(
            begin, f"record {kind} from shop\n    currency text optional\n    number "
        )
    text = text.replace("all  = status, day", "all  = currency, status, day") if told else text
    text = text.replace("status, order_number", "currency, status, order_number") if told else text
    if abroad:
        text = text.replace("record order from shop", "record order from abroad") + OTHER_SOURCE
    return text + FITS.replace("CONDITION", condition)


def findings(
    made_by: Any,
    text: str,
    *sales: dict[str, Any],
    **changes: Any,
) -> list[Finding]:
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    program = made_by(ruleset, hash="h")
    world = load_seeds(ruleset, {}).world(1, {"books": TargetState(known=True)})
    subject = Subject("refund", "shop", REFUND | changes, 1)
    facts = Facts(NOW, links={"sales": sales})
    outcome = in_every_way(program, subject, facts, world, NOW)
    return [f for d in outcome.decisions for f in d.findings]


APPROVE = """
approve refund for books.credit_note
    when     total > 4.00
    by       accounts
    say      "{total} is above the limit."
"""


def codes(*given: Any, **more: Any) -> list[str]:
    return [f.code for f in findings(*given, **more)]


def told(text: str) -> list[tuple[str, str]]:
    ruleset, broken = parse({"shop.rules": text})
    assert broken == ()
    return [(p.code, p.message) for p in check(ruleset) if p.severity == "error"]


@BOTH
@pytest.mark.parametrize(
    "condition",
    [
        "total <= sum(sales.total)",
        "sum(sales.total) - total >= 0.00",
        "any(sales where total >= 1.00) and count(sales) > 0",
        "sum(sales.lines.amount) >= total",
        "max(sum(sales.total), total) > 0.00",
    ],
)
def test_T13e_amounts_of_two_currencies_are_unknown_and_told_in_words(
    made_by: Any, condition: str
) -> None:
    ringgit = order(line(), total="9.00", currency="MYR")
    dollars = ringgit | {"currency": "SGD"}
    text = rules(condition)
    assert told(text) == []
    assert findings(made_by, text, ringgit, currency="MYR") == []
    assert findings(made_by, text, ringgit) == []  # says none: that of its source
    (found,) = findings(made_by, text, dollars)
    assert (found.code, found.severity, found.owner) == ("CUR01", "hold", "accounts")
    assert found.message == (
        "sales: order A-1 is in SGD, this refund in MYR."
        " Amounts of two currencies are not compared."
    )


@BOTH
@pytest.mark.parametrize(("written", "named"), [("sgd ", "SGD"), ("S$", "S$"), ("myr ", "")])
def test_T13e_a_linked_record_with_an_unreadable_currency_is_in_what_it_states(
    made_by: Any, written: str, named: str
) -> None:
    linked = order(line(), total="9.00", currency=written)
    found = findings(made_by, rules("total <= sum(sales.total)"), linked, currency="MYR")
    expected = [f"sales: order A-1 is in {named}, this refund in MYR."] if named else []
    assert [f.code for f in found] == ["CUR01"] * len(expected)
    assert [f.message.split(" Amounts")[0] for f in found] == expected


@BOTH
def test_T13e_what_is_no_amount_is_compared_as_ever(made_by: Any) -> None:
    dollars = order(line(), total="9.00", currency="SGD")
    for condition in ("count(sales) = 1", "latest(sales.day) <= refunded_on + 31d"):
        assert findings(made_by, rules(condition), dollars) == []


@BOTH
def test_T13e_a_number_of_the_rules_counts_in_the_currency_of_the_source(made_by: Any) -> None:
    """The source is in MYR, so a limit of 4.00 is no limit of a refund in SGD."""
    for condition in ("total > 4.00", "4.00 < total", "total - 4.00 > 0.00"):
        assert findings(made_by, rules(condition), order(currency="MYR"), currency="MYR") == []
        (found,) = findings(made_by, rules(condition), order(currency="SGD"), currency="SGD")
        assert found.code == "CUR01"
        assert found.message == (
            "4.00 counts in MYR, as all amounts of shop do, and this refund is in SGD."
            " Amounts of two currencies are not compared."
        )
    for condition in ("total > 0.00", 'currency <> "MYR" or total > 4.00'):
        assert findings(made_by, rules(condition), order(currency="SGD"), currency="SGD") == []


@pytest.mark.parametrize(
    ("condition", "code", "words"),
    [
        ("total <= sum(sales.total)", "TYP01", "money in MYR cannot be compared with money in USD"),
        (
            "total + sum(sales.total) > 0.00",
            "TYP04",
            "money in MYR cannot be added to money in USD",
        ),
        (
            "round(total * 2, 0.01) - sum(sales.total) > 0.00",
            "TYP04",
            "money in MYR cannot be taken together with money in USD",
        ),
        ("max(total, sum(sales.total)) > 0.00", "TYP08", "'max' of money in MYR and money in USD"),
        ("total / sum(sales.total) < 2", "TYP04", "money in MYR cannot be divided by money in USD"),
    ],
)
def test_T13g_two_currencies_that_are_known_beforehand_are_an_error(
    condition: str, code: str, words: str
) -> None:
    found = told(rules(condition, told=False, abroad=True))
    assert found == [(code, words)]
    assert told(rules(condition, told=False)) == []


@pytest.mark.parametrize(
    "say",
    [
        "{currency} {total} is above RM {total}, not {total}.",
        "SGD {total} is above MYR {total}, not {total}.",
    ],
)
@BOTH
def test_an_amount_is_told_in_the_currency_of_its_record(made_by: Any, say: str) -> None:
    """Whatever sign the rules write before it."""

    def told(text: str, currency: str) -> str:
        found = findings(made_by, text, currency=currency, total="1301.74")
        return next(f.message for f in found if f.rule == "fits")

    text = rules("total < 0.00").replace("{number} does not fit.", say)
    dear = "SGD 1,301.74"
    assert told(text, "SGD") == f"{dear} is above {dear}, not {dear}."
    home = "RM 1,301.74"
    assert told(text.replace("SGD", "MYR"), "MYR") == f"{home} is above {home}, not {home}."


@BOTH
def test_an_approval_that_may_not_be_needed_says_why_it_is_asked_for(made_by: Any) -> None:
    """What its rule says would be false: 5.00 of one currency is not above 4.00 of another."""
    text = rules("total >= 0.00") + APPROVE
    home = findings(made_by, text, currency="MYR")
    assert [f.message for f in home if f.code == "APP01"] == ["RM 5.00 is above the limit."]
    (asked,) = (f for f in findings(made_by, text, currency="SGD") if f.code == "APP01")
    assert asked.message == (
        "4.00 counts in MYR, as all amounts of shop do, and this refund is in SGD. "
        "Amounts of two currencies are not compared. So it needs an approval."
    )
