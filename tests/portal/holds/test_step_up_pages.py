"""A decision above the company's limit takes the code of the app in its own form."""

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from holding.db.models import Company, Event
from holding.platform.event_log import PROVED_AT
from tests.portal.access.phones import phone_of
from tests.portal.reading import cause, hold_of, one, plain
from tests.portal.seed import PASSWORD

pytestmark = pytest.mark.sqlite
APPROVE = "/c/kedai/holding/approve"
INBOX = "/c/kedai/holding/inbox"
MANY = "/c/kedai/holding/many"
BOTH = ("SO-10220", "SO-10221")  # RM 1,920.00 and RM 2,880.00
WHY = "checked against the order"


def limit(database, minor):
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        company.settings = {**company.settings, "step_up": minor}


@pytest.fixture
def phone(database, clock):
    """Lim has an app, and the company a limit of RM 1,000.00."""
    made = phone_of(database, clock, "lim")
    limit(database, 100_000)
    return made


@pytest.fixture
def lim(visit, clock, phone):
    """Lim, who signed in with a code eleven minutes ago."""
    browser = visit()
    browser.post("/signin", {"email": "lim@kedai.my", "password": PASSWORD})
    browser.post("/signin/code", {"code": phone.code(clock.now())}, status=303)
    clock.advance(timedelta(minutes=11))
    return browser


def form_of(page):
    found = re.findall(r'name="(seen|cause|after|sethash|back)" value="([^"]+)"', page)
    return {name: [v for n, v in found if n == name] for name, _ in found}


def said(database, act="posting.approved"):
    with database.read() as session:
        return list(session.scalars(select(Event.body).where(Event.act == act)))


def state(database, number):
    return one(database, f"SELECT state FROM posting WHERE number = '{number}'")


def test_the_dialog_takes_the_code_and_approves_in_one_step(lim, visit, database, clock, phone):
    page = lim.text(f"{APPROVE}?cause={cause(database, 'approve:%')}")
    assert 'id="approvecode"' in page
    data = {**form_of(page), "reason": WHY, "op": "s-1"}
    lim.post(APPROVE, {**data, "code": phone.code(clock.now())}, status=303)
    assert [state(database, number) for number in BOTH] == ["ready", "ready"]
    moment = clock.now().isoformat(timespec="seconds")
    assert [body[PROVED_AT] for body in said(database)] == [moment, moment]
    assert "Second factor proved:" in visit("nurul").text("/c/kedai/audit")


@pytest.mark.parametrize("how", ["none", "wrong"])
def test_without_the_right_code_nothing_is_approved_and_the_reason_stays(
    lim, database, clock, phone, how
):
    page = lim.text(f"{APPROVE}?cause={cause(database, 'approve:%')}")
    code = {"none": "", "wrong": phone.wrong(clock.now())}[how]
    data = {**form_of(page), "reason": WHY, "op": "s-1", "code": code}
    again = lim.post(APPROVE, data, status=422).text
    assert f'value="{WHY}"' in again
    assert 'id="approvecode_err"' in again
    assert said(database) == []
    data |= {"code": phone.code(clock.now()), "op": "s-2"}
    lim.post(APPROVE, {**data, **form_of(again)}, status=303)
    assert state(database, BOTH[0]) == "ready"


def test_a_second_click_gets_the_first_answer(lim, database, clock, phone):
    page = lim.text(f"{APPROVE}?cause={cause(database, 'approve:%')}")
    data = {**form_of(page), "reason": WHY, "op": "s-1", "code": phone.code(clock.now())}
    first = lim.post(APPROVE, data, status=303)
    again = lim.post(APPROVE, data, status=303)
    assert "Already done" in plain(lim.text(again.location))
    assert first.location.partition("?")[0] == again.location.partition("?")[0]


def test_within_ten_minutes_no_page_asks_again(lim, database, clock, phone):
    page = lim.text(f"{APPROVE}?cause={cause(database, 'approve:%')}")
    data = {"seen": form_of(page)["seen"][:1], "reason": WHY}
    lim.post(APPROVE, {**data, "op": "s-1", "code": phone.code(clock.now())}, status=303)
    clock.advance(timedelta(minutes=9))
    page = lim.text(f"{APPROVE}?cause={cause(database, 'approve:%')}")
    assert 'id="approvecode"' not in page
    lim.post(APPROVE, {**form_of(page), "reason": WHY, "op": "s-2"}, status=303)
    assert len(said(database)) == 2


def test_a_changed_list_keeps_its_comparison_when_the_code_is_wrong(
    lim, visit, database, clock, phone
):
    page = lim.text(f"{APPROVE}?cause={cause(database, 'approve:%')}")
    limit(database, None)
    tan = visit("tan")
    tan.post(APPROVE, {"seen": form_of(page)["seen"][:1], "reason": WHY, "op": "t-1"}, status=303)
    limit(database, 100_000)
    data = {**form_of(page), "reason": WHY, "unchanged": "1", "op": "l-1"}
    wrong = lim.post(APPROVE, {**data, "code": phone.wrong(clock.now())}, status=422).text
    assert 'id="approveunchanged"' in wrong
    lim.post(APPROVE, {**data, "code": phone.code(clock.now())}, status=303)
    assert state(database, BOTH[1]) == "ready"


def test_the_pane_asks_beside_its_own_form(lim, database, clock, phone):
    hold_id = hold_of(database, BOTH[0])
    page = lim.text(f"/c/kedai/holding/{hold_id}")
    assert f'id="approvecode_{hold_id}"' in page
    data = {**form_of(page), "reason": WHY, "op": "p-1"}
    dialog = lim.post(APPROVE, data, target="dialog", status=422).text
    assert f'value="{WHY}"' in dialog
    assert 'id="approvecode"' in dialog


def test_the_inbox_asks_for_each_document_and_comes_back(lim, database, clock, phone):
    limit(database, 200_000)
    page = lim.text(INBOX)
    assert page.count('name="code"') == 1, "only SO-10221 is above RM 2,000.00"
    own = page[page.index('id="asked_') :].split('id="asked_')
    (section,) = (one for one in own if 'name="code"' in one)
    data = {**form_of(section), "reason": "Approved in the inbox", "op": "i-1"}
    again = lim.post(APPROVE, data, status=422).text
    assert form_of(again)["back"] == ["inbox"]
    done = lim.post(APPROVE, {**data, "op": "i-2", "code": phone.code(clock.now())}, status=303)
    assert done.location == INBOX


def test_a_release_asks_in_place_and_keeps_the_reason(lim, database, clock, phone):
    limit(database, 1_000)
    hold_id = hold_of(database, "SO-10203")
    url = f"/c/kedai/holding/{hold_id}/release"
    assert f'id="releasecode_{hold_id}"' in lim.text(f"/c/kedai/holding/{hold_id}")
    again = lim.post(url, {"reason": WHY, "op": "r-1"}, status=422).text
    assert f'value="{WHY}"' in again
    assert f'id="releasecode_{hold_id}_err"' in again
    code = phone.code(clock.now())
    lim.post(url, {"reason": WHY, "op": "r-1", "code": code}, status=303)
    (body,) = said(database, "hold.released")
    assert body[PROVED_AT] == clock.now().isoformat(timespec="seconds")


def test_many_at_once_ask_in_place(lim, database, clock, phone):
    limit(database, 1_000)
    address = f"{MANY}?act=release&rule=adds_up"
    page = lim.text(address)
    assert 'id="manycode"' in page
    seen = re.search(r'name="seen" value="([^"]+)"', page)[1]
    data = {"act": "release", "seen": seen, "reason": WHY, "op": "m-1"}
    again = lim.post(address, data, status=422).text
    assert f'value="{WHY}"' in again
    assert 'id="manycode_err"' in again
    lim.post(address, {**data, "code": phone.code(clock.now())}, status=303)
    assert said(database, "hold.released") != []


def test_who_has_no_factor_is_led_to_set_one_up(visit, database):
    limit(database, 100_000)
    tan = visit("tan")
    page = tan.text(f"{APPROVE}?cause={cause(database, 'approve:%')}")
    assert 'name="code"' not in page
    assert re.search(r'id="approvecode_setup".*?href="/me\?c=kedai#twofactor"', page, re.S)
    data = {**form_of(page), "reason": WHY, "op": "t-1"}
    refused = tan.post(APPROVE, data, status=403)
    assert "step_up.set_up" in refused.text
    assert said(database) == []


def test_wrong_codes_are_counted_as_at_the_sign_in(lim, database, clock, phone):
    hold_id = hold_of(database, BOTH[0])
    data = {**form_of(lim.text(f"/c/kedai/holding/{hold_id}")), "reason": WHY}
    for number in range(10):
        form = {**data, "op": f"w-{number}", "code": phone.wrong(clock.now())}
        lim.post(APPROVE, form, status=422)
    lim.post(APPROVE, {**data, "op": "w", "code": phone.code(clock.now())}, status=422)
    assert said(database) == []
    assert len(said(database, "person.factor_failures")) == 1


def test_a_code_of_the_sign_in_counts_for_ten_minutes(visit, database, clock, phone):
    browser = visit()
    browser.post("/signin", {"email": "lim@kedai.my", "password": PASSWORD})
    browser.post("/signin/code", {"code": phone.code(clock.now())}, status=303)
    assert 'name="code"' not in browser.text(f"{APPROVE}?cause={cause(database, 'approve:%')}")


def test_the_limit_is_set_on_the_page_of_settings(visit, database):
    adam = visit("adam")
    url = "/c/kedai/settings/step-up"
    wrong = adam.post(url, {"amount": "much", "reason": WHY}, status=422).text
    assert 'id="amount_err"' in wrong
    assert 'value="much"' in wrong
    adam.post(url, {"amount": "10,000.00", "reason": WHY}, status=303)
    assert "10,000.00" in plain(adam.text("/c/kedai/settings"))
    stored = "SELECT settings FROM company WHERE code = 'kedai'"
    assert json.loads(one(database, stored))["step_up"] == 1_000_000
    adam.post(url, {"amount": "", "reason": WHY}, status=303)
    assert json.loads(one(database, stored))["step_up"] is None
    assert len(said(database, "company.step_up_set")) == 2
    visit("farah").post(url, {"amount": "", "reason": WHY}, status=403)
