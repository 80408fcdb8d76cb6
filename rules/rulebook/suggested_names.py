"""What may be written where somebody types, with what each name means: for lists that people read.

Here: suggested. Not here: what fits a place (rules/editing/suggestions.py), the words for a name
(name_help.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from grammar.parsing.incremental import Reader
from rules.editing.suggestions import Suggestion, suggest
from rules.rulebook.name_help import about
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index

MOST: Final = 12
_TYPED: Final = re.compile(r"[A-Za-z_]\w*$")


@dataclass(frozen=True, slots=True)
class Suggested:
    """One word to write: what kind of name it is (blank for a word of the language), and the first
    line of what it means, mostly with the word itself in front.
    """

    label: str
    kind: str
    meaning: str


def suggested(
    files: Mapping[str, str], before: str, known: Schemas, reader: Reader | None = None
) -> tuple[Suggested, ...]:
    """The first words that fit behind `before` and begin with what is typed there; names first.

    A `reader` that read these files before does not read again what did not change.
    """
    typed = _TYPED.search(before)
    begun = typed.group().casefold() if typed else ""
    rules = {path: text for path, text in files.items() if _is_rules(path)}
    ruleset, _ = (reader or Reader()).parse(rules)
    index = Index(ruleset)
    fits = [
        one
        for one in suggest(before, index, known)
        if one.label.casefold().startswith(begun) and one.label.casefold() != begun
    ]
    fits.sort(key=lambda one: one.symbol is None)
    return tuple(_told(one, index, known) for one in fits[:MOST])


def _is_rules(path: str) -> bool:
    return path.endswith(".rules")


def _told(one: Suggestion, index: Index, known: Schemas) -> Suggested:
    if one.symbol is None:
        return Suggested(one.label, "", "")
    first = about(one.symbol, index, known).partition("\n")[0]
    return Suggested(one.label, one.symbol.kind, first)
