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

from portal.terminal.command_frame import INTERNAL, USAGE, Stop, granted, office, print_next

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.contract import ConnectionForm, ConnectionSide
    from holding.access.actors import Actor
    from holding.company.first_company import SetUp
    from holding.db.database import DatabaseSession
    from portal.starters.catalogue import EInvoiceLimit, Template

KNOWN: Mapping[str, tuple[str, ...]] = {
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
"""The sections of an answers file, and what each may say."""

LARGEST = 10**9

_SECTIONS = ("company", "person")
"""The sections that are founded together: a code of a refusal begins with the one it refuses."""

NEEDED: Mapping[str, tuple[str, ...]] = {
    "company": ("name", "registration"),
    "person": ("name", "email"),
}

LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "connections": ("name", "side", "system", "settings", "key_file", "key_env", "unit_rates"),
    "people": ("email", "name", "roles", "understood"),
}
"""The lists of an answers file, and what each of their entries may say."""

SECRET_BYTES: Final = 32

LONGEST_KEY: Final = 20_000

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
    """Set up a company from a file of answers, all of it or nothing.

    Without --answers, print the address at which it is set up in the browser. For the first company
    it works once, and the one before ends; an administrator signs in to add further ones.
    """
    from holding.access.people import id_of_address
    from portal.cli.server import print_setup_address

    with office(upgrade=True) as place:
        host = place.settings.host
        shown = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - only shown
        here = f"http://{shown}:{place.settings.port}"
        if path is None:
            if not print_setup_address(place, here):
                base = (place.settings.public_url or here).rstrip("/")
                click.echo(f"An administrator adds a company at {base}/companies/new")
            return
        told, lists = read_answers(path)
        with place.database.write() as session:
            email = str(told["person"]["email"])
            is_known = id_of_address(session, email) is not None
            word = _password(told["person"])
            made = _set_up(session, told, word, place.now)
            lines = _copied(session, made, told["company"], place.now)
            change = _rules(session, made, told, place.now) if "rules" in told else None
            if "cutover" in told:
                _cutover(session, made, told["cutover"], place.now)
            actor, now = _actor(session, made), place.now
            root = place.settings.public_url or here
            lines += add_connections(session, actor, lists["connections"], path.parent, now)
            lines += invite_people(session, actor, lists["people"], root, now)
            lines += _open_answers(session, actor.company_id or 0)
    if is_known:
        click.echo(f"{email} has an account already: name and password stay.")
    elif "password" not in told["person"]:
        click.echo(f"Password of {email}, shown only now: {word}")
    click.echo(f"Company {made.code} is set up: {made.name}. It is not live yet.")
    if change is not None:
        click.echo(f"Change {change} holds its rules. A second person publishes it.")
    for line in lines:
        click.echo(line)
    if any(one.get("side") == "target" for one in lists["connections"]):
        print_next(f"connection test NAME --company {made.code} --as {email}")


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


def _copied(
    session: "DatabaseSession", made: "SetUp", company: Mapping[str, object], now: "datetime"
) -> list[str]:
    """Copy people, roles and notices of the company that `like` names; return what to print."""
    from holding.db.refusal import plural
    from holding.operations.another_company import Pattern, copy_setup
    from portal.terminal.command_frame import company_of

    if not company.get("like"):
        return []
    source = company_of(session, str(company["like"]))
    actor = _actor(session, made)
    pattern = Pattern(source.id, people=True, notices=True)
    copied = granted(copy_setup(session, actor, actor.company_id or 0, pattern, now), "company")
    number = plural(copied.people, "person", "people")
    recipients = plural(copied.recipients, "recipient")
    return [f"Copied from {source.name}: {number}, {recipients} of notices."]


def _books(company: Mapping[str, object]) -> dict[str, str]:
    """Currency and zone of the company, as it is founded with them."""
    return {
        "currency": str(company.get("currency", "MYR")),
        "zone": str(company.get("zone", "Asia/Kuala_Lumpur")),
    }


def _day(value: object, name: str) -> date:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError as problem:
        raise Stop(f"{name}: “{value}” is not a day.", "Write 2026-11-01.", USAGE) from problem


def _rules(
    session: "DatabaseSession",
    made: "SetUp",
    told: Mapping[str, Mapping[str, object]],
    now: "datetime",
) -> int:
    """The number of the change that holds the template with its answers."""
    from holding.company import first_company
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
    draft = catalogue.fill_template(
        template,
        limit,
        at,
        currency=books["currency"],
        zone=books["zone"],
        einvoice=_einvoice(template, answers),
    )
    return granted(
        first_company.choose(session, actor, draft.files, template.title, {}, now), "rules"
    )


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


def _einvoice(template: "Template", answers: Mapping[str, object]) -> "EInvoiceLimit | None":
    """The limit of e-Invoices as answered; what is left out stands as the template has it."""
    from portal.starters.catalogue import EInvoiceLimit

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


def _cutover(
    session: "DatabaseSession", made: "SetUp", answers: Mapping[str, object], now: "datetime"
) -> None:
    from holding.company import going_live
    from portal.terminal.command_frame import refuse

    day = _day(answers.get("starts_on"), "cutover: starts_on")
    if refusal := going_live.set_cutover(session, _actor(session, made), day, now):
        refuse(refusal, about="cutover")


def read_answers(
    path: Path,
) -> tuple[dict[str, dict[str, object]], dict[str, list[dict[str, object]]]]:
    """The answers by section, and its lists; what is not known or missing ends the command."""
    try:
        text = path.read_text("utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Stop(f"{path} cannot be read: {problem}", code=USAGE) from problem
    lists = {name: _list(path, found, name) for name in LISTS}
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
    known = LISTS[name]
    if not isinstance(entries, list) or not all(isinstance(one, dict) for one in entries):
        raise Stop(f"{path}: {name} is not a list.", f"Write each below [[{name}]].", USAGE)
    for one in entries:
        if strange := sorted(one.keys() - set(known)):
            words = f"{path}: nobody asks for {name}: {strange[0]}."
            raise Stop(words, f"Known: {', '.join(known)}.", USAGE)
    return entries


def add_connections(
    session: "DatabaseSession",
    actor: "Actor",
    entries: Sequence[Entry],
    folder: Path,
    now: "datetime",
) -> list[str]:
    """Make the connections; the lines to print. A key that was given is in none of them."""
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
    side, form = _form(name, str(entry.get("side", "")), system)
    settings = _settings(name, entry)
    if wrong := schema.setting_faults(form.settings, settings):
        field, words = next(iter(wrong.items()))
        raise Stop(f"connection {name}, {field}: {words}", code=USAGE)
    secret = _secret(name, form, entry, folder)
    made = granted(
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
    given, made_here = secret
    at = entry.get("key_file") or entry.get("key_env") or "secret"
    kept = key_rotation.first_key(session, actor, made, given, now=now)
    granted(kept, f"connection {name}, {at}")
    if made_here:
        yield f"Secret of {name}, shown only now: {given}"


def _form(name: str, side: str, system: str) -> "tuple[ConnectionSide, ConnectionForm]":
    from connectors import registry

    sides: tuple[ConnectionSide, ...] = ("source", "target")
    for one in sides:
        if one == side and (form := registry.form_of(one, system)) is not None:
            return one, form
    if side not in sides:
        raise Stop(f"connection {name}: “{side}” is not a side.", "Write source or target.", USAGE)
    known = registry.sources() if side == "source" else registry.targets()
    raise Stop(
        f"connection {name}: Clearpost has no {side} named “{system}”.", _known(known), USAGE
    )


def _known(words: Mapping[str, object]) -> str:
    return f"Known: {', '.join(words)}."


def _settings(name: str, entry: Entry) -> dict[str, str]:
    found = entry.get("settings", {})
    if not isinstance(found, Mapping):
        words = f"connection {name}: its settings are no section."
        raise Stop(words, "Write [connections.settings] below it.", USAGE)
    return {str(key): str(value).strip() for key, value in found.items() if str(value).strip()}


def _secret(
    name: str, form: "ConnectionForm", entry: Entry, folder: Path
) -> tuple[str, bool] | None:
    """The key and whether it was made here; None of a system that needs none, or gets it later."""
    at, variable = entry.get("key_file"), entry.get("key_env")
    if form.key is None or (at and variable):
        if at or variable:
            words = "needs no key" if form.key is None else "has a key_file and a key_env"
            raise Stop(f"connection {name} {words}.", "Leave one out.", USAGE)
        return None
    if at:
        return _of_file(name, folder / str(at)), False
    if variable:
        text = os.environ.get(str(variable), "").strip()
        if not text:
            raise Stop(f"connection {name}: {variable} is not set.", "Set it to the key.", USAGE)
        return text, False
    return (secrets.token_urlsafe(SECRET_BYTES), True) if form.key.made_here else None


def _of_file(name: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(LONGEST_KEY + 1).strip()
    except (OSError, UnicodeDecodeError) as problem:
        words = f"connection {name}: its key file {path} cannot be read."
        raise Stop(words, "Give the path of a text file with the key alone.", USAGE) from problem
    if not text or len(text) > LONGEST_KEY:
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
    """Invite the people; the lines to print, each with a link that works once."""
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
    wanted = [str(role) for role in roles]
    if strange := [role for role in wanted if role not in ROLE_LABELS]:
        words = f"people: {email} cannot be {strange[0]}."
        raise Stop(words, f"Roles: {', '.join(ROLE_LABELS)}.", USAGE)
    if (meet := duties_meet(wanted)) and entry.get("understood") is not True:
        raise Stop(f"people: {email}: {meet[0]}", "Say understood = true if it is meant.", USAGE)
    made = granted(
        access_links.invite(
            session,
            actor,
            company_id=actor.company_id or 0,
            email=email,
            name=str(entry.get("name", "")),
            roles=wanted,
            team_ids=(),
            now=now,
        ),
        f"people: {email or 'somebody'}",
    )
    until = f"{made.expires_at.astimezone(UTC):%Y-%m-%d}"
    link = f"{root.rstrip('/')}/join/{made.token}"
    return f"Invitation of {made.email} as {role_list(wanted)}, works once until {until}: {link}"


def _open_answers(session: "DatabaseSession", company_id: int) -> list[str]:
    """Return what is still to be answered about marketplace sales, as lines to print."""
    from holding.connections import sale_issuers

    found = sale_issuers.find_open_answers(session, company_id)
    lines = [
        f"{name}: it is not known who makes the e-Invoices of its sales, so they are held."
        " Set e_invoice_issuer once your tax agent has answered."
        for name in found.unknown
    ]
    return [*lines, *(f"{one.target}: {one.words} {one.todo}" for one in found.bookings)]


COMMANDS = (setup,)
