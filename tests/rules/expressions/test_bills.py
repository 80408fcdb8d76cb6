"""Billing in parts: what is due, how amounts are divided, what becomes of a rest."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar.parsing.parser import parse
from rules.facts import PostingFact
from rules.outcomes import Decision
from rules.program import compile_ruleset
from tests.rules.roaster import (
    INVOICE,
    LOCKED,
    TEXT,
    actions,
    amount,
    decide,
    first_bill,
    judge,
    line,
    order,
    parcel,
    posted,
    program_of,
)


def test_a_part_is_billed_with_its_quantity_told() -> None:
    found = decide(order(), parcel("1"))
    (step,) = found.plan
    assert (step.action, step.seq, step.rule) == ("create", 1, "")
    assert step.billed == {"1": Decimal(1)}
    assert step.document == found.document
    assert amount(step) == Decimal("3.34")


def test_each_document_tells_its_own_part_where_it_comes_from() -> None:
    before = first_bill(order(), parcel("1"))
    outcome = judge(order(branch="JB"), parcel("3"), postings=(before,), version=2)
    told = [e.source for e in outcome.lineage if e.field == "Qty"]
    assert told == ["line.due = 2"]


def test_nothing_due_waits_and_asks_nobody_for_a_date() -> None:
    found = decide(order())
    assert (found.state, found.document, found.plan) == ("waiting", None, ())
    assert found.wait is not None
    assert (found.wait.kind, found.findings) == ("bill", ())


def test_what_is_billed_may_be_told_by_route() -> None:
    told = {INVOICE: {"1": Decimal(2)}}
    (step,) = decide(order(), parcel("3"), billed=told).plan
    assert step.billed == {"1": Decimal(1)}
    assert amount(step) == Decimal("3.34")


def test_lines_are_known_by_their_key_and_not_by_their_place() -> None:
    one, two = line(), line(pos=2, qty="5")
    before = first_bill(order(lines=[one, two]), parcel("3", "0"))
    turned = order(lines=[two, one])
    (step,) = decide(turned, parcel("3", "5"), postings=(before,)).plan
    assert (step.seq, step.billed) == (2, {"2": Decimal(5)})


def test_two_lines_with_one_key_are_held() -> None:
    found = decide(order(lines=[line(), line()]), parcel("1"))
    assert found.state == "held"
    assert {(f.code, f.rule) for f in found.findings} == {("EVA01", "bill")}
    assert "two lines have one key" in found.findings[0].message


def test_an_unknown_unit_holds_and_bills_nothing() -> None:
    found = decide(order(lines=[line(uom="SACK")]), parcel("1"))
    assert found.state == "held"
    assert {f.code for f in found.findings} == {"UOM01"}


def test_a_line_that_is_gone_is_overbilled() -> None:
    before = first_bill(order(lines=[line(), line(pos=2)]), parcel("1", "1"))
    same = dict(before.body or {})
    found = decide(order(lines=[line()]), parcel("1"), postings=(before,), version=2)
    assert actions(found)[0] == ("credit_note", "autocount.credit_note", 1)
    assert decide(same, parcel("1", "1"), postings=(before,)).state == "posted"


@pytest.mark.parametrize(
    ("word", "state", "owner"),
    [("wait", "ready", ""), ("drop", "ready", ""), ("hold for books", "held", "books")],
)
def test_what_becomes_of_a_rest(word: str, state: str, owner: str) -> None:
    program = program_of(TEXT.replace("of line.wanted  else wait", f"of line.wanted else {word}"))
    found = decide(order(), parcel("1"), program=program)
    assert (found.state, "".join(f.owner for f in found.findings)) == (state, owner)
    if owner:
        assert (found.findings[0].code, found.findings[0].rule) == ("BIL01", "bill")
        assert decide(order(), parcel("3"), program=program).state == "ready"


def test_a_dropped_rest_is_never_billed_and_completes_the_order() -> None:
    program = program_of(TEXT.replace("of line.wanted  else wait", "of line.wanted else drop"))
    body = order()
    first = decide(body, parcel("1"), program=program).plan[0]
    assert first.document is not None
    assert first.document.fields["Shipping"] == "8.00"
    later = decide(body, parcel("3"), program=program, postings=(posted(first, body=body),))
    assert (later.state, later.plan) == ("posted", ())


def test_without_tables_a_bill_stays_until_a_person_decides() -> None:
    text = TEXT[: TEXT.index("on edit of order")] + TEXT[TEXT.index("on edit of parcel") :]
    program = program_of(text)
    before = first_bill(order(), parcel("1"), program=program)
    changed = decide(order(branch="JB"), parcel("1"), program=program, postings=(before,))
    assert (changed.state, [f.code for f in changed.findings]) == ("posted", ["STL01"])
    assert "Location was KL, is JB" in changed.findings[0].message
    more = decide(order(), parcel("2"), program=program, postings=(before,))
    assert (more.state, actions(more)) == ("ready", [("create", INVOICE, 2)])
    assert decide(order(), parcel("1"), program=program, postings=(before,)).state == "posted"


def test_a_bill_in_a_locked_period_is_held_by_the_check_of_what_is_sent() -> None:
    before = first_bill(order(), parcel("1"))
    found = decide(order(), parcel("2"), postings=(before,), state=LOCKED)
    assert (found.state, [f.code for f in found.findings]) == ("held", ["PER01"])


CENT = Decimal("0.01")
GROWS = TEXT.replace(
    "| worth, overbilled | open   | credit note and new |",
    "| worth             | open   | ignore              |\n"
    "    | overbilled        | open   | credit note and new |",
)
"""Orders may grow after they were billed: what is posted stays as it is."""


def grown(*quantities: str) -> list[Decimal]:
    """The shipping on each bill of an order of 3 bags: of the first for RM 8.00, of those behind it
    for what is told beside its bags, `5 12.00`, of which all left.
    """
    ruleset, problems = parse({"roaster.rules": GROWS})
    assert problems == ()
    program = compile_ruleset(ruleset, hash="")
    body = order()
    postings: tuple[PostingFact, ...] = (first_bill(body, parcel("3"), program=program),)
    for version, told in enumerate(quantities, start=2):
        bags, _, shipping = told.partition(" ")
        left, _, bags = bags.rpartition("/")
        row, shipping = line(qty=bags), shipping or str(body["shipping"])
        total = Decimal(shipping) + (Decimal(bags) * Decimal("3.3366")).quantize(Decimal("0.01"))
        body = order(lines=[row], shipping=shipping, total=str(total))
        (step,) = decide(
            body, parcel(left or bags), postings=postings, version=version, program=program
        ).plan
        postings += (posted(step, body=body, version=version),)
    contents = [posting.content or {} for posting in postings]
    return [Decimal(content["fields"]["Shipping"]) for content in contents]  # type: ignore[index]


@pytest.mark.parametrize(
    ("told", "bills"),
    [
        (["5"], ["8.00", "0.00"]),
        (["5 12.00"], ["8.00", "4.00"]),
        (["5 0.00"], ["8.00", "-8.00"]),
        (["4/5 12.00", "5"], ["8.00", "0.00", "4.00"]),
        (["5 12.00", "6"], ["8.00", "4.00", "0.00"]),
        (["5", "6 9.50", "7 9.50"], ["8.00", "0.00", "1.50", "0.00"]),
    ],
)
def test_what_was_billed_of_the_header_is_not_billed_again_when_the_order_grows(
    told: list[str], bills: list[str]
) -> None:
    assert grown(*told) == list(map(Decimal, bills))


def test_a_bill_that_is_taken_back_has_billed_nothing_of_the_header() -> None:
    """Credit note and new: the new one has all of it."""
    before = first_bill(order(), parcel("3"))
    larger = order(lines=[line(qty="5")], total="24.68")
    found = decide(larger, parcel("5"), postings=(before,), version=2)
    credit, anew = found.plan
    assert (credit.action, anew.action) == ("credit_note", "create")
    assert anew.document is not None
    assert anew.document.fields["Shipping"] == "8.00"


def test_what_an_order_was_billed_for_is_unknown_where_nobody_kept_it() -> None:
    """Of documents whose version is not kept, those of before are trusted to have billed all."""
    program = program_of(GROWS)
    before = first_bill(order(), parcel("3"), program=program)
    forgotten = replace(before, body=None, version=1)
    found = decide(order(), parcel("5"), postings=(forgotten,), version=2, program=program)
    assert found.plan[-1].document is not None
    assert found.plan[-1].document.fields["Shipping"] == "0.00"


prices = st.decimals(min_value="0.01", max_value="999.9999", places=4)
parts = st.lists(st.integers(min_value=0, max_value=40), min_size=1, max_size=6)


steps = st.lists(
    st.tuples(
        st.integers(min_value=0, max_value=4),  # so many bags more are ordered
        st.integers(min_value=0, max_value=5),  # so many more leave
        st.sampled_from(["8.00", "0.00", "12.50"]),  # the shipping by now
    ),
    min_size=1,
    max_size=6,
)


@pytest.mark.slow
@given(steps)
@settings(max_examples=60, deadline=None)
def test_however_an_order_grows_its_bills_come_to_the_shipping_of_the_last_that_completed_it(
    told: list[tuple[int, int, str]],
) -> None:
    program = program_of(GROWS)
    postings: tuple[PostingFact, ...] = ()
    ordered, left, due = 3, 0, Decimal(0)
    for version, (more, leaves, shipping) in enumerate(told, start=1):
        ordered, left = ordered + more, min(left + leaves, ordered + more)
        body = order(lines=[line(qty=str(ordered))], shipping=shipping)
        body["total"] = str((ordered * Decimal("3.3366")).quantize(CENT) + Decimal(shipping))
        found = decide(body, parcel(str(left)), postings=postings, version=version, program=program)
        assert not found.findings, found.findings
        for step in found.plan:
            if step.action == "create":
                postings += (posted(step, body=body, version=version),)
                due = Decimal(shipping) if left == ordered else due
    bills = [(posting.content or {})["fields"]["Shipping"] for posting in postings]  # type: ignore[index]
    assert sum(map(Decimal, bills)) == due


@pytest.mark.slow
@given(prices, parts, st.decimals(min_value="0.00", max_value="50.00", places=2))
@settings(max_examples=60, deadline=None)
def test_the_parts_of_a_bill_add_up_to_the_whole(
    price: Decimal, quantities: list[int], shipping: Decimal
) -> None:
    whole = sum(quantities)
    row = line(qty=str(whole or 1), price=str(price))
    body = order(lines=[row], shipping=str(shipping), total="1.00")
    postings: tuple[PostingFact, ...] = ()
    left, sums, ships, billed = 0, Decimal(0), Decimal(0), Decimal(0)
    for quantity in quantities:
        left += quantity
        found = decide(body, parcel(str(left)), postings=postings)
        assert (found.state == "ready") == bool(quantity), found.reason
        if not quantity:
            continue
        (step,) = found.plan
        assert step.document is not None
        sums += amount(step)
        ships += Decimal(step.document.fields["Shipping"])
        billed += step.billed["1"]
        assert step.billed == {"1": Decimal(quantity)}
        postings += (posted(step, body=body),)
    if whole:
        assert sums == (whole * price).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
        assert (billed, ships) == (Decimal(whole), shipping)


# ---- what no bill has, though nothing more comes ---------------------------------------------


STANDS = TEXT.replace(
    "| worth, overbilled | open   | credit note and new |",
    "| worth             | open   | DOES                |\n"
    "    | overbilled        | open   | credit note and new |",
)


def cut(does: str = "ignore", **given: Any) -> Decision:
    """An order of 3 bags, of which one is billed, is cut to that one."""
    ruleset, problems = parse({"roaster.rules": STANDS.replace("DOES", does)})
    assert problems == ()
    program = compile_ruleset(ruleset, hash="")
    before = first_bill(order(), parcel("1"), program=program)
    changes = {"lines": [line(qty="1")], "total": "11.34"} | given.pop("body", {})
    facts = {"postings": (before,), "version": 2} | given
    return decide(order(**changes), parcel("1"), program=program, **facts)


def test_an_order_that_is_cut_to_what_was_billed_of_it_is_held_for_its_shipping() -> None:
    (found,) = cut().findings
    assert (found.code, found.rule, found.owner) == ("BIL02", "bill_header", "books")
    assert found.message == (
        "Nothing more of it is to be billed, but shipping of RM 8.00 is on none of IV-C-1-1."
    )
    assert cut(releases=frozenset({(INVOICE, "bill_header")})).findings == ()


def test_who_let_the_difference_stand_is_asked_for_the_shipping() -> None:
    asked = cut("review by books")
    assert [f.code for f in asked.findings] == ["STL01"]
    left = cut("review by books", releases=frozenset({(INVOICE, "worth")}))
    assert [f.code for f in left.findings] == ["BIL02"]


@pytest.mark.parametrize("given", [{"shipping": "0.00"}, {"lines": [line(qty="2")]}])
def test_nobody_is_asked_where_nothing_is_left_or_more_will_come(given: dict[str, Any]) -> None:
    assert cut(body=given).findings == ()


def test_an_order_that_is_made_anew_has_its_shipping_on_the_new_one() -> None:
    found = cut("credit note and new")
    assert [step.action for step in found.plan] == ["credit_note", "create"]
    assert found.findings == ()
    assert cut("update").findings == ()
