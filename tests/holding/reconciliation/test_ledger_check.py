"""Lost and doubled are counted from the target's own ledger."""

import json
from pathlib import Path
from typing import Any

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.operations import journal_and_ledgers
from holding.reconciliation.ledger_check import compare_ledger
from tests.support.postings import NOW, make_push, make_ready


def line(number: str, **changes: Any) -> dict[str, Any]:
    told = {
        "effect": "created",
        "company": "CMP-1042",
        "type": "sales_invoice",
        "number": number,
        "party": "Aisyah Rahman",
        "call": "json",
    }
    return told | changes


def write(path: Path, *lines: dict[str, Any], tail: str = "") -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in lines) + tail)
    return path


@pytest.fixture
def posted(database: Database, company: Company) -> list[str]:
    numbers = ["IV-1", "IV-2", "IV-3"]
    with database.write() as session:
        for number in numbers:
            posting = make_ready(session, company, number, state="posted")
            session.add(
                make_push(posting, state="accepted", at=NOW, key=f"cp-{number}", content={})
            )
    return numbers


def counted(
    database: Database, company: Company, ledger: Path, sent: list[str] | None = None
) -> tuple[int, int]:
    with database.read() as session:
        found = compare_ledger(session, company.id, ledger, sent)
    assert len(found.details) >= (found.lost > 0) + (found.doubled > 0)
    return found.lost, found.doubled


def test_equal_books_have_nothing_lost_or_doubled(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    lines = [line(number) for number in posted]
    others = [
        line("IV-1", effect="replayed"),
        line("IV-2", effect="skipped"),
        line("IV-9", effect="refused"),
        line("IV-1", company="CMP-2001"),
        {"effect": "read", "call": "lookup", "company": "CMP-1042"},
    ]
    ledger = write(tmp_path / "ledger", *lines, *others, tail='{"effect": "crea')
    assert counted(database, company, ledger, posted) == (0, 0)


def test_a_line_taken_out_is_lost_and_a_line_copied_is_doubled(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    lines = [line(number) for number in posted]
    assert counted(database, company, write(tmp_path / "a", *lines[1:])) == (1, 0)
    assert counted(database, company, write(tmp_path / "b", *lines, lines[0])) == (0, 1)
    assert counted(database, company, write(tmp_path / "c", *lines[1:], lines[1])) == (1, 1)


def test_the_same_document_for_another_customer_is_doubled(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    lines = [*(line(number) for number in posted), line("IV-1", party="Lim Wei")]
    assert counted(database, company, write(tmp_path / "a", *lines)) == (0, 1)


def test_a_document_that_was_deleted_there_and_sent_again_is_there_once(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    lines = [line(number, id=f"inv_{number}") for number in posted]
    deleted = line("IV-1", id="inv_IV-1", effect="deleted", call="by_hand")
    again = line("IV-1", id="inv_9")
    assert counted(database, company, write(tmp_path / "a", *lines, deleted)) == (1, 0)
    assert counted(database, company, write(tmp_path / "b", *lines, deleted, again)) == (0, 0)
    assert counted(database, company, write(tmp_path / "c", *lines, again)) == (0, 1)
    found = journal_and_ledgers.read([write(tmp_path / "d", *lines, deleted, again)])
    assert [one.number for one in found] == ["IV-2", "IV-3", "IV-1"]


def test_what_stands_there_and_not_here_is_lost(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    with database.write() as session:
        make_ready(session, company, "IV-4")
    lines = [*(line(number) for number in posted), line("IV-4"), line("IV-77"), line("IV-77")]
    assert counted(database, company, write(tmp_path / "a", *lines)) == (2, 1)


def test_T27_a_document_of_another_program_is_a_strangers_and_not_lost(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    """Another program wrote two of its own; ours is a key that only a forgotten push can have."""
    ours = [line(number, key=f"cp-{number}") for number in posted]
    strange = [line("X-1", key="till-7"), line("X-1", key="till-8")]
    ledger = write(tmp_path / "a", *ours, *strange)
    with database.read() as session:
        found = compare_ledger(session, company.id, ledger)
    assert (found.lost, found.doubled, found.strange) == (0, 0, 2)
    assert found.strangers == (
        "X-1 of Aisyah Rahman: sent by another program, with the key till-7",
        "X-1 of Aisyah Rahman: sent by another program, with the key till-8",
    )
    assert found.details == ()


@pytest.mark.parametrize("key", ["cp-0123", ""])
def test_T27_what_we_sent_and_forgot_or_cannot_tell_is_lost(
    database: Database, company: Company, posted: list[str], tmp_path: Path, key: str
) -> None:
    """After a restore: the target has what our books no longer know. It is never a stranger's."""
    ours = [line(number) for number in posted]
    ledger = write(tmp_path / "a", *ours, line("IV-9", key=key))
    with database.read() as session:
        found = compare_ledger(session, company.id, ledger)
    assert (found.lost, found.doubled, found.strange) == (1, 0, 0)
    assert found.details == ("IV-9 of Aisyah Rahman exists there, not posted here",)


def test_T27_a_strangers_document_under_a_number_of_ours_is_doubled(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    ours = [line(number) for number in posted]
    ledger = write(tmp_path / "a", *ours, line("IV-1", key="till-7"))
    with database.read() as session:
        found = compare_ledger(session, company.id, ledger)
    assert (found.lost, found.doubled, found.strange) == (0, 1, 0)


def test_what_was_given_in_and_is_not_here_is_lost(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    ledger = write(tmp_path / "a", *(line(number) for number in posted))
    assert counted(database, company, ledger, [*posted, "x-1", "x-2"]) == (2, 0)


def test_without_a_ledger_everything_posted_is_lost(
    database: Database, company: Company, posted: list[str], tmp_path: Path
) -> None:
    assert counted(database, company, tmp_path / "nothing") == (3, 0)
