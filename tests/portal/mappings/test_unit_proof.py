"""The page of units on hold: the four values, from the hold and back to what clears it."""

import html
import json
import re

import pytest
from sqlalchemy import text

from tests.portal.reading import cause, hold_of, plain

pytestmark = pytest.mark.sqlite
PROOF = "/c/kedai/mappings/units/proof"


def test_the_hold_of_a_unit_leads_to_its_four_values(visit, database):
    farah, found = visit("farah"), cause(database, "unit:%")
    hold = farah.text(f"/c/kedai/holding/{hold_of(database, 'SO-10232')}")
    assert f"{PROOF}?cause={found}" in hold
    told = plain(farah.text(f"{PROOF}?cause={found}"))
    assert "1. Unit on the order DRUM, TEA-1" in told
    assert "2. Conversion, units table No conversion for 1 DRUM" in told
    assert "2 is missing." in told
    assert "Count one DRUM, then add the conversion" in told
    assert "Open 1 record, RM 192.00" in told
    assert "SO-10232" in told


def test_the_code_leads_to_its_help(visit):
    farah = visit("farah")
    page = farah.text(PROOF)
    [address] = re.findall(r'href="(/help/[^"]+)">What this means<', page)
    assert "Unit conversion missing What this means" in plain(page)
    assert "UOM01: Unit conversion missing" in plain(farah.text(html.unescape(address)))


def test_without_asking_the_first_is_shown_and_no_other_cause_is(visit, database):
    farah = visit("farah")
    assert "DRUM, TEA-1" in plain(farah.text(PROOF))
    farah.get(f"{PROOF}?cause={cause(database, 'mapping:item:%')}", status=404)
    farah.get(f"{PROOF}?cause=99999", status=404)
    assert "DRUM, TEA-1" in plain(visit("vera").text(PROOF))


def test_a_hold_of_another_kind_leads_to_no_units(visit, database):
    page = visit("farah").text(f"/c/kedai/holding/{hold_of(database, 'SO-10210')}")
    assert PROOF not in page


def test_the_files_list_the_same_units(visit):
    vera = visit("vera")
    [row] = json.loads(vera.text(f"{PROOF}.json"))["rows"]
    assert (row["unit"], row["item"], row["records"]) == ("DRUM", "TEA-1", 1)
    assert (row["currency"], row["amount"]) == ("MYR", "192.00")
    assert "DRUM,TEA-1" in vera.text(f"{PROOF}.csv")
    assert vera.get(f"{PROOF}.xlsx").data[:2] == b"PK"
    vera.get(f"{PROOF}.pdf", status=404)


@pytest.mark.parametrize("page", ["missing", "units"])
def test_a_unit_is_told_as_a_unit_of_an_item(visit, page):
    told = plain(visit("farah").text(f"/c/kedai/mappings/{page}"))
    assert re.search(r"\b[A-Z]+ of [A-Z]+-\d", told)
    assert not re.search(r"[A-Z]+\|[A-Z]", told)


def test_conversions_are_linked_where_the_rules_have_any(visit, database):
    farah, link = visit("farah"), 'href="/c/kedai/mappings/units"'
    assert farah.text(PROOF).count(f'class="btn" {link}') == 1
    with database.write() as session:
        session.execute(text("UPDATE mapping_table SET name = 'sizes' WHERE name = 'units'"))
    assert link not in farah.text(PROOF)


def test_a_quantity_is_calculated_beside_the_unit_that_holds(visit, database):
    farah = visit("farah")
    page = farah.text(PROOF)
    assert 'name="unit" size="8" maxlength="50" value="DRUM"' in page
    assert "No conversion for 1 DRUM TEA-1: a record with this unit goes on hold." in plain(page)
    page = plain(farah.text(f"{PROOF}?qty=5&unit=CTN&item=TEA-1"))
    assert re.search(r"5 CTN × \d+ = \d+ PCS by the units table", page), page
    page = farah.text(f"{PROOF}?qty=none&unit=&item=")
    assert "Enter a number above 0, such as 5." in page
    assert "Enter a unit, such as CTN." in page
    assert 'id="calculated"' not in page
    mine = visit("stranger", company="lain").text("/c/lain/mappings/units/proof?qty=2&unit=CTN")
    assert "No conversion for 1 CTN" in plain(mine)
