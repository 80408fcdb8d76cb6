"""A migration that is taken back, worked under by the former program, and made again.

Here: that nothing is lost or false by that: rows, stories, digests, the chain, the seven answers.
Not here: each migration alone (test_migrations.py, tests/holding/posting/test_stories.py).
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.db.database import Database
from holding.db.models import (
    Attempt,
    Company,
    Delivery,
    Evaluation,
    Event,
    Hold,
    Posting,
    Push,
    Record,
    Request,
    RuleFile,
    RulesetVersion,
    StoryForm,
    Version,
)
from holding.db.models.columns import Packed, table_of
from holding.operations import content_invariants
from holding.platform import events
from holding.platform.backup import downgrade, upgrade
from holding.posting.evidence import Storyteller, stored_trace
from holding.programs.replay import replay, replay_all
from holding.programs.world import program
from holding.records import story
from holding.records.seven_answers import Answer, answers
from rules.outcomes import trace_lines
from rules.values.canonical import dumps
from tests.holding.pushing import Lane
from tests.holding.shop import Shop, open_shop, order
from tests.support.clock import SetClock
from tests.support.earlier import read_by_this_program

KEPT = (Attempt, Delivery, Evaluation, Event, Hold, Posting, Push, Record, Request, Version)


@pytest.fixture
def shop(lane: Lane, database: Database, company: Company, clock: SetClock) -> Shop:
    """A shop under real rules; its target is AiAccount."""
    made = open_shop(database, company, clock)
    made.publish()
    return made


def worker(lane: Lane) -> Lane:
    """As a worker of this program that has just started."""
    stories = Storyteller(lane.database)
    return replace(lane, desk=replace(lane.desk, trace=stories, forget=stories.forget))


@contextmanager
def former(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lane]:
    """A worker of the program before 0055: each story stands whole, each delivery as it came."""

    def told(session: Session, evaluation_ids: Any) -> dict[int, bytes]:
        files = {row.path: row.body for row in session.scalars(select(RuleFile))}
        texts = {one: dumps(trace_lines(replay(session, one), files)) for one in evaluation_ids}
        return {one: zlib.compress(text.encode()) for one, text in texts.items()}

    with monkeypatch.context() as patch:
        patch.setattr(Packed, "process_bind_param", lambda _self, value, _dialect: value)
        yield replace(lane, desk=replace(lane.desk, trace=told))


def send(shop: Shop, lane: Lane, *numbers: str) -> None:
    shop.receive(*(order(number, note="a word that repeats itself " * 9) for number in numbers))
    shop.judge()
    assert lane.work() == len(numbers)
    assert {shop.states()[number] for number in numbers} == {"posted"}


def rows(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of what was kept, stories and deliveries as people read them."""
    with database.read() as session:
        told = {push.id: stored_trace(session, push) for push in session.scalars(select(Push))}
        found: dict[str, list[dict[str, Any]]] = {}
        for model in KEPT:
            table = table_of(model)
            every = session.execute(select(table).order_by(table.c.id)).mappings()
            found[table.name] = [dict(row) for row in every]
        for row in found["push"]:
            row["trace"] = told[row["id"]]
    return found


def explained(shop: Shop) -> dict[str, tuple[Answer, ...]]:
    """By number: the seven answers of a record."""
    found = {}
    with shop.database.read() as session:
        version = session.scalars(select(RulesetVersion.id)).one()
        ruleset = program(session, version).ruleset
        for record in session.scalars(select(Record)).all():
            case = story.load(session, record.id)
            assert case is not None
            found[record.number] = answers(case, ruleset)
    return found


def proved(shop: Shop) -> None:
    """What is stored is what was sealed and decided."""
    events.link_due_events(shop.database, now=shop.now, whole=True)
    with shop.database.read() as session:
        assert events.verify_chain(session, shop.company.id) == []
        assert content_invariants.compare(session, shop.company.id).breaks == []
        replays = replay_all(session, shop.company.id, 100)
        assert replays.replayed == len(session.scalars(select(Evaluation.id)).all())
        assert (replays.differences, replays.reworded) == ((), ())


@pytest.mark.slow
@pytest.mark.parametrize("before", ["0043", "0047", "0055"])
def test_0055_what_was_pushed_between_down_and_up_is_kept_like_all_else(
    shop: Shop, lane: Lane, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """0047 and 0061 likewise: each is taken back with those after it, and made again."""
    send(shop, worker(lane), "NS-1", "NS-2")
    send(shop, worker(lane), "NS-3")
    events.link_due_events(shop.database, now=shop.now, whole=True)
    first, answered = rows(shop.database), explained(shop)

    downgrade(shop.database.url, before)
    with former(lane, monkeypatch) as old, read_by_this_program(shop.database):
        send(shop, old, "NS-4", "NS-5")
        second = [dict(row) for row in _plain(shop.database, "push")]
    if before != "0055":
        assert all(zlib.decompress(bytes(row["trace"])) for row in second), "without any form"
    upgrade(shop.database.url)
    assert _shared(rows(shop.database), first) == first
    assert {number: explained(shop)[number] for number in answered} == answered
    proved(shop)

    send(shop, worker(lane), "NS-6")
    stories = {row["number"]: row["trace"] for row in rows(shop.database)["push"]}
    assert sorted(stories) == [f"NS-{no}" for no in range(1, 7)]
    assert all(number in told for number, told in stories.items())
    third, answered = rows(shop.database), explained(shop)
    downgrade(shop.database.url, before)
    upgrade(shop.database.url)
    assert rows(shop.database) == third
    assert explained(shop) == answered
    proved(shop)


def test_0055_a_worker_that_lived_on_meanwhile_keeps_what_can_be_read(
    shop: Shop, lane: Lane
) -> None:
    """The form that it remembers went with the table: its next story stands by one that is kept."""
    alive = worker(lane)
    send(shop, alive, "NS-1")
    downgrade(shop.database.url, "0047")
    upgrade(shop.database.url)
    alive.desk.forget()  # as after each pause (tests/workers/test_gate.py)
    send(shop, alive, "NS-2")
    with shop.database.read() as session:
        assert len(session.scalars(select(StoryForm)).all()) == 1
    assert all(row["number"] in row["trace"] for row in rows(shop.database)["push"])


def _plain(database: Database, table: str) -> list[dict[str, Any]]:
    with database.read() as session:
        found = session.connection().exec_driver_sql(f'SELECT * FROM "{table}"').mappings()
        return [dict(row) for row in found]


def _shared(
    now: dict[str, list[dict[str, Any]]], before: dict[str, list[dict[str, Any]]]
) -> dict[str, list[dict[str, Any]]]:
    """Of the rows of now, those that were there before."""
    known = {name: {row["id"] for row in each} for name, each in before.items()}
    return {name: [row for row in each if row["id"] in known[name]] for name, each in now.items()}
