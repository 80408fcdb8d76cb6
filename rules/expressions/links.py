"""Links: other records as a list with an end, inside the judging of one record.

Here: Listed (which list a path means), LinkProgram (the linked records of one evaluation), and the
keys by which a store finds linked records. Not here: the aggregates over the list (aggregates.py),
and who gathers the bodies: they come with the facts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from grammar import nodes as n
from rules.expressions.lookups import Closure
from rules.expressions.record_reading import MOST_LINES, Content, Reader
from rules.expressions.run import Run
from rules.types.symbol_table import Index, Scope
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.unknown import Gap, Unknown, join

if TYPE_CHECKING:
    from rules.expressions.compiler import Compiler


PERSONAL = ("period", "document_number", "number_of", "changed", "approval", "last_editor", "was")
"""What is asked of the judged record or of its route: a link may not ask it of other records."""


class LinkProgram:
    """One link of one record kind: from the bodies in the facts to runs of the linked records."""

    def __init__(self, compiler: Compiler, link: n.Link) -> None:
        self.link = link
        self.owner = link.action.role or compiler.owner
        self.other = compiler.of(link.other)
        self.currencies = compiler.currencies
        self.reader = Reader(compiler.index, link.other)
        scope = Scope(compiler.index, link.other)
        here = Scope(compiler.index, compiler.record)
        self.ours = None if link.of_lines else compiler.field(link.ours, here)
        self.theirs = self.other.field(link.theirs, scope)
        self.where: Closure | None = None
        if link.where is not None:
            asked = Scope.of_link(compiler.index, link)
            self.where = self.other.guarded(link.where, asked, link.name, self.owner)
        key, dated = (compiler.index.marked(link.other, mark) for mark in ("key", "dated"))
        self.key = key.name if key else ""
        self.dated = dated.name if dated else ""

    def runs(self, run: Run) -> list[Run] | Unknown:
        """The linked records, oldest first; unknown if one of them may belong here or not."""
        if self not in run.memo:
            run.memo[self] = self._gather(run)
        found: list[Run] | Unknown = run.memo[self]
        return found

    def _gather(self, run: Run) -> list[Run] | Unknown:
        if run.root is not run:
            return Unknown(self._gap("the links of a linked record are not followed"))
        ours = self._wanted(run)
        if type(ours) is Unknown:
            return ours
        found, unsure = [], []
        for body in run.facts.links.get(self.link.name, ()):
            inner = self._read(body, run)
            belongs = inner if type(inner) is Unknown else self._belongs(inner, ours)
            if type(belongs) is Unknown:
                unsure.append(belongs)
            elif belongs:
                found.append(inner)
        if unsure:
            return join(*unsure)
        if len(found) > self.link.most:
            return Unknown(self._gap(f"{len(found)} records, at most {self.link.most} are allowed"))
        return sorted(found, key=self._age)

    def _wanted(self, run: Run) -> frozenset[Any] | Unknown:
        """The values by which records are joined: one, or one a line; a blank one joins nothing."""
        if self.ours is None:
            run.spend(len(run.lines))
            told = (row.get(self.link.ours) for row in run.lines)
            return frozenset(one for one in told if one is not None and type(one) is not Unknown)
        one = self.ours(run)
        return one if type(one) is Unknown else frozenset((one,))

    def _read(self, body: Mapping[str, object], run: Run) -> Any:
        content = self.reader.read(body)
        run.spend(1 + len(content.lines))
        if content.too_many_lines:
            return Unknown(self._gap(f"one of them has more than {MOST_LINES} lines"))
        whose = f"{self.link.other} {_said(content.head.get(self.key))}"
        content = _loud(content, whose)
        ours = self.currencies.of(run.head)
        self.other.currencies.linked(content, ours, link=self.link, owner=self.owner, whose=whose)
        inner = Run(
            content=content,
            facts=run.facts,
            world=run.world,
            now=run.now,
            today=run.now.astimezone(self.other.zone).date(),
        )
        inner.root = run
        inner.lookups, inner.conversions, inner.clock = run.lookups, run.conversions, run.clock
        return inner

    def _belongs(self, inner: Run, ours: Any) -> Any:
        theirs = self.theirs(inner)
        if type(theirs) is Unknown:
            return theirs
        if theirs not in ours:
            return False
        return True if self.where is None else self.where(inner)

    def _age(self, inner: Run) -> tuple[bool, str, str]:
        """Unknown days come last, so that the latest of them is unknown too."""
        day = inner.head.get(self.dated)
        text = day.isoformat() if isinstance(day, date | datetime) else ""
        return (not text, text, _said(inner.head.get(self.key)))

    def _gap(self, why: str) -> Gap:
        name = self.link.name
        message = f"{name} cannot be listed: {why}."
        return Gap(
            kind="limit",
            rule=name,
            code="LNK01",
            error_class="business_rule",
            owner=self.owner,
            message=message,
            cause_key=CauseKey(CauseKind.RULE, name),
            cause_label=f"{name} cannot be listed",
            would_pass=f"there are at most {self.link.most} {name}",
            span=self.link.span,
        )


def _loud(content: Content, whose: str) -> Content:
    """The content of a linked record; what it lacks is said here too, with its number."""
    exact = {(gap.rule, line): gap for gap, line in content.gaps}
    for number, row in enumerate((content.head, *content.lines)):
        for name, value in row.items():
            if type(value) is Unknown:
                gaps = (exact.get((gap.rule, number or None), gap) for gap in value.gaps)
                row[name] = Unknown(*(_said_here(gap, whose) for gap in gaps))
    return content


def _said_here(gap: Gap, whose: str) -> Gap:
    kind = "fact" if gap.kind == "required" else gap.kind
    return replace(gap, kind=kind, message=f"{whose}: {gap.message}")


def _said(value: Any) -> str:
    return "(no number)" if value is None or type(value) is Unknown else str(value)


def family_keys(
    index: Index, body: Mapping[str, object], kind: str
) -> Iterator[tuple[str, str, str]]:
    """How this record is found by links: (name of the key, its value, the kind that is wanted).

    Two records belong together where name and value are equal; the kind wanted is empty on the
    side that is only found.
    """
    for links in index.links.values():
        for link in links.values():
            name = f"link:{link.record}.{link.name}"
            if link.record == kind:
                for value in _ours(link, body):
                    yield from _key(name, value, link.other)
            if link.other == kind:
                yield from _key(name, body.get(link.theirs), "")


def _ours(link: n.Link, body: Mapping[str, object]) -> Iterator[object]:
    """What a record is joined by: a value of its own, or those of its lines, each once."""
    if not link.of_lines:
        yield body.get(link.ours)
        return
    lines = body.get("lines")
    rows = [row for row in lines if isinstance(row, Mapping)] if isinstance(lines, list) else []
    told = (row.get(link.ours) for row in rows)
    yield from dict.fromkeys(one for one in told if isinstance(one, str | int))


def _key(name: str, value: object, wanted: str) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, str) and value.strip():
        yield name, value.strip(), wanted
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, str(value), wanted


def asked_by_checks(index: Index, kind: str) -> frozenset[str]:
    """The names of the checks of a kind that look at what its links join, as far as one can see."""
    found = (c for c in index.ruleset.checks if any(w.name == kind for w in c.records))
    return frozenset(c.name for c in found if asks_links(index, kind, (c.when, *c.requires)))


def asks_links(index: Index, kind: str, asked: object) -> bool:
    """Whether expressions look at what the links of a kind join, also through computed fields."""
    links, lines = index.links.get(kind, {}), index.line_records.get(kind)
    fields = [*index.records[kind].fields, *(lines.fields if lines else ())]
    formulas: dict[str, list[n.Expr]] = {}
    for field in fields:
        if isinstance(field, n.Computed):
            formulas.setdefault(field.name, []).append(field.expr)
    told, waiting = set[str](), [asked] if links else []
    while waiting:
        words = {word for path in n.mentioned(waiting.pop()) for word in path} - told
        told |= words
        waiting += [formula for word in words for formula in formulas.get(word, ())]
    return not told.isdisjoint(links)
