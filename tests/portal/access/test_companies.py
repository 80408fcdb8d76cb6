"""The companies of one person side by side: the figures of each, and one search in all."""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import inspect, select, update

from holding.db.database import Database
from holding.db.models import Company, Connection, Hold, Membership, Person, Posting, Record, Run
from holding.db.models.columns import RunState
from holding.db.refusal import sums
from holding.worklist import filters
from holding.worklist.filters import Filter
from tests.portal.reading import plain
from tests.support.clock import SetClock
from tests.support.factories import make_company

pytestmark = pytest.mark.sqlite


@pytest.fixture
def lines(database: Database, clock: SetClock, visit: Callable[..., Any]) -> dict[str, list[str]]:
    """What farah sees of each company: she is a viewer in a second one, and nobody in a third."""
    with database.write() as session:
        farah = session.scalars(select(Person).where(Person.email == "farah@kedai.my")).one()
        other = make_company(session, "warung", name="Warung Melati")
        role = Membership(
            company_id=other.id, person_id=farah.id, role="viewer", granted_at=clock.now()
        )
        session.add(role)
    return table(visit("farah").text("/c"))


def table(page: str) -> dict[str, list[str]]:
    rows = re.findall(r"<tr role=\"row\" data-row.*?</tr>", page, re.S)
    cells = [[plain(one).strip() for one in re.findall(r"<td.*?</td>", row, re.S)] for row in rows]
    return {one[0].split(" Contoh")[0].split(" Melati")[0].split()[-1]: one[1:] for one in cells}


@pytest.mark.slow
def test_each_company_has_its_own_figures(lines: dict[str, list[str]], database: Database) -> None:
    assert list(lines) == ["Kedai", "Warung"]  # the most money first
    with database.read() as session:
        kedai = session.scalars(select(Company).where(Company.code == "kedai")).one()
        totals = filters.load_totals(session, kedai.id, Filter())
        farah = session.scalars(select(Person.id).where(Person.email == "farah@kedai.my")).one()
        mine = filters.load_totals(session, kedai.id, Filter(view="mine", person_id=farah))
    held, amount, own, oldest, targets = lines["Kedai"]
    assert held.split()[0] == str(totals.records)
    assert amount == sums(totals.money, "MYR").replace("\u00a0", " ")
    assert own.split()[0] == str(mine.records)
    assert mine.records < totals.records
    assert re.fullmatch(r"\d+ h|\d+ min|\d+ d.*", oldest)
    last = r"Last sync 11/20 11:30 · 2 documents Latest activity (\d+ h|\d+ min|\d+ d.*) ago"
    assert re.fullmatch(last, targets)
    assert lines["Warung"] == ["None", "RM 0.00", "0", "none", "Never synced"]


def test_a_person_of_one_company_reads_its_name_and_last_sync_once(
    visit: Callable[..., Any],
) -> None:
    page = plain(visit("farah").text("/c"))
    assert "on hold in Kedai Contoh Sdn Bhd: RM" in page
    assert "your 1" not in page
    assert "1 company" not in page
    assert page.count("Last sync") == 1


def test_a_person_of_two_companies_reads_how_many_of_them_hold_records(
    lines: dict[str, list[str]], visit: Callable[..., Any]
) -> None:
    page = plain(visit("farah").text("/c"))
    assert "on hold in 1 of your 2 companies: RM" in page
    assert "Search 2 companies" in page


def test_the_last_sync_is_the_newest_of_a_run_and_of_what_was_posted(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    def told() -> str:
        return table(visit("farah").text("/c"))["Kedai"][-1]

    with database.write() as session:
        session.execute(update(Run).values(ended_at=clock.now() - timedelta(hours=3)))
        session.execute(update(Posting).values(posted_at=None))
    assert told().endswith("Latest activity 3 h ago")
    with database.write() as session:
        newest = session.scalars(select(Posting).order_by(Posting.id)).first()
        assert newest is not None
        newest.posted_at = clock.now() - timedelta(hours=2)
    assert told().endswith("Latest activity 2 h ago")
    with database.write() as session:
        session.execute(update(Run).values(ended_at=None))
    assert told().endswith("Latest activity 2 h ago")


@pytest.mark.parametrize(
    ("change", "tone", "words"),
    [
        ({}, "ok", "Last sync 11/20 11:30 · 2 documents"),
        ({"counts": {"posted": 1, "failed": 1}}, "warn", "· 1 document, 1 on hold"),
        ({"state": RunState.FAILED}, "bad", "Failed 11/20 11:30"),
        ({"state": RunState.RUNNING, "done": 1, "total": 7}, "info", "Syncing… 1 of 7"),
    ],
)
def test_the_last_sync_has_the_colour_of_how_it_went(
    visit: Callable[..., Any],
    database: Database,
    change: dict[str, Any],
    tone: str,
    words: str,
) -> None:
    with database.write() as session:
        newest = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert newest is not None
        for name, value in change.items():
            setattr(newest, name, value)
    page = visit("farah").text("/c")
    pill = page[page.index('class="pill') :].partition("</td>")[0]
    assert pill.startswith(f'class="pill t-{tone}"')
    assert words in plain(pill)


def test_a_sync_that_failed_is_told_before_a_newer_one_that_went_well(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    with database.write() as session:
        newest = session.scalars(select(Run).order_by(Run.id.desc())).first()
        assert newest is not None
        before = {"connection_id": newest.connection_id, "company_id": newest.company_id}
        earlier = clock.now() - timedelta(days=1)
        session.add(Run(kind="daily", doc_type="sales_receipt", state=RunState.FAILED, counts={},
                        made_at=earlier, ended_at=earlier, error="No answer", **before)
                    )  # fmt: skip
    page = visit("farah").text("/c")
    pill = page[page.index('class="pill') :].partition("</td>")[0]
    assert pill.startswith('class="pill t-bad"')
    assert "Failed 11/19" in plain(pill)
    assert "No answer" in pill


def test_what_stops_a_target_comes_before_how_the_last_sync_of_another_went(
    visit: Callable[..., Any], database: Database, clock: SetClock
) -> None:
    with database.write() as session:
        session.execute(
            update(Connection)
            .where(Connection.side == "target")
            .values(paused_at=clock.now(), pause_reason="Stocktaking")
        )
    page = visit("farah").text("/c")
    pill = page[page.index('class="pill') :].partition("</td>")[0]
    assert pill.startswith('class="pill t-idle"')
    assert re.search(r"Paused 11/20 \d+:\d\d · \d+ waiting", plain(pill))
    assert "Stocktaking" in pill


def test_the_last_row_adds_up_and_each_company_says_what_it_connects(
    lines: dict[str, list[str]], visit: Callable[..., Any]
) -> None:
    page = visit("farah").text("/c")
    (foot,) = re.findall(r"<tfoot>.*?</tfoot>", page, re.S)
    held, amount, own, *_ = lines["Kedai"]
    told = plain(foot).split()
    assert told[:3] == ["2", "companies", held.split()[0]]
    assert amount in " ".join(told)
    assert told[-1] == own.split()[0]
    assert "NetShop → AiAccount · Finance user" in plain(page)
    assert 'id="me"' in page, "the way to sign out is where it is on every page"


def test_the_head_adds_up_what_is_hers(visit: Callable[..., Any], database: Database) -> None:
    page = plain(visit("farah").text("/c"))
    with database.read() as session:
        kedai = session.scalars(select(Company.id).where(Company.code == "kedai")).one()
        everywhere = session.scalars(select(Hold.company_id).distinct()).all()
        totals = filters.load_totals(session, kedai, Filter())
    assert kedai in everywhere
    assert f"{totals.records} records on hold in Kedai Contoh Sdn Bhd" in page
    assert "Lain" not in page


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (90 * 24, "has the largest amount, Warung Melati the oldest record on hold, 90 d"),
        (0, "has the largest amount and the oldest record on hold, "),
    ],
)
def test_the_head_names_where_most_money_is_and_where_it_waits_longest(
    lines: dict[str, list[str]],
    visit: Callable[..., Any],
    database: Database,
    clock: SetClock,
    hours: int,
    words: str,
) -> None:
    assert "largest amount" not in plain(visit("farah").text("/c")), "one company has all of it"
    with database.write() as session:
        warung = session.scalars(select(Company.id).where(Company.code == "warung")).one()
        hold = session.scalars(select(Hold).where(Hold.state == "open").order_by(Hold.book)).first()
        assert hold is not None
        names = [one.key for one in inspect(Hold).column_attrs if one.key != "id"]
        columns = {name: getattr(hold, name) for name in names}
        given = {"company_id": warung, "seq": 99}
        since = clock.now() - timedelta(hours=hours)
        session.add(Hold(**{**columns, **given, "opened_at": since}))
    assert f"Kedai Contoh Sdn Bhd {words}" in plain(visit("farah").text("/c"))


def test_one_search_asks_her_companies_and_no_other(visit: Callable[..., Any]) -> None:
    found = visit("farah").text("/c?q=SO-10240")
    assert "/c/kedai/records/netshop/order/SO-10240" in found
    theirs = visit("stranger", "lain").text("/c?q=SO-10240")
    assert "0 records found for SO-10240" in plain(theirs)
    assert "kedai/records" not in theirs


def found_in(page: str) -> str:
    return plain(page[page.index('id="foundin"') :].partition("</section>")[0])


def test_a_customer_and_a_company_are_found_by_letters_of_their_names(
    lines: dict[str, list[str]], visit: Callable[..., Any], database: Database
) -> None:
    farah = visit("farah")
    with database.read() as session:
        party = session.scalars(select(Record.party).where(Record.number == "SO-10240")).one()
    by_name = farah.text(f"/c?q={party[:6]}")
    assert "/c/kedai/records/netshop/order/SO-10240" in by_name
    assert "with this name" not in found_in(by_name)
    assert "SO-10240" in found_in(farah.text("/c?q=so-1024")), "the beginning of a number"
    called = found_in(farah.text("/c?q=MELATI"))
    assert "1 company with this name: Warung Melati" in called
    assert "Lain" not in found_in(farah.text("/c?q=kedai")), "nobody finds other companies"
    page = plain(farah.text("/c"))
    assert "Search 2 companies" in page
    assert "foundin" not in farah.text("/c")
