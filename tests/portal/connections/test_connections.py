"""The page of a target that nothing goes out to: what stands still, why, and who mends it."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, text

from holding.connections.master_data import keep_snapshot
from holding.db.models import Cause, Connection, Posting, Schedule, Throttle
from holding.runs.schedules import Daily
from portal.web.filters import coming_runs, kind_of
from rules.values.canonical import PostingState
from rules.values.cause_keys import CauseKey
from tests.portal.reading import one, plain
from tests.support.databases import any_move
from tests.support.snapshots import snapshot

pytestmark = pytest.mark.sqlite
URL = "/c/kedai/connections/aiaccount"


def stands_still(page):
    found = re.search(r'id="standstill">(.*?)</div>', page, re.DOTALL)
    return plain(found[1]) if found else ""


@pytest.mark.parametrize(
    ("until", "told"),
    [
        (
            None,
            "API key rejected 11/20 11:55. The accounting system does not accept the API key.",
        ),
        (
            "later",
            "Out of reach since 11/20 11:55. It does not respond. Clearpost asks again",
        ),
    ],
)
def test_what_stops_a_target_is_told_once_and_in_full(visit, database, clock, until, told):
    assert stands_still(visit("olga").text(URL)) == ""
    with database.write() as session:
        target = session.scalars(
            select(Connection).where(Connection.name == "aiaccount", Connection.company_id == 1)
        ).one()
        row = session.get(Throttle, target.id) or Throttle(connection_id=target.id)
        row.breaker, row.opened_at = "open", clock.now()
        row.open_until = clock.now() if until else None
        session.add(row)
    page = visit("olga").text(URL)
    assert stands_still(page).strip().startswith(told)
    assert page.count('id="standstill"') == 1


def test_T02b_a_target_that_rounds_otherwise_than_the_rules_is_told_with_both_ways_out(
    visit, database, clock
):
    assert 'id="rounds"' not in visit("olga").text(URL)
    with database.write() as session:
        target = session.scalars(
            select(Connection).where(Connection.name == "aiaccount", Connection.company_id == 1)
        ).one()
        told = snapshot(rounding_mode="sum_then_round")
        keep_snapshot(session, target, told, person=None, now=clock.now())
    page = plain(re.search(r'id="rounds">(.*?)</div></div>', visit("olga").text(URL), re.DOTALL)[1])
    assert "AiAccount rounds sum then round, and the rules say per line then sum." in page
    assert "nothing is sent until both say the same" in page
    assert "Accounts team looks after it" in page
    assert "set it back there and test the connection" in page
    assert "publishes rules that say rounding sum then round" in page


def rates(page):
    return plain(re.search(r'id="rates".*?</section>', page, re.DOTALL)[0])


def test_T07b_the_page_says_what_a_target_tells_and_a_person_confirms_there(visit, database, clock):
    farah, adam = visit("farah"), visit("adam")
    assert (
        "AiAccount reports no units and no rate; rates of the units table are used without"
        " confirmation." in rates(farah.text(URL))
    )
    farah.post(f"{URL}/rates", {"asked": "1"}, status=403)
    adam.post(f"{URL}/rates", {"asked": "1"}, status=303)
    with database.write() as session:
        key = CauseKey.rate("aiaccount", "CTN", "TEA-1", ("PCS", 40, 1))
        made = Cause(company_id=1, error_class="mapping_missing", key=key, records=2, book=0)
        made.opened_at = clock.now()
        session.add(made)
        session.flush()
        cause = made.id
    page = rates(farah.text(URL))
    assert "AiAccount reports no units and no rate; 0 rates are confirmed, 1 waits." in page
    assert "1 CTN of TEA-1 = 40 PCS 2 records Confirm rate" in page
    visit("vera").post(f"{URL}/rates", {"cause": str(cause)}, status=403)
    farah.post(f"{URL}/rates", {"cause": "999999"}, status=409)
    farah.post(f"{URL}/rates", {"cause": str(cause)}, status=303)
    page = rates(farah.text(URL))
    assert "1 rate is confirmed" in page
    assert "1 CTN of TEA-1 = 40 PCS Farah" in page


def test_a_pause_is_told_with_its_reason(visit):
    olga = visit("olga")
    olga.post(f"{URL}/pause", {"reason": "month end"}, status=303)
    assert stands_still(olga.text(URL)).strip() == "Paused 11/20 11:55. month end"


def test_document_types_are_written_as_people_do():
    assert [kind_of(one) for one in ("ar_payment", "credit_note")] == ["AR payment", "credit note"]


def test_a_target_counts_what_is_open_and_what_the_last_document_days_posted(visit, database):
    card = r'id="endpoint_1".*?</article>'

    def told():
        return plain(re.search(card, visit("olga").text(URL), re.DOTALL)[0])

    assert re.search(r"Posted, last 30 days 2, RM [\d,.]+ Ready \d+, ", told())
    with database.write() as session:
        session.execute(text("UPDATE posting SET doc_date = '2026-10-01' WHERE state = 'posted'"))
    assert "Posted, last 30 days 0, " in told()
    with database.write() as session:
        session.execute(text("UPDATE posting SET book = 5, amount = 7 WHERE state = 'held'"))
    held = one(database, "SELECT count(*) FROM posting WHERE state = 'held'")
    assert f"On hold {held}, RM 0.{5 * held:02}" in told()


def test_pushes_are_the_newest_of_all_states_and_found_by_number_or_party(visit, database):
    where = "/c/kedai/pushes"
    assert shown(visit, where) == ["SO-10241", "SO-10240"]
    with database.write() as session, any_move(session):
        session.execute(text("UPDATE push SET state = 'refused' WHERE id = 1"))
    assert shown(visit, where) == ["SO-10241", "SO-10240"]
    assert shown(visit, f"{where}?state=refused") == ["SO-10240"]
    assert shown(visit, f"{where}?after=2") == ["SO-10240"]
    assert shown(visit, f"{where}?q=SO-10241") == ["SO-10241"]
    party = one(database, "SELECT party FROM record WHERE number = 'SO-10240'")
    assert "SO-10240" in shown(visit, f"{where}?q={party[1:5].upper()}")
    assert shown(visit, f"{where}?q=SO-1024") == []
    with database.write() as session, any_move(session):
        session.execute(text("UPDATE posting SET company_id = company_id + 1"))
    assert shown(visit, where) == []


def shown(visit, where):
    page = visit("farah").text(where)
    return re.findall(r"records/netshop/order/(SO-\d+)", page)


def nights(page):
    found = re.search(r'<ul[^>]*aria-labelledby="next_sales_invoice">(.*?)</ul>', page, re.DOTALL)
    lines = re.findall(r"<li>(.*?)</li>", found[1], re.DOTALL) if found else []
    return [" ".join(re.sub(r"<[^>]*>", "", one).split()) for one in lines]


def test_the_next_three_nights_are_told_each_with_its_day(visit, database, clock):
    assert nights(visit("olga").text(URL)) == []
    with database.write() as session:
        at = datetime(2026, 11, 20, 18, tzinfo=UTC)  # in Kuala Lumpur it is Saturday
        row = Schedule(company_id=1, route="aiaccount.sales_invoice", at="02:00",
                       zone="Asia/Kuala_Lumpur", next_at=at, active=True)  # fmt: skip
        session.add(row)
    assert nights(visit("olga").text(URL)) == [
        "Sat 2026-11-21 02:00, in 14 h: documents of Fri 2026-11-20",
        "Sun 2026-11-22 02:00, in 1 d 14 h: documents of Sat 2026-11-21",
        "Mon 2026-11-23 02:00, in 2 d 14 h: documents of Sun 2026-11-22",
    ]
    clock.advance(timedelta(hours=15))
    assert nights(visit("olga").text(URL))[0] == (
        "Sat 2026-11-21 02:00, due now: documents of Fri 2026-11-20"
    )
    with database.write() as session:
        session.scalars(select(Schedule)).one().active = False
    assert nights(visit("olga").text(URL)) == []


def test_a_night_keeps_its_hour_where_the_clocks_are_changed(app):
    london = Daily("02:30", "Europe/London", True, datetime(2026, 10, 24, 1, 30, tzinfo=UTC), None)
    with app.app_context():
        found = coming_runs(london)
    assert [(f"{at.astimezone(UTC):%d %H:%M}", f"{day:%d}") for at, day in found] == [
        ("24 01:30", "23"),
        ("25 02:30", "24"),
        ("26 02:30", "25"),
    ]


def test_resuming_says_first_what_goes_out(visit, database, clock):
    with database.write() as session:
        target = session.scalars(
            select(Connection).where(Connection.name == "aiaccount", Connection.company_id == 1)
        ).one()
        target.paused_at, target.pause_reason = clock.now(), "stock count"
        ready = select(Posting).where(Posting.connection_id == target.id, Posting.state == "held")
        amounts = []
        for posting in session.scalars(ready.limit(2)):
            posting.state = PostingState.READY
            amounts.append(posting.amount)
        total = f"RM {sum(amounts) / 100:,.2f}"
    page = visit("olga").text(URL)
    told = plain(page[page.index('id="resumes"') :].partition("</p>")[0])
    assert f"2 documents are ready and go out in order: {total}." in told
    with database.write() as session:
        for posting in session.scalars(select(Posting).where(Posting.state == PostingState.READY)):
            posting.state = PostingState.HELD
    assert "No document is ready to go out." in plain(visit("olga").text(URL))


def test_a_pause_has_an_end_in_the_time_of_the_company(visit, database, clock):
    olga, form = visit("olga"), {"reason": "stock count"}
    no_moment = ("soon", "0001-01-01", "0001-01-01T00:00", "9999-12-31", "9999-12-31T23:59")
    wrongs = [*((text, "Enter a day and a time.") for text in no_moment)]
    for wrong, told in (*wrongs, ("2026-11-20T11:00", "Enter a later")):
        answer = olga.post(f"{URL}/pause", {**form, "until": wrong}, status=422)
        page = answer.get_data(as_text=True)
        assert told in page[page.index('id="until_err"') :].partition("</p>")[0]
    olga.post(f"{URL}/pause", {**form, "until": "2026-11-21T08:30"}, status=303)
    page = plain(olga.text(URL))
    assert "It is resumed automatically at 2026-11-21 08:30" in page
    with database.read() as session:
        rows = session.scalars(
            select(Connection.pause_until).where(Connection.paused_at.is_not(None))
        )
        assert rows.all() == [datetime(2026, 11, 21, 0, 30, tzinfo=UTC)]


def range_of(page):
    return plain(re.search(r'id="syncpreview".*?</section>', page, re.DOTALL)[0])


def test_the_preview_names_the_quota_and_what_each_document_waits_for(visit, database, clock):
    day = clock.now().date().isoformat()
    with database.write() as session, any_move(session):
        target = session.scalars(
            select(Connection).where(Connection.name == "aiaccount", Connection.company_id == 1)
        ).one()
        mine = select(Posting).where(Posting.connection_id == target.id, Posting.state == "held")
        ready, waiting = session.scalars(mine.order_by(Posting.id)).all()[:2]
        ready.state, ready.doc_date = PostingState.READY, clock.now().date()
        waiting.doc_date = clock.now().date()
        row = session.get(Throttle, target.id) or Throttle(connection_id=target.id)
        row.quota_limit, row.quota_used, row.quota_month = 100, 100, day[:7]
        session.add(row)
        number, held = ready.number, waiting.number
        route = Schedule(company_id=1, route="aiaccount.sales_invoice", at="02:00", active=False,
                         zone="Asia/Kuala_Lumpur", next_at=clock.now())  # fmt: skip
        session.add(route)
    link = re.search(
        r'href="([^"#]*)#syncpreview"\s+id="today_sales_invoice"', visit("olga").text(URL)
    )
    address = link[1].replace("&amp;", "&")
    assert address.endswith(f"doc_type=sales_invoice&first={day}&last={day}")
    page = visit("olga").text(address)
    told = range_of(page)
    assert "1 document ready, 0 can be sent now." in told
    assert "is used up until 2026-12-01" in told
    assert number in told
    assert held in told
    assert 'id="syncgo"' not in page
    assert "#group_" in re.search(r'id="syncpreview".*?</section>', page, re.DOTALL)[0]
    with database.write() as session:
        session.get(Throttle, target.id).quota_used = 99
    page = visit("olga").text(address)
    assert "1 document ready, 1 can be sent now." in range_of(page)
    assert 'id="syncgo"' in page


def test_who_may_not_send_is_offered_no_way_to_send_today(visit, database, clock):
    with database.write() as session:
        session.add(
            Schedule(company_id=1, route="aiaccount.sales_invoice", at="02:00", active=True,
                     zone="Asia/Kuala_Lumpur", next_at=clock.now())
        )  # fmt: skip
    assert 'id="today_sales_invoice"' in visit("olga").text(URL)
    assert 'id="today_sales_invoice"' not in visit("farah").text(URL)
