"""Nights that the program missed, or in which judging was slow: each document goes with its day.

A company under the daily template, its target in this process, its clock in the test's hand.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from holding.db.database import Database
from holding.db.models import Company, Posting, Record, Run
from holding.evaluation.batch import claim
from holding.evaluation.evaluate_due import judge_due, sweep_expired
from holding.operations.invariants import check
from holding.platform.settings import Settings
from holding.runs import schedules
from tests.holding.aiaccount_cells import order
from tests.holding.cells import Template, open_template, template_files

ACCOUNTS = ("1041", "1043", "1044")
MINUTE = timedelta(minutes=1)
pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("sqlite", marks=pytest.mark.sqlite)], indirect=True
)


def at(day: int, hour: int = 2, minute: int = 0, second: int = 0) -> datetime:
    """A moment of November 2026 in Kuala Lumpur."""
    return datetime(2026, 11, day, hour, minute, second, tzinfo=UTC) - timedelta(hours=8)


class Nights(Template):
    """The template, and what its nights sent."""

    def arrive(self, day: int, *numbers: int, **changes: Any) -> None:
        """Orders that were paid on a day of November arrive."""
        bodies = [order(f"NS-{number}", f"2026-11-{day:02}", **changes) for number in numbers]
        self.deliver("netshop", {"orders": bodies})

    def judge(self, limit: int) -> None:
        shop = self.shop
        company = shop.company.id
        judge_due(shop.database, shop.clock, company_id=company, owner="test", limit=limit)

    def start(self) -> int:
        with self.shop.database.write() as session:
            return schedules.start_due(session, self.shop.now)

    def runs(self, route: str = "sales_invoice") -> dict[int, list[str]]:
        """Day of the month -> the numbers of its run, where there are any."""
        runs = select(Run).where(Run.kind == "daily", Run.doc_type == route).order_by(Run.id)
        found: dict[int, list[str]] = {}
        with self.shop.database.read() as session:
            names = dict(session.execute(select(Posting.id, Posting.number)).all())
            for run in session.scalars(runs):
                numbers = [names[key] for key in (run.filter or {})["postings"]]
                if run.day and numbers:
                    found.setdefault(run.day.day, []).extend(sorted(numbers))
        return found

    def breaches(self) -> list[str]:
        with self.shop.database.read() as session:
            settings = Settings.from_env({})
            company = self.shop.company.id
            found = check(session, company, now=self.shop.now, settings=settings, only=("I7",))
            return [one.say for one in found.breaches]


@pytest.fixture
def nights(database: Database, company: Company, tmp_path: Path) -> Nights:
    made = open_template("netshop-aiaccount-daily", database, company, tmp_path, *ACCOUNTS)
    nights = Nights(made.shop, made.api, made.desk, made.events)
    nights.until(at(18, 1))
    nights.until(at(18, 2, 1))
    return nights


def posted_once(nights: Nights, *numbers: int) -> None:
    names = [f"NS-{number}" for number in numbers]
    made = [number for effect, _, number in nights.writes() if effect == "created"]
    assert sorted(made) == sorted([*names, *(f"RC-{name}" for name in names)])
    assert nights.breaches() == []


def test_one_missed_night(nights: Nights) -> None:
    nights.shop.clock.set(at(18, 13))
    nights.arrive(18, 501, 502)
    nights.work()
    nights.arrive(18, 503)  # arrives, and the program ends before it is judged
    nights.until(at(19, 9))
    assert nights.runs() == {18: ["NS-501", "NS-502", "NS-503"]}
    posted_once(nights, 501, 502, 503)


def test_two_missed_nights(nights: Nights) -> None:
    nights.shop.clock.set(at(18, 13))
    nights.arrive(18, 501)
    nights.work()
    nights.shop.clock.set(at(19, 13))
    nights.arrive(19, 502)
    nights.until(at(20, 9))
    assert nights.runs() == {18: ["NS-501"], 19: ["NS-502"]}
    assert nights.runs("sales_receipt") == {18: ["RC-NS-501"], 19: ["RC-NS-502"]}
    posted_once(nights, 501, 502)


def test_what_is_paid_exactly_at_midnight_goes_a_night_later(nights: Nights) -> None:
    nights.shop.clock.set(at(18, 13))
    nights.arrive(18, 501, paid_at="2026-11-18T23:59:59+08:00")
    nights.arrive(18, 502, paid_at="2026-11-19T00:00:00+08:00")
    nights.until(at(19))
    assert nights.runs() == {18: ["NS-501"]}
    nights.until(at(20))
    assert nights.runs() == {18: ["NS-501"], 19: ["NS-502"]}
    posted_once(nights, 501, 502)


NUMBERS = tuple(range(501, 516))


def begin_slowly(nights: Nights) -> None:
    """At the hour, fifteen orders of the day are due."""
    nights.shop.clock.set(at(18, 13))
    nights.arrive(18, *NUMBERS)
    nights.work()
    nights.shop.clock.set(at(19))
    nights.test()
    assert nights.start() == 0


def go_on_slowly(nights: Nights, *, between: Callable[[int], None] = lambda _: None) -> None:
    """One record is judged in a minute; the run starts when all of them are."""
    for minute in range(len(NUMBERS) - 1):
        nights.shop.clock.advance(MINUTE)
        between(minute)
        nights.judge(1)
        assert nights.start() == 0
    nights.work()
    nights.shop.clock.advance(11 * MINUTE)
    nights.work()
    assert nights.runs() == {18: [f"NS-{number}" for number in NUMBERS]}


def test_judging_takes_fifteen_minutes(nights: Nights) -> None:
    begin_slowly(nights)
    go_on_slowly(nights)
    posted_once(nights, *NUMBERS)


def test_a_record_arrives_during_the_wait(nights: Nights) -> None:
    """Of the past day or of today, new or again."""

    def between(minute: int) -> None:
        if minute == 3:
            nights.arrive(18, NUMBERS[-1], version=2)
            nights.arrive(19, 601, paid_at="2026-11-19T00:30:00+08:00")

    begin_slowly(nights)
    go_on_slowly(nights, between=between)
    nights.until(at(20))
    assert nights.runs()[19] == ["NS-601"]
    posted_once(nights, *NUMBERS, 601)


def test_a_record_arrives_again_while_a_worker_has_it(nights: Nights) -> None:
    begin_slowly(nights)
    given = {"company_id": nights.shop.company.id, "limit": 15, "lease_seconds": 60}
    claim(nights.shop.database, owner="other", now=nights.shop.now, **given)
    nights.shop.clock.advance(MINUTE)
    nights.arrive(18, NUMBERS[-1], version=2)
    with nights.shop.database.write() as session:  # it is returned, as what moved meanwhile
        free = {"lease_owner": None, "lease_until": None}
        session.execute(update(Record).values(**free, due_at=nights.shop.now))
    for _ in range(13):
        nights.shop.clock.advance(MINUTE)
        assert nights.start() == 0
    nights.work()
    assert nights.runs() == {18: [f"NS-{number}" for number in NUMBERS]}
    posted_once(nights, *NUMBERS)


def test_a_worker_dies_at_the_hour(nights: Nights) -> None:
    begin_slowly(nights)
    given = {"company_id": nights.shop.company.id, "limit": 15, "lease_seconds": 60}
    assert claim(nights.shop.database, owner="dead", now=nights.shop.now, **given)
    nights.shop.clock.advance(2 * MINUTE)
    sweep_expired(nights.shop.database, nights.shop.now)
    assert nights.start() == 0
    nights.work()
    assert nights.runs() == {18: [f"NS-{number}" for number in NUMBERS]}
    posted_once(nights, *NUMBERS)


def test_rules_are_published_during_the_wait(nights: Nights) -> None:
    """What a worker had is returned as due from then on, behind whatever else the rules concern."""

    def between(minute: int) -> None:
        if minute == 3:
            files = template_files("netshop-aiaccount-daily")
            posting = files["posting.rules"] + "\n# the same again\n"
            nights.shop.publish(files | {"posting.rules": posting})

    begin_slowly(nights)
    go_on_slowly(nights, between=between)
    posted_once(nights, *NUMBERS)


def test_the_target_fails_in_the_night_that_is_made_up(nights: Nights) -> None:
    nights.shop.clock.set(at(18, 13))
    nights.arrive(18, 501, 502)
    nights.work()
    nights.shop.clock.set(at(19, 9))
    nights.test()
    nights.control("faults", plan=["unavailable"] * 3)
    nights.work()
    for _ in range(12):
        nights.shop.clock.advance(10 * MINUTE)
        nights.work()
    assert nights.runs() == {18: ["NS-501", "NS-502"]}
    posted_once(nights, 501, 502)


def test_the_quota_of_the_target_is_used_up(nights: Nights) -> None:
    """The run keeps what waits for the next month; the next night does not take it again."""
    nights.control("quota", limit=1)
    nights.shop.clock.set(at(18, 13))
    nights.arrive(18, 501, 502)
    nights.until(at(19, 9))
    nights.until(at(20, 9))
    assert nights.runs() == {18: ["NS-501", "NS-502"]}
    nights.control("quota", limit=None)
    nights.until(at(21, 9))
    nights.until(at(22, 9))
    assert nights.runs() == {18: ["NS-501", "NS-502"]}
    posted_once(nights, 501, 502)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland"])
def test_the_company_is_in_another_zone_than_its_shop(nights: Nights, zone: str) -> None:
    """The hour and the day are the shop's."""
    with nights.shop.database.write() as session:
        session.get_one(Company, nights.shop.company.id).zone = zone
    nights.shop.clock.set(at(18, 13))
    nights.arrive(18, 501, paid_at="2026-11-18T00:00:00+08:00")
    nights.arrive(18, 502, paid_at="2026-11-18T23:59:59+08:00")
    nights.work()
    nights.until(at(19, 1, 59))
    assert nights.runs() == {}
    nights.until(at(19))
    assert nights.runs() == {18: ["NS-501", "NS-502"]}
    posted_once(nights, 501, 502)
