"""Measure how fast pages of a large company load for its finance staff."""

import gzip
import re
import time
from collections import deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from statistics import median
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException

from bench.shop_bench import bench_shop, percentile, temporary_database, webhook_to_posted
from holding.db.models import Base, Cause, Event, Hold, Posting, Push, Record, Run
from holding.db.models.decisions import HOLD_OPEN
from holding.holds.folding import fold_all
from holding.platform import processes
from holding.platform.events import RECENT
from portal.terminal.command_frame import print_note
from portal.terminal.processes import start_worker

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.routing import MapAdapter

    from holding.db.database import Database, DatabaseSession
    from sandbox.demo.command import Shop
if TYPE_CHECKING:
    from holding.db.database import DatabaseSession

TIMES: Final = 20

PATIENCE: Final = 600.0

RESTS: Final = timedelta(hours=6)

POSTED: Final = 20
"""Orders that are posted one after the other, in the small company and again in the large one."""

FURTHER: Final = 910_001  # the first of those in the large one

MOST_MS: Final = 50.0

MOST_STATEMENTS: Final = 60
"""A page with more statements has one for each of its rows."""

MOST_BYTES: Final = 60_000

ROLES: Final = ("finance", "approver", "admin", "consultant", "auditor", "operator", "publisher")

FOLLOWED: Final = 150
"""Pages of which a role's links are followed."""

FILES: Final = (".csv", ".xlsx", ".json", ".svg", ".txt", ".md", ".css", ".js", ".html")

LINK: Final = re.compile('(?:href|hx-get)="(/[^"#]*)')

COST = re.compile(r'total;dur=([\d.]+), db;dur=([\d.]+), statements;desc="(\d+)"')

FORM_TOKEN = re.compile('name="csrf_token"[^>]*value="([^"]+)"')

MONTHS: Final = 36  # how far back the copies go

COPIES_A_CAUSE: Final = 9  # then a cause has about 43 holds, and a million records 2,300 causes

COPIED: Final = tuple(
    table.__tablename__ for table in (Cause, Run, Record, Posting, Push, Hold, Event)
)

USES: Final = "posting_use"  # the only one of these tables that has no numbers of its own

ROW_NUMBERS: Final = (
    "family",
    "posting_id",
    "push_id",
    "posted_push_id",
)  # of copied rows, by no foreign key

OWN: Final = ("number", "external_id", "target_ref", "key", "value", "label")
"""Texts that must differ between copies."""

DAYS: Final = ("doc_date", "day")

MOMENTS: Final = ("at", "seen_at", "sent_at", "posted_at", "made_at", "ended_at")

LEFT_OUT: Final = {("posting", "content"): "NULL", ("push", "content"): "'{}'"}
"""Columns that only the page of one document shows and that would be most of the bytes."""

WORK: Final = (
    "due_at",
    "read_due_at",
    "lease_owner",
    "lease_until",
)  # no worker may take the copies

WITHOUT_HOLD: Final = {
    "record": "id",
    "posting": "record_id",
    "push": "posting_id",
    USES: "posting_id",
    "event": "record_id",
}
"""Table -> the column that shows whether a row belongs to a record without an open hold."""


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a page.

    Milliseconds of the server, of its processor and of its database, statements, bytes of HTML, and
    compressed bytes.
    """

    address: str
    milliseconds: Sequence[float]
    in_processor: Sequence[float]
    in_database: Sequence[float]
    statements: int
    size: int
    packed: int

    def figures(self) -> dict[str, object]:
        """Return the figures as a part of the result."""
        slowest = percentile(self.milliseconds, 95)
        return {
            "address": self.address,
            "p95_ms": round(slowest, 1),
            "median_ms": round(median(self.milliseconds), 1),
            "processor_ms": round(median(self.in_processor), 1),
            "database_ms": round(median(self.in_database), 1),
            "statements": self.statements,
            "bytes": self.size,
            "packed_bytes": self.packed,
            "within": slowest <= MOST_MS
            and self.statements <= MOST_STATEMENTS
            and self.size <= MOST_BYTES,
        }


def measure(records: int, holds: int, server: str) -> dict[str, object]:
    """Return the cost of each page on each database; PostgreSQL's is null without a server."""
    results: dict[str, object] = {
        "pages_sqlite": _measure_pages("", records, holds),
        "pages_postgresql": None,
    }
    if server:
        with temporary_database(server) as url:
            results["pages_postgresql"] = _measure_pages(url, records, holds)
    else:
        print_note("No --postgresql: its pages are left out.")
    return results


def _measure_pages(url: str, records: int, holds: int) -> dict[str, object]:
    with bench_shop(url, sweep_seconds=1) as shop:
        database = shop.place.database
        shop.load(PATIENCE, meanwhile=lambda: None)
        small = median(webhook_to_posted(shop, POSTED))
        print_note(f"The month is copied: {records:,} records, {holds:,} open holds …")
        shop.children.end("workers")  # one transaction writes for minutes
        with database.write() as session:
            size = grow(session, shop.company_id, records, holds)
        fold_all(database, turns=records)
        _vacuum(database)
        start_worker(shop.children, shop.portal, kept=True)
        large = median(webhook_to_posted(shop, POSTED, FURTHER))
        shop.children.end("workers")  # a page costs what its server takes, with nothing beside it
        with database.write() as session:
            keep_alive(session, shop.place.clock.now())
        _vacuum(database)
        print_note(f"{size.records:,} records, {size.holds:,} holds; each page {TIMES} times …")
        readers = _sign_in_readers(shop)
        named_pages = {
            name: _measure_page(readers[0], path).figures() for name, path in _paths(shop).items()
        }
        others, unreached = _measure_linked_pages(
            readers, {str(page["address"]) for page in named_pages.values()}
        )
    above_limits = [name for name, page in {**named_pages, **others}.items() if not page["within"]]
    counts = {"records": size.records, "holds": size.holds, "causes": size.causes}
    pace = {"posted_median_ms": round(1000 * large, 1), "posted_vs_small": round(small / large, 2)}
    return {
        **counts,
        **pace,
        "above": above_limits,
        "unreached": unreached,
        **named_pages,
        **others,
    }


def _vacuum(database: "Database") -> None:
    """Run what PostgreSQL does automatically within minutes after many writes."""
    if database.dialect == "postgresql":
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                "VACUUM ANALYZE"
            )


def _sign_in_readers(shop: "Shop") -> list["FlaskClient"]:
    """Return a signed-in client for each role."""
    from portal.app import create_app
    from portal.holds.hold_pane import warm_pages
    from portal.web.config import collect_in_small_parts

    place = shop.place
    app = create_app(place.database, place.clock, place.settings)
    warm_pages(app)  # as the portal does at its start
    collect_in_small_parts()  # and as its server does
    words = {
        person.role: (person.email, password) for person, password in shop.settled.passwords.items()
    }
    return [_sign_in(app.test_client(), *words[role]) for role in ROLES]


def _sign_in(client: "FlaskClient", email: str, password: str) -> "FlaskClient":
    token = FORM_TOKEN.search(client.get("/signin").text)
    assert token is not None  # noqa: S101 - the form is ours
    form = {"csrf_token": token[1], "email": email, "password": password}
    answer = client.post("/signin", data=form)
    if answer.status_code != 303:
        message = f"signing in was answered {answer.status_code}"
        raise RuntimeError(message)
    return client


def _measure_page(reader: "FlaskClient", path: str) -> Cost:
    """Read the page several times and return its cost; the first time counts like any other."""
    costs: list[tuple[float, float, float, int]] = []
    size = packed = 0
    for _ in range(TIMES):
        started = time.thread_time()
        answer = reader.get(path, follow_redirects=True)
        spent = 1000 * (time.thread_time() - started)
        timing = COST.search(answer.headers.get("Server-Timing", ""))
        if answer.status_code != 200 or timing is None:
            message = f"{path} was answered {answer.status_code}"
            raise RuntimeError(message)
        costs.append((float(timing[1]), spent, float(timing[2]), int(timing[3])))
        size, packed = len(answer.data), len(gzip.compress(answer.data))
    milliseconds, spent_each, in_database, statements = zip(*costs, strict=True)
    return Cost(path, milliseconds, spent_each, in_database, statements[-1], size, packed)


def _paths(shop: "Shop") -> Mapping[str, str]:
    """Return name -> path of the company's pages."""
    from holding.db.models import Hold, Posting, Record, Run
    from holding.db.models.columns import RecordState
    from holding.db.models.decisions import HOLD_OPEN

    base, company_id = f"/c/{shop.settled.sample.code}", shop.company_id
    with shop.place.database.read() as session:
        records = session.query(Record).filter_by(company_id=company_id, state=RecordState.POSTED)
        sent = records.join(Posting, Posting.record_id == Record.id)
        posted = sent.filter(Posting.posted_push_id.is_not(None)).order_by(Record.id).first()
        holds = session.query(Hold).filter_by(company_id=company_id).filter(HOLD_OPEN)
        hold = holds.order_by(Hold.id).first()
        run = session.query(Run).filter_by(company_id=company_id).order_by(Run.id).first()
    if posted is None or hold is None or run is None:
        message = "the sample month has no posted record, no hold or no run"
        raise RuntimeError(message)
    record = f"{base}/records/netshop/order/{posted.external_id}"
    return {
        "dashboard": f"{base}/",
        "holding": f"{base}/holding",
        "holding_group": f"{base}/holding?open={hold.cause_id}",
        "holding_mine": f"{base}/holding?view=mine",
        "holding_fine": f"{base}/holding?age=0&age=1&amount=0&amount=1&amount=2",
        "hold": f"{base}/holding/{hold.id}",
        "record": record,
        "record_trace": f"{record}?tab=trace",
        "find_number": f"{base}/find?q={posted.number}",
        "find_start": f"{base}/find?q={posted.number[:-1]}",
        "find_party": f"{base}/find?q={posted.party[1:6]}",
        "find_nothing": f"{base}/find?q=nobody-has-this",
        "runs": f"{base}/runs",
        "run": f"{base}/runs/{run.id}",
        "pushes": f"{base}/pushes",
        "late": f"{base}/late",
        "mappings": f"{base}/mappings/item",
        "missing": f"{base}/mappings/missing",
        "ageing": f"{base}/holding/ageing",
        "connection": f"{base}/connections/{shop.settled.sample.target}",
        "connections": f"{base}/connections",
        "companies": "/c",
        "inbox": f"{base}/holding/inbox",
        "cleared": f"{base}/holding?view=cleared",
        "audit": f"{base}/audit",
        "signals": f"{base}/signals",
        "reconcile": f"{base}/reconcile",
        "uploads": f"{base}/uploads",
        "changes": f"{base}/rules/changes",
        "operations": f"{base}/operations",
    }


def _measure_linked_pages(
    readers: Sequence["FlaskClient"], measured_paths: Collection[str]
) -> tuple[dict[str, dict[str, object]], list[str]]:
    """Return endpoint -> cost for pages that only links lead to, and the endpoints without links.

    An endpoint without links belongs to an object that does not exist in the sample month.
    """
    rules = readers[0].application.url_map
    routes = rules.bind("localhost")
    endpoints = {rule.endpoint for rule in rules.iter_rules() if "GET" in (rule.methods or ())}
    measured = {_endpoint(routes, path) for path in measured_paths}
    costs: dict[str, dict[str, object]] = {}
    for reader in readers:
        waiting, known_paths = deque(measured_paths), set(measured_paths)
        for _ in range(FOLLOWED):
            if not waiting:
                break
            answer = reader.get(path := waiting.popleft(), follow_redirects=True)
            endpoint = _endpoint(routes, path)
            if answer.status_code != 200 or answer.mimetype != "text/html":
                continue
            if endpoint not in measured:
                measured.add(endpoint)
                costs[endpoint] = _measure_page(reader, path).figures()
            links = {unescape(address) for address in LINK.findall(answer.text)} - known_paths
            links = {address for address in links if not urlsplit(address).path.endswith(FILES)}
            known_paths |= links
            for link in sorted(links):  # first those of pages that are not measured yet
                missing = _endpoint(routes, link) not in measured
                (waiting.appendleft if missing else waiting.append)(link)
    return costs, sorted(endpoints - measured)


def _endpoint(routes: "MapAdapter", path: str) -> str:
    """Return the endpoint of a path; blank for a file or a foreign address."""
    try:
        endpoint, _ = routes.match(urlsplit(path).path, method="GET")
    except HTTPException:
        return ""
    return str(endpoint)


def keep_alive(session: "DatabaseSession", now: datetime) -> None:
    """Store a heartbeat that lasts while pages are read, as of an idle worker.

    Without a live worker each page would query more and show a warning.
    """
    processes.beat(session, "bench", started_at=now, now=now, next_by=now + RESTS)


@dataclass(frozen=True, slots=True)
class Size:
    """How many records, open holds and causes of these holds exist in the end."""

    records: int
    holds: int
    causes: int


def grow(session: "DatabaseSession", company_id: int, records: int, holds: int) -> Size:
    """Copy a company's month until it has at least this many records and open holds."""
    month = size_of(session, company_id)
    hold_copies = -(-holds // month.holds)
    waiting = session.query(Hold.record_id).filter(Hold.company_id == company_id, HOLD_OPEN)
    company_records = session.query(Record).filter_by(company_id=company_id)
    free_records = company_records.filter(Record.id.not_in(waiting)).count()
    more_copies = max(0, records - month.records * hold_copies) // max(1, free_records)
    copies = hold_copies + more_copies
    execute = session.connection().exec_driver_sql
    execute("CREATE TEMPORARY TABLE copy (k INTEGER PRIMARY KEY)")
    execute(
        "INSERT INTO copy WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n"  # noqa: S608 - a number
        f" WHERE k < {copies}) SELECT k FROM n WHERE k <= {copies}"
    )
    last_queries = [f"SELECT coalesce(max(id), 0) FROM {name}" for name in COPIED]  # noqa: S608 - ours
    stride = 1 + max(execute(last).scalar_one() for last in last_queries)
    with _without_triggers(session):
        for name in (*COPIED, USES):
            execute(_copy_statement(session, name, company_id, hold_copies, stride))
    execute("DELETE FROM tally_mark")  # made by triggers where those were not left out
    execute(
        "INSERT INTO tally_mark (company_id, record_id)"  # noqa: S608 - a number
        f" SELECT DISTINCT company_id, record_id FROM hold WHERE {Hold.OPEN}"
    )
    if session.get_bind().dialect.name != "sqlite":  # SQLite has its statistics already
        for name in COPIED:  # later rows are numbered after the copies
            last = f"(SELECT max(id) FROM {name})"  # noqa: S608 - ours
            execute(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {last})")
        execute("ANALYZE")
    return size_of(session, company_id)


@contextmanager
def _without_triggers(session: "DatabaseSession") -> Iterator[None]:
    """Disable PostgreSQL's triggers, which cost most of the time; SQLite's are few and stay."""
    if session.get_bind().dialect.name == "sqlite":
        yield
        return
    run = session.connection().exec_driver_sql
    for name in COPIED:
        run(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    yield
    for name in COPIED:
        run(f"ALTER TABLE {name} ENABLE TRIGGER USER")


def _copy_statement(
    session: "DatabaseSession", name: str, company_id: int, hold_copies: int, stride: int
) -> str:
    """Return the statement that writes all copies of a table's rows for a company."""
    dialect = session.get_bind().dialect
    columns = {
        column.name: {key.column.table.name for key in column.foreign_keys}
        for column in Base.metadata.tables[name].columns
    }
    sqlite = dialect.name == "sqlite"
    values = ", ".join(
        _copied_value(name, column, leads_to, stride, sqlite=sqlite)
        for column, leads_to in columns.items()
    )
    names = ", ".join(map(dialect.identifier_preparer.quote, columns))
    # SQLite takes the tables of a cross join in their order: copy by copy all numbers only grow
    query = f"SELECT {values} FROM copy CROSS JOIN {name} t"  # noqa: S608 - ours
    query = f"{query} WHERE {_copied_rows(name, company_id, hold_copies)}"
    return f"INSERT INTO {name} ({names}) {query}"


def _copied_value(name: str, column: str, leads_to: set[str], stride: int, *, sqlite: bool) -> str:
    """Return the SQL value of a column in a copy."""
    original = f't."{column}"'
    if instead := LEFT_OUT.get((name, column)):
        return instead
    if column in WORK:
        return "NULL"
    if leads_to == {"cause"}:
        return f"{original} + {stride} * (k - {_remainder(COPIES_A_CAUSE, '(k - 1)')})"
    if name == "event" and column == "id":  # long before all that the chain still has to link
        return f"{original} - {stride} * k - {RECENT}"
    if column == "id" or leads_to & {*COPIED} or column in ROW_NUMBERS:
        return f"{original} + {stride} * k"
    if name == "cause" and column in {"records", "book"}:
        return f"{original} * {COPIES_A_CAUSE}"
    if column in OWN:
        return f"{original} || '-' || k"
    if column in (*DAYS, *MOMENTS):
        return _shift_back(original, sqlite=sqlite, moment=column in MOMENTS)
    return original


def _remainder(divisor: int, number: str = "k") -> str:
    """Return the remainder of a division in SQL: the driver would read % as a parameter."""
    return f"({number} - {divisor} * ({number} / {divisor}))"


def _shift_back(original: str, *, sqlite: bool, moment: bool) -> str:
    """Return SQL for the day or moment some months earlier."""
    days = f"30 * {_remainder(MONTHS)}"
    if not sqlite:
        return f"{original} - {days} * INTERVAL '1 day'" if moment else f"{original} - {days}"
    day = f"date(substr({original}, 1, 10), '-' || ({days}) || ' days')"
    return f"{day} || substr({original}, 11)"


def _copied_rows(name: str, company_id: int, hold_copies: int) -> str:
    """Return the SQL condition for the rows to copy; held records and holds are copied less
    often.
    """
    condition = f"t.company_id = {company_id}"
    if name == "run":
        return f"{condition} AND k <= {hold_copies}"
    if name == "cause":
        return f"{condition} AND k <= {hold_copies} AND {_remainder(COPIES_A_CAUSE)} = 1"
    if name == "hold":
        return f"{condition} AND k < {hold_copies} AND t.{Hold.OPEN}"
    if name == "event":
        condition = f"{condition} AND t.act = 'record.received'"
    waiting = f"SELECT record_id FROM hold WHERE company_id = {company_id} AND {Hold.OPEN}"  # noqa: S608 - ours
    if name in {"push", USES}:
        condition = f"t.posting_id IN (SELECT id FROM posting WHERE company_id = {company_id})"  # noqa: S608 - ours
        waiting = f"SELECT id FROM posting WHERE record_id IN ({waiting})"  # noqa: S608 - ours
    return f"{condition} AND (k < {hold_copies} OR t.{WITHOUT_HOLD[name]} NOT IN ({waiting}))"


def size_of(session: "DatabaseSession", company_id: int) -> Size:
    """Return the size of a company."""
    of_company = {"company_id": company_id}
    return Size(
        session.query(Record).filter_by(**of_company).count(),
        session.query(Hold).filter_by(**of_company).filter(HOLD_OPEN).count(),
        session.query(Cause).filter_by(**of_company).filter(Cause.records > 0).count(),
    )
