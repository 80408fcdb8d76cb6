"""What a source said of a key that has no entry: the newest record that waits for it.

Here: the record's own words beside the key. Not here: how many records wait
(holding/mappings/fixes.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from holding.access.actors import without_personal
from holding.db.models import Connection, Hold, Record, Version
from holding.db.models.decisions import HOLD_OPEN
from holding.db.together import Question

SHOWN: Final = 8
LONGEST: Final = 120
_ABOUT_PARTIES: Final = (
    "customer_name",
    "supplier_name",
    "tin",
    "registration",
    "address",
    "phone",
    "email",
    "currency",
)
_ABOUT_LINES: Final = ("name", "uom", "qty", "price", "discount", "tax")


@dataclass(frozen=True, slots=True)
class Waiting:
    """The newest record that waits, and what it says: pairs of a field's name and its text."""

    number: str
    source: str
    kind: str
    external_id: str
    said: tuple[tuple[str, str], ...]


def waiting_record(
    company_id: int, cause_id: int, key: str, *, personal: bool
) -> Question[Waiting | None]:
    """What waits for this cause; nothing where it was solved meanwhile.

    `personal` says whether the person may read names, numbers and addresses of customers.
    """
    found = yield (
        select(Record.number, Connection.name, Record.type, Record.external_id, Version.body)
        .join(Hold, Hold.record_id == Record.id)
        .join(Connection, Connection.id == Record.source_id)
        .join(Version, Version.id == Record.version_id)
        .where(Hold.company_id == company_id, Hold.cause_id == cause_id, HOLD_OPEN)
        .order_by(Hold.opened_at.desc(), Hold.id.desc())
        .limit(1)
    )
    row = found.first()
    if row is None:
        return None
    body = without_personal(row.body, show=personal)
    said = _of_line(body, key) or _fields(body, _ABOUT_PARTIES)
    return Waiting(row.number, row.name, row.type, row.external_id, said)


def _of_line(body: Mapping[str, Any], key: str) -> tuple[tuple[str, str], ...]:
    """What the first line says that names the key, of a conversion its unit and its item; nothing
    where no line does.
    """
    unit_and_item = set(key.split("|")) - {""}
    parts = (part for part in body.values() if isinstance(part, list))
    lines = [line for part in parts for line in part if isinstance(line, Mapping)]
    named = (one for one in lines if key in one.values() or unit_and_item <= _texts(one))
    return next((_fields(line, _ABOUT_LINES) for line in named), ())


def _texts(line: Mapping[str, Any]) -> set[str]:
    return {text for text in line.values() if isinstance(text, str)}


def _fields(said: Mapping[str, Any], names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    texts = ((name, str(said[name] or "").strip()) for name in names if name in said)
    return tuple((name, text[:LONGEST]) for name, text in texts if text)[:SHOWN]
