"""A posting that is not sent yet, as it should stand: its columns, its due time, its approvals.

Here: pure values for one posting. Not here: which postings a decision makes (plan_postings.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any

from holding.judging.batch import Batch, PostingRow
from holding.judging.planned import Plan, Planned, Voided
from holding.judging.retry import may_retry
from holding.models.record import FINAL_STATES
from holding.posting_hash import posting_hash
from holding.types import to_minor
from rules.canonical import number_text, plain
from rules.gates import EARLY
from rules.outcome import NEEDS_APPROVAL, Decision, Document, Finding, Step


@dataclass
class Unsent:
    """One posting that is not sent yet."""

    batch: Batch
    made: Plan
    decision: Decision
    route: str
    seq: int
    row: PostingRow | None
    document: Document | None

    @cached_property
    def hash(self) -> str:
        """What an approval of it is bound to; empty while there is no document."""
        if self.document is None:
            return ""
        target = self.batch.targets[self.batch.routes[self.route].target]
        return posting_hash(target.id, target.company_there, self.document, "create")

    def after_trouble(self, row: PostingRow, state: str) -> str:
        """This state, unless pushing was stopped and nothing changed since that could help."""
        same = state == "ready" and row.hash == self.hash
        if not staying(self.batch, self.made, row, same=same):
            return state
        return row.state if row.state in {"failed", "held"} else "held"

    def planned(
        self,
        state: str,
        reason: str,
        *,
        bills: list[list[str]] | None = None,
        reverses: int | None = None,
    ) -> Planned:
        """The posting as it should stand."""
        route, content_hash_ = self.batch.routes[self.route], self.hash
        content = plain(self.document) if self.document is not None else None
        if content is not None and self.row is not None:
            void(self.made, self.row, content_hash_, content)
        return Planned(
            id=self.row.id if self.row else None,
            route=self.route,
            seq=self.seq,
            before=self.row.state if self.row else "",
            state=state,
            reason=reason,
            hash=content_hash_,
            content=content,
            bills=bills,
            reverses_id=reverses,
            connection_id=self.batch.targets[route.target].id,
            doc_type=route.document,
            finished_at=_finished(self.made, self.decision, self.row),
            due_at=self._due(route.timing, content_hash_) if state == "ready" else None,
            tries=self.row.tried(content_hash_) if self.row else 0,
            **self._shown(),
        )

    def open(self) -> Planned:
        """What remains to be billed, as a posting that waits for it; it has no money yet."""
        left = [[key, number_text(quantity)] for key, quantity in self.decision.open.items()]
        told = ", ".join(f"{quantity} of line {key}" for key, quantity in left)
        row = self.planned("waiting", f"still open: {told}", bills=left)
        return replace(row, amount=None, book=None, finished_at=None)

    def _due(self, timing: str, hash_: str) -> datetime | None:
        """Now, or never by itself for a daily route; one that waits to be tried keeps its time."""
        row = self.row
        unchanged = row is not None and row.state == "ready" and row.hash == hash_
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


def _finished(made: Plan, decision: Decision, row: PostingRow | None) -> datetime | None:
    """Since when the source has done its part: the status may go, and the route wants the record.

    What goes early, or a gate, a `when` or a bill with nothing to bill keeps back, is not finished.
    """
    verdicts = made.judged.outcome.verdicts if made.judged.outcome else ()
    kept_back = any(
        (v.kind == "gate" and (v.result != "pass" or v.text == EARLY))
        or (v.kind == "when" and v.result == "hit")
        for v in verdicts
        if v.route == decision.route
    )
    if kept_back or (decision.wait is not None and decision.wait.kind == "bill"):
        return None
    lasting = row is not None and row.state not in FINAL_STATES
    return row.finished_at or made.case.version_at if row and lasting else made.case.version_at


def not_approved(
    made: Plan, findings: Sequence[Finding], row: PostingRow | None, hash_: str
) -> list[Finding]:
    """The findings that no standing approval of exactly this content answers."""
    if row is None:
        return list(findings)
    standing = [one for one in made.case.approvals if one.posting_id == row.id]
    levels = {one.level for one in standing if one.hash == hash_}
    return [f for f in findings if f.code != NEEDS_APPROVAL or f.rule not in levels]


def staying(batch: Batch, made: Plan, row: PostingRow, *, same: bool) -> bool:
    """Whether what stopped its push still stands; such a hold is kept."""
    troubles = [
        h for h in made.case.holds if h.of_push and (h.route, h.seq) == (row.route, row.seq)
    ]
    posted = row.state == "posted"
    kept = [h for h in troubles if not may_retry(batch, h, same_content=same, posted=posted)]
    made.kept += kept
    return bool(kept)


def void(made: Plan, row: PostingRow, hash_: str, content: Mapping[str, Any]) -> None:
    """Approvals of another content of this posting no longer stand."""
    for approval in made.case.approvals:
        if approval.posting_id == row.id and approval.hash != hash_:
            fields = _differences(approval.content, content)
            made.voided.append(Voided(approval=approval, number=row.number, fields=fields))


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of fields that differ, those of a line with its place, `lines` when some came or
    went.
    """
    old, new = before.get("fields", {}), after["fields"]
    changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    if before.get("number") != after["number"]:
        changed.append("number")
    lines, others = before.get("lines", ()), after["lines"]
    for no, (line, other) in enumerate(zip(lines, others, strict=False), start=1):
        names = sorted({*line, *other})
        changed += [f"line {no} {name}" for name in names if line.get(name) != other.get(name)]
    if len(lines) != len(others):
        changed.append("lines")
    return tuple(changed) or ("connection",)


def bills_of(step: Step) -> list[list[str]] | None:
    """What a step bills: [line key, quantity], in the order of its document's lines."""
    return [[key, number_text(quantity)] for key, quantity in step.billed.items()] or None
