"""From the password to a session: at once, or by a step that opens nothing and is used once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from holding.access import deputies, enrolment, sessions
from holding.access.actors import OPERATOR, actor_of
from holding.access.enrolment import STEP_LASTS, SetUpDone, Waiting
from holding.access.people import add_company, add_membership
from holding.db.database import Database
from holding.db.models import Company, Person, SignInStep
from holding.db.refusal import Refusal
from tests.holding.access.factors import KEYS, Phone, enrolled
from tests.holding.company.test_access_links import member
from tests.support.clock import SetClock


def required(session: OrmSession, company_id: int) -> None:
    session.get_one(Company, company_id).needs_second_factor = True
    session.flush()


def person(session: OrmSession, company: Company, clock: SetClock, name: str, *roles: str) -> int:
    return member(session, company.id, name, clock.now(), *roles).person_id or 0


def finished(session: OrmSession, token: str, code: str, clock: SetClock) -> str:
    """The code of the refusal, or `in`: signed in, by a session that counts."""
    done = enrolment.finish(session, token, code, KEYS, clock.now())
    if isinstance(done, Refusal):
        return done.code
    found = sessions.person_of(session, done, clock.now())
    assert found is not None
    assert found.factor_at == clock.now()
    return "in"


@pytest.mark.parametrize("roles", [("viewer",), ("finance", "operator"), ("approver", "admin")])
def test_where_nothing_is_asked_for_the_password_is_enough(
    database: Database, company: Company, clock: SetClock, roles: tuple[str, ...]
) -> None:
    with database.write() as session:
        lim = person(session, company, clock, "lim", *roles)
        entered = enrolment.enter(session, lim, clock.now())
        assert entered.signed_in
        assert sessions.person_of(session, entered.token, clock.now()) is not None
        assert session.scalars(select(SignInStep)).all() == []


def test_the_step_is_no_session_and_a_code_finishes_it_once(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim = person(session, company, clock, "lim", "viewer")
        phone = enrolled(session, lim, clock.now())
        entered = enrolment.enter(session, lim, clock.now())
        assert not entered.signed_in
        assert sessions.person_of(session, entered.token, clock.now()) is None
        kept = session.scalars(select(SignInStep)).one()
        assert entered.token not in kept.token_hash
        waits = Waiting(lim, "lim@kedai.my", sets_up=False)
        assert enrolment.waiting(session, entered.token, clock.now()) == waits
        assert finished(session, entered.token, phone.wrong(clock.now()), clock) == "factor.wrong"
        assert finished(session, entered.token, phone.code(clock.now()), clock) == "in"
        assert finished(session, entered.token, phone.code(clock.now(), 1), clock) == "signin.over"
        assert enrolment.waiting(session, entered.token, clock.now()) is None


def test_a_code_that_one_step_took_is_refused_at_another(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim = person(session, company, clock, "lim", "viewer")
        phone = enrolled(session, lim, clock.now())
        one, two = (enrolment.enter(session, lim, clock.now()).token for _ in range(2))
        assert finished(session, one, phone.code(clock.now()), clock) == "in"
        assert finished(session, two, phone.code(clock.now()), clock) == "factor.wrong"
        assert finished(session, two, phone.recovery[3], clock) == "in"


def test_two_who_give_the_same_code_at_one_moment_do_not_both_sign_in(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim = person(session, company, clock, "lim", "viewer")
        phone = enrolled(session, lim, clock.now())
        tokens = [enrolment.enter(session, lim, clock.now()).token for _ in range(2)]
    both = Barrier(2)

    def enter(token: str) -> str:
        both.wait(10)
        with database.write() as session:
            return finished(session, token, phone.code(clock.now()), clock)

    with ThreadPoolExecutor(2) as tries:
        assert sorted(tries.map(enter, tokens)) == ["factor.wrong", "in"]


ENDS: dict[str, Callable[[OrmSession, int, SetClock], object]] = {
    "time": lambda session, lim, clock: clock.advance(STEP_LASTS),
    "a clock that was set back": lambda session, lim, clock: clock.advance(-timedelta(hours=1)),
    "a new password": lambda session, lim, clock: sessions.set_password(
        session, lim, "teh tarik satu 2026", clock.now()
    ),
    "a person who left": lambda session, lim, clock: setattr(
        session.get_one(Person, lim), "active", False
    ),
    "a factor that was ended": lambda session, lim, clock: enrolment.forget(session, lim),
}


@pytest.mark.parametrize("end", ENDS)
def test_the_step_ends_by_itself(
    database: Database, company: Company, clock: SetClock, end: str
) -> None:
    with database.write() as session:
        lim = person(session, company, clock, "lim", "viewer")
        phone = enrolled(session, lim, clock.now())
        token = enrolment.enter(session, lim, clock.now()).token
        session.expire_all()
        ENDS[end](session, lim, clock)
        session.flush()
        assert enrolment.waiting(session, token, clock.now()) is None
        assert finished(session, token, phone.code(clock.now()), clock) == "signin.over"


def test_a_token_that_nobody_made_is_no_step(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim = person(session, company, clock, "lim", "viewer")
        phone = enrolled(session, lim, clock.now())
        enrolment.enter(session, lim, clock.now())
        session_token = sessions.open_session(session, lim, clock.now(), factor_at=clock.now())
        for token in ("", "x" * 43, session_token):
            assert finished(session, token, phone.code(clock.now()), clock) == "signin.over"


def test_who_has_to_sets_it_up_at_sign_in_and_is_signed_in_then(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock, "lim", "approver"), clock.now()
        required(session, company.id)
        token = enrolment.enter(session, lim, now).token
        waits = Waiting(lim, "lim@kedai.my", sets_up=True)
        assert enrolment.waiting(session, token, now) == waits
        assert sessions.person_of(session, token, now) is None
        none_yet = enrolment.finish_set_up(session, token, "000000", KEYS, now)
        assert isinstance(none_yet, Refusal)
        assert enrolment.begin_set_up(session, token, KEYS, now) is None
        app = enrolment.being_set_up(session, lim, token, KEYS, now)
        assert isinstance(app, enrolment.SetUp)
        phone = Phone(app.secret.replace(" ", ""))
        assert finished(session, token, phone.code(now), clock) == "signin.over", "not confirmed"
        wrong = enrolment.finish_set_up(session, token, phone.wrong(now), KEYS, now)
        assert isinstance(wrong, Refusal)
        assert wrong.code == "factor.wrong"
        done = enrolment.finish_set_up(session, token, phone.code(now), KEYS, now)
        assert isinstance(done, SetUpDone)
        assert len(done.codes) == 10
        assert sessions.person_of(session, done.token, now) is not None
        assert isinstance(
            enrolment.finish_set_up(session, token, phone.code(now, 1), KEYS, now), Refusal
        )


def test_who_has_one_cannot_replace_it_at_the_step(
    database: Database, company: Company, clock: SetClock
) -> None:
    """Else the password alone would do."""
    with database.write() as session:
        lim, now = person(session, company, clock, "lim", "approver"), clock.now()
        required(session, company.id)
        enrolled(session, lim, now)
        token = enrolment.enter(session, lim, now).token
        begun = enrolment.begin_set_up(session, token, KEYS, now)
        assert isinstance(begun, Refusal)
        done = enrolment.finish_set_up(session, token, "000000", KEYS, now)
        assert isinstance(done, Refusal)
        assert done.code == "signin.over"


@pytest.mark.parametrize(
    ("role", "asked"),
    [
        ("viewer", False),
        ("finance", False),
        ("consultant", False),
        ("auditor", False),
        ("operator", False),
        ("approver", True),
        ("publisher", True),
        ("admin", True),
    ],
)
def test_a_company_asks_whoever_may_approve_publish_or_administer(
    database: Database, company: Company, clock: SetClock, role: str, asked: bool
) -> None:
    with database.write() as session:
        lim = person(session, company, clock, "lim", role)
        before = sessions.open_session(session, lim, clock.now())
        required(session, company.id)
        assert enrolment.needs(session, lim, clock.now()) == (False, asked)
        assert enrolment.enter(session, lim, clock.now()).signed_in is not asked
        assert (sessions.person_of(session, before, clock.now()) is None) is asked
        assert sessions.lacks_factor(session, before, clock.now()) is asked


def test_of_several_companies_one_that_requires_it_is_enough(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock, "lim", "approver"), clock.now()
        other = add_company(session, code="lain", name="Lain Sdn Bhd", now=now)
        assert isinstance(other, int)
        required(session, other)
        assert enrolment.needs(session, lim, now) == (False, False)
        who: dict[str, Any] = {"company_id": other, "person_id": lim, "actor": OPERATOR, "now": now}
        add_membership(session, **who, role="viewer")
        assert enrolment.needs(session, lim, now) == (False, False)
        add_membership(session, **who, role="publisher")
        assert enrolment.needs(session, lim, now) == (False, True)
        assert enrolment.requiring(session, lim, now) == ("Lain Sdn Bhd",)


def test_a_deputy_of_an_approver_is_asked_as_long_as_they_stand_in(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        now = clock.now()
        lim = person(session, company, clock, "lim", "approver")
        siti = person(session, company, clock, "siti", "finance")
        required(session, company.id)
        before = sessions.open_session(session, siti, now)
        actor = actor_of(session, lim, company.id)
        assert actor is not None
        answer = deputies.appoint(
            session,
            actor,
            person_id=lim,
            deputy_id=siti,
            from_at=now + timedelta(minutes=10),
            until_at=now + timedelta(minutes=20),
            reason="On leave",
            now=now,
        )
        assert not isinstance(answer, Refusal)
        asked = []
        for _ in range(3):
            asked.append(enrolment.needs(session, siti, clock.now())[1])
            assert sessions.lacks_factor(session, before, clock.now()) is asked[-1]
            assert bool(enrolment.requiring(session, siti, clock.now())) is asked[-1]
            clock.advance(timedelta(minutes=10))
        assert asked == [False, True, False]
