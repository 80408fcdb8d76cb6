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

from bench.shop_bench import bench_shop, database_on, percentile, webhook_to_posted
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

MONTHS: Final = 36  # so far back the copies reach

COPIES_A_CAUSE: Final = 9  # then a cause has about 43 holds, and a million records 2,300 causes

COPIED: Final = tuple(one.__tablename__ for one in (Cause, Run, Record, Posting, Push, Hold, Event))

USES: Final = "posting_use"  # the only one of these tables that has no numbers of its own

ROW_NUMBERS: Final = (
    "family",
    "posting_id",
    "push_id",
    "posted_push_id",
)  # of copied rows, by no foreign key

OWN: Final = ("number", "external_id", "target_ref", "key", "value", "label")
"""Texts that a copy has for itself."""

DAYS: Final = ("doc_date", "day")

MOMENTS: Final = ("at", "seen_at", "sent_at", "posted_at", "made_at", "ended_at")

LEFT_OUT: Final = {("posting", "content"): "NULL", ("push", "content"): "'{}'"}
"""What only the page of one document shows, and what would be most of the bytes."""

WORK: Final = ("due_at", "read_due_at", "lease_owner", "lease_until")  # nobody is to work on copies

WITHOUT_HOLD: Final = {
    "record": "id",
    "posting": "record_id",
    "push": "posting_id",
    USES: "posting_id",
    "event": "record_id",
}
"""By which column a row is one of those that nothing keeps back."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a page took: milliseconds of the server, of its processor and of its database,
    statements, bytes of HTML, and compressed.
    """

    address: str
    milliseconds: Sequence[float]
    in_processor: Sequence[float]
    in_database: Sequence[float]
    statements: int
    size: int
    packed: int

    def told(self) -> dict[str, object]:
        """As a part of the result."""
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


def measured(records: int, holds: int, server: str) -> dict[str, object]:
    """Each page on each database; PostgreSQL's is null where no server is named."""
    found: dict[str, object] = {
        "pages_sqlite": _pages("", records, holds),
        "pages_postgresql": None,
    }
    if server:
        with database_on(server) as url:
            found["pages_postgresql"] = _pages(url, records, holds)
    else:
        print_note("No --postgresql: its pages are left out.")
    return found


def _pages(url: str, records: int, holds: int) -> dict[str, object]:
    with bench_shop(url, sweep_seconds=1) as found:
        database = found.place.database
        found.load(PATIENCE, meanwhile=lambda: None)
        small = median(webhook_to_posted(found, POSTED))
        print_note(f"The month is copied: {records:,} records, {holds:,} open holds …")
        found.children.end("workers")  # one transaction writes for minutes
        with database.write() as session:
            size = grow(session, found.company_id, records, holds)
        fold_all(database, turns=records)
        _cleared_up(database)
        start_worker(found.children, found.portal, kept=True)
        large = median(webhook_to_posted(found, POSTED, FURTHER))
        found.children.end("workers")  # a page costs what its server takes, with nothing beside it
        with database.write() as session:
            at_rest(session, found.place.clock.now())
        _cleared_up(database)
        print_note(f"{size.records:,} records, {size.holds:,} holds; each page {TIMES} times …")
        readers = _readers(found)
        told = {name: _cost(readers[0], path).told() for name, path in _paths(found).items()}
        others, unreached = _others(readers, {str(one["address"]) for one in told.values()})
    above = [name for name, one in {**told, **others}.items() if not one["within"]]
    counts = {"records": size.records, "holds": size.holds, "causes": size.causes}
    pace = {"posted_median_ms": round(1000 * large, 1), "posted_vs_small": round(small / large, 2)}
    return {**counts, **pace, "above": above, "unreached": unreached, **told, **others}


def _cleared_up(database: "Database") -> None:
    """What PostgreSQL does automatically within minutes after so much was written."""
    if database.dialect == "postgresql":
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                "VACUUM ANALYZE"
            )


def _readers(found: "Shop") -> list["FlaskClient"]:
    """Somebody of each role, signed in."""
    from portal.app import create_app
    from portal.holds.hold_pane import warm_pages
    from portal.web.config import collect_in_small_parts

    place = found.place
    app = create_app(place.database, place.clock, place.settings)
    warm_pages(app)  # as the portal does at its start
    collect_in_small_parts()  # and as its server does
    words = {one.role: (one.email, word) for one, word in found.settled.passwords.items()}
    return [_signed_in(app.test_client(), *words[role]) for role in ROLES]


def _signed_in(client: "FlaskClient", email: str, word: str) -> "FlaskClient":
    token = FORM_TOKEN.search(client.get("/signin").text)
    assert token is not None  # noqa: S101 - the form is ours
    given = {"csrf_token": token[1], "email": email, "password": word}
    answer = client.post("/signin", data=given)
    if answer.status_code != 303:
        message = f"signing in was answered {answer.status_code}"
        raise RuntimeError(message)
    return client


def _cost(reader: "FlaskClient", path: str) -> Cost:
    """The page, read several times; the first time counts as little as any other."""
    costs: list[tuple[float, float, float, int]] = []
    size = packed = 0
    for _ in range(TIMES):
        started = time.thread_time()
        answer = reader.get(path, follow_redirects=True)
        spent = 1000 * (time.thread_time() - started)
        told = COST.search(answer.headers.get("Server-Timing", ""))
        if answer.status_code != 200 or told is None:
            message = f"{path} was answered {answer.status_code}"
            raise RuntimeError(message)
        costs.append((float(told[1]), spent, float(told[2]), int(told[3])))
        size, packed = len(answer.data), len(gzip.compress(answer.data))
    whole, spent_each, in_database, statements = zip(*costs, strict=True)
    return Cost(path, whole, spent_each, in_database, statements[-1], size, packed)


def _paths(found: "Shop") -> Mapping[str, str]:
    """The pages of the company by name."""
    from holding.db.models import Hold, Posting, Record, Run
    from holding.db.models.columns import RecordState
    from holding.db.models.decisions import HOLD_OPEN

    base, company_id = f"/c/{found.settled.sample.code}", found.company_id
    with found.place.database.read() as session:
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
        "connection": f"{base}/connections/{found.settled.sample.target}",
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


def _others(
    readers: Sequence["FlaskClient"], named: Collection[str]
) -> tuple[dict[str, dict[str, object]], list[str]]:
    """Endpoint -> the cost of a page that links lead to, of those that no name has measured; and
    the endpoints to which none leads: what a person makes first, or that is over.
    """
    rules = readers[0].application.url_map
    routes = rules.bind("localhost")
    ends = {rule.endpoint for rule in rules.iter_rules() if "GET" in (rule.methods or ())}
    seen = {_endpoint(routes, path) for path in named}
    told: dict[str, dict[str, object]] = {}
    for reader in readers:
        waiting, known = deque(named), set(named)
        for _ in range(FOLLOWED):
            if not waiting:
                break
            answer = reader.get(path := waiting.popleft(), follow_redirects=True)
            here = _endpoint(routes, path)
            if answer.status_code != 200 or answer.mimetype != "text/html":
                continue
            if here not in seen:
                seen.add(here)
                told[here] = _cost(reader, path).told()
            links = {unescape(one) for one in LINK.findall(answer.text)} - known
            links = {one for one in links if not urlsplit(one).path.endswith(FILES)}
            known |= links
            for link in sorted(links):  # first those of pages that are not measured yet
                missing = _endpoint(routes, link) not in seen
                (waiting.appendleft if missing else waiting.append)(link)
    return told, sorted(ends - seen)


def _endpoint(routes: "MapAdapter", path: str) -> str:
    """The endpoint that answers a path; none of a file or of somewhere else."""
    try:
        found, _ = routes.match(urlsplit(path).path, method="GET")
    except HTTPException:
        return ""
    return str(found)


def at_rest(session: "DatabaseSession", now: datetime) -> None:
    """A sign of life that holds while pages are read: of a company whose worker has nothing to do.
    Where none runs, each page asks for more, and says so.
    """
    processes.beat(session, "bench", started_at=now, now=now, next_by=now + RESTS)


@dataclass(frozen=True, slots=True)
class Size:
    """How many records, open holds, and causes of those, there are in the end."""

    records: int
    holds: int
    causes: int


def grow(session: "DatabaseSession", company_id: int, records: int, holds: int) -> Size:
    """Copy the month of a company until it has so many records and open holds, or a few more."""
    month = size_of(session, company_id)
    held = -(-holds // month.holds)
    waiting = session.query(Hold.record_id).filter(Hold.company_id == company_id, HOLD_OPEN)
    kept = session.query(Record).filter_by(company_id=company_id)
    free = kept.filter(Record.id.not_in(waiting)).count()
    more = max(0, records - month.records * held) // max(1, free)
    run = session.connection().exec_driver_sql
    run("CREATE TEMPORARY TABLE copy (k INTEGER PRIMARY KEY)")
    run(
        "INSERT INTO copy WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n"  # noqa: S608 - a number
        f" WHERE k < {held + more}) SELECT k FROM n WHERE k <= {held + more}"
    )
    lasts = [f"SELECT coalesce(max(id), 0) FROM {name}" for name in COPIED]  # noqa: S608 - ours
    stride = 1 + max(run(last).scalar_one() for last in lasts)
    with _without_triggers(session):
        for name in (*COPIED, USES):
            run(_copies(session, name, company_id, held, stride))
    run("DELETE FROM tally_mark")  # made by triggers where those were not left out
    run(
        "INSERT INTO tally_mark (company_id, record_id)"  # noqa: S608 - a number
        f" SELECT DISTINCT company_id, record_id FROM hold WHERE {Hold.OPEN}"
    )
    if session.get_bind().dialect.name != "sqlite":  # SQLite is told once for all
        for name in COPIED:  # what comes later is numbered behind the copies
            last = f"(SELECT max(id) FROM {name})"  # noqa: S608 - ours
            run(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {last})")
        run("ANALYZE")
    return size_of(session, company_id)


@contextmanager
def _without_triggers(session: "DatabaseSession") -> Iterator[None]:
    """PostgreSQL's triggers cost most of the time; SQLite's are few at a new row, and stay."""
    if session.get_bind().dialect.name == "sqlite":
        yield
        return
    run = session.connection().exec_driver_sql
    for name in COPIED:
        run(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    yield
    for name in COPIED:
        run(f"ALTER TABLE {name} ENABLE TRIGGER USER")


def _copies(session: "DatabaseSession", name: str, company_id: int, held: int, stride: int) -> str:
    """The statement that writes all copies of a table's rows, of one company."""
    dialect = session.get_bind().dialect
    columns = {
        column.name: {key.column.table.name for key in column.foreign_keys}
        for column in Base.metadata.tables[name].columns
    }
    sqlite = dialect.name == "sqlite"
    values = ", ".join(
        _value(name, column, leads_to, stride, sqlite=sqlite)
        for column, leads_to in columns.items()
    )
    names = ", ".join(map(dialect.identifier_preparer.quote, columns))
    # SQLite takes the tables of a cross join in their order: copy by copy all numbers only grow
    chosen = f"SELECT {values} FROM copy CROSS JOIN {name} t"  # noqa: S608 - ours
    chosen = f"{chosen} WHERE {_chosen(name, company_id, held)}"
    return f"INSERT INTO {name} ({names}) {chosen}"


def _value(name: str, column: str, leads_to: set[str], stride: int, *, sqlite: bool) -> str:
    """What stands in a column of a copy."""
    own = f't."{column}"'
    if instead := LEFT_OUT.get((name, column)):
        return instead
    if column in WORK:
        return "NULL"
    if leads_to == {"cause"}:
        return f"{own} + {stride} * (k - {_rest(COPIES_A_CAUSE, '(k - 1)')})"
    if name == "event" and column == "id":  # long before all that the chain still has to link
        return f"{own} - {stride} * k - {RECENT}"
    if column == "id" or leads_to & {*COPIED} or column in ROW_NUMBERS:
        return f"{own} + {stride} * k"
    if name == "cause" and column in {"records", "book"}:
        return f"{own} * {COPIES_A_CAUSE}"
    if column in OWN:
        return f"{own} || '-' || k"
    if column in (*DAYS, *MOMENTS):
        return _earlier(own, sqlite=sqlite, moment=column in MOMENTS)
    return own


def _rest(divisor: int, number: str = "k") -> str:
    """The rest of a division; a driver takes the sign for it for a parameter."""
    return f"({number} - {divisor} * ({number} / {divisor}))"


def _earlier(own: str, *, sqlite: bool, moment: bool) -> str:
    """The same day or moment some months earlier."""
    days = f"30 * {_rest(MONTHS)}"
    if not sqlite:
        return f"{own} - {days} * INTERVAL '1 day'" if moment else f"{own} - {days}"
    day = f"date(substr({own}, 1, 10), '-' || ({days}) || ' days')"
    return f"{day} || substr({own}, 11)"


def _chosen(name: str, company_id: int, held: int) -> str:
    """Which rows are copied how often: those with an open hold, and the holds, less often."""
    mine = f"t.company_id = {company_id}"
    if name == "run":
        return f"{mine} AND k <= {held}"
    if name == "cause":
        return f"{mine} AND k <= {held} AND {_rest(COPIES_A_CAUSE)} = 1"
    if name == "hold":
        return f"{mine} AND k < {held} AND t.{Hold.OPEN}"
    if name == "event":
        mine = f"{mine} AND t.act = 'record.received'"
    waiting = f"SELECT record_id FROM hold WHERE company_id = {company_id} AND {Hold.OPEN}"  # noqa: S608 - ours
    if name in {"push", USES}:
        mine = f"t.posting_id IN (SELECT id FROM posting WHERE company_id = {company_id})"  # noqa: S608 - ours
        waiting = f"SELECT id FROM posting WHERE record_id IN ({waiting})"  # noqa: S608 - ours
    return f"{mine} AND (k < {held} OR t.{WITHOUT_HOLD[name]} NOT IN ({waiting}))"


def size_of(session: "DatabaseSession", company_id: int) -> Size:
    """How large a company is."""
    mine = {"company_id": company_id}
    return Size(
        session.query(Record).filter_by(**mine).count(),
        session.query(Hold).filter_by(**mine).filter(HOLD_OPEN).count(),
        session.query(Cause).filter_by(**mine).filter(Cause.records > 0).count(),
    )
