"""A company moves to another accounting system: what is in the old one is not posted once more."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy import select

from connectors import registry
from connectors.targets.aiaccount.connector import FORM
from holding.access.actors import SYSTEM
from holding.connections.connections import set_key
from holding.db.models import Cause, Hold
from holding.holds import releases
from holding.holds.holds import Done
from holding.trials.findings import Code, Finding, findings
from tests.holding.desks import KEYS
from tests.holding.life import LARGE, NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.shop import FILES, order
from tests.support.books import CREDIT_NOTE, INVOICE, Books
from tests.support.factories import add_target
from tests.support.simulator import DEMO_KEY

OLD = NUMBERED + TABLES
NEW = OLD.replace("aiaccount", "newbooks")
TOUCHED: dict[str, Any] = {**SMALL, "created_by": "siti"}  # nothing that any document says


@dataclass
class Moved:
    """The shop with two accounting systems, of which its rules name one at first."""

    life: Life
    new: Books

    def decide(self, act: Callable[..., object], why: str) -> None:
        """A supervisor releases or rejects what is on hold, and the workers go on."""
        shop = self.life.shop
        with shop.database.write() as session:
            told = act(session, shop.actor("lim"), self.hold().id, why, shop.now)
        assert isinstance(told, Done), told
        self.life.work()

    def hold(self) -> Hold:
        """What the new books wait for."""
        with self.life.shop.database.read() as session:
            held = self.life.shop.holds(session, "NS-1")
        (hold,) = [one for one in held if one.route == "newbooks.sales_invoice"]
        return hold

    def move(self, rules: str = NEW) -> None:
        self.life.shop.publish(FILES | {"shop.rules": rules})
        self.life.work()


@pytest.fixture
def moved(begun: Begun, monkeypatch: pytest.MonkeyPatch) -> Moved:
    """Neither system makes e-Invoices: what both may have of one sale no other rule forbids."""
    life, form = begun(FILES | {"shop.rules": OLD}), replace(FORM, e_invoices=None)
    schemas = tuple(replace(one, target="newbooks") for one in (INVOICE, CREDIT_NOTE))
    new = Books(name="newbooks", documents=schemas, form=form)
    life.books.form = form
    monkeypatch.setattr(registry, "_TARGETS", (life.books, new))
    shop, settings = life.shop, {"company_id": "C-2", "base_url": "http://127.0.0.1:1"}
    with shop.database.write() as session:
        made = add_target(session, shop.company, "newbooks", settings, shop.now).id
        set_key(session, SYSTEM, made, DEMO_KEY, now=shop.now, keys=KEYS)
    life.arrive("NS-1", **SMALL)
    assert life.books.effects == [("create", "NS-1-1")]
    return Moved(life, new)


def test_what_is_in_the_old_books_waits_for_a_person(moved: Moved) -> None:
    moved.move()
    moved.life.arrive("NS-1", **TOUCHED)
    assert moved.new.effects == []
    hold = moved.hold()
    assert (hold.code, hold.error_class, hold.route) == (
        "PSH07",
        "duplicate",
        "newbooks.sales_invoice",
    )
    assert hold.message == (
        "NS-1-1 was posted to aiaccount, by a posting rule that is not in force any more. It would"
        " be in both accounting systems."
    )
    assert hold.would_pass == "a person skips it, or decides to post it here too"
    with moved.life.shop.database.read() as session:
        label = session.scalar(select(Cause.label).where(Cause.id == hold.cause_id))
    assert label == "Documents were posted to aiaccount before"


def test_what_is_new_goes_to_the_new_books(moved: Moved) -> None:
    moved.move()
    moved.life.arrive("NS-2", **SMALL)
    assert moved.new.effects == [("create", "NS-2-1")]


def test_a_person_has_it_posted_there_too(moved: Moved) -> None:
    moved.move()
    moved.life.arrive("NS-1", **TOUCHED)
    moved.decide(releases.release, "the old books end")
    assert moved.new.effects == [("create", "NS-1-1")]
    assert moved.life.held("NS-1") == []


def test_who_decided_once_is_not_asked_again_of_the_same_record(moved: Moved) -> None:
    """Its next document there follows from the first."""
    moved.move()
    moved.life.arrive("NS-1", **TOUCHED)
    moved.decide(releases.release, "the old books end")
    moved.life.arrive("NS-1", **LARGE)
    assert [number for _, number in moved.new.effects] == ["NS-1-1", "CN-NS-1-1", "NS-1-2"]
    assert "PSH07" not in moved.life.held("NS-1")


def test_who_released_something_else_has_not_decided_it(moved: Moved) -> None:
    moved.move()
    moved.life.arrive("NS-1", **{**TOUCHED, "total": "95.00"})
    assert moved.hold().code == "CHK01"
    moved.decide(releases.release, "rounded")
    assert moved.hold().code == "PSH07"
    assert moved.new.effects == []
    assert moved.life.held("NS-1") == ["STL01", "PSH07"], "the old books have the old total"


def test_a_person_skips_it(moved: Moved) -> None:
    moved.move()
    moved.life.arrive("NS-1", **TOUCHED)
    moved.decide(releases.reject, "it is in the old books")
    assert (moved.new.effects, moved.life.held("NS-1")) == ([], [])


def test_what_the_old_books_have_made_void_goes_to_the_new_ones(moved: Moved) -> None:
    moved.life.arrive("NS-1", **SMALL, status="cancelled")
    assert moved.life.books.shelf["NS-1-1"].void
    moved.move()
    moved.life.arrive("NS-1", **TOUCHED)
    assert [act for act, _ in moved.new.effects] == ["create"]


def test_rules_that_name_both_systems_post_to_both(moved: Moved) -> None:
    target, post, edits = (NUMBERED.index(f"\n{one}") for one in ("target", "post", "on edit"))
    parts = (NUMBERED[target : NUMBERED.index("\nrecord")], NUMBERED[post:edits], TABLES)
    second = "\n".join(parts).replace("aiaccount", "newbooks")
    moved.move(OLD + second)
    moved.life.arrive("NS-1", **TOUCHED)
    assert moved.new.effects == [("create", "NS-1-1")]


def test_it_waits_whatever_the_new_system_calls_it(moved: Moved) -> None:
    """The number alone does not say that both are one sale: each system has its own."""
    moved.move(NEW.replace('as "{number}-{posting}"', 'as "QB-{number}-{posting}"'))
    moved.life.arrive("NS-1", **TOUCHED)
    assert moved.new.effects == []
    assert (moved.hold().code, moved.hold().number) == ("PSH07", "QB-NS-1-1")
    assert moved.hold().message.startswith("NS-1-1 was posted to aiaccount, ")


def test_what_undid_the_old_document_is_not_the_sale(moved: Moved) -> None:
    """A credit note stands in the old books beside what it took back."""
    moved.life.arrive("NS-3", **LARGE)
    moved.life.arrive("NS-3", **LARGE, status="cancelled")
    assert [act for act, _ in moved.life.books.effects][-1] == "create"
    moved.move()
    moved.life.arrive("NS-3", **LARGE, created_by="siti")
    assert [act for act, _ in moved.new.effects] == ["create"]


BY_DAY = (" when     ordered_on < 2026-11-20", " when     ordered_on >= 2026-11-20")


def by_day(old: str, new: str) -> str:
    """Rules with a route to each system, which ask for these days."""
    target, post, edits = (NUMBERED.index(f"\n{one}") for one in ("target", "post", "on edit"))
    parts = (NUMBERED[target : NUMBERED.index("\nrecord")], NUMBERED[post:edits], TABLES)
    second = "\n".join(parts).replace("aiaccount", "newbooks")
    asked = 'as "{number}-{posting}"\n'
    first, second = (
        text.replace(asked, f"{asked}   {days}\n") for text, days in ((OLD, old), (second, new))
    )
    return first + second


def test_a_day_that_changes_over_the_move_is_not_posted_twice(moved: Moved) -> None:
    """Both routes are in force, and each day goes to one of them."""
    moved.move(by_day(*BY_DAY))
    moved.life.arrive("NS-4", **SMALL, ordered_on="2026-11-19")
    assert moved.life.books.effects[-1] == ("create", "NS-4-1")
    moved.life.arrive("NS-4", **SMALL, ordered_on="2026-11-21")
    assert moved.new.effects == []
    assert "PSH07" in moved.life.held("NS-4")


def preflight(moved: Moved) -> dict[str, Finding]:
    with moved.life.shop.database.read() as session:
        found = findings(session, moved.life.shop.company.id, moved.life.shop.now)
    return {one.code: one for one in found}


def test_preflight_tells_of_it_before_it_is_sent(moved: Moved) -> None:
    moved.move()
    shop = moved.life.shop
    shop.receive(order("NS-1", updated_at=shop.now.isoformat(), **TOUCHED))
    shop.judge()
    told = preflight(moved)["PSH07"]
    assert (told.connection, told.records) == ("newbooks", 1)
    assert told.words == (
        "aiaccount has a document of the same record, which it would not get now. First: NS-1-1."
    )


def test_preflight_tells_what_no_rule_looks_after_any_more(moved: Moved) -> None:
    """An order of the old days that is cancelled now stays in the old books, and nobody is told."""
    assert Code.LEFT not in preflight(moved)
    moved.move()
    told = preflight(moved)[Code.LEFT]
    assert (told.connection, told.records) == ("aiaccount", 1)
    assert told.words == (
        "The rules in force do not post aiaccount.sales_invoice any more: where a record of a"
        " posted document is cancelled or changed, aiaccount keeps it, and a person is asked."
    )
    moved.life.shop.clock.advance(32 * 24 * 3600)
    assert Code.LEFT not in preflight(moved)


def test_a_route_that_forgot_the_day_is_told(moved: Moved) -> None:
    """Both make an invoice of each order before the day: the old route alone asks for one."""
    moved.move(by_day("", BY_DAY[1]).replace("   \n", ""))
    form = replace(FORM, settings=())
    moved.life.books.form = moved.new.form = form
    told = preflight(moved)[Code.OVERLAP]
    assert told.words.startswith("aiaccount and newbooks both take the order of ordered_on")
