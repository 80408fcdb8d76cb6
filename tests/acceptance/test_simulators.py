"""The stand-ins of the targets, as anybody starts them: their faults are those of the page."""

import io
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests

from tests.acceptance.product import Product, free_environment
from tests.installed import ROOT
from tests.support.simulator import ledger_lines

TARGETS = ("aiaccount", "autocount", "autocount_aotg", "quickbooks")
KEYS = {
    "aiaccount": {"Authorization": "Bearer aia_live_demo_7Qk2", "X-Company-Id": "CMP-1042"},
    "autocount": {"Key-ID": "cp-demo", "API-Key": "acc_demo_9Tq4Lx"},
    "autocount_aotg": {"SOTC_AUTH": "SAM-demo-token-without-an-end"},
    "quickbooks": {"Authorization": "Bearer qbo-access-7Wd2-0"},
}
CUT, BROKEN = "cut", "broken"
ENDS: dict[str, tuple[int | str, int]] = {
    "timeout_before": (CUT, 0),
    "timeout_after": (CUT, 1),
    "half_closed_after": (CUT, 1),
    "cut_body": (CUT, 1),
    "garbage_after": (BROKEN, 1),
    "error_500_after": (500, 1),
    "html_502": (502, 0),
    "html_502_after": (502, 1),
    "unavailable": (503, 0),
    "rate_limited": (429, 0),
    "invalid_key": (401, 0),
    "no_permission": (403, 0),
    "closed_period": (422, 0),
    "slow": (201, 1),
    "silent_drop": (201, 0),
    "duplicate_delivery": (201, 2),
    "processing_completed": (202, 1),
    "processing_failed": (202, 0),
    "wrong_company": (201, 1),
    "drop_line": (201, 1),
    "failed_after": (200, 1),
    "name_taken": (400, 0),
    "item_untold": (200, 1),
    "item_lost": (200, 0),
}
"""What the caller gets, and how many documents the target then has."""
OTHERWISE: dict[tuple[str, str], tuple[int, int]] = {
    ("autocount", "closed_period"): (400, 0),
    ("autocount", "duplicate_delivery"): (400, 1),
    ("autocount_aotg", "closed_period"): (200, 0),
    ("autocount_aotg", "slow"): (200, 1),
    ("autocount_aotg", "silent_drop"): (200, 0),
    ("autocount_aotg", "duplicate_delivery"): (200, 1),
    ("quickbooks", "closed_period"): (400, 0),
    ("quickbooks", "slow"): (200, 1),
    ("quickbooks", "silent_drop"): (200, 0),
    ("quickbooks", "duplicate_delivery"): (200, 1),
}


@dataclass
class Target:
    """A stand-in that somebody started."""

    name: str
    url: str
    ledger: Path
    ends: dict[str, str] = field(default_factory=dict)

    def write(self, number: str) -> int | str:
        """What comes of one invoice: the status, or how the answer broke."""
        path, given = BODIES[self.name](number)
        path, head = self.url + path, KEYS[self.name] | {"Idempotency-Key": f"cp-{number}"}
        try:
            answer = requests.post(path, json=given, headers=head, timeout=30)
        except requests.RequestException:
            return CUT
        if answer.ok and answer.content:
            try:
                json.loads(answer.content)
            except ValueError:
                return BROKEN
        if answer.status_code == 202:
            self.ends[number] = self.ended(answer.json()["import"]["id"])
        return answer.status_code

    def ended(self, name: str) -> str:
        """How an import ended that was only taken note of: the first who asks is told to wait."""
        for said in ("processing", ""):
            path = f"{self.url}/v1/imports/{name}"
            answer = requests.get(path, headers=KEYS[self.name], timeout=10)
            found = str(answer.json()["import"]["status"])
            assert found == (said or found)
        return found

    def has(self, number: str) -> list[str]:
        """The companies in which the target has made this document, by its own ledger."""
        made = [one for one in ledger_lines(self.ledger) if one.get("number") == number]
        return [str(one.get("company")) for one in made if one["effect"] == "created"]

    def plan(self, fault: str) -> None:
        answer = requests.post(f"{self.url}/_sim/faults", json={"fault": fault}, timeout=10)
        assert answer.ok, answer.text


def _aiaccount(number: str) -> tuple[str, Any]:
    line = {"line_no": 1, "description": "Voucher", "quantity": "1", "unit_price": "59.00"}
    line |= {"account_code": "40000", "tax_code": "NT", "line_total": "59.00"}
    line |= {"classification_code": "022"}
    head = {"invoice_number": number, "invoice_date": "2026-11-19", "currency": "MYR"}
    whom = {"customer": {"name": "Tan Mei"}, "reference": number}
    return "/v1/sales/invoices", {**head, **whom, "lines": [line]}


def _autocount(number: str) -> tuple[str, Any]:
    head = {"docNo": number, "docDate": "2026-11-19", "creditTerm": "C.O.D.", "currencyRate": 1}
    head |= {"debtorCode": "300-W001", "debtorName": "Web Customer", "salesLocation": "HQ"}
    line = {"description": "Shipping", "accNo": "500-0000", "qty": 1, "unitPrice": 9.90}
    return "/1042/invoice", {"master": head, "details": [{**line, "taxCode": "NT"}]}


def _autocount_aotg(number: str) -> tuple[str, Any]:
    line = {"LineState": 1, "AccNo": "500-0000", "Tax": "NT", "Amount": 9.90}
    head = {"DocNo": number, "DocDate": "19-11-2026", "DebtorCode": "300-W001"}
    head |= {"JournalType": "SALES", "CreditTerm": "C.O.D."}
    return "/api/public/v1/ARInvoice/CreateARInvoice", {**head, "DetailsLine": [line]}


def _quickbooks(number: str) -> tuple[str, Any]:
    detail = {"ItemRef": {"value": "12"}, "Qty": 1, "UnitPrice": 9.9, "TaxCodeRef": {"value": "3"}}
    line = {"DetailType": "SalesItemLineDetail", "Amount": 9.9, "SalesItemLineDetail": detail}
    head = {"DocNumber": number, "TxnDate": "2026-11-19", "CustomerRef": {"value": "58"}}
    head |= {"DepartmentRef": {"value": "1"}, "GlobalTaxCalculation": "TaxExcluded"}
    path = f"/v3/company/9130347/invoice?minorversion=75&requestid=cp-{number}"
    return path, {**head, "CurrencyRef": {"value": "MYR"}, "Line": [line]}


BODIES = {
    "aiaccount": _aiaccount,
    "autocount": _autocount,
    "autocount_aotg": _autocount_aotg,
    "quickbooks": _quickbooks,
}


@dataclass
class Desk:
    """The stand-in of AutoCount desktop, before which a person sits."""

    url: str

    def plan(self, fault: str) -> None:
        answer = requests.post(f"{self.url}/_sim/faults", json={"fault": fault}, timeout=10)
        assert answer.ok, answer.text

    def imports(self, number: str) -> list[str]:
        """Import a file with one invoice of two rows; the state of each."""
        book = openpyxl.Workbook()
        assert book.active
        book.active.append(list(DESK_ROW))
        for _ in range(2):
            book.active.append(list({**DESK_ROW, "DocNo": number}.values()))
        raw = io.BytesIO()
        book.save(raw)
        path = f"{self.url}/desktop/import?type=invoice"
        answer = requests.post(path, data=raw.getvalue(), timeout=30)
        assert answer.ok, answer.text
        return [one["state"] for one in answer.json()["rows"]]

    def has(self, number: str) -> str:
        """The total of this document by AutoCount's own listing; blank where it is not there."""
        answer = requests.get(f"{self.url}/desktop/listing?type=invoice", timeout=10)
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).worksheets[0]
        heads = [cell.value for cell in sheet[2]]
        found = [dict(zip(heads, row, strict=True)) for row in sheet.values]
        return "".join(f"{one['Net Total']:.2f}" for one in found if one["Doc. No."] == number)


@pytest.fixture(scope="module")
def desk(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("desk")
    words = ("simulate", "autocount_excel", "--port", "0", "--ledger", str(folder / "desk.jsonl"))
    with Product(command, folder, free_environment()).started(*words) as child:
        assert child.stdout
        yield Desk(json.loads(child.stdout.readline())["url"])


@pytest.fixture(scope="module")
def targets(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Target]]:
    folder = tmp_path_factory.mktemp("simulators")
    product = Product(command, folder, free_environment())
    with ExitStack() as stack:
        found = []
        for name in TARGETS:
            ledger = folder / f"{name}.jsonl"
            words = ("simulate", name, "--port", "0", "--ledger", str(ledger))
            child = stack.enter_context(product.started(*words))
            assert child.stdout
            found.append(Target(name, json.loads(child.stdout.readline())["url"], ledger))
        yield found


def test_E39_every_fault_of_the_page_works_in_the_stand_in_of_each_target(
    targets: list[Target], desk: Desk
) -> None:
    page = told_faults()
    assert set(page) == {"partial file", *ENDS}
    wrong: dict[tuple[str, str], object] = {}
    for target in targets:
        known = requests.get(f"{target.url}/_sim/faults", timeout=10).json()["known"]
        told = {fault for fault, names in page.items() if target.name in names}
        assert set(known) == told - {"partial file"}, target.name
        for at, fault in enumerate(sorted(known)):
            number = f"E39-{at}"
            target.plan(fault)
            answer, made = target.write(number), target.has(number)
            if (answer, len(made)) != OTHERWISE.get((target.name, fault), ENDS[fault]):
                wrong[target.name, fault] = (answer, made)
            if fault == "wrong_company" and made != ["CMP-2001"]:
                wrong[target.name, "company"] = (answer, made)
            after = target.write(f"{number}-B"), len(target.has(f"{number}-B"))
            if after != (200 if target.name in ("autocount_aotg", "quickbooks") else 201, 1):
                wrong[target.name, f"after {fault}"] = after
    assert wrong == {}
    assert list(targets[0].ends.values()) == ["completed", "completed_with_errors"]
    _a_file_is_taken_in_part(targets[0])
    _an_import_by_hand_goes_wrong(desk)


def _a_file_is_taken_in_part(aiaccount: Target) -> None:
    """Of three rows the second has an unknown tax code."""
    book = openpyxl.Workbook()
    assert book.active
    book.active.append(list(ROW))
    for number, tax in (("E39-F1", "NT"), ("E39-F2", "SR-6"), ("E39-F3", "NT")):
        row = {**ROW, "Invoice Number": number, "Reference": number, "Tax Code": tax}
        book.active.append(list(row.values()))
    raw = io.BytesIO()
    book.save(raw)
    answer = requests.post(
        f"{aiaccount.url}/v1/imports/sales-invoices",
        files={"file": ("E39.xlsx", raw.getvalue())},
        data={"source_batch": "E39"},
        headers=KEYS["aiaccount"] | {"Idempotency-Key": "cp-E39-file"},
        timeout=30,
    )
    told = answer.json()
    assert answer.status_code == 422
    assert [one["line"] for one in told["errors"]] == [3]
    assert [one["outcome"] for one in told["documents"]] == ["accepted", "rejected", "accepted"]
    assert [len(aiaccount.has(f"E39-F{at}")) for at in (1, 2, 3)] == [1, 0, 1]


IMPORTED: dict[str, tuple[list[str], str]] = {
    "": (["New", "New"], "19.80"),
    "closed_period": (["Error", "Error"], ""),
    "failed_after": (["Error", "Error"], "19.80"),
    "row_left_out": (["Error", "New"], "9.90"),
    "silent_drop": (["New", "New"], ""),
}
"""What the person is told of the two rows of a document, and its total that AutoCount then has."""


def _an_import_by_hand_goes_wrong(desk: Desk) -> None:
    """Nobody calls AutoCount desktop: a person imports a file, and a document meets its fault."""
    known = requests.get(f"{desk.url}/_sim/faults", timeout=10).json()["known"]
    assert {*known} == told_faults("| fault of a file |").keys() == IMPORTED.keys() - {""}
    for at, (fault, (states, total)) in enumerate(sorted(IMPORTED.items())):
        number = f"E39-X{at}"
        if fault:
            desk.plan(fault)
        assert desk.imports(number) == states, fault
        assert desk.has(number) == total, fault
        assert desk.imports(f"{number}-B") == ["New", "New"], f"after {fault}"


KEY = (
    r'"((?:aia_live|acc_demo|aotg-demo|qbo-client|ns16-hook|woo-hook|ck_demo|cs_demo|shpss|shpat)'
    r'[\w-]*)"'
)
DESK_ROW = {
    "DocNo": "",
    "DocDate": date(2026, 11, 19),
    "DebtorCode": "300-W001",
    "DisplayTerm": "C.O.D.",
    "CurrencyCode": "MYR",
    "CurrencyRate": 1,
    "InclusiveTax": "F",
    "AccNo": "500-0000",
    "DtlDescription": "Shipping",
    "Qty": 1,
    "UnitPrice": 9.90,
    "TaxCode": "NT",
}
ROW = {
    "Invoice Number": "",
    "Invoice Date": date(2026, 11, 19),
    "Customer": "Tan Mei",
    "Currency": "MYR",
    "Reference": "",
    "Line No": 1,
    "Description": "Voucher",
    "Quantity": 1,
    "Unit Price": 59.00,
    "Account Code": "40000",
    "Tax Code": "NT",
    "Line Total": 59.00,
}


def test_the_page_says_the_key_of_each_stand_in() -> None:
    """As its own module says it, read as text: nobody looks into source code for a key."""
    page = (ROOT / "docs" / "operations" / "stand-ins.md").read_text("utf-8")
    found: set[str] = set()
    for path in (ROOT / "sandbox" / "simulators").rglob("*.py"):
        found |= set(re.findall(KEY, path.read_text("utf-8")))
    assert len(found) >= 16
    assert sorted(key for key in found if key not in page) == []


def told_faults(head: str = "| fault | of |") -> dict[str, set[str]]:
    """The faults of a table of the page, and the targets that have each."""
    text = (ROOT / "docs" / "operations" / "stand-ins.md").read_text("utf-8")
    page = text.split("## Faults of the stand-ins")[1].split("\n## ")[0]
    table = page.split(f"\n{head}")[1].split("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines() if row.startswith("| `")]
    everywhere = {"all": set(TARGETS)}
    return {row[0].strip("`"): everywhere.get(row[1], set(row[1].split(", "))) for row in rows}
