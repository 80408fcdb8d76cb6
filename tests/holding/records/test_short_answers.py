"""Each of the seven questions has an answer in a word and at most nine more."""

import pytest
from sqlalchemy import update

from holding.db.models import Approval, Evaluation
from holding.records import preentry
from holding.records.seven_answers import Mark, ShortAnswer
from tests.holding.consent import approve
from tests.holding.life import LARGE, Life
from tests.holding.shop import line
from tests.support.books import INVOICE
from tests.support.databases import unlock

MOST_WORDS = 9


def short(life: Life, number: str = "A-1") -> tuple[ShortAnswer, ...]:
    with life.shop.database.read() as session:
        record = life.shop.record(session, number)
        card = preentry.load_card(session, record.id, None, INVOICE, ())
    answers = card.documents[0].short
    assert [one.no for one in answers] == [1, 2, 3, 4, 5, 6, 7]
    for one in answers:
        assert len(one.text.split()) <= MOST_WORDS, one
    return answers


def marks(life: Life) -> list[Mark]:
    return [one.mark for one in short(life)]


def test_a_posted_order_has_each_answer_in_a_word(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    answers = short(life)
    assert [one.mark for one in answers] == [
        Mark.YES,
        Mark.NOT_NEEDED,
        Mark.YES,
        Mark.YES,
        Mark.NO,
        Mark.NO,
        Mark.NO,
    ]
    assert [one.tone for one in answers] == ["ok", "idle", "ok", "ok", "ok", "ok", "idle"]


def test_what_waits_is_not_yet_and_misses_nothing(life: Life) -> None:
    life.arrive("A-1", status="pending")
    waits = marks(life)
    assert waits[:3] == [Mark.NOT_YET] * 3
    assert waits[4] is Mark.NOT_YET
    life.arrive("A-1", status="cancelled")
    assert Mark.NOT_YET not in marks(life)


def test_a_change_after_posting_is_a_red_yes_until_it_is_carried_out(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    life.arrive("A-1", **LARGE, status="pending")
    assert life.held("A-1")
    answers = short(life)
    assert (answers[4].mark, answers[4].tone) == (Mark.YES, "bad")
    assert (answers[6].mark, answers[6].tone) == (Mark.YES, "warn")


def test_what_has_no_mapping_is_a_no_with_its_count(life: Life) -> None:
    life.arrive("A-1", lines=[line(sku="NEW-1")])
    answers = short(life)
    assert (answers[2].mark, answers[3].mark) == (Mark.NO, Mark.NO)
    assert answers[3].text.startswith("1 line ")


def test_an_approval_names_who_gave_it(life: Life) -> None:
    life.arrive("A-1", total="1920.00", lines=[line(qty="20")])
    waits = short(life)[1]
    assert (waits.mark, waits.tone) == (Mark.NOT_YET, "warn")
    approve(life.shop, "A-1")
    life.work()
    given = short(life)[1]
    assert (given.mark, given.tone) == (Mark.YES, "ok")
    with life.shop.database.write() as session:
        unlock(session)
        session.execute(update(Approval).values(voided_at=life.shop.now))
    lost = short(life)[1]
    assert (lost.mark, lost.tone) == (Mark.UNKNOWN, "doubt")


@pytest.mark.parametrize("no", [1, 2, 3, 4, 6])
def test_without_an_outcome_nothing_is_claimed(life: Life, no: int) -> None:
    life.arrive("A-1", **LARGE)
    with life.shop.database.write() as session:
        unlock(session)
        session.execute(update(Evaluation).values(facts=None))
    assert short(life)[no - 1].mark is Mark.UNKNOWN


def test_rules_are_named_by_title_where_lines_are_hidden(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    with life.shop.database.read() as session:
        record_id = life.shop.record(session, "A-1").id
        shown = preentry.load_card(session, record_id, None, INVOICE, ())
        hidden = preentry.load_card(session, record_id, None, INVOICE, (), lines=False)
    for no in (2, 6):
        assert ".rules:" in shown.documents[0].answers[no - 1].text
    assert "(hash " in shown.documents[0].answers[5].text
    texts = [answer.text for answer in hidden.documents[0].answers]
    assert not [text for text in texts if ".rules:" in text or "hash" in text]
    places = {p.id for a in shown.documents[0].answers for p in a.proofs if p.is_rule}
    assert places & set(shown.titles)
