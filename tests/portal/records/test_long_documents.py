"""A document of 1,114 lines, the longest that was met, is shown in light pages."""

import html
import re

import pytest
from sqlalchemy import insert, select

from bench.page_bench import MOST_STATEMENTS
from holding.db.database import Database
from holding.db.models import Company, Evaluation, Record, Version
from holding.programs import replay
from holding.records import trace
from portal.records.records import TABS
from portal.web.forms import page_rows
from tests.holding.shop import Shop, line, order
from tests.portal.reading import one, plain
from tests.support.clock import SetClock
from tests.support.databases import unlock

pytestmark = pytest.mark.sqlite
LINES, MOST = 1_114, 100_000
FEWER = 120  # lines of an order whose pages are all read
RECORDS = "/c/kedai/records/netshop/order"
RECORD = f"{RECORDS}/SO-1114"


@pytest.fixture
def long(database: Database, clock: SetClock) -> None:
    """An order of so many lines that is held, because its total says another sum."""
    _receive(database, clock, LINES)


def _receive(database: Database, clock: SetClock, count: int) -> None:
    with database.read() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
    shop = Shop(database, company, clock, {}, deliveries=900)
    lines = [line(pos=n, name=f"Tea {n}") for n in range(1, count + 1)]
    shop.receive(order(f"SO-{count}", lines=lines, total="1.00"))
    shop.judge()


def statements(answer) -> int:
    """How many statements a page asked."""
    return int(re.search(r'statements;desc="(\d+)"', answer.headers["Server-Timing"])[1])


@pytest.mark.parametrize("tab", TABS)
def test_each_tab_of_its_record_is_light(visit, long, tab):
    answer = visit("farah").get(f"{RECORD}?tab={tab}")
    assert len(answer.data) <= MOST
    assert statements(answer) <= MOST_STATEMENTS


def test_who_reads_on_has_it_judged_again_once(visit, database, long, monkeypatch):
    judged = []
    again = replay.judged_again

    def counted(*given, **named):
        judged.append(named["version"].no)
        return again(*given, **named)

    monkeypatch.setattr(replay, "judged_again", counted)
    query = "SELECT max(hold.id) FROM hold JOIN record ON record.id = record_id"
    hold = one(database, f"{query} WHERE record.number = 'SO-1114'")
    farah = visit("farah")
    seen = [farah.text(f"{RECORD}?tab={tab}") for tab in TABS]
    assert judged == [1]
    farah.text(f"/c/kedai/holding/{hold}")
    assert judged == [1, 1]  # once more with all releases: would the hold's release help?
    assert [plain(farah.text(f"{RECORD}?tab={tab}")) for tab in TABS] == list(map(plain, seen))
    with database.write() as session:
        stored = session.scalars(select(Record).where(Record.number == "SO-1114")).one()
        for one_of in session.scalars(select(Evaluation).where(Evaluation.record_id == stored.id)):
            unlock(session)
            one_of.facts = None
    page = plain(farah.text(f"{RECORD}?tab=ruletree"))
    assert "verdicts cannot be shown, because the rules failed on it or what it was checked" in page
    with database.read() as session:
        evaluation_id = trace.deciding_evaluation(session, stored.id) or 0
        assert replay.replay_for_page(session, evaluation_id) is None
    assert judged == [1, 1]


@pytest.mark.slow
def test_a_record_of_a_thousand_versions_is_light(visit, database):
    url = f"{RECORDS}/SO-10241"
    with database.write() as session:
        record = session.scalars(select(Record).where(Record.external_id == "SO-10241")).one()
        newest = session.get_one(Version, record.version_id)
        one = {c.name: getattr(newest, c.key) for c in Version.__mapper__.columns if c.key != "id"}
        further = range(newest.no + 1, 1_001)
        rows = [one | {"no": no, "sha256": f"{no:064x}", "stamp": None} for no in further]
        session.execute(insert(Version), rows)
    farah = visit("farah")
    for tab in TABS:
        assert len(farah.get(f"{url}?tab={tab}").data) <= MOST, tab
    page, seen = farah.text(f"{url}?tab=versions"), 0
    assert 'name="from" type="number" min="1" max="1000"' in page
    while True:
        seen += page.count('data-label="sha256"')
        further = re.search(r'<a class="btn" href="([^"]+)">Next</a>', page)
        if not further:
            break
        page = farah.text(html.unescape(further[1]))
    assert seen == 1_000
    raw = farah.text(f"{url}?tab=raw&version=500")
    for near in ("v1", "v490", "v510"):
        assert f">{near}</a>" in raw
    assert ">v489</a>" not in raw


@pytest.mark.slow
def test_its_hold_is_light(visit, database, long):
    query = "SELECT max(hold.id) FROM hold JOIN record ON record.id = record_id"
    hold = one(database, f"{query} WHERE record.number = 'SO-1114'")
    answer = visit("farah").get(f"/c/kedai/holding/{hold}")
    assert len(answer.data) <= MOST
    assert statements(answer) <= MOST_STATEMENTS


@pytest.mark.slow
def test_all_values_are_reached_page_by_page(visit, database, clock):
    _receive(database, clock, FEWER)
    farah, url, seen = visit("farah"), f"{RECORDS}/SO-{FEWER}?tab=lineage", []
    while url:
        page = farah.text(url)
        found = re.findall(r'id="lin_(\d+)"', page)
        assert 0 < len(found) <= 100
        seen += found
        further = re.search(r'<a class="btn" href="([^"]+)">Next</a>', page)
        url = html.unescape(further[1]) if further else ""
    assert seen == [str(n) for n in range(1, len(seen) + 1)]
    assert len(seen) > 5 * FEWER


@pytest.mark.slow
def test_a_line_is_reached_by_its_number(visit, long):
    page = visit("farah").text(f"{RECORD}?tab=lineage&line=700")
    first = page[page.index('id="lin_') :].partition("</tr>")[0]
    assert " line 700<" in first
    assert 'value="700"' in page


@pytest.mark.slow
def test_a_line_is_reached_by_the_code_or_the_name_of_its_item(visit, long):
    page = visit("farah").text(f"{RECORD}?tab=lineage&line=tea+700")
    assert " line 700<" in page[page.index('id="lin_') :].partition("</tr>")[0]
    lost = visit("farah").text(f"{RECORD}?tab=lineage&line=coffee")
    assert "No line has “coffee”." in lost
    assert 'id="lin_1"' in lost


@pytest.mark.slow
def test_what_decides_stands_first_among_its_verdicts(visit, long):
    page = visit("farah").text(f"{RECORD}?tab=ruletree")
    verdicts = page[page.index('class="verdicts"') :]
    assert re.search(r'<li class="[^"]*" id="deciding"', verdicts).start() < 60


def test_a_short_document_has_no_pages_and_no_search_for_a_line(visit):
    for tab in ("lineage", "ruletree", "raw"):
        page = visit("farah").text(f"/c/kedai/records/netshop/order/SO-10241?tab={tab}")
        assert "toline" not in page
        assert ">Next</a>" not in page


def test_a_place_beyond_the_end_is_the_beginning():
    rows = list(range(250))
    first = page_rows(rows, 100, None)
    assert (first.rows[0], first.before, first.after, first.total) == (0, None, 100, 250)
    assert page_rows(rows, 100, 250) == page_rows(rows, 100, -3) == first
    last = page_rows(rows, 100, 200)
    assert (last.rows, last.before, last.after) == (tuple(range(200, 250)), 100, None)
    assert page_rows(rows, 100, 40).before == 0
