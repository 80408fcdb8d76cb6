"""Another version of the program over a database is told once to each company."""

from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Event, ProgramVersion
from holding.platform import backup
from tests.support.clock import SetClock


def told(database: Database) -> list[str]:
    with database.read() as session:
        query = select(Event.body).where(Event.act == "program.changed").order_by(Event.id)
        return [body["say"] for body in session.scalars(query)]


def test_the_first_start_and_the_same_version_again_tell_nothing(
    database: Database, company: Company, clock: SetClock
) -> None:
    for _ in range(2):
        assert not backup.note_version(database, clock.now())
    assert told(database) == []


def test_of_many_that_start_at_once_one_tells_the_change(
    database: Database, company: Company, clock: SetClock
) -> None:
    backup.note_version(database, clock.now(), version="1.0", schema="0073")

    def start(_: int) -> bool:
        return backup.note_version(database, clock.now(), version="1.1", schema="0074")

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(start, range(8))) == [False] * 7 + [True]
    assert told(database) == [
        "Clearpost was changed from version 1.0 (schema 0073) to version 1.1 (schema 0074)."
    ]


def test_another_schema_is_a_change_and_going_back_is_one(
    database: Database, company: Company, clock: SetClock
) -> None:
    for schema in ("0073", "0074", "0073"):
        backup.note_version(database, clock.now(), version="1.0", schema=schema)
    assert len(told(database)) == 2
    assert told(database)[1].endswith("(schema 0074) to version 1.0 (schema 0073).")


def test_a_program_that_noted_no_version_is_an_earlier_one(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        session.add(ProgramVersion(id=backup.ONLY, version="", schema="0072"))
    assert backup.note_version(database, clock.now(), version="1.0", schema="0073")
    assert told(database) == [
        "Clearpost was changed from an earlier version (schema 0072) to version 1.0 (schema 0073)."
    ]
