"""What the room of approvals says that the database refuses, is what the database refuses."""

from collections.abc import Iterable, Mapping

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from holding.approvals.separation import TRIGGERS, Trigger
from holding.db.database import Database

TABLES = {"approval", "release"}
SAID = "duties kept apart"
IN_FORCE = {
    "sqlite": "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT c.relname, t.tgname, pg_get_triggerdef(t.oid) || p.prosrc"
    " FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE NOT t.tgisinternal AND t.tgenabled = 'O'"
    " AND t.tgtype & 32 = 0",  # without the triggers against TRUNCATE
}
FURTHER = {
    "sqlite": "CREATE TRIGGER further BEFORE INSERT ON {table}"
    " BEGIN SELECT RAISE(ABORT, '{said}'); END",
    "postgresql": "CREATE FUNCTION further() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION '{said}'; END $$;"
    " CREATE TRIGGER further BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION further()",
}

Known = Mapping[tuple[str, str], str]  # table and trigger -> how it is made


def in_force(session: Session) -> Known:
    """The triggers of four eyes: all of the two tables, and any that speaks of it elsewhere."""
    rows = session.execute(text(IN_FORCE[session.get_bind().dialect.name]))
    return {(t, name): made for t, name, made in rows if t in TABLES or SAID in made}


def differences(listed: Iterable[Trigger], found: Known) -> list[str]:
    """What only the list has, and what only the database has."""
    names = {(one.table, one.name) for one in listed}
    missing = [f"{name} on {table} is not in the database" for table, name in names - found.keys()]
    strange = [f"{name} on {table} is not in the list" for table, name in found.keys() - names]
    return sorted(missing + strange)


def test_the_list_is_what_the_database_has(database: Database) -> None:
    with database.read() as session:
        assert differences(TRIGGERS, in_force(session)) == []
    assert len({one.name for one in TRIGGERS}) == len(TRIGGERS)


def test_each_that_the_list_lacks_is_told(database: Database) -> None:
    with database.read() as session:
        found = in_force(session)
    for left_out in TRIGGERS:
        listed = [one for one in TRIGGERS if one is not left_out]
        told = f"{left_out.name} on {left_out.table} is not in the list"
        assert differences(listed, found) == [told]


def test_each_that_the_database_lacks_is_told(database: Database) -> None:
    for one in TRIGGERS:
        with database.read() as session:
            on = f" ON {one.table}" if database.dialect == "postgresql" else ""
            session.execute(text(f"DROP TRIGGER {one.name}{on}"))
            told = f"{one.name} on {one.table} is not in the database"
            assert differences(TRIGGERS, in_force(session)) == [told]
            session.rollback()


@pytest.mark.parametrize(("table", "said"), [("release", "no"), ("dating", SAID)])
def test_a_further_one_is_told(database: Database, table: str, said: str) -> None:
    with database.read() as session:
        session.execute(text(FURTHER[database.dialect].format(table=table, said=said)))
        told = [f"further on {table} is not in the list"]
        assert differences(TRIGGERS, in_force(session)) == told
        session.rollback()


@pytest.mark.parametrize(
    "database_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)
def test_one_that_is_switched_off_is_none(database: Database) -> None:
    with database.read() as session:
        session.execute(text("ALTER TABLE approval DISABLE TRIGGER approval_duties"))
        told = ["approval_duties on approval is not in the database"]
        assert differences(TRIGGERS, in_force(session)) == told
        session.rollback()
