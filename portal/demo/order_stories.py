"""What goes wrong, or otherwise than usual, with some orders of the sample month.

Here: one small function a story, and how many orders tell it. Not here: which orders do, and
the plain orders (generator.py). A story never depends on how fast anything is worked
off: what changes after posting is sent `later`, when all is quiet.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from portal.demo import shop
from portal.demo.order import CENT, REFUNDED, RETURNED, Line, Order, cents

SELDOM = Decimal("10.05")


@dataclass(frozen=True, slots=True)
class Told:
    """The versions of one order: those of the month, and those that come when the rest is done.

    `alone`: in calls of its own, `times` times each, not in the collected call of its day.
    """

    first: tuple[Order, ...]
    later: tuple[Order, ...] = ()
    alone: bool = False
    times: int = 1


Story = Callable[[Order], Told]


@dataclass(frozen=True, slots=True)
class Plan:
    """How many orders tell a story; only orders of business customers where it needs one."""

    count: int
    story: Story
    business: bool = False


# ---- status and payment ----


def _unpaid(order: Order, **fields: object) -> Order:
    return order.changed(status="pending", paid_at=None, **fields)


def _stays_unpaid(order: Order) -> Told:
    return Told((_unpaid(order),))


def _is_paid_later(order: Order) -> Told:
    return Told((_unpaid(order),), (order.later(30),))


def _is_cancelled_unpaid(order: Order) -> Told:
    first = _unpaid(order)
    return Told((first,), (first.later(45, status="cancelled"),))


def _is_a_draft(order: Order) -> Told:
    return Told((_unpaid(order).changed(status="draft"),))


def _is_refunded_first(order: Order) -> Told:
    return Told((order.changed(status=REFUNDED),))


def _came_back(order: Order) -> Told:
    lines = tuple(replace(line, delivered=line.qty, returned=line.qty) for line in order.lines)
    return Told((order.changed(status=RETURNED, lines=lines),))


def _is_refunded_after(order: Order) -> Told:
    return Told((order,), (order.later(60, status=REFUNDED),))


def _is_cancelled_after(order: Order) -> Told:
    return Told((order,), (order.later(60, status="cancelled"),))


def _is_an_exception(order: Order) -> Told:
    return Told((order.changed(status="exception"),))


def _has_an_unknown_status(order: Order) -> Told:
    return Told((order.changed(status="Refund Requested"),))


def _partly(order: Order) -> Order:
    lines = tuple(replace(line, delivered=Decimal(int(line.qty) // 2)) for line in order.lines)
    return order.changed(status="Partially Delivered", lines=lines)


def _is_partly_delivered(order: Order) -> Told:
    return Told((_partly(order),))


def _is_delivered_in_parts(order: Order) -> Told:
    lines = tuple(replace(line, delivered=line.qty) for line in order.lines)
    return Told((_partly(order),), (_partly(order).later(90, status="Delivered", lines=lines),))


# ---- versions ----


def _is_edited_after_posting(order: Order) -> Told:
    more = order.with_line(1, qty=order.lines[0].qty + 1)
    return Told((order,), (more.later(75),))


def _is_edited_after_approval(order: Order) -> Told:
    """Approved while unpaid, then paid with another quantity: the approval is out of date."""
    first = _unpaid(order, approved_by=shop.MANAGER, approved_version=1)
    more = order.changed(approved_by=shop.MANAGER, approved_version=1)
    more = more.with_line(1, qty=order.lines[0].qty + 1)
    return Told((first, more.later(20)), alone=True)


def _is_approved_as_it_is(order: Order) -> Told:
    return Told((order.changed(approved_by=shop.MANAGER, approved_version=1),))


def _is_delivered_thrice(order: Order) -> Told:
    return Told((order,), alone=True, times=3)


def _is_sent_again_unchanged(order: Order) -> Told:
    return Told((order,), (order,))


def _comes_out_of_order(order: Order) -> Told:
    older = _unpaid(order, updated_at=order.ordered_at)
    return Told((order.changed(version=2),), (older,))


# ---- names ----


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


def _has_the_new_item(order: Order) -> Told:
    return Told((_with_item(order, shop.NEW_ITEM),))


def _has_new_item_and_new_customer(order: Order) -> Told:
    return Told((_with_item(order, shop.NEW_ITEM).changed(customer=shop.NEW_CUSTOMER),))


def _has_a_new_customer(order: Order) -> Told:
    return Told((order.changed(customer=shop.NEW_CUSTOMER),))


def _spelled(sku: str) -> Story:
    def story(order: Order) -> Told:
        return Told((_with_item(order, shop.ITEMS[1]).with_line(1, sku=sku),))

    return story


def _has_anothers_tin(order: Order) -> Told:
    other = next(each for each in shop.CUSTOMERS if each.code != order.customer.code)
    return Told((order.changed(customer=replace(order.customer, tin=other.tin)),))


def _in_unit(uom: str, qty: str) -> Story:
    def story(order: Order) -> Told:
        return Told(
            (
                _with_item(order, shop.ITEMS[1]).with_line(
                    1, uom=uom, qty=Decimal(qty), price=Decimal("96.00")
                ),
            )
        )

    return story


# ---- money ----


def _taxed(word: str) -> Story:
    def story(order: Order) -> Told:
        return Told((_with_item(order, shop.ITEMS[0]).with_line(1, tax=word),))

    return story


def _is_in_dollars(order: Order) -> Told:
    return Told((order.changed(currency="SGD"),))


def _is_one_sen_off(order: Order) -> Told:
    """Three lines of 10.05: by line the tax is 3.03, on the sum it is 3.02."""
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
    return Told((order.changed(lines=lines, said_tax=cents(3 * SELDOM / 10)),))


def _is_rounded_off(order: Order) -> Told:
    return Told((order.changed(round_off=-CENT),))


def _worth(order: Order, least: Decimal) -> Order:
    """The order with so many of its first line that it is worth more than `least`."""
    first = order.lines[0]
    each = (first.price + CENT) if first.discount is None else first.price
    return order.with_line(1, qty=first.qty + (least / each).to_integral_value() + 1)


def _is_large(order: Order) -> Told:
    return Told((_worth(order, Decimal("3000.00")),))


def _is_large_and_the_approvers(order: Order) -> Told:
    return Told((_worth(order, Decimal("3000.00")).changed(created_by=shop.APPROVER),))


def _is_huge(order: Order) -> Told:
    return Told((_worth(order, Decimal("10000.00")),))


def _is_huge_and_nameless(order: Order) -> Told:
    return Told(
        (_worth(order, Decimal("10000.00")).changed(customer=replace(order.customer, tin=None)),)
    )


PLANS = (
    Plan(36, _has_the_new_item),
    Plan(1, _has_new_item_and_new_customer, business=True),
    Plan(4, _has_a_new_customer, business=True),
    Plan(3, _spelled("TEA-OOLONG-50 ")),
    Plan(2, _spelled("TEA–OOLONG-50")),
    Plan(1, _spelled("tea-oolong-50")),
    Plan(2, _has_anothers_tin, business=True),
    Plan(2, _in_unit("TIN", "3")),
    Plan(1, _in_unit("BOX", "0.3")),
    Plan(2, _taxed("SR-6")),
    Plan(2, _taxed("ZERO")),
    Plan(3, _is_in_dollars, business=True),
    Plan(3, _is_one_sen_off),
    Plan(2, _is_rounded_off),
    Plan(7, _is_large, business=True),
    Plan(1, _is_large_and_the_approvers, business=True),
    Plan(1, _is_huge, business=True),
    Plan(1, _is_huge_and_nameless, business=True),
    Plan(18, _stays_unpaid),
    Plan(10, _is_paid_later),
    Plan(14, _is_cancelled_unpaid),
    Plan(6, _is_a_draft),
    Plan(4, _is_refunded_first),
    Plan(3, _came_back),
    Plan(3, _is_refunded_after),
    Plan(2, _is_cancelled_after),
    Plan(1, _is_an_exception),
    Plan(2, _has_an_unknown_status),
    Plan(8, _is_partly_delivered),
    Plan(5, _is_delivered_in_parts),
    Plan(3, _is_edited_after_posting),
    Plan(4, _is_edited_after_approval, business=True),
    Plan(12, _is_approved_as_it_is, business=True),
    Plan(5, _is_delivered_thrice),
    Plan(6, _is_sent_again_unchanged),
    Plan(3, _comes_out_of_order),
)
