"""What AiAccount stores otherwise than it was sent has a message of its own and is no change."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from sqlalchemy import select, update

from connectors.contract import Found, Kept
from holding.company.diagnosis import Topic, diagnose
from holding.db.models import Attempt, Cause, Hold, Push, Reading
from holding.db.models.columns import AttemptState
from holding.reconciliation.stored_faults import Fault, missing_line, stored_fault
from rules.outcomes import Document
from tests.holding.pushing import Lane
from tests.support.databases import any_move
from tests.support.postings import invoice

OTHER = "CMP-2001"


def sales_invoice() -> Document:
    """An invoice of two lines that every company of the stand-in takes."""
    sent = invoice("IV-1", lines=2)
    lines = tuple({**line, "ClassificationCode": "022"} for line in sent.lines)
    return replace(sent, lines=lines)


def one_call(lane: Lane) -> None:
    lane.ready("IV-1", document=sales_invoice())
    lane.work()


def as_file(lane: Lane) -> None:
    lane.ready("IV-1", due=None, document=sales_invoice())
    lane.start_sync()
    lane.settle(minutes=1)


def read_there(lane: Lane) -> None:
    lane.clock.advance(120)
    lane.work()


def point_at(lane: Lane, company: str) -> None:
    with lane.database.write() as session:
        connection = lane.connection(session)
        connection.settings = {**connection.settings, "company_id": company}


def open_hold(lane: Lane) -> tuple[Hold, str]:
    with lane.database.read() as session:
        (hold,) = session.scalars(select(Hold).where(Hold.state == "open"))
        return hold, session.get_one(Cause, hold.cause_id).label


@pytest.mark.parametrize(
    ("fault", "send", "code", "named"),
    [
        ("silent_drop", one_call, "TGT14", "IV-1 is not there"),
        ("silent_drop", as_file, "TGT14", "IV-1 is not there"),
        ("wrong_company", as_file, "TGT15", "another company"),
        ("drop_line", one_call, "TGT16", "line 2 (Tee, black, M)"),
        ("drop_line", as_file, "TGT16", "line 2 (Tee, black, M)"),
    ],
)
def test_each_fault_has_its_message(
    lane: Lane, fault: str, send: Callable[[Lane], None], code: str, named: str
) -> None:
    lane.target.control("faults", fault=fault, count=1)
    send(lane)
    read_there(lane)
    hold, _ = open_hold(lane)
    assert (hold.code, hold.error_class) == (code, "uncertain")
    assert named in hold.message
    (push,) = lane.rows(Push)
    assert (push.error, push.error_class) == (hold.message, "uncertain")
    with lane.database.read() as session:
        found = diagnose(session, lane.connection(session).id, lane.clock.now())
    assert next((one.topic, one.words) for one in found) == (Topic.NO_RECORDS, hold.message)


@pytest.mark.parametrize(
    ("fault", "send", "both"),
    [
        ("silent_drop", one_call, True),
        ("wrong_company", one_call, True),
        ("silent_drop", as_file, False),
    ],
)
def test_where_the_target_does_not_show_which_both_causes_are_named(
    lane: Lane, fault: str, send: Callable[[Lane], None], both: bool
) -> None:
    """AiAccount's history lists imports; a single document is in no list of calls."""
    lane.target.control("faults", fault=fault, count=1)
    send(lane)
    read_there(lane)
    hold, _ = open_hold(lane)
    assert hold.code == "TGT14"
    assert ("another company" in hold.message) is both
    assert "IV-1 is not there" in hold.message


def test_a_document_that_the_target_never_accepted_from_us_has_no_stored_fault(
    lane: Lane,
) -> None:
    """A linked document was typed there by somebody else: what differs is a change."""
    lane.target.control("faults", fault="drop_line", count=1)
    one_call(lane)
    with lane.database.write() as session, any_move(session):
        session.execute(update(Attempt).values(state=AttemptState.DIFFERENT))
    read_there(lane)
    (reading,) = lane.rows(Reading)
    assert reading.body["found"] == "different"
    assert lane.rows(Hold) == []


def test_a_document_posted_before_the_company_was_corrected_is_in_the_other(lane: Lane) -> None:
    point_at(lane, OTHER)
    one_call(lane)
    point_at(lane, "CMP-1042")
    read_there(lane)
    assert open_hold(lane)[0].code == "TGT15"


def test_the_three_causes_have_labels_of_their_own(lane: Lane) -> None:
    lane.target.control("faults", fault="drop_line", count=1)
    one_call(lane)
    read_there(lane)
    assert open_hold(lane)[1] == "A line is missing in aiaccount"


SENT = invoice("IV-1", lines=2)
LACKS = (Kept(0, "Total", "20.00"),)
OTHERWISE = (Kept(0, "Total", "39.00"),)
SHORT = (Kept(0, "", "1"), Kept(0, "Total", "20.00"))
LONGER = (Kept(0, "", "3"), Kept(0, "Total", "60.00"))


@pytest.mark.parametrize(
    ("differs", "by", "before", "fault"),
    [
        (LACKS, "", None, Fault.LINES),
        (SHORT, "", None, Fault.LINES),
        (LONGER, "", None, None),
        (OTHERWISE, "", None, Fault.TOTAL),
        (OTHERWISE, "SITI", None, None),
        (OTHERWISE, "", {"found": "equal"}, None),
        (OTHERWISE, "", {"found": "different", "fault": "total"}, Fault.TOTAL),
        (OTHERWISE, "", {"found": "different", "fault": "lines"}, None),
        ((Kept(1, "Description", "Cup"),), "", None, None),
    ],
)
def test_a_fault_is_what_nobody_changed(
    differs: tuple[Kept, ...], by: str, before: dict[str, str] | None, fault: Fault | None
) -> None:
    found = Found(kind="different", words="", differs=differs, changed_by=by)
    last = Reading(body=before) if before else None
    assert stored_fault(SENT, found, last, "Total") == fault


def test_a_missing_line_is_what_the_total_lacks_exactly() -> None:
    assert missing_line(SENT, Decimal("20.00")) == 2
    assert missing_line(SENT, Decimal("20.01")) == 0
    assert missing_line(SENT, Decimal("60.00")) == 0
    assert missing_line(invoice("IV-1"), Decimal("0.00")) == 0
