"""Links by a field of the lines: each line joins records of its own, and a blank one joins none."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from rules.checker.all_checks import check
from rules.editing.symbols import mentions
from rules.facts import Facts, Subject, TargetState, World
from rules.outcomes import Outcome
from rules.phrases import Phrases
from rules.program import Program, compile_ruleset
from rules.rulebook.setup_sentences import link
from rules.types.symbol_table import Index, Scope
from tests.rules.one_meaning import in_every_way

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
TEXT = """language 1

role accounts  "Accounts"

source shop
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "The shop left {field} blank."

target books
    rounding   per line then sum to 0.01
    tolerance  0.00  else hold for accounts
    missing    hold for accounts  say "The books did not tell {field}."

record order from shop
    order_id  text   key
    status    one of paid, open
    total     money

record payout from shop
    number  text   key
    status  one of paid, open
    gross   money
    lines   many payout_line

record payout_line of payout
    pos       whole  key
    order_id  text   optional
    amount    money

link orders of payout
    from     order
    by       order_id = line.order_id
    at most  3  else hold for accounts

gate order
    ready    paid
    wait     open

gate payout
    ready    paid
    wait     open

check is_here on payout each line
    when     line.order_id is known
    require  any(orders where order_id = line.order_id)
    else     hold for accounts
    say      "Order {line.order_id} is not here."
    clears   when it passes

check comes_to on payout
    require  sum(orders.total) = gross
    else     hold for accounts
    say      "Its orders come to {sum(orders.total)}."
    clears   when it passes

post payout to books.receipt as "{number}"
    immediately
    we own   the rest  else hold for accounts
    Number  = document_number
"""


@cache
def program_of(text: str = TEXT) -> Program:
    ruleset, problems = parse({"payouts.rules": text})
    assert problems == ()
    return compile_ruleset(ruleset, hash="")


def order(order_id: str, total: str = "10.00") -> dict[str, Any]:
    return {"order_id": order_id, "status": "paid", "total": total}


def payout(*order_ids: str | None, gross: str = "20.00") -> dict[str, Any]:
    lines = [
        {"pos": at, "amount": "10.00", **({"order_id": one} if one is not None else {})}
        for at, one in enumerate(order_ids, 1)
    ]
    return {"number": "P-1", "status": "paid", "gross": gross, "lines": lines}


def judge(body: dict[str, Any], *orders: dict[str, Any]) -> Outcome:
    facts = Facts(NOW, links={"orders": orders})
    world = World.build(1, {}, {}, {"books": TargetState(known=True)})
    return in_every_way(program_of(), Subject("payout", "shop", body, 1), facts, world, NOW)


def said(outcome: Outcome) -> list[str]:
    """What holds it, once each."""
    (decision,) = outcome.decisions
    return [one.message for one in decision.findings]


def test_each_line_joins_the_order_that_it_names() -> None:
    assert said(judge(payout("A", "B"), order("A"), order("B"))) == []
    assert sorted(said(judge(payout("A", "C"), order("A"), order("B")))) == [
        "Its orders come to RM 10.00.",
        "Order C is not here.",
    ]


def test_an_order_of_several_lines_counts_once_and_a_blank_line_joins_none() -> None:
    assert said(judge(payout("A", "A", None), order("A", "20.00"))) == []


def test_an_order_that_no_line_names_does_not_belong_even_if_the_store_brings_it() -> None:
    assert said(judge(payout("A", gross="10.00"), order("A"), order("X"))) == []


def test_more_orders_than_the_limit_hold_it_by_that_name() -> None:
    many = [order(one) for one in "ABCD"]
    words = said(judge(payout(*"ABCD", gross="40.00"), *many))
    assert any("at most 3 are allowed" in one for one in words), words


def test_the_store_finds_both_sides_by_every_value_once() -> None:
    program = program_of()
    assert program.family_keys(payout("A", "B", "A", None), "payout") == (
        ("link:payout.orders", "A", "order"),
        ("link:payout.orders", "B", "order"),
    )
    assert program.family_keys(order("A"), "order") == (("link:payout.orders", "A", ""),)
    assert program.family_keys({"lines": "nothing"}, "payout") == ()


def codes(text: str) -> list[str]:
    ruleset, problems = parse({"payouts.rules": text})
    return [one.code for one in (*problems, *check(ruleset)) if one.code[:3] != "POS"]


def test_what_joins_must_be_a_field_of_the_lines() -> None:
    usual = set(codes(TEXT))
    assert not {"NAM01", "LNK02"} & usual
    assert "NAM01" in codes(TEXT.replace("= line.order_id\n    at", "= line.ordr_id\n    at"))
    assert "NAM01" in codes(TEXT.replace("= line.order_id\n    at", "= order_id\n    at"))
    assert "LNK02" in codes(TEXT.replace("= line.order_id\n    at", "= line.amount\n    at"))
    without = TEXT.replace("of payout\n    from     order", "of order\n    from     order")
    assert "LNK02" in codes(without)


def test_it_is_laid_out_named_and_told_in_words() -> None:
    assert format_text(TEXT, "payouts.rules") == TEXT
    ruleset, _ = parse({"payouts.rules": TEXT})
    index = Index(ruleset)
    told = link(ruleset.links[0], Phrases(index, Scope(index, "payout")))
    assert "whose order ID is the order ID of a line of the payout" in told
    at = 1 + TEXT.split("\n").index("    by       order_id = line.order_id")
    found = [one for one in mentions(index, {"payouts.rules": TEXT}) if one.span.line == at]
    assert [(one.symbol.name, one.symbol.owner) for one in found] == [
        ("order_id", "order"),
        ("order_id", "payout_line"),
    ]
