"""Lists of 50 rows are light: a row repeats what it says, not how it is loaded."""

import re

import pytest
from sqlalchemy import select

from holding.store.database import Database
from holding.tables import Cause, Company
from holding.tallies.folding import fold_all
from portal.bench.page_rows import grow
from tests.portal.reading import works

pytestmark = pytest.mark.sqlite
ROWS, MOST = 50, 60_000


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
