"""A target that makes documents later, from its ticket to the end, however long that takes."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from connectors.contract import ConnectionReport, Found
from connectors.targets.autocount_aotg.connector import AutoCountOnTheGo
from connectors.transport.http import Http
from holding.access.actors import SYSTEM
from holding.connections import breaker, channel, connections
from holding.db.database import Database
from holding.db.models import (
    Attempt,
    Company,
    Connection,
    Event,
    Posting,
    Reading,
    Request,
    Run,
    Throttle,
)
from holding.db.models.columns import ListKind
from holding.mappings import list_storage
from holding.mappings.list_rows import ListRow
from holding.reconciliation.reading_plan import read_target
from holding.runs import date_ranges
from tests.connectors.simulator_processes import SAMPLES, Simulator
from tests.holding.desks import KEYS, make_desk
from tests.holding.life import Life
from tests.holding.shop import FILES, RULES, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import add_target

NAME = "autocount_aotg"
KEY = SAMPLES[NAME].secret.partition("\t")[0]
POST = """
post order to autocount_aotg.ar_invoice as "{number}"
    TIMING
    we own  the rest  else review by accounts
    DocNo         = document_number
    DocDate       = ordered_on
    DebtorCode    = debtor(customer)
    JournalType   = "SALES"
    CreditTerm    = "C.O.D."
    InclusiveTax  = no
    NetTotal      = total
    each line
        AccNo        = sales_account
        Description  = line.name
        Tax          = "NT"
        Amount       = line.amount

"""
CREATES = ("CreateARInvoice", "CreateBatchARInvoice")


def rules(timing: str) -> dict[str, str]:
    before, rest = RULES.split("post order to ")
    after = rest[rest.index("on edit of order") :]
    text = before + POST.replace("TIMING", timing) + after
    text = text.replace("aiaccount.sales_invoice", f"{NAME}.ar_invoice")
    text = text.replace("target aiaccount", f"target {NAME}").replace('"40000"', '"500-0000"')
    debtors = "customer,debtor\nC-77,300-W001\nC-78,300-X999\n"
    return FILES | {"shop.rules": text, "maps/debtors.csv": debtors}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    sim = Simulator(NAME, tmp_path_factory.mktemp("sim") / "ledger.jsonl")
    yield sim
    sim.kill()


class Relayed(Life):
    """The shop, and the target whose clock goes with its own."""

    there = 0.0

    @property
    def sim(self) -> Simulator:
        return self.books  # type: ignore[return-value]

    def later(self, seconds: float) -> None:
        """Time goes on here and there, in two dozen steps at most, and due work is done."""
        step = max(120.0, seconds / 24)
        for _ in range(round(seconds / step)):
            self.there += step
            self.sim.control("clock", offset_seconds=self.there)
            self.shop.clock.advance(step)
            self.work()

    def sends(self) -> list[str]:
        """The calls that were to make something."""
        paths = [str(one.get("path")).rpartition("/")[2] for one in self.ledger()]
        return [path for path in paths if path in CREATES]

    def made(self) -> list[str]:
        return [one["number"] for one in self.ledger() if one["effect"] == "created"]

    def ledger(self) -> list[dict[str, Any]]:
        lines = self.sim.ledger()
        return lines[max(at for at, one in enumerate(lines) if one.get("act") == "reset") :]

    @property
    def connection_id(self) -> int:
        with self.shop.database.read() as session:
            return session.scalars(select(Connection.id).where(Connection.connector == NAME)).one()


@pytest.fixture
def opened(
    running: Simulator,
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Relayed:
    running.control("reset")
    for name, value in (("ENV", "test"), ("UNDO_SECONDS", "0"), ("ALLOW_LOOPBACK", "1")):
        monkeypatch.setenv(f"CLEARPOST_{name}", value)
    shop = open_shop(database, company, clock)
    with database.write() as session:
        made = add_target(session, company, NAME, running.settings, shop.now)
        connections.set_key(session, SYSTEM, made.id, KEY, now=shop.now, keys=KEYS)
        connection_id = made.id
    http = Http(clock)
    report = channel.test_connection(database, clock, connection_id, SYSTEM, http=http, keys=KEYS)
    assert isinstance(report, ConnectionReport)
    assert report.ok
    return Relayed(shop, running, make_desk(database, clock, tmp_path, http))  # type: ignore[arg-type]


@pytest.fixture
def life(opened: Relayed) -> Relayed:
    """What is ready goes at once; a request takes 90 seconds there."""
    opened.shop.publish(rules("immediately"))
    opened.sim.control("queue", seconds=90)
    return opened


def state(life: Relayed, number: str = "A-1") -> str:
    return life.postings(number)[0][2]


@pytest.mark.slow
def test_a_desktop_that_is_off_for_a_night_is_no_trouble(life: Relayed) -> None:
    life.sim.control("book", offline=True)
    life.arrive("A-1")
    life.later(23 * 3600)
    assert (state(life), life.held("A-1")) == ("awaiting", [])
    with life.shop.database.read() as session:
        assert session.scalars(select(Run.state)).all() == ["done"], "its run has not failed"
        assert breaker.closed(session, life.connection_id), "who says not yet has answered"
        row = session.get_one(Throttle, life.connection_id)
        assert row.failures == 0
    life.later(2 * 3600)
    assert (state(life), life.held("A-1")) == ("awaiting", ["TGT03"])
    life.sim.control("book", offline=False)
    life.later(600)
    assert (state(life), life.held("A-1"), life.made()) == ("posted", [], ["A-1"])
    assert life.sends() == ["CreateARInvoice"]
    assert life.told("posting.later") == life.told("posting.uncertain") == []


def test_a_customer_that_the_stored_list_has_in_another_currency_holds_the_document(
    life: Relayed,
) -> None:
    listed = [ListRow("300-W001", "Web Customer", "", "", active=True, currency="SGD")]
    with life.shop.database.write() as session:
        connection = session.get_one(Connection, life.connection_id)
        now = life.shop.clock.now()
        list_storage.store_list(
            session,
            SYSTEM,
            connection,
            ListKind.CUSTOMER,
            "customers",
            "0" * 64,
            listed,
            as_of=now.date(),
            now=now,
        )
    life.arrive("A-1")
    life.later(600)
    assert life.held("A-1") == ["TGT13"]
    assert life.sends() == []


@pytest.mark.slow
def test_what_was_never_submitted_waits_a_day_and_then_for_a_person(life: Relayed) -> None:
    life.sim.control("faults", fault="timeout_before")
    life.arrive("A-1")
    assert state(life) == "uncertain"
    life.later(23 * 3600)
    assert (state(life), len(life.sends())) == ("uncertain", 1)
    with life.shop.database.read() as session:
        seen = session.scalars(select(Attempt.state).order_by(Attempt.no)).all()
    assert seen.count("absent") > 2
    assert "unknown" in seen, "a look is a request, too"
    life.later(4 * 3600)
    assert (state(life), life.held("A-1")) == ("failed", ["TGT04"])
    life.later(24 * 3600)
    assert (len(life.sends()), life.made()) == (1, [])


@pytest.mark.slow
def test_what_was_submitted_and_not_told_is_found(life: Relayed) -> None:
    life.sim.control("faults", fault="timeout_after")
    life.arrive("A-1")
    assert state(life) == "uncertain"
    life.later(1800)
    assert (state(life), life.made()) == ("posted", ["A-1"])
    assert life.sends() == ["CreateARInvoice"]


@pytest.mark.slow
def test_made_by_its_word_alone_is_shown_to_a_person_at_once(life: Relayed) -> None:
    life.sim.control("faults", fault="silent_drop")
    life.arrive("A-1")
    life.later(900)
    assert (state(life), life.held("A-1")) == ("failed", ["TGT02"])
    assert (len(life.sends()), life.made()) == (1, [])


@pytest.mark.slow
def test_who_could_not_answer_is_asked_again_by_the_same_ticket(
    life: Relayed, monkeypatch: pytest.MonkeyPatch
) -> None:
    life.arrive("A-1")
    asked: list[str] = []
    right = AutoCountOnTheGo.ask_again

    def ask_again(self: AutoCountOnTheGo, document: Any, ticket: str, *given: Any) -> Found:
        asked.append(ticket)
        if len(asked) < 3:
            return Found(kind="unknown", words="It did not answer in time.")
        return right(self, document, ticket, *given)

    monkeypatch.setattr(AutoCountOnTheGo, "ask_again", ask_again)
    life.later(900)
    assert (state(life), len(set(asked[:3]))) == ("posted", 1)
    assert "+" in asked[-1], "the look has a ticket of its own"


@pytest.mark.slow
def test_a_batch_ends_row_by_row_and_counts_in_its_month(opened: Relayed) -> None:
    life = opened
    life.shop.publish(rules("daily at 23:00 by ordered_on"))
    life.sim.control("queue", seconds=90)
    stamp = life.shop.now.isoformat()
    life.shop.receive(
        order("A-1", updated_at=stamp),
        order("A-2", updated_at=stamp, customer="C-78"),
        order("A-3", updated_at=stamp),
    )
    life.work()
    with life.shop.database.write() as session:
        row = breaker.locked(session, life.connection_id)
        row.quota_limit, row.quota_month, row.quota_used = 100, "2026-11", 0
        target = session.get_one(Connection, life.connection_id)
        ids = list(session.scalars(select(Posting.id)))
        date_ranges.add_run(session, target, "range", "ar_invoice", ids, life.shop.now)
    life.work()
    assert [state(life, f"A-{at}") for at in (1, 2, 3)] == ["awaiting"] * 3
    assert life.sends() == ["CreateBatchARInvoice"]
    life.later(1800)
    assert [state(life, f"A-{at}") for at in (1, 2, 3)] == ["posted", "failed", "posted"]
    assert (life.made(), life.sends()) == (["A-1", "A-3"], ["CreateBatchARInvoice"])
    with life.shop.database.read() as session:
        (said,) = session.scalars(select(Event.body).where(Event.act == "posting.refused"))
        used = session.get_one(Throttle, life.connection_id).quota_used
    assert (said["error_class"], used) == ("mapping_missing", 2)


DAY = 24 * 3600


def lists(life: Relayed) -> int:
    """How often the invoices of some days were asked for."""
    taken_in = [one for one in life.ledger() if one["effect"] == "queued"]
    return sum(one["kind"] == "list" for one in taken_in)


def under_way(life: Relayed) -> list[Request]:
    with life.shop.database.read() as session:
        waits = (Request.kind == "read") & (Request.state == "sending")
        return list(session.scalars(select(Request).where(waits)))


def readings(life: Relayed) -> list[tuple[bool, dict[str, Any]]]:
    with life.shop.database.read() as session:
        rows = session.scalars(select(Reading).order_by(Reading.id))
        return [(row.same, row.body) for row in rows]


@pytest.mark.slow
def test_what_stands_there_is_read_again_in_bulk_and_a_change_by_hand_is_held(
    life: Relayed,
) -> None:
    for number in ("A-1", "A-2", "A-3"):
        life.arrive(number)
    life.later(1800)
    assert [state(life, number) for number in ("A-1", "A-2", "A-3")] == ["posted"] * 3
    before = lists(life)
    with life.shop.database.write() as session:
        read_target(session, life.shop.actor("adam"), life.connection_id, life.shop.now)
    life.later(1800)
    assert lists(life) - before == 1, "one list tells of all that stands under its days"
    assert [same for same, _ in readings(life)] == [True] * 3
    assert under_way(life) == [], "what is answered is over"
    life.sim.control("by_hand", number="A-2", DebtorCode="300-K210")
    life.later(DAY + 3600)
    assert [life.held(number) for number in ("A-1", "A-2", "A-3")] == [[], ["STL03"], []]
    assert "DebtorCode is 300-K210 there" in life.told("posting.read")[-1]
    life.sim.control("by_hand", number="A-2", DebtorCode="300-W001")
    life.later(2 * DAY)
    assert life.held("A-2") == []
    assert life.sends() == ["CreateARInvoice"] * 3


@pytest.mark.slow
def test_a_reading_waits_for_a_desktop_that_is_off_and_no_list_is_asked_for_twice(
    life: Relayed,
) -> None:
    life.arrive("A-1")
    life.later(900)
    life.sim.control("by_hand", number="A-1", DocDate="01-01-2020")
    life.sim.control("book", offline=True)
    before = lists(life)
    life.later(2 * DAY)
    assert (lists(life) - before, len(under_way(life)), readings(life)) == (1, 1, [])
    with life.shop.database.read() as session:
        assert breaker.closed(session, life.connection_id), "who says not yet has answered"
    life.sim.control("book", offline=False)
    life.later(1800)
    (reading,) = readings(life)
    assert "it was deleted, or moved to another day" in reading[1]["words"]
    assert (under_way(life), life.held("A-1")) == ([], ["STL03"])


@pytest.mark.slow
def test_it_is_read_when_a_person_asks(life: Relayed) -> None:
    life.arrive("A-1")
    life.later(900)
    with life.shop.database.write() as session:
        told = read_target(session, life.shop.actor("adam"), life.connection_id, life.shop.now)
    assert told == 1
    life.later(1200)
    assert [same for same, _ in readings(life)] == [True]
    assert timedelta(seconds=AutoCountOnTheGo.settle_seconds) == timedelta(days=1)


@pytest.mark.slow
def test_a_ticket_that_nobody_asks_for_any_more_is_forgotten(life: Relayed) -> None:
    life.arrive("A-1")
    life.later(900)
    life.sim.control("book", offline=True)
    life.later(DAY + 1800)
    (old,) = under_way(life)
    life.later(8 * DAY)
    assert [one.id for one in under_way(life)] != [old.id]


@pytest.mark.parametrize("together", [True, False])
def test_a_number_that_differs_by_case_alone_is_held_and_names_our_document(
    life: Relayed, together: bool
) -> None:
    """The account book would refuse it long after it was sent."""
    for number in ("A-1", "a-1"):
        life.shop.receive(order(number))
        if not together:
            life.shop.judge()
            life.work()
    life.shop.judge()
    life.later(600)
    assert life.made() == ["A-1"]
    assert len(life.sends()) == 1
    assert (life.held("A-1"), life.held("a-1")) == ([], ["PSH03"])
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "a-1")
        assert "the number of A-1, sent by Clearpost" in hold.message
        assert "overwrite" not in hold.message
