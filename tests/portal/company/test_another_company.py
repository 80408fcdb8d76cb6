"""“Add a company” in the browser: who sees it, what it makes, and what it keeps apart."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select

from holding.access.actors import roles_of
from holding.db.database import Database
from holding.db.models import Company, Membership, Person
from tests.portal.reading import plain
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
Visit = Callable[..., Any]
FORM = {
    "name": "Warung Dua Sdn Bhd",
    "code": "",
    "registration": "202001012345",
    "currency": "MYR",
    "zone": "Asia/Kuala_Lumpur",
    "closed": "2026-09-30",
}


@pytest.fixture
def admin(database: Database, visit: Visit) -> Any:
    """A browser of the first administrator of `kedai`."""
    with database.read() as session:
        query = (
            select(Person.email)
            .join(Membership, Membership.person_id == Person.id)
            .join(Company, Company.id == Membership.company_id)
            .where(Company.code == "kedai", Membership.role == "admin")
        )
        email = session.scalars(query.order_by(Person.id)).first()
    assert email is not None
    return visit(email.partition("@")[0])


def codes(database: Database) -> list[str]:
    with database.read() as session:
        return list(session.scalars(select(Company.code).order_by(Company.id)))


def test_an_administrator_adds_a_company_and_lands_on_its_checklist(
    admin: Any, database: Database
) -> None:
    assert 'id="addcompany"' in admin.text("/c")
    page = plain(admin.text("/companies/new"))
    assert "Nothing is sent before you go live with it" in page
    answer = admin.post("/companies/new", FORM, status=303)
    assert answer.location == "/c/warung-dua/"
    page = plain(admin.text(answer.location))
    assert "Set up Warung Dua Sdn Bhd" in page
    assert "0 of 8 done" in page
    assert "1 person" in page
    assert "Suggested: 2026-10-01" in page
    with database.read() as session:
        company = session.scalars(select(Company).where(Company.code == "warung-dua")).one()
        assert (company.live, company.registration) == (False, "202001012345")
    listed = plain(admin.text("/c"))
    assert "Not live yet" in listed


def test_people_are_taken_over_on_request(admin: Any, database: Database) -> None:
    sent = {**FORM, "pattern": "kedai", "people": "1"}
    admin.post("/companies/new", sent, status=303)
    with database.read() as session:
        ids = {
            code: session.scalars(select(Company.id).where(Company.code == code)).one()
            for code in ("kedai", "warung-dua")
        }
        farah = session.scalars(select(Person).where(Person.email == "farah@kedai.my")).one()
        assert roles_of(session, ids["warung-dua"], farah.id) == roles_of(
            session, ids["kedai"], farah.id
        )
        # The person of another company is not taken over.
        stranger = session.scalars(select(Person.id).where(Person.email == "stranger@lain.my"))
        assert roles_of(session, ids["warung-dua"], stranger.one()) == set()


def test_a_company_that_one_does_not_administer_gives_nothing(
    admin: Any, database: Database
) -> None:
    for code in ("lain", "nowhere", ""):
        sent = {**FORM, "pattern": code, "people": "1"}
        page = admin.post("/companies/new", sent, status=422).get_data(as_text=True)
        assert 'id="pattern_err"' in page
    assert codes(database) == ["kedai", "lain"]


def test_nobody_else_may_add_one(visit: Visit, database: Database) -> None:
    farah = visit("farah")
    assert 'id="addcompany"' not in farah.text("/c")
    page = plain(farah.get("/companies/new", status=403).get_data(as_text=True))
    assert "company.not_admin" in page
    farah.post("/companies/new", FORM, status=403)
    assert codes(database) == ["kedai", "lain"]


def test_a_visitor_who_is_not_signed_in_is_sent_to_sign_in(app: Any) -> None:
    answer = app.test_client().get("/companies/new")
    assert answer.status_code == 303
    assert answer.location.startswith("/signin")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", " "),
        ("registration", "202007012345"),
        ("code", "kedai"),
        ("closed", "30/9/2026"),
        ("currency", "ringgit"),
        ("zone", "KL"),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    admin: Any, database: Database, field: str, value: str
) -> None:
    page = admin.post("/companies/new", {**FORM, field: value}, status=422).get_data(as_text=True)
    assert re.search(rf'id="{field}_err"', page)
    assert codes(database) == ["kedai", "lain"]


def test_the_new_company_sees_nothing_of_the_other(
    admin: Any, database: Database, clock: SetClock
) -> None:
    admin.post("/companies/new", FORM, status=303)
    own = plain(admin.text("/c/warung-dua/connections"))
    assert "netshop" not in own
    assert "aiaccount" not in own
    for path in ("connections/aiaccount", "holding", "records/1", "rules"):
        answer = admin.client.get(f"/c/warung-dua/{path}")
        assert "NS-" not in answer.get_data(as_text=True)
    assert admin.client.get("/c/warung-dua/connections/aiaccount").status_code == 404
    assert admin.client.get("/c/warung-dua/records/1").status_code == 404
