"""The fields of a held record that people may set, for the page and for the server's check."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from grammar.text.finding_codes import INTAKE_FAULTS
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
from holding.programs.replay import replay_for_page
from rules.decisions.corrections import TARGET_LIMIT, Correctable, Setter, correctable_fields
from rules.decisions.document_rules import SUMS_DIFFER
from rules.outcomes import Finding
from rules.values.cause_keys import ITSELF, NOWHERE, CauseKey
from rules.values.wording import readable_name

ACT: Final = "record.edit"

LINES: Final = "lines"

HOUSEKEEPING: Final = frozenset({"updated_at", "version", INTAKE_FAULTS})
"""Fields that a source counts up itself, and what holds say already."""


@dataclass(frozen=True, slots=True)
class Setters:
    """A team that may set fields, with its id and title.

    `names` lists the people of a team that the field names.
    """

    team_id: int | None
    title: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenField:
    """A field that a hold is about.

    `by` may set it. If no person may, `by` has the hold and the field is corrected in `source`.
    """

    field: Correctable
    by: Setters
    source: str

    @property
    def nobody(self) -> bool:
        """Return whether no person may set the field."""
        return self.field.setter is Setter.NOBODY

    @property
    def who(self) -> str:
        """Return one sentence that names who sets it and where."""
        if self.nobody:
            return (
                f"It cannot be filled in here: {self.by.title} has it corrected in {self.source},"
                " which then sends a new version."
            )
        return _can(self.by.title, self.by.names)


def _can(title: str, names: tuple[str, ...]) -> str:
    return f"{title} may set it: {' or '.join(names) or 'no member of it can yet'}."


def fields_of(session: Session, hold_id: int) -> tuple[OpenField, ...]:
    """Return the fields that a hold is about."""
    hold = session.get_one(Hold, hold_id)
    record = session.get_one(Record, hold.record_id)
    correctable = _asked(session, hold, record)
    if not correctable:
        return ()
    has_source_field = any(field.setter is Setter.NOBODY for field in correctable)
    source = session.get_one(Connection, record.source_id).name if has_source_field else ""
    by = {role: _setters(session, hold, role) for role in {field.role for field in correctable}}
    return tuple(OpenField(field, by[field.role], source) for field in correctable)


def _asked(session: Session, hold: Hold, record: Record) -> tuple[Correctable, ...]:
    """Return the fields that the hold's finding is about, by the rules in force."""
    company = session.get_one(Company, hold.company_id)
    version = session.get(Version, record.version_id or 0)
    evaluation = _judged_by(session, hold)
    key = session.get_one(Cause, hold.cause_id).key
    if version is None or version.body is None or evaluation is None or hold.of_push:
        return ()
    outcome = replay_for_page(session, evaluation)
    findings = [_of_limit(hold, key)] if hold.code == TARGET_LIMIT else []
    findings += [
        finding
        for decision in (outcome.decisions if outcome else ())
        for finding in decision.findings
        if (finding.code, finding.cause_key) == (hold.code, key)
    ]
    if not findings or company.ruleset_version_id is None:
        return ()
    judge = world.program(session, company.ruleset_version_id)
    # The value as sent decides, so a mistyped completion stays open to its team.
    original_body = _as_it_came(session, version)
    return correctable_fields(judge.ruleset, record.type, version.body, findings[0], original_body)


def _of_limit(hold: Hold, key: CauseKey) -> Finding:
    """Return the finding of a hold for a limit of the accounting system, which rules do not see."""
    return Finding(
        code=hold.code,
        error_class="bad_value",
        rule=hold.rule,
        route="",
        severity="hold",
        owner="",
        message="",
        clears=ITSELF,
        cause_key=key,
        cause_label="",
        would_pass="",
        span=NOWHERE,
    )


def _judged_by(session: Session, hold: Hold) -> int | None:
    """Return the evaluation that explains the hold: the posting's or the record's last one."""
    posting = session.get(Posting, hold.posting_id or 0)
    if posting is not None:
        return posting.evaluation_id
    last = select(func.max(Evaluation.id)).where(Evaluation.record_id == hold.record_id)
    return session.scalar(last)


def _as_it_came(session: Session, version: Version) -> Mapping[str, Any] | None:
    """Return the source's content before corrections, or None if it was deleted."""
    while version.corrects_id is not None:
        version = session.get_one(Version, version.corrects_id)
    return version.body


def _setters(session: Session, hold: Hold, role: str) -> Setters:
    """Return the team of that name, or the team that has the hold."""
    team = session.get(Team, hold.team_id or 0)
    if role:
        query = select(Team).where(Team.company_id == hold.company_id, Team.name == role)
        team = session.scalars(query).one()
    team_id, title = (team.id, team.shown) if team is not None else (None, "")
    names = who_may(session, hold.company_id, ACT, team_id=team_id) if role else ()
    return Setters(team_id, title, names)


def fields_for_actor(
    session: Session,
    actor: Actor,
    fields: tuple[OpenField, ...],
    known_memberships: Mapping[int | None, bool] = MappingProxyType({}),
) -> tuple[Correctable, ...]:
    """Return the fields that the actor may set.

    `known_memberships`: team memberships that are known already.
    """
    if may(actor, ACT) is not None:
        return ()
    teams = {open_field.by.team_id for open_field in fields if not open_field.nobody}
    memberships = {
        team: in_team(session, team, actor.person_id)
        for team in teams
        if team not in known_memberships
    }
    own_teams = {team for team, is_in in {**known_memberships, **memberships}.items() if is_in}
    return tuple(
        open_field.field
        for open_field in fields
        if not open_field.nobody and open_field.by.team_id in own_teams
    )


def find_allowed_field(
    session: Session, hold_id: int, path: str, actor: Actor
) -> OpenField | Refusal:
    """Return the field at a path if the actor may set it, else a refusal with the
    people who can.
    """
    fields = fields_of(session, hold_id)
    open_field = next((candidate for candidate in fields if candidate.field.path == path), None)
    if open_field is None or open_field.nobody:
        names = (
            ", ".join(
                allowed_field.label for allowed_field in fields_for_actor(session, actor, fields)
            )
            or "none"
        )
        own_fields = f"Fields that they leave to you for this hold: {names}."
        elsewhere = "Everything else is corrected in the system that the record comes from."
        return Refusal(
            code="correction.forbidden",
            message=f"You cannot correct {path or 'this'} here, because the rules do not allow it.",
            hint=f"{own_fields} {open_field.who if open_field else elsewhere}",
            status=403,
        )
    if not in_team(session, open_field.by.team_id, actor.person_id):
        message = (
            f"You cannot set {open_field.field.label} because it is with {open_field.by.title}."
        )
        able_people = who_may(session, actor.company_id or 0, ACT, team_id=open_field.by.team_id)
        hint = _can(open_field.by.title, able_people)
        return Refusal(code="correction.team", message=message, hint=hint, status=403)
    return open_field


_LINE_PATH: Final = re.compile(r"lines\[(\d+)\]\.")


def settle_faults(body: dict[str, Any], before: Mapping[str, Any], path: str) -> dict[str, Any]:
    """Return a corrected body without the intake faults that the correction of `path` ends.

    Sums that differ end when both are equal. Else the fault stays, with its new figures. The line
    that books the difference changes with it, and goes once nothing differs.
    """
    faults = []
    for fault in body.get(INTAKE_FAULTS) or ():
        if fault["code"] == SUMS_DIFFER:
            settled = _with_new_figures(fault, body, before, path)
            faults += [settled] if settled["stated"] != settled["computed"] else []
            body = _with_booked(body, _left(fault), _left(settled))
        elif fault.get("field") != path:
            faults.append(fault)
    other_values = {name: value for name, value in body.items() if name != INTAKE_FAULTS}
    return {**other_values, INTAKE_FAULTS: faults} if faults else other_values


def _with_new_figures(
    fault: Mapping[str, Any], body: Mapping[str, Any], before: Mapping[str, Any], path: str
) -> dict[str, Any]:
    """Return the fault with the figures after a correction."""
    stated, computed = Decimal(fault["stated"]), Decimal(fault["computed"])
    row = _LINE_PATH.match(path)
    try:
        if path == fault.get("field"):
            stated = Decimal(str(body.get(path)))
        elif row is not None:
            at = int(row[1])
            computed += _line_amount(body[LINES][at]) - _line_amount(before[LINES][at])
    except InvalidOperation:
        return dict(fault)
    figures = {"stated": f"{stated.normalize():f}", "computed": f"{computed.normalize():f}"}
    return {**fault, **figures}


def _left(fault: Mapping[str, Any]) -> Decimal:
    """Return by how much the stated sum is more than the computed one."""
    return Decimal(fault["stated"]) - Decimal(fault["computed"])


def _with_booked(body: dict[str, Any], before: Decimal, now: Decimal) -> dict[str, Any]:
    """Return the body whose own line of a difference has its new amount, or is gone at 0.

    Connectors add such a line of the part `rounding` or `adjustment`. A rounding line may also have
    the order's cash rounding in it, which stays.
    """
    lines = body.get(LINES)
    if before == now or not isinstance(lines, list):
        return body
    at = next((at for at, line in enumerate(lines) if _books(line, body, before)), None)
    if at is None:
        return body
    amount = _line_amount(lines[at]) + now - before
    text = f"{amount:f}"
    changed = {name: text for name in ("price", "amount") if lines[at].get(name) is not None}
    booked = [{**lines[at], **changed}] if amount else []
    rounded = body.get("round_off") is not None and lines[at]["part"] == "rounding"
    body = {**body, LINES: [*lines[:at], *booked, *lines[at + 1 :]]}
    return {**body, "round_off": text} if rounded else body


def _books(line: Mapping[str, Any], body: Mapping[str, Any], difference: Decimal) -> bool:
    """Check whether a rounding line has the amount of a difference, or of the order's rounding."""
    part = line.get("part")
    if part not in ("rounding", "adjustment"):
        return False
    amount, rounding = _line_amount(line), body.get("round_off")
    if part == "rounding" and rounding is not None and amount == Decimal(str(rounding)):
        return True
    return amount == difference


def _line_amount(line: Mapping[str, Any]) -> Decimal:
    """Return what a line comes to: its own amount if it states one."""
    if line.get("amount") is not None:
        return Decimal(str(line["amount"]))
    price, discount = (Decimal(str(line.get(name) or 0)) for name in ("price", "discount"))
    return Decimal(str(line.get("qty") or 0)) * price - discount


def describe_differences(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> list[str]:
    """Return each difference as `name: old → new`, without housekeeping fields."""
    old = {name: value for name, value in (before or {}).items() if name not in HOUSEKEEPING}
    new = {name: value for name, value in (after or {}).items() if name not in HOUSEKEEPING}
    return _differences(old, new, "")


def _differences(before: Any, after: Any, path: str) -> list[str]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        names = [*before, *(name for name in after if name not in before)]
        prefix = f"{path} " if path else ""
        pairs = [
            (before.get(n), after.get(n), f"{prefix}{n if n == LINES else readable_name(n)}")
            for n in names
        ]
    elif isinstance(before, list) and isinstance(after, list):
        word = "line" if path == LINES else path
        pairs = [
            (_at(before, i), _at(after, i), f"{word} {i + 1}")
            for i in range(max(len(before), len(after)))
        ]
    else:
        return [] if before == after else [f"{path}: {_short(before)} → {_short(after)}"]
    return [difference for old, new, name in pairs for difference in _differences(old, new, name)]


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
    """One changed field. The mark is + (new), − (removed) or ~ (other value)."""

    mark: str
    path: str
    before: str | None
    after: str | None


def field_changes(
    before: Mapping[str, Any] | None, after: Mapping[str, Any] | None
) -> tuple[FieldChange, ...]:
    """Return the changed fields, sorted by path."""
    old, new = dict(flatten(before or {})), dict(flatten(after or {}))
    changed = []
    for path in sorted(old.keys() | new.keys(), key=_order):
        old_value, new_value = old.get(path), new.get(path)
        if old_value != new_value:
            mark = "+" if old_value is None else "\u2212" if new_value is None else "~"
            changed.append(FieldChange(mark, path, old_value, new_value))
    return tuple(changed)


def _order(path: str) -> tuple[bool, str]:
    return "[" in path, path


def flatten(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every value with its path, such as `lines[0].qty`. None is left out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == INTAKE_FAULTS and not path:  # holds say them
                continue
            yield from flatten(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for index, inner in enumerate(value):
            yield from flatten(inner, f"{path}[{index}]")
    elif value is not None:
        yield path, _text(value)


def _text(value: Any) -> str:
    if value is True or value is False:
        return "yes" if value else "no"
    return str(value)


def money_change(changes: Sequence[FieldChange]) -> Decimal | None:
    """Return by how much the total changed, or None."""
    for change in changes:
        if change.path == "total" and change.before and change.after:
            try:
                return Decimal(change.after) - Decimal(change.before)
            except InvalidOperation:
                return None
    return None
