"""Show the verdict of each rule of an evaluation, and the origin of each document value."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grammar.text.problem import Span
from holding.db.models import (
    Attempt,
    Evaluation,
    MappingEntry,
    Person,
    Posting,
    Push,
    RulesetVersion,
)
from holding.db.models.columns import AttemptState
from holding.programs import world
from holding.records.story import consts_of, is_constant, line_of, place, replayed
from holding.rulesets.publication import files_of
from rules.outcomes import (
    Finding,
    Lineage,
    Outcome,
    Use,
    Verdict,
    VerdictKind,
    VerdictResult,
    result_words,
)
from rules.values.cause_keys import CauseKind
from rules.values.wording import MISSING


class VerdictRow(NamedTuple):
    """One verdict beside its rule line; `deciding` = the line that the decision hangs on."""

    route: str
    rule: str
    kind: VerdictKind | CauseKind
    result: VerdictResult
    place: str
    text: str
    line: int | None
    operands: tuple[tuple[str, str], ...]
    message: str
    would_pass: str
    released: bool
    deciding: bool

    @property
    def said(self) -> str:
        """The result in words."""
        return result_words(self.kind, self.result)


@dataclass(frozen=True, slots=True)
class UsedEntry:
    """A mapping entry as it was when it was used."""

    entry_id: int
    table: str
    key: str
    value: str
    revision: int
    person: str
    at: datetime | None


class LineageRow(NamedTuple):
    """One value of a document: source, rule, entries, the planned and the sent value.

    `constant`: nothing of the record went into it, only words and consts of the rules. `span` is
    the place of the rule in the ruleset with the number `ruleset`, which made the document. `sent`
    is None while nothing was posted; `kept` is what the target said to keep instead.
    """

    of: Lineage
    field: str
    line: int | None
    constant: bool
    ruleset: int
    span: Span
    rule: str
    used: tuple[UsedEntry, ...]
    value: str
    sent: str | None
    kept: str | None

    @property
    def source(self) -> str:
        """What it was made of, for people."""
        return self.of.source

    @property
    def differs(self) -> bool:
        """Whether another value was sent than was planned."""
        return self.sent is not None and self.sent != self.value


def row_of_line(rows: Sequence[LineageRow], line: int | None) -> int | None:
    """Where the values of a document's line begin, or of the next that has any."""
    found = (at for at, row in enumerate(rows) if line and (row.line or 0) >= line)
    return next(found, None)


def line_with(rows: Iterable[LineageRow], text: str) -> int | None:
    """The first line of a document that has this text in a value, such as the code of its item."""
    wanted = text.casefold()
    found = (
        row.line
        for row in rows
        if wanted and row.line and wanted in f"{row.source} {row.value}".casefold()
    )
    return next(found, None)


def verdicts(session: Session, evaluation_id: int) -> tuple[VerdictRow, ...]:
    """Everything the rules said in one stored evaluation, replayed."""
    evaluation = session.get(Evaluation, evaluation_id)
    outcome = replayed(session, evaluation) if evaluation else None
    if evaluation is None or outcome is None:
        return ()
    files = files_of(session, evaluation.ruleset_version_id)
    deciding = {
        decision.route: _deciding(outcome, decision.route) for decision in outcome.decisions
    }
    written = cache(partial(line_of, files))
    rows = [
        _row(outcome, verdict, written, deciding=deciding.get(verdict.route) is verdict)
        for verdict in outcome.verdicts
    ]
    return (*_gaps(outcome, files), *rows)


def lineage(session: Session, posting_id: int) -> tuple[LineageRow, ...]:
    """Where each value of a posting comes from, with what was sent beside it."""
    found = _judged(session, posting_id)
    if found is None:
        return ()
    posting, pushed, evaluation, made_by, proof = found
    kept = {(one["line"] or None, one["field"]): one["value"] for one in json.loads(proof or "[]")}
    outcome = replayed(session, evaluation)
    if outcome is None:
        return ()
    files = files_of(session, evaluation.ruleset_version_id)
    consts = consts_of(world.program(session, evaluation.ruleset_version_id).ruleset)
    entries = _entries(session, {use for row in outcome.lineage for use in row.used})
    content = pushed.content if pushed else None
    mine, ruleset = {posting.route, ""}, made_by.no
    rules: dict[int, tuple[str, bool]] = {}  # the rows of a long document have few

    def row_of(row: Lineage) -> LineageRow:
        rule = rules.get(id(row.span)) or (line_of(files, row.span), is_constant(row, consts))
        text, constant = rules.setdefault(id(row.span), rule)
        return LineageRow(
            of=row,
            field=row.field,
            line=row.line,
            constant=constant and not row.used,
            ruleset=ruleset,
            span=row.span,
            rule=text,
            used=tuple([entries[use.entry_id] for use in row.used if use.entry_id in entries]),
            value=row.value,
            sent=_sent(content, row.field, row.line),
            kept=kept.get((row.line, row.field)),
        )

    return tuple([row_of(row) for row in outcome.lineage if row.route in mine])


def _deciding(outcome: Outcome, route: str) -> Verdict | None:
    """The first line that holds a route back; where nothing does, the gate that let it pass."""
    mine = [verdict for verdict in outcome.verdicts if verdict.route == route]
    finding = _first_finding(outcome, route)
    if finding is not None:
        return next((v for v in mine if _gave(v, finding)), None)
    waiting = next((d.wait for d in outcome.decisions if d.route == route), None)
    kinds = (waiting.kind,) if waiting is not None else ("gate",)
    by_kind = {"until": "timing", "for": "after"}
    wanted = {by_kind.get(kind, kind) for kind in kinds}
    found = [v for v in mine if v.kind in wanted]
    gates = [v for v in mine if v.kind == "gate"]
    return next(iter(found or gates or mine), None)


def _gave(verdict: Verdict, finding: Finding) -> bool:
    """Whether the finding came of this verdict."""
    return (
        verdict.result in {"hit", "unknown"}
        and not verdict.released
        and verdict.route == finding.route
        and verdict.rule == finding.rule
        and (not finding.lines or verdict.line is None or verdict.line in finding.lines)
    )


def _gaps(outcome: Outcome, files: Mapping[str, str]) -> list[VerdictRow]:
    """What is missing without a rule having said so: a mapping entry, a field, a fact."""
    rows = []
    for decision in outcome.decisions:
        first = _first_finding(outcome, decision.route)
        for finding in decision.findings:
            if any(_gave(verdict, finding) for verdict in outcome.verdicts):
                continue
            rows.append(
                VerdictRow(
                    route=finding.route,
                    rule=finding.rule,
                    kind=finding.cause_key.kind,
                    result="unknown",
                    place=place(finding.span),
                    text=line_of(files, finding.span),
                    line=finding.lines[0] if finding.lines else None,
                    operands=(),
                    message=finding.message,
                    would_pass=finding.would_pass,
                    released=False,
                    deciding=finding is first,
                )
            )
    return rows


def _first_finding(outcome: Outcome, route: str) -> Finding | None:
    ranks = {"reject": 0, "hold": 1, "approve": 2}
    found = [
        finding
        for decision in outcome.decisions
        if decision.route == route
        for finding in decision.findings
        if finding.severity in ranks
    ]
    return min(found, key=lambda finding: ranks[finding.severity], default=None)


def _row(
    outcome: Outcome, verdict: Verdict, written: Callable[[Span], str], *, deciding: bool
) -> VerdictRow:
    finding = _finding_of(outcome, verdict)
    return VerdictRow(
        route=verdict.route,
        rule=verdict.rule,
        kind=verdict.kind,
        result=verdict.result,
        place=place(verdict.span),
        text=written(verdict.span),
        line=verdict.line,
        operands=_operands(outcome, verdict),
        message=finding.message if finding else verdict.text,
        would_pass=finding.would_pass if finding else "",
        released=verdict.released,
        deciding=deciding,
    )


def _operands(outcome: Outcome, verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """What it looked at; a document's number, which no field holds, is told from the document."""
    if verdict.kind != "duplicates":
        return verdict.operands
    documents = {one.route: one.document for one in outcome.decisions}
    made = documents.get(verdict.route)
    told = {("document_number", MISSING): made.number if made else "not known yet"}
    return tuple((name, told.get((name, value), value)) for name, value in verdict.operands)


def _finding_of(outcome: Outcome, verdict: Verdict) -> Finding | None:
    """The finding that came of a verdict, if it is one that wants attention."""
    findings = (finding for decision in outcome.decisions for finding in decision.findings)
    return next((finding for finding in findings if _gave(verdict, finding)), None)


def _entries(session: Session, uses: set[Use]) -> dict[int, UsedEntry]:
    query = select(MappingEntry, Person.name).outerjoin(Person, Person.id == MappingEntry.person_id)
    found = session.execute(query.where(MappingEntry.id.in_({use.entry_id for use in uses})))
    rows = {row.MappingEntry.id: row for row in found}
    return {
        use.entry_id: UsedEntry(
            entry_id=use.entry_id,
            table=use.table,
            key=use.key,
            value=use.value,
            revision=rows[use.entry_id].MappingEntry.from_revision,
            person=rows[use.entry_id].name or "",
            at=rows[use.entry_id].MappingEntry.at,
        )
        for use in uses
        if use.entry_id in rows
    }


def _sent(content: Mapping[str, Any] | None, field: str, line: int | None) -> str | None:
    if content is None:
        return None
    lines = content.get("lines", []) if line else [content.get("fields", {})]
    at = (line or 1) - 1
    value = lines[at].get(field) if at < len(lines) else None
    return None if value is None else str(value)


def _judged(session: Session, posting_id: int) -> Any:
    """A posting, the push that got it there, its judging, the rules of that, and what the answer
    said to keep otherwise: a list of line, field and value, as JSON.
    """
    took = (Attempt.push_id == Push.id) & Attempt.state.in_(
        (AttemptState.ACCEPTED, AttemptState.EXISTING)
    )
    judged = func.coalesce(Push.evaluation_id, Posting.evaluation_id)
    query = (
        select(Posting, Push, Evaluation, RulesetVersion, Attempt.proof)
        .outerjoin(Push, Push.id == Posting.posted_push_id)
        .join(Evaluation, Evaluation.id == judged)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .outerjoin(Attempt, took)
        .where(Posting.id == posting_id)
    )
    return session.execute(query.limit(1)).first()
