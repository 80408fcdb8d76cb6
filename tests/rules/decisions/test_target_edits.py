"""A document that somebody edited in the target: whose field it was, and what is found."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from rules.facts import PostingFact, TargetEdit
from rules.values.canonical import PostingState
from tests.rules import kedai
from tests.rules.roaster import (
    BILL,
    GONE,
    INVOICE,
    NOTE,
    TEXT,
    actions,
    changed,
    decide,
    invoice,
    judge,
    line,
    order,
    parcel,
    posted,
    program_of,
)


@pytest.mark.parametrize(
    ("field", "line", "shows", "codes"),
    [
        ("DebtorCode", None, "300-X", ["STL03"]),
        ("DebtorCode", None, " 300-B7", []),
        ("Agent", None, "LIM", []),
        ("Qty", 1, "2", ["STL03"]),
        ("Qty", 1, "1.00", []),
        ("Qty", 9, "1.00", ["STL03"]),
    ],
)
def test_whose_field_was_edited(field: str, line: int | None, shows: str, codes: list[str]) -> None:
    edit = TargetEdit(INVOICE, 1, line, field, shows)
    found = decide(order(), GONE, postings=(BILL,), target_edited=(edit,))
    assert (found.state, [f.code for f in found.findings]) == ("posted", codes)
    released = frozenset({(INVOICE, "target_edited")})
    kept = decide(order(), GONE, postings=(BILL,), target_edited=(edit,), releases=released)
    assert kept.findings == ()


@pytest.mark.parametrize(
    ("shows", "error_class", "said"),
    [
        ("nothing", "uncertain", "is not in the accounting system"),
        ("void", "stale_version", "was made void in the accounting system"),
        ("2 of them exist there", "stale_version", "2 of them exist there"),
    ],
)
def test_a_document_that_is_gone_is_found_whoever_owns_its_fields(
    shows: str, error_class: str, said: str
) -> None:
    edit = TargetEdit(INVOICE, 1, None, "document", shows)
    (finding,) = decide(order(), GONE, postings=(BILL,), target_edited=(edit,)).findings
    assert (finding.error_class, said in finding.message) == (error_class, True)


def test_an_edit_is_told_of_the_document_that_it_is_of() -> None:
    second = replace(BILL, seq=2, number="IV-C-1-2", billed={})
    edit = TargetEdit(INVOICE, 2, None, "DebtorCode", "300-X")
    (finding,) = decide(order(), GONE, postings=(BILL, second), target_edited=(edit,)).findings
    assert finding.message.startswith("IV-C-1-2 was changed in the accounting system: DebtorCode")


def test_a_release_of_an_edit_covers_one_document() -> None:
    second = replace(BILL, seq=2, number="IV-C-1-2", billed={})
    edits = tuple(TargetEdit(INVOICE, seq, None, "DebtorCode", "300-X") for seq in (1, 2))
    given: dict[str, Any] = {"postings": (BILL, second), "target_edited": edits}
    released = judge(order(), GONE, edits_released=frozenset({(INVOICE, 1)}), **given)
    assert [one.message.split()[0] for one in invoice(released).findings] == ["IV-C-1-2"]
    assert [
        (dict(one.operands)["posted as"], one.released)
        for one in released.verdicts
        if one.rule == "target_edited"
    ] == [(BILL.number, True), ("IV-C-1-2", False)]


@pytest.mark.parametrize("answer", ["ignore", "warn"])
def test_no_mild_answer_for_fields_lets_a_lost_document_pass(answer: str) -> None:
    mine = "    they own Agent, Remark\n    we own   the rest  else "
    program = program_of(TEXT.replace(f"{mine}review by books", f"{mine}{answer}"))
    given = {"postings": (BILL,), "program": program}
    field = TargetEdit(INVOICE, 1, None, "DebtorCode", "300-X")
    mild = decide(order(), GONE, target_edited=(field,), **given)
    assert {one.severity for one in mild.findings} == ({"warn"} if answer == "warn" else set())
    gone = TargetEdit(INVOICE, 1, None, "document", "nothing")
    (finding,) = decide(order(), GONE, target_edited=(gone,), **given).findings
    assert (finding.code, finding.severity) == ("STL03", "hold")


def test_an_edit_in_the_target_stands_beside_every_other_answer() -> None:
    edit = TargetEdit(INVOICE, 1, None, "DebtorCode", "300-X")
    found = decide(order(status="cancelled"), **changed(target_edited=(edit,)))
    assert (found.state, actions(found)) == ("held", [("void", INVOICE, 1)])
    assert [f.code for f in found.findings] == ["STL03"]


DEARER = order(lines=[line(price="4.00")], total="20.00")


def edits_to(body: Mapping[str, Any]) -> tuple[TargetEdit, ...]:
    """Return the edits that make the first bill what a record with this body would be billed."""
    document = decide(body, GONE).document
    assert document is not None
    content: Mapping[str, Any] = BILL.content or {}
    before = [content["fields"], *content["lines"]]
    return tuple(
        TargetEdit(INVOICE, 1, no or None, name, row[name])
        for no, (row, old) in enumerate(
            zip([document.fields, *document.lines], before, strict=True)
        )
        for name in row
        if row[name] != old[name]
    )


def test_what_says_there_what_the_record_says_is_not_credited() -> None:
    edits = edits_to(DEARER)
    assert edits
    found = decide(DEARER, GONE, **changed(target_edited=edits))
    assert (found.state, actions(found), found.findings) == ("posted", [], ())


def test_what_is_credited_with_another_document_needs_a_decision_about_its_edit() -> None:
    """A credit note has the amounts that were posted, not those of the edit."""
    second = posted(decide(order(), parcel("2"), **changed(version=1)).plan[0], body=order())
    given = changed(postings=(BILL, second), target_edited=edits_to(DEARER))
    found = decide(DEARER, parcel("2"), **given)
    assert (NOTE, 1) in [(route, seq) for _, route, seq in actions(found)]
    assert (found.state, [one.code for one in found.findings]) == ("held", ["STL03"])


def test_an_edited_tax_of_what_is_credited_cannot_be_released() -> None:
    """The target shows the tax of all lines as one sum, and the credit note has the posted tax."""
    content = BILL.content or {}
    posted_lines = content["lines"]
    assert isinstance(posted_lines, list | tuple)
    lines = [{**row, "TaxAmount": "2.50"} for row in posted_lines]
    bill = replace(BILL, content={**content, "lines": lines})
    second = posted(decide(order(), parcel("2"), **changed(version=1)).plan[0], body=order())
    edit = TargetEdit(INVOICE, 1, None, "TaxAmount", "9.99")
    found = decide(DEARER, parcel("2"), **changed(postings=(bill, second), target_edited=(edit,)))
    [finding] = found.findings
    sent = f"{Decimal('2.50') * len(lines):.2f}"
    assert f"TaxAmount {sent} is 9.99 there" in finding.message
    assert (finding.code, str(finding.clears)) == ("STL03", "never")


def test_without_tables_an_edit_in_the_target_is_found_too() -> None:
    document = kedai.decision(kedai.judge(kedai.order())).document
    assert document is not None
    content = {"fields": document.fields, "lines": list(document.lines)}
    posting = PostingFact(kedai.INVOICE, 1, PostingState.POSTED, "NS-1", 1, content)
    edit = TargetEdit(kedai.INVOICE, 1, None, "Customer", "Cash")
    outcome = kedai.judge(kedai.order(), postings=(posting,), target_edited=(edit,))
    assert [f.code for f in kedai.decision(outcome).findings] == ["STL03"]


@pytest.mark.parametrize(
    ("posted", "shows", "held"),
    [("19.20", "19.20", False), ("18.00", "19.20", False), ("19.20", "18.00", True)],
)
def test_a_sum_that_the_target_shows_is_compared_with_the_lines(
    posted: str, shows: str, held: bool
) -> None:
    """QuickBooks shows one tax of all lines: it equals what was posted, or the record as it is."""
    document = kedai.decision(kedai.judge(kedai.order())).document
    assert document is not None
    first, *others = document.lines
    content = {"fields": document.fields, "lines": [{**first, "TaxAmount": posted}, *others]}
    posting = PostingFact(kedai.INVOICE, 1, PostingState.POSTED, "NS-1", 1, content)
    edit = TargetEdit(kedai.INVOICE, 1, None, "TaxAmount", shows)
    outcome = kedai.judge(kedai.order(), postings=(posting,), target_edited=(edit,))
    findings = kedai.decision(outcome).findings
    assert ("STL03" in [finding.code for finding in findings]) is held
