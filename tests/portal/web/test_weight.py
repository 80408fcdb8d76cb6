"""Lists of 50 rows are light: a row repeats what it says, not how it is loaded."""

import re
from html import unescape
from time import process_time

import pytest
from sqlalchemy import select

from bench.page_bench import grow
from holding.db.database import Database
from holding.db.models import Cause, Company
from holding.holds.folding import fold_all
from tests.portal.reading import works
from tests.support.grown import grow_lists

pytestmark = pytest.mark.sqlite
ROWS, MOST = 50, 60_000
SECONDS = 1.0
"""Of the processor, for a page: far more than it takes, far less than going through all rows."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "row", "most"),
    [
        ("/c/kedai/holding", '<details class="group"', 50_000),
        ("/c/kedai/mappings/missing", 'id="missrow_', MOST),
    ],
)
def test_a_list_of_many_rows_is_light(visit, database: Database, clock, url, row, most):
    works(database, clock)
    with database.write() as session:
        company = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        grow(session, company, 4_000, 2_500)
    fold_all(database, turns=4_000)
    page = visit("farah").text(url)
    assert page.count(row) == ROWS
    assert len(page.encode()) <= most


@pytest.mark.slow
def test_a_group_that_a_link_opens_is_open_wherever_it_stands_and_light(
    visit, database: Database, clock
):
    works(database, clock)
    with database.write() as session:
        company = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        grow(session, company, 4_000, 2_500)
    fold_all(database, turns=4_000)
    farah = visit("farah")
    listed = re.findall(r'id="group_(\d+)"', farah.text("/c/kedai/holding"))
    with database.read() as session:
        held = select(Cause.id).where(Cause.records > 25, Cause.id.not_in(map(int, listed)))
        far = session.scalars(held.order_by(Cause.id.desc())).first()
    for opened in (listed[0], str(far)):
        page = farah.text(f"/c/kedai/holding?open={opened}")
        there = re.findall(r'<details class="group" id="group_(\d+)" open', page)
        assert there == [opened]
        assert page.count("holdrow_") >= 15
        assert len(page.encode()) <= MOST
        shown = re.findall(r'id="group_(\d+)"', page)
        further = re.search(r'href="([^"]*after=[^"]*)"', page)
        assert further
        after = farah.text(further[1].replace("&amp;", "&"))
        behind = re.findall(r'id="group_(\d+)"', after)
        assert not {*behind} & {*shown} - {opened}
        assert [*dict.fromkeys([*shown, *behind])][:50] == (
            listed if opened in listed else [opened, *listed][:50]
        )


def test_lines_are_not_indented(app, visit):
    page = visit("farah").text("/c/kedai/holding")
    assert "\n  " not in page
    assert app.jinja_env.preprocess("<p>\n    now\n</p>", "a.html") == "<p>\nnow\n</p>"
    assert app.jinja_env.preprocess("<p>\n    now\n</p>", "a.txt") == "<p>\n    now\n</p>"


def test_a_word_behind_a_tag_of_the_template_stays_apart(app):
    """The line break there goes, so its indentation is all that parts two words."""
    written = "by{% if true %}\n    Lim{# who #}\n  Wei{% endif %}"
    assert app.jinja_env.overlay().from_string(written).render() == "by    Lim  Wei"
    told = app.jinja_env.preprocess(written, "a.html")
    assert told == "by{% if true %}\n Lim{# who #}\n Wei{% endif %}"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("url", "row", "who"),
    [
        ("/c/kedai/audit", r'id="auditrow_(\d+)"', "nurul"),
        ("/c/kedai/mappings/item", r'/entry\?key=([^"&]+)"', "farah"),
    ],
)
def test_ten_thousand_entries_and_events_are_paged_by_key(
    visit, database: Database, clock, url, row, who
):
    """Page after page has what comes next, each once, and the last is as quick as the first."""
    with database.write() as session:
        company = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        grow_lists(session, company, 10_000, clock.now())
    reader, seen, address = visit(who), [], url
    for _ in range(4):
        page = reader.text(address)
        found = re.findall(row, page)
        assert len(found) == ROWS
        assert len(page.encode()) <= MOST
        seen += found
        address = unescape(re.findall(r'href="([^"]*after=[^"]*)"', page)[-1])
        assert "page=" not in address
        assert "offset" not in address
    assert len(set(seen)) == len(seen)
    assert seen == sorted(seen) or seen == sorted(seen, key=int, reverse=True)
    far = {"/c/kedai/audit": f"{url}?after=60", "/c/kedai/mappings/item": f"{url}?after=ZZ-09990"}
    began = process_time()
    last = reader.text(far[url])
    assert process_time() - began < SECONDS
    assert 0 < len(re.findall(row, last)) < ROWS + 1
    if who == "farah":
        assert re.findall(row, last) == [f"ZZ-{n:05}" for n in range(9991, 10_000)]
        found = reader.text(f"{url}?q=VZZ-00123")
        assert re.findall(row, found) == ["ZZ-00123"]
