"""Whether a target lists the codes that a document names: its accounts, tax codes, currencies.

Here: ListedCodes: the finding for each code that is not in the list which the target told, and for
each that a record gives with a character nobody sees, before anything is sent. Not here: asking the
target (the lists come with the world), its items (agreement.py), counting over many records
(comparison/preflight.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from grammar import nodes as n
from grammar.text.editions import Edition
from grammar.text.invisible import in_words, invisible, shown, without_invisible
from grammar.text.problem import Span
from rules.documents.fields import Draft, FieldProgram
from rules.expressions.aggregates import mentions_line
from rules.expressions.compiler import Compiler
from rules.expressions.run import Run
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, Document, Finding, Verdict
from rules.types.outside_schemas import Schemas
from rules.values.cause_keys import ITSELF, CauseKey
from rules.values.unknown import Unknown
from rules.values.wording import wire

RULE, CODE, UNSEEN = "listed_codes", "LST01", "VAL01"
LISTS: Mapping[str, str] = {"account": "account", "tax": "tax_code", "currency": "currency"}
"""What a field refers to -> the kind of list in which a target tells such codes."""
NOUNS = {"account": "account", "tax_code": "tax code", "currency": "currency"}


@dataclass(frozen=True, slots=True)
class _Named:
    """One field of the document that names a code: in which list, and who is asked for it."""

    name: str
    title: str
    kind: str
    owner: str
    span: Span
    program: FieldProgram | None
    raw: bool
    """Whether records give it as it is: what a map leads to has only characters that are seen."""
    lasting: bool
    """Whether it is the same on every line."""

    def good(self, lists: Mapping[str, frozenset[str]]) -> frozenset[str]:
        """Codes that are not wrong, whatever they are made of."""
        return frozenset() if self.raw or self.kind not in NOUNS else lists.get(self.kind, _NONE)

    def wrong(self, code: str, lists: Mapping[str, frozenset[str]]) -> bool:
        """Whether a document may not name this code."""
        if not code:
            return False
        listed = lists.get(self.kind) if self.kind in NOUNS else None
        if listed is not None and code not in listed:
            return True
        return self.raw and bool(invisible(code))


_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Stranger:
    """A code that its target does not list, in the field and on the lines where it was met."""

    field: _Named
    code: str
    lines: tuple[int, ...]


class _Asked(NamedTuple):
    """The lists of a target, and the fields of the header and of the lines that stand in them, each
    with the codes that it may name for certain.
    """

    lists: Mapping[str, frozenset[str]]
    head: list[tuple[_Named, frozenset[str]]]
    line: list[tuple[_Named, frozenset[str]]]


class ListedCodes:
    """The codes of one route's documents; in rules of earlier editions nobody compares them."""

    def __init__(
        self,
        compiler: Compiler,
        route: n.RouteName,
        programs: Iterable[FieldProgram],
        schemas: Schemas | None,
        span: Span,
    ) -> None:
        books = compiler.index.targets.get(route.target)
        owner = (books.tolerance_action.role if books else "") or compiler.owner
        known = schemas.document(route.target, route.document) if schemas else None
        self.route, self.target = str(route), route.target
        self.places: Mapping[str, str] = dict(getattr(known, "lists", ()))
        asked = known is not None and compiler.index.edition >= Edition.THIRD
        fields = (*known.header, *known.lines) if known is not None and asked else ()
        unseen = compiler.index.edition >= Edition.FOURTH
        filled = {p.name: p for p in programs}
        named: dict[str, _Named] = {}
        for field in fields:
            refers, program = getattr(field, "refers", ""), filled.get(field.name)
            raw = unseen and program is not None and _is_raw(program, compiler)
            if refers in LISTS or (refers and raw):
                kind = LISTS.get(refers, refers)
                title = getattr(field, "title", "") or field.name
                team = _keeper(program, compiler) or owner
                place = program.span if program is not None else span
                lasting = program is not None and not mentions_line(program.expr)
                named[field.name] = _Named(
                    field.name, title, kind, team, place, program, raw, lasting
                )
        self.named = named
        self._asked: tuple[object, _Asked] = (self, _Asked({}, [], []))  # of no state yet

    def differs(self, run: Run) -> bool:
        """Whether the document, of which all is known, would name a code that is not listed."""
        asked = self._stated(run)
        lists = asked.lists
        found = any(_strange(field, run, lists) for field, _ in asked.head)
        lasting = [field for field, _ in asked.line if field.lasting]
        every = [field for field, _ in asked.line if not field.lasting]
        for row in run.lines[: 1 if lasting else 0]:
            run.line = row
            found = found or any(_strange(field, run, lists) for field in lasting)
        for row in run.lines if every and not found else ():
            run.line = row
            if any(_strange(field, run, lists) for field in every):
                found = True
                break
        run.line = {}
        return found

    def has_stranger(
        self, run: Run, fields: Mapping[str, str], lines: Iterable[Mapping[str, str]]
    ) -> bool:
        """The same of the texts of the document."""
        asked = self._stated(run)
        lists, line = asked.lists, asked.line
        for field, good in asked.head:
            code = fields.get(field.name, "")
            if code not in good and field.wrong(code, lists):
                return True
        first = True
        for row in lines if line else ():
            for field, good in line:
                if first or not field.lasting:
                    code = row.get(field.name, "")
                    if code not in good and field.wrong(code, lists):
                        return True
            first = False
        return False

    def _stated(self, run: Run) -> _Asked:
        """What is compared with this state of the target, which many records meet."""
        state = run.world.targets.get(self.target) if self.named else None
        of, asked = self._asked
        if of is not state:
            asked = self._ask(run)
            self._asked = (state, asked)
        return asked

    def _ask(self, run: Run) -> _Asked:
        """The lists of this state of the target, and the fields that are compared with them."""
        lists = self._lists(run)
        named = [f for f in self.named.values() if f.program and (f.raw or f.kind in lists)]
        head, line = (
            [(f, f.good(lists)) for f in named if f.program and f.program.of_line is of_line]
            for of_line in (False, True)
        )
        return _Asked(lists, head, line)

    def of_draft(self, run: Run, draft: Draft) -> Said:
        """What is said of a document that is about to be made, with the lines of the record."""
        if not self.has_stranger(run, draft.fields, draft.lines):
            return Said()
        bill = run.route.bill
        rows = [
            number
            for number, row in enumerate(run.lines, start=1)
            if bill is None or not bill.leaves_out(row)
        ]
        return self.judge(run, draft.fields, list(zip(rows, draft.lines, strict=False)))

    def of_document(self, run: Run, document: Document) -> Said:
        """What is said of a document that takes another back."""
        return self.judge(run, document.fields, list(enumerate(document.lines, start=1)))

    def judge(
        self, run: Run, fields: Mapping[str, str], rows: Iterable[tuple[int, Mapping[str, str]]]
    ) -> Said:
        """A hold for each code that is not listed, which nobody can release: it would be refused.

        It ends when a later reading of the target lists the code, or the document names another.
        """
        said = Said()
        for found in self._strangers([(0, fields), *rows], self._lists(run)):
            finding = self._finding(found)
            operands = ((found.field.title, shown(found.code)),)
            line = found.lines[0] if found.lines else None
            span, text = found.field.span, finding.message
            said.verdicts.append(
                Verdict(RULE, "codes", self.route, HIT, span, operands, line, text)
            )
            said.findings.append(finding)
        return said

    def _lists(self, run: Run) -> Mapping[str, frozenset[str]]:
        """What the target listed when it was last asked; a kind of which it told none is left out.

        A reading that is old still counts: until there is another, the target is taken to be as it
        was.
        """
        state = run.world.targets.get(self.target) if self.named else None
        return {kind: codes for kind, codes in state.codes.items() if codes} if state else {}

    def _strangers(
        self, rows: Iterable[tuple[int, Mapping[str, str]]], lists: Mapping[str, frozenset[str]]
    ) -> list[_Stranger]:
        """Each code once, with all lines that name it."""
        found: dict[tuple[str, str], _Stranger] = {}
        for line, row in rows:
            for field in self.named.values():
                code = row.get(field.name, "")
                if field.wrong(code, lists):
                    at = field.kind, code
                    one = found.get(at) or _Stranger(field, code, ())
                    more = (line,) if line and line not in one.lines else ()
                    found[at] = replace(one, lines=one.lines + more)
        return list(found.values())

    # ---- in words -----------------------------------------------------------------------------

    def _finding(self, found: _Stranger) -> Finding:
        field, code = found.field, found.code
        hidden = invisible(code) if field.raw else ()
        if hidden:
            name, seen = shown(code), without_invisible(code)
            label = f"The document names {field.title} as {name}"
            return replace(
                self._made(found, label),
                code=UNSEEN,
                error_class="bad_value",
                message=f"The document names {field.title} as {name}, which holds "
                f"{in_words(hidden)}. Nothing was sent.",
                would_pass=f"the source or the rules write it without that: {seen}",
            )
        noun, place = NOUNS[field.kind], self.places.get(field.kind, "")
        there = f"{self.target}, {place}" if place else self.target
        message = (
            f"{self.target} does not list the {noun} {code}, which the document names as "
            f"{field.title}. Nothing was sent."
        )
        label = f"{self.target} does not list the {noun} {code}"
        would_pass = (
            f"{noun} {code} is added there ({there}) and the connection is tested again, or "
            "the document names a code that is listed"
        )
        return replace(self._made(found, label), message=message, would_pass=would_pass)

    def _made(self, found: _Stranger, label: str) -> Finding:
        """What is the same in both findings; `label`: what those of one cause have in common."""
        return Finding(
            code=CODE,
            error_class="mapping_missing",
            rule=RULE,
            route=self.route,
            severity="hold",
            owner=found.field.owner,
            message="",
            clears=ITSELF,
            cause_key=CauseKey.listed(self.target, found.field.kind, found.code),
            cause_label=label,
            would_pass="",
            span=found.field.span,
            lines=found.lines,
        )


def _is_raw(program: FieldProgram, compiler: Compiler) -> bool:
    """Whether a field is anything but what one map leads to, or a word of the rules themselves."""
    of, maps = program.expr, compiler.index.maps
    if program.type.kind not in {"text", "user"}:
        return False
    return not (isinstance(of, n.Literal) or (isinstance(of, n.Call) and of.name in maps))


def _strange(field: _Named, run: Run, lists: Mapping[str, frozenset[str]]) -> bool:
    """Whether a field of the header, or of the current line, names a code that it may not."""
    program = field.program
    value: Any = program.closure(run) if program is not None else ""
    if type(value) is Unknown or program is None:
        return False
    return field.wrong(value if type(value) is str else wire(value, program.type), lists)


def _keeper(program: FieldProgram | None, compiler: Compiler) -> str:
    """The team that is asked for entries of the map that fills a field; blank where none does."""
    maps = compiler.index.maps
    parts = program.parts() if program is not None else ()
    named = (part.name for part in parts if isinstance(part, n.Call) and part.name in maps)
    return next((maps[name].missing.action.role or "" for name in named), "")
