"""The page of exact matches: reasons, what is left out, the preview, accepting as it was shown."""

import csv
import io
import json
import re

import pytest

from bench.page_bench import MOST_STATEMENTS
from tests.portal.mappings.test_lists import give
from tests.portal.reading import one, plain, works
from tests.portal.seed import SCRIPT

pytestmark = pytest.mark.sqlite
EXACT = "/c/kedai/mappings/exact"
LIST = f"Customer code,Customer name\nC-99,{SCRIPT}\nBoon & Co,\n".encode()


@pytest.fixture
def farah(visit):
    """Somebody of finance, and a list in which C-99 stands by that very code."""
    found = visit("farah")
    give(found, LIST)
    return found


def fields(page):
    """The hidden fields and ticks of the form."""
    form = page[page.index('id="exactform"') :]
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    picks = re.findall(r'name="pick" value="(\d+)" checked', form)
    return {**{name: text for name, text in hidden if name != "csrf_token"}, "pick": picks}


def test_a_match_stands_there_with_its_reason_and_what_it_does(farah, database):
    page = farah.text(EXACT)
    told = plain(page)
    assert "1 of 2 missing values match exactly" in told
    assert "Units are left to people." in told, "the other pages count them as missing"
    assert "Same code, Same name debtor 1 blocked by C-99 RM 192.00" in told
    assert SCRIPT not in page
    assert "What accepting 1 mapping does" in told
    assert "No list and no value in use has its number, code or name" in told
    assert one(database, "SELECT count(*) FROM mapping_entry WHERE key = 'C-99'") == 0


def test_the_page_of_a_match_asks_as_few_questions_as_any_other(farah, statements, database, clock):
    works(database, clock)
    assert "1 of 2 missing values" in plain(farah.text(EXACT))
    statements.clear()
    farah.text(EXACT)
    assert len([one for one in statements if not one.startswith("BEGIN")]) <= MOST_STATEMENTS


def test_accepting_does_what_the_preview_says_and_needs_a_reason(farah, visit, database):
    form = fields(farah.text(EXACT))
    refused = farah.post(EXACT, form, status=422).get_data(as_text=True)
    assert "Give a reason" in refused or "reason" in plain(refused)
    visit("vera").post(EXACT, {**form, "reason": "checked"}, status=403)
    assert one(database, "SELECT count(*) FROM mapping_entry WHERE key = 'C-99'") == 0
    farah.post(EXACT, {**form, "reason": "checked"}, status=303)
    assert one(database, "SELECT value FROM mapping_entry WHERE key = 'C-99'") == "C-99"
    assert one(database, "SELECT reason FROM mapping_entry WHERE key = 'C-99'") == (
        "checked (Same code, Same name)"
    )
    farah.post(EXACT, {**form, "reason": "checked"}, status=303)  # the same form again
    assert one(database, "SELECT count(*) FROM mapping_entry WHERE key = 'C-99'") == 1


def test_what_is_not_as_it_was_shown_is_refused_with_the_difference(farah, database):
    form = fields(farah.text(EXACT))
    key = next(name for name in form if name.startswith("records_"))
    answer = farah.post(EXACT, {**form, key: "9", "reason": "checked"}, status=409)
    assert "for C-99 now, not 9" in plain(answer.get_data(as_text=True))
    ready = {**form, "ready": "77", "reason": "checked", "op": "o2"}
    answer = farah.post(EXACT, ready, status=409).get_data(as_text=True)
    assert "would become ready, not 77" in plain(answer)
    assert one(database, "SELECT count(*) FROM mapping_entry WHERE key = 'C-99'") == 0


def test_another_selection_is_previewed_before_it_is_accepted(farah, database):
    form = fields(farah.text(EXACT))
    other = farah.post(EXACT, {**form, "pick": [], "reason": "checked"}, status=422)
    said = plain(other.get_data(as_text=True))
    assert "You changed the selection. Look at what it does now, then accept." in said
    assert "What accepting 0 mappings does" in said
    shown = farah.post(f"{EXACT}/preview", {**form, "pick": [], "since": "x"}, status=422)
    assert "Enter the date as 2026-11-01" in plain(shown.get_data(as_text=True))
    later = farah.post(f"{EXACT}/preview", {**form, "since": "2027-01-01"}, status=200)
    assert "0 records become ready" in plain(later.get_data(as_text=True))
    assert one(database, "SELECT count(*) FROM mapping_entry WHERE key = 'C-99'") == 0


def test_the_files_say_the_same_and_hide_what_a_viewer_may_not_see(farah, visit):
    rows = list(csv.reader(io.StringIO(farah.text(f"{EXACT}.csv").removeprefix("\ufeff"))))
    assert rows[1][:3] == ["Table", "Key", "Name"]
    assert {row[1] for row in rows[2:]} >= {"C-99"}
    assert [row[2] for row in rows if row[1] == "C-99"] == [SCRIPT]
    hidden = json.dumps(json.loads(visit("vera").text(f"{EXACT}.json")), ensure_ascii=False)
    assert "alert(1)" not in hidden
    assert "•••" in hidden
    assert "alert(1)" in farah.text(EXACT)
    for ending in ("", ".csv", ".json"):  # an administrator maps them too
        assert "alert(1)" in visit("adam").text(f"{EXACT}{ending}")
        assert "•••" not in visit("adam").text(f"{EXACT}{ending}")
    assert "alert(1)" not in visit("vera").text(EXACT)
    farah.get(f"{EXACT}.pdf", status=404)
    assert farah.get(f"{EXACT}.xlsx").data[:2] == b"PK"
