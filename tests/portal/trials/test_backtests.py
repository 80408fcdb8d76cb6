"""The pages of backtests: progress, matrix, lists, files, who may what, what is refused."""

import io
import json
import re

import pytest
from openpyxl import load_workbook
from sqlalchemy import select

from bench.page_bench import MOST_STATEMENTS
from holding.access import actors
from holding.db.database import Database
from holding.db.models import BacktestRun, Company, Person
from holding.programs import posted_differences
from holding.rulesets import publication
from holding.trials.backtest_turns import take_turn
from portal.languages import choice
from tests.holding.shop import FILES
from tests.portal.languages.test_walk import ASKED, english, seen
from tests.portal.reading import one, plain

pytestmark = pytest.mark.sqlite
CHANGES = "/c/kedai/rules/changes"
ALL = {"from": "", "to": ""}
STRICTER = FILES["shop.rules"].replace("total > 1000.00", "total > 190.00")


@pytest.fixture
def stricter(database: Database, clock) -> str:
    """The address of a change that asks for an approval above RM 190."""
    with database.write() as session:
        company = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        chan = session.scalars(select(Person.id).where(Person.email == "chan@kedai.my")).one()
        actor = actors.actor_of(session, chan, company)
        files = {**FILES, "shop.rules": STRICTER}
        no = publication.push_change(session, company, actor, files, "Lower limit", clock.now())
    assert isinstance(no, int)
    return f"{CHANGES}/{no}"


def work(database: Database, clock, turns: int = 99) -> None:
    with database.read() as session:
        company = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
    while turns and take_turn(database, clock, company):
        turns -= 1


def test_the_review_has_the_matrix_with_counts_and_money(visit, database, clock, stricter):
    chan, pua = visit("chan"), visit("pua")
    assert "Run a backtest" in chan.text(stricter)
    answer = chan.post(f"{stricter}/backtest", ALL, status=303)
    assert "has begun" in plain(chan.text(answer.location))
    work(database, clock)
    page = pua.text(stricter)
    told = plain(page)
    assert "posted record" in told
    assert "would have been stopped" in told
    assert "Ready to post" in told
    assert "Approval needed" in told
    assert "Run the backtest again" in told
    cells = re.findall(r'<td role="cell" class="shift t-warn"[^>]*><a href="([^"]+)">', page)
    assert cells
    address = cells[0].replace("&amp;", "&")
    listed = plain(pua.text(address))
    assert "Ready to post → Approval needed" in listed
    number = re.search(r"(\d+) records? under", listed)
    assert number
    assert listed.count("Replay SO-") == int(number[1])
    lines = pua.text(address).partition('id="decidinglines"')[2].partition("</table>")[0]
    counts = re.findall(r'data-label="Records">([\d,]+)<', lines)
    assert sum(int(one) for one in counts) == int(number[1])
    assert re.search(r"<code>\w+\.rules:\d+</code>", lines)
    assert "Change 2" in lines
    assert "Backtest against rule version 1: " in told


def test_the_last_month_is_proposed(visit, stricter):
    page = visit("chan").text(stricter)
    days = re.findall(r'name="(from|to)" type="date"\s+value="([^"]*)"', page)
    assert dict(days) == {"from": "2026-10-21", "to": "2026-11-20"}


def test_progress_is_shown_and_renewed_and_works_without_scripts(
    visit, database, clock, stricter, monkeypatch
):
    monkeypatch.setattr(posted_differences, "PAGE", 3)
    chan = visit("chan")
    chan.post(f"{stricter}/backtest", ALL, status=303)
    page = chan.text(f"{stricter}/backtest")
    assert re.search(r'<progress class="progress" value="0" max="\d+"', page)
    assert "data-busy" in page
    assert "Load this page again" in page
    work(database, clock, turns=1)
    part = chan.text(f"{stricter}/backtest", target="backteststate")
    assert "<html" not in part
    done = re.search(r"(\d+) of (\d+) records checked", plain(part))
    assert done
    assert 0 < int(done[1]) < int(done[2])
    assert "data-busy" in chan.text(stricter)
    assert (
        "another backtest"
        in plain(
            chan.post(f"{stricter}/backtest", ALL, status=409).get_data(as_text=True)
        ).casefold()
    )
    chan.post(f"{stricter}/backtest/stop", {}, status=303)
    stopped = plain(chan.text(f"{stricter}/backtest"))
    assert "Not complete: stopped by a person." in stopped
    assert "data-busy" not in chan.text(stricter)
    chan.post(f"{stricter}/backtest/stop", {}, status=409)


def test_the_matrix_is_a_file_too(visit, database, clock, stricter):
    chan = visit("chan")
    chan.post(f"{stricter}/backtest", ALL, status=303)
    work(database, clock)
    rows = json.loads(chan.get(f"{stricter}/backtest.json").get_data())["rows"]
    moved = [row for row in rows if row["rules_in_force"] != row["change"]]
    assert moved
    assert {row["change"] for row in moved} == {"Approval needed"}
    told = plain(chan.text(f"{stricter}/backtest"))
    for row in moved:
        assert str(row["records"]) in told
        assert f"{float(row['amount']):,.2f}" in told
    lines = chan.get(f"{stricter}/backtest.csv").get_data().decode("utf-8-sig").splitlines()
    assert len(lines) == len(rows) + 2
    book = load_workbook(io.BytesIO(chan.get(f"{stricter}/backtest.xlsx").get_data()))
    assert book.active.max_row == len(rows) + 2


def test_a_period_without_records_is_refused_with_the_days_of_those_there_are(
    visit, database, stricter
):
    chan = visit("chan")
    days = {"from": "2020-01-01", "to": "2020-01-31"}
    page = plain(chan.post(f"{stricter}/backtest", days, status=422).text)
    assert "No record has a document date in this period." in page
    days = one(database, "SELECT min(doc_date) || ' to ' || max(doc_date) FROM record")
    assert f"The records are of {days}. Choose days of these, or leave both blank." in page
    assert one(database, "SELECT count(*) FROM backtest_run") == 0


@pytest.mark.parametrize(
    "given", [{"from": "x", "to": ""}, {"from": "2026-11-20", "to": "2026-11-01"}]
)
def test_days_that_are_none_are_refused(visit, stricter, given):
    visit("chan").post(f"{stricter}/backtest", given, status=422)


def test_only_who_drafts_begins_and_ends_one(visit, stricter):
    for name in ("pua", "vera", "farah"):
        visit(name).post(f"{stricter}/backtest", ALL, status=403)
        visit(name).post(f"{stricter}/backtest/stop", {}, status=403)


@pytest.mark.parametrize(
    "path", ["/backtest", "/backtest.csv", "/backtest/records?kind=order", "/backtest.pdf"]
)
def test_what_is_not_there_is_not_found(visit, stricter, path):
    visit("chan").get(f"{stricter}{path}", status=404)
    visit("chan").get(f"{CHANGES}/99{path}", status=404)


def test_a_cell_is_named_whole(visit, database, clock, stricter):
    chan = visit("chan")
    chan.post(f"{stricter}/backtest", ALL, status=303)
    work(database, clock)
    chan.get(f"{stricter}/backtest/records?kind=order", status=404)
    chan.get(f"{stricter}/backtest/records?kind=order&route=r&was=ready&would=x", status=404)
    cell = "kind=order&route=aiaccount.sales_invoice&was=ready&would=ready"
    chan.get(f"{stricter}/backtest/records?{cell}&before=x", status=404)
    assert "No record here." in chan.text(f"{stricter}/backtest/records?{cell}&before=0")


def test_the_review_asks_few_questions(visit, database, clock, stricter, statements):
    chan = visit("chan")
    chan.post(f"{stricter}/backtest", ALL, status=303)
    work(database, clock)
    cell = "kind=order&route=aiaccount.sales_invoice&was=ready&would=ready"
    for url in (stricter, f"{stricter}/backtest", f"{stricter}/backtest/records?{cell}"):
        chan.text(url)
        statements.clear()
        chan.text(url)
        asked = [one for one in statements if not one.startswith("BEGIN")]
        assert 0 < len(asked) <= MOST_STATEMENTS, "\n".join(
            one.replace("\n", " ")[:150] for one in asked
        )


@pytest.mark.slow
@pytest.mark.parametrize("code", ASKED)
def test_the_pages_are_the_same_in_each_language(
    visit, database, clock, stricter, code, monkeypatch
):
    chan = visit("chan")
    chan.text(chan.post(f"{stricter}/backtest", ALL, status=303).location)  # with its message
    cell = "kind=order&route=aiaccount.sales_invoice&was=ready&would=to+approve"
    monkeypatch.setattr(posted_differences, "PAGE", 3)
    for turns in (1, 99):  # while it runs, and after
        work(database, clock, turns)
        for url in (stricter, f"{stricter}/backtest", f"{stricter}/backtest/records?{cell}"):
            ours, theirs = (
                seen(chan.client.get(url, headers={"Accept-Language": asked}).get_data(True))
                for asked in ("en", ASKED[code])
            )
            assert theirs.tags == ours.tags
            left = english(theirs.words, set(ours.words), choice.catalogue(code))
            assert left - {"approve order for aiaccount.sales_invoice"} == set()


def test_records_of_kinds_that_no_rule_posts_are_named_beside_the_tables(
    visit, database, clock, stricter
):
    chan = visit("chan")
    chan.post(f"{stricter}/backtest", ALL, status=303)
    work(database, clock)
    page = plain(chan.text(stricter))
    (records,) = re.findall(r"(\d+) records, \d+ different", page)
    assert "stand in no table" not in page
    with database.write() as session:
        run = session.scalars(select(BacktestRun)).one()
        judged = {**run.counted["judged"], "refund": 9, "payout": 1}
        run.counted = {**run.counted, "records": int(records) + 10, "judged": judged}
    page = plain(chan.text(stricter))
    assert f"{int(records) + 10} records, " in page
    assert (
        "10 of them stand in no table, because no rule posts their kind: payout (1), refund (9)"
        in page
    )
