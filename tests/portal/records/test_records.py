"""What the pages of one record say, to whom, and how it is found."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from sqlalchemy import select

from holding.db.models import Attempt, Evaluation, Hold, Posting, Push, Record, Request, Version
from holding.db.models.columns import AttemptState, PushState, RecordState
from holding.records import lineage, record_rows
from portal.records.records import shown_posting
from rules.values.canonical import PostingState
from tests.portal.reading import ONE, R, hold_of, plain
from tests.support.databases import any_move, unlock

pytestmark = pytest.mark.sqlite


def test_the_record_answers_seven_questions(visit):
    page = visit("nurul").text(ONE)
    told = plain(page)
    assert len(re.findall(r'id="answer_[1-7]"', page)) == 7
    assert "What was its status before posting? paid, version 1" in told
    assert "No approval required by shop.rules:" in told
    assert "2 CTN × 40 = 80 PCS" in told
    assert "Yes, since version 1 was sent: version 2" in told
    assert "delivered 2 times" in told
    sixth = page[page.index('id="answer_6"') :]
    each = r'wrap">Yes, [^<]+ = SO-10240\. <span class="each">(.+?)</span></span>'
    (rest,) = re.findall(each, sixth.replace("</span> </span>", "</span></span>"), re.DOTALL)
    lines = re.findall(r"<span>([^<]+)", rest)
    assert lines[0].startswith("Party matching: ")
    assert lines[-1].startswith("Identity (one id has one number, and one number one id; always")


def test_the_answers_come_first_and_what_is_not_recorded_in_them_is_marked(visit):
    page = visit("nurul").text(ONE)
    assert page.index('id="seven"') < page.index('id="ticks"') < page.index('id="strip"')
    (asked,) = re.findall(r'<li id="answer_2">.*?</li>', page, re.DOTALL)
    assert "In the source" in asked
    assert '<b class="tone t-bad">not recorded</b>' in asked


@pytest.mark.parametrize("tab", ["seven", "trace", "lineage", "way", "ruletree", "versions", "raw"])
def test_a_name_is_shown_to_who_may_see_it(visit, tab):
    page = f"{R}/SO-10210?tab={tab}", f"{ONE}?tab={tab}"
    for url in page:
        told = plain(visit("vera").text(url))
        assert "Aisyah Rahman" not in told
        assert "alert(1)" not in told
    assert "Aisyah Rahman" in plain(visit("farah").text(ONE))


def test_the_pane_names_nobody_to_who_may_not_see_it(visit, database):
    pane = f"/c/kedai/holding/{hold_of(database, 'SO-10220', 'APP01')}"
    assert "Aisyah Rahman" in plain(visit("farah").text(pane))
    assert "Aisyah Rahman" not in plain(visit("vera").text(pane))


def test_the_strip_of_checks_names_state_and_rule_line(visit):
    nurul = visit("nurul")
    strips = {}
    for number in ("SO-10240", "SO-10200", "SO-10210", "SO-10230"):
        page = nurul.text(f"{R}/{number}")
        strip = re.search(r'id="strip">(.*?)</ul>', page, re.S)
        strips[number] = re.findall(r"</svg>(\w[\w ]*)</span><b>", strip[1]) if strip else []
        assert strip is None or "shop.rules:" in strip[1]
    assert strips["SO-10240"] == ["passed"] * 5
    assert strips["SO-10200"][2] == "failed"
    assert strips["SO-10210"][1] == "failed"


def test_the_deciding_rule_line_is_lit_with_its_operands(visit):
    page = visit("nurul").text(f"{R}/SO-10203?tab=ruletree")
    lit = re.search(r'<div class="ln lit t-\w+">(.*?)</div>', page, re.S)[1]
    assert re.search(r"require|missing|ready", lit)
    assert "Clears when" in page


def test_versions_show_only_what_changed(visit):
    page = visit("nurul").text(f"{ONE}?tab=versions")
    table = re.search(r'id="diff">(.*?)</table>', page, re.S)[1]
    assert re.findall(r'<span class="mono">([^<]+)</span>', table) == [
        "~ total",
        "~ updated_at",
        "~ lines[0].qty",
    ]
    assert "+RM 96.00 on the total" in plain(page)


def test_an_attempt_shows_request_answer_and_key_without_secrets(visit):
    page = visit("nurul").text(f"{ONE}?tab=pushes")
    told = plain(page)
    assert "Idempotency key cp-" in told
    assert "Safe to retry? No." in told
    assert "POST /v1/sales/invoices Content-Type: application/json" in told
    assert not re.search(r":(batch|method|path)\b", told)
    assert "201" in told
    assert "aia_live_demo_7Qk2" not in page
    body = visit("nurul").get("/c/kedai/requests/1/body")
    assert body.headers["X-Content-SHA256"] in page


def test_who_took_bytes_as_they_came_or_went_is_told_at_the_record(visit):
    nurul = visit("nurul")
    nurul.client.head("/c/kedai/requests/1/body")  # asks what there is, and takes nothing
    nurul.get("/c/kedai/requests/1/body")
    nurul.get(f"{ONE}?tab=raw&version=1&download=raw")
    for place in (f"{ONE}?tab=trace", "/c/kedai/audit?on=SO-10240"):
        told = plain(nurul.text(place))
        assert told.count("downloaded what call 1 sent.") == 1
        assert "downloaded the source data of version 1 as it was delivered." in told


def _named(session, record):
    """The customer's name, which the record has from now on."""
    version = session.get_one(Version, record.version_id)
    version.body = {**version.body, "customer_name": "Aisyah binti Rahman"}
    return "Aisyah binti Rahman"


def test_what_was_never_sent_says_which_rule_holds_it_since_when(visit, database):
    with database.write() as session:
        hold = (
            session.query(Hold)
            .join(Record, Record.id == Hold.record_id)
            .filter(Hold.state == "open", Hold.at_rule != "")
            .filter(~session.query(Push).join(Posting).filter_by(record_id=Record.id).exists())
            .order_by(Hold.id)
            .first()
        )
        record = session.get_one(Record, hold.record_id)
        place, number = hold.at_rule, record.external_id
        unlock(session)
        name = _named(session, record)
        for each in session.query(Hold).filter_by(record_id=record.id):
            each.message = f"The customer {name} is strange"
    address = f"{R}/{number}?tab=pushes"
    page = visit("farah").text(address)
    told = plain(page.partition('class="empty"')[2])
    assert "Never sent." in told
    assert f"The customer {name} is strange" in told
    assert re.search(rf"On hold since .*\d\d:\d\d.* by rule {re.escape(place)}", told)
    assert f'tab=ruletree"><code>{place}</code></a>' in page
    assert name in visit("adam").text(address), "whoever maps customers sees who they are"
    assert name not in visit("vera").text(address), "nobody without that right sees personal data"


def test_what_a_target_answered_names_no_customer_to_who_may_not_see_one(visit, database):
    with database.write() as session:
        record = session.query(Record).filter_by(number="SO-10240").one()
        unlock(session)
        name = _named(session, record)
        sent = session.query(Push).join(Posting).filter_by(record_id=record.id).order_by(Push.id)
        attempt = session.query(Attempt).filter_by(push_id=sent.first().id).first()
        attempt.error = f"Customer {name} does not exist"
    page, masked = (plain(visit(who).text(f"{ONE}?tab=pushes")) for who in ("farah", "vera"))
    assert f"Customer {name} does not exist" in page
    assert "does not exist" in masked
    assert name not in masked


def test_T05e_the_page_of_a_call_says_when_its_body_was_removed(visit, database):
    at = datetime(2026, 12, 20, 1, 0, tzinfo=UTC)
    with database.write() as session:
        call = session.get_one(Request, 1)
        call.body, call.body_removed_at = None, at
        digest = call.sha256
        run = call.run_id
    nurul = visit("nurul")
    page = nurul.text(f"{ONE}?tab=pushes")
    assert f"sha256 of what was sent: {digest}" in plain(page)
    assert "What was sent was removed on 2026-12-20 09:00" in plain(page)
    assert "/requests/1/body" not in page
    assert "removed on 2026-12-20 09:00" in plain(nurul.text(f"/c/kedai/runs/{run}"))
    gone = nurul.get("/c/kedai/requests/1/body", status=410)
    assert digest in gone.get_data(as_text=True)


def test_find_goes_straight_to_a_number(visit):
    farah = visit("farah")
    answer = farah.get("/c/kedai/find?q=SO-10240", status=303)
    assert answer.location == ONE
    assert "try" in farah.text("/c/kedai/find?q=SO-1O240").lower()


@pytest.mark.parametrize(
    ("hours", "says"),
    [
        (71, "It can be cancelled until 2026-11-"),
        (72, "It can be cancelled no more since 2026-11-"),
    ],
)
def test_a_valid_e_invoice_says_until_when_it_can_be_cancelled(visit, database, clock, hours, says):
    with database.write() as session:
        posting = session.query(Posting).filter_by(number="SO-10240", state="posted").one()
        posting.e_invoice_at = clock.now() - timedelta(hours=hours)
    page = plain(visit("farah").text(f"{ONE}?tab=pushes"))
    assert says in page
    assert ("a credit note corrects it" in page) is (hours == 72)


def test_a_value_that_is_sent_blank_is_not_called_missing(visit, monkeypatch):
    read = lineage.lineage_rows

    def blank(*asked):
        first, *others = read(*asked)
        return (first._replace(value="", sent=""), *others)

    monkeypatch.setattr(lineage, "lineage_rows", blank)
    page = visit("farah").text("/c/kedai/records/netshop/order/SO-10241?tab=lineage")
    row = page[page.index('id="lin_') :].partition("</tr>")[0]
    assert row.count("(blank)") == 2
    assert "missing" not in row


def test_only_the_values_that_differ_from_what_was_planned(visit, monkeypatch):
    """What the target was sent is changed in two of the values that are read."""
    url, farah = "/c/kedai/records/netshop/order/SO-10241?tab=lineage", visit("farah")
    page = farah.text(url)
    values = len(re.findall(r'id="lin_', page))
    assert values > 5
    assert "onlydiffer" not in page, "nothing differs"
    assert "Every value was sent as planned." in farah.text(f"{url}&only=differences")
    read = lineage.lineage_rows

    def changed(*asked):
        rows = list(read(*asked))
        for at in (1, 3):
            rows[at] = rows[at]._replace(sent=f"{rows[at].value} otherwise")
        return tuple(rows)

    monkeypatch.setattr(lineage, "lineage_rows", changed)
    page = farah.text(url)
    assert len(re.findall(r'id="lin_', page)) == values
    compared = page.count("compared, not sent")
    assert compared > 0
    sent = values - compared
    assert f" {sent - 2} of {sent} values sent as planned." in plain(page)
    found = re.search(r'id="onlydiffer" href="([^"]+)" data-key="d">Only differences \(2\)<', page)
    few = farah.text(unescape(found[1]))
    assert few.count('id="lin_') == few.count("≠ planned") == 2
    back = re.search(rf'id="onlydiffer" href="([^"]+)" data-key="d">All values \({values}\)<', few)
    assert farah.text(unescape(back[1])).count('id="lin_') == values


def test_a_record_that_is_not_there_is_answered_with_those_that_are_called_alike(visit):
    farah = visit("farah")
    page = farah.text("/c/kedai/records/netshop/order/SO-1024", status=404)
    assert "Kedai Contoh Sdn Bhd has no record SO-1024 at this address" in plain(page)
    assert 'href="/c/kedai/records/netshop/order/SO-10240?found=' in page
    elsewhere = farah.text("/c/kedai/records/netshop/refund/SO-10240", status=404)
    assert 'href="/c/kedai/records/netshop/order/SO-10240?found=' in elsewhere
    none = plain(farah.text("/c/kedai/records/netshop/order/XYZ-1", status=404))
    assert "Its number, its source or its kind may be another." in none


def test_the_timeline_is_of_one_who_acted(visit):
    farah, url = visit("farah"), f"{ONE}?tab=trace"
    page = farah.text(url)
    actors = re.findall(r'<option value="([^"]+)">', page[page.index('id="tracewho"') :])
    assert len(actors) > 1

    def steps(text):
        trace = text[text.index('<ol class="trace">') :].partition("</ol>")[0]
        return re.findall(r'<span class="who">\s*(.*?)</span>', trace)

    whole = steps(page)
    assert set(whole) == set(actors)
    for one in actors:
        assert steps(farah.text(f"{url}&who={one}")) == [who for who in whole if who == one]
    assert f'<option value="{actors[0]}" selected>' in farah.text(f"{url}&who={actors[0]}")


def test_the_rules_of_what_no_rule_posts_are_not_said_to_have_failed(visit, database):
    wanted = select(Record).where(Record.external_id == "SO-10240")
    with database.write() as session, any_move(session):
        record = session.scalars(wanted).one()
        unlock(session)
        for judged in session.scalars(select(Evaluation).where(Evaluation.record_id == record.id)):
            judged.facts = None
        record.state = RecordState.REFERENCE
    told = plain(visit("farah").text(f"{ONE}?tab=ruletree"))
    assert "No rule posts records of this kind, so there are no verdicts." in told
    assert "cannot be shown" not in told


def test_a_push_that_met_a_temporary_problem_is_not_headed_rejected(visit, database):
    with database.write() as session, any_move(session):
        unlock(session)
        wanted = select(Push).join(Posting, Posting.id == Push.posting_id).join(Record)
        push = session.scalars(wanted.where(Record.external_id == "SO-10240")).first()
        push.state, push.error_class = PushState.REFUSED, "temporary"
        for tried in session.scalars(select(Attempt).where(Attempt.push_id == push.id)):
            tried.state, tried.error_class = AttemptState.TEMPORARY, "temporary"
    page = visit("farah").text(f"{ONE}?tab=pushes")
    heads = re.findall(rf'<h3 id="h_push_{push.id}">(.*?)</h3>', page, re.DOTALL)
    assert "Temporary problem" in heads[0]
    assert "Rejected" not in heads[0]


def test_a_document_that_was_rejected_does_not_tell_what_kept_it_before(visit, database):
    asked = plain(visit("farah").text(f"{R}/SO-10220"))
    kept = re.search(r"Postings of SO-10220 .*? On hold (.+?) not yet posted", asked)
    assert kept
    assert "needs attention" not in asked
    with database.write() as session, any_move(session):
        record = session.scalars(select(Record).where(Record.external_id == "SO-10220")).one()
        posting = session.scalars(select(Posting).where(Posting.record_id == record.id)).one()
        hold = session.scalars(select(Hold).where(Hold.record_id == record.id)).first()
        posting.state, hold.message = PostingState.FAILED, "Period is locked"
    told = plain(visit("farah").text(f"{R}/SO-10220"))
    (shown,) = re.findall(r"Postings of SO-10220 .*? not yet posted", told)
    assert kept[1] not in shown
    assert "Failed Period is locked not yet posted" in shown


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        (("ignored", "posted"), 1),
        (("dropped", "held"), 1),
        (("ignored", "reversed"), 1),
        (("reversed", "ready"), 1),
        (("ignored", "ignored"), 0),
        (("posted", "ready"), 0),
    ],
)
def test_a_record_shows_the_document_that_stands_first(app, database, states, shown):
    """What the rules leave out says “not posted” of a record that is posted."""
    with database.read() as session:
        record = session.scalars(select(Record.id).where(Record.external_id == "SO-10240")).one()
        row = record_rows.list_postings(session, record)[0]
    rows = tuple(
        replace(row, id=no, state=PostingState(state), reverses_id=None)
        for no, state in enumerate(states)
    )
    with app.test_request_context("/"):
        assert shown_posting(rows) == rows[shown]
