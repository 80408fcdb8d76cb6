"""Runs are found by each word of the form, newest first, and by nothing of another company."""

from datetime import timedelta

import pytest

from holding.db.database import Database
from holding.db.models import Attempt, Company, Posting, Push, Record, Request
from holding.db.models.columns import AttemptState, PushState
from holding.db.refusal import Refusal
from holding.runs import run_search
from holding.runs.run_search import RunFilter
from tests.support.kept import kept
from tests.support.postings import NOW
from tests.support.sent_runs import make_run, send_in_run

TYPES = {"IV-1": "sales_invoice", "RC-1": "sales_receipt", "PV-1": "expense_payment"}
PARTIES = {"IV-1": "Kopi Satu", "RC-1": "Kopi Satu", "PV-1": "Kopi Dua", "BL-1": "Kopi Dua"}


@pytest.fixture
def made(database: Database, company: Company) -> dict[str, int]:
    """An hour apart, a run of one document each: an invoice, its receipt, a bill, its payment."""
    return dict(kept(database, ("a run of each", company.id), lambda: _made(database, company)))


def _made(database: Database, company: Company) -> dict[str, int]:
    found = {}
    with database.write() as session:
        for hour, number in enumerate(PARTIES):
            run = make_run(session, company)
            run.made_at = NOW + timedelta(hours=hour)
            (push_id,) = send_in_run(session, company, run, number, PushState.ACCEPTED)
            posting = session.get_one(Posting, session.get_one(Push, push_id).posting_id)
            posting.doc_type = TYPES.get(number, "expense_bill")
            record = session.get_one(Record, posting.record_id)
            record.number, record.external_id = f"NS-{number}", f"id-{number}"
            record.party = PARTIES[number]
            record.party_key = PARTIES[number].lower()
            found[number] = run.id
    return found


def _found(database: Database, company_id: int, wanted: RunFilter) -> list[int]:
    with database.read() as session:
        rows = run_search.search_runs(session, company_id, wanted)
    assert not isinstance(rows, Refusal)
    return [run.id for run in rows]


@pytest.mark.parametrize("few", [run_search.FEW, 0])
@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (RunFilter(record="ns-iv-1"), ["IV-1"]),
        (RunFilter(record="id-BL-1"), ["BL-1"]),
        (RunFilter(customer="satu"), ["RC-1", "IV-1"]),
        (RunFilter(customer="dua"), []),
        (RunFilter(vendor="kopi"), ["BL-1", "PV-1"]),
        (RunFilter(invoice="IV-1"), ["IV-1"]),
        (RunFilter(invoice="RC-1"), []),
        (RunFilter(invoice="BL-1"), ["BL-1"]),
        (RunFilter(payment="RC-1"), ["RC-1"]),
        (RunFilter(payment="PV-1"), ["PV-1"]),
        (RunFilter(payment="IV-1"), []),
        (RunFilter(connector="aiaccount"), ["BL-1", "PV-1", "RC-1", "IV-1"]),
        (RunFilter(connector="quickbooks"), []),
        (RunFilter(connection="aiaccount", vendor="dua"), ["BL-1", "PV-1"]),
        (RunFilter(first=NOW + timedelta(hours=2)), ["BL-1", "PV-1"]),
        (RunFilter(until=NOW + timedelta(hours=1)), ["IV-1"]),
        (RunFilter(customer="satu", payment="RC-1"), ["RC-1"]),
        (RunFilter(customer="satu", vendor="dua"), []),
    ],
)
def test_each_word_finds_its_runs(
    database: Database,
    company: Company,
    made: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
    few: int,
    wanted: RunFilter,
    numbers: list[str],
) -> None:
    monkeypatch.setattr(run_search, "FEW", few)
    assert _found(database, company.id, wanted) == [made[number] for number in numbers]
    assert _found(database, company.id + 1, wanted) == []


def test_pages_follow_by_the_start_of_a_run_and_not_by_its_id(
    database: Database, company: Company, made: dict[str, int]
) -> None:
    with database.write() as session:
        first = make_run(session, company)
        first.made_at, early = NOW - timedelta(hours=1), first.id
        same = make_run(session, company).id
    every = [made["BL-1"], made["PV-1"], made["RC-1"], same, made["IV-1"], early]
    seen: list[int] = []
    after = None
    with database.read() as session:
        for _ in every:
            rows = run_search.search_runs(session, company.id, RunFilter(), after=after, most=1)
            assert not isinstance(rows, Refusal)
            after = rows[0].id
            seen.append(after)
        assert run_search.search_runs(session, company.id, RunFilter(), after=after) == ()
        assert run_search.search_runs(session, company.id, RunFilter(), after=10**6) == ()
    assert seen == every


def test_too_many_names_are_not_looked_for(
    database: Database,
    company: Company,
    made: dict[str, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(run_search, "MOST_PARTIES", 1)
    with database.read() as session:
        told = run_search.search_runs(session, company.id, RunFilter(customer="kopi"))
        assert isinstance(told, Refusal)
        assert (
            told.words == "More than 1 names have “kopi” in them. Enter more letters of the name."
        )
    assert _found(database, company.id, RunFilter(customer="satu")) == [made["RC-1"], made["IV-1"]]


def test_a_look_up_of_a_document_is_not_its_run(
    database: Database, company: Company, made: dict[str, int]
) -> None:
    with database.write() as session:
        later = make_run(session, company)
        sent = session.query(Request).filter_by(run_id=made["IV-1"]).one()
        push = session.query(Push).filter_by(number="IV-1").one()
        told = {
            "connection_id": sent.connection_id,
            "key": "look",
            "sha256": "",
            "state": sent.state,
        }
        asked = Request(kind="lookup", run_id=later.id, made_at=NOW, deadline_at=NOW, **told)
        session.add(asked)
        session.flush()
        session.add(Attempt(request_id=asked.id, push_id=push.id, no=2, fence=1, at=NOW,
                            state=AttemptState.ACCEPTED))  # fmt: skip
    assert _found(database, company.id, RunFilter(invoice="IV-1")) == [made["IV-1"]]
    assert len(_found(database, company.id, RunFilter())) == len(made) + 1
