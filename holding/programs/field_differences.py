"""A posted document against the same made again of the record, field by field.

Here: which fields differ, how they are called and by how much; lines are met by their keys. Not
here: the documents (posted_differences.py), how a figure is written (pages/posted_change.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from connectors.contract.schema import DocumentSchema, FieldSchema
from rules.decisions.restated import Restated

NUMBERS: Final = ("quantity", "money", "decimal", "whole")
_UNITS: Final = ("UOM", "Unit", "UnitOfMeasure")
_WORDS: Final = ("Description", "DtlDescription")
_PLAIN: Final = FieldSchema(name="")


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One value as it is posted and as it would be now; None where that side has no such value.

    `change` is now less posted, where both are numbers.
    """

    field: str
    label: str
    kind: str
    posted: str | None
    now: str | None
    unit: str = ""
    change: Decimal | None = None


def named(row: FieldDifference, number: str) -> FieldDifference:
    """The same with the number of its document, where there are several."""
    return replace(row, label=f"{row.label}, {number}")


def between(
    content: Mapping[str, Any], restated: Restated, schema: DocumentSchema | None
) -> tuple[list[FieldDifference], int]:
    """What differs, the document's own fields first, and how many fields agree."""
    head = {field.name: field for field in schema.header} if schema else {}
    line = {field.name: field for field in schema.lines} if schema else {}
    total = schema.total_field if schema else None
    rows = list(_differing(content["fields"], restated.fields, head, ""))
    old = dict(zip(restated.posted_keys, content["lines"], strict=False))
    new = dict(zip(restated.keys, restated.lines, strict=False))
    agreeing = _agreeing(content["fields"], restated.fields)
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key), new.get(key)
        told = next((t for t in map((after or before or {}).get, _WORDS) if t), "")
        where = f", line {key}" + (f" ({told})" if told else "")
        rows += _differing(before, after, line, where)
        agreeing += _agreeing(before or {}, after or {})
    return [row for row in rows if row.field != total], agreeing


def _differing(
    before: Mapping[str, str] | None,
    after: Mapping[str, str] | None,
    known: Mapping[str, FieldSchema],
    where: str,
) -> Iterator[FieldDifference]:
    """The fields of a document or a line that differ; of a line that only one side has, what it
    adds to the document.
    """
    old, new = before or {}, after or {}
    in_order = [name for name in known if name in new or name in old]
    for name in dict.fromkeys([*in_order, *new, *old]):
        posted, now = old.get(name), new.get(name)
        field = known.get(name, _PLAIN)
        of_one_side = before is None or after is None
        if posted == now or (of_one_side and not _adds_up(field)):
            continue
        unit = next((u for u in map((new or old).get, _UNITS) if u), "")
        yield FieldDifference(
            field=name,
            label=f"{field.title or name}{where}",
            kind=field.type,
            posted=posted,
            now=now,
            unit=unit if field.type == "quantity" else "",
            change=_change(posted, now, whole=of_one_side) if field.type in NUMBERS else None,
        )


def _adds_up(field: FieldSchema) -> bool:
    """Whether it is a quantity or an amount: a price has finer places."""
    return field.type == "quantity" or (field.type == "money" and (field.places or 2) <= 2)


def _change(posted: str | None, now: str | None, *, whole: bool) -> Decimal | None:
    """Now less posted; of a line that one side has, all of it."""
    nothing = "0" if whole else ""
    try:
        return Decimal(now or nothing) - Decimal(posted or nothing)
    except InvalidOperation:
        return None


def _agreeing(before: Mapping[str, str], after: Mapping[str, str]) -> int:
    return sum(name in after and after[name] == value for name, value in before.items())
