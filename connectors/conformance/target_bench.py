"""A target beside the process of its stand-in, as the suite of targets uses them.

Here: the process, a sample of a document, short ways to use both. Not here: what is asked of a
target (target_suite.py), where a sample comes from (target_sample.py).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import requests


@dataclass(frozen=True)
class Posted:
    """A document as a decision would hold it."""

    number: str = "NS-1"
    party: str = "Aisyah Rahman"
    currency: str = "MYR"
    amount: Decimal = Decimal("118.80")
    document: str = "sales_invoice"
    fields: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True)
class Sample:
    """What the suite needs to know of a target: its key, a document, its faults.

    `make` makes the document of a number; `more` changes it into one of another total. `party`,
    `day` and `rate` are fields of its head: a text, a day, a number. `stored` are the faults of the
    stand-in after which the document is there, `not_stored` those after which it is not; `before`
    are documents that it pays.
    """

    secret: str
    settings: dict[str, str]
    make: Callable[..., Any]
    more: Mapping[str, Any]
    party: str
    day: str
    rate: str
    stored: tuple[str, ...]
    before: tuple[Callable[[], Any], ...] = ()
    not_stored: tuple[str, ...] = ("timeout_before", "html_502", "unavailable")


class Process:
    """The stand-in of a target as a process of its own."""

    def __init__(self, target: str, ledger: Path, *options: str, home: Path | None = None) -> None:
        self.target = target
        self.ledger_path = ledger
        self._options = [*options, *(["--home", str(home)] if home else [])]
        self.start()

    def start(self) -> None:
        """Start it, or start it again on its ledger."""
        command = [sys.executable, "-m", f"connectors.simulators.{self.target}"]
        fixed = ["--port", "0", "--ledger", str(self.ledger_path), "--watch-parent"]
        self.process = subprocess.Popen(
            [*command, *fixed, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "CLEARPOST_ENV": "test"},
        )
        line = self._output.readline()
        if not line:
            raise RuntimeError(f"The stand-in of {self.target} ended before it told its address.")
        first = json.loads(line)
        self.url = str(first["url"])

    @property
    def _output(self) -> IO[bytes]:
        if self.process.stdout is None:
            raise RuntimeError("The stand-in has no output.")
        return self.process.stdout

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a connection to it."""
        return {"base_url": self.url, "company_name": "Kedai Contoh Sdn Bhd"}

    def control(self, act: str, **given: Any) -> dict[str, Any]:
        """Have something done in the books by hand, or plan a fault."""
        answer = requests.post(f"{self.url}/_sim/{act}", json=given, timeout=10)
        if answer.status_code != 200:
            raise AssertionError(answer.text)
        told: dict[str, Any] = answer.json()
        return told

    def show(self, what: str) -> Any:
        """What is in the books."""
        return requests.get(f"{self.url}/_sim/{what}", timeout=10).json()[what]

    def ledger(self, effect: str | None = None) -> list[dict[str, Any]]:
        """What it wrote itself so far; of the line that it is writing, a reader may see half."""
        if not self.ledger_path.exists():
            return []
        found = self.ledger_path.read_bytes().splitlines(keepends=True)
        lines = [json.loads(line) for line in found if line.endswith(b"\n")]
        return [one for one in lines if effect in (None, one["effect"])]


class Bench:
    """A target, its stand-in, and short ways to use both."""

    def __init__(self, target: Any, sim: Any, http: Any, sample: Sample) -> None:
        self.target, self.sim, self.http, self.sample = target, sim, http, sample

    def afresh(self) -> None:
        """Empty books, with what the sample pays."""
        self.sim.control("reset")
        for at, make in enumerate(self.sample.before):
            (answer,) = self.send(make(), key=f"cp-before-{at}").answers
            if answer.kind != "accepted":
                raise AssertionError(answer)

    def make(self, number: str = "NS-1", **changed: Any) -> Any:
        """The document of the sample under a number, with other fields."""
        return self.sample.make(number, **changed)

    def changed(self) -> Any:
        """The document under its old number, with other content."""
        return self.sample.make("NS-1", **self.sample.more)

    def standing(self) -> Any:
        """What the target has, without what it pays."""
        return self.sim.show("documents")[len(self.sample.before) :]

    def build(
        self, *documents: Any, batch: bool = False, name: str = "day-1", action: str = "create"
    ) -> Any:
        """The call for these documents."""
        return self.target.build(
            documents, self.sim.settings, batch=batch, batch_name=name, action=action
        )

    def send(
        self,
        *documents: Any,
        key: str = "cp-1",
        batch: bool = False,
        secret: str = "",
        action: str = "create",
        **settings: Any,
    ) -> Any:
        """Build and send them."""
        payload = self.build(*documents, batch=batch, action=action)
        there, own = {**self.sim.settings, **settings}, secret or self.sample.secret
        return self.target.send(payload, there, own, key, self.http)

    def ask_again(self, document: Any, ticket: str, **settings: Any) -> Any:
        """Ask for what became of a ticket."""
        there = {**self.sim.settings, **settings}
        return self.target.ask_again(document, ticket, there, self.sample.secret, self.http)

    def look_up(
        self,
        document: Any,
        key: str = "cp-1",
        *,
        action: str = "create",
        standing: Any = None,
        **settings: Any,
    ) -> Any:
        """Whether it is done there."""
        there = {**self.sim.settings, **settings}
        return self.target.look_up(
            document, there, self.sample.secret, key, self.http, action=action, standing=standing
        )
