"""Signing in and out, choosing a company, and who stands in for whom.

Here: views and forms. Not here: passwords and sessions (holding/access/sessions.py), cookies
(portal/web/security.py), what a deputy may do and who may name one (holding/access/deputies.py).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from holding.access import actors, deputies, people, sessions
from holding.access.sessions import FAILURE_WINDOW
from holding.refusal import Refusal
from portal.web import filters, forms, fragments, security, store

deputy_pages = Blueprint("deputies", __name__, url_prefix="/c/<co>/deputies")
signin_pages = Blueprint("signin", __name__)


@dataclass(frozen=True, slots=True)
class Wish:
    """Let somebody stand in for a person, from one day through another."""

    person_id: int
    deputy_id: int
    first: date
    last: date
    reason: str


@deputy_pages.get("/")
def listing() -> Response:
    """Who stands in now or will, the form, and what is over."""
    return _page({})


@deputy_pages.post("/")
def appoint() -> Response:
    """Name a deputy."""
    wish = _wish()
    if isinstance(wish, forms.Problems):
        return _page(dict(wish.by_field), status=422)
    with store.writing() as session:
        answer = deputies.appoint(
            session,
            g.actor,
            person_id=wish.person_id,
            deputy_id=wish.deputy_id,
            from_at=max(deputies.begins(wish.first, filters.zone()), g.now),
            until_at=deputies.ends(wish.last, filters.zone()),
            reason=wish.reason,
            now=g.now,
        )
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url())
    return fragments.moved(_url(), f"Named through {wish.last}.")


@deputy_pages.post("/<int:deputy_id>/end")
def end(deputy_id: int) -> Response:
    """End it before its time."""
    with store.writing() as session:
        answer = deputies.end(session, g.actor, deputy_id, g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=_url())
    return fragments.moved(_url(), "Ended.")


def _page(problems: dict[str, str], *, status: int = 200) -> Response:
    session = store.reading()
    rows = deputies.listing(session, g.company.id)
    open_ = [row for row in rows if row.ended_at is None and row.until_at > g.now]
    people = deputies.people(session, g.company.id)
    admin = actors.may(g.actor, "people.admin") is None
    return fragments.respond(
        "access/deputies.html",
        status=status,
        standing=sorted(open_, key=lambda row: row.from_at),
        over=[row for row in rows if row not in open_],
        people=people,
        lenders=[one for one in people if one.lends and (admin or one.id == g.actor.person_id)],
        admin=admin,
        today=_today(),
        last_day=_last_day,
        problems=problems,
    )


def _wish() -> Wish | forms.Problems:
    form = request.form
    person, deputy = forms.whole(form.get("person")), forms.whole(form.get("deputy"))
    first, last = forms.day(form.get("first")), forms.day(form.get("last"))
    reason = form.get("reason", "").strip()
    found = {}
    if deputy is None:
        found["deputy"] = "Choose who stands in."
    if first is None or last is None or last < first or last < _today():
        found["last"] = "The last day is today or later, and not before the first."
    if len(reason) < forms.MIN_REASON:
        found["reason"] = "Say why, in a few words: it stands in the audit log."
    if person is None or deputy is None or first is None or last is None or found:
        return forms.Problems(found)
    return Wish(person, deputy, first, last, reason)


def _today() -> date:
    today: date = g.now.astimezone(filters.zone()).date()
    return today


def _last_day(row: deputies.Standing) -> date:
    return (row.until_at.astimezone(filters.zone()) - timedelta(seconds=1)).date()


def _url() -> str:
    return url_for("deputies.listing", co=g.company.code)


def _guess() -> str:
    """Failures count by address and account together: nobody locks somebody else out."""
    return f"{request.remote_addr}|{request.form.get('email', '').strip().lower()}"


@signin_pages.get("/signin")
def form() -> Response:
    """The form; where nobody exists yet, the command that makes the first person."""
    return _form(ended=request.args.get("ended") == "1")


@signin_pages.post("/signin")
@security.limiter.limit(
    "5 per minute", key_func=_guess, deduct_when=lambda answer: answer.status_code == 422
)
@security.limiter.limit("60 per minute")
def enter() -> AnyResponse:
    """Start a session, always with a new token."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    with store.writing() as session:
        token = sessions.sign_in(session, email, password, g.now)
    if isinstance(token, Refusal):
        return _form(email=email, refusal=token)
    return security.keep(
        make_response(redirect(security.safe_next(request.form.get("next")), 303)), token
    )


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
    """Choose among the companies one has a role in."""
    mine = people.companies_of(store.reading(), g.person.person_id)
    return make_response(render_template("access/companies.html", mine=mine, person=g.person))


def _form(*, email: str = "", refusal: Refusal | None = None, ended: bool = False) -> Response:
    first = not sessions.anybody(store.reading())
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
        answer.headers["Retry-After"] = str(int(FAILURE_WINDOW.total_seconds()))
    return answer
