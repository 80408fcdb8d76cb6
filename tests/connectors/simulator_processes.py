"""Starts simulators for tests: a real process, its address, its ledger."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import requests

from tests.support.simulator import ledger_lines

DEMO_KEY = "aia_live_demo_7Qk2"


@dataclass(frozen=True)
class Posted:
    """A document as a decision would hold it."""

    number: str = "NS-1"
    party: str = "Aisyah Rahman"
    currency: str = "MYR"
    amount: Decimal = Decimal("118.80")
    document: str = "sales_invoice"
    fields: Mapping[str, str] = None  # type: ignore[assignment]
    lines: tuple[Mapping[str, str], ...] = ()


def line(at: int = 1, **changed: str) -> dict[str, str]:
    plain = {
        "LineNo": str(at),
        "SKU": "TEE-BLK-M",
        "Description": "Tee, black, M",
        "Quantity": "2",
        "UOM": "PCS",
        "UnitPrice": "49.50",
        "AccountCode": "40000",
        "TaxCode": "MY-SALES10",
        "LineTotal": "108.90",
    }
    return {name: value for name, value in {**plain, **changed}.items() if value != ""}


def shipping(at: int = 2, **changed: str) -> dict[str, str]:
    plain = {"SKU": "", "Description": "Shipping", "Quantity": "1", "UOM": "", "UnitPrice": "9.90"}
    return line(at, **{**plain, "TaxCode": "NT", "LineTotal": "9.90", **changed})


def invoice(number: str = "NS-1", *, lines=None, amount="118.80", **changed: str) -> Posted:
    plain = {
        "InvoiceNumber": number,
        "InvoiceDate": "2026-11-19",
        "Customer": "Aisyah Rahman",
        "Currency": "MYR",
        "Reference": "10231",
    }
    fields = {name: value for name, value in {**plain, **changed}.items() if value != ""}
    return Posted(
        number=number,
        party=fields.get("Customer", ""),
        currency=fields.get("Currency", "MYR"),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines) if lines is not None else (line(1), shipping(2)),
    )


def settling(document: str, number: str, amount: str, plain: Mapping[str, str], **changed: str):
    """A receipt or payment: one row, all of it in the header."""
    paid = {"Amount": amount, "Currency": "MYR", "BankAccountCode": "12000", "PaymentMethod": "FPX"}
    fields = {name: value for name, value in {**plain, **paid, **changed}.items() if value != ""}
    return Posted(
        document=document,
        number=number,
        party=fields.get("Customer", fields.get("Supplier", "")),
        currency=fields.get("Currency", "MYR"),
        amount=Decimal(fields["Amount"]),
        fields=fields,
    )


def receipt(number: str = "RC-1", *, amount="118.80", **changed: str) -> Posted:
    """Money for invoice IN-1, see `billed`."""
    plain = {"ReceiptNumber": number, "ReceiptDate": "2026-11-20", "Customer": "Aisyah Rahman"}
    return settling("sales_receipt", number, amount, {**plain, "InvoiceNumber": "IN-1"}, **changed)


def payment(number: str = "PV-1", *, amount="118.80", **changed: str) -> Posted:
    """Money for bill ST-1."""
    plain = {"PaymentNumber": number, "PaymentDate": "2026-11-20", "Supplier": "Blogger 12"}
    return settling("expense_payment", number, amount, {**plain, "BillNumber": "ST-1"}, **changed)


def bill(number: str = "ST-1", *, amount="118.80", lines=(), **changed: str) -> Posted:
    """A commission, all in the header where no lines are given."""
    plain = {
        "BillNumber": number,
        "BillDate": "2026-11-17",
        "Supplier": "Blogger 12",
        "Currency": "MYR",
        "Reference": number,
    }
    row = {"LineNo": "1", "Description": "Commission", "AccountCode": "61001", "TaxCode": "NT"}
    whole = {**plain, **({} if lines else {**row, "Amount": amount}), **changed}
    fields = {name: value for name, value in whole.items() if value != ""}
    return Posted(
        document="expense_bill",
        number=number,
        party=fields.get("Supplier", ""),
        currency=fields.get("Currency", "MYR"),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines),
    )


def billed() -> Posted:
    """An invoice over 173.25, of which receipts pay parts."""
    return invoice("IN-1", lines=[line(1, Quantity="3", LineTotal="163.35"), shipping(2)])


def bill_line(**changed: str) -> dict[str, str]:
    """A line of an AutoCount document: 2 tees, 108.90 with tax."""
    plain = {
        "ItemCode": "TEE-BLK-M",
        "DtlDescription": "Tee, black, M",
        "AccNo": "500-0000",
        "UOM": "PCS",
        "Qty": "2",
        "UnitPrice": "49.50",
        "TaxCode": "S-10",
        "SubTotal": "99.00",
    }
    return {name: value for name, value in {**plain, **changed}.items() if value != ""}


def autocount_invoice(
    number: str = "NS-1", *, lines=None, document="invoice", amount="118.80", **changed: str
) -> Posted:
    """A tee and its shipping; a field given as None is left out, a blank one is said blank."""
    plain = {
        "DocNo": number,
        "DocDate": "2026-11-19",
        "DebtorCode": "300-W001",
        "DebtorName": "Web Customer",
        "DisplayTerm": "C.O.D.",
        "Location": "HQ",
        "Ref": "10231",
        "InclusiveTax": "no",
        "FinalTotal": amount,
    }
    ship = {"ItemCode": "", "DtlDescription": "Shipping", "Qty": "1", "UOM": "", "TaxCode": "NT"}
    two = (bill_line(), bill_line(**ship, UnitPrice="9.90", SubTotal="9.90"))
    fields = {name: value for name, value in {**plain, **changed}.items() if value is not None}
    return Posted(
        document=document,
        number=number,
        party=fields.get("DebtorCode", ""),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines) if lines is not None else two,
    )


def sold_line(**changed: str) -> dict[str, str]:
    """A line of a QuickBooks document: 2 teas, 99.00 before tax."""
    plain = {
        "ItemRef": "11",
        "Description": "Tea, loose",
        "Qty": "2",
        "UnitPrice": "49.50",
        "Amount": "99.00",
        "TaxCodeRef": "5",
    }
    return {name: value for name, value in {**plain, **changed}.items() if value != ""}


def quickbooks_invoice(
    number: str = "NS-1", *, lines=None, document="invoice", amount="118.80", **changed: str
) -> Posted:
    """Tea and a cup; a field given as None is left out, a blank one is said blank."""
    plain = {
        "DocNumber": number,
        "TxnDate": "2026-11-19",
        "CustomerRef": "58",
        "SalesRep": "House",
        "GlobalTaxCalculation": "TaxExcluded",
        "PrivateNote": "10231",
        "Total": amount,
    }
    cup = {"ItemRef": "12", "Description": "Tea cup", "Qty": "1", "TaxCodeRef": "3"}
    two = (sold_line(), sold_line(**cup, UnitPrice="9.90", Amount="9.90"))
    fields = {name: value for name, value in {**plain, **changed}.items() if value is not None}
    return Posted(
        document=document,
        number=number,
        party=fields.get("CustomerRef", ""),
        amount=Decimal(amount),
        fields=fields,
        lines=tuple(lines) if lines is not None else two,
    )


@dataclass(frozen=True)
class Sample:
    """What the one suite of targets needs to know of each: its key, a document, its faults."""

    secret: str
    settings: Mapping[str, str]
    make: Callable[..., Posted]
    more: Mapping[str, Any]  # the same document with three tees: 163.35
    party: str
    day: str
    rate: str
    stored: tuple[str, ...]
    before: tuple[Callable[[], Posted], ...] = ()  # what it pays
    not_stored: tuple[str, ...] = ("timeout_before", "html_502", "unavailable")


_UNHEARD = ("timeout_after", "error_500_after", "html_502_after", "cut_body", "garbage_after")


def _of_aiaccount(make: Callable[..., Posted], day: str, party: str, *before) -> Sample:
    """A document of AiAccount that is not an invoice."""
    return Sample(
        secret=DEMO_KEY,
        settings={"company_id": "CMP-1042"},
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
        settings={"company_id": "CMP-1042"},
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
        settings={"company_id": "1042", "key_id": "cp-demo", "locked_through": "none"},
        make=autocount_invoice,
        more={"lines": [bill_line(Qty="3", SubTotal="148.50")], "amount": "163.35"},
        party="DebtorName",
        day="DocDate",
        rate="CurrencyRate",
        stored=("timeout_after", "error_500_after", "html_502_after"),
    ),
    "quickbooks": Sample(
        secret="qbo-client-3Rk9:qbo-refresh-5Mx8-0:qbo-access-7Wd2-0:4102444800",
        settings={"company_id": "9130347", "client_id": "AB-clearpost-app"},
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
        first = json.loads(self.process.stdout.readline())
        assert first["name"] == self.target
        self.url = first["url"]

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(10)
        self.process.stdin.close()
        self.process.stdout.close()

    @property
    def settings(self) -> dict[str, Any]:
        there = {"base_url": self.url, "company_name": "Kedai Contoh Sdn Bhd"}
        tokens = {"token_url": f"{self.url}/oauth2/v1/tokens/bearer"}
        more = tokens if self.target == "quickbooks" else {}
        return there | SAMPLES[self.target].settings | more

    def control(self, act: str, **given: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_sim/{act}", json=given, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def show(self, what: str) -> Any:
        return requests.get(f"{self.url}/_sim/{what}", timeout=10).json()[what]

    def show_plan(self) -> list[str]:
        return requests.get(f"{self.url}/_sim/faults", timeout=10).json()["planned"]

    def call(self, method: str, path: str, *, body: bytes | None = None, key="k-1", **headers: str):
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

    def __init__(self, target, sim, http, sample=""):
        self.target, self.sim, self.http = target, sim, http
        self.sample = SAMPLES[sample or sim.target]

    def afresh(self):
        """Empty books, with what the sample pays."""
        self.sim.control("reset")
        for at, make in enumerate(self.sample.before):
            (answer,) = self.send(make(), key=f"cp-before-{at}").answers
            assert answer.kind == "accepted", answer

    def make(self, number="NS-1", **changed):
        return self.sample.make(number, **changed)

    def changed(self):
        """The document under its old number, with other content."""
        return self.sample.make("NS-1", **self.sample.more)

    def standing(self):
        """What stands there, without what it pays."""
        return self.sim.show("documents")[len(self.sample.before) :]

    def build(self, *documents, batch=False, name="day-1", action="create"):
        return self.target.build(documents, batch=batch, batch_name=name, action=action)

    def send(self, *documents, key="cp-1", batch=False, secret="", action="create", **settings):
        payload = self.build(*documents, batch=batch, action=action)
        there, own = {**self.sim.settings, **settings}, secret or self.sample.secret
        return self.target.send(payload, there, own, key, self.http)

    def look_up(self, document, key="cp-1", *, action="create", standing=None, **settings):
        there = {**self.sim.settings, **settings}
        return self.target.look_up(
            document, there, self.sample.secret, key, self.http, action=action, standing=standing
        )
