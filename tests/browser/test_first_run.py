"""One story from an empty home to live, in a browser with scripts and in one without."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from werkzeug.serving import make_server

from holding.onboarding import first_company
from holding.runtime.settings import Settings
from holding.store.database import Database
from portal import app as portal_app
from tests.browser.conftest import Person
from tests.portal.onboarding.house import WORD, connect, join, order, receive, target_passed
from tests.portal.seed import Seeded, environment
from tests.support.clock import SetClock
from tests.support.databases import opened, sqlite_copy

pytestmark = [pytest.mark.browser, pytest.mark.sqlite]
HOME = "/c/kedai-contoh/"
FORM = {
    "name": "Kedai Contoh Sdn Bhd",
    "registration": "202001012345",
    "closed": "2026-09-30",
    "person": "Mei Ling",
    "email": "mei@x.my",
    "password": WORD,
}


@contextmanager
def serving(database: Database, clock: SetClock) -> Iterator[str]:
    app = portal_app.create_app(database, clock, Settings.from_env())
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("script", [True, False], ids=["scripts", "no-scripts"])
def test_from_an_empty_home_to_live(
    chromium: Any,
    seeded: Seeded,
    sqlite_file: Any,
    monkeypatch: pytest.MonkeyPatch,
    script: bool,
) -> None:
    clock, url = SetClock(seeded.clock.now()), sqlite_copy(sqlite_file)
    for name, value in environment(seeded.home, url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("REDIS_URL", raising=False)
    with opened(url) as database, serving(database, clock) as address:
        contexts = [
            chromium.new_context(
                viewport={"width": 1280, "height": 900}, java_script_enabled=script
            )
            for _ in range(2)
        ]
        mei, lim = (Person(one.new_page(), address) for one in contexts)
        try:
            _story(mei, lim, database, clock)
        finally:
            for one in contexts:
                one.close()
    assert mei.said == lim.said == []


def _story(mei: Person, lim: Person, database: Database, clock: SetClock) -> None:
    with database.write() as session:
        made = first_company.new_address(session, clock.now())
    assert made is not None
    mei.go(f"/setup/{made.token}")
    for name, value in FORM.items():
        mei.page.fill(f"#{name}", value)
    mei.page.click("#createcompany")
    mei.page.wait_for_url(f"**{HOME}")
    assert "0 of 8 done" in mei.page.inner_text("main")
    connect(database, clock)
    join(database, clock, "lim", "publisher")
    receive(database, clock, order("NS-1"), order("NS-2"))
    target_passed(database, clock)
    mei.go(HOME)
    mei.page.click("#step_rules a")
    mei.page.fill("#limit", "5000")
    mei.page.click("#saverules")
    mei.page.wait_for_url("**/rules/changes/1")
    lim.go("/signin")
    lim.page.fill("#email", "lim@x.my")
    lim.page.fill("#password", WORD)
    lim.page.click("button[type=submit]")
    lim.page.wait_for_url(f"**{HOME}")
    lim.page.click("#step_rules a")
    lim.page.click("#publishchange")
    lim.page.wait_for_selector("text=Rules version 1 published.")
    mei.go(HOME)
    mei.page.click("#step_dry_run a")
    mei.page.fill("#first", "2026-10-01")
    mei.page.fill("#last", "2026-10-31")
    mei.page.click("#startdryrun")
    mei.page.wait_for_selector("#dryrun")
    assert "All records\t2" in mei.page.inner_text("#dryrun")
    mei.go(HOME)
    mei.page.click("#step_cutover a")
    assert mei.page.input_value("#starts") == "2026-10-01"
    mei.page.click("#setcutover")
    mei.page.wait_for_selector("text=Cutover date set to 2026-10-01")
    mei.page.click("#step_go_live a")
    mei.page.click("#golive")
    mei.page.wait_for_selector("text=Kedai Contoh Sdn Bhd is live.")
    assert mei.page.query_selector("#checklist") is None
