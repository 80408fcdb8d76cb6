"""Measure judging one order against an equal decision written by hand in Python."""

import gc
import hashlib
import json
import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.shop_bench import bench_shop, receive
from portal.terminal.command_frame import print_note
from sandbox.demo.generator import MALAYSIA, plain_orders
from sandbox.demo.shop import Customer, Order

if TYPE_CHECKING:
    from holding.evaluation.batch import Batch, Plan
    from sandbox.demo.command import Shop

ORDERS = 500
"""The batch size of a worker."""

TURNS = 25

PROCESSES = 5

TROUBLED = 5
"""Every fifth order has a trouble."""

FIRST_ID, SEED = 6_000_001, 11

_DAY = timedelta(days=1)

_STRANGER = Customer("C-404", "Kedai Tiada", None, None)

SEN, FOUR = Decimal("0.01"), Decimal("0.0001")

NOTHING = Decimal("0.00")

APPROVAL_LIMIT = Decimal("3000.00")

E_INVOICE_LIMIT = Decimal("10000.00")

GOES = frozenset({"paid", "packed", "Delivered", "Completed"})

WAITS = frozenset({"pending", "Partially Delivered"})

HELD = frozenset({"Refunded + Items Returned", "refunded", "exception"})

ENDS = {"cancelled": "dropped", "draft": "ignored"}

TAX = {
    "SST": ("MY-SALES10", Decimal("0.10")),
    "NONE": ("NT", NOTHING),
    "ZERO": ("MY-ZERO", NOTHING),
}

USUAL_CLASS = "022"

PIECES = {"BOX": Decimal(12), "CTN": Decimal(48), "PCS": Decimal(1)}

OWN_PIECES = {
    ("CTN", "TEA-EARL-100"): Decimal(40),
    ("BOX", "GFT-HAMPER-L"): Decimal(6),
    ("CTN", "GFT-HAMPER-L"): Decimal(24),
}


@dataclass(slots=True)
class Times:
    """The best seconds of the product and of the code by hand, over all orders."""

    ours: float = float("inf")
    by_hand: float = float("inf")

    def add(self, other: "Times") -> None:
        """Include the times of another process."""
        self.ours, self.by_hand = min(self.ours, other.ours), min(self.by_hand, other.by_hand)


def measure(orders: int = ORDERS) -> dict[str, object]:
    """Measure the product against the code by hand, for the mix and for clean orders alone."""
    print_note(f"{orders} orders of the sample shop, checked by rules and by hand …")
    spawning = multiprocessing.get_context("spawn")
    races = []
    for _ in range(PROCESSES):
        with ProcessPoolExecutor(1, spawning) as process:
            races.append(process.submit(race_orders, orders).result())
    return summarize_races(races, orders)


def race_orders(orders: int) -> tuple[Times, Times]:
    """Return the times of the mix and of the clean orders, measured in this process."""
    with bench_shop("", working=False) as shop:  # a worker would take orders and processors
        today = shop.place.now.astimezone(MALAYSIA).date()
        drawn = plain_orders(today, 2 * orders, seed=SEED, first_id=FIRST_ID)  # no two are alike
        return _race_batch(shop, mix(drawn[:orders])), _race_batch(shop, drawn[orders:])


def _race_batch(shop: "Shop", orders: Sequence[Order]) -> Times:
    """Return the times of both, run in turns, after checking that the decisions are equal."""
    from holding.evaluation.batch import claim
    from holding.evaluation.evaluate_due import plan_all
    from holding.evaluation.load_facts import load_batch
    from holding.programs import world
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
            batch = load_batch(session, shop.company_id, claims, now, world.program)
        return batch, plan_all(batch, now)

    batch, plans = ours()
    stored = [dumps(plan.case.subject.body) for plan in plans]
    tables = tables_of(batch)
    for text, plan in zip(stored, plans, strict=True):
        assert_same(decide_by_hand(text, tables), plan)
    times = Times()
    gc.disable()
    try:
        for _ in range(TURNS):
            times.ours = min(times.ours, _seconds(ours))
            times.by_hand = min(
                times.by_hand, _seconds(lambda: [decide_by_hand(t, tables) for t in stored])
            )
    finally:
        gc.enable()
    return times


def _seconds(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def summarize_races(races: Sequence[tuple[Times, Times]], orders: int) -> dict[str, object]:
    """Return the figures of the races of several processes."""
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
    """Return the orders with every fifth changed to have one of the troubles in turn."""
    orders = list(drawn)
    for turn, position in enumerate(range(0, len(orders), TROUBLED)):
        orders[position] = TROUBLES[turn % len(TROUBLES)](orders[position])
    return tuple(orders)


@dataclass(frozen=True, slots=True)
class Tables:
    """The lookups: codes by key, the last locked day, and earlier documents.

    `numbers` and `twins` are of other orders: their numbers, and (debtor, name, day, total).
    """

    debtors: Mapping[str, str]
    debtors_by_tin: Mapping[str, str]
    items: Mapping[str, str]
    classes: Mapping[str, str]
    listed: Mapping[str, frozenset[str]]
    locked_through: date
    today: date
    connection: int
    company: str
    numbers: frozenset[str] = frozenset()
    twins: frozenset[tuple[str, str, str, str]] = frozenset()


def tables_of(batch: "Batch") -> Tables:
    """Return the lookups for the code by hand, of one company at one moment."""
    maps, connection = batch.world.maps, batch.targets["aiaccount"]
    target = batch.world.targets["aiaccount"]
    first_seen = batch.cases[0].facts.first_seen.astimezone(MALAYSIA)
    if target.locked_through is None:
        raise ValueError("the sample shop has a locked month")
    return Tables(
        debtors={k.upper(): str(e.value) for k, e in maps["debtor"].entries.items()},
        debtors_by_tin={k.upper(): str(e.value) for k, e in maps["debtor_of_tin"].entries.items()},
        items={k: str(e.value) for k, e in maps["item"].entries.items()},
        classes={k: str(e.value) for k, e in maps["item_class"].entries.items()},
        listed=target.codes,
        locked_through=target.locked_through,
        today=first_seen.date(),
        connection=connection.id,
        company=connection.company_there,
    )


@dataclass(frozen=True, slots=True)
class Made:
    """The state of an order, with its document and hash if every code is known."""

    state: str
    fields: Mapping[str, str] | None = None
    lines: tuple[Mapping[str, str], ...] = ()
    hash: str = ""


def assert_same(by_hand: Made, plan: "Plan") -> None:
    """Raise ValueError if the decision by hand differs in state, document or hash."""
    (posting,) = plan.postings
    content = json.loads(json.dumps(posting.content)) if posting.content is not None else None
    fields = content["fields"] if content else None
    lines = tuple(content["lines"]) if content else ()
    product_order = Made(str(posting.state), fields, lines, posting.hash)
    if product_order != by_hand:
        raise ValueError(f"{plan.case.subject.body['number']}: {product_order}\nby hand: {by_hand}")


def decide_by_hand(stored: str, tables: Tables) -> Made:
    """Return the decision for a new stored order."""
    order = json.loads(stored)
    status = order["status"]
    if status in ENDS:
        return Made(ENDS[status])
    if status in WAITS:
        return Made("held" if _lacks_required(order) else "waiting")
    if status not in GOES and status not in HELD:
        return Made("held")
    if not order.get("paid_at"):
        return Made("waiting")
    if _lacks_required(order):
        return Made("held")
    lines = [_convert_line(line, tables) for line in order["lines"]]
    debtor = tables.debtors.get(order["customer"].strip().upper())
    is_complete = debtor is not None and None not in lines
    is_held = status in HELD or not is_complete or not lines or _needs_person(order, debtor, tables)
    if not is_complete or debtor is None:
        return Made("held")
    known_lines = [line for line in lines if line is not None]
    is_held = is_held or not all(line.whole and line.listed for line in known_lines)
    amounts = sum(line.amount for line in known_lines if not line.rounds)
    taxes = sum(line.tax for line in known_lines)
    subtotal, tax = Decimal(order["subtotal"]), Decimal(order["tax_total"])
    total = subtotal + tax + Decimal(order["round_off"])
    is_held = is_held or amounts != subtotal or taxes != tax
    fields = {
        "InvoiceNumber": order["number"],
        "InvoiceDate": order["ordered_on"],
        "Customer": debtor,
        "CustomerTIN": order.get("tin") or "",
        "CustomerAddress": order.get("address") or "",
        "Currency": order["currency"],
        "Reference": order["number"],
        "Total": f"{total:.2f}",
    }
    rows = tuple(line.shown for line in known_lines)
    parts = [
        tables.connection,
        tables.company,
        "sales_invoice",
        order["number"],
        "create",
        fields,
        rows,
    ]
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    content_hash = hashlib.sha256(text.encode()).hexdigest()
    return Made("held" if is_held else "ready", fields, rows, content_hash)


def _lacks_required(order: Mapping[str, Any]) -> bool:
    """Check whether a field that the shop always sends is missing."""
    return any(order.get(name) in (None, "") for name in ("number", "ordered_on", "total"))


@dataclass(frozen=True, slots=True)
class _Line:
    amount: Decimal
    tax: Decimal
    whole: bool
    listed: bool
    rounds: bool
    shown: Mapping[str, str]


def _convert_line(line: Mapping[str, Any], tables: Tables) -> _Line | None:
    """Return a line as it would be sent, or None if its code or unit is unknown."""
    sku, uom, rounds = line["sku"], line["uom"], line.get("part") == "rounding"
    item, tax = tables.items.get(sku), ("NT", NOTHING) if rounds else TAX.get(line["tax"])
    pieces_per_unit = OWN_PIECES.get((uom, sku)) or PIECES.get(uom)
    if item is None or tax is None or pieces_per_unit is None:
        return None
    code, rate = tax
    quantity, price = Decimal(line["qty"]), Decimal(line["price"])
    discount = Decimal(line["discount"]) if line.get("discount") else NOTHING
    pieces = quantity * pieces_per_unit
    amount = (quantity * price - discount).quantize(SEN, ROUND_HALF_UP)
    tax_amount = (amount * rate).quantize(SEN, ROUND_HALF_UP)
    content = {
        "LineNo": str(line["pos"]),
        "SKU": item,
        "Description": line["name"],
        "Quantity": _format_number(pieces),
        "UOM": "PCS",
        "UnitPrice": _format_number((price / pieces_per_unit).quantize(FOUR, ROUND_HALF_UP), 2),
        "DiscountAmount": _format_number(discount, 2),
        "AccountCode": "90600" if rounds else "40000",
        "TaxCode": code,
        "TaxAmount": f"{tax_amount:.2f}",
        "TaxRate": _format_number(rate),
        "LineTotal": f"{amount + tax_amount:.2f}",
        "ClassificationCode": tables.classes.get(sku, USUAL_CLASS),
    }
    is_whole, is_listed = pieces == pieces.to_integral_value(), code in tables.listed["tax_code"]
    return _Line(amount, tax_amount, is_whole, is_listed, rounds, content)


def _format_number(value: Decimal, places: int = 0) -> str:
    """Format a number without needless zeros, but with at least this many places."""
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    have = len(text.partition(".")[2])
    return text if have >= places else f"{text}{'' if have else '.'}{'0' * (places - have)}"


def _needs_person(order: Mapping[str, Any], debtor: str | None, tables: Tables) -> bool:
    """Check whether a check of the header holds the order, or an approval is needed."""
    total = Decimal(order["total"])
    tin, day = order.get("tin"), date.fromisoformat(order["ordered_on"])
    other = tables.debtors_by_tin.get(tin.strip().upper()) if tin else None
    parts = Decimal(order["subtotal"]) + Decimal(order["tax_total"]) + Decimal(order["round_off"])
    twin = (debtor or "", order["customer_name"], order["ordered_on"], order["total"])
    edited = order.get("approved_by") and order.get("approved_version") != order["version"]
    return bool(
        (other is not None and other != debtor)
        or order["currency"] != "MYR"
        or order["currency"] not in tables.listed["currency"]
        or parts != total
        or total > APPROVAL_LIMIT
        or (total > E_INVOICE_LIMIT and not (tin and order.get("address")))
        or edited
        or day > tables.today
        or day <= tables.locked_through
        or order["number"] in tables.numbers
        or twin in tables.twins
    )


def _with_first_line(order: Order, **values: object) -> Order:
    return order.with_line(1, **values)


def _of(order: Order, **values: object) -> Order:
    return order.changed(**values)


def _dated(order: Order, days: int) -> Order:
    moment = order.ordered_at + days * _DAY
    return order.changed(ordered_at=moment)


TROUBLES: tuple[Callable[[Order], Order], ...] = (
    partial(_of, customer=_STRANGER),
    partial(_with_first_line, sku="tea-earl-100"),
    partial(_with_first_line, tax="SR-6"),
    partial(_with_first_line, uom="TIN"),
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
    partial(_with_first_line, qty=Decimal(4000)),
    partial(_of, approved_by="Farid", approved_version=7),
    partial(_with_first_line, uom="PCS", qty=Decimal("0.3")),
)
