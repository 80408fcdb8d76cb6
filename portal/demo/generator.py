"""One month of the sample shop, drawn from a seed: the deliveries that its NetShop would have sent.

Here: plain orders, which of them tell which story, and the sequence in which everything arrives.
Not here: the goods and buyers (shop.py), what goes wrong with some orders (order_stories.py), or
the sending (load.py). All dates are relative to `today`, so the counts never move.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random

from portal.demo import order_stories, shop
from portal.demo.order import Line, Order
from portal.demo.order_stories import PLANS, Told

SEED = 2026
DAYS = 30
LOCKED_DAYS = 2
ORDERS_A_DAY = 21
ORDERS_A_LOCKED_DAY = 12
STALL_ORDERS = 24
STALL_DAY = 9
FIRST_ID = 240001
MALAYSIA = timezone(timedelta(hours=8))
BASE_LIMIT = Decimal("2400.00")  # plain orders stay well below the approval limit of the rules


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook call: its event id, the event's name and the orders in it."""

    event_id: str
    event: str
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True)
class Month:
    """Everything that arrives: webhooks, a workbook, then the webhooks of what changed later."""

    first: tuple[Delivery, ...]
    workbook: tuple[Order, ...]
    later: tuple[Delivery, ...]
    locked_through: date

    def ids(self) -> tuple[str, ...]:
        """The id of every order that was sent: the driver's own list."""
        hooks = (order.id for delivery in (*self.first, *self.later) for order in delivery.orders)
        found = {*hooks, *(order.id for order in self.workbook)}
        return tuple(str(number) for number in sorted(found))


def month(today: date, *, seed: int = SEED) -> Month:
    """The month before `today`; equal seeds give equal months but for the dates."""
    random = Random(seed)  # noqa: S311 - sample data, not a secret
    plain = list(_plain_orders(today, random))
    stall = [
        _stall_order(order)
        for order in _orders_of(today, STALL_DAY, STALL_ORDERS, random, len(plain))
    ]
    _keep_apart(plain + stall)
    told = tell(
        plain,
        today,
        random,
        locked=LOCKED_DAYS * ORDERS_A_LOCKED_DAY,
        next_id=FIRST_ID + len(plain) + len(stall),
    )
    return Month(
        first=tuple(_first(told)),
        workbook=tuple(stall),
        later=tuple(_later(told)),
        locked_through=today - timedelta(days=DAYS - LOCKED_DAYS + 1),
    )


def plain(today: date, count: int, *, seed: int, first_id: int) -> tuple[Order, ...]:
    """So many orders of yesterday in which nothing is wrong, for measuring."""
    random = Random(seed)  # noqa: S311 - sample data, not a secret
    orders = list(_orders_of(today, 1, count, random, first_id - FIRST_ID))
    _keep_apart(orders)
    return tuple(orders)


def _plain_orders(today: date, random: Random) -> Iterator[Order]:
    made = 0
    for day in range(DAYS, 0, -1):
        count = ORDERS_A_LOCKED_DAY if day > DAYS - LOCKED_DAYS else ORDERS_A_DAY
        yield from _orders_of(today, day, count, random, made)
        made += count


def _orders_of(
    today: date, days_ago: int, count: int, random: Random, made: int
) -> Iterator[Order]:
    minutes = sorted(random.randrange(15, 1425) for _ in range(count))
    for index, minute in enumerate(minutes):
        moment = datetime.combine(today - timedelta(days=days_ago), time(), MALAYSIA)
        moment += timedelta(minutes=minute, seconds=random.randrange(60))
        yield _order(FIRST_ID + made + index, moment, random)


def _order(number: int, moment: datetime, random: Random) -> Order:
    """A paid order, as most are: every fourth is a business that buys by the box."""
    business = random.randrange(4) == 0
    paid = moment + timedelta(minutes=random.randrange(1, 9), seconds=random.randrange(60))
    if business:
        buyer = random.choice(shop.CUSTOMERS)
        lines = _lines(random, random.randrange(2, 6), wholesale=True)
    else:
        buyer = shop.Customer(shop.WALK_IN, random.choice(shop.WALK_IN_NAMES), None, None)
        lines = _lines(random, random.randrange(1, 5), wholesale=False)
    return Order(
        id=number,
        number=f"NS-{number}",
        status=random.choice(("paid", "paid", "packed", "Delivered", "Completed")),
        ordered_at=moment,
        paid_at=paid,
        updated_at=paid,
        channel=random.choice(shop.CHANNELS),
        customer=buyer,
        created_by=random.choice(shop.STAFF) if business else None,
        lines=_within(lines, BASE_LIMIT),
    )


def _lines(random: Random, count: int, *, wholesale: bool) -> tuple[Line, ...]:
    items = list(shop.ITEMS)
    random.shuffle(items)
    return tuple(
        _line(pos, item, random, wholesale=wholesale)
        for pos, item in enumerate(items[:count], start=1)
    )


def _line(pos: int, item: shop.Item, random: Random, *, wholesale: bool) -> Line:
    packs = [
        (uom, pieces)
        for uom, pieces in (("CTN", item.carton), ("BOX", item.box), ("PCS", 1))
        if pieces
    ]
    uom, pieces = random.choice(packs) if wholesale else ("PCS", 1)
    each = item.price if pieces == 1 else (item.price * Decimal("0.9")).quantize(Decimal("0.01"))
    qty = Decimal(random.randrange(1, 4) if pieces < 40 else 1)
    discount = Decimal("2.00") if item.price > 20 and random.randrange(6) == 0 else None
    return Line(
        pos=pos,
        sku=item.sku,
        name=item.name,
        uom=uom,
        qty=qty,
        price=each * pieces,
        discount=discount,
        tax=item.tax,
    )


def _within(lines: Sequence[Line], limit: Decimal) -> tuple[Line, ...]:
    """The lines that fit into the limit one after another; one small line if none does."""
    kept: list[Line] = []
    for line in lines:
        if sum((each.amount for each in kept), line.amount) <= limit:
            kept.append(line.at(len(kept) + 1))
    if kept:
        return tuple(kept)
    item = shop.ITEMS[0]
    return (
        Line(
            pos=1,
            sku=item.sku,
            name=item.name,
            uom="PCS",
            qty=Decimal(2),
            price=item.price,
            discount=None,
            tax=item.tax,
        ),
    )


def _stall_order(order: Order) -> Order:
    """The Saturday stall writes its orders into a workbook; all were handed over at once."""
    return order.changed(status="Completed", channel="Stall")


def _keep_apart(orders: list[Order]) -> None:
    """No two plain orders share buyer, day and total: only the planted duplicate does."""
    seen: set[tuple[object, ...]] = set()
    for index, order in enumerate(orders):
        while (order.customer.name, order.ordered_at.date(), order.total) in seen:
            order = order.with_line(1, qty=order.lines[0].qty + 1)
        seen.add((order.customer.name, order.ordered_at.date(), order.total))
        orders[index] = order


def _first(told: Sequence[order_stories.Told]) -> Iterator[Delivery]:
    """Day by day one collected call, except where a story needs calls of its own."""
    by_day: dict[date, list[Order]] = {}
    for story in told:
        if story.alone:
            continue
        by_day.setdefault(story.first[0].ordered_at.date(), []).append(story.first[0])
    for day in sorted(by_day):
        yield Delivery(
            event_id=f"evt_{day:%m%d}_day", event="orders.collected", orders=tuple(by_day[day])
        )
    for story in (story for story in told if story.alone):
        yield from _calls(story.first, "order.updated", story.times)


def _later(told: Sequence[order_stories.Told]) -> Iterator[Delivery]:
    for story in told:
        yield from _calls(story.later, "order.changed", 1)


def _calls(orders: Sequence[Order], event: str, times: int) -> Iterator[Delivery]:
    for step, order in enumerate(orders, start=1):
        delivery = Delivery(
            event_id=f"evt_{order.id}_{event[6:]}_{step}", event=event, orders=(order,)
        )
        for _ in range(times):
            yield delivery


def tell(
    plain: Sequence[Order], today: date, random: Random, *, locked: int, next_id: int
) -> tuple[Told, ...]:
    """Every order with its story; the locked first days stay plain, the last three are extra."""
    told = [Told((order,)) for order in plain]
    free = list(range(locked, len(plain)))
    random.shuffle(free)
    for plan in PLANS:
        fitting = [
            index for index in free if plan.business <= (plain[index].customer.tin is not None)
        ]
        for index in fitting[: plan.count]:
            told[index] = plan.story(plain[index])
            free.remove(index)
    twin = next(plain[index] for index in sorted(free, reverse=True) if len(plain[index].lines) > 1)
    return (*told, *_extra(twin, today, next_id))


def _extra(twin: Order, today: date, next_id: int) -> tuple[Told, ...]:
    """One order twice under two numbers, one dated long ago, one dated in some days.

    The second of the two comes when the first was posted: while that waits to be sent, both would
    be held.
    """
    double = replace(
        twin, id=next_id, number=f"NS-{next_id}", updated_at=twin.updated_at + timedelta(minutes=2)
    )
    old, coming = (
        replace(
            twin,
            id=next_id + place,
            number=f"NS-{next_id + place}",
            ordered_at=twin.ordered_at + timedelta(days=(today - twin.day).days + days),
        )
        for place, days in ((1, -41), (2, 4))
    )
    return (Told((), (double,), alone=True), *(Told((one,), alone=True) for one in (old, coming)))
