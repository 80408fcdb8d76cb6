"""The plan of a route whose documents are posted already: its steps, in their order.

Here: Planner: first what is wrong is put right (credit notes, voids, updates), then what is due is
billed. Not here: which answer a posting gets (amendments/posted_documents.py), whether the plan may
go (verdict.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from grammar.text.problem import Span
from rules.amendments.posted_documents import Act
from rules.documents.fields import Draft
from rules.expressions.billed_parts import Shares
from rules.expressions.calls import billed, next_seq, summed
from rules.expressions.run import Run
from rules.facts.world import PostingFact
from rules.outcomes.outcome import Document, Step
from rules.values.numbers import CONTEXT
from rules.values.posting_states import PostingState
from rules.values.unknown import Gap, fact_gap

if TYPE_CHECKING:
    from rules.decisions.routes import RouteProgram

READY = "ready"  # the reason of a document that nothing was posted before
BACK = frozenset({"void", "credit_note", "credit_and_new"})


class Planner:
    """The plan for one route and the answers for its live postings.

    `gaps` is what is missing of the documents, `updates` are the drafts of the updated ones,
    `shares` what is due of a record that may go beside what stands.
    """

    def __init__(
        self, route: RouteProgram, run: Run, lives: tuple[PostingFact, ...], acts: list[Act]
    ) -> None:
        self.route, self.run, self.lives = route, run, lives
        self.steps: list[Step] = []
        self.gaps: dict[Gap, list[int]] = {}
        self.updates: list[Draft] = []
        self.shares: Shares | None = None
        self.acts = _credit_all(lives, acts)
        self.anew = next((a for a in acts if a.action.kind == "credit_and_new"), None)
        self.second = next((a for a in acts if a.action.kind == "new_document"), None)
        back = {a.posting.seq for a in self.acts if a.action.kind in BACK}
        self.staying = tuple(p for p in lives if p.seq not in back)

    def correct(self) -> None:
        """The steps that put right what is wrong."""
        for act in self.acts:
            kind = act.action.kind
            if kind in {"credit_note", "credit_and_new"}:
                self._credit(act)
            elif kind == "void":
                self._step("void", act, None)
            elif kind == "update":
                self._update(act)

    def wants_new(self, shares: Shares | None, *, may_go: bool) -> bool:
        """Whether another document is made: one in place of the old ones, or what is due now."""
        if self.anew is not None or self.second is not None:
            return shares is None or shares.due
        self.shares = shares if may_go else None
        if shares is None or not may_go or not shares.due:
            return False
        return not (shares.final and self.staying)

    def create(self, document: Document | None) -> None:
        """The step of the next document, which the run has been entered for."""
        act = self.anew or self.second
        rule, span = (act.rule, act.span) if act else ("", self.route.post.span)
        reason = act.reason if act else READY
        self.steps.append(created(self.run, document, rule=rule, span=span, reason=reason))

    def left(self) -> None:
        """Steps of answers that do nothing, where nothing else is done."""
        if not self.steps:
            for act in self.acts:
                self._step(act.action.kind, act, None)

    def _missing(self, draft: Draft) -> None:
        for gap, lines in draft.gaps.items():
            self.gaps.setdefault(gap, []).extend(lines)

    def before(self) -> Mapping[str, Decimal]:
        """What stays billed of each line when everything is put right."""
        told = dict(billed(self.run.facts, self.route.name))
        gone = tuple(p for p in self.lives if p not in self.staying)
        for key, quantity in summed(gone).items():
            told[key] = CONTEXT.subtract(told.get(key, Decimal(0)), quantity)
        return told

    @property
    def standing(self) -> tuple[PostingFact, ...]:
        """What stays of the posted documents, and of which record: what is updated, of this one."""
        again = {act.posting.seq for act in self.acts if act.action.kind == "update"}
        return tuple(
            replace(p, body=None, version=self.run.version) if p.seq in again else p
            for p in self.staying
        )

    def _step(self, action: str, act: Act, document: Document | None) -> None:
        own = act.posting.billed if action == "update" else {}
        self.steps.append(
            Step(
                action,
                self.route.name,
                act.posting.seq,
                document,
                act.rule,
                act.span,
                act.reason,
                None,
                own,
            )
        )

    def _credit(self, act: Act) -> None:
        reversal = self.route.reversal
        if reversal is None:
            gap = fact_gap("reversal", self.route.compiler.owner, _NO_REVERSAL, act.span)
            self.gaps.setdefault(gap, [])
            return
        before = sum(s.action == "credit_note" for s in self.steps)
        seq = next_seq(self.run.facts.postings, reversal.name) + before
        document, draft = reversal.mirror(self.run, act.posting, seq)
        self._missing(draft)
        self.steps.append(
            Step(
                "credit_note",
                reversal.name,
                seq,
                document,
                act.rule,
                act.span,
                act.reason,
                act.posting.seq,
            )
        )

    def _update(self, act: Act) -> None:
        draft = self.route.again(self.run, act.posting, self.lives)
        self._missing(draft)
        self.updates.append(draft)
        self._step("update", act, self.route.document.document(self.run, draft))


def created(run: Run, document: Document | None, *, rule: str, span: Span, reason: str) -> Step:
    """The step that makes the document which the run has been entered for."""
    route = run.route
    own = route.bill.billed() if route.bill else {}
    return Step("create", route.name, route.seq, document, rule, span, reason, None, own)


def _credit_all(lives: tuple[PostingFact, ...], acts: list[Act]) -> list[Act]:
    """Credit note and new takes every live posting back, whatever else was answered for it."""
    anew = next((a for a in acts if a.action.kind == "credit_and_new"), None)
    if anew is None:
        return acts
    return [replace(anew, posting=p) for p in lives]  # no table answers with a void beside it


_NO_REVERSAL = "No route takes its postings back, so there can be no credit note."


_DECIDED = frozenset(
    {PostingState.WAITING, PostingState.HELD, PostingState.IGNORED, PostingState.DROPPED}
)
"""States that the rules, or a person, gave; what is sent has its answer elsewhere."""


def told_later(
    reason: str, state: PostingState, *, waits: bool = False, reverses: bool = False
) -> str:
    """Why a document is where it is, by what decided; that it was ready says nothing later on, and
    what kept it before somebody approved it says nothing of what became of it since. `waits`: it is
    ready, and something keeps it. `reverses`: it takes another one back, and the reason is why.

    >>> told_later("ready", PostingState.HELD), told_later("too much", PostingState.FAILED)
    ('', '')
    >>> told_later("status draft is ignored", PostingState.IGNORED)
    'status draft is ignored'
    """
    decided = waits if state == PostingState.READY else state in _DECIDED
    return reason if (decided or reverses) and reason != READY else ""
