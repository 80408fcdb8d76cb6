"""Hostile and broken input: refused with a reason or held, and nothing else is touched."""

import io
import json
import socket
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests

from tests.acceptance.orders import buyer, clean
from tests.acceptance.pages import strip, until_head, words
from tests.acceptance.product import CURRENT_COMPANY, FINANCE, House, item, until

pytestmark = pytest.mark.slow
HOOK = f"/hooks/{CURRENT_COMPANY}/netshop"
BODIES = {
    "duplicate keys": (b'{"order": {"id": 1, "id": 2}}', 400, "'id' occurs twice"),
    "levels": (b'{"order": ' + b"[" * 200_000 + b"]" * 200_000 + b"}", 400, "deep"),
    "open levels": (b'{"order": ' + b'{"a":' * 200_000, 400, "deep"),
    "digits": (b'{"order": {"id": ' + b"9" * 100_000 + b"}}", 422, "without an id"),
    "a text without an end": (b'{"order": "' + b'\\"' * 2_000_000, 400, "no JSON"),
    "a key twice among many": (
        b'{"order": {' + b"".join(b'"k%d":0,' % at for at in range(200_000)) + b'"k199999":0}}',
        400,
        "'k199999' occurs twice",
    ),
    "wide": (b'{"order": [' + b"[]," * 6_000_000 + b"[]]}", 400, "more than 2,000,000 values"),
    "wide decimals": (b'{"order": [' + b"1.5," * 4_500_000 + b"1]}", 400, "more than 2,000,000"),
    "half": (b'{"order": {"id": 1, "number": ', 400, "no JSON"),
    "empty": (b"", 400, "no JSON"),
    "latin-1": ('{"order": {"id": 1, "number": "é"}}'.encode("latin-1"), 400, ""),
    "a list": (b"[]", 422, "no order"),
    "a number": (b"7", 422, "no order"),
    "no object": (b'{"orders": [7]}', 422, "without an id"),
}
UNREAD_FIELDS = {
    "NaN": (b'{"order": {"id": 1, "number": "NS-1", "total": NaN}}', "order.total"),
    "infinity": (b'{"order": {"id": 1, "total": -Infinity}}', "order.total"),
    "exponent": (b'{"order": {"id": 1, "total": 1e999999999}}', "order.total"),
    "exponent behind zeros": (b'{"order": {"id": 1, "total": 1e000000999999999}}', "order.total"),
    "NUL": (b'{"order": {"id": 1, "number": "NS\\u0000"}}', "order.number"),
    "surrogate": (b'{"order": {"id": 1, "number": "NS\\ud800"}}', "order.number"),
    "blank number": (json.dumps({"order": clean(1, number="")}).encode(), "order.number"),
    "no money": (json.dumps({"order": clean(1, total="ten")}).encode(), "order.total"),
    "no zone": (
        json.dumps({"order": clean(1, paid_at="2026-01-01T10:00")}).encode(),
        "order.paid_at",
    ),
}
"""Orders with an id and one field that cannot be read, and its place."""


@pytest.fixture(autouse=True)
def untouched(house: House) -> Iterator[None]:
    """After each test a clean order still goes through, and no failure of ours was logged."""
    before = len(house.created())
    yield
    number = 5000 + before
    assert house.deliver(clean(number)).status_code == 202
    until(lambda: f"NS-{number}" in house.created(), f"the document of NS-{number}")
    assert set(house.created()[before:]) - {"NS-5900"} == {f"NS-{number}"}
    notes = house.product.notes("up").read_text("utf-8")
    assert "Traceback" not in notes, notes[-3000:]


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_is_no_order_is_refused(house: House, name: str) -> None:
    raw, status, said = BODIES[name]
    started = time.monotonic()
    answer = house.post_hook(raw, event_id=f"evt_bad_{name.replace(' ', '_')}")
    refused(answer, status, said)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("name", UNREAD_FIELDS)
def test_an_order_with_an_unreadable_field_is_stored_and_held(house: House, name: str) -> None:
    raw, place = UNREAD_FIELDS[name]
    started = time.monotonic()
    answer = house.post_hook(raw, event_id=f"evt_held_{name.replace(' ', '_')}")
    assert answer.status_code == 202, answer.text[:500]
    assert place in {fault["where"] for fault in answer.json()["held"]}
    assert time.monotonic() - started < 5


def test_50_megabytes_are_refused(house: House) -> None:
    raw = b'{"orders": [' + b" " * (50 * 1024 * 1024) + b"]}"
    refused(house.post_hook(raw, event_id="evt_large"), 413, "20 MB")
    told = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n" % HOOK.encode()
    host, _, port = house.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=20) as line:
        line.sendall(told)
        assert line.recv(12).split()[1] == b"413"


def test_a_signature_that_is_not_ours_is_refused(house: House) -> None:
    raw = json.dumps({"order": clean(900)}).encode()
    refused(house.post_hook(raw, event_id="evt_forged", secret="guessed"), 401, "signature")
    for late in (-3600, 3600):
        answer = house.post_hook(raw, event_id="evt_late", at=time.time() + late)
        refused(answer, 401, "timestamp")
    refused(requests.post(house.address + HOOK, data=raw, timeout=20), 401, "missing")
    strange = requests.post(f"{house.address}/hooks/nobody/netshop", data=raw, timeout=20)
    refused(strange, 404, "Unknown webhook address")
    assert requests.get(house.address + HOOK, timeout=20).status_code == 405


def test_one_wrong_order_is_held_and_its_neighbour_is_posted(house: House) -> None:
    answer = house.deliver(clean(5900), clean(911) | {"items": [item(1, qty="many")]})
    assert answer.status_code == 202, answer.text
    [fault] = answer.json()["held"]
    assert fault["where"] == "orders[1].items[0].qty"
    assert fault["value"] == "many"
    assert fault["hint"]
    until(lambda: "NS-5900" in house.created(), "the document of NS-5900")
    until_head(house.visitor(FINANCE), 911, "On hold")
    assert "NS-911" not in house.created()


def test_a_status_nobody_knows_is_held_with_a_reason(house: House) -> None:
    finance = house.visitor(FINANCE)
    strange = clean(920, status="Sent <script>alert(1)</script>", customer=buyer(920, name="<b>"))
    assert house.deliver(strange).status_code == 202
    page = until_head(finance, 920, "On hold")
    assert strip(page)["Status is ready"].state == "failed"
    assert "Sent <script>alert(1)</script>" in words(page)
    assert "<script>alert" not in page
    assert "Value not valid" in page
    assert "NS-920" not in house.created()


@pytest.mark.parametrize("name", ["truncated.xlsx", "bomb.xlsx", "text.xlsx", "half.json"])
def test_a_file_that_cannot_be_read_changes_nothing(house: House, name: str) -> None:
    file = house.product.folder / name
    file.write_bytes(FILES[name]())
    words_ = ("ingest", str(file), "--company", CURRENT_COMPANY, "--source", "netshop")
    started = time.monotonic()
    told = house.product.run(*words_, code=1)
    assert time.monotonic() - started < 20
    assert name in told.stderr
    assert "Traceback" not in told.stderr
    assert len(told.stderr.splitlines()) <= 3


def test_a_sheet_with_wrong_cells_names_them(house: House, tmp_path: Path) -> None:
    file = house.product.folder / "wrong.xlsx"
    file.write_bytes(workbook(total="RM ten", ordered_on="19.11."))
    words_ = ("ingest", str(file), "--company", CURRENT_COMPANY, "--source", "netshop")
    told = house.product.run(*words_)
    assert "orders!C2: NS-930 is held" in told.stdout
    assert "orders!D2: NS-930 is held" in told.stdout
    assert "new records 1," in told.stdout


def refused(answer: requests.Response, status: int, said: str) -> None:
    """A clear answer to a machine: status, what, and what to do."""
    assert answer.status_code == status, answer.text[:500]
    told: dict[str, Any] = answer.json()
    assert said in f"{told['title']} {told['todo']}"
    assert told["code"]
    assert told["todo"]
    assert "Traceback" not in answer.text


def workbook(**head: str) -> bytes:
    """One order in a workbook."""
    book, made = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.title = "orders"
    sheet.append(["number", "status", *head])
    sheet.append(["NS-930", "paid", *head.values()])
    book.create_sheet("order_items").append(["number", "pos"])
    book.save(made)
    return made.getvalue()


def bomb() -> bytes:
    """A workbook of some kilobytes whose sheet is a gigabyte."""
    made = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(workbook())) as good,
        zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as bad,
    ):
        for name in good.namelist():
            if name != "xl/worksheets/sheet1.xml":
                bad.writestr(name, good.read(name))
        with bad.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
            for _ in range(256):
                sheet.write(b" " * (1024 * 1024))
    return made.getvalue()


FILES: Mapping[str, Callable[[], bytes]] = {
    "truncated.xlsx": lambda: workbook()[:-400],
    "bomb.xlsx": bomb,
    "text.xlsx": lambda: b"number,status\n",
    "half.json": lambda: b'{"orders": [',
}
