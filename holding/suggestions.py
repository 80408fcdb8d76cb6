"""Which value in use could be meant by a key that has no entry.

Here: keys that are spelled nearly alike. Not here: what a value would do (`whatif.py`).
"""

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.entries import shown, table_of
from holding.models import MappingEntry
from rules.facts import differences

SUGGESTED: Final = 5
ALIKE: Final = 0.6


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A value in use that could be meant, whose key it has, and in what the two keys differ."""

    value: str
    key: str
    reason: str
    percent: int


def suggestions(session: Session, company_id: int, table: str, key: str) -> tuple[Suggestion, ...]:
    """Entries whose key is nearly this one, best first; 100 % where only spelling differs."""
    found = table_of(session, company_id, table)
    if found is None:
        return ()
    rows = session.execute(
        select(MappingEntry.key, MappingEntry.value, MappingEntry.num, MappingEntry.den)
        .where(MappingEntry.table_id == found.id, MappingEntry.to_revision.is_(None))
        .order_by(MappingEntry.key)
    ).all()
    near = [
        Suggestion(shown(row.value, row.num, row.den), row.key, reason, percent)
        for row in rows
        if row.key != key and row.value is not None
        for reason, percent in [_alike(key, row.key)]
        if percent
    ]
    return tuple(sorted(near, key=lambda s: (-s.percent, s.key))[:SUGGESTED])


def _alike(wanted: str, known: str) -> tuple[str, int]:
    """Why two keys could mean the same, and how much; ("", 0) when they do not: C-118 is not C-101,
    however much alike they look.
    """
    if _letters(wanted) == _letters(known):
        return " and ".join(differences(wanted, known)) or "spelling", 100
    if _digits(wanted) != _digits(known):
        return "", 0
    matcher = SequenceMatcher(a=wanted.casefold(), b=known.casefold(), autojunk=False)
    if matcher.real_quick_ratio() < ALIKE or matcher.quick_ratio() < ALIKE:
        return "", 0
    ratio = matcher.ratio()
    return ("similar", min(99, int(ratio * 100))) if ratio >= ALIKE else ("", 0)


def _letters(text: str) -> str:
    return "".join(c for c in text.casefold() if c.isalnum())


def _digits(text: str) -> str:
    return "".join(c for c in text if c.isdecimal())
