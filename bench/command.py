"""Run `clearpost bench`: choose its parts, run them, and print one line of JSON.

The backtest and the audit trail are measured here; every other part has its own module.
"""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING

import click

from bench import shop_bench
from bench.shop_bench import BATCH, orders, receive
from portal.terminal.command_frame import granted, print_json, print_note

if TYPE_CHECKING:
    from holding.connections.channel import Desk
    from sandbox.demo.command import Shop
    from sandbox.demo.shop import Order
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.demo.shop import Item

MOST_SCALED = 10_000

PARTS = (
    "orders",
    "judging",
    "rules",
    "checks",
    "editor",
    "backtest",
    "pages",
    "trail",
    "scale",
    "intake",
)

LINES = 4

TRIES = 9

DRAWN = 8  # orders drawn for each order with four lines

MILLION = 1_000_000

SEED = 22

BLOCK = 2000

ROUTE = "aiaccount.sales_invoice"

DRAFT = """\
language 1

check large_order on order
    require  total <= 1500.00
    else     hold for accounts
    say      "Somebody looks at {number}: {total}."
    clears   by accounts

check known_channel on order
    require  channel in ("FPX", "Card", "GrabPay")
    else     warn
    say      "{number} came through {channel}."
    clears   when it passes
"""
"""The checks that the draft adds to the active rules."""


@click.command()
@click.option("--json", "as_json", is_flag=True, help="End with one JSON line.")
@click.option(
    "--part",
    "parts",
    type=click.Choice(PARTS),
    multiple=True,
    help="Measure this alone; may be given again.",
)
@click.option(
    "--records",
    type=click.IntRange(100),
    default=100_000,
    show_default=True,
    help="Orders to be checked, on each database.",
)
@click.option(
    "--webhooks",
    type=click.IntRange(1),
    default=200,
    show_default=True,
    help="Orders sent one by one, each until it is posted.",
)
@click.option(
    "--postgresql",
    default="",
    envvar="CLEARPOST_BENCH_POSTGRESQL",
    help="URL of a server where a database may be made and dropped, to be measured as well.",
)
@click.option(
    "--rule-records",
    type=click.IntRange(100),
    default=1000,
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
@click.option(
    "--page-records",
    type=click.IntRange(1000),
    default=1_000_000,
    show_default=True,
    help="Records of the company whose pages are read; a tenth of them are held.",
)
@click.option(
    "--workbook-rows",
    type=click.IntRange(1),
    default=50_000,
    show_default=True,
    help="Rows of the workbook that is uploaded, an order each.",
)
def bench(
    parts: tuple[str, ...],
    records: int,
    webhooks: int,
    postgresql: str,
    rule_records: int,
    backtest_records: int,
    page_records: int,
    workbook_rows: int,
    *,
    as_json: bool,
) -> None:
    """Measure judging, posting, rules and backtests on this machine."""
    measure: dict[str, Callable[[], dict[str, object]]] = {
        "orders": _orders,  # first: what a process made before costs caches, and a worker is new
        "judging": lambda: _judging(records, webhooks, postgresql),
        "rules": lambda: _rules(rule_records),
        "checks": _checks,
        "editor": _editor,
        "backtest": lambda: _backtest(backtest_records),
        "pages": lambda: _pages(page_records, postgresql),
        "trail": measure_trail,
        "scale": lambda: _scale(records, postgresql),
        "intake": lambda: _intake(workbook_rows),
    }
    result = {key: figure for part in parts or PARTS for key, figure in measure[part]().items()}
    if as_json:
        print_json(result)
    else:
        for name, value in result.items():
            click.echo(f"{name:<34} {value}")


def _orders() -> dict[str, object]:
    from bench import order_bench

    return order_bench.measure()


def _judging(records: int, webhooks: int, server: str) -> dict[str, object]:
    print_note("A shop, from webhook to posting and from due to stored …")
    return shop_bench.measure(records, webhooks, server)


def _rules(records: int) -> dict[str, object]:
    from bench import rule_bench

    return rule_bench.measure(print_note, records)


def _checks() -> dict[str, object]:
    from bench import rule_bench

    return rule_bench.measure_growth(print_note)


def _editor() -> dict[str, object]:
    print_note("An editor with a rule file of a thousand lines, and one of a thousand checks …")
    from bench import intake_bench

    return intake_bench.measure_editor()


def _backtest(records: int) -> dict[str, object]:
    print_note(f"A backtest of {records:,} stored records …")
    return measure_backtest(records)


def _pages(records: int, server: str) -> dict[str, object]:
    from bench import page_bench

    return page_bench.measure(records, records // 10, server)


def _scale(records: int, server: str) -> dict[str, object]:
    from bench import scale_bench
    from portal.backtest.parallel_run import usable_processes

    return scale_bench.measure(min(records, MOST_SCALED), server, usable_processes())


def _intake(rows: int) -> dict[str, object]:
    from bench import intake_bench

    return intake_bench.measure_intake(rows)


def measure_trail() -> dict[str, object]:
    """Return the statements of a workbook of 500 and of one push, and bytes per posted record."""
    with shop_bench.bench_shop("") as shop:
        print_note(f"{BATCH} orders of {LINES} lines in one workbook, and one alone …")
        push_statements = _count_push_statements(shop)
        shop_bench.pause(shop)
        before = _database_bytes(shop)
        documents, workbook_statements = _push_workbook(shop, _draw_orders(shop, 5_000_001))
        bytes_a_record = (_database_bytes(shop) - before) / documents
        return {
            "statements_per_workbook": workbook_statements,
            "workbook_documents": documents,
            "bytes_per_posted_record": round(bytes_a_record),
            "statements_per_push": push_statements,
            **_time_verification(shop),
        }


def _count_push_statements(shop: "Shop") -> int:
    """Return how many statements one push of a single document takes.

    The first two pushes are not counted: they load the rules, begin a run and make SQLite's first
    writes to many tables. A push that also reads another document back is not counted either.
    """
    desk = _desk(shop)
    for attempt in range(TRIES):
        receive(shop, orders(shop, 1, 6_000_001 + attempt))
        _judge(shop)
        with shop.place.database.overheard() as statements:
            pushed = _push_once(shop, desk)
        if attempt > 1 and pushed == 1:
            return len(statements)
    message = "Whenever one document was sent, another was read back."
    raise RuntimeError(message)


def _desk(shop: "Shop") -> "Desk":
    from holding.runs.dispatch import open_desk

    return granted(open_desk(shop.place.database, shop.place.clock, owner="bench"))


def _judge(shop: "Shop") -> None:
    """Judge all due records in this process: a worker would send the ready ones at once."""
    from holding.evaluation.evaluate_due import judge_due

    place, options = shop.place, {"company_id": shop.company_id, "owner": "bench", "limit": BATCH}
    while judge_due(place.database, place.clock, **options).count:  # type: ignore[arg-type]
        pass


def _push_once(shop: "Shop", desk: "Desk") -> int:
    """Make one push turn, as a worker does, and return how many documents it handled."""
    from holding.runs.dispatch import push_due

    place = shop.place
    options = {"company_id": shop.company_id, "owner": desk.owner, "desk": desk}
    return granted(push_due(place.database, place.clock, **options)).count  # type: ignore[arg-type]


def _database_bytes(shop: "Shop") -> int:
    """Return the size of the database file in bytes after VACUUM."""
    url = shop.place.database.engine.url
    with tempfile.TemporaryDirectory(prefix="clearpost-bench-") as folder:
        copy = Path(folder) / "copy.sqlite3"
        with sqlite3.connect(str(url.database)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        return copy.stat().st_size


def _push_workbook(shop: "Shop", workbook_orders: "list[Order]") -> tuple[int, int]:
    receive(shop, workbook_orders)
    _judge(shop)
    shop_bench.sync(shop)
    with shop.place.database.overheard() as statements:
        pushed = _push_once(shop, _desk(shop))
    return pushed, len(statements)


def _draw_orders(shop: "Shop", first: int) -> "list[Order]":
    return [order for order in orders(shop, BATCH * DRAWN, first) if len(order.lines) == LINES][
        :BATCH
    ]


def _time_verification(shop: "Shop") -> dict[str, object]:
    """Verify all events as `clearpost verify` does. The seconds are scaled to 100,000 events."""
    from holding.operations import content_invariants
    from holding.platform import events as chain

    place = shop.place
    chain.link_due_events(place.database, now=place.clock.now(), all_events=True)
    started, processor_seconds = time.perf_counter(), time.process_time()
    with place.database.read() as session:
        breaks = (
            chain.verify_chain(session, shop.company_id)
            + content_invariants.compare(session, shop.company_id).breaks
        )
        events = chain.chain_head(session, shop.company_id).seq
    seconds, processor_seconds = (
        time.perf_counter() - started,
        time.process_time() - processor_seconds,
    )
    if breaks or not events:
        message = f"{events} events are not whole: {breaks[:3]}"
        raise RuntimeError(message)
    return {
        "verified_events": events,
        "verify_100000_events_seconds": round(seconds * 100_000 / events, 2),
        "verify_100000_events_processor_seconds": round(processor_seconds * 100_000 / events, 2),
    }


def measure_backtest(records: int) -> dict[str, object]:
    """Return the seconds per million records, elapsed and processor time, and the peak memory in
    MB.

    Fewer records are scaled up; `backtest_records` is the real number.
    """
    from sandbox.demo.setup import STARTER

    folder = Path(tempfile.mkdtemp(prefix="clearpost-backtest-"))
    try:
        draft, stored = folder / "draft", folder / "records.jsonl"
        shutil.copytree(STARTER, draft)
        (draft / "more.rules").write_text(DRAFT, "utf-8")
        with stored.open("wb") as file:
            for block in lines(records):
                file.write(block)
        seconds, busy, peak = _run_backtest(STARTER, draft, stored, records)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "backtest_1m_seconds": round(seconds * MILLION / records, 1),
        "backtest_1m_processor_seconds": round(busy * MILLION / records, 1),
        "backtest_peak_mb": round(peak),
        "backtest_records": records,
        "backtest_processes": _processors(),
    }


def _run_backtest(old: Path, new: Path, stored: Path, records: int) -> tuple[float, float, float]:
    """Run the command in processes of its own.

    Return the elapsed seconds, the processor seconds of all processes and the largest process in
    MB.
    """
    import json

    command = [sys.executable, "-c", "from portal.cli import main; main()", "backtest"]
    started = perf_counter()
    with (
        tempfile.TemporaryFile() as output,
        subprocess.Popen([*command, old, new, stored, "--json"], stdout=output) as child,
    ):
        _, status, usage = os.wait4(child.pid, 0)
        seconds = perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        report = json.loads(output.read() or b"{}")
    if report.get("records") != records or not 0 < report["changed"] < records:
        message = f"the backtest ended with {child.returncode}: {str(report)[:300]}"
        raise RuntimeError(message)
    peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return seconds, usage.ru_utime + usage.ru_stime, peak


def _processors() -> int:
    from portal.backtest.parallel_run import usable_processes

    return usable_processes()


def lines(records: int, seed: int = SEED) -> Iterator[bytes]:
    """Yield blocks of JSON lines with this many different stored orders; equal seeds give equal
    bytes.
    """
    import msgspec

    random = Random(seed)  # noqa: S311 - sample data, not a secret
    encode = msgspec.json.Encoder().encode_lines
    for start in range(0, records, BLOCK):
        numbers = range(start, min(start + BLOCK, records))
        yield encode([_draw_order(number, random) for number in numbers])


def _draw_order(number: int, random: Random) -> dict[str, object]:
    """Return an order with four lines; about one in ten is held, delayed or dropped."""
    from sandbox.demo import shop

    day = f"2026-10-{number % 30 + 1:02}"
    rows, subtotal, tax = _draw_lines(random, shop.ITEMS)
    buyer = shop.CUSTOMERS[int(random.random() * len(shop.CUSTOMERS))]
    trouble, total = random.random(), subtotal + tax
    status, state, code = "paid", "posted", buyer.code
    if trouble < 0.02:
        status, state = "pending", "waiting"
    elif trouble < 0.04:
        status, state = "cancelled", "dropped"
    elif trouble < 0.06:
        code, state = "C-404", "held"
    elif trouble < 0.08:
        total, state = total + 1, "held"
    elif trouble < 0.09:
        rows[0]["sku"], state = "NO-SUCH-ARTICLE", "held"
    return {
        "kind": "order",
        "now": f"{day}T16:00:00Z",
        "states": {ROUTE: state},
        "facts": {"first_seen": f"{day}T08:00:00Z", "last_editor": None},
        "body": {
            "number": f"NS-{number}",
            "status": status,
            "ordered_on": day,
            "paid_at": f"{day}T07:{number % 60:02}:00Z",
            "channel": shop.CHANNELS[number % len(shop.CHANNELS)],
            "currency": "MYR",
            "customer": code,
            "customer_name": buyer.name,
            "tin": buyer.tin,
            "address": buyer.address,
            "subtotal": _ringgit(subtotal),
            "tax_total": _ringgit(tax),
            "round_off": "0.00",
            "total": _ringgit(total),
            "created_by": shop.STAFF[number % len(shop.STAFF)],
            "version": 1,
            "lines": rows,
        },
    }


def _draw_lines(
    random: Random, items: "Sequence[Item]"
) -> tuple[list[dict[str, object]], int, int]:
    """Return four lines with their sum and their tax in sen."""
    rows: list[dict[str, object]] = []
    subtotal = tax = 0
    for pos in range(1, 5):
        item = items[int(random.random() * len(items))]
        qty, price = int(random.random() * 9) + 1, int(random.random() * 9_000) + 100
        subtotal += qty * price
        if item.tax == "SST":
            tax += (qty * price + 5) // 10
        uom = "BOX" if item.box and qty % 3 == 0 else "PCS"
        rows.append(
            {
                "pos": pos,
                "sku": item.sku,
                "name": item.name,
                "uom": uom,
                "qty": str(qty),
                "price": _ringgit(price),
                "discount": None,
                "tax": item.tax,
            }
        )
    return rows, subtotal, tax


def _ringgit(sen: int) -> str:
    return f"{sen // 100}.{sen % 100:02}"


COMMANDS = (bench,)
