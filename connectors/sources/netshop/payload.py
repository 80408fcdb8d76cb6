"""One object of a delivery of NetShop, and what all of its readers share.

Here: moments that say their zone, the buyer of an order, the items of a document. Not here: what an
order, a refund or a delivery is made of (orders.py, refunds.py, documents.py).
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from connectors.contract import RowError
from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import Cell, RawRecord
from connectors.kit.shops.delivery_reading import Read, read_of
from connectors.kit.shops.payload_parts import Part

_MOMENTS: Final = ("paid_at", "updated_at")


class NetShopPart(Part):
    """An object of a delivery of NetShop."""

    __slots__ = ()
    api: ClassVar[str] = "NetShop"

    def moments(self, *names: str) -> dict[str, Cell]:
        """Moments under their own names. Each says its zone: a guess could be a day off."""
        return {name: self.moment(name) for name in names}

    def buyer(self, name: str, key: str) -> dict[str, Cell]:
        """The other party, told as an object of this name: its key, its name and its TIN."""
        told = self.part(name)
        return {key: told.cell("id"), f"{key}_name": told.cell("name"), "tin": told.cell("tin")}

    def items(self, *names: str) -> list[dict[str, Cell]]:
        """The lines, by position; who tells no positions has them in the order of the list."""
        lines = self.parts("items")
        told = any(line.value.get("pos") is not None for line in lines)
        found = []
        for at, line in enumerate(lines, 1):
            pos = line.cell("pos") if told else Cell(line.at("pos"), at)
            found.append({"pos": pos, **line.cells(*names)})
        return found


def part_of(
    place: str, given: object, message: str, hint: str
) -> NetShopPart | tuple[RowError, ...]:
    """The object at a place; the message and the hint are for what is none."""
    if isinstance(given, Mapping):
        return NetShopPart(place, given)
    return (RowError(where=place, value="", message=message, hint=hint),)


def record_of(
    kind: KindSchema,
    told: Part,
    head: Mapping[str, Cell],
    lines: Sequence[Mapping[str, Cell]],
    zone: ZoneInfo,
) -> Read:
    """The record of an object, known by its `id`; or all that is wrong with it."""
    return read_of(kind, told, RawRecord(told.cell("id"), head, lines), zone)
