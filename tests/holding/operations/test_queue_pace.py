"""How fast each queue goes, in how long it is empty, and how far the quota of a month reaches."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Attempt, Company, Posting, Push, Record, Request
from holding.db.models.columns import AttemptState, PushState, RequestState
from holding.operations import queues as queue_pace
from holding.operations.queues import Pace, Part, Place, load_queues, measure_paces
from holding.operations.target_figures import Outlook, outlook
from tests.support.factories import make_company
from tests.support.postings import NOW, make_ready
from tests.support.sent_runs import make_run, send_in_run

SENT: Place = (Part.DOCUMENTS, "aiaccount")
LOOKED: Place = (Part.LOOK_UPS, "aiaccount")
CHECKED: Place = (Part.CHECKS, "")
SOON = NOW + timedelta(minutes=2)


def paces(database: Database, company: Company, now: datetime = SOON) -> Mapping[Place, Pace]:
    with database.read() as session:
        found = load_queues(session, company.id, now)
        return measure_paces(session, company.id, found, now)


@pytest.fixture
def other(database: Database, company: Company) -> Company:
    """Six documents were sent, and as many records checked; four more are due. In another company
    one is due, and nothing goes.
    """
    with database.write() as session:
        run = make_run(session, company)
        for number in range(6):
            send_in_run(session, company, run, f"IV-{number}", PushState.ACCEPTED)
        for number in range(4):
            make_ready(session, company, f"DUE-{number}")
        second = make_company(session, "warung")
        make_ready(session, second, "THEIRS")
        session.execute(update(Record).values(due_at=None))
        session.execute(update(Posting).where(Posting.number.like("IV-%")).values(due_at=None))
    return second


def test_what_was_done_in_ten_minutes_says_when_what_is_due_is_done(
    database: Database, company: Company, other: Company
) -> None:
    found = paces(database, company)
    assert found[SENT] == Pace(6, 600.0, empty_in=4 * 600 / 6)
    assert found[SENT].a_second == 0.01
    assert found[CHECKED] == Pace(10, 600.0), "nothing is due: it is empty"
    assert found[LOOKED] == Pace(0, 600.0), "nothing is to be looked up: it does not stand still"


def test_what_nobody_works_at_stands_still_once_it_is_late(
    database: Database, other: Company
) -> None:
    with database.write() as session:
        session.execute(update(Posting).values(due_at=NOW + timedelta(seconds=90)))
    assert not paces(database, other)[SENT].stopped, "it is due for half a minute"
    late = paces(database, other, NOW + timedelta(minutes=3))[SENT]
    assert (late.stopped, late.empty_in, late.a_second) == (True, None, 0.0)


def test_what_was_done_longer_ago_counts_no_more(
    database: Database, company: Company, other: Company
) -> None:
    found = paces(database, company, NOW + timedelta(minutes=11))
    assert found[SENT] == Pace(0, 600.0, stopped=True)
    assert found[CHECKED].done == 0


def test_of_many_the_newest_are_counted_in_their_own_time(
    database: Database, company: Company, other: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue_pace, "NEWEST", 3)
    found = paces(database, company, NOW + timedelta(seconds=30))
    assert (found[SENT].done, found[SENT].seconds, found[SENT].empty_in) == (3, 30.0, 40.0)
    # the three newest evaluations are one of the other company's and two of this one
    assert (found[CHECKED].done, found[CHECKED].seconds) == (2, 30.0)


def test_a_look_up_is_no_sending(database: Database, company: Company, other: Company) -> None:
    with database.write() as session:
        pushes = session.scalars(select(Push).where(Push.number.like("IV-%"))).all()
        for push in pushes[:4]:
            asked = Request(connection_id=push.connection_id, kind="lookup", key=push.key,
                            sha256="", state=RequestState.ANSWERED, made_at=NOW,
                            deadline_at=NOW)  # fmt: skip
            session.add(asked)
            session.flush()
            session.add(Attempt(request_id=asked.id, push_id=push.id, no=2, fence=1, at=NOW,
                                state=AttemptState.ABSENT))  # fmt: skip
    found = paces(database, company)
    assert (found[SENT].done, found[LOOKED].done) == (6, 4)


MIDDLE = datetime(2026, 11, 16, tzinfo=UTC)  # 15 days of 30 are over
FIRST = datetime(2026, 12, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("limit", "used", "now", "told"),
    [
        (15_000, 7_500, MIDDLE, Outlook(7_500, 500.0, None, date(2026, 12, 1))),
        (15_000, 12_000, MIDDLE, Outlook(3_000, 800.0, date(2026, 11, 19), date(2026, 12, 1))),
        (15_000, 15_000, MIDDLE, Outlook(0, 1_000.0, date(2026, 11, 16), date(2026, 12, 1))),
        (15_000, 15_001, MIDDLE, Outlook(0, 15_001 / 15, date(2026, 11, 16), date(2026, 12, 1))),
        (15_000, 0, MIDDLE, Outlook(15_000, 0.0, None, date(2026, 12, 1))),
        (10**9, 1, MIDDLE, Outlook(10**9 - 1, 1 / 15, None, date(2026, 12, 1))),
        # in the first hours of a month its first day counts as a whole one
        (90, 30, FIRST, Outlook(60, 30.0, date(2026, 12, 3), date(2027, 1, 1))),
        (0, 0, MIDDLE, Outlook(0, 0.0, date(2026, 11, 16), date(2026, 12, 1))),
    ],
)  # fmt: skip
def test_the_day_on_which_a_quota_ends(limit: int, used: int, now: datetime, told: Outlook) -> None:
    assert outlook(limit, used, now) == told
