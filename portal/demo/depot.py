"""What the sample distributor's order system sends: a few orders, and what becomes of them.

Here: the records, step by step; each step is sent when the one before is worked off. Not here: the
tea shop's month (generator.py), or the sending (depot_company.py). All dates are relative to
`today`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from portal.demo.people import DEPOT_PEOPLE
from portal.demo.setup import STARTERS, Sample, rule_files

BY_HAND = "IV-GD-1004-1"
BY_HAND_PRICE = "2.35"
NOT_BY_THE_CLOUD = "    after    autocount.delivery_order\n"

Record = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Deliveries in their order.

    `month`: plain orders, one of them sent in parts. `rest`: its second van. `changes`: what comes
    to posted orders. `refused`: arrives when AutoCount refuses the key.
    """

    month: Sequence[Record]
    rest: Sequence[Record]
    changes: Sequence[Record]
    refused: Sequence[Record]


def sample(url: str) -> Sample:
    """The distributor, posting to the stand-in of AutoCount that listens there."""
    return Sample(
        code="gudang",
        name="Gudang Cahaya Sdn Bhd",
        source="intake",
        target="autocount",
        key="acc_demo_9Tq4Lx",
        settings={
            "base_url": url,
            "company_id": "1042",
            "company_name": "Gudang Cahaya Sdn Bhd",
            "key_id": "cp-demo",
            "locked_through": "none",
        },
        people=DEPOT_PEOPLE,
        title="Delivered orders become invoices",
        files=_files(),
    )


def steps(today: date) -> Steps:
    """Everything that is sent, relative to a day."""
    goods = {number: Goods(number, price, today) for number, price in _PRICES.items()}
    parts, dearer, cancelled = (goods[number] for number in ("GD-1001", "GD-1002", "GD-1003"))
    whole = (dearer, cancelled, goods["GD-1004"])
    return Steps(
        month=(parts.order(), parts.van(1, 6), *(r for each in whole for r in each.delivered())),
        rest=(parts.van(2, 4),),
        changes=(
            parts.van(3, 1),
            dearer.order(price="2.75", version=2, approved_version=2),
            cancelled.order(status="cancelled"),
        ),
        refused=goods["GD-1005"].delivered(),
    )


@dataclass(frozen=True, slots=True)
class Goods:
    """One order of ten packs, and the vans that bring them."""

    number: str
    price: str
    today: date

    def delivered(self) -> tuple[Record, Record]:
        """The order, and one van with all of it."""
        return self.order(), self.van(1, 10)

    def order(self, **changes: object) -> Record:
        """The order, approved by somebody else than who wrote it."""
        price = str(changes.pop("price", self.price))
        return {
            "kind": "order",
            "number": self.number,
            "status": "approved",
            "version": 1,
            "approved_version": 1,
            "approved_by": "Mei Ling",
            "created_by": "Ali",
            "ordered_on": self._day(4),
            "customer": "K-211",
            "customer_name": "Kedai Runcit Sentosa",
            "branch": "KL",
            "tax_total": "0.00",
            "total": f"{10 * Decimal(price):.2f}",
            "lines": [self._line(10) | {"name": "Tissues", "price": price, "tax": "NONE"}],
            **changes,
        }

    def van(self, no: int, packs: int) -> Record:
        """A confirmed delivery of so many packs."""
        return {
            "kind": "delivery",
            "number": f"DO{self.number[2:]}-{no}",
            "order_number": self.number,
            "status": "confirmed",
            "delivered_on": self._day(3 - no),
            "customer": "K-211",
            "branch": "KL",
            "lines": [self._line(packs) | {"order_line": 1}],
        }

    def _line(self, packs: int) -> Record:
        return {"pos": 1, "sku": "TISSUE-3P", "uom": "PCS", "qty": str(packs)}

    def _day(self, before: int) -> str:
        return (self.today - timedelta(days=before)).isoformat()


def _files() -> dict[str, str]:
    """The template without what AutoCount's cloud does not take, as its goods.rules tells to."""
    files = rule_files(STARTERS / "orders-autocount")
    for path in [p for p in files if p == "goods.rules" or Path(p).stem.endswith("_test")]:
        del files[path]
    files["posting.rules"] = files["posting.rules"].replace(NOT_BY_THE_CLOUD, "")
    return files


# No two cost the same: equal orders of one buyer and day are duplicates.
_PRICES = {
    "GD-1001": "2.20",
    "GD-1002": "2.30",
    "GD-1003": "2.40",
    "GD-1004": "2.50",
    "GD-1005": "2.60",
}
