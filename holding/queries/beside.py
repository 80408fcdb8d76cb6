"""A document of ours beside what stands in the target, value by value.

Here: what a hold shows of it: what was typed there by hand, what met ours under its number, or
what somebody changed. Not here: the source beside the document (pairs.py), and the acts
(holding/manual_entries.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from connectors.kit.contract import Stands
from holding import manual_entries
from holding.models import Evaluation, Posting, Push, Reading
from holding.pushing.rows import conflicted
from holding.pushing.trouble import CONFLICT, MANUAL
from holding.queries.hold import HoldRow
from holding.queries.personal import MASK, PERSONAL_FIELDS
from holding.worlds import program
from rules.target_edits import RULE as TARGET_EDITED
from rules.target_edits import same

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Row:
    """One value of ours and of each document there; `differs` where any is another, and `whose`
    says that it may be.
    """

    name: str
    ours: str
    theirs: tuple[str, ...]
    differs: bool
    whose: str = ""


@dataclass(frozen=True, slots=True)
class Beside:
    """Our document (`sent` says whether it was), and what was seen there at a moment."""

    sent: bool
    at: datetime
    numbers: tuple[str, ...]
    rows: tuple[Row, ...]
    linkable: bool


def of(session: Session, hold: HoldRow, *, show_personal: bool) -> Beside | None:
    """What a hold shows beside ours; nothing where it is not about the target's document."""
    if hold.code == MANUAL:
        found = _typed(session, hold)
    elif hold.code == CONFLICT:
        found = _under_our_number(session, hold)
    elif hold.rule == TARGET_EDITED and hold.posting_id is not None:
        found = _changed(session, hold.posting_id)
    else:
        return None
    return found if found is None or show_personal else _masked(found)


def _typed(session: Session, hold: HoldRow) -> Beside | None:
    """What was found before ours was made."""
    seen = manual_entries.found(session, hold.posting_id)
    if seen is None or not seen[1] or hold.content is None:
        return None  # where nothing is named there, the hold says why
    at, documents = seen
    ours = _values(hold.content["fields"], hold.content["lines"])
    theirs = [_of_stands(one) for one in documents]
    names = [name for name in ours if any(name in one for one in theirs)]
    rows = [_row(name, ours[name], [one.get(name, "") for one in theirs]) for name in names]
    numbers = tuple(one.number for one in documents)
    return Beside(sent=False, at=at, numbers=numbers, rows=_sorted(rows), linkable=hold.open)


def _under_our_number(session: Session, hold: HoldRow) -> Beside | None:
    """What met ours under its number, as far as the target tells it."""
    there = manual_entries.under_our_number(session, hold.posting_id)
    push = conflicted(session, hold.posting_id or 0)
    if there is None or push is None:
        return None
    ours, theirs = _values(push.content["fields"], push.content["lines"]), _of_stands(there)
    rows = [_row(name, ours[name], [theirs[name]]) for name in ours if name in theirs]
    return Beside(
        sent=False,
        at=push.closed_at or hold.opened_at,
        numbers=(there.number,),
        rows=_sorted(rows),
        linkable=hold.open,
    )


def _changed(session: Session, posting_id: int) -> Beside | None:
    """What was last read of what was sent."""
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
    theirs = {name for one in routes if one.name == row.route for name in one.theirs}
    ours = _values(row.content["fields"], row.content["lines"])
    names = [_name(line, field) for line, field, _ in body["differs"]]
    rows = [
        _row(name, ours.get(name, ""), [value], whose="theirs" if name in theirs else "")
        for name, (_, _, value) in zip(names, body["differs"], strict=True)
    ]
    if body["void"] or body["found"] == "absent":
        there = "void" if body["void"] else "not there"
        rows = [Row("document", "posted", (there,), differs=True)]
    return (
        Beside(sent=True, at=row.at, numbers=(row.number,), rows=_sorted(rows), linkable=False)
        if rows
        else None
    )


def _of_stands(one: Stands) -> dict[str, str]:
    return _values(one.fields, one.lines)


def _values(fields: Values, lines: Iterable[Values]) -> dict[str, str]:
    found = dict(fields)
    for no, line in enumerate(lines, start=1):
        found |= {_name(no, name): value for name, value in line.items()}
    return found


def _name(line: int, field: str) -> str:
    return f"line {line} {field}" if line else field or "lines"


def _row(name: str, ours: str, theirs: list[str], whose: str = "") -> Row:
    differs = not whose and any(not same(ours, one) for one in theirs)
    return Row(name, ours, tuple(theirs), differs=differs, whose=whose)


def _sorted(rows: list[Row]) -> tuple[Row, ...]:
    """What differs first."""
    return tuple(sorted(rows, key=lambda row: not row.differs))


def _masked(found: Beside) -> Beside:
    rows = [
        replace(row, ours=MASK, theirs=tuple(MASK for _ in row.theirs))
        if row.name in PERSONAL_FIELDS
        else row
        for row in found.rows
    ]
    return replace(found, rows=tuple(rows))
