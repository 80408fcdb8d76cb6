"""A second company in the database of a history, with a target of its own, served by its workers.

Here: how long its documents take from due to posted. Not here: the first company (town.py).
"""

from datetime import datetime
from types import SimpleNamespace
from typing import Any

from sqlalchemy import func, select

from holding.db.models import Event, Record
from tests.faults.history import order
from tests.faults.target import Wire
from tests.faults.town import Town
from tests.support.house import RULES, furnish

HOST = "neighbour.example.test"


class Neighbour:
    """Sends orders now and then, and knows when each became due."""

    def __init__(self, place: Town) -> None:
        self._place = place
        self.wire = place.wires[HOST] = Wire(
            place.wire.folder / "neighbour", place.clock, "nothing"
        )
        self.wire.takes = place.wire.takes
        target: Any = SimpleNamespace(url=f"https://{HOST}")
        rules = RULES.replace("TIMING", "immediately")
        with place.database.write() as session:
            self._company_id = furnish(
                session, place.made.environment, target, rules=rules, given={}, code="neighbour"
            )
        self._due: dict[str, datetime] = {}

    def arrive(self) -> None:
        """An order that is to be posted at once."""
        no = len(self._due) + 1
        one = order(no, 20, minute=0)
        self._due[one.external_id] = self._place.clock.now()
        self._place.deliver(f"neighbour-{no}", one, company_id=self._company_id)

    def latencies(self) -> list[float]:
        """Seconds from due to posted, of each order that was posted, in their order."""
        query = (
            select(Record.external_id, func.min(Event.at))
            .join(Event, Event.record_id == Record.id)
            .where(Record.company_id == self._company_id, Event.act == "posting.posted")
            .group_by(Record.id)
            .order_by(Record.id)
        )
        with self._place.database.read() as session:
            found = session.execute(query).all()
        return [(at - self._due[which]).total_seconds() for which, at in found]
