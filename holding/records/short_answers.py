"""Answer the seven questions in a word and at most nine more."""

from collections.abc import Callable, Mapping
from typing import Final

from grammar.nodes import Ruleset
from holding.approvals.consent import counts
from holding.db.refusal import listed, plural
from holding.platform.states import HOLD_LABELS
from holding.records.checklist_and_finding import INCOMPLETE
from holding.records.seven_answers import (
    Mark,
    ShortAnswer,
    answer_changed,
    base_version,
    conversions,
    count_fields,
    events_since,
    has_conflict,
    is_reversal,
    manual_twin,
    source_moment,
    unmatched_lines,
)
from holding.records.story import (
    NOT_RECORDED,
    Case,
    approver_name,
    content_hash,
    is_approval_undecided,
    rule_place,
)
from rules.outcomes import VerdictKind

Short = tuple[Mark, str, str]
"""Mark, tone and text."""

OK, WARN, BAD, IDLE, DOUBT = "ok", "warn", "bad", "idle", "doubt"

QUESTIONS: Final = (
    "Ready before posting?",
    "Approved?",
    "All fields filled?",
    "Units and items match?",
    "Changed after posting?",
    "A duplicate?",
    "Put on hold?",
)
_OF_OUTCOME: Final = frozenset({1, 2, 3, 4, 6})
"""The questions that nothing but the outcome of a check answers."""

KINDS: Final[Mapping[VerdictKind, str]] = {
    "gate": "Status before posting",
    "when": "Condition",
    "field": "Field",
    "check": "Check",
    "units": "Units",
    "rounding": "Rounding",
    "codes": "Known codes",
    "duplicates": "Duplicate check",
    "approve": "Approval",
    "timing": "Time of posting",
    "after": "Order of documents",
    "map": "Mapping",
    "change": "Change",
}
"""What a rule without a name is called on a page."""


def shorten_answers(case: Case, ruleset: Ruleset | None) -> tuple[ShortAnswer, ...]:
    """Return the seven short answers about a case, in order."""
    answers: tuple[Callable[[], Short], ...] = (
        lambda: _ready(case),
        lambda: _approved(case, ruleset),
        lambda: _filled(case, ruleset),
        lambda: _matched(case),
        lambda: _changed(case),
        lambda: _duplicate(case),
        lambda: _held(case),
    )
    return tuple(
        ShortAnswer(no, question, *(_without_outcome(case, no) or answer()))
        for no, (question, answer) in enumerate(zip(QUESTIONS, answers, strict=True), start=1)
    )


def rule_titles(case: Case) -> dict[str, tuple[str, str]]:
    """Return the kind and the name of each rule that gave a verdict, by FILE:LINE."""
    return {
        rule_place(v.span): (KINDS[v.kind], "" if v.rule == v.kind else v.rule)
        for v in case.verdicts
        if v.span.file
    }


def _without_outcome(case: Case, no: int) -> Short | None:
    """Return the answer to a question about an outcome that is not there."""
    if no not in _OF_OUTCOME or case.outcome is not None:
        return None
    if case.unknown_because:
        return Mark.UNKNOWN, DOUBT, "The check has no result."
    return Mark.NOT_YET, IDLE, "Not checked yet."


def _ready(case: Case) -> Short:
    status, source = case.decided_status.replace("_", " "), case.source.name
    if not status:
        return Mark.UNKNOWN, DOUBT, f"{source} gave no status."
    if case.status_since:
        now = case.status_since.replace("_", " ")
        return Mark.YES, WARN, f"Status {status} when sent, {now} since."
    wait = case.decision.wait if case.decision else None
    if wait is not None and wait.kind == "gate":
        return Mark.NOT_YET, IDLE, f"Status {status} in {source}."
    gates = [v for v in case.verdicts if v.kind == "gate" and v.result != "not_applicable"]
    if any(v.result != "pass" for v in gates):
        return Mark.NO, IDLE if case.over else WARN, f"Status {status} in {source}."
    moment = source_moment(case, case.version) if case.version else NOT_RECORDED
    if moment == NOT_RECORDED:
        return Mark.YES, OK, f"Status {status} in {source}."
    return Mark.YES, OK, f"Status {status} in {source}, {moment}."


def _approved(case: Case, ruleset: Ruleset | None) -> Short:
    approvals = [a for a in case.approvals if counts(a, content_hash(case))]
    verdicts = [v for v in case.verdicts if v.kind == "approve"]
    if approvals:
        names = listed(list(dict.fromkeys(approver_name(case, a) for a in approvals)))
        levels = {a.level for a in approvals}
        missing = {v.rule for v in verdicts if v.result != "pass" and v.rule not in levels}
        if missing:
            tone = BAD if case.sent_at else WARN
            return Mark.NOT_YET, tone, f"{names}; {plural(len(missing), 'more approval')} needed."
        return Mark.YES, OK, f"{names}, {case.when(approvals[-1].at)}."
    if any(v.result in {"hit", "unknown"} for v in verdicts):
        if case.sent_at:
            return Mark.UNKNOWN, DOUBT, "A rule requires it; no approver is recorded."
        return Mark.NOT_YET, WARN, "A rule requires it."
    if not verdicts and is_approval_undecided(case, ruleset):
        if case.over:
            return Mark.NOT_NEEDED, IDLE, "It is not posted."
        return Mark.NOT_YET, IDLE, "Decided once nothing is missing."
    return Mark.NOT_NEEDED, IDLE, "No rule requires it."


def _filled(case: Case, ruleset: Ruleset | None) -> Short:
    if is_reversal(case):
        return Mark.YES, OK, "As in the document that it reverses."
    if case.sent_at is None:
        findings = case.decision.findings if case.decision else ()
        gaps = [f for f in findings if f.error_class in INCOMPLETE and f.severity != "warn"]
        if gaps:
            return Mark.NO, WARN, f"{plural(len(gaps), 'value is', 'values are')} missing or wrong."
    count = count_fields(case, ruleset)
    if count is None:
        if case.over:
            return Mark.NOT_NEEDED, IDLE, "It is not posted."
        return Mark.NOT_YET, IDLE, "No document yet."
    text = f"{count.used} of {count.all}, {count.by_table} through mapping tables."
    return (Mark.YES, OK, text) if count.whole else (Mark.NO, BAD, text)


def _matched(case: Case) -> Short:
    if is_reversal(case):
        return Mark.YES, OK, "As in the document that it reverses."
    body = (case.version.body if case.version else None) or {}
    if not body.get("lines"):
        return Mark.NOT_NEEDED, IDLE, "It has no items."
    unmatched = {line for finding in unmatched_lines(case) for line in finding.lines}
    if unmatched:
        return Mark.NO, WARN, f"{plural(len(unmatched), 'line does', 'lines do')} not match."
    proved = conversions(case)
    if not proved:
        if case.decision is None or case.decision.document is None:
            return Mark.NOT_YET, IDLE, "No document yet."
        return Mark.UNKNOWN, DOUBT, "The rules use no items or units."
    conversion, others = proved[0][1], len(proved) - 1
    if others:
        return Mark.YES, OK, f"{conversion}; {plural(others, 'more line')}."
    return Mark.YES, OK, f"{conversion}."


def _changed(case: Case) -> Short:
    base = base_version(case)
    if base is None:
        if case.over:
            return Mark.NOT_NEEDED, IDLE, "It is not posted."
        return Mark.NOT_YET, IDLE, "It is not posted."
    _, tone, _ = answer_changed(case)
    changes = [item for item in events_since(case, base) if item.changes]
    if changes:
        word = plural(len(changes), "change")
        mark_tone = BAD if tone == "bad" else WARN
        return Mark.YES, mark_tone, f"{word} since version {base.no} was sent."
    if tone == "bad":
        name = (case.target or case.source).name
        return Mark.NO, WARN, f"{name} stored it otherwise."
    return Mark.NO, OK, f"Version {base.no} is the latest version."


def _duplicate(case: Case) -> Short:
    verdicts = [v for v in case.verdicts if v.kind == "duplicates"]
    if has_conflict(case) or any(v.result == "hit" and not v.released for v in verdicts):
        return Mark.YES, WARN, "Another record or document is like it."
    if manual_twin(case) is not None:
        return Mark.YES, WARN, "One like it was made by hand."
    if any(v.result == "unknown" for v in verdicts):
        return Mark.UNKNOWN, DOUBT, "Not decided yet."
    if not verdicts:
        return Mark.UNKNOWN, DOUBT, "No duplicate rule was in force."
    if any(v.released for v in verdicts):
        return Mark.NO, WARN, "A person released it as none."
    return Mark.NO, OK, "No other record or document is like it."


def _held(case: Case) -> Short:
    if not case.holds:
        return Mark.NO, IDLE, "It was never on hold."
    still_open = [held.hold for held in case.holds if held.hold.closed_at is None]
    if still_open:
        since = case.when(still_open[0].opened_at)
        return Mark.YES, WARN, f"Still open, since {since}."
    closed = [(held.hold.closed_at, held) for held in case.holds if held.hold.closed_at]
    at, last = max(closed, key=lambda pair: pair[0])
    label = HOLD_LABELS[last.hold.state]
    if last.closed_by:
        return Mark.YES, OK, f"{label} by {last.closed_by}, {case.when(at)}."
    return Mark.YES, OK, f"{label}, {case.when(at)}."
