"""F18: the same webhook many times, and the same id with another content."""

from collections import Counter

import pytest
from sqlalchemy import func, select

from holding.db.models import Event, Record, Version
from tests.faults.amounts import Done, amount
from tests.faults.web import at_once, portal_of, webhook
from tests.faults.yard import nothing_wrong
from tests.support.house import House

SAME = amount(40, 1000, 1000)


def test_f18_the_same_webhook_many_times(
    house: House, done: Done, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over HTTP: all but the first get its receipt; the same id with another body is refused, and
    each of those refusals is an event.
    """
    app = portal_of(house, monkeypatch)
    same = at_once(lambda _: webhook(app, "1"), SAME)
    assert Counter(answer.status_code for answer in same) == {202: 1, 200: SAME - 1}
    assert len({str(answer.get_json()["receipt"]) for answer in same}) == 1
    assert sorted(answer.get_json()["times"] for answer in same) == list(range(1, SAME + 1))
    changed = at_once(lambda _: webhook(app, "1", total="1.00"), SAME)
    told = Counter((answer.status_code, answer.get_json()["code"]) for answer in changed)
    assert told == {(409, "delivery.conflict"): SAME}
    done.faults += 2 * SAME
    with house.database.read() as session:
        counted = [session.scalar(select(func.count(table.id))) for table in (Record, Version)]
        events = select(func.count(Event.id)).where(Event.act == "delivery.conflict")
        assert session.scalar(events) == SAME
    assert counted == [1, 1]
    house.drain({"posted": 1})
    nothing_wrong(house, ["w-1"], done)
