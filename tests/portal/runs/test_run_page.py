"""The page of a run begins with what did not go, is paged, and has its documents as files."""

import csv
import html
import io
import json
import re

import pytest
from sqlalchemy import select

from holding.db.database import Database
from holding.db.models import Company, Posting, Push, Record, Version
from holding.db.models.columns import PushState
from holding.runs import run_documents
from tests.portal.reading import plain
from tests.support.databases import unlock
from tests.support.sent_runs import make_run, send_in_run

pytestmark = pytest.mark.sqlite
MANY = 60


@pytest.fixture
def runs(database: Database) -> tuple[int, int]:
    """A run of three documents, one of them refused, and the next of many, two of them refused."""
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        found = []
        for count, refused in ((3, 1), (MANY, 2)):
            run = make_run(session, company)
            for n in range(count):
                state = PushState.REFUSED if n < refused else PushState.ACCEPTED
                send_in_run(session, company, run, f"IV-{run.id}-{n}", state)
            found.append(run.id)
        return found[0], found[1]


@pytest.mark.slow
def test_a_run_of_many_documents_is_paged_and_light(visit, runs):
    farah = visit("farah")
    address = f"/c/kedai/runs/{runs[1]}"
    assert len(farah.get(address).data) < 60_000
    seen, further = [], address
    while further:
        page = farah.text(further)
        rows = re.findall(r'id="pushrow_(\d+)"', page)
        assert 0 < len(rows) <= 50
        seen += rows
        more = re.search(r'href="([^"]*after=[^"]*)"', page)
        further = more[1] if more else ""
    assert len(seen) == len(set(seen)) == MANY
    assert _calls(farah, address) == MANY
    lines = farah.get(f"{address}.csv").data.decode("utf-8-sig")
    assert len(list(csv.reader(io.StringIO(lines)))) == MANY + 2
    told = json.loads(farah.get(f"{address}.json").data)["rows"]
    assert [one["answer"] for one in told[:3]] == ["refused", "refused", "accepted"]
    assert {one["amount"] for one in told} == {"20.00"}
    assert farah.get(f"{address}.xlsx").data.startswith(b"PK")
    assert "Aisyah" not in lines


def _calls(farah, further):
    """How many calls are listed on all pages of them."""
    found = set()
    while further:
        page = farah.text(further)
        found |= set(re.findall(r">Posting request (\d+)<", page))
        more = re.search(r'href="([^"]*[?&;]calls=[^"#]*)', page)
        further = more[1] if more else ""
    return len(found)


def test_what_did_not_go_stands_first_and_beside_the_run_before(visit, runs):
    page = visit("farah").text(f"/c/kedai/runs/{runs[1]}")
    said = plain(page)
    assert f"2 of {MANY} documents not posted: RM 40.00" in said
    reason = plain(page[page.index('id="notposted"') :].partition("</table>")[0])
    assert "October is closed" in reason
    assert "Period locked" in reason
    assert "2 RM 40.00" in reason
    assert said.index("October is closed") < said.index("those not posted first")
    beside = plain(page[page.index('id="againstbefore"') :].partition("</table>")[0])
    assert re.search(r"Accepted 58 RM 1,160.00 2 RM 40.00 \+56", beside), beside
    assert re.search(r"Rejected 2 RM 40.00 1 RM 20.00 \+1", beside), beside
    assert re.search(r"All documents 60 RM 1,200.00 3 RM 60.00 \+57 \+RM 1,140.00", beside), beside
    assert "57 documents more than in run" in said
    first = visit("farah").text(f"/c/kedai/runs/{runs[0]}")
    assert 'id="againstbefore"' not in first


def test_what_came_in_since_the_run_before_is_told_in_sentences(visit, runs, monkeypatch):
    """Also where the run before has none before it, or one long ago."""
    came = run_documents.Came(1, 1, {"MYR": 49_335})
    one, two = (came,), (came, run_documents.Came(2, 0, {}))
    told = []
    for found in (one, two):
        monkeypatch.setattr(run_documents, "arrived_records", lambda *_, found=found: found)
        page = visit("farah").text(f"/c/kedai/runs/{runs[1]}")
        told.append(plain(page[page.index('id="camein"') :].partition("</p>")[0]))
    now = "On hold now: 1 record, RM 493.35."
    assert f"1 record came in since that run. {now}" in told[0]
    assert f"since that run. In the time before it: 2 records. {now}" in told[1]


def test_a_run_of_fewer_documents_says_so_and_leads_to_what_is_on_hold(visit, database, runs):
    with database.write() as session:
        company = session.scalars(select(Company).where(Company.code == "kedai")).one()
        run = make_run(session, company)
        send_in_run(session, company, run, "IV-few", PushState.ACCEPTED)
        last = run.id
    page = visit("farah").text(f"/c/kedai/runs/{last}")
    assert f"{MANY - 1} documents fewer than in run {runs[1]}." in plain(page)
    beside = plain(page[page.index('id="againstbefore"') :].partition("</table>")[0])
    assert re.search(r"All documents 1 RM 20.00 60 RM 1,200.00 −59 −RM 1,180.00", beside), beside
    assert re.search(r'href="/c/kedai/holding" id="nottaken"', page)


@pytest.mark.slow
def test_nobody_of_another_company_sees_a_run_and_no_place_is_the_beginning(visit, runs):
    stranger = visit("stranger", company="lain")
    for ending in ("", ".csv", ".json"):
        stranger.get(f"/c/kedai/runs/{runs[1]}{ending}", status=404)
        stranger.get(f"/c/lain/runs/{runs[1]}{ending}", status=404)
    farah = visit("farah")
    for word in ("x", "1.", ".5", "1.x"):
        assert "IV-" in farah.text(f"/c/kedai/runs/{runs[0]}?after={word}")


def test_a_record_leads_on_through_the_list_of_the_run_that_one_came_from(visit, runs):
    farah, (run, _) = visit("farah"), runs
    listing = f"/c/kedai/runs/{run}"
    listed = linked(farah.text(listing))
    assert len(listed) == 3
    assert all(f"run={run}" in one for one in listed)
    page = farah.text(listed[0])
    tabs = re.findall(r'<a href="([^"]+)"[^>]* id="tab', page)
    assert tabs
    assert all(f"run={run}" in html.unescape(one) for one in tabs)
    for at in listed[1:]:
        onward = farah.get(way(page, "next"), status=303).location
        assert onward == at
        page = farah.text(onward)
    assert farah.get(way(page, "next"), status=303).location == listing
    assert "That was the last document of this run." in farah.text(listing)
    for at in listed[1::-1]:
        back = farah.get(way(page, "previous"), status=303).location
        assert back == at
        page = farah.text(back)
    assert farah.get(way(page, "previous"), status=303).location == listing
    assert "That was the first document of this run." in farah.text(listing)
    assert "ofrun" not in farah.text(listed[0].replace(f"&run={run}", ""))
    farah.get("/c/kedai/runs/98765/next/1", status=404)
    assert farah.get(f"{listing}/next/98765", status=303).location == listing


def linked(page):
    """The records that a page leads to."""
    return list(map(html.unescape, re.findall(r'href="\s*(/c/kedai/records/[^"]+)"', page)))


def way(page, name):
    """Where the record before or behind is."""
    return html.unescape(re.search(rf'id="{name}ofrun" data-key="[np]" href="([^"]+)"', page)[1])


def test_what_a_target_answers_names_no_customer_to_who_may_not_see_one(visit, database, runs):
    with database.write() as session:
        refused = session.query(Push).filter_by(state=PushState.REFUSED).order_by(Push.id).first()
        record = session.get_one(Record, session.get_one(Posting, refused.posting_id).record_id)
        record.party = "Aisyah binti Rahman"
        unlock(session)
        version = session.get_one(Version, record.version_id)
        version.body = {**version.body, "email": "aisyah@example.com"}
        refused.error = "Customer Aisyah binti Rahman does not exist: aisyah@example.com"
    for address in (f"runs/{runs[0]}", "pushes?state=refused", f"runs/{runs[0]}.csv", "pushes.csv"):
        seen, named, masked = (
            visit(who).get(f"/c/kedai/{address}").get_data(as_text=True)
            for who in ("farah", "adam", "vera")
        )
        assert "Aisyah binti" in named, "an administrator maps customers"
        assert "aisyah@" not in named, address
        assert "Customer Aisyah binti Rahman does not exist" in seen, address
        assert "does not exist" in masked, address
        assert "Aisyah binti" not in masked, address
        assert "aisyah@" not in masked, address
