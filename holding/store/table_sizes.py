"""What SQLite is told of the sizes of tables, so that it plans as for a company of many years.

Here: of each index of a large table how many rows it has, and how many of them have one value of
its first column, of its first two, and so on (a row of `sqlite_stat1`). Not here: PostgreSQL, which
counts for itself.

Without these figures SQLite takes it that ten rows belong to a company, and for a handful of ids
goes through all million of them. Counted figures would do worse in a young database: a table of
twenty rows is read as a whole, by connections that live until it is large. So these are those of a
company of a million records, from the first day on: some plans of a small one are not the
shortest, which costs nothing there.
"""

import sqlite3
from contextlib import closing
from typing import Final

FIGURES: Final = {
    "attempt": {
        "sqlite_autoindex_attempt_1": "500000 1 1",
        "sqlite_autoindex_attempt_2": "500000 1 1",
    },
    "cause": {
        "ix_cause_class": "20000 20000 2000 500 1",
        "ix_cause_live": "20000 20000 50 1",
        "ix_cause_team": "20000 20000 7000 500 1",
        "sqlite_autoindex_cause_1": "20000 20000 1",
    },
    "delivery": {
        "ix_delivery_due": "500 250 5 1",
        "ix_delivery_lease": "100 100",
        "ix_delivery_sha256": "1000000 500000 1",
        "ix_delivery_source": "1000000 500000 1",
        "sqlite_autoindex_delivery_1": "1000000 500000 1",
        "uq_delivery_signature": "1000000 500000 1",
    },
    "evaluation": {"sqlite_autoindex_evaluation_1": "1500000 2 1"},
    "event": {
        "ix_event_at": "5000000 5000000 3 1",
        "ix_event_company": "5000000 5000000 1",
        "ix_event_person": "50000 50000 5000 2 1",
        "ix_event_record": "5000000 5 1",
        "ix_event_wide": "50000 50000 500 1",
    },
    "event_link": {
        "sqlite_autoindex_event_link_1": "5000000 5000000 1",
        "sqlite_autoindex_event_link_2": "5000000 1",
    },
    "hold": {
        "ix_hold_age": "100000 100000 5000 1 1 1 1 1",
        "ix_hold_rule": "100000 100000 2000 20 1",
        "ix_hold_answer": "100000 100000 5000",
        "ix_hold_book": "100000 100000 900 1",
        "ix_hold_cause": "100000 50 20 1",
        "ix_hold_closed": "1000000 1000000 10 1",
        "ix_hold_code": "100000 100000 8000 1 1",
        "ix_hold_listed": "100000 50 1",
        "ix_hold_party": "100000 100000 200 20 1",
        "ix_hold_person": "100000 100000 50000 500 1",
        "ix_hold_posting_id": "1000000 1",
        "ix_hold_record": "1000000 1",
        "ix_hold_snoozed": "1000 10",
        "ix_hold_team": "100000 100000 30000 10000 500",
        "ix_hold_waits": "100000 100000 1",
        "uq_hold_open": "100000 1 1 1 1 1",
    },
    "hold_tally": {"sqlite_autoindex_hold_tally_1": "5000 5000 2 1 1"},
    "link_key": {
        "ix_link_key_record_id": "4000000 4",
        "link_key": "4000000 4000000 1300000 2 1",
    },
    "posting": {
        "ix_posting_booked": "800000 800000 800 800 800 800 50 50 50",
        "ix_posting_day": "1000000 1000000 500000 20000 100",
        "ix_posting_due": "5000 2500 5 1",
        "ix_posting_late": "80000 80000 2000 1 1",
        "ix_posting_lease": "500 500",
        "ix_posting_left_out": "40000 40000 1",
        "ix_posting_number": "1000000 1000000 1",
        "ix_posting_open": "130000 130000 65000 65000 65000 80",
        "ix_posting_part": "20000 2 2 1",
        "ix_posting_party": "800000 800000 200 200 200 10 10 2 1",
        "ix_posting_posted": "800000 400000 1 1 1",
        "ix_posting_read": "50000 25000 50 1",
        "ix_posting_ref": "800000 800000 1",
        "ix_posting_reverses": "1000000 1000000",
        "ix_posting_standing": "130000 65000 65000 30000 20000 1000 1000",
        "sqlite_autoindex_posting_1": "1000000 1 1 1",
        "uq_posting_sent": "800000 400000 400000 1",
    },
    "posting_line": {"sqlite_autoindex_posting_line_1": "2500000 3 1"},
    "posting_use": {
        "ix_posting_use_posting_id": "9000000 9",
        "posting_use": "9000000 2000 1",
    },
    "push": {
        "ix_push_newest": "800000 400000 400000 1",
        "sqlite_autoindex_push_1": "800000 400000 1",
        "sqlite_autoindex_push_2": "800000 1 1",
        "uq_push_effect": "800000 1",
        "uq_push_family": "5000 1 1",
    },
    "reading": {"ix_reading_posting": "800000 1 1"},
    "record": {
        "ix_record_crashed": "100 100 10 1",
        "ix_record_day": "1000000 1000000 900 300",
        "ix_record_due": "5000 5000 50 1",
        "ix_record_external": "1000000 1000000 1",
        "ix_record_family": "1000000 1000000 1",
        "ix_record_lease": "5000 500",
        "ix_record_number": "1000000 1000000 1",
        "ix_record_open": "140000 140000 70000 1",
        "ix_record_party": "1000000 1000000 200 2",
        "ix_record_seen": "1000000 1000000 1 1 1",
        "sqlite_autoindex_record_1": "1000000 500000 500000 1",
    },
    "request": {
        "ix_request_connection": "500000 250000 1",
        "ix_request_key": "500000 250000 1",
        "ix_request_parent": "1000 2",
        "ix_request_run": "500000 50",
    },
    "run": {
        "ix_run_at": "20000 20000 2 1",
        "ix_run_company": "20000 20000 1",
        "ix_run_connection_at": "20000 20000 10000 2 1",
        "ix_run_due": "100 100 2 1",
        "ix_run_pill": "20000 10000 5000 1",
        "uq_run_daily": "5000 5000 1 1",
    },
    "tallied_record": {"sqlite_autoindex_tallied_record_1": "400000 4 1"},
    "version": {
        "ix_version_delivery_id": "1200000 2",
        "ix_version_corrects": "1000 1",
        "sqlite_autoindex_version_1": "1200000 1 1",
        "uq_version_stamp": "1200000 1 1 1",
    },
}
"""Table -> index -> its rows, then those of one value of its first column, its first two, …"""


def tell(file: str) -> None:
    """Put the figures into a SQLite file; connections that are opened from then on plan by them."""
    told = [(table, *one) for table, each in FIGURES.items() for one in each.items()]
    with closing(sqlite3.connect(file, timeout=30)) as connection, connection:
        connection.execute("ANALYZE sqlite_schema")  # makes the table of figures
        connection.execute("DELETE FROM sqlite_stat1")
        connection.executemany("INSERT INTO sqlite_stat1 VALUES (?, ?, ?)", told)
