"""Source values beside what will be sent, as the split view shows them.

Here: pairing the lineage of one evaluation with its findings, those with a finding first. Not here:
the lineage as evidence (holding/trace.py).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session

from holding.entries import missing_in
from holding.evaluation import replay
from holding.queries.compare import flat
from holding.queries.hold import HoldRow
from holding.queries.personal import MASK, PERSONAL, PERSONAL_FIELDS
from rules.outcome import Finding, Lineage, Outcome
from rules.words import MISSING

_FIELD = re.compile(r"[a-z_][a-z0-9_.]*")


@dataclass(frozen=True, slots=True)
class Pair:
    """One source value and the target field it goes into; without a field it is not sent."""

    path: str
    value: str | None
    field: str
    sent: str | None
    how: str
    hit: bool
    taken: bool = True  # whether it is known into which field it goes


def of(session: Session, hold: HoldRow, *, show_personal: bool) -> tuple[Pair, ...]:
    """The pairs of a hold's route, those with a finding first, what is not sent last."""
    outcome = replay(session, hold.evaluation_id) if hold.evaluation_id else None
    pairs = _of_outcome(outcome, hold) if outcome else []
    worked_out = any(pair.sent is not None for pair in pairs)
    taken = {pair.path for pair in pairs}
    rest = [
        Pair(path, value, "", None, "", hit=False, taken=worked_out)
        for path, value in flat(hold.body or {})
        if path not in taken and "[" not in path
    ]
    shown = sorted(pairs, key=lambda pair: not pair.hit) + rest
    return tuple(shown if show_personal else map(masked, shown))


def masked(pair: Pair) -> Pair:
    """The pair without personal data."""
    if pair.path not in PERSONAL and pair.field not in PERSONAL_FIELDS:
        return pair
    sent = MASK if pair.sent else pair.sent
    return replace(pair, value=MASK if pair.value else None, sent=sent)


def _of_outcome(outcome: Outcome, hold: HoldRow) -> list[Pair]:
    findings = [f for d in outcome.decisions if d.route == hold.route for f in d.findings]
    rows = [row for row in outcome.lineage if row.route in (hold.route, "")]
    if rows:
        return [_pair(row, findings) for row in rows]
    found = [_of_finding(finding, hold.body or {}) for finding in findings]
    return [pair for pairs in found for pair in pairs]


def _of_finding(finding: Finding, body: dict[str, Any]) -> list[Pair]:
    """The values that a finding speaks of, where no document could be worked out."""
    kind, _, rest = finding.cause_key.partition(":")
    table, _, key = rest.partition(":")
    if kind == "unit":
        table, key = "units", rest.partition("|")[0]
    values = dict(flat(body))
    if kind == "field":
        return [Pair(rest, values.get(rest), rest, None, finding.message, hit=True)]
    if kind not in ("mapping", "unit"):
        return []
    paths = [path for path, value in values.items() if value == key]
    return [Pair(path, key, table, None, finding.message, hit=True) for path in paths]


def _pair(row: Lineage, findings: Iterable[Finding]) -> Pair:
    path, value = _operand(row.source)
    where = f" line {row.line}" if row.line is not None else ""
    finding = _finding(row, path, findings)
    used = ", ".join(f"{use.table}: {use.key} → {use.value}" for use in row.used)
    return Pair(
        path=f"{path}{where}",
        value=value or None,
        field=f"{row.field}{where}",
        sent=None if row.value in ("", MISSING) else row.value,
        how=finding.message if finding else used,
        hit=finding is not None,
    )


def _finding(row: Lineage, path: str, findings: Iterable[Finding]) -> Finding | None:
    """The finding that speaks of this very value: its key, or its field, on the same line."""
    for finding in findings:
        same_line = _meets(row.line, finding.lines)
        key = finding.cause_key.rpartition(":")[2]
        lacks = row.value in ("", MISSING)
        of_key = missing_in(finding.cause_key) and lacks
        if same_line and of_key and key and key.partition("|")[0] in row.source:
            return finding
        if same_line and finding.cause_key == f"field:{path}":
            return finding
    return None


def _operand(source: str) -> tuple[str, str]:
    """The record's own field among the operands: `customer = C-77` of `debtor(customer) = …`."""
    operands = [part.partition(" = ") for part in source.split("; ")]
    plain = [(name, value) for name, _, value in operands if _FIELD.fullmatch(name)]
    return plain[0] if plain else (operands[0][0], operands[0][2])


def _meets(line: int | None, lines: Collection[int]) -> bool:
    return line in lines if line is not None and lines else line is None or not lines
