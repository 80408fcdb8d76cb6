"""Who belongs to whom after a new content: families, what links join, and records of one number."""

from types import SimpleNamespace
from typing import Any

from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Company, LinkKey, Posting, Record
from holding.intake import families
from holding.intake.families import CurrentContent
from tests.support.postings import NOW, make_ready

BY_REFERENCE: Any = SimpleNamespace(
    link_keys=lambda body, kind: (),
    family_keys=lambda body, kind: [(f"{LinkKey.OF_LINKS}orders", body["ref"], None)],
)
"""Rules whose links find records by their reference."""


def made(database: Database, company: Company, *numbers: str) -> list[int]:
    """The records of these numbers, none of which is due."""
    with database.write() as session:
        ids = [make_ready(session, company, number).record_id for number in numbers]
        session.execute(update(Record).values(due_at=None))
        return ids


def due(database: Database) -> set[int]:
    with database.read() as session:
        return set(session.scalars(select(Record.id).where(Record.due_at == NOW)))


def test_a_record_takes_its_documents_into_its_new_family(
    database: Database, company: Company
) -> None:
    one, other = made(database, company, "IV-1", "IV-2")
    with database.write() as session:
        families.move_families(session, {one: 4711})
    with database.read() as session:
        for table, key in ((Record, Record.id), (Posting, Posting.record_id)):
            found = {row[0]: row[1] for row in session.execute(select(key, table.family))}
            assert found[one] == 4711
            assert found[other] != 4711


def test_who_was_joined_and_who_is_joined_now_are_both_judged_again(
    database: Database, company: Company
) -> None:
    moved, before, after, nobody = made(database, company, "A", "B", "C", "D")
    now = [CurrentContent(key, "order", {"ref": ref}) for key, ref in
           ((moved, "old"), (before, "old"), (after, "new"), (nobody, "else"))]  # fmt: skip
    with database.write() as session:
        families.add_link_keys(session, company.id, BY_REFERENCE, now)
        own = session.get_one(Record, moved).family
        content = [CurrentContent(moved, "order", {"ref": "new"})]
        same = {moved: (own, own)}
        families.update_families(session, company.id, BY_REFERENCE, content, same, NOW)
    assert due(database) == {before, after}


def test_a_later_record_of_the_number_that_nothing_comes_of_is_no_twin(
    database: Database, company: Company
) -> None:
    first, gone, waits, kind = made(database, company, "A", "B", "C", "D")
    with database.write() as session:
        session.execute(update(Record).values(number="NS-1"))
        session.execute(update(Record).where(Record.id == kind).values(type="refund"))
        session.execute(update(Record).where(Record.id == gone).values(state="ignored"))
        session.execute(update(Record).where(Record.id == waits).values(state="held"))
        found, later = families.find_twins(session, company.id, [first])
        assert (set(found[first]), later[first]) == ({waits}, {waits})
        session.execute(update(Posting).where(Posting.record_id == gone).values(sent_at=NOW))
        found, later = families.find_twins(session, company.id, [first])
    assert (set(found[first]), later[first]) == ({gone, waits}, {waits})
