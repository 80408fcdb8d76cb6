"""The page of one entry: its day, its history, what a form says that cannot be read, removal."""

import re

import pytest

from holding.evaluation.evaluate_due import judge_due
from tests.portal.reading import cause, one, plain

pytestmark = pytest.mark.sqlite
ENTRY = "/c/kedai/mappings/debtor/entry"
C77 = {"key": "C-77", "rev": 99, "reason": "sold", "other": "Chong"}
STORED = "SELECT count(*) FROM mapping_entry WHERE key = 'C-77'"


def test_a_day_is_read_kept_and_shown_in_the_form_the_preview_and_the_list(visit, database):
    farah = visit("farah")
    asked = farah.post(f"{ENTRY}/preview", {**C77, "since": "2026-11-01"}, target="entryform")
    shown = asked.get_data(as_text=True)
    assert 'name="since" maxlength="10"' in shown
    assert 'value="2026-11-01"' in shown
    assert "Nothing is saved yet" in shown
    done = farah.post(ENTRY, {**C77, "since": "2026-11-01"}, status=303)
    assert "“C-77” is now Chong from 2026-11-01." in farah.text(done.location)
    page = plain(farah.text(f"{ENTRY}?key=C-77"))
    assert "now Aisyah Rahman ; from 2026-11-01 Chong" in page
    farah.post(ENTRY, {**C77, "since": "2026-10-01", "other": "Devi"}, status=303)
    page = plain(farah.text(f"{ENTRY}?key=C-77"))
    assert "now Aisyah Rahman ; from 2026-10-01 Devi ; from 2026-11-01 Chong" in page
    listed = plain(farah.text("/c/kedai/mappings/debtor"))
    assert "C-77 Aisyah Rahman all days" in listed
    assert "C-77 Chong 2026-11-01" in listed


@pytest.mark.parametrize("since", ["soon", "31/10/2026", "0020-01-01", "1999-12-31"])
def test_what_is_no_day_is_said_beside_it_and_saves_nothing(visit, database, since):
    farah = visit("farah")
    refused = farah.post(ENTRY, {**C77, "since": since}, status=422).get_data(as_text=True)
    assert 'id="since_err"' in refused
    assert f'value="{since}"' in refused
    missing = {"cause": cause(database, "mapping:item:%"), "table": "item", "key": "AB-100 "}
    form = {**missing, "other": "AB-100", "rev": 99, "reason": "sold", "since": since}
    again = farah.post("/c/kedai/mappings/fix", form, status=422).get_data(as_text=True)
    assert 'id="since_err"' in again
    assert f'value="{since}"' in again
    assert one(database, STORED) == 1


def test_a_missing_value_may_count_from_a_day_on(visit, database):
    missing = {"cause": cause(database, "mapping:item:%"), "table": "item", "key": "AB-100 "}
    form = {**missing, "other": "AB-100", "rev": 99, "reason": "sold", "since": "2026-11-01"}
    visit("farah").post("/c/kedai/mappings/fix", form, status=303)
    day = one(database, "SELECT valid_from FROM mapping_entry WHERE key = 'AB-100 '")
    assert str(day) == "2026-11-01"


def test_reverting_fills_the_form_with_what_counted_before(visit, database):
    farah = visit("farah")
    farah.post(ENTRY, C77, status=303)
    no = one(database, "SELECT max(from_revision) FROM mapping_entry WHERE key = 'C-77'")
    assert f"revert={no}" in farah.text(f"{ENTRY}?key=C-77").replace("&amp;", "&")
    page = farah.text(f"{ENTRY}?key=C-77&revert={no}")
    assert 'id="other" name="other" maxlength="200" autocomplete="off"' in page
    assert 'value="Aisyah Rahman"' in page
    assert f"undoes revision {no}" in plain(page)
    assert "Nothing is saved yet" in page
    assert "takes back" not in plain(farah.text(f"{ENTRY}?key=C-77&revert=98765"))


def test_removal_needs_a_reason_the_right_and_that_nobody_used_it(visit, database):
    farah = visit("farah")
    gone = {"key": "C-77", "rev": 99, "since": ""}
    blank = farah.post(f"{ENTRY}/remove", {**gone, "reason": " "}, status=422)
    assert 'id="why1_err"' in blank.get_data(as_text=True)
    stays = farah.post(f"{ENTRY}/remove", {**gone, "reason": "sold"}, status=409)
    assert "records used it" in stays.get_data(as_text=True)
    page = farah.text(f"{ENTRY}?key=C-77")
    assert 'id="remove1" aria-disabled="true"' in page
    assert visit("vera").post(f"{ENTRY}/remove", {**gone, "reason": "sold"}).status_code == 403
    other = {**gone, "key": "C-99x"}
    assert farah.post(f"{ENTRY}/remove", {**other, "reason": "sold"}).status_code == 404
    farah.post(f"{ENTRY}/remove", {**gone, "since": "soon", "reason": "sold"}, status=422)
    assert one(database, STORED) == 1


def test_what_was_removed_is_told_and_can_be_set_again(visit, database):
    farah = visit("farah")
    farah.post(ENTRY, {**C77, "since": "2026-12-01"}, status=303)
    gone = {"key": "C-77", "rev": 99, "since": "2026-12-01", "reason": "never came"}
    done = farah.post(f"{ENTRY}/remove", gone, status=303)
    page = farah.text(done.location)
    assert "“C-77” was removed from 2026-12-01, before Chong." in plain(page)
    assert "removed 2026-12-01 never came" in plain(page)
    no = one(database, "SELECT max(from_revision) FROM mapping_entry WHERE key = 'C-77'")
    again = farah.text(f"{ENTRY}?key=C-77&revert={no}")
    assert 'value="Chong"' in again
    assert 'value="2026-12-01"' in again


def test_the_form_in_a_group_has_ids_of_its_own_and_ends_where_another_was_faster(
    visit, database, clock
):
    """One value, looked at by two people in the holding area."""
    at, missing = cause(database, "mapping:item%"), "/c/kedai/mappings/missing"
    here, farah = f"mappreview_{at}", visit("farah")
    page = farah.text(f"{missing}?cause={at}", target=here)
    ids = re.findall(r' id="([^"]+)"', page)
    assert ids
    assert [one for one in ids if f"_{at}" not in one] == []
    form = {
        "cause": at,
        "table": "item",
        "key": "AB-100 ",
        "rev": "0",
        "other": "AB-100",
        "op": "m",
    }
    effect = farah.post("/c/kedai/mappings/preview", form, target=f"freed_{at}", status=200)
    assert effect.text.lstrip().startswith(f'<div class="stack" id="freed_{at}">')
    assert "Nothing is saved yet" in effect.text
    rev = re.search(r'name="rev" value="(\d+)"', page)
    form |= {"rev": rev[1] if rev else "", "reason": "the same bolt"}
    blank = farah.post("/c/kedai/mappings/fix", {**form, "reason": ""}, target=here, status=422)
    assert f'id="reason_{at}_err"' in blank.text
    saved = farah.post("/c/kedai/mappings/fix", form, target=here, status=200)
    assert "4 records are checked again" in plain(saved.text)
    assert "HX-Redirect" not in saved.headers
    assert '"done": true' in saved.headers["HX-Trigger"]
    while judge_due(database, clock, company_id=1, owner="test").count:
        pass
    late = farah.post("/c/kedai/mappings/preview", form, target=here, status=409)
    assert "This value is mapped already." in late.text
    farah.get(f"{missing}?cause={at}", target=here, status=204)
    assert "This value is mapped now." in plain(farah.text(f"{missing}?cause={at}"))
