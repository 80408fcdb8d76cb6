"""A dry run counts what a judging would do, shows documents, and stores nothing but its sums."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import func, select, update

from holding.access.actors import Actor
from holding.company import dry_run, going_live
from holding.company.dry_run import Count, DryRun, Unfinished
from holding.db.database import Database
from holding.db.models import (
    Company,
    Delivery,
    Evaluation,
    Event,
    Hold,
    Posting,
    Record,
    Upload,
)
from holding.db.models.columns import UploadState
from holding.db.refusal import Refusal
from tests.holding.shop import Shop, open_shop, order
from tests.support.clock import SetClock
from tests.support.factories import connection_named

FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)
FILE = {"name": "sales.csv", "sha256": "0" * 64, "state": UploadState.IMPORTING}


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    made = open_shop(database, company, clock)
    made.publish()
    with database.write() as session:
        session.execute(update(Company).where(Company.id == company.id).values(live=False))
    return made


def admin(shop: Shop) -> Actor:
    mine = shop.company.id
    return Actor(None, "Mei Ling", "mei@kedai.my", mine, frozenset({"admin"}))


def run(shop: Shop, first: date = FIRST, last: date = LAST) -> DryRun:
    done = dry_run.dry_run(shop.database, shop.clock, admin(shop), first, last)
    assert isinstance(done, DryRun), done
    return done


def stored(shop: Shop) -> list[Any]:
    tables = (Posting, Hold, Evaluation)
    with shop.database.read() as session:
        due = session.scalars(select(Record.due_at).order_by(Record.id)).all()
        return [session.scalar(select(func.count()).select_from(one)) for one in tables] + [due]


def test_it_counts_shows_three_documents_and_stores_no_decision(shop: Shop) -> None:
    shop.receive(*(order(f"SO-{no}") for no in (1, 2, 3, 4)))
    shop.receive(order("SO-5", customer="C-404"), order("SO-6", status="pending"))
    shop.receive(order("SO-7", status="cancelled"), order("SO-8", ordered_on="2026-10-31"))
    before = stored(shop)
    done = run(shop)
    assert stored(shop) == before
    assert before[:3] == [0, 0, 0]
    assert done.all == Count(7, {"": 7 * 19200})
    assert done.groups == {
        "ready": Count(4, {"": 4 * 19200}),
        "held": Count(1, {"": 19200}),
        "waiting": Count(1, {"": 19200}),
        "ignored": Count(1, {"": 19200}),
    }
    assert sum(one.records for one in done.groups.values()) == done.all.records
    [cause] = done.causes
    assert (cause.error_class, cause.team) == ("mapping_missing", "sales_admin")
    assert (cause.found, "C-404" in cause.label) == (Count(1, {"": 19200}), True)
    assert len({one.number for one in done.documents}) == 3
    assert {one.fields["Customer"] for one in done.documents} == {"Aisyah Rahman"}


def test_what_a_worker_judged_counts_the_same_and_a_cutover_hides_nothing(shop: Shop) -> None:
    shop.receive(order("SO-1"), order("SO-2", customer="C-404"), order("SO-3", total="1.00"))
    plain = run(shop)
    with shop.database.write() as session:
        later = date(2026, 12, 1)
        assert going_live.set_cutover(session, admin(shop), later, shop.now) is None
    shop.judge()
    assert shop.states() == {"SO-1": "ignored", "SO-2": "ignored", "SO-3": "ignored"}
    again = run(shop)
    assert (again.all, again.groups, again.causes) == (plain.all, plain.groups, plain.causes)


def test_it_is_remembered_until_something_changes(shop: Shop) -> None:
    shop.receive(order("SO-1"))
    run(shop)
    with shop.database.read() as session:
        last = dry_run.last_dry_run(session.get_one(Company, shop.company.id))
        told = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    assert last is not None
    assert (last.records, last.ready, last.held, last.current) == (1, 1, 0, True)
    assert (last.first, last.last, last.at) == (FIRST, LAST, shop.now)
    assert told.act == "company.dry_run"
    assert "1 record, 1 ready to post, 0 on hold. Nothing was sent." in told.body["say"]
    shop.publish()
    with shop.database.read() as session:
        last = dry_run.last_dry_run(session.get_one(Company, shop.company.id))
    assert last is not None
    assert not last.current


def test_more_than_its_limit_is_left_out_and_told(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.receive(*(order(f"SO-{no}") for no in (1, 2, 3)))
    monkeypatch.setattr(dry_run, "MOST", 2)
    monkeypatch.setattr(dry_run, "A_BATCH", 1)
    done = run(shop)
    assert (done.all.records, done.left_out) == (2, 1)
    assert {one.number for one in done.documents} == {"SO-3", "SO-2"}


def test_what_is_left_out_is_of_whole_days_that_are_named(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = {"SO-1": "2026-11-03", "SO-2": "2026-11-19", "SO-3": "2026-11-07", "SO-4": "2026-11-19"}
    shop.receive(*(order(number, ordered_on=day) for number, day in days.items()))
    shop.judge()
    monkeypatch.setattr(dry_run, "MOST", 3)
    done = run(shop)
    assert (done.all.records, done.left_out) == (3, 1)
    assert {one.number for one in done.records} == {"SO-2", "SO-3", "SO-4"}
    assert done.left_days == (date(2026, 11, 3), date(2026, 11, 3))
    monkeypatch.setattr(dry_run, "MOST", 1)
    done = run(shop)  # one day has more than may be: the newest of them
    assert [one.number for one in done.records] == ["SO-4"]
    assert done.left_days == (date(2026, 11, 3), date(2026, 11, 19))
    monkeypatch.setattr(dry_run, "MOST", 2)
    done = run(shop)
    assert {one.number for one in done.records} == {"SO-2", "SO-4"}
    assert (done.left_out, done.left_days) == (2, (date(2026, 11, 3), date(2026, 11, 7)))
    with shop.database.read() as session:
        last = dry_run.last_dry_run(session.get_one(Company, shop.company.id))
        told = session.scalars(select(Event).order_by(Event.id.desc()).limit(1)).one()
    assert last is not None
    assert last.left_out == 2
    assert told.body["say"].endswith("Nothing was sent. 2 records were not checked.")


def test_work_that_may_still_change_the_figures_is_counted(shop: Shop) -> None:
    """A record of these days is judged by the run itself; of another day it may get a new date."""
    shop.receive(order("SO-1"), order("SO-2", ordered_on="2026-10-31"))
    assert run(shop).unfinished == Unfinished(1, 0), "nothing was checked yet"
    shop.judge()
    assert run(shop).unfinished == Unfinished(0, 0)
    with shop.database.write() as session:
        session.execute(update(Record).values(due_at=shop.now))
        session.execute(update(Delivery).values(due_at=shop.now))
    done = run(shop)
    assert (done.all.records, done.unfinished) == (1, Unfinished(1, 1))


@pytest.mark.parametrize("asked", [True, False])
def test_a_confirmed_file_that_is_not_imported_yet_is_counted(shop: Shop, asked: bool) -> None:
    with shop.database.write() as session:
        source = connection_named(session, shop.company, "netshop")
        at = {"at": shop.now, "due_at": shop.now, "confirmed_at": shop.now if asked else None}
        session.add(Upload(company_id=shop.company.id, source_id=source.id, **FILE, **at))
    assert run(shop).unfinished == Unfinished(0, int(asked))


@pytest.mark.parametrize(
    ("values", "roles", "code"),
    [
        ({"live": True}, {"admin"}, "dry_run.live"),
        ({"ruleset_version_id": None}, {"admin"}, "dry_run.no_rules"),
        ({}, {"finance", "approver"}, "forbidden"),
    ],
)
def test_when_it_is_refused(shop: Shop, values: dict[str, Any], roles: set[str], code: str) -> None:
    with shop.database.write() as session:
        mine = update(Company).where(Company.id == shop.company.id)
        session.execute(mine.values(revision=Company.revision, **values))
    actor = replace(admin(shop), roles=frozenset(roles))
    answer = dry_run.dry_run(shop.database, shop.clock, actor, FIRST, LAST)
    assert isinstance(answer, Refusal)
    assert answer.code == code


def test_the_month_before_this_one(clock: SetClock) -> None:
    assert dry_run.last_month(clock.now(), "Asia/Kuala_Lumpur") == (
        date(2026, 10, 1),
        date(2026, 10, 31),
    )


def proposed(shop: Shop) -> tuple[date, date]:
    with shop.database.read() as session:
        return dry_run.proposed_days(session, shop.company.id, shop.now, "Asia/Kuala_Lumpur")


def test_it_proposes_a_month_that_has_records(shop: Shop) -> None:
    last_month = dry_run.last_month(shop.now, "Asia/Kuala_Lumpur")
    assert proposed(shop) == last_month, "nothing has a date yet"
    shop.receive(order("SO-1", ordered_on="2026-08-05"), order("SO-2", ordered_on="2026-02-28"))
    shop.judge()
    assert proposed(shop) == (date(2026, 8, 1), date(2026, 8, 31))
    shop.receive(order("SO-3", ordered_on="2026-11-05"))
    shop.judge()
    assert proposed(shop) == (date(2026, 11, 1), date(2026, 11, 30))
    assert run(shop, *proposed(shop)).all.records == 1
    shop.receive(order("SO-4", ordered_on="2026-10-31"))
    shop.judge()
    assert proposed(shop) == last_month == (date(2026, 10, 1), date(2026, 10, 31))


def test_records_of_another_company_propose_nothing(shop: Shop) -> None:
    shop.receive(order("SO-1", ordered_on="2026-08-05"))
    shop.judge()
    with shop.database.write() as session:
        other = Company(code="dua", name="Dua", zone="Asia/Kuala_Lumpur", currency="MYR")
        session.add(other)
        session.flush()
        days = dry_run.proposed_days(session, other.id, shop.now, other.zone)
    assert days == dry_run.last_month(shop.now, other.zone)
