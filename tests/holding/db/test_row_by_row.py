"""Many rows go one by one into SQLite, and stand there as they do when one statement has them all.

Here: what is stored and what is returned, of few rows and of many. Not here: who writes them.
"""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.db import bulk
from holding.db.bulk import FEWEST
from holding.db.database import Database
from holding.db.models import Company, Connection, Event, Record
from holding.db.models.columns import RecordState, table_of
from rules.values.canonical import dumps
from tests.support.factories import connection_named

WHEN = datetime(2026, 11, 20, 3, 4, 5, 6, tzinfo=UTC)
MANY = 3 * FEWEST
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
MOMENTS = st.datetimes(
    min_value=datetime(1900, 1, 2),  # noqa: DTZ001 - its zone is drawn
    max_value=datetime(2999, 1, 1),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=8)), timezone(-timedelta(hours=5))]),
)
BODIES = st.dictionaries(TEXTS, TEXTS | st.integers(-(2**53), 2**53) | st.booleans() | st.none())
EVENTS = st.fixed_dictionaries(
    {
        "at": MOMENTS,
        "actor": TEXTS,
        "object": TEXTS | st.none(),
        "fence": st.integers(-(2**63), 2**63 - 1) | st.none(),
        "body": BODIES | BODIES.map(lambda value: bulk.Encoded(dumps(value))),
    }
)


def _record(source: Connection, no: int, **changes: Any) -> dict[str, Any]:
    return {
        "company_id": source.company_id,
        "source_id": source.id,
        "type": "order",
        "external_id": f"E-{no}",
        "number": f"NS-{no}",
        "family": no,
        "status": "",
        "state": RecordState.RECEIVED,
        "party": "Übung 'A'",
        "party_key": "",
        "branch": "",
        "doc_date": date(2026, 11, no % 28 + 1),
        "amount": no,
        "currency": "MYR",
        "book": None,
        "priority": 100,
        "seen_at": WHEN,
        "due_at": WHEN,
        "lock": 0,
        **changes,
    }


@pytest.fixture
def source(database: Database, company: Company) -> Connection:
    with database.read() as session:
        return connection_named(session, company, "netshop")


def _stored(session: Session) -> list[tuple[Any, ...]]:
    columns = table_of(Event).columns
    kinds = ", ".join(f'typeof("{c.name}"), "{c.name}"' for c in columns if c.name != "id")
    return [tuple(row) for row in session.execute(text(f"SELECT {kinds} FROM event ORDER BY id"))]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rows=st.lists(EVENTS, min_size=FEWEST, max_size=MANY))
def test_many_rows_are_stored_as_few_are(
    database: Database, company: Company, rows: list[dict[str, Any]]
) -> None:
    if database.dialect != "sqlite":
        pytest.skip("rows go one by one into SQLite alone")
    told = [row | {"company_id": company.id, "act": "x"} for row in rows]

    def written(at_once: int) -> list[tuple[Any, ...]]:
        with Session(database.engine) as session:
            session.execute(delete(Event))
            for first in range(0, len(told), at_once):
                bulk.insert_rows(session, Event, told[first : first + at_once])
            return _stored(session)

    assert written(MANY) == written(FEWEST - 1)


def test_who_writes_many_is_told_their_ids(database: Database, source: Connection) -> None:
    with database.write() as session:
        bulk.insert_rows(session, Record, [_record(source, no) for no in range(FEWEST - 1)])
        given = [_record(source, no) for no in range(3, MANY)]
        made = bulk.insert_rows(
            session, Record, given, returning=("id", "type", "external_id"), ignore=True
        )
        assert sorted(external for _, _, external in made) == sorted(
            f"E-{no}" for no in range(FEWEST - 1, MANY)
        )
        ids = {row.id for row in session.query(Record) if row.external_id in {e for *_, e in made}}
        assert {one for one, *_ in made} == ids
        assert session.query(Record).count() == MANY


def test_none_of_many_is_stored_where_one_is_refused(
    database: Database, source: Connection
) -> None:
    given = [_record(source, no % (MANY - 1)) for no in range(MANY)]
    with pytest.raises(IntegrityError), database.write() as session:
        bulk.insert_rows(session, Record, given)
    with database.read() as session:
        assert session.query(Record).count() == 0
