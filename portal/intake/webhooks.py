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
    """A delivery: 202 new, 200 seen before or a ping, else a problem with its reason."""
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
    """Where the webhooks of a source go to, as its sender is told."""
    return request_guard.outside(url_for("hooks.receive", co=co, source=name))


def bound_reader(row: connections.ConnectionRow, co: str) -> Source | None:
    """What reads the deliveries of a source, with all that its senders sign."""
    reader = registry.sources().get(row.connector)
    if isinstance(reader, SignsMore):
        return reader.bound(row.settings, hook_address(co, row.name))
    return reader


def example_of(row: connections.ConnectionRow, co: str) -> dict[str, object] | None:
    """A signed delivery as the source's sender makes it; its signature is cut short, so that the
    page is no delivery that anybody could send.
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
    """A delivery as it was read, once its sender is proved; nothing of it is stored here."""
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
    """Whether a call is noted whose sender did not prove who they are. Anybody can send those, and
    each note writes: of a flood the first of each minute are enough, and the answers stay.
    """
    return request_guard.limiter.limiter.hit(UNPROVED, "hook", str(source_id))


def _rejected(company_id: int, source_id: int, refusal: Refusal) -> Response:
    """The answer to a delivery that is not taken; the page of the source tells it, too."""
    with store.writing() as session:
        hook_calls.note_rejected(session, company_id, source_id, refusal, g.now)
    return problem(refusal)


@health.get("/healthz")
@public
def healthz() -> Response:
    """200 when the database answers and its tables are ours; nothing secret.

    Without a worker it is 200 as well: these pages go on taking deliveries, and whoever takes a
    portal with another status out of service would lose them.
    """
    return _health(200)


@health.get("/healthz/worker")
@public
def worker() -> Response:
    """The same, but 503 while no worker runs: for a monitor that reads the status alone."""
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
    """The headers worth keeping: the source's own, never a credential."""
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
