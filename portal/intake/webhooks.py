"""The webhooks of sources, and the health checks."""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, g, jsonify, make_response, request, url_for
from limits import parse

from connectors import registry
from connectors.contract import (
    Accepted,
    RowError,
    ShowsExample,
    SignsMore,
    Source,
    SourceRefusal,
)
from connectors.contract.pulls import storable
from holding.connections import connections
from holding.db.refusal import Refusal, plural
from holding.intake import families, pulls
from holding.intake import receive as hook_calls
from holding.intake import receive as versions
from holding.intake.deliveries import zone_of_source
from holding.operations.idle_work import idle_work
from holding.platform import backup, processes
from portal.web import request_guard, store
from portal.web.permissions import public
from portal.web.request_guard import problem

hooks = Blueprint("hooks", __name__)
health = Blueprint("health", __name__)
Headers = Mapping[str, str]
Read = Accepted | Refusal
"""A delivery that may be taken, or why not."""
KEPT_HEADERS = ("Content-Type", "User-Agent")
UNKNOWN = Refusal(
    "hook.unknown",
    "Unknown webhook address.",
    "Compare the address with the one on the connection's page.",
    404,
)
"""What a stranger is told: nothing about which companies and sources there are."""
UNPROVED: Final = parse("60 per minute")
"""So many calls of strangers at one source are noted; the others are answered alone."""


@hooks.post("/hooks/<co>/<source>")
@public  # authenticated by the signature of the request
def receive(co: str, source: str) -> Response:
    """Receive a delivery.

    Answers 202 if it is new, 200 for a repetition or ping, else a problem with its reason.
    """
    company = store.company_of(co)
    named = (
        connections.find_connection(store.reading(), company.id, source, side="source")
        if company
        else None
    )
    reader = registry.sources().get(named.connector) if named else None
    if company is None or named is None or reader is None:
        return problem(UNKNOWN)
    raw = request.get_data(cache=False)
    read = read_delivery(named, co, dict(request.headers), raw)
    if isinstance(read, Refusal):
        return _rejected(company.id, named.id, read) if _noted(named.id) else problem(read)
    if read.errors and not read.records:
        return _errors(company.id, named.id, read)
    with store.writing() as session:
        answer = versions.receive(
            session,
            company_id=company.id,
            source_id=named.id,
            delivery_key=read.delivery_id,
            signature=read.signature,
            kind="webhook",
            headers=_headers(reader.headers),
            raw=b"" if read.ping else raw,
            records=[
                *read.records,
                *families.withdrawn_records(session, named.id, read.withdrawn, g.now),
            ],
            now=g.now,
        )
        if read.changed and isinstance(answer, versions.Receipt) and answer.times == 1:
            pulls.start_new_pulls(session, g.now)
            pulls.pull_soon(session, named.id, g.now)
    if isinstance(answer, Refusal):
        return _rejected(company.id, named.id, answer)
    processes.ring(company.id, "pull" if read.changed else "evaluate")
    return _errors(company.id, named.id, read) if read.errors else _receipt(read, answer)


def hook_address(co: str, name: str) -> str:
    """Return the address that a source's sender must call."""
    return request_guard.outside(url_for("hooks.receive", co=co, source=name))


def bound_reader(row: connections.ConnectionRow, co: str) -> Source | None:
    """Return the reader for a source's deliveries, prepared for the address that its senders
    sign.
    """
    reader = registry.sources().get(row.connector)
    if isinstance(reader, SignsMore):
        return reader.bound(row.settings, hook_address(co, row.name))
    return reader


def example_of(row: connections.ConnectionRow, co: str) -> dict[str, object] | None:
    """Return a signed example delivery for display.

    Its signature is cut, so that the example cannot be sent.
    """
    source = bound_reader(row, co)
    if not isinstance(source, ShowsExample):
        return None
    call = source.example("not the secret", g.now, "evt-9001")
    cut = {
        name: value[:11] + "…" if len(value) > 60 else value for name, value in call.headers.items()
    }
    return {
        "path": url_for("hooks.receive", co=co, source=row.name),
        "headers": cut,
        "body": call.body.decode(),
        "signed": call.signed,
    }


def read_delivery(source: connections.ConnectionRow, co: str, headers: Headers, raw: bytes) -> Read:
    """Read a delivery after verifying its signature. Nothing is stored here."""
    reader = bound_reader(source, co)
    if reader is None:
        return UNKNOWN
    secrets = connections.secrets_of(store.reading(), source.id, g.now)
    if isinstance(secrets, Refusal):
        return Refusal(secrets.code, secrets.message, secrets.hint, 401)
    zone = zone_of_source(store.reading(), source.id)
    read = reader.accept(headers, raw, secrets, g.now, zone)
    if isinstance(read, SourceRefusal):
        return Refusal(read.code, read.message, read.hint, read.status)
    return read


def _noted(source_id: int) -> bool:
    """Check whether a call with an invalid signature is recorded.

    Anyone can send such calls, and each record is a write. So only the first calls of a minute are
    recorded.
    """
    return request_guard.limiter.limiter.hit(UNPROVED, "hook", str(source_id))


def _rejected(company_id: int, source_id: int, refusal: Refusal) -> Response:
    """Return the answer to a refused delivery, and record it for the source's page."""
    with store.writing() as session:
        hook_calls.note_rejected(session, company_id, source_id, refusal, g.now)
    return problem(refusal)


@health.get("/healthz")
@public
def healthz() -> Response:
    """Check the health: 200 if the database answers and its tables have our version. Nothing secret
    is shown.

    Without a worker it is also 200. These pages still accept deliveries, which would be lost if a
    monitor took the portal out of service.
    """
    return _health(200)


@health.get("/healthz/worker")
@public
def worker() -> Response:
    """Check the health as `/healthz` does, but answer 503 while no worker runs, for monitors that
    read only the status.
    """
    return _health(503)


def _health(without_worker: int) -> Response:
    wrong = backup.check_version(store.database().url)
    if wrong is not None:
        told = {"code": wrong.code, "what": wrong.message, "todo": wrong.hint}
        if not backup.has_newer_schema(store.database()):
            return make_response(jsonify(status="bad", **told), 503)
        # An upgrade migrates first: a load balancer must keep these portals until new ones run.
        return make_response(jsonify(status="newer_schema", **told), without_worker)
    idle = idle_work(store.reading(), g.now)
    low = processes.disk_warning(request_guard.config().settings.home)
    warnings = [{"code": low.code, "what": low.message, "todo": low.hint}] if low else []
    if idle is None:
        return jsonify(status="good", now=g.now.isoformat(), warnings=warnings)
    answer = jsonify(status="no_worker", now=g.now.isoformat(), warnings=warnings, **idle.told)
    answer.status_code = without_worker
    return answer


def _headers(prefix: str) -> dict[str, str]:
    """Return the request headers to store: the source's own and a fixed list, never a
    credential.
    """
    own = {k: v for k, v in request.headers.items() if k.lower().startswith(f"{prefix}-")}
    kept = {k: request.headers[k] for k in KEPT_HEADERS if k in request.headers}
    return own | kept


def _errors(company_id: int, source_id: int, read: Accepted) -> Response:
    """Return the answer for records without an id. The others of the delivery are stored, so that
    sending it again changes nothing for them.
    """
    first = read.errors[0]
    # One record may have several errors; their places begin with the record's own.
    refused = len({error.where.partition(".")[0] for error in read.errors})
    taken = f"{plural(len(read.records), 'record')} taken" if read.records else "nothing taken"
    refusal = Refusal(
        "delivery.errors",
        f"{plural(refused, 'record')} cannot be stored without an id; {taken}.",
        "Correct them at the source and deliver again.",
        422,
    )
    numbers = ", ".join(dict.fromkeys(one.value for one in read.errors[:5] if one.value))
    named = f" ({numbers})" if numbers else ""
    words = storable(f"{refusal.message} First, {first.where}{named}: {first.message}")
    noted = Refusal(refusal.code, words, f"{first.hint} {refusal.hint}".strip(), 422)
    with store.writing() as session:
        hook_calls.note_rejected(session, company_id, source_id, noted, g.now)
    return problem(refusal, errors=[error_words(one) for one in read.errors[:100]])


def error_words(error: RowError) -> dict[str, str]:
    """Return what is wrong at a place, for the sender; with both figures where they differ."""
    words = {
        "where": error.where,
        "value": error.value,
        "message": error.message,
        "hint": error.hint,
    }
    if error.stated is None or error.computed is None:
        return words
    return words | {
        "stated": format(error.stated, "f"),
        "computed": format(error.computed, "f"),
        "difference": format(abs(error.stated - error.computed), "f"),
    }


def _receipt(read: Accepted, answer: versions.Receipt) -> Response:
    told = jsonify(
        receipt={"delivery": answer.delivery_id, "id": read.delivery_id},
        times=answer.times,
        records=len(read.records),
        new_records=answer.new_records,
        new_versions=answer.new_versions,
        unchanged=answer.unchanged,
        stale=answer.stale,
        held=[
            {"record": record.number, **error_words(one)}
            for record in read.records
            for one in record.errors
        ][:100],
    )
    told.status_code = 202 if answer.times == 1 and not read.ping else 200
    return told
