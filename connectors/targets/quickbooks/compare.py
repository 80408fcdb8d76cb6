"""What stands in QuickBooks beside what it was told: only what is ours is compared.

Here: one comparison, used after each write and in every look-up. Not here: reading either side, and
what follows from a difference.

QuickBooks works the tax out on the sum of each rate, so its total may be a sen off what was worked
out line by line: that is *kept* otherwise; everything else that is not the same is a difference.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.contract import Kept
from connectors.contract.schema import DocumentSchema, FieldSchema
from connectors.targets.quickbooks.payload import DUE, TERM, Names, fields_of, lines_of
from grammar.text.characters import grouped

A_SEN = Decimal("0.01")
_NUMERIC = frozenset({"decimal", "money", "quantity"})


@dataclass(frozen=True, slots=True)
class Compared:
    """The differences as QuickBooks has them, in words, and what is kept otherwise."""

    differs: tuple[Kept, ...]
    said: tuple[str, ...]
    kept: tuple[Kept, ...]

    @property
    def words(self) -> str:
        """The first differences, for people."""
        more = len(self.said) - 3
        told = "; ".join(self.said[:3])
        return f"{told}; and {more} more" if more > 0 else told


def compare(
    schema: DocumentSchema,
    wanted: Mapping[str, Any],
    total: str,
    stands: Mapping[str, Any],
    names: Names,
) -> Compared:
    """A body as it is meant, the total that was expected, and the document as it is read."""
    heads = {field.name: field for field in schema.header}
    rows = {field.name: field for field in schema.lines if field.sent}
    theirs = fields_of(schema, stands, names)
    mine = fields_of(schema, wanted, names)
    if mine.get(TERM) and not mine.get(DUE):
        mine.pop(DUE, None)  # QuickBooks works it out of the terms
    found = _differing(heads, mine, theirs, 0)
    ours, there = lines_of(schema, wanted), lines_of(schema, stands)
    if len(ours) != len(there):
        words = f"{len(there)} lines exist there, not {len(ours)}"
        found.append((Kept(0, "", str(len(there))), words))
    else:
        for at, (line, shown) in enumerate(zip(ours, there, strict=True), start=1):
            found += _differing(rows, line, shown, at)
    kept: tuple[Kept, ...] = ()
    amount = str(stands.get("TotalAmt", ""))
    name = schema.total_field or ""
    if total and not _same(heads[name], total, amount):
        other = Kept(0, name, amount)
        if _near(total, amount):
            kept = (other,)
        elif not any(one.field == name for one, _ in found):
            words = f"the total is {grouped(amount) or 'blank'} there, not {grouped(total)}"
            found.append((other, words))
    return Compared(tuple(one for one, _ in found), tuple(words for _, words in found), kept)


def _differing(
    fields: Mapping[str, FieldSchema], ours: Mapping[str, str], theirs: Mapping[str, str], line: int
) -> list[tuple[Kept, str]]:
    where = f" of line {line}" if line else ""
    found = []
    for name, value in ours.items():
        there = theirs.get(name, "")
        if name in fields and not _same(fields[name], value, there):
            words = f"{name}{where} is {there or 'blank'} there, not {value or 'blank'}"
            found.append((Kept(line, name, there), words))
    return found


def _same(field: FieldSchema, ours: str, theirs: str) -> bool:
    if field.type in _NUMERIC:
        return _number(ours) == _number(theirs)
    if field.type == "date":
        return ours[:10] == theirs[:10]
    return ours.strip() == theirs.strip()  # it keeps no blanks at either end


def _near(ours: str, theirs: str) -> bool:
    one, other = _number(ours), _number(theirs)
    return one is not None and other is not None and abs(one - other) <= A_SEN


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text) if text else Decimal(0)
    except InvalidOperation:
        return None
