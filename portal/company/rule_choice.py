"""The choice of the first rules from a template, and the set-up page of the first company."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from zoneinfo import available_timezones

from flask import (
    Blueprint,
    Response,
    abort,
    g,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from connectors import registry
from connectors.contract import ConnectionSide
from holding.access import deputies, sessions
from holding.company import first_company
from holding.company.first_company import FirstCompany, FirstPerson
from holding.connections import connections
from holding.db.refusal import Refusal, plural
from holding.mappings import choices
from portal.company.checklist import pages
from portal.starters import catalogue
from portal.starters.catalogue import EInvoiceLimit, Tax, Template
from portal.web import forms, request_guard, store
from portal.web.permissions import needs, public

LARGEST = Decimal("999999999.99")

RINGGIT = "MYR"  # the limit of e-Invoices is one of the law of Malaysia

TEAM, TAX = "team_", "tax_"

CODE = re.compile(r"[\w .%()/&-]{1,50}")

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
class Answers:
    """What was answered of a template: limits, hour, tax codes, and who is in which team."""

    limit: Decimal | None
    hour: time | None
    teams: Mapping[str, int]
    codes: Mapping[Tax, str]
    einvoice: EInvoiceLimit | None


@pages.get("/rules")
@needs("rules.draft")
def choose_rules() -> AnyResponse:
    """The templates for what is connected, and the questions of one."""
    return _choice({})


def _choice(problems: Mapping[str, str], *, status: int = 200) -> AnyResponse:
    if g.company.ruleset_version_id is not None:
        told = "Rules are in force already. Change their files here."
        return store.redirect_with_message(url_for("rulebook.show", co=g.company.code), told)
    connected = {
        word
        for row in connections.list_connections(store.reading(), g.company.id)
        for word in (row.name, row.connector)
    }
    fitting = [one for one in catalogue.templates() if _fits(one, connected)]
    chosen = _template(request.values.get("template")) or next(iter(fitting), None)
    return store.respond(
        "onboarding/rules.html",
        status=status,
        templates=catalogue.templates(),
        fitting=fitting,
        lacking={one.word: _lacking(one, connected) for one in catalogue.templates()},
        chosen=chosen,
        people=deputies.list_colleagues(store.reading(), g.company.id),
        drafts=request_guard.may("rules.draft"),
        names_teams=request_guard.may("people.admin") is None,
        einvoice=chosen.einvoice if chosen and g.company.currency == RINGGIT else None,
        team=TEAM,
        taxes=[(f"{TAX}{at}", one, _codes(one)) for at, one in enumerate(chosen.taxes)]
        if chosen in fitting
        else [],
        problems=problems,
    )


def _fits(template: Template, connected: set[str]) -> bool:
    return {*template.sources, *template.targets} <= connected


def _template(word: str | None) -> Template | None:
    return next((one for one in catalogue.templates() if one.word == word), None)


def _lacking(template: Template, connected: set[str]) -> list[str]:
    """The systems that a template needs and that are not connected, by the names people know."""
    named: list[tuple[ConnectionSide, str]] = [("source", word) for word in template.sources]
    named += [("target", word) for word in template.targets]
    forms_of = ((word, registry.form_of(side, word)) for side, word in named)
    return [form.title if form else word for word, form in forms_of if word not in connected]


def _codes(tax: Tax) -> dict[str, str]:
    """The tax codes that the accounting system lists, with their names."""
    return choices.tax_codes(store.reading(), g.company.id, tax.target)


@pages.post("/rules")
@needs("rules.draft")
def draft_rules() -> AnyResponse:
    """Make the template with its answers a change, which somebody else publishes."""
    template = _template(request.form.get("template"))
    if template is None:
        abort(404)
    found = _answers(template)
    if isinstance(found, forms.Problems):
        return _choice(dict(found.by_field), status=422)
    draft = catalogue.fill_template(
        template,
        found.limit,
        found.hour,
        currency=g.company.currency,
        zone=g.company.zone,
        codes=found.codes,
        einvoice=found.einvoice,
    )
    back = url_for("onboarding.choose_rules", co=g.company.code, template=template.word)
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    checked = store.rule_checks().report(draft.files)
    if isinstance(checked, Refusal):
        return store.set_retry_after(store.refuse(checked, back=back), checked)
    with store.writing() as session:
        answer = first_company.choose(
            session,
            g.actor,
            draft.files,
            template.title,
            found.teams,
            g.now,
            checked,
            dict(template.teams),
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    told = plural(len(draft.left_out), "test")
    left = f" {told} of the template left out, because you answered otherwise."
    url = url_for("changes.show", co=g.company.code, no=answer)
    return store.redirect_with_message(
        url, f"Draft saved as change {answer}.{left if draft.left_out else ''}"
    )


def _answers(template: Template) -> Answers | forms.Problems:
    form, wrong = request.form, {}
    limit = _amount(form.get("limit")) if template.limit is not None else None
    if template.limit is not None and limit is None:
        wrong["limit"] = "Enter the amount as 3000.00."
    hour = forms.parse_hour(form.get("hour")) if template.hour is not None else None
    if template.hour is not None and hour is None:
        wrong["hour"] = "Enter the time as 02:00."
    codes = {}
    for at, one in enumerate(template.taxes):
        code = form.get(f"{TAX}{at}", one.code).strip()
        codes[one] = code
        listed = _codes(one)
        known = not listed or code in listed or code == one.code
        if code and not (known and CODE.fullmatch(code)):
            wrong[f"{TAX}{at}"] = "Choose the tax code."
    einvoice = _einvoice(template, wrong)
    if wrong:
        return forms.Problems(wrong)
    chosen = {name: forms.parse_whole(form.get(f"{TEAM}{name}")) for name, _ in template.teams}
    teams = {name: one for name, one in chosen.items() if one is not None}
    return Answers(limit, hour, teams, codes, einvoice)


def _amount(text: str | None) -> Decimal | None:
    try:
        found = Decimal((text or "").strip().replace(",", ""))
        cents = found.quantize(Decimal("0.01"))  # it cannot of what has too many digits for it
    except InvalidOperation:
        return None
    return found if found == cents and 0 <= found <= LARGEST else None


def _einvoice(template: Template, wrong: dict[str, str]) -> EInvoiceLimit | None:
    """The limit of e-Invoices as answered; what was not asked stands as the template has it."""
    form, stands = request.form, template.einvoice
    if stands is None or "einvoice" not in form:
        return None
    amount, since = _amount(form["einvoice"]), forms.parse_day(form.get("einvoice_from"))
    if amount is None:
        wrong["einvoice"] = "Enter the amount as 10000.00."
    if since is None:
        wrong["einvoice_from"] = "Choose the day from which it counts."
    if amount is None or since is None:
        return None
    return EInvoiceLimit(amount, since, itself="einvoice_itself" in form)


@dataclass(frozen=True, slots=True)
class Wish:
    """Set up this company with this person."""

    company: FirstCompany
    person: FirstPerson


@setup_pages.get("/<token>")
@public  # authenticated by the one-time link
def first(token: str) -> Response:
    """The form, while the address works."""
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


@setup_pages.post("/<token>")
@public  # authenticated by the one-time link
@request_guard.limiter.limit("30 per minute")
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
    return request_guard.keep(answer, entered)


def _wish() -> Wish | forms.Problems:
    form = request.form
    text = {name: value.strip() for name, value in form.items()}
    closed = text.get("closed", "")
    day = forms.parse_day(closed)
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
