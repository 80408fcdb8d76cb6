"""The audit log: its filters, its pages, its files, and who sees what of it."""

import io
import re
from datetime import timedelta
from zipfile import ZipFile
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select, text

from holding.access.actors import SYSTEM
from holding.db.database import Database
from holding.db.models import Company, Event, EventLink
from holding.platform import event_log
from holding.platform import events as chain
from holding.platform.events import Anchor, Anchors, Fact, Head, record_events
from holding.platform.settings import Settings
from portal.operations import audit_log
from tests.portal.listing import read_csv, read_json
from tests.portal.reading import hold_of, one, plain
from tests.support.clock import SetClock
from tests.support.databases import unlock

LOG = "/c/kedai/audit"


def tell(database: Database, clock: SetClock, *says: str, act: str = "clock.set_back", **more):
    """So many events of the company, a minute apart, the last of them now."""
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    with database.write() as session:
        facts = [
            Fact(
                company_id=company,
                at=clock.now() - timedelta(minutes=len(says) - n - 1),
                act=act,
                body={"say": say},
                actor=SYSTEM,
                **more,
            )
            for n, say in enumerate(says)
        ]
        record_events(session, facts)


def shown(page: str) -> list[str]:
    return [part.split('"')[0] for part in page.split('id="auditrow_')[1:]]


def test_an_auditor_reads_everything_newest_first_by_pages_of_fifty(visit, database, clock):
    nurul = visit("nurul")
    tell(database, clock, *[f"Event number {n}." for n in range(120)])
    first = nurul.text(LOG)
    assert len(shown(first)) == 50
    assert "Event number 119." in first
    assert "Event number 69." not in first
    link = first.split('class="page"><a class="btn" href="')[1].split('"')[0]
    second = nurul.text(link.replace("&amp;", "&"))
    assert "Event number 69." in second
    assert set(shown(first)).isdisjoint(shown(second))
    seen = [*shown(first), *shown(second)]
    newest = one(database, "SELECT max(id) FROM event")
    assert seen[0] == str(newest)


def test_events_of_one_moment_are_neither_lost_nor_shown_twice_at_the_end_of_a_page(
    visit, database, clock
):
    nurul = visit("nurul")
    clock.advance(60)
    company = one(database, "SELECT id FROM company WHERE code = 'kedai'")
    with database.write() as session:
        record_events(
            session,
            [
                Fact(company_id=company, at=clock.now(), act="clock.set_back", body={"say": "x"})
                for _ in range(60)
            ],
        )
    first = nurul.text(LOG)
    link = first.split('class="page"><a class="btn" href="')[1].split('"')[0]
    second = nurul.text(link.replace("&amp;", "&"))
    ids = [int(n) for n in (*shown(first), *shown(second)[:10])]
    assert ids == list(range(ids[0], ids[0] - 60, -1))


def test_filters_by_person_act_record_and_day(visit, database, clock):
    nurul = visit("nurul")
    adam = one(database, "SELECT id FROM person WHERE email = 'adam@kedai.my'")
    record = one(database, "SELECT id FROM record WHERE number = 'SO-10240'")
    tell(database, clock, "A mapping was changed.", act="mapping.fixed")
    tell(database, clock, "Of one record.", act="record.woken", record_id=record)
    assert "A mapping was changed." in nurul.text(f"{LOG}?what=mappings")
    assert "Of one record." not in nurul.text(f"{LOG}?what=mappings")
    of_record = nurul.text(f"{LOG}?on=SO-10240")
    assert "Of one record." in of_record
    assert "A mapping was changed." not in of_record
    with database.read() as session:
        expected = {
            str(event.id) for event in session.query(Event).filter(Event.person_id == adam).all()
        }
    assert expected
    assert set(shown(nurul.text(f"{LOG}?who={adam}"))) == expected
    assert "A mapping was changed." in nurul.text(f"{LOG}?who=system")
    day = clock.now().date()
    assert "A mapping was changed." in nurul.text(f"{LOG}?from={day}&to={day}")
    before = day - timedelta(days=3)
    assert "A mapping was changed." not in nurul.text(f"{LOG}?to={before}")
    assert "No event fits." in nurul.text(f"{LOG}?from={day + timedelta(days=3)}")


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("from=20+Nov", "Enter a day as 2026-11-20."),
        ("from=2026-11-20&to=2026-11-19", "The last day is before the first."),
    ],
)
def test_a_day_that_is_none_is_told(visit, asked, words):
    assert words in visit("nurul").text(f"{LOG}?{asked}", status=422)
    assert words in visit("nurul").text(f"{LOG}.csv?{asked}", status=422)


def test_who_may_not_view_the_log_sees_their_own_acts_alone(visit, database, clock):
    farah, olga = visit("farah"), visit("olga")
    tell(database, clock, "Nothing of yours.")
    page = farah.text(f"{LOG}?who=system")
    assert "Nothing of yours." not in page
    assert "These are your own acts." in page
    own = one(
        database,
        "SELECT count(*) FROM event JOIN person ON person.id = event.person_id"
        " WHERE person.name LIKE 'Farah%'",
    )
    assert len(shown(page)) == min(own, 50)
    assert len(read_csv(farah.get(f"{LOG}.csv").data).rows) == own
    assert {row["person"] for row in read_json(olga.get(f"{LOG}.json").data)["rows"]} <= {"Olga"}


def test_a_file_holds_what_the_list_shows_and_that_it_was_taken_is_an_event(visit, database, clock):
    nurul = visit("nurul")
    tell(database, clock, "=1+1 was said.", "Plain.", act="company.due_set")
    query = "what=company&from=2020-01-01"
    listed = shown(nurul.text(f"{LOG}?{query}"))
    answer = nurul.get(f"{LOG}.csv?{query}")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = read_csv(answer.data).rows
    assert [row["Event"] for row in rows] == listed
    assert rows[1]["What happened"] == "'=1+1 was said."
    told = read_json(nurul.get(f"{LOG}.json?{query}").data)["rows"]
    assert [row["event"] for row in told] == listed
    assert told[1]["what_happened"] == "=1+1 was said."
    with ZipFile(io.BytesIO(nurul.get(f"{LOG}.xlsx?{query}").get_data())) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert "=1+1 was said." in sheet
    assert "<f>" not in sheet
    exports = plain(nurul.text(f"{LOG}?what=evidence"))
    asked = "Filter: about: Company, from: 2020-01-01."
    assert f"downloaded {len(listed)} rows of the audit log as CSV. {asked}" in exports
    assert "as Excel." in exports


def test_too_many_for_a_file_are_refused_and_none_is_cut(visit, monkeypatch):
    monkeypatch.setattr("portal.web.list_file.MOST", 5)
    page = plain(visit("nurul").text(f"{LOG}.csv", status=409))
    assert "More than 5 rows match, too many for one file." in page


def test_the_head_says_since_when_events_are_sealed_and_how_that_is_verified(
    visit, database, clock
):
    adam = visit("adam")
    assert "No event is sealed yet." in plain(adam.text(LOG))
    chain.link_due_events(database, now=clock.now() + timedelta(hours=1), all_events=True)
    with database.read() as session:
        company = select(Company.id).where(Company.code == "kedai").scalar_subquery()
        linked = select(Event.at).join(EventLink, EventLink.event_id == Event.id)
        mine = linked.where(Event.company_id == company).order_by(EventLink.seq)
        first = session.scalars(mine.limit(1)).one()
    told = plain(adam.text(LOG))
    local = first.astimezone(ZoneInfo("Asia/Kuala_Lumpur"))
    assert f"events sealed since {local:%Y-%m-%d %H:%M}" in told
    assert "each with the hash of the one before" in told
    assert "clearpost verify --company kedai" in told


def test_another_companys_events_are_not_there(visit, database, clock):
    company = one(database, "SELECT id FROM company WHERE code <> 'kedai'")
    nurul = visit("nurul")
    with database.write() as session:
        record_events(
            session,
            [Fact(company_id=company, at=clock.now(), act="clock.set_back",
                  body={"say": "Of strangers."})],
        )  # fmt: skip
    theirs = one(database, "SELECT max(id) FROM event")
    assert "Of strangers." not in nurul.text(LOG)
    assert "Of strangers." not in nurul.text(f"{LOG}.json")
    assert shown(nurul.text(f"{LOG}?after={theirs}")) == []


def caption(page: str) -> str:
    return plain(page[page.index("<caption") :].partition("</caption>")[0]).strip()


def test_the_list_says_how_many_events_fit(visit, database, clock, monkeypatch):
    nurul = visit("nurul")
    clock.advance(60)
    tell(database, clock, *[f"Event number {n}." for n in range(70)])
    clock_group = f"{LOG}?who=system&from=2026-11-20"
    fitting = one(database, "SELECT count(*) FROM event WHERE person_id IS NULL")
    assert caption(nurul.text(clock_group)) == f"{fitting:,} events match, newest first"
    older = nurul.text(clock_group).split('class="page"><a class="btn" href="')[1].split('"')[0]
    last = nurul.text(older.replace("&amp;", "&"))
    assert caption(last) == f"{fitting:,} events match, newest first"
    assert caption(nurul.text(LOG)) == "Events, newest first"
    monkeypatch.setattr(event_log, "MOST_COUNTED", 60)
    monkeypatch.setattr(event_log.count_events, "__kwdefaults__", {"most": 60})
    assert caption(nurul.text(clock_group)) == "More than 60 events match, newest first"
    page = nurul.text(f"{LOG}?on=SO-10240")
    record = "SELECT id FROM record WHERE number = 'SO-10240'"
    few = one(database, f"SELECT count(*) FROM event WHERE record_id = ({record})")
    assert caption(page) == f"{few} events match, newest first"


def test_an_auditor_verifies_the_log_on_its_page(visit, database, clock):
    chain.link_due_events(database, now=clock.now(), all_events=True)
    events = one(database, "SELECT max(seq) FROM event_link")
    nurul, farah = visit("nurul"), visit("farah")
    assert f"Verify {events} events" in plain(nurul.text(LOG))
    assert "Verify" not in plain(farah.text(LOG))
    farah.post(f"{LOG}/verify", {}, status=403)
    told = plain(nurul.post(f"{LOG}/verify", {}, status=200).text)
    assert f"{events} events verified: none was changed or removed since it was sealed." in told
    assert "No head was noted outside the database here" in told


def test_a_long_log_is_verified_part_by_part(visit, database, clock, monkeypatch):
    chain.link_due_events(database, now=clock.now(), all_events=True)
    events = one(database, "SELECT max(seq) FROM event_link")
    monkeypatch.setattr(audit_log, "STRETCH", events - 1)
    nurul = visit("nurul")
    first = nurul.post(f"{LOG}/verify", {}, target="verified", status=200).text
    assert f"{events - 1} of {events} events verified." in plain(first)
    assert first.lstrip().startswith('<div id="verified"')
    rest = nurul.post(f"{LOG}/verify", {"after": str(events - 1)}, status=200).text
    assert f"{events} events verified: none was changed" in plain(rest)


def test_a_changed_event_is_named_where_the_log_is_verified(visit, database, clock, monkeypatch):
    chain.link_due_events(database, now=clock.now(), all_events=True)
    with database.write() as session:
        unlock(session)
        session.execute(
            text("UPDATE event SET body = '{}' WHERE id ="
                 " (SELECT event_id FROM event_link WHERE seq = 3)")
        )  # fmt: skip
    nurul = visit("nurul")
    told = plain(nurul.post(f"{LOG}/verify", {}, status=200).text)
    assert "The audit log was changed: 1 break" in told
    assert "at place 3 is not what was sealed" in told
    assert "none was changed" not in told
    monkeypatch.setattr(audit_log, "STRETCH", 4)
    part = plain(nurul.post(f"{LOG}/verify", {}, target="verified", status=200).text)
    assert "The audit log was changed: 1 break" in part


def test_a_head_that_was_noted_outside_counts(visit, database, clock):
    chain.link_due_events(database, now=clock.now(), all_events=True)
    events = one(database, "SELECT max(seq) FROM event_link")
    anchors = Anchors(Settings.from_env().anchor_file)
    anchors.note(database, clock.now())
    nurul = visit("nurul")
    told = plain(nurul.post(f"{LOG}/verify", {}, status=200).text)
    assert "1 head noted outside the database agrees." in told
    beyond = Head(events + 5, "ab" * 32)
    anchors.add([Anchor(clock.now(), "kedai", beyond)])
    cut = plain(nurul.post(f"{LOG}/verify", {}, status=200).text)
    assert f"Place {events + 5} of the chain is not what was noted" in cut


def test_packets_have_views_of_the_log_with_the_record_to_make_one_for(visit):
    """The tab of escalations leads to the form of a record by its number, and to its packet."""
    farah, log = visit("farah"), "/c/kedai/audit"
    page = farah.text(f"{log}?what=escalations")
    assert "No packet was made yet." in page
    assert re.search(r'id="tabescalations" aria-current="page"', page)
    for use, place in (("escalate", "/escalate/"), ("evidence", "/evidence/")):
        there = farah.client.get(f"/c/kedai/find?q=SO-10203&to={use}")
        assert there.location == f"/c/kedai{place}netshop/order/SO-10203"
    assert farah.client.get("/c/kedai/find?q=SO-10203&to=no").location.startswith(
        "/c/kedai/records"
    )
    form = farah.text("/c/kedai/escalate/netshop/order/SO-10203")
    message = re.search(r'name="exact_message"[^>]*>([^<]*)<', form)
    told = {"record_number": "SO-10203", "expected_result": "An invoice.", "op": "packet-1"}
    told["exact_message"] = message[1] if message else ""
    packet = farah.post("/c/kedai/escalate/netshop/order/SO-10203", told, status=303).location
    assert f'href="{packet}"' in farah.text(f"{log}?what=escalations")
    assert packet not in farah.text(f"{log}?what=packets")


def test_the_reason_of_a_decision_has_its_own_column_in_the_file(visit, database):
    lim, home = visit("lim"), "/c/kedai/holding"
    approved = one(database, "SELECT id FROM hold WHERE number = 'SO-10220' AND code = 'APP01'")
    seen = re.findall(r'name="seen" value="([^"]+)"', lim.text(f"{home}/{approved}"))
    form = {"seen": seen, "reason": "as agreed", "op": "r-1"}
    lim.post(f"{home}/approve", form, status=303)
    hold = hold_of(database, "SO-10203", "CHK01")
    lim.post(f"{home}/{hold}/reject", {"reason": "not wanted", "op": "r-2"}, status=303)
    visit("olga").post("/c/kedai/connections/aiaccount/pause", {"reason": "month end"}, status=303)
    rows = read_csv(visit("nurul").get("/c/kedai/audit.csv").data).rows
    for reason in ("as agreed", "not wanted", "month end"):
        (row,) = [row for row in rows if row["Reason"] == reason]
        assert row["What happened"].rstrip(".").endswith(f": {reason}")


def test_the_reason_of_a_release_and_of_a_correction_has_it_too(visit, database):
    lim, home = visit("lim"), "/c/kedai/holding"
    hold = hold_of(database, "SO-10203", "CHK01")
    lim.post(f"{home}/{hold}/release", {"reason": "checked", "op": "r-3"}, status=303)
    wrong = hold_of(database, "SO-10210")
    form = {"path": "customer", "value": "C-77", "rev": "1", "reason": "mistyped", "op": "r-4"}
    visit("farah").post(f"{home}/{wrong}/correct", form, status=303)
    rows = read_csv(visit("nurul").get("/c/kedai/audit.csv").data).rows
    assert {"checked", "mistyped"} <= {row["Reason"] for row in rows}
