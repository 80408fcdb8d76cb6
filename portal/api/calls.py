"""Serve the API calls on holds and records, parse their bodies, and publish the OpenAPI schema."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
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
from portal.api.answers import (
    ADDRESS,
    FILLED_TEXT,
    HASH,
    MAX_TEXT,
    MAX_WHOLE,
    OPTIONAL_ADDRESS,
    OPTIONAL_DAY,
    OPTIONAL_LOCK,
    PROBLEM,
    TEXT,
    WHOLE,
    Schema,
    body_schema,
    list_schema,
)
from portal.web import forms, request_guard, store
from portal.web.forms import parse_day
from portal.web.permissions import needs, permission_of
from portal.web.request_guard import problem, whose

Body = TypeVar("Body")

api = Blueprint("api", __name__, url_prefix="/api/v1/c/<co>")

MAX_VALUE: Final = 5_000
"""Longest corrected value in characters; it may be an address or a description."""

QUERIES: Final[Mapping[str, Mapping[str, Schema]]] = {
    "listing": {"after": WHOLE},
    "records": {"number": FILLED_TEXT},
}

_OPENAPI_SCHEMA: Final[Schema] = {"type": "object", "description": "A document of OpenAPI 3.1."}

REQUIRED_QUERIES: Final = frozenset({("records", "number")})

REFUSAL_MEANINGS: Final = {
    "400": "The body cannot be read.",
    "401": "No token, or one that is over or revoked.",
    "403": "The person may not, or the token was not made for it.",
    "404": "There is no such thing for this token.",
    "409": "It is not what was looked at.",
    "413": "The body is too large; nothing of it was read.",
    "415": "The body is not JSON, or does not say so.",
    "422": "A field is wrong or missing.",
    "429": "Too many calls.",
    "503": "The database cannot be reached, or it or the portal is busy.",
}

ACTS: tuple[Act, ...] = ("release", "retry")  # allowed on many holds at once

_KEY_MAX = 100


@api.get("/holds")
@needs("record.read")
def listing() -> Response:
    """List open holds in order of their ids, up to 100. `next` is the `after` of the next page."""
    after_text = request.args.get("after", "").strip()
    after = forms.parse_whole(after_text or "0")
    if after is None or after < 0:  # a client would request the first page forever
        hint = "Send what `next` told, or leave it out for the first page."
        return problem(Refusal("call.after", "The field after is not a whole number.", hint, 422))
    hidden = actors.hidden_fields(g.actor)
    rows = open_holds.open_page(store.reading(), g.company.id, after=after, hidden=hidden)
    last = rows[-1].hold if len(rows) == open_holds.OPEN_PAGE_SIZE else None
    return jsonify(answers.to_plain(answers.Holds(tuple(rows), last)))


@api.get("/records")
@needs("record.read")
def records() -> Response:
    """List the records with one number: their state, their documents, and their holds."""
    number = request.args.get("number", "").strip()
    if not number or len(number) > MAX_TEXT:
        hint = "GET /records?number=NS-10240"
        words = f"The field number is not a text of 1 to {MAX_TEXT} characters."
        return problem(Refusal("call.number", words, hint, 422))
    session, hidden = store.reading(), actors.hidden_fields(g.actor)
    rows = search.find_whereabouts(session, g.company.id, number, hidden=hidden, now=g.now)
    if not rows:
        hint = "Compare it with the order; a record that has not arrived is not known."
        return problem(
            Refusal("record.unknown", f"Nothing here has the number {number}.", hint, 404)
        )
    field_rows = ({field.name: getattr(row, field.name) for field in fields(row)} for row in rows)
    found_records = (
        answers.Found(**field_values, page=_record_address(row))
        for field_values, row in zip(field_rows, rows, strict=True)
    )
    return jsonify(answers.to_plain(answers.Records(tuple(found_records))))


def _record_address(row: search.Whereabouts) -> str:
    """Return the address of a record's page for people."""
    record_key = {"source": row.source, "kind": row.kind, "external_id": row.external_id}
    return url_for("records.show", co=g.company.code, _external=True, **record_key)


@api.get("/openapi.json")
@needs("record.read")
def described() -> Response:
    """Return these calls as an OpenAPI document."""
    return jsonify(openapi_document(current_app))


@api.post("/holds/approve", endpoint="approve")
@needs("posting.approve")
def approve_postings() -> Response:
    """Approve postings exactly as they were looked at, each with its own answer."""
    approval, operation = read_approval(), operation_key()
    if isinstance(approval, Refusal):
        return problem(approval)
    if isinstance(operation, Refusal):
        return problem(operation)
    with store.writing() as session:
        outcome = approve.approve(
            session,
            g.actor,
            approval.seen_hashes,
            approval.reason,
            g.now,
            operation,
            seen=approval.seen_hashes,
        )
    if isinstance(outcome, SetChanged):
        return problem(outcome, changes=answers.to_plain(_not_approved(outcome.changes)))
    if isinstance(outcome, Refusal):
        return problem(outcome)
    processes.ring(g.company.id, "push")
    if outcome.forbidden:
        return problem(outcome.forbidden, refused=answers.to_plain(_not_approved(outcome.refused)))
    waiting, refused = _not_approved(outcome.waiting), _not_approved(outcome.refused)
    consents = answers.Consents(outcome.done, outcome.ready, waiting, refused)
    return jsonify(answers.to_plain(consents))


def _not_approved(rows: tuple[Left, ...]) -> tuple[answers.NotApproved, ...]:
    return tuple(
        answers.NotApproved(row.posting_id, row.number, row.status, row.reason) for row in rows
    )


@api.post("/holds/<int:hold_id>/release")
@needs("posting.approve")
def release(hold_id: int) -> Response:
    """Release one hold: its finding may pass."""
    return _act_with_reason(hold_id, releases.release)


def _act_with_reason(hold_id: int, act: Callable[..., Done | Refusal]) -> Response:
    """Perform an act that needs a reason and nothing else."""
    return _act_on_hold(
        read_reason(),
        lambda session, reason, op: act(session, g.actor, hold_id, reason=reason, now=g.now, op=op),
    )


def _act_on_hold(
    content: Body | Refusal, act: Callable[[DatabaseSession, Body, str | None], Done | Refusal]
) -> Response:
    """Perform one act on one hold, once per operation key; return the refusal or the outcome."""
    op = operation_key()
    for part in (content, op):
        if isinstance(part, Refusal):
            return problem(part)
    with store.writing() as session:
        outcome = act(session, content, op)  # type: ignore[arg-type]
    return _act_response(outcome)


def _act_response(outcome: Done | Refusal) -> Response:
    if isinstance(outcome, Refusal):
        return problem(outcome)
    processes.ring(g.company.id, "evaluate")
    return jsonify(answers.to_plain(answers.Act(outcome.hold_id, outcome.say)))


@api.post("/holds/<int:hold_id>/reject")
@needs("posting.approve")
def reject(hold_id: int) -> Response:
    """Reject this record: it is never posted as it is."""
    return _act_with_reason(hold_id, releases.reject)


@api.post("/holds/<int:hold_id>/link")
@needs("posting.approve")
def link(hold_id: int) -> Response:
    """Link a document that exists in the target to the posting."""

    def act(session: DatabaseSession, linked: LinkRequest, op: str | None) -> Done | Refusal:
        number, reason = linked.number, linked.reason
        return manual_entries.link_document(session, g.actor, hold_id, number, reason, g.now, op)

    return _act_on_hold(read_link(), act)


@api.post("/holds/<int:hold_id>/look")
@needs("posting.approve")
def look(hold_id: int) -> Response:
    """Request another lookup of the posting, after a person corrected something in the target."""
    return _act_with_reason(hold_id, manual_entries.look_again)


@api.post("/holds/<int:hold_id>/overwrite")
@needs("posting.approve")
def overwrite(hold_id: int) -> Response:
    """Send a posted document again over an edit in the target."""
    return _act_with_reason(hold_id, restored_documents.overwrite_edit)


@api.post("/holds/<int:hold_id>/again")
@needs("posting.approve")
def send_again(hold_id: int) -> Response:
    """Send a document again that the target accepted and does not have."""
    return _act_with_reason(hold_id, releases.send_again)


@api.post("/holds/<int:hold_id>/retry")
@needs("hold.retry")
def retry(hold_id: int) -> Response:
    """Retry a posting after a change."""
    return _act_on_hold(
        None, lambda session, _, op: retries.retry(session, g.actor, hold_id, g.now, op)
    )


@api.post("/holds/<int:hold_id>/entry")
@needs("hold.retry")
def look_for_entry(hold_id: int) -> Response:
    """Request another lookup of an entry that the target lacked, such as a customer."""
    return _act_on_hold(
        None, lambda session, _, op: retries.look_for_entry(session, g.actor, hold_id, g.now, op)
    )


@api.post("/holds/<int:hold_id>/override")
@needs("retry.override")
def override(hold_id: int) -> Response:
    """Retry a posting although nothing changed."""
    return _act_with_reason(hold_id, retries.override)


@api.post("/holds/<int:hold_id>/assign")
@needs("hold.assign")
def assign(hold_id: int) -> Response:
    """Assign a hold to a person, or return it to its team."""

    def act(session: DatabaseSession, assignment: Assignment, op: str | None) -> Done | Refusal:
        person_id = _person_id(session, assignment.email) if assignment.email else None
        seen_lock = assignment.lock
        return assignments.assign(session, g.actor, hold_id, person_id, g.now, op, seen=seen_lock)

    return _act_on_hold(read_assignment(), act)


def _person_id(session: DatabaseSession, email: str) -> int:
    """Return the person's id, or -1 (an id without a person) for an unknown address."""
    return people.id_of(session, g.company.id, email) or -1


@api.post("/holds/<int:hold_id>/snooze")
@needs("hold.assign")
def snooze(hold_id: int) -> Response:
    """Suspend a hold until a moment."""

    def act(session: DatabaseSession, pause: Snooze, op: str | None) -> Done | Refusal:
        until, seen_lock = pause.until, pause.lock
        return assignments.snooze(session, g.actor, hold_id, until, g.now, op, seen=seen_lock)

    return _act_on_hold(read_snooze(), act)


@api.post("/holds/<int:hold_id>/correct")
@needs("record.edit")
def correct(hold_id: int) -> Response:
    """Replace one value in a new version of the record."""

    def act(session: DatabaseSession, correction: Correction, op: str | None) -> Done | Refusal:
        return holds.correct(session, g.actor, hold_id, correction, g.now, op)

    return _act_on_hold(read_correction(), act)


@api.post("/holds/<int:hold_id>/date", endpoint="date")
@needs("record.edit")
def date_document(hold_id: int) -> Response:
    """Change the date of a document in a locked period."""

    def act(session: DatabaseSession, date_change: DateChange, op: str | None) -> Done | Refusal:
        return locked_periods.change_date(
            session, g.actor, hold_id, date_change.day, date_change.reason, g.now, op
        )

    return _act_on_hold(read_date(), act)


@api.post("/holds/<int:hold_id>/reopen")
@needs("hold.assign")
def reopen(hold_id: int) -> Response:
    """Request that a person opens a locked month."""
    return _send_question(hold_id, assignments.ask_to_reopen)


def _send_question(hold_id: int, act: Callable[..., Done | Refusal]) -> Response:
    """Send a question to a person."""

    def ask(session: DatabaseSession, sent: QuestionRequest, op: str | None) -> Done | Refusal:
        question = assignments.Question(_person_id(session, sent.email), sent.reason)
        return act(session, g.actor, hold_id, question, g.now, op)

    return _act_on_hold(read_question(), ask)


@api.post("/holds/<int:hold_id>/redirect")
@needs("hold.assign")
def redirect(hold_id: int) -> Response:
    """Request that a person decides where a document of a locked period goes."""
    return _send_question(hold_id, assignments.ask_to_redirect)


@api.post("/holds/<int:hold_id>/source")
@needs("hold.assign")
def ask_source(hold_id: int) -> Response:
    """Request that a person corrects the record in its source, because the target is right."""
    return _send_question(hold_id, assignments.ask_source)


@api.post("/holds/many")
@needs("record.read")
def do_many() -> Response:
    """Release or retry many holds as they were looked at, each with its own answer."""
    requested, operation = read_many(), operation_key()
    if isinstance(requested, Refusal):
        return problem(requested)
    if isinstance(operation, Refusal):
        return problem(operation)
    with store.writing() as session:
        outcome = assignments.apply_to_holds(
            session, g.actor, requested, g.now, operation or f"token:{g.request_id}"
        )
    if isinstance(outcome, Refusal):
        return problem(outcome)
    processes.ring(g.company.id, "evaluate")
    left_rows = tuple(_refused_answer(refused) for refused in outcome.left)
    if forbidden := assignments.refusal_if_none_done(outcome):
        return problem(forbidden, left=answers.to_plain(left_rows))
    done_rows = tuple(answers.OneDone(row.hold_id, row.number, row.say) for row in outcome.done)
    return jsonify(answers.to_plain(answers.Acts(done_rows, left_rows)))


def _refused_answer(refused_hold: NotDone) -> answers.OneLeft:
    refusal = refused_hold.refusal
    return answers.OneLeft(
        refused_hold.hold_id,
        refused_hold.number,
        refusal.status,
        code=refusal.code,
        why=refusal.words,
    )


def openapi_document(app: Flask) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of these calls."""
    paths: dict[str, dict[str, Any]] = {}
    rules = [rule for rule in app.url_map.iter_rules() if rule.endpoint.startswith("api.")]
    for rule in sorted(rules, key=lambda api_rule: api_rule.rule):
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
    summary = (app.view_functions[rule.endpoint].__doc__ or "").strip().split("\n\n")[0]
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    answer = (
        _OPENAPI_SCHEMA
        if name == "described"
        else answers.schema_of(answers.FORMS.get(name, answers.Act))
    )
    operation: dict[str, Any] = {
        "operationId": name,
        "summary": re.sub(r"\s+", " ", summary),
        "description": f"Scope: {permission_of(app, rule.endpoint)}.",
        "parameters": [*_path_parameters(rule), *_query_parameters(name)],
        "responses": {
            "200": {"description": "Done.", "content": {"application/json": {"schema": answer}}},
            **{
                code: {"description": why, "content": problem}
                for code, why in REFUSAL_MEANINGS.items()
            },
        },
    }
    if method == "POST":
        key = {
            "name": "Idempotency-Key",
            "in": "header",
            "schema": {"type": "string", "maxLength": _KEY_MAX, "pattern": "^[ -~]*$"},
        }
        operation["parameters"].append(key)
        if BODIES[name]:
            content = {"application/json": {"schema": BODIES[name]}}
            operation["requestBody"] = {"required": True, "content": content}
    return operation


def _path_parameters(rule: Rule) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": TEXT if name == "co" else WHOLE}
        for name in sorted(rule.arguments)
    ]


def _query_parameters(name: str) -> list[dict[str, Any]]:
    return [
        {
            "name": field,
            "in": "query",
            "required": (name, field) in REQUIRED_QUERIES,
            "schema": schema,
        }
        for field, schema in QUERIES.get(name, {}).items()
    ]


@dataclass(frozen=True, slots=True)
class Approval:
    """Approve these contents: posting id -> the hash of the content that was looked at."""

    seen_hashes: Mapping[int, str]
    reason: str


@dataclass(frozen=True, slots=True)
class Assignment:
    """Assign a hold to the person with this address (None: to its team)."""

    email: str | None
    lock: int | None


@dataclass(frozen=True, slots=True)
class LinkRequest:
    """Link the target's document with this number to the posting."""

    number: str
    reason: str


@dataclass(frozen=True, slots=True)
class Snooze:
    """Snooze a hold until a moment."""

    until: datetime
    lock: int | None


@dataclass(frozen=True, slots=True)
class DateChange:
    """Change a document's day; None means the first open day."""

    day: date | None
    reason: str


@dataclass(frozen=True, slots=True)
class QuestionRequest:
    """Send a question to the person with this address."""

    email: str
    reason: str


def read_many() -> Wish | Refusal:
    """Read `act`, and `holds`, each with `id`, `lock` and `version`; a release has a `reason`."""
    body = read_body()
    if isinstance(body, Refusal):
        return body
    act = next((known_act for known_act in ACTS if known_act == body.get("act")), None)
    if act is None:
        return _field_refusal("act", " or ".join(ACTS))
    hold_rows = _read_list(body, "holds", ("id", "lock", "version"))
    if isinstance(hold_rows, Refusal):
        return hold_rows
    reason = _read_reason_field(body) if act == "release" else ""
    if isinstance(reason, Refusal):
        return reason
    seen_versions = {hold_id: (lock, version) for (hold_id, lock, version), _ in hold_rows}
    return Wish(act=act, seen=seen_versions, reason=reason)


def _field_refusal(field: str, expected: str) -> Refusal:
    return Refusal("body.field", f"The field {field} is not {expected}.", "See docs/api.md.", 422)


def _read_list(
    body: Mapping[str, object], name: str, number_fields: tuple[str, ...]
) -> list[tuple[list[int], Mapping[str, object]]] | Refusal:
    """Return each object of a list with its whole numbers, in the order of `number_fields`."""
    entries = body.get(name)
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST:
        return _field_refusal(name, f"a list of 1 to {MOST:,}")
    rows: list[tuple[list[int], Mapping[str, object]]] = []
    for entry in entries:
        number_values = (
            [entry.get(word) for word in number_fields] if isinstance(entry, dict) else []
        )
        numbers = [number for number in map(_whole_number, number_values) if number is not None]
        if len(numbers) < len(number_fields):
            return _field_refusal(
                name, f"a list of objects, with whole numbers as {', '.join(number_fields)}"
            )
        if refusal := _unknown_field(entry, _own_schema()["properties"][name]["items"]):
            return refusal
        rows.append((numbers, entry))
    return rows


def _read_reason_field(body: Mapping[str, object]) -> str | Refusal:
    return _read_text(body, "reason")


def _read_text(body: Mapping[str, object], name: str, max_length: int = MAX_TEXT) -> str | Refusal:
    text = body.get(name)
    if isinstance(text, str) and text.strip() and len(text) <= max_length:
        return text
    return _field_refusal(name, f"a text of 1 to {max_length:,} characters")


def _whole_number(value: object) -> int | None:
    """Return a whole number, also one written 7.0, as JSON Schema counts it; else None."""
    if type(value) is int:
        number = value
    elif isinstance(value, Decimal) and value == value.to_integral_value():
        number = int(value)
    else:
        return None
    return number if 0 <= number <= MAX_WHOLE else None


def read_body() -> dict[str, object] | Refusal:
    """Read the call's JSON object; an unknown field is refused."""
    if not request.is_json:
        return Refusal("body.type", "The body is not application/json.", "Say so in its type.", 415)
    body = strict_json.loads(request.get_data(cache=False))
    if isinstance(body, strict_json.JsonRefusal):
        return Refusal(f"body.{body.code}", body.message, body.hint, 400)
    if not isinstance(body, dict):
        return Refusal("body.object", "The body is no JSON object.", "Send {…}.", 400)
    return _unknown_field(body, _own_schema()) or body


def _own_schema() -> Schema:
    """Return the schema of this call's body."""
    return BODIES[str(request.endpoint).removeprefix("api.")]


def _unknown_field(body: Mapping[str, object], schema: Schema) -> Refusal | None:
    """Refuse a field that the call does not have.

    Without this check a misspelled field would be ignored: `lok` instead of `lock` would check
    nothing.
    """
    unknown_name = next((name for name in body if name not in schema["properties"]), None)
    if unknown_name is None:
        return None
    known_names = ", ".join(schema["properties"])
    words = f"The field {unknown_name[:100]} is not known."
    return Refusal("body.unknown", words, f"The fields are {known_names}.", 422)


def read_approval() -> Approval | Refusal:
    """Read `postings`, each with `id` and `hash`, and a `reason`."""
    body = read_body()
    if isinstance(body, Refusal):
        return body
    posting_rows = _read_list(body, "postings", ("id",))
    if isinstance(posting_rows, Refusal):
        return posting_rows
    if not all(isinstance(row.get("hash"), str) for _, row in posting_rows):
        return _field_refusal("hash", "the hash of what was looked at")
    seen_hashes = {posting_id: str(row["hash"]) for (posting_id,), row in posting_rows}
    reason = _read_reason_field(body)
    return reason if isinstance(reason, Refusal) else Approval(seen_hashes, reason)


def read_reason() -> str | Refusal:
    """Read a `reason`."""
    body = read_body()
    return body if isinstance(body, Refusal) else _read_reason_field(body)


def read_link() -> LinkRequest | Refusal:
    """Read the `number` of the document in the target, and a `reason`."""
    body = read_body()
    if isinstance(body, Refusal):
        return body
    number, reason = _read_text(body, "number"), _read_reason_field(body)
    if isinstance(number, Refusal):
        return number
    return reason if isinstance(reason, Refusal) else LinkRequest(number.strip(), reason)


def read_assignment() -> Assignment | Refusal:
    """Read `person`, an email address or null for the team, and the `lock` that was looked at."""
    body = read_body()
    if isinstance(body, Refusal):
        return body
    email, lock = body.get("person"), _read_lock(body)
    if email is not None and not isinstance(email, str):
        return _field_refusal("person", "an email address, or null for the team")
    return lock if isinstance(lock, Refusal) else Assignment(email, lock)


def _read_lock(body: Mapping[str, object]) -> int | Refusal | None:
    """Read the lock of the hold as it was looked at; it may be left out."""
    lock = body.get("lock")
    lock_number = _whole_number(lock)
    if lock is None or lock_number is not None:
        return lock_number
    return _field_refusal("lock", "a whole number")


def read_snooze() -> Snooze | Refusal:
    """Read `until`, a moment with its zone, and the `lock` that was looked at."""
    body = read_body()
    if isinstance(body, Refusal):
        return body
    until, lock = _parse_moment(body.get("until")), _read_lock(body)
    if until is None:
        return _field_refusal("until", "a moment with its zone, as 2026-11-25T00:00:00Z")
    return lock if isinstance(lock, Refusal) else Snooze(until, lock)


def _parse_moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def read_correction() -> Correction | Refusal:
    """Read `path`, `value`, the `version_no` that was looked at, and a `reason`."""
    body = read_body()
    if isinstance(body, Refusal):
        return body
    path, reason = _read_text(body, "path"), _read_reason_field(body)
    value = _read_text(body, "value", MAX_VALUE)
    if isinstance(path, Refusal):
        return path
    if isinstance(value, Refusal):
        return value
    if isinstance(reason, Refusal):
        return reason
    seen_version = _whole_number(body.get("version_no"))
    if seen_version is None:
        return _field_refusal("version_no", "a whole number")
    return Correction(path=path, value=value.strip(), reason=reason, seen=seen_version)


def read_date() -> DateChange | Refusal:
    """Read `day`, or null for the first open day, and a `reason`."""
    body = read_body()
    if isinstance(body, Refusal):
        return body
    day_text, reason = body.get("day"), _read_reason_field(body)
    day = parse_day(day_text) if isinstance(day_text, str) else None
    if day_text is not None and day is None:
        return _field_refusal("day", "a day as 2026-11-25, or null")
    return reason if isinstance(reason, Refusal) else DateChange(day, reason)


def read_question() -> QuestionRequest | Refusal:
    """Read `person`, an email address, and a `reason`."""
    body = read_body()
    if isinstance(body, Refusal):
        return body
    email, reason = body.get("person"), _read_reason_field(body)
    if not isinstance(email, str):
        return _field_refusal("person", "an email address")
    return reason if isinstance(reason, Refusal) else QuestionRequest(email, reason)


def operation_key() -> str | Refusal | None:
    """Return the call's operation key: a second call with this key gets the first call's answer."""
    key = request.headers.get("Idempotency-Key", "").strip()
    if len(key) > _KEY_MAX or not key.isprintable():
        return Refusal(
            "call.key",
            f"The Idempotency-Key must have at most {_KEY_MAX} printable characters.",
            "",
            400,
        )
    return f"token:{g.token_id}:{key}" if key else None


request_guard.limiter.limit("240 per minute", key_func=whose)(api)

request_guard.limiter.limit("20 per minute", deduct_when=lambda answer: answer.status_code == 401)(
    api
)

_REASON_BODY: Final = body_schema({"reason": FILLED_TEXT})

_QUESTION_BODY: Final = body_schema({"person": ADDRESS, "reason": FILLED_TEXT})

BODIES: Final[Mapping[str, Schema]] = {
    "approve": body_schema({"postings": list_schema(id=WHOLE, hash=HASH), "reason": FILLED_TEXT}),
    "release": _REASON_BODY,
    "reject": _REASON_BODY,
    "link": body_schema({"number": FILLED_TEXT, "reason": FILLED_TEXT}),
    "look": _REASON_BODY,
    "send_again": _REASON_BODY,
    "overwrite": _REASON_BODY,
    "retry": {},
    "look_for_entry": {},
    "override": _REASON_BODY,
    "assign": body_schema({"person": OPTIONAL_ADDRESS}, lock=OPTIONAL_LOCK),
    "snooze": body_schema({"until": {"type": "string", "format": "date-time"}}, lock=OPTIONAL_LOCK),
    "correct": body_schema(
        {
            "path": FILLED_TEXT,
            "value": {**FILLED_TEXT, "maxLength": MAX_VALUE},
            "version_no": WHOLE,
            "reason": FILLED_TEXT,
        }
    ),
    "date": body_schema({"day": OPTIONAL_DAY, "reason": FILLED_TEXT}),
    "reopen": _QUESTION_BODY,
    "redirect": _QUESTION_BODY,
    "ask_source": _QUESTION_BODY,
    "do_many": {
        **body_schema(
            {
                "act": {"type": "string", "enum": list(ACTS)},
                "holds": list_schema(id=WHOLE, lock=WHOLE, version=WHOLE),
            },
            reason=FILLED_TEXT,
        ),
        "if": {"properties": {"act": {"const": "release"}}},
        "then": {"required": ["reason"]},
    },
}
"""View -> the schema of its body; an empty schema means that the call takes no body."""
