"""A company whose clock is moved by hand, and targets that answer as they are told."""

import json
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from zoneinfo import ZoneInfo

import requests

from tests.acceptance.desk import act, said
from tests.acceptance.orders import clean
from tests.acceptance.parts import Part, read
from tests.acceptance.product import (
    FINANCE,
    House,
)
from tests.acceptance.quiet import BASE, ask_target, change, work, writes
from tests.support.simulator import ledger_lines

RETRY = """
language 1

retry aiaccount
    | error                                   | do                                            |
    | temporary                               | try 3 times from 30s then hold for it_support |
    | uncertain                               | look up first                                 |
    | authorization_failed                    | hold for it_support                           |
    | duplicate, stale_version, period_locked | hold for accounts                             |
    | missing_field, bad_value                | hold for accounts                             |
    | mapping_missing                         | hold for sales_admin                          |
    | business_rule                           | hold for accounts                             |
"""


class Timed:
    """A company whose clock is moved by hand, and whose work is done when it is told to."""

    def __init__(self, house: House) -> None:
        self.house, self.shift = house, 0.0

    def passes(self, seconds: float) -> None:
        """Time goes on, for the company and its targets."""
        self.shift += seconds
        self.house.product.shift_clock(self.shift)

    def now(self) -> datetime:
        """What its people's clocks show."""
        return datetime.now(ZoneInfo("Asia/Kuala_Lumpur")) + timedelta(seconds=self.shift)

    def deliver(self, *numbers: int) -> None:
        raw = json.dumps({"event": "order.updated", "orders": [clean(n) for n in numbers]}).encode()
        at, name = time.time() + self.shift, f"evt_paced_{numbers[0]}"
        assert self.house.post_hook(raw, event_id=name, at=at).status_code == 202

    def until_done(self, number: int, seconds: float, *, tries: int) -> int:
        """Let so much time pass before each turn of work, until nothing is due for the order any
        more; how many turns it took.
        """
        for turn in range(tries):
            if self.house.record(f"NS-{number}")["state"] in ("posted", "failed"):
                return turn
            self.passes(seconds)
            work(self.house)
        raise AssertionError(self.house.record(f"NS-{number}"))

    def page(self) -> Part:
        return read(self.house.visitor(FINANCE).get(f"{BASE}/connections/aiaccount"))

    def pill(self) -> str:
        return self.page().one("p", id="pill_1").text

    def queue(self) -> list[str]:
        """What the page shows of the documents that wait, in its order."""
        return [link.text for link in self.page().one("section", id="queue").all("a", cls="strong")]


def refused_up_to_its_time(timed: Timed, number: int) -> None:
    """What gave up on a temporary fault: the refusal names a time; up to it a try is refused, after
    it a try is let through. The rules are those of RETRY. Not across midnight: what is judged by
    the day is judged again then, and may be tried again.
    """
    house, finance = timed.house, timed.house.visitor(FINANCE)
    if (timed.now() + timedelta(minutes=45)).date() != timed.now().date():
        timed.passes(45 * 60)
    ask_target(house, "faults", fault="unavailable", count=3)
    timed.deliver(number)
    work(house)
    timed.until_done(number, 130, tries=8)
    assert house.record(f"NS-{number}")["state"] == "failed"

    def tried() -> tuple[int, str]:
        answer = act(finance, number, "retry")
        return answer.status_code, said(answer)

    status, told = tried()
    assert status == 409
    named = re.search(r"It can be tried again at (?:[\d-]+ )?(\d\d):(\d\d)", told)
    assert named, told
    here = timed.now()
    due = here.replace(hour=int(named[1]), minute=int(named[2]), second=0, microsecond=0)
    left = (due - here).total_seconds() % 86_400
    assert 60 < left <= 900
    timed.passes(left - 20)
    status, told = tried()
    assert status == 409, f"its minute has not begun: {told}"
    timed.passes(80)
    assert tried()[0] == 200
    work(house)
    assert house.record(f"NS-{number}")["state"] == "posted"
    assert [call["effect"] for call in writes(house, f"NS-{number}")][-1:] == ["created"]


@contextmanager
def another_target(timed: Timed, *options: str) -> Iterator["Target"]:
    """The company posts to another stand-in, as long as the block."""
    target = Target(timed.house, options)
    with target.running:
        target.start()
        with posting_to(timed.house, target.url):
            yield target


@contextmanager
def posting_to(house: House, url: str) -> Iterator[None]:
    """The connection leads there for as long as the block."""
    moved = "UPDATE connection SET settings = replace(settings, ?, ?) WHERE name = 'aiaccount'"
    change(house, moved, house.target, url)
    try:
        yield
    finally:
        change(house, moved, url, house.target)


class Target:
    """A stand-in that can be ended, and started again where it was, with what it knew."""

    def __init__(self, house: House, options: tuple[str, ...]) -> None:
        self._product, self._options = house.product, options
        self._ledger = house.product.folder / "other-ledger"
        self.running = ExitStack()
        self.url = ""

    def start(self) -> None:
        words = ("simulate", "aiaccount", "--ledger", str(self._ledger), *self._options)
        port = self.url.rpartition(":")[2] or "0"
        child = self.running.enter_context(self._product.started(*words, "--port", port))
        assert child.stdout
        self.url = json.loads(child.stdout.readline())["url"]

    def calls(self) -> list[dict[str, Any]]:
        return ledger_lines(self._ledger)

    def created(self) -> list[str]:
        return [line["number"] for line in self.calls() if line["effect"] == "created"]


class Recorded(BaseHTTPRequestHandler):
    """Answers a write with what was recorded for its order, a read with what exists there."""

    told: Mapping[str, Mapping[str, Any]]
    behind: str

    def do_POST(self) -> None:
        size = int(self.headers["Content-Length"])
        number = json.loads(self.rfile.read(size))["invoice_number"]
        one = self.told[number]
        self._answer(one["status"], one["body"].encode(), one.get("headers", {}))

    def do_GET(self) -> None:
        given = {name: self.headers[name] for name in ("Authorization", "X-Company-Id")}
        answer = requests.get(self.behind + self.path, headers=given, timeout=20)
        self._answer(answer.status_code, answer.content, {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@contextmanager
def recorded(timed: Timed, told: Mapping[str, Mapping[str, Any]]) -> Iterator[None]:
    """The company posts to a target that gives these answers, by number."""
    handler = type("Told", (Recorded,), {"told": told, "behind": timed.house.target})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with posting_to(timed.house, f"http://127.0.0.1:{server.server_port}"):
            yield
    finally:
        server.shutdown()
        server.server_close()
