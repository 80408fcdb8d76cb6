"""Define the sample shop as data: goods, customers and staff, and how its orders look."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

COMPANY_CODE = "kedai"

COMPANY_NAME = "Kedai Contoh Sdn Bhd"

CURRENCY = "MYR"

ZONE = "Asia/Kuala_Lumpur"

TARGET_COMPANY = "CMP-1042"

WALK_IN = "WALK-IN"

WALK_IN_NAMES = (
    "Aisyah Rahman",
    "Lim Wei Jie",
    "Siti Nurhaliza Osman",
    "Raj Kumar a/l Maniam",
    "Tan Mei Ling",
    "Ahmad Faizal",
    "Wong Kah Yee",
    "Nur Iman Zulkifli",
    "Chong Li Ting",
    "Kavitha a/p Subramaniam",
    "Hafiz Hamdan",
    "Lee Xin Yi",
    "Farah Adlina",
    "Ng Boon Keat",
    "Melissa Gomez",
    "Amirul Hakim",
    "Goh Pei Shan",
    "Zainab Yusof",
    "Daniel Anak Jugah",
    "Priya Nair",
    "Khairul Anuar",
    "Yap Soo Fen",
    "Rosnah Mat Isa",
    "Vincent Lai",
    "Hanis Sofea",
    "Teoh Chin Huat",
)

CHANNELS = ("FPX", "FPX", "Card", "Card", "TNG eWallet", "GrabPay", "Boost")

STAFF = ("Mei Ling", "Hakim", "Devi")

MANAGER = "Suraya Idris"

APPROVER = "Farid Rahman"

CENT = Decimal("0.01")

REFUNDED, RETURNED = "Refunded", "Refunded + Items Returned"

REFUNDS = frozenset({REFUNDED, RETURNED})
"""What NetShop says of a refund; only the second brings goods back."""

TAX_RATES: Mapping[str, Decimal] = {"SST": Decimal("0.10")}


@dataclass(frozen=True, slots=True)
class Item:
    """One thing on the shelf; `box` and `carton`: pieces in one, 0 where it is not sold so."""

    sku: str
    name: str
    price: Decimal
    tax: str
    box: int = 12
    carton: int = 48


@dataclass(frozen=True, slots=True)
class Customer:
    """A buyer with an account. Walk-in buyers share one code and differ by name."""

    code: str
    name: str
    tin: str | None
    address: str | None


def cents(value: Decimal) -> Decimal:
    """Return a value rounded half up to whole sen."""
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
        """Return the line at another position."""
        return replace(self, pos=pos)

    def wire(self) -> dict[str, object]:
        """Return the line in NetShop's format."""
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


def _text(value: Decimal) -> str:
    return f"{value.normalize():f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One version of an order; its sums follow from the lines, unless a story states the tax."""

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
        """Tax by line, then summed; or the total that a story states."""
        if self.said_tax is not None:
            return self.said_tax
        return sum((line.tax_due for line in self.lines), Decimal("0.00"))

    @property
    def total(self) -> Decimal:
        """What the buyer pays."""
        return self.subtotal + self.tax_total + self.round_off

    def changed(self, **fields: object) -> "Order":
        """Return this version with other values."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def later(self, minutes: int, **fields: object) -> "Order":
        """Return the next version, this many minutes afterwards."""
        moment = self.updated_at + timedelta(minutes=minutes)
        return self.changed(version=self.version + 1, updated_at=moment, **fields)

    def with_line(self, pos: int, **fields: object) -> "Order":
        """Return this version with other values in one line."""
        lines = tuple(
            replace(line, **fields) if line.pos == pos else line  # type: ignore[arg-type]
            for line in self.lines
        )
        return replace(self, lines=lines)

    def wire(self) -> dict[str, object]:
        """Return the order in the format of NetShop's webhook.

        A refund is a separate object; the order's own status does not change.
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
        """Return a refund of the whole order, with the story's status."""
        returned = [{"sku": line.sku, "qty": _text(line.qty)} for line in self.lines]
        return {
            "id": f"RF-{self.id}",
            "status": self.status,
            "amount": f"{self.total:.2f}",
            "items": returned if self.status == RETURNED else [],
        }

    def sheet_row(self) -> dict[str, object]:
        """Return the order as a row of the workbook's sheet `orders`."""
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


def _moment(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _item(sku: str, name: str, price: str, tax: str, box: int = 12, carton: int = 48) -> Item:
    return Item(sku=sku, name=name, price=Decimal(price), tax=tax, box=box, carton=carton)


def _buyer(code: str, name: str, tin: str, address: str) -> Customer:
    return Customer(code=code, name=name, tin=tin, address=address)


ITEMS = (
    _item("TEA-EARL-100", "Earl Grey, loose, 100 g", "4.80", "NONE", carton=40),
    _item("TEA-OOLONG-50", "Oolong, 50 g", "12.60", "NONE"),
    _item("TEA-BOH-20", "Cameron black tea, 20 bags", "6.30", "NONE"),
    _item("TEA-JASMIN-80", "Jasmine green tea, 80 g", "9.90", "NONE"),
    _item("TEA-TARIK-12", "Teh tarik sachets, 12", "8.40", "NONE"),
    _item("TEA-HIBIS-40", "Roselle and hibiscus, 40 g", "11.20", "NONE"),
    _item("CUP-GLASS-20", "Kopitiam glass, 200 ml", "5.50", "SST"),
    _item("CUP-PORC-25", "Porcelain cup and saucer", "14.90", "SST"),
    _item("CUP-ENAMEL-35", "Enamel mug, 350 ml", "16.80", "SST"),
    _item("POT-GLASS-60", "Glass teapot, 600 ml", "38.50", "SST"),
    _item("POT-CLAY-45", "Clay teapot, 450 ml", "72.00", "SST", carton=0),
    _item("TRAY-RATTAN-M", "Rattan tray, medium", "42.00", "SST", box=0, carton=0),
    _item("SPN-BRASS-4", "Brass teaspoons, set of 4", "19.60", "SST"),
    _item("STR-STEEL-1", "Steel strainer", "7.70", "SST"),
    _item("GFT-HAMPER-L", "Festive hamper, large", "128.00", "SST", box=6, carton=0),
    _item("GFT-TIN-S", "Gift tin, small", "24.50", "SST"),
    _item("CND-PANDAN-1", "Pandan candle", "21.00", "SST", carton=0),
    _item("BISC-PEANUT-3", "Peanut biscuits, 300 g", "13.20", "NONE"),
)

# On sale since last week, and in nobody's item list yet.
NEW_ITEM = _item("CUP-STONE-30", "Stoneware cup, 300 ml", "18.40", "SST")

CUSTOMERS = (
    _buyer("C-101", "Warung Melati", "C20113344550", "12 Jalan Masjid India, 50100 Kuala Lumpur"),
    _buyer("C-102", "Kafe Senja Sdn Bhd", "C20224455660", "8 Lorong Batu Nilam 1, 41200 Klang"),
    _buyer(
        "C-103", "Hotel Puncak Bayu", "C20335566770", "1 Jalan Sultan Ahmad Shah, 10050 George Town"
    ),
    _buyer(
        "C-104", "Restoran Tiga Sahabat", "C20446677880", "45 Jalan Wong Ah Fook, 80000 Johor Bahru"
    ),
    _buyer("C-105", "Syarikat Teh Lembah", "C20557788990", "Lot 3, Jalan Besar, 39000 Tanah Rata"),
    _buyer(
        "C-106",
        "Kiosk Stesen Sentral",
        "C20668899000",
        "Level 1, Stesen Sentral, 50470 Kuala Lumpur",
    ),
    _buyer(
        "C-107",
        "Dapur Nyonya Enterprise",
        "C20779900110",
        "17 Jalan Tun Tan Cheng Lock, 75200 Melaka",
    ),
    _buyer("C-108", "Pasar Mini Harmoni", "C20880011220", "5 Jalan Tun Razak, 25200 Kuantan"),
    _buyer("C-109", "Borneo Gift House", "C20991122330", "22 Jalan Gaya, 88000 Kota Kinabalu"),
    _buyer("C-110", "Kedai Cenderamata Aman", "C21002233440", "9 Jalan Padungan, 93100 Kuching"),
    _buyer(
        "C-111", "Ipoh White Rose Cafe", "C21113344550", "31 Jalan Sultan Idris Shah, 30000 Ipoh"
    ),
    _buyer("C-112", "Taman Ilmu Bookshop", "C21224455660", "2 Jalan SS 2/24, 47300 Petaling Jaya"),
    _buyer(
        "C-113", "Pejabat Rakan Niaga", "C21335566770", "Suite 8, Menara Damai, 50250 Kuala Lumpur"
    ),
    _buyer("C-114", "Seri Wangi Spa", "C21446677880", "66 Jalan Telawi, 59100 Kuala Lumpur"),
    _buyer("C-115", "Chulia Street Bakery", "C21557788990", "103 Lebuh Chulia, 10200 George Town"),
)

# Signed up in NetShop last week, and in nobody's debtor list yet.
NEW_CUSTOMER = _buyer(
    "C-118", "Restoran Selera Baru", "C21880011220", "14 Jalan Alor, 50200 Kuala Lumpur"
)
