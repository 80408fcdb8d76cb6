"""A document that AiAccount keeps for its paused key: what holds it, and how often it is polled."""

import dataclasses
from datetime import timedelta

from sqlalchemy import func, select

from holding.db.models import Attempt, Cause, Hold
from holding.db.models.columns import AttemptState
from holding.posting.holds import NO_ANSWER
from tests.holding.pushing import Lane
from tests.support.simulator import DEMO_KEY


def test_a_document_kept_for_a_paused_key_is_held_for_that_key(lane: Lane) -> None:
    lane.target.control("pause", key=DEMO_KEY)
    [key] = lane.ready("IV-1")
    for _ in range(13):
        lane.work()
        lane.clock.advance(timedelta(minutes=1))
    [hold] = lane.rows(Hold)
    assert hold.code == NO_ANSWER
    assert hold.message.startswith(
        f"IV-1 waits in aiaccount, because the API key that ends in {DEMO_KEY[-4:]} is paused."
    )
    with lane.database.read() as session:
        cause = session.get_one(Cause, hold.cause_id)
        assert cause.label == "The API key of aiaccount is paused"
    lane.target.control("pause", key=DEMO_KEY, status="active")
    lane.settle(minutes=2)
    assert (lane.state(key), lane.open_holds()) == ("posted", [])


def test_without_pauses_a_paused_key_is_not_polled_without_end(lane: Lane) -> None:
    settings = dataclasses.replace(lane.desk.settings, settle_seconds=0.0)
    lane.target.control("pause", key=DEMO_KEY)
    [key] = lane.ready("IV-1")
    hasty = dataclasses.replace(lane.desk, settings=settings)
    for _ in range(30):
        lane.work(hasty)
    with lane.database.read() as session:
        looks = session.scalar(
            select(func.count(Attempt.id)).where(Attempt.state == AttemptState.UNKNOWN)
        )
    assert (lane.state(key), (looks or 0) < 10) == ("awaiting", True), looks
