"""What the declaration around a place speaks of: its record, route, scope, table.

Here: Surroundings. Not here: what fits there (names.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rules.index import BUILT_IN_GROUPS, Index, Scope
from rules.suggest.place import Place


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
            return Scope(self.index, self.linked)
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
