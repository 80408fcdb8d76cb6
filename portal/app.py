"""Create the Flask application: blueprints, template globals, and error pages for people and
programs.
"""

import hashlib
import json
import secrets
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from sqlite3 import SQLITE_BUSY
from urllib.parse import quote, unquote

from flask import (
    Flask,
    Response,
    g,
    get_flashed_messages,
    make_response,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from jinja2 import Environment, StrictUndefined
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import IntegerConverter, Map, PathConverter

from connectors.transport.http import Clock
from holding.company import own_account
from holding.db.database import PRIMARY, UNAVAILABLE, Database
from holding.db.models.columns import HoldState, PushState, RecordState
from holding.db.refusal import Refusal
from holding.platform.settings import Settings, logger
from portal import (
    access,
    api,
    company,
    connections,
    help,  # noqa: A004 - no caller of the builtin here
    holds,
    intake,
    mappings,
    operations,
    reconciliation,
    records,
    rulesets,
    runs,
    trials,
    uploads,
    worklist,
)
from portal.help import topics
from portal.help.topics import names_of
from portal.holds import hold_pane
from portal.languages import choice
from portal.languages.environment import LanguageEnvironment
from portal.lists import downloads
from portal.lists.downloads import LISTS
from portal.web import filters, observation, permissions, request_guard, store
from portal.web.config import PortalConfig, config_of
from portal.web.request_guard import problem
from portal.web.store import LABELS, PUSH_TONES, RESULT_TONES, STATES, plain_state
from rules.values.canonical import PostingState

DOMAINS = (
    access,
    worklist,
    holds,
    records,
    runs,
    connections,
    rulesets,
    trials,
    intake,
    mappings,
    reconciliation,
    operations,
    uploads,
    help,
    company,
    api,
)
HERE = Path(__file__).parent
STATIC = next(p for p in (HERE / "_static", HERE.parent / "static") if p.is_dir())
STYLESHEET = "app.css"
# One file a component, put together in this order: what is later wins.
COMPONENTS = ("base", "layout", "actions", "form", "table", "panel", "pane", "record", "message",
              "parts", "narrow", "people", "home", "totals", "editor", "matrix",
              "print")  # fmt: skip
HTMX = {
    "allowEval": False,
    "allowScriptTags": False,
    "includeIndicatorStyles": False,
    "selfRequestsOnly": True,
    "historyCacheSize": 0,
    "refreshOnHistoryMiss": True,
    "historyRestoreAsHxRequest": False,
    "reportValidityOfForms": True,
    "timeout": 20000,
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "4(03|04|09|22|29)", "swap": True, "error": False},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}
TOLD = {
    400: ("The form could not be read.", "Nothing was changed. Load the page again and repeat it."),
    403: ("You do not have access to this action.", "Nothing was changed."),
    404: (
        "No such page.",
        "The address may be incomplete, or the page belongs to another company.",
    ),
    405: ("This action is not available at this address.", "Nothing was changed."),
    413: (
        "The file is too large.",
        "Nothing was read. The limit is 20 MB a delivery, 1 MB a form.",
    ),
    429: ("Too many attempts.", f"Wait {request_guard.LIMIT_SECONDS} seconds, then try again."),
    503: ("Too much is being sent here at once.", "Nothing was read. Repeat it in a few seconds."),
    500: ("Something went wrong in Clearpost.", "Nothing was sent. Tell us the request id below."),
}
OF_CALLS = {
    404: ("There is no such call.", "GET …/openapi.json lists all calls."),
    405: ("This call has another method.", "The header Allow names it."),
    413: ("The body is too large.", "Nothing was read. The limit is 1 MB a call."),
}
"""The same to programs, of the interface for them."""
DATABASE_BUSY = ("Clearpost is busy.", "Nothing was changed. Repeat it in a few seconds.")
DATABASE_AWAY = (
    "The database cannot be reached.",
    (
        "Nothing was lost, and nothing was sent. Try again in a minute, and check whether your last"
        " change was saved. If this stays, only the person who runs the server can act: the"
        " database has to be started again."
    ),
)
DATABASE_UNUSABLE = (
    "The database cannot be used.",
    (
        "Nothing was lost, and nothing was sent. Only the person who runs the server can act: the"
        " disk of the database may be full or not writable. Then check whether your last change"
        " was saved."
    ),
)
BUSY_SECONDS = 10

FOR_PROGRAMS = ("/hooks/", "/api/", "/healthz", "/metrics")
"""Addresses whose failures are JSON, whatever the caller accepts."""
FOR_MONITORS = ("/healthz", "/metrics")
"""Addresses that name the cause when the database is away."""
log = logger("clearpost.portal")


class Portal(Flask):
    """Flask, with templates in the language of the request, and the stylesheets as one: twelve
    links made a page wait some 50 ms longer.
    """

    jinja_environment = LanguageEnvironment

    @property
    def jinja_env(self) -> Environment:  # type: ignore[override]  # one a language
        """The templates, in the language of the request."""
        english: Environment = super().jinja_env
        code = choice.language()
        return english if code == choice.ENGLISH else self._spoken(code)

    def _spoken(self, code: str) -> Environment:
        made: dict[str, Environment] = self.extensions.setdefault("languages", {})
        if code not in made:
            english = super().jinja_env
            if isinstance(english, LanguageEnvironment):
                made[code] = choice.language_environment(english, code)
        return made[code]

    def send_static_file(self, filename: str) -> Response:
        """Return a file of `static`, or all stylesheets of `static/css` as one."""
        if filename == STYLESHEET:
            return Response(_styles(), mimetype="text/css")
        return super().send_static_file(filename)


class RowId(IntegerConverter):
    """A number in an address that fits a row id. A longer number matches no route."""

    def __init__(self, map: Map) -> None:  # noqa: A002 - the router's own word
        super().__init__(map, max=2**63 - 1)


class RecordId(PathConverter):
    """The source's own id of a record in an address, quoted twice: servers and browsers read one
    layer, and `/`, `..` or `//` in an id must not lead elsewhere.
    """

    def to_python(self, value: str) -> str:
        """Decode a record id from an address."""
        return unquote(value)

    def to_url(self, value: str) -> str:
        """Encode a record id for an address."""
        inner = value.replace(".", "%2E") if set(value) == {"."} else quote(value, safe="")
        return quote(inner, safe="")


def create_app(
    database: Database, clock: Clock, settings: Settings, config: PortalConfig | None = None
) -> Flask:
    """Create the portal for a database.

    `config` defaults to the configuration from the settings.
    """
    made = config or config_of(settings)
    if isinstance(made, Refusal):
        message = f"{made.message} {made.hint}"
        raise RuntimeError(message)
    app = Portal(
        "portal", static_folder=STATIC, template_folder=HERE / "templates", root_path=str(HERE)
    )
    app.config["PORTAL"] = made
    observation.init_observation(app)
    app.url_map.converters.update(int=RowId, record_id=RecordId)
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    store.init_store(app, database, clock)
    store.init_rule_checks(app, settings)
    store.init_htmx(app)
    choice.init_languages(app)
    filters.init_filters(app)
    app.jinja_env.filters.update(hold_pane.FILTERS)
    for domain in DOMAINS:
        for blueprint in domain.BLUEPRINTS:
            app.register_blueprint(blueprint)
    downloads.init_downloads(app, LISTS)
    permissions.public(app.view_functions["static"])
    request_guard.init(app, made)
    _templates(app)
    app.register_error_handler(HTTPException, _http_problem)
    app.register_error_handler(Exception, _our_fault)
    return app


def _templates(app: Flask) -> None:
    app.jinja_env.globals.update(
        asset=_asset,
        htmx_config=json.dumps(HTMX, separators=(",", ":")),
        flashed=_flashed,
        new_op=lambda: secrets.token_hex(12),
        states=STATES,
        plain=plain_state,
        push_tones=PUSH_TONES,
        **LABELS,
        result_tones=RESULT_TONES,
        **{each.__name__: each for each in (HoldState, PostingState, PushState, RecordState)},
        may=request_guard.may,
        names_of=names_of,
    )
    access.deputies.init_open_requests(app)
    choice.init_english(app.jinja_env)
    filters.init_url_for(app)
    app.jinja_env.globals["ui"] = app.jinja_env.get_template("_macros/ui.html").module
    app.context_processor(_context)
    filters.init_frame(app)
    access.deputies.init_session_bar(app)
    access.two_factor.init_app_picture(app)
    access.oidc.init_oidc(app)
    topics.init_help(app)


def _flashed() -> list[str]:
    """Return the messages to show once.

    A page that refreshes itself leaves them for the next opened page.
    """
    return [] if store.wants_block(store.WHOLE) else list(map(str, get_flashed_messages()))


def _context() -> dict[str, object]:
    named = ("company", "actor", "now", "request_id")
    person = g.get("person")
    shown: dict[str, object] = {name: g.get(name) for name in named}
    return {**shown, "taste": own_account.taste(person.settings if person else {})}


def _asset(name: str) -> str:
    """Return the address of one of our static files, including the portal's path prefix."""
    return _address(name, request.root_path)


@lru_cache(maxsize=256)
def _address(name: str, _root: str) -> str:
    return url_for("static", filename=name, v=_digest(name))


@lru_cache(maxsize=64)
def _digest(name: str) -> str:
    content = _styles() if name == STYLESHEET else (STATIC / name).read_bytes()
    return hashlib.sha256(content).hexdigest()[:10]


@lru_cache(maxsize=1)
def _styles() -> bytes:
    return b"\n".join((STATIC / "css" / f"{name}.css").read_bytes() for name in COMPONENTS)


def _http_problem(error: HTTPException) -> ResponseReturnValue:
    if error.response is not None:
        return error.response
    answer = _problem(error.code or 500)
    waits = {
        HTTPStatus.TOO_MANY_REQUESTS: request_guard.LIMIT_SECONDS,
        HTTPStatus.SERVICE_UNAVAILABLE: BUSY_SECONDS,
    }
    if error.code in waits:
        answer.headers["Retry-After"] = str(waits[HTTPStatus(error.code)])
    if isinstance(error, MethodNotAllowed) and error.valid_methods:
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


def _why_unavailable(error: UNAVAILABLE) -> tuple[str, str]:
    """Return the message about a database that is busy, unreachable or unusable."""
    sqlite_code = getattr(error.orig, "sqlite_errorcode", None)
    if sqlite_code is not None:
        return DATABASE_BUSY if sqlite_code & PRIMARY == SQLITE_BUSY else DATABASE_UNUSABLE
    state = getattr(error.orig, "sqlstate", None)
    if state is None or state.startswith(("08", "57P")):  # no answer, or a server that stops
        return DATABASE_AWAY
    return DATABASE_BUSY if state.startswith(("40", "53300", "55", "57")) else DATABASE_UNUSABLE


def _our_fault(error: Exception) -> Response:
    if isinstance(error, UNAVAILABLE):  # locked for too long, or out of reach
        log.warning("No database for a request.", request=g.get("request_id"), why=str(error.orig))
        if request.path.startswith(FOR_MONITORS):
            words = f"The database does not answer: {error.orig}"
            answer = problem(Refusal("DBS01", words, "Is DATABASE_URL right?", 503))
        else:
            answer = _problem(HTTPStatus.SERVICE_UNAVAILABLE, _why_unavailable(error))
        answer.headers["Retry-After"] = str(BUSY_SECONDS)
        return answer
    log.error(
        "A request failed.",
        request=g.get("request_id"),
        path=observation.logged_path(),
        exc_info=error,
    )
    return _problem(500)


def _problem(status: int, words: tuple[str, str] | None = None) -> Response:
    of_calls = OF_CALLS.get(status) if request.path.startswith("/api/") else None
    title, told = words or of_calls or TOLD.get(status, TOLD[400 if status < 500 else 500])
    if request.path.startswith(FOR_PROGRAMS) or request.accept_mimetypes.best == "application/json":
        return problem(Refusal(f"http.{status}", title, told, status))
    if store.wants_fragment():
        if status in request_guard.SHOWN_IN_NOTICE:
            return store.refuse(Refusal(f"http.{status}", title, told, status))
        parts = [choice.translate(title), choice.translate(told), f"({g.get('request_id')})"]
        return Response(" ".join(parts), status, mimetype="text/plain")
    shown = g.get("request_id") if status >= 500 else None
    page = render_template("error.html", title=title, told=told, request_id=shown)
    return make_response(page, status)
