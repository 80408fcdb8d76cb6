"""F25: a day of invoices as shops have them, of 21 lines and one of 1,114, through judging and
sending; nothing is broken on purpose, so no file may be refused and nothing be in doubt.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from sqlalchemy import select

from holding.db.models import Connection, Request
from holding.db.refusal import Refusal
from holding.intake import receive
from tests.faults.amounts import Done, amount
from tests.faults.yard import ask_for_batch, nothing_wrong
from tests.support.house import DAILY, House, order

INVOICES = 4_500 if os.environ.get("CLEARPOST_SOAK") else amount(200, 200, 4_500)
DELIVERY, LINES, LARGEST, ROWS = 500, 21, 1_114, 2_000
PRICE = Decimal("1.50")


@pytest.mark.sqlite
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_f25_T05d_invoices_of_21_lines_go_in_files_that_the_target_takes(
    house_of: Callable[..., House], done: Done, capsys: pytest.CaptureFixture[str]
) -> None:
    house = house_of(timing=DAILY)
    house.environment |= {"CLEARPOST_LEASE_SECONDS": "60", "CLEARPOST_ANSWER_SECONDS": "60"}
    numbers = [str(10_000 + no) for no in range(INVOICES)]
    for first in range(0, INVOICES, DELIVERY):
        deliver(house, numbers[first : first + DELIVERY])
    with house.working("--no-redis"):
        house.wait_for({"ready": INVOICES}, seconds=1_200)
        began = time.monotonic()
        ask_for_batch(house)
        house.wait_for({"posted": INVOICES}, seconds=2_400)
        took = time.monotonic() - began
    with house.database.read() as session:
        calls = session.scalars(select(Request)).all()
    assert Counter((call.kind, call.status) for call in calls) == {("push", 201): len(calls)}
    rows = [len(call.rows or {}) for call in calls]
    assert sum(rows) == LINES * (INVOICES - 1) + LARGEST
    assert max(rows) <= ROWS
    assert not house.target.lines("refused")
    with capsys.disabled():
        print(f"\n{INVOICES} invoices of {LINES} lines: {len(calls)} files, {took:.0f} s")
    nothing_wrong(house, [f"x-{number}" for number in numbers], done)


def deliver(house: House, numbers: Sequence[str]) -> None:
    """Orders in one delivery; the very first of all is the large one."""
    with house.database.write() as session:
        source = session.scalars(select(Connection).where(Connection.side == "source")).one()
        got = receive.receive(
            session,
            company_id=house.company_id,
            source_id=source.id,
            delivery_key=f"evt-{numbers[0]}",
            kind="order",
            headers={},
            raw=f"{numbers}".encode(),
            records=[
                order(number, PRICE, lines=LARGEST if number == "10000" else LINES)
                for number in numbers
            ],
            now=datetime.now(UTC),
        )
    assert not isinstance(got, Refusal), got
