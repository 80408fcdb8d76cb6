"""The eight usual exceptions: the rule that answers each, or the risk."""

import pytest

from grammar.parsing.parser import parse
from grammar.text.finding_codes import CODES
from rules.checker.guards import guard_notes
from rules.rulebook.coverage import KINDS, Answer, coverage, coverage_gaps
from tests.rules.expressions.test_links import TEXT as DEPOT
from tests.rules.kedai import TEXT as KEDAI
from tests.rules.kedai import UNTABLED

PARTIAL = "partial delivery"


def answers(text: str) -> dict[tuple[str, str], Answer]:
    ruleset, problems = parse({"a.rules": text})
    assert problems == ()
    return {(a.record, a.exception): a for a in coverage(ruleset)}


def without(text: str, begin: str) -> str:
    """The text without the declarations that begin so."""
    parts = text.split("\n\n")
    kept = [p for p in parts if not p.startswith(begin)]
    assert len(kept) < len(parts)
    return "\n\n".join(kept)


def test_all_eight_are_told_of_every_posted_record() -> None:
    found = answers(DEPOT)
    assert {record for record, _ in found} == {"order", "delivery"}
    assert len(found) == 2 * len(KINDS) == 16


@pytest.mark.parametrize(
    ("exception", "rule"),
    [
        ("duplicate invoice", "duplicates of"),
        ("cancelled order", "on cancel of order"),
        ("changed price", "on edit of order"),
        ("UOM mismatch", "units"),
        ("failed push", "retry autocount"),
    ],
)
def test_a_rule_answers_and_without_it_there_is_a_risk(exception: str, rule: str) -> None:
    answer = answers(DEPOT)["order", exception]
    assert answer.state == "answered"
    assert answer.text.startswith(rule)
    assert answer.span is not None
    risk = answers(without(DEPOT, rule))["order", exception]
    assert risk.state == "open"
    assert risk.text


def test_a_number_alone_does_not_tell_the_same_under_another_number() -> None:
    """Only what follows another document needs no more: that is there once."""
    content = "unique by blogger as supplier, settled_on in history"
    assert KEDAI.count(content) == 1
    told = KEDAI.replace(content, "unique by number in history")
    risk = answers(told)["settlement", "duplicate invoice"]
    assert risk.state == "open"
    assert "under another number" in risk.text
    assert answers(KEDAI)["settlement", "duplicate invoice"].state == "answered"
    bill = "    daily    at 02:00 by settled_on\n"
    follows = told.replace(bill, f"{bill}    after    aiaccount.sales_invoice\n")
    assert answers(follows)["settlement", "duplicate invoice"].state == "answered"


def test_billing_in_parts_answers_partial_deliveries() -> None:
    found = answers(DEPOT)["order", "partial delivery"]
    assert found.text == "bill of autocount.invoice"


def test_a_refund_in_part_is_no_partial_delivery() -> None:
    def held(name: str) -> Answer:
        return answers(KEDAI.replace("hold     returned ", f"hold     {name} "))["order", PARTIAL]

    assert held("partly_delivered").text == "gate order: hold partly_delivered"
    for name in ("refunded_partly", "partially_refunded", "returned_in_part"):
        assert held(name).state == "open"


def test_two_maps_that_must_agree_answer_the_duplicate_party() -> None:
    assert answers(KEDAI)["order", "duplicate party"].text == "check one_debtor"
    assert answers(DEPOT)["order", "duplicate party"].state == "open"


def test_a_map_and_the_order_it_belongs_to_answer_the_duplicate_party_too() -> None:
    check = """

check same_debtor on delivery
    require  debtor(customer) = latest(orders.customer)
    else     hold for sales_admin
    say      "Another debtor."
    clears   when it passes
"""
    assert answers(DEPOT)["delivery", "duplicate party"].state == "open"
    assert answers(DEPOT + check)["delivery", "duplicate party"].text == "check same_debtor"


def test_maps_that_agree_are_seen_through_computed_fields() -> None:
    text = KEDAI.replace(
        "record order_line of order",
        "    who         = debtor(customer)\n\nrecord order_line of order",
        1,
    )
    text = text.replace(
        "require  debtor_of_tin(tin) = debtor(customer)", "require  debtor_of_tin(tin) = who", 1
    )
    assert "tin) = who" in text
    assert answers(text)["order", "duplicate party"].text == "check one_debtor"


def test_what_cannot_happen_is_no_risk() -> None:
    found = answers(KEDAI)["settlement", "partial delivery"]
    assert (found.state, found.text) == ("never", "nothing in it is counted")


def test_a_table_for_one_route_leaves_the_others_open() -> None:
    text = UNTABLED + "\non cancel of order for aiaccount.sales_invoice\n    | period | do    |\n"
    text += "    | -      | block |\n"
    assert answers(text)["order", "cancelled order"].state == "open"


def test_gaps_are_errors_with_a_page() -> None:
    ruleset, _ = parse({"a.rules": DEPOT})
    found = coverage_gaps(ruleset)
    assert {p.code for p in found} == {"COV01"}
    assert "COV01" in CODES
    assert all(p.severity == "error" and p.hint for p in found)


def test_notes_name_unguarded_optional_fields() -> None:
    ruleset, _ = parse({"a.rules": DEPOT})
    assert guard_notes(ruleset) == ()
    text = DEPOT.replace("    when     seen_as is known\n", "")
    (note,) = guard_notes(parse({"a.rules": text})[0])
    assert (note.code, note.severity) == ("OPT01", "info")
    assert "'agreed_version' holds a record without 'seen_as'" in note.message


def test_a_look_up_that_is_asked_for_guards_its_key() -> None:
    check = KEDAI[KEDAI.index("check one_debtor") :].split("\n\n")[0]
    assert "debtor_of_tin(tin) is known" in check
    assert not [
        note for note in guard_notes(parse({"a.rules": KEDAI})[0]) if "one_debtor" in note.message
    ]
