"""What the pages say about the seeded shop, and what their forms do, without JavaScript."""

import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, text, update

from bench.page_bench import MOST_STATEMENTS
from holding.db.models import Company, Connection
from tests.portal.reading import ONE, cause, hold_of, one, plain, works
from tests.support.databases import any_move

pytestmark = pytest.mark.sqlite

PAGES = (
    "/c/kedai/",
    "/c/kedai/holding",
    "/c/kedai/holding?view=mine",
    "/c/kedai/holding?view=approve",
    "/c/kedai/holding?view=uncertain",
    "/c/kedai/holding?view=ignored",
    "/c/kedai/holding?view=accepted",
    "/c/kedai/holding?view=cleared",
    "/c/kedai/holding?open=1",
    "/c/kedai/holding?view=snoozed",
    "/c/kedai/holding/1",
    "/c/kedai/holding/inbox",
    "/c/kedai/holding/ageing",
    "/c/kedai/holding/many?act=retry",
    "/c/kedai/mappings/missing",
    "/c/kedai/mappings/missing?cause=2",
    "/c/kedai/mappings/item",
    "/c/kedai/mappings/item/entry?key=TEA-1",
    "/c/kedai/mappings/item/entry?key=TEA-1&other=TEA-2",
    "/c/kedai/mappings/parties",
    "/c/kedai/mappings/exact",
    "/c/kedai/mappings/missing/all",
    "/c/kedai/mappings/units/proof",
    "/c/kedai/mappings/lists",
    "/c/kedai/mappings/workbook",
    "/c/kedai/stops/",
    "/c/kedai/rules/proposals",
    "/c/kedai/runs",
    "/c/kedai/runs?record=SO-10240",
    "/c/kedai/runs?from=2026-11-01T00:00&to=2026-11-20T23:59",
    "/c/kedai/runs?customer=Kedai+Kopi",
    "/c/kedai/runs?vendor=Kedai+Kopi",
    "/c/kedai/runs?invoice=SO-10240",
    "/c/kedai/runs?payment=RC-SO-10240",
    "/c/kedai/runs?connector=aiaccount",
    "/c/kedai/runs/1",
    "/c/kedai/pushes",
    "/c/kedai/reconcile?from=2026-11-14&to=2026-11-20",
    "/c/kedai/reconcile?from=2026-11-14&to=2026-11-20&day=2026-11-18",
    "/c/kedai/connections",
    "/c/kedai/connections/aiaccount",
    "/c/kedai/connections/netshop",
    "/c/kedai/find?q=SO-102",
    "/c/kedai/find",
    "/c/kedai/late",
    "/c/kedai/operations",
    "/c/kedai/audit",
    "/c/kedai/signals",
    "/c/kedai/escalate/netshop/order/SO-10203",
    "/c/kedai/audit?what=rules&on=SO-10240&from=2026-01-01",
    "/c/kedai/people/",
    "/me",
    "/c",
    "/help/mapping-missing",
    "/c/kedai/rules/book",
    "/c/kedai/rules/book.md",
    "/c/kedai/rules/files/shop.rules",
    ONE,
    f"{ONE}?tab=way",
    f"{ONE}?tab=trace",
    f"{ONE}?tab=lineage",
    f"{ONE}?tab=ruletree",
    f"{ONE}?tab=versions",
    f"{ONE}?tab=raw",
    f"{ONE}?tab=pushes",
)


@pytest.mark.parametrize("url", PAGES)
def test_a_page_has_no_statement_for_each_of_its_rows(visit, statements, database, clock, url):
    farah = visit("farah")
    works(database, clock)
    assert "Kedai Contoh" in farah.text(url)
    statements.clear()
    farah.text(url)
    asked = [one for one in statements if not one.startswith("BEGIN")]
    assert 0 < len(asked) <= MOST_STATEMENTS, "\n".join(
        one.replace("\n", " ")[:150] for one in asked
    )


def test_a_page_tells_what_it_cost(visit, statements):
    farah = visit("farah")
    statements.clear()
    told = farah.get("/c/kedai/late").headers["Server-Timing"]
    asked = [one for one in statements if not one.startswith("BEGIN")]
    shown = re.fullmatch(
        rf'total;dur=(\d+\.\d), db;dur=(\d+\.\d), statements;desc="{len(asked)}"', told
    )
    assert shown is not None
    assert float(shown[1]) > float(shown[2]) > 0
    assert len(asked) > 2
    assert "Server-Timing" not in visit("").get("/signin").headers


def test_the_dashboard_answers_first(visit):
    page = plain(visit("farah").text("/c/kedai/"))
    assert "9 records need attention: RM 6,248.00" in page
    assert "Oldest 1 h: SO-10200 , owner Sales administration" in page
    assert "Last sync 11/20 11:30 · 2 documents" in page
    assert "received 12 posted 1 on hold 9 waiting 1 not posted 1" in page


def test_the_home_page_separates_own_causes_from_others_and_counts_the_rest(visit, monkeypatch):
    monkeypatch.setattr("portal.worklist.dashboard.TOP", 1)
    raw = visit("farah").text("/c/kedai/")
    own, others = raw.index('id="h_now"'), raw.index('id="h_others"')
    more = raw.index('id="morecauses"')
    own_causes = set(re.findall(r'id="cause_(\d+)"', raw[own:others]))
    other_causes = set(re.findall(r'id="cause_(\d+)"', raw[others:more]))
    assert len(own_causes) == len(other_causes) == 1
    assert not own_causes & other_causes
    in_all = re.search(r"All (\d+) causes", raw)
    left = re.search(r"(\d+) more causes", raw[more:])
    assert in_all is not None
    assert left is not None
    assert int(left[1]) == int(in_all[1]) - 2


def test_a_viewer_has_nothing_to_do_and_sees_what_waits_for_others(visit):
    page = visit("vera").text("/c/kedai/")
    own, others = page.index('id="h_now"'), page.index('id="h_others"')
    assert "cause_" not in page[own:others]
    assert "cause_" in page[others:]
    assert "Add mapping" not in page


def test_held_records_are_grouped_by_cause_with_count_and_money(visit, database):
    page = visit("farah").text("/c/kedai/holding")
    assert "9 records · RM 6,248.00" in plain(page)
    assert "1 has more than one cause" in page
    groups = re.findall(r'<span class="g-n">(\d+)<span class="vh"> records?</span></span>', page)
    assert groups == ["2", "4", "1", "1", "1", "1"]
    item = cause(database, "mapping:item:%")
    opened = plain(visit("farah").text(f"/c/kedai/holding?open={item}"))
    assert "SO-10200" in opened
    assert "Add mapping (4 records)" in opened


@pytest.mark.parametrize(
    "url",
    ["/c/kedai/", "/c/kedai/holding", "/c/kedai/holding?open={cause}", "/c/kedai/holding/{hold}"],
)
def test_a_team_is_named_by_its_title(visit, database, url):
    named = {"cause": cause(database, "mapping:item:%"), "hold": hold_of(database, "SO-10200")}
    page = plain(visit("farah").text(url.format(**named)))
    assert "Sales administration" in page
    assert "sales_admin" not in page


def test_a_team_without_a_title_is_named_by_its_word(visit, database):
    with database.write() as session:
        session.execute(text("UPDATE team SET title = ''"))
    assert "sales_admin" in plain(visit("farah").text("/c/kedai/holding"))


def test_a_group_opens_as_a_fragment(visit, database):
    item = cause(database, "mapping:item:%")
    part = visit("farah").text(f"/c/kedai/holding?open={item}", target=f"group_{item}")
    assert part.lstrip().startswith(f'<details class="group" id="group_{item}" open')
    assert "<html" not in part
    assert "SO-10203" in part


def test_an_unknown_part_is_refused(visit):
    farah = visit("farah")
    farah.get("/c/kedai/holding", target="content", status=400)
    farah.get("/c/kedai/holding", target="nonsense_1", status=400)
    farah.get("/c/kedai/holding", target="hold-list", status=400)


def test_going_back_gets_the_whole_page(visit):
    client = visit("farah").client
    headers = {
        "HX-Request": "true",
        "HX-Target": "holding",
        "HX-History-Restore-Request": "true",
    }
    assert "<html" in client.get("/c/kedai/holding", headers=headers).get_data(as_text=True)


@pytest.mark.parametrize(
    ("posting", "record", "word"),
    [("ready", "ready", "retrying"), ("posted", "waiting", "pending")],
    ids=["sent-again", "posted-in-part"],
)
def test_C01_a_record_is_retrying_while_its_open_document_is(
    visit, database, posting, record, word
):
    whose = "(SELECT id FROM record WHERE number = 'SO-10210')"
    with database.write() as session:
        tried = f"UPDATE posting SET state = '{posting}', tries = 2 WHERE record_id = {whose}"
        with any_move(session):
            session.execute(text(tried))
        session.execute(text(f"UPDATE record SET state = '{record}' WHERE id = {whose}"))
    farah = visit("farah")
    listed = plain(farah.text("/c/kedai/find?q=SO-1021"))
    told = re.search(r"SO-10210 .*? (retrying|pending|succeeded|needs attention) ", listed)
    assert told
    assert told[1] == word


def test_filters_narrow_the_groups(visit):
    farah = visit("farah")
    page = plain(farah.text("/c/kedai/holding?class=stale_version"))
    assert "1 record · RM 288.00" in page
    page = plain(farah.text("/c/kedai/holding?q=SO-10203"))
    assert "1 record · RM 200.00" in page
    page = plain(farah.text("/c/kedai/holding?q=nothing+like+it"))
    assert "No records match this filter." in page
    assert "Without filters: 9 records." in page


def test_the_pane_shows_the_missing_value_with_its_space(visit, database):
    page = visit("farah").text(f"/c/kedai/holding/{hold_of(database, 'SO-10200')}")
    assert 'AB-100<span class="space">' in page
    assert "<b>missing</b>" in page
    assert "Add mapping (4 records)" in page
    assert "aria-disabled" in page


def test_a_fix_says_first_what_it_frees_and_frees_it(visit, database):
    farah = visit("farah")
    item = cause(database, "mapping:item:%")
    form = {"cause": item, "table": "item", "key": "AB-100 ", "other": "AB-100"}
    shown = plain(
        farah.client.get("/c/kedai/mappings/preview", query_string=form).get_data(as_text=True)
    )
    assert "clears 3 RM 576.00" in shown
    assert "1 stays on hold: adds_up The lines of the number do not add up to the total." in shown
    refused = farah.post("/c/kedai/mappings/fix", {**form, "rev": 1}, status=422)
    assert "Enter a short reason" in refused.get_data(as_text=True)
    assert one(database, "SELECT count(*) FROM mapping_entry WHERE key = 'AB-100 '") == 0
    done = farah.post(
        "/c/kedai/mappings/fix",
        {**form, "rev": 99, "reason": "the same bolt", "op": "a1"},
        status=303,
    )
    assert "4 records are checked again" in farah.text(done.location)
    assert one(database, "SELECT count(*) FROM record WHERE due_at IS NOT NULL") == 4


def test_a_double_click_fixes_once(visit, database):
    farah = visit("farah")
    item = cause(database, "mapping:item:%")
    page = farah.text(f"/c/kedai/mappings/missing?cause={item}")
    sent = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    form = {**sent, "other": "AB-100", "reason": "the same bolt"}
    first = farah.post("/c/kedai/mappings/fix", form, status=303)
    again = farah.post("/c/kedai/mappings/fix", form, status=303)
    assert again.location == first.location
    assert one(database, "SELECT count(*) FROM mapping_entry WHERE key = 'AB-100 '") == 1


def test_a_viewer_may_not_fix(visit, database):
    vera = visit("vera")
    form = {"table": "item", "key": "AB-100 ", "other": "X", "reason": "because", "rev": 9}
    assert vera.post("/c/kedai/mappings/fix", form).status_code == 403
    page = vera.text(f"/c/kedai/mappings/missing?cause={cause(database, 'mapping:item:%')}")
    assert re.search(r'id="savemap"[^>]* aria-disabled="true"', page)
    ask = "/c/kedai/access?act=mapping.fix"
    assert re.search(rf'id="savemap_why">[^<]*<a href="{re.escape(ask)}">Ask for access</a>', page)
    assert 'value="mapping.fix" required checked' in vera.text(ask)


def test_release_needs_a_reason_and_the_right(visit, database):
    hold = one(database, "SELECT id FROM hold WHERE rule = 'adds_up' AND state = 'open'")
    lim = visit("lim")
    again = lim.post(f"/c/kedai/holding/{hold}/release", {"reason": " "}, status=422)
    assert "Enter a short reason" in again.get_data(as_text=True)
    done = lim.post(
        f"/c/kedai/holding/{hold}/release", {"reason": "agreed by phone", "op": "r1"}, status=303
    )
    page = plain(lim.text(done.location))
    assert "Released. It is being checked again." in page
    assert "Released by Lim" in page
    second = lim.post(f"/c/kedai/holding/{hold}/release", {"reason": "again", "op": "r2"})
    assert second.status_code == 409
    assert (
        visit("farah").post(f"/c/kedai/holding/{hold}/release", {"reason": "me"}).status_code == 403
    )


def test_reject_ends_in_ignored(visit, database):
    hold = hold_of(database, "SO-10210")
    lim = visit("lim")
    lim.post(f"/c/kedai/holding/{hold}/reject", {"reason": "a test order", "op": "x1"}, status=303)
    assert one(database, "SELECT state FROM record WHERE number = 'SO-10210'") == "ignored"
    assert "a test order" in lim.text("/c/kedai/holding?view=ignored")
    assert "a test order" in lim.text("/c/kedai/holding?view=cleared")


def test_a_hold_is_sent_to_a_person(visit, database):
    hold = hold_of(database, "SO-10210")
    tan = one(database, "SELECT id FROM person WHERE email = 'tan@kedai.my'")
    visit("farah").post(f"/c/kedai/holding/{hold}/assign", {"person": tan}, status=303)
    assert "SO-10210" in visit("tan").text("/c/kedai/find?q=SO-1021")
    assert "Assigned to me <span" in visit("tan").text("/c/kedai/holding")
    assert one(database, f"SELECT person_id FROM hold WHERE id = {hold}") == tan


def seen(page):
    return re.findall(r'name="seen" value="([^"]+)"', page)


def test_a_selection_is_approved_as_it_was_seen(visit, database):
    lim = visit("lim")
    group = cause(database, "approve:%")
    page = lim.text(f"/c/kedai/holding/approve?cause={group}")
    assert "Approve 2 documents, RM 4,800.00" in plain(page)
    form = {"seen": seen(page), "cause": group, "reason": "looked at both", "op": "ap1"}
    done = lim.post("/c/kedai/holding/approve", form, status=303)
    assert "2 approved, RM 4,800.00." in plain(lim.text(done.location))
    assert one(database, "SELECT count(*) FROM posting WHERE state = 'ready'") == 2
    assert one(database, "SELECT count(*) FROM approval") == 2


def test_an_approval_names_the_money_of_its_documents(visit, database):
    """A delivery of half an order, or a credit note, is worth less than its record."""
    with database.write() as session:
        content = "json_set(content, '$.amount', '1000.00')"
        session.execute(text(f"UPDATE posting SET content = {content} WHERE number = 'SO-10220'"))
        # The hold stores the document's amount, from which sums are made.
        stored = "amount = 100000, currency = 'MYR'"
        session.execute(text(f"UPDATE hold SET {stored} WHERE number = 'SO-10220'"))
    page = plain(
        visit("lim").text(f"/c/kedai/holding/approve?cause={cause(database, 'approve:%')}")
    )
    assert "Approve 2 documents, RM 3,880.00" in page
    assert re.search(r"SO-10220 · [^·]+ · RM 1,000\.00", page)


def test_a_changed_set_is_shown_and_nothing_is_approved(visit, database):
    lim, tan = visit("lim"), visit("tan")
    group = cause(database, "approve:%")
    page = lim.text(f"/c/kedai/holding/approve?cause={group}")
    form = {"seen": seen(page), "cause": group, "reason": "looked at both", "op": "ap2"}
    first = {**form, "seen": seen(page)[:1], "cause": "", "op": "ap3"}
    tan.post("/c/kedai/holding/approve", first, status=303)
    answer = lim.post("/c/kedai/holding/approve", form, status=409)
    told = plain(answer.get_data(as_text=True))
    assert "The list changed while you were reviewing it. Nothing was approved." in told
    assert "You saw 2 RM 4,800.00" in told
    assert "SO-10220 is ready to post meanwhile: Tan approved it" in told
    assert "Approve the 1 unchanged" in told
    assert one(database, "SELECT count(*) FROM approval") == 1
    kept = {**form, "unchanged": "1", "op": "ap4"}
    lim.post("/c/kedai/holding/approve", kept, status=303)
    assert one(database, "SELECT count(*) FROM approval") == 2


def test_a_double_click_approves_once(visit, database):
    lim = visit("lim")
    hold = hold_of(database, "SO-10220", "APP01")
    page = lim.text(f"/c/kedai/holding/{hold}")
    form = {"seen": seen(page), "reason": "looked at it", "op": "same"}
    lim.post("/c/kedai/holding/approve", form, status=303)
    lim.post("/c/kedai/holding/approve", form)
    assert one(database, "SELECT count(*) FROM approval") == 1


def test_sync_sends_only_what_the_button_named(visit, database):
    olga = visit("olga")
    url = "/c/kedai/connections/aiaccount/sync"
    lim, hold = visit("lim"), hold_of(database, "SO-10220", "APP01")
    page = lim.text(f"/c/kedai/holding/{hold}")
    lim.post(
        "/c/kedai/holding/approve", {"seen": seen(page), "reason": "fine", "op": "s"}, status=303
    )
    days = {"doc_type": "sales_invoice", "first": "2026-11-01", "last": "2026-11-30"}
    shown = olga.client.get(url, query_string=days).get_data(as_text=True)
    assert "Send 1 document, RM 1,920.00" in plain(shown)
    assert "Already posted 2 RM 384.00" in plain(shown)
    figure = re.findall(r'name="total" value="(\d+)"', shown)[0]
    changed = olga.post(url, {**days, "count": 5, "total": figure}, status=409)
    assert "not 5 as shown" in changed.get_data(as_text=True)
    done = olga.post(url, {**days, "count": 1, "total": figure}, status=303)
    assert "/runs/" in done.location
    assert "Syncing… 0 of 1" in plain(olga.text("/c/kedai/connections/aiaccount"))
    wrong = olga.post(url, {**days, "first": "soon"}, status=422)
    assert "Enter the date as" in wrong.get_data(as_text=True)


def test_what_a_push_came_to_hides_what_it_went_through(visit, database):
    ends = "UPDATE push SET state = '{}', error = 'The line was cut.' WHERE number = 'SO-10240'"
    for state, shown, hidden in (
        ("accepted", "AiAccount reference", "The line was cut."),
        ("uncertain", "The line was cut.", "None"),
    ):
        with database.write() as session, any_move(session):
            session.execute(text(ends.format(state)))
        page = plain(visit("farah").text("/c/kedai/pushes?q=SO-10240"))
        assert shown in page
        assert hidden not in page


def test_a_test_of_a_connection_renews_what_happened_to_it(visit):
    url = "/c/kedai/connections/aiaccount/test"
    answer = visit("adam").post(url, {}, target="conntest", status=200).get_data(as_text=True)
    shown, _, beside = answer.partition('<hx-partial hx-target="#told"')
    assert 'id="conntest"' in shown
    assert "The test of AiAccount failed." in beside


def test_pause_and_resume(visit):
    olga = visit("olga")
    url = "/c/kedai/connections/aiaccount"
    assert olga.post(f"{url}/pause", {"reason": ""}, status=422)
    olga.post(f"{url}/pause", {"reason": "month end"}, status=303)
    page = plain(olga.text(url))
    assert "Paused 11/20 11:55 · 0 waiting" in page
    assert "month end" in page
    olga.post(f"{url}/resume", {}, status=303)
    assert "Paused" not in plain(olga.text(url))


def test_the_look_ups_after_a_restore_end_on_the_page_of_the_connection(visit, database):
    url = "/c/kedai/connections/aiaccount"
    olga = visit("olga")
    assert 'id="endrestore"' not in olga.text(url)
    with database.write() as session:
        session.execute(update(Connection).values(restored_at=datetime(2026, 11, 20, tzinfo=UTC)))
    assert 'id="endrestore"' in olga.text(url)
    olga.post(f"{url}/restore-ended", {}, status=303)
    assert 'id="endrestore"' not in olga.text(url)
    with database.read() as session:
        ended = select(Company.code).join(Connection).where(Connection.restored_at.is_(None))
        assert session.scalars(ended).all() == ["kedai"]
