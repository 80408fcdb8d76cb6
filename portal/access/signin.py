"""Sign-in, the second step, links from invitations, and the list of the user's companies."""

import hmac
import re
from http import HTTPStatus
from itertools import groupby
from operator import attrgetter
from typing import Final

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from holding.access import enrolment, people, sessions, sign_in_log
from holding.access.actors import Keys, load_keys
from holding.access.enrolment import STEP_LASTS, Entered, Waiting
from holding.access.reach import limit_session, of_person
from holding.company import access_links
from holding.db import leases
from holding.db.refusal import Refusal
from holding.operations import another_company
from holding.worklist import filters as own_companies
from holding.worklist import search
from portal.web import filters as target_status
from portal.web import forms, request_guard, store
from portal.web.permissions import public, signed_in

signin_pages = Blueprint("signin", __name__)

SEARCHED: Final = 50  # companies that one search goes through, the most money first

BROWSERS: Final = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox", "Firefox"),
                   ("Chrom", "Chrome"), ("Safari", "Safari"))  # fmt: skip

SYSTEMS: Final = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"),
                  ("Windows", "Windows"), ("Mac OS", "Mac"), ("Linux", "Linux"))  # fmt: skip
"""What a browser calls itself, the more particular word first -> what people call it."""

step_pages = Blueprint("secondstep", __name__, url_prefix="/signin")

join_pages = Blueprint("join", __name__, url_prefix="/join")


def request_device() -> sessions.Device:
    """Return the device of this request, named for its owner, such as "Chrome, Windows"."""
    said = request.headers.get("User-Agent", "")
    named = [
        next((word for sign, word in table if sign in said), "") for table in (BROWSERS, SYSTEMS)
    ]
    name = ", ".join(word for word in named if word)
    device_name = name or _first_word(said)
    return sessions.Device(device_name, request.remote_addr or "", request_guard.device_key())


def _first_word(said: str) -> str:
    """Return the name that a program gives itself, such as `python-requests`."""
    found = re.match(r"[A-Za-z][\w-]{1,40}", said)
    return found[0] if found else ""


@signin_pages.get("/signin", endpoint="form")
@public
def show_signin() -> Response:
    """Show the sign-in form.

    Before the first person exists, it shows the command that creates this person.
    """
    return signin_form(ended=request.args.get("ended", ""))


def signin_form(*, email: str = "", refusal: Refusal | None = None, ended: str = "") -> Response:
    """Return the sign-in page, with why a sign-in was refused or a session ended."""
    first = not people.has_people(store.reading())
    page = render_template(
        "access/signin.html",
        email=email,
        refusal=refusal,
        ended=ended,
        first=first,
        next=request_guard.safe_next(request.values.get("next")),
        sample_people=_sample_people_by_company() if _is_demo() else [],
    )
    answer = make_response(page, refusal.status if refusal else 200)
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        answer.headers["Retry-After"] = str(int(leases.WINDOW.total_seconds()))
    return answer


def _is_demo() -> bool:
    return request_guard.config().env == "demo"


def _sample_people_by_company() -> list[tuple[str, list[people.SamplePerson]]]:
    """Return the people of each sample company, the oldest company first."""
    sample_people = people.list_sample_people(store.reading())
    return [(name, list(group)) for name, group in groupby(sample_people, attrgetter("company"))]


@signin_pages.post("/signin/as", endpoint="enter_as")
@public  # only in a demo installation, whose companies are samples
def sign_in_as_sample() -> AnyResponse:
    """Sign in as a person of a sample company, without a password."""
    if not _is_demo():
        abort(404)
    wanted = forms.parse_whole(request.form.get("person"))
    sample_people = {person.person_id for person in people.list_sample_people(store.reading())}
    if wanted not in sample_people:
        abort(404)
    with store.writing() as session:
        entered = enrolment.enter(session, wanted, g.now, request_device())
    return finish_signin(entered, request_guard.safe_next(request.form.get("next")))


def _signin_limit_key() -> str:
    """Return the key for counting failed sign-ins: address and account together, so that no user
    can lock out another.

    The text is hashed with a key: Redis must not learn a password that was typed as an address.
    """
    account = request.form.get("email", "").strip().lower().encode()
    hashed = hmac.digest(current_app.config["SECRET_KEY"], account, "sha256").hex()
    return f"{request.remote_addr}|{hashed}"


@signin_pages.post("/signin", endpoint="enter")
@public
@request_guard.limiter.limit(
    "5 per minute", key_func=_signin_limit_key, deduct_when=lambda answer: answer.status_code == 422
)
@request_guard.limiter.limit("60 per minute")
def sign_in() -> AnyResponse:
    """Start a session, always with a new token; or the step before it, where a code is needed."""
    email, password = request.form.get("email", ""), request.form.get("password", "")
    device = request_device()
    compared = sessions.compare(store.reading(), email, password, g.now, device)
    with store.writing() as session:
        proved = sessions.prove(session, email, password, g.now, compared, device)
        if isinstance(proved, Refusal):
            sign_in_log.log_failed_sign_in(session, email, device, proved, g.now)
        else:
            entered = enrolment.enter(session, proved, g.now, device)
    if isinstance(proved, Refusal):
        return signin_form(email=email, refusal=proved)
    return finish_signin(entered, request_guard.safe_next(request.form.get("next")))


def finish_signin(entered: Entered, onward: str) -> AnyResponse:
    """Redirect a user after the password step: signed in, or to the second step.

    It ends this browser's previous session.
    """
    if entered.signed_in:
        return request_guard.keep(make_response(redirect(onward, 303)), entered.token)
    answer = request_guard.forget(
        make_response(redirect(url_for("secondstep.form", next=onward), 303))
    )
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


def _step_cookie() -> str:
    """Return the cookie name of the second step.

    It differs from the session cookie's, so that they are never confused.
    """
    return f"{request_guard.cookie_name(current_app)}-step"


def step_token() -> str:
    """Return the token of this browser's second step; blank if there is none."""
    return request.cookies.get(_step_cookie(), "")


def forget_step(answer: AnyResponse) -> AnyResponse:
    """Delete the cookie of the second step."""
    secure = current_app.config["SESSION_COOKIE_SECURE"]
    answer.delete_cookie(_step_cookie(), path="/", secure=secure)
    return answer


@signin_pages.post("/signout")
@signed_in
def leave() -> AnyResponse:
    """End the session here and in the database."""
    token = request_guard.session_token()
    with store.writing() as session:
        sign_in_log.log_signed_out(session, token, request_device(), g.now)
        sessions.sign_out(session, token, g.now)
    return request_guard.forget(make_response(redirect(url_for("signin.form"), 303)))


@signin_pages.get("/")
@signed_in
def home() -> AnyResponse:
    """Redirect to the dashboard of the user's only company, else to the list of companies."""
    mine = people.companies_of(store.reading(), g.person.person_id)
    if len(mine) == 1:
        return redirect(url_for("dashboard.show", co=mine[0].code), 303)
    return redirect(url_for("signin.companies"), 303)


@signin_pages.get("/c")
@signin_pages.get("/c/")
@signed_in
def companies() -> Response:
    """Show the user's companies with their waiting work, and search them for a record, customer or
    company name.
    """
    limit_session(store.reading(), of_person(store.reading(), g.person.person_id))
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
        pills=target_status.worst_pills(
            store.reading(), targets, {line.id: line.zone for line in mine}
        ),
        held=sum(one.held for one in mine),
        with_holds=sum(1 for one in mine if one.held),
        oldest=own_companies.longest_waiting(mine),
        money=own_companies.total_held(mine),
        base=mine[0].currency if mine else "",
        text=text,
        found=[(places[row.company_id], row) for row in rows],
        called=[one for one in mine if text and text.casefold() in one.name.casefold()],
        most=search.MOST,
        person=g.person,
        adds=bool(another_company.administered(store.reading(), g.person.person_id)),
    )
    return make_response(page)


def _found(text: str, companies: list[int]) -> tuple[search.Found, ...]:
    """Return records with exactly this number.

    If there are none, return records whose number begins with it or whose customer contains it.
    """
    if not companies:
        return ()
    session = store.reading()
    exact = search.find_exact_in(session, companies, text)
    return exact or search.find_similar_in(session, companies, text)


@step_pages.get("/code", endpoint="form")
@public  # authenticated by the cookie of the password step
def show_code_form() -> AnyResponse:
    """Show the form for a code from the app, or with `recovery=1` for a recovery code."""
    who = _who()
    if who is None:
        return _begin_again()
    return redirect(_setup_url(), 303) if who.sets_up else _code_form()


def _who() -> Waiting | None:
    token = step_token()
    return enrolment.waiting(store.reading(), token, g.now) if token else None


def _begin_again() -> AnyResponse:
    return redirect(url_for("signin.form", next=_next(), ended="step"), 303)


def _next() -> str:
    return request_guard.safe_next(request.values.get("next"))


def _setup_url() -> str:
    return url_for("secondstep.setup", next=_next())


def _code_form(refusal: Refusal | None = None) -> Response:
    page = render_template(
        "access/second_step.html",
        refusal=refusal,
        next=_next(),
        recovery=request.values.get("recovery") == "1",
    )
    answer = make_response(page, refusal.status if refusal else 200)
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        answer.headers["Retry-After"] = str(int(leases.WINDOW.total_seconds()))
    return answer


def _code_limit_key() -> str:
    """Return the key for counting wrong codes: the account, from any address, since the password
    was already proved.
    """
    who = _who()
    return f"code|{who.person_id}" if who else request.remote_addr or "unknown"


@step_pages.post("/code", endpoint="enter")
@public  # authenticated by the cookie of the password step
@request_guard.limiter.limit(
    "5 per minute", key_func=_code_limit_key, deduct_when=lambda answer: answer.status_code == 422
)
@request_guard.limiter.limit("60 per minute")
def verify_code() -> AnyResponse:
    """Sign in, always with a new token."""
    keys = own_keys()
    if isinstance(keys, Refusal):
        return _code_form(keys)
    given, device, who = request.form.get("code", ""), request_device(), _who()
    with store.writing() as session:
        token = enrolment.finish(session, step_token(), given, keys, g.now, device)
        if who and isinstance(token, Refusal):
            sign_in_log.log_failed_sign_in(session, who.email, device, token, g.now)
    if isinstance(token, Refusal):
        return _begin_again() if token.code == "signin.over" else _code_form(token)
    return forget_step(request_guard.keep(make_response(redirect(_next(), 303)), token))


@step_pages.get("/setup")
@public  # authenticated by the cookie of the password step
def setup() -> AnyResponse:
    """Show why two-factor authentication must be set up, and then the QR code for the app."""
    who = _who()
    if who is None:
        return _begin_again()
    return _setup(who) if who.sets_up else redirect(_code_url(), 303)


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


def _code_url() -> str:
    return url_for("secondstep.form", next=_next())


@step_pages.post("/setup/begin")
@public  # authenticated by the cookie of the password step
@request_guard.limiter.limit("10 per minute")
def begin() -> AnyResponse:
    """Create a secret for the app. It becomes active once a code is entered."""
    keys = own_keys()
    if not isinstance(keys, Refusal):
        with store.writing() as session:
            keys = enrolment.begin_set_up(session, step_token(), keys, g.now) or keys
    if isinstance(keys, Refusal):
        who = _who()
        return _setup(who, keys) if who and who.sets_up else _begin_again()
    return redirect(_setup_url(), 303)


@step_pages.post("/setup")
@public  # authenticated by the cookie of the password step
@request_guard.limiter.limit(
    "5 per minute", key_func=_code_limit_key, deduct_when=lambda answer: answer.status_code == 422
)
@request_guard.limiter.limit("60 per minute")
def confirm() -> AnyResponse:
    """Activate the app, sign in, and show the recovery codes once."""
    keys = own_keys()
    done: enrolment.SetUpDone | Refusal = keys if isinstance(keys, Refusal) else _done(keys)
    if isinstance(done, Refusal):
        who = _who()
        return _setup(who, done) if who and who.sets_up else _begin_again()
    page = render_template("access/recovery_codes.html", codes=done.codes, onward=_next())
    return forget_step(request_guard.keep(make_response(page), done.token))


def _done(keys: Keys) -> enrolment.SetUpDone | Refusal:
    given = request.form.get("code", "")
    with store.writing() as session:
        return enrolment.finish_set_up(session, step_token(), given, keys, g.now, request_device())


def own_keys() -> Keys | Refusal:
    """Return the installation's keys, which decrypt secrets, or why they cannot be read."""
    return load_keys(request_guard.config().settings)


@join_pages.get("/<token>", endpoint="form")
@public  # authenticated by the token of the link
def show_link(token: str) -> AnyResponse:
    """Show the purpose of an invitation or password link, and its form."""
    return _page(token)


def _page(token: str, refusal: Refusal | None = None) -> AnyResponse:
    link = access_links.opened(store.reading(), token, g.now)
    if isinstance(link, Refusal):
        return make_response(render_template("people/gone.html", refusal=link), link.status)
    g.zone = link.zone
    page = render_template(
        "people/join.html",
        link=link,
        token=token,
        refusal=refusal,
        joins=link.kind == access_links.JOIN,
        name=request.form.get("name", link.name),
    )
    return make_response(page, refusal.status if refusal else 200)


@join_pages.post("/<token>", endpoint="enter")
@public  # authenticated by the token of the link
@request_guard.limiter.limit("20 per minute")
def accept_link(token: str) -> AnyResponse:
    """Use an invitation or password link.

    It ends this browser's previous session; a second step may follow.
    """
    password = request.form.get("password", "")
    device = request_device()
    compared = access_links.compare(store.reading(), token, password, g.now, device)
    with store.writing() as session:
        done = access_links.use(
            session,
            token,
            name=request.form.get("name", ""),
            password=password,
            now=g.now,
            device=device,
            compared=compared,
        )
    if isinstance(done, Refusal):
        return _page(token, done)
    return finish_signin(done.entered, url_for("dashboard.show", co=done.company))
