"""A document under which workers die: found in few files, and no neighbour of it is held."""

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from math import isqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holding.connections.channel import Channel, Desk
from holding.db.leases import DEATHS_ALONE
from holding.db.models import Hold, Posting
from holding.posting.claims import POISON_CRASHES, Claim, release_expired_claims, split_by_crashes
from holding.posting.holds import WORKERS_DIED
from holding.posting.prepare import check_claims as really
from holding.runs import dispatch
from tests.holding.pushing import Lane

MANY = 36


@pytest.mark.parametrize("place", [0, 21])
def test_a_file_that_killed_its_worker_is_parted_until_the_document_is_found(
    lane: Lane, monkeypatch: pytest.MonkeyPatch, place: int
) -> None:
    """The others wait for three leases at most: what nobody died under alone goes first."""
    keys = lane.ready(*(f"IV-{n:02}" for n in range(MANY)), due=None)
    deadly, files, deaths = keys[place], 0, 0

    def dies(claims: Sequence[Claim]) -> bool:
        nonlocal files
        files += 1
        with lane.database.read() as session:
            lives = session.get_one(Posting, deadly).crashes >= POISON_CRASHES
        return not lives and deadly in {found.posting_id for found in claims}

    dying(monkeypatch, dies)
    lane.start_sync()
    while "ready" in lane.states(keys):
        died = a_worker_dies(lane)
        if died and deaths == 3:
            assert lane.states(keys).count("posted") == MANY - 1
        deaths += died
    assert deaths == 2 + DEATHS_ALONE
    assert files < MANY, "fewer than one file for each document"
    assert {key for key in keys if lane.state(key) != "posted"} == {deadly}
    [hold] = [hold for hold in lane.rows(Hold) if hold.state == "open"]
    assert hold.code == WORKERS_DIED
    assert len(lane.target.lines("created")) == MANY - 1


def test_documents_in_the_hands_of_killed_workers_are_sent_like_any_other(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all of a file, with a part of it, and then with one alone, twice."""
    keys = lane.ready(*(f"IV-{n:02}" for n in range(3)), due=None)
    seen: Counter[tuple[int, ...]] = Counter()

    def dies(claims: Sequence[Claim]) -> bool:
        mine = tuple(found.posting_id for found in claims)
        seen[mine] += 1
        return len(mine) > 1 or seen[mine] < DEATHS_ALONE

    dying(monkeypatch, dies)
    lane.start_sync()
    while "ready" in lane.states(keys):
        a_worker_dies(lane)
    assert [lane.state(key) for key in keys] == ["posted"] * 3
    assert [seen[(key,)] for key in keys] == [DEATHS_ALONE] * 3
    assert lane.open_holds() == []


def dying(monkeypatch: pytest.MonkeyPatch, dies: Callable[[Sequence[Claim]], bool]) -> None:
    """Workers die when they examine what this says."""

    def examine(desk: Desk, channel: Channel, claims: Sequence[Claim], *, in_file: bool) -> object:
        if dies(claims):
            raise KeyboardInterrupt
        return really(desk, channel, claims, in_file=in_file)

    monkeypatch.setattr(dispatch, "check_claims", examine)


def a_worker_dies(lane: Lane) -> bool:
    """Whether one did over what is to do; its lease ends then."""
    try:
        lane.work()
    except KeyboardInterrupt:
        lane.clock.advance(lane.desk.lease + lane.desk.answer + timedelta(seconds=1))
        with lane.database.write() as session:
            release_expired_claims(session, lane.clock.now())
        return True
    return False


@given(st.lists(st.integers(0, 4), min_size=1, max_size=40), st.integers(1, 30))
def test_what_goes_together_has_died_as_often_and_the_first_is_among_it(
    crashes: list[int], most: int
) -> None:
    found = list(enumerate(crashes))
    together = split_by_crashes(found, most)
    assert together[0] == 0
    assert {crashes[key] for key in together} == {crashes[0]}
    limit = {0: most, 1: isqrt(most)}.get(crashes[0], 1)
    assert len(together) == min(limit, crashes.count(crashes[0]))
