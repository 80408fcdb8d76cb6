"""What was not sent is on hold and called so; only what the target answered has failed."""

from pathlib import Path

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Run
from holding.posting.push_history import load_pushes
from holding.runs.run_documents import count_by_answer, failure_reasons
from holding.runs.run_search import search_pushes
from tests.holding.life import NUMBERED, TABLES, Life, begin
from tests.holding.shop import FILES, open_shop
from tests.support.clock import SetClock


@pytest.fixture
def life(
    database: Database,
    company: Company,
    clock: SetClock,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Life:
    shop = open_shop(database, company, clock)
    return begin(shop, tmp_path, monkeypatch, FILES | {"shop.rules": NUMBERED + TABLES})


@pytest.mark.parametrize("mood", ["blocked", "beyond", "unread"])
def test_what_was_not_sent_is_on_hold(life: Life, mood: str) -> None:
    life.books.moods = [mood]
    life.arrive("A-1")
    assert [row[2] for row in life.postings("A-1")] == ["held"]
    assert life.shop.states() == {"A-1": "held"}
    (told,) = life.told("posting.refused")
    assert told.startswith("A-1-1 was not sent: ")
    assert life.books.effects == []
    with life.shop.database.read() as session:
        (push,) = load_pushes(session, life.shop.record(session, "A-1").id)
        (line,) = search_pushes(session, life.shop.company.id)
        run_id = session.scalars(select(Run.id)).one()
        (reason,) = failure_reasons(session, life.shop.company.id, run_id)
        counts = count_by_answer(session, life.shop.company.id, run_id)
    assert (push.unsent, line.unsent, reason.unsent) == (True, True, True)
    assert line.answer == "not_sent"
    assert {answer: one.count for answer, one in counts.items()} == {"not_sent": 1}
    assert found_by_answer(life) == {"not_sent": 1, "refused": 0, "accepted": 0}


def test_what_the_target_refused_has_failed(life: Life) -> None:
    life.books.moods = ["refuse"]
    life.arrive("A-1")
    assert [row[2] for row in life.postings("A-1")] == ["failed"]
    with life.shop.database.read() as session:
        (line,) = search_pushes(session, life.shop.company.id)
        run_id = session.scalars(select(Run.id)).one()
        (reason,) = failure_reasons(session, life.shop.company.id, run_id)
        counts = count_by_answer(session, life.shop.company.id, run_id)
    assert (line.unsent, reason.unsent) == (False, False)
    assert line.answer == "refused"
    assert {answer: one.count for answer, one in counts.items()} == {"refused": 1}
    assert found_by_answer(life) == {"not_sent": 0, "refused": 1, "accepted": 0}


def found_by_answer(life: Life) -> dict[str, int]:
    """Return how many lines the posting log has under each answer."""
    answers = ("not_sent", "refused", "accepted")
    with life.shop.database.read() as session:
        company = life.shop.company.id
        return {one: len(search_pushes(session, company, answer=one, most=1)) for one in answers}


def test_the_page_of_one_answer_is_full_though_newer_documents_have_another(life: Life) -> None:
    for number, mood in (("A-1", "refuse"), ("A-2", "blocked"), ("A-3", "blocked")):
        life.books.moods = [mood]
        life.arrive(number)
    assert found_by_answer(life) == {"not_sent": 1, "refused": 1, "accepted": 0}
