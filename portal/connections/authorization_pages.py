"""A target that people allow on its own pages: there, back again, and taking it back.

Here: views. Not here: what is checked and kept (holding/connections/authorization.py), the test of
the new key (key_pages.py).
"""

from flask import Blueprint, Response, abort, g, make_response, request, url_for

from connectors.transport.http import Http
from holding.connections import authorization, key_rotation
from holding.connections.connections import ConnectionRow
from holding.db.refusal import Refusal
from portal.connections import key_pages
from portal.pages import connections
from portal.web import fragments, security, store

pages = Blueprint("connauth", __name__, url_prefix="/c/<co>/connections")
ENDS = {
    "revoked": "{system} was told, too.",
    "unknown": "{system} knew nothing of it any more. {words}",
    "refused": "{system} did not take it: {words} Disconnect Clearpost in {system}, too.",
    "away": "{system} could not be told: {words} Disconnect Clearpost in {system}, too.",
}


@pages.post("/<name>/authorize")
def begin(name: str) -> Response:
    """Send the browser to the page where it is allowed; without a script by a link, for a form
    leads to no other host.
    """
    row = connections.row_of(name)
    token, system = security.session_token(), _system(row)
    with store.writing() as session:
        made = authorization.begin(
            session, g.actor, row.id, token=token, back=back_of(row), now=g.now
        )
    if isinstance(made, Refusal):
        return fragments.refuse(made, back=connections.url_of(name))
    if fragments.wants_fragment():
        answer = make_response("", 204)
        answer.headers["HX-Redirect"] = made
        return answer
    minutes = authorization.GOOD_FOR.seconds // 60
    return fragments.respond(
        "connections/authorize.html", row=row, system=system, there=made, minutes=minutes
    )


@pages.get("/<name>/authorized")
def back(name: str) -> Response:
    """Where a person comes back to: the code is exchanged, and the new key tested."""
    row, clock, seconds = connections.row_of(name), store.clock(), connections.TEST_SECONDS
    system = _system(row)
    store.renew()  # no snapshot is kept while the target is called
    http = Http(clock, connect_seconds=seconds, read_seconds=seconds)
    kept = authorization.finish(
        store.database(),
        clock,
        row.id,
        g.actor,
        request.args,
        token=security.session_token(),
        http=http,
    )
    store.renew()
    if isinstance(kept, Refusal):
        return fragments.refuse(kept, back=connections.url_of(name))
    return key_pages.tried(row, f"{name} was connected to {system}.", page=False)


@pages.post("/<name>/disconnect")
def disconnect(name: str) -> Response:
    """Stop sending there, and take back there what was allowed."""
    row, clock, seconds = connections.row_of(name), store.clock(), connections.TEST_SECONDS
    system = _system(row)
    store.renew()
    http = Http(clock, connect_seconds=seconds, read_seconds=seconds)
    told = authorization.disconnect(store.database(), clock, row.id, g.actor, http=http)
    store.renew()
    if isinstance(told, Refusal):
        return fragments.refuse(told, back=connections.url_of(name))
    said = ENDS[told.kind].format(system=system, words=told.words)
    words = f"{name} was disconnected. Nothing is sent there. {said}"
    return fragments.moved(connections.url_of(name) + "#authorization", words)


def back_of(row: ConnectionRow) -> str:
    """The address to come back to, which the app has to name word by word."""
    return security.outside(url_for("connauth.back", co=g.company.code, name=row.name))


def _system(row: ConnectionRow) -> str:
    found = key_rotation.permission_of(store.reading(), row.connector, row.id)
    if found is None or not row.is_target:
        abort(404)
    return found.system
