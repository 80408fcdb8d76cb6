"""Generate one month of the sample shop's deliveries from a seed, and load them."""

import csv
import hashlib
import hmac
import http.client
import io
import json
import time as clock
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from random import Random
from urllib.parse import urlsplit

from sandbox.demo import shop
from sandbox.demo.shop import CENT, REFUNDED, RETURNED, Line, Order, cents

SEED = 2026

DAYS = 30

LOCKED_DAYS = 2

ORDERS_A_DAY = 21

ORDERS_A_LOCKED_DAY = 12

STALL_ORDERS = 24

STALL_DAY = 9

FIRST_ID = 240001

MALAYSIA = timezone(timedelta(hours=8))

ACCEPTED, BUSY = (200, 202), (429, 503)

TRIES, RETRY_SECONDS = 60, 2

BASE_LIMIT = Decimal("2400.00")  # plain orders stay well below the approval limit of the rules

ORDER_COLUMNS = (
    "id",
    "number",
    "status",
    "ordered_on",
    "paid_at",
    "updated_at",
    "channel",
    "currency",
    "customer",
    "customer_name",
    "tin",
    "address",
    "subtotal",
    "tax_total",
    "round_off",
    "total",
    "created_by",
    "approved_by",
    "approved_version",
    "version",
)

ITEM_COLUMNS = (
    "pos",
    "sku",
    "name",
    "uom",
    "qty",
    "price",
    "discount",
    "tax",
    "delivered_qty",
    "returned_qty",
)

SELDOM = Decimal("10.05")


@dataclass(frozen=True, slots=True)
class OrderStory:
    """One order's versions: `first` is sent with the month, `later` after all orders of the month.

    `alone`: each version is sent in its own call, `times` times, not in its day's combined call.
    """

    first: tuple[Order, ...]
    later: tuple[Order, ...] = ()
    alone: bool = False
    times: int = 1


Story = Callable[[Order], OrderStory]


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
        """Return the id of every order that was sent: the driver's own list."""
        hooks = (order.id for delivery in (*self.first, *self.later) for order in delivery.orders)
        numbers = {*hooks, *(order.id for order in self.workbook)}
        return tuple(str(number) for number in sorted(numbers))


def generate_month(today: date, *, seed: int = SEED) -> Month:
    """Return the month before `today`; equal seeds give equal months except for the dates."""
    random = Random(seed)  # noqa: S311 - sample data, not a secret
    plain_month = list(_plain_orders(today, random))
    stall = [
        _stall_order(order)
        for order in _orders_of(today, STALL_DAY, STALL_ORDERS, random, len(plain_month))
    ]
    _make_distinct(plain_month + stall)
    stories = assign_stories(
        plain_month,
        today,
        random,
        locked=LOCKED_DAYS * ORDERS_A_LOCKED_DAY,
        next_id=FIRST_ID + len(plain_month) + len(stall),
    )
    return Month(
        first=tuple(_first_deliveries(stories)),
        workbook=tuple(stall),
        later=tuple(_later_deliveries(stories)),
        locked_through=today - timedelta(days=DAYS - LOCKED_DAYS + 1),
    )


def _plain_orders(today: date, random: Random) -> Iterator[Order]:
    order_count = 0
    for day in range(DAYS, 0, -1):
        count = ORDERS_A_LOCKED_DAY if day > DAYS - LOCKED_DAYS else ORDERS_A_DAY
        yield from _orders_of(today, day, count, random, order_count)
        order_count += count


def _orders_of(
    today: date, days_ago: int, count: int, random: Random, first_index: int
) -> Iterator[Order]:
    minutes = sorted(random.randrange(15, 1425) for _ in range(count))
    for index, minute in enumerate(minutes):
        moment = datetime.combine(today - timedelta(days=days_ago), time(), MALAYSIA)
        moment += timedelta(minutes=minute, seconds=random.randrange(60))
        yield _order(FIRST_ID + first_index + index, moment, random)


def _order(number: int, moment: datetime, random: Random) -> Order:
    """Return a paid order; about every fourth buyer is a business that buys by the box."""
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
        lines=_fit_limit(lines, BASE_LIMIT),
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
    piece_price = (
        item.price if pieces == 1 else (item.price * Decimal("0.9")).quantize(Decimal("0.01"))
    )
    qty = Decimal(random.randrange(1, 4) if pieces < 40 else 1)
    discount = Decimal("2.00") if item.price > 20 and random.randrange(6) == 0 else None
    return Line(
        pos=pos,
        sku=item.sku,
        name=item.name,
        uom=uom,
        qty=qty,
        price=piece_price * pieces,
        discount=discount,
        tax=item.tax,
    )


def _fit_limit(lines: Sequence[Line], limit: Decimal) -> tuple[Line, ...]:
    """Return the lines that fit into the limit one after another; one small line if none fits."""
    fitting_lines: list[Line] = []
    for line in lines:
        if sum((fitting_line.amount for fitting_line in fitting_lines), line.amount) <= limit:
            fitting_lines.append(line.at(len(fitting_lines) + 1))
    if fitting_lines:
        return tuple(fitting_lines)
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
    """Return the order as the Saturday stall has it, whose orders come in one workbook."""
    return order.changed(status="Completed", channel="Stall")


def _make_distinct(orders: list[Order]) -> None:
    """Change orders until no two share buyer, day and total: only the planted duplicate does."""
    earlier: set[tuple[object, ...]] = set()
    for index, order in enumerate(orders):
        while (order.customer.name, order.ordered_at.date(), order.total) in earlier:
            order = order.with_line(1, qty=order.lines[0].qty + 1)
        earlier.add((order.customer.name, order.ordered_at.date(), order.total))
        orders[index] = order


def _first_deliveries(stories: Sequence[OrderStory]) -> Iterator[Delivery]:
    """Yield one collected call per day, and separate calls for stories that need them."""
    by_day: dict[date, list[Order]] = {}
    for story in stories:
        if story.alone:
            continue
        by_day.setdefault(story.first[0].ordered_at.date(), []).append(story.first[0])
    for day in sorted(by_day):
        yield Delivery(
            event_id=f"evt_{day:%m%d}_day", event="orders.collected", orders=tuple(by_day[day])
        )
    for story in (story for story in stories if story.alone):
        yield from _calls(story.first, "order.updated", story.times)


def _calls(orders: Sequence[Order], event: str, times: int) -> Iterator[Delivery]:
    for step, order in enumerate(orders, start=1):
        delivery = Delivery(
            event_id=f"evt_{order.id}_{event[6:]}_{step}", event=event, orders=(order,)
        )
        for _ in range(times):
            yield delivery


def _later_deliveries(stories: Sequence[OrderStory]) -> Iterator[Delivery]:
    # Changes to posted orders follow once nothing is due: sent earlier, the speed of the workers
    # would decide whether an order is dropped or held as posted.
    for story in stories:
        yield from _calls(story.later, "order.changed", 1)


def plain_orders(today: date, count: int, *, seed: int, first_id: int) -> tuple[Order, ...]:
    """Return this many orders of yesterday without faults, for benchmarks."""
    random = Random(seed)  # noqa: S311 - sample data, not a secret
    orders = list(_orders_of(today, 1, count, random, first_id - FIRST_ID))
    _make_distinct(orders)
    return tuple(orders)


def assign_stories(
    month_orders: Sequence[Order], today: date, random: Random, *, locked: int, next_id: int
) -> tuple[OrderStory, ...]:
    """Return every order with its story; the locked first days stay plain, the last three are
    extra.
    """
    stories = [OrderStory((order,)) for order in month_orders]
    free_indexes = list(range(locked, len(month_orders)))
    random.shuffle(free_indexes)
    for plan in PLANS:
        fitting = [
            index
            for index in free_indexes
            if plan.business <= (month_orders[index].customer.tin is not None)
        ]
        for index in fitting[: plan.count]:
            stories[index] = plan.story(month_orders[index])
            free_indexes.remove(index)
    twin = next(
        month_orders[index]
        for index in sorted(free_indexes, reverse=True)
        if len(month_orders[index].lines) > 1
    )
    return (*stories, *_extra_stories(twin, today, next_id))


def _extra_stories(twin: Order, today: date, next_id: int) -> tuple[OrderStory, ...]:
    """Return an order under a second number, an order dated long ago, and an order in the future.

    The duplicate is sent when the original was posted: while the original waits, both would be
    held.
    """
    duplicate = replace(
        twin, id=next_id, number=f"NS-{next_id}", updated_at=twin.updated_at + timedelta(minutes=2)
    )
    old, future = (
        replace(
            twin,
            id=next_id + place,
            number=f"NS-{next_id + place}",
            ordered_at=twin.ordered_at + timedelta(days=(today - twin.day).days + days),
        )
        for place, days in ((1, -41), (2, 4))
    )
    return (
        OrderStory((), (duplicate,), alone=True),
        *(OrderStory((order,), alone=True) for order in (old, future)),
    )


@dataclass(frozen=True, slots=True)
class Hook:
    """The address of a webhook, the secret that both sides know, and how its headers begin."""

    address: str
    path: str
    secret: str
    headers: str = "X-NS16"
    pause: Callable[[float], None] = clock.sleep

    def send(self, deliveries: Iterable[Delivery], now: datetime) -> int:
        """Send one call for each delivery, in order; return the number of calls."""
        return self.post(
            ((delivery.event_id, encode_body(delivery)) for delivery in deliveries), now
        )

    def post(self, calls: Iterable[tuple[str, bytes]], now: datetime) -> int:
        """Send one call for each event id with its bytes, in order; return the number of calls."""
        connection = http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        call_count = 0
        try:
            for event_id, raw in calls:
                self._deliver(connection, event_id, raw, now)
                call_count += 1
        finally:
            connection.close()
        return call_count

    def _deliver(
        self, connection: http.client.HTTPConnection, event_id: str, raw: bytes, now: datetime
    ) -> None:
        """Send one call, and again under the same id while the portal is busy or restarts."""
        headers = self._signed(event_id, raw, now)
        for tries_left in range(TRIES, 0, -1):
            try:
                connection.request("POST", self.path, raw, headers)
                answer = connection.getresponse()
                failure = f"{answer.status} {answer.read()[:300]!r}"
                if answer.status in ACCEPTED:
                    return
                is_busy = answer.status in BUSY
            except (OSError, http.client.HTTPException) as problem:
                connection.close()  # the next request opens it again
                failure, is_busy = str(problem) or type(problem).__name__, True
            if not is_busy or tries_left == 1:
                message = f"{event_id}: {failure}"
                raise RuntimeError(message)
            self.pause(RETRY_SECONDS)

    def _signed(self, event_id: str, raw: bytes, now: datetime) -> dict[str, str]:
        stamp = str(int(now.timestamp()))
        content = f"{stamp}.{event_id}.".encode() + raw
        digest = hmac.new(self.secret.encode(), content, hashlib.sha256)
        return {
            "Content-Type": "application/json",
            f"{self.headers}-Timestamp": stamp,
            f"{self.headers}-Signature": f"sha256={digest.hexdigest()}",
            f"{self.headers}-Event-Id": event_id,
        }


def act_in_target(target: str, act: str, **fields: object) -> None:
    """Change a simulator's books as a person would, or make it fail."""
    request = urllib.request.Request(f"{target}/_sim/{act}", json.dumps(fields).encode())  # noqa: S310
    with urllib.request.urlopen(request, timeout=10):  # noqa: S310 - on this machine
        return


def encode_body(delivery: Delivery) -> bytes:
    """Return the body of a delivery; equal deliveries give equal bytes."""
    orders = [order.wire() for order in delivery.orders]
    content: dict[str, object] = {"event": delivery.event}
    if len(orders) == 1:
        content["order"] = orders[0]
    else:
        content["orders"] = orders
    return json.dumps(content, ensure_ascii=False).encode()


def stall_sheet(orders: Iterable[Order]) -> bytes:
    """Return the stall's CSV file: one row per line, each with the values of its order."""
    out = io.StringIO()
    sheet = csv.DictWriter(out, [*ORDER_COLUMNS, *ITEM_COLUMNS], lineterminator="\n")
    sheet.writeheader()
    for order in orders:
        head = order.sheet_row()
        for line in order.lines:
            cells = {**head, **line.wire()}
            sheet.writerow({name: cells.get(name) for name in sheet.fieldnames})
    return out.getvalue().encode()


@dataclass(frozen=True, slots=True)
class Plan:
    """The number of orders that get a story. `business`: only orders of business customers."""

    count: int
    story: Story
    business: bool = False


def _unpaid(order: Order, **fields: object) -> Order:
    return order.changed(status="pending", paid_at=None, **fields)


def _stays_unpaid_story(order: Order) -> OrderStory:
    return OrderStory((_unpaid(order),))


def _paid_later_story(order: Order) -> OrderStory:
    return OrderStory((_unpaid(order),), (order.later(30),))


def _cancelled_unpaid_story(order: Order) -> OrderStory:
    first = _unpaid(order)
    return OrderStory((first,), (first.later(45, status="cancelled"),))


def _draft_story(order: Order) -> OrderStory:
    return OrderStory((_unpaid(order).changed(status="draft"),))


def _refunded_first_story(order: Order) -> OrderStory:
    return OrderStory((order.changed(status=REFUNDED),))


def _came_back_story(order: Order) -> OrderStory:
    lines = tuple(replace(line, delivered=line.qty, returned=line.qty) for line in order.lines)
    return OrderStory((order.changed(status=RETURNED, lines=lines),))


def _refunded_after_story(order: Order) -> OrderStory:
    return OrderStory((order,), (order.later(60, status=REFUNDED),))


def _cancelled_after_story(order: Order) -> OrderStory:
    return OrderStory((order,), (order.later(60, status="cancelled"),))


def _exception_story(order: Order) -> OrderStory:
    return OrderStory((order.changed(status="exception"),))


def _unknown_status_story(order: Order) -> OrderStory:
    return OrderStory((order.changed(status="Refund Requested"),))


def _partly(order: Order) -> Order:
    lines = tuple(replace(line, delivered=Decimal(int(line.qty) // 2)) for line in order.lines)
    return order.changed(status="Partially Delivered", lines=lines)


def _partly_delivered_story(order: Order) -> OrderStory:
    return OrderStory((_partly(order),))


def _delivered_in_parts_story(order: Order) -> OrderStory:
    lines = tuple(replace(line, delivered=line.qty) for line in order.lines)
    return OrderStory(
        (_partly(order),), (_partly(order).later(90, status="Delivered", lines=lines),)
    )


def _edited_after_posting_story(order: Order) -> OrderStory:
    more = order.with_line(1, qty=order.lines[0].qty + 1)
    return OrderStory((order,), (more.later(75),))


def _edited_after_approval_story(order: Order) -> OrderStory:
    """Return the story of an approved unpaid order that is paid later with another quantity.

    The approval was for the first version, so it no longer applies.
    """
    first = _unpaid(order, approved_by=shop.MANAGER, approved_version=1)
    more = order.changed(approved_by=shop.MANAGER, approved_version=1)
    more = more.with_line(1, qty=order.lines[0].qty + 1)
    return OrderStory((first, more.later(20)), alone=True)


def _approved_unchanged_story(order: Order) -> OrderStory:
    return OrderStory((order.changed(approved_by=shop.MANAGER, approved_version=1),))


def _delivered_three_times_story(order: Order) -> OrderStory:
    return OrderStory((order,), alone=True, times=3)


def _resent_unchanged_story(order: Order) -> OrderStory:
    return OrderStory((order,), (order,))


def _out_of_order_story(order: Order) -> OrderStory:
    older = _unpaid(order, updated_at=order.ordered_at)
    return OrderStory((order.changed(version=2),), (older,))


def _with_item(order: Order, item: shop.Item) -> Order:
    return order.with_line(
        1,
        sku=item.sku,
        name=item.name,
        uom="PCS",
        qty=Decimal(2),
        price=item.price,
        discount=None,
        tax=item.tax,
    )


def _new_item_story(order: Order) -> OrderStory:
    return OrderStory((_with_item(order, shop.NEW_ITEM),))


def _new_item_and_new_customer_story(order: Order) -> OrderStory:
    return OrderStory((_with_item(order, shop.NEW_ITEM).changed(customer=shop.NEW_CUSTOMER),))


def _new_customer_story(order: Order) -> OrderStory:
    return OrderStory((order.changed(customer=shop.NEW_CUSTOMER),))


def _spelled(sku: str) -> Story:
    def story(order: Order) -> OrderStory:
        return OrderStory((_with_item(order, shop.ITEMS[1]).with_line(1, sku=sku),))

    return story


def _other_customers_tin_story(order: Order) -> OrderStory:
    other = next(customer for customer in shop.CUSTOMERS if customer.code != order.customer.code)
    return OrderStory((order.changed(customer=replace(order.customer, tin=other.tin)),))


def _in_unit(uom: str, qty: str) -> Story:
    def story(order: Order) -> OrderStory:
        return OrderStory(
            (
                _with_item(order, shop.ITEMS[1]).with_line(
                    1, uom=uom, qty=Decimal(qty), price=Decimal("96.00")
                ),
            )
        )

    return story


def _taxed(word: str) -> Story:
    def story(order: Order) -> OrderStory:
        return OrderStory((_with_item(order, shop.ITEMS[0]).with_line(1, tax=word),))

    return story


def _dollar_story(order: Order) -> OrderStory:
    return OrderStory((order.changed(currency="SGD"),))


def _one_sen_off_story(order: Order) -> OrderStory:
    """Return three lines of 10.05, whose tax is 3.03 by line and 3.02 on the sum."""
    cups = [item for item in shop.ITEMS if item.tax == "SST"][:3]
    lines = tuple(
        Line(
            pos=pos,
            sku=cup.sku,
            name=cup.name,
            uom="PCS",
            qty=Decimal(1),
            price=SELDOM,
            discount=None,
            tax="SST",
        )
        for pos, cup in enumerate(cups, start=1)
    )
    return OrderStory((order.changed(lines=lines, said_tax=cents(3 * SELDOM / 10)),))


def _rounded_off_story(order: Order) -> OrderStory:
    return OrderStory((order.changed(round_off=-CENT),))


def _worth(order: Order, least: Decimal) -> Order:
    """Return the order with enough of its first line to be worth more than `least`."""
    first = order.lines[0]
    unit_price = (first.price + CENT) if first.discount is None else first.price
    return order.with_line(1, qty=first.qty + (least / unit_price).to_integral_value() + 1)


def _large_story(order: Order) -> OrderStory:
    return OrderStory((_worth(order, Decimal("3000.00")),))


def _large_by_approver_story(order: Order) -> OrderStory:
    return OrderStory((_worth(order, Decimal("3000.00")).changed(created_by=shop.APPROVER),))


def _huge_story(order: Order) -> OrderStory:
    return OrderStory((_worth(order, Decimal("10000.00")),))


def _huge_and_nameless_story(order: Order) -> OrderStory:
    return OrderStory(
        (_worth(order, Decimal("10000.00")).changed(customer=replace(order.customer, tin=None)),)
    )


PLANS = (
    Plan(36, _new_item_story),
    Plan(1, _new_item_and_new_customer_story, business=True),
    Plan(4, _new_customer_story, business=True),
    Plan(3, _spelled("TEA-OOLONG-50 ")),
    Plan(2, _spelled("TEA–OOLONG-50")),
    Plan(1, _spelled("tea-oolong-50")),
    Plan(2, _other_customers_tin_story, business=True),
    Plan(2, _in_unit("TIN", "3")),
    Plan(1, _in_unit("BOX", "0.3")),
    Plan(2, _taxed("SR-6")),
    Plan(2, _taxed("ZERO")),
    Plan(3, _dollar_story, business=True),
    Plan(3, _one_sen_off_story),
    Plan(2, _rounded_off_story),
    Plan(7, _large_story, business=True),
    Plan(1, _large_by_approver_story, business=True),
    Plan(1, _huge_story, business=True),
    Plan(1, _huge_and_nameless_story, business=True),
    Plan(18, _stays_unpaid_story),
    Plan(10, _paid_later_story),
    Plan(14, _cancelled_unpaid_story),
    Plan(6, _draft_story),
    Plan(4, _refunded_first_story),
    Plan(3, _came_back_story),
    Plan(3, _refunded_after_story),
    Plan(2, _cancelled_after_story),
    Plan(1, _exception_story),
    Plan(2, _unknown_status_story),
    Plan(8, _partly_delivered_story),
    Plan(5, _delivered_in_parts_story),
    Plan(3, _edited_after_posting_story),
    Plan(4, _edited_after_approval_story, business=True),
    Plan(12, _approved_unchanged_story, business=True),
    Plan(5, _delivered_three_times_story),
    Plan(6, _resent_unchanged_story),
    Plan(3, _out_of_order_story),
)
