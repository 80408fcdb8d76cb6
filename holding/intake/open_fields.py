"""The fields of a held record that people may set, for the page and for the server's check."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.people import in_team, who_may
from holding.db.models import (
    Cause,
    Company,
    Connection,
    Evaluation,
    Hold,
    Posting,
    Record,
    Team,
    Version,
)
from holding.db.refusal import Refusal, plural
from holding.programs import world
from holding.programs.replay import judged_once
from rules.decisions.corrections import Correctable, Setter, asked_for
from rules.values.wording import plain

ACT: Final = "record.edit"

LINES: Final = "lines"

HOUSEKEEPING: Final = frozenset({"updated_at", "version"})  # the source itself counts them up


@dataclass(frozen=True, slots=True)
class Setters:
    """A team that may set fields: its id, its title, and, of one that a field names, those in it
    who can.
    """

    team_id: int | None
    title: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenField:
    """A field that a hold is about; `by` may set it. Where nobody may, `by` has the hold, and the
    field is set right in `source`, where the record comes from.
    """

    field: Correctable
    by: Setters
    source: str

    @property
    def nobody(self) -> bool:
        """Whether people never set it."""
        return self.field.setter is Setter.NOBODY

    @property
    def who(self) -> str:
        """Who sets it, and where, as one sentence."""
        if self.nobody:
            return (
                f"It cannot be filled in here: {self.by.title} has it corrected in {self.source},"
                " which then sends a new version."
            )
        return _can(self.by.title, self.by.names)


def _can(title: str, names: tuple[str, ...]) -> str:
    return f"{title} may set it: {' or '.join(names) or 'no member of it can yet'}."


def fields_of(session: Session, hold_id: int) -> tuple[OpenField, ...]:
    """The fields that a hold is about, as they stand now."""
    hold = session.get_one(Hold, hold_id)
    record = session.get_one(Record, hold.record_id)
    found = _asked(session, hold, record)
    if not found:
        return ()
    nobody = any(one.setter is Setter.NOBODY for one in found)
    source = session.get_one(Connection, record.source_id).name if nobody else ""
    by = {role: _setters(session, hold, role) for role in {one.role for one in found}}
    return tuple(OpenField(one, by[one.role], source) for one in found)


def _asked(session: Session, hold: Hold, record: Record) -> tuple[Correctable, ...]:
    """What the finding of a hold is about, by the rules in force."""
    company = session.get_one(Company, hold.company_id)
    version = session.get(Version, record.version_id or 0)
    evaluation = _judged_by(session, hold)
    key = session.get_one(Cause, hold.cause_id).key
    if version is None or version.body is None or evaluation is None or hold.of_push:
        return ()
    try:
        decisions = judged_once(session, evaluation).decisions
    except LookupError:  # what it looked at is no longer kept, so nothing says what it asked for
        return ()
    found = [
        finding
        for decision in decisions
        for finding in decision.findings
        if (finding.code, finding.cause_key) == (hold.code, key)
    ]
    if not found or company.ruleset_version_id is None:
        return ()
    judge = world.program(session, company.ruleset_version_id)
    came = _as_it_came(session, version)
    return asked_for(judge.ruleset, record.type, version.body, found[0], judge.edition, came)


def _judged_by(session: Session, hold: Hold) -> int | None:
    """The judging that says what the hold is about: the last one."""
    posting = session.get(Posting, hold.posting_id or 0)
    if posting is not None:
        return posting.evaluation_id
    last = select(func.max(Evaluation.id)).where(Evaluation.record_id == hold.record_id)
    return session.scalar(last)


def _as_it_came(session: Session, version: Version) -> Mapping[str, Any] | None:
    """What the source said before people corrected it; None where that is no longer kept."""
    while version.corrects_id is not None:
        version = session.get_one(Version, version.corrects_id)
    return version.body


def _setters(session: Session, hold: Hold, role: str) -> Setters:
    """The team of that name, or the one that has the hold."""
    team = session.get(Team, hold.team_id or 0)
    if role:
        same = select(Team).where(Team.company_id == hold.company_id, Team.name == role)
        team = session.scalars(same).one()
    team_id, title = (team.id, team.shown) if team is not None else (None, "")
    names = who_may(session, hold.company_id, ACT, team_id=team_id) if role else ()
    return Setters(team_id, title, names)


def mine(
    session: Session,
    actor: Actor,
    fields: tuple[OpenField, ...],
    known: Mapping[int | None, bool] = MappingProxyType({}),
) -> tuple[Correctable, ...]:
    """Those that the actor may set; `known`: of which teams it is known whether they are in it."""
    if may(actor, ACT) is not None:
        return ()
    teams = {one.by.team_id for one in fields if not one.nobody}
    told = {team: in_team(session, team, actor.person_id) for team in teams if team not in known}
    own = {team for team, is_in in {**known, **told}.items() if is_in}
    return tuple(one.field for one in fields if not one.nobody and one.by.team_id in own)


def allowed(session: Session, hold_id: int, path: str, actor: Actor) -> OpenField | Refusal:
    """The field at a path of the body, if the actor may set it; else why not, and who."""
    fields = fields_of(session, hold_id)
    found = next((one for one in fields if one.field.path == path), None)
    if found is None or found.nobody:
        names = ", ".join(one.label for one in mine(session, actor, fields)) or "none"
        own = f"Fields that they leave to you for this hold: {names}."
        there = "Everything else is corrected in the system that the record comes from."
        return Refusal(
            code="correction.forbidden",
            message=f"You cannot correct {path or 'this'} here, because the rules do not allow it.",
            hint=f"{own} {found.who if found else there}",
            status=403,
        )
    if not in_team(session, found.by.team_id, actor.person_id):
        message = f"You cannot set {found.field.label} because it is with {found.by.title}."
        can = who_may(session, actor.company_id or 0, ACT, team_id=found.by.team_id)
        hint = _can(found.by.title, can)
        return Refusal(code="correction.team", message=message, hint=hint, status=403)
    return found


def differences(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[str]:
    """Each difference as `name: old → new`, lines by their place; housekeeping is left out."""
    old = {name: value for name, value in (before or {}).items() if name not in HOUSEKEEPING}
    new = {name: value for name, value in (after or {}).items() if name not in HOUSEKEEPING}
    return _differences(old, new, "")


def _differences(before: Any, after: Any, path: str) -> list[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [*before, *(name for name in after if name not in before)]
        where = f"{path} " if path else ""
        pairs = [
            (before.get(n), after.get(n), f"{where}{n if n == LINES else plain(n)}") for n in names
        ]
    elif isinstance(before, list) and isinstance(after, list):
        word = "line" if path == LINES else path
        pairs = [
            (_at(before, i), _at(after, i), f"{word} {i + 1}")
            for i in range(max(len(before), len(after)))
        ]
    else:
        return [] if before == after else [f"{path}: {_short(before)} → {_short(after)}"]
    return [found for old, new, name in pairs for found in _differences(old, new, name)]


def _at(values: list[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _short(value: Any) -> str:
    if value is None or value == "":
        return "nothing"
    if isinstance(value, Mapping):
        return "a line"
    return plural(len(value), "line") if isinstance(value, list) else str(value)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field that differs; the mark is + (new), − (gone) or ~ (other value)."""

    mark: str
    path: str
    before: str | None
    after: str | None


def difference(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[FieldChange, ...]:
    """Only the fields that changed, by path."""
    old, new = dict(flat(before or {})), dict(flat(after or {}))
    found = []
    for path in sorted(old.keys() | new.keys(), key=_order):
        was, now = old.get(path), new.get(path)
        if was != now:
            mark = "+" if was is None else "\u2212" if now is None else "~"
            found.append(FieldChange(mark, path, was, now))
    return tuple(found)


def _order(path: str) -> tuple[bool, str]:
    return "[" in path, path


def flat(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value with its path: `lines[0].qty`. A missing value is none at all."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, inner in enumerate(value):
            yield from flat(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, _text(value)


def _text(value: Any) -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    return str(value)


def money_change(changes: Sequence[FieldChange]) -> Decimal | None:
    """By how much the total changed, where both are numbers."""
    for change in changes:
        if change.path == "total" and change.before and change.after:
            try:
                return Decimal(change.after) - Decimal(change.before)
            except InvalidOperation:
                return None
    return None
