"""The page of people: who is there, invitations, roles, leaving."""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from holding.access import actors
from holding.access.actors import ACT_LABELS, ROLE_LABELS
from holding.db.database import Database
from holding.db.models import AccessLink, Event, Person
from tests.portal.conftest import Browser
from tests.portal.reading import one, plain
from tests.support.clock import SetClock

pytestmark = pytest.mark.sqlite
URL = "/c/kedai/people/"
NEW = "teh tarik satu 2026"


@pytest.fixture
def ids(database: Database) -> dict[str, int]:
    with database.read() as session:
        return {p.email.partition("@")[0]: p.id for p in session.scalars(select(Person))}


def link_in(page: str) -> str:
    """The address that the page shows once."""
    found = re.search(r'id="link" readonly value="http://localhost([^"]+)"', page)
    assert found, plain(page)
    return found[1]


def invite(admin: Browser, email: str = "siti@kedai.my", **given: Any) -> str:
    form = {"email": email, "name": "Siti", "role": ["finance", "viewer"], **given}
    return admin.post(f"{URL}invite", form, status=200).get_data(as_text=True)


def test_the_list_names_everybody_and_each_sees_what_they_may(visit: Any) -> None:
    visit("vera")
    page = plain(visit("adam").text(URL))
    assert "Invite a person" in page
    assert "Adam You adam@kedai.my Administrator None Active" in page
    assert re.search(
        r"Vera vera@kedai.my Viewer .*? Active Off 2026-11-20 \d\d:\d\d Change Vera", page
    )
    other = visit("farah").text(URL)
    assert "adam@kedai.my" not in other
    assert "Invite" not in other
    assert "Administrators invite people and change their roles: Adam." in plain(other)
    assert "Last seen" in visit("nurul").text(URL)


def test_the_table_of_roles_is_made_from_the_permissions(
    visit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cell(label: str) -> list[str]:
        rows = re.findall(r"<tr role=\"row\"><th.*?</tr>", visit("vera").text(URL), re.DOTALL)
        row = next(found for found in rows if label in found)
        return re.findall(r'data-label="([^"]+)"', row)

    words = ACT_LABELS["posting.approve"].capitalize()
    assert cell(words) == ["Approver"]
    changed = {
        **actors.ACTS,
        "posting.approve": frozenset({"approver", "admin"}),
    }
    monkeypatch.setattr("holding.access.actors.ACTS", changed)
    assert cell(words) == ["Approver", "Administrator"]


def test_an_invitation_is_shown_once_and_opens_one_account(
    visit: Any, database: Database, app: Any
) -> None:
    adam = visit("adam")
    page = invite(adam)
    assert "Shown once." in page
    url = link_in(page)
    listed = adam.text(URL)
    assert url.removeprefix("/join/") not in listed
    assert "Invited until 2026-11-2" in plain(listed)
    guest = Browser(app.test_client())
    shown = plain(guest.text(url))
    assert "Join Kedai Contoh" in shown
    assert "Adam invites you as Viewer, Finance user." in shown
    guest.post(url, {"name": "Siti Hajar", "password": "short"}, status=422)
    done = guest.post(url, {"name": "Siti Hajar", "password": NEW}, status=303)
    assert done.location == "/c/kedai/"
    assert "Siti Hajar" in guest.text("/c/kedai/")
    assert "This link was used already." in guest.text(url, status=410)
    assert "This link is not known." in guest.text("/join/nonsense", status=410)
    again = visit()
    again.post("/signin", {"email": "siti@kedai.my", "password": NEW}, status=303)
    with database.read() as session:
        acts = session.scalars(select(Event.act).order_by(Event.id.desc()).limit(3)).all()
    assert acts == ["person.signed_in", "person.signed_in", "person.joined"]


def test_an_invitation_is_cancelled(visit: Any, database: Database) -> None:
    adam = visit("adam")
    url = link_in(invite(adam))
    link = one(database, "SELECT max(id) FROM access_link")
    visit("farah").post(f"{URL}links/{link}/cancel", {}, status=403)
    adam.post(f"{URL}links/{link}/cancel", {}, status=303)
    assert "cancelled" in visit().text(url, status=410)
    assert (
        "siti@kedai.my" not in adam.text(URL).partition('role="status"')[2].partition("</div>")[2]
    )


def test_what_is_wrong_with_an_invitation_stands_beside_its_field(visit: Any) -> None:
    adam = visit("adam")
    for given, field, status in (
        ({"email": "nobody"}, "email_err", 422),
        ({"email": "vera@kedai.my"}, "email_err", 409),
        ({"role": []}, "role_err", 422),
        ({"role": ["finance", "approver"]}, "understood_err", 422),
        ({"role": ["admin", "approver"]}, "understood_err", 422),
    ):
        form = {"email": "siti@kedai.my", "role": ["viewer"], **given}
        page = adam.post(f"{URL}invite", form, status=status).get_data(as_text=True)
        assert f'id="{field}"' in page, given
    warned = adam.text(f"{URL}invite")
    assert "They cannot approve what they corrected or mapped" in warned
    invite(adam, role=["finance", "approver"], understood="1")


def test_roles_change_and_a_stale_form_changes_nothing(
    visit: Any, ids: dict[str, int], database: Database
) -> None:
    adam, place = visit("adam"), f"{URL}{ids['vera']}"
    page = adam.text(place)
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    for role in ROLE_LABELS:
        assert f'id="role_{role}"' in page
    wish = {"seen": form["seen"], "role": ["viewer", "auditor"]}
    done = adam.post(place, wish, status=303)
    assert "Roles and teams of Vera changed." in adam.text(done.location)
    assert "Viewer, Auditor" in plain(adam.text(URL))
    adam.post(place, {**wish, "role": ["operator"]}, status=409)
    adam.post(f"{URL}{ids['adam']}", {"seen": "", "role": ["approver"]}, status=403)
    assert "rights are granted by another person" in adam.text(f"{URL}{ids['adam']}")
    adam.get(f"{URL}{ids['stranger']}", status=404)
    said = one(database, "SELECT count(*) FROM event WHERE act = 'person.role_granted'")
    visit("farah").post(place, wish, status=403)
    assert one(database, "SELECT count(*) FROM event WHERE act = 'person.role_granted'") == said


def test_who_leaves_is_listed_and_signed_out(
    visit: Any, ids: dict[str, int], database: Database
) -> None:
    adam, vera = visit("adam"), visit("vera")
    adam.post(f"{URL}{ids['adam']}/leave", {}, status=403)
    done = adam.post(f"{URL}{ids['vera']}/leave", {}, status=303)
    page = plain(adam.text(done.location))
    assert "Vera left Kedai Contoh" in page
    assert re.search(r"Vera Left 2026-11-20 \d\d:\d\d", page)
    vera.get("/c/kedai/", status=303)
    invited = link_in(invite(adam, "vera@kedai.my", role=["viewer"]))
    guest = visit()
    guest.post(invited, {"name": "Vera", "password": NEW}, status=303)
    assert "Left 2026" not in adam.text(URL)


def test_a_password_link_is_used_by_its_person(visit: Any, ids: dict[str, int]) -> None:
    adam, vera = visit("adam"), visit("vera")
    page = adam.post(f"{URL}{ids['vera']}/reset", {}, status=200).get_data(as_text=True)
    assert "Password link for vera@kedai.my created" in page
    assert vera.get("/c/kedai/").status_code == 200
    guest, url = visit(), link_in(page)
    assert "Set a new password" in guest.text(url)
    guest.post(url, {"password": NEW}, status=303)
    vera.get("/c/kedai/", status=303)
    adam.post(f"{URL}{ids['adam']}/reset", {}, status=403)
    visit("farah").post(f"{URL}{ids['lim']}/reset", {}, status=403)


def test_the_token_of_a_link_is_not_written_down_when_we_fail(
    app: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.testing = False
    heard: list[str] = []
    monkeypatch.setattr("portal.app.log.error", lambda *_, path, **__: heard.append(path))
    monkeypatch.setattr("holding.company.access_links.opened", lambda *_: 1 / 0)
    assert app.test_client().get("/join/secret-token").status_code == 500
    assert heard == ["/join/…"]


def test_links_of_another_company_do_not_exist(
    visit: Any, database: Database, clock: SetClock, ids: dict[str, int], tmp_path: Path
) -> None:
    invite(visit("adam"))
    link = one(database, "SELECT max(id) FROM access_link")
    stranger = visit("stranger", "lain")
    stranger.post(f"/c/lain/people/links/{link}/cancel", {}, status=404)
    for act in ("", "/leave", "/reset"):
        form = {"seen": "", "role": ["viewer"]}
        for key in (ids["vera"], 999_999):
            answer = stranger.post(f"/c/lain/people/{key}{act}", form, status=404)
            assert "vera@kedai.my" not in answer.get_data(as_text=True).lower()
    with database.read() as session:
        assert session.get_one(AccessLink, link).ended_at is None
