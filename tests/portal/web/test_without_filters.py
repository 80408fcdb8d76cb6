"""A list in which nothing matches says how much there is without its filter."""

import re

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company
from holding.db.models.columns import PushState
from holding.runs import run_search
from tests.portal.reading import plain
from tests.support.sent_runs import make_run, send_in_run

pytestmark = pytest.mark.sqlite
BASE = "/c/kedai"


def _sent(database: Database, runs: int, pushes: int) -> None:
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        made = [make_run(session, company) for _ in range(runs)]
        for n in range(pushes):
            send_in_run(session, company, made[0], f"IV-{n}", PushState.ACCEPTED)


def _told(page: str) -> str:
    found = re.search(r"Without filters: [^.]*\.", plain(page))
    return found[0] if found else ""


def _count(page: str) -> int:
    return int(re.sub(r"\D", "", _told(page)))


def test_runs_and_postings_are_counted_without_the_filter(visit, database):
    farah = visit("farah")
    runs, pushes = f"{BASE}/runs?invoice=zz", f"{BASE}/pushes?q=zz"
    before = _count(farah.text(runs)), _count(farah.text(pushes))
    _sent(database, runs=2, pushes=3)
    assert _told(farah.text(runs)) == f"Without filters: {before[0] + 2} runs."
    assert _told(farah.text(pushes)) == f"Without filters: {before[1] + 3} postings."
    assert _count(farah.text(f"{BASE}/pushes?state=conflict")) == before[1] + 3
    for found in (f"{BASE}/runs", f"{BASE}/pushes"):
        assert _told(farah.text(found)) == ""


def test_of_many_nobody_counts_on(visit, database, monkeypatch):
    monkeypatch.setattr(run_search, "MOST_COUNTED", 2)
    _sent(database, runs=3, pushes=3)
    farah = visit("farah")
    assert _told(farah.text(f"{BASE}/runs?invoice=zz")) == "Without filters: more than 2 runs."
    assert _told(farah.text(f"{BASE}/pushes?q=zz")) == "Without filters: more than 2 postings."


def test_events_are_counted_that_whoever_asks_may_see(visit):
    nurul, farah = visit("nurul"), visit("farah")
    none = f"{BASE}/audit?from=2031-01-01"
    every, own = _told(nurul.text(none)), _told(farah.text(none))
    assert re.fullmatch(r"Without filters: (more than )?[\d,]+ events?\.", every)
    assert own == "Without filters: 1 event.", "of her own sign-in"


def test_entries_are_counted_without_the_letters(visit):
    farah = visit("farah")
    told = _told(farah.text(f"{BASE}/mappings/item?q=zz-nothing"))
    assert re.fullmatch(r"Without filters: [1-9]\d* entr(y|ies)\.", told)
