"""Show the checks before entry (status, party, item and unit, date, duplicates) of a record."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.orm import Session

from grammar.nodes import Ruleset
from grammar.text.problem import Span
from holding.db.models import Posting
from holding.platform.states import INACTIVE, OTHER_CURRENCY
from holding.records.checklist_and_finding import Ticked, build_checklist
from holding.records.record_rows import OpenHold
from holding.records.seven_answers import DocumentAnswers, answer_document
from holding.records.short_answers import rule_titles, shorten_answers
from holding.records.story import Case, load_case
from holding.records.trace import ruleset_of
from rules.decisions.verdict import ENDS
from rules.outcomes import Decision, Finding, Lineage, Outcome
from rules.values.cause_keys import CauseKind
from rules.values.wording import MISSING

_WORD = re.compile(r"\w+")
STATUS, PARTY, ITEMS = "Status is ready", "Customer matches one party", "Items and units mapped"
DATE, DUPLICATES = "Document date in an open period", "No duplicate found"
CHECK_NAMES = (STATUS, PARTY, ITEMS, DATE, DUPLICATES)
PASSED, FAILED, WAITING, NOT_ASKED = "passed", "failed", "waiting", "not asked"


class Schema(Protocol):
    """The names of two fields of the target document."""

    @property
    def party_field(self) -> str:
        """The customer or supplier."""
        ...

    @property
    def date_field(self) -> str:
        """The date of the document."""
        ...


@dataclass(frozen=True, slots=True)
class Check:
    """One check; `place` is FILE:LINE."""

    name: str
    state: str
    text: str
    place: str


def entry_checks(
    outcome: Outcome, route: str, schema: Schema, files: Mapping[str, str]
) -> tuple[Check, ...]:
    """Return the five checks for one route, in order."""
    decision = next((d for d in outcome.decisions if d.route == route), None)
    all_findings = decision.findings if decision else ()
    findings = tuple(f for f in all_findings if f.severity != "warn")  # a warning fails nothing
    return (
        _status(outcome, route, decision),
        _party(outcome, route, findings, schema, files),
        _items(outcome, route, findings),
        _date(outcome, route, findings, schema, files),
        _duplicates(outcome, route, findings),
    )


def _status(outcome: Outcome, route: str, decision: Decision | None) -> Check:
    name = STATUS
    gates = [v for v in outcome.verdicts if v.kind == "gate" and v.route in (route, "", "*")]
    if not gates:
        return Check(name, NOT_ASKED, "no gate", "")
    gate = next((v for v in gates if v.result != "pass"), gates[0])
    state = PASSED if gate.result == "pass" else FAILED
    if decision and decision.wait and decision.wait.kind == "gate":
        state = WAITING
    elif state == FAILED and decision and decision.state in ENDS.values():
        state = NOT_ASKED  # the rules leave it out, so there is nothing to correct
    word = outcome.status or outcome.status_word or "not recorded"
    return Check(name, state, word, _place(gate.span))


def _party(
    outcome: Outcome,
    route: str,
    findings: Iterable[Finding],
    schema: Schema,
    files: Mapping[str, str],
) -> Check:
    name = PARTY
    row = _lineage(outcome, route, schema.party_field)
    line = _assignment(files, schema.party_field)
    value = set(_WORD.findall(line.partition("=")[2]))
    for finding in findings:
        compared = set() if finding.error_class == "duplicate" else value
        about = set(_WORD.findall(_line(files, finding.span)))
        named = _names(finding) & set(_WORD.findall(line)) or (compared and compared <= about)
        if named and not finding.lines:
            return Check(name, FAILED, finding.message, _place(finding.span))
    if row is None or row.value in ("", MISSING):
        return Check(name, NOT_ASKED, outcome.party or "no document yet", _place_of(row))
    return Check(name, PASSED, row.value, _place(row.span))


def _items(outcome: Outcome, route: str, findings: Iterable[Finding]) -> Check:
    name = ITEMS
    wrong = [f for f in findings if f.error_class == "mapping_missing" and f.lines]
    wrong = [f for f in wrong if f.cause_key.kind is not CauseKind.LISTED]  # accounts, taxes
    wrong += [f for f in findings if f.cause_key.kind is CauseKind.UNIT and not f.lines]
    if wrong:
        more = f" and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        return Check(name, FAILED, f"{wrong[0].message}{more}", _place(wrong[0].span))
    units = [v for v in outcome.verdicts if v.kind == "units" and v.route in (route, "", "*")]
    bad = next((v for v in units if v.result != "pass"), None)
    if bad is not None:
        return Check(name, FAILED, bad.text or "a unit is not known", _place(bad.span))
    lines = [row for row in outcome.lineage if row.line is not None and row.route in (route, "")]
    if not lines:
        decision = next((d for d in outcome.decisions if d.route == route), None)
        planned = decision is not None and decision.document is not None
        none = "the document has no lines" if planned else "no document yet"
        return Check(name, NOT_ASKED, none, "")
    count = len({row.line for row in lines})
    place = _place(units[0].span if units else lines[0].span)
    return Check(name, PASSED, f"{count} {'line' if count == 1 else 'lines'}", place)


def _date(
    outcome: Outcome,
    route: str,
    findings: Iterable[Finding],
    schema: Schema,
    files: Mapping[str, str],
) -> Check:
    name = DATE
    row = _lineage(outcome, route, schema.date_field)
    field = _assignment(files, schema.date_field).partition("=")[2].strip()
    for finding in findings:
        about = _WORD.findall(_line(files, finding.span))
        dated = bool(field) and finding.error_class != "mapping_missing" and field in about
        if finding.error_class == "period_locked" or dated:
            return Check(name, FAILED, finding.message, _place(finding.span))
    if row is None or row.value in ("", MISSING):
        day = outcome.doc_date.isoformat() if outcome.doc_date else "no document yet"
        return Check(name, NOT_ASKED, day, _place_of(row))
    return Check(name, PASSED, row.value, _place(row.span))


def _duplicates(outcome: Outcome, route: str, findings: Iterable[Finding]) -> Check:
    name = DUPLICATES
    found = [v for v in outcome.verdicts if v.kind == "duplicates" and v.route in (route, "", "*")]
    for finding in findings:
        if finding.error_class == "duplicate":
            return Check(name, FAILED, finding.message, _place(finding.span))
    if not found:
        return Check(name, NOT_ASKED, "no duplicate rule", "")
    open_ = next((v for v in found if v.result == "unknown"), None)
    if open_ is not None:
        return Check(name, WAITING, open_.text or "could not be told", _place(open_.span))
    told = found[0].text or f"{len(found)} {'rule' if len(found) == 1 else 'rules'} passed"
    return Check(name, PASSED, told, _place(found[0].span))


def _names(finding: Finding) -> set[str]:
    """Return the tables and fields that a finding names."""
    key = finding.cause_key
    named = {CauseKind.MAPPING: key.table, CauseKind.FIELD: key.named}.get(key.kind)
    return {named} if named is not None else set()


def _assignment(files: Mapping[str, str], field: str) -> str:
    """Return the rule line that assigns a field of the document."""
    lines = (line.strip() for text in files.values() for line in text.split("\n"))
    found = (line for line in lines if line.partition("=")[0].strip() == field)
    return next(found, "")


def _lineage(outcome: Outcome, route: str, field: str) -> Lineage | None:
    rows = (r for r in outcome.lineage if r.field == field and r.line is None)
    return next((r for r in rows if r.route in (route, "")), None)


def _line(files: Mapping[str, str], span: Span) -> str:
    lines = files.get(span.file, "").split("\n")
    return lines[span.line - 1] if 0 < span.line <= len(lines) else ""


def _place(span: Span) -> str:
    return f"{span.file}:{span.line}" if span.file else ""


def _place_of(row: Lineage | None) -> str:
    return _place(row.span) if row else ""


@dataclass(frozen=True, slots=True)
class Card:
    """The contents of a record's page: checks, answers, warnings and checklist.

    `titles` has the kind and the name of each rule by its place.
    """

    checks: tuple[Check, ...] = ()
    documents: tuple[DocumentAnswers, ...] = ()
    told: tuple[str, ...] = ()
    ticks: tuple[Ticked, ...] = ()
    titles: Mapping[str, tuple[str, str]] = field(default_factory=dict)


def load_card(
    session: Session,
    record_id: int,
    posting_id: int | None,
    schema: Schema | None,
    holds: Sequence[OpenHold],
    *,
    lines: bool = True,
) -> Card:
    """Return the card of a record and one of its postings; `holds` are its open holds.

    The answers of the documents that reverse the posting follow its own. Without `lines` they name
    rules by title.
    """
    case = load_case(session, record_id, posting_id)
    if case is None:
        return Card()
    case = replace(case, lines=lines)
    ruleset = ruleset_of(session, case)
    own_holds = [hold for hold in holds if hold.posting_id in (None, posting_id)]
    strip = (
        entry_checks(case.outcome, case.route, schema, case.files)
        if case.outcome and schema
        else ()
    )
    messages = (
        h.message
        for h in holds
        if h.posting_id == posting_id and h.code in (INACTIVE, OTHER_CURRENCY)
    )
    strip = _taken_back(case, _status_since(case, _usable(strip, next(messages, ""))))
    return Card(
        strip,
        (_answer(case, ruleset), *_reversals(session, case)),
        _told(case.outcome),
        build_checklist(case, own_holds, ruleset),
        rule_titles(case),
    )


def _answer(case: Case, ruleset: Ruleset | None) -> DocumentAnswers:
    """Return the answers of a case's document, with the short ones."""
    return replace(answer_document(case, ruleset), short=shorten_answers(case, ruleset))


def _reversals(session: Session, case: Case) -> Iterator[DocumentAnswers]:
    """Yield the answers of the documents that reverse the case's document."""
    if case.posting is None:
        return
    reversers = select(Posting.id).where(Posting.reverses_id == case.posting.id)
    for posting_id in session.scalars(reversers.order_by(Posting.id)):
        if reversal := load_case(session, case.record.id, posting_id):
            yield _answer(replace(reversal, lines=case.lines), ruleset_of(session, reversal))


def _usable(strip: tuple[Check, ...], message: str) -> tuple[Check, ...]:
    """Return the checks with the party check failed if `message` is why the target refuses the
    party.
    """
    return tuple(
        replace(one, state=FAILED, text=message) if message and one.name == PARTY else one
        for one in strip
    )


def _status_since(case: Case, strip: tuple[Check, ...]) -> tuple[Check, ...]:
    """Add the source's current status to the status check of a sent document."""
    was, now = case.decided_status or "not recorded", case.status_since
    said = f"{was} when it was sent, {now} since"
    return tuple(replace(one, text=said) if now and one.name == STATUS else one for one in strip)


def _taken_back(case: Case, strip: tuple[Check, ...]) -> tuple[Check, ...]:
    """Mark the lines of a reversal as copied from the document that it reverses."""
    reverses = case.posting is not None and case.posting.reverses_id is not None
    words = "as in the document that it takes back"
    return tuple(
        replace(one, text=words) if reverses and one.name == ITEMS else one for one in strip
    )


def _told(outcome: Outcome | None) -> tuple[str, ...]:
    decisions = outcome.decisions if outcome else ()
    warnings = (f.message for d in decisions for f in d.findings if f.severity == "warn")
    return tuple(dict.fromkeys(warnings))
