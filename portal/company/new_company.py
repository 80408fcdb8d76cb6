"""The pages that create a company: the first one by its address, further ones by administrators."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from zoneinfo import available_timezones

from flask import Blueprint, Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from holding.access import sessions
from holding.company import first_company
from holding.company.first_company import FirstCompany, FirstPerson
from holding.db.refusal import Refusal, plural
from holding.operations import another_company
from holding.operations.another_company import NO_ADMINISTRATOR, Pattern
from portal.web import forms, request_guard, store
from portal.web.permissions import public, signed_in

setup_pages = Blueprint("setup", __name__, url_prefix="/setup")

another_pages = Blueprint("another", __name__, url_prefix="/companies")

UNKNOWN_PATTERN: Final = "Choose a company that you administer."

CURRENCIES = ("MYR", "SGD", "IDR", "THB", "PHP", "VND", "HKD", "CNY", "USD", "EUR", "GBP", "AUD")

REGIONS = ("Asia", "Africa", "America", "Atlantic", "Australia", "Europe", "Indian", "Pacific")

FIELD_OF = {
    "company.code": "code",
    "company.taken": "code",
    "company.registration": "registration",
    "company.closed": "closed",
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
@public  # authenticated by the one-time link
def first(token: str) -> Response:
    """Show the form that creates the first company, while its one-time link is valid."""
    until = first_company.usable(store.reading(), token, g.now)
    if isinstance(until, Refusal):
        return _told(until)
    return _form(token, until, {})


def _told(refusal: Refusal) -> Response:
    page = render_template("onboarding/ended.html", refusal=refusal)
    return make_response(page, refusal.status)


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
        zones=time_zones(),
    )
    return make_response(page, status)


def time_zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return region and its time zones, each with its place as people write it."""
    names = sorted(zone for zone in available_timezones() if zone.partition("/")[0] in REGIONS)
    parted = [(zone, *zone.split("/", 1)) for zone in names]
    return [
        (region, [(zone, place.replace("_", " ")) for zone, of, place in parted if of == region])
        for region in REGIONS
    ]


@setup_pages.post("/<token>")
@public  # authenticated by the one-time link
@request_guard.limiter.limit("30 per minute")
def create(token: str) -> AnyResponse:
    """Create the company and its first person, and sign this person in."""
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
    return request_guard.keep(answer, entered)


def _wish() -> Wish | forms.Problems:
    form = request.form
    company = read_company(form)
    found = dict(company.by_field) if isinstance(company, forms.Problems) else {}
    person = FirstPerson(
        name=form.get("person", "").strip(),
        email=form.get("email", "").strip(),
        password=form.get("password", ""),
    )
    if not person.name:
        found["person"] = "Enter your name."
    if not person.email:
        found["email"] = "Enter your email address."
    if found or isinstance(company, forms.Problems):
        return forms.Problems(found)
    if faults := first_company.form_faults(company, person, g.now):
        return forms.Problems({FIELD_OF[fault.code]: fault.words for fault in faults})
    return Wish(company, person)


def read_company(form: Mapping[str, str]) -> FirstCompany | forms.Problems:
    """Return the company that a form describes, or what is missing in it."""
    text = {name: value.strip() for name, value in form.items()}
    closed = text.get("closed", "")
    day = forms.parse_day(closed)
    problems = {
        name: words
        for name, words in (
            ("name", "Enter the company name."),
            ("registration", "Enter the registration number."),
        )
        if not text.get(name)
    }
    if closed and day is None:
        problems["closed"] = (
            "Enter the day as year-month-day, such as 2026-09-30, or leave it blank."
        )
    if problems:
        return forms.Problems(problems)
    return FirstCompany(
        name=text["name"],
        code=text.get("code", ""),
        registration=text["registration"],
        currency=text.get("currency", "").upper(),
        zone=text.get("zone", ""),
        closed_through=day,
    )


@another_pages.get("/new", endpoint="form")
@signed_in  # the service admits administrators only
def another_form() -> Response:
    """Show the form to an administrator of a company."""
    if not another_company.administered(store.reading(), g.person.person_id):
        return store.refuse(NO_ADMINISTRATOR, back=url_for("signin.companies"))
    return _another_page({})


def _another_page(problems: dict[str, str], *, status: int = 200) -> Response:
    typed, is_sent = request.form, request.method == "POST"
    return store.respond(
        "onboarding/another.html",
        status=status,
        own=another_company.administered(store.reading(), g.person.person_id),
        pattern=request.values.get("pattern", ""),
        takes_people="people" in typed or not is_sent,
        takes_notices="notices" in typed or not is_sent,
        problems=problems,
        typed=typed,
        code=first_company.proposed_code(typed["name"]) if typed.get("name") else "",
        currencies=CURRENCIES,
        zones=time_zones(),
    )


@another_pages.post("/new", endpoint="create")
@signed_in  # the service admits administrators only
@request_guard.limiter.limit("30 per minute")
def add_another() -> Response:
    """Create the company and lead to its checklist."""
    person_id = g.person.person_id
    own = {one.code: one for one in another_company.administered(store.reading(), person_id)}
    if not own:
        return store.refuse(NO_ADMINISTRATOR, back=url_for("signin.companies"))
    company = read_company(request.form)
    if isinstance(company, forms.Problems):
        return _another_page(dict(company.by_field), status=422)
    pattern = None
    if {"people", "notices"} & request.form.keys():
        source = own.get(request.form.get("pattern", ""))
        if source is None:
            return _another_page({"pattern": UNKNOWN_PATTERN}, status=422)
        pattern = Pattern(source.id, "people" in request.form, "notices" in request.form)
    with store.writing() as session:
        added = another_company.add_another(session, person_id, company, pattern, g.now)
    if isinstance(added, Refusal):
        field = FIELD_OF.get(added.code)
        if field is None:
            return store.refuse(added, back=url_for("another.form"))
        return _another_page({field: added.words}, status=422)
    words = f"{added.made.name} was added. Nothing is sent before it goes live."
    if pattern is not None:
        people = plural(added.people, "person", "people")
        words += f" Taken over: {people}, {plural(added.recipients, 'recipient')} of notices."
    return store.redirect_with_message(url_for("dashboard.show", co=added.made.code), words)
