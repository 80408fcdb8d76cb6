"""The body of a call becomes a wish, or a problem that names the field.

Here: reading strict JSON. Not here: whether the wish is granted (services).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import g, request

from connectors.kit import strictjson
from holding.many import MOST, Wish
from holding.refusal import Refusal

ACTS = ("release", "retry")  # over many
_KEY_MAX = 100


@dataclass(frozen=True, slots=True)
class Approve:
    """Approve these contents: posting id -> the hash that was looked at."""

    seen: Mapping[int, str]
    reason: str


def many() -> Wish | Refusal:
    """`act`, and `holds`, each with `id`, `lock` and `version`; a release has a `reason`."""
    given = body()
    if isinstance(given, Refusal):
        return given
    act = given.get("act")
    if act not in ACTS:
        return _wrong("act", " or ".join(ACTS))
    listed = _listed(given, "holds", ("id", "lock", "version"))
    if isinstance(listed, Refusal):
        return listed
    reason = _reason(given) if act == "release" else ""
    if isinstance(reason, Refusal):
        return reason
    seen = {one["id"]: (one["lock"], one["version"]) for one in listed}
    return Wish(act=act, seen=seen, reason=reason)


def body() -> dict[str, Any] | Refusal:
    """The JSON object of the call."""
    if not request.is_json:
        return Refusal("body.type", "The body is not application/json.", "Say so in its type.", 415)
    found = strictjson.loads(request.get_data(cache=False))
    if isinstance(found, strictjson.JsonRefusal):
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
    if not all(isinstance(one.get("hash"), str) for one in listed):
        return _wrong("hash", "the hash of what was looked at")
    seen = {one["id"]: one["hash"] for one in listed}
    reason = _reason(given)
    return reason if isinstance(reason, Refusal) else Approve(seen, reason)


def reasoned() -> str | Refusal:
    """A `reason`."""
    given = body()
    return given if isinstance(given, Refusal) else _reason(given)


def operation() -> str | Refusal | None:
    """The call's own id: a second call with it gets the answer of the first."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if len(given) > _KEY_MAX or not given.isprintable():
        return Refusal("call.key", f"The Idempotency-Key has more than {_KEY_MAX} signs.", "", 400)
    return f"token:{g.token_id}:{given}" if given else None


def _listed(
    given: Mapping[str, Any], name: str, wholes: tuple[str, ...]
) -> list[dict[str, Any]] | Refusal:
    """A list of objects in which these fields are whole numbers."""
    listed = given.get(name)
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        return _wrong(name, f"a list of 1 to {MOST:,}")
    for one in listed:
        if not isinstance(one, dict) or any(type(one.get(word)) is not int for word in wholes):
            return _wrong(name, f"a list of objects, with whole numbers as {', '.join(wholes)}")
    return listed


def _reason(given: Mapping[str, Any]) -> str | Refusal:
    reason = given.get("reason")
    return reason if isinstance(reason, str) else _wrong("reason", "a text: it stands in the trace")


def _wrong(field: str, wanted: str) -> Refusal:
    return Refusal("body.field", f"The field {field} is not {wanted}.", "See docs/api.md.", 422)
