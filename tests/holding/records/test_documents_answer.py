"""Each document of a record answers the seven questions for itself, in the order they were made."""

from collections.abc import Sequence

import pytest

from holding.records import checklist_and_finding, preentry, record_rows, trace
from holding.records.seven_answers import DocumentAnswers
from rules.decisions.judge_record import EvaluationInput
from rules.program import Program
from tests.holding.life import LARGE, NUMBERED, TABLES, Begun, Life
from tests.holding.shop import FILES, line, order
from tests.support.simulator import DEMO_KEY

MORE = {"total": "864.00", "lines": [line(qty="9")]}
CREDITED = [
    ("A-1-1", "reversed", ""),
    ("CN-A-1-1", "posted", "A-1-1"),
]


@pytest.fixture
def life(begun: Begun) -> Life:
    return begun(FILES | {"shop.rules": NUMBERED + TABLES})


def documents(life: Life, number: str = "A-1") -> tuple[DocumentAnswers, ...]:
    with life.shop.database.read() as session:
        return trace.answer_documents(session, life.shop.record(session, number).id)


def shown(life: Life, number: str = "A-1") -> list[tuple[str, str, str]]:
    return [(one.number, str(one.state), one.reverses) for one in documents(life, number)]


def credited(life: Life) -> tuple[DocumentAnswers, ...]:
    """Return the answers of an order that was posted, then cancelled with a credit note."""
    life.arrive("A-1", **LARGE)
    life.arrive("A-1", status="cancelled", **LARGE)
    return documents(life)


def test_an_invoice_that_was_credited_answers_before_its_credit_note(life: Life) -> None:
    credited(life)
    assert shown(life) == CREDITED


def test_a_document_names_when_and_with_which_key_it_was_posted(life: Life) -> None:
    invoice, note = credited(life)
    assert [one.key_tail for one in (invoice, note)] == [DEMO_KEY[-4:]] * 2
    assert invoice.posted_at is not None
    assert note.posted_at is not None
    assert invoice.posted_at < note.posted_at


def test_an_answer_about_change_is_about_its_own_document(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    life.arrive("A-1", **MORE)
    assert [number for number, _, _ in shown(life)] == ["A-1-1", "CN-A-1-1", "A-1-2"]
    first, note, second = (one.answers[4] for one in documents(life))
    assert first.text.startswith("Yes, since version 1 was sent: version 2 ")
    assert "CN-A-1-1 posted" in first.text
    assert "A-1-2 posted" in first.text
    assert (note.text, note.tone) == ("No. Version 2 is the latest version.", "good")
    assert (second.text, second.tone) == ("No. Version 2 is the latest version.", "good")


def test_an_answer_about_holds_is_about_its_own_document(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    life.books.moods.append("refuse")
    life.arrive("A-1", status="cancelled", **LARGE)
    invoice, note = documents(life)
    assert [one.number for one in (invoice, note)] == ["A-1-1", "CN-A-1-1"]
    assert invoice.answers[6].text == "No. It was never put on hold."
    assert note.answers[6].text.startswith("Yes: ")


def test_the_summary_shows_a_credited_invoice_and_its_credit_note(life: Life) -> None:
    invoice, note = credited(life)
    with life.shop.database.read() as session:
        record = life.shop.record(session, "A-1")
        card = preentry.load_card(session, record.id, invoice.posting_id, None, ())
        alone = preentry.load_card(session, record.id, note.posting_id, None, ())
    assert [one.number for one in card.documents] == ["A-1-1", "CN-A-1-1"]
    assert [one.number for one in alone.documents] == ["CN-A-1-1"]


def test_the_documents_of_a_record_are_listed_in_the_order_they_were_made(life: Life) -> None:
    credited(life)
    with life.shop.database.read() as session:
        rows = record_rows.list_postings(session, life.shop.record(session, "A-1").id)
        assert [row.number for row in rows] == ["A-1-1", "CN-A-1-1"]


@pytest.fixture
def unjudged(life: Life, monkeypatch: pytest.MonkeyPatch) -> Life:
    """A shop whose rules fail on every record."""

    def fail(_: Program, inputs: Sequence[EvaluationInput]) -> list[Exception]:
        return [ArithmeticError("no") for _ in inputs]

    monkeypatch.setattr(Program, "decisions", fail)
    life.shop.receive(order("A-1"))
    life.shop.judge()
    return life


def test_a_record_that_could_not_be_judged_answers_not_known(unjudged: Life) -> None:
    (document,) = documents(unjudged)
    assert (document.posting_id, document.number) == (None, "")
    unknown = [one.no for one in document.answers if one.text.startswith("Not known: ")]
    assert unknown == [1, 2, 3, 4, 6]


def test_the_checklist_of_a_record_that_could_not_be_judged_says_not_known(unjudged: Life) -> None:
    with unjudged.shop.database.read() as session:
        card = preentry.load_card(session, unjudged.shop.record(session, "A-1").id, None, None, ())
    first = checklist_and_finding.Tick
    texts = {one.tick: one.text for one in card.ticks}
    for tick in (first.COMPLETE, first.APPROVED, first.READY):
        assert texts[tick] == "Not known: the rules failed on this record."


def test_the_timeline_of_a_record_that_could_not_be_judged_says_not_known(unjudged: Life) -> None:
    with unjudged.shop.database.read() as session:
        steps = trace.timeline(session, unjudged.shop.record(session, "A-1").id)
    (judging,) = [one for one in steps if one.kind == "evaluation"]
    assert judging.say.endswith(": not known, because the rules failed on this record.")
