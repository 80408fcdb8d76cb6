"""The dialog of an approval is a subtraction that adds up, and the result says the same."""

import re

import pytest
from sqlalchemy import text

from bench.page_bench import MOST_STATEMENTS
from tests.portal.reading import one, plain, works

pytestmark = pytest.mark.sqlite
URL = "/c/kedai/holding/approve"


@pytest.fixture
def both(database):
    return one(database, "SELECT id FROM cause WHERE key LIKE 'approve:%'")


def also_held(database, number: str) -> None:
    """The document waits for another cause, too: that of a sum that does not add up."""
    with database.write() as session:
        names = [row[1] for row in session.execute(text("PRAGMA table_info(hold)"))]
        asks = "code = 'APP01' AND state = 'open' AND record_id IN"
        asks += f" (SELECT id FROM record WHERE number = '{number}')"
        other = "SELECT {} FROM hold WHERE rule = 'adds_up' AND state = 'open' LIMIT 1"
        given = {name: f"({other.format(name)})" for name in ("code", "cause_id", "rule")}
        given["id"] = "(SELECT max(id) + 99999 FROM hold)"
        told = ", ".join(given.get(name, f'"{name}"') for name in names)
        session.execute(text(f"INSERT INTO hold SELECT {told} FROM hold WHERE {asks}"))


def steps(page: str) -> list[str]:
    table = page[page.index('id="balance"') :].partition("</table>")[0]
    return [plain(row).strip() for row in re.findall(r"<tr>(.*?)</tr>", table, re.S)][1:]


def test_where_all_of_it_will_be_posted_no_table_stands_in_the_way(visit, both):
    page = visit("lim").text(f"{URL}?cause={both}")
    assert 'id="balance"' not in page
    assert "Approve 2 documents, RM 4,800.00" in plain(page)


def test_what_stays_on_hold_is_taken_off_with_its_cause(visit, database, both):
    also_held(database, "SO-10221")
    lim = visit("lim")
    page = lim.text(f"{URL}?cause={both}")
    found = steps(page)
    assert found[0] == "Selected 2 RM 4,800.00"
    assert re.match(r"Stays on hold SO-10221: .*do not add up.* −1 −RM 2,880\.00$", found[1]), found
    assert found[2] == "Will be posted 1 RM 1,920.00"
    assert re.search(r'id="approvego">Approve 2 documents, RM.4,800\.00<', page)
    form = re.findall(r'name="(seen|cause|after|sethash)" value="([^"]+)"', page)
    data = {name: [v for n, v in form if n == name] for name, _ in form}
    done = lim.post(URL, {**data, "reason": "looked at it", "op": "s-1"}, status=303)
    told = plain(lim.text(done.location))
    assert "2 approved, RM 4,800.00. Still on hold for another cause: SO-10221." in told


def test_what_this_person_cannot_approve_is_not_in_the_button(visit, database, both):
    lim = "(SELECT id FROM person WHERE email = 'lim@kedai.my')"
    with database.write() as session:
        session.execute(text(f"DELETE FROM team_member WHERE person_id = {lim}"))
    page = visit("lim").text(f"{URL}?cause={both}")
    assert "You cannot approve 2 documents, RM 4,800.00" in plain(page)
    assert "you are not in the team that approves it; Tan can approve" in plain(page)
    assert 'id="approvego"' not in page
    assert "approvereason" not in page


def test_after_a_change_the_button_names_what_this_person_can_approve(visit, database, both):
    lim, tan = visit("lim"), visit("tan")
    seen = re.findall(r'name="seen" value="([^"]+)"', lim.text(f"{URL}?cause={both}"))
    tan.post(URL, {"seen": seen[:1], "reason": "looked at it", "op": "t-1"}, status=303)
    form = {"seen": seen, "cause": both, "reason": "looked at it"}
    told = lim.post(URL, form | {"op": "l-1"}, status=409).get_data(as_text=True)
    assert re.search(r'id="approveunchanged">Approve the 1 unchanged, RM.2,880\.00<', told)
    with database.write() as session:
        session.execute(text("DELETE FROM team_member WHERE person_id ="
                             " (SELECT id FROM person WHERE email = 'lim@kedai.my')"))  # fmt: skip
    told = lim.post(URL, form | {"op": "l-2"}, status=409).get_data(as_text=True)
    assert 'id="approveunchanged"' not in told


def test_of_two_currencies_each_is_taken_off(visit, database, both):
    """`−RM 1,920.00 + SGD 2,880.00` would be less of one and more of the other."""
    also_held(database, "SO-10220")
    also_held(database, "SO-10221")
    with database.write() as session:
        content = "content = json_set(content, '$.currency', 'SGD')"
        update = f"UPDATE posting SET currency = 'SGD', {content} WHERE number = 'SO-10221'"
        session.execute(text(update))
        of_posting = "posting_id = (SELECT id FROM posting WHERE number = 'SO-10221')"
        session.execute(text(f"UPDATE hold SET currency = 'SGD' WHERE {of_posting}"))
    found = steps(visit("lim").text(f"{URL}?cause={both}"))
    assert found[1].endswith("−2 −RM 1,920.00 −SGD 2,880.00"), found[1]


def in_teams_of_their_own(database, both) -> None:
    """Each document of the cause asks another team, in which is nobody; another team answers for
    both.
    """
    with database.write() as session:
        holds = f"SELECT id FROM hold WHERE cause_id = {both} AND state = 'open'"
        for hold_id in session.execute(text(holds)).scalars().all():
            values = f"SELECT company_id, 'team_{hold_id}', 'Team' FROM hold WHERE id = {hold_id}"
            session.execute(text(f"INSERT INTO team (company_id, name, title) {values}"))
            team = f"(SELECT id FROM team WHERE name = 'team_{hold_id}')"
            session.execute(text(f"UPDATE hold SET team_id = {team} WHERE id = {hold_id}"))
        settings = "json_set(settings, '$.fallback_team', 'sales_admin')"
        session.execute(text(f"UPDATE company SET settings = {settings} WHERE code = 'kedai'"))


@pytest.mark.parametrize("refused", [False, True])
def test_it_asks_few_questions_however_many_teams_are_asked(
    visit, database, clock, statements, both, refused
):
    lim = visit("lim")
    works(database, clock)
    if refused:
        in_teams_of_their_own(database, both)
    page = lim.text(f"{URL}?cause={both}")
    assert ("You cannot approve 2 documents" in plain(page)) == refused
    statements.clear()
    lim.text(f"{URL}?cause={both}")
    asked = [one for one in statements if not one.startswith("BEGIN")]
    assert 0 < len(asked) <= MOST_STATEMENTS, "\n".join(one[:150] for one in asked)
