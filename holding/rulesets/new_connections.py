"""Add connections and change settings of connections and companies."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import ConnectionSide, schema
from connectors.contract.errors import ERROR_CLASSES
from holding.access.actors import Actor, may
from holding.access.people import FALLBACK_TEAM
from holding.connections import confirmed_rates, sale_issuers
from holding.connections.connections import (
    ask_key_again,
    log_connection_event,
    permitted,
    wait_for_test,
)
from holding.db.models import Company, Connection, Hold, Posting, Snapshot, Team, Throttle
from holding.db.models.decisions import HOLD_OPEN
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal, plural
from holding.holds import retries
from holding.intake.pulls import replan
from holding.mappings import list_turns
from holding.platform.changes import (
    lock_company,
    next_revision,
    wake_all_unsent,
    wake_records,
)
from holding.platform.events import record_event
from holding.platform.states import NUMBER_USED, TARGET_LIMIT, note_changed_causes
from holding.posting.holds import TARGET_LIMIT as SENDING_LIMIT
from holding.programs import world
from holding.rulesets import admission, target_ways

RESERVED: Final = "new"  # an address of its own: the page where one is added

PLACE: Final = ("base_url", "company_id")  # settings that say which books a target writes

HOSTS: Final = (
    "base_url",
    "token_url",
    "revoke_url",
)  # settings that say who is shown the key, of any side

ACT: Final = "company.setup"

_OF_SETTINGS: Final = (TARGET_LIMIT, SENDING_LIMIT, NUMBER_USED)
"""Codes of holds that other settings of the target may end."""

LONGEST_NAME: Final = 200

REASON: Final = (3, 500)


def add_connection(
    session: Session,
    *,
    company_id: int,
    name: str,
    side: ConnectionSide,
    connector: str,
    settings: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    ask_rates: bool = True,
) -> int | Refusal:
    """Add a source or target to a company and return its id.

    For a target without reported rates, users must confirm unit rates, unless `ask_rates` is off.
    """
    if refusal := permitted(actor, "connection.admin", company_id):
        return refusal
    connectors = registry.sources() if side == "source" else registry.targets()
    if connector not in connectors:
        return _unknown(side, connector, connectors)
    if refusal := name_fault(name):
        return refusal
    if _named(session, company_id, name):
        return Refusal("connection.taken", f"There is a connection “{name}” already.")
    if refusal := refuse_values(side, connector, settings):
        return refusal
    row = Connection(
        company_id=company_id, name=name, side=side, connector=connector, settings=dict(settings)
    )
    if refusal := admission.settings_refusal(session, row, settings):
        return refusal
    if refusal := _second_way(session, row, settings):
        return refusal
    session.add(row)
    session.flush()
    session.add(Throttle(connection_id=row.id))
    session.flush()
    if side == "target":
        wait_for_test(session, row, now)
    added = f"Source {name} was added."
    sentence = f"Accounting system {name} was added." if side == "target" else added
    log_connection_event(session, row, actor, now, "connection.added", sentence)
    if side == "target" and ask_rates:
        confirmed_rates.ask(session, actor, row.id, now)
    return row.id


def _unknown(side: ConnectionSide, connector: str, connectors: Iterable[str]) -> Refusal:
    """Return the refusal of an unknown or unsupported connector."""
    code, others = "connection.connector", f"Known: {', '.join(connectors)}."
    kind_label = "accounting system" if side == "target" else "source"
    unsupported = registry.not_offered(connector) if side == "target" else None
    if unsupported is None:
        return Refusal(code, f"Clearpost has no {kind_label} named “{connector}”.", others, 422)
    offered = ", ".join(unsupported.instead)
    words = f"You cannot connect {unsupported.title}, because {unsupported.why}."
    return Refusal(code, words, f"Offered for {unsupported.system}: {offered}.", 422)


def _named(session: Session, company_id: int, name: str) -> Connection | None:
    query = select(Connection).where(Connection.company_id == company_id, Connection.name == name)
    return session.scalars(query).one_or_none()


def _second_way(session: Session, row: Connection, settings: Mapping[str, Any]) -> Refusal | None:
    if row.side == "source":
        return target_ways.source_refusal(session, row, settings)
    return target_ways.target_refusal(session, row, settings)


def name_fault(name: str) -> Refusal | None:
    """Refuse an invalid connection name, because rules and URLs use it."""
    if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name) and name != RESERVED:
        return None
    words = f"A connection cannot be called “{name}”." if name else "The connection has no name."
    hint = "Use small letters, digits and underscores, a letter first, such as books_2."
    return Refusal("connection.name", words, hint, 422)


def change_settings(
    session: Session,
    actor: Actor,
    connection_id: int,
    settings: Mapping[str, str],
    *,
    now: datetime,
) -> tuple[str, ...] | Refusal:
    """Change settings of a connection ("" removes one) and return the names that changed.

    If a target's place changes, its master data is read again and unsent records are evaluated
    again. This is refused while documents are being sent, because their result is looked up in the
    old place. If a host changes, the key must be entered again.
    """
    connection = session.get_one(Connection, connection_id)
    if refusal := permitted(actor, "connection.admin", connection.company_id):
        return refusal
    if refusal := refuse_values(connection.side, connection.connector, settings):
        return refusal
    before = connection.settings
    changed = tuple(n for n, value in settings.items() if str(before.get(n, "")) != value)
    if not changed:
        return ()
    after = {**before, **{name: settings[name] for name in changed}}
    after = {name: value for name, value in after.items() if value != ""}
    moved = [name for name in changed if name in PLACE] if connection.side == "target" else []
    elsewhere = any(_host(before.get(name)) != _host(after.get(name)) for name in HOSTS)
    if refusal := _unsuited(session, connection, changed, after, moved=bool(moved or elsewhere)):
        return refusal
    connection.settings = after
    connection.lock += 1
    words = "; ".join(_words(name, before, connection.settings) for name in changed)
    sentence = f"{connection.name} was changed: {words}."
    if elsewhere and _is_shown(connection) and ask_key_again(session, connection, now):
        sentence += (
            " Its key was given for another host, so it is not used until it is given again."
        )
    log_connection_event(session, connection, actor, now, "connection.changed", sentence)
    if connection.side == "source":
        replan(session, connection_id, now)
    else:
        list_turns.reschedule(session, connection_id, now)
        _judge_limits_again(session, actor, connection, changed, now)
    for what in _judged_by(connection, changed):
        _judge_again(session, actor, connection, what, now)
    if connection.side == "target" and (moved or elsewhere):
        wait_for_test(session, connection, now)
    if moved:
        _ask_again(session, actor, connection, moved, now)
    return changed


def _host(address: object) -> tuple[str, str, int | None]:
    """Return scheme, host and port of a URL; an invalid one equals no other."""
    text = str(address or "").strip()
    try:
        parts = urlsplit(text)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ("", text, None)
    return (parts.scheme, parts.hostname or "", port)


def _unsuited(
    session: Session,
    connection: Connection,
    changed: Sequence[str],
    after: Mapping[str, Any],
    *,
    moved: bool,
) -> Refusal | None:
    """Return why a connection cannot have these settings now."""
    if admission.SETTING in changed and (
        refusal := admission.settings_refusal(session, connection, after)
    ):
        return refusal
    if target_ways.SOURCE_SETTINGS & set(changed) and (
        refusal := target_ways.source_refusal(session, connection, after)
    ):
        return refusal
    if target_ways.TARGET_SETTINGS & set(changed) and connection.paused_at is None:
        refusal = target_ways.target_refusal(session, connection, after)
        if refusal:
            return refusal
    return _in_flight(session, connection) if moved else None


def _in_flight(session: Session, connection: Connection) -> Refusal | None:
    query = select(func.count(Posting.id)).where(
        Posting.connection_id == connection.id, Posting.state.in_(IN_FLIGHT_STATES)
    )
    count = session.scalar(query) or 0
    if not count:
        return None
    count_text = plural(count, "document is on its way", "documents are on their way")
    hint = f"Pause {connection.name} and wait until each has its end."
    return Refusal("connection.in_flight", f"{count_text} to {connection.name}.", hint)


def _words(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    new, old = (
        f"“{settings[name]}”" if name in settings else "not set" for settings in (after, before)
    )
    return f"{name} is {new}, was {old}"


def _is_shown(connection: Connection) -> bool:
    """Check whether the system receives the key; a generated secret only signs."""
    form = registry.form_of(connection.side, connection.connector)
    return form is None or form.key is None or not form.key.made_here


def _judge_again(
    session: Session,
    actor: Actor,
    connection: Connection,
    what: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Wake all unsent records, with a revision that explains why."""
    next_revision(
        session,
        connection.company_id,
        "connection",
        f"{connection.name}: {what}",
        person_id=actor.person_id,
        reason=reason,
        now=now,
    )
    wake_all_unsent(session, connection.company_id, now)


def _judged_by(connection: Connection, changed: Sequence[str]) -> Iterator[str]:
    """Return which facts of unsent records a change of these settings changes."""
    if connection.side == "source":
        if schema.COMPANY_CODE in changed:
            yield "company of its records"
        if sale_issuers.SOURCE_SETTINGS & set(changed):
            yield "who makes the e-Invoices of its sales"
    elif sale_issuers.target_settings(connection.connector) & set(changed):
        yield "which documents make an e-Invoice"


def _judge_limits_again(
    session: Session, actor: Actor, connection: Connection, changed: Sequence[str], now: datetime
) -> None:
    """Wake the records that are held for a limit of the target, which settings may change.

    Another locked period is read with the lists.
    """
    if world.LOCKED_THROUGH in changed:
        _read_lists_again(session, connection, now)
    rows = session.execute(
        select(Hold.record_id, Hold.cause_id)
        .where(Hold.company_id == connection.company_id, HOLD_OPEN, Hold.code.in_(_OF_SETTINGS))
        .where(Hold.connection_id == connection.id)
    ).all()
    if not rows:
        return
    revision = next_revision(
        session,
        connection.company_id,
        "connection",
        f"{connection.name}: {', '.join(changed)}",
        person_id=actor.person_id,
        reason=None,
        now=now,
    )
    note_changed_causes(session, {row.cause_id for row in rows}, revision)
    wake_records(session, {row.record_id for row in rows}, now)


def _read_lists_again(session: Session, connection: Connection, now: datetime) -> None:
    """Make the lists of a target due for reading."""
    of_connection = Snapshot.connection_id == connection.id
    session.execute(update(Snapshot).where(of_connection).values(due_at=now))


def _ask_again(
    session: Session, actor: Actor, connection: Connection, moved: list[str], now: datetime
) -> None:
    _read_lists_again(session, connection, now)
    reason = "another place has other master data"
    _judge_again(session, actor, connection, ", ".join(moved), now, reason)


def refuse_values(
    side: ConnectionSide, connector: str, values: Mapping[str, Any]
) -> Refusal | None:
    """Refuse values that the connector's settings do not allow; a blank value removes a setting."""
    form = registry.form_of(side, connector)
    settings_by_name = {setting.name: setting for setting in form.settings} if form else {}
    for name, value in values.items():
        if name not in settings_by_name:
            words = f"{connector} has no setting {name}."
            hint = (
                "It has:"
                f" {', '.join(f'`{setting_name}`' for setting_name in settings_by_name) or 'none'}."
            )
            return Refusal("connection.setting", words, hint, 422)
        words = (
            schema.setting_fault(settings_by_name[name], str(value)) if str(value).strip() else ""
        )
        if words:
            return Refusal("connection.setting", words, f"The setting is {name}.", 422)
    return None


@dataclass(frozen=True, slots=True)
class DueHours:
    """The answer time of a hold class in hours; `own`: the company set it."""

    error_class: str
    hours: int
    own: bool


@dataclass(frozen=True, slots=True)
class CompanySettings:
    """A company's own settings.

    `fallback` is the team that acts for teams without members. `teams` are name and title. `due`
    has all hold classes.
    """

    registration: str
    fallback: str | None
    teams: tuple[tuple[str, str], ...]
    due: tuple[DueHours, ...]


def load_settings(session: Session, company_id: int) -> CompanySettings:
    """Return the company's current settings."""
    company = session.get_one(Company, company_id)
    own_hours = company.settings.get(retries.ANSWER_HOURS, {})
    name = company.settings.get(FALLBACK_TEAM)
    return CompanySettings(
        registration=company.registration,
        fallback=str(name) if name else None,
        teams=tuple((team.name, team.shown) for team in _teams(session, company_id)),
        due=tuple(
            DueHours(
                error_class,
                own_hours.get(error_class, retries.USUAL_HOURS),
                error_class in own_hours,
            )
            for error_class in ERROR_CLASSES
        ),
    )


def _teams(session: Session, company_id: int) -> Sequence[Team]:
    query = select(Team).where(Team.company_id == company_id).order_by(Team.name)
    return session.scalars(query).all()


def rename_company(
    session: Session, actor: Actor, name: str, reason: str, now: datetime
) -> Refusal | None:
    """Rename the company; its code, which URLs contain, stays."""
    new_name, why = " ".join(name.split()), " ".join(reason.split())
    if refusal := may(actor, ACT) or _unreasoned(why):
        return refusal
    if not new_name or len(new_name) > LONGEST_NAME:
        words = f"Enter a name of 1 to {LONGEST_NAME} characters."
        return Refusal("company.name", words, "", 422)
    company = lock_company(session, actor.company_id or 0)
    before, company.name = company.name, new_name
    if before == new_name:
        return Refusal("company.same", f"The company is called {new_name} already.", "", 422)
    say = f"{actor.name} changed the name of the company from {before} to {new_name}: {why}"
    _tell(session, actor, "company.renamed", say, why, now)
    return None


def _unreasoned(why: str) -> Refusal | None:
    least, most = REASON
    if least <= len(why) <= most:
        return None
    return Refusal("company.reason", "Enter why, in a sentence.", "", 422)


def _tell(session: Session, actor: Actor, act: str, say: str, why: str, now: datetime) -> None:
    record_event(
        session,
        company_id=actor.company_id or 0,
        at=now,
        actor=actor,
        act=act,
        body={"say": say, "reason": why},
    )


def set_fallback(
    session: Session, actor: Actor, team: str, reason: str, now: datetime
) -> Refusal | None:
    """Set the team that acts for teams without members; assigned holds stay."""
    why = " ".join(reason.split())
    if refusal := may(actor, ACT) or _unreasoned(why):
        return refusal
    chosen_team = next((t for t in _teams(session, actor.company_id or 0) if t.name == team), None)
    if chosen_team is None:
        return Refusal("company.team", "Choose a team of the company.", "", 422)
    company = lock_company(session, actor.company_id or 0)
    if company.settings.get(FALLBACK_TEAM) == chosen_team.name:
        words = f"{chosen_team.shown} answers for teams without members already."
        return Refusal("company.same", words, "", 422)
    company.settings = {**company.settings, FALLBACK_TEAM: chosen_team.name}
    say = f"{actor.name} let {chosen_team.shown} answer for teams without members: {why}"
    _tell(session, actor, "company.fallback_set", say, why, now)
    return None


def set_due(
    session: Session, actor: Actor, error_class: str, hours: int, reason: str, now: datetime
) -> Refusal | None:
    """Set the answer time of new holds of a class."""
    why = " ".join(reason.split())
    if refusal := may(actor, ACT) or _unreasoned(why):
        return refusal
    return retries.set_hours(
        session, actor, actor.company_id or 0, error_class, hours, now, reason=why
    )
