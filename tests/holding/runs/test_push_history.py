"""What a search of the push history finds."""

import pytest

from holding.db.database import Database
from holding.db.models import Company, Posting, Push, Record
from holding.db.models.columns import PushState
from holding.runs import run_search
from tests.support.sent_runs import make_run, send_in_run


@pytest.mark.parametrize("few", [run_search.FEW, 0])
def test_letters_of_a_name_find_the_pushes_of_all_customers_with_them(
    database: Database, company: Company, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From their records where those are few, else among the newest."""
    monkeypatch.setattr(run_search, "FEW", few)
    with database.write() as session:
        run = make_run(session, company)
        for no in range(10, 35):
            (push_id,) = send_in_run(session, company, run, f"IV-{no}", PushState.ACCEPTED)
            posting = session.get_one(Posting, session.get_one(Push, push_id).posting_id)
            record = session.get_one(Record, posting.record_id)
            record.party, record.party_key = f"Bulk & Co {no}", f"bulk & co {no}"
        send_in_run(session, company, run, "IV-35", PushState.ACCEPTED)
        (failed,) = send_in_run(session, company, run, "IV-9", PushState.REFUSED)
        posting = session.get_one(Posting, session.get_one(Push, failed).posting_id)
        record = session.get_one(Record, posting.record_id)
        record.number, record.party, record.party_key = "bulk", "Other", "other"
    with database.read() as session:
        found = run_search.search_pushes(session, company.id, text="bulk")
        page = run_search.search_pushes(session, company.id, text="bulk", most=2, after=found[2].id)
        accepted = run_search.search_pushes(
            session, company.id, text="bulk", answer=PushState.ACCEPTED
        )
    numbers = [f"IV-{no}" for no in range(34, 9, -1)]
    assert [one.number for one in found] == ["IV-9", *numbers]
    assert [one.number for one in page] == numbers[2:4]
    assert [one.number for one in accepted] == numbers
