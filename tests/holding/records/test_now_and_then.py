"""The first tab of a record tells what is, what was when it was posted, and what nobody decided."""

from holding.records import lineage_picture, preentry, record_rows
from holding.records.checklist_and_finding import Tick, Ticked
from holding.records.preentry import Card, Check
from holding.records.seven_answers import Answer
from tests.holding.life import LARGE, Life
from tests.holding.shop import line
from tests.support.books import CREDIT_NOTE, INVOICE


def card(life: Life, number: str = "A-1", *, credit: bool = False) -> Card:
    schema = CREDIT_NOTE if credit else INVOICE
    with life.shop.database.read() as session:
        record = life.shop.record(session, number)
        holds = record_rows.list_open_holds(session, record.id)
        postings = record_rows.list_postings(session, record.id)
        one = next(p for p in postings if p.doc_type == schema.name)
        return preentry.load_card(session, record.id, one.id, schema, holds)


def tick(card_: Card, which: Tick) -> Ticked:
    return next(one for one in card_.ticks if one.tick is which)


def check(card_: Card, name: str) -> Check:
    return next(one for one in card_.checks if one.name == name)


def answer(card_: Card, no: int) -> Answer:
    return card_.documents[0].answers[no - 1]


def test_a_status_that_the_source_changed_since_is_told_as_past(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    assert tick(card(life), Tick.READY).text == "Its status is paid."
    assert check(card(life), preentry.STATUS).text == "paid"
    life.arrive("A-1", **LARGE, status="pending")
    assert life.held("A-1"), "somebody has to look at it"
    assert tick(card(life), Tick.READY).text == (
        "Its status was paid when it was sent. The source says pending since."
    )
    assert check(card(life), preentry.STATUS).text == "paid when it was sent, pending since"
    assert answer(card(life), 1).text.startswith("paid, version 1,")


def test_a_changed_amount_leaves_the_status_as_it_is(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    life.arrive("A-1", total="864.00", lines=[line(qty="9")], status="paid")
    assert tick(card(life), Tick.READY).text == "Its status is paid."


def test_nobody_has_approved_what_was_not_decided_yet(life: Life) -> None:
    life.arrive("A-1", status="pending")
    waits = card(life)
    assert not tick(waits, Tick.APPROVED).done
    assert tick(waits, Tick.APPROVED).text == "Not decided yet."
    assert answer(waits, 2).text.startswith("Not decided yet: ")
    life.arrive("A-1", status="paid")
    assert tick(card(life), Tick.APPROVED).done
    assert tick(card(life), Tick.APPROVED).text == "The rules ask for no approval."


def test_what_was_cancelled_before_posting_does_not_wait_for_it(life: Life) -> None:
    life.arrive("A-1", status="pending")
    before = card(life)
    assert answer(before, 1).text.endswith(" Not posted yet.")
    assert answer(before, 3).text == "No document has been created yet."
    assert tick(before, Tick.POSTED).text == "A-1 is not posted yet."
    life.arrive("A-1", status="cancelled")
    over = card(life)
    assert life.shop.states() == {"A-1": "dropped"}
    assert "yet" not in " ".join(
        [*(a.text for a in over.documents[0].answers), *(t.text for t in over.ticks)]
    )
    assert answer(over, 1).text.endswith(" It is not posted.")
    assert answer(over, 3).text == "No document was created."
    assert answer(over, 5).text == "It was not posted."
    assert answer(over, 2).text.startswith("Nobody was asked, because it is not posted. ")
    assert tick(over, Tick.APPROVED).text == "Nobody was asked, because it is not posted."
    assert tick(over, Tick.POSTED).text == "A-1: cancelled before posting."


def test_what_is_left_out_misses_nothing_and_failed_nothing(life: Life) -> None:
    life.arrive("A-1", status="cancelled")
    over = card(life)
    assert life.shop.states() == {"A-1": "dropped"}
    assert check(over, preentry.STATUS).state == preentry.NOT_ASKED
    assert check(over, preentry.STATUS).text == "cancelled"
    assert [one.state for one in over.ticks if one.tick is not Tick.COMPLETE] == ["not asked"] * 3
    assert not any(one.place for one in over.ticks)


def test_lines_that_no_document_has_yet_are_not_called_missing(life: Life) -> None:
    life.arrive("A-1", status="pending")
    assert check(card(life), preentry.ITEMS).text == "no document yet"
    life.arrive("A-1", status="paid")
    assert check(card(life), preentry.ITEMS).text == "1 line"


def test_the_lines_of_a_credit_note_are_those_of_what_it_takes_back(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    life.arrive("A-1", total="864.00", lines=[line(qty="9")])
    credit = card(life, credit=True)
    assert check(credit, preentry.ITEMS).text == "as in the document that it takes back"
    assert answer(credit, 4).text == "As in the document that it takes back."
    assert answer(credit, 4).tone == "good"


def documents(life: Life) -> list[lineage_picture.Step]:
    with life.shop.database.read() as session:
        found = lineage_picture.load_steps(session, life.shop.record(session, "A-1").id)
    return [one for one in found if one.stage is lineage_picture.Stage.DOCUMENT]


def test_a_reversed_document_was_posted_when_it_was(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    life.arrive("A-1", total="864.00", lines=[line(qty="9")])
    found = documents(life)
    assert found[0].notes[1] == "reversed"
    assert all(one.at for one in found)


def test_a_document_that_was_cancelled_before_posting_is_not_awaited(life: Life) -> None:
    life.arrive("A-1", status="pending")
    assert [(one.at, one.never) for one in documents(life)] == [(None, False)]
    life.arrive("A-1", status="cancelled")
    assert [(one.at, one.never) for one in documents(life)] == [(None, True)]
