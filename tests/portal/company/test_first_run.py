"""From an empty installation to going live, on its pages without JavaScript."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text, update

from holding.company import first_company
from holding.db.database import Database
from holding.db.models import Company, Connection, Event, Snapshot
from holding.platform.settings import Settings
from portal import app as portal_app
from tests.portal.conftest import Browser
from tests.portal.reading import plain
from tests.portal.seed import Seeded, environment
from tests.support.clock import SetClock
from tests.support.databases import any_move, opened, sqlite_copy
from tests.support.factories import make_connection

pytestmark = pytest.mark.sqlite
FORM = {
    "name": "Kedai Contoh Sdn Bhd",
    "code": "",
    "registration": "202001012345",
    "currency": "MYR",
    "zone": "Asia/Kuala_Lumpur",
    "closed": "2026-09-30",
    "person": "Tan Mei Ling",
    "email": "meiling@kedai.example",
    "password": "a long password",
}


@pytest.fixture
def empty(seeded: Seeded, sqlite_file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A migrated database without anything in it."""
    url = sqlite_copy(sqlite_file)
    for name, value in environment(seeded.home, url).items():
        monkeypatch.setenv(name, value)
    with opened(url) as found:
        yield found


@pytest.fixture
def browser(empty: Database, clock: SetClock) -> Browser:
    app: Flask = portal_app.create_app(empty, clock, Settings.from_env())
    app.testing = True
    return Browser(app.test_client())


def address(database: Database, clock: SetClock) -> str:
    with database.write() as session:
        made = first_company.new_address(session, clock.now())
    assert made is not None
    return f"/setup/{made.token}"


def test_an_empty_installation_says_how_it_is_set_up(browser: Browser) -> None:
    page = plain(browser.text("/signin"))
    assert "no company is set up" in page
    assert "clearpost up" in page


def test_the_form_makes_the_company_and_signs_its_first_person_in(
    browser: Browser, empty: Database, clock: SetClock
) -> None:
    url = address(empty, clock)
    page = plain(browser.text(url))
    before, _, _ = page.partition("Create company")
    assert "Approving documents and publishing rules stay with other people" in before
    assert "You become Administrator" in before
    assert "2026-11-21" in before
    entered = browser.post(url, FORM, status=303)
    assert entered.location == "/c/kedai-contoh/"
    page = plain(browser.text(entered.location))
    assert "Set up Kedai Contoh Sdn Bhd" in page
    assert "0 of 8 done" in page
    assert "Publishing rules needs a second person with the role Rule publisher" in page
    assert "Suggested: 2026-10-01, the day after your closed books" in page
    again = plain(browser.text(url, status=410))
    assert "works once" in again
    assert "Sign in with the email address and password" in again


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", " ", "Enter the company name."),
        ("registration", "no", "Enter the 12 digits of SSM"),
        ("code", "Kedai!", "Use lower-case letters"),
        ("closed", "30/9/2026", "Enter the day as year-month-day"),
        ("closed", "2030-09-30", "because that day has not come"),
        ("currency", "ringgit", "Use its three letters"),
        ("zone", "KL", "is not a time zone"),
        ("email", "meiling", "is not an email address"),
        ("password", "short", "at least 12 characters"),
        ("person", "", "Enter your name."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    browser: Browser, empty: Database, clock: SetClock, field: str, value: str, told: str
) -> None:
    url = address(empty, clock)
    page = browser.post(url, {**FORM, field: value}, status=422).get_data(as_text=True)
    wrong = re.search(rf'id="{field}_err".*?</p>', page, re.DOTALL)
    assert wrong is not None
    assert told in plain(wrong[0])
    assert re.search(rf'<(?:input|select)[^>]*id="{field}"[^>]*aria-invalid="true"', page)
    assert 'value="a long password"' not in page
    assert "Tan Mei Ling" in page or field == "person"
    with empty.read() as session:
        assert session.scalars(select(Company)).all() == []
    browser.post(url, FORM, status=303)


def test_all_that_is_wrong_with_a_form_is_marked_at_once(
    browser: Browser, empty: Database, clock: SetClock
) -> None:
    wrong = {"registration": "123", "closed": "2030-09-30", "password": "password1234"}
    answer = browser.post(address(empty, clock), {**FORM, **wrong}, status=422)
    page = answer.get_data(as_text=True)
    assert all(f'id="{field}_err"' in page for field in wrong)


def test_an_address_that_ended_or_is_wrong_says_what_to_do(
    browser: Browser, empty: Database, clock: SetClock
) -> None:
    url = address(empty, clock)
    assert "clearpost up" in plain(browser.text(f"{url}x", status=404))
    clock.advance(24 * 3600)
    for answer in (browser.get(url, status=410), browser.post(url, FORM, status=410)):
        page = plain(answer.get_data(as_text=True))
        assert "This set-up address has expired" in page
        assert "Run clearpost up again" in page


def in_setup(database: Database, clock: SetClock) -> None:
    """The seeded company is not live yet; its target passed the connection test."""
    with database.write() as session:
        session.execute(update(Company).where(Company.code == "kedai").values(live=False))
        kedai = select(Company.id).where(Company.code == "kedai").scalar_subquery()
        mine = (Connection.company_id == kedai, Connection.side == "target")
        target = session.scalars(select(Connection).where(*mine)).one()
        at = {"checked_at": clock.now(), "changed_at": clock.now()}
        session.add(Snapshot(connection_id=target.id, kind="account", revision=0, sha256="0", **at))


def test_the_dashboard_is_the_checklist_until_go_live(
    visit: Callable[..., Browser], database: Database, clock: SetClock
) -> None:
    in_setup(database, clock)
    adam = visit("adam")
    page = adam.text("/c/kedai/")
    shown = plain(page)
    assert "4 of 8 done" in shown
    assert "Rule version 1 is in force since" in shown
    assert re.search(r"NetShop, last delivery 2026-11-20 \d\d:\d\d", shown)
    assert re.search(r"\d+ values are mapped, \d values? (is|are) missing: their records", shown)
    assert "You cannot go live yet, because dry run and cutover are not done" in shown
    for other in ("/c/kedai/holding", "/c/kedai/rules/book", "/c/kedai/connections"):
        told = plain(adam.text(other))
        assert "Kedai Contoh Sdn Bhd is not live yet. Nothing is sent" in told


def test_the_checklist_warns_of_what_is_not_answered_about_marketplaces(
    visit: Callable[..., Browser], database: Database, clock: SetClock
) -> None:
    in_setup(database, clock)
    assert 'id="issuer_lazada"' not in visit("adam").text("/c/kedai/")
    with database.write() as session:
        kedai = session.scalars(select(Company).where(Company.code == "kedai")).one()
        make_connection(session, kedai, "lazada", side="source")
        on = {"marketplace_module": "on"}
        make_connection(session, kedai, "autocount", side="target", settings=on)
    page = visit("adam").text("/c/kedai/")
    assert 'id="issuer_lazada"' in page
    assert 'class="note t-bad section" id="module_autocount"' in page


def test_cutover_then_go_live_with_count_and_money_on_the_button(
    visit: Callable[..., Browser], database: Database, clock: SetClock
) -> None:
    in_setup(database, clock)
    adam, farah = visit("adam"), visit("farah")
    url = "/c/kedai/setup/cutover"
    assert farah.get(url, status=403)
    assert "year-month-day" in adam.post(url, {"starts": "soon"}, status=422).text
    adam.post(url, {"starts": "2026-11-01"}, status=303)
    with database.write() as session, any_move(session):
        whose = "(SELECT id FROM record WHERE number = 'SO-10210')"
        session.execute(text(f"UPDATE posting SET state = 'ready' WHERE record_id = {whose}"))
    waits = plain(adam.text("/c/kedai/setup/go-live"))
    assert "You cannot go live yet, because dry run is not done." in waits
    days = {"first": "2026-11-01", "last": "2026-11-30"}
    adam.post("/c/kedai/setup/dry-run", days, status=200)
    page = adam.text("/c/kedai/setup/go-live")
    button = re.search(r'<button[^>]*id="golive"[^>]*>([^<]*)', page)
    assert button is not None
    assert re.fullmatch(r"Go live: send \d+ documents?, RM\s[\d,.]+", button[1])
    hidden = dict(re.findall(r'name="(count|figure)" value="(-?\d+)"', page))
    stale = adam.post("/c/kedai/setup/go-live", {**hidden, "count": "99"}, status=409)
    assert "because the first run changed" in plain(stale.text)
    assert farah.post("/c/kedai/setup/go-live", hidden).status_code == 403
    done = adam.post("/c/kedai/setup/go-live", hidden, status=303)
    page = plain(adam.text(done.location))
    assert "Kedai Contoh Sdn Bhd is live. Queued to be sent:" in page
    assert "not live yet" not in page
    with database.read() as session:
        event = session.scalars(select(Event).where(Event.act == "company.went_live")).one()
    assert event.actor == "Adam"
    adam.get("/c/kedai/setup/cutover", status=303)
    late = adam.post("/c/kedai/setup/cutover", {"starts": "2026-12-01"}, status=409)
    assert "is live already" in plain(late.text)
