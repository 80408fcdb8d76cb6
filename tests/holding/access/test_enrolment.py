"""The authenticator app of a person: set up, proved once a code, and what is kept of it."""

from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select
from sqlalchemy.orm import Session as OrmSession

from holding.access import enrolment, sessions
from holding.access.actors import Keys
from holding.db import leases
from holding.db.database import Database
from holding.db.models import Company, Event, RecoveryCode, SecondFactor
from holding.db.refusal import Refusal
from tests.holding.access.factors import HERE, KEYS, begun, enrolled
from tests.holding.company.test_access_links import member
from tests.support.clock import SetClock

WRONG = (
    "Incorrect code.",
    "Enter the code that your app shows now. Each code works once.",
    422,
)


def person(session: OrmSession, company: Company, clock: SetClock, *roles: str) -> int:
    found = member(session, company.id, "lim", clock.now(), *(roles or ("approver",)))
    assert found.person_id is not None
    return found.person_id


def refused(answer: object) -> tuple[str, str, int]:
    assert isinstance(answer, Refusal), answer
    return answer.message, answer.hint, answer.status


def told(session: OrmSession, act: str) -> list[str]:
    query = select(Event).where(Event.act == act).order_by(Event.id)
    return [one.body["say"] for one in session.scalars(query)]


def test_it_counts_once_a_code_was_given_and_not_before(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        phone = begun(session, lim, now)
        assert enrolment.factor_of(session, lim) == enrolment.Factor(None, 0)
        assert refused(enrolment.confirm(session, lim, HERE, phone.wrong(now), KEYS, now)) == WRONG
        assert enrolment.factor_of(session, lim).since is None
        made = enrolment.confirm(session, lim, HERE, phone.code(now), KEYS, now)
        assert isinstance(made, tuple)
        assert enrolment.factor_of(session, lim) == enrolment.Factor(now, 10)
        assert told(session, "person.factor_on") == ["Lim switched on two-factor authentication."]
        assert refused(enrolment.prove(session, lim, phone.code(now), KEYS, now)) == WRONG, (
            "the code that confirmed it is taken"
        )


def test_the_secret_is_encrypted_for_its_row_and_shown_only_while_it_is_set_up(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        phone = enrolled(session, lim, now)
        row = session.get_one(SecondFactor, lim)
        assert phone.secret not in row.secret
        assert KEYS.decrypt(row.secret, row=f"second_factor:{lim}") == phone.secret
        assert isinstance(KEYS.decrypt(row.secret, row=f"second_factor:{lim + 1}"), Refusal)
        assert refused(enrolment.being_set_up(session, lim, HERE, KEYS, now))[2] == 409
        assert refused(enrolment.begin(session, lim, HERE, KEYS, now))[2] == 409
        assert refused(enrolment.confirm(session, lim, HERE, phone.code(now), KEYS, now))[2] == 409
        kept = [one.code_hash for one in session.scalars(select(RecoveryCode))]
        assert len(set(kept)) == 10
        for code in phone.recovery:
            assert not any(code.replace("-", "") in one or code in one for one in kept)
        said = [str(one.body) for one in session.scalars(select(Event))]
        assert not any(word in one for one in said for word in (phone.secret, *phone.recovery))


def test_setting_it_up_ends_after_an_hour_and_begins_with_another_secret(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim = person(session, company, clock)
        first = begun(session, lim, clock.now())
        late = clock.advance(enrolment.SET_UP_LASTS)
        assert refused(enrolment.being_set_up(session, lim, HERE, KEYS, late))[2] == 410
        assert (
            refused(enrolment.confirm(session, lim, HERE, first.code(late), KEYS, late))[2] == 410
        )
        second = begun(session, lim, late)
        assert second.secret != first.secret
        assert refused(enrolment.confirm(session, lim, HERE, first.code(late), KEYS, late)) == WRONG


def test_whoever_begins_elsewhere_neither_sees_nor_confirms_the_secret(
    database: Database, company: Company, clock: SetClock
) -> None:
    """Else who knows the password could set up the app that somebody else confirms."""
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        theirs = begun(session, lim, now)
        other = "another session"
        assert refused(enrolment.being_set_up(session, lim, other, KEYS, now))[2] == 410
        code = theirs.code(now)
        assert refused(enrolment.confirm(session, lim, other, code, KEYS, now))[2] == 410
        assert enrolment.begin(session, lim, other, KEYS, now) is None
        assert refused(enrolment.being_set_up(session, lim, HERE, KEYS, now))[2] == 410
        assert refused(enrolment.confirm(session, lim, HERE, code, KEYS, now))[2] == 410
        assert enrolment.factor_of(session, lim).since is None


def test_a_code_counts_once_and_none_before_it_any_more(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        phone = enrolled(session, lim, now)
        ahead = phone.code(now, 1)
        assert enrolment.prove(session, lim, ahead, KEYS, now) is None
        assert refused(enrolment.prove(session, lim, ahead, KEYS, now)) == WRONG
        assert refused(enrolment.prove(session, lim, phone.code(now), KEYS, now)) == WRONG
        later = clock.advance(60)
        assert enrolment.prove(session, lim, phone.code(later), KEYS, later) is None
        assert refused(enrolment.prove(session, lim, phone.code(later, 2), KEYS, later)) == WRONG
        assert refused(enrolment.prove(session, lim, phone.code(later, -2), KEYS, later)) == WRONG


def test_a_recovery_code_counts_once_and_new_ones_end_the_others(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        phone = enrolled(session, lim, now)
        first, second, *_ = phone.recovery
        assert enrolment.prove(session, lim, first.upper(), KEYS, now) is None
        assert refused(enrolment.prove(session, lim, first, KEYS, now)) == WRONG
        assert enrolment.factor_of(session, lim).codes_left == 9
        assert told(session, "person.factor_recovered") == [
            "Lim used a recovery code; 9 of 10 are left."
        ]
        fresh = enrolment.renew_codes(session, lim, now)
        assert enrolment.factor_of(session, lim).codes_left == 10
        assert refused(enrolment.prove(session, lim, second, KEYS, now)) == WRONG
        assert enrolment.prove(session, lim, fresh[1], KEYS, now) is None


def test_codes_of_somebody_else_do_not_count(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        tan = member(session, company.id, "tan", now, "admin").person_id or 0
        enrolled(session, lim, now)
        other = enrolled(session, tan, now)
        assert refused(enrolment.prove(session, lim, other.recovery[0], KEYS, now)) == WRONG
        assert refused(enrolment.prove(session, lim, other.code(now), KEYS, now)) == WRONG
        assert enrolment.factor_of(session, tan).codes_left == 10


def test_ten_wrong_codes_stop_an_account_for_a_while_and_are_told(
    database: Database, company: Company, clock: SetClock
) -> None:
    """Not the right one either is taken then; passwords are counted by themselves."""
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        phone = enrolled(session, lim, now)
        for _ in range(leases.MOST):
            assert refused(enrolment.prove(session, lim, phone.wrong(now), KEYS, now)) == WRONG
        stopped = enrolment.prove(session, lim, phone.code(now), KEYS, now)
        assert refused(stopped)[2] == 429
        assert refused(enrolment.prove(session, lim, phone.recovery[0], KEYS, now))[2] == 429
        assert told(session, "person.factor_failures") == [
            "10 incorrect codes were entered for Lim after the right password."
        ]
        assert isinstance(sessions.prove(session, "lim@kedai.my", "kopi o kosong 2026", now), int)
        later = clock.advance(leases.WINDOW)
        assert enrolment.prove(session, lim, phone.code(later), KEYS, later) is None


def test_a_right_code_forgets_the_wrong_ones(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        phone = enrolled(session, lim, now)
        for _ in range(leases.MOST - 1):
            enrolment.prove(session, lim, phone.wrong(now), KEYS, now)
        assert enrolment.prove(session, lim, phone.code(now), KEYS, now) is None
        assert refused(enrolment.prove(session, lim, phone.wrong(now), KEYS, now)) == WRONG
        assert told(session, "person.factor_failures") == []


def test_without_the_key_file_recovery_codes_still_count(
    database: Database, company: Company, clock: SetClock
) -> None:
    other = Keys((Fernet.generate_key(),))
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        phone = enrolled(session, lim, now)
        lost = enrolment.prove(session, lim, phone.code(now), other, now)
        assert isinstance(lost, Refusal)
        assert lost.code == "secret.unreadable"
        assert enrolment.prove(session, lim, phone.recovery[0], other, now) is None


def test_nothing_is_kept_of_one_that_was_switched_off(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        phone = enrolled(session, lim, now)
        assert enrolment.switch_off(session, lim, now) is None
        assert session.scalars(select(SecondFactor)).all() == []
        assert session.scalars(select(RecoveryCode)).all() == []
        assert refused(enrolment.prove(session, lim, phone.code(now), KEYS, now)) == WRONG
        assert told(session, "person.factor_off") == ["Lim switched off two-factor authentication."]


@pytest.mark.parametrize(("role", "held"), [("approver", True), ("finance", False)])
def test_nobody_switches_off_what_a_company_requires_of_them(
    database: Database, company: Company, clock: SetClock, role: str, held: bool
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock, role), clock.now()
        enrolled(session, lim, now)
        session.get_one(Company, company.id).needs_second_factor = True
        session.flush()
        assert enrolment.requiring(session, lim, now) == ((company.name,) if held else ())
        answer = enrolment.switch_off(session, lim, now)
        if not held:
            assert answer is None
            return
        assert refused(answer)[0] == f"{company.name} requires two-factor authentication of you."
        assert enrolment.factor_of(session, lim).since == now


def test_the_session_that_switched_it_on_goes_on_and_every_other_one_ends(
    database: Database, company: Company, clock: SetClock
) -> None:
    with database.write() as session:
        lim, now = person(session, company, clock), clock.now()
        here, there = (sessions.open_session(session, lim, now) for _ in range(2))
        enrolled(session, lim, now)
        assert sessions.person_of(session, here, now) is None, "it has not proved one yet"
        assert sessions.lacks_factor(session, here, now)
        enrolment.only_here(session, lim, here, now)
        found = sessions.person_of(session, here, now)
        assert found is not None
        assert found.factor_at == now
        assert not sessions.lacks_factor(session, here, now)
        assert sessions.person_of(session, there, now) is None
        assert not sessions.lacks_factor(session, there, now), "it is over"
        clock.advance(timedelta(hours=12))
        assert sessions.person_of(session, here, clock.now()) is None
