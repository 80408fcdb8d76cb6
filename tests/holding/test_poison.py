"""A document under which workers die: found in few files, and no neighbour of it is held."""

from collections.abc import Sequence
from datetime import timedelta
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holding.models import Hold, Posting
from holding.pushing import batch
from holding.pushing.claim import POISON_CRASHES, Claim, free_the_dead, parted
from holding.pushing.desk import Channel, Desk
from holding.pushing.intent import examine as really
from holding.pushing.trouble import WORKERS_DIED
from tests.holding.pushing import Lane

MANY = 60


def test_a_file_that_killed_its_worker_is_parted_until_the_document_is_found(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = lane.ready(*(f"IV-{n:02}" for n in range(MANY)), due=None)
    deadly, files, deaths = keys[33], 0, 0

    def examine(desk: Desk, channel: Channel, claims: Sequence[Claim], *, in_file: bool) -> object:
        nonlocal files
        files += 1
        with lane.database.read() as session:
            dies = session.get_one(Posting, deadly).crashes < POISON_CRASHES
        if dies and deadly in {found.posting_id for found in claims}:
            raise KeyboardInterrupt
        return really(desk, channel, claims, in_file=in_file)

    monkeypatch.setattr(batch, "examine", examine)
    lane.start_sync()
    while "ready" in lane.states(keys):
        try:
            lane.work()
        except KeyboardInterrupt:
            deaths += 1
            lane.clock.advance(lane.desk.lease + lane.desk.answer + timedelta(seconds=1))
            with lane.database.write() as session:
                free_the_dead(session, lane.clock.now())
    assert deaths == POISON_CRASHES
    assert files < MANY, "fewer than one file for each document"
    assert {key for key in keys if lane.state(key) != "posted"} == {deadly}
    [hold] = [hold for hold in lane.rows(Hold) if hold.state == "open"]
    assert hold.code == WORKERS_DIED
    assert len(lane.target.lines("created")) == MANY - 1


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 30))
def test_what_goes_together_has_died_as_often_and_the_first_is_among_it(
    crashes: list[int], most: int
) -> None:
    found = list(enumerate(crashes))
    together = parted(found, most)
    assert together[0] == 0
    assert {crashes[key] for key in together} == {crashes[0]}
    limit = {0: most, 1: isqrt(most)}.get(crashes[0], 1)
    assert len(together) == min(limit, crashes.count(crashes[0]))
