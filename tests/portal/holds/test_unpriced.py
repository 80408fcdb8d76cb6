"""What is not in the sum of the holding list, and why."""

import pytest
from sqlalchemy import select, update

from holding.db.models import Hold, Record
from tests.portal.reading import plain

pytestmark = pytest.mark.sqlite


@pytest.mark.parametrize(
    ("blank", "foreign", "told"),
    [
        (0, 0, "· 1 has more than one cause"),
        (1, 0, "· 1 without an amount, not in the sum"),
        (0, 2, "+ USD"),
        (2, 1, "· 2 without an amount, not in the sum"),
    ],
)
def test_T27_a_blank_total_is_not_in_another_currency(visit, database, blank, foreign, told):
    with database.write() as session:
        mine = select(Record.id).join(Hold, Hold.record_id == Record.id).where(Hold.state == "open")
        held = session.scalars(mine.where(Record.number.like("SO-1020%")).distinct()).all()
        none, other = held[:blank], held[blank : blank + foreign]
        session.execute(update(Record).where(Record.id.in_(none)).values(amount=None, book=None))
        session.execute(
            update(Record).where(Record.id.in_(other)).values(currency="USD", book=None)
        )
        session.execute(update(Hold).where(Hold.record_id.in_([*none, *other])).values(book=None))
    shown = plain(visit("farah").text("/c/kedai/holding"))
    head = shown.partition("9 records · RM")[2].partition("To do")[0]
    assert told in head
    assert ("+ USD" in head, "without an amount" in head) == (foreign > 0, blank > 0)
