"""A total that a target keeps otherwise for rounding: told as that, counted as the books have it,
and nobody's edit.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select, update

from connectors.contract import Found, Kept
from holding.db.models import Event, Posting, Push, Reading
from holding.operations.invariants import check
from holding.platform.changes import read_back_now
from holding.reconciliation.read_back import explain_reading
from holding.reconciliation.reading_plan import Watched
from rules.outcomes import Document
from tests.holding.cells import Template
from tests.holding.rulesets.test_rounding_truth import arrive, held, rules, there

__all__ = ["there"]  # a fixture


def readings(there: Template) -> list[Reading]:
    """Everything that is posted is read once more."""
    there.shop.clock.advance(90)
    with there.shop.database.write() as session:
        read_back_now(session, list(session.scalars(select(Posting.id))), there.shop.now)
    there.work()
    with there.shop.database.read() as session:
        return list(session.scalars(select(Reading).order_by(Reading.id)))


def amounts(there: Template) -> list[tuple[int | None, int | None]]:
    with there.shop.database.read() as session:
        query = select(Posting.amount, Posting.book).order_by(Posting.id)
        return [(row.amount, row.book) for row in session.execute(query)]


def told(there: Template, act: str) -> list[str]:
    with there.shop.database.read() as session:
        events = session.scalars(select(Event).where(Event.act == act).order_by(Event.id))
        return [event.body["say"] for event in events]


def breaches(there: Template, folder: Path) -> list[str]:
    """What I14 finds between our postings and the target's own ledger."""
    with there.shop.database.read() as session:
        found = check(
            session,
            there.shop.company.id,
            now=there.shop.now,
            settings=there.desk.settings,
            ledger=[folder / "ledger.jsonl"],
            only=["I14"],
        )
    return [breach.say for breach in found.breaches]


@pytest.mark.parametrize("heard", [True, False])
def test_T02c_what_the_target_recomputed_is_rounding_and_nobodys_edit(
    there: Template, tmp_path: Path, *, heard: bool
) -> None:
    """It rounded otherwise before anybody had tested it, and took one document meanwhile."""
    there.shop.publish(rules())
    there.control("company", rounding="sum_then_round")
    arrive(there, "NS-1")
    assert there.shop.states() == {"NS-1": "posted"}
    if not heard:  # as one posted before its answer was kept
        with there.shop.database.write() as session:
            session.execute(update(Push).values(kept=None))
            session.execute(update(Posting).values(amount=3312, book=3312))
    assert [row.same for row in readings(there)] == [True]
    assert held(there, "NS-1") == []
    assert amounts(there) == [(3313, 3313)]
    said = told(there, "posting.posted" if heard else "posting.read")[-1]
    assert "It comes to RM 33.13 there and was sent with RM 33.12" in said
    assert "rounding" in said
    assert breaches(there, tmp_path) == []


def test_T02d_what_a_tolerance_lets_pass_counts_as_the_books_have_it(
    there: Template, tmp_path: Path
) -> None:
    there.shop.publish(rules(tolerance="0.01"))
    arrive(there, "NS-1", "33.13")
    assert there.shop.states() == {"NS-1": "posted"}
    assert amounts(there) == [(3312, 3312)]
    (reading,) = readings(there)
    assert reading.same
    assert "comes to RM 33.12 there and was sent with RM 33.13" in reading.body["words"]
    assert held(there, "NS-1") == []
    assert breaches(there, tmp_path) == []
    with there.shop.database.write() as session:
        session.execute(update(Push).values(kept=3300))
    assert len(breaches(there, tmp_path)) == 1


def test_T02d_another_total_that_nobody_is_named_for_is_held(there: Template) -> None:
    there.shop.publish(rules(tolerance="0.01"))
    arrive(there, "NS-1", "33.13")
    arrive(there, "NS-2", "33.12", ordered_on="2026-11-17")
    for document in there.api.books.documents:  # one by a sen, one by more than rounding can
        assert isinstance(document, dict)
        document["total"] = "33.10" if document["number"] == "NS-1" else "33.20"
    assert [row.same for row in readings(there)] == [False, False]
    assert (held(there, "NS-1"), held(there, "NS-2")) == (["TGT16"], ["TGT16"])


def test_T02d_a_total_that_rounding_does_not_explain_is_not_taken_over(
    there: Template, tmp_path: Path
) -> None:
    there.shop.publish(rules(tolerance="5.00"))
    arrive(there, "NS-1", "34.00")
    assert there.shop.states() == {"NS-1": "posted"}
    assert amounts(there) == [(3400, 3400)]
    assert len(breaches(there, tmp_path)) == 1
    assert [row.same for row in readings(there)] == [False]
    assert held(there, "NS-1") == ["TGT16"]


def test_T02d_a_total_that_moves_after_it_was_taken_is_a_change() -> None:
    row = {"Quantity": "1", "UnitPrice": "10.04"}
    sent = Document(
        target="books",
        document="invoice",
        number="A-1",
        date=date(2026, 11, 18),
        party="C-77",
        currency="MYR",
        amount=Decimal("33.13"),
        fields={"Total": "33.13"},
        lines=(row, row, row),
    )
    equal = Found(kind="equal", words="As it was sent.", total=Decimal("33.12"))

    def seen(kept: int | None, found: Found = equal) -> tuple[str, tuple[Kept, ...], int | None]:
        watched = Watched(posting_id=1, family=1, push_id=1, document=sent, kept=kept)
        read = explain_reading(watched, found, "Total")
        return read.found.kind, read.found.differs, read.kept

    other, mine = Kept(0, "Total", "33.12"), Kept(1, "Quantity", "2")
    assert seen(3312) == ("equal", (), None)
    assert seen(3313) == ("different", (other,), None)
    assert seen(None) == ("equal", (), 3312)
    changed = replace(equal, kind="different", differs=(other, mine))
    assert seen(3312, changed) == ("different", (mine,), None)
    assert seen(None, replace(equal, total=None)) == ("equal", (), None)
    far = replace(equal, kind="different", total=Decimal("33.19"), differs=(other,))
    assert seen(None, far) == ("different", (other,), None)
    gone = replace(equal, kind="different", void=True)
    assert seen(3312, gone)[0] == "different"
