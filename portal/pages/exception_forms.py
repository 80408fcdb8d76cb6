"""Forms of the desk become wishes: assign, snooze, comment, correct, do it with many.

Here: reading and trimming what a browser sent. Not here: the other forms (web/forms.py), whether a
wish is granted (services).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import get_args
from zoneinfo import ZoneInfo

from holding.holds.assignments import Act, Question, Wish
from holding.holds.holds import Correction
from portal.web.forms import MIN_REASON, Form, Problems, day, whole

MORNING = time(8, 0)  # what rests until a day is back when people come in
ACTS: tuple[Act, ...] = get_args(Act)


@dataclass(frozen=True, slots=True)
class Assigned:
    """Give a hold to a person (None: back to its team)."""

    person_id: int | None
    seen: int | None
    op: str


@dataclass(frozen=True, slots=True)
class Snoozed:
    """Let a hold rest until a moment."""

    until: datetime
    seen: int | None
    op: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Something to keep beside a record."""

    text: str
    op: str


@dataclass(frozen=True, slots=True)
class Corrected:
    """A value to be set right."""

    correction: Correction
    op: str


@dataclass(frozen=True, slots=True)
class Dated:
    """The day that a document gets."""

    day: date
    reason: str
    op: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom somebody asks, and why."""

    question: Question
    op: str


def dated(form: Form) -> Dated | Problems:
    """A form that names a day, with a reason."""
    chosen, found = day(form.get("day")), dict(_reason(form))
    if chosen is None:
        return Problems({"day": "Choose a day.", **found})
    return Problems(found) if found else Dated(chosen, form["reason"].strip(), form.get("op", ""))


def asked(form: Form) -> Asked | Problems:
    """A form that names a person, with a message to them."""
    person_id, found = whole(form.get("person")), {}
    if _reason(form):
        found["reason"] = "Enter a message."
    if not person_id:
        found["person"] = "Choose a person from the list."
    if found:
        return Problems(found)
    return Asked(Question(person_id, form["reason"].strip()), form.get("op", ""))


def assigned(form: Form) -> Assigned | Problems:
    """A form that names a person."""
    chosen = form.get("person", "")
    person_id = whole(chosen)
    if chosen and (person_id is None or person_id < 0):
        return Problems({"person": "Choose a person from the list."})
    return Assigned(person_id or None, whole(form.get("rev")), form.get("op", ""))


def snoozed(form: Form, zone: ZoneInfo) -> Snoozed | Problems:
    """A form that names a day; the hold is back on its morning."""
    until = day(form.get("until"))
    if until is None:
        return Problems({"until": "Choose a day."})
    return Snoozed(morning(until, zone), whole(form.get("rev")), form.get("op", ""))


def noted(form: Form) -> Noted | Problems:
    """A form with a note."""
    text = form.get("text", "").strip()
    return Noted(text, form.get("op", "")) if text else Problems({"text": "Write something first."})


def corrected(form: Form) -> Corrected | Problems:
    """A form that sets one value right."""
    found = dict(_reason(form))
    value = form.get("value", "").strip()
    if not form.get("path"):
        found["path"] = "Choose a field."
    if not value:
        found["value"] = "Write the right value."
    if found:
        return Problems(found)
    correction = Correction(
        path=form["path"],
        value=value,
        reason=form["reason"].strip(),
        seen=whole(form.get("rev")) or 0,
    )
    return Corrected(correction, form.get("op", ""))


def many(form: Form, zone: ZoneInfo) -> Wish | Problems:
    """The confirmation of one act over many holds, frozen as they were looked at."""
    act = next((one for one in ACTS if one == form.get("act")), None)
    seen = dict(one for one in map(_seen, form.get("seen", "").split()) if one is not None)
    if act is None or not seen:
        return Problems({"act": "Nothing is selected."})
    until = day(form.get("until"))
    found = dict(_reason(form)) if act in ("release", "date") else {}
    if act == "snooze" and until is None:
        found["until"] = "Choose a day."
    if found:
        return Problems(found)
    return Wish(
        act=act,
        seen=seen,
        reason=form.get("reason", "").strip(),
        person_id=whole(form.get("person")) or None,
        until=morning(until, zone) if until else None,
        opened=True,
    )


def morning(until: date, zone: ZoneInfo) -> datetime:
    """The moment at which what rests until a day comes back."""
    return datetime.combine(until, MORNING, tzinfo=zone)


def _seen(text: str) -> tuple[int, tuple[int, int]] | None:
    numbers = [whole(part) for part in text.split(":")]
    if len(numbers) != 3 or None in numbers:
        return None
    return numbers[0] or 0, (numbers[1] or 0, numbers[2] or 0)


def _reason(form: Form) -> Mapping[str, str]:
    if len(form.get("reason", "").strip()) >= MIN_REASON:
        return {}
    return {"reason": "Enter a short reason. It is recorded in the audit log."}
