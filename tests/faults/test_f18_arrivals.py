"""F18, F19, F23, F24: the same many times, versions in any order, races, keys."""

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random

import pytest
from sqlalchemy import func, select

from holding import approvals, connections, intake
from holding.database import Database
from holding.models import Approval, Connection, Person, Posting, Record, Version
from holding.refusal import Refusal
from holding.roles import SYSTEM, Actor
from holding.secrets import load_keys
from holding.settings import Settings
from tests.faults.amounts import Done, amount
from tests.faults.course import end, heal
from tests.faults.history import Chances, History, order
from tests.faults.town import LIMIT, Town, town
from tests.faults.yard import APPROVER, hire_approver, nothing_wrong
from tests.support.house import RULES, House, _order
from tests.support.simulator import DEMO_KEY

SAME, THREADS = amount(40, 1000, 1000), 20
ORDERS_OF_VERSIONS = amount(6, 120, 120)
RACES, ROTATIONS = amount(5, 50, 50), amount(1, 10, 100)


def test_f18_the_same_webhook_many_times(house: House, done: Done) -> None:
    def deliver(no: int) -> str:
        with house.database.write() as session:
            source = session.scalars(select(Connection).where(Connection.side == "source")).one()
            got = intake.receive(
                session,
                company_id=house.company_id,
                source=source,
                delivery_key="evt-same",
                kind="order",
                headers={},
                raw=b"one byte changed" if no else b"the same",
                records=[_order("10000")],
                now=datetime.now(UTC),
            )
        return got.code if isinstance(got, Refusal) else "first" if got.times == 1 else "again"

    with ThreadPoolExecutor(THREADS) as pool:
        said = Counter(pool.map(deliver, [0] * SAME))
        changed = Counter(pool.map(deliver, [1] * SAME))
    done.faults += 2 * SAME
    assert said == {"first": 1, "again": SAME - 1}
    assert changed == {"delivery.conflict": SAME}
    with house.database.read() as session:
        counted = [session.scalar(select(func.count(table.id))) for table in (Record, Version)]
    assert counted == [1, 1]
    house.drain({"posted": 1})
    nothing_wrong(house, ["x-10000"], done)


@pytest.mark.parametrize("cancels", [False, True])
def test_f19_versions_in_every_order(done: Done, *, cancels: bool) -> None:
    """Five versions of an order, however they arrive: the newest is what counts."""
    ways = list(itertools.permutations(range(5)))
    Random(19).shuffle(ways)
    with town(dedupe="nothing") as place:
        history = History(place, Random(19), Chances())
        for no, way in enumerate(ways[:ORDERS_OF_VERSIONS], 1):
            for minute in way:
                record = order(no, 20 + minute, minute=minute)
                if cancels and minute == 4:
                    record.body["status"] = "cancelled"  # type: ignore[index]
                place.deliver(f"evt-{no}-{minute}", record)
                history.sent.setdefault(record.external_id, []).append(record)
        history.hire()
        heal(history)
        ending = end(history, 19)
        amounts = _amounts(place)
    done.faults += ORDERS_OF_VERSIONS
    done.records += ending.records
    assert not ending.wrong
    assert ending.posted == (0 if cancels else ORDERS_OF_VERSIONS)
    assert cancels or amounts == {4800}


def _amounts(place: Town) -> set[int | None]:
    with place.database.read() as session:
        return set(session.scalars(select(Posting.amount).where(Posting.state == "posted")))


def test_f23_fifty_press_the_button_at_once(house_of, done: Done) -> None:  # type: ignore[no-untyped-def]
    limit = f"total > {LIMIT}.00"
    rules = RULES + (
        f"\napprove order for aiaccount.sales_invoice\n    when     {limit.replace('500', '1')}\n"
        '    by       accounts\n    say      "{total} is above the limit."\n'
    )
    house: House = house_of(rules=rules)
    hire_approver(house)
    sent = house.orders(1)
    with house.working("--no-redis"):
        house.wait_for({"held": 1})
    with house.database.read() as session:
        person = session.scalars(select(Person).where(Person.email == APPROVER)).one()
        posting_id = session.scalars(select(Posting.id)).one()
    who = Actor(person.id, person.name, person.email, house.company_id, frozenset({"approver"}))

    def press(_: int) -> str:
        with house.database.write() as session:
            got = approvals.approve(session, who, [posting_id], "Yes.", datetime.now(UTC))
        if isinstance(got, Refusal) or got.done:
            return repr(got) if isinstance(got, Refusal) else "approved"
        return ", ".join(f"{left.status}: {left.reason}" for left in got.refused)

    with ThreadPoolExecutor(THREADS) as pool:
        said = Counter(pool.map(press, range(RACES)))
    late = f"409: it is ready meanwhile: {person.name} approved it"
    assert said == {"approved": 1, late: RACES - 1}
    done.faults += RACES
    with house.database.read() as session:
        assert session.scalar(select(func.count(Approval.id))) == 1
    house.drain({"posted": 1})
    nothing_wrong(house, sent, done)


def test_f24_another_key_in_the_middle(house: House, done: Done) -> None:
    """The old key stops working while documents go out: they wait, and go on with the new one."""
    sent: list[str] = []
    with house.working("--no-redis"):
        for _ in range(ROTATIONS):
            sent += house.orders(3)
            house.target.control("pause", key=DEMO_KEY, status="disabled")
            sent += house.orders(3)
            house.wait_until(lambda states: not states.get("received"))
            house.target.control("pause", key=DEMO_KEY, status="active")
            _new_key(house)
            done.faults += 1
            house.wait_for({"posted": len(sent)}, seconds=60)
    nothing_wrong(house, sent, done)  # I13: the key stands nowhere


def _new_key(house: House) -> None:
    keys = load_keys(Settings.from_env(house.environment))
    database: Database = house.database
    with database.write() as session:
        target = session.scalars(select(Connection).where(Connection.side == "target")).one()
        assert not isinstance(keys, Refusal)
        now = datetime.now(UTC)
        connections.set_key(session, SYSTEM, target, DEMO_KEY, now=now, keys=keys)
