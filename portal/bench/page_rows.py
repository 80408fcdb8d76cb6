"""Rows for the bench of pages: a month of a sample shop, copied until it is as large as asked.

Here: copies of records with their documents, what was used for these, sendings, holds, causes, runs
and the event of their arrival, each with numbers of its own. Versions, evaluations and other events
are not copied: pages read them by the key of one record, and a copy leads to those of its original.
Not here: what is measured (page_bench.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from holding.audit.chain import RECENT
from holding.tables import Base, Cause, Event, Hold, Posting, Push, Record, Run
from holding.tables.decisions import HOLD_OPEN

if TYPE_CHECKING:
    from holding.store.database import DatabaseSession

MONTHS: Final = 36  # so far back the copies reach
COPIES_A_CAUSE: Final = 9  # then a cause has about 43 holds, and a million records 2,300 causes
COPIED: Final = tuple(one.__tablename__ for one in (Cause, Run, Record, Posting, Push, Hold, Event))
USES: Final = "posting_use"  # the only one of these tables that has no numbers of its own
ROW_NUMBERS: Final = (
    "family",
    "posting_id",
    "push_id",
    "posted_push_id",
)  # of copied rows, by no foreign key
OWN: Final = ("number", "external_id", "target_ref", "key", "value", "label")
"""Texts that a copy has for itself."""
DAYS: Final = ("doc_date", "day")
MOMENTS: Final = ("at", "seen_at", "sent_at", "posted_at", "made_at", "ended_at")
LEFT_OUT: Final = {("posting", "content"): "NULL", ("push", "content"): "'{}'"}
"""What only the page of one document shows, and what would be most of the bytes."""
WORK: Final = ("due_at", "read_due_at", "lease_owner", "lease_until")  # nobody is to work on copies
WITHOUT_HOLD: Final = {
    "record": "id",
    "posting": "record_id",
    "push": "posting_id",
    USES: "posting_id",
    "event": "record_id",
}
"""By which column a row is one of those that nothing keeps back."""


@dataclass(frozen=True, slots=True)
class Size:
    """How many records, open holds, and causes of those, there are in the end."""

    records: int
    holds: int
    causes: int


def grow(session: "DatabaseSession", company_id: int, records: int, holds: int) -> Size:
    """Copy the month of a company until it has so many records and open holds, or a few more."""
    month = size_of(session, company_id)
    held = -(-holds // month.holds)
    waiting = session.query(Hold.record_id).filter(Hold.company_id == company_id, HOLD_OPEN)
    kept = session.query(Record).filter_by(company_id=company_id)
    free = kept.filter(Record.id.not_in(waiting)).count()
    more = max(0, records - month.records * held) // max(1, free)
    run = session.connection().exec_driver_sql
    run("CREATE TEMPORARY TABLE copy (k INTEGER PRIMARY KEY)")
    run(
        "INSERT INTO copy WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n"  # noqa: S608 - a number
        f" WHERE k < {held + more}) SELECT k FROM n WHERE k <= {held + more}"
    )
    lasts = [f"SELECT coalesce(max(id), 0) FROM {name}" for name in COPIED]  # noqa: S608 - ours
    stride = 1 + max(run(last).scalar_one() for last in lasts)
    with _without_triggers(session):
        for name in (*COPIED, USES):
            run(_copies(session, name, company_id, held, stride))
    run("DELETE FROM tally_mark")  # made by triggers where those were not left out
    run(
        "INSERT INTO tally_mark (company_id, record_id)"  # noqa: S608 - a number
        f" SELECT DISTINCT company_id, record_id FROM hold WHERE {Hold.OPEN}"
    )
    if session.get_bind().dialect.name != "sqlite":  # SQLite is told once for all
        for name in COPIED:  # what comes later is numbered behind the copies
            last = f"(SELECT max(id) FROM {name})"  # noqa: S608 - ours
            run(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), {last})")
        run("ANALYZE")
    return size_of(session, company_id)


def size_of(session: "DatabaseSession", company_id: int) -> Size:
    """How large a company is."""
    mine = {"company_id": company_id}
    return Size(
        session.query(Record).filter_by(**mine).count(),
        session.query(Hold).filter_by(**mine).filter(HOLD_OPEN).count(),
        session.query(Cause).filter_by(**mine).filter(Cause.records > 0).count(),
    )


def _copies(session: "DatabaseSession", name: str, company_id: int, held: int, stride: int) -> str:
    """The statement that writes all copies of a table's rows, of one company."""
    dialect = session.get_bind().dialect
    columns = {
        column.name: {key.column.table.name for key in column.foreign_keys}
        for column in Base.metadata.tables[name].columns
    }
    sqlite = dialect.name == "sqlite"
    values = ", ".join(
        _value(name, column, leads_to, stride, sqlite=sqlite)
        for column, leads_to in columns.items()
    )
    names = ", ".join(map(dialect.identifier_preparer.quote, columns))
    # SQLite takes the tables of a cross join in their order: copy by copy all numbers only grow
    chosen = f"SELECT {values} FROM copy CROSS JOIN {name} t"  # noqa: S608 - ours
    chosen = f"{chosen} WHERE {_chosen(name, company_id, held)}"
    return f"INSERT INTO {name} ({names}) {chosen}"


def _chosen(name: str, company_id: int, held: int) -> str:
    """Which rows are copied how often: those with an open hold, and the holds, less often."""
    mine = f"t.company_id = {company_id}"
    if name == "run":
        return f"{mine} AND k <= {held}"
    if name == "cause":
        return f"{mine} AND k <= {held} AND {_rest(COPIES_A_CAUSE)} = 1"
    if name == "hold":
        return f"{mine} AND k < {held} AND t.{Hold.OPEN}"
    if name == "event":
        mine = f"{mine} AND t.act = 'record.received'"
    waiting = f"SELECT record_id FROM hold WHERE company_id = {company_id} AND {Hold.OPEN}"  # noqa: S608 - ours
    if name in {"push", USES}:
        mine = f"t.posting_id IN (SELECT id FROM posting WHERE company_id = {company_id})"  # noqa: S608 - ours
        waiting = f"SELECT id FROM posting WHERE record_id IN ({waiting})"  # noqa: S608 - ours
    return f"{mine} AND (k < {held} OR t.{WITHOUT_HOLD[name]} NOT IN ({waiting}))"


def _rest(divisor: int, number: str = "k") -> str:
    """The rest of a division; a driver takes the sign for it for a parameter."""
    return f"({number} - {divisor} * ({number} / {divisor}))"


def _value(name: str, column: str, leads_to: set[str], stride: int, *, sqlite: bool) -> str:
    """What stands in a column of a copy."""
    own = f't."{column}"'
    if instead := LEFT_OUT.get((name, column)):
        return instead
    if column in WORK:
        return "NULL"
    if leads_to == {"cause"}:
        return f"{own} + {stride} * (k - {_rest(COPIES_A_CAUSE, '(k - 1)')})"
    if name == "event" and column == "id":  # long before all that the chain still has to link
        return f"{own} - {stride} * k - {RECENT}"
    if column == "id" or leads_to & {*COPIED} or column in ROW_NUMBERS:
        return f"{own} + {stride} * k"
    if name == "cause" and column in {"records", "book"}:
        return f"{own} * {COPIES_A_CAUSE}"
    if column in OWN:
        return f"{own} || '-' || k"
    if column in (*DAYS, *MOMENTS):
        return _earlier(own, sqlite=sqlite, moment=column in MOMENTS)
    return own


def _earlier(own: str, *, sqlite: bool, moment: bool) -> str:
    """The same day or moment some months earlier."""
    days = f"30 * {_rest(MONTHS)}"
    if not sqlite:
        return f"{own} - {days} * INTERVAL '1 day'" if moment else f"{own} - {days}"
    day = f"date(substr({own}, 1, 10), '-' || ({days}) || ' days')"
    return f"{day} || substr({own}, 11)"


@contextmanager
def _without_triggers(session: "DatabaseSession") -> Iterator[None]:
    """PostgreSQL's triggers cost most of the time; SQLite's are few at a new row, and stay."""
    if session.get_bind().dialect.name == "sqlite":
        yield
        return
    run = session.connection().exec_driver_sql
    for name in COPIED:
        run(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    yield
    for name in COPIED:
        run(f"ALTER TABLE {name} ENABLE TRIGGER USER")
