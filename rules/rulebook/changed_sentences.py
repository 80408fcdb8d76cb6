"""What two rulesets say otherwise, in the sentences of the rule book.

Here: in_words, of each declaration that changed the sentences that are gone and those that came.
Not here: which declarations changed, and by which parts (rules/comparison/difference.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grammar import nodes as n
from grammar.text.problem import Span
from rules.comparison.difference import Change, difference
from rules.rulebook.book import Book, book


@dataclass(frozen=True, slots=True)
class Meaning:
    """A change with the sentences that only the old rules say of its declaration, and those that
    only the new ones say; none where the rule book says nothing of it, as of tests.
    """

    change: Change
    before: tuple[str, ...]
    after: tuple[str, ...]


def in_words(old: n.Ruleset, new: n.Ruleset) -> tuple[Meaning, ...]:
    """All changes, in the order of the new text; what is gone comes last."""
    changes = difference(old, new)
    if not changes:
        return ()
    books = book(old), book(new)
    return tuple(_meaning(change, *books) for change in changes)


def _meaning(change: Change, old: Book, new: Book) -> Meaning:
    before, after = _said(old, change.before), _said(new, change.after)
    return Meaning(change, _without(before, after), _without(after, before))


def _said(said: Book, span: Span | None) -> tuple[str, ...]:
    """What a book says of the declaration that stands here."""
    if span is None:
        return ()
    return tuple(
        entry.text
        for section in said.sections
        for entry in section.entries
        if entry.span is not None
        and entry.span.file == span.file
        and span.line <= entry.span.line <= span.end_line
    )


def _without(texts: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    return tuple(text for text in texts if text not in others)
