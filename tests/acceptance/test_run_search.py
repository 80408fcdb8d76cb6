"""Among the runs of many records the one that is wanted is found by whatever is known of it."""

import csv
import io
import json
import os
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import requests

from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import clean
from tests.acceptance.parts import read
from tests.acceptance.product import ADMIN, FINANCE, House, Product, Visitor, free_environment
from tests.acceptance.quiet import BASE, ask_target, change, rows, work
from tests.acceptance.test_four_kinds import ACCOUNTS, commission

pytestmark = [pytest.mark.slow, pytest.mark.sqlite]
RECORDS = int(os.environ.get("CLEARPOST_FOUND", "400"))
ORDERS, BILLS, PARTIES = 8, 2, 500
COPIES = RECORDS // (ORDERS + BILLS)
QUICK, TIMES = 300, 5  # milliseconds in the server, in the middle of so many
A_PAGE = 50
ZONE = ZoneInfo("Asia/Kuala_Lumpur")
TABLES = {
    "run": {},
    "record": {},
    "posting": {"record_id": "record", "push_id": "push", "posted_push_id": "push"},
    "push": {"posting_id": "posting"},
    "request": {"run_id": "run", "parent_id": "request"},
    "attempt": {"request_id": "request", "push_id": "push"},
}
OWN = {"number", "external_id", "key"}
NOTHING = {"due_at", "read_due_at", "lease_owner", "lease_until", "body", "answer"}
EARLIER = {("run", "made_at"), ("run", "ended_at"), ("record", "seen_at")}


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company that sends invoices, receipts, bills and payments at once, and has a second target
    of another connector.
    """
    folder = tmp_path_factory.mktemp("found")
    rules = folder / "at-once-rules"
    product = Product(command, folder, free_environment())
    product.run("init", str(rules), "--template", "netshop-aiaccount-daily")
    posting = rules / "posting.rules"
    text = re.sub(r"    daily .*", "    immediately", posting.read_text("utf-8"))
    posting.write_text(text, "utf-8")
    for tests in rules.glob("*_test.rules"):  # they tell of the night
        tests.unlink()
    with quiet(product, rules) as house:
        ask_target(house, "company", accounts=ACCOUNTS)
        by_admin = (*COMPANY, "--as", ADMIN)
        house.product.run("connection", "test", "aiaccount", *by_admin)
        words = ("connection", "add", "carried", *by_admin, "--side", "target")
        told = ("--connector", "autocount_excel", "--set", "company_id=AC-1")
        house.product.run(*words, *told)
        for number in range(801, 801 + ORDERS):
            house.deliver(clean(number))
        for number in range(BILLS):
            commission(house, f"ST-{number}", number + 2, "50.00", status="paid",
                       paid_at=datetime.now(ZONE).isoformat())  # fmt: skip
        work(house)
        _copy(house)
        with house.product.started("worker", "--no-redis"):
            yield house


def _copy(house: House) -> None:
    """What was sent, so many times more, each copy in runs of its own and a minute earlier."""
    lasts = [rows(house, f"SELECT max(id) FROM {name}")[0][0] for name in TABLES]
    assert all(lasts), "something was sent"
    stride = 1 + max(lasts)
    numbers = f"WITH RECURSIVE n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < {COPIES})"
    for name, leads_to in TABLES.items():
        columns = [row[1] for row in rows(house, f"PRAGMA table_info({name})")]
        values = ", ".join(_value(name, one, leads_to, stride) for one in columns)
        listed = ", ".join(f'"{one}"' for one in columns)
        query = f"INSERT INTO {name} ({listed}) {numbers} SELECT {values} FROM {name} t, n"
        assert change(house, query) > 0
    rows(house, "PRAGMA wal_checkpoint(TRUNCATE)")  # one write as large as no day brings


def _value(table: str, column: str, leads_to: dict[str, str], stride: int) -> str:
    own = f't."{column}"'
    if column == "id" or column in leads_to:
        return f"{own} + {stride} * k"
    if column in NOTHING:
        return "NULL"
    if column in OWN:
        return f"{own} || '-' || k"
    if (table, column) in EARLIER:
        moved = f"strftime('%Y-%m-%dT%H:%M:%f', {own}, '-' || k || ' minutes')"
        return f"{moved} || '000Z'"
    if (table, column) == ("record", "party"):
        return f"{own} || ' No ' || (k % {PARTIES}) || ' Bhd'"
    if (table, column) == ("record", "party_key"):
        return f"t.\"party\" || '-' || (k % {PARTIES})"
    return own


@dataclass
class Sought:
    """A document that was sent, the run that carried it, and when that started."""

    record: str
    party: str
    number: str
    run: int
    at: datetime


def sought(house: House, doc_type: str, copy: int) -> Sought:
    query = (
        "SELECT r.number, r.party, p.number, run.id, run.made_at FROM record r"
        " JOIN posting p ON p.record_id = r.id JOIN push ON push.posting_id = p.id"
        " JOIN attempt a ON a.push_id = push.id JOIN request q ON q.id = a.request_id"
        " JOIN run ON run.id = q.run_id WHERE q.kind = 'push' AND p.doc_type = ?"
        " AND r.number LIKE '%-' || ? ORDER BY run.id LIMIT 1"
    )
    ((record, party, number, run, at),) = rows(house, query, doc_type, str(copy))
    return Sought(record, party, number, run, datetime.fromisoformat(at).astimezone(ZONE))


def listed(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'id="runrow_(\d+)"', text)]


def asked(who: Visitor, path: str) -> tuple[str, list[float]]:
    """A page, and what the server took for it, in milliseconds, so many times."""
    spent = []
    for _ in range(TIMES):
        answer = who.session.get(who.address + path, timeout=60)
        assert answer.ok, answer.text[:800]
        told = re.search(r"total;dur=([0-9.]+)", answer.headers["Server-Timing"])
        assert told
        spent.append(float(told[1]))
    return answer.text, spent


def files(house: House, given: dict[str, str]) -> list[list[int]]:
    """The runs of the three files with this filter."""
    finance = house.visitor(FINANCE)
    address = f"{house.address}{BASE}/runs"

    def got(ending: str) -> requests.Response:
        answer = finance.session.get(f"{address}.{ending}?{urlencode(given)}", timeout=60)
        assert answer.ok, answer.text
        return answer

    table = list(csv.reader(io.StringIO(got("csv").content.decode("utf-8-sig"))))
    (sheet,) = openpyxl.load_workbook(io.BytesIO(got("xlsx").content))
    cells = [row[0] for row in sheet.values][2:]
    return [
        [int(row[0]) for row in table[2:]],
        [int(str(cell)) for cell in cells],
        [int(one["run"]) for one in json.loads(got("json").text)["rows"]],
    ]


def test_C22_a_run_is_found_by_what_is_known_of_it(office: House) -> None:
    assert rows(office, "SELECT count(*) FROM record")[0][0] >= RECORDS
    finance = office.visitor(FINANCE)
    invoice = sought(office, "sales_invoice", COPIES // 2)
    receipt = sought(office, "sales_receipt", COPIES // 3)
    bill = sought(office, "expense_bill", COPIES // 2)
    ((oldest,),) = rows(office, "SELECT id FROM run ORDER BY made_at, id LIMIT 1")
    other = "(SELECT id FROM connection WHERE name = 'carried')"
    assert change(office, f"UPDATE run SET connection_id = {other} WHERE id = ?", oldest) == 1
    minute = f"{invoice.at:%Y-%m-%dT%H:%M}"
    wanted = [
        ({"record": invoice.record}, invoice.run),
        ({"from": minute, "to": minute}, invoice.run),
        ({"customer": invoice.party}, invoice.run),
        ({"vendor": bill.party}, bill.run),
        ({"invoice": invoice.number}, invoice.run),
        ({"payment": receipt.number}, receipt.run),
        ({"connector": "autocount_excel"}, oldest),
    ]
    first = listed(finance.get(f"{BASE}/runs"))
    assert len(first) == A_PAGE
    for given, run in wanted:
        assert run not in first, "it is not there anyway"
        page, spent = asked(finance, f"{BASE}/runs?{urlencode(given)}")
        found, took = listed(page), statistics.median(spent)
        print(f"{next(iter(given))}: {took:.0f} ms of {sorted(spent)}, {len(found)} runs")
        assert run in found, given
        assert took < QUICK, (given, spent)
        assert len(found) < A_PAGE
        for name, text in given.items():
            assert text in str(read(page).one(id=f"run_{name}").attributes.get("value", text))
        assert files(office, given) == [found] * 3, given
    assert listed(finance.get(f"{BASE}/runs?customer=Nobody+has+this")) == []
    assert "No run matches." in finance.get(f"{BASE}/runs?payment={invoice.number}")
    wrong = finance.session.get(f"{office.address}{BASE}/runs?from=yesterday", timeout=30)
    assert wrong.status_code == 422
    assert "Enter a time as 2026-11-20 14:30." in wrong.text
    further = re.search(r'href="([^"]*after=[^"]*)"', finance.get(f"{BASE}/runs"))
    assert further
    second = listed(finance.get(further[1].replace("&amp;", "&")))
    assert second
    assert not {*first} & {*second}
