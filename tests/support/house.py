"""A company with small but real rules and a running AiAccount, for tests with real workers."""

import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors.contract import ConnectionSide, IncomingRecord
from connectors.transport import strict_json
from holding.access import people
from holding.access.actors import SYSTEM, Actor, Keys, load_keys
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Company, Connection, Person, Posting, Record
from holding.db.refusal import Refusal
from holding.intake import receive
from holding.platform.settings import Settings
from holding.reconciliation.ledger_check import Comparison, compare_ledger
from holding.rulesets import publication
from holding.rulesets.new_connections import add_connection
from tests.faults import mutants
from tests.support.factories import passed
from tests.support.simulator import DEMO_KEY, Simulator
from workers.__main__ import main

_HALF_A_DAY_OFF = datetime.now(ZoneInfo("Asia/Kuala_Lumpur")) + timedelta(hours=12)
DAILY = f"daily at {_HALF_A_DAY_OFF:%H}:00 by ordered_on"
"""A run of each day that no test meets, also not one that moves its clock by some hours."""
RULES = """
language 1

role accounts  "Accounts team"

source netshop
    currency  MYR
    zone      "Asia/Kuala_Lumpur"
    missing   hold for accounts  say "No usable {field}."

target aiaccount
    rounding   per line then sum to 0.01
    tolerance  0.00  else hold for accounts
    missing    hold for accounts  say "AiAccount could not tell {field}."

record order from netshop
    number         text    key
    status         one of paid, cancelled
    ordered_on     date    dated
    currency       text
    customer_name  text
    total          money
    lines          many order_line

record order_line of order
    pos    whole     key
    sku    text
    name   text
    qty    quantity
    price  money

gate order
    ready   paid
    cancel  cancelled

on edit of order
    billed  = status, lines, total, ordered_on, currency, customer_name
    | changed           | do                 |
    | billed, not_ready | review by accounts |

on cancel of order
    | period | do                 |
    | -      | review by accounts |

duplicates of order
    unique by number in history
    else    hold for accounts
    say     "Another order has this number."

post order to aiaccount.sales_invoice as "IV-{number}"
    TIMING
    they own Notes
    we own   the rest  else review by accounts
    InvoiceNumber  = document_number
    InvoiceDate    = ordered_on
    Customer       = customer_name
    Currency       = currency
    Reference      = number
    Total          = total
    each line
        LineNo       = line.pos
        SKU          = line.sku
        Description  = line.name
        Quantity     = line.qty
        UOM          = "PCS"
        UnitPrice    = line.price
        AccountCode  = "40000"
        TaxCode      = "NT"
        LineTotal    = round(line.qty * line.price, 0.01)
"""


OUTPUT = "CLEARPOST_TEST_OUTPUT"
"""The file to which a worker's output goes, in its environment."""
FORKS = multiprocessing.get_context("forkserver")
YESTERDAY = date(2026, 11, 19)
FORKS.set_forkserver_preload(["workers.__main__", "tests.support.warm"])


@dataclass(slots=True)
class House:
    """The company, its database, its target, and the environment of its processes."""

    database: Database
    target: Simulator
    home: Path
    company_id: int
    environment: dict[str, str]
    sent: int = 0
    children: list[BaseProcess] = field(default_factory=list)

    def orders(self, count: int) -> list[str]:
        """Let orders arrive; their external ids."""
        numbers = [str(10_000 + self.sent + n) for n in range(count)]
        self.sent += count
        with self.database.write() as session:
            source = session.scalars(select(Connection).where(Connection.side == "source")).one()
            got = receive.receive(
                session,
                company_id=self.company_id,
                source_id=source.id,
                delivery_key=f"evt-{self.sent}",
                kind="order",
                headers={},
                raw=f"{numbers}".encode(),
                records=[order(number) for number in numbers],
                now=datetime.now(UTC),
            )
            assert not isinstance(got, Refusal), got
        return [f"x-{number}" for number in numbers]

    def worker(self, *options: str, **more: str) -> BaseProcess:
        """A worker process of its own, forked from a server that has imported everything."""
        child = FORKS.Process(target=_work, args=(options, {**self.environment, **more}))
        child.start()
        self.children.append(child)
        return child

    def close(self) -> None:
        """Nobody stays: a worker that a failing test left asleep would live for ever."""
        for child in self.children:
            if child.is_alive():
                child.kill()
                child.join()
        self.database.close()

    def run_worker(self, *options: str, **more: str) -> int | None:
        """The same, to its end; its exit code."""
        child = self.worker(*options, **more)
        child.join(30)
        return child.exitcode

    @contextmanager
    def working(self, *options: str, **more: str) -> Iterator[BaseProcess]:
        """A worker for as long as the block; it ends in time when told to."""
        child = self.worker(*options, **more)
        try:
            yield child
        finally:
            child.terminate()
            child.join(10)
            assert child.exitcode is not None, "the worker did not stop within 10 seconds"

    def states(self) -> dict[str, int]:
        """Records by their one state."""
        with self.database.read() as session:
            counted = select(Record.state, func.count()).group_by(Record.state)
            return dict(session.execute(counted.order_by(Record.state)).all())

    def numbers(self) -> list[str]:
        """The numbers of all records."""
        with self.database.read() as session:
            return list(session.scalars(select(Record.number).order_by(Record.id)))

    def wait_until(self, seen: Callable[[dict[str, int]], bool], seconds: float = 180) -> None:
        """Until the counts of the states look right."""
        began = time.monotonic()
        limit = began + seconds
        while not seen(self.states()):
            now = time.monotonic()
            assert now < limit, (self.states(), self.told())
            time.sleep(max(0.05, 5 * (now - began)))  # counting many takes from who works on them
            began = time.monotonic()

    def wait_for(self, states: dict[str, int], seconds: float = 180) -> None:
        """Until the records are in these states."""
        self.wait_until(lambda seen: seen == states, seconds)

    def drain(self, states: dict[str, int], seconds: float = 180, **more: str) -> None:
        """A worker without a queue, until the records are in these states."""
        with self.working("--no-redis", **more):
            self.wait_for(states, seconds)

    def compared(self, sent: Sequence[str] | None = None) -> Comparison:
        """The database against the target's own ledger."""
        with self.database.read() as session:
            return compare_ledger(session, self.company_id, self.target.ledger, sent)

    def told(self) -> list[tuple[str, str | None, str]]:
        """Where the postings are, for a failing assertion."""
        with self.database.read() as session:
            rows = session.scalars(select(Posting).where(Posting.state != "posted"))
            return [(row.number, str(row.due_at), row.state) for row in rows]


def _work(options: Sequence[str], environment: dict[str, str]) -> None:
    """What the process does: exactly `python -m workers`."""
    os.environ.clear()
    os.environ.update(environment)
    if told := environment.get(OUTPUT):
        file = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream in (1, 2):
            os.dup2(file, stream)
    strict_json._PLAN = strict_json.read_plan(
        environment
    )  # read at import, which was before the fork
    mutants.plant_from(environment)
    mutants.poison_from(environment)
    sys.exit(main(list(options)))


def make_house(
    url: str,
    home: Path,
    target: Simulator,
    *,
    timing: str = "immediately",
    rules: str = RULES,
    connector: str = "aiaccount",
    secret: str = DEMO_KEY,
    **settings: object,
) -> House:
    """Everything in place: people, connections with keys, rules in force."""
    home.mkdir(parents=True, exist_ok=True)
    environment = {
        **os.environ,
        "CLEARPOST_ENV": "test",
        "CLEARPOST_HOME": str(home),
        "CLEARPOST_KEY_FILE": str(home / "secret.key"),
        "CLEARPOST_ALLOW_LOOPBACK": "1",
        "CLEARPOST_LEASE_SECONDS": "1",
        "CLEARPOST_ANSWER_SECONDS": "1.5",
        "CLEARPOST_SETTLE_SECONDS": "0.2",
        "CLEARPOST_SWEEP_SECONDS": "0.3",
        "DATABASE_URL": url,
    }
    environment.pop("REDIS_URL", None)
    _make_key(home)
    database = Database(url, durable=False)
    with database.write() as session:
        company_id = furnish(
            session,
            environment,
            target,
            rules=rules.replace("TIMING", timing),
            given=settings,
            connector=connector,
            secret=secret,
        )
    return House(database, target, home, company_id, environment)


def furnish(
    session: Session,
    environment: Mapping[str, str],
    target: Simulator,
    *,
    rules: str,
    given: Mapping[str, object],
    code: str = "kedai",
    connector: str = "aiaccount",
    secret: str = DEMO_KEY,
) -> int:
    """A company with its people, its connections with keys, and rules in force; its id."""
    now = datetime.now(UTC)
    company_id = people.add_company(session, code=code, name="Kedai Contoh Sdn Bhd", now=now)
    assert not isinstance(company_id, Refusal)
    session.get_one(Company, company_id).live = True
    settings = {
        "base_url": target.url,
        "company_id": "CMP-1042",
        "company_name": "Kedai Contoh Sdn Bhd",
        **given,
    }
    sides: tuple[tuple[str, ConnectionSide, dict[str, Any], str], ...] = (
        ("netshop", "source", {}, DEMO_KEY),
        (connector, "target", settings, secret),
    )
    for name, side, chosen, key in sides:
        made = add_connection(
            session,
            company_id=company_id,
            name=name,
            side=side,
            connector=name,
            settings=chosen,
            actor=SYSTEM,
            now=now,
            ask_rates=False,
        )
        assert not isinstance(made, Refusal), made
        keys = _keys(environment)
        done = connections.set_key(session, SYSTEM, made, key, now=now, keys=keys)
        assert not isinstance(done, Refusal), done
        if side == "target":
            passed(session, session.get_one(Connection, made))
    _publish(session, company_id, rules, now, code)
    return company_id


def _keys(environment: Mapping[str, str]) -> Keys:
    keys = load_keys(Settings.from_env(environment))
    assert not isinstance(keys, Refusal), keys
    return keys


def _make_key(home: Path) -> None:
    path = home / "secret.key"
    path.touch(mode=0o600)
    path.write_text("xm8fkfMblGLs0jjZ2_83qvXBKHDaMFI66nUU9dxoe0A=\n")


def _publish(session: Session, company_id: int, text: str, now: datetime, code: str) -> None:
    actors = []
    for name, role in (("Devi", "consultant"), ("Prakash", "publisher")):
        person = Person(email=f"{role}@{code}.example.test", name=name)
        session.add(person)
        session.flush()
        actors.append(Actor(person.id, name, person.email, company_id, frozenset({role})))
    change = publication.push_change(
        session, company_id, actors[0], {"shop.rules": text}, "Shop", now
    )
    assert not isinstance(change, Refusal), change
    done = publication.publish_change(session, change, actors[1], now)
    assert not isinstance(done, Refusal), done


def order(
    number: str,
    price: Decimal = Decimal("49.50"),
    day: date = YESTERDAY,
    *,
    lines: int = 1,
) -> IncomingRecord:
    """A paid order of this day; each of its lines is two pieces at this price."""
    body: dict[str, object] = {
        "number": number,
        "status": "paid",
        "ordered_on": day.isoformat(),
        "currency": "MYR",
        "customer_name": "Aisyah Rahman",
        "total": f"{2 * price * lines:.2f}",
        "lines": [
            {
                "pos": pos,
                "sku": "TEE-BLK-M",
                "name": "Tee, black",
                "qty": "2",
                "price": f"{price:f}",
            }
            for pos in range(1, lines + 1)
        ],
    }
    return IncomingRecord(
        kind="order",
        external_id=f"x-{number}",
        number=number,
        stamp="2026-11-19T01:00:00Z",
        body=body,
    )
