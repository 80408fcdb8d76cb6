"""Where in a rule file somebody is typing, and what the declaration around it is about.

Here: the place, and Surroundings (record, route, scope, table). Not here: what fits there
(suggestions.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from grammar.text.problem import Span
from grammar.text.tokens import Token, tokens
from grammar.text.vocabulary import blocks, clean
from rules.types.symbol_table import BUILT_IN_GROUPS, Index, Scope

_WORD = re.compile(r"[A-Za-z_]\w*$")
_HOLE = re.compile(r"\{[^{}]*$")


@dataclass(frozen=True, slots=True)
class Place:
    """The declaration up to the cursor, without the word that is being typed.

    `hole` is set inside the braces of a message, `quiet` inside any other text or a comment.
    """

    begun: str
    clauses: tuple[tuple[str, ...], ...]
    hole: bool
    quiet: bool

    @property
    def head(self) -> tuple[str, ...]:
        """The words of the first clause: `check paid on order`."""
        return self.clauses[0] if self.clauses else ()

    @property
    def word(self) -> str:
        """The word that starts the declaration; empty where a new one may start."""
        return self.head[0] if self.head else ""

    @property
    def said(self) -> tuple[str, ...]:
        """The words of the clause that is being typed, so far."""
        return self.clauses[-1] if self.clauses else ()

    @property
    def first(self) -> str:
        """The word that starts this clause."""
        return self.said[0] if self.said else ""

    @property
    def last(self) -> str:
        """The word or sign before the cursor."""
        return self.said[-1] if self.said else ""

    @property
    def in_head(self) -> bool:
        """Whether the first clause is being typed."""
        return len(self.clauses) == 1

    def behind(self, word: str) -> str:
        """What stands behind the first use of a word in the first clause."""
        head = self.head
        at = head.index(word) + 1 if word in head else len(head)
        return head[at] if at < len(head) else ""

    def clause(self, first: str) -> tuple[str, ...]:
        """The first clause that starts with a word."""
        return next((clause for clause in self.clauses if clause[:1] == (first,)), ())


def place(before: str) -> Place:
    """The place behind a text: what its last declaration says so far."""
    text = _WORD.sub("", clean(before))
    line = text.rsplit("\n", 1)[-1]
    starts = [block.first for block in blocks(text)]
    open_text = line.count('"') % 2 == 1
    hole = open_text and bool(_HOLE.search(line))
    quiet = not hole and (open_text or "#" in re.sub(r'"[^"]*"', "", line))
    if not starts or not line:
        return Place("", (), hole=False, quiet=quiet)
    begun = "\n".join(text.split("\n")[starts[-1] - 1 :])
    lines = begun.split("\n")
    found = list(tokens(lines, Span("", 1, 1, len(lines), len(lines[-1]) + 1)))
    return Place(begun, _clauses(found, lines), hole, quiet)


def _clauses(found: Sequence[Token], lines: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """The tokens by clause; an empty one behind them where a new one may start."""
    clauses: list[list[str]] = []
    for at, token in enumerate(found):
        goes_on = at and found[at - 1].text == ","
        if token.leads and not goes_on:
            clauses.append([])
        clauses[-1].append(token.text)
    ended = not found or found[-1].span.line < len(lines)
    if ended and not (found and found[-1].text == ","):
        clauses.append([])
    return tuple(tuple(clause) for clause in clauses)


class Surroundings:
    """The declaration at a place, as far as it is written."""

    def __init__(self, at: Place, index: Index) -> None:
        self.at, self.index = at, index
        self.record = self._record()

    def _record(self) -> str:
        at = self.at
        if at.word in {"gate", "approve", "post"}:
            return at.head[1] if len(at.head) > 1 else ""
        if at.word == "check":
            return at.behind("on")
        if at.word in {"duplicates", "on", "sample", "link"}:
            return at.behind("of")
        if at.word == "record":
            return at.behind("of") or (at.head[1] if len(at.head) > 1 else "")
        given = at.clause("given")
        sample = self.index.samples.get(given[1]) if len(given) > 1 else None
        return sample.record if sample else ""

    @property
    def line_record(self) -> str:
        """The record kind of the lines."""
        found = self.index.line_records.get(self.record)
        return found.name if found else ""

    @property
    def linked(self) -> str:
        """The record that a link lists."""
        clause = self.at.clause("from") if self.at.word == "link" else ()
        return clause[1] if len(clause) > 1 else ""

    def line_or(self, record: str) -> str:
        """The record of the lines inside a row of a line, else the other one."""
        said = self.at.said
        in_line = said[:1] == ("line",) or (len(said) > 2 and said[-3] == ".")
        return self.line_record if in_line else record

    @property
    def route(self) -> str:
        """The route that a `post` declares or an `expect` names; the only one of the record."""
        at = self.at
        said = at.head if at.word == "post" else at.clause("expect")
        for number, word in enumerate(said):
            if word == "." and number + 1 < len(said):
                return f"{said[number - 1]}.{said[number + 1]}"
        posts = self.index.posts.get(self.record, ())
        return str(posts[0].route) if len(posts) == 1 and at.word == "test" else ""

    def scope(self) -> Scope:
        """Which names an expression may say here."""
        at, word = self.at, self.at.word
        if word == "link" and at.first == "where":
            return Scope(self.index, self.linked, judged=self.record)
        lines = {
            "check": at.head[-2:] == ("each", "line") or "each" in at.head,
            "record": "of" in at.head,
            "post": ("each", "line") in at.clauses or at.first == "bill",
        }
        bills = word == "post" and bool(at.clause("bill")) and at.first != "bill"
        document = word == "post" and at.first not in {"when", "bill"}
        line = lines.get(word, False)
        return Scope(self.index, self.record, line=line, document=document, bills=bills)

    def own_fields(self) -> Iterator[str]:
        """The fields that the record at this place has so far."""
        if self.at.word == "record":
            yield from (clause[0] for clause in self.at.clauses[1:-1] if clause)

    def columns(self) -> tuple[str, ...] | None:
        """The columns of the table here; None while its first row is typed."""
        rows = [clause for clause in self.at.clauses if clause[:1] == ("|",)]
        if len(rows) < 2:
            return None
        return tuple(word for word in rows[0] if word != "|")

    def groups(self) -> Iterator[str]:
        """The groups of changes of the edit table here."""
        for clause in self.at.clauses[1:]:
            if clause[1:2] == ("=",):
                yield clause[0]
        yield from BUILT_IN_GROUPS

    def silenced(self) -> Iterator[tuple[str, Iterable[str]]]:
        """What a finding of style may be about."""
        index = self.index
        yield "role", index.roles
        yield "const", index.consts
        yield "map", index.maps
        yield "sample", index.samples
