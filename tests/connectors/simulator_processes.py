"""Starts simulators for tests: a real process, its address, its ledger."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import requests

from tests.connectors.sample_documents import (
    Posted,
    aotg_invoice,
    autocount_invoice,
    bill,
    bill_line,
    billed,
    booked_line,
    invoice,
    line,
    payment,
    quickbooks_invoice,
    receipt,
    sold_line,
)
from tests.support.simulator import ledger_lines
from tests.support.zones import BOOKS

DEMO_KEY = "aia_live_demo_7Qk2"


@dataclass(frozen=True)
class Sample:
    """What the one suite of targets needs to know of each: its key, a document, its faults."""

    secret: str
    settings: dict[str, str]
    make: Callable[..., Posted]
    more: Mapping[str, Any]  # the same document with three tees: 163.35
    party: str
    day: str
    rate: str
    stored: tuple[str, ...]
    before: tuple[Callable[[], Posted], ...] = ()  # what it pays
    not_stored: tuple[str, ...] = ("timeout_before", "html_502", "unavailable")


_UNHEARD = ("timeout_after", "error_500_after", "html_502_after", "cut_body", "garbage_after")


def _of_aiaccount(
    make: Callable[..., Posted], day: str, party: str, *before: Callable[[], Posted]
) -> Sample:
    """A document of AiAccount that is not an invoice."""
    return Sample(
        secret=DEMO_KEY,
        settings={**BOOKS, "company_id": "CMP-1042"},
        make=make,
        more={"amount": "163.35"},
        party=party,
        day=day,
        rate="ExchangeRate",
        stored=_UNHEARD,
        before=before,
    )


SAMPLES = {
    "aiaccount": Sample(
        secret=DEMO_KEY,
        settings={**BOOKS, "company_id": "CMP-1042"},
        make=invoice,
        more={"lines": [line(1, Quantity="3", LineTotal="163.35")], "amount": "163.35"},
        party="Customer",
        day="InvoiceDate",
        rate="ExchangeRate",
        stored=_UNHEARD,
    ),
    "aiaccount receipt": _of_aiaccount(receipt, "ReceiptDate", "Customer", billed),
    "aiaccount bill": _of_aiaccount(bill, "BillDate", "Supplier"),
    "aiaccount payment": _of_aiaccount(
        payment, "PaymentDate", "Supplier", lambda: bill("ST-1", amount="173.25")
    ),
    "autocount": Sample(
        secret="acc_demo_9Tq4Lx",
        settings={**BOOKS, "company_id": "1042", "key_id": "cp-demo", "locked_through": "none"},
        make=autocount_invoice,
        more={"lines": [bill_line(Qty="3", SubTotal="148.50")], "amount": "163.35"},
        party="DebtorName",
        day="DocDate",
        rate="CurrencyRate",
        stored=("timeout_after", "error_500_after", "html_502_after"),
    ),
    "autocount_aotg": Sample(
        secret="aotg-demo-4Vr8:3DT88-KEDAI-CONTO-H0001-7QK2M\tSAM-demo-token-without-an-end\t0\t4102444800",
        settings={
            **BOOKS,
            "company_id": "3DT88",
            "user_name": "clearpost@kedai.example",
            "locked_through": "none",
        },
        make=aotg_invoice,
        more={"lines": [booked_line(Amount="148.50")], "amount": "163.35"},
        party="DebtorCode",
        day="DocDate",
        rate="NetTotal",
        stored=_UNHEARD,
    ),
    "quickbooks": Sample(
        secret="qbo-client-3Rk9:qbo-refresh-5Mx8-0:qbo-access-7Wd2-0:4102444800",
        settings={**BOOKS, "company_id": "9130347", "client_id": "AB-clearpost-app"},
        make=quickbooks_invoice,
        more={"lines": [sold_line(Qty="3", Amount="148.50")], "amount": "163.35"},
        party="CustomerRef",
        day="TxnDate",
        rate="ExchangeRate",
        stored=("timeout_after", "error_500_after", "html_502_after", "cut_body", "garbage_after"),
    ),
}


class Simulator:
    """A running simulator process."""

    def __init__(self, target: str, ledger: Path, *options: str, home: Path | None = None) -> None:
        self.target = target
        self.ledger_path = ledger
        self._options = [*options, *(["--home", str(home)] if home else [])]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", f"connectors.simulators.{self.target}"]
        fixed = ["--port", "0", "--ledger", str(self.ledger_path), "--watch-parent"]
        self.process = subprocess.Popen(
            [*command, *fixed, *self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "CLEARPOST_ENV": "test"},
        )
        first = json.loads(self._output.readline())
        assert first["name"] == self.target
        self.url = first["url"]

    @property
    def _output(self) -> IO[bytes]:
        assert self.process.stdout is not None
        return self.process.stdout

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()

    @property
    def settings(self) -> dict[str, Any]:
        there = {"base_url": self.url, "company_name": "Kedai Contoh Sdn Bhd"}
        tokens = {"token_url": f"{self.url}/oauth2/v1/tokens/bearer"}
        more = tokens if self.target == "quickbooks" else {}
        return there | SAMPLES[self.target].settings | more

    def control(self, act: str, **given: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_sim/{act}", json=given, timeout=10)
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def show(self, what: str) -> Any:
        return requests.get(f"{self.url}/_sim/{what}", timeout=10).json()[what]

    def show_plan(self) -> list[str]:
        planned: list[str] = requests.get(f"{self.url}/_sim/faults", timeout=10).json()["planned"]
        return planned

    def call(
        self, method: str, path: str, *, body: bytes | None = None, key: str = "k-1", **headers: str
    ) -> requests.Response:
        plain = {
            "Authorization": f"Bearer {DEMO_KEY}",
            "X-Company-Id": "CMP-1042",
            "Idempotency-Key": key,
        }
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        every = {name: value for name, value in {**plain, **given}.items() if value != ""}
        return requests.request(method, self.url + path, data=body, headers=every, timeout=10)

    def ledger(self, effect: str | None = None) -> list[dict[str, Any]]:
        return [one for one in ledger_lines(self.ledger_path) if effect in (None, one["effect"])]


class Bench:
    """A target, its simulator, and short ways to use both."""

    def __init__(self, target: Any, sim: Simulator, http: Any, sample: str = "") -> None:
        self.target, self.sim, self.http = target, sim, http
        self.sample = SAMPLES[sample or sim.target]

    def afresh(self) -> None:
        """Empty books, with what the sample pays."""
        self.sim.control("reset")
        for at, make in enumerate(self.sample.before):
            (answer,) = self.send(make(), key=f"cp-before-{at}").answers
            assert answer.kind == "accepted", answer

    def make(self, number: str = "NS-1", **changed: Any) -> Posted:
        return self.sample.make(number, **changed)

    def changed(self) -> Posted:
        """The document under its old number, with other content."""
        return self.sample.make("NS-1", **self.sample.more)

    def standing(self) -> Any:
        """What stands there, without what it pays."""
        return self.sim.show("documents")[len(self.sample.before) :]

    def build(
        self, *documents: Any, batch: bool = False, name: str = "day-1", action: str = "create"
    ) -> Any:
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
        payload = self.build(*documents, batch=batch, action=action)
        there, own = {**self.sim.settings, **settings}, secret or self.sample.secret
        return self.target.send(payload, there, own, key, self.http)

    def ask_again(self, document: Any, ticket: str, **settings: Any) -> Any:
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
        there = {**self.sim.settings, **settings}
        return self.target.look_up(
            document, there, self.sample.secret, key, self.http, action=action, standing=standing
        )
