"""A posting that is not sent yet, as it should be: its columns, its due time, its approvals.

Here: pure values for one posting, and whether what a target rejected may be sent again. Not here:
which postings a decision makes (plan_postings.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from holding.approvals.consent import counting, document_hash
from holding.approvals.voiding import of_another_content
from holding.evaluation.batch import Batch, HoldRow
from holding.evaluation.plan_parts import Plan, Planned
from holding.journal.target_holds import CONFLICT, CONTENT_CHANGED, NOT_APPROVED
from holding.lifecycle.causes import TOTALS, UNSEEN, WITHDRAWN
from holding.lifecycle.stored_postings import PostingRow
from holding.tables.columns import to_minor
from holding.tables.postings import ENDED
from rules.decisions.gates import EARLY
from rules.decisions.precedence import READY
from rules.outcomes.outcome import NEEDS_APPROVAL, Decision, Document, Finding, Step, Verdict
from rules.values.canonical import number_text
from rules.values.posting_states import PostingState

RULES = frozenset({"business_rule", "duplicate"})


def may_retry(batch: Batch, hold: HoldRow, *, same_content: bool, posted: bool) -> bool:
    """Only when something changed since that could change the answer.

    Where another content stands under the number of what is not posted, a person has to say what it
    is: it may be ours. A change of what is posted is looked at before it goes, whatever it is. What
    stood in a withdrawn file, or may have been made where nobody but a person can see it, goes
    again only when a person has it retried.
    """
    if hold.code in {WITHDRAWN, UNSEEN} or (hold.code == CONFLICT and not posted):
        return False
    if not same_content or hold.changed_revision > hold.revision:
        return True
    if hold.code in {CONTENT_CHANGED, NOT_APPROVED}:
        return True  # this judging has just rewritten the content, and approvals are asked again
    return hold.error_class in RULES and batch.rules_revision > hold.revision


@dataclass(slots=True)
class Unsent:
    """One posting that is not sent yet."""

    batch: Batch
    made: Plan
    decision: Decision
    route: str
    seq: int
    row: PostingRow | None
    document: Document | None
    _hash: str | None = None

    @property
    def hash(self) -> str:
        """What an approval of it is bound to; empty while there is no document."""
        if self._hash is None:
            self._hash = self._worked_out()
        return self._hash

    def _worked_out(self) -> str:
        if self.document is None:
            return ""
        target = self.batch.targets[self.batch.routes[self.route].target]
        return document_hash(target.id, target.company_there, self.document, "create")

    def after_trouble(self, row: PostingRow, state: PostingState) -> PostingState:
        """This state, unless pushing was stopped and nothing changed since that could help."""
        same = state == PostingState.READY and row.hash == self.hash
        if not staying(self.batch, self.made, row, same=same):
            return state
        return (
            row.state
            if row.state in {PostingState.FAILED, PostingState.HELD}
            else PostingState.HELD
        )

    def planned(
        self,
        state: PostingState,
        reason: str,
        *,
        bills: list[list[str]] | None = None,
        reverses: int | None = None,
    ) -> Planned:
        """The posting as it should stand."""
        route, content_hash_ = self.batch.routes[self.route], self.hash
        content = self.document.to_json() if self.document is not None else None
        if content is not None and self.row is not None:
            void(self.made, self.row, content_hash_, content)
        return Planned(
            id=self.row.id if self.row else None,
            route=self.route,
            seq=self.seq,
            before=self.row.state if self.row else None,
            state=state,
            reason=reason,
            hash=content_hash_,
            content=content,
            bills=bills,
            reverses_id=reverses,
            connection_id=self.batch.targets[route.target].id,
            doc_type=route.document,
            finished_at=_finished(self.made, self.decision, self.row, in_parts=route.in_parts),
            due_at=self._due(route.timing, content_hash_) if state == READY else None,
            tries=self.row.tried(content_hash_) if self.row else 0,
            **self._shown(),
        )

    def open(self) -> Planned:
        """What remains to be billed, as a posting that waits for it; it has no money yet."""
        left = [[key, number_text(quantity)] for key, quantity in self.decision.open.items()]
        told = ", ".join(f"{quantity} of line {key}" for key, quantity in left)
        row = self.planned(PostingState.WAITING, f"still open: {told}", bills=left)
        return replace(row, amount=None, book=None, finished_at=None)

    def _due(self, timing: str, hash_: str) -> datetime | None:
        """Now, or only in its run for a daily route; one that waits to be tried keeps its time."""
        row = self.row
        unchanged = row is not None and row.state == PostingState.READY and row.hash == hash_
        planned = row.due_at if row is not None and unchanged else None
        if planned is None and timing != "immediately":
            return None
        return self.made.due(planned or self.made.judged.at)

    def _shown(self) -> dict[str, Any]:
        """The columns by which a posting is found: the document's, else the record's."""
        document, listed = self.document, self.made.listed
        if document is not None:
            amount = to_minor(document.amount, document.currency)
            return {
                "number": document.number,
                "amount": amount,
                "currency": document.currency,
                "book": amount if document.currency == self.batch.currency else None,
                "doc_date": document.date,
                "party": document.party,
            }
        outcome = self.made.judged.outcome
        return {
            "number": self.row.number if self.row else outcome.number if outcome else "",
            "amount": listed.amount if listed else None,
            "currency": listed.currency if listed else "",
            "book": listed.book if listed else None,
            "doc_date": listed.doc_date if listed else None,
            "party": listed.party_key if listed else "",
        }


def _finished(
    made: Plan, decision: Decision, row: PostingRow | None, *, in_parts: bool
) -> datetime | None:
    """Since when the source has done its part: the status may go, and the route wants the record.

    Since its version arrived that said so; what is billed in parts, since the delivery arrived,
    also while it is held and no document of it can be made.
    What goes early, or a gate, a `when` or a bill with nothing to bill keeps back, is not finished.
    """
    verdicts = made.judged.outcome.verdicts if made.judged.outcome else ()
    if verdicts and any(_keeps_back(v) for v in verdicts if v.route == decision.route):
        return None
    if decision.wait is not None and decision.wait.kind == "bill":
        return None
    if row is not None and row.state not in ENDED and row.finished_at is not None:
        return row.finished_at
    came, linked = made.case.version_at, made.case.linked_at if in_parts else None
    return came if linked is None else max(came, linked)


def _keeps_back(verdict: Verdict) -> bool:
    """Whether a gate that is not passed or goes early, or a `when`, says that it is not done."""
    if verdict.kind == "gate":
        return verdict.result != "pass" or verdict.text == EARLY
    return verdict.kind == "when" and verdict.result == "hit"


def not_approved(
    made: Plan, findings: Sequence[Finding], row: PostingRow | None, hash_: str
) -> list[Finding]:
    """The findings that no standing approval of exactly this content answers."""
    if row is None:
        return list(findings)
    levels = {one.level for one in counting(made.case.approvals, row.id, hash_)}
    return [f for f in findings if f.code != NEEDS_APPROVAL or f.rule not in levels]


def staying(batch: Batch, made: Plan, row: PostingRow, *, same: bool) -> bool:
    """Whether what stopped its push still stands; such a hold is kept."""
    here = (row.route, row.seq)
    troubles = [
        h for h in made.case.holds if h.of_push and h.code != TOTALS and (h.route, h.seq) == here
    ]
    posted = row.state == PostingState.POSTED
    kept = [h for h in troubles if not may_retry(batch, h, same_content=same, posted=posted)]
    made.kept += kept
    return bool(kept)


def void(made: Plan, row: PostingRow, hash_: str, content: Mapping[str, Any]) -> None:
    """Approvals of another content of this posting no longer stand."""
    made.voided += of_another_content(made.case.approvals, row.id, row.number, hash_, content)


def bills_of(step: Step) -> list[list[str]] | None:
    """What a step bills: [line key, quantity], in the order of its document's lines."""
    billed = step.billed
    return [[key, number_text(quantity)] for key, quantity in billed.items()] if billed else None
