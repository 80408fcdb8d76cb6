"""Pushing in tests: postings made ready, work done, time passed."""

from typing import Any

from sqlalchemy import select, text, update

from connectors.targets.aiaccount.connector import AiAccount
from holding import runs
from holding.database import Database
from holding.models import Company, Posting, Record, Run
from holding.pushes import push_due
from holding.pushing.claim import free_the_dead
from holding.pushing.desk import Desk
from holding.roles import Actor
from holding.secrets import Keys
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.postings import NOW, invoice, make_ready
from tests.support.simulator import DEMO_KEY, Simulator

KEYS = Keys((b"xm8fkfMblGLs0jjZ2_83qvXBKHDaMFI66nUU9dxoe0A=",))  # made for tests


def ready(desk: Desk, company: Company, *numbers: str, **given: object) -> list[int]:
    with desk.database.write() as session:
        return [make_ready(session, company, number, **given).id for number in numbers]  # type: ignore[arg-type]


def work(desk: Desk, company: Company) -> int:
    pushed = push_due(desk.database, desk.clock, company_id=company.id, owner=desk.owner, desk=desk)
    return pushed.count  # type: ignore[union-attr]


def settle(desk: Desk, company: Company, clock: SetClock, *, minutes: int = 10) -> None:
    """Let time pass as a running worker would see it."""
    for _ in range(minutes * 4):
        clock.advance(15)
        with desk.database.write() as session:
            free_the_dead(session, clock.now())
            session.execute(update(Record).values(due_at=None))  # judged again, and found the same
        work(desk, company)


def put_there(desk: Desk, target: Simulator, number: str) -> None:
    """A document that got into the target on another way."""
    connector = AiAccount()
    payload = connector.build([invoice(number)], batch=False, batch_name="")
    settings = {"base_url": target.url, "company_id": "CMP-1042"}
    connector.send(payload, settings, DEMO_KEY, "by-somebody-else", desk.http)


def one(database: Database, posting_id: int) -> Posting:
    with database.read() as session:
        return session.get_one(Posting, posting_id)


def rows(database: Database, table: type[Any]) -> list[Any]:
    with database.read() as session:
        return list(session.scalars(select(table).order_by(text("id"))))


def start_sync(desk: Desk, company: Company, clock: SetClock) -> Run:
    with desk.database.write() as session:
        connection = connection_named(session, company, "aiaccount")
        first, last = NOW.date().replace(day=1), NOW.date()
        seen = runs.preview(session, company.id, connection.id, "sales_invoice", first, last)
        actor = Actor(None, "Tan", "tan@example.test", company.id, frozenset({"operator"}))
        run = runs.sync(
            session,
            actor,
            company_id=company.id,
            connection_id=connection.id,
            doc_type="sales_invoice",
            first=first,
            last=last,
            expected_count=seen.will_send.count,
            expected_total=seen.will_send.amount,
            now=clock.now(),
        )
    assert isinstance(run, Run)
    return run
