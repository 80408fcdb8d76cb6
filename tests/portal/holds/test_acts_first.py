"""In a group and in a pane the action stands first, and only where it can do something."""

import re

import pytest
from sqlalchemy import text

from tests.portal.reading import hold_of, one, plain

pytestmark = pytest.mark.sqlite
LIST = "/c/kedai/holding"


def group_of(browser, database, clause: str, view: str = "todo") -> str:
    """A group as it opens."""
    cause = one(database, f"SELECT cause_id FROM hold WHERE state = 'open' AND {clause} LIMIT 1")
    page = browser.text(f"{LIST}?view={view}&open={cause}", target=f"group_{cause}")
    assert page.count('<details class="group"') == 1
    return page


def acts(page: str) -> list[str]:
    return re.findall(r'id="(\w+)all_\d+"', page)


def test_an_approver_approves_from_the_list_of_all_that_waits(visit, database):
    page = group_of(visit("lim"), database, "code = 'APP01'")
    assert acts(page)[0] == "approve"
    assert 'name="posting"' in page
    assert page.index('id="approveall_') < page.index("<table")
    farah = group_of(visit("farah"), database, "code = 'APP01'")
    assert "approve" not in acts(farah)
    assert 'name="posting"' not in farah


def test_release_is_offered_only_where_somebody_may_release(visit, database):
    lim = visit("lim")
    mapping = group_of(lim, database, "code = 'MAP01'")
    assert "release" not in acts(mapping)
    assert "assign" in acts(mapping)
    assert mapping.index('id="fix_') < mapping.index("<table")
    assert "release" in acts(group_of(lim, database, "rule = 'adds_up'"))


def test_a_pane_says_what_to_do_before_it_compares(visit, database):
    lim = visit("lim")
    page = lim.text(f"{LIST}/{hold_of(database, 'SO-10203')}")
    pane = page[page.index('id="holdpane_') :]
    places = [pane.index(part) for part in ('class="acts"', '<table class="pairs', 'class="notes"')]
    assert places == sorted(places)


def test_the_pane_of_a_group_stands_above_its_records(visit, database):
    page = group_of(visit("lim"), database, "rule = 'adds_up'")
    assert page.index('id="holdpane_') < page.index("<table")


def test_what_changed_after_it_was_posted_is_decided_one_by_one(visit, database):
    changed = "record_id = (SELECT id FROM record WHERE number = 'SO-10240')"
    one_of_them = f"SELECT clears FROM hold WHERE state = 'open' AND {changed} LIMIT 1"
    assert "by" in str(one(database, one_of_them))  # people may release each alone
    assert "release" not in acts(group_of(visit("lim"), database, changed))


@pytest.mark.parametrize(
    ("name", "said", "leads"),
    [
        ("chan", "Add “Parked” to the rules", "/c/kedai/rules/draft/shop.rules?line=50"),
        ("farah", "Chan can add it.", "/c/kedai/rules/files/shop.rules"),
    ],
)
def test_an_unknown_status_leads_to_where_it_is_added(visit, database, name, said, leads):
    """Its word stands beside, marked; who writes no rules is told who does."""
    hold = hold_of(database, "SO-10203")
    with database.write() as session:
        cause = "SELECT cause_id FROM hold WHERE id = :id"
        session.execute(text(f"UPDATE cause SET key = 'status:Parked' WHERE id = ({cause})"),
                        {"id": hold})  # fmt: skip
        session.execute(text("UPDATE hold SET code = 'STA01', at_rule = 'shop.rules:50:5'"
                             " WHERE id = :id"), {"id": hold})  # fmt: skip
    page = visit(name).text(f"{LIST}/{hold}")
    assert said in plain(page)
    link = re.search(r'id="addstatus\d+" data-key="f" href="([^"]*)"', page)
    assert link
    assert link[1].startswith(leads)


def test_the_values_that_the_rule_compared_stand_first(visit, database):
    """After those with a finding; the others of the document are folded."""
    page = visit("lim").text(f"{LIST}/{hold_of(database, 'SO-10203', 'CHK01')}")
    shown = page[page.index('<table class="pairs') : page.index("</tbody>")]
    fields = re.findall(r'<td role="cell" class="f">([^<]*)</td>', shown)
    assert fields == ["SKU, line 1", "Total"]
    assert re.search(r"\d+ more fields", plain(page))


def test_possible_duplicates_show_at_once_how_to_leave_one(visit, database):
    hold = hold_of(database, "SO-10203")
    shut = visit("lim").text(f"{LIST}/{hold}")
    with database.write() as session:
        session.execute(text("UPDATE hold SET class = 'duplicate' WHERE id = :id"), {"id": hold})
    opened = visit("lim").text(f"{LIST}/{hold}")
    shown = r'<details class="fold-row ways-more"{} *> *<summary id="more_'
    assert re.search(shown.format(""), shut.replace("\n", ""))
    assert re.search(shown.format(" open"), opened.replace("\n", ""))


def test_what_a_target_refused_is_quoted_and_the_value_that_it_names_is_marked(visit, database):
    """The value leads to the mapping that it came from."""
    hold, words = hold_of(database, "SO-10220"), "Line 1: item TEA-1 is not known"
    with database.write() as session:
        session.execute(text("UPDATE hold SET code = 'TGT01', class = 'mapping_missing',"
                             " message = :words WHERE id = :id"),
                        {"id": hold, "words": words})  # fmt: skip
    page = visit("farah").text(f"{LIST}/{hold}")
    assert "AiAccount rejected SO-10220" in plain(page)
    assert f"says: {words}" in plain(page)
    marked = re.findall(r'<tr role="row" class="hit">(.*?)</tr>', page, re.DOTALL)
    assert [plain(one).strip().startswith("SKU, line 1 TEA-1 SKU") for one in marked] == [True]
    assert 'href="/c/kedai/mappings/item?q=TEA-1">Change this mapping</a>' in marked[0]
