"""Measure a whole shop: from a webhook to a stored posting, and the checks of due records."""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import ZoneInfo

from portal.terminal.command_frame import granted, print_note
from sandbox.demo.command import Shop, open_shop

if TYPE_CHECKING:
    from holding.db.database import DatabaseSession
if TYPE_CHECKING:
    from holding.db.database import Database
    from sandbox.demo.command import Shop
    from sandbox.demo.shop import Order

WORKERS = 2

BUILT_ORDERS = 10_000

COMPARED_ORDERS = 5_000  # enough for the rates that need no shop

LOOK_SECONDS = 0.005

GLANCE_SECONDS = 0.05  # so that looking takes no share of what is measured

PATIENCE = 1_800.0

KEY = "4Zk0k1cF0rV9q3y2m8hJ5tX7wQbN6uLdE1sGaPiRoYc="  # of a shop that is thrown away

BATCH = 500

SEED = 7


def measure(records: int, webhooks: int, server: str) -> dict[str, object]:
    """Return the figures; PostgreSQL's are null without a server."""
    sqlite = _on_sqlite(records, webhooks)
    on_server: dict[str, float] = {}
    if server:
        with temporary_database(server) as url, bench_shop(url) as shop:
            on_server = _measure_stored(shop, "postgresql", records)
    else:
        print_note("No --postgresql: its figures are left out.")
    ratios = {
        f"stored_vs_bare_{name}": round(part["stored"] / part["bare"], 3) if part else None
        for name, part in (("sqlite", sqlite.stored), ("postgresql", on_server))
    }
    parts = [part for part in (sqlite.stored, on_server) if part]
    ceiling = min(part["stored"] / min(part["bare"], part["written"]) for part in parts)
    seconds = sqlite.hooks
    return {
        **ratios,
        "stored_vs_ceiling": round(ceiling, 3),
        "built_vs_bare": _rate_share(sqlite.built, sqlite.stored["bare"]),
        "webhook_to_posted_p95_seconds": round(percentile(seconds, 95), 3),
        "webhook_to_posted_median_seconds": round(percentile(seconds, 50), 3),
        **_a_second("sqlite", sqlite.stored),
        **_a_second("postgresql", on_server),
        **sqlite.built,
        "records": records,
        "webhooks": len(seconds),
        "workers": WORKERS,
        "batch": BATCH,
    }


class _OnSqlite(NamedTuple):
    hooks: list[float]
    built: dict[str, object]
    stored: dict[str, float]


def _on_sqlite(records: int, webhooks: int) -> _OnSqlite:
    with bench_shop("") as shop:
        print_note(f"{webhooks} webhooks, one after the other, each until it is posted …")
        hooks = webhook_to_posted(shop, webhooks)
        count = min(records, BUILT_ORDERS)
        print_note(f"{count:,} orders, from due to built and sent in workbooks …")
        built = _measure_built(shop, count)
        return _OnSqlite(hooks, built, _measure_stored(shop, "sqlite", records))


def _measure_built(shop: Shop, count: int) -> dict[str, object]:
    """Judge and send orders in one run; the target is paused until they are judged."""
    from holding.db.models import Run
    from holding.platform import processes
    from holding.runs.status import UNDER_WAY

    pause(shop)
    receive(shop, orders(shop, count, 1_000_001))
    started = time.perf_counter()
    judge_all(shop)
    run_id = sync(shop)
    processes.ring(shop.company_id, "push")

    def ended() -> bool:
        with shop.place.database.read() as session:
            return session.get_one(Run, run_id).state not in UNDER_WAY

    until(ended, "run", GLANCE_SECONDS)
    seconds = time.perf_counter() - started
    # The stand-in may be writing its next line, so only whole lines are read.
    whole_lines = shop.ledger.read_text("utf-8").rpartition("\n")[0].splitlines()
    lines = [json.loads(line) for line in whole_lines]
    created = [line for line in lines if (line["call"], line["effect"]) == ("xlsx", "created")]
    return {
        "built_orders": count,
        "built_seconds": round(seconds, 2),
        "built_documents": len(created),
        "built_workbooks": len({line["request_id"] for line in created}),
    }


def _measure_stored(shop: Shop, name: str, records: int) -> dict[str, float]:
    """Return records per second: stored through the queue, evaluated only, written only."""
    pause(shop)
    receive(shop, orders(shop, BATCH, 2_000_001))
    judge_all(shop)
    _wait_for_bells()
    print_note(f"{records:,} records on {name}, from due to decision stored …")
    receive(shop, orders(shop, records, 3_000_001))
    waiting = _due(shop)  # what a sweep had judged while the others came in does not count
    started = time.perf_counter()
    judge_all(shop)
    stored = waiting / (time.perf_counter() - started)
    _wait_for_bells()
    print_note(
        "The same evaluations from memory on one core, and the same rows without evaluating …"
    )
    few = min(records, COMPARED_ORDERS)
    return {"stored": stored, "bare": bare_rate(shop, few), "written": write_rate(shop, few)}


def _wait_for_bells() -> None:
    """Wait until the queue is empty: a late bell would make a worker take the next orders."""
    from holding.platform import processes

    until(processes.is_queue_empty, "bells", GLANCE_SECONDS)


def _due(shop: Shop) -> int:
    with shop.place.database.read() as session:
        return int(_due_records(shop, session).count())


def _due_records(shop: Shop, session: "DatabaseSession") -> Any:
    from holding.db.models import Record

    records = session.query(Record.id).filter(Record.company_id == shop.company_id)
    return records.filter(Record.due_at <= shop.place.now, Record.lease_until.is_(None))


def _rate_share(built: dict[str, object], evaluated_rate: float) -> float:
    """Return the orders sent a second as a share of the orders evaluated from memory on one
    core.
    """
    rate = float(str(built["built_orders"])) / float(str(built["built_seconds"]))
    return round(rate / evaluated_rate, 3)


def _a_second(name: str, part: dict[str, float]) -> dict[str, int]:
    return {f"{what}_records_per_second_{name}": round(rate) for what, rate in part.items()}


@contextmanager
def bench_shop(url: str, sweep_seconds: int = 600, *, working: bool = True) -> Iterator[Shop]:
    """Open a shop of its own. Its workers, if any, run on a bell and with each sweep."""
    home = Path(tempfile.mkdtemp(prefix="clearpost-bench-"))
    os.environ["CLEARPOST_SWEEP_SECONDS"] = str(sweep_seconds)
    os.environ["CLEARPOST_WORKERS"] = str(WORKERS)
    key = home / "bench.key"
    key.touch(mode=0o600)
    key.write_text(KEY)
    try:
        with open_shop(
            home, SEED, 0, withheld=0, database=(url, key) if url else None, working=working
        ) as shop:
            yield shop
    finally:
        shutil.rmtree(home, ignore_errors=True)


@contextmanager
def temporary_database(server: str) -> Iterator[str]:
    """Create an empty database on a server, yield its URL and drop it at the end."""
    import psycopg

    name = f"clearpost_bench_{os.getpid()}"
    plain_url = server.replace("+psycopg", "", 1)
    with psycopg.connect(plain_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
        try:
            yield f"{server.rpartition('/')[0]}/{name}"
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def webhook_to_posted(shop: Shop, count: int, first_id: int = 900_001) -> list[float]:
    """Return seconds from the start of each webhook call until its document is known to be
    posted.
    """
    from sandbox.demo.generator import Delivery

    hook, seconds = shop.hook(), []
    for order in orders(shop, count, first_id):
        started = time.perf_counter()
        call = Delivery(f"evt_{order.id}", "order.paid", (order,))
        hook.send([call], shop.place.now)
        until(lambda number=order.number: _state(shop, number) == "posted", order.number)  # type: ignore[misc]
        seconds.append(time.perf_counter() - started)
    return seconds


def _state(shop: Shop, number: str) -> str:
    from holding.db.models import Record

    with shop.place.database.read() as session:
        criteria = {"company_id": shop.company_id, "number": number}  # found by an index
        row = session.query(Record.state).filter_by(**criteria).one_or_none()
    return row[0] if row else ""


def sync(shop: Shop) -> int:
    """Resume the target and start a run of all ready records; return its id."""
    from datetime import date

    from holding.connections import connections
    from holding.runs import date_ranges, range_preview
    from sandbox.demo import setup

    now, company_id = shop.place.now, shop.company_id
    with shop.place.database.write() as session:
        operator = setup.find_colleague(session, company_id, "operator")
        target = setup.find_connection(session, company_id, setup.TARGET)
        granted(connections.resume(session, operator, target.id, now=now))
        document_range = {
            "doc_type": "sales_invoice",
            "first": date(2000, 1, 1),
            "last": date(2999, 1, 1),
        }
        preview = range_preview.preview(session, company_id, target.id, **document_range, now=now)  # type: ignore[arg-type]
        [run] = granted(
            date_ranges.sync(
                session,
                operator,
                company_id=company_id,
                connection_id=target.id,
                expected_count=preview.will_send.count,
                expected_total=preview.will_send.figure,
                now=now,
                **document_range,  # type: ignore[arg-type]
            )
        )
        return run


def pause(shop: Shop) -> None:
    """Pause the target: nothing is sent any more."""
    from holding.connections import connections
    from sandbox.demo import setup

    with shop.place.database.write() as session:
        operator = setup.find_colleague(session, shop.company_id, "operator")
        target = setup.find_connection(session, shop.company_id, setup.TARGET)
        granted(connections.pause(session, operator, target.id, "measuring", now=shop.place.now))


def busy(shop: Shop) -> bool:
    """Check whether a record is due or claimed. A count would cost too much of what is measured."""
    from holding.db.models import Record

    with shop.place.database.read(many=True) as session:
        claimed = session.query(Record.id).filter(Record.lease_until.is_not(None))
        return any(query.first() is not None for query in (_due_records(shop, session), claimed))


def judge_all(shop: Shop) -> None:
    """Send bells, and wait until no record is due or claimed."""
    from holding.platform import processes

    processes.ring(shop.company_id, "evaluate")
    processes.ring(shop.company_id, "evaluate")
    until(lambda: not busy(shop), "records", GLANCE_SECONDS)


def until(probe: Callable[[], bool], what: str, pause: float = LOOK_SECONDS) -> None:
    """Wait until the probe is true; raise RuntimeError after PATIENCE seconds."""
    limit = time.monotonic() + PATIENCE
    while not probe():
        if time.monotonic() > limit:
            message = f"{what}: not done after {PATIENCE:.0f} seconds"
            raise RuntimeError(message)
        time.sleep(pause)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the value that this percentage of the values does not exceed."""
    return sorted(values)[max(0, round(len(values) * percent / 100) - 1)]


def receive(shop: "Shop", shop_orders: Sequence["Order"]) -> None:
    """Store the orders as due, without ringing for them."""
    from connectors import registry
    from connectors.contract import Accepted
    from holding.intake import receive as versions
    from portal.terminal.command_frame import granted
    from sandbox.demo import setup
    from sandbox.demo.generator import Delivery, encode_body
    from sandbox.demo.shop import ZONE

    zone = ZoneInfo(ZONE)
    for start in range(0, len(shop_orders), BATCH):
        part = tuple(shop_orders[start : start + BATCH])
        raw = encode_body(Delivery(f"bench_{part[0].id}", "orders.collected", part))
        accepted = registry.sources()[setup.SOURCE].read("bench.json", raw, zone)
        if not isinstance(accepted, Accepted):
            raise TypeError(accepted)
        with shop.place.database.write() as session:
            receipt = versions.receive(
                session,
                company_id=shop.company_id,
                source_id=setup.find_connection(session, shop.company_id, setup.SOURCE).id,
                delivery_key=accepted.delivery_id,
                kind="file",
                headers={},
                raw=raw,
                records=accepted.records,
                now=shop.place.now,
            )
            granted(receipt)


def orders(shop: "Shop", count: int, first_id: int) -> "tuple[Order, ...]":
    """Return this many clean orders of yesterday, numbered from `first_id` on.

    Other numbers give other orders.
    """
    from sandbox.demo.generator import MALAYSIA, plain_orders

    return plain_orders(
        shop.place.now.astimezone(MALAYSIA).date(), count, seed=SEED + first_id, first_id=first_id
    )


def bare_rate(shop: "Shop", records: int) -> float:
    """Return records per second for repeating the newest evaluations from memory.

    Each is decoded, evaluated with a trace and hashed; nothing is read or stored.
    """
    from holding.approvals.consent import posting_hash
    from holding.db.models import Company, Evaluation, Version
    from holding.programs import world as programs_world
    from rules.facts import Facts, Subject
    from rules.values.canonical import dumps

    with shop.place.database.read() as session:
        company = session.get_one(Company, shop.company_id)
        program = programs_world.program(session, company.ruleset_version_id or 0)
        fresh = programs_world.fresh_targets(session, company.id, shop.place.now)
        world = programs_world.world(session, company.id, company.revision, fresh)
        rows = session.query(Evaluation, Version).filter(Version.id == Evaluation.version_id)
        cases = [
            (
                dumps(version.body),
                Facts.from_json(evaluation.facts["facts"]),
                evaluation.at,
                version.no,
            )
            for evaluation, version in rows.order_by(Evaluation.id.desc()).limit(records)
            if evaluation.facts is not None
        ]
    started = time.perf_counter()
    for body, facts, judged_at, number in cases:
        subject = Subject("order", "netshop", json.loads(body), number)
        for decision in program.evaluate(subject, facts, world, judged_at).decisions:
            if decision.document is not None:
                posting_hash(1, "CMP-1042", decision.document, "create")
    return len(cases) / (time.perf_counter() - started)


def write_rate(shop: "Shop", records: int) -> float:
    """Return records per second for claiming and storing results that are known already."""
    from holding.evaluation.batch import claim
    from holding.evaluation.evaluate_due import plan_all
    from holding.evaluation.load_facts import load_batch
    from holding.evaluation.store_results import store_plans
    from holding.programs import world as programs_world

    receive(shop, orders(shop, records, 4_000_001))
    database: Database = shop.place.database
    now, stored, spent = shop.place.now, 0, 0.0
    while True:
        started = time.perf_counter()
        due = {"company_id": shop.company_id, "now": now, "limit": BATCH, "lease_seconds": 60}
        claims = claim(database, owner="bench", **due)  # type: ignore[arg-type]
        spent += time.perf_counter() - started
        if not claims:
            return stored / spent
        with database.read(many=True) as session:
            batch = load_batch(session, shop.company_id, claims, now, programs_world.program)
        plans = plan_all(batch, now)
        started = time.perf_counter()
        with database.write(many=True) as session:
            stored += store_plans(session, batch, plans, owner="bench", now=now)
        spent += time.perf_counter() - started
