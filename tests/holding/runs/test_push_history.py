"""What a search of the push history finds."""

from holding.runs import run_history
from holding.store.database import Database
from holding.tables import Company, Posting, Push, Record
from holding.tables.row_states import PushState
from tests.support.sent_runs import make_run, send_in_run


def test_letters_of_a_name_find_the_pushes_of_all_customers_with_them(
    database: Database, company: Company
) -> None:
    with database.write() as session:
        run = make_run(session, company)
        for no in range(10, 35):
            (push_id,) = send_in_run(session, company, run, f"IV-{no}", PushState.ACCEPTED)
            posting = session.get_one(Posting, session.get_one(Push, push_id).posting_id)
            record = session.get_one(Record, posting.record_id)
            record.party, record.party_key = f"Bulk & Co {no}", f"bulk & co {no}"
        send_in_run(session, company, run, "IV-35", PushState.ACCEPTED)
    with database.read() as session:
        found = run_history.pushes(session, company.id, text="bulk")
    assert [one.number for one in found] == [f"IV-{no}" for no in range(34, 9, -1)]
