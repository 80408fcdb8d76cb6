"""The part of `clearpost bench` that reads pages of a large company, as its finance person does.

Here: the sample month copied until it is large, on SQLite and, where a server is named, on
PostgreSQL; an order from its webhook until it is posted, before that and after; each page several
times, with no worker beside it, the server's own timing, its statements and its bytes: those that
are named here, and of every other page of the application the first one that a link leads to, read
by the first role that may. Not here: how a month is copied (page_rows.py).
"""

import gzip
import re
import time
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from statistics import median
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException

from holding.runtime import heartbeats
from holding.tallies.folding import fold_all
from portal.bench.page_rows import grow
from portal.bench.shop_bench import bench_shop, database_on, percentile, webhook_to_posted
from portal.terminal.command_frame import say
from portal.terminal.processes import start_worker

if TYPE_CHECKING:
    from flask.testing import FlaskClient
    from werkzeug.routing import MapAdapter

    from holding.store.database import Database, DatabaseSession
    from sandbox.demo.command import Shop

TIMES: Final = 20
PATIENCE: Final = 600.0
RESTS: Final = timedelta(hours=6)
POSTED: Final = 20
"""Orders that are posted one after the other, in the small company and again in the large one."""
FURTHER: Final = 910_001  # the first of those in the large one
MOST_MS: Final = 50.0
MOST_STATEMENTS: Final = 12
MOST_BYTES: Final = 60_000
ROLES: Final = ("finance", "approver", "admin", "consultant", "auditor", "operator", "publisher")
FOLLOWED: Final = 150
"""Pages of which a role's links are followed."""
FILES: Final = (".csv", ".xlsx", ".json", ".svg", ".txt", ".md", ".css", ".js", ".html")
LINK: Final = re.compile('(?:href|hx-get)="(/[^"#]*)')
COST = re.compile(r'total;dur=([\d.]+), db;dur=([\d.]+), statements;desc="(\d+)"')
FORM_TOKEN = re.compile('name="csrf_token"[^>]*value="([^"]+)"')


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
        say("No --postgresql: its pages are left out.")
    return found


def _pages(url: str, records: int, holds: int) -> dict[str, object]:
    with bench_shop(url, sweep_seconds=1) as found:
        database = found.place.database
        found.load(PATIENCE, meanwhile=lambda: None)
        small = median(webhook_to_posted(found, POSTED))
        say(f"The month is copied: {records:,} records, {holds:,} open holds …")
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
        say(f"{size.records:,} records, {size.holds:,} holds; each page {TIMES} times …")
        readers = _readers(found)
        told = {name: _cost(readers[0], path).told() for name, path in _paths(found).items()}
        others, unreached = _others(readers, {str(one["address"]) for one in told.values()})
    above = [name for name, one in {**told, **others}.items() if not one["within"]]
    counts = {"records": size.records, "holds": size.holds, "causes": size.causes}
    pace = {"posted_median_ms": round(1000 * large, 1), "posted_vs_small": round(small / large, 2)}
    return {**counts, **pace, "above": above, "unreached": unreached, **told, **others}


def at_rest(session: "DatabaseSession", now: datetime) -> None:
    """A sign of life that holds while pages are read: of a company whose worker has nothing to do.
    Where none runs, each page asks for more, and says so.
    """
    heartbeats.beat(session, "bench", started_at=now, now=now, next_by=now + RESTS)


def _cleared_up(database: "Database") -> None:
    """What PostgreSQL does automatically within minutes after so much was written."""
    if database.dialect == "postgresql":
        with database.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").exec_driver_sql(
                "VACUUM ANALYZE"
            )


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


def _paths(found: "Shop") -> Mapping[str, str]:
    """The pages of the company by name."""
    from holding.tables import Hold, Posting, Record, Run
    from holding.tables.decisions import HOLD_OPEN
    from holding.tables.row_states import RecordState

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


def _readers(found: "Shop") -> list["FlaskClient"]:
    """Somebody of each role, signed in."""
    from portal.app import create_app
    from portal.pages.first_reading import read_first
    from portal.web.serving import collect_in_small_parts

    place = found.place
    app = create_app(place.database, place.clock, place.settings)
    read_first(app)  # as the portal does at its start
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
