"""Random deliveries and what a bookkeeper would bill for them by hand, as tests in the language.

Here: the order, the vans, the model, and the stories. Not here: how the product is asked.
"""

import random
from collections.abc import Iterator, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

ORDERED = {1: Decimal(12), 2: Decimal(7)}
PRICES = {1: Decimal("3.3366"), 2: Decimal("1.11")}
AMOUNTS = {1: Decimal("40.04"), 2: Decimal("7.77")}
VANS = 12
ORDER = """
sample two_lines of order at 2026-11-20 10:00
    number            = "2001"
    status            = approved
    version           = 1
    approved_version  = 1
    approved_by       = "Mei Ling"
    created_by        = "Ali"
    ordered_on        = 2026-11-16
    customer          = "K-210"
    branch            = "KL"
    tax_total         = 0.00
    total             = 47.81
    line  pos = 1, sku = "A", name = "A", uom = "PCS", qty = 12, price = 3.3366, tax = "NONE"
    line  pos = 2, sku = "B", name = "B", uom = "PCS", qty = 7, price = 1.11, tax = "NONE"
    with  autocount.delivery_order is posted, period = open, e_invoice_age = 5h
    with  debtor("K-210") = "300-K210", item("A") = "A", item("B") = "B"
"""
VAN = """
sample van_{no} of delivery at 2026-11-20 10:00
    number        = "V-{no}"
    order_number  = "2001"
    status        = confirmed
    delivered_on  = 2026-11-18
    customer      = "K-210"
    branch        = "KL"
    line  pos = 1, order_line = 1, sku = "A", uom = "PCS", qty = {a}
    line  pos = 2, order_line = 2, sku = "B", uom = "PCS", qty = {b}
    with  orders = (two_lines), period = open
"""
Quantities = Mapping[int, Decimal]


class Books:
    """What a bookkeeper would do by hand: bill what is delivered and not billed, to the sen."""

    def __init__(self) -> None:
        self.billed = dict.fromkeys(ORDERED, Decimal(0))

    def expects(self, delivered: Quantities) -> str:
        """The expectation for what has come so far; afterwards it is billed."""
        due = {line: delivered[line] - self.billed[line] for line in ORDERED}
        if any(delivered[line] > ORDERED[line] for line in ORDERED):
            return "hold for warehouse because not_too_much\n"
        if any(quantity < 0 for quantity in due.values()):
            self.billed = dict.fromkeys(ORDERED, Decimal(0))
            if not any(delivered.values()):
                return "credit note because overbilled\n"
            return "credit note and new because overbilled\n" + self._bills(delivered)
        if not any(due.values()):
            return "posted\n" if any(self.billed.values()) else "wait because bill\n"
        return "ready\n" + self._bills(due)

    def _bills(self, due: Quantities) -> str:
        assert all(quantity >= 0 for quantity in due.values())
        rows: list[str] = []
        for line, quantity in due.items():
            before, after = self.billed[line], self.billed[line] + quantity
            if quantity:
                part = share(line, after) - share(line, before)
                at = len(rows) + 1
                rows.append(f"        line {at}  Qty = {quantity}, SubTotal = {part}\n")
            self.billed[line] = after
        return "".join(rows)


def share(line: int, quantity: Decimal) -> Decimal:
    exact = AMOUNTS[line] * quantity / ORDERED[line]
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def deliveries(rng: random.Random) -> Iterator[Sequence[int]]:
    """Vans that come one after the other; now and then one is taken back."""
    there: list[int] = []
    for _ in range(rng.randint(1, 5)):
        if there and rng.random() < 0.25:
            there.remove(rng.choice(there))
        else:
            there.append(rng.choice([no for no in range(VANS) if no not in there]))
        yield tuple(there)


def stories(count: int) -> Iterator[tuple[str, str]]:
    """Every beginning of some random stories: its text, and the first line of what is expected."""
    rng = random.Random(11)
    loads = [{1: Decimal(rng.randint(0, 4)), 2: Decimal(rng.randint(0, 3))} for _ in range(VANS)]
    vans = (VAN.format(no=no, a=load[1], b=load[2]) for no, load in enumerate(loads))
    yield "".join(["language 1\n", ORDER, *vans]), ""
    for number in range(count):
        books, told = Books(), ""
        for place, there in enumerate(deliveries(rng)):
            told += (
                f"    then     {_world(there)}\n"
                if told
                else f"    given    two_lines with {_world(there)}\n"
            )
            delivered = {x: sum((loads[no][x] for no in there), Decimal(0)) for x in ORDERED}
            wanted = books.expects(delivered)
            title = f'\ntest "F11 {number}.{place}"\n'
            yield f"{title}{told}    expect   autocount.invoice {wanted}", wanted.partition("\n")[0]


def _world(there: Sequence[int]) -> str:
    names = ", ".join(f"van_{no}" for no in there)
    return f"deliveries = ({names})" if there else "deliveries is missing"
