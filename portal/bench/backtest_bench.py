"""The part of `clearpost bench` that backtests a million stored records.

Here: the records, drawn from a seed and written before the clock starts, and the run itself: the
command as people call it, with reading, decoding, judging by two rule sets and counting. Not here:
what a backtest does.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from random import Random
from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sandbox.demo.shop import Item

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
"""What the draft says more than the rules in force."""


def measured(records: int) -> dict[str, object]:
    """Seconds for a million records, by the clock and of all processors together, and the most
    memory that one process took, in MB.

    Fewer records are scaled up, and `backtest_records` says how many there really were.
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
        seconds, busy, peak = _run(STARTER, draft, stored, records)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "backtest_1m_seconds": round(seconds * MILLION / records, 1),
        "backtest_1m_processor_seconds": round(busy * MILLION / records, 1),
        "backtest_peak_mb": round(peak),
        "backtest_records": records,
        "backtest_processes": _processors(),
    }


def _run(old: Path, new: Path, stored: Path, records: int) -> tuple[float, float, float]:
    """The command in processes of its own: how long it took, how long processors were busy with
    all of them, and how large the largest was.
    """
    import json

    words = [sys.executable, "-c", "from portal.cli import main; main()", "backtest"]
    begin = perf_counter()
    with (
        tempfile.TemporaryFile() as told,
        subprocess.Popen([*words, old, new, stored, "--json"], stdout=told) as child,
    ):
        _, status, used = os.wait4(child.pid, 0)
        seconds = perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        told.seek(0)
        found = json.loads(told.read() or b"{}")
    if found.get("records") != records or not 0 < found["changed"] < records:
        message = f"the backtest ended with {child.returncode}: {str(found)[:300]}"
        raise RuntimeError(message)
    peak = used.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    return seconds, used.ru_utime + used.ru_stime, peak


def _processors() -> int:
    from portal.backtest.parallel_run import usable_processes

    return usable_processes()


def lines(records: int, seed: int = SEED) -> Iterator[bytes]:
    """So many stored orders, no two alike, in blocks of lines; equal seeds give equal bytes."""
    import msgspec

    random = Random(seed)  # noqa: S311 - sample data, not a secret
    encode = msgspec.json.Encoder().encode_lines
    for start in range(0, records, BLOCK):
        numbers = range(start, min(start + BLOCK, records))
        yield encode([_order(number, random) for number in numbers])


def _order(number: int, random: Random) -> dict[str, object]:
    """One order with four lines; about one in ten has something that holds or delays it."""
    from sandbox.demo import shop

    day = f"2026-10-{number % 30 + 1:02}"
    rows, subtotal, tax = _lines(random, shop.ITEMS)
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


def _lines(random: Random, items: "Sequence[Item]") -> tuple[list[dict[str, object]], int, int]:
    """Four lines, their sum and their tax in sen."""
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
