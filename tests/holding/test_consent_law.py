"""Whatever happens in whatever order: nothing is sent that nobody else had agreed to, as it is.

`CLEARPOST_HISTORIES` says how many histories are tried; a few, where it is not set.
"""

import os
from dataclasses import dataclass, field
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from holding import approvals, connections, mappings, people
from holding.approvals import Approved
from holding.database import Database
from holding.models import Approval, Company, Evaluation, Posting, Push, Record
from holding.pushes import push_due
from tests.holding.life import Life, begin
from tests.holding.shop import DEBTORS, FILES, RULES, line, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import connection_named

WANTED = int(os.environ.get("CLEARPOST_HISTORIES", "3"))
PARTS = max(1, WANTED // 125)  # each in a company of its own, which stays small
HISTORIES = WANTED // PARTS
SECOND = """
approve order for aiaccount.sales_invoice
    when     total > 1500.00
    by       sales_admin
    say      "RM {total} is for two."
"""
MAKERS = ("farah", "chan", "pua")  # they make things, and may approve as well
PEOPLE = ("lim", "tan", *MAKERS)
PRICES = ("600.00", "900.00", "40.00")  # two levels, one level and none are asked for
ACTS = st.one_of(
    st.tuples(st.just("approve"), st.sampled_from(PEOPLE)),
    st.tuples(st.sampled_from(("edit", "enter")), st.sampled_from(PRICES)),
    st.sampled_from(("map", "publish", "pause", "resume", "judge", "push")).map(lambda x: (x, "")),
)


@dataclass
class World:
    """One shop over many histories, each with an order and a customer of its own."""

    life: Life
    numbers: Any = field(default_factory=lambda: count(1))
    number: str = ""
    price: str = PRICES[0]
    came: datetime | None = None
    mapped: datetime | None = None
    entered: bool = False
    looked: int = 0

    def begin(self) -> None:
        """The next order comes."""
        no = next(self.numbers)
        self.number, self.came, self.mapped, self.entered = f"NS-{no}", None, None, False
        self.edit(PRICES[0])

    def edit(self, price: str, **given: Any) -> None:
        shop = self.life.shop
        shop.clock.advance(60)
        self.price, self.came = price, shop.now
        body = {"total": f"{2 * float(price):.2f}", "lines": [line(price=price)]}
        customer = f"C-{self.number}"
        shop.receive(
            order(self.number, customer=customer, updated_at=shop.now.isoformat(), **body), **given
        )

    def enter(self, price: str) -> None:
        self.edit(price, by=self.life.shop.actor("farah"))
        self.entered = True

    def map(self, _: str) -> None:
        shop = self.life.shop
        shop.clock.advance(60)
        with shop.database.write() as session:
            revision = session.get_one(Company, shop.company.id).revision
            key, value = f"C-{self.number}", f"Debtor {shop.now:%H%M%S}"
            farah = shop.actor("farah")
            done = mappings.fix(session, farah, "debtor", key, value, "new", shop.now, revision)
            assert isinstance(done, mappings.Fixed), done
        self.mapped = shop.now

    def publish(self, _: str) -> None:
        shop = self.life.shop
        shop.clock.advance(60)
        account = f'"4{shop.now:%M%S}"'
        rules = (RULES + SECOND).replace('"40000"', account)
        shop.publish({**FILES, "shop.rules": rules})

    def approve(self, name: str) -> None:
        shop = self.life.shop
        with shop.database.write() as session:
            found = session.scalars(select(Posting).where(Posting.number == self.number)).all()
            ids = [posting.id for posting in found]
            answer = approvals.approve(session, shop.actor(name), ids, "seen", shop.now)
            assert isinstance(answer, Approved), answer

    def pause(self, _: str) -> None:
        self._switch(connections.pause)

    def resume(self, _: str) -> None:
        self._switch(connections.resume)

    def _switch(self, act: Any) -> None:
        shop = self.life.shop
        with shop.database.write() as session:
            target = connection_named(session, shop.company, "aiaccount")
            reason = ("stock taking",) if act is connections.pause else ()
            act(session, shop.actor("adam"), target, *reason, now=shop.now)

    def judge(self, _: str = "") -> None:
        self.life.shop.judge()

    def push(self, _: str = "") -> None:
        desk = self.life.desk
        push_due(
            desk.database,
            desk.clock,
            company_id=self.life.shop.company.id,
            owner="test",
            desk=desk,
        )
        self._look()

    def _look(self) -> None:
        """Whether what was sent just now had been agreed to, by others, as it went."""
        shop = self.life.shop
        with shop.database.read() as session:
            company = session.get_one(Company, shop.company.id)
            for push in session.scalars(
                select(Push).where(Push.id > self.looked).order_by(Push.id)
            ):
                self.looked = push.id
                judged = session.get_one(Evaluation, push.evaluation_id)
                record = session.get_one(Record, judged.record_id)
                assert judged.ruleset_version_id == company.ruleset_version_id
                assert judged.version_id == record.version_id
                self._agreed(session, push, judged)

    def _agreed(self, session: Any, push: Push, judged: Evaluation) -> None:
        (decision,) = judged.outcome["decisions"]
        asked = {found[1] for found in decision["findings"] if found[0] == "APP01"}
        total = 2 * float(self.price)
        assert len(asked) == (total > 1000) + (total > 1500)
        given = session.scalars(
            select(Approval).where(
                Approval.posting_id == push.posting_id,
                Approval.hash == push.hash,
                Approval.voided_at.is_(None),
            )
        ).all()
        assert {one.level for one in given} >= asked
        assert len({one.person_id for one in given}) == len(given)
        hands = {"chan", "pua"}
        if self.entered or (self.mapped and self.came and self.mapped >= self.came):
            hands.add("farah")
        barred = {self.life.shop.actor(name).person_id for name in hands}
        assert not barred & {one.person_id for one in given}


@pytest.fixture
def world(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> World:
    shop = open_shop(database, company, clock)
    with database.write() as session:
        for name in MAKERS:
            who = {"company_id": company.id, "person_id": shop.actor(name).person_id or 0}
            people.add_membership(
                session, **who, role="approver", actor=people.SYSTEM, now=shop.now
            )
            people.add_to_team(session, **who, name="accounts")
            actor = people.actor_of(session, who["person_id"], company.id)
            assert actor
            shop.actors[name] = actor
    customers = "".join(f"C-NS-{no},Debtor {no}\n" for no in range(1, HISTORIES * 20))
    files = {**FILES, "maps/debtors.csv": DEBTORS + customers, "shop.rules": RULES + SECOND}
    return World(begin(shop, tmp_path, monkeypatch, files))


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_goes_unseen_own_or_stale(world: World, part: int) -> None:
    @settings(
        max_examples=HISTORIES,
        deadline=None,
        database=None,
        derandomize=HISTORIES < 10,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(ACTS, min_size=6, max_size=16))
    def history(acts: list[tuple[str, str]]) -> None:
        world.begin()
        for act, word in acts:
            getattr(world, act)(word)
        world.resume("")
        for name in PEOPLE:
            world.judge()
            world.approve(name)
            world.push()

    history()
    sent = [number for action, number in world.life.books.effects if action == "create"]
    assert len(sent) == len(set(sent)) > HISTORIES // 2
