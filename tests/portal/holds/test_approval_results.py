"""What became of each document of an approval, with the money that its dialog had promised."""

import json
import re

import pytest
from sqlalchemy import select, text

from holding.db.models import Person, Team, TeamMember
from tests.portal.holds.test_approval_question import URL, also_held, both
from tests.portal.reading import one, plain
from tests.support.databases import any_move

__all__ = ["both"]  # a fixture
pytestmark = pytest.mark.sqlite
GIVEN = "/c/kedai/holding/approvals"


def approved(person, cause, op="r-1"):
    """The documents of a cause are approved; where the answer leads to."""
    form = re.findall(
        r'name="(seen|cause|after|sethash)" value="([^"]+)"', person.text(f"{URL}?cause={cause}")
    )
    told = {name: [v for n, v in form if n == name] for name, _ in form}
    return person.post(URL, {**told, "reason": "looked at it", "op": op}, status=303).location


def tally(page):
    table = page[page.index('id="tally"') :].partition("</table>")[0]
    return [plain(row).strip() for row in re.findall(r"<tr>(.*?)</tr>", table, re.S)][1:]


def rows(page):
    table = page[page.index('id="decided"') :].partition("</table>")[0]
    found = [plain(row).strip() for row in re.findall(r"<tr role=.*?</tr>", table, re.S)]
    return {row.partition(" ")[0]: row for row in found}


def test_what_the_dialog_promised_is_what_became_of_it(visit, database, both):
    also_held(database, "SO-10221")
    lim = visit("lim")
    at = approved(lim, both)
    assert at == f"{GIVEN}/r-1"
    page = lim.text(at)
    assert "2 approved, RM 4,800.00. Still on hold for another cause: SO-10221." in plain(page)
    assert "2 documents approved, RM 4,800.00" in plain(page)
    assert "looked at it" in plain(page)
    assert tally(page) == [
        "Selected 2 RM 4,800.00",
        "Stays on hold −1 −RM 2,880.00",
        "Sent, or to be sent 1 RM 1,920.00",
        "of which posted 0 RM 0.00",
    ]
    told = rows(page)
    assert list(told) == ["SO-10221", "SO-10220"], "what needs a person first"
    assert "do not add up" in told["SO-10221"]
    assert "Ready to post" in told["SO-10220"]
    hold = one(
        database,
        "SELECT min(id) FROM hold WHERE state = 'open' AND record_id ="
        " (SELECT id FROM record WHERE number = 'SO-10221')",
    )
    assert f'href="/c/kedai/holding/{hold}"' in page


def test_it_is_found_again_and_tells_what_became_of_it_since(visit, database, both):
    lim = visit("lim")
    assert "You approved nothing yet." in lim.text(GIVEN)
    approved(lim, both)
    found = plain(lim.text(GIVEN))
    assert re.search(r"SO-1022\d and 1 more document", found)
    log = visit("nurul").text("/c/kedai/audit?what=approvals")
    assert log.count(f'href="{GIVEN}/r-1">See the approval') == 2
    with database.write() as session, any_move(session):
        session.execute(text("UPDATE posting SET state = 'posted' WHERE number = 'SO-10220'"))
    page = lim.text(f"{GIVEN}/r-1")
    assert tally(page)[-2:] == [
        "Sent, or to be sent 2 RM 4,800.00",
        "of which posted 1 RM 1,920.00",
    ]
    assert "See what was sent of SO-10220" in rows(page)["SO-10220"]
    told = json.loads(visit("nurul").get(f"{GIVEN}/r-1.json").data)
    assert [(row["record"], row["result"], row["amount"]) for row in told["rows"]] == [
        ("SO-10221", "On its way", "2880.00"),
        ("SO-10220", "Posted", "1920.00"),
    ]
    assert told["meta"]["filter"]["given by"] == "Lim"


def test_what_was_approved_keeps_its_money_when_the_document_changes(visit, database, both):
    lim = visit("lim")
    approved(lim, both)
    with database.write() as session:
        session.execute(
            text("UPDATE posting SET amount = 99, state = 'held' WHERE number = 'SO-10220'")
        )
        query = "SELECT id FROM posting WHERE number = 'SO-10220'"
        session.execute(
            text(
                "UPDATE approval SET voided_at = '2026-11-20T05:00:00.000000Z'"
                f" WHERE posting_id = ({query})"
            )
        )
    page = lim.text(f"{GIVEN}/r-1")
    assert "2 documents approved, RM 4,800.00" in plain(page)
    assert "Approval no longer valid −1 −RM 1,920.00" in tally(page)
    assert "The document changed since it was approved." in rows(page)["SO-10220"]


def test_what_was_left_out_says_why(visit, database, both):
    page = visit("lim").text(f"{URL}?cause={both}")
    form = re.findall(r'name="(seen|cause|after|sethash)" value="([^"]+)"', page)
    told = {name: [v for n, v in form if n == name] for name, _ in form}
    with database.write() as session:
        others = Team(company_id=1, name="others", title="Other desk")
        session.add(others)
        session.flush()
        tan = session.scalars(select(Person).where(Person.email == "tan@kedai.my")).one()
        session.add(TeamMember(team_id=others.id, person_id=tan.id))
        query = "SELECT id FROM posting WHERE number = 'SO-10220'"
        session.execute(
            text(f"UPDATE hold SET team_id = :team WHERE posting_id = ({query})"),
            {"team": others.id},
        )
    lim = visit("lim")
    at = lim.post(URL, {**told, "reason": "looked at it", "op": "r-2"}, status=303).location
    page = lim.text(at)
    assert "1 document approved, RM 2,880.00" in plain(page)
    assert tally(page)[:3] == [
        "Selected 2 RM 4,800.00",
        "Not approved −1 −RM 1,920.00",
        "Approved 1 RM 2,880.00",
    ]
    assert "You are not in the team that approves it" in rows(page)["SO-10220"]


def test_an_approval_that_was_undone_says_so(visit, both, monkeypatch):
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    lim = visit("lim")
    at = approved(lim, both)
    lim.post("/c/kedai/holding/undo", {"undo": "r-1"}, status=303)
    page = lim.text(at)
    assert tally(page) == [
        "Selected 2 RM 4,800.00",
        "Undone −2 −RM 4,800.00",
        "Sent, or to be sent 0 RM 0.00",
        "of which posted 0 RM 0.00",
    ]


def test_nobody_of_another_company_finds_it_nor_what_is_no_approval(visit, both):
    lim = visit("lim")
    approved(lim, both)
    stranger = visit("stranger", company="lain")
    stranger.get(f"/c/lain/holding/approvals/{'r-1'}", status=404)
    stranger.get(f"{GIVEN}/r-1", status=404)
    lim.get(f"{GIVEN}/none", status=404)


def test_one_document_leads_back_to_the_list(visit, database, both):
    lim = visit("lim")
    posting = one(database, "SELECT id FROM posting WHERE number = 'SO-10220'")
    page = lim.text(f"{URL}?posting={posting}")
    form = dict(re.findall(r'name="(seen|sethash)" value="([^"]+)"', page))
    done = lim.post(URL, {**form, "reason": "looked at it", "op": "r-3"}, status=303)
    assert done.location == "/c/kedai/holding?view=approve"
    assert "1 document approved" in plain(lim.text(f"{GIVEN}/r-3"))


@pytest.mark.parametrize(
    ("held", "bar"),
    [
        (("SO-10220", "SO-10221"), "2 approved. Undo within 30 s. Undo"),
        (("SO-10221",), "2 approved. Sending in 30 s. Undo"),
    ],
)
def test_the_bar_speaks_of_sending_only_where_something_of_it_is_sent(
    visit, database, both, monkeypatch, held, bar
):
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    for number in held:
        also_held(database, number)
    lim = visit("lim")
    approved(lim, both)
    assert bar in plain(lim.text("/c/kedai/runs"))
    lim.post("/c/kedai/holding/undo", {"undo": "r-1"}, status=303)
    assert one(database, "SELECT count(*) FROM approval WHERE voided_by_id IS NULL") == 0
