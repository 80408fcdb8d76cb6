"""The part of `clearpost bench` that holds judging against a function written by hand.

Here: a committed mix of orders, a fifth of them with troubles, stored as JSON. Ours gathers,
judges, plans and hashes them; the rival (order_by_hand.py) decodes them and comes to the same
states and documents, or the bench fails. Measured is processor time by turns, best of several turns
of several processes: where memory comes to lie makes up to an eighth of a difference between two
processes that do the same. Not here: storing and sending (shop_bench.py).
"""

import gc
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from portal.bench.order_by_hand import Made, Tables, made
from portal.bench.shop_baseline import receive
from portal.bench.shop_bench import bench_shop
from portal.terminal.command_frame import say
from sandbox.demo import shop as goods
from sandbox.demo.generator import MALAYSIA, plain
from sandbox.demo.shop import Order

if TYPE_CHECKING:
    from holding.evaluation.batch import Batch
    from holding.evaluation.plan_parts import Plan
    from sandbox.demo.command import Shop

ORDERS = 500
"""As many as a worker takes at once."""
TURNS = 25
PROCESSES = 5
TROUBLED = 5
"""Every fifth order has a trouble."""
FIRST_ID, SEED = 6_000_001, 11
_DAY = timedelta(days=1)


@dataclass(slots=True)
class Times:
    """The best seconds of ours and of the rival, over all orders."""

    ours: float = float("inf")
    by_hand: float = float("inf")

    def add(self, other: "Times") -> None:
        """Count what was measured elsewhere, too."""
        self.ours, self.by_hand = min(self.ours, other.ours), min(self.by_hand, other.by_hand)


def measured(orders: int = ORDERS) -> dict[str, object]:
    """Ours against the rival, for the mix and for its clean orders alone; and a record's cost."""
    say(f"{orders} orders of the sample shop, checked by rules and by hand …")
    spawning = multiprocessing.get_context("spawn")
    races = []
    for _ in range(PROCESSES):
        with ProcessPoolExecutor(1, spawning) as process:
            races.append(process.submit(raced, orders).result())
    return told(races, orders)


def raced(orders: int) -> tuple[Times, Times]:
    """The mix and the clean orders alone, in this process."""
    with bench_shop("", working=False) as shop:  # a worker would take orders and processors
        today = shop.place.now.astimezone(MALAYSIA).date()
        drawn = plain(today, 2 * orders, seed=SEED, first_id=FIRST_ID)  # no two are alike
        return _race(shop, mix(drawn[:orders])), _race(shop, drawn[orders:])


def told(races: Sequence[tuple[Times, Times]], orders: int) -> dict[str, object]:
    """The figures of the races of several processes."""
    mixed, clean = Times(), Times()
    for with_troubles, without in races:
        mixed.add(with_troubles)
        clean.add(without)
    return {
        "order_vs_handwritten": round(mixed.by_hand / mixed.ours, 3),
        "clean_order_vs_handwritten": round(clean.by_hand / clean.ours, 3),
        "order_microseconds": round(mixed.ours * 1e6 / orders),
        "clean_order_microseconds": round(clean.ours * 1e6 / orders),
        "handwritten_order_microseconds": round(mixed.by_hand * 1e6 / orders),
    }


def mix(drawn: Sequence[Order]) -> tuple[Order, ...]:
    """These orders; every fifth has one of the troubles, each in turn."""
    orders = list(drawn)
    for turn, at in enumerate(range(0, len(orders), TROUBLED)):
        orders[at] = TROUBLES[turn % len(TROUBLES)](orders[at])
    return tuple(orders)


def _line(order: Order, **values: object) -> Order:
    return order.with_line(1, **values)


def _of(order: Order, **values: object) -> Order:
    return order.changed(**values)


def _dated(order: Order, days: int) -> Order:
    moment = order.ordered_at + days * _DAY
    return order.changed(ordered_at=moment)


_STRANGER = goods.Customer("C-404", "Kedai Tiada", None, None)
TROUBLES: tuple[Callable[[Order], Order], ...] = (
    partial(_of, customer=_STRANGER),
    partial(_line, sku="tea-earl-100"),
    partial(_line, tax="SR-6"),
    partial(_line, uom="TIN"),
    partial(_of, said_tax=Decimal("0.37")),
    partial(_of, currency="SGD"),
    partial(_of, status="pending"),
    partial(_of, status="draft"),
    partial(_of, status="cancelled"),
    partial(_of, status="exception"),
    partial(_of, status="no such word"),
    partial(_of, paid_at=None),
    partial(_of, round_off=Decimal("0.02")),
    partial(_dated, days=5),
    partial(_dated, days=-15),
    partial(_dated, days=-28),
    partial(_line, qty=Decimal(4000)),
    partial(_of, approved_by="Farid", approved_version=7),
    partial(_line, uom="PCS", qty=Decimal("0.3")),
)


def _race(shop: "Shop", orders: Sequence[Order]) -> Times:
    """Both by turns; that they come to the same is proved first."""
    from holding.evaluation.due_records import planned
    from holding.evaluation.gather import gather
    from holding.evaluation.record_claims import claim
    from holding.programs import world as programs_world
    from rules.values.canonical import dumps

    receive(shop, orders)
    now, database = shop.place.now, shop.place.database
    claims = claim(
        database,
        owner="bench",
        company_id=shop.company_id,
        now=now,
        limit=len(orders),
        lease_seconds=600,
    )
    if len(claims) != len(orders):
        raise ValueError(f"{len(claims)} of {len(orders)} orders are due")

    def ours() -> "tuple[Batch, list[Plan]]":
        with database.read(many=True) as session:
            batch = gather(session, shop.company_id, claims, now, programs_world.program)
        return batch, planned(batch, now)

    batch, plans = ours()
    stored = [dumps(plan.case.subject.body) for plan in plans]
    tables = tables_of(batch)
    for text, plan in zip(stored, plans, strict=True):
        same(made(text, tables), plan)
    times = Times()
    gc.disable()
    try:
        for _ in range(TURNS):
            times.ours = min(times.ours, _seconds(ours))
            times.by_hand = min(times.by_hand, _seconds(lambda: [made(t, tables) for t in stored]))
    finally:
        gc.enable()
    return times


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def tables_of(batch: "Batch") -> Tables:
    """What the rival looks up, of the same company at the same moment."""
    maps, there = batch.world.maps, batch.targets["aiaccount"]
    target = batch.world.targets["aiaccount"]
    at = batch.cases[0].facts.first_seen.astimezone(MALAYSIA)
    if target.locked_through is None:
        raise ValueError("the sample shop has a locked month")
    return Tables(
        debtors={k.upper(): str(e.value) for k, e in maps["debtor"].entries.items()},
        debtors_by_tin={k.upper(): str(e.value) for k, e in maps["debtor_of_tin"].entries.items()},
        items={k: str(e.value) for k, e in maps["item"].entries.items()},
        classes={k: str(e.value) for k, e in maps["item_class"].entries.items()},
        listed=target.codes,
        locked_through=target.locked_through,
        today=at.date(),
        connection=there.id,
        company=there.company_there,
    )


def same(by_hand: Made, plan: "Plan") -> None:
    """Raise ValueError where the rival came to another state, document or hash."""
    (posting,) = plan.postings
    told = json.loads(json.dumps(posting.content)) if posting.content is not None else None
    fields = told["fields"] if told else None
    lines = tuple(told["lines"]) if told else ()
    ours = Made(str(posting.state), fields, lines, posting.hash)
    if ours != by_hand:
        raise ValueError(f"{plan.case.subject.body['number']}: {ours}\nby hand: {by_hand}")
