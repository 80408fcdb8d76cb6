"""What sources say of the keys that have no entry: name, tax number, registration number.

Here: the newest records that wait for each, for many keys at once. Not here: one record as people
read it (waiting_record.py), what is made of it (exact_matches.py).
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from sqlalchemy import Text, func, select, type_coerce
from sqlalchemy.orm import aliased

from holding.access.actors import MASK
from holding.code_lists.file_codes import Identity
from holding.code_lists.list_rows import registration_key, tin_key
from holding.db import bulk
from holding.db.bulk import named
from holding.db.models import Cause, Hold, Record, Version
from holding.db.models.decisions import HOLD_OPEN, is_open
from holding.db.together import Question
from holding.mappings.fixes import Missing
from rules.values.canonical import dumps, value_of

LOOKED_AT: Final = 20
"""So many of the newest records that wait for a key are compared."""
_hold = aliased(Hold)


class _OfParty(msgspec.Struct):
    """What a content says of its customer or supplier; the rest of it is passed over."""

    customer_name: Any = None
    supplier_name: Any = None
    tin: Any = None
    registration: Any = None


_OF_PARTY: Final = msgspec.json.Decoder(_OfParty).decode


@dataclass(frozen=True, slots=True)
class Said:
    """What the newest records say of a key, each part as the newest that has it; `torn`: in what
    they contradict each other.
    """

    newest: Identity
    torn: str = ""


def said_identities(
    company_id: int, rows: Sequence[Missing], parties: Collection[str]
) -> Question[dict[int, Said]]:
    """Cause -> what is said of its key; the tables `parties` are of customers or vendors."""
    last = (
        select(_hold.id)
        .where(_hold.cause_id == Cause.id, is_open(_hold.state))
        .order_by(_hold.id.desc())
        .limit(LOOKED_AT)
        .correlate(Cause)
        .subquery()
    )
    # first since which hold of each cause, once: PostgreSQL asks it again of every hold otherwise
    first = (
        select(Cause.id, select(func.min(last.c.id)).scalar_subquery().label("since"))
        .where(Cause.company_id == company_id)
        .where(bulk.among(Cause.id, [row.cause_id for row in rows]))
        .limit(len(rows))
        .subquery()
    )
    looked_at = (  # and of no more than these the record
        select(Hold.id, Hold.cause_id, Hold.record_id)
        .join_from(first, Hold, (Hold.cause_id == first.c.id) & HOLD_OPEN)
        .where(Hold.id >= first.c.since)
        .limit(len(rows) * LOOKED_AT)
        .subquery()
    )
    query = (
        select(looked_at.c.cause_id, type_coerce(Version.body, Text).label("body"))
        .join_from(looked_at, Record, Record.id == looked_at.c.record_id)
        .join(Version, Version.id == Record.version_id)
        .order_by(looked_at.c.cause_id, looked_at.c.id.desc())
    )
    keys = {row.cause_id: row.key for row in rows}
    of_party = {row.cause_id for row in rows if row.table in parties}
    said: dict[int, list[str]] = {cause_id: [] for cause_id in keys}
    for row in named((yield query)):
        said[row.cause_id].append(row.body or "{}")
    return {
        cause_id: _heard(bodies, keys[cause_id], party=cause_id in of_party)
        for cause_id, bodies in said.items()
    }


def masked(who: Identity) -> Identity:
    """The same for somebody who may not see personal data; an item has none."""
    if not who.of_party:
        return who
    name, tin, registration = (MASK if said else "" for said in _numbers_and_name(who))
    return Identity(who.key, name, tin, registration)


def _numbers_and_name(who: Identity) -> tuple[str, str, str]:
    return who.name, who.tin, who.registration


def _heard(bodies: Sequence[str], key: str, *, party: bool) -> Said:
    """What these contents say of a key, the newest first. What is no party's and stands in a line
    is an item's; else a record speaks of its party. Of a content only what is asked for is decoded:
    a page looks at a thousand.
    """
    written = "" if party else dumps(key)
    names: list[str] = []
    tins: list[str] = []
    numbers: list[str] = []
    of_item = False
    for body in bodies:
        item = _named_item(body, key) if written and written in body else None
        if item is not None:
            of_item = of_item or not names
            names.append(item)
            continue
        who = _OF_PARTY(body)
        names.append(_text(who.customer_name) or _text(who.supplier_name))
        tins.append(_text(who.tin))
        numbers.append(_text(who.registration))
    newest = Identity(key, _first(names), _first(tins), _first(numbers), of_party=not of_item)
    return Said(newest, _torn(set(tins), set(numbers)))


def _first(texts: Sequence[str]) -> str:
    """The newest that says something."""
    return next(filter(None, texts), "")


def _named_item(stored: str, key: str) -> str | None:
    """What a line that has the key calls it."""
    lines = (line for line in _lines(value_of(stored)) if key in line.values())
    return next((_text(line.get("name")) for line in lines), None)


def _lines(body: Any) -> Iterator[dict[str, Any]]:
    """As JSON has them."""
    for part in body.values():
        if isinstance(part, list):
            yield from [line for line in part if isinstance(line, dict)]


def _text(said: Any) -> str:
    return str(said or "").strip()


def _torn(told: set[str], registered: set[str]) -> str:
    tins = {tin_key(tin) for tin in told} - {""}
    if len(tins) > 1:
        return f"Its records give {len(tins)} TINs"
    numbers = {registration_key(given) for given in registered} - {""}
    return f"Its records give {len(numbers)} registration numbers" if len(numbers) > 1 else ""
