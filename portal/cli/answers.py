"""`clearpost setup` with a file of answers: create a company without a browser."""

import json
import os
import secrets
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, time
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from portal.terminal.command_frame import (
    INTERNAL,
    USAGE,
    Stop,
    granted,
    open_installation,
    print_next,
)

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.contract import ConnectionForm, ConnectionSide
    from holding.access.actors import Actor
    from holding.company.first_company import SetUp
    from holding.db.database import DatabaseSession
    from portal.starters.catalogue import EInvoiceLimit, Template

SECTION_NAMES: Mapping[str, tuple[str, ...]] = {
    "company": ("name", "code", "registration", "currency", "zone", "closed_through", "like"),
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
"""The sections of an answers file, and the names allowed in each."""

AMOUNT_CEILING = 10**9

_SECTIONS = ("company", "person")
"""The sections created together; a refusal's code begins with the refused section."""

REQUIRED_NAMES: Mapping[str, tuple[str, ...]] = {
    "company": ("name", "registration"),
    "person": ("name", "email"),
}

LIST_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "connections": ("name", "side", "system", "settings", "key_file", "key_env", "unit_rates"),
    "people": ("email", "name", "roles", "understood"),
}
"""The lists of an answers file, and the names allowed in their entries."""

SECRET_BYTES: Final = 32

MAX_KEY_LENGTH: Final = 20_000

Entry = Mapping[str, object]


@click.command(short_help="Set up a company: an address, or from a file of answers.")
@click.option(
    "--answers",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    default=None,
    help="A .toml or .json file.",
)
def setup(path: Path | None) -> None:
    """Set up a company from a file of answers: everything or nothing.

    Without --answers, print the address at which it is set up in the browser. For the first company
    it works once, and the one before ends; an administrator signs in to add further ones.
    """
    from holding.access.people import id_of_address
    from portal.cli.server import print_setup_address

    with open_installation(upgrade=True) as environment:
        host = environment.settings.host
        shown_host = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - only shown
        local_url = f"http://{shown_host}:{environment.settings.port}"
        if path is None:
            if not print_setup_address(environment, local_url):
                base = (environment.settings.public_url or local_url).rstrip("/")
                click.echo(f"An administrator adds a company at {base}/companies/new")
            return
        sections, lists = read_answers(path)
        with environment.database.write() as session:
            email = str(sections["person"]["email"])
            has_account = id_of_address(session, email) is not None
            password = _password(sections["person"])
            new_company = _set_up(session, sections, password, environment.now)
            lines = _copy_from_company(session, new_company, sections["company"], environment.now)
            change = (
                _store_rules(session, new_company, sections, environment.now)
                if "rules" in sections
                else None
            )
            if "cutover" in sections:
                _set_cutover(session, new_company, sections["cutover"], environment.now)
            actor, now = _first_person_actor(session, new_company), environment.now
            root = environment.settings.public_url or local_url
            lines += add_connections(session, actor, lists["connections"], path.parent, now)
            lines += invite_people(session, actor, lists["people"], root, now)
            lines += _open_answers(session, actor.company_id or 0)
    if has_account:
        click.echo(f"{email} has an account already: name and password stay.")
    elif "password" not in sections["person"]:
        click.echo(f"Password of {email}, shown only now: {password}")
    click.echo(f"Company {new_company.code} is set up: {new_company.name}. It is not live yet.")
    if change is not None:
        click.echo(f"Change {change} holds its rules. A second person publishes it.")
    for line in lines:
        click.echo(line)
    if any(connection.get("side") == "target" for connection in lists["connections"]):
        print_next(f"connection test NAME --company {new_company.code} --as {email}")


def _password(person: Mapping[str, object]) -> str:
    """Return the person's password, or a new random one that is printed once after the commit."""
    return str(person["password"]) if "password" in person else secrets.token_urlsafe(12)


def _set_up(
    session: "DatabaseSession",
    sections: Mapping[str, Mapping[str, object]],
    password: str,
    now: "datetime",
) -> "SetUp":
    """Create the company and its first person; a refusal ends the command."""
    from holding.company.first_company import FirstCompany, FirstPerson, SetUp, found_company

    company, person = sections["company"], sections["person"]
    closed = company.get("closed_through")
    setup_result = found_company(
        session,
        FirstCompany(
            name=str(company["name"]),
            code=str(company.get("code", "")),
            registration=str(company["registration"]),
            **_currency_and_zone(company),
            closed_through=_parse_day(closed, "company: closed_through") if closed else None,
        ),
        FirstPerson(name=str(person["name"]), email=str(person["email"]), password=password),
        now,
    )
    refused_section = "" if isinstance(setup_result, SetUp) else setup_result.code.partition(".")[0]
    return granted(setup_result, refused_section if refused_section in _SECTIONS else "")


def _copy_from_company(
    session: "DatabaseSession", new_company: "SetUp", company: Mapping[str, object], now: "datetime"
) -> list[str]:
    """Copy people, roles and notices of the company that `like` names; return what to print."""
    from holding.db.refusal import plural
    from holding.operations.another_company import Pattern, copy_setup
    from portal.terminal.command_frame import require_company

    if not company.get("like"):
        return []
    source = require_company(session, str(company["like"]))
    actor = _first_person_actor(session, new_company)
    pattern = Pattern(source.id, people=True, notices=True)
    copied = granted(copy_setup(session, actor, actor.company_id or 0, pattern, now), "company")
    people_text = plural(copied.people, "person", "people")
    recipients_text = plural(copied.recipients, "recipient")
    return [f"Copied from {source.name}: {people_text}, {recipients_text} of notices."]


def _currency_and_zone(company: Mapping[str, object]) -> dict[str, str]:
    """Return the currency and time zone of the new company, or their defaults."""
    return {
        "currency": str(company.get("currency", "MYR")),
        "zone": str(company.get("zone", "Asia/Kuala_Lumpur")),
    }


def _parse_day(value: object, name: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as problem:
        raise Stop(f"{name}: “{value}” is not a day.", "Write 2026-11-01.", USAGE) from problem


def _store_rules(
    session: "DatabaseSession",
    new_company: "SetUp",
    sections: Mapping[str, Mapping[str, object]],
    now: "datetime",
) -> int:
    """Store the filled template as a change and return the change's number."""
    from holding.company import first_company
    from portal.starters import catalogue

    answers = sections["rules"]
    template_word = str(answers.get("template", ""))
    templates = {template.word: template for template in catalogue.templates()}
    if template_word not in templates:
        raise Stop(
            f"rules: unknown template “{template_word}”.", f"Known: {', '.join(templates)}.", USAGE
        )
    template = templates[template_word]
    limit, start_time = template.limit, template.hour
    if "limit" in answers:
        limit = _parse_amount(answers["limit"])
    if answers.get("hour") is not None:
        start_time = _parse_time(answers["hour"])
    if limit is not None and not (limit.is_finite() and 0 <= limit < AMOUNT_CEILING):
        raise Stop("rules: the approval limit is not an amount.", "Write 3000.00.", USAGE)
    actor = _first_person_actor(session, new_company)
    currency_and_zone = _currency_and_zone(sections["company"])
    draft = catalogue.fill_template(
        template,
        limit,
        start_time,
        currency=currency_and_zone["currency"],
        zone=currency_and_zone["zone"],
        einvoice=_einvoice_limit(template, answers),
    )
    return granted(
        first_company.choose(session, actor, draft.files, template.title, {}, now), "rules"
    )


def _parse_amount(value: object) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation as problem:
        raise Stop(f"rules: “{value}” is not an amount.", "Write 3000.00.", USAGE) from problem


def _parse_time(value: object) -> time:
    try:
        return time.fromisoformat(str(value))
    except ValueError as problem:
        raise Stop(f"rules: “{value}” is not a time.", "Write 02:00.", USAGE) from problem


def _first_person_actor(session: "DatabaseSession", new_company: "SetUp") -> "Actor":
    """Return the company's first person as the actor of the command line."""
    from holding.access.actors import actor_of
    from holding.platform.events import COMMAND_LINE
    from portal.terminal.command_frame import require_company

    company = require_company(session, new_company.code)
    actor = actor_of(session, new_company.person_id, company.id, via=COMMAND_LINE)
    if actor is None:
        raise Stop("The first person has no role.", code=INTERNAL)
    return actor


def _einvoice_limit(template: "Template", answers: Mapping[str, object]) -> "EInvoiceLimit | None":
    """Return the e-Invoice limit of the answers; a value left out is the template's.

    Return None if no answer changes the template's limit.
    """
    from portal.starters.catalogue import EInvoiceLimit

    option_names = [
        name for name in SECTION_NAMES["rules"] if name.startswith("einvoice_") and name in answers
    ]
    template_limit = template.einvoice
    if not option_names:
        return None
    if template_limit is None:
        words = f"rules: {option_names[0]} is not asked, because {template.word} has no e-Invoices."
        raise Stop(words, "Leave it out.", USAGE)
    amount = _parse_amount(answers.get("einvoice_limit", template_limit.amount))
    if not (amount.is_finite() and 0 <= amount < AMOUNT_CEILING):
        raise Stop("rules: einvoice_limit is not an amount.", "Write 10000.00.", USAGE)
    at_limit_itself = answers.get("einvoice_at_limit", False)
    if not isinstance(at_limit_itself, bool):
        raise Stop(f"rules: einvoice_at_limit: “{at_limit_itself}”.", "Write true or false.", USAGE)
    since = answers.get("einvoice_from", template_limit.since)
    return EInvoiceLimit(amount, _parse_day(since, "rules: einvoice_from"), at_limit_itself)


def _set_cutover(
    session: "DatabaseSession", new_company: "SetUp", answers: Mapping[str, object], now: "datetime"
) -> None:
    from holding.company import going_live
    from portal.terminal.command_frame import refuse

    day = _parse_day(answers.get("starts_on"), "cutover: starts_on")
    if refusal := going_live.set_cutover(
        session, _first_person_actor(session, new_company), day, now
    ):
        refuse(refusal, about="cutover")


def read_answers(
    path: Path,
) -> tuple[dict[str, dict[str, object]], dict[str, list[dict[str, object]]]]:
    """Return the answers by section, and the entries of each list.

    An unknown or a missing answer ends the command.
    """
    try:
        text = path.read_text("utf-8")
        sections = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Stop(f"{path} cannot be read: {problem}", code=USAGE) from problem
    lists = {name: _take_list(path, sections, name) for name in LIST_NAMES}
    if not isinstance(sections, dict) or not all(
        isinstance(section, dict) for section in sections.values()
    ):
        raise Stop(f"{path} has no sections.", f"Sections: {', '.join(SECTION_NAMES)}.", USAGE)
    for section, answers in sections.items():
        unknown_names = sorted(answers.keys() - set(SECTION_NAMES.get(section, ())))
        if section not in SECTION_NAMES or unknown_names:
            name = f"{section}: {unknown_names[0]}" if section in SECTION_NAMES else section
            known_names = SECTION_NAMES.get(section, tuple(SECTION_NAMES))
            raise Stop(
                f"{path}: {name} is not a question of the set-up.",
                f"Known: {', '.join(known_names)}.",
                USAGE,
            )
    for section, names in REQUIRED_NAMES.items():
        for name in names:
            if not str(sections.get(section, {}).get(name, "")).strip():
                raise Stop(f"{path}: {section} has no {name}.", code=USAGE)
    return sections, lists


def _take_list(path: Path, sections: object, name: str) -> list[dict[str, object]]:
    """Remove a list from the sections and return its entries; an absent list is empty."""
    entries = sections.pop(name, []) if isinstance(sections, dict) else []
    known_names = LIST_NAMES[name]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise Stop(f"{path}: {name} is not a list.", f"Write each below [[{name}]].", USAGE)
    for entry in entries:
        if unknown_names := sorted(entry.keys() - set(known_names)):
            words = f"{path}: nobody asks for {name}: {unknown_names[0]}."
            raise Stop(words, f"Known: {', '.join(known_names)}.", USAGE)
    return entries


def add_connections(
    session: "DatabaseSession",
    actor: "Actor",
    entries: Sequence[Entry],
    folder: Path,
    now: "datetime",
) -> list[str]:
    """Create the connections and return the lines to print. No line shows an entered key."""
    lines: list[str] = []
    for entry in entries:
        lines += _connect(session, actor, entry, folder, now)
    return lines


def _connect(
    session: "DatabaseSession", actor: "Actor", entry: Entry, folder: Path, now: "datetime"
) -> Iterator[str]:
    from connectors.contract import schema
    from holding.connections import key_rotation
    from holding.rulesets.new_connections import add_connection

    name = str(entry.get("name", ""))
    system = str(entry.get("system", name))
    side, form = _connection_form(name, str(entry.get("side", "")), system)
    settings = _connection_settings(name, entry)
    if setting_faults := schema.setting_faults(form.settings, settings):
        field, words = next(iter(setting_faults.items()))
        raise Stop(f"connection {name}, {field}: {words}", code=USAGE)
    secret = _connection_key(name, form, entry, folder)
    connection_id = granted(
        add_connection(
            session,
            company_id=actor.company_id or 0,
            name=name,
            side=side,
            connector=system,
            settings=settings,
            actor=actor,
            now=now,
            ask_rates=entry.get("unit_rates", "confirmed") != "table",
        ),
        f"connection {name}",
    )
    yield f"Connection {name} is there."
    if secret is None:
        return
    key, is_new_key = secret
    answer_name = entry.get("key_file") or entry.get("key_env") or "secret"
    stored_key = key_rotation.first_key(session, actor, connection_id, key, now=now)
    granted(stored_key, f"connection {name}, {answer_name}")
    if is_new_key:
        yield f"Secret of {name}, shown only now: {key}"


def _connection_form(name: str, side: str, system: str) -> "tuple[ConnectionSide, ConnectionForm]":
    from connectors import registry

    sides: tuple[ConnectionSide, ...] = ("source", "target")
    for known_side in sides:
        if known_side == side and (form := registry.form_of(known_side, system)) is not None:
            return known_side, form
    if side not in sides:
        raise Stop(f"connection {name}: “{side}” is not a side.", "Write source or target.", USAGE)
    connectors = registry.sources() if side == "source" else registry.targets()
    raise Stop(
        f"connection {name}: Clearpost has no {side} named “{system}”.",
        _known_hint(connectors),
        USAGE,
    )


def _known_hint(names: Mapping[str, object]) -> str:
    return f"Known: {', '.join(names)}."


def _connection_settings(name: str, entry: Entry) -> dict[str, str]:
    settings = entry.get("settings", {})
    if not isinstance(settings, Mapping):
        words = f"connection {name}: its settings are no section."
        raise Stop(words, "Write [connections.settings] below it.", USAGE)
    return {str(key): str(value).strip() for key, value in settings.items() if str(value).strip()}


def _connection_key(
    name: str, form: "ConnectionForm", entry: Entry, folder: Path
) -> tuple[str, bool] | None:
    """Return the key and whether it was generated here.

    Return None for a system that needs no key, or whose key is entered later.
    """
    key_file, variable = entry.get("key_file"), entry.get("key_env")
    if form.key is None or (key_file and variable):
        if key_file or variable:
            words = "needs no key" if form.key is None else "has a key_file and a key_env"
            raise Stop(f"connection {name} {words}.", "Leave one out.", USAGE)
        return None
    if key_file:
        return _read_key_file(name, folder / str(key_file)), False
    if variable:
        text = os.environ.get(str(variable), "").strip()
        if not text:
            raise Stop(f"connection {name}: {variable} is not set.", "Set it to the key.", USAGE)
        return text, False
    return (secrets.token_urlsafe(SECRET_BYTES), True) if form.key.made_here else None


def _read_key_file(name: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_KEY_LENGTH + 1).strip()
    except (OSError, UnicodeDecodeError) as problem:
        words = f"connection {name}: its key file {path} cannot be read."
        raise Stop(words, "Give the path of a text file with the key alone.", USAGE) from problem
    if not text or len(text) > MAX_KEY_LENGTH:
        words = f"connection {name}: its key file {path} has no key."
        raise Stop(words, "Write the key into it, and nothing else.", USAGE)
    return text


def invite_people(
    session: "DatabaseSession",
    actor: "Actor",
    entries: Sequence[Entry],
    root: str,
    now: "datetime",
) -> list[str]:
    """Invite the people and return the lines to print, each with a link that works once."""
    return [_invite(session, actor, entry, root, now) for entry in entries]


def _invite(
    session: "DatabaseSession", actor: "Actor", entry: Entry, root: str, now: "datetime"
) -> str:
    from holding.access.actors import ROLE_LABELS, duties_meet, role_list
    from holding.company import access_links

    email, roles = str(entry.get("email", "")).strip(), entry.get("roles")
    if not isinstance(roles, Sequence) or isinstance(roles, str) or not roles:
        words = f"people: {email or 'somebody'} has no roles."
        raise Stop(words, f"Roles: {', '.join(ROLE_LABELS)}.", USAGE)
    role_names = [str(role) for role in roles]
    if unknown_roles := [role for role in role_names if role not in ROLE_LABELS]:
        words = f"people: {email} cannot be {unknown_roles[0]}."
        raise Stop(words, f"Roles: {', '.join(ROLE_LABELS)}.", USAGE)
    if (duty_conflicts := duties_meet(role_names)) and entry.get("understood") is not True:
        raise Stop(
            f"people: {email}: {duty_conflicts[0]}", "Say understood = true if it is meant.", USAGE
        )
    invitation = granted(
        access_links.invite(
            session,
            actor,
            company_id=actor.company_id or 0,
            email=email,
            name=str(entry.get("name", "")),
            roles=role_names,
            team_ids=(),
            now=now,
        ),
        f"people: {email or 'somebody'}",
    )
    until = f"{invitation.expires_at.astimezone(UTC):%Y-%m-%d}"
    link = f"{root.rstrip('/')}/join/{invitation.token}"
    invited = f"{invitation.email} as {role_list(role_names)}"
    return f"Invitation of {invited}, works once until {until}: {link}"


def _open_answers(session: "DatabaseSession", company_id: int) -> list[str]:
    """Return what is still to be answered about marketplace sales, as lines to print."""
    from holding.connections import sale_issuers

    open_answers = sale_issuers.find_open_answers(session, company_id)
    lines = [
        f"{name}: it is not known who makes the e-Invoices of its sales, so they are held."
        " Set e_invoice_issuer once your tax agent has answered."
        for name in open_answers.unknown
    ]
    return [
        *lines,
        *(f"{booking.target}: {booking.words} {booking.todo}" for booking in open_answers.bookings),
    ]


COMMANDS = (setup,)
