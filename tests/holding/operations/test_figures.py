"""Figures for a monitor: exact for each company, and bounded however many there are."""

from datetime import timedelta

import pytest

from holding.db.database import Database
from holding.db.models import Company
from holding.operations import latency
from holding.operations.latency import rank
from holding.operations.queues import Part
from tests.support.factories import make_company
from tests.support.postings import NOW, make_ready

LATER = NOW + timedelta(minutes=2)


def test_companies_beyond_the_first_are_one_line(
    database: Database, company: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latency, "MOST_FIGURES", 1)
    with database.write() as session:
        for code, numbers in (("warung", ("IV-1", "IV-2")), ("lain", ("IV-3",))):
            other = make_company(session, code)
            for number in numbers:
                make_ready(session, other, number)
    with database.read() as session:
        first, rest = latency.of_all(session, LATER)
    assert (first.company, rest.company) == (company.code, "_other")
    documents = {one.part: one for one in rest.queues}[Part.DOCUMENTS]
    assert (documents.connection, documents.due, documents.oldest(LATER)) == ("", 3, 120)
    assert sum(documents.ages) == 3
    assert documents.ages[2] == 3  # from one minute to ten


@pytest.mark.parametrize(
    ("count", "median", "p95"), [(0, None, None), (1, 1, 1), (2, 1, 2), (20, 10, 19), (100, 50, 95)]
)
def test_half_and_95_percent_by_nearest_rank(
    count: int, median: float | None, p95: float | None
) -> None:
    ordered = [float(n) for n in range(1, count + 1)]
    assert (rank(ordered, 0.5), rank(ordered, 0.95)) == (median, p95)
