"""Makes the sample company: people, connections, keys, rules in force.

Here: the same service calls that an administrator's clicks would make, in their order. Not here:
the orders (load.py), the processes (portal/cli/demo.py).
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from holding import connections, people, rulesets
from holding.models import Company, Connection, Person
from holding.refusal import Refusal
from holding.roles import Actor
from portal.demo import shop
from portal.demo.people import COLLEAGUES, Colleague

STARTER = Path(__file__).resolve().parents[1] / "starters" / "netshop-aiaccount"
SOURCE, TARGET = "netshop", "aiaccount"
SIMULATOR_KEY = "aia_live_demo_7Qk2"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ready:
    """The sample company, and what is shown once."""

    company_id: int
    passwords: Mapping[Colleague, str]


def make_company(session: Any, *, target_url: str, now: datetime) -> Ready:
    """The company with its people and connections; its rules are still to be published."""
    company = done(
        people.add_company(
            session,
            code=shop.COMPANY_CODE,
            name=shop.COMPANY_NAME,
            zone=shop.ZONE,
            currency=shop.CURRENCY,
            now=now,
        )
    )
    company.settings = {**company.settings, people.FALLBACK_TEAM: "accounts"}
    passwords = {each: _add(session, company.id, each, now) for each in COLLEAGUES}
    admin = colleague(session, company.id, "admin")
    _connect(session, company.id, admin, SOURCE, "source", {}, secrets.token_urlsafe(32), now)
    settings = target_settings(target_url)
    _connect(session, company.id, admin, TARGET, "target", settings, SIMULATOR_KEY, now)
    return Ready(company.id, passwords)


def publish_rules(session: Any, company_id: int, now: datetime) -> None:
    """Put the starter rules into force: one person writes them, another publishes."""
    author = colleague(session, company_id, "consultant")
    title = "Orders become sales invoices"
    change = done(rulesets.push(session, company_id, author, starter_files(), title, now))
    publisher = colleague(session, company_id, "publisher")
    done(rulesets.publish(session, change.no, publisher, now))


def starter_files() -> dict[str, str]:
    """The files of the starter rule set, by path."""
    found = sorted((*STARTER.glob("*.rules"), *STARTER.glob("maps/*.csv")))
    return {str(path.relative_to(STARTER)): path.read_text("utf-8") for path in found}


def target_settings(url: str) -> dict[str, object]:
    """Where the stand-in of AiAccount listens, and which company there is ours."""
    return {
        "base_url": url,
        "app_url": url,
        "company_id": shop.TARGET_COMPANY,
        "company_name": shop.COMPANY_NAME,
    }


def point_target(session: Any, company_id: int, url: str) -> None:
    """The stand-in listens somewhere else after a restart."""
    row = connection(session, company_id, TARGET)
    row.settings = {**row.settings, **target_settings(url)}


def connection(session: Any, company_id: int, name: str) -> Connection:
    """A connection of the sample company."""
    found: Connection = session.query(Connection).filter_by(company_id=company_id, name=name).one()
    return found


def existing(session: Any) -> int | None:
    """The id of the sample company, if it has been made."""
    found = session.query(Company).filter_by(code=shop.COMPANY_CODE).one_or_none()
    return None if found is None else int(found.id)


def colleague(session: Any, company_id: int, role: str) -> Actor:
    """The first person of a role, acting."""
    email = next(each.email for each in COLLEAGUES if each.role == role)
    person = session.query(Person).filter_by(email=email).one()
    actor = people.actor_of(session, person.id, company_id, via="command line")
    if actor is None:
        raise LookupError(email)
    return actor


def done(answer: T | Refusal) -> T:
    """The answer; the sample company is made of calls that are never refused."""
    if isinstance(answer, Refusal):
        message = f"{answer.code}: {answer.message} {answer.hint}"
        raise RuntimeError(message)
    return answer


def _add(session: Any, company_id: int, each: Colleague, now: datetime) -> str:
    added = done(people.add_person(session, email=each.email, name=each.name))
    refused = people.add_membership(
        session,
        company_id=company_id,
        person_id=added.person.id,
        role=each.role,
        actor=people.SYSTEM,
        now=now,
    )
    done(refused)
    for team in each.teams:
        people.add_to_team(session, company_id=company_id, name=team, person_id=added.person.id)
    return added.password


def _connect(
    session: Any,
    company_id: int,
    admin: Actor,
    name: str,
    side: str,
    settings: Mapping[str, object],
    secret: str,
    now: datetime,
) -> None:
    row = done(
        connections.add_connection(
            session,
            company_id=company_id,
            name=name,
            side=side,
            connector=name,
            settings=settings,
            actor=admin,
            now=now,
        )
    )
    done(connections.set_key(session, admin, row, secret, now=now))
