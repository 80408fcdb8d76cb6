"""A night of large invoices in AiAccount's workbooks: no file too large, no doubt, each once.

`CLEARPOST_INVOICES=25000` asks for so many invoices instead of a few; each has twenty lines, so
that the rows of a workbook are its limit, and not its documents.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path

import pytest

from tests.acceptance.conftest import daily_rules
from tests.acceptance.houses import COMPANY, furnished
from tests.acceptance.orders import clean
from tests.acceptance.product import ADMIN, FINANCE, House, Product, free_environment, item, until
from tests.acceptance.quiet import rows

pytestmark = pytest.mark.slow
MANY = int(os.environ.get("CLEARPOST_INVOICES", "0"))
INVOICES, WORKERS = (MANY, 2) if MANY else (110, 1)
LINES, ROWS = 20, 2_000
A_LINE = Decimal("2.97")  # two at 1.35, and a tenth of that as tax
DAY, KUALA_LUMPUR = 24 * 3600, 8 * 3600
A_FILE = 1_000  # orders
PATIENCE = 120 + MANY / 5
"""Seconds that one step may take, on a machine that is busy, too."""


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("invoices"), free_environment())
    if MANY:  # as delivered: who judges 500 of these takes longer than the lease of a test
        product.env |= {"CLEARPOST_LEASE_SECONDS": "60", "CLEARPOST_ANSWER_SECONDS": "300"}
    with furnished(product, daily_rules(product.folder), ()) as found:
        yield found


def test_25_000_invoices_of_twenty_lines_go_in_workbooks_of_the_size_that_is_taken(
    house: House,
) -> None:
    begun = time.monotonic()
    _ingest(house)
    came = time.monotonic()
    _work_until(house, "waiting")
    judged = time.monotonic()
    house.product.shift_clock(_night() - time.time())
    house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
    _work_until(house, "posted")
    done = time.monotonic()
    print(
        f"{INVOICES} invoices: {came - begun:.0f} s to arrive, {judged - came:.0f} s to be judged,"
        f" {done - judged:.0f} s to be posted"
    )

    sent = [one for one in house.calls() if one["call"] == "xlsx"]
    assert [one for one in sent if one["effect"] != "created"] == []
    assert sorted(one["number"] for one in sent) == sorted(
        f"NS-{number}" for number in range(1, INVOICES + 1)
    )
    assert {len(one["document"]["lines"]) for one in sent} == {LINES}
    assert {Decimal(one["total"]) for one in sent} == {LINES * A_LINE}
    files = {one["request_id"] for one in sent}
    assert len(files) == -(-INVOICES * LINES // ROWS), "as few as AiAccount's 2,000 rows allow"
    ((doubts,),) = rows(house, "SELECT count(*) FROM attempt WHERE state <> 'accepted'")
    assert doubts == 0
    found = house.product.json("ledger", str(house.ledger), *COMPANY, "--json")
    assert (found["lost"], found["doubled"]) == (0, 0)


def _ingest(house: House) -> None:
    paid = time.strftime("%Y-%m-%dT%H:%M:%S+08:00", time.gmtime(time.time() + 8 * 3600 - 60))
    items = [item(pos, price="1.35") for pos in range(1, LINES + 1)]
    file = house.product.folder / "orders.json"
    for first in range(1, INVOICES + 1, A_FILE):
        some = range(first, min(first + A_FILE, INVOICES + 1))
        orders = [clean(number, items=items, paid_at=paid) for number in some]
        file.write_text(json.dumps({"orders": orders}), "utf-8")
        house.product.run(
            *("ingest", str(file), *COMPANY, "--source", "netshop", "--as", FINANCE),
            patience=PATIENCE,
        )


def _night() -> float:
    """Two minutes after the hour of the run, in the night after this day of Kuala Lumpur."""
    return (time.time() + KUALA_LUMPUR) // DAY * DAY - KUALA_LUMPUR + DAY + 2 * 3600 + 120


def _work_until(house: House, state: str) -> None:
    """Workers go on until every record is in this state."""
    with ExitStack() as stack:
        for _ in range(WORKERS):
            stack.enter_context(house.product.started("worker"))
        until(lambda: _states(house) == {state: INVOICES}, f"all {state}", PATIENCE)


def _states(house: House) -> dict[str, int]:
    return dict(rows(house, "SELECT state, count(*) FROM record GROUP BY state"))
