"""A person sets right what a rule leaves to them: a new version beside the original.

Here: which fields of a held record may be corrected, and the correction. Not here: which fields a
rule leaves to people (rules/amendments/corrections.py), and that a corrector approves nothing of it
(`approvals/separation.py`).
"""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.access.operations import once
from holding.exceptions.holds import Desk, Done, done, gone, moved, read_done
from holding.intake.deliveries import text_of
from holding.intake.differences import difference, flat
from holding.intake.families import Current, relate
from holding.lifecycle.changes import wake_records
from holding.programs import world
from holding.programs.replay import replay
from holding.refusal import Refusal
from holding.tables import Cause, Company, Evaluation, Hold, Person, Posting, Record, Version
from holding.tables.row_states import HoldState
from rules.amendments.corrections import Correctable, correctable, typed
from rules.values.canonical import dumps, sha256_hex

ACT: Final = "record.edit"
_STEP: Final = re.compile(r"([a-z_][a-z0-9_]*)(?:\[(\d+)\])?")
_WORDS: Final = {
    "whole": "a whole number such as 12",
    "decimal": "a number such as 12.5",
    "money": "an amount such as 1250.00, without commas",
    "quantity": "a quantity such as 12 or 2.5",
    "date": "a day such as 2026-11-20",
    "moment": "a moment such as 2026-11-20T14:03:00+08:00",
    "yesno": "yes or no",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a person wants to set right; `seen` is the number of the version they looked at."""

    path: str
    value: str
    reason: str
    seen: int


def open_fields(session: Session, hold_id: int) -> tuple[Correctable, ...]:
    """The fields of a hold's record that its rule leaves to people, as they stand now."""
    hold = session.get_one(Hold, hold_id)
    record = session.get_one(Record, hold.record_id)
    company = session.get_one(Company, hold.company_id)
    version = session.get(Version, record.version_id or 0)
    evaluation = _judged_by(session, hold)
    key = session.get_one(Cause, hold.cause_id).key
    if version is None or version.body is None or evaluation is None or hold.of_push:
        return ()
    found = [
        finding
        for decision in replay(session, evaluation).decisions
        for finding in decision.findings
        if (finding.code, finding.cause_key) == (hold.code, key)
    ]
    if not found or company.ruleset_version_id is None:
        return ()
    ruleset = world.program(session, company.ruleset_version_id).ruleset
    return correctable(ruleset, record.type, version.body, found[0])


def correct(
    session: Session,
    actor: Actor,
    hold_id: int,
    wish: Correction,
    now: datetime,
    op: str | None = None,
) -> Done | Refusal:
    """Write a new version with one value set right; the original stays beside it."""

    def act() -> Done | Refusal:
        refusal = may(actor, ACT)
        if refusal:
            return refusal
        steady = select(Company.id).where(Company.id == actor.company_id)
        session.execute(steady.with_for_update(read=True)).all()  # a publish waits until this is in
        desk = Desk(session, actor, [hold_id])
        hold = desk.holds.get(hold_id)
        if hold is None:
            return gone(None)
        record = desk.records[hold.record_id]
        before = session.get_one(Version, record.version_id or 0)
        refusal = _faster(session, before, wish) or _open(desk, hold)
        if refusal:
            return refusal
        return _correct(desk, hold, before, wish, now, op)

    asked = ("correct", hold_id, wish)
    return once(session, actor, op, asked=asked, now=now, act=act, read=read_done)


def _correct(
    desk: Desk, hold: Hold, before: Version, wish: Correction, now: datetime, op: str | None
) -> Done | Refusal:
    if not wish.reason.strip():
        return Refusal(code="reason.missing", message="This needs a reason.", status=422)
    fields = {one.path: one for one in open_fields(desk.session, hold.id)}
    field = fields.get(wish.path)
    if field is None:
        names = ", ".join(one.label for one in fields.values()) or "none"
        return Refusal(
            code="correction.forbidden",
            message=f"The rules do not let {wish.path or 'this'} be corrected here.",
            hint=f"Fields that they leave to you for this hold: {names}. Everything else is"
            " corrected in the system that the record comes from.",
            status=403,
        )
    value = _value(field, wish.value)
    if isinstance(value, Refusal):
        return value
    body = changed(before.body or {}, wish.path, value)
    if body == before.body:
        return Refusal(
            code="correction.same",
            message=f"{field.name} is {wish.value.strip()} already.",
            status=422,
        )
    version = _write(desk, before, body, wish, now)
    say = (
        f"{desk.actor.name} corrected {field.label} from {_shown(field.value)} to {_shown(value)}"
        f" (version {version.no}): {wish.reason.strip()}"
    )
    made = done(hold, say)
    desk.tell([made], "record.corrected", now, op, field=wish.path, version=version.no)
    return made


def _write(
    desk: Desk, before: Version, body: dict[str, Any], wish: Correction, now: datetime
) -> Version:
    """The new version, its values for links, and the wake of whoever looks at the record."""
    session, record = desk.session, desk.records[before.record_id]
    last = select(func.max(Version.no)).where(Version.record_id == record.id)
    version = Version(
        record_id=record.id,
        no=session.scalars(last).one() + 1,
        sha256=sha256_hex(dumps(body)),
        body=body,
        stamp=None,
        status=text_of(body, "status"),
        corrects_id=before.id,
        person_id=desk.actor.person_id,
        reason=wish.reason.strip(),
        at=now,
    )
    session.add(version)
    session.flush()
    record.version_id = version.id
    record.crashes = 0
    record.lock += 1
    wake_records(session, [record.id], now)
    company = session.get_one(Company, desk.company_id)
    if company.ruleset_version_id is not None:
        judge = world.program(session, company.ruleset_version_id)
        family = {record.id: record.family}
        now_counts = [Current(record.id, record.type, body)]
        relate(session, desk.company_id, judge, now_counts, family, family, now)
    return version


def _open(desk: Desk, hold: Hold) -> Refusal | None:
    """Only an open hold of the person's own team is worked on."""
    if hold.state != HoldState.OPEN:
        return gone(hold)
    if desk.in_team(hold.team_id, desk.actor.person_id):
        return None
    return Refusal(
        code="correction.team",
        message="This is not with your team.",
        hint=f"{desk.who(ACT, hold.team_id)} correct it.",
        status=403,
    )


def _faster(session: Session, now: Version, wish: Correction) -> Refusal | None:
    """What the record became while the person looked at an older version of it."""
    if now.no == wish.seen:
        return None
    if now.corrects_id is None:
        value = _shown(dict(flat(now.body or {})).get(wish.path))
        did = f"Version {now.no} arrived from the source; {wish.path} is {value} in it."
    else:
        who = session.scalar(select(Person.name).where(Person.id == now.person_id))
        old = session.get_one(Version, now.corrects_id)
        steps = ", ".join(
            f"{one.path} from {_shown(one.before)} to {_shown(one.after)}"
            for one in difference(old.body, now.body)
        )
        did = f"{who} corrected {steps}: {now.reason}."
    return moved(did, f"set {wish.path} to {wish.value.strip()}")


def changed(body: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of a body with one value replaced; `path` is `total` or `lines[0].qty`."""
    found = copy.deepcopy(dict(body))
    first, _, rest = path.partition(".")
    step = _STEP.fullmatch(first)
    if not rest or step is None or step[2] is None:
        found[first] = value
    else:
        found[step[1]][int(step[2])][rest] = value
    return found


def _value(field: Correctable, text: str) -> Any:
    try:
        return typed(field.field, text)
    except ValueError:
        return Refusal(
            code="correction.value",
            message=f"“{text.strip()}” is not what {field.name} can be.",
            hint=f"Write {_WORDS.get(field.field.type, 'a text')}.",
            status=422,
        )


def _judged_by(session: Session, hold: Hold) -> int | None:
    """The judging that says what the hold is about: the last one."""
    posting = session.get(Posting, hold.posting_id or 0)
    if posting is not None:
        return posting.evaluation_id
    last = select(func.max(Evaluation.id)).where(Evaluation.record_id == hold.record_id)
    return session.scalar(last)


def _shown(value: Any) -> str:
    return "nothing" if value is None or value == "" else str(value)
