"""A little shop under the toy rules: orders arrive, mappings are added, what is due is judged."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from connectors.contract import IncomingRecord
from holding.db.database import Database
from holding.db.models import (
    Company,
    Connection,
    MappingEntry,
    MappingTable,
    Record,
    RulesetVersion,
)
from holding.db.refusal import Refusal
from holding.evaluation.evaluate_due import judge_due
from holding.intake.receive import Receipt, receive
from holding.mappings.key_reach import find_reach
from holding.platform.changes import next_revision, wake_all_unsent, wake_cause, wake_records
from rules.values.cause_keys import CauseKey
from tests.support.clock import SetClock
from tests.support.fake_rules import ToyProgram


def order(number: str, *skus: str, **changes: Any) -> dict[str, Any]:
    """A canonical body: one piece of each SKU, 10.00 each unless `total` says otherwise."""
    body: dict[str, Any] = {
        "number": number,
        "status": "paid",
        "ordered_on": "2026-10-05",
        "currency": "MYR",
        "customer": "C-77",
        "customer_name": "Tan Ah Kow",
        "total": f"{10 * len(skus)}.00",
        "lines": [{"sku": sku, "qty": "1"} for sku in skus],
    }
    return body | changes


def incoming(
    body: dict[str, Any], *, stamp: str | None = None, external_id: str = ""
) -> IncomingRecord:
    return IncomingRecord(
        kind="order",
        external_id=external_id or f"x-{body['number']}",
        number=body["number"],
        stamp=stamp,
        body=body,
    )


@dataclass
class Shop:
    """One company with the toy rules in force."""

    database: Database
    clock: SetClock
    company: Company
    program: ToyProgram = field(default_factory=ToyProgram)
    deliveries: Iterator[int] = field(default_factory=count)

    def programs(self, session: Session, ruleset_version_id: int) -> ToyProgram:
        return self.program

    def publish(self) -> int:
        """A new ruleset version in force; how many records it woke."""
        with self.database.write() as session:
            no = next_revision(
                session,
                self.company.id,
                "rules",
                "toy",
                person_id=None,
                reason="",
                now=self.clock.now(),
            )
            version = RulesetVersion(
                company_id=self.company.id,
                no=no,
                hash=f"toy-{no}",
                revision=no,
                published_at=self.clock.now(),
                engine="toy",
            )
            session.add(version)
            session.flush()
            session.execute(
                update(Company)
                .where(Company.id == self.company.id)
                .values(ruleset_version_id=version.id, rules_revision=no)
            )
            return wake_all_unsent(session, self.company.id, self.clock.now())

    def deliver(
        self, *records: IncomingRecord, key: str = "", raw: bytes = b"", signature: str = ""
    ) -> Receipt | Refusal:
        no = next(self.deliveries)
        with self.database.write() as session:
            source = session.scalars(
                select(Connection).where(
                    Connection.company_id == self.company.id, Connection.side == "source"
                )
            ).one()
            return receive(
                session,
                company_id=self.company.id,
                source_id=source.id,
                delivery_key=key or f"d-{no}",
                signature=signature,
                kind="webhook",
                headers={},
                raw=raw or str(no).encode(),
                records=records,
                now=self.clock.now(),
                programs=self.programs,
            )

    def arrive(self, *bodies: dict[str, Any]) -> Receipt:
        """Orders arrive in one delivery that is new."""
        receipt = self.deliver(*(incoming(body) for body in bodies))
        assert isinstance(receipt, Receipt)
        return receipt

    def map(self, *skus: str) -> int:
        """Items become known; how many records were woken."""
        with self.database.write() as session:
            return sum(self.map_in(session, sku) for sku in skus)

    def map_in(self, session: Session, sku: str, value: str = "") -> int:
        now = self.clock.now()
        revision = next_revision(
            session, self.company.id, "mapping", f"items: {sku}", person_id=None, reason="", now=now
        )
        table = session.scalar(
            select(MappingTable).where(
                MappingTable.company_id == self.company.id, MappingTable.name == "items"
            )
        )
        if table is None:
            table = MappingTable(company_id=self.company.id, name="items", kind="map")
            session.add(table)
            session.flush()
        woken = 0
        before = session.scalar(
            select(MappingEntry).where(
                MappingEntry.table_id == table.id,
                MappingEntry.key == sku,
                MappingEntry.to_revision.is_(None),
            )
        )
        if before is not None:
            using = find_reach(session, table, sku, None).using
            before.to_revision = revision
            session.flush()
            woken += wake_records(session, using, now)
        session.add(
            MappingEntry(
                table_id=table.id,
                key=sku,
                value=value or f"AI-{sku}",
                valid_from=date(1, 1, 1),
                from_revision=revision,
                reason="test",
                at=now,
            )
        )
        key = CauseKey.mapping("items", sku)
        return woken + wake_cause(session, key, now, company_id=self.company.id, revision=revision)

    def judge(self, *, limit: int = 500, owner: str = "test") -> int:
        """Judge until nothing is due; how many records were taken."""
        total = 0
        while taken := judge_due(
            self.database,
            self.clock,
            company_id=self.company.id,
            owner=owner,
            limit=limit,
            programs=self.programs,
        ).count:
            total += taken
            assert total < 20_000, "judging never ends"
        return total

    def states(self) -> dict[str, str]:
        """Number -> state of every record."""
        with self.database.read() as session:
            return dict(session.execute(select(Record.number, Record.state)).all())

    def rows(self, model: Any, *where: Any) -> Sequence[Any]:
        with self.database.read() as session:
            return session.scalars(select(model).where(*where).order_by(model.id)).all()

    def later(self, **step: float) -> None:
        self.clock.advance(timedelta(**step))
