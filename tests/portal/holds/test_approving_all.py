"""A whole cause with more documents than are approved at once."""

import json
import re
from html import unescape

import pytest
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from holding.worklist import approval_inbox, filters
from tests.portal.reading import one, plain

pytestmark = pytest.mark.sqlite
URL = "/c/kedai/holding/approve"


@pytest.fixture
def cause(database, monkeypatch):
    """Two documents wait for the same approval, and one is approved at once."""
    monkeypatch.setattr(filters, "APPROVED_AT_ONCE", 1)
    return one(database, "SELECT id FROM cause WHERE key LIKE 'approve:%'")


def answered(page, **more):
    hidden = dict(re.findall(r'name="(seen|cause|after)" value="([^"]+)"', page))
    return {**hidden, "reason": "looked at it", **more}


def test_what_is_left_is_said_and_asked_for_next(visit, database, cause):
    lim = visit("lim")
    page = lim.text(f"{URL}?cause={cause}")
    assert "Approve 1 document, " in plain(page)
    assert "These are the oldest 1 of this cause. 1 more follows" in plain(page)
    done = lim.post(URL, answered(page, op="a-1"), status=303)
    rest = lim.text(done.location)
    assert re.search(r"1 approved, RM [\d,.]+\. 1 more waits: go on below\.", plain(rest))
    assert "Approve 1 document, " in plain(rest)
    assert "approveleft" not in rest
    done = lim.post(URL, answered(rest, op="a-2"), status=303)
    assert "1 approved" in plain(lim.text(done.location))
    assert "go on below" not in plain(lim.text(done.location))
    assert one(database, "SELECT count(*) FROM approval") == 2


@pytest.mark.slow
def test_those_after_the_oldest_are_a_set_of_their_own(visit, database, cause):
    lim, tan = visit("lim"), visit("tan")
    page = lim.text(f"{URL}?cause={cause}")
    rest = lim.text(f"{URL}?cause={cause}&after={oldest(database, cause)}")
    assert answered(rest)["seen"] != answered(page)["seen"]
    tan.post(URL, answered(page, op="b-1"), status=303)
    lim.post(URL, answered(rest, op="b-2"), status=303)
    assert one(database, "SELECT count(*) FROM approval") == 2


def oldest(database, cause):
    return one(database, f"SELECT min(id) FROM hold WHERE cause_id = {cause} AND state = 'open'")


def test_a_list_of_approvals_offers_no_act_that_none_of_them_takes(visit, cause):
    lim = visit("lim")
    page = lim.text("/c/kedai/holding?view=approve")
    assert "all_assign" in page
    assert "all_snooze" in page
    assert "all_release" not in page
    assert "all_retry" not in page
    group = lim.text(f"/c/kedai/holding?open={cause}")
    assert f"assignall_{cause}" in group
    assert f"releaseall_{cause}" not in group
    assert f"retryall_{cause}" not in group


@pytest.fixture
def both(database):
    """Two documents wait for the same approval."""
    return one(database, "SELECT id FROM cause WHERE key LIKE 'approve:%'")


def test_approving_a_group_covers_what_the_list_was_filtered_to(visit, database, both):
    lim, tan = visit("lim"), visit("tan")
    waiting = f"FROM hold WHERE cause_id = {both} AND state = 'open'"
    number = one(database, f"SELECT min(number) {waiting}")
    group = lim.text(f"/c/kedai/holding?view=approve&q={number}&open={both}")
    assert "Approve 1 record…" in plain(group)
    asked = href(group, f"approveall_{both}")
    page = lim.text(asked)
    assert "Approve 1 document, " in plain(page)
    form = whole_form(page, op="h-1")
    assert len(form["seen"]) == 1
    lim.post(action(page), form, status=303)
    assert one(database, "SELECT count(*) FROM approval") == 1
    told = plain(tan.post(action(page), form | {"op": ["h-2"]}, status=409).text)
    assert "Nothing was approved" in told
    assert one(database, f"SELECT count(*) {waiting}") == 1


def test_what_comes_next_of_a_filtered_group_is_filtered_too(visit, cause):
    lim = visit("lim")
    page = lim.text(f"{URL}?cause={cause}&q=SO&view=approve")
    assert "1 more follows" in plain(page)
    done = lim.post(action(page), answered(page, op="i-1"), status=303)
    assert "q=SO" in done.location
    assert "Approve 1 document, " in plain(lim.text(done.location))


def test_what_the_filter_leaves_out_does_not_follow(visit, database, cause):
    number = one(database, f"SELECT min(number) FROM hold WHERE cause_id = {cause}")
    lim = visit("lim")
    page = lim.text(f"{URL}?cause={cause}&q={number}&view=approve")
    assert "Approve 1 document, " in plain(page)
    assert "follow" not in plain(page)
    done = lim.post(action(page), answered(page, op="j-1"), status=303)
    assert "go on below" not in plain(lim.text(done.location))


def href(page, name):
    return unescape(re.search(rf'id="{name}"[^>]*? href="([^"]+)"', page)[1])


def action(page):
    return unescape(re.search(r'<form class="ask"[^>]*? action="([^"]+)"', page)[1])


def whole_form(page, **more):
    """The form as the page gives it, with all that was seen."""
    form = MultiDict(re.findall(r'name="(seen|cause|after|sethash)" value="([^"]+)"', page))
    form.update({"reason": "looked at it", **more})
    return form.to_dict(flat=False)


def test_a_second_click_is_told_what_the_first_one_did(visit, database, both):
    lim = visit("lim")
    form = whole_form(lim.text(f"{URL}?cause={both}"), op="c-1")
    lim.post(URL, form, status=303)
    lim.text("/c/kedai/holding?view=approve")
    again = lim.post(URL, form, status=303)
    told = plain(lim.text(again.location))
    assert "Already done: 2 approved, RM 4,800.00." in told
    assert "The list changed" not in told
    assert one(database, "SELECT count(*) FROM approval") == 2


def test_a_second_click_on_the_unchanged_ones_is_told_the_same(visit, database, both):
    lim, tan = visit("lim"), visit("tan")
    form = whole_form(lim.text(f"{URL}?cause={both}"), op="d-1")
    theirs = {"seen": form["seen"][:1], "reason": "looked at it", "op": "d-2"}
    tan.post(URL, theirs, status=303)
    lim.post(URL, form, status=409)
    form["unchanged"] = "1"
    lim.post(URL, form, status=303)
    again = lim.post(URL, form, status=303)
    told = plain(lim.text(again.location))
    assert "Already done: 1 approved, RM" in told
    assert one(database, "SELECT count(*) FROM approval") == 2


def test_what_a_first_click_began_is_gone_on_with_after_the_second(visit, database, cause):
    lim = visit("lim")
    form = whole_form(lim.text(f"{URL}?cause={cause}"), op="e-1")
    first = lim.post(URL, form, status=303)
    lim.text(first.location)
    again = lim.post(URL, form, status=303)
    assert again.location == first.location
    told = plain(lim.text(again.location))
    assert "Already done: 1 approved" in told
    assert "1 more waits: go on below." in told


def test_what_was_taken_back_since_is_said(visit, database, both, monkeypatch):
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    lim = visit("lim")
    form = whole_form(lim.text(f"{URL}?cause={both}"), op="f-1")
    lim.post(URL, form, status=303)
    lim.post("/c/kedai/holding/undo", {"undo": "f-1"}, status=303)
    lim.text("/c/kedai/holding?view=approve")
    told = plain(lim.text(lim.post(URL, form, status=303).location))
    assert "Already done: 2 approved, RM 4,800.00. You undid it since." in told


def test_somebody_elses_form_is_no_first_click(visit, database, both):
    lim, tan = visit("lim"), visit("tan")
    form = whole_form(lim.text(f"{URL}?cause={both}"), op="g-1")
    lim.post(URL, form, status=303)
    told = plain(tan.post(URL, form, status=409).text)
    assert "The list changed" in told
    assert "first click" not in told


def test_a_document_of_several_levels_is_one_line_and_hides_no_other(database, visit, monkeypatch):
    monkeypatch.setattr(approval_inbox, "A_PAGE", 1)
    with database.write() as session:
        asks = "code = 'APP01' AND state = 'open'"
        first = session.execute(text(f"SELECT min(id) FROM hold WHERE {asks}")).scalar_one()
        names = [row[1] for row in session.execute(text("PRAGMA table_info(hold)"))]
        other = {"id": str(first), "cause_id": "(SELECT max(id) FROM cause)"}
        session.execute(text(f"UPDATE hold SET id = 100000 WHERE id > {first} AND {asks}"))
        told = ", ".join(other.get(name, f'"{name}"') for name in names)
        told = told.replace(str(first), "99999", 1)
        session.execute(text(f"INSERT INTO hold SELECT {told} FROM hold WHERE id = {first}"))
    farah, seen, url = visit("farah"), [], "/c/kedai/holding/inbox"
    while url:
        page = farah.text(url)
        seen += re.findall(r'id="asked_(\d+)"', page)
        more = re.search(r'href="(/c/kedai/holding/inbox\?after=\d+)"', page)
        url = more[1] if more else ""
    assert len(seen) == len(set(seen)) == 2
    assert len(json.loads(farah.text("/c/kedai/holding/inbox.json"))["rows"]) == 2
