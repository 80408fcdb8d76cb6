"""Sending: one file for a range of days, doubt that ends by looking, keys, failed attempts."""

import hashlib
import io
import json
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import requests

from tests.acceptance.browser import Person
from tests.acceptance.conftest import SQLITE, STARTER, NewProduct, daily_rules
from tests.acceptance.houses import keep, open_doors, opened, put_back, quiet
from tests.acceptance.orders import clean, with_sku
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import (
    FINANCE,
    SIMULATOR_KEY,
    House,
    Visitor,
    until,
)
from tests.acceptance.quiet import (
    BASE,
    ask_target,
    download,
    record,
    rows,
    until_shown,
    work,
    writes,
)

OPERATOR = "operator@kedai.example"
DAY = 24 * 3600
A_LEASE = 120
"""Seconds: longer than a claim holds, shorter than a signed call is taken."""


class Daily:
    """A company that sends once a night, at one in the morning: an hour before its run."""

    def __init__(self, house: House, shift: float) -> None:
        self.house, self.shift = house, shift

    @property
    def now(self) -> float:
        return time.time() + self.shift

    def day(self, ago: int) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self.now + 8 * 3600 - ago * DAY))

    def deliver(self, *numbers: int, ago: int, **changes: Any) -> None:
        moment = f"{self.day(ago)}T12:00:00+08:00"
        dated = {"ordered_at": moment, "paid_at": moment, "updated_at": moment}
        orders = [clean(number, **dated, **changes) for number in numbers]
        raw = json.dumps({"event": "order.updated", "orders": orders}).encode()
        answer = self.house.post_hook(raw, event_id=f"evt_daily_{numbers[0]}", at=self.now)
        assert answer.status_code == 202, answer.text

    def preview(self, ago: int) -> Part:
        """What a sync of this one day would do."""
        day = self.day(ago)
        words = f"doc_type=sales_invoice&first={day}&last={day}"
        return read(self.house.visitor(OPERATOR).get(f"{BASE}/connections/aiaccount/sync?{words}"))

    def sync(self, ago: int, count: int) -> str:
        """Wait until so many are ready, then send them; the path of the run."""
        button = f"Send {count} document"
        found = until(lambda: (p := self.preview(ago)) and button in p.text and p, button)
        operator = self.house.visitor(OPERATOR)
        fields = found.form_of("syncgo").fields()
        path = f"{BASE}/connections/aiaccount/sync"
        page = operator.get(f"{BASE}/connections/aiaccount")
        answer = operator.post(path, page, **{k: v for k, v in fields.items() if k != "csrf_token"})
        assert answer.ok, answer.text[:800]
        assert "started" in read(answer.text).one("div", id="notice").text
        return answer.url.removeprefix(self.house.address)


@pytest.fixture(scope="module")
def daily(new_product: NewProduct, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daily]:
    folder = tmp_path_factory.mktemp("daily")
    rules = daily_rules(folder)
    product = new_product(folder)
    there = time.gmtime(time.time() + 8 * 3600)
    shift = 3600 - (there.tm_hour * 3600 + there.tm_min * 60 + there.tm_sec)
    product.home.mkdir()
    product.shift_clock(shift)
    with opened(product, rules, simulator=("--hang", "3")) as house:
        yield Daily(house, shift)


def test_E07_a_date_range_is_one_workbook_with_a_row_an_order(daily: Daily) -> None:
    house = daily.house
    daily.deliver(*range(7001, 7013), ago=3)
    daily.deliver(7013, ago=5)
    daily.deliver(7014, ago=3, items=with_sku("NOT-AN-ITEM"))
    run = daily.sync(3, 12)
    finance = house.visitor(FINANCE)
    page = until(lambda: (p := read(finance.get(run))) and "ended" in p.text and p, "end of run")

    lines = [call for call in house.calls() if call["call"] == "xlsx"]
    assert {line["number"] for line in lines} == {f"NS-{n}" for n in range(7001, 7013)}
    assert len(lines) == 12
    assert {line["effect"] for line in lines} == {"created"}
    assert len({line["request_id"] for line in lines}) == 1
    assert len(house.created()) == 12

    body = download(finance, page)
    digest = hashlib.sha256(body).hexdigest()
    assert {line["body_sha256"] for line in lines} == {digest}
    assert digest[:12] in page.text
    sheet = openpyxl.load_workbook(io.BytesIO(body), read_only=True).worksheets[0]
    table = list(sheet.iter_rows(values_only=True))
    assert len(table) == 13
    assert [row[0] for row in table[1:]] == [f"NS-{n}" for n in range(7001, 7013)]
    assert state(record(finance, 7013)) == "Ready to post"
    assert state(record(finance, 7014)) == "On hold"


@pytest.mark.browser
@pytest.mark.parametrize("new_product", [SQLITE], indirect=True)
def test_E08_the_pill_says_how_the_last_sync_went_and_changes_by_itself(
    daily: Daily, chromium: Any
) -> None:
    house = daily.house
    daily.deliver(*range(8001, 8013), ago=2)
    ask_target(house, "faults", fault="slow")
    with Person(chromium, house.address) as person:
        person.sign_in(OPERATOR, house.passwords[OPERATOR])
        run = daily.sync(2, 12)
        page = person.go(f"{BASE}/connections/aiaccount")
        pill = "#pill_1 .pill"
        assert re.fullmatch(r"Syncing… \d+ of 12", page.inner_text(pill))
        page.evaluate("window.sameLoad = true")

        watcher = house.visitor(FINANCE)
        shown = until(lambda: (p := read(watcher.get(run))) and "ended" in p.text and p, "end")
        seen = time.monotonic()
        page.locator(pill, has_text="Last sync").wait_for(timeout=3000)
        assert time.monotonic() - seen < 3
        assert page.evaluate("window.sameLoad") is True

        times = shown.one("p", cls="sub").all("time")
        day, clock = times[-1].text.split()
        year, month, date = (int(part) for part in day.split("-"))
        assert (f"{year}-{month:02}-{date:02}", clock[:2]) == (daily.day(0), "01")
        assert page.inner_text(pill).strip() == f"Last sync {month}/{date} {clock} · 12 documents"
        assert person.said == []


@pytest.fixture(scope="module")
def still(new_product: NewProduct, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with quiet(new_product(tmp_path_factory.mktemp("still")), STARTER) as house:
        yield house


def test_E24_a_lost_answer_ends_by_looking_never_by_sending_again(still: House) -> None:
    ask_target(still, "faults", fault="timeout_after")
    assert still.deliver(clean(2401)).status_code == 202
    work(still)
    finance = still.visitor(FINANCE)
    until_shown(finance, 2401, "Posted")
    calls = writes(still, "NS-2401")
    assert [(c["effect"], c["answer"]) for c in calls] == [("created", "withheld")]

    told = record(finance, 2401, "trace").text
    assert re.search(r"NS-2401, attempt 1, key …\w{4}: no clear answer", told), told
    assert "Looked up NS-2401" in told
    attempts = record(finance, 2401, "pushes")
    assert "no answer" in attempts.text
    proof = next(p for p in attempts.all("details") if "look-up" in p.one("summary").text)
    answer = proof.all("pre")[-1].text
    assert "NS-2401" in answer
    assert _reference(attempts) in answer


def _reference(attempts: Part) -> str:
    """Their id of the document, as the push shows it."""
    names = [part.text for part in attempts.one("dl", cls="kv").all("dt")]
    values = [part.text for part in attempts.one("dl", cls="kv").all("dd")]
    return dict(zip(names, values, strict=True))["Reference in AiAccount"]


def test_E14_pushed_again_after_a_lost_answer_it_is_there_once(still: House) -> None:
    assert still.deliver(clean(1401)).status_code == 202
    still.doors.close()
    kept = keep(still.product)
    ask_target(still, "faults", fault="timeout_after")
    work(still)
    assert still.record("NS-1401")["state"] == "posted"

    put_back(kept, still.product)  # a backup from before: the product knows nothing of the push
    open_doors(still)
    finance = still.visitor(FINANCE)
    assert state(record(finance, 1401)) == "Received"
    work(still)
    until_shown(finance, 1401, "Posted")
    assert still.created().count("NS-1401") == 1
    _, *others = writes(still, "NS-1401")
    assert others
    assert all(other["effect"] in ("skipped", "replayed") for other in others)
    assert "It existed there already with the same content" in record(finance, 1401, "trace").text
    attempts = record(finance, 1401, "pushes")
    assert "Already posted" in attempts.text
    assert _reference(attempts).startswith("inv_")


def test_E17_two_workers_with_the_same_push_send_it_once_under_the_derived_key(
    still: House, tmp_path: Path
) -> None:
    assert still.deliver(clean(1701)).status_code == 202
    log = tmp_path / "faults"
    slow = {"CLEARPOST_FAULTS": "push.claimed=stop", "CLEARPOST_FAULT_LOG": str(log)}
    with still.product.started("worker", "--once", "--no-redis", env=slow) as first:
        until(log.exists, "the first worker with its claim in hand")
        still.product.shift_clock(A_LEASE)
        work(still)
        assert writes(still, "NS-1701"), "the second worker, after the lease"
        first.send_signal(signal.SIGCONT)  # it wakes with its claim, long after its lease
        assert first.wait(timeout=30) == 0
    still.product.shift_clock(0)
    calls = writes(still, "NS-1701")
    assert [call["effect"] for call in calls] == ["created"]

    finance = still.visitor(FINANCE)
    until_shown(finance, 1701, "Posted")
    query = "SELECT company_id, connection_id, hash FROM posting WHERE number = 'NS-1701'"
    ((company, connection, content),) = rows(still, query)
    parts = (company, connection, "sales_invoice", "NS-1701", "create", content, 1)
    plain = json.dumps([str(part) for part in parts], separators=(",", ":"))
    derived = f"cp-{hashlib.sha256(plain.encode()).hexdigest()[:32]}"
    assert calls[0]["key"] == derived
    assert derived in record(finance, 1701, "pushes").text
    _a_rejected_duplicate_is_recorded(still, finance)


def _a_rejected_duplicate_is_recorded(house: House, finance: Visitor) -> None:
    """The target has a document of this number from somebody else, with another content."""
    body = json.loads(download(finance, record(finance, 1701, "pushes")))
    head = {"Authorization": f"Bearer {SIMULATOR_KEY}", "X-Company-Id": "CMP-1042"}
    there = requests.post(
        f"{house.target}/v1/sales/invoices",
        json={**body, "invoice_number": "NS-1702"},
        headers={**head, "Idempotency-Key": "somebody-else"},
        timeout=10,
    )
    assert there.status_code == 201, there.text
    assert house.deliver(clean(1702, items=with_sku("CUP-GLASS-20", qty="7"))).status_code == 202
    work(house)
    assert [c["effect"] for c in writes(house, "NS-1702")] == ["created", "skipped"]
    assert house.created().count("NS-1702") == 1
    page = record(finance, 1702, "pushes")
    assert state(page) == "Failed"
    assert "duplicate" in page.one("section", id="pushes").text


def test_C10_a_failed_attempt_can_be_read_later(still: House) -> None:
    ask_target(still, "faults", fault="unavailable")
    assert still.deliver(clean(1010)).status_code == 202
    with still.product.started("worker", "--no-redis"):
        until(lambda: writes(still, "NS-1010"), "the attempt after the failed one")
    finance = still.visitor(FINANCE)
    until_shown(finance, 1010, "Posted")
    page = record(finance, 1010, "pushes")
    told = [
        [cell.text for cell in row.all("td")]
        for row in page.one("section", id="pushes").all("tr", role="row")
    ]
    assert told[0][0] == "1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", told[0][1])
    assert re.fullmatch(r"…\w{4}", told[0][2])
    assert told[0][4] == "503"
    assert "AiAccount answered 503." in told[0][6]
    assert (told[-1][4], told[-1][5]) == ("201", "Accepted")
    assert re.search(r"Safe to retry\? \w", page.one("section", id="pushes").text), "what is next"

    said = "Request and answer of attempt "
    folds = [x for x in page.all("details", cls="fold") if said in x.one("summary").text]
    first = folds[0]
    assert first.one("summary").text.startswith(f"{said}1")
    headers, answer = (part.raw for part in first.all("pre"))
    assert "Content-Type: application/json" in headers
    assert "Try later" in answer
    assert SIMULATOR_KEY not in page.raw
    body = download(finance, first)
    assert hashlib.sha256(body).hexdigest() in headers
    assert b"NS-1010" in body
    assert SIMULATOR_KEY.encode() not in body
