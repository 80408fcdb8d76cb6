"""The ten topics that people ask support about, each named by one command, with its next step."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import buyer, clean, days_ago, later, priced, with_sku
from tests.acceptance.product import ADMIN, House, Product, free_environment
from tests.acceptance.quiet import ask_target, change, rows, work

pytestmark = pytest.mark.slow
NEW_KEY = "aia_live_new_5Xc8"
BY_ADMIN = (*COMPANY, "--as", ADMIN)
TEST = ("connection", "test", "aiaccount", *BY_ADMIN)
DOCTOR = ("doctor", "aiaccount", *BY_ADMIN)


@pytest.fixture(scope="module")
def house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("doctor"), free_environment())
    with quiet(product, STARTER) as found:
        yield found


def arrive(house: House, *orders: dict[str, Any]) -> None:
    assert house.deliver(*orders).status_code == 202
    work(house)


def rotated(house: House) -> None:
    ask_target(house, "issue", key=NEW_KEY)
    house.product.run("connection", "key", "aiaccount", *BY_ADMIN, stdin=NEW_KEY)


def other_account(house: House) -> None:
    """The entry of a posted order is another by the next revision."""
    arrive(house, clean(402))
    assert "NS-402" in house.created()
    (last,) = rows(house, "SELECT max(revision) FROM company")[0]
    current = "key = 'C-101' AND to_revision IS NULL"
    change(house, f"UPDATE mapping_entry SET to_revision = ? WHERE {current}", last + 1)
    columns = "table_id, key, num, den, valid_from, valid_to, reason, at"
    new = f"INSERT INTO mapping_entry ({columns}, value, from_revision)"
    new += f" SELECT {columns}, 'Kafe Senja Sdn Bhd', ? FROM mapping_entry WHERE to_revision = ?"
    change(house, new, last + 1, last + 1)


def article(house: House) -> None:
    arrive(house, clean(406, items=with_sku("tea-earl-100")))


def bad_tin(house: House) -> None:
    arrive(house, clean(405, customer=buyer(5, tin="C25845632021")))


def rounding(house: House) -> None:
    ask_target(house, "company", rounding="sum_then_round")
    house.product.run(*TEST, code=3)


def twice(house: House) -> None:
    arrive(house, clean(403, customer=buyer(4)), clean(404, customer=buyer(4)))


def locked(house: House) -> None:
    ask_target(house, "lock", through=days_ago(10)[:10])
    house.product.run(*TEST)
    arrive(house, clean(401, ordered_at=days_ago(15)))


def delayed(house: House) -> None:
    ask_target(house, "quota", limit=0)
    house.product.run(*TEST, code=3)


def paused(house: House) -> None:
    reason = ("--reason", "month end")
    house.product.run("connection", "pause", "aiaccount", *BY_ADMIN, *reason)


def failed_test(house: House) -> None:
    told = ("--set", "company_name=Kedai Lain Sdn Bhd")
    house.product.run("connection", "set", "aiaccount", *BY_ADMIN, *told)
    house.product.run(*TEST, code=3)


TOPICS: dict[str, tuple[Callable[[House], None], str, str]] = {
    "API key is being changed": (rotated, "kept until", "disabled in aiaccount"),
    "Posted to the wrong ledger account": (other_account, "“C-101” is Kafe Senja", "journal"),
    "Inventory count wrong": (article, "tea-earl-100", "case, spaces and special characters"),
    "e-Invoice submission failed": (bad_tin, "TIN", "On hold"),
    "Duplicate entries": (twice, "Possible duplicate", "no other has"),
    "Sync succeeded, but no records there": (locked, "locked", "opened again in aiaccount"),
    "Amounts off by 1 sen": (rounding, "rounds the sum only", "rounding"),
    "Sync delayed more than 10 minutes": (delayed, "0 of 0 left", "larger plan"),
    "Sync is paused": (paused, "month end", "Resume"),
    "Connection test failed": (failed_test, "belongs to another company", "open the right company"),
}
"""Topic -> how it comes about, a word of what shows it, a word of the next step. What comes later
here stops more, so it is told first.
"""


def test_H14_what_it_says(house: House) -> None:
    assert len(TOPICS) == 10
    assert "none of the usual problems" in house.product.run(*DOCTOR).stdout
    known: list[str] = []
    for topic, (comes, shown, todo) in TOPICS.items():
        comes(house)
        calls = len(house.calls())
        lines = house.product.run(*DOCTOR, code=1).stdout.splitlines()
        known.insert(0, topic)
        if comes is failed_test:  # what is left of the month of another company says nothing
            known.remove("Sync delayed more than 10 minutes")
        topics = dict.fromkeys(line.partition(": ")[0] for line in lines[::2])
        assert [*topics] == known, lines
        assert shown in lines[0], lines
        assert lines[1].startswith("  next: "), lines
        assert todo in lines[1], lines
        assert len(house.calls()) == calls, "nobody was called"
    told = house.product.json(*DOCTOR, "--json", code=1)["topics"]
    assert [*dict.fromkeys(one["topic"] for one in told)] == known


@pytest.fixture(scope="module")
def other_house(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    product = Product(command, tmp_path_factory.mktemp("held"), free_environment())
    with quiet(product, STARTER) as found:
        yield found


LATE = (datetime.now(UTC) - timedelta(minutes=15)).isoformat(timespec="seconds")
"""When the shop made a change that its queue tells only now."""
HELD: dict[str, tuple[dict[str, Any], str]] = {
    "e-Invoice submission failed": (
        clean(412, items=priced("12000.00")),
        "Buyer details missing",
    ),
    "Duplicate entries": (
        later(clean(412), number="NS-999"),
        "Another number under the same id",
    ),
    "Sync succeeded, but no records there": (
        clean(414, company_code="pasar"),
        "another company: pasar",
    ),
    "Sync delayed more than 10 minutes": (
        clean(415, updated_at=LATE),
        "told 1 change late",
    ),
}
"""Topic -> an order that rules or Clearpost hold because of it, and a word of what shows it. What
comes later here stops more, so it is told first.
"""


def test_what_is_held_before_it_is_sent_is_named_too(other_house: House) -> None:
    house = other_house
    assert "none of the usual problems" in house.product.run(*DOCTOR).stdout
    for topic, (order, shown) in HELD.items():
        arrive(house, order)
        first, todo, *_ = house.product.run(*DOCTOR, code=1).stdout.splitlines()
        assert first.startswith(f"{topic}: "), first
        assert shown in first
        assert todo.startswith("  next: ")
