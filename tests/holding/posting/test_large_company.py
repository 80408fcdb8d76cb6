"""What a worker asks of SQLite from an arrival to the books is found by indexes, however large the
company is. Not here: pages (tests/portal/web/test_plans.py).
"""

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import update

from holding.db.database import FIGURES
from holding.db.models import Throttle
from holding.evaluation import safety_stop
from holding.platform.backup import upgrade
from tests.holding.life import LARGE, SMALL, Life

MANY = 80_000
ENDS = {"ix_delivery_source"}
"""Indexes of which only the end is read: the newest of a source."""
NAMED = re.compile(r'\b(?:FROM|JOIN|UPDATE|,)\s+"?(\w+)"?\s+AS\s+"?(\w+)"?', re.IGNORECASE)
ASKS = ("SELECT", "UPDATE", "DELETE", "WITH")
STEP = re.compile(r"(SCAN|SEARCH) (\w+)(?:.* INDEX (\w+))?(?: \((.*)\))?$")


def read_whole(file: str, statements: list[str]) -> Iterator[str]:
    """The steps that read a large table, or most of an index of one, with their statements."""
    with closing(sqlite3.connect(file)) as connection:
        for said in dict.fromkeys(statements):
            plain = " ".join(said.split())
            if not plain.startswith(ASKS):
                continue
            tables = {name: table for table, name in NAMED.findall(plain)}
            none = [None] * said.count("?")
            for row in connection.execute(f"EXPLAIN QUERY PLAN {said}", none):
                if step := STEP.match(row[3]):
                    name = str(step[2])
                    table = tables.get(name, name)
                    if rows_of(table, str(step[1]), step[3], step[4]) > MANY:
                        yield f"{row[3]}\n    {plain[-400:]}"


def rows_of(table: str, way: str, index: str | None, terms: str | None) -> int:
    """So many rows a step reads in a company of a million records, at the least that is sure."""
    figures = FIGURES.get(table)
    if figures is None or "rowid" in (terms or ""):
        return 0
    if index in ENDS or (index is None and way == "SEARCH"):  # the least or the greatest of it
        return 0
    if index is None:
        return max(int(one.split()[0]) for one in figures.values())
    each = [int(one) for one in figures.get(index, "0").split()]
    used = terms.count("=?") if terms and way == "SEARCH" else 0
    ranged = bool(terms and re.search("[<>]", terms))
    return 0 if ranged else each[min(used, len(each) - 1)]


@pytest.fixture
def asked(life: Life, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What the worker asked; at the end none of it has read a table as a whole."""
    if life.shop.database.dialect != "sqlite":
        pytest.skip("PostgreSQL plans by what it counts, which a company of a few records is too")
    monkeypatch.setattr(life, "_states_are_true", lambda: None)  # that asks for all of them
    with life.shop.database.overheard() as said:
        yield said
    file = str(life.shop.database.engine.url.database)
    found = list(read_whole(file, said))
    assert len(said) > 10
    assert not found, "\n".join(found)


def test_from_an_arrival_to_the_books(life: Life, asked: list[str]) -> None:
    life.arrive("A-1")
    life.arrive("A-1", **SMALL)
    life.arrive("A-1", **LARGE)
    life.arrive("A-2")
    life.arrive("A-2", status="cancelled")
    assert life.books.effects[:2] == [("create", "A-1-1"), ("update", "A-1-1")]
    assert ("void", "A-2-1") in life.books.effects
    assert any(one.startswith("WITH v AS") for one in asked)  # who waits for what was posted


def test_a_target_with_so_many_documents_a_month(life: Life, asked: list[str]) -> None:
    life.arrive("A-1")
    with life.shop.database.write() as session:
        month = f"{life.shop.now:%Y-%m}"
        session.execute(update(Throttle).values(quota_limit=2, quota_month=month, quota_used=1))
    life.arrive("A-2")
    life.arrive("A-3")
    assert [effect for effect, _ in life.books.effects] == ["create"] * 2
    counts = [one for one in asked if one.startswith("SELECT (SELECT count(*)")]
    assert len({*counts}) == 2  # what waits, and what is on its way


def test_what_a_route_usually_posts(life: Life, asked: list[str]) -> None:
    life.arrive("A-1")
    with life.shop.database.read() as session:
        company_id = life.shop.company.id
        found = safety_stop._usual(session, company_id, "aiaccount.sales_invoice", life.shop.now)
    assert found.records == safety_stop.LEAST_RECORDS


@pytest.mark.slow
def test_each_index_of_a_large_table_has_figures(tmp_path: Path) -> None:
    """One for its rows and one for each column, never more than for the columns before."""
    upgrade(f"sqlite:///{tmp_path / 'new.sqlite3'}")
    with closing(sqlite3.connect(tmp_path / "new.sqlite3")) as connection:
        told = {
            (table, index): figures
            for table, index, figures in connection.execute("SELECT * FROM sqlite_stat1")
        }
        assert told == {(t, i): f for t, each in FIGURES.items() for i, f in each.items()}
        for table in FIGURES:
            indexes = [row[1] for row in connection.execute(f"PRAGMA index_list({table})")]
            names = {name: name for name in indexes} | {
                name: table for name in indexes if (table, name) not in told
            }  # the key of a table without row numbers goes by the name of the table
            for index in indexes:
                figures = [int(one) for one in told[table, names[index]].split()]
                columns = connection.execute(f"PRAGMA index_info({index})").fetchall()
                assert len(figures) == 1 + len(columns), index
                assert figures == sorted(figures, reverse=True), index


@pytest.mark.slow
def test_a_walk_over_all_of_a_company_is_found(tmp_path: Path) -> None:
    file = str(tmp_path / "new.sqlite3")
    upgrade(f"sqlite:///{file}")
    by_ids = "SELECT * FROM posting WHERE company_id = ? AND id IN (SELECT value FROM json_each(?))"
    assert list(read_whole(file, [by_ids])) == []
    by_reason = "SELECT count(*) FROM posting AS p WHERE p.company_id = ? AND p.reason = ?"
    assert len(list(read_whole(file, [by_reason]))) == 1
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("DELETE FROM sqlite_stat1")
    (found,) = read_whole(file, [by_ids])  # as it was before it was told of sizes
    assert found.startswith("SEARCH posting USING INDEX ix_posting_")
