"""What was sent in a file that was refused and replaced is not kept for ever."""

from datetime import timedelta

import pytest

from connectors.contract import Answer
from holding.db.models import Push, Request
from holding.operations.pruning import remove_bodies
from tests.holding.pushing import Lane, answer_whole_files

KEPT, DAY = timedelta(days=30), timedelta(days=1)
NO = Answer(kind="refused", error_class="bad_value", code="bad_file", words="!")


@pytest.fixture
def halved(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> Lane:
    """Four documents: the file of all and the file of two were refused, the others are posted."""
    answer_whole_files(monkeypatch, 400, NO, lambda given: len(given) > 2 or given[0] == "IV-0")
    lane.ready(*(f"IV-{n}" for n in range(4)), due=None)
    lane.start_sync()
    lane.work()
    assert [row.parent_id is None for row in lane.rows(Request)] == [True] + [False] * 4
    return lane


def removed(lane: Lane) -> list[bool]:
    """Of each call, in their order."""
    return [row.body is None for row in lane.rows(Request)]


def test_T05e_a_body_that_was_replaced_is_removed_after_a_time(halved: Lane) -> None:
    before = [(row.sha256, row.headers, row.rows, row.state) for row in halved.rows(Request)]
    now = halved.clock.now()
    assert remove_bodies(halved.database, now + KEPT - DAY, retention=KEPT) == 0
    assert removed(halved) == [False] * 5
    assert remove_bodies(halved.database, now + KEPT, retention=KEPT) == 2
    assert removed(halved) == [True, True, False, False, False]
    assert [row.body_removed_at for row in halved.rows(Request)][:2] == [now + KEPT] * 2
    assert remove_bodies(halved.database, now + 2 * KEPT, retention=KEPT) == 0
    after = [(row.sha256, row.headers, row.rows, row.state) for row in halved.rows(Request)]
    assert after == before


def test_T05e_it_stays_while_one_of_its_documents_has_no_end(halved: Lane) -> None:
    with halved.database.write() as session:
        last = max(halved.rows(Push), key=lambda one: one.number)
        session.get_one(Push, last.id).closed_at = None
    later = halved.clock.now() + 2 * KEPT
    assert remove_bodies(halved.database, later, retention=KEPT) == 1  # that of the first two
    assert removed(halved) == [False, True, False, False, False]


def test_T05e_a_call_that_was_sent_again_after_a_doubt_keeps_what_it_sent(lane: Lane) -> None:
    lane.ready("IV-0", "IV-1", due=None)
    lane.target.control("faults", fault="timeout_before")
    lane.start_sync()
    lane.work()
    lane.settle()
    assert remove_bodies(lane.database, lane.clock.now() + 2 * KEPT, retention=KEPT) == 0
    assert not any(row.body is None for row in lane.sends())
