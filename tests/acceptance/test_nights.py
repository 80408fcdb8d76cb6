"""What goes out by itself in the night, and the same by hand: a clock that is moved over days."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import keep, open_doors, put_back, quiet
from tests.acceptance.orders import clean
from tests.acceptance.parts import read, state
from tests.acceptance.product import FINANCE, House, Product, free_environment
from tests.acceptance.quiet import BASE, ask_target, record, rows, work

pytestmark = pytest.mark.slow
OPERATOR = "operator@kedai.example"
DAY = 24 * 3600
KUALA_LUMPUR = 8 * 3600


class Nights:
    """A company that sends at 02:00; day 0 is today, and its clock is moved by hand."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.midnight = (time.time() + KUALA_LUMPUR) // DAY * DAY - KUALA_LUMPUR
        self.now = self.midnight

    def at(self, day: int, hour: float) -> None:
        """It is this hour of a day; hours are those of Kuala Lumpur."""
        self.now = self.midnight + day * DAY + hour * 3600
        self.house.product.shift_clock(self.now - time.time())

    def date(self, day: int) -> str:
        return time.strftime("%Y-%m-%d", time.gmtime(self.midnight + day * DAY + KUALA_LUMPUR))

    def deliver(self, day: int, *numbers: int) -> None:
        """Orders of the noon of a day arrive."""
        moment = f"{self.date(day)}T12:00:00+08:00"
        dated = {"ordered_at": moment, "paid_at": moment, "updated_at": moment}
        orders = [clean(number, **dated) for number in numbers]
        raw = json.dumps({"event": "order.updated", "orders": orders}).encode()
        answer = self.house.post_hook(raw, event_id=f"evt_night_{numbers[0]}", at=self.now)
        assert answer.status_code == 202, answer.text

    def files(self) -> list[list[str]]:
        """The numbers of each file that came to the target, in order."""
        found: dict[str, list[str]] = {}
        for call in self.house.calls():
            if call["call"] == "xlsx":
                found.setdefault(call["request_id"], []).append(call["number"])
        return list(found.values())

    def post(self, act: str, **fields: str) -> Any:
        operator = self.house.visitor(OPERATOR)
        path = f"{BASE}/connections/aiaccount"
        answer = operator.post(f"{path}/{act}", operator.get(path), **fields)
        assert answer.ok, answer.text[:800]
        return answer


@pytest.fixture(scope="module")
def nights(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nights]:
    folder = tmp_path_factory.mktemp("nights")
    rules = folder / "daily-rules"
    shutil.copytree(STARTER, rules)
    text = (rules / "posting.rules").read_text("utf-8")
    assert text.count("    immediately\n") == 1
    text = text.replace("    immediately\n", "    daily at 02:00 by paid_at\n")
    (rules / "posting.rules").write_text(text, "utf-8")
    product = Product(command, folder, free_environment())
    with quiet(product, rules) as house:
        yield Nights(house)


def test_E10_each_day_goes_once_over_a_restart_and_a_missed_night(nights: Nights) -> None:
    nights.at(0, 1)
    nights.deliver(-1, 101, 102, 103)
    work(nights.house)
    nights.at(0, 1.98)
    work(nights.house)
    assert nights.files() == []
    nights.at(0, 2.02)
    work(nights.house)
    assert nights.files() == [["NS-101", "NS-102", "NS-103"]]
    nights.house.doors.close()
    open_doors(nights.house)
    nights.at(0, 2.1)
    work(nights.house)

    nights.at(0, 13)
    nights.deliver(0, 104, 105)
    work(nights.house)
    nights.at(1, 2.02)
    work(nights.house)
    assert nights.files()[1:] == [["NS-104", "NS-105"]]

    nights.at(1, 13)
    nights.deliver(1, 106)
    nights.at(2, 13)  # nobody worked in that night
    nights.deliver(2, 107, 108)
    nights.at(3, 2.02)
    work(nights.house)
    nights.at(3, 9)
    work(nights.house)
    assert nights.files()[2:] == [["NS-106"], ["NS-107", "NS-108"]]
    assert sorted(nights.house.created()) == [f"NS-{number}" for number in range(101, 109)]

    listing = read(nights.house.visitor(FINANCE).get("/c/kedai/runs")).text
    for day in range(-1, 3):
        assert listing.count(f"daily of {nights.date(day)}") == 1
    page = read(nights.house.visitor(FINANCE).get(f"{BASE}/connections/aiaccount")).text
    assert "By itself every day at 02:00 (Asia/Kuala_Lumpur)" in page
    assert f"Last day done: {nights.date(2)}" in page


def test_E05_by_hand_or_by_itself_the_same_bytes_go_out(nights: Nights) -> None:
    house = nights.house
    nights.at(3, 1)
    work(house)
    nights.at(3, 13)
    nights.deliver(3, 501, 502)
    nights.post("daily", doc_type="sales_invoice", on="0")
    nights.at(4, 2.02)
    work(house)
    assert not [number for number in house.created() if number.startswith("NS-5")]
    page = read(house.visitor(FINANCE).get(f"{BASE}/connections/aiaccount")).text
    assert "By hand only." in page
    kept = keep(house.product)

    day = nights.date(3)
    wanted = {"doc_type": "sales_invoice", "first": day, "last": day}
    words = "&".join(f"{name}={value}" for name, value in wanted.items())
    preview = read(house.visitor(OPERATOR).get(f"{BASE}/connections/aiaccount/sync?{words}"))
    fields = preview.form_of("syncgo").fields()
    nights.post("sync", **{name: value for name, value in fields.items() if name != "csrf_token"})
    work(house)
    by_hand = sent_of(house)

    house.doors.close()
    put_back(kept, house.product)  # the same again, as if nobody had synced
    open_doors(house)
    nights.at(4, 1)
    nights.post("daily", doc_type="sales_invoice", on="1")
    nights.at(4, 2.02)
    work(house)
    assert sent_of(house) == by_hand
    effects = [
        c["effect"] for c in house.calls() if c["call"] == "xlsx" and c["number"] == "NS-501"
    ]
    assert effects == ["created", "replayed"], "the second came under the same key"


def sent_of(house: House) -> tuple[Any, ...]:
    """Hash of the file, hashes and keys of its documents, and what the trace says of one."""
    ((body,),) = rows(
        house, "SELECT sha256 FROM request WHERE kind = 'push' ORDER BY id DESC LIMIT 1"
    )
    files = [call for call in house.calls() if call["call"] == "xlsx"]
    there = {call["body_sha256"] for call in files if call["number"].startswith("NS-5")}
    assert there == {body}
    pushes = (
        "SELECT number, hash, key FROM push WHERE number IN ('NS-501', 'NS-502') ORDER BY number"
    )
    told = record(house.visitor(FINANCE), 501, "trace").text
    assert "aiaccount has NS-501" in told
    return body, rows(house, pushes)


def test_E35_one_bad_row_is_found_by_halves_and_the_others_go(nights: Nights) -> None:
    house = nights.house
    ask_target(house, "company", whole_files=True)
    nights.at(5, 13)
    nights.deliver(5, *range(3501, 3512))
    nights.deliver(4, 3512)
    nights.at(6, 1.95)
    work(house)
    ask_target(house, "lock", through=nights.date(4))  # we looked a moment ago, and do not know it
    known = len(nights.files())
    nights.at(6, 2.02)
    work(house)
    posts = nights.files()[known:]
    assert len(posts[0]) == 12
    assert len(posts) <= 9
    made = [number for number in house.created() if number.startswith("NS-35")]
    assert sorted(made) == [f"NS-{number}" for number in range(3501, 3512)]
    held = rows(house, "SELECT number, message FROM hold WHERE state = 'open'")
    assert held == [("NS-3512", "The file was not imported")]
    assert state(record(house.visitor(FINANCE), 3512)) == "Failed"
