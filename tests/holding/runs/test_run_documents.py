"""What became of the documents of a run: each once, by its last push in it, failures first."""

from datetime import timedelta

import pytest

from holding.db.database import Database
from holding.db.models import Company, Record
from holding.db.models.columns import PushState
from holding.runs import run_documents, run_history
from holding.runs.run_documents import Place
from rules.values.canonical import PostingState
from tests.support.databases import any_move
from tests.support.postings import NOW, make_ready
from tests.support.sent_runs import make_run, send_in_run


@pytest.fixture
def sent(database: Database, company: Company) -> tuple[int, list[int]]:
    """A run of three: one posted, one refused and then posted, one refused."""
    with database.write() as session:
        run = make_run(session, company)
        ids = [
            *send_in_run(session, company, run, "IV-1", PushState.ACCEPTED),
            *send_in_run(session, company, run, "IV-2", PushState.REFUSED, PushState.ACCEPTED),
            *send_in_run(session, company, run, "IV-3", PushState.REFUSED),
        ]
        return run.id, ids


def test_each_document_counts_once_by_its_last_push(
    database: Database, company: Company, sent: tuple[int, list[int]]
) -> None:
    run_id, _ = sent
    with database.read() as session:
        ends = run_documents.count_by_answer(session, company.id, run_id)
        assert {state: (one.count, one.money) for state, one in ends.items()} == {
            PushState.ACCEPTED: (2, {"": 4000}),
            PushState.REFUSED: (1, {"": 2000}),
        }
        assert run_documents.count_failed(tuple(ends.values())) == (1, {"": 2000})
        (why,) = run_documents.failure_reasons(session, company.id, run_id)
        assert (why.error, why.error_class, why.count) == ("October is closed", "period_locked", 1)
        assert (why.cause, why.since) == (None, False)
        assert run_documents.count_by_answer(session, company.id + 1, run_id) == {}
        assert run_documents.failure_reasons(session, company.id + 1, run_id) == ()


def test_failures_come_first_and_pages_follow_without_a_gap(
    database: Database, company: Company, sent: tuple[int, list[int]]
) -> None:
    run_id, ids = sent
    with database.read() as session:
        every = run_documents.list_documents(session, company.id, run_id)
        assert [one.number for one in every] == ["IV-3", "IV-1", "IV-2"]
        seen, after = [], None
        for _ in range(3):
            (row,) = run_documents.list_documents(session, company.id, run_id, after=after, most=1)
            seen.append(row.number)
            after = Place(row.state == PushState.ACCEPTED, row.id)
        assert seen == ["IV-3", "IV-1", "IV-2"]
        assert run_documents.list_documents(session, company.id, run_id, after=after) == ()
        assert run_documents.list_documents(session, company.id + 1, run_id) == ()
    assert ids


def test_the_run_before_is_of_the_same_kind_target_and_type(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        first = make_run(session, company)
        make_run(session, company, kind="immediate")
        make_run(session, company, doc_type="sales_receipt")
        last = make_run(session, company)
        row = run_history.load_run(session, company.id, last.id)
        assert row is not None
        assert [one.id for one in run_documents.previous_runs(session, company.id, row)] == [
            first.id
        ]
        row = run_history.load_run(session, company.id, first.id)
        assert row is not None
        assert run_documents.previous_runs(session, company.id, row) == ()


def test_where_very_much_came_in_nobody_counts_it(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write() as session:
        runs = [make_run(session, company, made_at=NOW + timedelta(days=n)) for n in range(2)]
        for number in ("IV-1", "IV-2"):
            posting = make_ready(session, company, number, due=None)
            record = session.get_one(Record, posting.record_id)
            record.seen_at = NOW + timedelta(hours=1)
        session.flush()
        row = run_history.load_run(session, company.id, runs[-1].id)
        assert row is not None
        before = run_documents.previous_runs(session, company.id, row)
        for most, told in ((2, [2]), (1, [])):
            monkeypatch.setattr(run_documents, "COUNTED", most)
            found = run_documents.arrived_records(session, company.id, row, before)
            assert [one.records for one in found] == told


@pytest.mark.parametrize(("days", "told"), [(1, [(2, 1, {"": 2000}), (1, 0, {})]), (9, [])])
def test_what_came_in_for_a_run_and_for_the_one_before(
    database: Database, company: Company, days: int, told: list[tuple[int, int, dict[str, int]]]
) -> None:
    """Of the same target and type; what is on hold of it now is told with its money."""
    day = timedelta(days=days)
    with database.write() as session, any_move(session):
        runs = [make_run(session, company, made_at=NOW + n * day) for n in range(3)]
        came = [("IV-1", 0.5, "posted"), ("IV-2", 1.2, "posted"), ("IV-3", 1.8, "held")]
        for number, at, state in [*came, ("IV-0", -1, "posted"), ("IV-4", 2.5, "posted")]:
            posting = make_ready(session, company, number, due=None)
            posting.state = PostingState(state)
            session.get_one(Record, posting.record_id).seen_at = NOW + at * day
        other = make_ready(session, company, "RC-1", due=None)
        other.doc_type = "sales_receipt"
        session.get_one(Record, other.record_id).seen_at = NOW + 1.5 * day
        session.flush()
        row = run_history.load_run(session, company.id, runs[-1].id)
        assert row is not None
        before = run_documents.previous_runs(session, company.id, row)
        found = run_documents.arrived_records(session, company.id, row, before)
        assert [(one.records, one.held, one.money) for one in found] == told
