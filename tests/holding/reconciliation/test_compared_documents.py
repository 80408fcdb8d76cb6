"""Where a document stands, by its three sides; and that the standings add up to the difference."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from holding.db.models.columns import RecordState
from holding.reconciliation import daily_totals
from holding.reconciliation.compared_documents import (
    EXPLAINED,
    Agreeing,
    Compared,
    Span,
    Standing,
    Totals,
    standing_of,
)
from holding.reconciliation.daily_totals import Line
from rules.values.canonical import PostingState

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
POSTED = Compared(
    posting_id=1,
    record_id=1,
    record="A-1",
    source="netshop",
    kind="order",
    external_id="1",
    status="paid",
    record_state=RecordState.POSTED,
    record_amount=1000,
    record_currency="MYR",
    newest=1,
    target_id=1,
    target="aiaccount",
    connector="aiaccount",
    doc_type="sales_invoice",
    number="A-1",
    route="aiaccount.sales_invoice",
    seq=1,
    day=DAY,
    state=PostingState.POSTED,
    action="create",
    version_id=1,
    amount=1000,
    currency="MYR",
    posted_push_id=1,
    reverses_id=None,
    in_parts=False,
    seen_at=NOW,
    seen={"found": "equal", "void": False, "differs": [], "words": "Equal."},
    gone=False,
    accepted=False,
)
UNSENT = replace(POSTED, posted_push_id=None, seen=None, seen_at=None)


def shown(found: str = "different", *, void: bool = False, total: str = "") -> dict[str, Any]:
    differs = [[0, "Total", total]] if total else []
    return {"found": found, "void": void, "differs": differs, "words": "Another."}


def changed(**columns: Any) -> Compared:
    return replace(POSTED, **columns)


@pytest.mark.parametrize(
    ("row", "standing", "there"),
    [
        (POSTED, Standing.AGREES, 1000),
        (changed(seen=None), Standing.UNREAD, None),
        (changed(seen=shown(total="4.50")), Standing.UNEXPLAINED, 450),
        (changed(seen=shown(total="4.50"), record_state=RecordState.HELD),
         Standing.UNEXPLAINED, 450),
        (changed(seen=shown(void=True)), Standing.UNEXPLAINED, 0),
        (changed(seen=shown("absent")), Standing.UNEXPLAINED, 0),
        (changed(seen=shown()), Standing.UNEXPLAINED, 1000),  # two of its number exist there
        (changed(seen={**shown(), "differs": [[1, "Description", "Tea"]]}), Standing.AGREES, 1000),
        (changed(seen=shown(total="many")), Standing.AGREES, 1000),
        (changed(record_amount=1200, record_state=RecordState.HELD), Standing.HELD, 1000),
        (changed(record_amount=1200, record_state=RecordState.READY), Standing.WAITING, 1000),
        (changed(record_amount=1200, record_state=RecordState.SENDING), Standing.SENDING, 1000),
        (changed(record_amount=1200), Standing.BY_RULE, 1000),
        (changed(record_amount=1200, newest=2), Standing.BY_RULE, 1000),
        (changed(record_amount=1200, newest=2, record_state=RecordState.DROPPED),
         Standing.CANCELLED, 1000),
        (changed(state=PostingState.REVERSED, action="void"), Standing.CANCELLED, 0),
        (changed(state=PostingState.REVERSED), Standing.AGREES, 1000),
        (replace(UNSENT, state=PostingState.HELD), Standing.HELD, 0),
        (replace(UNSENT, state=PostingState.FAILED), Standing.HELD, 0),
        (replace(UNSENT, state=PostingState.WAITING), Standing.WAITING, 0),
        (replace(UNSENT, state=PostingState.READY), Standing.WAITING, 0),
        (replace(UNSENT, state=PostingState.UNCERTAIN), Standing.SENDING, 0),
        (replace(UNSENT, state=PostingState.DROPPED), Standing.CANCELLED, 0),
        (replace(UNSENT, state=PostingState.IGNORED), Standing.IGNORED, 0),
    ],
)  # fmt: skip
def test_each_document_has_one_standing(row: Compared, standing: Standing, there: int) -> None:
    assert (standing_of(row, ()), row.there) == (standing, there)


def test_only_what_somebody_agreed_to_is_accepted() -> None:
    lost = changed(seen=shown(total="4.50"))
    assert standing_of(lost, {1}) is Standing.ACCEPTED
    assert standing_of(replace(lost, accepted=True), {2}) is Standing.UNEXPLAINED
    held = changed(record_amount=1200, record_state=RecordState.HELD)
    assert standing_of(replace(held, accepted=True), ()) is Standing.ACCEPTED
    assert standing_of(held, ()) is Standing.HELD


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"record_amount": 1200}, 1200),
        ({"record_amount": 1200, "in_parts": True}, 1000),
        ({"record_amount": 1200, "reverses_id": 7}, 1000),
        ({"record_amount": 1200, "record_currency": "SGD"}, 1000),
        ({"record_amount": None}, None),
        ({"gone": True}, 0),
        ({"now": 0, "in_parts": True}, 0),
        ({"now": 960}, 960),
    ],
)
def test_what_the_source_said_is_the_record_where_it_speaks_of_this_document(
    columns: dict[str, Any], said: int | None
) -> None:
    assert changed(**columns).said == said


def test_the_standings_add_up_to_the_difference_in_each_currency() -> None:
    rows = [
        POSTED,
        changed(seen=shown(total="4.50")),
        changed(seen=None),
        changed(record_amount=None),
        changed(record_amount=1200, record_state=RecordState.HELD),
        replace(UNSENT, state=PostingState.HELD, record_currency="SGD", currency="SGD"),
        replace(UNSENT, state=PostingState.HELD, record_amount=None, amount=None, currency=""),
    ]
    rows = [replace(row, posting_id=n) for n, row in enumerate(rows, start=1)]
    span = Span(DAY, DAY)
    side = daily_totals._Side(
        counted=(Agreeing(1, "sales_invoice", DAY, "paid", "MYR", 3, 3000),),
        unseen=(),
        rows=tuple(rows),
        standings={row.posting_id: standing_of(row, ()) for row in rows},
        targets={1: "aiaccount"},
    )
    place = daily_totals.Place(1, "aiaccount", "sales_invoice")
    kind = daily_totals._kind(place, daily_totals.Sides(span, span), side, side)
    assert [one.currency for one in kind.totals] == ["MYR", "SGD"]
    for one in kind.totals:
        assert one.difference == _told(one), one
    ringgit = kind.totals[0]
    assert ringgit.source.unpriced == 2
    assert (ringgit.source.count, ringgit.ours.count, ringgit.target.count) == (9, 8, 7)
    assert ringgit.of(Standing.UNEXPLAINED).minor == 550
    assert ringgit.of(Standing.AGREES).count == 4
    assert kind.of_day(DAY)[0].document.posting_id == 2

    other = daily_totals.Sides(span, Span(DAY, DAY, "paid"))
    apart = daily_totals._kind(place, other, side, side)
    assert apart.totals[0].by == {}, "of two filters nothing is explained"


def _told(one: Totals) -> int:
    parts = (*EXPLAINED, Standing.ACCEPTED, Standing.UNEXPLAINED)
    return sum(one.of(standing).minor for standing in parts)


def test_an_amount_that_is_not_known_counts_as_nothing_and_says_so() -> None:
    line = Line(changed(record_amount=None), Standing.BY_RULE)
    assert line.differs == -1000
