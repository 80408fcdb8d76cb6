"""The part of `clearpost bench` that tells what the trail of a posted record costs.

Here: on SQLite, orders of four lines in one workbook, and one alone, worked on in this process:
statements and commits at the driver, bytes of the database file after VACUUM, and how long all that
was sealed takes to verify. Not here: rates
(shop_bench.py), and what the bytes are (docs/decisions/0106-what-repeats-is-kept-once.md).
"""

import sqlite3
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from portal.bench import shop_bench
from portal.bench.shop_baseline import BATCH, orders, receive
from portal.terminal.command_frame import granted, say

if TYPE_CHECKING:
    from holding.connections.channel import Desk
    from sandbox.demo.command import Shop
    from sandbox.demo.shop import Order

LINES = 4
TRIES = 9
DRAWN = 8  # so many orders are drawn for each that has four lines


def measured() -> dict[str, object]:
    """Statements a workbook of 500 and a push, bytes a posted record."""
    with shop_bench.bench_shop("") as shop:
        say(f"{BATCH} orders of {LINES} lines in one workbook, and one alone …")
        alone = _alone(shop)
        shop_bench.pause(shop)
        before = _size(shop)
        documents, workbook = _in_a_workbook(shop, _drawn(shop, 5_000_001))
        bytes_a_record = (_size(shop) - before) / documents
        return {
            "statements_per_workbook": workbook,
            "workbook_documents": documents,
            "bytes_per_posted_record": round(bytes_a_record),
            "statements_per_push": alone,
            **_verified(shop),
        }


def _drawn(shop: "Shop", first: int) -> "list[Order]":
    return [one for one in orders(shop, BATCH * DRAWN, first) if len(one.lines) == LINES][:BATCH]


def _in_a_workbook(shop: "Shop", given: "list[Order]") -> tuple[int, int]:
    receive(shop, given)
    _judge(shop)
    shop_bench.sync(shop)
    with shop.place.database.overheard() as asked:
        pushed = _work(shop, _desk(shop))
    return pushed, len(asked)


def _alone(shop: "Shop") -> int:
    """What one document costs that is sent alone. The first of a process loads the rules, the first
    of a run and the first that goes on with one make what SQLite writes many tables through; one
    with which another is read back does not tell it.
    """
    desk = _desk(shop)
    for at in range(TRIES):
        receive(shop, orders(shop, 1, 6_000_001 + at))
        _judge(shop)
        with shop.place.database.overheard() as asked:
            pushed = _work(shop, desk)
        if at > 1 and pushed == 1:
            return len(asked)
    message = "Whenever one document was sent, another was read back."
    raise RuntimeError(message)


def _judge(shop: "Shop") -> None:
    """Here and not by a worker, which would send at once what becomes ready."""
    from holding.evaluation.due_records import judge_due

    place, given = shop.place, {"company_id": shop.company_id, "owner": "bench", "limit": BATCH}
    while judge_due(place.database, place.clock, **given).count:  # type: ignore[arg-type]
        pass


def _desk(shop: "Shop") -> "Desk":
    from holding.runs.dispatch import open_desk

    return granted(open_desk(shop.place.database, shop.place.clock, owner="bench"))


def _work(shop: "Shop", desk: "Desk") -> int:
    """One pass, as a worker makes it."""
    from holding.runs.dispatch import push_due

    place = shop.place
    given = {"company_id": shop.company_id, "owner": desk.owner, "desk": desk}
    return granted(push_due(place.database, place.clock, **given)).count  # type: ignore[arg-type]


def _verified(shop: "Shop") -> dict[str, object]:
    """What `clearpost verify` does, for all events that there are; seconds scaled to 100,000."""
    from holding.audit import chain
    from holding.integrity import contents

    place = shop.place
    chain.link_due(place.database, now=place.clock.now(), whole=True)
    began, used = time.perf_counter(), time.process_time()
    with place.database.read() as session:
        breaks = (
            chain.verify(session, shop.company_id)
            + contents.compare(session, shop.company_id).breaks
        )
        events = chain.head(session, shop.company_id).seq
    spent, used = time.perf_counter() - began, time.process_time() - used
    if breaks or not events:
        message = f"{events} events are not whole: {breaks[:3]}"
        raise RuntimeError(message)
    return {
        "verified_events": events,
        "verify_100000_events_seconds": round(spent * 100_000 / events, 2),
        "verify_100000_events_processor_seconds": round(used * 100_000 / events, 2),
    }


def _size(shop: "Shop") -> int:
    """Bytes of the database file, after VACUUM."""
    url = shop.place.database.engine.url
    with tempfile.TemporaryDirectory(prefix="clearpost-bench-") as folder:
        copy = Path(folder) / "copy.sqlite3"
        with sqlite3.connect(str(url.database)) as connection:
            connection.execute("VACUUM INTO ?", (str(copy),))
        return copy.stat().st_size
