"""Choosing the first rules from a template.

Here: views and forms. Not here: the templates and what their answers change (portal/starters),
reviewing and publishing the change (portal/rule_pages).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from decimal import Decimal, InvalidOperation

from flask import abort, g, request, url_for
from werkzeug.wrappers import Response as AnyResponse

from connectors import registry
from connectors.contract import ConnectionSide
from holding.access import deputies
from holding.company import first_company as first_rules
from holding.connections import connections as connection_rows
from holding.db.refusal import Refusal, plural
from holding.mappings import choices as listed_names
from portal.onboarding.checklist import pages
from portal.starters import catalogue
from portal.starters.catalogue import Tax, Template
from portal.starters.einvoice_limits import EInvoiceLimit
from portal.web import forms, fragments, rule_checks, security, store

LARGEST = Decimal("999999999.99")
RINGGIT = "MYR"  # the limit of e-Invoices is one of the law of Malaysia
TEAM, TAX = "team_", "tax_"
CODE = re.compile(r"[\w .%()/&-]{1,50}")


@dataclass(frozen=True, slots=True)
class Answers:
    """What was answered of a template: limits, hour, tax codes, and who is in which team."""

    limit: Decimal | None
    hour: time | None
    teams: Mapping[str, int]
    codes: Mapping[Tax, str]
    einvoice: EInvoiceLimit | None


@pages.get("/rules")
def choose_rules() -> AnyResponse:
    """The templates for what is connected, and the questions of one."""
    return _choice({})


@pages.post("/rules")
def draft_rules() -> AnyResponse:
    """Make the template with its answers a change, which somebody else publishes."""
    template = _template(request.form.get("template"))
    if template is None:
        abort(404)
    found = _answers(template)
    if isinstance(found, forms.Problems):
        return _choice(dict(found.by_field), status=422)
    draft = catalogue.answered(
        template,
        found.limit,
        found.hour,
        currency=g.company.currency,
        zone=g.company.zone,
        codes=found.codes,
        einvoice=found.einvoice,
    )
    back = url_for("onboarding.choose_rules", co=g.company.code, template=template.word)
    store.renew()  # no snapshot is kept while a process is at work
    checked = rule_checks.checks().report(draft.files)
    if isinstance(checked, Refusal):
        return rule_checks.come_again(fragments.refuse(checked, back=back), checked)
    with store.writing() as session:
        answer = first_rules.choose(
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
        return fragments.refuse(answer, back=back)
    told = plural(len(draft.left_out), "test")
    left = f" {told} of the template left out, because you answered otherwise."
    url = url_for("changes.show", co=g.company.code, no=answer)
    return fragments.moved(url, f"Draft saved as change {answer}.{left if draft.left_out else ''}")


def _choice(problems: Mapping[str, str], *, status: int = 200) -> AnyResponse:
    if g.company.ruleset_version_id is not None:
        told = "Rules are in force already. Change their files here."
        return fragments.moved(url_for("rulebook.show", co=g.company.code), told)
    connected = {
        word
        for row in connection_rows.listing(store.reading(), g.company.id)
        for word in (row.name, row.connector)
    }
    fitting = [one for one in catalogue.templates() if _fits(one, connected)]
    chosen = _template(request.values.get("template")) or next(iter(fitting), None)
    return fragments.respond(
        "onboarding/rules.html",
        status=status,
        templates=catalogue.templates(),
        fitting=fitting,
        lacking={one.word: _lacking(one, connected) for one in catalogue.templates()},
        chosen=chosen,
        people=deputies.people(store.reading(), g.company.id),
        drafts=security.may("rules.draft"),
        names_teams=security.may("people.admin") is None,
        einvoice=chosen.einvoice if chosen and g.company.currency == RINGGIT else None,
        team=TEAM,
        taxes=[(f"{TAX}{at}", one, _codes(one)) for at, one in enumerate(chosen.taxes)]
        if chosen in fitting
        else [],
        problems=problems,
    )


def _fits(template: Template, connected: set[str]) -> bool:
    return {*template.sources, *template.targets} <= connected


def _lacking(template: Template, connected: set[str]) -> list[str]:
    """The systems that a template needs and that are not connected, by the names people know."""
    named: list[tuple[ConnectionSide, str]] = [("source", word) for word in template.sources]
    named += [("target", word) for word in template.targets]
    forms_of = ((word, registry.form_of(side, word)) for side, word in named)
    return [form.title if form else word for word, form in forms_of if word not in connected]


def _template(word: str | None) -> Template | None:
    return next((one for one in catalogue.templates() if one.word == word), None)


def _answers(template: Template) -> Answers | forms.Problems:
    form, wrong = request.form, {}
    limit = _amount(form.get("limit")) if template.limit is not None else None
    if template.limit is not None and limit is None:
        wrong["limit"] = "Enter the amount as 3000.00."
    hour = forms.hour(form.get("hour")) if template.hour is not None else None
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
    chosen = {name: forms.whole(form.get(f"{TEAM}{name}")) for name, _ in template.teams}
    teams = {name: one for name, one in chosen.items() if one is not None}
    return Answers(limit, hour, teams, codes, einvoice)


def _einvoice(template: Template, wrong: dict[str, str]) -> EInvoiceLimit | None:
    """The limit of e-Invoices as answered; what was not asked stands as the template has it."""
    form, stands = request.form, template.einvoice
    if stands is None or "einvoice" not in form:
        return None
    amount, since = _amount(form["einvoice"]), forms.day(form.get("einvoice_from"))
    if amount is None:
        wrong["einvoice"] = "Enter the amount as 10000.00."
    if since is None:
        wrong["einvoice_from"] = "Choose the day from which it counts."
    if amount is None or since is None:
        return None
    return EInvoiceLimit(amount, since, itself="einvoice_itself" in form)


def _codes(tax: Tax) -> dict[str, str]:
    """The tax codes that the accounting system lists, with their names."""
    return listed_names.tax_codes(store.reading(), g.company.id, tax.target)


def _amount(text: str | None) -> Decimal | None:
    try:
        found = Decimal((text or "").strip().replace(",", ""))
        cents = found.quantize(Decimal("0.01"))  # it cannot of what has too many digits for it
    except InvalidOperation:
        return None
    return found if found == cents and 0 <= found <= LARGEST else None
