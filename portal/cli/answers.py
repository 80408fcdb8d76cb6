"""Setting the first company up from a file of answers, as its page does in the browser.

Here: reading the file, in TOML or JSON, and doing all of it or nothing. Not here: what is made
(holding/onboarding), connections and people (answered_parts.py), further companies (setup.py).
"""

import json
import secrets
import tomllib
from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING

import click

from portal.cli import answered_parts
from portal.terminal.command_frame import INTERNAL, USAGE, Stop, granted, office, onward

if TYPE_CHECKING:
    from datetime import datetime

    from holding.access.actors import Actor
    from holding.company.first_company import SetUp
    from holding.db.database import DatabaseSession
    from portal.starters.catalogue import Template
    from portal.starters.einvoice_limits import EInvoiceLimit

KNOWN: Mapping[str, tuple[str, ...]] = {
    "company": ("name", "code", "registration", "currency", "zone", "closed_through"),
    "person": ("name", "email", "password"),
    "rules": (
        "template",
        "limit",
        "hour",
        "einvoice_limit",
        "einvoice_from",
        "einvoice_at_limit",
    ),
    "cutover": ("starts_on",),
}
"""The sections of an answers file, and what each may say."""
LARGEST = 10**9
_SECTIONS = ("company", "person")
"""The sections that are founded together: a code of a refusal begins with the one it refuses."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    "company": ("name", "registration"),
    "person": ("name", "email"),
}


@click.command(short_help="Set up the first company: an address, or from a file of answers.")
@click.option(
    "--answers",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="A .toml or .json file.",
)
def setup(path: Path | None) -> None:
    """Set up the first company from a file of answers, all of it or nothing.

    Without --answers, print a new address at which it is set up in the browser; the one before
    ends.
    """
    from portal.cli.server import say_setup

    with office(upgrade=True) as place:
        host = place.settings.host
        shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - only shown
        here = f"http://{shown}:{place.settings.port}"
        if path is None:
            if not say_setup(place, here):
                raise Stop(
                    "You cannot set up a first company here, because one exists already.",
                    "Sign in.",
                )
            return
        told, lists = read(path)
        with place.database.write() as session:
            word = _password(told["person"])
            made = _set_up(session, told, word, place.now)
            change = _rules(session, made, told, place.now) if "rules" in told else None
            if "cutover" in told:
                _cutover(session, made, told["cutover"], place.now)
            actor, now = _actor(session, made), place.now
            root = place.settings.public_url or here
            lines = answered_parts.connect(session, actor, lists["connections"], path.parent, now)
            lines += answered_parts.invite(session, actor, lists["people"], root, now)
    if "password" not in told["person"]:
        click.echo(f"Password of {told['person']['email']}, shown only now: {word}")
    click.echo(f"Company {made.code} is set up: {made.name}. It is not live yet.")
    if change is not None:
        click.echo(f"Change {change} holds its rules. A second person publishes it.")
    for line in lines:
        click.echo(line)
    if any(one.get("side") == "target" for one in lists["connections"]):
        onward(f"connection test NAME --company {made.code} --as {told['person']['email']}")


def read(path: Path) -> tuple[dict[str, dict[str, object]], dict[str, list[dict[str, object]]]]:
    """The answers by section, and its lists; what is not known or missing ends the command."""
    try:
        text = path.read_text("utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Stop(f"{path} cannot be read: {problem}", code=USAGE) from problem
    lists = {name: _list(path, found, name) for name in answered_parts.LISTS}
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        raise Stop(f"{path} has no sections.", f"Sections: {', '.join(KNOWN)}.", USAGE)
    for section, answers in found.items():
        strange = sorted(answers.keys() - set(KNOWN.get(section, ())))
        if section not in KNOWN or strange:
            name = f"{section}: {strange[0]}" if section in KNOWN else section
            known = KNOWN.get(section, tuple(KNOWN))
            raise Stop(
                f"{path}: {name} is not a question of the set-up.",
                f"Known: {', '.join(known)}.",
                USAGE,
            )
    for section, names in NEEDED.items():
        for name in names:
            if not str(found.get(section, {}).get(name, "")).strip():
                raise Stop(f"{path}: {section} has no {name}.", code=USAGE)
    return found, lists


def _list(path: Path, found: object, name: str) -> list[dict[str, object]]:
    """The entries of a list, taken out of the sections; none where the file does not have it."""
    entries = found.pop(name, []) if isinstance(found, dict) else []
    known = answered_parts.LISTS[name]
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise Stop(f"{path}: {name} is not a list.", f"Write each below [[{name}]].", USAGE)
    for one in entries:
        if strange := sorted(one.keys() - set(known)):
            words = f"{path}: nobody asks for {name}: {strange[0]}."
            raise Stop(words, f"Known: {', '.join(known)}.", USAGE)
    return entries


def _password(person: Mapping[str, object]) -> str:
    """What was given, else one that is made up, to be printed once when all of it stands."""
    return str(person["password"]) if "password" in person else secrets.token_urlsafe(12)


def _set_up(
    session: "DatabaseSession",
    told: Mapping[str, Mapping[str, object]],
    word: str,
    now: "datetime",
) -> "SetUp":
    """The company and its first person."""
    from holding.company.first_company import FirstCompany, FirstPerson, SetUp, found_company

    company, person = told["company"], told["person"]
    closed = company.get("closed_through")
    made = found_company(
        session,
        FirstCompany(
            name=str(company["name"]),
            code=str(company.get("code", "")),
            registration=str(company["registration"]),
            **_books(company),
            closed_through=_day(closed, "company: closed_through") if closed else None,
        ),
        FirstPerson(name=str(person["name"]), email=str(person["email"]), password=word),
        now,
    )
    about = "" if isinstance(made, SetUp) else made.code.partition(".")[0]
    return granted(made, about if about in _SECTIONS else "")


def _books(company: Mapping[str, object]) -> dict[str, str]:
    """Currency and zone of the company, as it is founded with them."""
    return {
        "currency": str(company.get("currency", "MYR")),
        "zone": str(company.get("zone", "Asia/Kuala_Lumpur")),
    }


def _rules(
    session: "DatabaseSession",
    made: "SetUp",
    told: Mapping[str, Mapping[str, object]],
    now: "datetime",
) -> int:
    """The number of the change that holds the template with its answers."""
    from holding.company import first_company as first_rules
    from portal.starters import catalogue

    answers = told["rules"]
    word = str(answers.get("template", ""))
    templates = {one.word: one for one in catalogue.templates()}
    if word not in templates:
        raise Stop(f"rules: unknown template “{word}”.", f"Known: {', '.join(templates)}.", USAGE)
    template = templates[word]
    limit, at = template.limit, template.hour
    if "limit" in answers:
        limit = _amount(answers["limit"])
    if answers.get("hour") is not None:
        at = _hour(answers["hour"])
    if limit is not None and not (limit.is_finite() and 0 <= limit < LARGEST):
        raise Stop("rules: the approval limit is not an amount.", "Write 3000.00.", USAGE)
    actor = _actor(session, made)
    books = _books(told["company"])
    draft = catalogue.answered(
        template,
        limit,
        at,
        currency=books["currency"],
        zone=books["zone"],
        einvoice=_einvoice(template, answers),
    )
    return granted(
        first_rules.choose(session, actor, draft.files, template.title, {}, now), "rules"
    )


def _einvoice(template: "Template", answers: Mapping[str, object]) -> "EInvoiceLimit | None":
    """The limit of e-Invoices as answered; what is left out stands as the template has it."""
    from portal.starters.einvoice_limits import EInvoiceLimit

    told = [name for name in KNOWN["rules"] if name.startswith("einvoice_") and name in answers]
    stands = template.einvoice
    if not told:
        return None
    if stands is None:
        words = f"rules: {told[0]} is not asked, because {template.word} has no e-Invoices."
        raise Stop(words, "Leave it out.", USAGE)
    amount = _amount(answers.get("einvoice_limit", stands.amount))
    if not (amount.is_finite() and 0 <= amount < LARGEST):
        raise Stop("rules: einvoice_limit is not an amount.", "Write 10000.00.", USAGE)
    itself = answers.get("einvoice_at_limit", False)
    if not isinstance(itself, bool):
        raise Stop(f"rules: einvoice_at_limit: “{itself}”.", "Write true or false.", USAGE)
    since = answers.get("einvoice_from", stands.since)
    return EInvoiceLimit(amount, _day(since, "rules: einvoice_from"), itself)


def _amount(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as problem:
        raise Stop(f"rules: “{value}” is not an amount.", "Write 3000.00.", USAGE) from problem


def _hour(value: object) -> time:
    try:
        return time.fromisoformat(str(value))
    except ValueError as problem:
        raise Stop(f"rules: “{value}” is not a time.", "Write 02:00.", USAGE) from problem


def _cutover(
    session: "DatabaseSession", made: "SetUp", answers: Mapping[str, object], now: "datetime"
) -> None:
    from holding.company import going_live
    from portal.terminal.command_frame import refuse

    day = _day(answers.get("starts_on"), "cutover: starts_on")
    if refusal := going_live.set_cutover(session, _actor(session, made), day, now):
        refuse(refusal, about="cutover")


def _actor(session: "DatabaseSession", made: "SetUp") -> "Actor":
    """The first person, by the command line."""
    from holding.access.actors import actor_of
    from holding.platform.events import COMMAND_LINE
    from portal.terminal.command_frame import company_of

    company = company_of(session, made.code)
    actor = actor_of(session, made.person_id, company.id, via=COMMAND_LINE)
    if actor is None:
        raise Stop("The first person has no role.", code=INTERNAL)
    return actor


def _day(value: object, name: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as problem:
        raise Stop(f"{name}: “{value}” is not a day.", "Write 2026-11-01.", USAGE) from problem


COMMANDS = (setup,)
