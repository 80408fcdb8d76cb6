"""Heads of the chain, noted elsewhere: whoever cuts the end off is found out."""

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.operations.invariants import check
from holding.platform import events as chain
from holding.platform.events import EVERY, LOOKS, MANY, Anchors, Head
from holding.platform.settings import Settings
from tests.holding.platform.test_chain import breaks, link, say, tamper
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
        return chain.chain_head(session, company.id)


def test_T30d_five_minutes_later_the_next_head_is_added(
    database: Database, company: Company, anchors: Anchors
) -> None:
    with database.write() as session:
        make_company(session, "silent")
    (first,) = anchors.of(company.code)
    assert first.seq == 2
    assert timedelta(minutes=5) == EVERY
    soon = NOW + EVERY - LOOKS
    assert anchors.note(database, soon - timedelta(seconds=1)) == 0
    assert anchors.note(database, soon) == 1
    assert anchors.note(database, NOW + 5 * HOUR) == 0  # it did not grow
    assert anchors.of(company.code) == (first, head(database, company))
    assert anchors.of("silent") == ()
    say(database, company.id, "four")
    link(database)
    assert anchors.note(database, NOW - HOUR) == 1  # the clock was set back
    assert breaks(database, company.id, noted_heads=anchors.of(company.code)) == []


def test_T30d_a_head_is_noted_before_a_thousand_and_one_events_are_linked(
    database: Database, company: Company, tmp_path: Path
) -> None:
    anchors, told = Anchors(tmp_path / "anchors.jsonl"), 0
    for events in (1, 499, 500, 2300, 3):
        say(database, company.id, *map(str, range(told, told + events)))
        told += events
        chain.link_due_events(
            database, now=NOW, all_events=False, after=lambda: anchors.note(database, NOW)
        )
    noted = [0, *(one.seq for one in anchors.of(company.code)), told]
    steps = [later - before for before, later in pairwise(noted)]
    assert max(steps) <= MANY == 1000
    assert len(noted) == 6, "not every batch is noted"


def test_T30d_lines_of_another_process_are_read_once_and_a_cut_file_anew(
    database: Database, company: Company, anchors: Anchors
) -> None:
    assert anchors.newest()[company.code].head.seq == 2
    other = Anchors(anchors.file)
    assert other.note(database, NOW + HOUR) == 1
    assert anchors.newest()[company.code].head.seq == 3
    with anchors.file.open("a") as file:
        file.write('{"at": "half a li')
    assert anchors.newest()[company.code].head.seq == 3
    with anchors.file.open("a") as file:
        file.write('ne"}\n')
    with pytest.raises(ValueError, match=r"line 3 of anchors\.jsonl is not an anchor"):
        anchors.newest()
    first = anchors.file.read_text().splitlines()[0]
    anchors.file.write_text(f"{first}\n")
    assert anchors.newest()[company.code].head.seq == 2


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
    (told,) = breaks(database, company.id, noted_heads=noted)
    assert told.endswith("the chain ends at place 2: its end was cut off.")
    settings = Settings.from_env({"CLEARPOST_ENV": "test", "CLEARPOST_HOME": "/nowhere"})
    with database.read() as session:
        found = check(session, company.id, now=NOW, settings=settings, anchors=noted, only=("I11",))
    assert [one.say for one in found.breaches] == [told]


def test_a_head_of_another_chain_is_told_beside_the_right_one(
    database: Database, company: Company, anchors: Anchors
) -> None:
    (right,) = anchors.of(company.code)
    (told,) = breaks(database, company.id, noted_heads=[right, Head(2, "f" * 64)])
    assert "were changed or taken away" in told


@pytest.mark.parametrize("line", ["nothing", '{"seq": 1}', "[]"])
def test_a_line_that_is_none_is_named(anchors: Anchors, line: str) -> None:
    with anchors.file.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(ValueError, match=r"line 2 of anchors\.jsonl is not an anchor"):
        anchors.of("kedai")
