"""The page on which an approver names a deputy."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Deputy, Person
from tests.portal.reading import hold_of, one, plain

pytestmark = pytest.mark.sqlite
URL = "/c/kedai/deputies/"
HOLDING = "/c/kedai/holding"


@pytest.fixture
def ids(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {p.email.partition("@")[0]: p.id for p in session.scalars(select(Person))}


def wish(ids: dict[str, int], person: str, deputy: str, **given: str) -> dict[str, Any]:
    days = {"first": "2026-11-20", "last": "2026-11-24"}
    return {"person": ids[person], "deputy": ids[deputy], "reason": "on leave", **days, **given}


@pytest.mark.slow
def test_an_approver_names_a_deputy_who_then_approves_in_their_name(
    visit: Any, ids: dict[str, int], database: Database
) -> None:
    vera = visit("vera")
    lim = visit("lim")
    assert "/c/kedai/deputies/" in lim.text("/c/kedai/")
    assert vera.client.get("/c/kedai/holding/approve?posting=1").status_code == 403
    lim.post(URL, wish(ids, "lim", "vera"), status=303)
    page = lim.text(URL)
    assert "Vera" in page
    assert "2026-11-24" in page
    with database.read() as session:
        row = session.scalars(select(Deputy)).one()
        assert row.until_at - row.from_at > timedelta(days=4)
    assert vera.client.get("/c/kedai/holding/approve?posting=1").status_code == 200
    assert "Delegate for Lim" in vera.text("/c/kedai/")
    assert f'id="enddeputy{row.id}"' in vera.text(URL)
    assert "enddeputy" not in visit("tan").text(URL)
    vera.post(f"{URL}{row.id}/end", {}, status=303)
    assert vera.client.get("/c/kedai/holding/approve?posting=1").status_code == 403
    assert "Ended" in re.sub(r"<[^>]+>", " ", lim.text(URL))


def test_what_is_wrong_stands_beside_its_field(visit: Any, ids: dict[str, int]) -> None:
    lim = visit("lim")
    wrong = {**wish(ids, "lim", "vera"), "deputy": "", "last": "2026-11-19", "reason": ""}
    page = lim.post(URL, wrong, status=422).get_data(as_text=True)
    for days in ({"first": "0001-01-01"}, {"last": "9999-12-31"}):  # a year half typed
        lim.post(URL, wish(ids, "lim", "vera", **days), status=422)
    for field in ("deputy_err", "last_err", "deputyreason_err"):
        assert f'id="{field}"' in page


def test_who_may_not_is_refused(visit: Any, ids: dict[str, int]) -> None:
    assert visit("farah").post(URL, wish(ids, "lim", "farah")).status_code == 403
    assert visit("tan").post(URL, wish(ids, "lim", "vera")).status_code == 403
    assert visit("adam").post(URL, wish(ids, "lim", "adam")).status_code == 403
    assert visit("adam").post(URL, wish(ids, "lim", "vera")).status_code == 303
    assert "Appoint a delegate" not in visit("farah").text(URL)


def stand_in(visit: Any, ids: dict[str, int]) -> Any:
    """Vera, who only reads, and stands in for Lim."""
    visit("lim").post(URL, wish(ids, "lim", "vera"), status=303)
    return visit("vera")


def test_a_deputy_takes_back_what_they_let_go(
    visit: Any, ids: dict[str, int], database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    vera, hold = stand_in(visit, ids), hold_of(database, "SO-10203", "CHK01")
    vera.post(f"{HOLDING}/{hold}/release", {"reason": "agreed", "op": "f-1"}, status=303)
    assert "SO-10203 released. Sending in 30 s. Undo" in plain(vera.text("/c/kedai/runs"))
    done = vera.post(f"{HOLDING}/undo", {"undo": "f-1"}, status=303)
    assert "Undone: 1 document is on hold again." in plain(vera.text(done.location))


def test_a_deputy_releases_many_and_does_nothing_else_with_them(
    visit: Any, ids: dict[str, int], database: Database
) -> None:
    assert 'id="all_' not in visit("vera").text(HOLDING)
    vera, hold = stand_in(visit, ids), hold_of(database, "SO-10203", "CHK01")
    assert re.findall(r'id="all_(\w+)"', vera.text(HOLDING)) == ["release"]
    assert vera.client.get(f"{HOLDING}/many?act=assign&view=all").status_code == 403
    seen = re.search(rf"{hold}:\d+:\d+", vera.text(f"{HOLDING}/many?act=release&view=all"))
    assert seen is not None
    form = {"seen": seen[0], "reason": "agreed by phone", "person": "0"}
    assert vera.post(f"{HOLDING}/many", {**form, "act": "assign"}).status_code == 403
    done = vera.post(f"{HOLDING}/many", {**form, "act": "release", "op": "m-1"}, status=303)
    assert "SO-10203" in plain(vera.text(done.location))
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "released"
