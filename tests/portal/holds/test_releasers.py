"""Who may let a hold go, as its page says it before anybody decides."""

import re

import pytest
from sqlalchemy import select, update

from holding.db.models import Hold, Person, Team, TeamMember
from tests.portal.reading import hold_of, one, plain

pytestmark = pytest.mark.sqlite
H = "/c/kedai/holding"


@pytest.fixture
def hold(database):
    """A hold that Tan's team lets go, and not that of Lim."""
    wanted = hold_of(database, "SO-10203", "CHK01")
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == wanted).values(clears="by:tax"))
        company = session.get_one(Hold, wanted).company_id
        team = Team(company_id=company, name="tax", title="Tax desk")
        session.add(team)
        session.flush()
        tan = session.scalars(select(Person.id).where(Person.name.like("Tan%"))).one()
        session.add(TeamMember(team_id=team.id, person_id=tan))
    return wanted


def test_who_is_not_in_the_team_sees_so_before_trying(visit, hold, database):
    raw = visit("lim").text(f"{H}/{hold}")
    page = plain(raw)
    assert f'id="release{hold}" aria-disabled="true"' in raw
    assert re.search(r"This is released by Tax desk, and you are not in it\. Tan[^.]* can", page)
    assert re.search(r"\. Releasable by: Tan[^,]*\.", page)
    assert f'id="reject{hold}" aria-disabled' not in raw, "no team is asked to reject"
    form = {"reason": "looks right", "op": "o-1"}
    assert visit("lim").post(f"{H}/{hold}/release", form).status_code == 403
    assert f'id="release{hold}" aria-disabled' not in visit("tan").text(f"{H}/{hold}")
    visit("tan").post(f"{H}/{hold}/release", form, status=303)
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "released"


def test_who_is_not_in_the_team_still_rejects(visit, hold, database):
    assert f'id="reject{hold}"' in visit("lim").text(f"{H}/{hold}")
    visit("lim").post(f"{H}/{hold}/reject", {"reason": "not wanted", "op": "o-1"}, status=303)
    assert one(database, f"SELECT state FROM hold WHERE id = {hold}") == "cleared"


def test_what_nobody_may_release_says_where_it_is_changed(visit, hold, database):
    said = "Change SO-10203 in "
    assert said not in plain(visit("lim").text(f"{H}/{hold}")), "it is released here"
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == hold).values(clears="itself"))
    page = plain(visit("lim").text(f"{H}/{hold}"))
    assert f"{said}NetShop: the new version is checked as soon as it arrives." in page
    assert "If nothing is to be posted, an approver rejects it below." in page


def test_where_nobody_may_it_is_said_why_and_who_changes_that(visit, hold, database):
    assert "has nobody who may" not in plain(visit("lim").text(f"{H}/{hold}"))
    with database.write() as session:
        farah = select(Person.id).where(Person.email.like("farah%")).scalar_subquery()
        of_tax = TeamMember.team_id == select(Team.id).where(Team.name == "tax").scalar_subquery()
        session.execute(update(TeamMember).where(of_tax).values(person_id=farah))
    page = plain(visit("lim").text(f"{H}/{hold}"))
    assert "Releasable by: no one yet." in page
    said = "Tax desk has nobody who may release it and had no hand in it."
    assert re.search(rf"{said} Ask [^.]+ to add somebody\.", page)
    assert "no other user can yet" not in page
    assert f"{said} " in plain(visit("farah").text(f"{H}/{hold}")), "whatever role they have"


def test_what_nobody_may_release_is_said_in_a_sentence(visit, hold, database):
    with database.write() as session:
        session.execute(update(Hold).where(Hold.id == hold).values(clears="itself"))
    page = plain(visit("lim").text(f"{H}/{hold}"))
    assert "Nobody releases it: a change clears it." in page
    assert "no one: a change" not in page
