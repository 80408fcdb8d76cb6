"""Mapping tables that name customers: who reads them, and that nobody else does by any way."""

import re

import pytest

from portal.mappings.mapping_pages import personal_tables
from tests.portal.reading import one, plain
from tests.rules.kedai import program_of

DEBTOR = "/c/kedai/mappings/debtor"
WHOM = "Aisyah Rahman"
ALL = [
    DEBTOR,
    *(f"{DEBTOR}.{ending}" for ending in ("csv", "xlsx", "json")),
    f"{DEBTOR}?q=aisyah",
    f"{DEBTOR}/entry?key=C-77",
]


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("who", ["vera", "olga"])
def test_who_may_not_view_personal_data_reads_no_customers(visit, who, path):
    page = visit(who).get(path, status=403).get_data(as_text=True)
    assert "because your role does not include personal data" in plain(page)
    assert "Farah" in page  # who can
    assert WHOM not in page
    assert "Aisyah" not in page


@pytest.mark.parametrize("who", ["farah", "adam", "nurul"])
def test_who_views_personal_data_or_keeps_the_mappings_reads_them(visit, who):
    assert WHOM in visit(who).text(DEBTOR)
    assert WHOM in visit(who).text(f"{DEBTOR}/entry?key=C-77")
    assert visit(who).get("/c/kedai/mappings/workbook.xlsx").data[:2] == b"PK"


def test_a_file_of_all_tables_is_theirs_alone_too(visit):
    page = visit("vera").get("/c/kedai/mappings/workbook.xlsx", status=403)
    assert "read mapping tables that name customers" in plain(page.get_data(as_text=True))


def test_a_table_that_names_nobody_stays_open(visit):
    assert "TEA-1" in visit("vera").text("/c/kedai/mappings/item")


def test_no_customer_is_offered_to_who_may_not_read_them(visit, database):
    cause = one(database, "SELECT id FROM cause WHERE key LIKE 'mapping:debtor:%'")
    for path in (f"missing?cause={cause}", f"missing/values?cause={cause}&q=ai"):
        assert WHOM in visit("farah").text(f"/c/kedai/mappings/{path}")
        assert WHOM not in visit("vera").text(f"/c/kedai/mappings/{path}")


def test_whoever_maps_a_customer_reads_whose_code_is_missing(visit, database):
    cause = one(database, "SELECT id FROM cause WHERE key LIKE 'mapping:debtor:%'")
    said = re.compile(r'id="saidthere[^"]*">(.*?)</dl>', re.S)
    shown = {
        who: plain(said.search(visit(who).text(f"/c/kedai/mappings/missing?cause={cause}"))[1])
        for who in ("farah", "adam", "vera")
    }
    name = re.search(
        r"Customer name (\S.*?)(?: TIN| Registration| Address| Phone|$)", shown["farah"]
    )
    assert name
    assert name[1].strip() in shown["adam"]
    assert name[1].strip() not in shown["vera"]
    assert "Customer name •••" in shown["vera"]


def test_a_saved_change_of_a_customer_is_not_read_either(visit, database):
    rev = one(database, "SELECT revision FROM company WHERE code = 'kedai'")
    form = {"table": "debtor", "key": "C-77", "other": "Cheng Trading", "reason": "renamed"}
    farah = visit("farah")
    saved = farah.post(f"{DEBTOR}/entry", {**form, "rev": rev, "op": "p-1"}, status=303)
    assert WHOM in farah.text(saved.location)
    assert WHOM not in visit("vera").get(saved.location, status=403).get_data(as_text=True)


def test_a_table_that_a_check_compares_with_names_of_customers_is_closed_too():
    assert personal_tables(program_of()) >= {"debtor", "debtor_of_tin"}
    assert "item" not in personal_tables(program_of())
