"""The settings of a company: one table with where each is from, and forms with a reason."""

import re

import pytest
from sqlalchemy import select

from holding.db.models import Company, Event, Team
from holding.holds.retries import answer_by
from tests.portal.listing import read_csv
from tests.portal.reading import one, plain

pytestmark = pytest.mark.sqlite
PAGE = "/c/kedai/settings"
WHY = "The auditors asked for it"


def row(page, word):
    cells = re.search(rf'<tr role="row" id="setting_{word}".*?</tr>', page, re.DOTALL)
    assert cells, word
    return plain(cells[0])


def said(database):
    with database.read() as session:
        query = select(Event).where(Event.act.startswith("company.")).order_by(Event.id.desc())
        newest = session.scalars(query).first()
        return newest.act, newest.body["say"], newest.body.get("reason")


def test_each_value_stands_with_where_it_is_from_and_where_it_is_changed(visit):
    adam = visit("adam")
    page = adam.text(PAGE)
    assert "Kedai Contoh Sdn Bhd Set on this page." in row(page, "name")
    assert "MYR Fixed when the company was added." in row(page, "currency")
    assert "CLEARPOST_UNDO_SECONDS" in row(page, "undo")
    assert "CLEARPOST_KEEP_YEARS" in row(page, "years")
    assert re.search(r"as rule version \d+ says", row(page, "approvals"))
    links = re.findall(r'<td role="cell"><a href="(/[^"]+)">Change', page)
    assert len(links) == 5
    for link in links:
        assert adam.get(link).status_code == 200
    rows = read_csv(adam.get(f"{PAGE}.csv").data).rows
    assert [one["Setting"] for one in rows] == [
        re.search(r'<td role="cell" class="lead-cell strong">([^<]+)', cells)[1]
        for cells in re.findall(r'<tr role="row" id="setting_.*?</tr>', page, re.DOTALL)
    ]


def test_a_name_is_changed_with_a_reason(visit, database):
    adam = visit("adam")
    wrong = adam.post(f"{PAGE}/name", {"name": "Kedai Baru", "reason": ""}, status=422)
    assert "Enter why, in a sentence." in wrong.text
    assert 'value="Kedai Baru"' in wrong.text
    for name, told in ((" ", "Enter a name of 1 to"), ("Kedai Contoh Sdn Bhd", "already")):
        again = adam.post(f"{PAGE}/name", {"name": name, "reason": WHY}, status=422)
        assert told in again.text
    adam.post(f"{PAGE}/name", {"name": " Kedai  Baru ", "reason": WHY}, status=303)
    page = adam.text(PAGE)
    assert "Kedai Baru" in row(page, "name")
    assert '<span class="company-name">Kedai Baru</span>' in page
    act, say, reason = said(database)
    assert (act, reason) == ("company.renamed", WHY)
    assert f"from Kedai Contoh Sdn Bhd to Kedai Baru: {WHY}" in say


def test_another_team_answers_for_teams_without_members(visit, database):
    adam = visit("adam")
    with database.read() as session:
        own = session.scalars(select(Company)).first().settings.get("fallback_team")
        names = [team.name for team in session.scalars(select(Team).order_by(Team.name))]
    other = next(name for name in names if name != own)
    adam.post(f"{PAGE}/fallback", {"team": "nobody", "reason": WHY}, status=422)
    adam.post(f"{PAGE}/fallback", {"team": other, "reason": WHY}, status=303)
    with database.read() as session:
        assert session.scalars(select(Company)).first().settings["fallback_team"] == other
    act, say, _ = said(database)
    assert act == "company.fallback_set"
    assert "answer for teams without members" in say
    again = adam.post(f"{PAGE}/fallback", {"team": other, "reason": WHY}, status=422)
    assert "already" in again.text


def test_holds_of_a_class_are_due_after_other_hours(visit, database, clock):
    adam = visit("adam")
    form = {"error_class": "mapping_missing", "reason": WHY}
    for hours in ("", "0", "x", "999"):
        adam.post(f"{PAGE}/due", {**form, "hours": hours}, status=422)
    adam.post(f"{PAGE}/due", {**form, "hours": "8"}, status=303)
    page = adam.text(PAGE)
    assert "8 Set here" in plain(
        page[page.index('id="due_mapping_missing"') :].partition("</tr>")[0]
    )
    assert "8 to 24 hours" in row(page, "due")
    with database.read() as session:
        settings = session.scalars(select(Company)).first().settings
    due = answer_by(settings, "mapping_missing", clock.now())
    assert (due - clock.now()).total_seconds() == 8 * 3600
    assert said(database)[2] == WHY


def test_who_is_no_administrator_reads_and_asks(visit, database):
    farah = visit("farah")
    page = farah.text(PAGE)
    for name in ("savename", "savefallback", "savedue", "savestepup"):
        assert re.search(rf'id="{name}"[^>]* aria-disabled="true"', page)
    assert page.count('href="/c/kedai/access?act=company.setup"') == 4
    for form in ("name", "fallback", "due", "step-up"):
        farah.post(f"{PAGE}/{form}", {"name": "X", "reason": WHY}, status=403)
    assert one(database, "SELECT count(*) FROM event WHERE act LIKE 'company.ren%'") == 0
