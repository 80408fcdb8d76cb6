"""Prepare an order of the tests' sample shop and the steps that take it from webhook to posted.

The environment must hold CLEARPOST_HOME before this module is imported.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import select

from connectors.registry import sources
from holding.db.database import Database
from holding.db.models import Company, Connection
from holding.evaluation.evaluate_due import judge_due
from holding.platform.settings import Settings
from holding.runs.dispatch import open_desk, push_due
from portal.app import create_app
from sandbox.simulators.netshop import deliveries
from tests.holding import shop as sample_shop
from tests.portal import seed
from tests.support.databases import sqlite_template
from tests.support.passwords import hash_cheaply
from tests.support.simulator import simulator

Phase = tuple[str, Callable[[], object]]


class SampleOrder:
    """A portal with the sample shop's database, and each step of an order as a method."""

    def __init__(self, home: Path) -> None:
        hash_cheaply()
        url = f"sqlite:///{sqlite_template(home)}"
        os.environ |= seed.environment(home, url)
        self.database = Database(url, durable=False)
        self.clock = seed.fill(self.database, home)
        self._settings = Settings.from_env()
        app = create_app(self.database, self.clock, self._settings)
        app.testing = True
        self._client = app.test_client()
        example = sources()["netshop"].example(seed.HOOK_SECRET, self.clock.now(), "evt-1")
        self._body = json.loads(example.body)

    def post_to(self, url: str) -> None:
        """Set the address of the accounting system."""
        with self.database.write() as session:
            aiaccount = (
                select(Connection).where(Connection.name == "aiaccount").order_by(Connection.id)
            )
            connection = session.scalars(aiaccount).first()
            connection.settings = {**connection.settings, "base_url": url}

    def deliver(self, number: int) -> None:
        """Send the signed webhook of an order to the portal."""
        order = {
            key: {**value, "id": f"Z-{number}", "number": f"NS-Z-{number}"}
            if isinstance(value, dict) and ("number" in value or "order_no" in value)
            else value
            for key, value in self._body.items()
        }
        delivery = deliveries.signed(
            json.dumps(order).encode(),
            event_id=f"evt-{number}",
            secret=seed.HOOK_SECRET,
            now=self.clock.now(),
        )
        answer = self._client.post(
            "/hooks/kedai/netshop", data=delivery.raw, headers=dict(delivery.headers)
        )
        assert answer.status_code < 300, answer.get_data(as_text=True)

    def receive_clean_order(self) -> None:
        """Store an order that no rule holds."""
        with self.database.read() as session:
            company = session.get(Company, 1)
            session.expunge(company)
        shop = sample_shop.Shop(self.database, company, self.clock, {}, deliveries=500)
        shop.receive(sample_shop.order("SO-95001"))

    def judge(self) -> None:
        """Judge every order that is due."""
        judge_due(self.database, self.clock, company_id=1, owner="trace")

    def push(self) -> Callable[[], object]:
        """Return the function that posts every document that is due."""
        desk = open_desk(self.database, self.clock, owner="trace", settings=self._settings)
        return lambda: push_due(self.database, self.clock, company_id=1, owner="trace", desk=desk)


@contextmanager
def sample_phases(home: Path) -> Iterator[Iterator[Phase]]:
    """Yield the named phases of one order; each must run before the next is taken."""
    sample = SampleOrder(home)
    with simulator(home) as target:
        sample.post_to(target.url)
        yield _phases(sample)


def _phases(sample: SampleOrder) -> Iterator[Phase]:
    sample.deliver(0)  # warm caches, so that the trace shows a later order
    sample.judge()
    yield "webhook", lambda: sample.deliver(1)
    yield "judge", sample.judge
    sample.receive_clean_order()
    yield "judge a clean order", sample.judge
    yield "push", sample.push()
