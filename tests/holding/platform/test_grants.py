"""PostgreSQL: nobody empties a sealed table, and the product's role cannot change the trail."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from holding.db.database import Database
from holding.db.models import Base
from holding.platform.sealed_tables import OF_RECORD

GRANTS = Path(__file__).parents[3] / "deploy" / "postgresql" / "grants.sql"
TRAIL = ("event", "event_link", "row_seal")
DELETED_FROM = (
    *("session", "sign_in_step", "recovery_code", "operation", "membership", "team_member"),
    *("former_member", "source_limit", "posting_use", "link_key", "use_mark", "tally_mark"),
    *("tallied_record", "hold_tally", "connection_key", "upload", "pull", "list_part", "singleton"),
    *("heartbeat", "hook_call", "rule_draft", "saved_view", "setup_address", "wake_mark"),
    *("authorization_request", "backtest_result", "trial_key", "trial_index"),
)
"""Tables of which the product removes rows."""


@pytest.fixture
def of_role(database: Database) -> Iterator[str]:
    """The URL of the role that the script makes."""
    if database.dialect != "postgresql":
        pytest.skip("roles are PostgreSQL's")
    url = make_url(database.engine.url.render_as_string(hide_password=False))
    role = f"{url.database}_app"
    plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(
        ["psql", "-v", "ON_ERROR_STOP=1", "-v", f"role={role}", "-q", "-f", str(GRANTS), plain],
        check=True, capture_output=True,
    )  # fmt: skip
    yield url.set(username=role).render_as_string(hide_password=False)
    with database.engine.begin() as connection:
        connection.execute(text(f'DROP OWNED BY "{role}"'))
        connection.execute(text(f'DROP ROLE "{role}"'))


def test_the_role_has_no_right_to_change_the_trail(database: Database, of_role: str) -> None:
    role = make_url(of_role).username
    query = text("SELECT has_table_privilege(:role, :name, :right)")
    with database.engine.connect() as connection:

        def has(name: str, right: str) -> bool:
            return bool(connection.scalar(query, {"role": role, "name": name, "right": right}))

        tables = [f'"{name}"' for name in Base.metadata.tables]
        assert [name for name in tables if not has(name, "SELECT")] == []
        assert [name for name in tables if not has(name, "INSERT")] == []
        assert {name for name in tables if not has(name, "UPDATE")} == {f'"{x}"' for x in TRAIL}
        assert [name for name in tables if has(name, "TRUNCATE") or has(name, "TRIGGER")] == []
        assert [name for name in TRAIL if has(name, "DELETE")] == []
        assert [name for name in DELETED_FROM if not has(f'"{name}"', "DELETE")] == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE event SET actor = 'nobody'",
        "DELETE FROM event_link",
        "UPDATE row_seal SET body = '{}'",
        "TRUNCATE hold",
        "DROP TRIGGER event_no_change ON event",
        "ALTER TABLE event DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
    ],
)
def test_what_the_role_may_not_do_is_refused(of_role: str, statement: str) -> None:
    engine = create_engine(of_role)
    with engine.connect() as connection, pytest.raises(DBAPIError, match=r"permission|owner"):
        connection.execute(text(statement))
    engine.dispose()


def test_nobody_empties_a_sealed_table_with_one_statement(database: Database) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    for name in (*TRAIL, *(cover.table for cover in OF_RECORD)):
        with database.engine.connect() as connection, pytest.raises(DBAPIError) as refused:
            connection.execute(text(f'TRUNCATE "{name}" CASCADE'))
        assert "append-only" in str(refused.value.orig), name
