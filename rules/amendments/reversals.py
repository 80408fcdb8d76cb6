"""Taking a posting back: the mirror of what was posted, with the fields that differ.

Here: ReversalProgram. Not here: when something is taken back (posted_documents.py,
decisions/posting_steps.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from grammar import nodes as n
from grammar.text.editions import Edition
from rules.amendments.changes import EditedFields
from rules.documents.columns import NumberTemplate
from rules.documents.fields import DocumentProgram, Draft, FieldProgram, together
from rules.expressions.billed_parts import line_key
from rules.expressions.compiler import Compiler
from rules.expressions.run import RouteRun, Run
from rules.facts.world import PostingFact
from rules.outcomes.findings import keep
from rules.outcomes.outcome import Document
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Scope
from rules.values.unknown import Unknown, fact_gap
from rules.values.wording import say

DAY = "2026-11-20"
"""How a day is written, which a moment begins with."""


class ReversalProgram:
    """One route that takes the postings of another back."""

    def __init__(
        self,
        compiler: Compiler,
        reversal: n.Reversal,
        original: DocumentProgram,
        schemas: Schemas | None,
        owner: str,
    ) -> None:
        head = Scope(compiler.index, compiler.record, document=True)
        line = replace(head, line=True)
        self.reversal, self.name = reversal, str(reversal.route)
        self.original, self.owner, self.span = original, owner, reversal.span
        self.head = [FieldProgram(compiler, a, head, owner) for a in reversal.fields]
        self.line = [FieldProgram(compiler, a, line, owner) for a in reversal.line_fields]
        self.number = NumberTemplate(compiler, reversal.number, reversal.span, head)
        self.fields = EditedFields(compiler.index, compiler.record)
        known = (
            schemas.document(reversal.route.target, reversal.route.document) if schemas else None
        )
        shape = original.shape
        self.date = known.date_field if known else shape.date
        self.party = known.party_field if known else shape.party
        self.amount = (known.total_field if known else None) or shape.amount
        self.may_be_dated = compiler.index.edition >= Edition.FIFTH
        own = any(say(a.expr) == "document_number" for a in reversal.fields)
        self.numbered = () if own else original.numbered

    @property
    def programs(self) -> tuple[FieldProgram, ...]:
        """The fields that it fills itself; the others are those of what it takes back."""
        return (*self.head, *self.line)

    def mirror(self, run: Run, posting: PostingFact, seq: int) -> tuple[Document | None, Draft]:
        """The document that takes a posting back, and what is missing of it."""
        outer = run.route
        run.route = RouteRun(self.name, self.reversal.route.target, seq=seq, day=run.today)
        run.line = {}
        try:
            run.route.number = self.number.fill(run, posting.number)
            draft = self._draft(run, posting)
            return self._document(run, draft, posting), draft
        finally:
            run.route = outer

    def _draft(self, run: Run, posting: PostingFact) -> Draft:
        content = posting.content
        draft = Draft(made=True)
        if content is None:
            words = f"what {posting.number} says in the target"
            keep(draft.gaps, Unknown(fact_gap(words, self.owner, span=self.span)), None)
            return draft
        draft.fields = _row(content.get("fields"))
        number = run.route.number
        if type(number) is Unknown:
            keep(draft.gaps, number, None)
        else:
            draft.fields.update({f: number for f in self.numbered if f in draft.fields})
        for program in self.head:
            program.fill(run, draft, draft.fields, None, self.name)
        self._date_anew(run, draft)
        lines = content.get("lines")
        rows = self._rows(run, posting)
        for at, old in enumerate(lines if isinstance(lines, list | tuple) else ()):
            run.line = rows[at] if at < len(rows) else self.fields.reader.blank_line()
            filled = _row(old)
            for program in self.line:
                program.fill(run, draft, filled, at + 1, self.name)
            draft.lines.append(filled)
        return draft

    def _date_anew(self, run: Run, draft: Draft) -> None:
        """The day that a person gave it, where it has the one that this is given instead of."""
        given = run.facts.dated.get(self.name) if self.may_be_dated else None
        told = draft.fields.get(self.date, "")
        if given is not None and _day(told, run.today) == given.instead_of:
            draft.fields[self.date] = given.day.isoformat() + told[len(DAY) :]

    def _rows(self, run: Run, posting: PostingFact) -> list[dict[str, Any]]:
        """The record's lines that the lines of the posted document were made of."""
        if not posting.billed:
            return run.lines
        by_key = {
            line_key(row.get(self.fields.key), at): row for at, row in enumerate(run.lines, start=1)
        }
        return [by_key.get(key) or self.fields.reader.blank_line() for key in posting.billed]

    def _document(self, run: Run, draft: Draft, posting: PostingFact) -> Document | None:
        if draft.gaps:
            return None
        original = self.original
        currency = draft.fields.get(original.shape.currency, original.currency_of(run))
        return Document(
            target=self.reversal.route.target,
            document=self.reversal.route.document,
            number=run.route.number,
            date=_day(draft.fields.get(self.date, ""), run.today),
            party=draft.fields.get(self.party, ""),
            currency=currency,
            amount=self._amount(draft, posting),
            fields=draft.fields,
            lines=tuple(draft.lines),
        )

    def _amount(self, draft: Draft, posting: PostingFact) -> Decimal:
        """What is taken back: all that the posting came to, unless the route says otherwise."""
        told = (posting.content or {}).get("amount")
        if not self.line and self.amount not in {f.name for f in self.head} and told is not None:
            return Decimal(str(told))
        return _amount(draft.fields.get(self.amount, ""), draft.lines)


def _row(value: object) -> dict[str, str]:
    return {str(k): str(v) for k, v in value.items()} if isinstance(value, Mapping) else {}


def _day(text: str, otherwise: date) -> date:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return otherwise


def _amount(text: str, lines: Sequence[dict[str, str]]) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return together(lines)
