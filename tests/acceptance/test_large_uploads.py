"""A file of tens of thousands of orders goes in behind the pages, in little memory."""

import io
import os
import re
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import furnished
from tests.acceptance.orders import days_ago
from tests.acceptance.parts import Part, read
from tests.acceptance.product import (
    FINANCE,
    House,
    Product,
    Visitor,
    address_in,
    children_of,
    free_environment,
)
from tests.acceptance.quiet import BASE, rows, send

pytestmark = pytest.mark.slow
ORDERS = int(os.environ.get("CLEARPOST_UPLOADED", "1000"))
FIRST = 1_700_000
LIMIT_KB = 1024 * 1024  # of portal or worker, with all that it started
ONE_KB = 512 * 1024  # of one process
QUICK = 0.2
MOST_STATEMENTS = 12  # that a look at the progress sends to the database, however large the file
PATIENCE = 60 + ORDERS * 0.1
HEADS = ("Order ID", "Order No", "Status", "Date", "Customer code", "Customer name", "Total",
         "Currency", "Subtotal", "Tax amount", "Rounding", "Paid at", "Created by", "Channel",
         "Version")  # fmt: skip
ITEMS = ("Order ID", "Line", "Item code", "Description", "Unit", "Qty", "Unit price", "Tax code")


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("large"), free_environment())
    with furnished(product, STARTER, ()) as found:
        yield found


def workbook() -> bytes:
    """One row for each order and two for its items, so that 50,000 make a sheet of 100,000 rows."""
    day, book = days_ago(1)[:10], openpyxl.Workbook(write_only=True)
    orders, items = book.create_sheet("Orders"), book.create_sheet("Order items")
    orders.append(HEADS)
    items.append(ITEMS)
    for number in range(FIRST, FIRST + ORDERS):
        who, money = ("C-101", f"Buyer {number}"), ("11.00", "MYR", "10.00", "1.00", "0.00")
        rest = (f"{day} 10:00", "Mei Ling", "FPX", 1)
        orders.append((number, f"NS-{number}", "paid", day, *who, *money, *rest))
        for line in (1, 2):
            items.append((number, line, "CUP-GLASS-20", "Glass", "PCS", 1, "5.00", "SST"))
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


class Watched:
    """A finance user who looks at the upload again and again, and what the processes take."""

    def __init__(self, who: Visitor, path: str, pids: dict[str, int]) -> None:
        self.who, self.path, self.pids = who, path, pids
        self.waits: list[float] = []
        self.statement_counts: list[int] = []
        self.told: list[str] = []
        self.peaks: dict[str, int] = dict.fromkeys(pids, 0)
        self.largest = 0
        self.ran, self.stood = _processor(pids["portal"])

    def each_look(self) -> tuple[float, float]:
        """Seconds of the processor that the portal took for a look, and waited for it in line."""
        ran, stood = _processor(self.pids["portal"])
        return (ran - self.ran) / len(self.waits), (stood - self.stood) / len(self.waits)

    def until(self, wanted: str) -> Part:
        """The page, as soon as it has an element of this id; each look is timed."""
        limit = time.monotonic() + PATIENCE
        while time.monotonic() < limit:
            began = time.monotonic()
            answer = self.who.session.get(self.who.address + self.path, timeout=60)
            self.waits.append(time.monotonic() - began)
            assert answer.status_code == 200, answer.text[:500]
            self.statement_counts.append(statement_count(answer.headers["Server-Timing"]))
            page = read(answer.text)
            self.told += [part.text for part in page.all("h2", id="h_wait")]
            self.look()
            if page.all("dl", id=wanted):
                return page
            time.sleep(0.25)  # as the page itself asks again
        raise AssertionError(f"after {PATIENCE} s still no {wanted}: {self.told[-1:]}")

    def look(self) -> None:
        """The most memory that one process, and that each with what it started, has taken."""
        for name, pid in self.pids.items():
            taken = [_kilobytes(one) for one in {pid, *children_of(pid)}]
            self.peaks[name] = max(self.peaks[name], sum(taken))
            self.largest = max(self.largest, *taken)


def statement_count(server_timing: str) -> int:
    """Return the number of database statements that a response reports."""
    count = re.search(r'statements;desc="(\d+)"', server_timing)
    assert count, server_timing
    return int(count[1])


def _kilobytes(pid: int) -> int:
    try:
        told = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:  # it has ended meanwhile
        return 0
    found = re.search(r"^VmHWM:\s+(\d+) kB", told, re.M)
    return int(found[1]) if found else 0


def _processor(pid: int) -> tuple[float, float]:
    """Seconds that the threads of a process ran, and that they stood in line for a processor."""
    told = [
        path.read_text("ascii").split() for path in Path(f"/proc/{pid}/task").glob("*/schedstat")
    ]
    return sum(int(one[0]) for one in told) / 1e9, sum(int(one[1]) for one in told) / 1e9


def give(who: Visitor, raw: bytes) -> str:
    """Upload the file as the form does; the address that this leads to."""
    form = read(who.get(f"{BASE}/uploads")).one("form", id="uploadform")
    answer = who.session.post(
        who.address + form.attributes["action"],
        data={**form.fields(), "source": "netshop"},
        files={"file": ("many.xlsx", raw)},
        headers={"Referer": who.address + BASE},
        timeout=120,
    )
    assert answer.status_code == 200, answer.text[:800]
    return str(answer.url).removeprefix(who.address)


@pytest.mark.sqlite
def test_A17_a_large_workbook_goes_in_behind_the_pages_in_little_memory(
    office: House, capsys: pytest.CaptureFixture[str]
) -> None:
    raw, product = workbook(), office.product
    with (
        product.started("portal", "--port", "0") as portal,
        product.started("worker", "--no-redis") as worker,
    ):
        office.address = address_in(product.notes("portal"))
        who, began = office.visitor(FINANCE), time.monotonic()
        path = give(who, raw)
        answered = time.monotonic() - began
        watched = Watched(who, path, {"portal": portal.pid, "worker": worker.pid})
        preview = watched.until("parts")
        assert f"{ORDERS:,}" in preview.one("dl", id="parts").text
        assert rows(office, "SELECT count(*) FROM record") == [(0,)]
        checked = time.monotonic() - began
        form = preview.form_of("confirm")
        send(who, form, form.fields())
        outcome = watched.until("outcome")
        ran, stood = watched.each_look()
    took = time.monotonic() - began
    assert f"{ORDERS:,}" in outcome.one("dl", id="outcome").text
    counted = "SELECT count(*), count(DISTINCT number) FROM record"
    assert rows(office, counted) == [(ORDERS, ORDERS)]
    assert any(re.match(r"[\d,]+ of [\d,]+ orders are in", told) for told in watched.told)
    assert len(watched.waits) >= 3
    waited = statistics.median(watched.waits)
    late = sum(one >= QUICK for one in watched.waits)
    with capsys.disabled():
        peaks = ", ".join(f"{name} {peak // 1024} MB" for name, peak in watched.peaks.items())
        print(
            f"\n{ORDERS:,} orders of {len(raw):,} bytes: checked after {checked:.0f} s, all in"
            f" after {took:.0f} s; most memory: {watched.largest // 1024} MB in one process,"
            f" with what it starts {peaks}; {len(watched.waits)} looks at the"
            f" progress, median {waited * 1000:.0f} ms, {late} of them 200 ms or more; for each the"
            f" portal ran {ran * 1000:.1f} ms and stood {stood * 1000:.1f} ms in line, and sent"
            f" {min(watched.statement_counts)} to {max(watched.statement_counts)} statements"
        )
    assert max(watched.statement_counts) <= MOST_STATEMENTS
    assert answered < 30, "the upload itself waits for no reading"
    for name, peak in watched.peaks.items():
        assert 0 < peak < LIMIT_KB, (name, peak)
    assert 0 < watched.largest < ONE_KB, watched.largest
