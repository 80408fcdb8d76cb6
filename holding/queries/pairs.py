"""Source values beside what will be sent, as the split view shows them.

Here: pairing the lineage of one evaluation with its findings, those with a finding first. Not here:
the lineage as evidence (holding/trace.py).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from holding.evaluation import replay
from holding.queries.compare import flat
from holding.queries.hold import HoldRow
from rules.outcome import Finding, Lineage, Outcome

PERSONAL = frozenset({"customer_name", "tin", "address"})
MASK = "•••"


@dataclass(frozen=True, slots=True)
class Pair:
    """One source value and the target field it goes into; without a field it is not sent."""

    path: str
    value: str | None
    field: str
    sent: str | None
    how: str
    hit: bool


def of(session: Session, hold: HoldRow, *, show_personal: bool) -> tuple[Pair, ...]:
    """The pairs of a hold's route, those with a finding first, what is not sent last."""
    outcome = replay(session, hold.evaluation_id) if hold.evaluation_id else None
    pairs = _of_outcome(outcome, hold.route) if outcome else []
    taken = {pair.path for pair in pairs}
    rest = [
        Pair(path, value, "", None, "", hit=False)
        for path, value in flat(hold.body or {})
        if path not in taken and "[" not in path
    ]
    shown = sorted(pairs, key=lambda pair: not pair.hit) + rest
    return tuple(shown if show_personal else map(masked, shown))


def masked(pair: Pair) -> Pair:
    """The pair without personal data."""
    if pair.path not in PERSONAL:
        return pair
    sent = MASK if pair.sent else pair.sent
    return Pair(pair.path, MASK if pair.value else None, pair.field, sent, pair.how, pair.hit)


def without_personal(body: dict[str, Any] | None, *, show: bool) -> dict[str, Any]:
    """A record's content, its personal fields hidden where they may not be seen."""
    found = body or {}
    if show:
        return found
    return {k: MASK if k in PERSONAL and v is not None else v for k, v in found.items()}


def _of_outcome(outcome: Outcome, route: str) -> list[Pair]:
    findings = [f for d in outcome.decisions if d.route == route for f in d.findings]
    rows = [row for row in outcome.lineage if row.route in (route, "")]
    return [_pair(row, findings) for row in rows]


def _pair(row: Lineage, findings: Iterable[Finding]) -> Pair:
    path, _, value = row.source.partition(";")[0].partition(" = ")
    where = f" line {row.line}" if row.line is not None else ""
    finding = _finding(row, path, findings)
    used = ", ".join(f"{use.table}: {use.key} → {use.value}" for use in row.used)
    return Pair(
        path=f"{path.strip()}{where}",
        value=value.strip() or None,
        field=f"{row.field}{where}",
        sent=row.value or None,
        how=finding.message if finding else used,
        hit=finding is not None,
    )


def _finding(row: Lineage, path: str, findings: Iterable[Finding]) -> Finding | None:
    """The finding that speaks of this very value: its key, or its field, on the same line."""
    for finding in findings:
        same_line = _meets(row.line, finding.lines)
        key = finding.cause_key.rpartition(":")[2]
        of_key = finding.cause_key.startswith(("mapping:", "unit:")) and not row.value
        if same_line and of_key and key and key.partition("|")[0] in row.source:
            return finding
        if same_line and finding.cause_key == f"field:{path.strip()}":
            return finding
    return None


def _meets(line: int | None, lines: Collection[int]) -> bool:
    return line in lines if line is not None and lines else line is None or not lines
