"""What is the same in everything that NetShop sends.

Here: cells by their names, moments that say their zone, errors with their place. Not here: what an
order or a settlement is made of (orders.py, settlements.py).
"""

import re
from collections.abc import Mapping, Sequence

from connectors.kit.contract import IncomingRecord, RowError
from connectors.kit.order import Cell, RawRecord, canonical
from connectors.kit.schema import KindSchema

NAME = "netshop"
Read = IncomingRecord | tuple[RowError, ...]


def read_as(kind: KindSchema, raw: RawRecord) -> Read:
    """The record, or everything that is wrong with it."""
    errors = [error for cells in (raw.head, *raw.lines) for error in _zoneless(cells)]
    record = canonical(kind, raw)
    if not errors:
        return record
    return tuple(errors) + (() if isinstance(record, IncomingRecord) else record)


def cells_of(place: str, values: Mapping[str, object], names: Sequence[str]) -> dict[str, Cell]:
    """The values under their own names."""
    return {name: Cell(f"{place}.{name}", values.get(name)) for name in names}


def _zoneless(cells: Mapping[str, Cell]) -> list[RowError]:
    """A moment in a webhook must say its zone: a guess could be a day off."""
    errors = []
    for name in ("paid_at", "updated_at"):
        cell = cells.get(name)
        if cell is None or not isinstance(cell.value, str):
            continue
        if not re.search(r"(Z|[+-]\d\d:?\d\d)$", cell.value.strip()) and cell.value.strip():
            hint = "Write it as 2026-11-19T14:03:11+08:00."
            errors.append(
                RowError(
                    where=cell.where,
                    value=cell.value[:200],
                    message="This moment has no time zone.",
                    hint=hint,
                )
            )
    return errors


def wrong(where: str, message: str, hint: str) -> RowError:
    """An error at a place that has no value of its own."""
    return RowError(where=where, value="", message=message, hint=hint)
