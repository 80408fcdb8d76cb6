"""A delivery that comes late brings back nothing of what is inside of its order."""

from typing import Any

from connectors.contract import Accepted
from holding.db.database import Database
from holding.db.models import Company, Record, Version
from tests.connectors.woocommerce import accept, order
from tests.holding.intake.test_left_out import Till
from tests.support.clock import SetClock


def _refunds_name(database: Database) -> set[object]:
    """The customer of each refund, in the version that counts."""
    with database.read() as session:
        rows = session.query(Version.body).join(Record, Record.version_id == Version.id)
        return {(body or {})["customer_name"] for (body,) in rows.filter(Record.type == "refund")}


def _of(till: Till, minute: int, name: str) -> None:
    content: dict[str, Any] = order(date_modified_gmt=f"2026-11-19T06:{minute:02}:00")
    content["billing"] = {**content["billing"], "company": name}
    told = accept(content)
    assert isinstance(told, Accepted), told
    till.arrive(*told.records)


def test_a_refund_is_of_the_moment_of_its_order(
    database: Database, company: Company, clock: SetClock
) -> None:
    till = Till(database, company, clock)
    _of(till, 10, "Old Sdn Bhd")
    _of(till, 20, "New Sdn Bhd")
    _of(till, 15, "Late Sdn Bhd")
    assert _refunds_name(database) == {"New Sdn Bhd"}
    _of(till, 30, "New Sdn Bhd")
    with database.read() as session:
        versions = session.query(Version).join(Record, Record.id == Version.record_id)
        kept = versions.filter(Record.external_id == "7001").order_by(Version.no).all()
    assert [(one.no, one.stale) for one in kept] == [(1, False), (2, False), (3, True)]
