"""What passes is decided without its story, and says the same."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from rules.decisions.route_rules import EARLY
from rules.documents.fields import DocumentProgram
from rules.facts import Conflict, Dated, Facts, Subject, TargetState
from rules.outcome_hash import parts_of
from rules.outcomes import Outcome
from rules.values.canonical import dumps, number_text
from tests.rules.kedai import INVOICE, NOW, TEXT, decision, judge, line, order, program_of, world


def decided(body: dict[str, Any], **parts: Any) -> Outcome:
    asked = Subject("order", "netshop", body, 1), Facts(NOW), world(**parts), NOW
    return program_of().decision(*asked)


@pytest.fixture
def by_field(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The routes whose documents were made field by field."""
    found: list[str] = []
    draft = DocumentProgram.draft

    def noted(self: DocumentProgram, run: Any) -> Any:
        found.append(self.route)
        return draft(self, run)

    monkeypatch.setattr(DocumentProgram, "draft", noted)
    return found


def test_a_clean_record_is_decided_without_its_story(by_field: list[str]) -> None:
    found = decided(order())
    assert INVOICE not in by_field
    assert decision(found) == decision(judge(order()))
    assert decision(found).document is not None
    assert decision(found).plan[0].document == decision(found).document


@pytest.mark.parametrize("status", ["Paid", "pending"])
def test_a_record_that_goes_early_says_so(by_field: list[str], status: str) -> None:
    """The gate tells it of the statuses that may still change, and of no others."""
    program = program_of(TEXT.replace("    wait     pending", "    early    pending", 1))
    facts = Facts(NOW, documents_of_family={INVOICE: "NS-1"})
    outcome = program.decision(
        Subject("order", "netshop", order(status=status), 1), facts, world(), NOW
    )
    assert by_field == []
    assert {one.state for one in outcome.decisions} == {"ready"}
    early = [(v.kind, v.text) for v in outcome.verdicts]
    assert early == ([("gate", EARLY)] * 2 if status == "pending" else [])


def test_every_entry_that_a_document_was_made_with_is_told() -> None:
    there = world()
    asked = Subject("order", "netshop", order(), 1), Facts(NOW), there, NOW
    program_of().decision(*asked)  # from now on the look-ups of this world are remembered
    used = {(u.table, u.key) for u in program_of().decision(*asked).used}
    tables = {("debtor", "C-77"), ("item", "TEA-1"), ("tax_code", "SST"), ("units", "CTN|TEA-1")}
    assert used >= tables | {("tax_rate", "SST"), ("tax_rate", "NONE")}


def test_the_parts_of_a_document_are_its_own() -> None:
    documents = [decision(judge(order(number=number))).document for number in ("NS-1", "NS-2")]
    for one in documents:
        assert one is not None
        assert parts_of(one) == (dumps(one.fields).encode(), dumps(one.lines).encode())


def test_a_number_below_zero_has_one_text() -> None:
    texts = [number_text(Decimal(t), 2) for t in ("-0.00", "-1.50", "1E+3", "1E-3")]
    assert texts == ["0.00", "-1.50", "1000.00", "0.001"]


def test_a_day_that_a_person_gave_stands_in_the_document() -> None:
    given = Dated(date(2026, 11, 18), date(2026, 11, 17), "Farah")
    document = decision(judge(order(), dated={INVOICE: given})).document
    assert document is not None
    assert (document.date, document.fields["InvoiceDate"]) == (given.day, "2026-11-17")


def test_a_record_of_doubtful_identity_is_held_though_its_rules_pass() -> None:
    """Also where each of its routes is ready, so that nothing else asks for its story."""
    ready = {INVOICE: "NS-1"}
    assert {one.state for one in judge(order(), documents_of_family=ready).decisions} == {"ready"}
    conflict = Conflict("id", "NS-1 (a)", ("b",))
    held = judge(order(), documents_of_family=ready, conflicts=(conflict,))
    for one in held.decisions:
        assert (one.state, [f.code for f in one.findings]) == ("held", ["IDN01"])


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (order(customer="C-404"), {}),
        (order(lines=[line(uom="TIN"), line()]), {}),
        (order(lines=[line(tax="GST"), line()]), {}),
        (order(total="1.00"), {}),
        (order(status="pending"), {}),
        (order(paid_at=None), {}),
        (
            order(),
            {
                "targets": {
                    "aiaccount": TargetState(known=True, codes={"currency": frozenset({"SGD"})})
                }
            },
        ),
    ],
)
def test_what_does_not_pass_is_told_in_full(body: dict[str, Any], parts: dict[str, Any]) -> None:
    told = judge(body, world=world(**parts))
    untold: dict[str, Any] = {"verdicts": (), "lineage": (), "used": (), "valid_until": None}
    assert replace(decided(body, **parts), **untold) == replace(told, **untold)


def test_entries_are_in_the_order_that_people_read_where_they_read_them_else_of_their_ids() -> None:
    brief = decided(order()).used
    whole = judge(order()).used
    assert [one.entry_id for one in brief] == sorted(one.entry_id for one in brief)
    places = [(one.table, one.key, one.entry_id) for one in whole]
    assert places == sorted(places)
    assert len({one.table for one in whole}) > 1
