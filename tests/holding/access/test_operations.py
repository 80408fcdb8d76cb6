from dataclasses import dataclass, replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.access.actors import BY_PROGRAM, Actor
from holding.access.operations import once
from holding.db.database import Database
from holding.db.models import Company, Operation
from holding.db.refusal import Refusal
from tests.support.clock import SetClock
from tests.support.factories import make_person


@dataclass(frozen=True, slots=True)
class Told:
    word: str


class Counted:
    """An act that counts how often it ran."""

    def __init__(self, answer: Told | Refusal) -> None:
        self.answer, self.times = answer, 0

    def __call__(self) -> Told | Refusal:
        self.times += 1
        return self.answer


def somebody(session: Session, company: Company, email: str) -> Actor:
    person = make_person(session, company, email, "finance")
    return Actor(person.id, person.name, email, company.id, frozenset({"finance"}))


def run(
    session: Session,
    act: Counted,
    op: str | None,
    actor: Actor,
    clock: SetClock,
    *asked: object,
) -> object:
    return once(
        session,
        actor,
        op,
        asked=asked,
        now=clock.now(),
        act=act,
        read=lambda stored: Told(**stored),
    )


def test_a_second_click_gets_the_first_answer(
    database: Database, company: Company, clock: SetClock
) -> None:
    act = Counted(Told("done"))
    with database.write() as session:
        person = somebody(session, company, "a@kedai.my")
        assert run(session, act, "form-1", person, clock) == Told("done")
    with database.write() as session:
        assert run(session, act, "form-1", person, clock) == Told("done")
        assert act.times == 1
        assert run(session, act, "form-2", person, clock) == Told("done")
        assert act.times == 2


def test_a_refusal_is_not_kept(database: Database, company: Company, clock: SetClock) -> None:
    act = Counted(Refusal("reason.missing", "Enter a reason."))
    with database.write() as session:
        person = somebody(session, company, "a@kedai.my")
        assert isinstance(run(session, act, "form-1", person, clock), Refusal)
        assert session.scalar(select(func.count()).select_from(Operation)) == 0
        assert run(session, Counted(Told("done")), "form-1", person, clock) == Told("done")


def test_a_form_of_somebody_else_is_refused(
    database: Database, company: Company, clock: SetClock
) -> None:
    act = Counted(Told("done"))
    with database.write() as session:
        first = somebody(session, company, "a@kedai.my")
        other = somebody(session, company, "b@kedai.my")
        run(session, act, "form-1", first, clock)
        answer = run(session, act, "form-1", other, clock)
        assert isinstance(answer, Refusal)
        assert act.times == 1


def test_without_a_form_every_call_runs(
    database: Database, company: Company, clock: SetClock
) -> None:
    act = Counted(Told("done"))
    with database.write() as session:
        person = somebody(session, company, "a@kedai.my")
        run(session, act, None, person, clock)
        run(session, act, "", person, clock)
        assert act.times == 2


def test_a_form_stands_for_one_thing(database: Database, company: Company, clock: SetClock) -> None:
    act, other = Counted(Told("done")), Counted(Told("another"))
    with database.write() as session:
        person = somebody(session, company, "a@kedai.my")
        run(session, act, "form-1", person, clock, "release", 5, clock.now())
    with database.write() as session:
        answer = run(session, other, "form-1", person, clock, "release", 6, clock.now())
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.status, other.times) == ("operation.reused", 409, 0)
    with database.write() as session:
        again = run(session, other, "form-1", person, clock, "release", 5, clock.now())
        assert (again, other.times) == (Told("done"), 0)


def test_a_key_of_programs_is_no_id_of_a_form(
    database: Database, company: Company, clock: SetClock
) -> None:
    act = Counted(Told("done"))
    with database.write() as session:
        person = somebody(session, company, "a@kedai.my")
        for op in ("token:7:SO-1", "f" * 201):
            refused = run(session, act, op, person, clock)
            assert isinstance(refused, Refusal)
            assert (refused.code, refused.status, act.times) == ("operation.unknown", 409, 0)
        program = replace(person, via=BY_PROGRAM)
        assert run(session, act, "token:7:SO-1", program, clock) == Told("done")
