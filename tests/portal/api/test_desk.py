"""What programs do with one hold, as the pages do: give away, snooze, set right, override."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from holding.db.models import Company, Hold
from tests.holding.shop import Shop, line, order
from tests.portal.api.test_api import call, key, named, seen, waiting
from tests.portal.reading import hold_of, one

__all__ = ["call", "key"]  # fixtures
pytestmark = pytest.mark.sqlite


def test_it_is_given_away_and_back(call, key, database):
    farah, wanted = key("farah"), hold_of(database, "SO-10210")
    lock = next(h for h in call(farah, "/holds").get_json()["holds"] if h["hold"] == wanted)["lock"]
    path, to_lim = f"/holds/{wanted}/assign", {"person": "lim@kedai.my", "lock": lock}
    answer = call(farah, path, to_lim, **{"Idempotency-Key": "a"})
    assert answer.status_code == 200
    assert answer.get_json()["said"].endswith("to Lim.")
    assert call(farah, path, to_lim, **{"Idempotency-Key": "a"}).get_json() == answer.get_json()
    late = call(farah, path, {"person": None, "lock": lock})
    assert (late.status_code, late.get_json()["code"]) == (409, "hold.moved")
    assert call(farah, path, {"person": None}).get_json()["said"].endswith("to its team.")
    assert call(farah, path, {"person": "nobody@kedai.my"}).status_code == 404
    assert call(farah, path, {"person": 7}).status_code == 422
    assert call(key("lim", scopes=("record.read",)), path, to_lim).status_code == 403


@pytest.mark.parametrize("keyed", [True, False])
def test_what_a_program_gave_away_under_a_key_its_person_takes_back(
    call, key, visit, database, monkeypatch, keyed
):
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    farah, wanted = key("farah"), hold_of(database, "SO-10210")
    headers = {"Idempotency-Key": "a"} if keyed else {}
    call(farah, f"/holds/{wanted}/assign", {"person": "lim@kedai.my"}, **headers)
    page = visit("farah")
    assert ("SO-10210 assigned to Lim" in page.text("/c/kedai/runs")) is keyed
    form = re.search(r'name="undo" value="([^"]+)"', page.text("/c/kedai/runs"))
    assert (form is not None) is keyed
    if form:
        page.post("/c/kedai/holding/undo", {"undo": form[1]}, status=303)
        assert one(database, f"SELECT person_id FROM hold WHERE id = {wanted}") is None


def test_it_is_put_aside_until_a_moment(call, key, database, clock):
    farah, wanted = key("farah"), hold_of(database, "SO-10210")
    path, until = f"/holds/{wanted}/snooze", (clock.now() + timedelta(days=2)).isoformat()
    assert "snoozed SO-10210 until" in call(farah, path, {"until": until}).get_json()["said"]
    assert call(farah, path, {"until": "2099-01-01T00:00:00Z"}).status_code == 422
    assert call(farah, path, {"until": "2026-11-25"}).get_json()["code"] == "body.field"


def test_a_value_is_set_right_where_the_rules_leave_it_to_people(call, key, database):
    farah, wanted = key("farah"), hold_of(database, "SO-10200")
    path = f"/holds/{wanted}/correct"
    wish = {"path": "lines[0].sku", "value": "TEA-1", "version_no": 1, "reason": "a typing error"}
    other = call(farah, path, wish | {"path": "total"})
    assert other.status_code == 403
    assert "for this hold: SKU of line 1." in other.get_json()["todo"]
    assert call(farah, path, wish | {"version_no": "1"}).status_code == 422
    answer = call(farah, path, wish)
    assert "corrected SKU of line 1 from AB-100  to TEA-1" in answer.get_json()["said"]
    assert call(farah, path, wish | {"value": "CUP-4"}).status_code == 409
    assert call(key("lim"), path, wish).status_code == 403


def test_who_approved_it_does_not_release_the_rest_of_it(call, key, database, clock):
    with database.read() as session:
        kedai = session.scalars(select(Company).where(Company.code == "kedai")).one()
    shop = Shop(database, kedai, clock, {}, deliveries=90)
    shop.receive(order("SO-10250", total="2000.00", lines=[line(qty="20")]))
    shop.judge()
    lim, wanted = key("lim"), hold_of(database, "SO-10250", "CHK01")
    agreed = next(h for h in waiting(call, lim) if h["number"] == "SO-10250")
    assert call(lim, "/holds/approve", seen(agreed)).status_code == 200
    answer = call(lim, f"/holds/{wanted}/release", {"reason": "agreed"})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "hold.own_hand")
    assert "You approved it, so you cannot release this." in answer.text
    (held,) = [h for h in call(lim, "/holds").get_json()["holds"] if h["hold"] == wanted]
    many = {"act": "release", "reason": "agreed", "holds": [named(held)]}
    told = call(lim, "/holds/many", many)
    assert told.content_type == "application/problem+json"
    assert told.get_json() == {
        **(one := answer.get_json()),
        "what": (said := "Nothing was done: 1 hold is not yours to decide."),
        "title": said,
        "todo": (why := f"{one['what']} {one['todo']}"),
        "left": [
            {"id": wanted, "number": "SO-10250", "status": 403, "code": one["code"], "why": why}
        ],
        "request_id": told.get_json()["request_id"],
    }
    answer = call(key("tan"), f"/holds/{wanted}/release", {"reason": "agreed"})
    assert answer.status_code == 200


def test_what_no_lock_holds_has_no_way_out_of_one(call, key, database):
    farah, wanted = key("farah"), hold_of(database, "SO-10203", "CHK01")
    given = {"person": "lim@kedai.my", "reason": "late"}
    for way in ("reopen", "redirect"):
        answer = call(farah, f"/holds/{wanted}/{way}", given)
        assert answer.get_json()["code"] == "period.none"
    answer = call(farah, f"/holds/{wanted}/date", {"day": "soon", "reason": "late"})
    assert answer.get_json()["code"] == "body.field"


def test_an_admin_overrides_a_refused_try(call, key, visit, database):
    wanted = hold_of(database, "SO-10203", "CHK01")
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == wanted).values(code="TGT01"))
    lim, adam = key("lim"), key("adam")
    assert call(lim, f"/holds/{wanted}/retry", {}).get_json()["code"] == "retry.unchanged"
    page = f"/c/kedai/holding/{wanted}"
    assert "Override, send" not in visit("lim").text(page)
    assert "Resend SO-10203 without a change" in visit("adam").text(page)
    form = {"reason": "support said so", "op": "o-1"}
    assert visit("lim").post(f"{page}/override", form).status_code == 403
    answer = call(adam, f"/holds/{wanted}/override", {"reason": "support said so"})
    assert answer.get_json()["said"] == "Adam (till) had SO-10203 tried again: support said so"
    assert one(database, "SELECT count(*) FROM event WHERE act = 'retry.overridden'") == 1
    late = visit("adam").post(f"{page}/override", form)
    assert late.status_code == 409


def test_a_missing_entry_is_looked_for_again(call, key, database):
    farah, lacking = key("farah"), hold_of(database, "SO-10210")
    path = f"/holds/{lacking}/entry"
    other = call(farah, path, {})
    assert (other.status_code, other.get_json()["code"]) == (409, "hold.no_look")
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == lacking).values(code="LST01"))
    answer = call(farah, path, {})
    assert answer.status_code == 200
    assert "SO-10210 looked for again" in answer.get_json()["said"]
    assert one(database, "SELECT count(*) FROM event WHERE act = 'lists.asked'") == 1
    assert call(key("vera"), path, {}).status_code == 403
