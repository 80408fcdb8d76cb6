"""The pages of the mappings workbook: the file, the preview, saving as it was shown."""

import html
import io
import json
import re

import openpyxl
import pytest

from portal.mappings import mapping_changes
from portal.web.config import body_limit
from tests.portal.reading import one, plain

pytestmark = pytest.mark.sqlite
PAGE = "/c/kedai/mappings/workbook"
COUNT = "SELECT count(*) FROM mapping_entry"


def book_of(browser):
    raw = browser.client.get(f"{PAGE}.xlsx").get_data()
    return openpyxl.load_workbook(io.BytesIO(raw))


def upload(browser, book, *, name="mappings.xlsx", status=200):
    out = io.BytesIO()
    book.save(out)
    file = (io.BytesIO(out.getvalue()), name)
    return browser.post(PAGE, {"file": file}, status=status).get_data(as_text=True)


def fields(page):
    """The hidden fields of the form that saves."""
    form = page[page.index('id="workbookform"') :]
    hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form)
    return {name: html.unescape(text) for name, text in hidden if name != "csrf_token"}


@pytest.fixture
def farah(visit):
    return visit("farah")


@pytest.fixture
def edited(farah):
    """A workbook with a new value, a wrong one, and a removed one that nothing used."""
    book = book_of(farah)
    book["item"].append(["NEW-1", "CUP-4"])
    book["units"].append(["BAG", "many"])
    return book


def test_a_preview_counts_and_stores_nothing_and_saving_stores_it(farah, edited, database):
    before = one(database, COUNT)
    page = upload(farah, edited)
    told = plain(page)
    assert "1 new · 0 changed · 0 removed · 1 wrong · 0 changed meanwhile" in told
    assert re.search(r"units!B\d+ “many” is not a conversion", told)
    assert re.search(r"item!B\d+ New Item NEW-1 none CUP-4 all dates", told)
    assert one(database, COUNT) == before
    done = farah.post(f"{PAGE}/save", {**fields(page), "reason": "new item"}, status=303)
    assert "1 mapping saved. 0 records are checked again" in plain(
        farah.text(done.headers["Location"])
    )
    assert one(database, "SELECT value FROM mapping_entry WHERE key = 'NEW-1'") == "CUP-4"
    farah.post(f"{PAGE}/save", {**fields(page), "reason": "new item"}, status=303)
    assert one(database, COUNT) == before + 1  # the same form again


@pytest.mark.slow
def test_what_changed_meanwhile_is_a_409_with_the_difference(farah, visit, edited, database):
    page = upload(farah, edited)
    adam, later = visit("adam"), book_of(farah)
    later["item"].append(["NEW-1", "TEA-1"])
    theirs = fields(upload(adam, later))
    adam.post(f"{PAGE}/save", {**theirs, "reason": "the tea"}, status=303)
    answer = farah.post(f"{PAGE}/save", {**fields(page), "reason": "new item"}, status=409)
    said = plain(answer.get_data(as_text=True))
    assert "set it to TEA-1, and the file has CUP-4" in said
    again = plain(upload(farah, edited, status=409))
    assert "1 changed meanwhile" in again
    assert re.search(r"item!B\d+ Item NEW-1 none TEA-1 CUP-4", again)
    assert one(database, "SELECT value FROM mapping_entry WHERE key = 'NEW-1'") == "TEA-1"


def test_a_reason_is_needed_and_the_form_keeps_what_it_had(farah, edited, database):
    form = fields(upload(farah, edited))
    page = farah.post(f"{PAGE}/save", {**form, "reason": ""}, status=422).get_data(as_text=True)
    assert fields(page)["changes"] == form["changes"]
    assert one(database, "SELECT count(*) FROM mapping_entry WHERE key = 'NEW-1'") == 0


@pytest.mark.parametrize("changes", ["", "[", "[1]", '[["item"]]', '[["item",1,"x","",""]]', "7"])
def test_a_form_that_is_not_ours_is_refused(farah, changes):
    form = {"changes": changes, "rev": "1", "reason": "because"}
    farah.post(f"{PAGE}/save", form, status=422)
    nested = json.dumps([["item", ["x"], "2026-11-01", "", "CUP-4"]])
    farah.post(f"{PAGE}/save", {**form, "changes": nested}, status=422)


def test_a_viewer_neither_uploads_nor_saves(visit, edited, farah):
    form, vera = fields(upload(farah, edited)), visit("vera")
    upload(vera, edited, status=403)
    vera.post(f"{PAGE}/save", {**form, "reason": "because"}, status=403)


def test_no_file_and_no_workbook_are_told_beside_the_field(farah):
    assert "Select a file." in plain(farah.post(PAGE, {}, status=422).get_data(as_text=True))
    wrong = farah.post(PAGE, {"file": (io.BytesIO(b"x"), "a.csv")}, status=422)
    assert "The file is not an .xlsx workbook." in plain(wrong.get_data(as_text=True))


def test_a_form_carries_no_more_than_fits(farah, edited, monkeypatch):
    edited["item"].append(["NEW-2", "CUP-4"])
    monkeypatch.setattr(mapping_changes, "_FORM_SIGNS", 60)
    told = plain(upload(farah, edited))
    assert "1 new" in told
    assert "1 more change stands behind these" in told
    assert body_limit(PAGE) > 20_000_000


STRANGE = [
    *((at, text) for at in (0, 1, 3, 4) for text in ("\ud800", "a\x00b")),
    *((at, "a\nb") for at in (0, 1, 4)),
    *((at, "x" * 201) for at in (0, 1)),
]


@pytest.mark.parametrize(("at", "text"), STRANGE)
def test_a_form_with_texts_that_no_page_writes_is_refused(farah, database, at, text):
    row = ["item", "NEW-1", "2026-11-01", "", "CUP-4"]
    row[at] = text
    form, before = {"changes": json.dumps([row]), "rev": "1", "ready": "0"}, one(database, COUNT)
    for reason in ("because", ""):
        answer = farah.post(f"{PAGE}/save", {**form, "reason": reason}, status=422)
        assert "Upload the file again." in plain(answer.get_data(as_text=True))
    assert one(database, COUNT) == before


def test_a_form_with_more_changes_than_are_saved_together_is_refused(farah):
    rows = [["item", f"NEW-{no}", "2026-11-01", "", "CUP-4"] for no in range(1_001)]
    form = {"changes": json.dumps(rows), "rev": "1", "reason": ""}
    answer = farah.post(f"{PAGE}/save", form, status=422)
    assert "Upload the file again." in plain(answer.get_data(as_text=True))


def test_a_revision_that_is_no_number_of_ours_is_none(farah, edited):
    edited["About"]["B2"] = "9" * 5_000
    assert "does not say when it was downloaded" in plain(upload(farah, edited))
