"""What an answers file says besides the company: its connections with their keys, and its people.

Here: both, made in the transaction of the company, and what is printed of them once. Not here:
reading the file and founding the company (answers.py), one connection by hand (connections.py).
"""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

from portal.terminal.command_frame import USAGE, Stop, granted

if TYPE_CHECKING:
    from datetime import datetime

    from connectors.contract import ConnectionForm, ConnectionSide
    from holding.access.actors import Actor
    from holding.db.database import DatabaseSession

LISTS: Final[Mapping[str, tuple[str, ...]]] = {
    "connections": ("name", "side", "system", "settings", "key_file", "key_env", "unit_rates"),
    "people": ("email", "name", "roles", "understood"),
}
"""The lists of an answers file, and what each of their entries may say."""
SECRET_BYTES: Final = 32
LONGEST_KEY: Final = 20_000
Entry = Mapping[str, object]


def connect(
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
    from connectors.contract import schema as declared
    from holding.connections import key_rotation
    from holding.rulesets.new_connections import add_connection

    name = str(entry.get("name", ""))
    system = str(entry.get("system", name))
    side, form = _form(name, str(entry.get("side", "")), system)
    settings = _settings(name, entry)
    if wrong := declared.faults(form.settings, settings):
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


def invite(
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
