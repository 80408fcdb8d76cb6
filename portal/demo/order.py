"""An order as the sample shop knows it, and as NetShop words it.

Here: frozen orders whose sums follow from their lines. Not here: which orders there are
(generator.py, order_stories.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from portal.demo.shop import CURRENCY, Customer

CENT = Decimal("0.01")
REFUNDED, RETURNED = "Refunded", "Refunded + Items Returned"
REFUNDS = frozenset({REFUNDED, RETURNED})
"""What NetShop says of a refund; only the second brings goods back."""
TAX_RATES: Mapping[str, Decimal] = {"SST": Decimal("0.10")}


def cents(value: Decimal) -> Decimal:
    """Rounded half up to whole sen."""
    return value.quantize(CENT, ROUND_HALF_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of an order."""

    pos: int
    sku: str
    name: str
    uom: str
    qty: Decimal
    price: Decimal
    discount: Decimal | None
    tax: str
    delivered: Decimal | None = None
    returned: Decimal | None = None

    @property
    def amount(self) -> Decimal:
        """Price times quantity less the discount."""
        return cents(self.qty * self.price - (self.discount or Decimal(0)))

    @property
    def tax_due(self) -> Decimal:
        """The tax of this line alone."""
        return cents(self.amount * TAX_RATES.get(self.tax, Decimal(0)))

    def at(self, pos: int) -> "Line":
        """The same line at another place."""
        return replace(self, pos=pos)

    def wire(self) -> dict[str, object]:
        """As NetShop words it."""
        return {
            "pos": self.pos,
            "sku": self.sku,
            "name": self.name,
            "uom": self.uom,
            "qty": _text(self.qty),
            "price": f"{self.price:.2f}",
            "discount": None if self.discount is None else f"{self.discount:.2f}",
            "tax": self.tax,
            "delivered_qty": None if self.delivered is None else _text(self.delivered),
            "returned_qty": None if self.returned is None else _text(self.returned),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One version of an order; its sums follow from the lines, the tax unless it is said."""

    id: int
    number: str
    status: str
    ordered_at: datetime
    paid_at: datetime | None
    updated_at: datetime
    channel: str
    customer: Customer
    created_by: str | None
    lines: tuple[Line, ...]
    approved_by: str | None = None
    approved_version: int | None = None
    version: int = 1
    currency: str = CURRENCY
    said_tax: Decimal | None = None
    round_off: Decimal = Decimal("0.00")

    @property
    def subtotal(self) -> Decimal:
        """The amounts of all lines."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    @property
    def tax_total(self) -> Decimal:
        """Tax by line, then summed; or what a story has NetShop say."""
        if self.said_tax is not None:
            return self.said_tax
        return sum((line.tax_due for line in self.lines), Decimal("0.00"))

    @property
    def total(self) -> Decimal:
        """What the buyer pays."""
        return self.subtotal + self.tax_total + self.round_off

    def changed(self, **fields: object) -> "Order":
        """This version with other values."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def later(self, minutes: int, **fields: object) -> "Order":
        """The next version, so many minutes afterwards."""
        moment = self.updated_at + timedelta(minutes=minutes)
        return self.changed(version=self.version + 1, updated_at=moment, **fields)

    def with_line(self, pos: int, **fields: object) -> "Order":
        """The same version with other values in one line."""
        lines = tuple(
            replace(line, **fields) if line.pos == pos else line  # type: ignore[arg-type]
            for line in self.lines
        )
        return replace(self, lines=lines)

    def wire(self) -> dict[str, object]:
        """As NetShop words it in a webhook: a refund stands beside the order, whose own status
        stays as it was.
        """
        refunded = self.status in REFUNDS
        return {
            "id": self.id,
            "number": self.number,
            "status": "Completed" if refunded else self.status,
            **({"refund": self._refund()} if refunded else {}),
            "ordered_at": self.ordered_at.isoformat(),
            "paid_at": None if self.paid_at is None else self.paid_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
            "channel": self.channel,
            "currency": self.currency,
            "customer": {
                "id": self.customer.code,
                "name": self.customer.name,
                "tin": self.customer.tin,
                "address": self.customer.address,
            },
            "created_by": self.created_by,
            "approved_by": self.approved_by,
            "approved_version": self.approved_version,
            "version": self.version,
            "items": [line.wire() for line in self.lines],
            "subtotal": f"{self.subtotal:.2f}",
            "tax_total": f"{self.tax_total:.2f}",
            "round_off": f"{self.round_off:.2f}",
            "total": f"{self.total:.2f}",
        }

    def _refund(self) -> dict[str, object]:
        """All of the order given back, in the words that its story has as its status."""
        returned = [{"sku": line.sku, "qty": _text(line.qty)} for line in self.lines]
        return {
            "id": f"RF-{self.id}",
            "status": self.status,
            "amount": f"{self.total:.2f}",
            "items": returned if self.status == RETURNED else [],
        }

    def sheet_row(self) -> dict[str, object]:
        """As a row of the workbook's sheet `orders`."""
        row = {
            name: value
            for name, value in self.wire().items()
            if name not in ("items", "customer", "ordered_at", "refund")
        }
        row |= {
            "status": self.status,
            "ordered_on": self.day,
            "paid_at": _moment(self.paid_at),
            "updated_at": _moment(self.updated_at),
            "customer": self.customer.code,
            "customer_name": self.customer.name,
            "tin": self.customer.tin,
            "address": self.customer.address,
        }
        return row

    @property
    def day(self) -> date:
        """The day of the order where the shop is."""
        return self.ordered_at.date()


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
