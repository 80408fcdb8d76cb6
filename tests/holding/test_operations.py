from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from holding.database import Database
from holding.models import Company, Operation
from holding.operations import once
from holding.refusal import Refusal
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


def run(session: Session, act: Counted, op: str | None, person_id: int, clock: SetClock) -> object:
    return once(
        session,
        op,
        person_id=person_id,
        now=clock.now(),
        act=act,
        read=lambda stored: Told(**stored),
    )


def test_a_second_click_gets_the_first_answer(
    database: Database, company: Company, clock: SetClock
) -> None:
    act = Counted(Told("done"))
    with database.write() as session:
        person = make_person(session, company, "a@kedai.my", "finance")
        assert run(session, act, "form-1", person.id, clock) == Told("done")
    with database.write() as session:
        assert run(session, act, "form-1", person.id, clock) == Told("done")
        assert act.times == 1
        assert run(session, act, "form-2", person.id, clock) == Told("done")
        assert act.times == 2


def test_a_refusal_is_not_kept(database: Database, company: Company, clock: SetClock) -> None:
    act = Counted(Refusal("reason.missing", "This needs a reason."))
    with database.write() as session:
        person = make_person(session, company, "a@kedai.my", "finance")
        assert isinstance(run(session, act, "form-1", person.id, clock), Refusal)
        assert session.scalar(select(func.count()).select_from(Operation)) == 0
        assert run(session, Counted(Told("done")), "form-1", person.id, clock) == Told("done")


def test_a_form_of_somebody_else_is_refused(
    database: Database, company: Company, clock: SetClock
) -> None:
    act = Counted(Told("done"))
    with database.write() as session:
        first = make_person(session, company, "a@kedai.my", "finance")
        other = make_person(session, company, "b@kedai.my", "finance")
        run(session, act, "form-1", first.id, clock)
        answer = run(session, act, "form-1", other.id, clock)
        assert isinstance(answer, Refusal)
        assert act.times == 1


def test_without_a_form_every_call_runs(
    database: Database, company: Company, clock: SetClock
) -> None:
    act = Counted(Told("done"))
    with database.write() as session:
        person = make_person(session, company, "a@kedai.my", "finance")
        run(session, act, None, person.id, clock)
        run(session, act, "", person.id, clock)
        assert act.times == 2
