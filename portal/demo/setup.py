"""Makes a sample company: people, connections, keys, rules in force.

Here: the same service calls that an administrator's clicks would make, in their order. Not here:
the orders (load.py), the processes (portal/demo/command.py).
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from connectors.contract import ConnectionSide
from holding.access import actors, people, teams
from holding.access import actors as access_actors
from holding.access.actors import Actor
from holding.configuration.new_connections import add_connection
from holding.connections import setup
from holding.refusal import Refusal
from holding.rulesets import publication
from holding.store.database import DatabaseSession
from holding.tables import Company, Connection, Membership
from portal.demo import shop
from portal.demo.people import COLLEAGUES, Colleague

STARTERS = Path(__file__).resolve().parents[1] / "starters"
STARTER = STARTERS / "netshop-aiaccount"
SOURCE, TARGET = "netshop", "aiaccount"
SIMULATOR_KEY = "aia_live_demo_7Qk2"
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A company as it is to be made; what the stand-in of its target is told lies in `settings`."""

    code: str
    name: str
    source: str
    target: str
    key: str
    settings: Mapping[str, object]
    people: Sequence[Colleague]
    title: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ready:
    """The sample company, and what is shown once."""

    company_id: int
    passwords: Mapping[Colleague, str]


def sample(url: str) -> Sample:
    """The tea shop, posting to the stand-in of AiAccount that listens there."""
    return Sample(
        code=shop.COMPANY_CODE,
        name=shop.COMPANY_NAME,
        source=SOURCE,
        target=TARGET,
        key=SIMULATOR_KEY,
        settings={
            "base_url": url,
            "app_url": url,
            "company_id": shop.TARGET_COMPANY,
            "company_name": shop.COMPANY_NAME,
        },
        people=COLLEAGUES,
        title="Orders become sales invoices",
        files=starter_files(),
    )


def make_company(session: DatabaseSession, wanted: Sample, *, now: datetime) -> Ready:
    """The company with its people and connections; its rules are still to be published."""
    company_id = done(
        people.add_company(
            session,
            code=wanted.code,
            name=wanted.name,
            zone=shop.ZONE,
            currency=shop.CURRENCY,
            now=now,
        )
    )
    company = session.get_one(Company, company_id)
    company.settings = {**company.settings, teams.FALLBACK_TEAM: "accounts"}
    passwords = {each: _add(session, company_id, each, now) for each in wanted.people}
    admin = colleague(session, company_id, "admin")
    key = secrets.token_urlsafe(32)
    _connect(session, company_id, admin, wanted.source, "source", {}, key, now)
    settings = wanted.settings
    _connect(session, company_id, admin, wanted.target, "target", settings, wanted.key, now)
    return Ready(company_id, passwords)


def publish_rules(session: DatabaseSession, company_id: int, wanted: Sample, now: datetime) -> None:
    """Put the rules into force: one person writes them, another publishes."""
    author = colleague(session, company_id, "consultant")
    change = done(publication.push(session, company_id, author, wanted.files, wanted.title, now))
    publisher = colleague(session, company_id, "publisher")
    done(publication.publish(session, change, publisher, now))


def starter_files() -> dict[str, str]:
    """The files of the shop's rule set, by path."""
    return rule_files(STARTER)


def rule_files(folder: Path) -> dict[str, str]:
    """The files of a template, by path."""
    found = sorted((*folder.glob("*.rules"), *folder.glob("maps/*.csv")))
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in found}


def point_target(session: DatabaseSession, company_id: int, wanted: Sample) -> None:
    """The stand-in listens somewhere else after a restart."""
    row = connection(session, company_id, wanted.target)
    row.settings = {**row.settings, **wanted.settings}


def connection(session: DatabaseSession, company_id: int, name: str) -> Connection:
    """A connection of the sample company."""
    found: Connection = session.query(Connection).filter_by(company_id=company_id, name=name).one()
    return found


def existing(session: DatabaseSession, code: str) -> int | None:
    """The id of a sample company, if it has been made."""
    found = session.query(Company).filter_by(code=code).one_or_none()
    return None if found is None else int(found.id)


def colleague(session: DatabaseSession, company_id: int, role: str) -> Actor:
    """The first person of a role, acting."""
    members = session.query(Membership).filter_by(company_id=company_id, role=role)
    first = members.order_by(Membership.person_id).first()
    person_id = first.person_id if first else 0
    actor = actors.actor_of(session, person_id, company_id, via="command line")
    if actor is None:
        message = f"company {company_id} has no {role}"
        raise LookupError(message)
    return actor


def done(answer: T | Refusal) -> T:
    """The answer; the sample company is made of calls that are never refused."""
    if isinstance(answer, Refusal):
        message = f"{answer.code}: {answer.message} {answer.hint}"
        raise RuntimeError(message)
    return answer


def _add(session: DatabaseSession, company_id: int, each: Colleague, now: datetime) -> str:
    added = done(people.add_person(session, email=each.email, name=each.name))
    refused = people.add_membership(
        session,
        company_id=company_id,
        person_id=added.person_id,
        role=each.role,
        actor=access_actors.SYSTEM,
        now=now,
    )
    done(refused)
    for team in each.teams:
        teams.add_to_team(session, company_id=company_id, name=team, person_id=added.person_id)
    return added.password


def _connect(
    session: DatabaseSession,
    company_id: int,
    admin: Actor,
    name: str,
    side: ConnectionSide,
    settings: Mapping[str, object],
    secret: str,
    now: datetime,
) -> None:
    made = done(
        add_connection(
            session,
            company_id=company_id,
            name=name,
            side=side,
            connector=name,
            settings=settings,
            actor=admin,
            now=now,
            ask_rates=False,
        )
    )
    if secret:  # AutoCount desktop is not called
        done(setup.set_key(session, admin, made, secret, now=now))
