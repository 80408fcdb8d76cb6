"""The bench of pages: what it measures is a page alone."""

from datetime import UTC, datetime, timedelta

from bench.page_bench import keep_alive
from holding.db.database import Database
from holding.platform import processes


def test_pages_are_read_as_of_a_company_whose_worker_rests(database: Database) -> None:
    now = datetime(2026, 11, 20, 3, tzinfo=UTC)
    with database.write() as session:
        assert processes.count_workers(session, now).running == 0
        keep_alive(session, now)
    with database.read() as session:
        assert processes.count_workers(session, now + timedelta(hours=1)).running == 1
        assert processes.count_workers(session, now + timedelta(days=1)).running == 0
