"""Calls that made no record: counted, kept few, and told; kinds that a source may not deliver."""

from datetime import timedelta

from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Connection, HookCall
from holding.db.refusal import Refusal
from holding.intake import receive
from tests.holding.intake.pulling import MINUTES, Read, told, versions
from tests.holding.intake.shelf import Shelf
from tests.support.clock import SetClock
from tests.support.factories import connection_named


def reject(database: Database, company: Company, code: str, clock: SetClock) -> int:
    with database.write() as session:
        source = connection_named(session, company, "netshop")
        refusal = Refusal(code, f"Because of {code}.", "Mend it.", 401)
        receive.note_rejected(session, company.id, source.id, refusal, clock.now())
        return source.id


def test_equal_ones_in_a_row_are_counted_and_few_are_kept(
    database: Database, company: Company, clock: SetClock
) -> None:
    for code in ("late", "late", "forged", "late"):
        source = reject(database, company, code, clock)
        clock.advance(timedelta(seconds=1))
    with database.read() as session:
        calls = receive.latest_deliveries(session, source).calls
    assert [(one.words, one.times) for one in calls] == [
        ("Because of late.", 1),
        ("Because of forged.", 1),
        ("Because of late.", 2),
    ]
    assert {(one.outcome, one.status, one.hint) for one in calls} == {("rejected", 401, "Mend it.")}
    for number in range(receive.KEPT + 5):
        reject(database, company, f"strange {number}", clock)
    with database.read() as session:
        kept = session.scalars(select(HookCall.code).order_by(HookCall.id)).all()
    assert len(kept) == receive.KEPT
    assert kept[0] == "strange 5"


def test_a_source_that_is_asked_leaves_out_what_it_may_not_deliver(
    shelf: Shelf, read: Read, database: Database, clock: SetClock
) -> None:
    with database.write() as session:
        row = session.scalars(select(Connection).where(Connection.name == "shelf")).one()
        row.settings = {**row.settings, "record_kinds": "refund, settlement"}
    shelf.changes = [(clock.now() + MINUTES, "N1", "1.00")]
    assert read().new == 0
    assert versions(database) == []
    with database.write() as session:
        row = session.scalars(select(Connection).where(Connection.name == "shelf")).one()
        row.settings = {**row.settings, "record_kinds": "refund, order"}
    shelf.changes += [(clock.now() + 16 * MINUTES, "N2", "1.00")]
    clock.advance(40 * MINUTES)
    read()
    assert ("N2", 1) in versions(database)
    assert told(database, "delivery.refused") == []
