"""What a document comes to in the books, against the record's own total and its own lines."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from connectors import registry
from grammar.layout.written import format_text
from grammar.parsing.parser import parse
from rules.facts import Facts, PostingFact, Subject, TargetState, load_seeds
from rules.outcomes import Finding, Outcome
from rules.program import compile_interpreted
from rules.rulebook.book import build_book
from rules.values.canonical import PostingState
from tests.rules.books import (
    AIACCOUNT_POST,
    AUTOCOUNT_POST,
    KNOWN,
    QUICKBOOKS_POST,
    codes,
    line,
    order,
    rules,
    text_of,
)
from tests.rules.one_meaning import in_every_way
from tests.rules.shop import NOW, found, judged

Changes = Mapping[str, str]
TOTAL, TAX = "    Total            = total\n", "        TaxAmount    = line.tax_due\n"
NO_TAX = {TAX: "", " + line.tax_due": ""}
LOST = {**NO_TAX, TOTAL: ""}
WHY = "Vouchers are booked by hand."
WORD = {"    immediately\n": f'    immediately\n    amount   not compared because "{WHY}"\n'}
WORD_IN_PARTS = {
    "else wait\n": f'else wait\n    amount   not compared because "{WHY}"\n',
}
TAX_BY_CODE = {"        TaxAmount       = line.tax_due\n": ""}


def outcome(post: str, changes: Changes, body: dict[str, Any], **more: Any) -> Outcome:
    """What both engines say of an order; a glance says the same."""
    program, _ = rules(post, changes)
    of = judged(program, body, **more)
    world = load_seeds(program.ruleset, {}).world(1, {"books": TargetState(known=True)})
    asked = (Subject("order", "shop", body, 1), Facts(NOW), world, NOW)
    slow = compile_interpreted(program.ruleset, hash="x", schemas=KNOWN)
    assert slow.evaluate(*asked) == in_every_way(program, *asked)
    return of


def held(post: str, changes: Changes, body: dict[str, Any] | None = None) -> Finding:
    """The one finding that holds an order."""
    of = outcome(post, changes, body or order())
    assert [d.state for d in of.decisions] == ["held"]
    (one,) = found(of)
    assert (one.error_class, one.owner) == ("business_rule", "accounts")
    return one


def amount(post: str, changes: Changes, body: dict[str, Any] | None = None) -> str:
    """The amount of the document of an order that goes."""
    (decision,) = outcome(post, changes, body or order()).decisions
    assert decision.state == "ready", decision.reason
    assert decision.document is not None
    return str(decision.document.amount)


# ---- T03: the amount is what the books will show -------------------------------------------------


def test_T03a_the_amount_of_an_autocount_invoice_holds_its_tax() -> None:
    assert amount(AUTOCOUNT_POST, {}) == "132.00"
    assert amount(AIACCOUNT_POST, {}) == "132.00"


def test_T03a_quickbooks_rounds_the_tax_of_each_code_for_itself() -> None:
    at_the_end = {"per line then sum": "sum then round"}
    two = [line(qty="1", price="10.04"), line(pos=2, qty="1", price="10.04")]
    assert amount(QUICKBOOKS_POST, at_the_end, order(*two, total="22.09")) == "22.09"
    two[1]["sku"] = "T-2"
    assert amount(QUICKBOOKS_POST, at_the_end, order(*two, total="22.08")) == "22.08"
    assert held(QUICKBOOKS_POST, at_the_end, order(*two, total="22.09")).code == "RND01"


def test_T03a_the_amount_of_a_bill_is_its_amount_and_the_tax_beside_it() -> None:
    bill = """
post order to autocount.ap_invoice as "{number}"
    immediately
    we own   the rest  else review by accounts
    DocNo         = document_number
    DocDate       = ordered_on
    CreditorCode  = customer
    CreditorName  = customer
    DisplayTerm   = "C.O.D."
    AccNo         = "905-0000"
    TaxCode       = "S-10"
    TaxAmount     = tax_total
    Amount        = total - tax_total
"""
    assert codes(bill) == []
    assert amount(bill, {}) == "132.00"
    assert codes(bill, {"    TaxAmount     = tax_total\n": ""}) == ["POS21"]
    assert codes(bill, {"    TaxCode       = \"S-10\"\n    TaxAmount     = tax_total\n": ""}) == [
        "POS22"
    ]  # fmt: skip


def test_T03a_what_takes_a_posting_back_comes_to_the_same() -> None:
    back = """
post order to autocount.credit_note reversing autocount.invoice as "CN-{reversed}"
    DocDate  = ordered_on

on cancel of order
    | period | do          |
    | -      | credit note |
"""
    post = AUTOCOUNT_POST + back
    changes = {
        "wait     open": "wait     open\n    cancel   cancelled",
        "one of paid, open": "one of paid, open, cancelled",
        'as "IV-{number}"': 'as "IV-{number}-{posting}"',
    }
    program, _ = rules(post, changes)
    first = judged(program, order()).decisions[0].document
    assert first is not None
    content = {
        "amount": "132.00",
        "fields": dict(first.fields),
        "lines": [dict(row) for row in first.lines],
    }
    posting = PostingFact("autocount.invoice", 1, PostingState.POSTED, first.number, 1, content)
    world = load_seeds(program.ruleset, {}).world(1, {"autocount": TargetState(known=True)})
    subject = Subject("order", "shop", order(status="cancelled"), 2)
    of = in_every_way(program, subject, Facts(NOW, postings=(posting,)), world, NOW)
    (step,) = of.decisions[0].plan
    assert step.document is not None
    assert (step.action, str(step.document.amount)) == ("credit_note", "132.00")


@pytest.mark.parametrize("document", registry.schemas()[0], ids=lambda d: f"{d.target}.{d.name}")
def test_T03c_every_document_type_says_how_its_total_is_made(document: Any) -> None:
    names = {f.name for f in (*document.header, *document.lines)}
    told = document.amounts
    assert told is not None or document.total_field
    parts = (
        (told.amount, told.tax, told.code, told.quantity, told.price, told.discount) if told else ()
    )
    assert {name for name in parts if name} <= names
    assert document.total_field is None or document.total_field in names


def test_T03c_tax_by_a_code_alone_is_a_finding() -> None:
    assert codes(AUTOCOUNT_POST) == []
    assert codes(AUTOCOUNT_POST, TAX_BY_CODE) == ["POS21"]
    with_total = {"    InclusiveTax     = no\n": "    FinalTotal       = total\n"}
    assert codes(AUTOCOUNT_POST, {**TAX_BY_CODE, **with_total}) == []
    inclusive = {"    InclusiveTax     = no\n": "    InclusiveTax     = yes\n"}
    assert codes(AUTOCOUNT_POST, {**TAX_BY_CODE, **inclusive}) == []
    by_record = {"    InclusiveTax     = no\n": "    InclusiveTax     = (total > 1.00)\n"}
    assert codes(AUTOCOUNT_POST, by_record) == ["POS21"]


def test_T03c_of_a_bill_in_parts_a_total_in_the_header_is_none() -> None:
    in_parts = {
        "    immediately\n": "    immediately\n    bill     line.qty of line.qty  else wait\n",
        "    InclusiveTax     = no\n": "    FinalTotal       = total\n",
        'as "IV-{number}"': 'as "IV-{number}-{posting}"',
    }
    assert codes(AUTOCOUNT_POST, {**TAX_BY_CODE, **in_parts}) == ["POS21"]
    assert codes(AUTOCOUNT_POST, in_parts) == []


# ---- T04: nothing is lost without a finding ------------------------------------------------------


def test_T04a_a_route_that_posts_neither_tax_nor_total_is_a_finding() -> None:
    assert codes() == []
    assert codes(changes=LOST) == ["POS22"]
    assert codes(changes={TOTAL: ""}) == []
    assert codes(changes=NO_TAX) == []
    assert codes(changes={**LOST, **WORD}) == []


def test_T04a_a_total_that_the_record_does_not_read_is_a_finding() -> None:
    blind = {"    total  money\n": "", "tax_total, total,": "tax_total,", TOTAL: ""}
    assert codes(changes=blind) == ["POS22"]
    assert codes(changes={**blind, **WORD}) == []


def test_T04a_a_document_without_money_has_nothing_to_lose() -> None:
    goods = """
post order to autocount.delivery_order as "DO-{number}"
    immediately
    we own   the rest  else review by accounts
    DocNo         = document_number
    DocDate       = ordered_on
    DebtorCode    = customer
    each line
        ItemCode  = item(line.sku)
        Qty       = line.qty
"""
    assert codes(goods) == []
    assert amount(goods, {}) == "0"


def test_T04b_what_the_lines_lose_of_the_order_holds_it_with_both_sums() -> None:
    one = held(AIACCOUNT_POST, LOST)
    assert one.code == "RND02"
    assert "total is RM 132.00" in one.message
    assert "120.00" in one.message
    assert held(AUTOCOUNT_POST, {}, order(total="142.00")).code == "RND02"


def test_T04b_a_line_that_a_bill_in_parts_forgets_is_found_at_its_first_part() -> None:
    in_parts = {
        "    immediately\n": "    immediately\n    bill     line.gone of line.qty  else wait\n",
        "line.amount\n        Tax": "due_of(line.amount)\n        Tax",
        "    amount   =": "    gone     = round(line.qty / 2, 1)\n    amount   =",
        "Qty             = line.qty": "Qty             = line.due",
        "= line.tax_due": "= round(due_of(line.amount) * 10%, 0.01)",
        'as "IV-{number}"': 'as "IV-{number}-{posting}"',
    }
    assert amount(AUTOCOUNT_POST, in_parts) == "66.00"
    three = order(line(qty="3", price="1.118"), tax_total="0.34", total="3.69")
    assert amount(AUTOCOUNT_POST, in_parts, three) == "2.46"  # 2.23 of 3.35 fall on two, for 2.24
    assert held(AUTOCOUNT_POST, in_parts, order(total="137.00")).code == "RND02"


def test_T04b_what_a_part_leaves_out_is_not_in_its_amount() -> None:
    first_only = {
        "    immediately\n": "    immediately\n    bill     line.gone of line.qty  else wait\n",
        "    amount   =": "    gone     = min(line.qty, 12)\n    amount   =",
        "        UnitPrice       = line.price\n": "",
        "Qty             = line.qty": "Qty             = line.due",
        "= line.tax_due": "= due_of(line.tax_due)",
        'as "IV-{number}"': 'as "IV-{number}-{posting}"',
    }
    rows = (line(), line(pos=2, qty="0", price="7.00"))
    assert amount(AUTOCOUNT_POST, first_only, order(*rows)) == "132.00"
    whole = {**first_only, "SubTotal        = line.amount": "SubTotal        = line.price * 12"}
    whole["SubTotal        = line.amount"] = "SubTotal        = round(line.price * 12, 0.01)"
    of = outcome(AUTOCOUNT_POST, {**whole, **WORD_IN_PARTS}, order(*rows))
    assert [str(d.document.amount) for d in of.decisions if d.document] == ["132.00"]


def test_T04b_what_a_check_has_found_is_not_found_twice() -> None:
    check = """
check adds on order
    require  sum(lines.amount) + tax_total = total
    else     hold for accounts
    say      "{total} is not the sum."
    clears   by accounts
"""
    lost = {TOTAL: "    Total            = sum(lines.amount) + tax_total\n"}
    of = outcome(AIACCOUNT_POST + check, lost, order(total="140.00"))
    assert [f.rule for f in found(of)] == ["adds"]


def test_T04b_a_total_in_the_header_that_is_not_the_records_is_held() -> None:
    one = held(AIACCOUNT_POST, {TOTAL: "    Total            = total - tax_total\n", **NO_TAX})
    assert one.code == "RND04"
    assert one.message == "Total is RM 120.00, but the record says total RM 132.00: RM 12.00 less."


def test_T04b_what_the_source_calls_rounding_may_be_left_out() -> None:
    rounded = {
        "    total  money\n": "    total  money\n    round_off  money\n",
        "tax_total, total,": "tax_total, total, round_off,",
    }
    part = {TOTAL: "    Total            = total - round_off\n"}
    body = order(total="131.98", round_off="-0.02")
    assert amount(AIACCOUNT_POST, {**rounded, **part}, body) == "132.00"
    assert amount(AIACCOUNT_POST, {**rounded, TOTAL: ""}, body) == "132.00"
    off = order(total="131.97", round_off="-0.02")
    assert held(AIACCOUNT_POST, {**rounded, TOTAL: ""}, off).code == "RND01"


def test_T04b_a_tolerance_accepts_and_tells() -> None:
    some = {"tolerance  0.00  else hold": "tolerance  12.00  else hold"}
    of = outcome(AIACCOUNT_POST, {**LOST, **some}, order())
    assert [d.state for d in of.decisions] == ["ready"]
    free = frozenset({("aiaccount.sales_invoice", "own_total")})
    lost = {TOTAL: "    Total            = total - tax_total\n", **NO_TAX}
    of = outcome(AIACCOUNT_POST, lost, order(), releases=free)
    assert [d.state for d in of.decisions] == ["ready"]


def test_T04c_a_wrong_line_total_names_the_line_its_parts_and_the_difference() -> None:
    two = order(line(), line(pos=2, qty="1"), tax_total="13.00", total="143.00")
    one = held(AIACCOUNT_POST, {"line.amount + line.tax_due": "line.amount"}, two)
    assert (one.code, one.rule, one.lines) == ("RND05", "line_amount", (1, 2))
    assert one.message == (
        "Line 1: LineTotal is RM 120.00, but Quantity 12 × UnitPrice RM 10.00 + TaxAmount RM 12.00 "
        "makes RM 132.00: RM 12.00 less. "
        "Line 2: LineTotal is RM 10.00, but Quantity 1 × UnitPrice RM 10.00 + TaxAmount RM 1.00 "
        "makes RM 11.00: RM 1.00 less."
    )


def test_T04c_only_a_price_that_uses_all_its_places_explains_a_difference() -> None:
    wrong = {"line.amount + line.tax_due": "line.amount + line.tax_due + 0.01"}
    assert held(AIACCOUNT_POST, {**wrong, "tolerance  0.00": "tolerance  0.00"}).code == "RND05"
    some = {"tolerance  0.00  else hold": "tolerance  0.01  else hold"}
    assert [d.state for d in outcome(AIACCOUNT_POST, {**wrong, **some}, order()).decisions] == [
        "ready"
    ]  # fmt: skip
    thirds = order(line(qty="300", price="0.3333"), tax_total="10.00", total="109.99")
    assert amount(AIACCOUNT_POST, {}, thirds) == "109.99"
    more = {"= line.amount + line.tax_due": "= line.amount + line.tax_due + 0.01"}
    of = outcome(AIACCOUNT_POST, more, thirds)
    assert [f.code for f in found(of)] == []
    more = {"= line.amount + line.tax_due": "= line.amount + line.tax_due + 0.03"}
    assert held(AIACCOUNT_POST, more, thirds).code == "RND05"


@pytest.mark.parametrize(
    ("discount", "makes"), [('"10%"', "118.80"), ('"12.00"', "118.80"), ('""', "132.00")]
)
def test_T04c_a_discount_is_an_amount_or_a_part_in_percent(discount: str, makes: str) -> None:
    less = {
        "        SubTotal": f"        Discount        = {discount}\n        SubTotal",
        "        TaxAmount       = line.tax_due": "        TaxAmount       = tax_total",
        "SubTotal        = line.amount": "SubTotal        = total - tax_total",
    }
    tax = Decimal(makes) / 11
    body = order(total=makes, tax_total=f"{tax:.2f}")
    assert amount(AUTOCOUNT_POST, less, body) == makes
    assert held(AUTOCOUNT_POST, {**less, discount: '"1.00"'}, body).code in {"RND02", "RND05"}


# ---- T04d: the word that leaves it out -----------------------------------------------------------


def test_T04d_the_word_leaves_it_out_and_its_reason_stands_in_trace_and_rule_book() -> None:
    of = outcome(AIACCOUNT_POST, {**LOST, **WORD}, order())
    assert [(d.state, d.findings) for d in of.decisions] == [("ready", ())]
    (said,) = [v for v in of.verdicts if v.rule == "own_total"]
    assert said.result == "not_applicable"
    assert said.operands == (("total", "132.00"),)
    assert WHY in said.text
    program, _ = rules(changes={**LOST, **WORD})
    told = " ".join(e.text for s in build_book(program.ruleset).sections for e in s.entries)
    assert f"is not compared with the total of the order. The reason: “{WHY.rstrip('.')}”." in told


def test_T04d_the_lines_are_still_compared_with_their_own_parts() -> None:
    wrong = {"line.amount + line.tax_due": "line.amount"}
    assert held(AIACCOUNT_POST, {**wrong, **WORD}).code == "RND05"


def test_T04d_a_word_without_a_reason_or_without_need_is_a_finding() -> None:
    assert codes(changes={**LOST, **{k: v.replace(WHY, " ") for k, v in WORD.items()}}) == ["POS23"]
    no_total = {"    total  money\n": "", "tax_total, total,": "tax_total,", TOTAL: ""}
    assert codes(changes={**no_total, **WORD}) == []


def test_T04d_the_word_keeps_its_layout() -> None:
    text = text_of(AIACCOUNT_POST, WORD)
    assert format_text(format_text(text)) == format_text(text)
    (post,) = parse({"a": format_text(text)})[0].posts
    assert post.uncompared is not None
    assert post.uncompared.reason == WHY
