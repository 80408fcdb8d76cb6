"""Signing in and out, and choosing a company.

Here: views and forms, and how a browser is called on its owner's page. Not here: passwords and
sessions (holding/access/sessions.py), cookies (portal/web/security.py).
"""

import re
from http import HTTPStatus
from typing import Final

from flask import (
    Blueprint,
    Response,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from holding.access import enrolment as sign_in_steps
from holding.access import people, sessions
from holding.access.enrolment import STEP_LASTS, Entered
from holding.access.reach import narrow, of_person
from holding.db import leases as failure_counts
from holding.db.refusal import Refusal
from holding.worklist import filters as own_companies
from holding.worklist import search
from portal.web import security, store, target_status

signin_pages = Blueprint("signin", __name__)
SEARCHED: Final = 50  # companies that one search goes through, the most money first
BROWSERS: Final = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"),
                   ("Chrom", "Chrome"), ("Safari", "Safari"))  # fmt: skip
SYSTEMS: Final = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"),
                  ("Windows", "Windows"), ("Mac OS", "Mac"), ("Linux", "Linux"))  # fmt: skip
"""What a browser calls itself, the more particular word first -> what people call it."""


def device() -> sessions.Device:
    """The browser of this request, as its owner would know it again: Chrome, Windows."""
    said = request.headers.get("User-Agent", "")
    named = [
        next((word for sign, word in table if sign in said), "") for table in (BROWSERS, SYSTEMS)
    ]
    name = ", ".join(word for word in named if word)
    return sessions.Device(name or _first_word(said), request.remote_addr or "")


def _first_word(said: str) -> str:
    """What a program calls itself: python-requests."""
    found = re.match(r"[A-Za-z][\w-]{1,40}", said)
    return found[0] if found else ""


def _guess() -> str:
    """Failures count by address and account together: nobody locks somebody else out."""
    return f"{request.remote_addr}|{request.form.get('email', '').strip().lower()}"


@signin_pages.get("/signin")
def form() -> Response:
    """The form; where nobody exists yet, the command that makes the first person."""
    return _form(ended=request.args.get("ended", ""))


@signin_pages.post("/signin")
@security.limiter.limit(
    "5 per minute", key_func=_guess, deduct_when=lambda answer: answer.status_code == 422
)
@security.limiter.limit("60 per minute")
def enter() -> AnyResponse:
    """Start a session, always with a new token; or the step before it, where a code is needed."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    compared = sessions.compare(store.reading(), email, password, g.now)
    with store.writing() as session:
        proved = sessions.prove(session, email, password, g.now, compared)
        if not isinstance(proved, Refusal):
            entered = sign_in_steps.enter(session, proved, g.now, device())
    if isinstance(proved, Refusal):
        return _form(email=email, refusal=proved)
    return arrive(entered, security.safe_next(request.form.get("next")))


def arrive(entered: Entered, onward: str) -> AnyResponse:
    """Lead on somebody who proved their password: signed in, or to the step that comes before.
    Whoever was signed in here is not any more.
    """
    if entered.signed_in:
        return security.keep(make_response(redirect(onward, 303)), entered.token)
    answer = security.forget(make_response(redirect(url_for("secondstep.form", next=onward), 303)))
    answer.set_cookie(
        _step_cookie(),
        entered.token,
        max_age=STEP_LASTS,
        httponly=True,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        samesite="Lax",
        path="/",
    )
    return answer


def step_token() -> str:
    """The token of the step that this browser is at, or nothing."""
    return request.cookies.get(_step_cookie(), "")


def forget_step(answer: AnyResponse) -> AnyResponse:
    """The step is over: take its cookie away."""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    answer.delete_cookie(_step_cookie(), path="/", secure=secure)
    return answer


def _step_cookie() -> str:
    """Another name than that of a session: neither is ever taken for the other."""
    return f"{security.cookie_name(current_app)}-step"


@signin_pages.post("/signout")
def leave() -> AnyResponse:
    """End the session here and in the database."""
    with store.writing() as session:
        sessions.sign_out(session, security.session_token(), g.now)
    return security.forget(make_response(redirect(url_for("signin.form"), 303)))


@signin_pages.get("/")
def home() -> AnyResponse:
    """With one company, straight to its dashboard."""
    mine = people.companies_of(store.reading(), g.person.person_id)
    if len(mine) == 1:
        return redirect(url_for("dashboard.show", co=mine[0].code), 303)
    return redirect(url_for("signin.companies"), 303)


@signin_pages.get("/c")
@signin_pages.get("/c/")
def companies() -> Response:
    """The companies one has a role in, with what waits in each; and where a number or a customer
    is, or which company is called so.
    """
    narrow(store.reading(), of_person(store.reading(), g.person.person_id))
    mine = own_companies.own_companies(store.reading(), g.person.person_id)
    zones = {line.zone for line in mine}
    if len(zones) == 1:  # of several no one would be everybody's
        g.zone = zones.pop()
    text = request.args.get("q", "").strip()[:100]
    places = {company.id: company for company in mine[:SEARCHED]} if text else {}
    rows = _found(text, list(places))
    targets = [one for line in mine if line.live for one in line.connected]
    page = render_template(
        "access/companies.html",
        mine=mine,
        pills=target_status.of_companies(
            store.reading(), targets, {line.id: line.zone for line in mine}
        ),
        held=sum(one.held for one in mine),
        with_holds=sum(1 for one in mine if one.held),
        oldest=own_companies.oldest(mine),
        money=own_companies.in_all(mine),
        base=mine[0].currency if mine else "",
        text=text,
        found=[(places[row.company_id], row) for row in rows],
        called=[one for one in mine if text and text.casefold() in one.name.casefold()],
        most=search.MOST,
        person=g.person,
    )
    return make_response(page)


def _found(text: str, companies: list[int]) -> tuple[search.Found, ...]:
    """Records with exactly this number; else those that begin so, or of such a customer."""
    if not companies:
        return ()
    session = store.reading()
    exact = search.exact_in(session, companies, text)
    return exact or search.alike_in(session, companies, text)


def _form(*, email: str = "", refusal: Refusal | None = None, ended: str = "") -> Response:
    first = not people.anybody(store.reading())
    page = render_template(
        "access/signin.html",
        email=email,
        refusal=refusal,
        ended=ended,
        first=first,
        next=security.safe_next(request.values.get("next")),
    )
    answer = make_response(page, refusal.status if refusal else 200)
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        answer.headers["Retry-After"] = str(int(failure_counts.WINDOW.total_seconds()))
    return answer
