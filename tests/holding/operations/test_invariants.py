"""The invariants: nothing is found in healthy books, and every planted breach is."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from holding.access.actors import load_keys
from holding.db.models import (
    Approval,
    Attempt,
    Cause,
    Delivery,
    Evaluation,
    Event,
    EventLink,
    Hold,
    Person,
    Posting,
    Push,
    Record,
    Request,
    RulesetVersion,
    Version,
)
from holding.operations.invariants import CHECKS, Checked, check
from holding.platform import events
from holding.platform.settings import Settings
from tests.support.databases import any_move, unlock
from tests.support.house import House, make_house
from tests.support.simulator import DEMO_KEY, simulator

NOT_OURS = 987_654


@pytest.fixture
def house(database_url: str, tmp_path: Path) -> Iterator[House]:
    """Three orders: one posted, one refused by the target and held, one posted in doubt first."""
    with simulator(tmp_path) as target:
        made = make_house(database_url, tmp_path / "home", target)
        target.control("faults", plan=["closed_period", "timeout_after"])
        made.orders(3)
        made.drain({"failed": 1, "posted": 2})
        yield made
        made.database.close()


def looked(house: House, session: Session, ledger: Path | None, **more: Any) -> Checked:
    settings = Settings.from_env(house.environment)
    return check(
        session,
        house.company_id,
        now=more.get("now") or datetime.now(UTC),
        settings=settings,
        ledger=[ledger] if ledger else None,
        keys=load_keys(settings),  # type: ignore[arg-type]
    )


def one(session: Session, model: Any, *where: Any) -> Any:
    return session.scalars(select(model).where(*where).order_by(model.id)).first()


def no_current_version(session: Session) -> None:
    session.execute(update(Record).values(version_id=None))


def a_gap_in_the_versions(session: Session) -> None:
    session.execute(update(Version).values(no=7))


def a_delivery_without_end(session: Session) -> None:
    known = one(session, Delivery)
    when = datetime(2020, 1, 1, tzinfo=UTC)
    values = {"company_id": known.company_id, "source_id": known.source_id, "received_at": when}
    session.execute(insert(Delivery).values(id=-1, key="", sha256="", kind="webhook", **values))


def posted_by_nobody(session: Session) -> None:
    session.execute(update(Posting).where(Posting.state == "failed").values(state="posted"))


def a_random_key(session: Session) -> None:
    session.execute(update(Push).values(key=Push.key + "x"))


def an_index_is_gone(session: Session) -> None:
    session.execute(text("DROP INDEX uq_push_effect"))


def created_twice(session: Session) -> None:
    an_index_is_gone(session)
    known = one(session, Push, Push.state == "accepted")
    session.execute(insert(Push).values(**copied(known) | {"no": 9, "key": "cp-another"}))


def a_forgotten_call(session: Session) -> None:
    push_id = one(session, Posting, Posting.state == "posted").push_id
    with any_move(session):
        session.execute(update(Push).where(Push.id == push_id).values(state="sending"))
    session.execute(update(Request).values(deadline_at=datetime(2026, 1, 1, tzinfo=UTC)))


def a_dead_lease(session: Session) -> None:
    long_ago = datetime(2026, 1, 1, tzinfo=UTC)
    session.execute(update(Record).values(lease_owner="gone", lease_until=long_ago))


def a_lease_from_another_clock(session: Session) -> None:
    far = datetime.now(UTC) + timedelta(hours=1)
    session.execute(update(Posting).values(lease_owner="fast", lease_until=far))


def nobody_comes_back(session: Session) -> None:
    with any_move(session):
        session.execute(update(Posting).values(state="ready", due_at=None))


def a_hold_without_words(session: Session) -> None:
    session.execute(update(Hold).values(message=""))


def a_state_out_of_nothing(session: Session) -> None:
    session.execute(update(Record).where(Record.state == "posted").values(state="held"))


def a_wrong_counter(session: Session) -> None:
    session.execute(update(Cause).values(records=5))


def asked_and_not_approved(session: Session) -> None:
    route = one(session, Posting).route
    decision = {"route": route, "state": "held", "findings": [["APP01", "", "", ""]]}
    session.execute(update(Evaluation).values(outcome={"decisions": [decision]}))


def asked_twice_and_approved_once(session: Session) -> None:
    posting = one(session, Posting, Posting.state == "posted")
    levels = [["APP01", level, "", ""] for level in ("head", "large")]
    decision = {"route": posting.route, "state": "held", "findings": levels}
    session.execute(update(Evaluation).values(outcome={"decisions": [decision]}))
    somebody = session.scalars(select(Person.id)).first()
    for push in session.scalars(select(Push)):
        given = {
            "posting_id": push.posting_id,
            "hash": push.hash,
            "content": {},
            "at": push.made_at,
        }
        session.execute(
            insert(Approval).values(**given, level="head", person_id=somebody, reason="seen")
        )


def a_move_that_cannot_be(session: Session) -> None:
    push = one(session, Push, Push.state == "accepted")
    known = one(session, Event, Event.act == "posting.sending")
    values = {
        "company_id": known.company_id,
        "at": known.at,
        "actor": "",
        "body": {"push": push.id},
    }
    session.execute(insert(Event).values(act="posting.refused", **values))


def a_dropped_event(session: Session) -> None:
    session.execute(delete(Event).where(Event.act == "posting.posted"))


def a_posting_apart_from_its_push(session: Session) -> None:
    with any_move(session):
        session.execute(update(Posting).where(Posting.state == "posted").values(state="uncertain"))


def nobody_told_of_the_arrival(session: Session) -> None:
    session.execute(delete(Event).where(Event.act == "record.received"))


def nobody_told_of_the_judging(session: Session) -> None:
    session.execute(delete(Event).where(Event.act == "record.judged"))


def a_broken_chain(session: Session) -> None:
    events.link_events(session, one(session, Event).company_id, all_events=True)
    session.execute(update(EventLink).where(EventLink.seq == 2).values(hash="0" * 64))


def rules_of_tomorrow(session: Session) -> None:
    session.execute(update(RulesetVersion).values(revision=NOT_OURS))


def a_key_in_an_event(session: Session) -> None:
    known = one(session, Event)
    values = {"company_id": known.company_id, "at": known.at, "actor": "", "act": "x"}
    session.execute(insert(Event).values(body={"say": f"Key {DEMO_KEY}"}, **values))


def a_key_in_a_body(session: Session) -> None:
    session.execute(update(Request).values(answer=f"{{{DEMO_KEY}}}".encode()))


def a_key_in_a_document(session: Session) -> None:
    push = one(session, Push, Push.state == "accepted")
    content = push.content | {"fields": push.content["fields"] | {"Reference": DEMO_KEY}}
    session.execute(update(Push).where(Push.id == push.id).values(content=content))


def another_sum(session: Session) -> None:
    push = one(session, Push, Push.state == "accepted")
    session.execute(
        update(Push).where(Push.id == push.id).values(content=push.content | {"amount": "1.00"})
    )


def sent_again_unchanged(session: Session) -> None:
    refused = one(session, Push, Push.state == "refused")
    session.execute(insert(Push).values(**copied(refused) | {"no": 2, "key": "cp-again"}))


def a_second_push(session: Session) -> tuple[str, str]:
    """A later push of a posted document, with a call of its own; both keys."""
    an_index_is_gone(session)
    push = one(session, Push, Push.state == "accepted")
    session.execute(
        insert(Push).values(**copied(push) | {"no": 2, "key": "cp-second", "action": "update"})
    )
    call = one(session, Request, Request.key == push.key)
    session.execute(insert(Request).values(**copied(call) | {"key": "cp-second"}))
    attempt = one(session, Attempt, Attempt.push_id == push.id)
    ids = {
        "push_id": one(session, Push, Push.key == "cp-second").id,
        "request_id": one(session, Request, Request.key == "cp-second").id,
    }
    session.execute(insert(Attempt).values(**copied(attempt) | ids))
    return push.key, "cp-second"


def copied(row: Any) -> dict[str, Any]:
    return {c.key: getattr(row, c.key) for c in row.__table__.columns if c.key != "id"}


PLANTED: dict[str, tuple[Callable[[Session], None], ...]] = {
    "I1": (no_current_version, a_gap_in_the_versions, a_delivery_without_end),
    "I2": (posted_by_nobody,),
    "I3": (a_random_key,),
    "I4": (an_index_is_gone, created_twice),
    "I6": (a_forgotten_call,),
    "I7": (a_dead_lease, a_lease_from_another_clock, nobody_comes_back),
    "I8": (a_hold_without_words, a_state_out_of_nothing, a_wrong_counter),
    "I9": (asked_and_not_approved, asked_twice_and_approved_once),
    "I10": (a_move_that_cannot_be, a_dropped_event, a_posting_apart_from_its_push),
    "I11": (nobody_told_of_the_arrival, nobody_told_of_the_judging, a_broken_chain),
    "I12": (rules_of_tomorrow,),
    "I13": (a_key_in_an_event, a_key_in_a_body, a_key_in_a_document),
    "I14": (another_sum,),
    "I15": (sent_again_unchanged,),
}


def again(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [*lines, next(line for line in lines if line["effect"] == "created")]


def without_the_first(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first = next(line for line in lines if line["effect"] == "created")
    return [line for line in lines if line is not first]


def a_stranger(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    first = next(line for line in lines if line["effect"] == "created")
    return [*lines, first | {"number": "IV-STRANGE", "key": "cp-strange"}]


def another_content(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line | {"body_sha256": "0" * 64} for line in lines]


def a_sen_less(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line | {"total": "98.99"} if line["effect"] == "created" else line for line in lines]


LEDGERS: tuple[tuple[str, Callable[[list[dict[str, Any]]], list[dict[str, Any]]]], ...] = (
    ("I2", without_the_first),
    ("I2", another_content),
    ("I3", a_stranger),
    ("I4", again),
    ("I14", a_sen_less),
)


def found(checked: Checked) -> set[str]:
    return {breach.invariant for breach in checked.breaches}


@pytest.mark.slow
def test_every_planted_breach_is_found_and_healthy_books_have_none(
    house: House, tmp_path: Path
) -> None:
    ledger = house.target.ledger
    with house.database.read() as session:
        for known in (ledger, None):
            whole = looked(house, session, known)
            assert whole.breaches == ()
            assert whole.checked == tuple(CHECKS)
    for name, plants in PLANTED.items():
        for plant in plants:
            with house.database.read() as session:
                unlock(session)
                plant(session)
                breaches = looked(house, session, ledger).breaches
                mine = [breach for breach in breaches if breach.invariant == name]
                assert mine, (name, plant.__name__, breaches)
                assert all(len(breach.say) > 20 for breach in mine)
                session.rollback()
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    for name, change in LEDGERS:
        changed = tmp_path / "changed.jsonl"
        changed.write_text("".join(json.dumps(line) + "\n" for line in change(lines)))
        with house.database.read() as session:
            assert name in found(looked(house, session, changed)), change.__name__
    with house.database.read() as session:
        unlock(session)
        earlier, later = a_second_push(session)
        created = next(line for line in lines if line.get("key") == earlier)
        mixed = tmp_path / "mixed.jsonl"
        both = (created | {"effect": "updated", "key": later}, created)
        mixed.write_text("".join(json.dumps(line) + "\n" for line in both))
        assert "I5" in found(looked(house, session, mixed))
        session.rollback()
