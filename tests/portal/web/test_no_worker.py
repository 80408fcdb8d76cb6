"""Every page and the health address say that nobody works, and what waits."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, func, select, text, update

from holding.db.database import Database
from holding.db.models import Company, Heartbeat, Record
from holding.platform import processes
from tests.portal.reading import works
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
TOLD = "No worker for 11 min"


@pytest.fixture
def quiet(database: Database, clock: SetClock) -> int:
    """A worker was seen last 11 minutes ago; how many records of the company wait since."""
    return left_alone(database, clock)


def left_alone(database: Database, clock: SetClock) -> int:
    with database.write() as session:
        processes.beat(
            session,
            "host:7",
            started_at=clock.now(),
            now=clock.now(),
            next_by=clock.now() + timedelta(minutes=2),
        )
        kedai = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        mine = Record.company_id == kedai
        session.execute(update(Record).where(mine).values(due_at=clock.now(), lease_until=None))
        count = session.scalar(select(func.count()).where(mine))
    clock.advance(timedelta(minutes=11))
    return count or 0


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page))


def head(page: str) -> str:
    return plain(page.partition("<header")[2].partition("</header>")[0])


@pytest.mark.parametrize("path", ["", "holding", "runs", "late", "connections"])
def test_T28_every_page_says_so_in_its_head(
    visit: Callable[..., Any], quiet: int, path: str
) -> None:
    told = head(visit("farah").text(f"/c/kedai/{path}"))
    assert TOLD in told
    assert f"{quiet} records wait to be checked" in told


def test_T28_the_dashboard_says_what_to_do(visit: Callable[..., Any], quiet: int) -> None:
    note = visit("farah").text("/c/kedai/").partition('id="noworker"')[2].partition("</div>")[0]
    told = plain(note)
    assert f"{TOLD}. {quiet} records wait to be checked" in told
    assert "Deliveries are still accepted and stored." in told
    assert "clearpost worker" in told


def test_T28_an_open_dashboard_learns_it_and_forgets_it(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    """The part that a page asks for again by itself."""
    farah = visit("farah")
    left_alone(database, clock)
    assert TOLD in farah.text("/c/kedai/", target="dash")
    works(database, clock)
    for how in ({}, {"target": "dash"}):
        assert "No worker" not in farah.text("/c/kedai/", **how)


def test_T28_the_health_address_says_so_and_goes_on_taking_deliveries(
    app: Flask, database: Database, clock: SetClock
) -> None:
    client = app.test_client()
    assert client.get("/healthz").get_json()["status"] == "no_worker"
    waiting = left_alone(database, clock)
    answer, strict = client.get("/healthz"), client.get("/healthz/worker")
    assert (answer.status_code, strict.status_code) == (200, 503)
    assert answer.get_json() == strict.get_json()
    told = answer.get_json()
    assert (told["status"], told["what"]) == ("no_worker", f"{TOLD}.")
    assert told["records"] >= waiting
    assert told["waits"].startswith(f"{told['records']} records wait to be checked")
    assert "kedai" not in answer.get_data(as_text=True)


def test_T28_the_health_address_is_good_while_a_worker_runs(
    app: Flask, database: Database, clock: SetClock
) -> None:
    left_alone(database, clock)
    works(database, clock)
    for path in ("/healthz", "/healthz/worker"):
        answer = app.test_client().get(path)
        assert (answer.status_code, answer.get_json()["status"]) == (200, "good")
        assert "records" not in answer.get_json()


@pytest.mark.parametrize(
    ("schema", "status", "codes"),
    [("9999", "newer_schema", (200, 503)), ("0095", "bad", (503, 503))],
)
def test_a_load_balancer_keeps_a_portal_whose_database_a_newer_program_migrated(
    app: Flask, database: Database, schema: str, status: str, codes: tuple[int, int]
) -> None:
    with database.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = :v"), {"v": schema})
    answers = [app.test_client().get(path) for path in ("/healthz", "/healthz/worker")]
    assert tuple(answer.status_code for answer in answers) == codes
    for answer in answers:
        told = answer.get_json()
        assert (told["status"], told["code"]) == (status, "DBS02")


def test_T28_what_waits_for_a_worker_is_one_question_more(
    visit: Callable[..., Any], statements: list[str], database: Database, clock: SetClock
) -> None:
    farah, asked = visit("farah"), []
    works(database, clock)
    for minutes in (0, 2):
        clock.advance(timedelta(minutes=minutes))
        farah.text("/c/kedai/pushes")
        statements.clear()
        farah.text("/c/kedai/pushes")
        asked.append(len([one for one in statements if not one.startswith("BEGIN")]))
    assert asked[1] == asked[0] + 1


@pytest.mark.parametrize("waits", [False, True])
def test_T28_an_installation_that_begins_is_no_alarm_before_something_waits(
    database: Database, clock: SetClock, visit: Callable[..., Any], *, waits: bool
) -> None:
    due = clock.now() if waits else None
    with database.write() as session:
        session.execute(delete(Heartbeat))
        session.execute(update(Record).values(due_at=due, lease_until=None))
    page = visit("farah").text("/c/kedai/")
    assert ("No worker has run yet" in head(page)) is waits
    assert ('id="noworker"' in page) is waits


def test_T28_a_worker_that_is_being_started_again_is_no_alarm(
    database: Database, clock: SetClock, visit: Callable[..., Any]
) -> None:
    works(database, clock)
    with database.write() as session:
        for owner in session.scalars(select(Heartbeat.owner)).all():
            processes.end_heartbeat(session, owner, clock.now())
        session.execute(update(Record).values(due_at=clock.now(), lease_until=None))
    clock.advance(timedelta(seconds=59))
    assert "No worker" not in visit("farah").text("/c/kedai/")
    clock.advance(timedelta(seconds=1))
    assert "No worker for 1 min" in head(visit("farah").text("/c/kedai/"))
