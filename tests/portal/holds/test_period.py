"""The ways out of a locked period on the pages, without JavaScript and as htmx asks."""

import re
from datetime import date

import pytest
from sqlalchemy import update

from holding.connections.master_data import keep_snapshot
from holding.db.models import Company, Hold
from tests.portal.reading import hold_of, one, plain
from tests.support.factories import connection_named
from tests.support.snapshots import snapshot

pytestmark = pytest.mark.sqlite
H = "/c/kedai/holding"


@pytest.fixture
def hold(database, clock):
    """An order that accounts hold, as one of a month that AiAccount has closed since."""
    wanted = hold_of(database, "SO-10220")
    with database.write() as session:
        company = session.get_one(Company, one(database, "SELECT min(id) FROM company"))
        target = connection_named(session, company, "aiaccount")
        keep_snapshot(session, target, snapshot(date(2026, 11, 18)), person=None, now=clock.now())
        values = {"error_class": "period_locked", "code": "PER01"}
        session.execute(update(Hold).where(Hold.id == wanted).values(**values))
        cause = (
            f"UPDATE cause SET key = 'period:aiaccount:2026-11', class = 'period_locked' {WHERE}"
        )
        session.connection().exec_driver_sql(cause.format(wanted))
        session.connection().exec_driver_sql(
            "INSERT INTO team_member (team_id, person_id) SELECT hold.team_id, person.id FROM hold,"
            f" person WHERE hold.id = {wanted} AND person.email = 'farah@kedai.my'"
        )
    return wanted


WHERE = "WHERE id = (SELECT cause_id FROM hold WHERE id = {})"


def shown(answer):
    return plain(answer.get_data(as_text=True))


def test_the_three_ways_stand_on_the_page(visit, hold, database):
    page = visit("farah").text(f"{H}/{hold}")
    told = plain(page)
    for words in (
        "Now 2026-11-18. Locked through 2026-11-18.",
        "Request to reopen November 2026",
        "Refer SO-10220",
    ):
        assert words in told
    assert re.search(r'name="day" required min="2026-11-19" value="2026-11-19"', page)
    cause = one(database, f"SELECT cause_id FROM hold WHERE id = {hold}")
    assert "Move to the next open period" in visit("farah").text(f"{H}?view=all&open={cause}")
    assert "cannot correct values and document dates" in plain(visit("lim").text(f"{H}/{hold}"))


def test_it_is_dated_anew_or_says_what_is_wrong(visit, hold, database):
    farah, form = visit("farah"), {"day": "2026-11-18", "reason": "agreed", "op": "d-1"}
    for wrong, said in (
        ({"day": ""}, "Choose a day."),
        ({"reason": ""}, "Enter a short reason"),
        ({}, "2026-11-18 is also locked in AiAccount."),
    ):
        answer = farah.post(f"{H}/{hold}/date", form | wrong, status=422)
        assert said in shown(answer)
        assert answer.get_data(as_text=True).count('<p class="err"') == 1
    assert visit("lim").post(f"{H}/{hold}/date", form).status_code == 403
    target = f"holdpane_{one(database, f'SELECT cause_id FROM hold WHERE id = {hold}')}"
    good = form | {"day": "2026-11-19"}
    answer = farah.post(f"{H}/{hold}/date", good, target=target, status=200)
    assert "Document date changed. It is being checked again." in shown(answer)
    farah.post(f"{H}/{hold}/date", good, status=303)
    assert one(database, "SELECT count(*) FROM dating") == 1


@pytest.mark.parametrize(
    ("way", "act", "holds"), [("reopen", "asked", 2), ("redirect", "redirected", 1)]
)
def test_somebody_is_asked(visit, hold, database, way, act, holds):
    farah, lim = visit("farah"), one(database, "SELECT id FROM person WHERE email = 'lim@kedai.my'")
    missing = farah.post(f"{H}/{hold}/{way}", {"reason": "it came late"}, status=422)
    assert "Choose a person from the list." in shown(missing)
    unsaid = farah.post(f"{H}/{hold}/{way}", {"person": lim}, status=422).get_data(as_text=True)
    assert "Enter a message." in plain(unsaid)
    assert re.findall(r'<p class="err" id="(\w+?)_err"', unsaid) == [f"{way}reason_{hold}"]
    form = {"person": lim, "reason": "it came late", "op": "a-1"}
    farah.post(f"{H}/{hold}/{way}", form, status=303)
    assert "Owner: Lim, for Accounts team" in plain(farah.text(f"{H}/{hold}"))
    assert one(database, f"SELECT count(*) FROM event WHERE act = 'period.{act}'") == holds
    assert "Farah asked Lim" in plain(farah.text(f"{H}/{hold}"))
    assert visit("vera").post(f"{H}/{hold}/{way}", form).status_code == 403


def test_a_month_of_them_is_dated_with_one_act(visit, hold, database):
    farah = visit("farah")
    page = farah.text(f"{H}/many?act=date&view=all&q=SO-10220")
    told = plain(page)
    assert "Cause New document date Amount" in told
    assert re.search(r"SO-10220 .* 2026-11-19 RM ", told)
    assert "New document date" not in plain(farah.text(f"{H}/many?act=assign&view=all&q=SO-10220"))
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    form = {"act": "date", "seen": seen[1], "op": "many-1"}
    assert "Enter a short reason" in shown(farah.post(f"{H}/many", form, status=422))
    done = farah.post(f"{H}/many", form | {"reason": "agreed"}, status=303)
    assert "1 re-dated, 0 left" in plain(farah.text(done.location))
    assert one(database, "SELECT day FROM dating") == "2026-11-19"


def test_a_second_window_dates_nothing_again_that_the_first_has_dated(
    visit, hold, database, monkeypatch
):
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    farah = visit("farah")
    page = farah.text(f"{H}/many?act=date&view=all&q=SO-10220")
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    form = {"act": "date", "seen": seen[1], "reason": "agreed"}
    farah.post(f"{H}/many", form | {"op": "tab-1"}, status=303)
    told = shown(farah.post(f"{H}/many", form | {"op": "tab-2"}, status=409))
    assert "The list changed while you were reviewing it. Nothing was done." in told
    assert "SO-10220 : It changed while you were reviewing it." in told
    assert one(database, "SELECT count(*) FROM dating") == 1
    assert one(database, "SELECT count(*) FROM event WHERE act = 'posting.dated'") == 1
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "open"


@pytest.fixture
def siblings(hold, database):
    """A second order of the locked period, and a third one whose document is not made yet."""
    others = hold_of(database, "SO-10221"), hold_of(database, "SO-10210")
    with database.write() as session:
        for other in others:
            session.connection().exec_driver_sql(
                "UPDATE hold SET class = 'period_locked', code = 'PER01', cause_id ="
                f" (SELECT cause_id FROM hold WHERE id = {hold}), team_id ="
                f" (SELECT team_id FROM hold WHERE id = {hold}) WHERE id = {other}"
            )
    return others


def together(page):
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    return {"act": "date", "all": "on", "seen": seen[1], "reason": "agreed", "op": "all-1"}


def test_one_tick_dates_all_records_of_the_cause(visit, hold, siblings, database):
    farah = visit("farah")
    page = farah.text(f"{H}/{hold}")
    assert "For all 2 records" in plain(page)
    assert "For all " not in plain(visit("lim").text(f"{H}/{hold}")), "who may not date"
    form = together(page) | {"day": "2026-11-19"}
    seen = {part.partition(":")[0] for part in form["seen"].split()}
    assert seen == {str(hold), str(siblings[0])}
    done = farah.post(f"{H}/{hold}/date", form, status=303)
    assert "2 re-dated, 0 left" in plain(farah.text(done.location))
    assert one(database, "SELECT count(*) FROM dating") == 2
    farah.post(f"{H}/{hold}/date", form, status=303)
    assert one(database, "SELECT count(*) FROM dating") == 2, "the same form once more"


def test_many_are_dated_without_those_that_have_no_date(visit, hold, siblings, database):
    farah = visit("farah")
    told = plain(farah.text(f"{H}/many?act=date&view=all&cause={cause_of(database, hold)}"))
    assert "Change date: 2 records" in told
    assert "1 hold cannot be re-dated by you." in told
    assert re.search(r"SO-10210 .*The document is not known yet", told)
    wanted = f"{H}/many?act=date&view=all&q=SO-10201"
    assert "No locked period holds this." in plain(farah.text(wanted))


def cause_of(database, hold):
    return one(database, f"SELECT cause_id FROM hold WHERE id = {hold}")


def test_all_together_get_the_first_open_date_or_none(visit, hold, siblings, database):
    farah = visit("farah")
    form = together(farah.text(f"{H}/{hold}"))
    for change, said in (
        ({"day": "2026-11-20"}, "All records together get the first open date."),
        ({"day": "2026-11-19", "reason": ""}, "Enter a short reason"),
        ({"day": "2026-11-19", "seen": ""}, "All records together get the first open date."),
    ):
        assert said in shown(farah.post(f"{H}/{hold}/date", form | change, status=422))
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == siblings[0]).values(lock=Hold.lock + 1))
    late = farah.post(f"{H}/{hold}/date", form | {"day": "2026-11-19"}, status=422)
    assert "One of these records changed in the meantime. Nothing was done." in shown(late)
    assert one(database, "SELECT count(*) FROM dating") == 0
    assert visit("lim").post(f"{H}/{hold}/date", form | {"day": "2026-11-19"}).status_code == 403
