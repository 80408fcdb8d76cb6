"""Giving something another name, everywhere.

Here: renamed. Not here: changing texts; and whether the rules still say the same afterwards, which
the checker tells whoever has both texts.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from grammar.problem import Span
from grammar.words import RESERVED
from rules.index import Index
from rules.schema import Schemas
from rules.symbols.mention import Mention, Symbol

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_OF_OTHERS = {
    "source": "is what its connector is called",
    "target": "is what its connector is called",
    "route": "is a document of the target: the target calls it so",
    "document field": "is what the target calls its field",
    "function": "is a word of the language",
    "fact": "is a word of the language",
    "finding": "is the code of a finding",
    "word": "is a word of the language",
    "state": 'is what the source says: give it a spelling instead, such as: settled as "{name}"',
}
"""Kind of symbol -> why a rule file cannot give it another name."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Why something keeps its name."""

    reason: str


def may_rename(symbol: Symbol, index: Index, known: Schemas) -> Refused | None:
    """Whether the name belongs to the rules; what others call so, no rule file can rename."""
    if symbol.kind in _OF_OTHERS:
        why = _OF_OTHERS[symbol.kind].format(name=symbol.name)
        return Refused(f"'{symbol.name}' {why}")
    record = index.records.get(symbol.name if symbol.kind == "record" else symbol.owner)
    owner = index.records.get(record.parent or "", record) if record else None
    kind = known.kind(owner.source or "", owner.name) if owner else None
    if kind is None or owner is None or record is None:
        return None
    sent = {field.name for field in (kind.fields if record is owner else kind.lines)} | {"lines"}
    named = record is owner if symbol.kind == "record" else symbol.name in sent
    if symbol.kind in {"record", "field"} and named:
        return Refused(f"'{symbol.name}' is what {owner.source} calls it")
    return None


def renamed(
    symbol: Symbol, name: str, mentions: Sequence[Mention], index: Index, known: Schemas
) -> tuple[Span, ...] | Refused:
    """The places that say the symbol, all to be replaced by the new name; or why not."""
    refused = may_rename(symbol, index, known)
    if refused is not None:
        return refused
    if not _NAME.fullmatch(name):
        return Refused(f"'{name}' is no name: lower case letters, digits and _, a letter first")
    if name in RESERVED:
        return Refused(f"'{name}' is a word of the language, it cannot be a name")
    mine = {m.span for m in mentions if m.symbol == symbol}
    others = sorted({m.symbol for m in mentions if m.span in mine} - {symbol})
    if others:
        other = others[0]
        place = min(m.span for m in mentions if m.span in mine and m.symbol == other)
        what = f"the {other.kind} '{other.name}' of {other.owner}"
        return Refused(f"{place} speaks of {what} too: write a rule for each first")
    return tuple(sorted(mine))
