"""`clearpost bench`: what this machine does, measured in one run, told as one line of JSON.

Here: the parts, of which some may be chosen, and the part that runs a shop: `stored` is records a
second from due to decision stored, durable, in batches through the queue; `bare` is the same
evaluation from memory on one core. Not here: the rules against rivals (portal/bench), backtests
(bench_backtest.py), the things measured.
"""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from portal.bench import rules as bench_rules
from portal.cli import bench_backtest, bench_editor
from portal.cli.demo import Shop, opened
from portal.cli.frame import say, tell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portal.demo.order import Order

HOOK_ORDERS = 100
WARM_ORDERS = 500
FIRST_ID = 900001
PATIENCE = 120.0
LOOK_SECONDS = 0.005
SEED = 7


PARTS = ("judging", "rules", "editor", "backtest")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line.")
@click.option(
    "--part",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    help="Measure this alone; may be given again.",
)
@click.option("--records", type=int, default=4000, show_default=True, help="To be judged.")
@click.option(
    "--rule-records",
    type=click.IntRange(100),
    default=bench_rules.RECORDS,
    show_default=True,
    help="Invoices for the thirty rules.",
)
@click.option(
    "--backtest-records",
    type=click.IntRange(1000),
    default=1_000_000,
    show_default=True,
    help="Stored records of the backtest; fewer are scaled to a million.",
)
def bench(
    parts: tuple[str, ...],
    records: int,
    rule_records: int,
    backtest_records: int,
    *,
    as_json: bool,
) -> None:
    """Measure judging, posting, rules and backtests on this machine."""
    measure: dict[str, Callable[[], dict[str, Any]]] = {
        "judging": lambda: _judging(records),
        "rules": lambda: bench_rules.measured(say, rule_records),
        "editor": _editor,
        "backtest": lambda: _backtest(backtest_records),
    }
    result = {k: v for part in parts or PARTS for k, v in measure[part]().items()}
    if as_json:
        tell(result)
    else:
        for name, value in result.items():
            click.echo(f"{name:<34} {value}")


def _backtest(records: int) -> dict[str, Any]:
    say(f"A backtest of {records:,} stored records …")
    return bench_backtest.measured(records)


def _editor() -> dict[str, Any]:
    say("An editor with a rule file of a thousand lines …")
    return bench_editor.measured()


def _judging(records: int) -> dict[str, Any]:
    """Webhooks and stored decisions, in a shop of their own."""
    home = Path(tempfile.mkdtemp(prefix="clearpost-bench-"))
    os.environ["CLEARPOST_SWEEP_SECONDS"] = "5"
    try:
        with opened(home, SEED, 0, withheld=0) as shop:
            say(f"{HOOK_ORDERS} webhooks, one after the other, each until it is posted …")
            seconds = _webhook_to_posted(shop)
            say(f"{records} records, from due to decision stored …")
            stored = _stored_a_second(shop, records)
            say("The same evaluations from memory, on one core …")
            bare = _bare_a_second(shop, records)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return {
        "stored_vs_bare": round(stored / bare, 3),
        "webhook_to_posted_p95_seconds": round(_percentile(seconds, 95), 3),
        "webhook_to_posted_median_seconds": round(_percentile(seconds, 50), 3),
        "stored_records_per_second": round(stored),
        "bare_records_per_second": round(bare),
        "records": records,
        "webhooks": len(seconds),
    }


def _webhook_to_posted(shop: Shop) -> list[float]:
    """Seconds from the start of each webhook call until the posting is known to stand there."""
    from portal.demo.generator import Delivery

    hook, found = shop.hook(), []
    for order in _orders(shop, HOOK_ORDERS, FIRST_ID):
        started = time.perf_counter()
        call = Delivery(f"evt_{order.id}", "order.paid", (order,))
        hook.send([call], shop.place.now)
        _until_posted(shop, order)
        found.append(time.perf_counter() - started)
    return found


def _until_posted(shop: Shop, order: "Order") -> None:
    from holding.models import Record

    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        with shop.place.database.read() as session:
            row = session.query(Record.state).filter_by(number=order.number).one_or_none()
        if row is not None and row[0] == "posted":
            return
        time.sleep(LOOK_SECONDS)
    message = f"{order.number} is still {row and row[0]} after {PATIENCE:.0f} seconds"
    raise RuntimeError(message)


def _stored_a_second(shop: Shop, records: int) -> float:
    """Records judged a second; the target is paused, so that nothing is sent meanwhile."""
    from holding import connections, doorbell
    from portal.demo import setup

    with shop.place.database.write() as session:
        operator = setup.colleague(session, shop.company_id, "operator")
        target = setup.connection(session, shop.company_id, setup.TARGET)
        connections.pause(session, operator, target, "measuring", now=shop.place.now)
    _receive(shop, _orders(shop, WARM_ORDERS, FIRST_ID + 10_000))
    doorbell.ring(shop.company_id, "evaluate")
    _until_judged(shop)
    _receive(shop, _orders(shop, records, FIRST_ID + 100_000))
    started = time.perf_counter()
    doorbell.ring(shop.company_id, "evaluate")
    _until_judged(shop)
    return records / (time.perf_counter() - started)


def _bare_a_second(shop: Shop, records: int) -> float:
    """The newest judgings once more: decode, evaluate with trace, hash; nothing is read or kept."""
    from holding import worlds
    from holding.models import Company, Evaluation, Version
    from holding.posting_hash import posting_hash
    from rules.canonical import dumps
    from rules.facts import Facts, Subject

    with shop.place.database.read() as session:
        company = session.get_one(Company, shop.company_id)
        program = worlds.program(session, company.ruleset_version_id or 0)
        fresh = worlds.fresh_targets(session, company.id, shop.place.now)
        world = worlds.world(session, company.id, company.revision, fresh)
        rows = session.query(Evaluation, Version).filter(Version.id == Evaluation.version_id)
        given = [
            (dumps(version.body), Facts.from_json(seen.facts["facts"]), seen.at, version.no)
            for seen, version in rows.order_by(Evaluation.id.desc()).limit(records)
            if seen.facts is not None
        ]
    started = time.perf_counter()
    for body, facts, at, number in given:
        subject = Subject("order", "netshop", json.loads(body), number)
        for decision in program.evaluate(subject, facts, world, at).decisions:
            if decision.document is not None:
                posting_hash(1, "CMP-1042", decision.document, "create")
    return len(given) / (time.perf_counter() - started)


def _receive(shop: Shop, orders: "Sequence[Order]") -> None:
    """Store the orders, due and not rung for."""
    from connectors import registry
    from connectors.kit.contract import Accepted
    from holding import intake
    from portal.cli.frame import granted
    from portal.demo import setup
    from portal.demo.generator import Delivery
    from portal.demo.load import body_of

    for start in range(0, len(orders), 500):
        part = tuple(orders[start : start + 500])
        raw = body_of(Delivery(f"bench_{part[0].id}", "orders.collected", part))
        accepted = registry.sources()[setup.SOURCE].read("bench.json", raw)
        if not isinstance(accepted, Accepted):
            raise TypeError(accepted)
        with shop.place.database.write() as session:
            receipt = intake.receive(
                session,
                company_id=shop.company_id,
                source=setup.connection(session, shop.company_id, setup.SOURCE),
                delivery_key=accepted.delivery_id,
                kind="file",
                headers={},
                raw=raw,
                records=accepted.records,
                now=shop.place.now,
            )
            granted(receipt)


def _until_judged(shop: Shop) -> None:
    from holding.models import Record

    limit = time.monotonic() + PATIENCE
    while time.monotonic() < limit:
        with shop.place.database.read() as session:
            left = session.query(Record.id).filter_by(state="received").first()
        if left is None:
            return
        time.sleep(LOOK_SECONDS)
    message = f"records are still not judged after {PATIENCE:.0f} seconds"
    raise RuntimeError(message)


def _orders(shop: Shop, count: int, first_id: int) -> "tuple[Order, ...]":
    from portal.demo.generator import MALAYSIA, plain

    return plain(shop.place.now.astimezone(MALAYSIA).date(), count, seed=SEED, first_id=first_id)


def _percentile(values: "Sequence[float]", percent: int) -> float:
    return sorted(values)[max(0, round(len(values) * percent / 100) - 1)]


COMMANDS = (bench,)
