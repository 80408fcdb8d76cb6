"""What the pages of the desk offer, refuse and remember, without JavaScript and as htmx asks."""

import re
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from holding.db.models import Hold, Record
from tests.portal.reading import hold_of, one, plain

pytestmark = pytest.mark.sqlite
H = "/c/kedai/holding"


@pytest.fixture
def half_minute(database, monkeypatch):
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")


def shown(answer):
    return plain(answer.get_data(as_text=True))


@pytest.mark.usefixtures("half_minute")
def test_the_bar_to_undo_stands_on_every_page_until_its_time_is_over(visit, database, clock):
    lim, hold = visit("lim"), hold_of(database, "SO-10203", "CHK01")
    form = {"reason": "agreed by phone", "op": "form-1"}
    swapped = shown(lim.post(f"{H}/{hold}/release", form, target="holdpane_1", status=200))
    assert "SO-10203 released. Sending in 30 s. Undo" in swapped
    clock.advance(10)
    assert "SO-10203 released. Sending in 20 s. Undo" in plain(lim.text("/c/kedai/runs"))
    assert "Undo" not in plain(visit("tan").text("/c/kedai/runs")).replace("undo,", "")
    assert visit("tan").post(f"{H}/undo", {"undo": "form-1"}).status_code == 404
    done = lim.post(f"{H}/undo", {"undo": "form-1"}, status=303)
    assert "Undone: 1 document is on hold again." in plain(lim.text(done.location))
    assert "Sending in" not in plain(lim.text("/c/kedai/runs"))
    assert lim.post(f"{H}/undo", {"undo": "form-1"}).status_code == 409


def test_many_are_done_as_they_were_seen_or_not_at_all(visit, database, clock):
    farah, lim, first = visit("farah"), visit("lim"), hold_of(database, "SO-10210")
    second = hold_of(database, "SO-10203", "CHK01")
    asleep = "SELECT count(*) FROM hold WHERE snoozed_until IS NOT NULL"
    before = one(database, asleep)
    page = farah.text(f"{H}/many?act=snooze&view=all")
    form = dict(re.findall(r'name="(seen|was|act)" value="([^"]*)"', page))
    form |= {"until": (clock.now() + timedelta(days=3)).date().isoformat(), "op": "m-1"}
    count = len(form["seen"].split())
    lim.post(f"{H}/{first}/comment", {"text": "a note moves nothing", "op": "n-1"}, status=303)
    lim.post(f"{H}/{first}/assign", {"person": "0", "op": "g-1"}, status=303)
    lim.post(f"{H}/{second}/release", {"reason": "agreed by phone", "op": "r-1"}, status=303)
    told = farah.post(f"{H}/many", form, status=409).get_data(as_text=True)
    assert one(database, asleep) == before
    note = plain(told[told.index('id="changed"') :].partition("</ul>")[0])
    assert "Nothing was done. You saw" in note
    assert form["was"].replace("\u00a0", " ") in note
    assert "SO-10210 : It changed while you were reviewing it." in note
    assert "SO-10203 : It is no longer on hold." in note
    assert f'required value="{form["until"]}"' in told
    again = re.search(r'name="seen" value="([^"]+)"', told)
    assert again is not None
    left = one(database, "SELECT count(*) FROM hold WHERE state = 'open'")
    assert len(again[1].split()) < count
    assert len(again[1].split()) <= left
    done = farah.post(f"{H}/many", form | {"seen": again[1], "op": "m-2"}, status=303)
    assert one(database, asleep) == before + len(again[1].split())
    for _ in range(2):  # the same form once more is one effect
        told = farah.post(f"{H}/many", form | {"seen": again[1], "op": "m-2"}, status=303)
        assert told.location == done.location


@pytest.mark.usefixtures("half_minute")
def test_after_its_time_nothing_is_taken_back(visit, database, clock):
    lim, hold = visit("lim"), hold_of(database, "SO-10203", "CHK01")
    lim.post(f"{H}/{hold}/release", {"reason": "agreed", "op": "form-1"}, status=303)
    clock.advance(31)
    assert "Sending in" not in plain(lim.text(H))
    late = lim.post(f"{H}/undo", {"undo": "form-1"})
    assert late.status_code == 409
    assert "The undo time has passed." in shown(late)


@pytest.mark.usefixtures("half_minute")
def test_the_bar_gives_back_what_was_given_away_or_put_aside_by_mistake(visit, database, clock):
    farah, hold = visit("farah"), hold_of(database, "SO-10210")
    where = f"FROM hold WHERE id = {hold}"
    lim = one(database, "SELECT id FROM person WHERE name = 'Lim'")
    given = {"person": str(lim), "op": "g-1"}
    swapped = shown(farah.post(f"{H}/{hold}/assign", given, target="holdpane_1", status=200))
    assert "SO-10210 assigned to Lim. Undo within 30 s. Undo" in swapped
    assert "SO-10210 given" not in plain(visit("lim").text(H))
    done = farah.post(f"{H}/undo", {"undo": "g-1"}, status=303)
    assert "Undone: 1 hold is as it was." in plain(farah.text(done.location))
    assert one(database, f"SELECT person_id {where}") is None
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    page = farah.text(f"{H}/many?act=snooze&view=all&q=SO-10210")
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    form = {"act": "snooze", "seen": seen[1], "until": day, "op": "m-1"}
    told = plain(farah.text(farah.post(f"{H}/many", form, status=303).location))
    assert f"snoozed until {day} 08:00. Undo within 30 s. Undo" in told
    visit("lim").post(f"{H}/{hold}/assign", {"person": "0", "op": "g-2"}, status=303)
    late = farah.post(f"{H}/undo", {"undo": "m-1"})
    assert late.status_code == 409
    assert "SO-10210 was changed since: nothing was undone." in shown(late)
    assert f"Snoozed until {day} 08:00" in plain(farah.text(f"{H}/{hold}"))


def test_what_is_put_aside_leaves_the_list_and_is_still_counted(visit, database, clock):
    farah, hold = visit("farah"), hold_of(database, "SO-10210")
    day = (clock.now() + timedelta(days=3)).date().isoformat()
    far = (clock.now() + timedelta(days=30)).date().isoformat()
    assert "two weeks" in shown(farah.post(f"{H}/{hold}/snooze", {"until": far}, status=422))
    assert "Choose a day." in shown(farah.post(f"{H}/{hold}/snooze", {"until": "soon"}, status=422))
    before = re.search(r"On hold (\d+)", plain(farah.text(H)))
    farah.post(f"{H}/{hold}/snooze", {"until": day, "op": "s-1"}, status=303)
    assert f"Snoozed until {day} 08:00" in plain(farah.text(f"{H}/{hold}"))
    todo = plain(farah.text(H))
    assert "Map debtor C-99" not in todo
    assert "1 snoozed and still on hold" in todo
    assert "still on hold" not in plain(farah.text(f"{H}?class=duplicate")), "none of these is"
    mapped = farah.text(f"{H}?class=mapping_missing")
    assert "1 snoozed and still on hold" in plain(mapped)
    assert f'href="{H}?view=snoozed&amp;class=mapping_missing">1 snoozed' in mapped
    assert "still on hold" not in plain(farah.text(f"{H}?view=all")), "it is among these"
    assert "Snoozed 1" in todo
    assert before is not None
    assert f"On hold {before[1]}" in todo
    assert "Map debtor C-99" in plain(farah.text(f"{H}?view=snoozed"))


def test_a_note_stands_beside_the_hold_and_in_the_trace(visit, database):
    farah, hold = visit("farah"), hold_of(database, "SO-10210")
    assert "Write something first." in shown(
        farah.post(f"{H}/{hold}/comment", {"text": " "}, target="holdpane_1", status=422)
    )
    text = "Asked <b>Mei</b> for the debtor."
    farah.post(f"{H}/{hold}/comment", {"text": text, "op": "n-1"}, status=303)
    farah.post(f"{H}/{hold}/comment", {"text": text, "op": "n-1"}, status=303)
    page = farah.text(f"{H}/{hold}")
    assert page.count("Asked &lt;b&gt;Mei&lt;/b&gt; for the debtor.") == 1
    story = farah.text("/c/kedai/records/netshop/order/SO-10210?tab=trace")
    assert "Farah wrote: Asked &lt;b&gt;Mei" in story
    assert visit("vera").post(f"{H}/{hold}/comment", {"text": "x"}).status_code == 403


def test_a_second_correction_gets_both_values_in_its_pane(visit, database):
    farah, hold = visit("farah"), hold_of(database, "SO-10200")
    form = {"path": "lines[0].sku", "reason": "a typing error", "rev": "1"}
    farah.post(f"{H}/{hold}/correct", {**form, "value": "CUP-4", "op": "c-1"}, status=303)
    target = f"holdpane_{one(database, f'SELECT cause_id FROM hold WHERE id = {hold}')}"
    late = farah.post(
        f"{H}/{hold}/correct", {**form, "value": "TEA-1", "op": "c-2"}, target=target, status=409
    )
    told = shown(late)
    assert "Farah corrected lines[0].sku from AB-100 to CUP-4: a typing error." in told
    assert "set lines[0].sku to TEA-1" in told
    assert 'value="TEA-1"' in late.get_data(as_text=True)
    missing = farah.post(f"{H}/{hold}/correct", {"rev": "2"}, status=422)
    for words in ("Choose a field.", "Write the right value.", "Enter a short reason"):
        assert words in shown(missing)
    offered = re.findall(r'<option value="(lines[^"]+)"', farah.text(f"{H}/{hold}"))
    assert offered == ["lines[0].sku"]
    assert "lines[0].sku" not in visit("lim").text(f"{H}/{hold}")


def test_one_act_over_a_filter_shows_what_it_would_touch(visit, database):
    lim = visit("lim")
    page = lim.text(f"{H}/many?act=release&view=all&q=SO-10203")
    assert "Release: 1 record, RM 200.00" in plain(page)
    assert "1 hold cannot be released by you." in plain(page)
    assert "You cannot release this hold, because only a change clears it." in plain(page)
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    form = {"act": "release", "seen": seen[1], "op": "many-1"}
    assert "Enter a short reason" in shown(lim.post(f"{H}/many", form, status=422))
    done = lim.post(f"{H}/many", {**form, "reason": "agreed"}, status=303)
    assert "1 released, 0 left" in plain(lim.text(done.location))
    assert visit("tan").get(done.location, status=404)
    assert lim.get(f"{H}/many?act=burn", status=404)
    empty = {"act": "retry", "seen": "", "op": "x"}
    assert lim.post(f"{H}/many", empty).status_code == 422
    assert visit("vera").get(f"{H}/many?act=retry", status=403)


@pytest.mark.parametrize(("act", "undo"), [("retry", "30"), ("release", "0")])
def test_what_cannot_be_taken_back_has_its_page_as_well(visit, monkeypatch, act, undo):
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", undo)
    lim = visit("lim")
    page = lim.text(f"{H}/many?act=assign&view=all&q=SO-10203")  # a retry alone could not work
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    form = {"act": act, "seen": seen[1], "op": "many-1", "reason": "agreed"}
    done = lim.post(f"{H}/many", form, status=303)
    assert " left" in plain(lim.text(done.location))
    assert visit("tan").get(done.location, status=404)


def test_a_retry_of_many_takes_what_can_work_and_names_the_others(visit, database, clock):
    farah, wanted = visit("farah"), f"{H}/many?act=retry&view=all&q=SO-1020"
    page = farah.text(wanted)
    assert 'id="manyform"' not in page
    assert "Open the message" in plain(page[page.index('id="refused"') :])
    hold = hold_of(database, "SO-10200", "MAP01")
    farah.post(f"{H}/{hold}/message", {"op": "m-1"}, status=303)
    page = farah.text(wanted)
    assert 'id="manyform"' not in page
    assert "Nothing changed since" in plain(page[page.index('id="refused"') :])
    with database.write() as session:
        record = select(Hold.record_id).where(Hold.id == hold).scalar_subquery()
        session.execute(update(Record).where(Record.id == record).values(due_at=clock.now()))
    page = farah.text(wanted)
    (seen,) = re.findall(r'name="seen" value="([^"]+)"', page)
    assert [one.partition(":")[0] for one in seen.split()] == [str(hold)]
    assert "Retry: 1 record" in plain(page)
    assert "Not retried now" in plain(page)
    form = {"act": "retry", "seen": seen, "op": "many-9"}
    done = farah.post(f"{H}/many", form, status=303)
    assert "1 retried, 0 left" in plain(farah.text(done.location))


@pytest.mark.parametrize(("asked", "place"), [("", "/holding/"), ("?as=record", "/records/")])
def test_one_goes_on_to_the_next_of_the_same_cause_and_back(visit, database, asked, place):
    farah = visit("farah")
    ids = [
        hold_of(database, number, "MAP01")
        for number in ("SO-10200", "SO-10201", "SO-10202", "SO-10203")
    ]
    causes = {one(database, f"SELECT cause_id FROM hold WHERE id = {each}") for each in ids}
    assert (len(causes), ids) == (1, sorted(ids))
    walked = []
    for way, each in (("next", ids[0]), ("next", ids[1]), ("previous", ids[2])):
        there = farah.client.get(f"{H}/{each}/{way}{asked}").location
        assert place in there
        walked.append(re.search(r"SO-\d+", shown(farah.get(there)))[0])
    assert walked == ["SO-10201", "SO-10202", "SO-10201"]
    at_end = farah.client.get(f"{H}/{ids[-1]}/next{asked}").location
    assert "This is the last of its cause." in shown(farah.get(at_end))
    assert farah.client.get(f"{H}/{ids[0]}/next", follow_redirects=False).status_code == 303
    farah.get(f"{H}/99999/next", status=404)
    visit("stranger", "lain").get(f"/c/lain/holding/{ids[0]}/next", status=404)


def test_one_act_over_many_leads_back_to_the_list_it_was_asked_from(visit, database):
    """With its filter, and with the group open that it was asked of."""
    farah, hold = visit("farah"), hold_of(database, "SO-10210")
    cause = one(database, f"SELECT cause_id FROM hold WHERE id = {hold}")
    page = farah.text(f"{H}/many?act=assign&view=all&q=SO-10210&cause={cause}")
    back = f"{H}?view=all&q=SO-10210&open={cause}"
    assert re.search(r'id="cancelmany" href="([^"]+)"', page)[1].replace("&amp;", "&") == back
    asked = re.search(r'action="([^"]+)" id="manyform"', page)[1].replace("&amp;", "&")
    seen = re.search(r'name="seen" value="([^"]+)"', page)[1]
    empty = farah.post(asked, {"act": "snooze", "seen": seen}, status=422)
    assert back.replace("&", "&amp;") in empty.get_data(as_text=True)
    form = {"act": "assign", "seen": seen, "person": "0", "op": "b-1"}
    done = farah.text(farah.post(asked, form, status=303).location)
    assert f'<a href="{back}">On hold</a>'.replace("&", "&amp;") in done


def test_what_was_rejected_is_not_called_what_will_be_sent(visit, database):
    lim, hold = visit("lim"), hold_of(database, "SO-10203", "CHK01")
    assert "Will be sent: " in plain(lim.text(f"{H}/{hold}"))
    lim.post(f"{H}/{hold}/reject", {"reason": "a copy", "op": "x-1"}, status=303)
    told = plain(lim.text(f"{H}/{hold}"))
    assert "Not sent: " in told
    assert "Will be sent" not in told
