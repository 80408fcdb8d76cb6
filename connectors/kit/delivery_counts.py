"""Whether a delivery has more records or lines than may come in at once.

Here: counting before anything is read of a record. Not here: the figures (delivery_limits.py).
"""

from collections.abc import Mapping, Sequence

from connectors.contract import RowError, SourceRefusal
from connectors.kit.delivery_limits import DELIVERY_LINES, LINES, RECORDS


def too_many(records: Sequence[object]) -> SourceRefusal | None:
    """Why a delivery of these records is not read: more of them, or more lines, than may be."""
    if len(records) > RECORDS:
        return _refused("too_many", f"A delivery has at most {RECORDS:,} records.", len(records))
    total = sum(len(lines) for record in records for _, lines in _lists(record))
    if total > DELIVERY_LINES:
        words = f"A delivery has at most {DELIVERY_LINES:,} lines."
        return _refused("too_many_lines", words, total)
    return None


def too_long(where: str, lines: int) -> RowError | None:
    """What is wrong with a record that has so many lines there."""
    if lines <= LINES:
        return None
    words = f"A record has at most {LINES:,} lines; this one has {lines:,}."
    return RowError(where=where, value="", message=words, hint="Split the record.")


def too_long_lists(place: str, record: object) -> tuple[RowError, ...]:
    """The lists of a record that have more lines than a record may have."""
    found = (too_long(f"{place}.{name[:50]}", len(lines)) for name, lines in _lists(record))
    return tuple(error for error in found if error)


def _lists(record: object) -> list[tuple[str, list[object]]]:
    """What may be lines of a record, by name."""
    values = record.items() if isinstance(record, Mapping) else ()
    return [(str(name), value) for name, value in values if isinstance(value, list)]


def _refused(code: str, words: str, given: int) -> SourceRefusal:
    return SourceRefusal(413, code, f"{words} This one has {given:,}.", "Split it.")
