"""Documents that nobody read back come to the same counted as one by one."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import Company, Posting, Reading, Record
from holding.db.models.columns import RecordState
from holding.reconciliation import counted_documents, daily_totals
from holding.reconciliation.compared_documents import Span, Standing
from holding.reconciliation.daily_totals import Kind, Sides
from holding.reconciliation.document_sides import is_in_parts
from rules.values.canonical import PostingState
from tests.support.databases import any_move
from tests.support.factories import connection_named
from tests.support.postings import NOW, invoice, make_push, make_ready

FIRST = date(2026, 11, 16)
SPAN = Span(FIRST, FIRST + timedelta(days=3))
AMOUNTS = (1000, 1000, 1000, 1250, None)
CURRENCIES = ("MYR", "MYR", "MYR", "SGD", "")
STATES = tuple(PostingState)
RECORD_STATES = (RecordState.POSTED, RecordState.POSTED, RecordState.HELD, RecordState.READY)


def _some(session: Session, company: Company, no: int, chance: Random) -> Posting:
    """A document in any state, with any amounts, sent or not, read back or not."""
    day = FIRST + timedelta(days=chance.randrange(4))
    posting = make_ready(session, company, f"NS-{no}", document=invoice(f"NS-{no}", day=day))
    record = session.get_one(Record, posting.record_id)
    record.status = chance.choice(("paid", "open"))
    record.amount, record.currency = chance.choice(AMOUNTS), chance.choice(("MYR", "MYR", "USD"))
    posting.amount, posting.currency = chance.choice(AMOUNTS), chance.choice(CURRENCIES)
    posting.book = posting.amount
    posting.state, posting.action = chance.choice(STATES), chance.choice(("create", "void"))
    record.state = chance.choice(RECORD_STATES)
    if no > 10 and chance.random() < 0.3:
        posting.reverses_id = posting.id - chance.randrange(1, 5)
    if chance.random() < 0.6:
        push = make_push(posting, state="accepted", at=NOW)
        session.add(push)
        session.flush()
        posting.posted_push_id = push.id
        if chance.random() < 0.4:
            same = chance.random() < 0.5
            _read(session, posting, same=same)
    return posting


def _read(session: Session, posting: Posting, *, same: bool) -> None:
    shown: dict[str, Any] = {
        "found": "equal" if same else "different",
        "void": False,
        "words": "",
        "differs": [],
    }
    reading = Reading(
        posting_id=posting.id, kind="standing", at=NOW, sha256="0" * 64, body=shown, same=same
    )
    session.add(reading)
    session.flush()
    posting.reading_id, posting.read_at = reading.id, NOW


def _parts(session: Session, posting: Posting) -> None:
    """A second document of the same record and route, one that takes the first back."""
    row = {one.key: getattr(posting, one.key) for one in Posting.__table__.columns}
    own = {"id": None, "seq": 2, "number": f"{posting.number}-2", "reverses_id": posting.id}
    unsent = {"posted_push_id": None, "reading_id": None, "read_at": None}
    session.add(Posting(**row | own | unsent))
    session.flush()


def _told(kind: Kind) -> list[Any]:
    """All sums of a kind, of its days and of all of them together."""
    days = [(day.day, one) for day in kind.days for one in day.totals]
    return [
        (day, one.currency, one.source, one.ours, one.target,
         {standing: one.by[standing] for standing in Standing if one.by[standing].count})
        for day, one in [*days, *((None, one) for one in kind.totals)]
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_counted_they_come_to_the_same(database: Database, company: Company, seed: int) -> None:
    chance = Random(seed)
    with database.write() as session:
        with any_move(session):
            made = [_some(session, company, no, chance) for no in range(60)]
            for posting in made[:8]:
                _parts(session, posting)
        target = connection_named(session, company, "aiaccount")
        places = {target.id: target.name}
        opened = FIRST + timedelta(days=1)
        for sides in (Sides(SPAN, SPAN), Sides(SPAN, Span(FIRST, FIRST, "paid"))):

            def compared(
                each: Sequence[date] | None, sides: Sides = sides
            ) -> daily_totals.Comparison:
                return daily_totals.compare_days(session, company.id, sides, places, each)

            whole, counted, one_day = compared(None), compared([]), compared([opened])
            assert [_told(kind) for kind in counted.kinds] == [_told(kind) for kind in whole.kinds]
            assert [_told(kind) for kind in one_day.kinds] == [_told(kind) for kind in whole.kinds]
            assert counted.statuses == one_day.statuses == whole.statuses
            assert whole.kinds, "there is something to compare"
            for kind, full, few in zip(one_day.kinds, whole.kinds, counted.kinds, strict=True):
                assert kind.of_day(opened) == full.of_day(opened)
                assert few.unexplained == full.unexplained
                assert len(few.lines) < len(kind.lines) < len(full.lines)


def test_where_nothing_else_is_they_alone_are_compared(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        for no in range(5):
            made = make_ready(session, company, f"NS-{no}", document=invoice(f"NS-{no}", day=FIRST))
            session.get_one(Record, made.record_id).status = "paid" if no < 3 else "open"
        found = counted_documents.load_documents(session, company.id, SPAN, each=[])
        assert sorted(one.count for one in found.unseen) == [2, 3]
        assert {one.standing for one in found.unseen} == {Standing.WAITING}
        assert [*found.rows, *found.agreeing] == []
        paid = Span(SPAN.first, SPAN.last, "paid")
        for span, count in ((SPAN, 5), (paid, 3)):
            [kind], statuses = _kinds(session, company, Sides(span, span))
            assert (kind.place.target, kind.count(Standing.WAITING)) == ("aiaccount", count)
            assert statuses == ("open", "paid")


def _kinds(session: Session, company: Company, sides: Sides) -> tuple[Any, tuple[str, ...]]:
    target = connection_named(session, company, "aiaccount")
    found = daily_totals.compare_days(session, company.id, sides, {target.id: target.name}, [])
    return found.kinds, found.statuses


def test_a_document_is_one_of_several_whatever_number_it_has(
    database: Database, company: Company
) -> None:
    """The first with a further one, further ones without a first; not one under another route."""
    with database.write() as session:
        with any_move(session):
            made = [_some(session, company, no, Random(no)) for no in range(9)]
            for posting in made[:3]:
                _parts(session, posting)
            for posting in made[3:6]:
                posting.seq = 3
                session.flush()
            for posting in made[5:7]:
                _parts(session, posting)
        rows = session.execute(
            select(Posting.record_id, Posting.route, Posting.seq, is_in_parts)
        ).all()
    count = Counter((row.record_id, row.route) for row in rows)
    assert [row[3] for row in rows] == [count[row.record_id, row.route] > 1 for row in rows]
    assert sum(row[3] for row in rows) == 10
