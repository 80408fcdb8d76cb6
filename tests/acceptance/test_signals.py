"""What many records have in common is told once, stays while it is so, and ends by itself."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.desk import wrong
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, days_ago
from tests.acceptance.parts import Part, read
from tests.acceptance.product import (
    ADMIN,
    CURRENT_COMPANY,
    FINANCE,
    SIMULATOR_KEY,
    House,
    Product,
    Visitor,
    free_environment,
)
from tests.acceptance.quiet import BASE, ask_target, rows, send, work
from tests.acceptance.signalled import mail_settings, subject_of, tell_at_once, text_of
from tests.support.hook_server import HookBox, hook_box
from tests.support.mail_server import MailBox, mail_box

MANY = 11
OPEN = "SELECT count(*) FROM signal WHERE kind = ? AND cleared_at IS NULL"
CLOSES_ON = 5


@dataclass
class Ears:
    """Who is told at once: the finance user by mail, and a webhook."""

    mail: MailBox
    hook: HookBox

    def heard(self, house: House, kind: str, words: str) -> None:
        """Of a signal each of the two once, in the same words, however often a worker looks."""
        for _ in range(2):
            work(house)
        (mail,) = [one for one in self.mail.mails if words in text_of(one)]
        assert words in subject_of(mail)
        assert mail["To"] == FINANCE
        calls = [json.loads(one.body) for one in self.hook.calls]
        (call,) = [one for one in calls if one["signal"] == kind]
        assert (call["kind"], call["company"]["code"]) == ("urgent", CURRENT_COMPANY)
        assert words in call["text"].replace("\xa0", " ")
        assert f"{BASE}/signals" in call["link"]


@pytest.fixture(scope="module")
def ears() -> Iterator[Ears]:
    with mail_box() as mail, hook_box() as hook:
        yield Ears(mail, hook)


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory, ears: Ears) -> Iterator[House]:
    given = free_environment() | mail_settings(ears.mail)
    product = Product(command, tmp_path_factory.mktemp("signals"), given)
    with quiet(product, STARTER) as found:
        tell_at_once(found, ears.hook)
        yield found


def banners(visitor: Visitor) -> list[Part]:
    """The signals on the dashboard."""
    notes = read(visitor.get(f"{BASE}/")).all("div", cls="note")
    return [one for one in notes if one.attributes.get("id", "").startswith("signal_")]


def many(house: House, kind: str) -> int:
    return int(rows(house, OPEN, kind)[0][0])


def told(house: House, act: str) -> list[str]:
    """What the trail says of signals."""
    found = rows(house, "SELECT body FROM event WHERE act = ? ORDER BY id", act)
    return [str(body) for (body,) in found]


def test_C26_eleven_failures_of_one_cause_are_one_signal(house: House, ears: Ears) -> None:
    finance, admin = house.visitor(FINANCE), house.visitor(ADMIN)
    page = read(admin.get(f"{BASE}/signals"))
    form = page.form_of("savemany1")
    send(admin, form, {**form.fields(), "many": str(MANY)})
    ask_target(house, "faults", fault="closed_period", count=MANY)
    house.deliver(*[clean(2600 + n) for n in range(MANY - 1)])
    work(house)
    assert many(house, "many_failures") == 0  # ten are below what was set
    house.deliver(clean(2600 + MANY))
    work(house)
    failed = "SELECT count(*), count(DISTINCT cause_id) FROM hold WHERE state = 'open'"
    assert rows(house, failed) == [(MANY, 1)]
    assert rows(house, "SELECT kind, records FROM signal") == [("many_failures", MANY)]
    (banner,) = banners(finance)
    assert f"AiAccount rejects many records for one cause: {MANY} records, RM" in banner.text
    links = {one.text: one.attributes["href"] for one in banner.all("a")}
    assert read(finance.get(links["Open the group"])).text.count("NS-26") >= MANY
    assert len(told(house, "signal.raised")) == 1
    work(house)
    assert many(house, "many_failures") == 1
    ears.heard(house, "many_failures", f"rejects {MANY} records for one cause, RM")


def test_C27_after_two_failed_reconnects_of_an_admin_an_escalation_is_offered(
    house: House, ears: Ears
) -> None:
    finance = house.visitor(FINANCE)
    ask_target(house, "pause", key=SIMULATOR_KEY, status="disabled")
    house.deliver(clean(2700))
    work(house)
    assert many(house, "authorization_lost") == 1
    ears.heard(house, "authorization_lost", "does not accept the API key")
    test = ("connection", "test", "aiaccount", "--company", CURRENT_COMPANY, "--as", ADMIN)
    for attempt in (1, 2):
        (lost,) = [one for one in banners(finance) if "does not accept the API key" in one.text]
        assert "to support" not in lost.text, attempt
        house.product.run(*test, code=3)
        work(house)
    (lost,) = [one for one in banners(finance) if "does not accept the API key" in one.text]
    assert "2 attempts to reconnect failed." in lost.text
    (draft,) = [a for a in lost.all("a") if a.text.startswith("Escalate NS-")]
    form = read(finance.get(draft.attributes["href"])).one("form", id="escalateform")
    assert form.one("input", name="record_number").attributes["value"] in draft.text
    assert "AiAccount" in form.one("dl", id="filled").text

    ask_target(house, "pause", key=SIMULATOR_KEY, status="active")
    house.product.run(*test)
    work(house)
    assert many(house, "authorization_lost") == 0
    assert not [one for one in banners(finance) if "does not accept the API key" in one.text]
    assert any("does not accept the API key" in say for say in told(house, "signal.cleared"))


def test_C28_before_a_close_the_held_money_of_its_month_and_the_days_left_are_told(
    house: House, ears: Ears
) -> None:
    house.deliver(wrong(2801, total="250.00", ordered_at=days_ago(0)))
    work(house)
    today = datetime.now(UTC) + timedelta(hours=8)
    after = (today.replace(day=1) + timedelta(days=32)).replace(
        day=CLOSES_ON - 2, hour=4, minute=0, second=0, microsecond=0
    )
    house.product.shift_clock(after.timestamp() - time.time())
    admin = house.visitor(ADMIN)
    form = read(admin.get(f"{BASE}/signals")).form_of("saveclose")
    send(admin, form, {**form.fields(), "day": str(CLOSES_ON)})
    work(house)
    assert many(house, "close_blocked") == 1
    finance = house.visitor(FINANCE)
    (banner,) = [one for one in banners(finance) if "closes in" in one.text]
    first = f"{today:%Y-%m}-01"
    query = (
        "SELECT count(*), sum(amount) FROM record WHERE id IN (SELECT record_id FROM hold"
        " WHERE state = 'open' AND doc_date >= ? AND doc_date < ?)"
    )
    ((count, minor),) = rows(house, query, first, f"{after:%Y-%m}-01")
    assert count >= 1
    closes = f"{today:%B %Y} closes in {CLOSES_ON - after.day} days"
    assert f"{closes}: RM {minor / 100:,.2f} on hold in {count} record" in banner.text
    closing = f"The books of {today:%B %Y} close on {after:%Y-%m}-{CLOSES_ON:02d}: "
    ears.heard(house, "close_blocked", f"{closing}{count} record")
