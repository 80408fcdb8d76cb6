"""Show the verdict of each rule of an evaluation, and the origin of each document value."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from typing import Any, NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors import registry
from grammar.text.problem import Span
from holding.db.models import (
    Attempt,
    Connection,
    Evaluation,
    MappingEntry,
    Person,
    Posting,
    Push,
    RulesetVersion,
)
from holding.db.models.columns import AttemptState
from holding.programs import world
from holding.programs.replay import replay_for_page
from holding.records.story import consts_of, is_constant, line_of, rule_place
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
    """One verdict with its rule line; `deciding` marks the line that the decision depends on."""

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
    """One document value: its source, rule and entries, and the planned and sent values.

    `constant`: only words and constants of the rules were used. `span` is the rule's place in the
    rule version `ruleset`. `sent` is None before posting, and for a `compared` field, which the
    connector compares with the target's own value and never sends. `kept` is the value that the
    target kept instead.
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
    compared: bool = False

    @property
    def source(self) -> str:
        """The origin of the value, in words."""
        return self.of.source

    @property
    def differs(self) -> bool:
        """Whether the sent value differs from the planned one."""
        return self.sent is not None and self.sent != self.value


def row_of_line(rows: Sequence[LineageRow], line: int | None) -> int | None:
    """Return the index of the first value of a document line, or of the next line with values."""
    positions = (at for at, row in enumerate(rows) if line and (row.line or 0) >= line)
    return next(positions, None)


def line_with(rows: Iterable[LineageRow], text: str) -> int | None:
    """Return the first document line with this text in a value, such as an item code."""
    wanted = text.casefold()
    lines = (
        row.line
        for row in rows
        if wanted and row.line and wanted in f"{row.source} {row.value}".casefold()
    )
    return next(lines, None)


def verdict_rows(session: Session, evaluation_id: int) -> tuple[VerdictRow, ...]:
    """Replay a stored evaluation and return all its verdicts."""
    evaluation = session.get(Evaluation, evaluation_id)
    outcome = replay_for_page(session, evaluation.id) if evaluation else None
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


def lineage_rows(session: Session, posting_id: int) -> tuple[LineageRow, ...]:
    """Return the origin of each value of a posting, with the sent value."""
    found = _judged(session, posting_id)
    if found is None:
        return ()
    posting, pushed, evaluation, made_by, proof, connector = found
    kept = {(one["line"] or None, one["field"]): one["value"] for one in json.loads(proof or "[]")}
    outcome = replay_for_page(session, evaluation.id)
    if outcome is None:
        return ()
    files = files_of(session, evaluation.ruleset_version_id)
    consts = consts_of(world.program(session, evaluation.ruleset_version_id).ruleset)
    entries = _entries(session, {use for row in outcome.lineage for use in row.used})
    content = pushed.content if pushed else None
    routes, ruleset = {posting.route, ""}, made_by.no
    compared = compared_fields(connector, posting.doc_type)
    rules: dict[int, tuple[str, bool]] = {}  # the rows of a long document have few

    def row_of(row: Lineage) -> LineageRow:
        rule = rules.get(id(row.span)) or (line_of(files, row.span), is_constant(row, consts))
        text, constant = rules.setdefault(id(row.span), rule)
        only_compared = (row.line is not None, row.field) in compared
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
            sent=None if only_compared else _sent(content, row.field, row.line),
            kept=kept.get((row.line, row.field)),
            compared=only_compared,
        )

    return tuple([row_of(row) for row in outcome.lineage if row.route in routes])


def compared_fields(connector: str, document: str) -> set[tuple[bool, str]]:
    """Return (is of a line, field) of a document type for each field that is never sent."""
    schema = registry.document(connector, document)
    if schema is None:
        return set()
    header = (*schema.header, *schema.lines) if schema.one_row else schema.header
    parts = ((False, header), (True, schema.lines))
    return {(of_line, field.name) for of_line, part in parts for field in part if not field.sent}


def _deciding(outcome: Outcome, route: str) -> Verdict | None:
    """Return the first verdict that holds a route back; otherwise the gate that let it pass."""
    route_verdicts = [verdict for verdict in outcome.verdicts if verdict.route == route]
    finding = _first_finding(outcome, route)
    if finding is not None:
        return next((v for v in route_verdicts if _gave(v, finding)), None)
    waiting = next((d.wait for d in outcome.decisions if d.route == route), None)
    kinds = (waiting.kind,) if waiting is not None else ("gate",)
    by_kind = {"until": "timing", "for": "after"}
    verdict_kinds = {by_kind.get(kind, kind) for kind in kinds}
    matching = [v for v in route_verdicts if v.kind in verdict_kinds]
    gates = [v for v in route_verdicts if v.kind == "gate"]
    return next(iter(matching or gates or route_verdicts), None)


def _gave(verdict: Verdict, finding: Finding) -> bool:
    """Check whether the finding comes from this verdict."""
    return (
        verdict.result in {"hit", "unknown"}
        and not verdict.released
        and verdict.route == finding.route
        and verdict.rule == finding.rule
        and (not finding.lines or verdict.line is None or verdict.line in finding.lines)
    )


def _gaps(outcome: Outcome, files: Mapping[str, str]) -> list[VerdictRow]:
    """Return findings without a verdict: a missing mapping entry, field or fact."""
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
                    place=rule_place(finding.span),
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
    findings = [
        finding
        for decision in outcome.decisions
        if decision.route == route
        for finding in decision.findings
        if finding.severity in ranks
    ]
    return min(findings, key=lambda finding: ranks[finding.severity], default=None)


def _row(
    outcome: Outcome, verdict: Verdict, written: Callable[[Span], str], *, deciding: bool
) -> VerdictRow:
    finding = _finding_of(outcome, verdict)
    return VerdictRow(
        route=verdict.route,
        rule=verdict.rule,
        kind=verdict.kind,
        result=verdict.result,
        place=rule_place(verdict.span),
        text=written(verdict.span),
        line=verdict.line,
        operands=_operands(outcome, verdict),
        message=finding.message if finding else verdict.text,
        would_pass=finding.would_pass if finding else "",
        released=verdict.released,
        deciding=deciding,
    )


def _operands(outcome: Outcome, verdict: Verdict) -> tuple[tuple[str, str], ...]:
    """Return what a verdict compared; a document's own number is read from the document."""
    if verdict.kind != "duplicates":
        return verdict.operands
    documents = {one.route: one.document for one in outcome.decisions}
    document = documents.get(verdict.route)
    replaced = {("document_number", MISSING): document.number if document else "not known yet"}
    return tuple((name, replaced.get((name, value), value)) for name, value in verdict.operands)


def _finding_of(outcome: Outcome, verdict: Verdict) -> Finding | None:
    """Return the finding of a verdict, if there is one."""
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
    """Return a posting with its successful push, evaluation, rule version, the target's changed
    values and the connector.

    The changed values are a JSON list of line, field and value.
    """
    took = (Attempt.push_id == Push.id) & Attempt.state.in_(
        (AttemptState.ACCEPTED, AttemptState.EXISTING)
    )
    judged = func.coalesce(Push.evaluation_id, Posting.evaluation_id)
    query = (
        select(Posting, Push, Evaluation, RulesetVersion, Attempt.proof, Connection.connector)
        .outerjoin(Push, Push.id == Posting.posted_push_id)
        .join(Evaluation, Evaluation.id == judged)
        .join(Connection, Connection.id == Posting.connection_id)
        .join(RulesetVersion, RulesetVersion.id == Evaluation.ruleset_version_id)
        .outerjoin(Attempt, took)
        .where(Posting.id == posting_id)
    )
    return session.execute(query.limit(1)).first()
