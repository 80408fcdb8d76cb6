"""A company that requires a second factor, and administrators who end one that was lost."""

from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from holding.access import enrolment, operations, sessions
from holding.access.actors import OPERATOR, Actor
from holding.access.people import add_company, add_membership
from holding.company import access_links
from holding.db.database import Database
from holding.db.models import Company, Event, SignInStep
from holding.db.refusal import Refusal
from tests.holding.access.factors import enrolled
from tests.holding.company.test_access_links import member
from tests.support.clock import SetClock

LOST = "The phone was stolen"


def events(session: OrmSession, act: str) -> list[Event]:
    return list(session.scalars(select(Event).where(Event.act == act).order_by(Event.id)))


def why(answer: object) -> str:
    assert isinstance(answer, Refusal), answer
    return answer.code


@pytest.fixture
def tan(database: Database, company: Company, clock: SetClock) -> Actor:
    with database.write() as session:
        return member(session, company.id, "tan", clock.now(), "admin")


def test_an_administrator_requires_it_who_uses_it_themselves(
    database: Database, company: Company, clock: SetClock, tan: Actor
) -> None:
    with database.write() as session:
        now = clock.now()

        def ask(*, on: bool) -> str | Refusal:
            return access_links.require(session, tan, company.id, on=on, now=now)

        assert why(ask(on=True)) == "factor.own_first"
        enrolled(session, tan.person_id or 0, now)
        lim = member(session, company.id, "lim", now, "approver").person_id or 0
        before = sessions.open_session(session, lim, now)
        done = ask(on=True)
        assert isinstance(done, str)
        assert done == "Two-factor authentication is required from now on."
        assert sessions.person_of(session, before, now) is None
        assert ask(on=True) == "Two-factor authentication is required already."
        assert not isinstance(ask(on=False), Refusal)
        assert sessions.person_of(session, before, now) is not None
        assert [one.body["say"] for one in events(session, "company.second_factor")] == [
            "Tan requires two-factor authentication of approvers, publishers and administrators.",
            "Tan made two-factor authentication optional.",
        ]


def test_nobody_else_requires_it(database: Database, company: Company, clock: SetClock) -> None:
    with database.write() as session:
        now = clock.now()
        lim = member(session, company.id, "lim", now, "approver", "operator")
        enrolled(session, lim.person_id or 0, now)
        assert why(access_links.require(session, lim, company.id, on=True, now=now)) == "forbidden"
        other = add_company(session, code="lain", name="Lain Sdn Bhd", now=now)
        assert isinstance(other, int)
        adam = member(session, other, "adam", now, "admin")
        enrolled(session, adam.person_id or 0, now)
        answer = access_links.require(session, adam, company.id, on=True, now=now)
        assert why(answer) == "forbidden"
        assert not session.get_one(Company, company.id).needs_second_factor


def test_tokens_of_programs_go_on(
    database: Database, company: Company, clock: SetClock, tan: Actor
) -> None:
    with database.write() as session:
        now = clock.now()
        made = operations.make_token(
            session,
            OPERATOR,
            company_id=company.id,
            person_id=tan.person_id or 0,
            name="Sheets",
            scopes=["record.read"],
            lasts=sessions.ABSOLUTE,
            now=now,
        )
        assert not isinstance(made, Refusal)
        session.get_one(Company, company.id).needs_second_factor = True
        session.flush()
        assert operations.bearer(session, made.key, now) is not None


def test_an_administrator_ends_that_of_another_with_a_reason(
    database: Database, company: Company, clock: SetClock, tan: Actor
) -> None:
    with database.write() as session:
        now = clock.now()
        lim = member(session, company.id, "lim", now, "approver").person_id or 0
        enrolled(session, lim, now)
        stolen = sessions.open_session(session, lim, now, factor_at=now)
        half = enrolment.enter(session, lim, now).token

        def end(reason: str = LOST) -> str | Refusal:
            return access_links.end(session, tan, company.id, lim, reason, now)

        assert why(end(" ")) == "factor.reason"
        assert why(end("x" * 501)) == "factor.reason"
        assert enrolment.factor_of(session, lim).since == now
        assert end() == "Lim"
        assert enrolment.factor_of(session, lim).since is None
        assert sessions.person_of(session, stolen, now) is None
        assert enrolment.waiting(session, half, now) is None
        assert session.scalars(select(SignInStep)).all() == []
        (event,) = events(session, "person.factor_ended")
        assert (event.actor, event.body["reason"], event.body["person"]) == ("Tan", LOST, lim)
        assert event.body["say"] == (
            "The two-factor authentication of Lim was ended, and so were their sessions."
        )
        assert enrolment.enter(session, lim, now).signed_in
        assert why(end()) == "factor.none"


def test_nobody_ends_their_own_so_nor_that_of_a_stranger_nor_without_the_role(
    database: Database, company: Company, clock: SetClock, tan: Actor
) -> None:
    with database.write() as session:
        now = clock.now()
        lim = member(session, company.id, "lim", now, "approver")
        other = add_company(session, code="lain", name="Lain Sdn Bhd", now=now)
        assert isinstance(other, int)
        adam = member(session, other, "adam", now, "admin")
        ids = [one.person_id or 0 for one in (tan, lim, adam)]
        for one in ids:
            enrolled(session, one, now)

        def end(actor: Actor, company_id: int, person_id: int) -> str:
            return why(access_links.end(session, actor, company_id, person_id, LOST, now))

        assert end(tan, company.id, ids[0]) == "factor.self"
        assert end(tan, company.id, ids[2]) == "person.unknown"
        assert end(lim, company.id, ids[0]) == "forbidden"
        assert end(adam, company.id, ids[1]) == "forbidden"
        assert end(adam, other, ids[1]) == "person.unknown"
        who: dict[str, Any] = {
            "company_id": other,
            "person_id": ids[1],
            "actor": OPERATOR,
            "now": now,
        }
        add_membership(session, **who, role="viewer")
        assert end(tan, company.id, ids[1]) == "factor.elsewhere"
        assert end(adam, other, ids[1]) == "factor.elsewhere"
        assert all(enrolment.factor_of(session, one).since == now for one in ids)
        assert events(session, "person.factor_ended") == []
        assert access_links.end_of(session, OPERATOR, ids[1], LOST, now) == "Lim"
        told = events(session, "person.factor_ended")
        assert {one.company_id for one in told} == {company.id, other}
        assert {one.body["via"] for one in told} == {"command line"}
