"""The address of set-up works once, and what is made by it is whole or not at all."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from holding.access import people
from holding.access.actors import actor_of, may
from holding.company import first_company
from holding.company.first_company import FirstCompany, FirstPerson, SetUp
from holding.db.database import Database
from holding.db.models import Company, Event, Person, SetupAddress
from holding.db.refusal import Refusal
from tests.support.passwords import sign_in

NOW = datetime(2026, 11, 2, 5, 40, tzinfo=UTC)
COMPANY = FirstCompany(
    name="Kedai Contoh Sdn Bhd",
    code="",
    registration="202001012345",
    currency="MYR",
    zone="Asia/Kuala_Lumpur",
    closed_through=date(2026, 9, 30),
)
PERSON = FirstPerson(name="Tan Mei Ling", email="Meiling@kedai.example", password="a long password")


def given(database: Database, now: datetime = NOW) -> str:
    with database.write() as session:
        made = first_company.new_address(session, now)
    assert made is not None
    assert made.expires_at == now + timedelta(hours=24)
    return made.token


def used(database: Database, token: str, now: datetime = NOW, **changes: Any) -> SetUp | Refusal:
    company = {name: changes.pop(name) for name in tuple(changes) if hasattr(COMPANY, name)}
    with database.write() as session:
        return first_company.set_up(
            session, token, replace(COMPANY, **company), replace(PERSON, **changes), now
        )


def refused(answer: object, code: str) -> None:
    assert isinstance(answer, Refusal)
    assert answer.code == code


def test_it_makes_the_company_and_its_first_person_once(database: Database) -> None:
    token = given(database)
    made = used(database, token)
    assert isinstance(made, SetUp)
    assert (made.code, made.name) == ("kedai-contoh", "Kedai Contoh Sdn Bhd")
    with database.read() as session:
        company = session.scalars(select(Company)).one()
        actor = actor_of(session, made.person_id, company.id)
        stored = session.scalars(select(SetupAddress)).one()
        acts = list(session.scalars(select(Event.act).order_by(Event.id)))
    assert (company.registration, company.closed_through) == ("202001012345", date(2026, 9, 30))
    assert (company.live, company.starts_on, company.went_live_at) == (False, None, None)
    assert actor is not None
    assert actor.roles == {"admin", "consultant"}
    assert [act for act in ("posting.approve", "rules.publish") if not may(actor, act)] == []
    assert token not in stored.token_hash
    assert stored.used_at == NOW
    assert acts[-1] == "company.set_up"
    refused(used(database, token), "setup.used")
    with database.write() as session:
        assert not isinstance(sign_in(session, PERSON.email, PERSON.password, NOW), Refusal)
        assert first_company.new_address(session, NOW) is None


def test_a_new_address_ends_the_one_before(database: Database) -> None:
    old, new = given(database), given(database)
    refused(used(database, old), "setup.unknown")
    assert isinstance(used(database, new), SetUp)


@pytest.mark.parametrize(
    ("after", "works"), [(timedelta(hours=23, minutes=59), True), (timedelta(hours=24), False)]
)
def test_it_works_for_a_day(database: Database, after: timedelta, works: bool) -> None:
    answer = used(database, given(database), NOW + after)
    assert isinstance(answer, SetUp) is works
    if not works:
        refused(answer, "setup.expired")


def test_an_address_is_worth_nothing_once_a_command_made_a_company(database: Database) -> None:
    token = given(database)
    with database.write() as session:
        people.add_company(session, code="other", name="Other", now=NOW)
    refused(used(database, token), "setup.company_exists")
    refused(used(database, "guessed"), "setup.company_exists")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"registration": "no"}, "company.registration"),
        ({"code": "Kedai!"}, "company.code"),
        ({"currency": "RM"}, "company.currency"),
        ({"zone": "Kuala Lumpur"}, "company.zone"),
        ({"email": "meiling"}, "person.email"),
        ({"password": "short"}, "person.password"),
    ],
)
def test_what_is_wrong_makes_nothing_and_does_not_use_it_up(
    database: Database, changes: dict[str, Any], code: str
) -> None:
    token = given(database)
    refused(used(database, token, **changes), code)
    with database.read() as session:
        assert session.scalars(select(Company)).all() == []
        assert session.scalars(select(Person)).all() == []
    assert isinstance(used(database, token), SetUp)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Kedai Contoh Sdn Bhd", "kedai-contoh"),
        ("Café Ünïque & Co. Pte. Ltd.", "cafe-unique"),
        ("Sdn Bhd", "sdn-bhd"),
        ("Ah Beng's Tea", "ah-bengs-tea"),
        ("Ah Beng\u2019s Tea", "ah-bengs-tea"),
        ("香料店", "company"),
        ("X" * 60, "x" * 40),
        ("Kedai Alatulis dan Percetakan Sinar Harapan", "kedai-alatulis-dan-percetakan-sinar"),
    ],
)
def test_the_code_follows_from_the_name(name: str, code: str) -> None:
    assert first_company.proposed_code(name) == code
