"""The part of `clearpost bench` that brings orders in: calls of many, calls of one, a workbook.

Here: a sample shop on SQLite whose target is paused, so that its workers do nothing but check what
came; webhooks over HTTP as a shop sends them, one after the other and at a pace, and an upload as a
person gives it in. Not here: the shop (shop_bench.py), what is read of a workbook
(connectors/sources/workbook).
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from portal.bench import shop_bench
from portal.bench.shop_baseline import orders, receive
from portal.terminal.command_frame import granted, say

if TYPE_CHECKING:
    from sandbox.demo.command import Shop
    from sandbox.demo.shop import Order

Call = TypeVar("Call")
CALLS, A_CALL = 20, 200
ALONE = 200
"""So many calls of one order, at most: fewer where the workers were done before."""
WAITING = 10_000
"""Orders that the workers have to check while those calls are made."""
PACE, PACED = 50, 500
"""Calls a second, whether those before were answered or not, and how many of them."""
QUICK = 0.3
"""Seconds within which 95 of 100 of them should be answered."""
LINES = 32
"""Calls of these that can be under way at once."""
FIRST_ROW = 14_000_001
HEADS = ("Order ID", "Order No", "Status", "Date", "Customer code", "Customer name", "Total",
         "Currency", "Subtotal", "Tax amount", "Rounding", "Paid at", "Created by", "Channel",
         "Version", "Line", "Item code", "Description", "Unit", "Qty", "Unit price",
         "Tax code")  # fmt: skip


def measured(rows: int) -> dict[str, object]:
    """The figures; `rows` are those of the workbook, an order each."""
    with shop_bench.bench_shop("") as shop:
        shop_bench.pause(shop)
        say(f"{CALLS} calls of {A_CALL} orders …")
        many = _seconds(shop, _calls(shop, CALLS, A_CALL, 11_000_001))
        shop_bench.judged(shop)
        say(f"Calls of one order while {WAITING:,} others are checked …")
        receive(shop, orders(shop, WAITING, 12_000_001))
        alone = _while_busy(shop, _calls(shop, ALONE, 1, 13_000_001))
        shop_bench.judged(shop)
        say(f"{PACE} calls a second while {WAITING:,} others are checked …")
        receive(shop, orders(shop, WAITING, 15_000_001))
        paced = paced_while_busy(shop, _calls(shop, PACED, 1, 16_000_001))
        shop_bench.judged(shop)
        say(f"A workbook of {rows:,} rows …")
        checked, stored, peak = _uploaded(shop, workbook(_yesterday(shop), rows))
    return {
        "intake_200_orders_median_ms": round(1000 * shop_bench.percentile(many, 50)),
        "intake_200_orders_p95_ms": round(1000 * shop_bench.percentile(many, 95)),
        "intake_busy_webhook_median_ms": round(1000 * shop_bench.percentile(alone, 50), 1),
        "intake_busy_webhook_p95_ms": round(1000 * shop_bench.percentile(alone, 95), 1),
        "intake_busy_webhooks": len(alone),
        **figures_of(paced),
        "intake_workbook_check_seconds": round(checked, 1),
        "intake_workbook_seconds": round(checked + stored, 1),
        "intake_workbook_peak_mb": peak,
        "intake_workbook_rows": rows,
    }


def _calls(shop: "Shop", calls: int, each: int, first: int) -> "Iterator[tuple[Order, ...]]":
    drawn = orders(shop, calls * each, first)
    return (drawn[at : at + each] for at in range(0, len(drawn), each))


def _seconds(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """How long each call took until it was answered."""
    from sandbox.demo.generator import Delivery

    hook, found = shop.hook(), []
    for some in calls:
        given = [Delivery(f"evt_{some[0].id}", "order.paid", some)]
        started = time.perf_counter()
        hook.send(given, shop.place.now)
        found.append(time.perf_counter() - started)
    return found


def _while_busy(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """The same of the calls that were answered before the workers were done."""
    from holding.runtime import doorbell

    for _ in range(shop_bench.WORKERS):
        doorbell.ring(shop.company_id, "evaluate")
    found: list[float] = []
    for some in calls:
        taken = _seconds(shop, iter([some]))
        if not shop_bench.busy(shop):
            break
        found += taken
    if not found:
        raise RuntimeError("the workers were done before the first call")
    return found


def paced_while_busy(shop: "Shop", calls: "Iterator[tuple[Order, ...]]") -> list[float]:
    """Seconds from when each call was due until it was answered, of calls at a pace: who waits for
    an answer does not send the next one later. Those answered after the workers were done are not
    counted.
    """
    from holding.runtime import doorbell
    from sandbox.demo.generator import Delivery

    hook = shop.hook()
    due = [Delivery(f"evt_{some[0].id}", "order.paid", some) for some in calls]
    for _ in range(shop_bench.WORKERS):
        doorbell.ring(shop.company_id, "evaluate")
    answered: list[tuple[float, float]] = []

    def send(one: Delivery, at: float) -> None:
        hook.send([one], shop.place.now)
        ended = time.perf_counter()
        answered.append((ended, ended - at))

    worked = at_a_pace(due, send, lambda: shop_bench.busy(shop))
    found = [spent for ended, spent in answered if ended <= worked]
    if not found:
        raise RuntimeError("the workers were done before the first answer")
    return found


def at_a_pace(
    calls: Sequence[Call], send: Callable[[Call, float], None], busy: Callable[[], bool]
) -> float:
    """Send `PACE` of them a second, each with the moment at which it was due, until the workers are
    not busy any more; the last moment at which they were seen to be. Raises what `send` raises.
    """
    began, worked = time.perf_counter(), 0.0
    with ThreadPoolExecutor(LINES) as lines:
        begun = []
        for number, one in enumerate(calls):
            at = began + number / PACE
            time.sleep(max(0.0, at - time.perf_counter()))
            begun.append(lines.submit(send, one, at))
            if number % PACE == 0:
                seen = time.perf_counter()
                if not busy():
                    break
                worked = seen
        for each in begun:
            each.result()
    seen = time.perf_counter()
    return seen if worked and busy() else worked


def figures_of(seconds: Sequence[float]) -> dict[str, object]:
    """What the paced calls came to."""
    quick = sum(one <= QUICK for one in seconds) / len(seconds)
    return {
        "intake_paced_webhook_median_ms": round(1000 * shop_bench.percentile(seconds, 50), 1),
        "intake_paced_webhook_p95_ms": round(1000 * shop_bench.percentile(seconds, 95), 1),
        "intake_paced_webhooks_within_300_ms": round(quick, 3),
        "intake_paced_webhooks": len(seconds),
        "intake_paced_webhooks_per_second": PACE,
    }


def _yesterday(shop: "Shop") -> str:
    from datetime import timedelta

    from sandbox.demo.generator import MALAYSIA

    return str(shop.place.now.astimezone(MALAYSIA).date() - timedelta(days=1))


def workbook(day: str, rows: int) -> bytes:
    """One sheet with a row for each order of this day, which has one item."""
    from connectors.kit.workbook import write

    money = ("11.00", "MYR", "10.00", "1.00", "0.00", f"{day} 10:00", "Mei Ling", "FPX", 1)
    item = (1, "CUP-GLASS-20", "Glass", "PCS", 2, "5.00", "SST")
    numbers = range(FIRST_ROW, FIRST_ROW + rows)
    told = [(n, f"NS-{n}", "paid", day, "C-101", f"Buyer {n}", *money, *item) for n in numbers]
    return write("Orders", [HEADS, *told])


def _uploaded(shop: "Shop", raw: bytes) -> tuple[float, float, int | None]:
    """Seconds until it is checked, and from then until all is stored; the most MB of a process."""
    from holding.runtime import doorbell
    from holding.tables.row_states import UploadState
    from holding.uploads import giving_in
    from sandbox.demo import setup

    peak = _Peak()
    started = time.perf_counter()
    with shop.place.database.write() as session:
        person = setup.colleague(session, shop.company_id, "finance")
        given = (session, person, shop.company_id, setup.SOURCE, "orders.xlsx", raw)
        upload_id = granted(giving_in.begin(*given, shop.place.now)).upload_id
    doorbell.ring(shop.company_id, "upload")
    _until(shop, upload_id, UploadState.CHECKED, peak)
    checked = time.perf_counter()
    with shop.place.database.write() as session:
        person = setup.colleague(session, shop.company_id, "finance")
        mine = (session, person, shop.company_id, upload_id)
        granted(giving_in.confirm(*mine, with_unknown=False, now=shop.place.now))
    doorbell.ring(shop.company_id, "upload")
    _until(shop, upload_id, UploadState.DONE, peak)
    return checked - started, time.perf_counter() - checked, peak.megabytes


def _until(shop: "Shop", upload_id: int, wanted: str, peak: "_Peak") -> None:
    from holding.tables import Upload
    from holding.tables.row_states import UploadState

    def there() -> bool:
        peak.look()
        with shop.place.database.read() as session:
            state = session.query(Upload.state).filter_by(id=upload_id).scalar()
        if state == UploadState.FAILED:
            raise RuntimeError("the workbook could not be read")
        return bool(state == wanted)

    shop_bench.until(there, "workbook", shop_bench.GLANCE_SECONDS)


class _Peak:
    """The most memory that any process of this one's has taken, as far as Linux tells."""

    def __init__(self) -> None:
        self.megabytes: int | None = None

    def look(self) -> None:
        """Look at all of them: those that read a workbook are gone soon."""
        for pid in descendants(os.getpid()):
            kilobytes = _told(Path(f"/proc/{pid}/status"), "VmHWM:")
            if kilobytes is not None:
                self.megabytes = max(self.megabytes or 0, round(kilobytes / 1024))


def descendants(of: int) -> list[int]:
    """The processes that one has started, and those that they have; empty but on Linux."""
    parents = {
        int(path.parent.name): _told(path, "PPid:") for path in Path("/proc").glob("[0-9]*/status")
    }
    found, new = list[int](), [of]
    while new:
        new = [pid for pid, parent in parents.items() if parent in new]
        found += new
    return found


def _told(path: Path, name: str) -> int | None:
    """A number of a process; None of one that has ended."""
    try:
        lines = path.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith(name)), None)
