"""PostgreSQL: nobody empties a sealed table; the product's role cannot change the trail, and a
request of one company reaches no row of another.
"""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Connection, create_engine, make_url, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from holding.access.actors import SYSTEM
from holding.access.reach import load_company
from holding.db.database import COMPANY_SETTING, Database, limit_to_company, limit_transactions
from holding.db.models import Base, Company, Team
from holding.db.models import Connection as ConnectionRow
from holding.platform import events, row_trail
from holding.platform.backup import back_up
from holding.platform.sealed_tables import OF_RECORD
from holding.platform.settings import Settings
from holding.records import packet_file
from portal.app import create_app
from portal.records.packet_pages import write_packet
from portal.web import store
from tests.holding.life import Life
from tests.support.clock import SetClock
from tests.support.databases import postgresql_database
from tests.support.factories import make_company

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
READ_BEFORE_THE_COMPANY = {"membership", "former_member", "access_link"}
"""Tables without a policy: they show which companies a person has."""


@pytest.fixture
def of_role(database: Database) -> Iterator[str]:
    """The URL of the role that the script makes."""
    if database.dialect != "postgresql":
        pytest.skip("roles are PostgreSQL's")
    url = database.engine.url.render_as_string(hide_password=False)
    role_url = grant(url)
    role = make_url(role_url).username
    yield role_url
    limit_transactions(None)
    with database.engine.begin() as connection:
        for name in _policy_tables(connection):
            connection.execute(text(f'DROP POLICY company_rows ON "{name}"'))
            connection.execute(text(f'ALTER TABLE "{name}" DISABLE ROW LEVEL SECURITY'))
        connection.execute(text(f'DROP OWNED BY "{role}"'))
        connection.execute(text(f'DROP ROLE "{role}"'))


def grant(url: str) -> str:
    """Run the script in a database, and return the URL of the role."""
    address = make_url(url)
    role = f"{address.database}_app"
    plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
    subprocess.run(
        ["psql", "-v", "ON_ERROR_STOP=1", "-v", f"role={role}", "-q", "-f", str(GRANTS), plain],
        check=True, capture_output=True,
    )  # fmt: skip
    return address.set(username=role).render_as_string(hide_password=False)


def _policy_tables(connection: Connection) -> set[str]:
    query = text("SELECT tablename FROM pg_policies WHERE policyname = 'company_rows'")
    return set(connection.scalars(query))


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


def test_each_table_of_a_company_has_a_policy(database: Database, of_role: str) -> None:
    tables = {table.name for table in Base.metadata.sorted_tables if "company_id" in table.c}
    with database.engine.connect() as connection:
        assert _policy_tables(connection) == tables - READ_BEFORE_THE_COMPANY


def test_a_transaction_of_one_company_neither_sees_nor_writes_rows_of_another(
    database: Database, company: Company, of_role: str
) -> None:
    with database.write() as session:
        other = make_company(session, "other")
        other_id = other.id
    of_product = Database(of_role, durable=False)

    def companies_seen() -> set[int]:
        with of_product.read() as session:
            return set(session.scalars(select(ConnectionRow.company_id)))

    assert companies_seen() == {company.id, other_id}
    limit_transactions(company.id)
    assert companies_seen() == {company.id}
    with of_product.read(page=True) as session:
        assert set(session.scalars(select(ConnectionRow.company_id))) == {company.id}
    with pytest.raises(DBAPIError, match="row-level security"), of_product.write() as session:
        session.add(Team(company_id=other_id, name="sales", title="Sales"))
    with of_product.write() as session:
        rename = update(ConnectionRow).where(ConnectionRow.company_id == other_id)
        session.execute(rename.values(name="taken"))
    limit_transactions(None)
    with of_product.read() as session:
        names = select(ConnectionRow.name).where(ConnectionRow.company_id == other_id)
        assert "taken" not in set(session.scalars(names))
        limit_to_company(session, other_id)
        assert set(session.scalars(select(ConnectionRow.company_id))) == {other_id}
    assert companies_seen() == {company.id, other_id}
    of_product.close()


def test_the_verifier_accepts_a_packet_that_portal_and_worker_made_as_the_role(
    life: Life, of_role: str, tmp_path: Path
) -> None:
    product, clock = Database(of_role, durable=False), life.shop.clock
    worker = Life(
        replace(life.shop, database=product), life.books, replace(life.desk, database=product)
    )
    worker.arrive("SO-1")
    for _ in range(2):
        events.link_due_events(product, now=clock.now(), all_events=True)
        row_trail.seal_due_rows(product, now=clock.now(), at_once=True)
    company = life.shop.company
    with product.read() as session:
        record_id = worker.shop.record(session, "SO-1").id
    auditor = replace(life.shop.actor("chan"), roles=frozenset({"auditor"}))
    settings = replace(Settings.from_env(), anchor_file=tmp_path / "anchors.jsonl")
    app = create_app(product, clock, settings)
    made = write_packet(app, company.code, auditor, record_id, personal=True, others=False)
    assert isinstance(made, packet_file.Packed), made
    file = tmp_path / "evidence.zip"
    file.write_bytes(made.content)
    program = [sys.executable, "-I", str(Path(packet_file.__file__)), str(file)]
    ended = subprocess.run(
        [*program, "--sha256", made.sha256], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    product.close()


@pytest.mark.postgresql
def test_the_role_can_back_up_all_companies(postgresql_url: str | None, tmp_path: Path) -> None:
    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL: pg_dump was not run")
    file = tmp_path / "backup.dump"
    with postgresql_database(postgresql_url, "clearpost_test_backup_as_role") as url:
        owner = Database(url, durable=False)
        with owner.write() as session:
            names = [make_company(session, code, name=code.title()).name for code in ("ab", "cd")]
        assert back_up(grant(url), file) is None
        owner.close()
    shown = subprocess.run(
        ["pg_restore", "--data-only", "--table=company", "--file=-", str(file)],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert [name for name in names if f"\t{name}\t" not in shown] == []


def setting_of(session: Session) -> str:
    return session.scalar(text(f"SELECT current_setting('{COMPANY_SETTING}', true)")) or ""


def test_a_request_limits_its_transactions_to_its_company(
    database: Database, company: Company, clock: SetClock
) -> None:
    if database.dialect != "postgresql":
        pytest.skip("policies are PostgreSQL's")
    app = Flask(__name__)
    store.init_store(app, database, clock)
    with app.test_request_context():
        row = load_company(store.reading(), company.code)
        assert row is not None
        assert setting_of(store.reading()) == ""
        store.set_actor(row, SYSTEM)
        assert setting_of(store.reading()) == str(company.id)
        with store.writing() as session:
            assert setting_of(session) == str(company.id)
        assert setting_of(store.reading()) == str(company.id)
        with database.read() as session:
            assert setting_of(session) == str(company.id)
    with app.test_request_context():
        assert setting_of(store.reading()) == ""


def test_nobody_empties_a_sealed_table_with_one_statement(database: Database) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    for name in (*TRAIL, *(cover.table for cover in OF_RECORD)):
        with database.engine.connect() as connection, pytest.raises(DBAPIError) as refused:
            connection.execute(text(f'TRUNCATE "{name}" CASCADE'))
        assert "append-only" in str(refused.value.orig), name
