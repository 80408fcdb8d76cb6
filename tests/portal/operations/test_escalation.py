"""Escalating a record: the form that is filled, what is refused, and whose packet it is."""

import json
import re
from datetime import timedelta
from html import escape, unescape

from sqlalchemy import select

from holding.access.actors import SYSTEM
from holding.db.models import Hold, Record
from holding.db.models.columns import RecordState
from holding.operations.escalation_packets import NO_CHANGE, NO_CHANGE_CHOSEN
from holding.platform.events import Fact, record_events
from tests.portal.reading import hold_of, one, plain
from tests.portal.seed import SCRIPT
from tests.support.databases import any_move

FORM = "/c/kedai/escalate/netshop/order"
HELD, POSTED = f"{FORM}/SO-10203", f"{FORM}/SO-10241"


def fields(page: str) -> dict[str, str]:
    """What the form would send as it stands."""
    form = page.split('id="escalateform"')[1].split("</form>")[0]
    typed = dict(re.findall(r'<input class="in" id="\w+" name="(\w+)"[^>]*?value="([^"]*)"', form))
    areas = re.findall(r'<textarea [^>]*?name="(\w+)"[^>]*>([^<]*)</textarea>', form, re.S)
    op = re.search(r'name="op" value="([^"]+)"', form)
    boxes = re.findall(r'name="changed" value="([^"]+)" checked', form)
    return {**typed, **dict(areas), "op": op[1] if op else "", "changed": boxes}


def made(browser, address=HELD, **typed) -> str:
    """The address of the packet that is made so."""
    given = {**fields(browser.text(address)), "expected_result": "An invoice.", **typed}
    answer = browser.post(address, given, status=303)
    return answer.headers["Location"]


def test_all_is_filled_but_the_expected_result(visit, database):
    page = visit("farah").text(HELD)
    given = fields(page)
    assert given["record_number"] == "SO-10203"
    message = one(database, f"SELECT message FROM hold WHERE id = {hold_of(database, 'SO-10203')}")
    assert given["exact_message"].replace("&#34;", '"') == message
    assert given["expected_result"] == ""
    assert "Open the hold" in page
    shared = plain(visit("farah").text(f"{FORM}/SO-10200"))
    told = re.search(r"(\d+) records on hold for the same cause, RM [\d,]+\.\d\d ", shared)
    cause = f"(SELECT cause_id FROM hold WHERE id = {hold_of(database, 'SO-10200')})"
    many = f"SELECT count(DISTINCT record_id) FROM hold WHERE state = 'open' AND cause_id = {cause}"
    assert told, shared[:3000]
    assert int(told[1]) == one(database, many) > 1


def test_what_is_missing_is_named_and_nothing_is_made(visit, database):
    farah = visit("farah")
    blank = {**fields(farah.text(HELD)), "record_number": " ", "exact_message": ""}
    page = plain(farah.post(HELD, blank, status=422).get_data(as_text=True))
    assert "The record number is missing." in page
    assert "The message is missing." in page
    assert "The expected result is missing." in page
    other = {**fields(farah.text(HELD)), "record_number": "SO-1", "expected_result": "x"}
    page = plain(farah.post(HELD, other, status=422).get_data(as_text=True))
    assert "This page is about SO-10203; SO-1 is another number." in page
    long = {**fields(farah.text(HELD)), "expected_result": "x" * 4001}
    assert "At most 4,000 characters fit here." in farah.post(HELD, long, status=422).text
    assert one(database, "SELECT count(*) FROM escalation") == 0


def test_a_second_click_makes_one_packet(visit, database):
    farah = visit("farah")
    given = {**fields(farah.text(HELD)), "expected_result": "An invoice."}
    first = farah.post(HELD, given, status=303).headers["Location"]
    assert farah.post(HELD, given, status=303).headers["Location"] == first
    assert one(database, "SELECT count(*) FROM escalation") == 1
    assert one(database, "SELECT count(*) FROM event WHERE act = 'escalation.made'") == 1


def test_another_message_than_the_recorded_one_stands_beside_it(visit, database):
    farah = visit("farah")
    url = made(farah, exact_message="It says no.")
    page = plain(farah.text(url))
    message = one(database, f"SELECT message FROM hold WHERE id = {hold_of(database, 'SO-10203')}")
    assert f"It says no. (recorded: {message})" in page


def test_a_change_left_out_is_not_sent_and_one_told_is(visit, database, clock):
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    opened = clock.now()
    with database.write() as session:
        opened = session.get(Hold, hold_of(database, "SO-10203")).opened_at
        acts = ("mapping.fixed", "connection.changed", "connection.tested")
        facts = [
            Fact(company_id=company, at=opened, act=act, actor=SYSTEM, body={"say": f"{act} it."})
            for act in acts
        ]
        record_events(session, facts)
    farah = visit("farah")
    boxes = fields(farah.text(HELD))["changed"]
    shown = plain(farah.text(HELD))
    assert "mapping.fixed it." in shown
    assert "connection.tested it." not in shown
    newest = boxes[0]  # the connection: told after the mapping in the same moment
    url = made(farah, changed=[one for one in boxes if one != newest], also_changed="New plugin.")
    told = plain(farah.text(url))
    assert "mapping.fixed it." in told
    assert "connection.changed it." not in told
    assert "New plugin." in told
    without = plain(farah.text(made(farah, changed=[])))
    assert NO_CHANGE_CHOSEN in without
    assert NO_CHANGE not in without


def test_changes_before_the_failure_and_since_stand_apart_each_newest_first(visit, database):
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    with database.write() as session:
        failed = session.get(Hold, hold_of(database, "SO-10203")).opened_at
        minutes = (-30, 2, -10, 1, -20, 3)  # told in no order
        facts = [
            Fact(
                company_id=company,
                at=failed + timedelta(minutes=at),
                act="mapping.fixed",
                actor=SYSTEM,
                body={"say": f"changed at {at:+d}."},
            )
            for at in minutes
        ]
        record_events(session, facts)
    page = visit("farah").text(HELD)
    before, since = page.split('id="changes"')[1].split("Since the failure")
    told = [re.findall(r"changed at ([+-]\d+)\.", part) for part in (before, since)]
    assert told == [["-10", "-20", "-30"], ["+3", "+2", "+1"]]
    assert before.count("before the failure") == before.count('name="changed"')
    assert "before the failure" not in since.split("</fieldset>")[0]


def test_personal_data_stays_only_where_somebody_who_sees_it_allows_it(visit, database):
    name = SCRIPT  # of the customer of this order
    with database.write() as session:
        hold = session.get(Hold, hold_of(database, "SO-10210"))
        hold.message = f"{name}, TIN IG12345678901, has no debtor"
    address = f"{FORM}/SO-10210"
    olga, farah = visit("olga"), visit("farah")
    for browser, personal, stays in (
        (farah, "", False),
        (farah, "1", True),
        (olga, "1", False),  # may not view it, so may not allow it
    ):
        url = made(browser, address, personal=personal)
        told = browser.text(f"{url}.json")
        assert (name in told, "IG12345678901" in told) == (stays, stays), (personal, stays)
        if stays:
            olga.get(url, status=403)
            olga.get(f"{url}.json", status=403)
    assert escape(name) not in olga.text(address)
    assert escape(name) in farah.text(address)


def test_it_is_noted_once_to_whom_it_went(visit, database):
    farah = visit("farah")
    url = made(farah)
    assert "Enter to whom it went" in farah.post(f"{url}/sent", {"to": " "}, status=422).text
    farah.post(f"{url}/sent", {"to": "AiAccount support", "ticket": "T-7"}, status=303)
    assert "Escalated to AiAccount support" in farah.text(url)
    again = farah.post(f"{url}/sent", {"to": "Somebody else"})
    assert again.status_code == 409
    assert one(database, "SELECT sent_to FROM escalation") == "AiAccount support"
    assert one(database, "SELECT count(*) FROM event WHERE act = 'escalation.sent'") == 1


def test_a_packet_of_another_company_is_not_there(visit, database):
    farah, stranger = visit("farah"), visit("stranger", "lain")
    url = made(farah)
    stranger.get(url, status=404)
    stranger.get(url.replace("/c/kedai", "/c/lain"), status=404)
    stranger.get(f"{url.replace('/c/kedai', '/c/lain')}.json", status=404)
    assert (
        stranger.post(f"{url.replace('/c/kedai', '/c/lain')}/sent", {"to": "me"}).status_code == 404
    )
    stranger.get(HELD.replace("/c/kedai", "/c/lain"), status=404)


def test_the_files_say_what_the_page_says(visit):
    farah = visit("farah")
    url = made(farah, POSTED, exact_message="Total <b>differs</b>")
    told = json.loads(farah.get(f"{url}.json").get_data())
    assert list(told)[:8] == [
        "connector", "record_number", "sync_run", "status", "exact_message", "retry_count",
        "expected_result", "what_changed_recently",
    ]  # fmt: skip
    assert all(told.values())
    assert told["sync_run"].startswith("Run 1")
    text, page = farah.text(f"{url}.txt"), farah.text(f"{url}.html")
    assert f"Exact message: {told['exact_message']}" in text
    assert "Total &lt;b&gt;differs" in page
    assert "<b>differs" not in page


def test_a_packet_is_copied_as_the_text_that_is_downloaded(visit):
    farah = visit("farah")
    url = made(farah)
    page = farah.text(url)
    found = re.search(r'id="copypacket" data-key="c" data-copy="([^"]*)"', page)
    assert unescape(found[1]) == farah.text(f"{url}.txt")
    malay = farah.client.get(url, headers={"Accept-Language": "ms"}).get_data(as_text=True)
    assert re.search(r'data-copy="([^"]*)"', malay)[1] == found[1], "a desk reads English"


def test_what_is_on_hold_after_posting_has_the_status_of_its_page(visit, database):
    with database.write() as session, any_move(session):
        wanted = select(Record).where(Record.external_id == "SO-10241")
        session.scalars(wanted).one().state = RecordState.HELD
    farah = visit("farah")
    assert "On hold (needs attention)" in plain(farah.text(POSTED))
    packet = json.loads(farah.get(f"{made(farah, POSTED, exact_message='x')}.json").text)
    assert packet["status"] == "On hold (needs attention)"
