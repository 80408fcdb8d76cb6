"""Whatever happens in whatever order: nothing is sent that nobody else had agreed to, as it is."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import count, cycle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from holding.access import actors, people
from holding.approvals import approve as approvals_approve
from holding.approvals.approve import Approved
from holding.connections import connections
from holding.db.database import Database
from holding.db.models import Approval, Company, Evaluation, Hold, Posting, Push, Record, Version
from holding.holds import holds, releases
from holding.holds.holds import Correction, Done
from holding.mappings import fixes
from holding.rulesets import publication
from holding.rulesets.recorded_backtests import Published
from holding.runs.dispatch import push_due
from tests.faults.amounts import amount
from tests.holding.consent import ASKING, breaches
from tests.holding.life import Life, begin
from tests.holding.shop import DEBTORS, FILES, line, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import connection_named

WANTED = amount(3, 500, 20_000)
PARTS = max(1, WANTED // 125)  # each in a company of its own, which stays small
HISTORIES = WANTED // PARTS
CUSTOMERS = 100 + 2 * HISTORIES  # a history each, and some more where a bad one is made shorter
SECOND = """
approve order for aiaccount.sales_invoice
    when     total > 1500.00
    by       sales_admin
    say      "RM {total} is for two."
"""
RULED = ASKING + SECOND
PEOPLE = ("lim", "tan", "farah", "chan", "pua")  # they make things, and may approve as well
PRICES = ("600.00", "900.00", "40.00")  # two levels, one level and none are asked for
ACTS = st.one_of(
    st.tuples(st.sampled_from(("approve", "release", "correct")), st.sampled_from(PEOPLE)),
    st.tuples(st.sampled_from(("edit", "enter", "fax")), st.sampled_from(PRICES)),
    st.tuples(st.sampled_from(("publish", "reword")), st.sampled_from(("pua", "lim"))),
    st.sampled_from(("map", "pause", "resume", "judge", "push")).map(lambda x: (x, "")),
)
AGREED_FIRST = [("fax", "900.00"), ("judge", ""), ("approve", "lim")]
SENT = [("judge", ""), ("push", "")]


@dataclass
class World:
    """One shop over many histories, each with an order and a customer of its own."""

    life: Life
    numbers: Any = field(default_factory=lambda: count(1))
    number: str = ""
    price: str = PRICES[0]
    came: datetime | None = None
    mapped: datetime | None = None
    writers: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)  # who let a finding of this content pass
    publisher: str = "pua"
    account: str = '"40000"'
    accounts: Any = field(default_factory=lambda: cycle(('"40001"', '"40002"', '"40003"')))
    wordings: Any = field(default_factory=lambda: cycle(("came in by", "was sent by", "is by")))
    looked: int = 0

    def begin(self) -> None:
        """The next order comes."""
        no = next(self.numbers)
        self.number, self.came, self.mapped = f"NS-{no}", None, None
        self.writers = set()
        self.edit(PRICES[0])

    def edit(self, price: str, channel: str = "web", **given: Any) -> None:
        shop = self.life.shop
        shop.clock.advance(60)
        self.price, self.came, self.released = price, shop.now, set()
        total = f"{2 * float(price):.2f}"
        body = {"total": total, "lines": [line(price=price)], "channel": channel}
        customer = f"C-{self.number}"
        shop.receive(
            order(self.number, customer=customer, updated_at=shop.now.isoformat(), **body), **given
        )

    def enter(self, price: str) -> None:
        self.edit(price, by=self.life.shop.actor("farah"))
        self.writers.add("farah")

    def fax(self, price: str) -> None:
        self.edit(price, "fax")

    def release(self, name: str) -> None:
        shop = self.life.shop
        with shop.database.write() as session:
            for hold in self._of_channel(session):
                answer = releases.release(session, shop.actor(name), hold.id, "agreed", shop.now)
                if isinstance(answer, Done):
                    self.released.add(name)

    def correct(self, name: str) -> None:
        shop = self.life.shop
        with shop.database.write() as session:
            record = shop.record(session, self.number)
            no = session.get_one(Version, record.version_id).no
            wish = Correction(path="channel", value="web", reason="by web", seen=no)
            for hold in self._of_channel(session):
                shop.clock.advance(60)
                answer = holds.correct(session, shop.actor(name), hold.id, wish, shop.now)
                if isinstance(answer, Done):
                    self.writers.add(name)
                    self.came, self.released = shop.now, set()

    def _of_channel(self, session: Any) -> list[Hold]:
        found = self.life.shop.holds(session, self.number)
        return [hold for hold in found if hold.rule == "channel_known"]

    def map(self, _: str) -> None:
        shop = self.life.shop
        shop.clock.advance(60)
        with shop.database.write() as session:
            revision = session.get_one(Company, shop.company.id).revision
            key, value = f"C-{self.number}", f"Debtor {shop.now:%H%M%S}"
            farah = shop.actor("farah")
            done = fixes.fix(session, farah, "debtor", key, value, "new", shop.now, revision)
            assert isinstance(done, fixes.Fixed), done
        self.mapped = shop.now

    def publish(self, name: str) -> None:
        """Rules by which each document is another."""
        self.account = next(self.accounts)
        self.reword(name)

    def reword(self, name: str) -> None:
        """Rules that say the same in other words."""
        shop = self.life.shop
        shop.clock.advance(60)
        words = RULED.replace("came by", next(self.wordings))
        files = {**FILES, "shop.rules": words.replace('"40000"', self.account)}
        with shop.database.write() as session:
            company_id, chan = shop.company.id, shop.actor("chan")
            change = publication.push_change(session, company_id, chan, files, "Rules", shop.now)
            assert isinstance(change, int), change
            done = publication.publish_change(session, change, shop.actor(name), shop.now)
            assert isinstance(done, Published), done
        self.publisher = name

    def approve(self, name: str) -> None:
        shop = self.life.shop
        with shop.database.write() as session:
            found = session.scalars(select(Posting).where(Posting.number == self.number)).all()
            ids = [posting.id for posting in found]
            answer = approvals_approve.approve(session, shop.actor(name), ids, "seen", shop.now)
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
            act(session, shop.actor("adam"), target.id, *reason, now=shop.now)

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
        hands = {"chan", self.publisher} | self.writers | self.released
        if self.mapped and self.came and self.mapped >= self.came:
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
        for name in PEOPLE:
            who = {"company_id": company.id, "person_id": shop.actor(name).person_id or 0}
            for role in ("approver", "finance", *(("publisher",) if name == "lim" else ())):
                people.add_membership(session, **who, role=role, actor=actors.SYSTEM, now=shop.now)
            people.add_to_team(session, **who, name="accounts")
            actor = actors.actor_of(session, who["person_id"], company.id)
            assert actor
            shop.actors[name] = actor
    customers = "".join(f"C-NS-{no},Debtor {no}\n" for no in range(1, CUSTOMERS))
    files = {**FILES, "maps/debtors.csv": DEBTORS + customers, "shop.rules": RULED}
    return World(begin(shop, tmp_path, monkeypatch, files))


@pytest.mark.slow
@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_goes_unseen_own_or_stale(world: World, part: int) -> None:
    @settings(
        max_examples=HISTORIES,
        deadline=None,
        database=None,
        derandomize=HISTORIES < 10,
        suppress_health_check=list(HealthCheck),
    )
    @example([*AGREED_FIRST, ("release", "lim"), *SENT])
    @example([*AGREED_FIRST, ("correct", "lim"), *SENT])
    @example([("edit", "900.00"), *AGREED_FIRST[1:], ("reword", "lim"), *SENT])
    @given(st.lists(ACTS, min_size=6, max_size=16))
    def history(acts: list[tuple[str, str]]) -> None:
        world.begin()
        for act, word in acts:
            getattr(world, act)(word)
        world.resume("")
        for name in PEOPLE:
            world.judge()
            world.release(name)
            world.judge()
            world.approve(name)
            world.push()

    history()
    with world.life.shop.database.read() as session:
        assert breaches(world.life.shop, session) == []
    sent = [number for action, number in world.life.books.effects if action == "create"]
    assert len(sent) == len(set(sent)) > HISTORIES // 2
