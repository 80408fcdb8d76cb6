"""What preflight says of a target of which nothing is known, or nothing new."""

from datetime import timedelta

import pytest
from sqlalchemy import select, update

from holding.access.actors import SYSTEM
from holding.company import diagnosis
from holding.company.diagnosis import Topic
from holding.connections import confirmed_rates
from holding.connections.master_data import RATE, keep_snapshot
from holding.db.database import Database
from holding.db.models import Company, Pull, Snapshot
from holding.platform import processes
from holding.trials.findings import Code, findings
from holding.trials.waiting_documents import FORGOTTEN, TWO_E_INVOICES, WINDOW_OVER
from rules.values.canonical import PostingState
from tests.holding.connections.test_limits import told_of
from tests.support.factories import connection_named, make_connection
from tests.support.postings import NOW, invoice, make_push, make_ready

MASTER_DATA = {Code.NO_MASTER_DATA, Code.OLD_MASTER_DATA}


def test_master_data_that_was_never_read_or_long_ago(database: Database, company: Company) -> None:
    with database.write() as session:
        target = connection_named(session, company, "aiaccount")

        def said() -> set[str]:
            return {
                one.code for one in findings(session, company.id, NOW, "aiaccount")
            } & MASTER_DATA

        confirmed_rates.ask(session, SYSTEM, target.id, NOW)
        assert session.scalars(select(Snapshot.kind)).all() == [RATE]
        assert said() == {Code.NO_MASTER_DATA}, "what people said of rates is not the target's word"
        keep_snapshot(session, target, told_of(100, 0), person=None, now=NOW)
        assert said() == set()
        old = NOW - timedelta(hours=25)
        session.execute(update(Snapshot).where(Snapshot.kind == "period").values(checked_at=old))
        assert said() == {Code.OLD_MASTER_DATA}


@pytest.mark.parametrize(
    ("action", "minutes", "told"),
    [
        ("void", 72 * 60 + 1, 1),
        ("void", 71 * 60, 1),
        ("void", 71 * 60 - 1, 0),
        ("update", 73 * 60, 0),
        ("void", None, 0),
    ],
)
def test_a_void_that_waited_until_its_e_invoice_cannot_be_cancelled_any_more(
    database: Database, company: Company, action: str, minutes: int | None, told: int
) -> None:
    with database.write() as session:
        posting = make_ready(session, company, "NS-1")
        posting.action = action
        posting.e_invoice_at = None if minutes is None else NOW - timedelta(minutes=minutes)
        session.flush()
        found = findings(session, company.id, NOW, "aiaccount")
        late = [one for one in found if one.code == WINDOW_OVER]
        told_by_doctor = diagnosis.diagnose(session, posting.connection_id, NOW)
        topics = [one.words for one in told_by_doctor if one.topic == Topic.E_INVOICE]
    assert topics == [f"{one.words} 1 record." for one in late]
    assert [one.records for one in late] == [1] * told
    for one in late:
        assert one.words.startswith("Its e-Invoice can be cancelled for 72 hours after it was")
        assert "(FAQ of the MyInvois SDK)" in one.words
        assert one.words.endswith("First: NS-1.")


@pytest.mark.parametrize(("days", "told"), [(29, []), (31, ["IV-9"])])
def test_what_was_never_answered_and_is_not_remembered_there_any_more(
    database: Database, company: Company, days: int, told: list[str]
) -> None:
    with database.write() as session:
        posting = make_ready(session, company, "IV-9", state="uncertain", due=None)
        session.add(make_push(posting, state="uncertain", at=NOW - timedelta(days=days)))
        session.flush()
        found = findings(session, company.id, NOW, "aiaccount")
        topics = [one.topic for one in diagnosis.diagnose(session, posting.connection_id, NOW)]
    late = [one.words for one in found if one.code == FORGOTTEN]
    says = "The key of a call is known for 30 days (our contract; AiAccount gives no figure)."
    assert late == [f"It was sent and never answered. {says} First: {one}." for one in told]
    assert (Topic.DUPLICATES in topics) == bool(told)


def test_one_sale_of_which_two_systems_would_make_an_e_invoice(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        other = make_connection(session, company, "autocount", side="target")
        sent = make_ready(session, company, "IV-0", document=invoice("IV-1"), state="posted")
        sent.connection_id, sent.doc_type, sent.sent_at = other.id, "invoice", NOW
        posting = make_ready(session, company, "IV-1")
        session.flush()
        found = findings(session, company.id, NOW, "aiaccount")
        topics = [one.topic for one in diagnosis.diagnose(session, posting.connection_id, NOW)]
        (twice,) = [one for one in found if one.code == TWO_E_INVOICES]
        assert twice.words.startswith("It went to autocount already, and an e-Invoice is made")
        assert (twice.records, Topic.DUPLICATES in topics) == (1, True)
        sent.state = PostingState.REVERSED
        session.flush()
        again = findings(session, company.id, NOW, "aiaccount")
    assert TWO_E_INVOICES not in {one.code for one in again}


@pytest.mark.parametrize(
    ("minutes", "works", "told"),
    [(11, False, "no worker runs"), (11, True, "the queue here is long"), (9, False, "")],
)
def test_a_delay_of_our_own_is_told_by_whether_a_worker_runs(
    database: Database, company: Company, minutes: int, works: bool, told: str
) -> None:
    with database.write() as session:
        due = NOW - timedelta(minutes=minutes)
        posting = make_ready(session, company, "IV-1", due=due)
        if works:
            processes.beat(
                session, "w1", started_at=NOW, now=NOW, next_by=NOW + timedelta(minutes=1)
            )
        found = diagnosis.diagnose(session, posting.connection_id, NOW)
    late = [one for one in found if one.topic == Topic.DELAYED]
    assert [one.words for one in late] == [f"A document has been due for 11 min: {told}."] * bool(
        told
    )
    for one in late:
        assert one.todo.startswith("Start another" if works else "Start a worker: clearpost up")


@pytest.mark.parametrize(("minutes", "told"), [(11, True), (9, False)])
def test_a_source_that_cannot_be_read_is_the_delay_of_what_it_would_bring(
    database: Database, company: Company, minutes: int, told: bool
) -> None:
    with database.write() as session:
        shop = make_connection(session, company, "woocommerce", side="source")
        since = NOW - timedelta(minutes=minutes)
        wrong = "The shop did not answer in time."
        pull = Pull(connection_id=shop.id, kind="pull", start_at=NOW, wrong=wrong)
        pull.wrong_since = since
        session.add(pull)
        session.flush()
        target = connection_named(session, company, "aiaccount")
        found = diagnosis.diagnose(session, target.id, NOW)
    late = [one for one in found if one.topic == Topic.DELAYED]
    read = f"The source woocommerce has not been read for more than 10 minutes: {wrong}"
    assert [one.words for one in late] == [read] * told
    assert [one.todo for one in late] == ["Look at woocommerce, or ask who runs it."] * told
