"""A posted document that names another one which was taken back since: a receipt its invoice.

Here: NamesBefore of one route: which of its fields tell the number of a document that comes before,
and the finding where that one stands no more. Not here: which documents of a family were taken back
(it comes with the facts), what the tables answer (posted_documents.py).
"""

from __future__ import annotations

from collections.abc import Mapping

from grammar import nodes as n
from grammar.text.editions import Edition
from rules.expressions.compiler import Compiler
from rules.expressions.run import Run
from rules.facts.world import PostingFact
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, Finding, Verdict
from rules.values.cause_keys import CauseKey, CauseKind, Clearing
from rules.values.names import term
from rules.values.wording import say

RULE, CODE = "taken_back", "STL04"
"""What is released of it: that somebody has assigned the document to another one."""


class NamesBefore:
    """The fields of one route that are exactly `number_of(ROUTE)`; others tell it among more, and
    are not read. Rules of earlier editions do not ask.
    """

    def __init__(self, compiler: Compiler, post: n.Post) -> None:
        asked = post.fields if compiler.index.edition >= Edition.SEVENTH else ()
        self.route, self.span = str(post.route), post.span
        self.owner = post.we_own.role or compiler.owner
        self.named = tuple(
            (one.name, say(one.expr.args[0]))
            for one in asked
            if isinstance(one.expr, n.Call) and one.expr.name == "number_of"
        )

    def judge(self, run: Run, posting: PostingFact) -> Said:
        """The finding for the first document that a posting names and that was taken back, with its
        verdict, unless somebody has said that it is put right.
        """
        said, back = Said(), run.facts.taken_back
        told = [(self._shown(run, posting, field), before) for field, before in self.named]
        gone = next(((name, by) for name, by in told if name in back.get(by, ())), None)
        if gone is None:
            return said
        number, before = gone
        text = self._text(run, posting, number, before)
        released = (self.route, RULE) in run.facts.releases
        shown = (("posted as", posting.number), ("names", number))
        said.verdicts.append(
            Verdict(RULE, "change", self.route, HIT, self.span, shown, None, text, released)
        )
        if not released:
            said.findings.append(self._finding(run, posting, text, before))
        return said

    def _shown(self, run: Run, posting: PostingFact, field: str) -> str:
        """The number in a field: what the target shows of it now, else what was posted."""
        at = (posting.route, posting.seq, None, field)
        for edit in run.facts.target_edited:
            if (edit.route, edit.seq, edit.line, edit.field) == at:
                return edit.shows
        fields = (posting.content or {}).get("fields")
        return str(fields.get(field, "")) if isinstance(fields, Mapping) else ""

    def _text(self, run: Run, posting: PostingFact, number: str, before: str) -> str:
        instead = run.facts.documents_of_family.get(before)
        if not instead:
            return f"{posting.number} is posted, but {number}, which it names, was taken back."
        return (
            f"{posting.number} is posted, but {number}, which it names, was taken back;"
            f" {instead} is posted instead."
        )

    def _finding(self, run: Run, posting: PostingFact, text: str, before: str) -> Finding:
        instead = run.facts.documents_of_family.get(before)
        assigned = f"{posting.number} is assigned to {instead} in the accounting system"
        refunded = f"{posting.number} is refunded or assigned again in the accounting system"
        return Finding(
            code=CODE,
            error_class="stale_version",
            rule=RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} The posted document stays until a person decides.",
            clears=Clearing.by(self.owner),
            cause_key=CauseKey(CauseKind.RULE, RULE),
            cause_label=f"Names a document that was taken back, {term(self.route)}",
            would_pass=assigned if instead else refunded,
            span=self.span,
        )
