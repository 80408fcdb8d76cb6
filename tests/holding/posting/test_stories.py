"""The story that is kept with each push: whole when it is read, short as it stands.

Here: the form of a version of rules. Not here: what a story says (tests/rules/outcomes).
"""

import zlib
from dataclasses import replace

import pytest
from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Company, Push, RuleFile, StoryForm
from holding.posting.evidence import Storyteller, stored_trace
from holding.programs.replay import replay
from rules.outcomes import trace_lines
from rules.values.canonical import dumps
from tests.holding.pushing import Lane
from tests.holding.shop import Shop, open_shop, order
from tests.support.clock import SetClock


@pytest.fixture
def shop(lane: Lane, database: Database, company: Company, clock: SetClock) -> Shop:
    """A shop under real rules; its target is AiAccount."""
    made = open_shop(database, company, clock)
    made.publish()
    return made


def with_stories(lane: Lane) -> Lane:
    """As a worker that has just started."""
    return replace(lane, desk=replace(lane.desk, trace=Storyteller(lane.database)))


def send(shop: Shop, lane: Lane, *numbers: str) -> None:
    shop.receive(*(order(number) for number in numbers))
    shop.judge()
    assert lane.work() == len(numbers)


def told(lane: Lane) -> dict[str, str]:
    """By number: the story that stands with the push."""
    with lane.database.read() as session:
        return {
            one.number: str(stored_trace(session, one)) for one in session.scalars(select(Push))
        }


def forms(lane: Lane) -> list[StoryForm]:
    with lane.database.read() as session:
        return list(session.scalars(select(StoryForm)))


def judged_again(lane: Lane) -> dict[str, str]:
    """By number: the story as the engine tells it now."""
    with lane.database.read() as session:
        files = {row.path: row.body for row in session.scalars(select(RuleFile))}
        return {
            one.number: dumps(trace_lines(replay(session, one.evaluation_id), files))
            for one in session.scalars(select(Push))
        }


def test_each_story_is_whole_and_what_repeats_stands_once(shop: Shop, lane: Lane) -> None:
    send(shop, with_stories(lane), "NS-1", "NS-2")
    send(shop, with_stories(lane), "NS-3")  # another worker finds the form
    stories = told(lane)
    assert sorted(stories) == ["NS-1", "NS-2", "NS-3"]
    assert stories == judged_again(lane)
    assert all(number in story for number, story in stories.items())
    (form,) = forms(lane)
    assert form.body.decode() in (stories["NS-1"], stories["NS-2"])  # of one call, either
    for push in lane.rows(Push):
        assert len(push.trace) < len(zlib.compress(stories[push.number].encode())) / 2


def test_of_two_workers_the_faster_one_makes_the_form(shop: Shop, lane: Lane) -> None:
    send(shop, with_stories(lane), "NS-1")
    (push,), one, two = lane.rows(Push), Storyteller(lane.database), Storyteller(lane.database)
    version = forms(lane)[0].ruleset_version_id
    assert one._form(version, b"another story") == two._form(version, b"a third")
    assert len(forms(lane)) == 1
    with lane.database.read() as session:
        assert one(session, [push.evaluation_id]) == {push.evaluation_id: push.trace}


def test_a_story_longer_than_zlib_looks_back_is_whole(
    shop: Shop, lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("holding.posting.evidence.WINDOW", 300)
    send(shop, with_stories(lane), "NS-1", "NS-2")
    assert told(lane) == judged_again(lane)
    assert len(forms(lane)[0].body) == 300


def test_a_story_of_before_is_read_as_it_stands(shop: Shop, lane: Lane) -> None:
    send(shop, with_stories(lane), "NS-1", "NS-2")
    with lane.database.write() as session:
        mine = update(Push).where(Push.number == "NS-1")
        session.execute(mine.values(trace=zlib.compress(b'["of before"]')))
        session.execute(update(Push).where(Push.number == "NS-2").values(trace=None))
    assert told(lane) == {"NS-1": '["of before"]', "NS-2": "None"}
