"""The choice of the first rules from a template."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation

from flask import (
    abort,
    g,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from connectors import registry
from connectors.contract import ConnectionSide
from holding.access import deputies
from holding.company import first_company
from holding.connections import connections
from holding.db.refusal import Refusal, plural
from holding.mappings import choices
from portal.company.checklist import pages
from portal.starters import catalogue
from portal.starters.catalogue import Account, EInvoiceLimit, Tax, Template
from portal.web import forms, request_guard, store
from portal.web.permissions import needs

LARGEST = Decimal("999999999.99")

RINGGIT = "MYR"  # the limit of e-Invoices is one of the law of Malaysia

TEAM, TAX, ACCOUNT = "team_", "tax_", "account_"

CODE = re.compile(r"[\w .%()/&-]{1,50}")


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers to a template's questions: limits, hour, tax codes, and the members of each
    team.
    """

    limit: Decimal | None
    hour: time | None
    teams: Mapping[str, int]
    codes: Mapping[Tax | Account, str]
    einvoice: EInvoiceLimit | None


@pages.get("/rules")
@needs("rules.draft")
def choose_rules() -> AnyResponse:
    """Show the templates for the connected systems, and the questions of a template."""
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
        accounts=[(f"{ACCOUNT}{at}", one, _codes(one)) for at, one in enumerate(chosen.accounts)]
        if chosen in fitting
        else [],
        problems=problems,
    )


def _fits(template: Template, connected: set[str]) -> bool:
    return {*template.sources, *template.targets} <= connected


def _template(word: str | None) -> Template | None:
    return next((one for one in catalogue.templates() if one.word == word), None)


def _lacking(template: Template, connected: set[str]) -> list[str]:
    """Return the titles of the systems that a template needs and that are not connected."""
    named: list[tuple[ConnectionSide, str]] = [("source", word) for word in template.sources]
    named += [("target", word) for word in template.targets]
    forms_of = ((word, registry.form_of(side, word)) for side, word in named)
    return [form.title if form else word for word, form in forms_of if word not in connected]


def _codes(one: Tax | Account) -> dict[str, str]:
    """Return the codes that the accounting system lists, with their names."""
    kind = "tax" if isinstance(one, Tax) else "account"
    return choices.listed_codes(store.reading(), g.company.id, one.target, kind)


@pages.post("/rules")
@needs("rules.draft")
def draft_rules() -> AnyResponse:
    """Create a rule change from the template and its answers. A second person publishes it."""
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
    left = (
        f" {told} of the template left out, because its answers differ from yours or are missing."
    )
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
    codes: dict[Tax | Account, str] = {}
    asked: list[tuple[str, Tax | Account, str]] = [
        *((f"{TAX}{at}", one, "Choose the tax code.") for at, one in enumerate(template.taxes)),
        *(
            (f"{ACCOUNT}{at}", one, "Choose the account.")
            for at, one in enumerate(template.accounts)
        ),
    ]
    for name, one, words in asked:
        code = codes[one] = form.get(name, one.code).strip()
        listed = _codes(one)
        known = not listed or code in listed or code == one.code
        if code and not (known and CODE.fullmatch(code)):
            wrong[name] = words
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
    """Return the e-Invoice limit from the form, or None if the form does not contain it.

    Invalid input is added to `wrong`.
    """
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
