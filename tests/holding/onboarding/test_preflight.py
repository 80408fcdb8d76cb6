"""What preflight says of a target of which nothing is known, or nothing new."""

from datetime import timedelta

from sqlalchemy import select, update

from holding.access.actors import SYSTEM
from holding.connections import confirmed_rates
from holding.connections.master_data import RATE, keep_snapshot
from holding.onboarding.preflight import Code, findings
from holding.store.database import Database
from holding.tables import Company, Snapshot
from tests.holding.connections.test_limits import told_of
from tests.support.factories import connection_named
from tests.support.postings import NOW

MASTER_DATA = {Code.NO_MASTER_DATA, Code.OLD_MASTER_DATA}


def test_master_data_that_was_never_read_or_long_ago(database: Database, company: Company) -> None:
    with database.write() as session:
        target = connection_named(session, company, "aiaccount")

        def said() -> set[str]:
            return {
                one.code for one in findings(session, company.id, NOW, "aiaccount")
            } & MASTER_DATA

        confirmed_rates.ask(session, SYSTEM, target.id, NOW)
        assert session.scalars(select(Snapshot.kind)).all() == [RATE]
        assert said() == {Code.NO_MASTER_DATA}, "what people said of rates is not the target's word"
        keep_snapshot(session, target, told_of(100, 0), person=None, now=NOW)
        assert said() == set()
        old = NOW - timedelta(hours=25)
        session.execute(update(Snapshot).where(Snapshot.kind == "period").values(checked_at=old))
        assert said() == {Code.OLD_MASTER_DATA}
