"""Signals: raised once with their cause, ended with it, and what the dashboard says of them."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import text

from holding.access.actors import OPERATOR, SYSTEM
from holding.company import directory
from holding.connections import breaker, open_signals
from holding.db.models import Connection
from holding.platform.events import record_event
from tests.portal.reading import one, plain

DASHBOARD, SIGNALS = "/c/kedai/", "/c/kedai/signals"
FAILING = (
    "UPDATE hold SET code = 'TGT01', opened_at = :at, connection_id ="
    " (SELECT id FROM connection WHERE name = 'aiaccount' AND company_id = hold.company_id)"
    " WHERE number IN ('SO-10200', 'SO-10201', 'SO-10202', 'SO-10203') AND cause_id ="
    " (SELECT cause_id FROM hold WHERE number = 'SO-10200' AND state = 'open')"
)


@pytest.fixture
def fail(database, clock):
    """Four orders of one cause were rejected by AiAccount, so long ago."""

    def act(ago: timedelta = timedelta(minutes=1)) -> None:
        with database.write() as session:
            session.execute(text(FAILING), {"at": (clock.now() - ago).isoformat()})

    return act


@pytest.fixture
def look(database, clock):
    """A worker looks for signals; how many are open."""

    def act() -> int:
        with database.write() as session:
            open_signals.refresh_signals(session, clock.now())
        return one(database, "SELECT count(*) FROM signal WHERE cleared_at IS NULL")

    return act


def limit(visit, many: str, status: int = 303):
    given = {"connection": "aiaccount", "many": many}
    return visit("adam").post(f"{SIGNALS}/failures", given, status=status)


@pytest.mark.slow
def test_many_failures_of_one_cause_are_one_signal_from_the_threshold_on(
    visit, database, clock, fail, look
):
    fail()
    limit(visit, "5")
    assert look() == 0
    limit(visit, "4")
    assert look() == 1
    assert look() == 1
    assert one(database, "SELECT count(*) FROM event WHERE act = 'signal.raised'") == 1
    page = plain(visit("farah").text(DASHBOARD))
    assert "AiAccount rejects many records for one cause: 4 records, RM" in page
    assert "Escalate SO-10200 to support" in page
    assert "AiAccount rejects" not in visit("stranger", "lain").text("/c/lain/")
    clock.advance(timedelta(hours=2))  # it is still so, though nothing new failed
    assert look() == 1
    with database.write() as session:
        session.execute(text("UPDATE hold SET state = 'cleared', closed_at = opened_at"
                             " WHERE code = 'TGT01' AND number <> 'SO-10200'"))  # fmt: skip
    assert look() == 1
    assert one(database, "SELECT records FROM signal") == 1
    with database.write() as session:
        session.execute(text("UPDATE hold SET state = 'cleared', closed_at = opened_at"
                             " WHERE code = 'TGT01'"))  # fmt: skip
    assert look() == 0
    assert one(database, "SELECT count(*) FROM event WHERE act = 'signal.cleared'") == 1
    assert "AiAccount rejects" not in visit("farah").text(DASHBOARD)
    assert "AiAccount rejects" in visit("farah").text(SIGNALS)


@pytest.mark.slow
def test_a_person_of_some_sources_is_not_shown_the_figures_of_all(
    visit, database, clock, fail, look
):
    fail()
    limit(visit, "4")
    assert look() == 1
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    with database.write() as session:
        own = [found.id for found in directory.sources(session, company)]
        directory.limit(
            session, OPERATOR, company_id=company, source_ids=own, now=clock.now(),
            person_id=one(database, "SELECT id FROM person WHERE email = 'farah@kedai.my'"),
        )  # fmt: skip
    assert "AiAccount rejects" in plain(visit("vera").text(DASHBOARD))
    assert "AiAccount rejects" not in plain(visit("farah").text(DASHBOARD))


def test_what_failed_before_the_window_or_is_not_of_a_target_is_no_signal(
    visit, database, fail, look
):
    limit(visit, "2")
    assert look() == 0  # four records wait for one mapping: no connector failed
    fail(timedelta(minutes=11))
    assert look() == 0


def test_a_threshold_is_a_number_set_by_an_administrator(visit, database):
    assert "Enter a number from 1 to 100,000." in limit(visit, "0", 422).text
    assert 'value="many"' in limit(visit, "many", 422).text
    given = {"connection": "aiaccount", "many": "3"}
    visit("farah").post(f"{SIGNALS}/failures", given, status=403)
    visit("adam").post(f"{SIGNALS}/failures", {**given, "connection": "other"}, status=404)
    visit("adam").post(f"{SIGNALS}/failures", {}, status=404)
    visit("adam").post(f"{SIGNALS}/failures", {"connection": "netshop", "many": "0"}, status=404)
    assert one(database, "SELECT count(*) FROM event WHERE act = 'signal.set'") == 0
    limit(visit, "3")
    assert 'value="3"' in visit("farah").text(SIGNALS)


def test_a_lost_authorization_offers_an_escalation_after_two_failed_attempts(
    visit, database, clock, look
):
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    adam = one(database, "SELECT id FROM person WHERE email = 'adam@kedai.my'")
    target = one(database, f"SELECT id FROM connection WHERE company_id = {company}"
                           " AND name = 'aiaccount'")  # fmt: skip

    class Adam:
        person_id, name, via = adam, "Adam", "portal"

    def test(actor):
        clock.advance(60)
        with database.write() as session:
            record_event(
                session, company_id=company, at=clock.now(), actor=actor, act="connection.tested",
                body={"say": "x"}, object=f"connection:{target}",
            )  # fmt: skip

    test(Adam)  # while all was well
    clock.advance(60)
    with database.write() as session:
        key = session.get_one(Connection, target).key_id
        breaker.shut(session, target, clock.now(), key)
    assert look() == 1
    page = plain(visit("farah").text(DASHBOARD))
    assert "AiAccount does not accept the API key since" in page
    assert "to support" not in page
    own_page = "/c/kedai/connections/aiaccount"
    assert "to support" not in visit("farah").text(own_page)

    for actor, offered in ((SYSTEM, False), (Adam, False), (Adam, True)):
        test(actor)
        look()
        page = plain(visit("farah").text(DASHBOARD))
        assert ("to support : the packet is filled already" in page) == offered
        own = plain(visit("farah").text(own_page))
        assert ("to support : the packet is filled already" in own) == offered
        assert "to support" not in visit("farah").text("/c/kedai/connections/netshop")
    assert "2 attempts to reconnect failed." in page
    assert "2 attempts to reconnect failed." in own
    draft = re.search(r'href="([^"]*)"\s+id="escalate_', visit("farah").text(own_page))[1]
    assert 'id="escalateform"' in visit("farah").text(draft.replace("&amp;", "&"))
    with database.write() as session:
        breaker.close(session, target, clock.now())
    assert look() == 0
    assert "to support" not in visit("farah").text(own_page)
    with database.write() as session:
        breaker.shut(session, target, clock.now(), key)
    assert look() == 1  # anew, with a row of its own
    assert one(database, "SELECT count(*) FROM signal") == 2


def test_a_close_is_told_days_before_with_its_money_and_not_without_a_set_day(
    visit, database, clock, look
):
    with database.write() as session:
        session.execute(text("UPDATE hold SET doc_date = '2026-11-18' WHERE state = 'open'"))
    clock.set(clock.now().replace(year=2026, month=12, day=3))
    adam = visit("adam")
    assert look() == 0
    assert (
        "Enter a day from 1 to 28"
        in adam.post(f"{SIGNALS}/close-day", {"day": "29"}, status=422).text
    )
    visit("farah").post(f"{SIGNALS}/close-day", {"day": "5"}, status=403)
    adam.post(f"{SIGNALS}/close-day", {"day": "9"}, status=303)
    assert look() == 0
    adam.post(f"{SIGNALS}/close-day", {"day": "5"}, status=303)
    assert look() == 1
    many = one(database, "SELECT count(DISTINCT record_id) FROM hold WHERE state = 'open'")
    page = plain(visit("farah").text(DASHBOARD))
    assert "November 2026 closes in 2 days: RM" in page
    assert f"on hold in {many} records." in page
    clock.advance(timedelta(days=2))
    look()
    assert "November 2026 closes today: RM" in plain(visit("farah").text(DASHBOARD))
    clock.advance(timedelta(days=1))
    assert look() == 0


@pytest.mark.parametrize(
    ("today", "day", "words"),
    [
        ((2026, 11, 27), "1", None),
        ((2026, 11, 29), "1", "November 2026 closes in 2 days: RM"),
        ((2026, 11, 30), "3", "November 2026 closes in 3 days: RM"),
        ((2026, 12, 31), "2", "December 2026 closes in 2 days: RM"),
    ],
)
def test_a_close_on_the_first_days_is_told_in_the_month_that_closes(
    visit, database, clock, look, today, day, words
):
    year, month, date = today
    with database.write() as session:
        session.execute(
            text("UPDATE hold SET doc_date = :at WHERE state = 'open'"),
            {"at": f"{year}-{month:02}-18"},
        )
    clock.set(clock.now().replace(year=year, month=month, day=date))
    visit("adam").post(f"{SIGNALS}/close-day", {"day": day}, status=303)
    assert look() == (words is not None)
    if words:
        assert words in plain(visit("farah").text(DASHBOARD))


def test_two_workers_raise_one(database, clock, fail, visit, monkeypatch):
    fail()
    limit(visit, "4")
    seen = open_signals.found_now
    calls = []

    def twice(session, company, standing, now):
        found = seen(session, company, standing, now)
        if not calls:
            calls.append(1)
            open_signals.refresh_signals(session, now)  # what another process does meanwhile
        return found

    monkeypatch.setattr(open_signals, "found_now", twice)
    with database.write() as session:
        open_signals.refresh_signals(session, clock.now())
    assert one(database, "SELECT count(*) FROM signal") == 1
    assert one(database, "SELECT count(*) FROM event WHERE act = 'signal.raised'") == 1
    with database.write() as session:
        session.execute(text("UPDATE hold SET state = 'cleared', closed_at = opened_at"
                             " WHERE code = 'TGT01'"))  # fmt: skip
    calls.clear()
    with database.write() as session:
        open_signals.refresh_signals(session, clock.now())
    assert one(database, "SELECT count(*) FROM event WHERE act = 'signal.cleared'") == 1
