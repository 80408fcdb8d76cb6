"""The rule book: every rule in words, on paper without scripts."""

import doctest
import re
from datetime import timedelta
from functools import cache
from typing import Any

import pytest

from grammar import nodes
from grammar.parsing.parser import parse
from grammar.text.characters import grouped
from rules import phrases
from rules.phrases import phrases_of
from rules.program import compile_ruleset, hash_files
from rules.rulebook.book import TOPICS, Book, Entry, Proofs, build_book
from rules.rulebook.hold_entries import book_html, book_markdown
from rules.types.functions import NAMES
from rules.types.symbol_table import Index
from rules.values import wording
from tests.rules.expressions.test_links import TEXT as DEPOT
from tests.rules.kedai import TEXT as KEDAI

LOCKED = (
    "An order that is cancelled after it was posted, while the period of the document is locked, "
    "whether or not it has an e-invoice and whatever “gone out” is: nothing is done in autocount, "
    "and the hold cannot be released."
)


@cache
def ruleset(text: str = DEPOT) -> nodes.Ruleset:
    found, problems = parse({"depot.rules": text})
    assert problems == ()
    return found


@cache
def written(text: str = DEPOT) -> Book:
    found = ruleset(text)
    return build_book(
        found, proofs=Proofs(found, compile_ruleset(found, hash=hash_files({"x": text})))
    )


def entries(topic: str, text: str = DEPOT) -> list[Entry]:
    return [e for s in written(text).sections if s.topic == topic for e in s.entries]


def said(topic: str, text: str = DEPOT) -> list[str]:
    return [e.text for e in entries(topic, text)]


def one(topic: str, name: str, text: str = DEPOT) -> Entry:
    return next(e for e in entries(topic, text) if e.name == name)


def test_a_cancelled_posted_order_in_a_locked_period_is_one_sentence() -> None:
    assert LOCKED in said("exceptions")


def test_ready_is_one_sentence_for_each_route() -> None:
    (delivery, order) = said("ready")
    assert delivery == (
        "A delivery is ready to post to autocount as a delivery order when: its status is "
        "“left”; it is not a duplicate; these checks pass: “is ordered” and “open period”; all "
        "required fields are filled, and all codes and units are mapped."
    )
    assert "its status is “agreed”, “sent” or “closed”; part of it is not billed yet" in order
    assert "its delivery order is posted" in order
    big = "the big order of 5,000.00 (before 2026-07-01: 4,000.00)"
    assert f"where the total is above {big}" in order
    assert "“few trips”" not in order  # it only warns


def test_ready_names_what_goes_early() -> None:
    text = DEPOT.replace("    wait     draft", "    early    draft")
    assert "“sent” or “closed” or “draft”, while it can still change;" in said("ready", text)[1]
    assert any("although its status can still change" in w for w in said("status", text))


def test_no_const_is_called_by_its_name_alone() -> None:
    for text in (DEPOT, KEDAI):
        for const in ruleset(text).consts:
            name, value = wording.readable_name(const.name), const.rows[0].value
            plain = value.value
            shown = (
                phrases.duration_words(plain)
                if isinstance(plain, timedelta)
                else grouped(str(plain))
            )
            naming = [s for t in TOPICS for s in said(t, text) if re.search(rf"\b{name}\b", s)]
            assert naming
            assert [s for s in naming if shown not in s] == []


def test_edits_name_their_fields_and_say_that_the_strictest_wins() -> None:
    words = said("exceptions")
    assert any("changes in its party (buyer, branch or ordered on)" in w for w in words)
    assert any("the strictest answer counts" in w for w in words)
    assert any("has less to bill than was billed" in w for w in words)


def test_bill_and_retry_and_units_are_said() -> None:
    assert (
        "An invoice in autocount bills only what is not billed yet: what is gone of the line, less "
        "what was billed before, out of what is wanted of the line. The rest waits for a later "
        "invoice."
    ) in said("timing")
    assert any("up to 5 times, first after 30 seconds" in w for w in said("retry"))
    assert "Initial entry: 1 CTN is 6 TIN." in said("uom")


def test_what_a_document_gets_is_said_field_by_field() -> None:
    assert any(
        "SKU is the item for the SKU of the line" in w
        and "AccountCode is the sales account “40000”" in w
        for w in said("mapping", KEDAI)
    )


@pytest.mark.parametrize("text", [DEPOT, KEDAI], ids=["depot", "kedai"])
def test_every_declaration_stands_in_the_book_with_its_line(text: str) -> None:
    rules = ruleset(text)
    at = {e.span.line for s in written(text).sections for e in s.entries if e.span}
    declared: list[Any] = [
        *(rules.roles + rules.consts + rules.sources + rules.targets + rules.links + rules.maps),
        *(rules.checks + rules.approvals + rules.edits + rules.posts + rules.reversals),
        *(row for gate in rules.gates for row in gate.rows),
        *(row for one in rules.units for row in (*one.bases, *one.rows)),
        *(unique for one in rules.duplicates for unique in one.uniques),
        *(row for t in rules.edits + rules.cancels + rules.retries for row in t.table.rows),
        *(f for r in rules.records for f in r.fields if isinstance(f, nodes.Computed)),
    ]
    assert [d.span for d in declared if d.span.line not in at] == []


def test_a_rule_has_its_owner_and_the_tests_in_which_it_decides() -> None:
    check = one("uom", "check whole_pieces", KEDAI)
    assert check.owners == ("Shop counter",)
    assert check.tests == ("a unit without a factor", "half a piece")
    row = next(e for e in entries("status", KEDAI) if "“draft”" in e.text)
    assert row.tests is not None
    assert one("approval", "approve order", KEDAI).owners == ("Accounts",)
    assert one("mapping", "const sales_account", KEDAI).tests is None


def test_a_topic_that_nothing_answers_is_named_with_its_risk() -> None:
    kept = re.sub(r"\n(retry|duplicates|approve|check agreed)[^\n]*\n(    [^\n]*\n)+", "\n", DEPOT)
    found = written(kept)
    assert found.missing == ("Approval and version", "Duplicates", "Retry: when posting fails")
    for page in (book_markdown(found, "Rules"), book_html(found, "Rules")):
        assert (
            "No rule answers: Approval and version; Duplicates; Retry: when posting fails" in page
        )
        assert "Missing: no rule covers this topic. The same thing may be posted twice." in page
        assert "Missing for an order: no rule answers “duplicate invoice”." in page


def test_who_looks_after_what() -> None:
    assert any(w.startswith("To IT support go: ") and "too many deliveries" in w
               for w in said("owners"))  # fmt: skip


SAID = {
    "ordered_on >= today - 31d": "the day it was ordered is at most 31 days ago",
    "ordered_on < today - 1d": "the day it was ordered is more than 24 hours ago",
    "ordered_on <= today + 2d": "the day it was ordered is not after 48 hours after today",
    "status in (paid, void)": "the status is “paid” or “void”",
    "status <> paid": "the status is not “paid”",
    "period = open": "the period of the document is open",
    "not tin is missing": "the TIN is not missing",
    "not is_tin(tin)": "the TIN has not the form of a TIN",
    "not any(lines where qty < 0)": "there are no lines where the quantity is below 0",
    "all(lines where tax = \"NONE\")": "in all lines the tax is “NONE”",
    "count(lines) = 1": "the number of lines is 1",
    "total = 0.00 or (tin is known and total > 1.00)":
        "the total is 0.00 or (the TIN is known and the total is above 1.00)",
    "(total - (tax_total + 1.00)) * 2 > 0.00":
        "(the total less (the tax total plus 1.00)) times 2 is above 0.00",
    "round(total * 10%, 0.01) + 1.00 > 2.00":
        "(the total times 10%, rounded to 0.01) plus 1.00 is above 2.00",
    "date_of(paid_at) = ordered_on": "the day it was paid is the day it was ordered",
    "max(total, 0.00) <= -1.00": "the largest of the total and 0.00 is at most minus 1.00",
    "approved_by <> last_editor":
        "the person who approved it is not the person who edited it last",
    "(discount otherwise 0.00) < total":
        "the discount (0.00 where it is missing) is below the total",
    "debtor(customer) is known": "there is a debtor for the customer",
    "not debtor(customer) is known": "there is no debtor for the customer",
    "paid_at is known": "it is known when it was paid",
    "paid_at is missing": "the moment it was paid is missing",
    "is_whole(fees) and fees >= 0.00":
        "the fees are a whole number and the fees are at least 0.00",
    "0.00 - fees > limit": "minus the fees is above the limit of 100.00",
    "urgent = no": "“urgent” is no",
    "total > limit": "the total is above the limit of 100.00",
    "first_seen > now - 36h": "the moment it was first seen is less than 36 hours ago",
}  # fmt: skip


@pytest.mark.parametrize("written", SAID)
def test_expressions_read_well_aloud(written: str) -> None:
    text = (
        "record order from shop\n    number text key\n    status one of paid, void\n"
        "    ordered_on date dated\n    paid_at moment\n    customer text\n    tin text optional\n"
        "    approved_by user\n    total money\n    tax_total money\n    discount money optional\n"
        "    fees money\n    urgent yesno\n    lines many order_line\n"
        "record order_line of order\n    pos whole key\n    qty quantity\n    tax text\n"
        'map debtor\n    match exact\n    "A" -> "B"\n    missing hold for x say "y"\n'
        "const limit\n    from 2026-01-01 = 100.00\n"
        f"check c on order\n    require {written}\n    else warn\n    say \"s\"\n    clears never\n"
    )  # fmt: skip
    found = ruleset(text)
    assert phrases_of(Index(found)).of("order").expr(found.checks[0].requires[0]) == SAID[written]


def test_every_function_is_said_in_words() -> None:
    for name in NAMES:
        field = "lines" if name in {"count", "any", "all"} else "total"
        call = nodes.Call(name, (nodes.Name((field,), SPAN),) * 3, None, SPAN)
        text = phrases_of(Index(ruleset(KEDAI))).of("order").expr(call)
        assert "_" not in text
        assert "(" not in text


SPAN = ruleset().roles[0].span


def test_names_are_said_as_people_say_them() -> None:
    assert doctest.testmod(phrases).failed == 0


def test_the_page_has_no_script_and_escapes_what_it_says() -> None:
    text = DEPOT.replace("The period is locked.", "<script>alert(1)</script>")
    page = book_html(written(text), "Rules & more", files={"depot.rules": text})
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<title>Rules &amp; more</title>" in page
    assert [re.search(f'id="{t}"', page) is not None for t in TOPICS] == [True] * len(TOPICS)


def test_every_place_on_the_page_leads_to_its_line() -> None:
    page = book_html(written(), "Rules", files={"depot.rules": DEPOT})
    links = re.findall(r'href="#(L-[\w-]+)">([^<]*):(\d+)</a>', page)
    assert len(links) > 50
    for anchor, _, line in links:
        assert anchor.endswith(f"-{line}")
        assert page.count(f'id="{anchor}"') == 1
    check = next(line for line in links if "check open_period" in line[1])
    assert f'id="{check[0]}"> {check[2]}  check open_period on' in page


def test_markdown_has_a_heading_for_each_topic() -> None:
    text = book_markdown(written(), "Rules", ("From files.",))
    assert text.startswith("# Rules\n\nFrom files.\n\nEvery topic has an answer.\n")
    assert all(f"\n## {title}\n" in text for title in TOPICS.values())


def test_one_topic_alone() -> None:
    found = build_book(ruleset(), "retry")
    assert [s.topic for s in found.sections] == ["retry"]
