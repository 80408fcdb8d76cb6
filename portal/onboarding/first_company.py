"""The page at the address of set-up: the first company and its first person.

Here: the form and what is wrong with it. Not here: when the address works and what is made
(holding/company/first_company.py).
"""

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import available_timezones

from flask import (
    Blueprint,
    Response,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from holding.access import sessions
from holding.company import first_company
from holding.company.first_company import FirstCompany, FirstPerson
from holding.db.refusal import Refusal
from portal.web import forms, security, store

setup_pages = Blueprint("setup", __name__, url_prefix="/setup")
CURRENCIES = ("MYR", "SGD", "IDR", "THB", "PHP", "VND", "HKD", "CNY", "USD", "EUR", "GBP", "AUD")
REGIONS = ("Asia", "Africa", "America", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
FIELD_OF = {
    "company.code": "code",
    "company.taken": "code",
    "company.registration": "registration",
    "company.currency": "currency",
    "company.zone": "zone",
    "person.email": "email",
    "person.taken": "email",
    "person.password": "password",
}


@dataclass(frozen=True, slots=True)
class Wish:
    """Set up this company with this person."""

    company: FirstCompany
    person: FirstPerson


@setup_pages.get("/<token>")
def first(token: str) -> Response:
    """The form, while the address works."""
    until = first_company.usable(store.reading(), token, g.now)
    if isinstance(until, Refusal):
        return _told(until)
    return _form(token, until, {})


@setup_pages.post("/<token>")
@security.limiter.limit("30 per minute")
def create(token: str) -> AnyResponse:
    """Make the company and the person, who is signed in then."""
    until = first_company.usable(store.reading(), token, g.now)
    if isinstance(until, Refusal):
        return _told(until)
    wish = _wish()
    if isinstance(wish, forms.Problems):
        return _form(token, until, dict(wish.by_field), status=422)
    with store.writing() as session:
        made = first_company.set_up(session, token, wish.company, wish.person, g.now)
    if isinstance(made, Refusal):
        field = FIELD_OF.get(made.code)
        return _form(token, until, {field: made.words}, status=422) if field else _told(made)
    with store.writing() as session:
        person, password = wish.person.email, wish.person.password
        proved = sessions.prove(session, person, password, g.now)
        entered = (
            proved
            if isinstance(proved, Refusal)
            else sessions.open_session(
                session, proved, g.now
            )  # nobody asks a first person for more
        )
    if isinstance(entered, Refusal):  # somebody guessed at this address before it was a person's
        return redirect(url_for("signin.form"), 303)
    answer = make_response(redirect(url_for("dashboard.show", co=made.code), 303))
    return security.keep(answer, entered)


def _wish() -> Wish | forms.Problems:
    form = request.form
    text = {name: value.strip() for name, value in form.items()}
    closed = text.get("closed", "")
    day = forms.day(closed)
    found = {
        name: told
        for name, told in (
            ("name", "Enter the company name."),
            ("registration", "Enter the registration number."),
            ("person", "Enter your name."),
            ("email", "Enter your email address."),
        )
        if not text.get(name)
    }
    if closed and day is None:
        found["closed"] = "Enter the day as year-month-day, such as 2026-09-30, or leave it blank."
    if found:
        return forms.Problems(found)
    company = FirstCompany(
        name=text["name"],
        code=text.get("code", ""),
        registration=text["registration"],
        currency=text.get("currency", "").upper(),
        zone=text.get("zone", ""),
        closed_through=day,
    )
    person = FirstPerson(
        name=text["person"], email=text["email"], password=form.get("password", "")
    )
    return Wish(company, person)


def _form(token: str, until: datetime, problems: dict[str, str], *, status: int = 200) -> Response:
    typed = request.form
    page = render_template(
        "onboarding/first.html",
        token=token,
        until=until,
        problems=problems,
        typed=typed,
        code=first_company.proposed_code(typed["name"]) if typed.get("name") else "",
        currencies=CURRENCIES,
        zones=_zones(),
    )
    return make_response(page, status)


def _zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """Region -> its time zones, each with its place as people write it."""
    names = sorted(zone for zone in available_timezones() if zone.partition("/")[0] in REGIONS)
    parted = [(zone, *zone.split("/", 1)) for zone in names]
    return [
        (region, [(zone, place.replace("_", " ")) for zone, of, place in parted if of == region])
        for region in REGIONS
    ]


def _told(refusal: Refusal) -> Response:
    page = render_template("onboarding/ended.html", refusal=refusal)
    return make_response(page, refusal.status)
