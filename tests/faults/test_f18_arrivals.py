"""F18 to F24: the same many times, versions in any order, poison, bad neighbours, races, keys."""

import itertools
import signal
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from random import Random

import pytest
from sqlalchemy import func, select

from holding import approvals, connections, intake
from holding.database import Database
from holding.models import Approval, Connection, Evaluation, Hold, Person, Posting, Record, Version
from holding.refusal import Refusal
from holding.roles import SYSTEM, Actor
from holding.secrets import load_keys
from holding.settings import Settings
from tests.faults.amounts import Done, amount
from tests.faults.course import end, heal
from tests.faults.history import Chances, History, order
from tests.faults.town import LIMIT, Town, town
from tests.faults.yard import APPROVER, ask_for_batch, hire_approver, nothing_wrong
from tests.support.house import RULES, House, _order
from tests.support.simulator import DEMO_KEY

SAME, THREADS = amount(40, 1000, 1000), 20
ORDERS_OF_VERSIONS = amount(6, 120, 120)
MANY = amount(700, 10_000, 10_000)
RACES, ROTATIONS = amount(5, 50, 50), amount(1, 10, 100)
BATCH, PLACES = amount(20, 500, 500), amount(1, 1, 10)
LEASE = 600
"""Seconds: so long that a slow machine does not come near it."""
FILE = 500
RAISED = ("memory", "recursion")
ON_SQLITE = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)
TOLERANT = RULES.replace('AccountCode  = "40000"', "AccountCode  = line.name").replace(
    'TaxCode      = "NT"', "TaxCode      = line.sku"
)
TOLERANT += """
check known_buyer on order
    require  customer_name <> "NOBODY"
    else     hold for accounts
    say      "{number} names no buyer."
    clears   when it passes
"""
WRONG: tuple[dict[str, object], ...] = (
    {"currency": ""},
    {"total": "1.00"},
    {"ordered_on": "2026-10-05"},
    {"name": "99999"},
    {"sku": "XX"},
    {"ordered_on": "31 February"},
    {"customer_name": "NOBODY"},
)
"""What is missing, does not add up or breaks a rule we see; the locked month, the account and the
tax code that are not there only AiAccount sees.
"""
CLASSES = {
    "missing_field",
    "bad_value",
    "stale_version",
    "period_locked",
    "mapping_missing",
    "business_rule",
}


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


@ON_SQLITE
@pytest.mark.parametrize("place", range(PLACES))
@pytest.mark.parametrize("kind", ["segfault", "memory", "loop", "recursion"])
def test_f20_poison_takes_nobody_along(
    house_of: Callable[..., House], done: Done, kind: str, place: int
) -> None:
    """One record ends every worker that judges it, until it is held. The others lose one lease to
    it: they are done in their second, before the clock of this test has moved by another.
    """
    house = house_of(timing="daily at 02:00 by ordered_on")
    house.orders(BATCH)
    poison = house.numbers()[(2 * place + 1) * BATCH // (2 * PLACES)]
    told = {"CLEARPOST_POISON": poison, "CLEARPOST_POISON_KIND": kind}
    told["CLEARPOST_LEASE_SECONDS"] = str(LEASE)
    leases, deaths, start = 0, 0, datetime.now(UTC)
    while code := _one_worker(house, told):
        assert code == -(signal.SIGVTALRM if kind == "loop" else signal.SIGSEGV)
        deaths, done.faults = deaths + 1, done.faults + 1
        if deaths == 2:  # the one that took the poison alone
            assert _one_worker(house, told) == 0, "the others need no further lease"
            assert leases == 1
            assert house.states() == {"ready": BATCH - 1, "received": 1}
        leases += 1
        (house.home / "clock").write_text(str(leases * (LEASE + 1)))  # all leases end
    raised = kind in RAISED
    assert deaths == (0 if raised else 3)
    with house.database.read() as session:
        hold = session.scalars(select(Hold).where(Hold.state == "open")).one()
        record = session.get_one(Record, hold.record_id)
        others = select(Record).where(Record.id != record.id).order_by(Record.id)
        taken = {(one.fence, one.crashes, one.state) for one in session.scalars(others)}
        judged = select(func.max(Evaluation.at)).where(Evaluation.record_id != record.id)
        last = session.scalars(judged).one()
    words = {"memory": "MemoryError", "recursion": "RecursionError"}.get(kind, "Workers ended 3")
    assert (record.number, hold.code) == (poison, "EVA02" if raised else "EVA03")
    assert words in hold.message
    assert taken == {(1 if raised else 2, 0, "ready")}
    assert (last - start).total_seconds() < 2 * LEASE
    done.records += BATCH


def _one_worker(house: House, told: dict[str, str]) -> int | None:
    """A worker does all that is due, or dies of it; its exit code."""
    worker = house.worker("--no-redis", "--once", **told)
    worker.join(300)
    return worker.exitcode


def deliver_mixed(house: House, numbers: range) -> list[str]:
    """Orders in one delivery; the first of every hundred is wrong in one of the ways."""
    records = [_order(str(10_000 + no)) for no in numbers]
    for no, one in zip(numbers, records, strict=True):
        wrong = WRONG[no // 100 % len(WRONG)] if no % 100 == 0 else {}
        line = one.body["lines"][0]  # type: ignore[index]
        line |= {"name": wrong.get("name", "40000"), "sku": wrong.get("sku", "NT")}  # type: ignore[operator]
        one.body.update({key: told for key, told in wrong.items() if key in one.body})  # type: ignore[attr-defined]
    with house.database.write() as session:
        source = session.scalars(select(Connection).where(Connection.side == "source")).one()
        got = intake.receive(
            session,
            company_id=house.company_id,
            source=source,
            delivery_key=f"evt-{numbers.start}",
            kind="order",
            headers={},
            raw=repr(numbers).encode(),
            records=records,
            now=datetime.now(UTC),
        )
    assert not isinstance(got, Refusal), got
    return [one.external_id for one in records]


@ON_SQLITE
def test_f21_one_bad_record_in_a_hundred(house_of: Callable[..., House], done: Done) -> None:
    """Bad in ways that we see and that only the target sees; nobody waits for them."""
    house = house_of(rules=TOLERANT, timing="daily at 02:00 by ordered_on")
    bad, sent = MANY // 100, []
    house.target.control("lock", through="2026-10-31")
    for first in range(0, MANY, FILE):
        sent += deliver_mixed(house, range(first, min(first + FILE, MANY)))
    with house.working("--no-redis"):
        house.wait_until(lambda states: not states.get("received"), seconds=300)
        ask_for_batch(house)
        house.wait_until(lambda states: states.get("posted") == MANY - bad, seconds=600)
    with house.database.read() as session:
        states = Counter(session.scalars(select(Record.state)))
        found = Counter(session.execute(select(Hold.error_class, Hold.team_id.is_not(None))).all())
    done.faults += bad
    done.records += MANY
    assert sum(states.values()) - states["posted"] == bad
    assert {key for key, _ in found} >= CLASSES
    assert all(owned for _, owned in found)
    assert sum(found.values()) == bad


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
