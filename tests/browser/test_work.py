"""The finance user's and the approver's work in a browser, with JavaScript and without."""

import re
from typing import Any

import pytest
from sqlalchemy import text

from holding.evaluation.evaluate_due import judge_due
from holding.rulesets.check_processes import BUSY, RuleChecks
from tests.browser.conftest import Open, Served
from tests.browser.test_accessible import violations
from tests.portal.reading import one

pytestmark = pytest.mark.browser


def settled(page: Any) -> None:
    """What was brought into the page last is at work by now: htmx takes it on a moment later."""
    page.locator(".htmx-added, .htmx-settling").first.wait_for(state="detached")


def judge(served: Served) -> None:
    while judge_due(served.database, served.clock, company_id=1, owner="test").count:
        pass


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_a_missing_mapping_is_fixed_from_its_group(
    somebody: Open, served: Served, script: bool
) -> None:
    farah = somebody("farah", script=script)
    page = farah.page
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    farah.go("/c/kedai/holding")
    group = page.locator("details.group", has_text="Map item AB-100")
    group.locator("summary").click()
    if script:  # the form stands in the group, first
        group.get_by_text("SO-10203").first.wait_for()
        page.evaluate("window.kept = 1")
    else:
        group.locator("a", has_text="Show 4 records").click()
        page.get_by_text("Add mapping (4 records)").first.click()
    at = f"_{group.get_attribute('id').removeprefix('group_')}" if script else ""
    page.fill(f"#other{at}", "AB-100")
    page.click(f"#previewmap{at}")
    page.get_by_text("clears 3").wait_for()
    assert "1 stays on hold" in page.locator(f"#freed{at}").inner_text()
    page.fill(f"#reason{at}", "the same bolt")
    page.click(f"#savemap{at}")
    page.get_by_text("4 records are checked again").first.wait_for()
    judge(served)
    if script:
        page.evaluate("htmx.trigger(document.body, 'tick')")
        group.wait_for(state="detached")
        assert page.evaluate("window.kept") == 1
    assert any("/mappings/preview" in url for url in asked)
    assert [url for url in asked if "csrf" in url] == []
    assert not script or [url for url in asked if url.endswith("/mappings/missing")] == []
    held = "SELECT count(*) FROM record WHERE number LIKE 'SO-1020%' AND state = 'held'"
    assert one(served.database, held) == 1
    farah.go("/c/kedai/holding")
    assert page.get_by_text("Map item AB-100").count() == 0
    assert farah.said == []


def test_a_group_opens_with_what_happened_and_what_to_do(somebody: Open, served: Served) -> None:
    """The first record of the cause is shown at once; what is cleared for all has its own way."""
    lim = somebody("lim")
    page = lim.page
    lim.go("/c/kedai/holding")
    group = page.locator("details.group", has_text="do not add up")
    group.locator("summary").click()
    pane = group.locator("section.split")
    pane.locator("header", has_text="SO-10203").wait_for()
    assert pane.get_by_text("Owner:").count() == 1
    shown, table = pane.bounding_box(), group.locator("table.rows").bounding_box()
    assert shown
    assert table
    assert shown["y"] < table["y"]
    reason = pane.get_by_label("Reason to release")
    reason.fill("agreed by phone")
    with page.expect_response(re.compile("open=.*fresh=1")):
        page.evaluate("htmx.trigger(document.body, 'tick')")
    settled(page)
    assert reason.input_value() == "agreed by phone"
    for words in ("Map item AB-100", "Approval needed"):
        other = page.locator("details.group", has_text=words).first
        other.locator("summary").click()
        other.locator("table.rows").wait_for()
        page.wait_for_load_state("networkidle")
        assert other.locator("section.split").count() == 0, words
    assert lim.said == []


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_a_value_is_found_by_letters(somebody: Open, served: Served, script: bool) -> None:
    farah = somebody("farah", script=script)
    page = farah.page
    farah.go("/c/kedai/mappings/missing")
    page.locator("#missing tbody tr", has_text="AB-100").locator("a.btn, button").click()
    page.locator("#findvalue").press_sequentially("cu")
    if not script:
        page.click("#searchvalue")
    page.locator("#mapchoices", has_text="CUP-4").wait_for()
    page.locator("#mapchoices", has_not_text="TEA-1").wait_for()
    page.focus("#findvalue")
    for _ in range(5):  # the keyboard alone: on over the button and what else is there
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "found_1":
            break
    page.keyboard.press("Space")
    assert page.is_checked("#found_1")
    if script:  # a choice is previewed at once, and what it brings moves the buttons
        page.locator("#freed", has_text="Nothing is saved yet").wait_for()
    with page.expect_response("**/mappings/preview"):
        page.click("#previewmap")
    page.locator("#freed", has_text="Nothing is saved yet").wait_for()
    settled(page)
    assert page.is_checked("input[name=to][value='CUP-4']")
    page.fill("#reason", "the cup")
    page.click("#savemap")
    page.get_by_text("is now CUP-4").first.wait_for()
    assert farah.said == []


@pytest.mark.slow
def test_mappings_of_two_groups_are_set_beside_each_other(somebody: Open, served: Served) -> None:
    """What is typed in one stays while the list renews itself, and when another is saved."""
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/holding?view=all")
    for group in page.locator("details.group", has_text="Mapping missing").all():
        group.locator("summary").click()
    page.locator("[id^=savemap_]").nth(1).wait_for()
    first, second = (one.get_attribute("id") for one in page.locator("[id^=other_]").all()[:2])
    for place, value in ((first, "AB-100"), (second, "CUP-4")):
        page.fill(f"#{place}", value)
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.wait_for_timeout(500)
    assert (page.input_value(f"#{first}"), page.input_value(f"#{second}")) == ("AB-100", "CUP-4")
    assert violations(page) == "[]"
    at = first.removeprefix("other")
    page.fill(f"#reason{at}", "the same bolt")
    page.click(f"#savemap{at}")
    page.get_by_text("checked again").first.wait_for()
    assert page.input_value(f"#{second}") == "CUP-4"
    assert farah.said == []


@pytest.mark.slow
@pytest.mark.parametrize("script", [True, False], ids=["with script", "without"])
def test_a_selection_is_approved(somebody: Open, served: Served, script: bool) -> None:
    lim = somebody("lim", script=script)
    page = lim.page
    lim.go("/c/kedai/holding?view=approve")
    group = page.locator("details.group").first
    group.locator("summary").click()
    if not script:
        group.locator("a", has_text="Show 2 records").click()
    page.get_by_label("Select SO-10220").check()
    page.get_by_label("Select SO-10221").check()
    if script:
        assert page.locator("[data-picked]").inner_text() == "2 selected"
    page.get_by_role("button", name="Approve selected…").click()
    told = re.compile("Approve 2 documents, RM.4,800.00")
    page.get_by_role("heading", name=told).wait_for()
    assert page.get_by_role("button", name=told).get_attribute("id") == "approvego"
    page.fill("#approvereason", "compared with the orders")
    page.click("#approvego")
    page.get_by_text(re.compile("2 approved, RM.4,800.00")).wait_for()
    assert one(served.database, "SELECT count(*) FROM posting WHERE state = 'ready'") == 2
    assert lim.said == []


@pytest.mark.slow
def test_two_browsers_approve_the_same_set(somebody: Open, served: Served) -> None:
    lim, tan = somebody("lim"), somebody("tan")
    for person in (lim, tan):
        person.go("/c/kedai/holding?view=approve")
        person.page.click("summary[id^=groupsum_]")
        person.page.click("a[id^=approveall_]")
        person.page.fill("#approvereason", "compared with the orders")
    lim.page.click("#approvego")
    lim.page.get_by_text(re.compile("2 approved")).wait_for()
    tan.page.click("#approvego")
    tan.page.get_by_text("Nothing was approved.").wait_for()
    assert tan.page.locator("#dialog[open]").count() == 1
    assert one(served.database, "SELECT count(DISTINCT person_id) FROM approval") == 1
    assert lim.said + tan.said == []


@pytest.mark.slow
def test_the_pane_opens_under_its_row_and_what_it_did_can_be_undone(
    somebody: Open, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    lim = somebody("lim")
    page = lim.page
    lim.go("/c/kedai/holding")
    group = page.locator("details.group", has_text="do not add up")
    group.locator("summary").click()
    group.get_by_role("link", name="SO-10203").click()
    pane = page.locator("[id^=holdpane_] h2")
    pane.wait_for()
    page.get_by_label("Reason to release").fill("agreed by phone")
    page.locator("button", has_text="Release SO-").click()
    page.get_by_text("Released by Lim").wait_for()
    assert "Released. It is being checked again." in page.locator("#notice").inner_text()
    assert page.locator("#announce").inner_text().startswith("Released.")
    assert page.url.endswith("/holding")
    bar = page.locator("#undobar")
    assert re.search(r"SO-10203 released\. Sending in \d+ s\.", bar.inner_text())
    left = bar.locator("[data-left]")
    assert left.get_attribute("data-left") == "30"
    page.wait_for_function("left => left.textContent < 30", arg=left.element_handle())
    page.keyboard.press("u")
    page.get_by_text("Undone: 1 document is on hold again.").wait_for()
    assert bar.is_hidden()
    assert lim.said == []


def test_on_a_phone_the_undo_bar_stands_above_the_navigation(
    somebody: Open, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    hold = one(served.database, "SELECT id FROM hold WHERE rule = 'adds_up' AND state = 'open'")
    lim = somebody("lim", width=390)
    lim.go(f"/c/kedai/holding/{hold}")
    lim.page.get_by_label("Reason to release").fill("agreed by phone")
    lim.page.locator("button", has_text="Release SO-").click()
    bar = lim.page.locator("#undobar")
    bar.get_by_text("SO-10203 released.").wait_for()
    shown, rail = bar.bounding_box(), lim.page.locator("#nav").bounding_box()
    assert shown["y"] + shown["height"] <= rail["y"] < 900
    assert shown["x"] >= 0
    assert shown["x"] + shown["width"] <= 390
    lim.page.locator("#nav").get_by_role("link", name="On hold").click()
    lim.page.locator("#undo").click()
    lim.page.get_by_text("Undone: 1 document is on hold again.").wait_for()
    assert lim.said == []


def test_a_control_out_of_reach_says_why_and_does_nothing(somebody: Open, served: Served) -> None:
    farah = somebody("farah")
    page = farah.page
    hold = one(served.database, "SELECT id FROM hold WHERE rule = 'adds_up' AND state = 'open'")
    farah.go(f"/c/kedai/holding/{hold}")
    button = page.locator("button", has_text="Release SO-")
    assert button.get_attribute("aria-disabled") == "true"
    page.get_by_label("Reason to release").fill("let me")
    button.click(force=True)
    page.wait_for_timeout(200)
    assert one(served.database, f"SELECT state FROM hold WHERE id = {hold}") == "open"


def test_an_ended_session_leads_to_the_sign_in_page(somebody: Open, served: Served) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/holding")
    page.context.clear_cookies()
    page.locator("summary[id^=groupsum_]").first.click()
    page.wait_for_url("**/signin**")
    assert page.locator("#email").count() == 1


def test_the_pill_changes_without_loading_the_page(somebody: Open, served: Served) -> None:
    olga = somebody("olga")
    page = olga.page
    olga.go("/c/kedai/connections/aiaccount")
    page.get_by_text("Last sync 11/20 11:30 · 2 documents").wait_for()
    page.evaluate("window.kept = 1")
    with served.database.write() as session:
        session.execute(text("UPDATE run SET state = 'running', done = 1, total = 2"))
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.get_by_text("Syncing… 1 of 2").wait_for()
    with served.database.write() as session:
        session.execute(text("UPDATE run SET state = 'done', done = 2"))
    page.get_by_text("Last sync 11/20 11:30 · 2 documents").wait_for(timeout=3000)
    assert page.evaluate("window.kept") == 1
    assert olga.said == []


def test_a_lost_answer_is_said_and_can_be_tried_again(somebody: Open, served: Served) -> None:
    lim = somebody("lim")
    page = lim.page
    lim.go("/c/kedai/holding?view=approve")
    page.click("summary[id^=groupsum_]")
    page.wait_for_selector("a[id^=approveall_]")
    page.context.set_offline(True)
    page.click("a[id^=approveall_]")
    page.get_by_text("Your change may not have been saved.").first.wait_for()
    page.context.set_offline(False)
    page.click("[data-retry]")
    page.wait_for_selector("#dialog[open] h2")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_T29c_a_draft_that_is_not_checked_is_told_why_and_stays(
    somebody: Open, monkeypatch: pytest.MonkeyPatch, script: bool
) -> None:
    monkeypatch.setattr(RuleChecks, "report", lambda *_, **__: BUSY)
    chan = somebody("chan", script=script)
    page = chan.page
    chan.go("/c/kedai/rules/draft/shop.rules")
    page.fill("#drafttext", "# mine")
    page.get_by_role("button", name="Check and run the tests").click()
    page.get_by_text(BUSY.message).wait_for()
    assert page.input_value("#drafttext") == "# mine"
    assert not page.is_visible("#netbar")
    assert chan.said == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
def test_a_tried_record_becomes_a_test_that_passes(somebody: Open, script: bool) -> None:
    chan = somebody("chan", script=script)
    page = chan.page
    chan.go("/c/kedai/rules/draft/shop.rules")
    page.fill("#trynumber", "SO-10240")
    page.get_by_role("button", name="Try record").click()
    page.get_by_role("button", name="Save as test case").click()
    page.get_by_text("is at the end of the draft.").wait_for()
    text = page.input_value("#drafttext")
    assert re.search(r'\ntest "SO-10240: [^"]+"\n', text)
    assert not script or page.evaluate("document.activeElement.id") == "drafttext"
    page.get_by_role("button", name="Check and run the tests").click()
    page.get_by_text("This could come into force").wait_for()
    assert page.input_value("#drafttext") == text, "what was saved is what was checked"
    assert chan.said == []


def test_the_result_of_tests_stays_and_the_button_keeps_the_focus(somebody: Open) -> None:
    chan = somebody("chan")
    page = chan.page
    page.clock.install()
    chan.go("/c/kedai/rules/draft/shop.rules")
    page.focus("#drafttext")
    page.keyboard.press("Control+End")
    page.keyboard.type("# mine")
    page.click("#checkdraft")  # before what is typed is looked at by itself
    page.get_by_text("This could come into force").wait_for()
    assert page.evaluate("document.activeElement.id") == "checkdraft"
    looked: list[str] = []
    page.on("request", lambda one: looked.append(one.post_data or ""))
    page.clock.run_for(1000)
    assert looked == [], "the tests of this very text have run"
    page.focus("#drafttext")
    with page.expect_request(lambda one: "quick=1" in (one.post_data or "")):
        page.keyboard.type("s")
        page.clock.run_for(1000)
    assert chan.said == []


def test_keys(somebody: Open) -> None:
    farah = somebody("farah")
    page = farah.page
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url("**/holding")
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.id").startswith("groupsum_")
    page.keyboard.press("/")
    page.keyboard.type("gh")
    assert page.input_value("#find") == "gh"
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    page.wait_for_selector("#helpkeys[open]")
    assert farah.said == []


def test_each_key_of_the_holding_area_does_what_the_help_says(somebody: Open) -> None:
    lim = somebody("lim")
    page = lim.page
    lim.go("/c/kedai/holding?view=all")
    groups = page.locator("details.group > summary").evaluate_all("all => all.map((one) => one.id)")
    at = "document.activeElement.id"
    for key, place in (("]", 0), ("]", 1), ("[", 0)):
        page.keyboard.press(key)
        assert page.evaluate(at) == groups[place]
    group = page.locator("details.group", has_text="do not add up")
    group.locator("summary").press("Enter")
    row = group.locator("a[id^=open_]", has_text="SO-10203")
    row.wait_for()
    settled(page)
    row.press("Enter")
    page.locator(".split h2").wait_for()
    row.focus()
    for key, begins in (("r", "releasereason_"), ("o", "person_"), ("z", "until_")):
        page.keyboard.press(key)
        assert page.evaluate(at).startswith(begins), key
        assert page.locator(f"[id^={begins}]").is_visible()
        page.keyboard.press("Escape")
        row.focus()
    page.keyboard.press("s")
    assert page.evaluate("document.activeElement.className").startswith("pairs")
    lim.go("/c/kedai/holding?view=approve")
    page.locator("details.group > summary").first.press("Enter")
    page.locator("a[id^=approveall_]").wait_for()
    settled(page)
    page.keyboard.press("a")
    page.wait_for_selector("#dialog[open] #approvereason")
    page.locator("#dialog [data-close]").click()
    lim.go("/c/kedai/holding?view=all")
    group = page.locator("details.group", has_text="Map item AB-100")
    group.locator("summary").press("Enter")
    group.get_by_text("SO-10203").wait_for()
    group.locator("[id^=findvalue_]").wait_for()
    page.keyboard.press("f")
    assert page.evaluate(at).startswith("findvalue_")
    assert lim.said == []


def test_keys_of_a_connection_of_runs_and_of_totals(somebody: Open) -> None:
    olga = somebody("olga")
    page, at = olga.page, "document.activeElement.id"
    for url, key, place in (
        ("/c/kedai/connections/aiaccount", "p", "pausereason"),
        ("/c/kedai/connections/aiaccount", "s", "sync_first"),
        ("/c/kedai/runs", "f", "run_record"),
        ("/c/kedai/reconcile?from=2026-11-14&to=2026-11-20", "f", "by"),
    ):
        olga.go(url)
        page.keyboard.press(key)
        assert page.evaluate(at) == place, (url, key)
    adam = somebody("adam")
    adam.go("/c/kedai/connections/aiaccount")
    with adam.page.expect_request(lambda one: one.method == "POST") as tested:
        adam.page.keyboard.press("t")
    assert tested.value.url.endswith("/connections/aiaccount/test")
    assert olga.said == []


def test_keys_that_are_switched_off_do_nothing(somebody: Open) -> None:
    lim = somebody("lim")
    page = lim.page
    lim.go("/c/kedai/holding?view=approve")
    page.evaluate("document.documentElement.dataset.keys = 'off'")
    page.locator("details.group > summary").first.press("Enter")
    page.locator("a[id^=approveall_]").wait_for()
    page.keyboard.press("a")
    page.keyboard.press("]")
    page.wait_for_timeout(100)
    assert page.locator("#dialog[open]").count() == 0


def test_parts_of_a_record_open_by_their_number_without_loading_the_page(somebody: Open) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/records/netshop/order/SO-10203")
    page.evaluate("window.kept = 1")
    page.keyboard.press("2")
    page.wait_for_selector("#tabtrace[aria-current]")
    page.click("#tabversions")
    page.wait_for_selector("#tabversions[aria-current]")
    assert page.url.endswith("tab=versions")
    assert page.evaluate("document.activeElement.id") == "tabversions"
    assert page.evaluate("window.kept") == 1
    page.go_back()
    page.wait_for_selector("#tabtrace[aria-current]")
    page.keyboard.press("e")
    page.wait_for_url("**/escalate/**")
    assert farah.said == []


@pytest.mark.slow
def test_open_pages_are_right_after_a_fix_of_somebody_else(somebody: Open, served: Served) -> None:
    """The list, its group, the hold that is open in it and the record, without loading any."""
    lim, tan, farah = somebody("lim"), somebody("tan"), somebody("farah")
    for person in (lim, tan):
        person.go("/c/kedai/holding")
        group = person.page.locator("details.group", has_text="do not add up")
        group.locator("summary").click()
        group.get_by_role("link", name="SO-10203").click()
        person.page.locator(".split h2").wait_for()
    hold = one(served.database, "SELECT id FROM hold WHERE rule = 'adds_up' AND state = 'open'")
    missing = tan.page.locator("[id^=groupsum_]", has_text="Map item AB-100")
    other = tan.page.locator(missing.get_attribute("id").replace("groupsum_", "#group_"))
    missing.click()
    other.get_by_text("SO-10203").wait_for()
    farah.go("/c/kedai/records/netshop/order/SO-10203")
    for person in (tan, farah):
        person.page.evaluate("window.kept = 1")
    reason = tan.page.get_by_label("Reason to release")
    reason.fill("mine too")
    tan.page.locator("#q").fill("")
    lim.page.get_by_label("Reason to release").fill("agreed by phone")
    lim.page.locator("button", has_text="Release SO-").click()
    lim.page.get_by_text("Released by Lim").wait_for()
    judge(served)
    before = tan.page.locator("#holdhead").inner_text()
    for person in (tan, farah):
        person.page.evaluate("htmx.trigger(document.body, 'tick')")
    tan.page.locator("details.group", has_text="do not add up").wait_for(state="detached")
    assert other.get_by_role("link", name="SO-10203").last.is_visible(), "what is open stays open"
    assert before != tan.page.locator("#holdhead").inner_text()
    farah.page.locator(f"#facereview[href$='/{hold}']").wait_for(state="detached")
    for person in (tan, farah):
        assert person.page.evaluate("window.kept") == 1
    assert lim.said + tan.said + farah.said == []


@pytest.mark.slow
def test_a_hold_that_changed_says_so_and_keeps_what_is_typed(
    somebody: Open, served: Served
) -> None:
    lim = somebody("lim")
    page = lim.page
    hold = one(served.database, "SELECT id FROM hold WHERE rule = 'adds_up' AND state = 'open'")
    lim.go(f"/c/kedai/holding/{hold}")
    page.get_by_label("Reason to release").fill("agreed")
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.wait_for_timeout(300)
    assert page.get_by_text("changed since you opened it").count() == 0
    with served.database.write() as session:
        session.execute(text(f"UPDATE hold SET lock = lock + 1 WHERE id = {hold}"))
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.get_by_text("SO-10203 changed since you opened it.").wait_for()
    assert page.get_by_label("Reason to release").input_value() == "agreed"
    page.get_by_role("link", name="Show it as it is now").click()
    page.get_by_text("changed since you opened it").wait_for(state="detached")
    assert lim.said == []


@pytest.mark.slow
def test_a_released_hold_says_where_its_record_stands_by_then(
    somebody: Open, served: Served
) -> None:
    """And a note that somebody writes meanwhile stays."""
    lim = somebody("lim")
    page = lim.page
    hold = one(served.database, "SELECT id FROM hold WHERE rule = 'adds_up' AND state = 'open'")
    lim.go(f"/c/kedai/holding/{hold}")
    page.get_by_label("Reason to release").fill("agreed by phone")
    page.locator("button", has_text="Release SO-").click()
    page.get_by_text("Released by Lim").wait_for()
    stands = page.locator("[id^=holdstands_]")
    assert "On hold" in stands.inner_text()
    page.locator(f"#writenote_{hold}").click()
    page.get_by_label("Note", exact=True).fill("called the shop")
    with served.database.write() as session:
        session.execute(text("UPDATE record SET state = 'ready' WHERE number = 'SO-10203'"))
    page.evaluate("htmx.trigger(document.body, 'tick')")
    page.locator("[id^=holdstands_]", has_text="Ready to post").wait_for()
    assert page.get_by_label("Note", exact=True).input_value() == "called the shop"
    assert lim.said == []


@pytest.mark.slow
def test_the_inbox_says_that_somebody_else_decided(somebody: Open, served: Served) -> None:
    lim, tan = somebody("lim"), somebody("tan")
    for person in (lim, tan):
        person.go("/c/kedai/holding/inbox")
    tan.page.locator("input[name=reason]:visible").first.fill("too much")
    tan.page.evaluate("htmx.trigger(document.body, 'tick')")
    tan.page.wait_for_timeout(300)
    assert tan.page.locator("#inboxnow").count() == 0
    lim.page.locator("[id^=yes_]").first.click()
    lim.page.get_by_text(re.compile("1 approved")).first.wait_for()
    tan.page.evaluate("htmx.trigger(document.body, 'tick')")
    tan.page.get_by_text("The inbox changed since you opened it.").wait_for()
    assert tan.page.locator("input[name=reason]:visible").first.input_value() == "too much"
    waiting = tan.page.locator("section[id^=asked_]").count()
    tan.page.click("#inboxnow")
    tan.page.locator("#inboxnow").wait_for(state="detached")
    tan.page.wait_for_load_state()  # the old page is gone before the new one is read to its end
    assert tan.page.locator("section[id^=asked_]").count() == waiting - 1
    assert lim.said + tan.said == []


@pytest.mark.slow
def test_a_second_click_on_a_plain_form_sends_nothing_again(somebody: Open) -> None:
    """Also where the first one is still on its way."""
    chan = somebody("chan")
    page = chan.page
    chan.go("/c/kedai/rules/changes/1")
    page.fill("#comment", "looked at")
    sent: list[Any] = []
    page.route("**/changes/1/comments", lambda route: sent.append(route))
    again = "one => { one.click(); setTimeout(() => one.click(), 100); }"
    page.locator("#savecomment").evaluate(again)
    page.wait_for_timeout(500)
    assert len(sent) == 1
    sent[0].continue_()
    page.get_by_text("The comment is saved.").wait_for()
    assert page.get_by_text("looked at", exact=True).count() == 1
    assert chan.said == []


@pytest.mark.slow
def test_two_windows_of_one_draft_do_not_overwrite_each_other(somebody: Open) -> None:
    chan = somebody("chan")
    first, second = chan.page, chan.page.context.new_page()
    address = f"{chan.url}/c/kedai/rules/draft/shop.rules"
    for page in (first, second):
        page.goto(address)
    second.locator("#drafttext").press_sequentially("# second\n", delay=60)
    second.get_by_text("Draft saved").wait_for()
    first.locator("#drafttext").press_sequentially("# first\n")
    first.locator("#otherwindow").wait_for()
    assert "# first" in first.input_value("#drafttext")
    first.click("#keepthis")
    first.locator("#otherwindow").wait_for(state="detached")
    first.reload()
    assert "# first" in first.input_value("#drafttext")
    second.locator("#drafttext").press_sequentially("# more\n")
    second.locator("#otherwindow").wait_for()
    second.click("#keepother")
    second.wait_for_load_state()
    assert "# second" not in second.input_value("#drafttext")
    assert chan.said == []


def test_back_after_signing_out_shows_nothing(somebody: Open) -> None:
    farah = somebody("farah")
    page = farah.page
    farah.go("/c/kedai/holding")
    page.click("#me")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/signin")
    page.go_back()
    page.wait_for_url("**/signin**")
    assert page.get_by_text("SO-10").count() == 0


@pytest.mark.slow
@pytest.mark.parametrize(("seconds", "left"), [(29, "held"), (31, "ready")])
def test_an_approval_is_taken_back_within_half_a_minute_and_not_after(
    somebody: Open, served: Served, monkeypatch: pytest.MonkeyPatch, seconds: int, left: str
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    lim = somebody("lim")
    page = lim.page
    lim.go("/c/kedai/holding?view=approve")
    page.click("summary[id^=groupsum_]")
    page.click("a[id^=approveall_]")
    page.fill("#approvereason", "compared with the orders")
    page.click("#approvego")
    page.locator("#undo").wait_for()
    served.clock.advance(seconds)
    page.click("#undo")
    told = "Undone: 2 documents" if left == "held" else "The undo time has passed."
    page.locator("#notice", has_text=told).wait_for()
    states = "SELECT count(*) FROM posting WHERE number LIKE 'SO-1022%' AND state = "
    assert one(served.database, f"{states} '{left}'") == 2
    assert lim.said == []


@pytest.mark.slow
def test_a_double_click_approves_each_document_once(somebody: Open, served: Served) -> None:
    lim = somebody("lim")
    page = lim.page
    sent: list[str] = []
    page.on(
        "request", lambda request: sent.append(request.method) if "approve" in request.url else 0
    )
    lim.go("/c/kedai/holding?view=approve")
    page.click("summary[id^=groupsum_]")
    page.click("a[id^=approveall_]")
    page.fill("#approvereason", "compared with the orders")
    page.dblclick("#approvego")
    page.get_by_text(re.compile("2 approved, RM")).wait_for()
    assert sent.count("POST") == 1
    assert one(served.database, "SELECT count(*) FROM approval") == 2
    assert lim.said == []


@pytest.mark.slow
def test_a_page_renews_itself_whole_and_leaves_what_is_typed(
    somebody: Open, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts of the navigation come with it; what is told once is left to its page."""
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    farah, lim = somebody("farah"), somebody("lim")
    page = farah.page
    farah.go("/c/kedai/holding/ageing")
    page.evaluate("window.kept = 1")
    accounts = page.locator("#ageing tr", has_text="Accounts team")
    before, counted = accounts.inner_text(), page.locator("#goholding .n").inner_text()
    second = page.context.new_page()
    second.goto(f"{farah.url}/c/kedai/pushes")
    second.evaluate("window.kept = 1")
    second.fill("#pushq", "SO-10240")
    second.locator("#pushlist", has_not_text="SO-10241").wait_for()
    hold = one(served.database, "SELECT id FROM hold WHERE rule = 'adds_up' AND state = 'open'")
    lim.go(f"/c/kedai/holding/{hold}")
    lim.page.click(f"#more_{hold}")
    lim.page.get_by_label("Reason to reject").fill("a test")
    lim.page.locator("button", has_text="Reject SO-").click()
    lim.page.locator("#notice .note").wait_for()
    judge(served)
    for one_of_both in (page, second):
        one_of_both.evaluate("htmx.trigger(document.body, 'tick')")
    page.locator("#goholding .n", has_not_text=counted).wait_for()
    assert accounts.inner_text() != before
    assert second.input_value("#pushq") == "SO-10240"
    second.wait_for_timeout(300)
    assert "SO-10241" not in second.locator("#pushlist").inner_text()
    assert page.evaluate("window.kept") == second.evaluate("window.kept") == 1
    assert farah.said + lim.said == []
