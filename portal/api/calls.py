"""The API calls on holds and records, the parsing of their bodies, and the OpenAPI document."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, TypeVar

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request, url_for
from werkzeug.routing import Rule

from connectors.transport import strict_json
from grammar.version import __version__
from holding.access import actors, people
from holding.approvals import approve
from holding.approvals.candidates import Left, SetChanged
from holding.db.database import DatabaseSession
from holding.db.refusal import Refusal
from holding.holds import (
    assignments,
    holds,
    locked_periods,
    releases,
    restored_documents,
    retries,
)
from holding.holds.assignments import MOST, Act, Wish
from holding.holds.holds import Correction, Done
from holding.holds.holds import Left as NotDone
from holding.platform import processes
from holding.reconciliation import manual_entries
from holding.worklist import open_holds, search
from portal.api import answers
from portal.web import forms, request_guard, store
from portal.web.forms import parse_day
from portal.web.permissions import needs, permission_of
from portal.web.request_guard import problem, whose

Body = TypeVar("Body")

api = Blueprint("api", __name__, url_prefix="/api/v1/c/<co>")

Schema = Mapping[str, Any]

MOST_WHOLE: Final = 10**18 - 1

MOST_TEXT: Final = 500
"""Characters of a text field. A longer text is refused, not cut."""

MOST_VALUE: Final = 5_000
"""Characters of a corrected value, which may be an address or a description."""

TEXT: Final[Schema] = {"type": "string"}

FILLED_TEXT: Final[Schema] = {
    "type": "string",
    "minLength": 1,
    "maxLength": MOST_TEXT,
    "pattern": r"^[^\u0000]*[^\s\u0000][^\u0000]*$",
}

WHOLE: Final[Schema] = {"type": "integer", "minimum": 0, "maximum": MOST_WHOLE}

OPTIONAL_LOCK: Final[Schema] = {
    **WHOLE,
    "type": ["integer", "null"],
    "description": "As GET /holds returned it.",
}

WITHOUT_NUL: Final = r"^[^\u0000]*$"
"""What every text of a body matches; the JSON reader refuses others."""

OPTIONAL_DAY: Final[Schema] = {
    "type": ["string", "null"],
    "format": "date",
    "pattern": r"^(19|2\d)\d{2}-\d{2}-\d{2}$",
}

HASH: Final[Schema] = {"type": "string", "pattern": WITHOUT_NUL}

ADDRESS: Final[Schema] = {"type": "string", "maxLength": MOST_TEXT, "pattern": WITHOUT_NUL}

OPTIONAL_ADDRESS: Final[Schema] = {**ADDRESS, "type": ["string", "null"]}

QUERIES: Final[Mapping[str, Mapping[str, Schema]]] = {
    "listing": {"after": WHOLE},
    "records": {"number": FILLED_TEXT},
}

_ITSELF: Final[Schema] = {"type": "object", "description": "A document of OpenAPI 3.1."}

NEEDED: Final = frozenset({("records", "number")})

REFUSED: Final = {
    "400": "The body cannot be read.",
    "401": "No token, or one that is over or revoked.",
    "403": "The person may not, or the token was not made for it.",
    "404": "There is no such thing for this token.",
    "409": "It is not what was looked at.",
    "413": "The body is too large; nothing of it was read.",
    "415": "The body is not JSON, or does not say so.",
    "422": "A field is wrong or missing.",
    "429": "Too many calls.",
    "503": "The database, or the portal, is busy.",
}

ACTS: tuple[Act, ...] = ("release", "retry")  # over many

_KEY_MAX = 100


@api.get("/holds")
@needs("record.read")
def listing() -> Response:
    """Open holds in order of their ids, up to 100; `next` is what `after` asks for next."""
    given = request.args.get("after", "").strip()
    after = forms.parse_whole(given or "0")
    if after is None or after < 0:  # the first page again would be asked for without end
        hint = "Send what `next` told, or leave it out for the first page."
        return problem(Refusal("call.after", "The field after is not a whole number.", hint, 422))
    sees = actors.may(replace(g.actor, scopes=None), "record.pii") is None  # no scope is about it
    rows = open_holds.open_page(store.reading(), g.company.id, after=after, show_personal=sees)
    last = rows[-1].hold if len(rows) == open_holds.OPEN_PAGE_SIZE else None
    return jsonify(answers.to_plain(answers.Holds(tuple(rows), last)))


@api.get("/records")
@needs("record.read")
def records() -> Response:
    """Where the records of one number stand: their documents, and what holds them."""
    number = request.args.get("number", "").strip()
    if not number or len(number) > MOST_TEXT:
        hint = "GET /records?number=NS-10240"
        words = f"The field number is not a text of 1 to {MOST_TEXT} characters."
        return problem(Refusal("call.number", words, hint, 422))
    sees = actors.may(replace(g.actor, scopes=None), "record.pii") is None  # no scope is about it
    session = store.reading()
    rows = search.find_whereabouts(session, g.company.id, number, show_personal=sees, now=g.now)
    if not rows:
        hint = "Compare it with the order; a record that has not arrived is not known."
        return problem(
            Refusal("record.unknown", f"Nothing here has the number {number}.", hint, 404)
        )
    found = ({one.name: getattr(row, one.name) for one in fields(row)} for row in rows)
    each = (answers.Found(**one, page=_page(row)) for one, row in zip(found, rows, strict=True))
    return jsonify(answers.to_plain(answers.Records(tuple(each))))


def _page(row: search.Whereabouts) -> str:
    """The address of a record for people."""
    given = {"source": row.source, "kind": row.kind, "external_id": row.external_id}
    return url_for("records.show", co=g.company.code, _external=True, **given)


@api.get("/openapi.json")
@needs("record.read")
def described() -> Response:
    """These calls as an OpenAPI document."""
    return jsonify(openapi_document(current_app))


@api.post("/holds/approve", endpoint="approve")
@needs("posting.approve")
def approve_postings() -> Response:
    """Approve postings exactly as they were looked at, each with its own answer."""
    wish, op = read_approval(), operation_key()
    if isinstance(wish, Refusal):
        return problem(wish)
    if isinstance(op, Refusal):
        return problem(op)
    with store.writing() as session:
        answer = approve.approve(
            session, g.actor, wish.seen, wish.reason, g.now, op, seen=wish.seen
        )
    if isinstance(answer, SetChanged):
        return problem(answer, changes=answers.to_plain(_not_approved(answer.changes)))
    if isinstance(answer, Refusal):
        return problem(answer)
    processes.ring(g.company.id, "push")
    if answer.forbidden:
        return problem(answer.forbidden, refused=answers.to_plain(_not_approved(answer.refused)))
    waiting, refused = _not_approved(answer.waiting), _not_approved(answer.refused)
    return jsonify(answers.to_plain(answers.Consents(answer.done, answer.ready, waiting, refused)))


def _not_approved(rows: tuple[Left, ...]) -> tuple[answers.NotApproved, ...]:
    return tuple(
        answers.NotApproved(row.posting_id, row.number, row.status, row.reason) for row in rows
    )


@api.post("/holds/<int:hold_id>/release")
@needs("posting.approve")
def release(hold_id: int) -> Response:
    """Let one finding pass."""
    return _reasoned(hold_id, releases.release)


def _reasoned(hold_id: int, act: Callable[..., Done | Refusal]) -> Response:
    """An act that wants a reason and nothing else."""
    return _one(
        read_reason(),
        lambda session, reason, op: act(session, g.actor, hold_id, reason=reason, now=g.now, op=op),
    )


def _one(
    wish: Body | Refusal, act: Callable[[DatabaseSession, Body, str | None], Done | Refusal]
) -> Response:
    """One act on one hold, once a key: what is wrong with the call, or what came of it."""
    op = operation_key()
    for wrong in (wish, op):
        if isinstance(wrong, Refusal):
            return problem(wrong)
    with store.writing() as session:
        answer = act(session, wish, op)  # type: ignore[arg-type]
    return _done(answer)


def _done(answer: Done | Refusal) -> Response:
    if isinstance(answer, Refusal):
        return problem(answer)
    processes.ring(g.company.id, "evaluate")
    return jsonify(answers.to_plain(answers.Act(answer.hold_id, answer.say)))


@api.post("/holds/<int:hold_id>/reject")
@needs("posting.approve")
def reject(hold_id: int) -> Response:
    """Never post this record as it is."""
    return _reasoned(hold_id, releases.reject)


@api.post("/holds/<int:hold_id>/link")
@needs("posting.approve")
def link(hold_id: int) -> Response:
    """A document that stands in the target is the posting's."""

    def act(session: DatabaseSession, wish: Linked, op: str | None) -> Done | Refusal:
        number, reason = wish.number, wish.reason
        return manual_entries.link_document(session, g.actor, hold_id, number, reason, g.now, op)

    return _one(read_link(), act)


@api.post("/holds/<int:hold_id>/look")
@needs("posting.approve")
def look(hold_id: int) -> Response:
    """Something was put right in the target: look at it again."""
    return _reasoned(hold_id, manual_entries.look_again)


@api.post("/holds/<int:hold_id>/overwrite")
@needs("posting.approve")
def overwrite(hold_id: int) -> Response:
    """Send a posted document again over an edit in the target."""
    return _reasoned(hold_id, restored_documents.overwrite_edit)


@api.post("/holds/<int:hold_id>/again")
@needs("posting.approve")
def send_again(hold_id: int) -> Response:
    """Send a document again that the target accepted and does not have."""
    return _reasoned(hold_id, releases.send_again)


@api.post("/holds/<int:hold_id>/retry")
@needs("hold.retry")
def retry(hold_id: int) -> Response:
    """Try once more what changed since."""
    return _one(None, lambda session, _, op: retries.retry(session, g.actor, hold_id, g.now, op))


@api.post("/holds/<int:hold_id>/entry")
@needs("hold.retry")
def look_for_entry(hold_id: int) -> Response:
    """Look again for an entry that the target lacked, such as a customer, an account or an item."""
    return _one(
        None, lambda session, _, op: retries.look_for_entry(session, g.actor, hold_id, g.now, op)
    )


@api.post("/holds/<int:hold_id>/override")
@needs("retry.override")
def override(hold_id: int) -> Response:
    """Try once more although nothing changed."""
    return _reasoned(hold_id, retries.override)


@api.post("/holds/<int:hold_id>/assign")
@needs("hold.assign")
def assign(hold_id: int) -> Response:
    """Give it to a person, or back to its team."""

    def act(session: DatabaseSession, wish: Assigned, op: str | None) -> Done | Refusal:
        person_id = _person(session, wish.email) if wish.email else None
        return assignments.assign(session, g.actor, hold_id, person_id, g.now, op, seen=wish.lock)

    return _one(read_assignment(), act)


def _person(session: DatabaseSession, email: str) -> int:
    """Their id; one that nobody has, where there is nobody with that address."""
    return people.id_of(session, g.company.id, email) or -1


@api.post("/holds/<int:hold_id>/snooze")
@needs("hold.assign")
def snooze(hold_id: int) -> Response:
    """Let it rest until a moment."""

    def act(session: DatabaseSession, wish: Snoozed, op: str | None) -> Done | Refusal:
        until, seen = wish.until, wish.lock
        return assignments.snooze(session, g.actor, hold_id, until, g.now, op, seen=seen)

    return _one(read_snooze(), act)


@api.post("/holds/<int:hold_id>/correct")
@needs("record.edit")
def correct(hold_id: int) -> Response:
    """Set one value right, as a new version."""

    def act(session: DatabaseSession, wish: Correction, op: str | None) -> Done | Refusal:
        return holds.correct(session, g.actor, hold_id, wish, g.now, op)

    return _one(read_correction(), act)


@api.post("/holds/<int:hold_id>/date", endpoint="date")
@needs("record.edit")
def date_document(hold_id: int) -> Response:
    """Let a document of a locked period carry another day."""

    def act(session: DatabaseSession, wish: Dated, op: str | None) -> Done | Refusal:
        return locked_periods.change_date(
            session, g.actor, hold_id, wish.day, wish.reason, g.now, op
        )

    return _one(read_date(), act)


@api.post("/holds/<int:hold_id>/reopen")
@needs("hold.assign")
def reopen(hold_id: int) -> Response:
    """Ask somebody to open a locked month."""
    return _asked(hold_id, assignments.ask_to_reopen)


def _asked(hold_id: int, act: Callable[..., Done | Refusal]) -> Response:
    """A question to a person."""

    def ask(session: DatabaseSession, wish: Asked, op: str | None) -> Done | Refusal:
        question = assignments.Question(_person(session, wish.email), wish.reason)
        return act(session, g.actor, hold_id, question, g.now, op)

    return _one(read_question(), ask)


@api.post("/holds/<int:hold_id>/redirect")
@needs("hold.assign")
def redirect(hold_id: int) -> Response:
    """Have somebody decide where a document of a locked period goes."""
    return _asked(hold_id, assignments.ask_to_redirect)


@api.post("/holds/<int:hold_id>/source")
@needs("hold.assign")
def ask_source(hold_id: int) -> Response:
    """Have somebody correct the record in its source, because the target is right."""
    return _asked(hold_id, assignments.ask_source)


@api.post("/holds/many")
@needs("record.read")
def do_many() -> Response:
    """Release or try again many holds as they were looked at, each with its own answer."""
    wish, op = read_many(), operation_key()
    if isinstance(wish, Refusal):
        return problem(wish)
    if isinstance(op, Refusal):
        return problem(op)
    with store.writing() as session:
        answer = assignments.apply_to_holds(
            session, g.actor, wish, g.now, op or f"token:{g.request_id}"
        )
    if isinstance(answer, Refusal):
        return problem(answer)
    processes.ring(g.company.id, "evaluate")
    left = tuple(_not_done(one) for one in answer.left)
    if forbidden := assignments.refusal_if_none_done(answer):
        return problem(forbidden, left=answers.to_plain(left))
    done = tuple(answers.OneDone(one.hold_id, one.number, one.say) for one in answer.done)
    return jsonify(answers.to_plain(answers.Acts(done, left)))


def _not_done(one: NotDone) -> answers.OneLeft:
    refusal = one.refusal
    return answers.OneLeft(
        one.hold_id, one.number, refusal.status, code=refusal.code, why=refusal.words
    )


def openapi_document(app: Flask) -> dict[str, Any]:
    """The document, in the form of OpenAPI 3.1."""
    paths: dict[str, dict[str, Any]] = {}
    rules = [one for one in app.url_map.iter_rules() if one.endpoint.startswith("api.")]
    for rule in sorted(rules, key=lambda one: one.rule):
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) & {"GET", "POST"}):
            paths.setdefault(path, {})[method.lower()] = _operation(app, rule, method)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Clearpost", "version": __version__},
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {"Problem": PROBLEM},
        },
        "security": [{"token": []}],
    }


def _operation(app: Flask, rule: Rule, method: str) -> dict[str, Any]:
    name = rule.endpoint.removeprefix("api.")
    told = (app.view_functions[rule.endpoint].__doc__ or "").strip().split("\n\n")[0]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer = (
        _ITSELF if name == "described" else answers.schema_of(answers.FORMS.get(name, answers.Act))
    )
    made: dict[str, Any] = {
        "operationId": name,
        "summary": re.sub(r"\s+", " ", told),
        "description": f"Scope: {permission_of(app, rule.endpoint)}.",
        "parameters": [*_of_path(rule), *_of_query(name)],
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": answer}}},
            **{code: {"description": why, "content": problem} for code, why in REFUSED.items()},
        },
    }
    if method == "POST":
        key = {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "maxLength": _KEY_MAX, "pattern": "^[ -~]*$"},
        }
        made["parameters"].append(key)
        if BODIES[name]:
            content = {"application/json": {"schema": BODIES[name]}}
            made["requestBody"] = {"required": True, "content": content}
    return made


def _of_path(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": TEXT if name == "co" else WHOLE}
        for name in sorted(rule.arguments)
    ]


def _of_query(name: str) -> list[dict[str, Any]]:
    return [
        {"name": field, "in": "query", "required": (name, field) in NEEDED, "schema": schema}
        for field, schema in QUERIES.get(name, {}).items()
    ]


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


def read_many() -> Wish | Refusal:
    """`act`, and `holds`, each with `id`, `lock` and `version`; a release has a `reason`."""
    given = read_body()
    if isinstance(given, Refusal):
        return given
    act = next((one for one in ACTS if one == given.get("act")), None)
    if act is None:
        return _wrong("act", " or ".join(ACTS))
    listed = _read_list(given, "holds", ("id", "lock", "version"))
    if isinstance(listed, Refusal):
        return listed
    reason = _reason(given) if act == "release" else ""
    if isinstance(reason, Refusal):
        return reason
    seen = {hold_id: (lock, version) for (hold_id, lock, version), _ in listed}
    return Wish(act=act, seen=seen, reason=reason)


def _wrong(field: str, wanted: str) -> Refusal:
    return Refusal("body.field", f"The field {field} is not {wanted}.", "See docs/api.md.", 422)


def _read_list(
    given: Mapping[str, object], name: str, wholes: tuple[str, ...]
) -> list[tuple[list[int], Mapping[str, object]]] | Refusal:
    """A list of objects in which these fields are whole numbers: those, and the object."""
    listed = given.get(name)
    if not isinstance(listed, list) or not 1 <= len(listed) <= MOST:
        return _wrong(name, f"a list of 1 to {MOST:,}")
    found: list[tuple[list[int], Mapping[str, object]]] = []
    for one in listed:
        given_as = [one.get(word) for word in wholes] if isinstance(one, dict) else []
        numbers = [number for number in map(_whole, given_as) if number is not None]
        if len(numbers) < len(wholes):
            return _wrong(name, f"a list of objects, with whole numbers as {', '.join(wholes)}")
        if refusal := _unknown_field(one, _own_schema()["properties"][name]["items"]):
            return refusal
        found.append((numbers, one))
    return found


def _reason(given: Mapping[str, object]) -> str | Refusal:
    return _filled_text(given, "reason")


def _filled_text(given: Mapping[str, object], name: str, most: int = MOST_TEXT) -> str | Refusal:
    text = given.get(name)
    if isinstance(text, str) and text.strip() and len(text) <= most:
        return text
    return _wrong(name, f"a text of 1 to {most:,} characters")


def _whole(value: object) -> int | None:
    """Return a whole number, also one written 7.0, as JSON Schema counts it; else None."""
    if type(value) is int:
        whole = value
    elif isinstance(value, Decimal) and value == value.to_integral_value():
        whole = int(value)
    else:
        return None
    return whole if 0 <= whole <= MOST_WHOLE else None


def read_body() -> dict[str, object] | Refusal:
    """The JSON object of the call."""
    if not request.is_json:
        return Refusal("body.type", "The body is not application/json.", "Say so in its type.", 415)
    found = strict_json.loads(request.get_data(cache=False))
    if isinstance(found, strict_json.JsonRefusal):
        return Refusal(f"body.{found.code}", found.message, found.hint, 400)
    if not isinstance(found, dict):
        return Refusal("body.object", "The body is no JSON object.", "Send {…}.", 400)
    return _unknown_field(found, _own_schema()) or found


def _own_schema() -> Schema:
    """Return the schema of this call's body."""
    return BODIES[str(request.endpoint).removeprefix("api.")]


def _unknown_field(given: Mapping[str, object], schema: Schema) -> Refusal | None:
    """Refuse a field that the call does not have. A misspelled field would be ignored otherwise:
    `lok` instead of `lock` would check nothing.
    """
    unknown = next((name for name in given if name not in schema["properties"]), None)
    if unknown is None:
        return None
    known = ", ".join(schema["properties"])
    words = f"The field {unknown[:100]} is not known."
    return Refusal("body.unknown", words, f"The fields are {known}.", 422)


def read_approval() -> Approve | Refusal:
    """`postings`, each with `id` and `hash`, and a `reason`."""
    given = read_body()
    if isinstance(given, Refusal):
        return given
    listed = _read_list(given, "postings", ("id",))
    if isinstance(listed, Refusal):
        return listed
    if not all(isinstance(one.get("hash"), str) for _, one in listed):
        return _wrong("hash", "the hash of what was looked at")
    seen = {posting_id: str(one["hash"]) for (posting_id,), one in listed}
    reason = _reason(given)
    return reason if isinstance(reason, Refusal) else Approve(seen, reason)


def read_reason() -> str | Refusal:
    """A `reason`."""
    given = read_body()
    return given if isinstance(given, Refusal) else _reason(given)


def read_link() -> Linked | Refusal:
    """`number` of the document in the target, and a `reason`."""
    given = read_body()
    if isinstance(given, Refusal):
        return given
    number, reason = _filled_text(given, "number"), _reason(given)
    if isinstance(number, Refusal):
        return number
    return reason if isinstance(reason, Refusal) else Linked(number.strip(), reason)


def read_assignment() -> Assigned | Refusal:
    """`person`: an email address, or null for the team; `lock` of what was looked at."""
    given = read_body()
    if isinstance(given, Refusal):
        return given
    email, lock = given.get("person"), _lock(given)
    if email is not None and not isinstance(email, str):
        return _wrong("person", "an email address, or null for the team")
    return lock if isinstance(lock, Refusal) else Assigned(email, lock)


def _lock(given: Mapping[str, object]) -> int | Refusal | None:
    """The lock of what was looked at; it may be left out."""
    lock = given.get("lock")
    whole = _whole(lock)
    return whole if lock is None or whole is not None else _wrong("lock", "a whole number")


def read_snooze() -> Snoozed | Refusal:
    """`until`: a moment; `lock` of what was looked at."""
    given = read_body()
    if isinstance(given, Refusal):
        return given
    until, lock = _moment(given.get("until")), _lock(given)
    if until is None:
        return _wrong("until", "a moment with its zone, as 2026-11-25T00:00:00Z")
    return lock if isinstance(lock, Refusal) else Snoozed(until, lock)


def _moment(given: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(given) if isinstance(given, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def read_correction() -> Correction | Refusal:
    """`path`, `value`, `version_no` of what was looked at, and a `reason`."""
    given = read_body()
    if isinstance(given, Refusal):
        return given
    path, reason = _filled_text(given, "path"), _reason(given)
    value = _filled_text(given, "value", MOST_VALUE)
    if isinstance(path, Refusal):
        return path
    if isinstance(value, Refusal):
        return value
    if isinstance(reason, Refusal):
        return reason
    seen = _whole(given.get("version_no"))
    if seen is None:
        return _wrong("version_no", "a whole number")
    return Correction(path=path, value=value.strip(), reason=reason, seen=seen)


def read_date() -> Dated | Refusal:
    """`day`, or null for the first open one, and a `reason`."""
    given = read_body()
    if isinstance(given, Refusal):
        return given
    wanted, reason = given.get("day"), _reason(given)
    chosen = parse_day(wanted) if isinstance(wanted, str) else None
    if wanted is not None and chosen is None:
        return _wrong("day", "a day as 2026-11-25, or null")
    return reason if isinstance(reason, Refusal) else Dated(chosen, reason)


def read_question() -> Asked | Refusal:
    """`person`: an email address, and a `reason`."""
    given = read_body()
    if isinstance(given, Refusal):
        return given
    email, reason = given.get("person"), _reason(given)
    if not isinstance(email, str):
        return _wrong("person", "an email address")
    return reason if isinstance(reason, Refusal) else Asked(email, reason)


def operation_key() -> str | Refusal | None:
    """The call's own id: a second call with it gets the answer of the first."""
    given = request.headers.get("Idempotency-Key", "").strip()
    if len(given) > _KEY_MAX or not given.isprintable():
        return Refusal("call.key", f"The Idempotency-Key has more than {_KEY_MAX} signs.", "", 400)
    return f"token:{g.token_id}:{given}" if given else None


def _body(required: Mapping[str, Schema], **optional: Schema) -> Schema:
    return {
        "type": "object",
        "required": list(required),
        "properties": {**required, **optional},
        "additionalProperties": False,
    }


def _list_schema(**fields: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "maxItems": 1000, "items": _body(fields)}


request_guard.limiter.limit("240 per minute", key_func=whose)(api)

request_guard.limiter.limit("20 per minute", deduct_when=lambda answer: answer.status_code == 401)(
    api
)

_REASONED: Final = _body({"reason": FILLED_TEXT})

_ASKED: Final = _body({"person": ADDRESS, "reason": FILLED_TEXT})

BODIES: Final[Mapping[str, Schema]] = {
    "approve": _body({"postings": _list_schema(id=WHOLE, hash=HASH), "reason": FILLED_TEXT}),
    "release": _REASONED,
    "reject": _REASONED,
    "link": _body({"number": FILLED_TEXT, "reason": FILLED_TEXT}),
    "look": _REASONED,
    "send_again": _REASONED,
    "overwrite": _REASONED,
    "retry": {},
    "look_for_entry": {},
    "override": _REASONED,
    "assign": _body({"person": OPTIONAL_ADDRESS}, lock=OPTIONAL_LOCK),
    "snooze": _body({"until": {"type": "string", "format": "date-time"}}, lock=OPTIONAL_LOCK),
    "correct": _body(
        {
            "path": FILLED_TEXT,
            "value": {**FILLED_TEXT, "maxLength": MOST_VALUE},
            "version_no": WHOLE,
            "reason": FILLED_TEXT,
        }
    ),
    "date": _body({"day": OPTIONAL_DAY, "reason": FILLED_TEXT}),
    "reopen": _ASKED,
    "redirect": _ASKED,
    "ask_source": _ASKED,
    "do_many": {
        **_body(
            {
                "act": {"type": "string", "enum": list(ACTS)},
                "holds": _list_schema(id=WHOLE, lock=WHOLE, version=WHOLE),
            },
            reason=FILLED_TEXT,
        ),
        "if": {"properties": {"act": {"const": "release"}}},
        "then": {"required": ["reason"]},
    },
}
"""The body of each call that has one, by its view; a call with none takes no body."""

PROBLEM: Final = _body(
    {
        **dict.fromkeys(("type", "title", "code", "what", "why", "todo", "request_id"), TEXT),
        "status": WHOLE,
    },
    changes=answers.schema_of(tuple[answers.NotApproved, ...]),
    refused=answers.schema_of(tuple[answers.NotApproved, ...]),
    left=answers.schema_of(tuple[answers.OneLeft, ...]),
)
"""A refusal. The lists say what changed (approve), or which items were refused and why."""
