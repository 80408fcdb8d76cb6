"""A further company: who may add it, what it takes over, and that other companies stay apart."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select

from holding.access.actors import actor_of, roles_of
from holding.access.people import companies_of
from holding.company import directory
from holding.company.first_company import FirstCompany
from holding.db.database import Database
from holding.db.models import Company, Connection, Event, Person, Recipient
from holding.db.models.columns import RecipientKind
from holding.db.refusal import Refusal
from holding.operations import planning, recipients
from holding.operations.another_company import Added, Pattern, add_another, administered
from tests.holding.company.test_access_links import member
from tests.holding.desks import KEYS
from tests.support.clock import SetClock

WARUNG = FirstCompany(
    name="Warung Dua Sdn Bhd",
    code="",
    registration="202001012345",
    currency="MYR",
    zone="Asia/Kuala_Lumpur",
    closed_through=date(2026, 9, 30),
)


class House:
    """A company with an administrator, an approver, and a viewer of one source."""

    def __init__(self, database: Database, company: Company, clock: SetClock) -> None:
        self.database, self.company, self.clock = database, company, clock
        now = clock.now()
        with database.write() as session:
            self.tan = member(session, company.id, "tan", now, "admin", "publisher")
            self.lim = member(session, company.id, "lim", now, "approver", "finance")
            self.ana = member(session, company.id, "ana", now, "viewer")
            sources = select(Connection.id).where(Connection.side == "source")
            directory.limit(
                session,
                self.tan,
                company_id=company.id,
                person_id=self.ana.person_id or 0,
                source_ids=[session.scalars(sources).one()],
                now=now,
            )

    def pattern(self, *, people: bool = True, notices: bool = True) -> Pattern:
        return Pattern(self.company.id, people, notices)

    def add(
        self, person: Any = None, pattern: Pattern | None = None, **changes: Any
    ) -> Added | Refusal:
        person_id = (person or self.tan).person_id or 0
        with self.database.write() as session:
            return add_another(
                session, person_id, replace(WARUNG, **changes), pattern, self.clock.now()
            )


@pytest.fixture
def house(database: Database, company: Company, clock: SetClock) -> House:
    return House(database, company, clock)


def new_company(session: Any) -> Company:
    found: Company = session.scalars(select(Company).where(Company.code == "warung-dua")).one()
    return found


def test_an_administrator_adds_a_company_that_is_not_live(house: House) -> None:
    added = house.add()
    assert isinstance(added, Added), added
    assert (added.made.code, added.people, added.recipients) == ("warung-dua", 0, 0)
    with house.database.read() as session:
        row = new_company(session)
        assert (row.live, row.went_live_at, row.starts_on) == (False, None, None)
        assert (row.registration, row.closed_through) == ("202001012345", date(2026, 9, 30))
        assert roles_of(session, row.id, house.tan.person_id or 0) == {"admin", "consultant"}
        assert actor_of(session, house.lim.person_id or 0, row.id) is None
        acts = select(Event.act).where(Event.company_id == row.id).order_by(Event.id)
        assert list(session.scalars(acts))[-1] == "company.set_up"


def test_only_an_administrator_adds_one_and_only_from_companies_of_theirs(house: House) -> None:
    for person in (house.lim, house.ana):
        refusal = house.add(person)
        assert isinstance(refusal, Refusal)
        assert (refusal.code, refusal.status) == ("company.not_admin", 403)
    assert isinstance(house.add(), Added)
    with house.database.write() as session:
        stranger = member(session, new_company(session).id, "boon", house.clock.now(), "admin")
    taken = house.add(stranger, house.pattern(), code="tiga")
    assert isinstance(taken, Refusal)
    assert (taken.code, taken.status) == ("company.pattern", 403)
    with house.database.read() as session:
        assert session.scalar(select(Company.id).where(Company.code == "tiga")) is None
        assert [one.code for one in administered(session, stranger.person_id or 0)] == [
            "warung-dua"
        ]


def test_people_and_their_roles_are_copied_on_request(house: House) -> None:
    with house.database.write() as session:
        session.get_one(Company, house.company.id).needs_second_factor = True
    added = house.add(pattern=house.pattern(notices=False))
    assert isinstance(added, Added), added
    assert (added.people, added.recipients) == (1, 0)
    with house.database.read() as session:
        row = new_company(session)
        assert row.needs_second_factor
        assert roles_of(session, row.id, house.lim.person_id or 0) == {"approver", "finance"}
        # Nobody grants a role to themselves, and a limit names sources of the other company.
        assert roles_of(session, row.id, house.tan.person_id or 0) == {"admin", "consultant"}
        assert roles_of(session, row.id, house.ana.person_id or 0) == set()
        for company_id in (row.id, house.company.id):
            query = select(Event).where(
                Event.company_id == company_id, Event.act == "company.copied"
            )
            event = session.scalars(query).one()
            assert event.body["from"] == "kedai"
            assert event.body["to"] == "warung-dua"


def test_notices_are_copied_without_webhooks(house: House, clock: SetClock) -> None:
    now = clock.now()
    with house.database.write() as session:
        session.add(
            Recipient(
                company_id=house.company.id,
                kind=RecipientKind.WEBHOOK,
                address="https://desk.example/hook",
                secret="sealed",
                digest=True,
                urgent=False,
                packets=False,
                made_at=now,
            )
        )
        for wish in (
            recipients.Wish(kind=RecipientKind.MAIL, address="desk@kedai.example", urgent=True),
            recipients.Wish(kind=RecipientKind.PERSON, person_id=house.lim.person_id, digest=True),
        ):
            assert not isinstance(recipients.add(session, house.tan, wish, now, KEYS), Refusal)
        assert planning.set_times(session, house.tan, "07:30", [0, 4], now) is None
    clock.advance(3600)
    added = house.add(pattern=house.pattern())
    assert isinstance(added, Added), added
    assert (added.people, added.recipients) == (1, 2)
    with house.database.read() as session:
        row = new_company(session)
        assert [
            (one.kind, one.person_id, one.address, one.digest, one.urgent)
            for one in recipients.list_recipients(session, row.id)
        ] == [
            (RecipientKind.MAIL, None, "desk@kedai.example", False, True),
            (RecipientKind.PERSON, house.lim.person_id, "", True, False),
        ]
        times = planning.own_times(session, row.id)
        assert (times.at, list(times.days), times.since) == ("07:30", [0, 4], clock.now())


def test_without_people_only_the_administrator_stays_a_recipient(house: House) -> None:
    now = house.clock.now()
    with house.database.write() as session:
        for person in (house.lim, house.tan):
            wish = recipients.Wish(
                kind=RecipientKind.PERSON, person_id=person.person_id, urgent=True
            )
            assert not isinstance(recipients.add(session, house.tan, wish, now, KEYS), Refusal)
    added = house.add(pattern=house.pattern(people=False))
    assert isinstance(added, Added), added
    assert (added.people, added.recipients) == (0, 1)
    with house.database.read() as session:
        told = recipients.list_recipients(session, new_company(session).id)
        assert [one.person_id for one in told] == [house.tan.person_id]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"code": "kedai"}, "company.taken"),
        ({"registration": "no"}, "company.registration"),
        ({"zone": "Mars/Olympus"}, "company.zone"),
    ],
)
def test_what_is_wrong_adds_nothing(house: House, changes: dict[str, Any], code: str) -> None:
    refusal = house.add(pattern=house.pattern(), **changes)
    assert isinstance(refusal, Refusal)
    assert refusal.code == code
    with house.database.read() as session:
        assert list(session.scalars(select(Company.code))) == ["kedai"]
        assert [one.code for one in companies_of(session, house.tan.person_id or 0)] == ["kedai"]
        assert session.scalars(select(Event).where(Event.act == "company.copied")).all() == []
        assert session.scalars(select(Person)).all()
