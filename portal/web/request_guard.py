"""Authenticate every request, select its company, and check permissions."""

import hashlib
import hmac
import secrets
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from flask import Flask, Request, Response, abort, current_app, g, jsonify, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_wtf import CSRFProtect
from limits import parse

from holding.access import actors, operations, people, sessions, sign_in_log
from holding.access.actors import ACT_LABELS, Actor
from holding.db.refusal import Refusal
from portal.web import store
from portal.web.config import REFUSED, PortalConfig, body_limit
from portal.web.forms import parse_whole
from portal.web.permissions import (
    PUBLIC,
    SIGNED_IN,
    check_permissions,
    page_of,
    permission_of,
)

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)

UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

SHOWN_IN_NOTICE: Final = frozenset({403, 404, 409, 413, 422, 429})  # see static/app.js

TICK: Final = "Clearpost-Tick"  # what a page asks unasked (static/app.js): nobody used it

VISIT_COOKIE: Final = "clearpost_visit"  # stands for the session before there is one (sign-in form)

DEVICE_COOKIE: Final = "clearpost_device"
"""Names a browser that signed in before: a stranger's failures do not lock it out. Only the
sign-in pages receive it.
"""

LIMIT_SECONDS: Final = 60  # every limit counts by the minute

ONE_A_MINUTE: Final = parse("1 per minute")
"""How often the audit trail repeats that the same person was refused the same act."""

csrf = CSRFProtect()

limiter = Limiter(key_func=lambda: request.remote_addr or "unknown")

_SCHEME = "Bearer "

OF_SOME_SOURCES: Final = frozenset(
    {
        *("dashboard.show", "asking.form", "asking.ask"),
        *("holding.listing", "holding.inbox", "holding.show", "holding.release", "holding.reject"),
        *("holding.link", "holding.look", "holding.again", "holding.overwrite"),
        *(
            "holding.consider",
            "holding.approve",
            "desk.ask_source",
            "desk.look_for",
            "api.ask_source",
        ),
        *("approvals.listing", "approvals.show", "periods.redirect"),
        *("views.listing", "views.keep", "views.change", "views.delete"),
        *("desk.retry", "desk.message", "desk.override", "desk.correct", "desk.assign"),
        *("desk.snooze", "desk.comment", "desk.consider", "desk.do_many", "desk.done"),
        *("desk.take_back", "desk.ageing", "desk.step", "periods.date", "periods.reopen"),
        *("records.show", "records.request_body", "find.find", "find.step", "late.listing"),
        *("runs.listing", "runs.show", "runs.pushes", "runs.step", "failures.of_run"),
        *("uploads.listing", "uploads.show", "uploads.begin", "uploads.columns", "uploads.days"),
        *("uploads.confirm", "uploads.cancel", "uploads.again", "uploads.file", "uploads.errors"),
        *("api.listing", "api.records", "api.described", "api.approve", "api.release"),
        *(
            "api.reject",
            "api.link",
            "api.look",
            "api.send_again",
            "api.overwrite",
            "api.retry",
            "api.look_for_entry",
            "api.override",
            "api.assign",
        ),
        *("api.snooze", "api.correct", "api.date", "api.reopen", "api.redirect", "api.do_many"),
    }
)
"""The routes of a company that say nothing beyond the sources of a limited person. All others are
closed to them: a new page is, too, until somebody has looked.
"""


def init(app: Flask, config: PortalConfig) -> None:
    """Guard every request of the application; raise when a view has no permission."""
    app.session_interface = BoundSessions()
    app.config.update(
        SECRET_KEY=config.secret,
        SESSION_COOKIE_NAME="clearpost_said",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.secure,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        # Several portals share one count through Redis; while it is away each counts for itself.
        RATELIMIT_STORAGE_URI=_limit_storage(config.settings.redis_url),
        RATELIMIT_IN_MEMORY_FALLBACK_ENABLED=config.settings.redis_url is not None,
        RATELIMIT_HEADERS_ENABLED=False,
    )
    app.before_request(_number)
    app.before_request(_plain_text)
    app.before_request(_same_site)
    csrf.init_app(app)
    csrf.exempt("portal.intake.webhooks.receive")
    csrf.exempt(app.blueprints["api"])  # no browser sends a bearer token unasked
    limiter.init_app(app)
    app.before_request(_admit)
    app.after_request(_headers)
    check_permissions(app)


def _limit_storage(redis_url: str | None) -> str:
    """Return where limits are counted; the limits library names a Redis socket redis+unix."""
    if redis_url is None:
        return "memory://"
    return f"redis+{redis_url}" if redis_url.startswith("unix:") else redis_url


def _number() -> None:
    g.request_id = secrets.token_hex(8)
    g.now = store.clock().now()
    request.max_content_length = body_limit(request.path)
    if refused := request.environ.get(REFUSED):  # before it was read, by portal/web/config.py
        abort(refused)


def _plain_text() -> None:
    """Reject a request with a NUL character in its path, cookies or values.

    No form needs it, and not every database can store it.
    """
    if request.endpoint == "hooks.receive":
        return
    given = [request.path, *(request.cookies.values())]
    for values in (request.args, request.form):
        given += [text for pair in values.items(multi=True) for text in pair]
    if any("\0" in text for text in given):
        abort(400, "A text contains an unsupported character.")


def _same_site() -> None:
    if request.method not in UNSAFE or request.endpoint == "hooks.receive":
        return
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        abort(403, "This form was submitted from another website.")


def _admit() -> ResponseReturnValue | None:
    if request.endpoint is None:
        return None
    permission = permission_of(current_app, request.endpoint)
    if permission == PUBLIC:
        return None
    if request.blueprint == "api":
        return admit(permission)
    token = session_token()
    g.person = sessions.person_of(store.reading(), token, g.now) if token else None
    if g.person is None:
        return store.redirect_to_signin(_signin_url(_ended(token)))
    # A page that renews itself must not keep the session of an absent user alive.
    if g.person.stale and TICK not in request.headers:
        used()
    return None if permission == SIGNED_IN else _admit_to_company(permission)


def _signin_url(ended: str) -> str:
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    if request.headers.get("HX-Request") == "true":
        back = "/"
    mark = f"&ended={ended}" if ended else ""
    return f"/signin?next={quote(back)}{mark}"


def _ended(token: str) -> str:
    """Return why a session is no longer valid, as a code for the sign-in page; blank if there was
    none.
    """
    if not token:
        return ""
    return "factor" if sessions.lacks_factor(store.reading(), token, g.now) else "1"


def _admit_to_company(act: str) -> ResponseReturnValue | None:
    """Admit the user to the company in the URL, or return why not.

    To a user without a role in it, the company does not exist (404).
    """
    found = store.company_of(str((request.view_args or {}).pop("co")))
    if found is None:
        abort(404)
    actor = actors.actor_of(store.reading(), g.person.person_id, found.id, now=g.now)
    if actor is None:
        abort(404)
    store.set_actor(found, replace(actor, proved_at=g.person.step_up_at))
    refusal = closed(actor, request.endpoint) or actors.may(actor, act)
    if refusal is None:
        return None
    if refusal.code == "reach.limited":
        return store.refuse(refusal)
    _log_refused(actor, found.id, act)
    who = people.who_may(store.reading(), found.id, act)
    told = Refusal(
        refusal.code,
        f"You cannot {ACT_LABELS[act]}, because your role does not include it.",
        f"{', '.join(who)} can." if who else f"In {found.name} no person has a role that does.",
        403,
        act,
    )
    return store.refuse(told)


def _log_refused(actor: actors.Actor, company_id: int, act: str) -> None:
    """Record a refused request, at most once a minute for each person, act and document."""
    hold_id = (request.view_args or {}).get("hold_id")
    ids = _reviewed_postings() if act == "posting.approve" else ()
    documents = sign_in_log.load_refused_documents(store.reading(), actor, company_id, ids, hold_id)
    fresh = [one for one in documents if _is_first(actor, act, f"{one.id}:{one.hash}")]
    if fresh or (not documents and _is_first(actor, act)):
        with store.writing() as session:
            sign_in_log.log_refused_access(session, actor, company_id, act, g.now, fresh)


def _is_first(actor: actors.Actor, act: str, document: str = "") -> bool:
    """Count a refused request, and return whether it is the first of its minute."""
    return limiter.limiter.hit(ONE_A_MINUTE, "refused", str(actor.person_id), act, document)


def _reviewed_postings() -> tuple[int, ...]:
    """Return the documents that the form of an approval names."""
    ids = (parse_whole(text.partition(":")[0]) for text in request.form.getlist("seen"))
    return tuple(number for number in ids if number is not None)


def _headers(answer: Response) -> Response:
    answer.headers["Content-Security-Policy"] = POLICY
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Referrer-Policy"] = "same-origin"
    answer.headers["Cross-Origin-Opener-Policy"] = "same-origin"
    if "request_id" in g:
        answer.headers["X-Request-Id"] = g.request_id
    if request.endpoint == "static" and "v" in request.args:
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    else:
        answer.headers["Cache-Control"] = "no-store"
    if current_app.config["SESSION_COOKIE_SECURE"]:
        answer.headers["Strict-Transport-Security"] = "max-age=31536000"
    if "new_visit" in g and request.endpoint != "static":
        answer.set_cookie(
            VISIT_COOKIE,
            g.new_visit,
            httponly=True,
            samesite="Lax",
            path="/",
            secure=current_app.config["SESSION_COOKIE_SECURE"],
        )
    return answer


class BoundSessions(SecureCookieSessionInterface):
    """A Flask session whose CSRF secret derives from our own session token, or from the visit.

    So a form of one session is invalid in another, and the cookie contains no secret.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the cookie's flashed messages, with this session's CSRF secret."""
        found = super().open_session(app, request)
        if found is None:
            return None
        visit = request.cookies.get(VISIT_COOKIE, "")
        token = request.cookies.get(cookie_name(app), "") or visit
        if not token:
            token = g.new_visit = secrets.token_urlsafe(24)
        key = app.secret_key if isinstance(app.secret_key, bytes) else str(app.secret_key).encode()
        dict.__setitem__(
            found, "csrf_token", hmac.new(key, f"csrf:{token}".encode(), hashlib.sha256).hexdigest()
        )
        return found

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Keep the flashed messages only."""
        if isinstance(session, dict):
            dict.pop(session, "csrf_token", None)
        super().save_session(app, session, response)


def cookie_name(app: Flask) -> str:
    """Return the session cookie's name:

    `__Host-` if the cookie can be Secure, a plain name on loopback http.
    """
    return "__Host-clearpost" if app.config["SESSION_COOKIE_SECURE"] else "clearpost"


def keep(response: Response, token: str) -> Response:
    """Set the cookie of a new session."""
    app = current_app
    response.set_cookie(
        cookie_name(app),
        token,
        httponly=True,
        secure=app.config["SESSION_COOKIE_SECURE"],
        samesite="Lax",
        path="/",
    )
    response.delete_cookie(VISIT_COOKIE, path="/")
    response.set_cookie(
        DEVICE_COOKIE,
        device_key(),
        max_age=sessions.DEVICE_KNOWN,
        httponly=True,
        secure=app.config["SESSION_COOKIE_SECURE"],
        samesite="Lax",
        path="/signin",
    )
    return response


def device_key() -> str:
    """Return the value of the browser's device cookie, or a new one that `keep` sets."""
    if "device_key" not in g:
        g.device_key = request.cookies.get(DEVICE_COOKIE) or secrets.token_urlsafe(32)
    key: str = g.device_key
    return key


def used() -> None:
    """Record that a user used the session of this request now."""
    with store.writing() as session:
        sessions.touch(session, session_token(), g.now)
    g.person = replace(g.person, ends_at=min(g.now + sessions.IDLE, g.person.expires_at))


def forget(response: Response) -> Response:
    """Delete the session cookie from the browser."""
    response.delete_cookie(
        cookie_name(current_app), path="/", secure=current_app.config["SESSION_COOKIE_SECURE"]
    )
    return response


def session_token() -> str:
    """Return the session token in the request's cookie; blank if there is none."""
    return request.cookies.get(cookie_name(current_app), "")


def safe_next(wanted: str | None) -> str:
    """Return the path to open after sign-in. An address outside our own paths gives `/`."""
    plain = wanted or "/"
    own = plain.startswith("/") and not plain.startswith(("//", "/\\"))
    return plain if own and plain.isprintable() and "\\" not in plain else "/"


def may(act: str) -> Refusal | None:
    """Check whether the user may do the act.

    Return the refusal or None; pages use it to disable controls.
    """
    return actors.may(g.actor, act)


def config() -> PortalConfig:
    """Return the portal's configuration."""
    found: PortalConfig = current_app.config["PORTAL"]
    return found


def outside(path: str) -> str:
    """Return the full address of one of our paths, as other systems reach it."""
    return f"{(config().settings.public_url or request.url_root).rstrip('/')}{path}"


def whoever() -> bool:
    """Check whether a user is signed in, on a page that does not require it.

    Sets `g.person` if so.
    """
    token = session_token()
    found = sessions.person_of(store.reading(), token, g.now) if token else None
    if found is not None:
        g.person = found
    return found is not None


def inside_company(code: str) -> tuple[people.OwnCompany, ...]:
    """Set the request's company on a page that belongs to no company; return the user's companies.

    `code` names the company. If the user has no company of this code, their only company is set.
    If they have several, none is set, and the page is shown without a company's navigation.
    """
    mine = people.companies_of(store.reading(), g.person.person_id)
    chosen = [one for one in mine if one.code == code] or (mine if len(mine) == 1 else [])
    found = store.company_of(chosen[0].code) if chosen else None
    if found is not None:
        actor = actors.actor_of(store.reading(), g.person.person_id, found.id, now=g.now)
        if actor is not None:
            store.set_actor(found, actor)
    return mine


def key() -> str:
    """Return the request's bearer token; blank if there is none."""
    given = request.headers.get("Authorization", "")
    return given.removeprefix(_SCHEME).strip() if given.startswith(_SCHEME) else ""


def whose() -> str:
    """Return the key by which calls are counted for rate limits: the token's hash, else the network
    address.
    """
    given = key()
    return hashlib.sha256(given.encode()).hexdigest() if given else request.remote_addr or "unknown"


def admit(act: str) -> Response | None:
    """Admit an API request with a bearer token to this act, or return the refusal.

    Cookies are ignored.
    """
    found = operations.bearer(store.reading(), key(), g.now) if key() else None
    if found is None:
        return _unknown()
    company = store.company_of(str((request.view_args or {}).pop("co")))
    if company is None or company.id != found.actor.company_id:
        told = "There is no such company for this token."
        return problem(Refusal("company.unknown", told, "Compare the address.", 404))
    store.set_actor(company, found.actor)
    g.token_id = found.token_id
    if found.stale:
        with store.writing() as session:
            operations.touch(session, found.token_id, g.now)
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


def problem(refusal: Refusal, **more: object) -> Response:
    """Return a refusal as an `application/problem+json` answer."""
    answer = jsonify(
        type="about:blank",
        title=refusal.message,
        status=refusal.status,
        code=refusal.code,
        what=refusal.message,
        why=refusal.code.replace(".", " ").replace("_", " "),
        todo=refusal.hint,
        request_id=g.get("request_id"),
        **more,
    )
    answer.status_code = refusal.status
    answer.content_type = "application/problem+json"
    return answer


def closed(actor: Actor, endpoint: str | None) -> Refusal | None:
    """Return why a user limited to some sources cannot open this route, else None."""
    if not actor.reach.limited or page_of(endpoint or "") in OF_SOME_SOURCES:
        return None
    words = (
        "You cannot open this page, because you work with some sources only and it is about all."
    )
    return Refusal("reach.limited", words, "An administrator sees and changes your sources.", 403)
