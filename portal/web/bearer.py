"""Who a program acts for: the wall in front of the interface.

Here: the bearer token of a request, and the company of its address. Not here: the wall of pages
(portal/web/security.py), tokens themselves (holding/access/operations.py).
"""

import hashlib

from flask import Response, g, request

from holding.access import actors
from holding.access import operations as tokens
from holding.db.refusal import Refusal
from portal.web import store
from portal.web.permissions import closed
from portal.web.problems import problem

_SCHEME = "Bearer "


def key() -> str:
    """The token of the request, or nothing."""
    given = request.headers.get("Authorization", "")
    return given.removeprefix(_SCHEME).strip() if given.startswith(_SCHEME) else ""


def whose() -> str:
    """What calls are counted by: the token, else the address."""
    given = key()
    return hashlib.sha256(given.encode()).hexdigest() if given else request.remote_addr or "unknown"


def admit(act: str) -> Response | None:
    """Let the request in for this act, or answer why not. Cookies count for nothing here."""
    found = tokens.bearer(store.reading(), key(), g.now) if key() else None
    if found is None:
        return _unknown()
    company = store.company_of(str((request.view_args or {}).pop("co")))
    if company is None or company.id != found.actor.company_id:
        told = "There is no such company for this token."
        return problem(Refusal("company.unknown", told, "Compare the address.", 404))
    store.admitted(company, found.actor)
    g.token_id = found.token_id
    if found.stale:
        with store.writing() as session:
            tokens.touch(session, found.token_id, g.now)
    refused = closed(found.actor, request.endpoint) or actors.may(found.actor, act)
    return problem(refused) if refused else None


def _unknown() -> Response:
    told = "This call has no valid token." if key() else "This call has no token."
    hint = (
        "Send the header Authorization: Bearer … with a token that has not expired or been revoked."
    )
    answer = problem(Refusal("token.invalid", told, hint, 401))
    answer.headers["WWW-Authenticate"] = 'Bearer realm="clearpost"'
    return answer
