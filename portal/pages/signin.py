"""Signing in and out, and choosing a company.

Here: the forms. Not here: passwords and sessions (holding/sessions.py), cookies
(portal/security.py).
"""

from http import HTTPStatus

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from holding import people
from holding.queries import access
from holding.refusal import Refusal
from holding.sessions import FAILURE_WINDOW
from portal import security, store

pages = Blueprint("signin", __name__)


def _guess() -> str:
    """Failures count by address and account together: nobody locks somebody else out."""
    return f"{request.remote_addr}|{request.form.get('email', '').strip().lower()}"


@pages.get("/signin")
def form() -> Response:
    """The form; where nobody exists yet, the command that makes the first person."""
    return _form(ended=request.args.get("ended") == "1")


@pages.post("/signin")
@security.limiter.limit(
    "5 per minute", key_func=_guess, deduct_when=lambda answer: answer.status_code == 422
)
@security.limiter.limit("60 per minute")
def enter() -> AnyResponse:
    """Start a session, always with a new token."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    with store.writing() as session:
        token = people.sign_in(session, email, password, g.now)
    if isinstance(token, Refusal):
        return _form(email=email, refusal=token)
    return security.keep(
        make_response(redirect(security.safe_next(request.form.get("next")), 303)), token
    )


@pages.post("/signout")
def leave() -> AnyResponse:
    """End the session here and in the database."""
    with store.writing() as session:
        people.sign_out(session, security.session_token(), g.now)
    return security.forget(make_response(redirect(url_for("signin.form"), 303)))


@pages.get("/")
def home() -> AnyResponse:
    """With one company, straight to its dashboard."""
    mine = people.companies_of(store.reading(), g.person.person_id)
    if len(mine) == 1:
        return redirect(url_for("dashboard.show", co=mine[0].code), 303)
    return redirect(url_for("signin.companies"), 303)


@pages.get("/c")
@pages.get("/c/")
def companies() -> Response:
    """Choose among the companies one has a role in."""
    mine = people.companies_of(store.reading(), g.person.person_id)
    return make_response(render_template("signin/companies.html", mine=mine, person=g.person))


def _form(*, email: str = "", refusal: Refusal | None = None, ended: bool = False) -> Response:
    first = not access.anybody(store.reading())
    page = render_template(
        "signin/form.html",
        email=email,
        refusal=refusal,
        ended=ended,
        first=first,
        next=security.safe_next(request.values.get("next")),
    )
    answer = make_response(page, refusal.status if refusal else 200)
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        answer.headers["Retry-After"] = str(int(FAILURE_WINDOW.total_seconds()))
    return answer
