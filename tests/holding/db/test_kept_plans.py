"""Plans that PostgreSQL keeps for pages: made for any values, and for what the schema is now."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import bindparam, select, text
from sqlalchemy.exc import DBAPIError

from holding.db import kept_plans
from holding.db.database import Database, open_database
from holding.db.models import Company

BY_CODE = select(Company.name).where(Company.code == bindparam("code"))
KNOWN = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE :some"


@pytest.fixture
def opened(database_url: str) -> Iterator[Database]:
    """The database as the product opens it, with one connection for pages."""
    if database_url.startswith("sqlite"):
        pytest.skip("SQLite keeps no plans beside its statements")
    database = open_database(database_url)
    yield database
    database.close()


def _asked(database: Database, code: str, *, kept: bool = True) -> str | None:
    with database.read(page=True) as session:
        option = kept_plans.KEPT if kept else {}
        return session.scalar(BY_CODE, {"code": code}, execution_options=option)


def _known(database: Database) -> list[tuple[int, int]]:
    with database.read(page=True) as session:
        rows = session.execute(text(KNOWN), {"some": "%FROM company%"}).all()
    return [(row.generic_plans, row.custom_plans) for row in rows]


def test_a_plan_is_made_for_any_values_and_outlives_the_page(
    opened: Database, company: Company
) -> None:
    assert _asked(opened, company.code) == company.name
    assert _asked(opened, "nobody") is None
    assert _asked(opened, company.code) == company.name
    assert _known(opened) == [(3, 0)]


def test_what_does_not_say_so_is_planned_for_its_values(opened: Database, company: Company) -> None:
    for _ in range(9):  # more than a driver usually waits for before it prepares by itself
        assert _asked(opened, company.code, kept=False) == company.name
    assert _known(opened) == []


def test_the_server_plans_for_the_values_again_behind_it(
    opened: Database, company: Company
) -> None:
    with opened.read(page=True) as session:
        session.scalar(BY_CODE, {"code": company.code}, execution_options=kept_plans.KEPT)
        assert session.scalar(text("SHOW plan_cache_mode")) == "auto"


def test_the_server_is_told_where_it_changes(
    opened: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    execute = psycopg.Connection.execute

    def heard(connection: psycopg.Connection[Any], words: Any, *given: Any, **named: Any) -> Any:
        told.append(str(words))
        return execute(connection, words, *given, **named)

    monkeypatch.setattr(psycopg.Connection, "execute", heard)
    with opened.read(page=True) as session:
        for option in (kept_plans.KEPT, kept_plans.KEPT, {}, {}, kept_plans.KEPT):
            session.scalar(BY_CODE, {"code": company.code}, execution_options=option)
    assert [one.rpartition(" ")[2] for one in told if "plan_cache_mode" in one] == [
        "force_generic_plan",
        "auto",
        "force_generic_plan",
    ]
    assert _known(opened) == [(3, 0)]


def test_a_read_of_a_page_writes_nothing_though_it_ends_with_commit(
    opened: Database, company: Company
) -> None:
    with pytest.raises(DBAPIError, match="read-only"), opened.read(page=True) as session:
        session.execute(text("UPDATE company SET name = 'Another'"))
    assert _asked(opened, company.code) == company.name


def test_a_page_sees_one_snapshot(opened: Database, company: Company) -> None:
    code = {"code": company.code}
    with opened.read(page=True) as session:
        before = session.scalar(BY_CODE, code, execution_options=kept_plans.KEPT)
        with opened.write() as other:
            other.execute(text("UPDATE company SET name = 'Another' WHERE code = :code"), code)
        assert session.scalar(BY_CODE, code, execution_options=kept_plans.KEPT) == before
    assert _asked(opened, company.code) == "Another"


def test_after_an_error_the_next_page_is_answered(opened: Database, company: Company) -> None:
    _asked(opened, company.code)
    with pytest.raises(DBAPIError), opened.read(page=True) as session:
        session.execute(text("SELECT 1 / 0"))
    assert _asked(opened, company.code) == company.name


def test_a_plan_follows_a_change_of_the_schema(opened: Database, company: Company) -> None:
    """An index that was planned with may be gone; a column may have another type, of which one page
    is told and the next one is not.
    """
    with opened.engine.begin() as connection:
        connection.execute(text("CREATE TABLE changing AS SELECT 1 AS one, 'x' AS two"))
    try:
        asked = text("SELECT one FROM changing WHERE two = :two")
        for change, known in (
            ("CREATE INDEX ix_changing ON changing (two)", 1),
            ("DROP INDEX ix_changing", 1),
            ("ALTER TABLE changing ALTER one TYPE text", "1"),
        ):
            with opened.engine.begin() as connection:
                connection.execute(text(change))
            found = [_of_changing(opened, asked) for _ in range(2)]
            assert found[-1] == known
            assert found[0] in {known, "refused"}
    finally:
        with opened.engine.begin() as connection:
            connection.execute(text("DROP TABLE changing"))


def _of_changing(database: Database, asked: object) -> object:
    try:
        with database.read(page=True) as session:
            given = {"two": "x"}
            return session.scalar(asked, given, execution_options=kept_plans.KEPT)  # type: ignore[call-overload]
    except DBAPIError:
        return "refused"


def test_connections_that_keep_plans_do_not_live_long(opened: Database) -> None:
    assert opened._of_pages.pool._recycle == kept_plans.LIVES_SECONDS
    assert opened.engine.pool._recycle == -1
