"""A worker is asked to stop: by who may, with a reason, and never the last one."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from holding.access.actors import Actor
from holding.db.database import Database
from holding.db.models import Company, Event
from holding.db.refusal import Refusal
from holding.operations.stuck_work import drain
from holding.operations.target_figures import list_workers
from holding.platform import processes
from tests.support.postings import NOW

OLGA = Actor(None, "Olga", "olga@kedai.my", 1, frozenset({"operator"}))
WHY = "The machine gets more memory"
SOON = NOW + timedelta(seconds=1)


def sign(database: Database, *owners: str) -> None:
    with database.write() as session:
        for owner in owners:
            until = NOW + timedelta(minutes=2)
            processes.beat(session, owner, started_at=NOW, now=NOW, next_by=until)


def ask(
    database: Database, company: Company, owner: str, reason: str = WHY, actor: Actor = OLGA
) -> Refusal | None:
    with database.write() as session:
        return drain(session, replace(actor, company_id=company.id), owner, reason, SOON)


def states(database: Database, company: Company) -> dict[str, str]:
    with database.read() as session:
        found = list_workers(session, company.id, SOON)
        return {one.owner: str(one.state) for one in found}


def test_a_worker_hears_it_and_the_other_does_not(database: Database, company: Company) -> None:
    sign(database, "a:1", "b:2")
    assert ask(database, company, "a:1") is None
    with database.read() as session:
        assert processes.should_stop(session, "a:1")
        assert not processes.should_stop(session, "b:2")
        event = session.scalars(select(Event).where(Event.act == "work.drained")).one()
    assert event.body["say"] == f"Olga asked worker a:1 to finish what it has and to stop: {WHY}"
    assert states(database, company) == {"a:1": "draining", "b:2": "running"}
    again = ask(database, company, "a:1")
    assert again is not None
    assert again.code == "drain.over"


def test_the_last_worker_that_takes_work_is_left(database: Database, company: Company) -> None:
    sign(database, "a:1", "b:2")
    assert ask(database, company, "a:1") is None
    refused = ask(database, company, "b:2")
    assert refused is not None
    assert (refused.code, refused.status) == ("drain.only", 409)
    assert states(database, company)["b:2"] == "running"


def test_a_process_that_comes_again_under_its_name_was_not_asked(
    database: Database, company: Company
) -> None:
    sign(database, "a:1", "b:2")
    assert ask(database, company, "a:1") is None
    later = SOON + timedelta(minutes=1)
    with database.write() as session:
        until = later + timedelta(minutes=2)
        processes.beat(session, "a:1", started_at=later, now=later, next_by=until)
        assert not processes.should_stop(session, "a:1")


@pytest.mark.parametrize(
    ("owner", "reason", "role", "code"),
    [
        ("a:1", "  ", "operator", "drain.reason"),
        ("c:3", WHY, "operator", "drain.over"),
        ("a:1", WHY, "finance", "forbidden"),
    ],
)
def test_what_is_refused_changes_nothing(
    database: Database, company: Company, owner: str, reason: str, role: str, code: str
) -> None:
    sign(database, "a:1", "b:2")
    actor = replace(OLGA, roles=frozenset({role}))
    refused = ask(database, company, owner, reason, actor)
    assert refused is not None
    assert refused.code == code
    assert set(states(database, company).values()) == {"running"}
