"""What goes out by itself in the night, and the same by hand: a clock that is moved over days."""

import json
import re
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import daily_rules
from tests.acceptance.houses import COMPANY, keep, open_doors, put_back, quiet
from tests.acceptance.orders import clean
from tests.acceptance.parts import Part, read, state
from tests.acceptance.product import ADMIN, FINANCE, House, Product, free_environment, item
from tests.acceptance.quiet import BASE, ask_target, record, rows, send, work

pytestmark = pytest.mark.slow
OPERATOR = "operator@kedai.example"
CONSULTANT = "consultant@kedai.example"
PUBLISHER = "publisher@kedai.example"
DAY = 24 * 3600
KUALA_LUMPUR = 8 * 3600


DAILY = "netshop-aiaccount-daily"
FOUR = ("sales_invoice", "expense_bill", "sales_receipt", "expense_payment")  # the last two follow
ACCOUNTS = ["12000", "40000", "61001", "1041", "1043", "1044"]
BOOKED = ["NS-501", "NS-502", "PV-ST-501", "RC-NS-501", "RC-NS-502", "ST-501"]
SENT = """
SELECT push.number, push.hash, push.key, request.sha256, push.trace, story_form.body
FROM push JOIN evaluation ON evaluation.id = push.evaluation_id
JOIN story_form ON story_form.ruleset_version_id = evaluation.ruleset_version_id
JOIN attempt ON attempt.push_id = push.id JOIN request ON request.id = attempt.request_id
WHERE push.number LIKE '%-50_' AND request.kind = 'push' ORDER BY push.number
"""
HELD = "SELECT number, message FROM hold WHERE state = 'open' AND number LIKE ?"

MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+]00:00)?")


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

    def deliver(self, day: int, *numbers: int, **changes: Any) -> None:
        """Orders of the noon of a day arrive."""
        moment = f"{self.date(day)}T12:00:00+08:00"
        dated = {"ordered_at": moment, "paid_at": moment, "updated_at": moment}
        orders = [clean(number, **dated, **changes) for number in numbers]
        raw = json.dumps({"event": "order.updated", "orders": orders}).encode()
        answer = self.house.post_hook(raw, event_id=f"evt_night_{numbers[0]}", at=self.now)
        assert answer.status_code == 202, answer.text

    def deliver_commission(self, day: int, number: str) -> None:
        """What a blogger earned on a day, and was paid at its noon."""
        on = self.date(day)
        given = {
            "id": number,
            "blogger": "B-12",
            "period": f"{on}/{on}",
            "amount": "250.00",
            "currency": "MYR",
            "status": "paid",
            "paid_at": f"{on}T12:00:00+08:00",
        }
        raw = json.dumps({"event": "settlement.updated", "settlement": given}).encode()
        answer = self.house.post_hook(raw, event_id=f"evt_{number}", at=self.now)
        assert answer.status_code == 202, answer.text

    def sync(self, doc_type: str, day: str) -> None:
        """Somebody sends the documents of a day."""
        words = f"doc_type={doc_type}&first={day}&last={day}"
        path = f"{BASE}/connections/aiaccount/sync?{words}"
        preview = read(self.house.visitor(OPERATOR).get(path))
        fields = preview.form_of("syncgo").fields()
        self.post("sync", **{key: value for key, value in fields.items() if key != "csrf_token"})

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
    rules = daily_rules(folder)
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
    nights.at(3, 9)  # nor in the next one; the three orders are not judged yet
    work(nights.house)
    assert nights.files()[2:] == [["NS-106"], ["NS-107", "NS-108"]]
    assert sorted(nights.house.created()) == [f"NS-{number}" for number in range(101, 109)]

    listing = read(nights.house.visitor(FINANCE).get("/c/kedai/runs")).text
    for day in range(-1, 3):
        assert listing.count(f"Daily run of {nights.date(day)}") == 1
    page = read(nights.house.visitor(FINANCE).get(f"{BASE}/connections/aiaccount")).text
    assert "Daily run at 02:00 (Asia/Kuala_Lumpur)" in page
    assert f"Last day done: {nights.date(2)}" in page
    _another_hour_is_picked(nights)


def _another_hour_is_picked(nights: Nights) -> None:
    """On the page it is a change of the rules: one submits it, another publishes it."""
    house, known = nights.house, len(nights.files())
    told = pick_hour(house, "04:00", by=FINANCE, code=403)
    assert "You cannot draft rule changes, because your role does not include it." in told
    assert "Enter an hour such as 02:00." in pick_hour(house, "25:00", code=422)
    assert "the rules say the same already" in pick_hour(house, "02:00", code=422)

    submitted = "submitted: Daily runs of AiAccount: sales invoice at"
    assert f"Change 2 {submitted} 04:00." in pick_hour(house, "04:00")
    assert "because change 2 has them already" in pick_hour(house, "04:00", code=409)
    page = hours_page(house, FINANCE)
    assert "Change 2 is not published yet." in page.text
    assert "Daily run at 02:00" in page.text
    assert page.one("input", id="hour_sales_invoice").attributes["value"] == "02:00"
    own = house.product.run("publish", "2", *COMPANY, "--as", CONSULTANT, code=1)
    assert "cannot publish rule changes, because no role of theirs includes it" in own.stderr
    house.product.run("publish", "2", *COMPANY, "--as", PUBLISHER)
    nights.at(3, 13)
    nights.deliver(3, 109)
    work(house)
    page = hours_page(house, FINANCE)
    assert "Daily run at 04:00 (Asia/Kuala_Lumpur)" in page.text
    assert "not published yet" not in page.text
    file = read(house.visitor(FINANCE).get(f"{BASE}/rules/files/posting.rules")).text
    assert "at 04:00 by paid_at" in file

    for hour in (2.02, 3.98):
        nights.at(4, hour)
        work(house)
        assert nights.files()[known:] == []
    nights.at(4, 4.02)
    work(house)
    assert nights.files()[known:] == [["NS-109"]]

    assert f"Change 3 {submitted} 02:00." in pick_hour(
        house, "02:00"
    )  # after that day is done: it is not done again
    house.product.run("publish", "3", *COMPANY, "--as", PUBLISHER)
    nights.deliver(3, 110)
    nights.at(4, 13)
    work(house)
    assert nights.files()[known + 1 :] == []
    nights.at(5, 2.02)
    work(house)
    assert nights.files()[known + 1 :] == [["NS-110"]]
    listing = read(house.visitor(FINANCE).get("/c/kedai/runs")).text
    for day in (3, 4):
        assert listing.count(f"Daily run of {nights.date(day)}") == 1


def hours_page(house: House, email: str) -> Part:
    """The page of the target, on which the hours are picked."""
    return read(house.visitor(email).get(f"{BASE}/connections/aiaccount"))


def pick_hour(house: House, hour: str, *, by: str = CONSULTANT, code: int = 200) -> str:
    """Somebody picks the hour of the invoices; what the page then says."""
    visitor = house.visitor(by)
    form = read(visitor.get(f"{BASE}/connections/aiaccount")).form_of("sethours")
    return send(visitor, form, form.fields() | {"hour_sales_invoice": hour}, code=code)


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


def test_E16_each_row_of_a_file_has_the_targets_own_result_on_its_record(nights: Nights) -> None:
    """The sixth of twelve orders stands in row 7 of the sheet, and its tax code is gone."""
    house = nights.house
    ask_target(house, "company", whole_files=False)
    nights.at(6, 13)
    numbers = [f"NS-{number}" for number in range(1601, 1613)]
    nights.deliver(6, *range(1601, 1606))
    nights.deliver(6, 1606, items=[item(1, tax="NONE")])
    nights.deliver(6, *range(1607, 1613))
    nights.at(7, 1.95)
    work(house)
    known = len(nights.files())
    ask_target(house, "company", tax_codes={"MY-SALES10": "0.10"})  # we looked a moment ago
    nights.at(7, 2.02)
    work(house)
    assert nights.files()[known:] == [numbers]
    assert set(numbers) - set(house.created()) == {"NS-1606"}

    visitor = house.visitor(FINANCE)
    refused = "line 7: Tax code NT is not configured"
    for row, number in enumerate(numbers, start=2):
        page = record(visitor, int(number[3:]), "pushes")
        assert f"row {row} of a file" in page.text
        if number == "NS-1606":
            assert (row, state(page)) == (7, "Failed")
            assert refused in page.text
            assert refused in record(visitor, 1606).text
        else:
            assert state(page) == "Posted", number
            assert re.search(r"422 Accepted inv_\d+", page.text), (
                "the same answer to the whole file"
            )
            assert "line 7" not in page.text
    held = rows(house, HELD, "NS-16%")
    assert held == [("NS-1606", refused)]
    ask_target(house, "company", tax_codes={"MY-SALES10": "0.10", "NT": "0"})


def test_E05_by_hand_or_by_itself_the_same_bytes_go_out(nights: Nights) -> None:
    """Invoices, receipts, bills and payments: one night by hand, then the same one by itself."""
    house = nights.house
    rules = house.product.folder / "four-kinds-rules"
    house.product.run("init", str(rules), "--template", DAILY)
    put_in_force(house, rules)
    nights.at(9, 1)
    ask_target(house, "lock", through=None)
    ask_target(house, "company", whole_files=False, accounts=ACCOUNTS)
    house.product.run("connection", "test", "aiaccount", *COMPANY, "--as", ADMIN)
    work(house)
    nights.at(9, 2.02)
    work(house)  # receipts of what was invoiced before
    nights.at(9, 13)
    nights.deliver(9, 501, 502)
    nights.deliver_commission(9, "ST-501")
    for kind in FOUR:
        nights.post("daily", doc_type=kind, on="0")
    nights.at(10, 2.02)
    work(house)
    assert sent_of(house) == []
    page = read(house.visitor(FINANCE).get(f"{BASE}/connections/aiaccount")).text
    assert page.count("Daily run switched off.") == len(FOUR)
    kept = keep(house.product)

    for some in (FOUR[:2], FOUR[2:]):
        for kind in some:
            nights.sync(kind, nights.date(9))
        work(house)
    by_hand = sent_of(house)
    assert [number for number, *_ in by_hand] == BOOKED

    house.doors.close()
    put_back(kept, house.product)  # the same again, as if nobody had synced
    open_doors(house)
    nights.at(10, 1)
    for kind in FOUR:
        nights.post("daily", doc_type=kind, on="1")
    nights.at(10, 2.02)
    work(house)
    assert sent_of(house) == by_hand
    for number in BOOKED:
        effects = [c["effect"] for c in house.calls() if c.get("number") == number]
        assert effects.count("created") == effects.count("replayed") == 1, "under the same key"


def test_documents_of_today_are_sent_by_hand_before_their_hour(nights: Nights) -> None:
    """Also with the daily run off. What is left then waits for a person: no invariant breaks."""
    house = nights.house
    nights.at(12, 13)
    work(house)
    nights.post("daily", doc_type="sales_invoice", on="0")
    nights.deliver(12, 1701, 1702)
    work(house)
    waiting = record(house.visitor(FINANCE), 1701)
    assert state(waiting) == "Waiting"
    assert "Its daily run is switched off" in waiting.text
    known = len(nights.files())
    nights.sync("sales_invoice", nights.date(12))
    assert state(record(house.visitor(FINANCE), 1701)) == "Ready to post"
    work(house)
    assert nights.files()[known:] == [["NS-1701", "NS-1702"]]
    early = record(house.visitor(FINANCE), 1701, "trace").text
    assert "operator had NS-1701 sent before its daily run" in early

    nights.deliver(12, 1703)
    nights.at(13, 0.5)
    nights.deliver(12, 1704)
    nights.at(13, 0.9)
    work(house)
    nights.at(13, 2.5)
    work(house)
    left = record(house.visitor(FINANCE), 1703)
    assert state(left) == "Ready to post"
    assert "next run" not in left.text
    assert "Its daily run is switched off" in left.text
    told = house.product.json("invariants", "--json")
    assert [one["breaches"] for one in told.values()] == [[]]
    nights.sync("sales_invoice", nights.date(12))
    work(house)
    assert nights.files()[-1] == ["NS-1703", "NS-1704"]
    nights.post("daily", doc_type="sales_invoice", on="1")


def put_in_force(house: House, rules: Path) -> None:
    """Further rules, published by somebody else."""
    by = (*COMPANY, "--as")
    told = house.product.run("rules", "push", str(rules), *by, CONSULTANT).stdout
    house.product.run("publish", re.findall(r"\d+", told)[0], *by, PUBLISHER)


def story(trace: bytes, form: bytes) -> str:
    """The whole of it, by what the database says alone: form of the rules, difference from that."""
    return zlib.decompressobj(zdict=form).decompress(trace).decode()


def sent_of(house: House) -> list[tuple[Any, ...]]:
    """Of each document its number, hash, key and file, and the trace that was kept with it, but for
    the moment at which it was judged.
    """
    return [
        (*known, MOMENT.sub("<then>", story(trace, form)))
        for *known, trace, form in rows(house, SENT)
    ]
