"""Pushing in tests: postings made ready, work done, time passed."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from connectors.contract import Answer, Sent
from connectors.targets.aiaccount.connector import AiAccount
from holding.access.actors import Actor
from holding.connections.channel import Desk
from holding.db.database import Database
from holding.db.models import Company, Connection, Hold, Posting, Record, Request, Run
from holding.db.refusal import Refusal
from holding.posting.claims import release_expired_claims
from holding.runs import date_ranges, range_preview
from holding.runs.dispatch import push_due
from tests.support.clock import SetClock
from tests.support.factories import connection_named
from tests.support.postings import NOW, invoice, make_ready
from tests.support.simulator import DEMO_KEY, Simulator
from tests.support.zones import BOOKS


@dataclass(frozen=True)
class Lane:
    """One way from ready postings into a target: the shop, its worker's desk, and the target."""

    desk: Desk
    company: Company
    target: Simulator
    clock: SetClock

    @property
    def database(self) -> Database:
        return self.desk.database

    def connection(self, session: Session) -> Connection:
        return connection_named(session, self.company, "aiaccount")

    def ready(self, *numbers: str, **given: Any) -> list[int]:
        with self.database.write() as session:
            return [make_ready(session, self.company, number, **given).id for number in numbers]

    def work(self, desk: Desk | None = None) -> int:
        """One pass of the worker, or of another."""
        desk = desk or self.desk
        pushed = push_due(
            desk.database, desk.clock, company_id=self.company.id, owner=desk.owner, desk=desk
        )
        return pushed.count  # type: ignore[union-attr]

    def settle(self, *, minutes: int = 10) -> None:
        """Let time pass as a running worker would see it."""
        for _ in range(minutes * 4):
            self.clock.advance(15)
            with self.database.write() as session:
                release_expired_claims(session, self.clock.now())
                session.execute(update(Record).values(due_at=None))  # judged again: the same
            self.work()

    def put_there(self, number: str, *, price: str = "10.00") -> None:
        """A document that got into the target on another way."""
        connector = AiAccount()
        payload = connector.build([invoice(number, price=price)], BOOKS, batch=False, batch_name="")
        settings = {"base_url": self.target.url, "company_id": "CMP-1042"}
        connector.send(payload, settings, DEMO_KEY, f"by-somebody-else-{number}", self.desk.http)

    def one(self, posting_id: int) -> Posting:
        with self.database.read() as session:
            return session.get_one(Posting, posting_id)

    def state(self, posting_id: int) -> str:
        return self.one(posting_id).state

    def states(self, posting_ids: Iterable[int]) -> list[str]:
        return [self.state(posting_id) for posting_id in posting_ids]

    def rows(self, table: type[Any]) -> list[Any]:
        with self.database.read() as session:
            return list(session.scalars(select(table).order_by(text("id"))))

    def sends(self) -> list[Request]:
        """The calls that could have an effect."""
        return [row for row in self.rows(Request) if row.kind == "push"]

    def open_holds(self) -> list[str]:
        """Their codes."""
        return [hold.code for hold in self.rows(Hold) if hold.state == "open"]

    def run(self) -> Run:
        """The only one that a person or the clock began."""
        run: Run
        [run] = [row for row in self.rows(Run) if row.kind != "immediate"]
        return run

    def start_sync(self, doc_type: str = "sales_invoice") -> Run:
        with self.database.write() as session:
            connection = self.connection(session)
            first, last = NOW.date().replace(day=1), NOW.date()
            seen = range_preview.preview(
                session, self.company.id, connection.id, doc_type, first, last, self.clock.now()
            )
            actor = Actor(None, "Tan", "tan@example.test", self.company.id, frozenset({"operator"}))
            made = date_ranges.sync(
                session,
                actor,
                company_id=self.company.id,
                connection_id=connection.id,
                doc_type=doc_type,
                first=first,
                last=last,
                expected_count=seen.will_send.count,
                expected_total=seen.will_send.figure,
                now=self.clock.now(),
            )
            assert not isinstance(made, Refusal), made
            return session.get_one(Run, made[0])


def answer_whole_files(
    patch: pytest.MonkeyPatch, status: int, answer: Answer, wanted: Callable[[Sequence[str]], bool]
) -> None:
    """Of files with these numbers nothing is kept, and each document is answered so."""
    real = AiAccount.send

    def send(self, payload, *rest):  # type: ignore[no-untyped-def]
        if not wanted(payload.numbers):
            return real(self, payload, *rest)
        answers = (answer,) * len(payload.numbers)
        return Sent(answers=answers, status=status, headers={}, body=b"", seconds=0.0)

    patch.setattr(AiAccount, "send", send)
