"""A person sets right what a rule leaves to them: a new version beside the original.

Here: the correction, with everything that is asked before it. Not here: which fields a rule leaves
to people, and to whom (holding/intake/open_fields.py), and that a corrector
approves nothing of it (`approvals/separation.py`).
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
from holding.db.models import Company, Hold, Person, Version
from holding.db.models.columns import HoldState
from holding.db.refusal import Refusal
from holding.exceptions.holds import Desk, Done, done, gone, moved, read_done
from holding.intake.deliveries import text_of
from holding.intake.families import Current, relate
from holding.intake.open_fields import ACT, allowed, difference, flat
from holding.platform.changes import wake_records
from holding.programs import world
from rules.amendments.corrections import Correctable, typed
from rules.values.canonical import dumps, sha256_hex

_STEP: Final = re.compile(r"([a-z_][a-z0-9_]*)(?:\[(\d+)\])?")
_WORDS: Final = {
    "whole": "a whole number such as 12",
    "decimal": "a number such as 12.5",
    "money": "an amount such as 1250.00, without commas",
    "quantity": "a quantity such as 12 or 2.5",
    "date": "a day such as 2026-11-20",
    "moment": "a date and time such as 2026-11-20T14:03:00+08:00",
    "yesno": "yes or no",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What a person wants to set right; `seen` is the number of the version they looked at."""

    path: str
    value: str
    reason: str
    seen: int


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
        refusal = _faster(session, before, wish)
        if hold.state != HoldState.OPEN:
            refusal = refusal or gone(hold)
        return refusal or _correct(desk, hold, before, wish, now, op)

    asked = ("correct", hold_id, wish)
    return once(session, actor, op, asked=asked, now=now, act=act, read=read_done)


def _correct(
    desk: Desk, hold: Hold, before: Version, wish: Correction, now: datetime, op: str | None
) -> Done | Refusal:
    if not wish.reason.strip():
        return Refusal(code="reason.missing", message="Enter a reason.", status=422)
    given = allowed(desk.session, hold.id, wish.path, desk.actor)
    if isinstance(given, Refusal):
        return given
    field = given.field
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
    no, digest = version.no, version.sha256
    desk.tell([made], "record.corrected", now, op, field=wish.path, version=no, sha256=digest,
              reason=wish.reason.strip())  # fmt: skip
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


def _shown(value: Any) -> str:
    return "nothing" if value is None or value == "" else str(value)
