"""The seven questions about one record, answered from stored rows.

Here: one function a question. Not here: loading (`story.py`), the timeline (`trace.py`). "Not
recorded" is said only where the source gave nothing.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from connectors.contract.errors import class_label
from grammar.nodes import Ruleset
from holding.db.models import Version
from holding.db.refusal import listed, plural
from holding.platform.states import HOLD_LABELS
from holding.records.approval_answer import approved
from holding.records.change_answer import changed
from holding.records.duplicate_answer import duplicates
from holding.records.story import (
    NOT_RECORDED,
    Case,
    Proof,
    consts_of,
    is_constant,
    rule_proof,
)
from holding.records.story_holds import Changed, HeldBy
from rules.outcomes.outcome import Verdict
from rules.values.cause_keys import CauseKind
from rules.values.names import term
from rules.values.posting_states import in_sentence


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; tone is good, bad or plain."""

    no: int
    question: str
    text: str
    tone: str
    proofs: tuple[Proof, ...]


Told = tuple[str, str, list[Proof]]


def answers(case: Case, ruleset: Ruleset | None) -> tuple[Answer, ...]:
    """All seven, in order."""
    target = case.target.name if case.target else "the accounting system"
    asked: tuple[tuple[str, Callable[[], Told]], ...] = (
        ("What was its status before posting?", lambda: _status(case)),
        ("Who approved it?", lambda: approved(case, ruleset)),
        (f"Which fields were mapped to {target}?", lambda: _mapped(case, ruleset)),
        ("Did the units of measure and item set-up match?", lambda: _units(case)),
        ("Was it changed after posting?", lambda: changed(case)),
        ("Was a duplicate check in force?", lambda: duplicates(case, ruleset)),
        ("Was it put on hold?", lambda: _caught(case)),
    )
    told = [(question, *answer()) for question, answer in asked]
    return tuple(
        Answer(no, question, text, tone, tuple(proofs))
        for no, (question, text, tone, proofs) in enumerate(told, start=1)
    )


def source_moment(case: Case, version: Version) -> str:
    """When the source says that it wrote this content."""
    if not version.stamp:
        return NOT_RECORDED
    try:
        moment = datetime.fromisoformat(version.stamp)
    except ValueError:
        return version.stamp
    return case.when(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _status(case: Case) -> Told:
    version = case.version
    if version is None or case.outcome is None:
        return "It was not checked yet.", "plain", []
    word, status = case.outcome.status_word, case.decided_status
    wrote = f" (the source wrote “{word}”)" if word and word != status else ""
    moment = source_moment(case, version) if version.stamp else "not recorded"
    unsent = "It is not posted." if case.over else "Not posted yet."
    proofs = [Proof("version", str(version.no), f"version {version.no}")]
    if version.delivery_id:
        delivery = str(version.delivery_id)
        proofs.append(Proof("delivery", delivery, f"delivery {delivery}"))
    gates = [v for v in case.verdicts if v.kind == "gate" and v.result != "not_applicable"]
    proofs += [rule_proof(case.files, gate.span) for gate in gates]
    text = f"{status}{wrote}, version {version.no}, source time {moment}."
    if not status:
        text = f"Status not recorded, version {version.no}, source time {moment}."
    if case.sent_at:
        return text, "good", proofs
    return " ".join([text, unsent]), "plain", proofs


def _mapped(case: Case, ruleset: Ruleset | None) -> Told:
    decision = case.decision
    document = decision.document if decision else None
    if case.posting is not None and case.posting.reverses_id is not None and case.last_sent:
        words = "All from the document that it takes back, except for what the rules set again."
        return words, "good", [Proof("lineage", str(case.posting.id), "lineage")]
    if document is None or case.posting is None:
        none = "No document was created."
        return none if case.over else "No document has been created yet.", "plain", []
    sent = case.last_sent.push.content if case.last_sent else (case.posting.content or {})
    fields: Mapping[str, str] = sent.get("fields", document.fields)
    lines = sent.get("lines", document.lines)
    rows = {(row.field, row.line): row for row in case.lineage}
    used = [
        row for (field, line), row in rows.items() if _at(fields, lines, field, line) == row.value
    ]
    count = len(fields) + sum(map(len, lines))
    by_table = sum(1 for row in used if row.used)
    consts = consts_of(ruleset)
    constant = sum(1 for row in used if not row.used and is_constant(row, consts))
    text = (
        f"{len(used)} of {count} fields: {by_table} through mapping tables, "
        f"{plural(constant, 'constant')}."
    )
    tables = sorted({use.table for row in used for use in row.used})
    proofs = [Proof("lineage", str(case.posting.id), "lineage")]
    proofs += [Proof("table", table, f"table {table}") for table in tables]
    return text, "good" if len(used) == count else "bad", proofs


def _at(
    fields: Mapping[str, str], lines: Sequence[Mapping[str, str]], field: str, line: int | None
) -> str | None:
    """What was sent in a field of the document, or of one of its lines."""
    if line is None:
        return fields.get(field)
    return lines[line - 1].get(field) if 0 < line <= len(lines) else None


def _units(case: Case) -> Told:
    if case.posting is not None and case.posting.reverses_id is not None:
        return "As in the document that it takes back.", "good", []
    body = (case.version.body if case.version else None) or {}
    if not body.get("lines"):
        return "Not applicable: this record has no items.", "plain", []
    found = [v for v in case.verdicts if v.kind == "units"]
    spans = {(v.span.file, v.span.line): v.span for v in found}
    proofs = [rule_proof(case.files, span) for span in spans.values()]
    missing = [
        f"line {listed([str(line) for line in finding.lines])}: {finding.message}"
        for finding in (case.decision.findings if case.decision else ())
        if finding.lines and finding.error_class == "mapping_missing"
        if finding.cause_key.kind is not CauseKind.LISTED
    ]
    if missing:
        return f"No: {' '.join(missing)}", "bad", [*proofs, *_entry_proofs(case)]
    told = "; ".join(f"line {v.line}: {_proof_of(v)}" for v in found if _proof_of(v))
    if not told:
        return "The rules use no items or units for this record.", "bad", proofs
    return f"Yes: {told}.", "good", [*proofs, *_entry_proofs(case)]


def _proof_of(verdict: Verdict) -> str:
    """The conversion that a units verdict was reckoned with: `2 CTN × 40 = 80 PCS`."""
    return next((value for name, value in verdict.operands if name == "conversion"), "")


def _entry_proofs(case: Case) -> list[Proof]:
    """The entries behind units and items of the posting's lines."""
    uses = {use for row in case.lineage if row.line is not None for use in row.used}
    return [
        Proof("entry", str(use.entry_id), f"{use.table}(“{use.key}”) = {use.value}")
        for use in sorted(uses, key=lambda use: (use.table, use.key))
    ]


def _caught(case: Case) -> Told:
    if not case.holds:
        return "No. It was never put on hold.", "bad", []
    said = Counter(_hold_words(case, held) for held in case.holds)
    told = "; ".join(f"{one} ({n} holds)" if n > 1 else one for one, n in said.items())
    proofs = [Proof("hold", str(held.hold.id), f"hold {held.hold.id}") for held in case.holds]
    return f"Yes: {told}.", "good", proofs


def _cleared(case: Case, change: Changed) -> str:
    """What was changed, when, and why."""
    when = f"{case.when(change.at)} (revision {change.no})"
    if change.kind == "rules":
        return f"published {change.what} {when}"
    return f"mapped {change.what} {when}, {change.reason or NOT_RECORDED}"


def _hold_words(case: Case, held: HeldBy) -> str:
    hold = held.hold
    owner = held.person or held.team or ""
    label = class_label(hold.error_class, hold.code == "APP01")
    rule = term(hold.rule) if hold.rule else hold.code
    owned = f"owner {owner}" if owner else "no owner"
    opened = f"{label} ({rule}), opened {case.when(hold.opened_at)}"
    if hold.closed_at is None:
        return f"{opened}, {owned}, still open"
    by = f" by {held.closed_by}" if held.closed_by else ""
    told = _cleared(case, held.change) if held.change else hold.closed_why
    why = f": {told}" if told else ""
    state = in_sentence(HOLD_LABELS[hold.state])
    return f"{opened}, {owned}, {state} {case.when(hold.closed_at)}{by}{why}"
