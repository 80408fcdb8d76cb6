"""Who sends is proved, what may come is declared, and what was recorded cannot change unseen."""

import hashlib
import hmac
import json
import re
import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.acceptance.conftest import STARTER
from tests.acceptance.houses import COMPANY, put_back, quiet
from tests.acceptance.orders import clean
from tests.acceptance.parts import read
from tests.acceptance.product import ADMIN, FINANCE, House, Product, free_environment
from tests.acceptance.quiet import BASE, work
from tests.acceptance.record_samples import SIX, ingest_records, refused, sample, taken

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def office(command: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A company whose pages are served, and whose work waits."""
    product = Product(command, tmp_path_factory.mktemp("proved"), free_environment())
    with quiet(product, STARTER) as house:
        yield house


def test_A01_a_webhook_is_proved_kept_as_it_came_and_answered_before_any_rule(
    office: House,
) -> None:
    finance, now = office.visitor(FINANCE), time.time()
    raw = json.dumps({"event": "order.updated", "orders": [clean(701)]}, indent=3).encode()
    before = rows_of_tables(office)
    for answer in (
        tampered(office, raw, raw.replace(b"NS-701", b"NS-702")),
        office.post_hook(raw, event_id="evt_guessed", secret="guessed"),
        office.post_hook(raw, event_id="evt_old", at=now - 3600),
        office.post_hook(raw, event_id="evt_early", at=now + 3600),
    ):
        assert answer.status_code == 401, answer.text
    after = rows_of_tables(office)
    assert {table for table in after if after[table] != before[table]} == {"hook_call"}
    source = read(finance.get(f"{BASE}/connections/netshop")).one("section", id="deliveries")
    told = [row.text for row in source.all("tr", role="row") if "Rejected" in row.text]
    times = [re.search(r"(\d+) times", one) for one in told]
    assert sum(int(found[1]) if found else 1 for found in times) == 4, told
    assert "NS-701" not in source.text

    good = office.post_hook(raw, event_id="evt_good", at=now)
    assert (good.status_code, good.json()["new_records"]) == (202, 1)
    page = f"{BASE}/records/netshop/order/701"
    assert "Received" in read(finance.get(page)).one("p", cls="state").text
    judged = "SELECT e.id FROM evaluation e JOIN record r ON r.id = e.record_id WHERE r.number = ?"
    assert office.product.sql(judged, "NS-701")[0] == [], "no rule was asked before the answer"
    kept = finance.session.get(
        f"{finance.address}{page}?tab=raw&version=1&download=raw", timeout=30
    )
    assert kept.content == raw
    work(office)
    assert "NS-701" in office.created()
    assert "NS-702" not in office.created()


def tampered(office: House, signed: bytes, sent: bytes) -> requests.Response:
    """The answer to a call whose body is not the one that was signed."""
    stamp = str(int(time.time()))
    content = f"{stamp}.evt_tampered.".encode() + signed
    digest = hmac.new(office.secret.encode(), content, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-NS16-Timestamp": stamp,
        "X-NS16-Signature": f"sha256={digest}",
        "X-NS16-Event-Id": "evt_tampered",
    }
    address = f"{office.address}/hooks/{COMPANY[1]}/netshop"
    return requests.post(address, data=sent, headers=headers, timeout=60)


def rows_of_tables(office: House) -> dict[str, int]:
    """How many rows each table has."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
    names = [name for (name,) in office.product.sql(tables)[0]]
    return {name: office.product.sql(f'SELECT count(*) FROM "{name}"')[0][0][0] for name in names}


def test_A05_six_kinds_of_record_each_with_its_schema(office: House, tmp_path: Path) -> None:
    told = office.product.json("kinds", "intake", "--json")["kinds"]
    schemas = {one["kind"]: one for one in told}
    assert schemas.keys() >= set(SIX)
    assert schemas["order"]["lines"], "an order has its items"
    plain = office.product.run("kinds", "intake", "--kind", "purchase").stdout
    assert "intake: purchase" in plain
    for field in schemas["purchase"]["fields"]:
        line = next(line for line in plain.splitlines() if line.split()[:1] == [field["name"]])
        assert field["type"] in line
        assert ("required" in line) == field["required"]
    unknown = office.product.run("kinds", "intake", "--kind", "poem", code=2).stderr
    assert "settlement_payment" in unknown

    office.product.run("connection", "add", "intake", *COMPANY, "--as", ADMIN, "--side", "source")
    samples = [sample(schemas[kind]) for kind in SIX]
    assert taken(office, tmp_path, *samples) == len(SIX)
    finance = office.visitor(FINANCE)
    for given in samples:
        page = read(finance.get(f"{BASE}/records/intake/{given['kind']}/{given['id']}"))
        assert page.one("h1").text.startswith(given["number"])
    lacking = [{k: v for k, v in one.items() if k != "status"} for one in samples]
    strange = [{**one, "poem": "1"} for one in samples]
    nameless = [{k: v for k, v in one.items() if k not in ("id", "number")} for one in samples]
    for wrong in (lacking, strange):  # an id is there: the record is stored, to be held
        assert json.loads(ingest_records(office, tmp_path, wrong, 0))["new_versions"] == len(SIX)
    told = refused(office, tmp_path, *nameless)
    assert [at for at in range(len(SIX)) if f"records[{at}].number" not in told] == []


def test_G15_one_byte_a_gap_or_a_swap_in_the_events_is_named(office: House) -> None:
    office.deliver(clean(601))
    work(office)
    with pytest.raises(sqlite3.IntegrityError), office.product.database() as database:
        database.execute("UPDATE event SET act = 'x'")
    with pytest.raises(sqlite3.IntegrityError), office.product.database() as database:
        database.execute("DELETE FROM event")
    assert office.product.json("verify", *COMPANY, "--json")["breaks"] == []

    (event,) = office.product.sql("SELECT max(id) FROM event WHERE act = 'posting.posted'")[0][0]
    one_byte = f"UPDATE event SET body = replace(body, 'NS-601', 'NS-602') WHERE id = {event}"
    assert f"Event {event} (posting.posted) at place " in broken(office, one_byte)
    gone = broken(office, f"DELETE FROM event WHERE id = {event}")
    assert f"Event {event} at place " in gone
    assert " is gone." in gone
    turns = ((-1, event), (event, event - 1), (event - 1, -1))
    swap = (f"UPDATE event_link SET event_id = {new} WHERE event_id = {old}" for new, old in turns)
    swapped = broken(office, *swap)
    assert f"Event {event - 1} (" in swapped
    assert f"Event {event} (" in swapped
    assert office.product.json("verify", *COMPANY, "--json")["breaks"] == []


def broken(office: House, *changes: str) -> str:
    """What `clearpost verify` says of a copy that somebody changed with SQL."""
    copy = Product(office.product.command, office.product.folder / "copy", office.product.env)
    shutil.rmtree(copy.folder, ignore_errors=True)
    copy.home.mkdir(parents=True)
    shutil.copy2(office.product.home / "secret.key", copy.home)
    put_back(office.product, copy)
    with copy.database() as database:
        guards = "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'event%'"
        for (name,) in database.execute(guards).fetchall():
            database.execute(f"DROP TRIGGER {name}")
        for change in changes:
            assert database.execute(change).rowcount == 1
    told = copy.json("verify", *COMPANY, "--json", code=1)["breaks"]
    return " ".join(one["message"] for one in told)
