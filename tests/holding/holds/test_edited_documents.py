"""Two ways out of an edit in the target: the source follows it, or the document is sent again."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from holding.approvals import step_up
from holding.db.models import Hold, Person, Release, Version
from holding.db.refusal import Refusal
from holding.holds.assignments import Question, ask_source
from holding.holds.holds import Done
from holding.holds.restored_documents import overwrite_edit
from holding.platform.changes import wake_records
from tests.holding.life import SMALL, Life
from tests.holding.posting.test_autocount_life import control, effects, life, running

__all__ = ["life", "running"]  # fixtures
DAY = 24 * 3600
pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)


def later(life: Life, seconds: float) -> None:
    life.shop.clock.advance(seconds)
    life.work()


@pytest.fixture
def edited(life: Life) -> Life:
    """Somebody changed the price of A-1-1 in AutoCount."""
    life.arrive("A-1")
    later(life, 60)
    control(life, "by_hand", number="A-1-1", details=[{"unitPrice": 2.5}])
    later(life, DAY)
    assert life.held("A-1") == ["STL03"]
    return life


def hold_id(life: Life) -> int:
    with life.shop.database.read() as session:
        (hold,) = life.shop.holds(session, "A-1")
        return hold.id


def decide(life: Life, act: Any, *given: Any, who: str) -> Done | Refusal:
    wanted = hold_id(life)
    with life.shop.database.write() as session:
        made: Done | Refusal = act(session, life.shop.actor(who), wanted, *given, life.shop.now)
    life.work()
    return made


def test_the_record_is_right_so_the_document_is_sent_again(edited: Life) -> None:
    assert isinstance(decide(edited, overwrite_edit, "The price was right", who="lim"), Done)
    assert effects(edited) == [("created", "A-1-1"), ("updated", "A-1-1")]
    later(edited, DAY)
    assert (edited.held("A-1"), edited.shop.states()) == ([], {"A-1": "posted"})
    assert len(effects(edited)) == 2
    control(edited, "by_hand", number="A-1-1", details=[{"unitPrice": 2.6}])
    later(edited, DAY)
    assert edited.held("A-1") == ["STL03"], "another edit is decided anew"


def test_above_the_limit_the_edit_is_overwritten_with_a_fresh_code_only(edited: Life) -> None:
    adam, lim = edited.shop.actor("adam"), edited.shop.actor("lim")
    with edited.shop.database.write() as session:
        step_up.set_limit(session, adam, 0, "The auditors asked", edited.shop.now)
    refused = decide(edited, overwrite_edit, "The price was right", who="lim")
    assert isinstance(refused, Refusal)
    assert (refused.code, len(effects(edited))) == ("step_up.set_up", 1)
    edited.shop.actors["lim"] = replace(lim, proved_at=edited.shop.now)
    assert isinstance(decide(edited, overwrite_edit, "The price was right", who="lim"), Done)
    assert len(effects(edited)) == 2


def test_an_update_that_fails_stays_on_hold(edited: Life) -> None:
    control(edited, "lock", through="2026-12-31")
    assert isinstance(decide(edited, overwrite_edit, "The price was right", who="lim"), Done)
    for _ in range(3):
        later(edited, DAY)
    assert edited.held("A-1") != []
    assert effects(edited) == [("created", "A-1-1")]


def test_others_do_not_overwrite_it(edited: Life) -> None:
    refused = decide(edited, overwrite_edit, "The price was right", who="vera")
    assert isinstance(refused, Refusal)
    assert (refused.status, edited.held("A-1")) == (403, ["STL03"])


def test_the_books_are_right_so_the_source_is_asked(edited: Life) -> None:
    with edited.shop.database.read() as session:
        person = session.scalars(select(Person).where(Person.name.like("Lim%"))).first()
        assert person is not None
    asked = decide(edited, ask_source, Question(person.id, "The price is 2.50"), who="farah")
    assert isinstance(asked, Done), asked
    with edited.shop.database.read() as session:
        hold = session.get_one(Hold, hold_id(edited))
        assert (hold.person_id, hold.state) == (person.id, "open")
    assert effects(edited) == [("created", "A-1-1")]


def test_what_nobody_edited_is_refused(life: Life) -> None:
    life.arrive("A-1")
    later(life, 60)
    control(life, "reset")
    later(life, DAY)
    refused = decide(life, overwrite_edit, "The price was right", who="lim")
    assert isinstance(refused, Refusal)
    assert refused.code == "hold.not_edited"
    asked = decide(life, ask_source, Question(1, "The price is 2.50"), who="farah")
    assert isinstance(asked, Refusal)
    assert asked.code == "hold.not_edited"


def test_the_release_of_an_edit_covers_its_document_alone(edited: Life) -> None:
    """Another document of the same route may have an edit that nobody looked at."""

    def release(*, beside: int) -> list[str]:
        with edited.shop.database.write() as session:
            (hold,) = edited.shop.holds(session, "A-1")
            record = edited.shop.record(session, "A-1")
            content = session.get_one(Version, record.version_id).sha256
            of_hold = ("record_id", "route", "code", "cause_id", "rule")
            finding = {name: getattr(hold, name) for name in of_hold}
            by = {"person_id": edited.shop.actor("lim").person_id, "reason": "As agreed"}
            decision = {"kind": "release", "content_sha256": content, "at": edited.shop.now}
            session.add(Release(seq=hold.seq + beside, **finding, **by, **decision))
            wake_records(session, [record.id], edited.shop.now)
        edited.work()
        return edited.held("A-1")

    assert release(beside=1) == ["STL03"]
    assert release(beside=0) == []


def test_a_newer_version_is_sent_instead(edited: Life) -> None:
    edited.arrive("A-1", **SMALL)
    assert isinstance(decide(edited, overwrite_edit, "The shop is right", who="lim"), Done)
    later(edited, DAY)
    assert effects(edited) == [("created", "A-1-1"), ("updated", "A-1-1")]
    assert edited.held("A-1") == []
