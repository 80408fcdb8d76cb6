"""What never leaves in a packet: keys, tokens and passwords, and tax numbers unless allowed.

Here: finding them in a text, by what this company has stored and by how such things look. Not here:
other personal values (holding/access/actors.py).
"""

import re
from collections.abc import Callable, Collection
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.actors import Keys
from holding.connections.connections import bound
from holding.db.models import Connection, ConnectionKey
from holding.db.refusal import Refusal
from rules.values.tax_codes import GENERAL_TINS, OTHERS, PERSONS, PERSONS_BEFORE

REMOVED: Final = "(secret removed)"
TAX_NUMBER: Final = "(tax number removed)"
Redact = Callable[[str], str]
"""A text without what may not leave."""

_SHORTEST: Final = 6
_NAMED: Final = re.compile(
    r"""(?ix)
    \b(?P<name> (?:x-)?api[-_ ]?key | apikey | (?:access|refresh|auth|bearer|id|client)?[-_ ]?token
      | (?:client[-_ ]?)?secret | password | passwd | pwd | signature | authorization | cookie )
    (?P<between> ["']?\s*[:=]\s*["']? (?:(?:bearer|basic)\s+)? )
    (?P<value> [^\s"',;&}<>]{4,} )"""
)
_BEARER: Final = re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}")
_JWT: Final = re.compile(r"\beyJ[A-Za-z0-9_-]{6,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?")
_MARKED: Final = re.compile(r"\b[A-Za-z]{2,8}_(?:live|test|sandbox|prod)_[A-Za-z0-9_-]{4,}")
_IN_ADDRESS: Final = re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^\s/@]+@")
_LONG: Final = re.compile(r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{20,}(?![A-Za-z0-9_-])")
_HEX: Final = re.compile(r"[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}")
_LETTERS: Final = "|".join((*PERSONS, *PERSONS_BEFORE, *OTHERS, next(iter(GENERAL_TINS))[:2]))
_TAX: Final = re.compile(rf"\b(?:{_LETTERS})[- ]?\d{{8,13}}\b")
"""A tax number, also one with a digit that is wrong: messages quote those, too."""
_SERVICE_TAX: Final = re.compile(r"\b[A-Z]\d{2}-\d{4}-\d{8}\b")
"""The number of a company registered for sales and service tax, such as W10-1808-32000059."""


def secrets_of(session: Session, company_id: int, keys: Keys) -> frozenset[str]:
    """Every secret that is stored for the company's connections, old ones too, in plain text."""
    rows = session.execute(
        select(Connection, ConnectionKey)
        .join(ConnectionKey, ConnectionKey.connection_id == Connection.id)
        .where(Connection.company_id == company_id)
    )
    found = [keys.decrypt(key.secret, row=bound(connection, key.no)) for connection, key in rows]
    return frozenset(text for text in found if not isinstance(text, Refusal))


def redacting(secrets: Collection[str], *, tax_numbers: bool, keep: Collection[str] = ()) -> Redact:
    """What removes these secrets and whatever looks like one, and tax numbers unless
    `tax_numbers` allows them; the texts of `keep`, such as the record's own number, stay.
    """
    known = sorted((one for one in secrets if len(one) >= _SHORTEST), key=len, reverse=True)
    kept = frozenset(keep)

    def redact(text: str) -> str:
        for one in known:
            text = text.replace(one, REMOVED)
        text = _NAMED.sub(rf"\g<name>\g<between>{REMOVED}", text)
        text = _BEARER.sub(rf"\1 {REMOVED}", text)
        text = _IN_ADDRESS.sub(rf"\1{REMOVED}@", text)
        for pattern in (_JWT, _MARKED):
            text = pattern.sub(REMOVED, text)
        text = _LONG.sub(
            lambda found: _unless(found[0], kept, REMOVED, found=_random(found[0])), text
        )
        if tax_numbers:
            return text
        text = _SERVICE_TAX.sub(TAX_NUMBER, text)
        return _TAX.sub(lambda one: _unless(one[0], kept, TAX_NUMBER, found=True), text)

    return redact


def _unless(text: str, kept: Collection[str], mark: str, *, found: bool) -> str:
    return mark if found and text not in kept else text


def _random(text: str) -> bool:
    """Whether it looks like a key: letters of both sizes and digits, or hexadecimal."""
    if _HEX.fullmatch(text.lower()):
        return True
    signs = (str.islower, str.isupper, str.isdigit)
    return all(any(test(sign) for sign in text) for test in signs)
