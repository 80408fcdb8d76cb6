"""A difference of rounding, posted: AutoCount keeps it in the tax of the lines, a sen in each.

Here: which line takes which part of `RoundingAdjustment`, and what no line can take. Not here: the
rest of a row (payload.py).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from connectors.contract import OutgoingDocument
from connectors.kit.preflight import Fault

FIELD = "RoundingAdjustment"
A_SEN = Decimal("0.01")
Row = Mapping[str, object]


def moved(document: OutgoingDocument, rows: Sequence[Row]) -> list[dict[str, object]]:
    """The rows with the tax of each moved by its part; those without one stay as they are."""
    left, step = _adjustment(document), A_SEN
    if left < 0:
        step = -step
    found = []
    for line, row in zip(document.lines, rows, strict=True):
        part = step if left and _is_taxed(line) else Decimal(0)
        left -= part
        rate = Decimal(document.fields.get("CurrencyRate") or 1)
        local = (part * rate).quantize(A_SEN)
        tax = {"taxAdjustment": part, "localTaxAdjustment": local} if part else {}
        found.append({**row, **tax})
    return found


def fault(document: OutgoingDocument) -> Fault | None:
    """What of the difference has no line to go to."""
    wanted = abs(_adjustment(document))
    room = A_SEN * sum(_is_taxed(line) for line in document.lines)
    if wanted <= room and wanted % A_SEN == 0:
        return None
    words = (
        f"{FIELD} is {document.fields[FIELD]}: AutoCount moves the tax of a line by a sen, and"
        f" {room} fits into the taxed lines of this document."
    )
    return "business_rule", words


def _adjustment(document: OutgoingDocument) -> Decimal:
    return Decimal(document.fields.get(FIELD) or 0)


def _is_taxed(line: Mapping[str, str]) -> bool:
    """By the tax that the rules expect of it; where they say none, by its code."""
    if tax := line.get("TaxAmount"):
        return Decimal(tax) != 0
    return bool(line.get("TaxCode"))
