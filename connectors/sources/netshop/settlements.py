"""NetShop's settlements: what a blogger earned in a week, and whether it was paid.

Here: a settlement as a record. Not here: who may deliver (connector.py), marketplaces' statements
(sources/intake).
"""

from collections.abc import Mapping

from connectors.kit.order import Cell, RawRecord
from connectors.kit.schema import FieldSchema, KindSchema
from connectors.sources.netshop.reading import NAME, Read, cells_of, read_as, wrong

SETTLEMENT = KindSchema(
    source=NAME,
    kind="settlement",
    fields=(
        FieldSchema(name="number", required=True, max_length=50),
        FieldSchema(name="status", required=True, max_length=100),
        FieldSchema(name="blogger"),
        FieldSchema(name="period"),
        FieldSchema(name="settled_on", type="date"),
        FieldSchema(name="paid_at", type="moment"),
        FieldSchema(name="updated_at", type="moment"),
        FieldSchema(name="currency"),
        FieldSchema(name="commission", type="money"),
    ),
)


def settlement_of(place: str, given: object) -> Read:
    """A settlement, or what is wrong with it."""
    if not isinstance(given, Mapping):
        hint = "Send an object with the settlement's fields."
        return (wrong(place, "This is no settlement.", hint),)
    own = ("status", "blogger", "period", "paid_at", "updated_at", "currency")
    key = Cell(f"{place}.id", given.get("id"))
    head = {
        **cells_of(place, given, own),
        "number": key,
        "commission": Cell(f"{place}.amount", given.get("amount")),
        "settled_on": Cell(f"{place}.period", _last_day(given.get("period"))),
    }
    return read_as(SETTLEMENT, RawRecord(key, head, ()))


def _last_day(period: object) -> object:
    """The day with which a period ends; what is no period is left to be found wrong."""
    return period.rpartition("/")[2] if isinstance(period, str) else period
