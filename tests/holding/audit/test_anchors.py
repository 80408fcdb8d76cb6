"""Heads of the chain, noted elsewhere every hour: whoever cuts the end off is found out."""

from datetime import timedelta
from pathlib import Path

import pytest

from holding.audit import chain
from holding.audit.chain import Anchors, Head
from holding.integrity.all_invariants import check
from holding.runtime.settings import Settings
from holding.store.database import Database
from holding.tables import Company
from tests.holding.audit.test_chain import breaks, link, say, tamper
from tests.support.factories import make_company
from tests.support.postings import NOW

HOUR = timedelta(hours=1)


@pytest.fixture
def anchors(database: Database, company: Company, tmp_path: Path) -> Anchors:
    """Two events are linked and noted, then a third is linked."""
    found = Anchors(tmp_path / "anchors.jsonl")
    say(database, company.id, "one", "two")
    link(database)
    assert found.note(database, NOW) == 1
    say(database, company.id, "three")
    link(database)
    return found


def head(database: Database, company: Company) -> Head:
    with database.read() as session:
        return chain.head(session, company.id)


def test_an_hour_later_the_next_head_is_added(
    database: Database, company: Company, anchors: Anchors
) -> None:
    with database.write() as session:
        make_company(session, "silent")
    (first,) = anchors.of(company.code)
    assert first.seq == 2
    assert anchors.note(database, NOW + HOUR - timedelta(seconds=1)) == 0
    assert anchors.note(database, NOW + HOUR) == 1
    assert anchors.note(database, NOW + 5 * HOUR) == 0  # it did not grow
    assert anchors.of(company.code) == (first, head(database, company))
    say(database, company.id, "four")
    link(database)
    assert anchors.note(database, NOW - HOUR) == 1  # the clock was set back
    assert breaks(database, company.id, known=anchors.of(company.code)) == []


def test_a_tail_that_was_cut_off_is_told_by_what_was_noted(
    database: Database, company: Company, anchors: Anchors
) -> None:
    anchors.note(database, NOW + HOUR)
    noted = anchors.of(company.code)
    tamper(
        database,
        "DELETE FROM event_link WHERE seq = 3",
        "DELETE FROM event WHERE body LIKE '%three%'",
    )
    assert breaks(database, company.id) == []
    (told,) = breaks(database, company.id, known=noted)
    assert told.endswith("the chain ends at place 2: its end was cut off.")
    settings = Settings.from_env({"CLEARPOST_ENV": "test", "CLEARPOST_HOME": "/nowhere"})
    with database.read() as session:
        found = check(session, company.id, now=NOW, settings=settings, anchors=noted, only=("I11",))
    assert [one.say for one in found.breaches] == [told]


def test_a_head_of_another_chain_is_told_beside_the_right_one(
    database: Database, company: Company, anchors: Anchors
) -> None:
    (right,) = anchors.of(company.code)
    (told,) = breaks(database, company.id, known=[right, Head(2, "f" * 64)])
    assert "were changed or taken away" in told


@pytest.mark.parametrize("line", ["nothing", '{"seq": 1}', "[]"])
def test_a_line_that_is_none_is_named(anchors: Anchors, line: str) -> None:
    with anchors.file.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match=r"line 2 of anchors\.jsonl is no anchor"):
        anchors.of("kedai")
