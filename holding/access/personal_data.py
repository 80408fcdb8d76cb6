"""Personal values of a record: which fields hold them, and hiding them from who may not see them.

Here: masks over contents and over sentences. Not here: who may see them (holding/access/actors.py).
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, aliased

from holding.db import bulk
from holding.db.models import MappingEntry, MappingTable, Posting, Push, Record, Version
from holding.db.together import Question, Together
from rules.values.spelling import match_key
from rules.values.wording import MISSING

NEUTRAL: Final[Mapping[str, str]] = {
    "customer_name": "Sample customer",
    "tin": "C20880050010",
    "registration": "200000000001",
    "address": "1 Sample Street",
    "email": "buyer@example.com",
    "phone": "+60 12-345 6789",
}
"""What is written for a personal value where anybody may read it, such as in a rule file."""
NEUTRAL_FIELDS: Final[Mapping[str, str]] = {
    "Customer": NEUTRAL["customer_name"],
    "CustomerTIN": NEUTRAL["tin"],
    "CustomerIDNumber": NEUTRAL["registration"],
    "CustomerAddress": NEUTRAL["address"],
    "CustomerEmail": NEUTRAL["email"],
    "CustomerPhone": NEUTRAL["phone"],
    "DebtorName": NEUTRAL["customer_name"],
}
"""The same by the fields of documents."""
PERSONAL = frozenset(NEUTRAL)
PERSONAL_FIELDS = tuple(NEUTRAL_FIELDS)
MASK = "•••"

Hide = Callable[[str], str]
HideOf = Callable[[int, str], str]  # the sentence is of this record


def without_personal(body: Mapping[str, Any] | None, *, show: bool) -> Mapping[str, Any]:
    """A record's content, its personal fields hidden where they may not be seen."""
    found = body or {}
    if show:
        return found
    return {k: MASK if k in PERSONAL and v is not None else v for k, v in found.items()}


def hiding(session: Session, record_id: int, *, show: bool) -> Hide:
    """What hides the personal values of a record in a sentence: of all its contents and documents.

    Who may see them reads the sentence as it is.
    """
    hide = hiding_each(session, [record_id], show=show)
    return lambda text: hide(record_id, text)


def hiding_each(session: Session, record_ids: Collection[int], *, show: bool) -> HideOf:
    """The same for many records: what hides the values of one of them in a sentence."""
    if show or not record_ids:
        return lambda _, text: text
    hides = {key: hider(found) for key, found in _values(session, record_ids).items()}
    return lambda key, text: hides[key](text) if key in hides else text


def hider(values: Iterable[str]) -> Hide:
    """What puts a mask over these values, as whole words, the longest first."""
    longest = sorted(values, key=len, reverse=True)
    if not longest:
        return str
    one = "|".join(re.escape(value) for value in longest)
    pattern = re.compile(rf"(?<!\w)(?:{one})(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub(MASK, text)


def changes(hide: Hide, value: object) -> bool:
    """Whether it hides anything in the texts of a value, however deep they are in plain JSON."""
    if isinstance(value, str):
        return hide(value) != value
    if isinstance(value, Mapping):
        return any(changes(hide, part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(changes(hide, part) for part in value)


def _values(session: Session, record_ids: Collection[int]) -> dict[int, set[str]]:
    """Record id -> its personal values, of all contents and documents that it ever had, and the
    name that it is listed by, which stays where contents are removed; and who else is named for
    one of them.
    """
    ids, page = sorted(set(record_ids)), Together(session)
    planned = select(Posting.record_id, Posting.content)
    sent = select(Posting.record_id, Push.content).join(Posting, Posting.id == Push.posting_id)
    bodies = select(Version.record_id, Version.body).where(bulk.among(Version.record_id, ids))
    named = select(Record.id, Record.party).where(
        bulk.among(Record.id, ids), Record.party != Record.party_key
    )
    names = page.ask(_rows(named))
    asked = [page.ask(_rows(bodies))]
    asked += [
        page.ask(_rows(one.where(bulk.among(Posting.record_id, ids)))) for one in (planned, sent)
    ]
    contents, *documents = (one.value for one in asked)
    found: dict[int, set[str]] = defaultdict(set)
    for key, name in names.value:
        found[key] |= _texts([name])
    for key, body in contents:
        found[key] |= _texts((body or {}).get(name) for name in PERSONAL)
    for key, content in chain.from_iterable(documents):
        fields = (content or {}).get("fields", {})
        found[key] |= _texts(fields.get(name) for name in PERSONAL_FIELDS)
    told = _told_by(session, ids, chain.from_iterable(found.values()))
    for values in found.values():
        values |= set().union(*(told.get(match_key(one), ()) for one in values))
    return found


def _told_by(
    session: Session, record_ids: Collection[int], values: Iterable[str]
) -> dict[str, set[str]]:
    """Personal value -> what the mappings of the company tell under it, and what they told, at any
    time, in its place: the party that a TIN belongs to, and the one that a customer was before.
    """
    known = sorted({one for value in values for one in _spellings(value)})
    if not known:
        return {}
    whose = select(Record.company_id).where(bulk.among(Record.id, sorted(record_ids)))
    tables = select(MappingTable.id).where(MappingTable.company_id.in_(whose))
    entry, other = aliased(MappingEntry), aliased(MappingEntry)
    under = select(entry.key, entry.value).where(bulk.among(entry.key, known))
    instead = select(entry.value, other.value).where(
        bulk.among(entry.value, known), other.table_id == entry.table_id, other.key == entry.key
    )
    page = Together(session)
    asked = [page.ask(_rows(one.where(entry.table_id.in_(tables)))) for one in (under, instead)]
    told: dict[str, set[str]] = defaultdict(set)
    for value, said in chain.from_iterable(one.value for one in asked):
        told[match_key(value)] |= _texts([said])
    return told


def _spellings(value: str) -> set[str]:
    """As a mapping may have it that compares without case or punctuation."""
    bare = match_key(value)
    return {value, value.upper(), value.lower(), bare, bare.upper()}


def _rows(query: Select[*tuple[Any, ...]]) -> Question[Sequence[Any]]:
    return tuple((yield query))


def _texts(values: Iterable[object]) -> set[str]:
    return {str(value).strip() for value in values if value is not None} - {"", MISSING}
