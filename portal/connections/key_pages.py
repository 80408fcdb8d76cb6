"""The key of a connection: another one beside it, its test, the change-over.

Here: views. Not here: secrets of webhooks (webhook_pages.py), the services
(holding/connections/key_rotation.py), what people allow elsewhere (authorization_pages.py).
"""

from flask import Blueprint, Response, abort, g, request

from connectors.contract import ConnectionReport
from connectors.transport.http import Http
from holding.connections import key_rotation
from holding.connections.connections import ConnectionRow
from holding.db.refusal import Refusal
from holding.intake import deliveries as source_tests
from holding.platform import processes as doorbell
from portal.connections.new_connection import TRIMMED, tested
from portal.pages import connections
from portal.web import fragments, store

pages = Blueprint("connkeys", __name__, url_prefix="/c/<co>/connections")
CONNECT = "Connect it next: nothing is sent there before."


@pages.post("/<name>/keys")
def add(name: str) -> Response:
    """Store the pasted key beside the one in use and test it; without one in use it is the key."""
    row, secret = _target(name), request.form.get("key", "")
    first, half = row.key_tail is None, key_rotation.is_half(row.connector, secret)
    give = key_rotation.first_key if first else key_rotation.add_key
    with store.writing() as session:
        kept = give(session, g.actor, row.id, secret, now=g.now)
    if isinstance(kept, Refusal):
        if kept.status != 422:
            return fragments.refuse(kept, back=connections.url_of(name))
        problems = {"key": f"{kept.message} {kept.hint}"}
        shown = connections.shown(row) | {"problems": problems}
        return fragments.respond("connections/show.html", shown, status=422)
    said = f"The key that ends in {kept.tail} was stored.{TRIMMED if kept.trimmed else ''}"
    if half:
        return fragments.moved(connections.url_of(name) + "#authorization", f"{said} {CONNECT}")
    return tested(row.id, name, said) if first else tried(row, said)


@pages.post("/<name>/keys/test")
def test(name: str) -> Response:
    """Test the key that waits, once more."""
    return tried(_target(name), "")


@pages.post("/<name>/keys/<int:no>/delete")
def delete(name: str, no: int) -> Response:
    """Delete a key that is not in use."""
    row = connections.row_of(name)
    with store.writing() as session:
        refused = key_rotation.delete_key(session, g.actor, row.id, no, now=g.now)
    if refused is not None:
        return fragments.refuse(refused, back=connections.url_of(name))
    return fragments.moved(connections.url_of(name) + "#keys", f"A key of {name} was deleted.")


def tried(row: ConnectionRow, said: str, *, page: bool = True) -> Response:
    """Test the key that waits; the page of the connection, or the way there (not `page`)."""
    clock, seconds = store.clock(), connections.TEST_SECONDS
    store.renew()
    http = Http(clock, connect_seconds=seconds, read_seconds=seconds)
    asks = source_tests.asks_for(store.database(), clock, row.id)
    report = key_rotation.try_key(store.database(), clock, row.id, g.actor, http=http, asks=asks)
    store.renew()
    if isinstance(report, Refusal):
        return fragments.refuse(report, back=connections.url_of(row.name))
    doorbell.ring(g.company.id, "push")
    if report.ok:
        old = " The old key is disabled." if row.key_tail else ""
        words = f"{said} It passed its test and is in use now.{old}".strip()
        return fragments.moved(connections.url_of(row.name) + "#keys", words)
    return _failed(row, report, said, page=page)


def _failed(row: ConnectionRow, report: ConnectionReport, said: str, *, page: bool) -> Response:
    """The page with the test of the new key; the one in use goes on."""
    words = f"{said} It did not pass its test and is not used."
    if row.key_tail:
        words += " The key before it stays in use."
    if not page:
        step = next(one for one in report.steps if one.ok is False)
        words += f" {step.name}: {step.words} {step.hint}"
        return fragments.moved(connections.url_of(row.name) + "#keys", words.strip())
    shown = connections.shown(row) | {"report": report.steps, "reported": "new key"}
    return fragments.respond("connections/show.html", shown, say=words.strip())


def _target(name: str) -> ConnectionRow:
    row = connections.row_of(name)
    if not row.is_target:
        abort(404)
    return row
