"""The settings of a company: their values, where each comes from, and the forms to change them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, g, request, url_for

from connectors.contract.errors import ERROR_CLASSES
from holding.approvals import step_up
from holding.connections import signal_causes
from holding.db.database import DatabaseSession
from holding.db.refusal import Refusal, money, plural
from holding.evaluation import safety_stop
from holding.operations import planning
from holding.rulesets import new_connections
from holding.rulesets.new_connections import CompanySettings
from portal.web import forms, request_guard, store
from portal.web.permissions import needs

pages = Blueprint("settings", __name__, url_prefix="/c/<co>/settings")
ADDED: Final = "Fixed when the company was added."
HERE: Final = "Set on this page."
FIELDS: Final = {
    "company.name": "name",
    "company.team": "team",
    "due.class": "error_class",
    "due.hours": "hours",
    "step_up.amount": "amount",
}
"""Code of a refusal -> the field that it is about; of any other the first field of its form."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting: its title, value and origin.

    `link` leads to where it is changed, blank if it cannot be changed in Clearpost. `word` names
    its row.
    """

    word: str
    title: str
    text: str
    note: str
    link: str = ""


def list_settings() -> list[Setting]:
    """Return the settings of this company with their current values."""
    company, session = g.company, store.reading()
    own = new_connections.load_settings(session, company.id)
    titles = dict(own.teams)
    return [
        Setting("name", "Name", company.name, HERE, "#nameform"),
        Setting("code", "Code in addresses", company.code, ADDED),
        Setting("registration", "Registration number", own.registration or "none", ADDED),
        Setting("currency", "Currency of the books", company.currency, ADDED),
        Setting("zone", "Time zone", company.zone, ADDED),
        *_of_rules(),
        Setting(
            "fallback",
            "Team that answers for teams without members",
            titles.get(own.fallback or "", "none"),
            HERE,
            "#fallbackform",
        ),
        Setting("due", "Holds are due after", _due(own), HERE, "#dueform"),
        Setting("stepup", "Fresh second factor above", _step_up(session), HERE, "#stepupform"),
        *_with_pages(session),
        *_of_installation(),
        Setting(
            "language",
            "Language",
            "as each person chooses",
            "Each person chooses theirs on their page.",
            url_for("me.show", c=company.code),
        ),
    ]


def _due(own: CompanySettings) -> str:
    hours = sorted({one.hours for one in own.due})
    return f"{hours[0]} to {hours[-1]} hours" if len(hours) > 1 else plural(hours[0], "hour")


def _step_up(session: DatabaseSession) -> str:
    limit = step_up.limit_of(session, g.company.id)
    return "off" if limit is None else money(limit, g.company.currency)


def _of_rules() -> list[Setting]:
    """Return the settings that the rules define: approvers and their limits."""
    no, book = g.company.ruleset_no, url_for("rulebook.show", co=g.company.code)
    text = f"as rule version {no} says" if no else "none, no rules are in force"
    note = "Set by the rules: a change is drafted, and published by a second person."
    return [Setting("approvals", "Approval limits", text, note, book)]


def _with_pages(session: DatabaseSession) -> list[Setting]:
    """Return the settings that have a page of their own."""
    company = g.company
    records, book = safety_stop.own_limit(session, company.id)
    usual = "as is usual on each route"
    most = [plural(records, "record")] if records is not None else []
    most += [money(book, company.currency)] if book is not None else []
    times = planning.own_times(session, company.id)
    day = signal_causes.own_close_day(session, company.id)
    note = "Set on a page of its own."
    digest = f"{times.at}, {plural(len(times.days), 'day')} a week" if times.days else "none"
    close = f"day {day} of the month after" if day else "none"
    stops, signals, notices = (
        url_for(f"{name}.listing", co=company.code) for name in ("stops", "signals", "notices")
    )
    return [
        Setting("stop", "Safety limit for a single change", ", ".join(most) or usual, note, stops),
        Setting("close", "Day on which the books close", close, note, signals),
        Setting("digest", "Digest of what is on hold", digest, note, notices),
    ]


def _of_installation() -> list[Setting]:
    """Return the settings that the installation's operator set for all companies."""
    own = request_guard.config().settings
    undo = f"{own.undo_seconds:.0f} s" if own.undo_seconds else "none"
    body, keep = plural(round(own.body_days), "day"), plural(own.keep_years, "year")
    return [
        Setting("undo", "Time to undo", undo,
                "Set by whoever runs Clearpost: CLEARPOST_UNDO_SECONDS."),
        Setting("bodies", "Raw bodies are kept", body,
                "Set by whoever runs Clearpost: CLEARPOST_BODY_DAYS."),
        Setting("years", "Records and events are kept", keep,
                "Set by whoever runs Clearpost: CLEARPOST_KEEP_YEARS."),
    ]  # fmt: skip


@pages.get("")
@needs("record.read")
def show() -> Response:
    """Show every setting, and the forms of this page."""
    return _page({})


@pages.post("/name")
@needs("company.setup")
def rename() -> Response:
    """Call the company otherwise."""
    name = request.form.get("name", "")
    return _changed(
        "name",
        lambda session, reason: new_connections.rename_company(
            session, g.actor, name, reason, g.now
        ),
    )


@pages.post("/fallback")
@needs("company.setup")
def fallback() -> Response:
    """Set the team that is responsible for teams without members."""
    team = request.form.get("team", "")
    return _changed(
        "fallback",
        lambda session, reason: new_connections.set_fallback(session, g.actor, team, reason, g.now),
    )


@pages.post("/due")
@needs("company.setup")
def due() -> Response:
    """Set after how many hours holds of an error class are due."""
    error_class, hours = (
        request.form.get("error_class", ""),
        forms.parse_whole(request.form.get("hours")),
    )
    return _changed(
        "due",
        lambda session, why: new_connections.set_due(
            session, g.actor, error_class, hours or 0, why, g.now
        ),
    )


@pages.post("/step-up")
@needs("company.setup")
def second_factor() -> Response:
    """Require a fresh code for decisions above an amount, or for none."""
    written = request.form.get("amount", "").strip()
    amount = forms.parse_amount(written, g.company.currency)

    def change(session: DatabaseSession, reason: str) -> Refusal | None:
        if written and amount is None:
            words = "Enter an amount such as 10,000.00, or leave it blank to switch it off."
            return Refusal("step_up.amount", words, "", 422)
        return step_up.set_limit(session, g.actor, amount, reason, g.now)

    return _changed("stepup", change)


def _changed(form: str, change: Callable[[DatabaseSession, str], Refusal | None]) -> Response:
    """Make a change of one of the forms, and show it; else the form again with what is wrong."""
    with store.writing() as session:
        refused = change(session, request.form.get("reason", ""))
    if refused is None:
        return store.redirect_with_message(_url(), SAVED[form])
    if refused.status != 422:
        return store.refuse(refused, back=_url())
    field = "reason" if refused.code == "company.reason" else FIELDS.get(refused.code, FIRST[form])
    return _page({form: {field: refused.words}}, status=422)


SAVED: Final = {
    "name": "The name is saved.",
    "fallback": "The team is saved.",
    "due": "The hours are saved. They count for holds that open from now on.",
    "stepup": "The limit is saved.",
}
FIRST: Final = {"name": "name", "fallback": "team", "due": "hours", "stepup": "amount"}


def _page(problems: Mapping[str, Mapping[str, str]], *, status: int = 200) -> Response:
    own = new_connections.load_settings(store.reading(), g.company.id)
    return store.respond(
        "onboarding/settings.html",
        status=status,
        rows=list_settings(),
        own=own,
        step_up=step_up.limit_of(store.reading(), g.company.id),
        classes=ERROR_CLASSES,
        problems={form: problems.get(form, {}) for form in FIRST},
        typed=request.form,
    )


def _url() -> str:
    return url_for("settings.show", co=g.company.code)
