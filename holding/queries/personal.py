"""Personal values of a record: which fields hold them, and hiding them from who may not see them.

Here: masks over contents and over sentences. Not here: who may see them (holding/roles.py).
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.models import Posting, Push, Version
from rules.words import MISSING

PERSONAL = frozenset({"customer_name", "tin", "address"})
PERSONAL_FIELDS = ("Customer", "CustomerTIN", "CustomerAddress", "DebtorName")
MASK = "•••"

Hide = Callable[[str], str]


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
    return str if show else hider(_values(session, record_id))


def hider(values: Iterable[str]) -> Hide:
    """What puts a mask over these values, as whole words, the longest first."""
    longest = sorted(values, key=len, reverse=True)
    if not longest:
        return str
    one = "|".join(re.escape(value) for value in longest)
    pattern = re.compile(rf"(?<!\w)(?:{one})(?!\w)", re.IGNORECASE)
    return lambda text: pattern.sub(MASK, text)


def _values(session: Session, record_id: int) -> set[str]:
    bodies = session.scalars(select(Version.body).where(Version.record_id == record_id))
    planned = select(Posting.content).where(Posting.record_id == record_id)
    sent = select(Push.content).join(Posting, Posting.id == Push.posting_id)
    contents = [
        *session.scalars(planned),
        *session.scalars(sent.where(Posting.record_id == record_id)),
    ]
    found = [(body or {}).get(name) for body in bodies for name in PERSONAL]
    found += [
        (content or {}).get("fields", {}).get(name)
        for content in contents
        for name in PERSONAL_FIELDS
    ]
    texts = {str(value).strip() for value in found if value is not None}
    return texts - {"", MISSING}
