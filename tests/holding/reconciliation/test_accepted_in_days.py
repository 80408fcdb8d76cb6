"""What somebody accepted of a posted document counts in the sums of its day as it is listed."""

from datetime import date

import pytest

from holding.db.models import Posting, Reading
from holding.holds import releases
from holding.holds.holds import Done
from holding.reconciliation import daily_totals
from holding.reconciliation.compared_documents import Span, Standing, Totals
from holding.reconciliation.daily_totals import Sides
from holding.records import accepted_differences
from tests.holding.held import hold_of
from tests.holding.life import LARGE, NUMBERED, SMALL, TABLES, Begun, Life
from tests.holding.shop import FILES
from tests.support.factories import connection_named

ASKING = TABLES.replace("| credit note and new |", "| review by accounts  |")
GONE = {"status": "pending"}
NOVEMBER = Span(date(2026, 11, 1), date(2026, 11, 30))


@pytest.fixture
def life(begun: Begun) -> Life:
    """A-1 and A-2 are posted over RM 192.00 each, and AiAccount shows both so."""
    return read(begun(FILES | {"shop.rules": NUMBERED + ASKING}))


def read(life: Life) -> Life:
    """With two documents posted and seen as they were posted."""
    for number in ("A-1", "A-2"):
        life.arrive(number)
    with life.shop.database.write() as session:
        for posting in session.query(Posting):
            shown = {"found": "equal", "void": False, "words": "", "differs": []}
            reading = Reading(posting_id=posting.id, kind="standing", at=life.shop.now,
                              sha256="0" * 64, body=shown, same=True)  # fmt: skip
            session.add(reading)
            session.flush()
            posting.reading_id, posting.read_at = reading.id, life.shop.now
    return life


def accept(life: Life) -> None:
    wanted = hold_of(life.shop, "A-1").id
    with life.shop.database.write() as session:
        lim = life.shop.actor("lim")
        assert isinstance(releases.release(session, lim, wanted, "Kept", life.shop.now), Done)
    life.work()


def forget_readings(life: Life) -> None:
    with life.shop.database.write() as session:
        for posting in session.query(Posting):
            posting.reading_id = posting.read_at = None


def summed(life: Life, *, each: bool) -> Totals:
    """The sums of all days, each document read by itself or counted where it can be."""
    with life.shop.database.read() as session:
        target = connection_named(session, life.shop.company, "aiaccount")
        sides, places = Sides(NOVEMBER, NOVEMBER), {target.id: target.name}
        days = None if each else ()
        found = daily_totals.compare_days(session, life.shop.company.id, sides, places, days)
        (kind,) = found.kinds
        (one,) = kind.totals
    return one


@pytest.mark.parametrize(
    ("changes", "wanted"), [(GONE, 0), (LARGE, 96000)], ids=["gone in the source", "dearer"]
)
@pytest.mark.parametrize("read_back", [True, False])
def test_an_accepted_difference_is_in_the_sums_as_it_is_listed(
    life: Life, changes: dict[str, str], wanted: int, read_back: bool
) -> None:
    life.arrive("A-1", **changes)
    accept(life)
    if not read_back:
        forget_readings(life)
    assert life.shop.states() == {"A-1": "posted", "A-2": "posted"}
    with life.shop.database.read() as session:
        (row,) = accepted_differences.list_accepted(session, life.shop.company.id)
    for each in (True, False):
        one = summed(life, each=each)
        assert (one.source.minor, one.ours.minor) == (wanted + 19200, 38400)
        if read_back:
            accepted, agrees = one.of(Standing.ACCEPTED), one.of(Standing.AGREES)
            assert (accepted.count, accepted.minor) == (1, row.change)
            assert (agrees.count, agrees.minor) == (1, 19200)
        else:
            unread = one.of(Standing.UNREAD)
            assert (unread.count, unread.minor) == (2, wanted + 19200)


def test_what_was_accepted_of_other_content_says_nothing_any_more(life: Life) -> None:
    life.arrive("A-1", **GONE)
    accept(life)
    life.arrive("A-1")
    for each in (True, False):
        one = summed(life, each=each)
        assert (one.source.minor, one.of(Standing.AGREES).count) == (38400, 2)


@pytest.mark.parametrize("read_back", [True, False])
def test_what_is_gone_in_the_source_counts_as_nothing_there_while_it_is_held(
    life: Life, read_back: bool
) -> None:
    life.arrive("A-1", **GONE)
    assert life.held("A-1") == ["STL01"]
    if not read_back:
        forget_readings(life)
    for each in (True, False):
        one = summed(life, each=each)
        assert one.source.minor == 19200
        if not read_back:
            continue
        assert one.target.minor == 38400
        assert (one.of(Standing.HELD).minor, one.of(Standing.AGREES).count) == (-19200, 1)


LEAVING = TABLES.replace("| review by accounts  |", "| ignore              |")


@pytest.mark.parametrize("read_back", [True, False])
def test_what_the_rules_leave_posted_though_it_is_gone_does_not_agree(
    begun: Begun, read_back: bool
) -> None:
    life = read(begun(FILES | {"shop.rules": NUMBERED + LEAVING}))
    life.arrive("A-1", **GONE)
    assert (life.held("A-1"), life.shop.states()) == ([], {"A-1": "posted", "A-2": "posted"})
    if not read_back:
        forget_readings(life)
    for each in (True, False):
        one = summed(life, each=each)
        assert (one.source.minor, one.ours.minor) == (19200, 38400)
        if read_back:
            assert (one.target.minor, one.of(Standing.LEFT).minor) == (38400, -19200)
            assert one.of(Standing.AGREES).count == 1
    life.arrive("A-1")
    for each in (True, False):
        assert summed(life, each=each).source.minor == 38400


CANCELLED = ASKING.replace("| void        |", "| review by accounts |")


def test_what_is_cancelled_in_the_source_counts_as_nothing_while_it_is_held(begun: Begun) -> None:
    life = read(begun(FILES | {"shop.rules": NUMBERED + CANCELLED}))
    life.arrive("A-1", status="cancelled")
    assert life.held("A-1") == ["STL01"]
    for each in (True, False):
        one = summed(life, each=each)
        assert (one.source.minor, one.of(Standing.HELD).minor) == (19200, -19200)


ABOVE = NUMBERED.replace("    immediately\n", "    when     total > 100.00\n    immediately\n", 1)


def test_what_its_route_does_not_take_any_more_counts_as_nothing(begun: Begun) -> None:
    life = read(begun(FILES | {"shop.rules": ABOVE + LEAVING}))
    life.arrive("A-1", **SMALL)
    with life.shop.database.read() as session:
        told = {one.number: one.withdrawn for one in session.query(Posting)}
    assert told == {"A-1-1": True, "A-2-1": False}
