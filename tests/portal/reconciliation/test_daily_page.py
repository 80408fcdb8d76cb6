"""The comparison of daily totals over the seeded shop, its addresses and its files."""

import csv
import io
import json
import re
from datetime import date
from decimal import Decimal
from html import unescape

import pytest
from sqlalchemy import text
from werkzeug.datastructures import MultiDict

from portal.reconciliation import daily_page
from portal.reconciliation.daily_page import Asked
from tests.portal.listing import read_xlsx
from tests.portal.reading import cause, plain

pytestmark = pytest.mark.sqlite
DAYS = "from=2026-11-14&to=2026-11-20"
URL = f"/c/kedai/reconcile?{DAYS}"


def test_the_page_adds_up_and_each_reason_leads_to_its_records(visit):
    farah = visit("farah")
    page = farah.text(URL)
    assert "RM 6,824.00 − RM 384.00 = RM 6,440.00 + RM 0.00 + RM 0.00." in plain(page)
    ways = {unescape(way) for way in re.findall(r'href="([^"]*show=[^"]*)"', page)}
    counted = {}
    for way in ways:
        opened = farah.text(way.partition("#")[0])
        body = opened[opened.index('id="openday"') :]
        standing = re.search(r"show=(\w+)", way)[1]
        counted[standing] = len(re.findall(r'data-label="Next step"', body.partition("tfoot")[0]))
    assert counted == {"held": 9, "waiting": 1, "cancelled": 1}
    agreeing = farah.text(f"{URL}&day=2026-11-18&show=agrees")
    assert "SO-10241" in plain(agreeing[agreeing.index('id="openday"') :])


def test_the_page_begins_with_yesterday_and_lists_the_newest_day_first(visit, database):
    """The shop's day is 2026-11-20; all documents are dated on the days before."""
    with database.write() as session:
        spread = "date('2026-11-14', '+' || (id % 6) || ' days')"
        session.execute(text(f"UPDATE posting SET doc_date = {spread} WHERE doc_date IS NOT NULL"))
    page = visit("farah").text(URL)
    verdict = page[page.index('id="yesterday"') : page.index('id="bothsides"')]
    assert 'datetime="2026-11-19"' in verdict
    assert "day=2026-11-19" in verdict
    days = days_of(page)
    assert days[0] == "2026-11-19"
    assert days == sorted(days, reverse=True)
    row = page[page.index('id="dailytotals"') :].partition("<tfoot>")[0].partition("</tr>")[2]
    stated = re.search(r'data-label="Source".*?([\d,]+\.\d\d)', row, re.DOTALL)
    assert stated is not None
    assert stated[1] in verdict


def test_yesterday_is_left_out_where_the_sides_have_different_filters(visit):
    page = visit("farah").text(f"{URL}&target_from=2026-11-18")
    assert 'id="yesterday"' not in page


def days_of(page):
    body = page[page.index('id="dailytotals"') :].partition("<tfoot>")[0]
    return re.findall(r'<th scope="row".*?<time datetime="([\d-]+)"', body, re.DOTALL)


def test_only_days_that_differ_are_listed_on_the_page_and_in_its_files(visit, database):
    """What agrees is put on a day of its own."""
    with database.write() as session:
        session.execute(
            text("UPDATE posting SET doc_date = '2026-11-17' WHERE number LIKE '%SO-10241%'")
        )
    farah = visit("farah")
    page = farah.text(URL)
    count = int(re.search(r"Only days that differ \((\d+)\)", page)[1])
    found = re.search(r'<a[^>]*id="onlydiffer" href="([^"]+)" data-key="d"', page)
    few = farah.text(unescape(found[1]))
    assert len(days_of(few)) == count < len(days_of(page))
    differ = set(days_of(page)) - set(days_of(few))
    for day in days_of(page):
        opened = farah.text(f"{URL}&day={day}")
        assert ("No document differs." in opened) is (day in differ)
    assert "RM 6,824.00 − RM 384.00 = RM 6,440.00 + RM 0.00 + RM 0.00." in plain(few)
    assert f"All days ({len(days_of(page))})" in few
    kept = re.findall(r'<a class="twist" href="([^"]+)"', few)
    assert all("only=differences" in one for one in kept)
    listed = json.loads(
        farah.text(f"{URL.replace('reconcile', 'reconcile.json')}&only=differences")
    )
    told = {row["day"] for row in listed["days"]} - {"all days"}
    assert told == set(days_of(few))


def test_of_many_days_a_part_is_listed_with_the_one_that_is_open(visit, database, monkeypatch):
    with database.write() as session:
        spread = "date('2026-11-14', '+' || (id % 6) || ' days')"
        session.execute(text(f"UPDATE posting SET doc_date = {spread} WHERE doc_date IS NOT NULL"))
    farah = visit("farah")
    every = days_of(farah.text(URL))
    assert len(every) > 4
    monkeypatch.setattr(daily_page, "A_FORTNIGHT", 3)
    seen, page = [], farah.text(URL)
    while True:
        seen += days_of(page)
        assert f"{len(every)} days" in plain(page), "the sums are of all"
        assert "RM 6,824.00 − RM 384.00 = RM 6,440.00" in plain(page)
        following = re.search(r'href="([^"]*row=[^"]*)">Next', page)
        if following is None:
            break
        page = farah.text(unescape(following[1]))
    assert seen == every
    opened = farah.text(f"{URL}&day={every[4]}")
    assert days_of(opened) == every[3:6]
    closed = re.search(r'class="twist" href="([^"]*)"\s+aria-expanded="true"', opened)[1]
    assert days_of(farah.text(unescape(closed))) == every[3:6]
    assert days_of(farah.text(f"{URL}&row=99")) == every[:3]


def test_days_are_not_left_out_where_nothing_is_subtracted(visit):
    page = visit("farah").text(f"{URL}&target_from=2026-11-15&only=differences")
    assert "onlydiffer" not in page
    assert len(days_of(page)) == len(days_of(visit("farah").text(URL)))


def test_a_side_with_its_own_filter_keeps_it_in_every_address(visit):
    farah = visit("farah")
    page = farah.text(f"{URL}&status=paid&target_status=*")
    assert "The two sides have different filters" in page
    assert "target_status=*" in unescape(page).replace("%2A", "*")
    assert "equation_1" not in page
    both = farah.text(f"{URL}&status=paid&target_from=&target_to=&target_status=")
    assert "Same filter on both sides:</b> document date 2026-11-14 to 2026-11-20, paid." in both


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=2026-11-20&to=2026-11-01", "The last day is before the first."),
        ("from=2026-10-20&to=2026-11-20", "Choose at most 31 days."),
        ("from=yesterday", "Enter a day, such as 2026-11-20."),
        ("target_from=2026-13-01", "Enter a day, such as 2026-11-20."),
    ],
)
def test_days_that_cannot_be_compared_are_told_at_their_field(visit, query, said):
    farah = visit("farah")
    assert said in farah.text(f"/c/kedai/reconcile?{query}", status=422)
    farah.get("/c/kedai/reconcile?from=2026-10-21&to=2026-11-20")  # 31 days


def test_days_without_documents_lead_to_the_newest(visit):
    farah = visit("farah")
    page = farah.text("/c/kedai/reconcile?from=2026-01-01&to=2026-01-07")
    assert "No document of these days." in page
    assert "from=2026-11-18&amp;to=2026-11-18" in page


def test_files_are_safe_to_open_and_say_what_the_page_says(visit, database):
    with database.write() as session:
        session.execute(text("UPDATE record SET number = '=1+1' WHERE number = 'SO-10200'"))
    farah = visit("farah")
    told = json.loads(farah.get(URL.replace("reconcile?", "reconcile.json?")).data)
    last = told["days"][-1]
    assert last["difference"] == "6440.00"
    parts = [float(text) for name, text in list(last.items())[9:]]
    assert sum(parts) == 6440
    raw = farah.get(URL.replace("reconcile?", "reconcile.csv?")).data.decode("utf-8-sig")
    cells = [cell for row in csv.reader(io.StringIO(raw)) for cell in row]
    assert "'=1+1" in cells
    assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
    sheet = farah.get(URL.replace("reconcile?", "reconcile.xlsx?"))
    for number, name in enumerate(("days", "differences")):
        rows = [list(map(str, row.values())) for row in told[name]]
        assert [list(row.values()) for row in read_xlsx(sheet.data, number).rows] == rows
        assert rows
        assert _table(raw, number) == rows
    assert "attachment" in sheet.headers["Content-Disposition"]
    farah.get(URL.replace("reconcile?", "reconcile.exe?"), status=404)


def _table(raw, number):
    """The rows of a table of a CSV, whose tables stand one below the other."""
    parts = raw.split("\r\n\r\n")
    lines = list(csv.reader(io.StringIO(parts[number])))
    return [[cell.removeprefix("'") for cell in line] for line in lines[2 - number :]]


def test_nobody_of_another_company_sees_it(visit):
    stranger = visit("stranger", company="lain")
    for address in (URL, URL.replace("reconcile?", "reconcile.csv?")):
        stranger.get(address, status=404)
    mine = plain(stranger.text("/c/lain/reconcile"))
    assert "SO-10" not in mine
    assert "No document of these days." in mine


def test_what_lacks_a_mapping_leads_to_it_and_each_group_says_its_money(visit, database):
    page = visit("farah").text("/c/kedai/reconcile?from=2026-11-14&to=2026-11-20&day=2026-11-18")
    opened = page[page.index('id="openday"') :]
    item = cause(database, "mapping:item:%")
    assert f'/mappings/missing?cause={item}#mappreview">Add mapping' in opened
    shown = re.search(r"On hold (\d+) documents, RM ([\d,]+\.\d\d)\. ", plain(opened))
    assert shown
    lines = re.findall(r'data-label="Difference">.*?</span>([\d,]+\.\d\d)<', opened)
    total = sum(Decimal(one.replace(",", "")) for one in lines[: int(shown[1])])
    assert total == Decimal(shown[2].replace(",", ""))


def test_the_date_used_the_source_and_the_channel_are_of_both_sides(visit):
    farah = visit("farah")
    page = farah.text(f"{URL}&by=record&source=netshop&channel=FPX")
    printed = "date in the source 2026-11-14 to 2026-11-20, any status, from NetShop"
    assert f"Same filter on both sides: {printed}, channel FPX." in plain(page)
    assert '<option value="record" selected>Date in the source</option>' in page
    assert '<option value="netshop" selected>' in page
    assert "No document of these days." in page
    ways = [unescape(one) for one in re.findall(r'href="([^"]*target=[^"]*)"', farah.text(URL))]
    assert ways
    kept = farah.text(f"{URL}&by=record&source=netshop")
    ways = [unescape(one) for one in re.findall(r'href="([^"]*target=[^"]*)"', kept)]
    assert ways
    assert all("by=record" in way and "source=netshop" in way for way in ways)
    opened = next(way for way in ways if "day=" in way)
    assert "SO-10" in plain(farah.text(opened.partition("#")[0]))


@pytest.mark.parametrize(
    ("query", "ours", "theirs"),
    [
        ("target_by=posted", "document date", "date posted"),
        ("by=posted&target_by=document", "date posted", "document date"),
        ("source=netshop&target_source=*", "from NetShop", "any status."),
        ("target_channel=FPX", "any status.", "channel FPX"),
    ],
)
def test_sides_by_different_dates_sources_or_channels_are_not_subtracted(
    visit, query, ours, theirs
):
    farah = visit("farah")
    page = farah.text(f"{URL}&{query}")
    note = plain(page[page.index('id="otherfilter"') :])
    source, _, target = note.partition("Accounting system:")
    assert "nothing is subtracted" in source
    assert ours in source
    assert theirs in target[:120]
    assert "equation_1" not in page
    again = unescape(re.search(r'href="([^"]*)">Use the filter of the source', page)[1])
    assert "Same filter on both sides" in farah.text(again)
    told = json.loads(farah.get(f"/c/kedai/reconcile.json?{DAYS}&{query}").data)
    assert told["meta"]["filter"]["difference"] == "not compared: the filters differ"
    assert told["differences"] == []


def test_what_is_not_posted_is_told_beside_sums_by_the_date_posted(visit):
    farah = visit("farah")
    page = plain(farah.text(f"{URL}&by=posted"))
    assert "of these days or without a day, of which no document was posted yet." in page
    page = plain(farah.text("/c/kedai/reconcile?from=2026-01-01&to=2026-01-07&by=posted"))
    assert "What is not posted has no such day." in page
    assert "The newest is of" not in page


@pytest.mark.parametrize(
    "query",
    [
        "by=posted&status=paid&source=netshop&channel=FPX",
        "by=posted&target_by=document&target_status=paid&source=netshop&target_source=*",
        "channel=FPX&target_channel=*&target_from=2026-11-15",
    ],
)
def test_an_address_says_all_of_both_filters(query):
    given = MultiDict(pair.split("=") for pair in f"{DAYS}&{query}".split("&"))
    sides = daily_page.read_filter(given, date(2026, 11, 20)).sides
    kept = {k: v for k, v in Asked(sides, {}, "", "", None, None, 0).query().items() if v}
    assert daily_page.read_filter(MultiDict(kept), date(2026, 1, 1)).sides == sides
    assert sides.same is ("target_" not in query)
