import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session as OrmSession

from holding.access import actors, people, sessions
from holding.access.actors import SYSTEM
from holding.access.people import NewPerson
from holding.access.sessions import set_password
from holding.db import leases, models
from holding.db.database import Database
from holding.db.models import Company, Event, Singleton
from holding.db.refusal import Refusal
from tests.support.clock import SetClock
from tests.support.passwords import full_time, sign_in

PASSWORD = "nasi lemak 2026"
EMAIL = "aisyah@kedai.my"


def add(session: OrmSession, email: str = EMAIL, name: str = "Aisyah") -> models.Person:
    added = people.add_person(session, email=email, name=name, password=PASSWORD)
    assert isinstance(added, NewPerson)
    return session.get_one(models.Person, added.person_id)


def join(
    session: OrmSession, company: Company, person: models.Person, now: datetime, *roles: str
) -> None:
    who = {"company_id": company.id, "person_id": person.id}
    for role in roles:
        people.add_membership(session, **who, role=role, actor=SYSTEM, now=now)


def enter(session: OrmSession, clock: SetClock, password: str = PASSWORD) -> str:
    token = sign_in(session, EMAIL, password, clock.now())
    assert isinstance(token, str)
    return token


def test_a_person_signs_in_and_out(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        person = add(session)
        token = enter(session, clock)
        found = sessions.person_of(session, token, clock.now())
        assert found is not None
        assert (found.person_id, found.name, found.stale) == (person.id, "Aisyah", False)
        sessions.sign_out(session, token, clock.now())
        assert sessions.person_of(session, token, clock.now()) is None


def test_the_token_itself_is_kept_nowhere(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        add(session)
        token = enter(session, clock)
        stored = session.scalars(select(models.Session.token_hash)).one()
        assert len(token) >= 43
        assert token not in stored
        kept = session.scalars(select(models.Person.password_hash)).one()
        assert kept is not None
        assert kept.startswith("$argon2id$")


def test_email_case_and_blanks_do_not_count(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        add(session)
        answer = sign_in(session, " Aisyah@Kedai.MY ", PASSWORD, clock.now())
        assert isinstance(answer, str)


def test_an_idle_session_ends_after_an_hour_unless_it_is_used(
    database: Database, clock: SetClock
) -> None:
    with database.write() as session:
        add(session)
        token = enter(session, clock)
        found = sessions.person_of(session, token, clock.advance(timedelta(minutes=40)))
        assert found is not None
        assert found.stale
        sessions.touch(session, token, clock.now())
        assert sessions.person_of(session, token, clock.advance(timedelta(minutes=59)))
        assert sessions.person_of(session, token, clock.advance(timedelta(minutes=1))) is None


def test_a_busy_session_still_ends_after_twelve_hours(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        add(session)
        token = enter(session, clock)
        for _ in range(23):
            sessions.touch(session, token, clock.advance(timedelta(minutes=30)))
        assert sessions.person_of(session, token, clock.advance(timedelta(minutes=29)))
        assert sessions.person_of(session, token, clock.advance(timedelta(minutes=1))) is None


def test_each_sign_in_has_a_token_of_its_own(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        add(session)
        assert enter(session, clock) != enter(session, clock)


def test_a_new_password_and_a_disabled_person_end_all_sessions(
    database: Database, clock: SetClock
) -> None:
    with database.write() as session:
        person = add(session)
        token = enter(session, clock)
        set_password(session, person.id, "teh tarik 2026!", clock.now())
        assert sessions.person_of(session, token, clock.now()) is None
        token = enter(session, clock, "teh tarik 2026!")
        session.expire_all()
        person.active = False
        session.flush()
        assert sessions.person_of(session, token, clock.now()) is None
        assert isinstance(sign_in(session, EMAIL, "teh tarik 2026!", clock.now()), Refusal)


def test_a_password_that_was_lost_is_replaced_and_told(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        person, now = add(session), clock.now()
        give: dict[str, Any] = {"company_id": company.id, "person_id": person.id, "role": "viewer"}
        assert people.add_membership(session, **give, actor=actors.SYSTEM, now=now) is None
        token = enter(session, clock)
        word = people.renew_password(session, actors.SYSTEM, person.id, now)
        assert sessions.person_of(session, token, now) is None
        assert enter(session, clock, word)
        said = session.scalars(select(Event.body).where(Event.act == "person.password")).one()
        assert said["say"].endswith("was given a new password.")
        assert word not in str(said)


def test_an_unknown_account_gets_the_same_words(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        add(session)
        known = sign_in(session, EMAIL, "wrong", clock.now())
        unknown = sign_in(session, "nobody@kedai.my", "wrong", clock.now())
        assert isinstance(known, Refusal)
        assert known == unknown


def test_an_unknown_account_takes_as_long(database: Database, clock: SetClock) -> None:
    def seconds(session: OrmSession, email: str) -> float:
        start = time.process_time()
        compared = sessions.compare(session, email, "wrong", clock.now())
        sign_in(session, email, "wrong", clock.now(), compared=compared)
        return time.process_time() - start

    with full_time(), database.write() as session:
        add(session)
        seconds(session, "first@kedai.my")
        known = statistics.median(seconds(session, EMAIL) for _ in range(5))
        unknown = statistics.median(seconds(session, "nobody@kedai.my") for _ in range(5))
        assert 0.3 < unknown / known < 3


def test_guessing_is_stopped_for_known_and_unknown_accounts_alike(
    database: Database, clock: SetClock
) -> None:
    for email in (EMAIL, "nobody@kedai.my"):
        with database.write() as session:
            if email == EMAIL:
                add(session)
            answers = [sign_in(session, email, "wrong", clock.now()) for _ in range(leases.MOST)]
            assert {a.code for a in answers if isinstance(a, Refusal)} == {"signin.refused"}
            stopped = sign_in(session, email, PASSWORD, clock.now())
            assert isinstance(stopped, Refusal)
            assert (stopped.code, stopped.status) == ("signin.throttled", 429)


def test_the_stop_ends_and_old_counts_go_away(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        add(session)
        for number in range(leases.MOST):
            sign_in(session, EMAIL, "wrong", clock.now())
            sign_in(session, f"n{number}@kedai.my", "wrong", clock.now())
        clock.advance(leases.WINDOW)
        assert isinstance(sign_in(session, EMAIL, "wrong", clock.now()), Refusal)
        counts = session.scalars(select(Singleton.fence)).all()
        assert counts == [1, 1], "from this address, and from anywhere"
        assert enter(session, clock)
        assert session.scalar(select(func.count()).select_from(Singleton)) == 0


def test_a_clock_that_is_set_back_keeps_no_account_closed_for_longer(
    database: Database, clock: SetClock
) -> None:
    with database.write() as session:
        add(session)
        for _ in range(leases.MOST):
            sign_in(session, EMAIL, "wrong", clock.now())
        assert isinstance(sign_in(session, EMAIL, PASSWORD, clock.now()), Refusal)
        clock.set(clock.now() - timedelta(hours=1))
        assert isinstance(sign_in(session, EMAIL, "wrong", clock.now()), Refusal)
        assert session.scalars(select(Singleton.fence)).all() == [1, 1]
        assert enter(session, clock)


def test_people_are_not_added_twice_nor_with_short_passwords(database: Database) -> None:
    with database.write() as session:
        add(session)
        for email, password, code in (
            (EMAIL.upper(), PASSWORD, "person.taken"),
            ("no address", PASSWORD, "person.email"),
            ("b@kedai.my", "short", "person.password"),
        ):
            answer = people.add_person(session, email=email, name="X", password=password)
            assert isinstance(answer, Refusal)
            assert answer.code == code


def test_a_made_up_password_works(database: Database, clock: SetClock) -> None:
    with database.write() as session:
        added = people.add_person(session, email=EMAIL, name="Aisyah")
        assert isinstance(added, NewPerson)
        assert isinstance(sign_in(session, EMAIL, added.password, clock.now()), str)


def test_an_actor_has_the_roles_of_one_company_only(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        other = people.add_company(session, code="lain", name="Kedai Lain", now=clock.now())
        assert isinstance(other, int)
        person = add(session)
        join(session, company, person, clock.now(), "finance", "viewer", "finance")
        actor = actors.actor_of(session, person.id, company.id)
        assert actor is not None
        assert actor.roles == {"finance", "viewer"}
        assert actors.actor_of(session, person.id, other) is None
        assert [c.code for c in people.companies_of(session, person.id)] == ["kedai"]


def test_nobody_gives_a_role_to_themselves(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        person = add(session)
        who = {"company_id": company.id, "person_id": person.id}
        grant: dict[str, Any] = {**who, "now": clock.now()}
        assert people.add_membership(session, role="admin", actor=SYSTEM, **grant) is None
        admin = actors.actor_of(session, person.id, company.id)
        assert admin is not None
        refusal = people.add_membership(session, role="approver", actor=admin, **grant)
        assert refusal is not None
        assert refusal.code == "role.self"
        unknown = people.add_membership(session, role="boss", actor=SYSTEM, **grant)
        assert unknown is not None
        assert unknown.code == "role.unknown"


def test_duties_that_meet_in_one_account_are_said_aloud(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        person = add(session)
        join(session, company, person, clock.now(), "consultant", "viewer", "publisher")
        said = session.scalars(select(Event.act).order_by(Event.id)).all()
        assert said == ["person.role_granted"] * 3 + ["person.duties_meet"]


def test_a_company_code_is_taken_once_and_fits_an_address(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        for code, why in (("kedai", "company.taken"), ("Kedai Dua", "company.code")):
            answer = people.add_company(session, code=code, name="X", now=clock.now())
            assert isinstance(answer, Refusal)
            assert answer.code == why


@pytest.mark.parametrize(
    ("zone", "currency", "why"),
    [
        ("Mars/Olympus", "MYR", "company.zone"),
        ("../etc/passwd", "MYR", "company.zone"),
        ("Asia", "MYR", "company.zone"),
        ("Asia/Kuala_Lumpur", "RINGGIT", "company.currency"),
        ("Asia/Kuala_Lumpur", "myr", "company.currency"),
    ],
)
def test_a_company_lives_in_a_real_zone_with_a_currency(
    database: Database, clock: SetClock, zone: str, currency: str, why: str
) -> None:
    with database.write() as session:
        answer = people.add_company(
            session, code="dua", name="X", zone=zone, currency=currency, now=clock.now()
        )
        assert isinstance(answer, Refusal)
        assert answer.code == why


def test_teams_answer_by_members_then_fallback_then_anybody(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim = add(session, "lim@kedai.my", "Lim")
        tan = add(session, "tan@kedai.my", "Tan")
        for person in (lim, tan):
            join(session, company, person, clock.now(), "approver")
        tax = people.ensure_team(session, company.id, "tax_desk")
        assert people.in_team(session, tax.id, lim.id)
        people.add_to_team(session, company_id=company.id, name="accounts", person_id=tan.id)
        stored = session.get_one(Company, company.id)
        stored.settings = {"fallback_team": "accounts"}
        session.flush()
        assert not people.in_team(session, tax.id, lim.id)
        assert people.in_team(session, tax.id, tan.id)
        people.add_to_team(session, company_id=company.id, name="tax_desk", person_id=lim.id)
        assert people.in_team(session, tax.id, lim.id)
        assert not people.in_team(session, tax.id, tan.id)
        assert people.who_may(session, company.id, "posting.approve") == ("Lim", "Tan")
        assert people.who_may(session, company.id, "posting.approve", team_id=tax.id) == ("Lim",)
        assert people.who_may(session, company.id, "posting.approve", but=[lim.id]) == ("Tan",)
        assert people.teams(session, company.id) == {"accounts": ("Tan",), "tax_desk": ("Lim",)}


def test_what_was_compared_before_counts_only_while_the_password_is_the_same(
    database: Database, clock: SetClock
) -> None:
    """Comparing takes long and is done before anything is written; what it says is decided then."""
    now, other = clock.now(), "teh tarik 2026!"
    with database.write() as session:
        person = add(session)
        fits = sessions.compare(session, EMAIL, PASSWORD, now)
        assert (fits.stored, fits.fits) == (person.password_hash, True)
        assert not sessions.compare(session, EMAIL, "wrong", now).fits
        assert not sessions.compare(session, "nobody@kedai.my", "wrong", now).fits
        set_password(session, person.id, other, now)
        session.expire_all()

        def enter_with(password: str) -> str | Refusal:
            return sign_in(session, EMAIL, password, now, compared=fits)

        assert isinstance(enter_with(PASSWORD), Refusal)
        assert isinstance(enter_with(other), str)
        fits = sessions.compare(session, EMAIL, other, now)
        person.active = False
        session.flush()
        assert isinstance(enter_with(other), Refusal)


def test_an_account_that_may_not_be_tried_is_not_compared(
    database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = clock.now()
    with database.write() as session:
        add(session)
        fits = sessions.compare(session, EMAIL, PASSWORD, now)
        for _ in range(leases.MOST):
            sign_in(session, EMAIL, "wrong", now)
        stopped = sign_in(session, EMAIL, PASSWORD, now, compared=fits)
        assert isinstance(stopped, Refusal)
        assert stopped.code == "signin.throttled"
        monkeypatch.delattr(sessions, "_hasher")
        assert sessions.compare(session, EMAIL, PASSWORD, now) == sessions.NOT_COMPARED


def test_first_guesses_at_one_moment_are_all_counted(
    database: Database, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    both, reached = Barrier(2), leases.reached

    def looked(*seen: Any, **how: Any) -> bool:
        found = reached(*seen, **how)
        both.wait(10)
        return found

    if database.dialect == "postgresql":  # on SQLite one waits before it looks
        monkeypatch.setattr(leases, "reached", looked)

    def guess(_: int) -> str | Refusal:
        with database.write() as session:
            return sign_in(session, EMAIL, "wrong", clock.now())

    with ThreadPoolExecutor(2) as guessers:
        answers = list(guessers.map(guess, range(2)))
    assert [one.code for one in answers if isinstance(one, Refusal)] == ["signin.refused"] * 2
    with database.read() as session:
        assert session.scalars(select(Singleton.fence)).all() == [2, 2]
