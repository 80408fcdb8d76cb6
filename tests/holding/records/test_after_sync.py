"""Question 5: what happened to a record since its first version was sent."""

from dataclasses import replace
from typing import Literal

import pytest
from sqlalchemy import func, select

from connectors.contract import Found, Kept
from holding.connections import breaker
from holding.db.models import Posting, Push, Reading
from holding.records import seven_answers, story, trace
from holding.records.seven_answers import Answer
from holding.records.story import Taken
from tests.holding.life import LARGE, SMALL, Life
from tests.holding.shop import line, order

FIRST = "No. Version 1 is the latest version."
SMALLER = "line 1 quantity: 2 → 1, total: 192.00 → 96.00"


def fifth(life: Life, number: str = "A-1") -> Answer:
    with life.shop.database.read() as session:
        return trace.answer_questions(session, life.shop.record(session, number).id)[4]


def proofs(answer: Answer) -> list[str]:
    return [proof.label for proof in answer.proofs]


def found(kind: Literal["equal", "different"], words: str, *differs: Kept) -> Found:
    return Found(kind=kind, words=words, differs=differs)


def seen(life: Life, look: Found) -> None:
    """What the drift watch keeps of a look at A-1-1, a day later."""
    life.shop.clock.advance(24 * 3600)
    body = breaker.body_of(look)
    with life.shop.database.write() as session:
        posting = life.shop.posting(session, "A-1")
        reading = Reading(
            posting_id=posting.id,
            kind="standing",
            at=life.shop.now,
            sha256=breaker.digest(body),
            body=body,
            same=look.kind == "equal",
        )
        session.add(reading)
        session.flush()
        session.get_one(Posting, posting.id).reading_id = reading.id


def test_T25a_an_updated_document_was_changed(life: Life) -> None:
    life.arrive("A-1")
    assert (fifth(life).text, fifth(life).tone) == (FIRST, "good")
    life.arrive("A-1", **SMALL)
    assert fifth(life).text == (
        f"Yes, since version 1 was sent: version 2 at 2026-11-20 09:02 from netshop: {SMALLER};"
        " A-1-1 updated in aiaccount at 2026-11-20 09:02 with version 2."
    )
    assert fifth(life).tone == "plain", "it is changed on both sides"
    assert "version 1 to 2" in proofs(fifth(life))
    with life.shop.database.read() as session:
        last = session.scalars(select(func.max(Push.id))).one()
    assert f"push {last}" in proofs(fifth(life))


def test_T25a_each_later_version_is_told_beside_the_one_before(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", **SMALL)
    life.arrive("A-1", **SMALL, created_by="siti")
    told = fifth(life)
    assert told.text.endswith(
        "; version 3 at 2026-11-20 09:03 from netshop: created by: mei.ling → siti."
    )
    assert told.tone == "bad", "nobody sent the last one"


def test_T25a_of_very_many_changes_the_newest_are_told_and_the_others_counted(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seven_answers, "SHOWN_ITEMS", 1)
    life.arrive("A-1")
    life.arrive("A-1", **SMALL)
    assert fifth(life).text == (
        "Yes, since version 1 was sent: 1 earlier change;"
        " A-1-1 updated in aiaccount at 2026-11-20 09:02 with version 2."
    )


def test_T25a_what_was_corrected_before_it_went_is_no_change_after(life: Life) -> None:
    life.books.moods.append("refuse")
    life.arrive("A-1")
    life.arrive("A-1", **SMALL)
    assert life.shop.states() == {"A-1": "posted"}
    assert fifth(life).text == "No. Version 2 is the latest version."


def test_T25b_a_stale_arrival_is_listed_and_is_no_change(life: Life) -> None:
    life.arrive("A-1")
    life.shop.clock.advance(60)
    life.shop.receive(order("A-1", updated_at="2026-11-10T00:00:00Z", **LARGE))
    late = (
        "version 2 at 2026-11-20 09:02 from netshop came late:"
        " older than what was known, not checked"
    )
    assert (fifth(life).text, fifth(life).tone) == (f"{FIRST[:-1]}; {late}.", "good")
    life.arrive("A-1", **SMALL)
    told = fifth(life).text
    assert told.startswith(f"Yes, since version 1 was sent: {late}; version 3 at 2026-11-20 09:03 ")
    assert SMALLER in told, "compared with what was known, not with what came late"


def test_T25c_every_drift_is_listed_and_its_end(life: Life) -> None:
    life.arrive("A-1")
    other = Kept(1, "UnitPrice", "6.00")
    seen(life, found("different", "line 1 UnitPrice 2.40 is 6.00 there.", other))
    drift = (
        "in aiaccount, seen 2026-11-21 09:01, it does not say by whom:"
        " line 1 UnitPrice 2.40 is 6.00 there"
    )
    assert (fifth(life).text, fifth(life).tone) == (
        f"Yes, since version 1 was sent: {drift}.",
        "bad",
    )
    seen(life, found("equal", "It exists there as it was sent."))
    ended = f"{drift}; in aiaccount, seen 2026-11-22 09:01: as it was sent."
    told = fifth(life)
    assert (told.text, told.tone) == (f"Yes, since version 1 was sent: {ended}", "plain")


def test_T25c_who_changed_it_there_is_named_where_the_target_tells(life: Life) -> None:
    life.arrive("A-1")
    words = "A-1-1 was made void there."
    seen(life, replace(found("different", words), void=True, changed_by="SITI"))
    assert fifth(life).text == (
        "Yes, since version 1 was sent: in aiaccount, seen 2026-11-21 09:01,"
        " changed by SITI: A-1-1 was made void there."
    )


def test_T25c_a_first_look_that_finds_it_as_sent_is_no_drift(life: Life) -> None:
    life.arrive("A-1")
    seen(life, found("equal", "It exists there as it was sent."))
    assert fifth(life).text == FIRST


def test_T25a_what_took_a_document_back_is_listed(life: Life) -> None:
    life.arrive("A-1", **LARGE)
    more = {"total": "864.00", "lines": [line(qty="9")]}
    life.arrive("A-1", **more)
    assert [row[3] for row in life.postings("A-1")] == ["A-1-1", "CN-A-1-1", "A-1-2"]
    with life.shop.database.read() as session:
        invoice, *_ = trace.answer_documents(session, life.shop.record(session, "A-1").id)
    assert invoice.answers[4].text == (
        "Yes, since version 1 was sent: version 2 at 2026-11-20 09:02 from netshop:"
        " line 1 quantity: 10 → 9, total: 960.00 → 864.00;"
        " CN-A-1-1 posted in aiaccount at 2026-11-20 09:02, reverses A-1-1;"
        " A-1-2 posted in aiaccount at 2026-11-20 09:02 with version 2."
    )


def test_T25a_a_void_is_listed(life: Life) -> None:
    life.arrive("A-1")
    life.arrive("A-1", status="cancelled")
    assert fifth(life).text.endswith(
        ": status: paid → cancelled; A-1-1 voided in aiaccount at 2026-11-20 09:02 with version 2."
    )


def test_a_version_that_came_late_is_told_and_is_not_the_newest(life: Life) -> None:
    life.arrive("A-1")
    life.shop.receive(order("A-1", total="96.00"), stamp="2026-01-01T00:00:00Z")
    life.work()
    told = fifth(life)
    assert told.text.startswith("No. Version 1 is the latest version; version 2 at ")
    assert "came late: older than what was known, not checked" in told.text
    assert proofs(told)[0] == "version 1"


def test_a_second_invoice_of_an_order_in_parts_changes_nothing_that_was_posted(life: Life) -> None:
    life.arrive("A-1")
    with life.shop.database.read() as session:
        case = story.load_case(session, life.shop.record(session, "A-1").id)
    assert case is not None
    first = case.since.taken[0]
    part = replace(first, id=first.id + 1, number="A-1-2")
    text, tone, _ = seven_answers.answer_changed(_with(case, first, part))
    assert tone == "good"
    assert text == (
        "No. Version 1 is the latest version;"
        " A-1-2 posted in aiaccount at 2026-11-20 09:01 with version 1."
    )
    void = replace(first, id=first.id + 2, action="void")
    again = replace(first, id=first.id + 3, number="A-1-2")
    text, _, _ = seven_answers.answer_changed(_with(case, first, void, again))
    assert text.startswith("Yes, since version 1 was sent: A-1-1 voided in aiaccount")


def _with(case: story.Case, *taken: Taken) -> story.Case:
    return replace(case, since=replace(case.since, taken=taken))
