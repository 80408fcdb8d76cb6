"""Who is asking, for which company, and may they: the wall in front of every page.

Here: the session cookie, CSRF bound to it, the company of the URL with its membership, response
headers. Not here: which act a route needs (permissions.py), which role may do what
(holding/access/actors.py), nor acts refused by person (services).
"""

import hashlib
import hmac
import secrets
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from flask import Flask, Request, Response, abort, current_app, g, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_wtf import CSRFProtect

from holding.access import actors, people, sessions
from holding.access import actors as access_actors
from holding.access.actors import ACT_LABELS
from holding.db.refusal import Refusal
from portal.web import fragments, store
from portal.web.bearer import admit
from portal.web.config import REFUSED, PortalConfig, body_limit
from portal.web.permissions import PERMISSIONS, PUBLIC, SIGNED_IN, act_of, closed, page_of

# Every route of the application, with the act (holding/access/actors.py) that it takes.

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
UNSAFE: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SHOWN_IN_NOTICE: Final = frozenset({403, 404, 409, 413, 422, 429, 503})  # see static/app.js
TICK: Final = "Clearpost-Tick"  # what a page asks unasked (static/app.js): nobody used it
VISIT_COOKIE: Final = "clearpost_visit"  # stands for the session before there is one (sign-in form)

LIMIT_SECONDS: Final = 60  # every limit counts by the minute

csrf = CSRFProtect()
limiter = Limiter(key_func=lambda: request.remote_addr or "unknown")


def init(app: Flask, config: PortalConfig) -> None:
    """Put the wall in front of the application; a route without a declared permission stops it."""
    app.session_interface = BoundSessions()
    app.config.update(
        SECRET_KEY=config.secret,
        SESSION_COOKIE_NAME="clearpost_said",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=config.secure,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,
        RATELIMIT_STORAGE_URI="memory://",
        RATELIMIT_HEADERS_ENABLED=False,
    )
    app.before_request(_number)
    app.before_request(_plain_text)
    app.before_request(_same_site)
    csrf.init_app(app)
    csrf.exempt("portal.pages.intake.receive")
    csrf.exempt(app.blueprints["api"])  # no browser sends a bearer token unasked
    limiter.init_app(app)
    app.before_request(_admit)
    app.after_request(_headers)
    missing = {page_of(rule.endpoint) for rule in app.url_map.iter_rules()} - PERMISSIONS.keys()
    if missing:
        message = f"routes without a declared permission: {sorted(missing)}"
        raise RuntimeError(message)


class BoundSessions(SecureCookieSessionInterface):
    """Flask's session, whose CSRF secret always follows from our own session token (or the visit).

    So a form of one sign-in is worth nothing in another, and nothing of it stands in a cookie.
    """

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """The flashed messages of the cookie, and the CSRF secret of this session."""
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
    """`__Host-` where the cookie can be Secure; plain on loopback http."""
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
    return response


def used() -> None:
    """Note that the session of this request was used now, by somebody."""
    with store.writing() as session:
        sessions.touch(session, session_token(), g.now)
    g.person = replace(g.person, ends_at=min(g.now + sessions.IDLE, g.person.expires_at))


def forget(response: Response) -> Response:
    """Take the cookie away."""
    response.delete_cookie(
        cookie_name(current_app), path="/", secure=current_app.config["SESSION_COOKIE_SECURE"]
    )
    return response


def session_token() -> str:
    """The token of the request's cookie, or nothing."""
    return request.cookies.get(cookie_name(current_app), "")


def safe_next(wanted: str | None) -> str:
    """Where to go after signing in: only a path of our own."""
    plain = wanted or "/"
    own = plain.startswith("/") and not plain.startswith(("//", "/\\"))
    return plain if own and plain.isprintable() and "\\" not in plain else "/"


def may(act: str) -> Refusal | None:
    """Whether the person of this request may do the act; for showing a control as out of reach."""
    return access_actors.may(g.actor, act)


def config() -> PortalConfig:
    """The portal's settings."""
    found: PortalConfig = current_app.config["PORTAL"]
    return found


def outside(path: str) -> str:
    """The whole address of one of our own paths, as others reach it."""
    return f"{(config().settings.public_url or request.url_root).rstrip('/')}{path}"


def whoever() -> bool:
    """Whether somebody is signed in, on a page that asks for none; then `g.person` is known."""
    token = session_token()
    found = sessions.person_of(store.reading(), token, g.now) if token else None
    if found is not None:
        g.person = found
    return found is not None


def inside_company(code: str) -> tuple[people.OwnCompany, ...]:
    """Show a page that no company owns inside the company of this code, or the person's only one.

    Their companies; without one that fits, the page has no frame.
    """
    mine = people.companies_of(store.reading(), g.person.person_id)
    chosen = [one for one in mine if one.code == code] or (mine if len(mine) == 1 else [])
    found = store.company_of(chosen[0].code) if chosen else None
    if found is not None:
        actor = actors.actor_of(store.reading(), g.person.person_id, found.id, now=g.now)
        if actor is not None:
            store.admitted(found, actor)
    return mine


def _number() -> None:
    g.request_id = secrets.token_hex(8)
    g.now = store.clock().now()
    request.max_content_length = body_limit(request.path)
    if refused := request.environ.get(REFUSED):  # before it was read, by portal/web/serving.py
        abort(refused)


def _plain_text() -> None:
    """No address and no form has a use for NUL, and not every database can keep one."""
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
    act = act_of(request.endpoint)
    if act == PUBLIC:
        return None
    if request.blueprint == "api":
        return admit(act)
    token = session_token()
    g.person = sessions.person_of(store.reading(), token, g.now) if token else None
    if g.person is None:
        return fragments.signed_out(_signin_url(_ended(token)))
    if g.person.stale and TICK not in request.headers:
        used()
    return None if act == SIGNED_IN else _admit_to_company(act)


def _admit_to_company(act: str) -> ResponseReturnValue | None:
    """The company of the URL and the person's roles in it; to a stranger it does not exist."""
    found = store.company_of(str((request.view_args or {}).pop("co")))
    if found is None:
        abort(404)
    actor = actors.actor_of(store.reading(), g.person.person_id, found.id, now=g.now)
    if actor is None:
        abort(404)
    store.admitted(found, actor)
    refusal = closed(actor, request.endpoint) or access_actors.may(actor, act)
    if refusal is None:
        return None
    if refusal.code == "reach.limited":
        return fragments.refuse(refusal)
    who = people.who_may(store.reading(), found.id, act)
    told = Refusal(
        refusal.code,
        f"You cannot {ACT_LABELS[act]}, because your role does not include it.",
        f"{', '.join(who)} can." if who else f"In {found.name} no person has a role that does.",
        403,
        act,
    )
    return fragments.refuse(told)


def _ended(token: str) -> str:
    """Why a session counts no more, as the sign-in page tells it; nothing where there was none."""
    if not token:
        return ""
    return "factor" if sessions.lacks_factor(store.reading(), token, g.now) else "1"


def _signin_url(ended: str) -> str:
    back = request.full_path.rstrip("?") if request.method == "GET" else "/"
    if request.headers.get("HX-Request") == "true":
        back = "/"
    mark = f"&ended={ended}" if ended else ""
    return f"/signin?next={quote(back)}{mark}"


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
