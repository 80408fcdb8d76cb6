"""The webhook of a source: its secret, and a test delivery, read as any other and not kept.

Here: making both, and noting what came of the test. Not here: the intake (portal/pages/intake.py),
the example itself (each source).
"""

import secrets

from flask import Blueprint, Response, abort, g, request

from connectors import registry
from connectors.contract import ShowsExample
from holding.connections import connections as setup
from holding.db.refusal import Refusal
from holding.intake import receive as hook_calls
from portal.connections.new_connection import SECRET_BYTES
from portal.pages import connections, intake
from portal.web import fragments, store

pages = Blueprint("webhook", __name__, url_prefix="/c/<co>/connections")


@pages.post("/<name>/secret")
def replace(name: str) -> Response:
    """Make another secret and show it once, or store the one that the system made.

    The one before is accepted for a week.
    """
    row = connections.row_of(name)
    form = registry.form_of(row.side, row.connector)
    if row.is_target or form is None or form.key is None:
        abort(404)
    made = form.key.made_here
    secret = secrets.token_urlsafe(SECRET_BYTES) if made else request.form.get("key", "")
    with store.writing() as session:
        kept = setup.set_key(session, g.actor, row.id, secret, now=g.now)
    if isinstance(kept, Refusal):
        if kept.status != 422:
            return fragments.refuse(kept, back=connections.url_of(name))
        problems = {"key": f"{kept.message} {kept.hint}"}
        wrong = connections.shown(row) | {"problems": problems}
        return fragments.respond("connections/show.html", wrong, status=422)
    shown = connections.shown(connections.row_of(name)) | {"secret": secret if made else ""}
    said = f"{name} has a new secret. The one before is accepted for {setup.KEEP_OLD.days} days."
    return fragments.respond("connections/show.html", shown, say=said)


@pages.post("/<name>/sendtest")
def send(name: str) -> Response:
    """Sign the example of the source now, let the intake read it, and note what it says."""
    row = connections.row_of(name)
    source = intake.bound_reader(row, g.company.code)
    if row.is_target or not isinstance(source, ShowsExample):
        abort(404)
    secret = setup.secrets_of(store.reading(), row.id, g.now)
    if isinstance(secret, Refusal):
        return fragments.refuse(secret, back=connections.url_of(name))
    call = source.example(secret[0], g.now, f"test-{secrets.token_hex(6)}")
    answer = _words(intake.admitted(row, g.company.code, call.headers, call.body))
    with store.writing() as session:
        hook_calls.note_test(session, g.company.id, row.id, *answer, g.now)
    return fragments.moved(connections.url_of(name) + "#deliveries", answer[0])


def _words(read: intake.Read) -> tuple[str, int]:
    if isinstance(read, Refusal):
        return f"The test delivery was rejected. {read.message} {read.hint}".strip(), read.status
    if read.changed:
        return "Test delivery: signed and accepted. A real one has the source asked at once.", 202
    (first, *_) = read.records
    kind = first.kind.replace("_", " ")
    words = f"Test {kind} {first.number}: signed, accepted and read. It was not stored as a record."
    return words, 202
