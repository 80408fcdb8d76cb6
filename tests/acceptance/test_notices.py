"""Who is told by mail and webhook: once a period, and at once of what cannot wait."""

import hashlib
import hmac
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import Message
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import quiet
from tests.acceptance.orders import clean, days_ago, with_sku
from tests.acceptance.parts import read
from tests.acceptance.product import (
    ADMIN,
    FINANCE,
    SIMULATOR_KEY,
    House,
    Product,
    Visitor,
    free_environment,
    until,
)
from tests.acceptance.quiet import BASE, ask_target, rows, work
from tests.support.hook_server import HookBox, hook_box
from tests.support.mail_server import MailBox, mail_box

PAGE = f"{BASE}/notices"
MANY = 300
MALAYSIA = timedelta(hours=8)
COUNT = "SELECT count(*) FROM notice WHERE kind = ? AND state = ?"


@dataclass
class Told:
    """A company that tells its finance user by mail and a webhook, and the two that receive."""

    house: House
    admin: Visitor
    mail: MailBox
    hook: HookBox

    def post(self, path: str, code: int = 200, **fields: Any) -> str:
        """Send a form of the page; what comes back."""
        token = read(self.admin.get(PAGE)).one("form", id="addform").fields()["csrf_token"]
        address = self.admin.address + PAGE
        answer = self.admin.session.post(
            address + path,
            {"csrf_token": token, **fields},
            headers={"Referer": address},
            timeout=30,
        )
        assert answer.status_code == code, answer.text[:800]
        return answer.text

    def env(self) -> dict[str, str]:
        return {
            "CLEARPOST_SMTP_HOST": "127.0.0.1",
            "CLEARPOST_SMTP_PORT": str(self.mail.port),
            "CLEARPOST_SMTP_FROM": "clearpost@kedai.example",
            "CLEARPOST_SMTP_TLS": "none",
            "CLEARPOST_URL": "https://clearpost.kedai.example",
        }

    def work(self) -> None:
        work(self.house, env=self.env())

    def at(self, days: int, clock: str) -> None:
        """It is so many days after today, at this time of the company."""
        hour, minute = map(int, clock.split(":"))
        day = (datetime.now(UTC) + MALAYSIA).date() + timedelta(days=days)
        moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC) - MALAYSIA
        self.house.product.shift_clock(moment.timestamp() - time.time())
        self.admin = self.house.visitor(ADMIN)  # the session of yesterday has ended

    def later(self, seconds: float) -> None:
        file = self.house.product.home / "clock"
        self.house.product.shift_clock(float(file.read_text()) + seconds)

    def deliver(self, *orders: Mapping[str, Any]) -> None:
        """A webhook of the shop, signed at the moment that it is."""
        raw = json.dumps({"event": "order.updated", "orders": list(orders)}).encode()
        moment = time.time() + float((self.house.product.home / "clock").read_text())
        name = f"evt_{orders[0]['id']}"
        assert self.house.post_hook(raw, event_id=name, at=moment).status_code == 202

    def calls(self, kind: str) -> list[dict[str, Any]]:
        """What the webhook was told, of this kind."""
        told = [json.loads(one.body) for one in self.hook.calls]
        return [one for one in told if one["kind"] == kind]

    def mails(self, word: str) -> list[Message]:
        return [one for one in self.mail.mails if word in text_of(one)]

    def messages(self) -> list[str]:
        page = read(self.admin.get(PAGE))
        return [row.text for row in page.one("table", id="messagelist").all("tr", role="row")]


def text_of(mail: Message) -> str:
    raw = mail.get_payload(decode=True)
    assert isinstance(raw, bytes)
    return raw.decode()


@pytest.fixture(scope="module")
def told(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    product = Product(command, tmp_path_factory.mktemp("notices"), free_environment())
    with quiet(product, STARTER) as house, mail_box() as mail, hook_box() as hook:
        yield Told(house, house.visitor(ADMIN), mail, hook)


def test_C37_one_digest_a_period_and_what_is_urgent_at_once(told: Told) -> None:
    house, hook = told.house, told.hook
    secret = add_recipients(told)
    told.post("/times", at="08:00", day=list(range(7)))

    told.at(1, "07:30")
    orders = [clean(n, items=with_sku("NEW-25"), ordered_at=days_ago(0)) for n in range(3700, 4000)]
    for part in range(0, MANY, 100):
        told.deliver(*orders[part : part + 100])
    told.work()
    held = "SELECT count(DISTINCT record_id) FROM hold WHERE state = 'open'"
    assert rows(house, held) == [(MANY,)]
    assert (told.mail.mails, hook.calls) == ([], [])  # its time has not come

    told.at(1, "08:01")
    two = [start(told) for _ in range(2)]
    assert [one.wait(120) for one in two] == [0, 0]
    told.work()
    (mail,) = told.mails("on hold")
    (called,) = told.calls("digest")
    assert mail["To"] == FINANCE
    (minor,) = rows(house, "SELECT sum(amount) FROM record WHERE number LIKE 'NS-3%'")[0]
    for text in (text_of(mail).replace("\xa0", " "), called["summary"].replace("\xa0", " ")):
        assert f"{MANY} records on hold, RM {minor / 100:,.2f}" in text
    (group,) = called["groups"]
    assert (group["records"], "NEW-25" in group["cause"]) == (MANY, True)
    assert group["owner"] in text_of(mail)
    (cause,) = rows(house, "SELECT DISTINCT cause_id FROM hold WHERE state = 'open'")[0]
    link = f"https://clearpost.kedai.example{BASE}/holding?view=all&open={cause}#group_{cause}"
    assert group["link"] == link
    assert link in text_of(mail)
    page = told.admin.get(link.removeprefix("https://clearpost.kedai.example").partition("#")[0])
    assert f'id="group_{cause}"' in page
    assert signed(hook.calls[0].headers, hook.calls[0].body, secret)
    assert not signed(hook.calls[0].headers, hook.calls[0].body + b" ", secret)

    killed_in_the_call(told)
    urgent(told)
    retried(told)
    exported = json.loads(told.admin.get(f"{PAGE}.json"))["rows"]
    assert len(exported) == rows(house, "SELECT count(*) FROM notice")[0][0]


def add_recipients(told: Told) -> str:
    """The finance user by mail, and a webhook; its secret."""
    (person,) = rows(told.house, "SELECT id FROM person WHERE email = ?", FINANCE)[0]
    told.post("/recipients", kind="person", person=person, gets=["digest", "urgent"])
    for inside in ("http://10.0.0.1/hook", "https://169.254.169.254/x", "ftp://127.0.0.1/x"):
        told.post("/recipients", 422, kind="webhook", address=inside, gets=["digest"])
    wish: dict[str, Any] = {
        "kind": "webhook",
        "address": told.hook.url,
        "gets": ["digest", "urgent"],
    }
    page = told.post("/recipients", **wish)
    secret = read(page).one("input", id="secret").attributes["value"]
    assert len(secret) > 30
    assert secret not in told.admin.get(PAGE)
    assert secret not in str(rows(told.house, "SELECT * FROM recipient"))
    return secret


def start(told: Told) -> subprocess.Popen[bytes]:
    """A worker that does what is due, beside others."""
    product = told.house.product
    return subprocess.Popen(
        [product.command, "worker", "--once", "--no-redis"],
        cwd=product.folder,
        env=product.environment(told.env()),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def signed(headers: dict[str, str], body: bytes, secret: str) -> bool:
    stamp, event = headers["x-clearpost-timestamp"], headers["x-clearpost-event-id"]
    digest = hmac.new(secret.encode(), f"{stamp}.{event}.".encode() + body, hashlib.sha256)
    return headers["x-clearpost-signature"] == f"sha256={digest.hexdigest()}"


def killed_in_the_call(told: Told) -> None:
    """The next day the worker is killed while the receiver has its call: it is not called again,
    and the page says that nobody knows.
    """
    told.at(2, "08:01")
    workers: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        os.kill(workers[0].pid, signal.SIGKILL)

    told.hook.meanwhile = kill
    workers.append(start(told))
    assert workers[0].wait(120) == -signal.SIGKILL
    told.hook.meanwhile = None
    assert len(told.calls("digest")) == 2
    told.later(300)
    told.work()
    told.work()
    assert len(told.calls("digest")) == 2
    assert len(told.mails("on hold")) == 2
    assert len([row for row in told.messages() if "Not confirmed" in row]) == 1
    assert rows(told.house, COUNT, "digest", "sent") == [(3,)]


def urgent(told: Told) -> None:
    """A key that is not accepted is told at once, and once."""
    before = len(told.hook.calls)
    ask_target(told.house, "pause", key=SIMULATOR_KEY, status="disabled")
    told.deliver(clean(4100, ordered_at=days_ago(0)))
    told.work()
    told.work()
    told.work()
    (mail,) = told.mails("does not accept the API key")
    (called,) = told.calls("urgent")
    assert called["signal"] == "authorization_lost"
    assert "AiAccount does not accept the API key" in text_of(mail)
    assert "AiAccount does not accept the API key" in mail["Subject"]
    assert called["say"].startswith("aiaccount does")  # for programs the name is the contract
    assert mail["To"] == FINANCE
    assert len(told.hook.calls) == before + 1


def retried(told: Told) -> None:
    """What was refused is tried again later, as the same message; a test says what became of it."""
    (hook,) = rows(told.house, "SELECT id FROM recipient WHERE kind = 'webhook'")[0]
    told.hook.status = 503
    told.post(f"/recipients/{hook}/test")
    told.work()
    assert len(told.calls("test")) == 1
    assert "It answered 503." in told.messages()[0]
    told.work()
    assert len(told.calls("test")) == 1  # not before its time
    told.hook.status = 204
    told.later(61)
    told.work()
    first, second = told.calls("test")
    assert first["id"] == second["id"]
    assert re.search(r"Sent.*2 tries.*It answered 204", told.messages()[0])
    told.mail.refuses = "no such box"
    (person,) = rows(told.house, "SELECT id FROM recipient WHERE kind = 'person'")[0]
    told.post(f"/recipients/{person}/test")
    told.work()
    assert "Failed" in told.messages()[0]
    assert "no such box" in told.messages()[0]
    told.post(f"/recipients/{hook}/remove")
    assert until(
        lambda: not read(told.admin.get(PAGE)).all("tr", id=f"recipient_{hook}"), "removed"
    )
