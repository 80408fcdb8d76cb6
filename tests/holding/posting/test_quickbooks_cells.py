"""The QuickBooks template in force: every cell of its tables ends in its effect, and in no other.

All cells are driven together, once, on SQLite: that both databases push alike is shown elsewhere.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connectors.contract import ConnectionReport, IncomingRecord
from connectors.sources.intake.connector import Intake
from holding.access.actors import SYSTEM
from holding.connections import connections
from holding.connections.channel import Desk
from holding.connections.channel import test_connection as try_connection
from holding.db.database import Database
from holding.db.models import Company, Connection, Hold, Posting, Record, Team
from holding.holds import releases
from holding.holds.holds import Done
from holding.intake import receive
from holding.runs import schedules
from holding.runs.dispatch import push_due
from tests.connectors.simulator_processes import Simulator
from tests.holding.desks import KEYS, make_desk
from tests.holding.quickbooks_cells import (
    CHANGES,
    LOCKED_THROUGH,
    PARENT,
    Body,
    Story,
    cells,
    parent,
    plain,
    stories,
)
from tests.holding.shop import Shop, open_shop
from tests.support.clock import SetClock
from tests.support.factories import add_target, connection_named, make_connection
from tests.support.zones import SHOP_ZONE

FOLDER = Path(__file__).parents[3] / "portal" / "starters" / "orders-quickbooks"
FILES = {
    path.relative_to(FOLDER).as_posix(): path.read_text("utf-8")
    for path in sorted(FOLDER.rglob("*.*"))
}
RULES = {name: text for name, text in FILES.items() if name.endswith(".rules")}
PASTED = "qbo-client-3Rk9:qbo-refresh-5Mx8-0"
FIELD = "E-invoice"
EVENING = timedelta(hours=9, minutes=5)  # the clock begins at 9:00 in Malaysia


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Simulator]:
    sim = Simulator("quickbooks", tmp_path / "ledger.jsonl", "--calls-a-minute", "100000")
    yield sim
    sim.kill()


class House:
    """A company whose orders and purchases go to QuickBooks, driven as its workers do."""

    def __init__(self, shop: Shop, sim: Simulator, desk: Desk) -> None:
        self.shop, self.sim, self.desk = shop, sim, desk
        with shop.database.write() as session:
            make_connection(session, shop.company, "intake", side="source")
            settings = {**sim.settings, "e_invoice_field": FIELD}
            made = add_target(session, shop.company, "quickbooks", settings, shop.now)
            connections.set_key(session, SYSTEM, made.id, PASTED, now=shop.now, keys=KEYS)
            self.target = made.id
        self.look_at_the_target()
        shop.publish(FILES)

    def look_at_the_target(self) -> None:
        desk = self.desk
        report = try_connection(
            desk.database, desk.clock, self.target, SYSTEM, http=desk.http, keys=KEYS
        )
        assert isinstance(report, ConnectionReport)
        assert report.ok, report

    def deliver(self, *bodies: Body) -> None:
        """These records arrive together, as they stand now."""
        self.shop.clock.advance(60)
        stamp = self.shop.now.isoformat()
        records = [
            Intake().record("records[0]", {**one, "updated_at": stamp}, SHOP_ZONE) for one in bodies
        ]
        assert all(isinstance(one, IncomingRecord) for one in records), records
        with self.shop.database.write() as session:
            told = receive.receive(
                session,
                company_id=self.shop.company.id,
                source_id=connection_named(session, self.shop.company, "intake").id,
                delivery_key=stamp,
                kind="webhook",
                headers={},
                raw=stamp.encode(),
                records=[one for one in records if isinstance(one, IncomingRecord)],
                now=self.shop.now,
            )
        assert isinstance(told, receive.Receipt), told
        self.work()

    def work(self) -> None:
        """Judge, start what is due by the clock, push and read until nothing is left to do."""
        for _ in range(60):
            done = self.shop.judge()
            with self.shop.database.write() as session:
                schedules.follow_rules(session, self.shop.now)
                done += schedules.start_due(session, self.shop.now)
            company_id = self.shop.company.id
            pushed = push_due(
                self.desk.database,
                self.desk.clock,
                company_id=company_id,
                owner="t",
                desk=self.desk,
            )
            if not done and not pushed.count:  # type: ignore[union-attr]
                return
        pytest.fail("it never ends")

    def effects(self) -> list[tuple[str, str]]:
        done = ("created", "updated", "voided")
        return [
            (one["effect"], one["number"]) for one in self.sim.ledger() if one["effect"] in done
        ]

    def holds(self) -> dict[str, list[tuple[str, str]]]:
        """(team, code) of the open holds, by the number of the record."""
        found: dict[str, list[tuple[str, str]]] = defaultdict(list)
        with self.shop.database.read() as session:
            rows = session.execute(
                select(Record.number, Team.name, Hold.code)
                .join(Hold, Hold.record_id == Record.id)
                .join(Team, Team.id == Hold.team_id)
                .where(Hold.state == "open")
                .order_by(Hold.id)
            )
            for number, team, code in rows:
                found[number].append((team, code))
        return dict(found)

    def validate(self, told: list[Story]) -> None:
        """The e-invoices become valid, so many hours ago; then the invoices are read again."""
        for one in told:
            if one.cell.age:
                self._valid(one.document, int(one.cell.age.removesuffix("h")))
        self.read_again()
        with self.shop.database.read() as session:
            known = session.scalar(select(func.count(Posting.e_invoice_at)))
        assert known == sum(bool(one.cell.age) for one in told)

    def young(self, number: str) -> None:
        """The e-invoice of a document, if it is there, became valid an hour ago."""
        if number in [one.get("DocNumber") for one in self.sim.show("documents")]:
            self.was_valid(number, hours=1)

    def was_valid(self, number: str, *, hours: int) -> None:
        """The e-invoice of a document became valid so many hours ago, and is read."""
        self._valid(number, hours)
        self.read_again()

    def _valid(self, number: str, hours: int) -> None:
        since = self.shop.now - timedelta(hours=hours)
        own = [{"Name": "SalesRep", "StringValue": "House"}]
        own += [{"Name": FIELD, "StringValue": since.isoformat()}]
        self.sim.control("by_hand", number=number, fields={"CustomField": own})

    def read_again(self) -> None:
        with self.shop.database.write() as session:
            session.execute(update(Posting).values(read_due_at=self.shop.now))
        self.work()


@pytest.fixture
def house(
    running: Simulator,
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> House:
    for name, value in (("ENV", "test"), ("UNDO_SECONDS", "0"), ("ALLOW_LOOPBACK", "1")):
        monkeypatch.setenv(f"CLEARPOST_{name}", value)
    desk = make_desk(database, clock, tmp_path, SETTLE_SECONDS="0")
    return House(open_shop(database, company, clock), running, desk)


@pytest.mark.slow
@pytest.mark.sqlite
def test_every_cell_ends_in_its_effect_and_in_no_other(house: House) -> None:
    told = stories(RULES)
    house.deliver(parent(), *(one.before for one in told))
    house.shop.clock.advance(EVENING)
    house.work()
    posted = house.effects()
    wanted = {f"{PARENT}-1", *(one.document for one in told)}
    assert sorted(posted) == sorted(("created", number) for number in wanted), house.holds()
    house.validate(told)
    house.sim.control("lock", through=LOCKED_THROUGH)
    house.look_at_the_target()
    house.deliver(*(one.after for one in told))
    after, held, states = house.effects()[len(posted) :], house.holds(), house.shop.states()
    wrong = []
    for one in told:
        mine = [effect for effect in after if one.number in effect[1].split("-")]
        found = (mine, held.get(one.number, []), states[one.number])
        if found != (one.effects, one.holds, one.state):
            wrong.append((one.cell, *found))
    assert not wrong, "\n".join(map(str, wrong))
    assert len(after) == sum(len(one.effects) for one in told)
    stand = {one.get("DocNumber"): one for one in house.sim.show("documents")}
    for one in told:
        if one.cell.answer == "void":
            assert stand[one.document]["PrivateNote"] == f"Voided {one.number}"
        if one.cell.answer in ("credit_note", "credit_and_new"):
            credit = stand[f"CM-{one.document}"]
            assert credit["TotalAmt"] == stand[one.document]["TotalAmt"]
    _silence_ends_in_one_document(house)
    _a_revoked_key_is_one_exception(house)
    _a_token_that_ended_early_is_nobodys_business(house)


def _a_token_that_ended_early_is_nobodys_business(house: House) -> None:
    """It is exchanged, and what was about to go goes under its own number."""
    with house.shop.database.write() as session:
        row = session.get_one(Connection, house.target)
        client, refresh, *_ = str(connections.secret_of(session, row, KEYS)).split(":")
        half = int((house.shop.now + timedelta(minutes=30)).timestamp())
        key = f"{client}:{refresh}:qbo-access-7Wd2-9999:{half}"
        connections.set_key(session, SYSTEM, row.id, key, now=house.shop.now, keys=KEYS)
    before = len(house.sim.ledger("token"))
    house.deliver(plain("Q904", price="304.00"))
    assert len(house.sim.ledger("token")) == before + 1
    assert house.effects()[-1] == ("created", "Q904-1")
    assert (house.shop.states()["Q904"], "Q904" in house.holds()) == ("posted", False)


def _a_revoked_key_is_one_exception(house: House) -> None:
    """Two orders wait for a key; the first one carries the exception, a new key lets both go."""
    before = len(house.effects())
    house.sim.control("revoke")
    house.shop.clock.advance(3600)
    house.deliver(plain("Q902", price="302.00"), plain("Q903", price="303.00"))
    house.work()
    told = {number: state for number, state in house.shop.states().items() if number > "Q901"}
    assert sorted(told.values()) == ["held", "ready"]
    (failed,) = (number for number, state in told.items() if state == "held")
    assert house.holds()[failed] == [("it_support", "TGT01")]
    house.sim.control("authorize", number=77)
    with house.shop.database.write() as session:
        row = session.get_one(Connection, house.target)
        key = PASTED.replace("-0", "-77")
        connections.set_key(session, SYSTEM, row.id, key, now=house.shop.now, keys=KEYS)
    house.work()
    assert sorted(house.effects()[before:]) == [("created", "Q902-1"), ("created", "Q903-1")]


def _silence_ends_in_one_document(house: House) -> None:
    """Of a create, then of an update: not stored, then stored unheard."""
    before = len(house.effects())
    plan = ["timeout_before", "timeout_after"]
    for price in ("300.00", "301.00"):
        house.young("Q901-1")
        house.sim.control("faults", plan=plan)
        house.deliver(plain("Q901", price=price))
        for _ in range(9):
            if house.shop.states()["Q901"] == "posted" and not house.sim.show_plan():
                break
            house.shop.clock.advance(600)
            house.work()
    assert house.effects()[before:] == [("created", "Q901-1"), ("updated", "Q901-1")]
    assert house.shop.states()["Q901"] == "posted"


def refund_of(sold: Body, number: str, amount: str) -> Body:
    """A refund of a part of an order."""
    (line,) = plain(sold["number"], price="0.00")["lines"]
    more = {"qty": "1", "price": None, "amount": amount, "tax": "NONE"}
    line = {name: value for name, value in {**line, **more}.items() if value is not None}
    told: Body = {"kind": "refund", "number": number, "order_number": sold["number"]}
    told |= {"status": "Refunded", "refunded_on": sold["ordered_on"], "customer": "C-77"}
    return told | {"total": amount, "lines": [line]}


@pytest.mark.slow
@pytest.mark.sqlite
def test_what_was_made_void_there_since_its_reading_is_not_credited(house: House) -> None:
    """By a refund, or by a credit memo for a cancelled order: only a reading shows the void."""
    refunded, cancelled = plain("Q920", price="10.00"), plain("Q922", price="300.00")
    house.deliver(refunded, cancelled)
    house.was_valid("Q922-1", hours=80)
    before = house.effects()
    house.shop.clock.advance(600)
    for number in ("Q920-1", "Q922-1"):
        house.sim.control("by_hand", number=number, void=True)
    house.deliver(refund_of(refunded, "Q921", "120.00"), {**cancelled, "status": "cancelled"})
    house.shop.clock.advance(120)
    house.work()
    assert house.effects() == before
    edited = [("accounts", "STL03")]
    assert house.holds() == {"Q920": edited, "Q922": edited}
    assert house.shop.states()["Q921"] == "waiting"
    with house.shop.database.write() as session:
        (hold,) = house.shop.holds(session, "Q920")
        actor = house.shop.actor("lim")
        made = releases.release(session, actor, hold.id, "Void on purpose", house.shop.now)
    assert isinstance(made, Done), made
    house.work()
    assert house.effects() == before
    assert house.holds() == {"Q921": [("accounts", "TGT17")], "Q922": edited}
    with house.shop.database.read() as session:
        (hold,) = house.shop.holds(session, "Q921")
    assert hold.message.startswith("RF-Q921 was not sent: it credits Q920-1, and quickbooks shows")
    assert "void" in hold.message


@pytest.mark.slow
@pytest.mark.sqlite
def test_what_was_given_back_is_not_given_back_again(house: House) -> None:
    """Refunds come one by one; then the order is cancelled, whose invoice is to be made void."""
    house.deliver(sold := plain("Q910", price="10.00"))  # 220.00

    def back(number: str, amount: str) -> Body:
        return refund_of(sold, number, amount)

    house.deliver(back("Q911", "120.00"))
    house.deliver(back("Q912", "100.01"))
    assert house.effects() == [("created", "Q910-1"), ("created", "RF-Q911")]
    assert house.holds() == {"Q912": [("accounts", "CHK01")]}
    house.deliver(back("Q912", "100.00"))
    assert house.effects()[2:] == [("created", "RF-Q912")]
    house.deliver({**sold, "status": "cancelled"})
    assert house.effects()[3:] == []
    assert house.holds() == {"Q910": [("accounts", "STL01")]}


def test_a_row_that_nobody_drives_is_noticed() -> None:
    """Each cell is driven once; a group, column or word that is new is not passed over."""
    told = [replace(cell, answer="") for cell in cells(RULES)]
    assert len(set(told)) == len(told) == 56
    for kind, changes in CHANGES.items():
        assert {cell.change for cell in told if cell.kind == kind} == set(changes)
    planted: Any = {
        "changes.rules": RULES["changes.rules"]
        .replace(
            "    rest     = status, bank_ref\n", "    rest     = status\n    bank = bank_ref\n"
        )
        .replace(
            "| rest               | -      | ignore ", "| rest, bank         | -      | ignore "
        )
    }
    with pytest.raises(KeyError, match="bank"):
        stories({**RULES, **planted})
