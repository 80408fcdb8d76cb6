"""Drives the installed product from outside: its command, its pages, its files.

Here: what several acceptance tests need. Nothing of the six packages is imported.
"""

import base64
import hashlib
import hmac
import itertools
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import requests

from tests.acceptance import warm
from tests.acceptance.postgresql import Server, name_for
from tests.support.simulator import ledger_lines

MALAYSIA = timezone(timedelta(hours=8))
BEGUN = datetime.now(MALAYSIA)
"""When the tests of this process began: days are counted from here; midnight may pass."""
CURRENT_COMPANY = "kedai"
ADMIN, FINANCE, APPROVER = "admin@kedai.example", "finance@kedai.example", "approver@kedai.example"
SIMULATOR_KEY = "aia_live_demo_7Qk2"
FAST = {
    "CLEARPOST_ENV": "test",
    "CLEARPOST_ALLOW_LOOPBACK": "1",
    "CLEARPOST_SETTLE_SECONDS": "0",
    "CLEARPOST_SWEEP_SECONDS": "1",
    # Longer than a busy machine takes for the largest batch of these tests: a lease that ends while
    # its worker is alive makes every record of it a suspect, to be judged alone.
    "CLEARPOST_LEASE_SECONDS": "30",
    "CLEARPOST_UNDO_SECONDS": "0",
}


@dataclass
class Product:
    """The installed command, with one home folder and working folder of its own.

    Its database is in its home, or has a name of its own on a server.
    """

    command: Path
    folder: Path
    env: dict[str, str] = field(default_factory=dict)
    server: Server | None = None

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def shift_clock(self, seconds: float) -> None:
        """All its processes are so far from the machine's time. The file is replaced as a whole:
        who reads it meanwhile sees the old time or the new one.
        """
        new = self.home / "clock.new"
        new.write_text(str(seconds), "ascii")
        new.replace(self.home / "clock")

    def environment(self, more: Mapping[str, str] | None = None) -> dict[str, str]:
        given = {**FAST, **self.env, "CLEARPOST_HOME": str(self.home)}
        if self.server:
            given["DATABASE_URL"] = self.server.url_of(self.database_name)
            given["CLEARPOST_KEY_FILE"] = str(self.home / "secret.key")
        return {**given, **(more or {})}

    @property
    def database_name(self) -> str:
        """The name of its database on the server."""
        return name_for(self.folder)

    def prepare(self) -> None:
        """What `migrate` finds on a server: an empty database, and a key somebody made."""
        if self.server:
            self.server.create(self.database_name)
            self.home.mkdir(exist_ok=True)
            key = self.home / "secret.key"
            key.touch(mode=0o600)
            key.write_bytes(base64.urlsafe_b64encode(os.urandom(32)))

    def run(
        self,
        *words: str,
        code: int = 0,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        forks: int = 0,
        patience: float = warm.PATIENCE,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command, for so many seconds at most, and insist on its exit code; settings of
        Python start it anew.
        """
        given = self.environment(env)
        if warm.fits(env or {}):
            done = warm.run(
                self.command,
                words,
                cwd=self.folder,
                env=given,
                said=stdin,
                forks=forks,
                patience=patience,
            )
        else:
            done = subprocess.run(
                [self.command, *words],
                cwd=self.folder,
                env=given,
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=patience,
            )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def json(self, *words: str, code: int = 0, forks: int = 0) -> Any:
        """The object that a command prints."""
        return json.loads(self.run(*words, code=code, forks=forks).stdout)

    def notes(self, word: str) -> Path:
        """What a started command and its children say on standard error."""
        return self.folder / f"{word}.err"

    def sql(self, query: str, *values: Any) -> tuple[list[tuple[Any, ...]], int]:
        """Beside the product, what no user can do: SQL with ? for values; rows, and how many."""
        if self.server:
            with self.server.connected(self.database_name) as place:
                done = place.execute(query.replace("?", "%s").encode(), values)
                return (done.fetchall() if done.description else []), done.rowcount
        with self.database() as file:
            found = file.execute(query, values)
            return found.fetchall(), found.rowcount

    def let_live(self) -> None:
        """Take all companies live without their set-up, for tests of what comes after it."""
        self.sql("UPDATE company SET live = ?", True)

    @contextmanager
    def database(self) -> Iterator[sqlite3.Connection]:
        """The SQLite file itself, for what no user can do."""
        found = sqlite3.connect(self.home / "clearpost.sqlite3", timeout=20)
        try:
            with found:
                yield found
        finally:
            found.close()

    @contextmanager
    def started(
        self, *words: str, env: Mapping[str, str] | None = None, forks: int = 0
    ) -> Iterator[warm.Started]:
        """A command that keeps running, ended by SIGTERM at the end of the block; so many of the
        workers that it starts cost as little as itself.
        """
        given = self.environment(env)
        with self.notes(words[0]).open("w") as notes:
            child = warm.start(
                self.command, words, cwd=self.folder, env=given, notes=notes, forks=forks
            )
        try:
            yield child
        finally:
            child.send_signal(signal.SIGTERM)
            child.wait(30)
            child.close()


@dataclass
class House:
    """A company in a running product, with the stand-in of its target."""

    product: Product
    address: str
    target: str
    ledger: Path
    secret: str
    passwords: dict[str, str]
    doors: ExitStack = field(default_factory=ExitStack)

    _events = itertools.count(1)

    def deliver(self, *orders: Mapping[str, Any], event_id: str = "") -> requests.Response:
        """A signed webhook with these orders."""
        raw = json.dumps({"event": "order.updated", "orders": list(orders)}).encode()
        return self.post_hook(raw, event_id=event_id or f"evt_{next(self._events)}")

    def post_hook(
        self, raw: bytes, *, event_id: str, secret: str | None = None, at: float | None = None
    ) -> requests.Response:
        """Any bytes, signed with the right secret unless another is given."""
        stamp = str(int(time.time() if at is None else at))
        key = (self.secret if secret is None else secret).encode()
        digest = hmac.new(key, f"{stamp}.{event_id}.".encode() + raw, hashlib.sha256).hexdigest()
        headers = {
            "Content-Type": "application/json",
            "X-NS16-Timestamp": stamp,
            "X-NS16-Signature": f"sha256={digest}",
            "X-NS16-Event-Id": event_id,
        }
        address = f"{self.address}/hooks/{CURRENT_COMPANY}/netshop"
        return requests.post(address, data=raw, headers=headers, timeout=60)

    def calls(self) -> list[dict[str, Any]]:
        """The lines of the simulator's own ledger."""
        return ledger_lines(self.ledger)

    def created(self) -> list[str]:
        """The numbers of the documents that the simulator has made."""
        return [line["number"] for line in self.calls() if line["effect"] == "created"]

    def record(self, word: str) -> Any:
        """A record's state and its seven answers."""
        return self.product.json("trace", word, "--company", CURRENT_COMPANY, "--json")

    def until_state(self, word: str, *states: str, seconds: float = 100) -> Any:
        """The record, as soon as it is in one of these states."""
        return until(
            lambda: (found := self.record(word))["state"] in states and found,
            f"{word} in {states}",
            seconds,
        )

    def visitor(self, email: str) -> "Visitor":
        """Somebody signed in."""
        return Visitor(self.address, email, self.passwords[email])


class Visitor:
    """A person with a browser that knows no JavaScript."""

    def __init__(self, address: str, email: str, password: str) -> None:
        self.address = address
        self.session = requests.Session()
        form = self.get("/signin")
        answer = self.post("/signin", form, email=email, password=password)
        assert answer.ok, answer.text[:500]
        assert "/signin" not in answer.url

    def get(self, path: str, code: int = 200) -> str:
        """The text of a page."""
        answer = self.session.get(self.address + path, timeout=30)
        assert answer.status_code == code, f"{path}: {answer.status_code}\n{answer.text[:800]}"
        return answer.text

    def post(self, path: str, page: str, **values: str) -> requests.Response:
        """Send a form with the token of the page it stands on."""
        token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
        assert token, page[:800]
        data = {"csrf_token": token[1], **values}
        headers = {"Referer": self.address + path}
        return self.session.post(self.address + path, data=data, headers=headers, timeout=30)

    def show_rule_lines(self) -> None:
        """Have pages name rules by file and line, as an auditor's do from the start."""
        answer = self.post("/me/lines", self.get("/me"), on="1")
        assert answer.ok, answer.text[:500]


def until(probe: Callable[[], Any], what: str, seconds: float = 300) -> Any:
    """What the probe finds, as soon as it finds something; it asks ever less often."""
    limit, pause = time.monotonic() + seconds, 0.03
    while time.monotonic() < limit:
        if found := probe():
            return found
        time.sleep(pause)
        pause = min(pause * 1.3, 0.25)
    raise AssertionError(f"after {seconds} s still no {what}")


def address_in(notes: Path, seconds: float = 120) -> str:
    """The address that a started portal tells."""
    found: str = until(
        lambda: re.search(r"http://[\w.]+:\d+", notes.read_text("utf-8")), "address", seconds
    )[0]
    return found


def children_of(pid: int) -> set[int]:
    """All processes below one, by their numbers."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:
            continue
    found: set[int] = set()
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def alive(pids: set[int]) -> set[int]:
    """Those that still run; a zombie does not."""
    return {pid for pid in pids if _state(pid) not in ("", "Z")}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return ""


def order(number: int, /, **changes: Any) -> dict[str, Any]:
    """A clean order of two glasses, as NetShop words it, of yesterday."""
    moment = (BEGUN - timedelta(days=1)).isoformat(timespec="seconds")
    given: dict[str, Any] = {
        "id": number,
        "number": f"NS-{number}",
        "status": "paid",
        "ordered_at": moment,
        "paid_at": moment,
        "updated_at": moment,
        "channel": "FPX",
        "currency": "MYR",
        "customer": {"id": "C-101", "name": "Warung Melati", "tin": None, "address": None},
        "created_by": "Mei Ling",
        "approved_by": None,
        "approved_version": None,
        "version": 1,
        "items": [item(1)],
        "round_off": "0.00",
        **changes,
    }
    lines = [float(i["qty"]) * float(i["price"]) for i in given["items"]]
    taxes = [
        round(amount * 0.10 + 1e-9, 2) if line["tax"] == "SST" else 0.0
        for amount, line in zip(lines, given["items"], strict=True)
    ]
    sums = {
        "subtotal": f"{sum(lines):.2f}",
        "tax_total": f"{sum(taxes):.2f}",
        "total": f"{sum(lines) + sum(taxes):.2f}",
    }
    return {**sums, **given}


def item(pos: int, **changes: Any) -> dict[str, Any]:
    """A line of an order: two glasses at RM 5.00."""
    return {
        "pos": pos,
        "sku": "CUP-GLASS-20",
        "name": "Kopitiam glass, 200 ml",
        "uom": "PCS",
        "qty": "2",
        "price": "5.00",
        "discount": None,
        "tax": "SST",
        "delivered_qty": None,
        "returned_qty": None,
        **changes,
    }


def free_environment() -> dict[str, str]:
    """The environment without any setting of ours."""
    ours = ("CLEARPOST_", "PYTHON", "DATABASE_URL", "REDIS_URL", "VIRTUAL_ENV")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}
