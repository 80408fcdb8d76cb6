"""The step between the password and being signed in: a code of the app, or setting the app up.

Here: the pages of the step, its cookie, and the limit of tries. Without that cookie, which only the
right password brings, there is nothing here; with it no other page opens. Not here: the password
(signin.py), the step itself and its codes (holding/second_factor), one's own page (two_factor.py).
"""

from http import HTTPStatus

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from holding.access import enrolment
from holding.access import enrolment as sign_in_steps
from holding.access.actors import Keys, load_keys
from holding.access.enrolment import Waiting
from holding.db import leases as failure_counts
from holding.db.refusal import Refusal
from portal.access.signin import device, forget_step, step_token
from portal.web import security, store

step_pages = Blueprint("secondstep", __name__, url_prefix="/signin")


def _guess() -> str:
    """Tries count by account, from wherever they come: nobody is here without its password."""
    who = _who()
    return f"code|{who.person_id}" if who else request.remote_addr or "unknown"


@step_pages.get("/code")
def form() -> AnyResponse:
    """The form for a code of the app, or with `recovery=1` for a recovery code."""
    who = _who()
    if who is None:
        return _begin_again()
    return redirect(_setup_url(), 303) if who.sets_up else _form()


@step_pages.post("/code")
@security.limiter.limit(
    "5 per minute", key_func=_guess, deduct_when=lambda answer: answer.status_code == 422
)
@security.limiter.limit("60 per minute")
def enter() -> AnyResponse:
    """Sign in, always with a new token."""
    keys = own_keys()
    if isinstance(keys, Refusal):
        return _form(keys)
    given = request.form.get("code", "")
    with store.writing() as session:
        token = sign_in_steps.finish(session, step_token(), given, keys, g.now, device())
    if isinstance(token, Refusal):
        return _begin_again() if token.code == "signin.over" else _form(token)
    return forget_step(security.keep(make_response(redirect(_next(), 303)), token))


@step_pages.get("/setup")
def setup() -> AnyResponse:
    """Why it has to be set up, and once that has begun the picture for the app."""
    who = _who()
    if who is None:
        return _begin_again()
    return _setup(who) if who.sets_up else redirect(_code_url(), 303)


@step_pages.post("/setup/begin")
@security.limiter.limit("10 per minute")
def begin() -> AnyResponse:
    """Make a secret, which counts once a code of it was given."""
    keys = own_keys()
    if not isinstance(keys, Refusal):
        with store.writing() as session:
            keys = sign_in_steps.begin_set_up(session, step_token(), keys, g.now) or keys
    if isinstance(keys, Refusal):
        who = _who()
        return _setup(who, keys) if who and who.sets_up else _begin_again()
    return redirect(_setup_url(), 303)


@step_pages.post("/setup")
@security.limiter.limit(
    "5 per minute", key_func=_guess, deduct_when=lambda answer: answer.status_code == 422
)
@security.limiter.limit("60 per minute")
def confirm() -> AnyResponse:
    """Let the app count, sign in, and show the recovery codes this once."""
    keys = own_keys()
    done: sign_in_steps.SetUpDone | Refusal = keys if isinstance(keys, Refusal) else _done(keys)
    if isinstance(done, Refusal):
        who = _who()
        return _setup(who, done) if who and who.sets_up else _begin_again()
    page = render_template("access/recovery_codes.html", codes=done.codes, onward=_next())
    return forget_step(security.keep(make_response(page), done.token))


def own_keys() -> Keys | Refusal:
    """The keys of this installation, with which secrets are read."""
    return load_keys(security.config().settings)


def _done(keys: Keys) -> sign_in_steps.SetUpDone | Refusal:
    given = request.form.get("code", "")
    with store.writing() as session:
        return sign_in_steps.finish_set_up(session, step_token(), given, keys, g.now, device())


def _who() -> Waiting | None:
    token = step_token()
    return sign_in_steps.waiting(store.reading(), token, g.now) if token else None


def _form(refusal: Refusal | None = None) -> Response:
    page = render_template(
        "access/second_step.html",
        refusal=refusal,
        next=_next(),
        recovery=request.values.get("recovery") == "1",
    )
    answer = make_response(page, refusal.status if refusal else 200)
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        answer.headers["Retry-After"] = str(int(failure_counts.WINDOW.total_seconds()))
    return answer


def _setup(who: Waiting, refusal: Refusal | None = None) -> Response:
    keys = own_keys()
    app: enrolment.SetUp | Refusal = keys if isinstance(keys, Refusal) else _app(who, keys)
    page = render_template(
        "access/factor_setup.html",
        refusal=refusal,
        app=None if isinstance(app, Refusal) else app,
        email=who.email,
        companies=enrolment.requiring(store.reading(), who.person_id, g.now),
        next=_next(),
    )
    return make_response(page, refusal.status if refusal else 200)


def _app(who: Waiting, keys: Keys) -> enrolment.SetUp | Refusal:
    return enrolment.being_set_up(store.reading(), who.person_id, step_token(), keys, g.now)


def _begin_again() -> AnyResponse:
    return redirect(url_for("signin.form", next=_next(), ended="step"), 303)


def _next() -> str:
    return security.safe_next(request.values.get("next"))


def _code_url() -> str:
    return url_for("secondstep.form", next=_next())


def _setup_url() -> str:
    return url_for("secondstep.setup", next=_next())
