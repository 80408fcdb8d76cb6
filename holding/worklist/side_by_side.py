"""Compare two contents value by value: ours and the target's, or source and document."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.contract import Stands
from holding.access.actors import MASK
from holding.db.models import Evaluation, Posting, Push, Reading
from holding.intake.open_fields import flatten
from holding.platform.states import OF_READING
from holding.posting.holds import MANUAL, UNDER_OUR_NUMBER
from holding.posting.push import conflicted_push
from holding.programs.replay import replay_for_page
from holding.programs.world import program
from holding.reconciliation import manual_entries
from holding.worklist.hold_detail import HoldRow
from rules.decisions.posted_documents import TARGET_EDIT_RULE as TARGET_EDITED
from rules.decisions.posted_documents import is_same_value, sum_of_lines
from rules.facts import LINES
from rules.outcomes import HIT, UNKNOWN, Finding, Lineage, Outcome
from rules.values.cause_keys import CauseKey, CauseKind
from rules.values.wording import MISSING, readable_name

_FIELD = re.compile(r"[a-z_][a-z0-9_.]*")


class Pair(NamedTuple):
    """One source value and the target field that receives it; without a field it is not sent.

    `line` is the document line; `entry` the mapping table and key behind the value.
    """

    path: str
    value: str | None
    field: str
    sent: str | None
    how: str
    hit: bool
    taken: bool = True  # whether it is known into which field it goes
    line: int | None = None
    entry: tuple[str, str] | None = None
    decides: bool = False  # the rule that placed the hold compared it


def pairs_of(session: Session, hold: HoldRow, hidden: Collection[str]) -> tuple[Pair, ...]:
    """Return the pairs for a hold's route: those with a finding, compared by its rule, others, not
    sent.
    """
    outcome = replay_for_page(session, hold.evaluation_id) if hold.evaluation_id else None
    pairs = _of_outcome(outcome, hold) if outcome else []
    if hold.refused or hold.unlisted:
        pairs = [
            pair._replace(hit=pair.hit or is_named_in(hold.message, pair.sent)) for pair in pairs
        ]
    worked_out = any(pair.sent is not None for pair in pairs)
    used_paths = {pair.path for pair in pairs}
    head = {key: value for key, value in (hold.body or {}).items() if not isinstance(value, list)}
    unused_pairs = [
        Pair(path, value, "", None, "", hit=False, taken=worked_out)
        for path, value in flatten(head)
        if path not in used_paths and "[" not in path
    ]
    compared = _compared(outcome, hold) if outcome else frozenset()
    decided_pairs = (
        pair._replace(decides=_decides(pair, compared)) for pair in (*pairs, *unused_pairs)
    )
    sorted_pairs = sorted(
        decided_pairs, key=lambda pair: (not pair.hit, not pair.decides, not pair.field)
    )
    return tuple(mask_pair(pair, hidden) for pair in sorted_pairs)


def mask_pair(pair: Pair, hidden: Collection[str]) -> Pair:
    """Return the pair, masked if its field is hidden."""
    if pair.path not in hidden and pair.field not in hidden:
        return pair
    sent = MASK if pair.sent else pair.sent
    return pair._replace(value=MASK if pair.value else None, sent=sent, entry=None)


def is_named_in(words: str, value: str | None) -> bool:
    """Check whether a target's message contains this value as a word.

    A number alone does not count, because it may be a line number.
    """
    if not value or not any(map(str.isalpha, value)) or len(value) < 2:
        return False
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", words) is not None


def _of_outcome(outcome: Outcome, hold: HoldRow) -> list[Pair]:
    findings = [f for d in outcome.decisions if d.route == hold.route for f in d.findings]
    rows = [row for row in outcome.lineage if row.route in (hold.route, "")]
    if rows:
        return [pair_of(row, findings) for row in rows]
    pairs_by_finding = [_of_finding(finding, hold.body or {}) for finding in findings]
    return [pair for pairs in pairs_by_finding for pair in pairs]


def _compared(outcome: Outcome, hold: HoldRow) -> frozenset[tuple[str, int | None]]:
    """Return what the hold's rule compared, with lines; nothing for an approval."""
    routes = () if hold.approval or hold.of_push else (hold.route, "", "*")
    verdicts_of_rule = [
        verdict
        for verdict in outcome.verdicts
        if verdict.rule == hold.rule and verdict.route in routes
    ]
    return frozenset(
        (name, verdict.line if name.startswith("line.") else None)
        for verdict in verdicts_of_rule
        if verdict.result in (HIT, UNKNOWN) and not verdict.released
        for name, _ in verdict.operands
    )


def _decides(pair: Pair, compared: frozenset[tuple[str, int | None]]) -> bool:
    return (pair.path, pair.line) in compared or (pair.field, pair.line) in compared


def _of_finding(finding: Finding, body: dict[str, Any]) -> list[Pair]:
    """Return the values that a finding names, if no document could be made."""
    cause = finding.cause_key
    values = dict(flatten(body))
    if cause.kind is CauseKind.FIELD:
        path = cause.named
        return [Pair(path, values.get(path), path, None, finding.message, hit=True)]
    if cause.kind is CauseKind.STATUS:
        status_paths = [path for path, value in values.items() if value.strip() == cause.named]
        return [Pair(path, cause.named, path, None, "", hit=True) for path in status_paths]
    if cause.table is None:
        return []
    key, table = _lacking(cause), cause.table
    paths = [path for path, value in values.items() if value == key]
    return [Pair(path, key, table, None, finding.message, hit=True) for path in paths]


def _lacking(cause: CauseKey) -> str:
    """Return the value without an entry; for a conversion the unit."""
    return cause.unit_and_item[0] if cause.kind is CauseKind.UNIT else cause.entry


def pair_of(row: Lineage, findings: Iterable[Finding]) -> Pair:
    """Return the value that a document field was made from."""
    path, value = _operand(row)
    finding = _finding(row, path, findings)
    used = ", ".join(f"{readable_name(use.table)}: {use.key} → {use.value}" for use in row.used)
    return Pair(
        path=path,
        value=value or None,
        field=row.field,
        sent=None if row.value in ("", MISSING) else row.value,
        how=finding.message if finding else used,
        hit=finding is not None,
        line=row.line,
        entry=(row.used[0].table, row.used[0].key) if row.used else None,
    )


def _finding(row: Lineage, path: str, findings: Iterable[Finding]) -> Finding | None:
    """Return the finding about this value: its key or field, in this line."""
    for finding in findings:
        same_line = _meets(row.line, finding.lines)
        cause, lacks = finding.cause_key, row.value in ("", MISSING)
        key = _lacking(cause) if cause.table is not None and lacks else ""
        if same_line and key and key in [value for _, value in row.reads]:
            return finding
        if same_line and cause == CauseKey(CauseKind.FIELD, path):
            return finding
    return None


def _operand(row: Lineage) -> tuple[str, str]:
    """Return the record's own field among the operands, as in `customer = C-77`."""
    plain = (operand for operand in row.reads if _FIELD.fullmatch(operand[0]))
    return next(plain, row.reads[0] if row.reads else (row.source, ""))


def _meets(line: int | None, lines: Collection[int]) -> bool:
    return line in lines if line is not None and lines else line is None or not lines


Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One value in ours and in each document in the target.

    `differs`: at least one document is different; `whose` means that it may be.
    """

    name: str
    ours: str
    theirs: tuple[str, ...]
    differs: bool
    whose: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """Our document (`sent`: it was sent), and the documents that a lookup at a time returned from
    the target.
    """

    sent: bool
    at: datetime
    numbers: tuple[str, ...]
    rows: tuple[Row, ...]
    linkable: bool


def load_beside(session: Session, hold: HoldRow, hidden: Collection[str]) -> Beside | None:
    """Return what a hold shows beside our document, or None for another kind of hold."""
    if hold.code == MANUAL:
        comparison = _typed(session, hold)
    elif hold.code in UNDER_OUR_NUMBER:
        comparison = _under_our_number(session, hold)
    elif (hold.rule == TARGET_EDITED or hold.code in OF_READING) and hold.posting_id is not None:
        comparison = _changed(session, hold.posting_id)
    else:
        return None
    return None if comparison is None else _masked(comparison, hidden)


def _typed(session: Session, hold: HoldRow) -> Beside | None:
    """Return the documents found before ours was created."""
    found_entries = manual_entries.found_documents(session, hold.posting_id)
    if found_entries is None or not found_entries[1] or hold.content is None:
        return None  # where nothing is named there, the hold says why
    at, documents = found_entries
    own_values = _values(hold.content["fields"], hold.content["lines"])
    target_values = [_of_stands(document) for document in documents]
    names = [name for name in own_values if any(name in values for values in target_values)]
    rows = [
        _row(name, own_values[name], [values.get(name, "") for values in target_values])
        for name in names
    ]
    numbers = tuple(document.number for document in documents)
    return Beside(sent=False, at=at, numbers=numbers, rows=_sorted(rows), linkable=hold.open)


def _under_our_number(session: Session, hold: HoldRow) -> Beside | None:
    """Return the target's document with our number, as far as the target reports it."""
    target_document = manual_entries.document_under_our_number(session, hold.posting_id)
    push = conflicted_push(session, hold.posting_id or 0)
    if target_document is None or push is None:
        return None
    own_values, target_values = (
        _values(push.content["fields"], push.content["lines"]),
        _of_stands(target_document),
    )
    rows = [
        _row(name, own_values[name], [target_values[name]])
        for name in own_values
        if name in target_values
    ]
    return Beside(
        sent=False,
        at=push.closed_at or hold.opened_at,
        numbers=(target_document.number,),
        rows=_sorted(rows),
        linkable=hold.open,
    )


def _changed(session: Session, posting_id: int) -> Beside | None:
    """Return the last reading of a sent document."""
    query = (
        select(
            Posting.number,
            Posting.route,
            Evaluation.ruleset_version_id,
            Push.content,
            Reading.at,
            Reading.body.label("seen"),
        )
        .join(Push, Push.id == Posting.posted_push_id)
        .join(Evaluation, Evaluation.id == Posting.evaluation_id)
        .join(Reading, Reading.id == Posting.reading_id)
        .where(Posting.id == posting_id)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    body = row.seen
    routes = program(session, row.ruleset_version_id).routes
    target_fields = {name for route in routes if route.name == row.route for name in route.theirs}
    content = row.content
    own_values = _values(content["fields"], content["lines"])
    rows = []
    for line, field, value in body["differs"]:
        name = _name(line, field)
        sent = own_values[name] if name in own_values else sent_sum(content, line, field)
        rows.append(_row(name, sent, [value], whose="theirs" if name in target_fields else ""))
    if body["void"] or body["found"] == "absent":
        target_state = "void" if body["void"] else "not there"
        rows = [Row("document", "posted", (target_state,), differs=True)]
    return (
        Beside(sent=True, at=row.at, numbers=(row.number,), rows=_sorted(rows), linkable=False)
        if rows
        else None
    )


def sent_sum(content: Mapping[str, Any], line: int, field: str) -> str:
    """Return the number of a sent document's lines, or their sum in a field.

    Blank for a value that was not sent.
    """
    if line:
        return ""
    if field in ("", LINES):
        return str(len(content["lines"]))
    total = sum_of_lines(content["lines"], field)
    return "" if total == MISSING else total


def _of_stands(document: Stands) -> dict[str, str]:
    return _values(document.fields, document.lines)


def _values(fields: Values, lines: Iterable[Values]) -> dict[str, str]:
    values_by_name = dict(fields)
    for no, line in enumerate(lines, start=1):
        values_by_name |= {_name(no, name): value for name, value in line.items()}
    return values_by_name


def _name(line: int, field: str) -> str:
    return f"line {line} {field}" if line else field or "lines"


def _row(name: str, own_value: str, target_values: list[str], whose: str = "") -> Row:
    differs = not whose and any(not is_same_value(own_value, value) for value in target_values)
    return Row(name, own_value, tuple(target_values), differs=differs, whose=whose)


def _sorted(rows: list[Row]) -> tuple[Row, ...]:
    """Return the rows with differences first."""
    return tuple(sorted(rows, key=lambda row: not row.differs))


def _masked(comparison: Beside, hidden: Collection[str]) -> Beside:
    rows = [
        replace(row, ours=MASK, theirs=tuple(MASK for _ in row.theirs))
        if row.name in hidden
        else row
        for row in comparison.rows
    ]
    return replace(comparison, rows=tuple(rows))
