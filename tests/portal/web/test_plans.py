"""How both databases look for what the pages ask, in a company that has grown: by indexes, and
reading few of the rows that there are many of.

The figures of PostgreSQL's planner are those of a million records, so that it plans as it would
there; then each statement is run, and the rows that it really looked at are counted.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy import Connection, event, text

from bench.page_bench import MOST_STATEMENTS, grow
from holding.connections import signal_causes
from holding.db.database import Database
from holding.db.kept_plans import PLAN
from holding.db.models import Base
from holding.holds.folding import fold_all
from holding.platform.settings import Settings
from holding.worklist import search
from portal import app as portal_app
from tests.portal.conftest import Browser
from tests.portal.languages.test_walk import ROUTES
from tests.portal.reading import ONE, works
from tests.portal.seed import PASSWORD, environment, fill
from tests.portal.web.test_pages import PAGES
from tests.support.clock import SetClock
from tests.support.databases import opened
from workers import loop

BIG = {
    *("record", "version", "delivery", "event", "event_link", "link_key", "evaluation", "hold"),
    *("posting", "push", "attempt", "request", "reading", "posting_use", "posting_line", "note"),
    *("release", "retry", "approval", "mapping_entry", "tallied_record"),
}
"""The tables that grow with every record, and the entries of mappings."""
RECORDS, HOLDS = 3_000, 1_500
FEW = 400
"""Rows of one table that one step may look at: far fewer than there are, whatever the page."""
LARGE = 1_000_000
BOUNDED = {
    "/c/kedai/": 500,  # the latest arrivals, of which the ways are that are late
    "/c/kedai/operations": 500,  # the same
    "/c/kedai/holding/many?act=retry": 1_001,  # what an act is over, and one more
    "/c/kedai/mappings/exact": 1_000,  # the twenty newest records of each of fifty missing values
    "/c/kedai/mappings/missing/all": 1_000,  # the same
    "/c/kedai/mappings/item/entry?key=TEA-1": 1_001,  # the first documents that used an entry
    # the same, and what a preview looks at of those: it judges 500 of them again
    "/c/kedai/mappings/item/entry?key=TEA-1&other=TEA-2": 1_002,
    "/c/kedai/mappings/lists": 500 * 9,  # what the 500 newest documents of a target used
    # PostgreSQL finds the holds of a customer among those that ask for a consent, which are fewer
    "/c/kedai/holding?view=approve": 600,
    "/c/kedai/find?q=SO-102": 1_000,  # 500 records and 500 documents of what begins so
}
"""Pages that read more rows of one table, but never more than these, however large a company is."""
LEFT = {
    # PostgreSQL reads all of so small a shop for the few of the record
    f"{ONE}?tab=way": {"push"},
    f"{ONE}?tab=trace": {"push", "event"},
    "/c/kedai/": {"posting"},  # how many documents are late: counted in the index of those
    "/c/kedai/late": {"posting"},  # the same
    "/c/kedai/runs/1": {"posting", "record"},  # all documents of the run
    "/c/kedai/connections/aiaccount": {"posting"},  # what is open there, by an index with the sums
}
"""What pages still read many rows of, and why; whatever else they read of it stays out."""
NAMED = re.compile(r'\b(?:FROM|JOIN|,)\s+"?(\w+)"?\s+AS\s+"?(\w+)"?', re.IGNORECASE)

NUMBERED = tuple(table.name for table in Base.metadata.sorted_tables if "id" in table.columns)

OF_COMPANY = re.compile(
    r"INDEX ix_(?:record_(?:day|seen|external|family|number)|posting_(?:day|number)"
    r"|hold_(?:party|code|waits))"
    r" \(company_id=\?\)$"
)
"""A step by an index that has every row of a company, and by the company alone."""
NEWEST = re.compile(
    r"WHERE record\.company_id = \? ORDER BY record\.seen_at DESC, record\.id DESC LIMIT (\?|\d+)"
)
"""The newest records, in the order of their index: no more are read than the limit says, unless
they are sorted.
"""
WITHOUT_COPIES = {"/c/kedai/mappings/units/proof"}
"""Pages that judge the newest record of a value again: copies of records have no evaluation."""


@dataclass
class Grown:
    """The company, who reads it, and what was asked."""

    database: Database
    reader: Browser
    others: list[Browser]
    asked: list[tuple[str, Any]] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)  # statements whose plan is made for any values

    def of(self, url: str, reader: Browser | None = None) -> list[tuple[str, Any]]:
        """The statements of a page, with what they were given; of the second time it is read."""
        (reader or self.reader).text(url)
        self.asked.clear()
        (reader or self.reader).text(url)
        return [one for one in self.asked if one[0].lstrip().startswith(("SELECT", "WITH"))]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def grown(
    request: pytest.FixtureRequest,
    sqlite_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Grown]:
    folder = tmp_path_factory.mktemp("grown")
    if request.param == "sqlite":
        file = folder / "grown.sqlite3"
        file.write_bytes(sqlite_file.read_bytes())
        url = f"sqlite:///{file}"
    else:
        url = request.getfixturevalue("emptied_postgresql")
    with pytest.MonkeyPatch.context() as patch, opened(url) as database:
        for name, value in environment(folder, url).items():
            patch.setenv(name, value)
        patch.delenv("REDIS_URL", raising=False)
        clock = fill(database, folder)
        _enlarge(database, clock)
        app = portal_app.create_app(database, clock, Settings.from_env())
        app.testing = True
        readers = [Browser(app.test_client()) for _ in READERS]
        for name, reader in zip(READERS, readers, strict=True):
            given = {"email": f"{name}@kedai.my", "password": PASSWORD}
            reader.post("/signin", given, status=303)
        found = Grown(database, readers[0], readers[1:])

        def note(_on: Any, _cursor: Any, said: str, given: Any, context: Any, _many: Any) -> None:
            found.asked.append((said, given))
            if context is not None and PLAN in context.execution_options:
                found.kept.add(said)

        for engine in database.engines:
            event.listen(engine, "before_cursor_execute", note)
        yield found
        for engine in database.engines:
            event.remove(engine, "before_cursor_execute", note)


@pytest.fixture(scope="module")
def emptied_postgresql(postgresql_url: str | None) -> str:
    from tests.support.databases import empty_postgresql

    if postgresql_url is None:
        pytest.skip("NO POSTGRESQL: the PostgreSQL half of this test did not run")
    empty_postgresql(postgresql_url)
    with opened(postgresql_url) as database, database.engine.begin() as connection:
        for name in NUMBERED:  # pages are named by ids: they count from 1, also after other tests
            counted = text("SELECT setval(pg_get_serial_sequence(:name, 'id'), 1, false)")
            connection.execute(counted, {"name": name})
    return postgresql_url


def _enlarge(database: Database, clock: SetClock) -> None:
    """Copy the shop; SQLite is told the sizes of a large one, PostgreSQL as well here."""
    works(database, clock)
    with database.write() as session:
        company = session.execute(text("SELECT id FROM company WHERE code = 'kedai'")).scalar_one()
        grow(session, company, RECORDS, HOLDS)
    fold_all(database)
    if database.dialect == "postgresql":
        _as_of_a_large_one(database)
    database.engine.dispose()  # a connection of SQLite remembers what it once knew of sizes


def _as_of_a_large_one(database: Database) -> None:
    """PostgreSQL's planner takes the big tables for large ones."""
    with database.write() as session:
        for table in sorted(BIG):
            session.execute(
                text("UPDATE pg_class SET reltuples = :many WHERE relname = :table"),
                {"many": LARGE, "table": table},
            )


@pytest.mark.parametrize("url", [url for url in PAGES if url not in WITHOUT_COPIES])
def test_a_page_reads_few_rows_of_big_tables(grown: Grown, url: str) -> None:
    with grown.database.engine.connect() as connection:
        first = connection.execute(text("SELECT min(id) FROM hold")).scalar_one()  # may not be 1
    asked = grown.of(url.replace("/holding/1", f"/holding/{first}"))
    assert len(grown.asked) <= MOST_STATEMENTS, url
    faults = _faults(grown, asked, LEFT.get(url, set()), BOUNDED.get(url, FEW))
    assert not faults, "\n".join(faults)


def test_a_worker_that_has_nothing_to_do_reads_few_rows_of_big_tables(
    grown: Grown, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It looks each second, or every few: also in a company of a million records."""
    monkeypatch.setattr(signal_causes, "NEWEST", FEW // 2)
    signal_causes._answered_otherwise.cache_clear()
    monkeypatch.setattr(loop, "to_refresh", lambda *_: [])  # its targets are not there
    bench = SimpleNamespace(
        database=grown.database, clock=clock, owner="idle", settings=Settings.from_env()
    )
    sweeper = loop.Sweeper(cast(Any, bench))
    for _ in range(2):  # first more is looked for, once a day, and rows are sealed and linked
        sweeper.sweep()
        clock.advance(61)
    grown.asked.clear()
    sweeper.sweep()
    sweeper.due()
    signal_causes._answered_otherwise.cache_clear()
    asked = [one for one in grown.asked if one[0].lstrip().startswith(("SELECT", "WITH"))]
    assert any("push.kept" in said for said, _ in asked)
    faults = _faults(grown, asked, set())
    assert not faults, "\n".join(faults)


def _faults(
    grown: Grown, asked: list[tuple[str, Any]], left: set[str], few: int = FEW
) -> list[str]:
    """The steps of these statements that read many rows of big tables, but for those left."""
    faults = []
    with grown.database.engine.connect() as connection:
        for said, given in asked:
            plain = " ".join(said.split())
            if grown.database.dialect == "sqlite":
                rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}", given).all()
                steps = _scanned(plain, [row[3] for row in rows])
            else:
                explained = _kept if said in grown.kept else _explained
                steps = _looked_at(explained(connection, said, given), few)
            faults += [f"{one}\n    {plain[:300]}" for table, one in steps if table not in left]
        connection.rollback()
    return faults


EXPLAIN = "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON)"
GIVEN = re.compile(r"%\((\w+)\)s")


def _explained(connection: Connection, said: str, given: Any) -> list[dict[str, Any]]:
    """PostgreSQL's plan for these values."""
    return _plans(connection.exec_driver_sql(f"{EXPLAIN} {said}", given).scalar_one())


def _kept(connection: Connection, said: str, given: Any) -> list[dict[str, Any]]:
    """Its plan for any values, as it keeps it for pages."""
    names = list(dict.fromkeys(GIVEN.findall(said)))
    numbered = GIVEN.sub(lambda found: f"${names.index(found[1]) + 1}", said).replace("%%", "%")
    asking = psycopg.ClientCursor(cast(Any, connection.connection.driver_connection))
    asking.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    asking.execute(cast(Any, f"PREPARE asked AS {numbered}"))
    values = ", ".join(["%s"] * len(names))
    words = f"{EXPLAIN} EXECUTE asked ({values})" if names else f"{EXPLAIN} EXECUTE asked"
    [told] = asking.execute(cast(Any, words), [given[name] for name in names]).fetchone() or [[]]
    asking.execute("DEALLOCATE asked")
    asking.execute("SET LOCAL plan_cache_mode = auto")
    return _plans(told)


def _plans(told: Any) -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", told if isinstance(told, list) else json.loads(told))


READERS = ("farah", "adam", "chan", "olga", "nurul")
NOT_NOW = {
    "/c/kedai/connections/netshop/sync",
    "/c/kedai/holding/approve",
    *(f"/c/kedai/setup/{step}" for step in ("cutover", "dry-run", "go-live", "rules")),
}
"""Pages that answer nothing without a question, or not in a company that is live."""
OTHERS = sorted({*ROUTES.values()} - {*PAGES})
"""Pages of the walk that have no budget of their own."""


@pytest.mark.slow
def test_every_other_page_asks_few_questions_too(grown: Grown) -> None:
    asked: dict[str, int] = {}
    for url in OTHERS:
        for reader in (grown.reader, *grown.others):
            if count := _counted(grown, url, reader):
                asked[url] = count
                break
    assert set(OTHERS) - set(asked) == NOT_NOW
    assert {url: count for url, count in asked.items() if count > MOST_STATEMENTS} == {}


def test_no_page_asks_more_of_another_reader(grown: Grown) -> None:
    """Who may not see personal data is shown none, and who may not act is told who can: both are
    asked for.
    """
    if grown.database.dialect != "sqlite":
        pytest.skip("how many questions a page has is no matter of the database")
    pages = sorted({*PAGES, *OTHERS})
    asked = {(url, nth): _counted(grown, url, reader)
             for url in pages for nth, reader in enumerate(grown.others)}  # fmt: skip
    assert sum(count > 0 for count in asked.values()) > 200
    most = {url: max(count for (one, _), count in asked.items() if one == url) for url in pages}
    assert {url: count for url, count in most.items() if count > MOST_STATEMENTS} == {}


def _counted(grown: Grown, url: str, reader: Browser) -> int:
    """The statements of a page, the second time it is read where the first took too many; none
    where the reader may not.
    """
    for _ in range(2):
        grown.asked.clear()
        if reader.client.get(url).status_code != 200:
            return 0
        if len(grown.asked) <= MOST_STATEMENTS:
            break
    return len(grown.asked)


def _scanned(said: str, steps: list[str]) -> Iterator[tuple[str, str]]:
    """Big tables that SQLite reads as a whole, or a whole index of, with the step; or all rows of a
    company: what it takes for few where it knows nothing of sizes.
    """
    tables = defaultdict(set)
    for table, name in NAMED.findall(said):
        tables[name].add(table)
    in_order = NEWEST.search(said) and not any("TEMP B-TREE" in step for step in steps)
    for step in steps:
        first, _, rest = step.partition(" ")
        name = rest.partition(" ")[0]
        seen = in_order and step.startswith("SEARCH record USING INDEX ix_record_seen ")
        whole = first == "SCAN" or (OF_COMPANY.search(step) and not seen)
        for table in (tables.get(name) or {name}) & BIG if whole else ():
            yield table, step


def _looked_at(plans: list[dict[str, Any]], few: int = FEW) -> Iterator[tuple[str, str]]:
    """Big tables that PostgreSQL reads more rows of, with the step."""
    waiting = [one["Plan"] for one in plans]
    while waiting:
        step = waiting.pop()
        waiting += step.get("Plans", ())
        table = step.get("Relation Name")
        if table not in BIG:
            continue
        dropped = step.get("Rows Removed by Filter", 0) + step.get(
            "Rows Removed by Index Recheck", 0
        )
        read = (step["Actual Rows"] + dropped) * step["Actual Loops"]
        if read > few:
            yield table, f"{step['Node Type']} of {table}: {read:.0f} rows"


def test_the_law_finds_a_scan_and_a_count(grown: Grown) -> None:
    """Both of them, as they were before there was a tally."""
    said = "SELECT count(*) FROM hold WHERE state = 'open' AND message <> ''"
    with grown.database.engine.connect() as connection:
        if grown.database.dialect == "sqlite":
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {said}").all()
            found = dict(_scanned(said, [row[3] for row in rows]))
        else:
            explain = f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {said}"
            found = dict(_looked_at(connection.exec_driver_sql(explain).scalar_one()))
        connection.rollback()
    assert list(found) == ["hold"]


def test_the_law_looks_at_the_plan_that_is_kept(grown: Grown) -> None:
    """Of both plans the rows are counted that were really read."""
    if grown.database.dialect == "sqlite":
        pytest.skip("SQLite keeps no plans")
    said = "SELECT id FROM hold ORDER BY id LIMIT %(most)s::BIGINT"
    with grown.database.engine.connect() as connection:
        for explained in (_explained, _kept):
            assert not list(_looked_at(explained(connection, said, {"most": 20})))
            found = dict(_looked_at(explained(connection, said, {"most": FEW + 1})))
            assert list(found) == ["hold"]
        connection.rollback()


@pytest.mark.parametrize(("url", "least"), [("/c/kedai/", 2), (ONE, 4), ("/c/kedai/late", 1)])
def test_plans_are_kept_of_what_pages_ask_by_keys(grown: Grown, url: str, least: int) -> None:
    """So they are explained as they are kept."""
    asked = [said for said, _ in grown.of(url)]
    assert sum(said in grown.kept for said in asked) >= least


def test_the_law_finds_a_search_by_the_company_alone() -> None:
    """What is leased was looked for so, among a million records."""
    said = "SELECT count(*) FROM record AS one WHERE one.company_id = ? AND one.lease_until <= ?"
    step = "SEARCH one USING INDEX ix_record_day (company_id=?)"
    assert list(_scanned(said, [step])) == [("record", step)]
    assert not list(_scanned(said, ["SEARCH one USING INDEX ix_record_lease (lease_until<?)"]))


def test_a_search_for_a_number_reads_few_rows_of_big_tables(grown: Grown) -> None:
    """Also where very many documents have the same id in their target, as copies do: reading all
    records then seemed less to PostgreSQL than looking for those that may be found.
    """
    with grown.database.write() as session:
        session.execute(text("UPDATE posting SET target_ref = 'inv_' || (id % 250)"))
        if grown.database.dialect == "postgresql":
            session.execute(text("ANALYZE posting"))
    if grown.database.dialect == "postgresql":
        _as_of_a_large_one(grown.database)
    with grown.database.read() as session:
        company = session.execute(text("SELECT id FROM company WHERE code = 'kedai'")).scalar_one()
        grown.asked.clear()
        assert len(search.find_exact(session, company, "SO-10240")) == 1
    asked = [one for one in grown.asked if one[0].lstrip().startswith("SELECT")]
    assert len(asked) == 1
    faults = _faults(grown, asked, set())
    assert not faults, "\n".join(faults)
