"""The body of a call becomes a wish, or a problem that names the field.

Here: reading strict JSON. Not here: whether the wish is granted (services).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from flask import g, request

from connectors.transport import strict_json
from holding.db.refusal import Refusal
from holding.holds.assignments import MOST, Act, Wish
from holding.holds.holds import Correction
from portal.web.forms import day

ACTS: tuple[Act, ...] = ("release", "retry")  # over many
_KEY_MAX = 100


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve these contents: posting id -> the hash that was looked at."""

    seen: Mapping[int, str]
    reason: str


@dataclass(frozen=True, slots=True)
class Assigned:
    """Give a hold to who has this address (None: back to its team)."""

    email: str | None
    lock: int | None


@dataclass(frozen=True, slots=True)
class Linked:
    """The document of this number in the target is ours."""

    number: str
    reason: str


@dataclass(frozen=True, slots=True)
class Snoozed:
    """Let a hold rest until a moment."""

    until: datetime
    lock: int | None


@dataclass(frozen=True, slots=True)
class Dated:
    """The day that a document gets; None is the first open one."""

    day: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class Asked:
    """Ask who has this address."""

    email: str
    reason: str


def many() -> Wish | Refusal:
    """`act`, and `holds`, each with `id`, `lock` and `version`; a release has a `reason`."""
    given = body()
    if isinstance(given, Refusal):
        return given
    act = next((one for one in ACTS if one == given.get("act")), None)
    if act is None:
        return _wrong("act", " or ".join(ACTS))
    listed = _listed(given, "holds", ("id", "lock", "version"))
    if isinstance(listed, Refusal):
        return listed
    reason = _reason(given) if act == "release" else ""
    if isinstance(reason, Refusal):
        return reason
    seen = {hold_id: (lock, version) for (hold_id, lock, version), _ in listed}
    return Wish(act=act, seen=seen, reason=reason)


def body() -> dict[str, object] | Refusal:
    """The JSON object of the call."""
    if not request.is_json:
        return Refusal("body.type", "The body is not application/json.", "Say so in its type.", 415)
    found = strict_json.loads(request.get_data(cache=False))
    if isinstance(found, strict_json.JsonRefusal):
        return Refusal(f"body.{found.code}", found.message, found.hint, 400)
    if not isinstance(found, dict):
        return Refusal("body.object", "The body is no JSON object.", "Send {…}.", 400)
    return found


def approve() -> Approve | Refusal:
    """`postings`, each with `id` and `hash`, and a `reason`."""
    given = body()
    if isinstance(given, Refusal):
        return given
    listed = _listed(given, "postings", ("id",))
    if isinstance(listed, Refusal):
        return listed
    if not all(isinstance(one.get("hash"), str) for _, one in listed):
        return _wrong("hash", "the hash of what was looked at")
    seen = {posting_id: str(one["hash"]) for (posting_id,), one in listed}
    reason = _reason(given)
    return reason if isinstance(reason, Refusal) else Approve(seen, reason)


def reasoned() -> str | Refusal:
    """A `reason`."""
    given = body()
    return given if isinstance(given, Refusal) else _reason(given)


def linked() -> Linked | Refusal:
    """`number` of the document in the target, and a `reason`."""
    given = body()
    if isinstance(given, Refusal):
        return given
    number, reason = given.get("number"), _reason(given)
    if not isinstance(number, str) or not number.strip():
        return _wrong("number", "a text")
    return reason if isinstance(reason, Refusal) else Linked(number.strip(), reason)


def assigned() -> Assigned | Refusal:
    """`person`: an email address, or null for the team; `lock` of what was looked at."""
    given = body()
    if isinstance(given, Refusal):
        return given
    email, lock = given.get("person"), _lock(given)
    if email is not None and not isinstance(email, str):
        return _wrong("person", "an email address, or null for the team")
    return lock if isinstance(lock, Refusal) else Assigned(email, lock)


def snoozed() -> Snoozed | Refusal:
    """`until`: a moment; `lock` of what was looked at."""
    given = body()
    if isinstance(given, Refusal):
        return given
    until, lock = _moment(given.get("until")), _lock(given)
    if until is None:
        return _wrong("until", "a moment with its zone, as 2026-11-25T00:00:00Z")
    return lock if isinstance(lock, Refusal) else Snoozed(until, lock)


def corrected() -> Correction | Refusal:
    """`path`, `value`, `version_no` of what was looked at, and a `reason`."""
    given = body()
    if isinstance(given, Refusal):
        return given
    path, value, seen = (given.get(name) for name in ("path", "value", "version_no"))
    if not isinstance(path, str) or not path.strip():
        return _wrong("path", "a text")
    if not isinstance(value, str) or not value.strip():
        return _wrong("value", "a text")
    if type(seen) is not int:
        return _wrong("version_no", "a whole number")
    reason = _reason(given)
    if isinstance(reason, Refusal):
        return reason
    return Correction(path=path, value=value.strip(), reason=reason, seen=seen)


def dated() -> Dated | Refusal:
    """`day`, or null for the first open one, and a `reason`."""
    given = body()
    if isinstance(given, Refusal):
        return given
    wanted, reason = given.get("day"), _reason(given)
    chosen = day(wanted) if isinstance(wanted, str) else None
    if wanted is not None and chosen is None:
        return _wrong("day", "a day as 2026-11-25, or null")
    return reason if isinstance(reason, Refusal) else Dated(chosen, reason)


def asked() -> Asked | Refusal:
    """`person`: an email address, and a `reason`."""
    given = body()
    if isinstance(given, Refusal):
        return given
    email, reason = given.get("person"), _reason(given)
    if not isinstance(email, str):
        return _wrong("person", "an email address")
    return reason if isinstance(reason, Refusal) else Asked(email, reason)


def operation() -> str | Refusal | None:
    """The call's own id: a second call with it gets the answer of the first."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if len(given) > _KEY_MAX or not given.isprintable():
        return Refusal("call.key", f"The Idempotency-Key has more than {_KEY_MAX} signs.", "", 400)
    return f"token:{g.token_id}:{given}" if given else None


def _listed(
    given: Mapping[str, object], name: str, wholes: tuple[str, ...]
) -> list[tuple[list[int], Mapping[str, object]]] | Refusal:
    """A list of objects in which these fields are whole numbers: those, and the object."""
    listed = given.get(name)
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        return _wrong(name, f"a list of 1 to {MOST:,}")
    found: list[tuple[list[int], Mapping[str, object]]] = []
    for one in listed:
        given_as = [one.get(word) for word in wholes] if isinstance(one, dict) else []
        numbers = [number for number in given_as if type(number) is int]
        if len(numbers) < len(wholes):
            return _wrong(name, f"a list of objects, with whole numbers as {', '.join(wholes)}")
        found.append((numbers, one))
    return found


def _lock(given: Mapping[str, object]) -> int | Refusal | None:
    """The lock of what was looked at; it may be left out."""
    lock = given.get("lock")
    return lock if lock is None or type(lock) is int else _wrong("lock", "a whole number")


def _moment(given: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _reason(given: Mapping[str, object]) -> str | Refusal:
    reason = given.get("reason")
    return reason if isinstance(reason, str) else _wrong("reason", "a text: it stands in the trace")


def _wrong(field: str, wanted: str) -> Refusal:
    return Refusal("body.field", f"The field {field} is not {wanted}.", "See docs/api.md.", 422)
