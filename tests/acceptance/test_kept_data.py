"""Data is kept: by backup and restore, by migrations, and by what removes old bytes."""

import json
import shutil
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import STARTER, NewProduct
from tests.acceptance.houses import COMPANY, quiet
from tests.acceptance.orders import clean, with_sku
from tests.acceptance.product import House, Product
from tests.acceptance.quiet import work

OPERATOR = "operator@kedai.example"
PLACES = {
    "sqlite": "SELECT name FROM pragma_table_info('{}')",
    "postgresql": "SELECT column_name FROM information_schema.columns WHERE table_name = '{}'",
}
KEPT = ("company", "person", "membership", "connection", "delivery", "record", "version", "hold")
POSTED = ("posting", "push", "request", "attempt", "evaluation", "event", "event_link", "approval")


@pytest.fixture
def house(new_product: NewProduct, tmp_path: Path) -> Any:
    """A company whose work waits, on each database."""
    with quiet(new_product(tmp_path), STARTER) as found:
        yield found


def test_H04_what_it_says_a_restored_backup_is_whole_and_sends_nothing_by_itself(
    house: House, tmp_path: Path
) -> None:
    """A copy under load is put back elsewhere: the chain holds, nothing leaves before a resume."""
    first, file = house.product, tmp_path / "copy"
    for number in (401, 402, 403):
        house.deliver(clean(number))
    work(house)
    many = [clean(number) for number in range(411, 421)]
    load = threading.Thread(target=lambda: [house.deliver(order) for order in many])
    house.deliver(clean(404))
    load.start()
    digest = first.run("backup", str(file)).stdout.split()[-1]
    load.join()
    assert len(digest) == 64
    assert file.stat().st_mode & 0o077 == 0
    noted = first.sql("SELECT file, sha256, bytes FROM backup")[0]
    assert noted == [(str(file), digest, file.stat().st_size)]
    refused = first.run("backup", str(file), code=1)
    assert "is there already" in refused.stderr

    second = _elsewhere(first, tmp_path / "elsewhere")
    wrong = tmp_path / "wrong"
    wrong.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    second.run("restore", str(wrong), code=1)
    told = second.run("restore", str(file))
    assert "1 target paused" in told.stderr
    assert "There is a database already" in second.run("restore", str(file), code=1).stderr
    before = house.created()
    for _ in range(2):
        second.run("worker", "--once", "--no-redis")
    assert house.created() == before == ["NS-401", "NS-402", "NS-403"]
    ((waiting,),) = second.sql("SELECT count(*) FROM posting WHERE state = 'ready'")[0]
    assert 1 <= waiting <= 11
    checked = second.json("verify", *COMPANY, "--json")
    assert checked["breaks"] == []
    assert checked["events"] > 0
    ((said,),) = second.sql(
        "SELECT body FROM event WHERE act = 'connection.paused' ORDER BY id DESC LIMIT 1"
    )[0]
    assert "aiaccount was paused: Restored from a backup." in said

    work(house)  # the first place goes on meanwhile: what it posts, the second meets there
    by = (*COMPANY, "--as", OPERATOR)
    second.run("connection", "resume", "aiaccount", *by)
    second.run("worker", "--once", "--no-redis")
    ((left,),) = second.sql("SELECT count(*) FROM posting WHERE state <> 'posted'")[0]
    assert left == 0
    numbers = Counter(house.created())
    assert set(numbers.values()) == {1}
    assert len(numbers) == 14


def _elsewhere(first: Product, folder: Path) -> Product:
    """Another place with the same key and no database."""
    folder.mkdir()
    second = Product(first.command, folder, first.env, first.server)
    second.home.mkdir()
    shutil.copy2(first.home / "secret.key", second.home)
    if second.server:
        second.server.create(second.database_name)
    return second


def test_H12_what_it_says_a_database_is_migrated_once_and_another_schema_is_refused(
    house: House,
) -> None:
    """Every row stays as it was: after a second `migrate`, and after each one that is refused."""
    product = house.product
    for number in (121, 122):
        house.deliver(clean(number))
    house.deliver(clean(123, items=with_sku("NO-SUCH-ITEM")))
    work(house)
    house.doors.close()
    ((head,),) = product.sql("SELECT version_num FROM alembic_version")[0]
    before = {table: _rows(product, table) for table in (*KEPT, *POSTED)}
    assert all(before[table] for table in before if table != "approval"), before.keys()

    assert f"version {head}" in product.run("migrate").stdout
    for to in ("base", "0094"):
        assert "0095 is the oldest" in product.run("migrate", "--to", to, code=2).stderr
    for version, hint in (("0094", "an earlier Clearpost release"), ("9999", "the newer program")):
        product.sql("UPDATE alembic_version SET version_num = ?", version)
        for words in (("migrate",), ("up",), ("verify", *COMPANY)):
            told = product.run(*words, code=3).stderr
            assert f"is {version}; version {head} is required" in told
            assert hint in told
        assert product.sql("SELECT version_num FROM alembic_version")[0] == [(version,)]
    product.sql("UPDATE alembic_version SET version_num = ?", head)

    assert {table: _rows(product, table) for table in before} == before
    work(house)
    assert product.json("verify", *COMPANY, "--json")["breaks"] == []
    assert sorted(house.created()) == ["NS-121", "NS-122"]


def test_G20_what_it_says_old_bytes_go_and_every_proof_stays(house: House) -> None:
    """Under a clock seven years on only the bytes of what is older go, and never a proof."""
    product, day = house.product, 86_400
    house.deliver(clean(201))
    house.deliver(clean(202, items=with_sku("NO-SUCH-ITEM")))
    work(house)
    product.shift_clock(2 * day)
    _later(house, 203, 2 * day)
    work(house)
    proofs = ("version", "evaluation", "posting", "push", "attempt", "approval")
    before = {table: _rows(product, table) for table in proofs}
    answers = house.record("NS-201")["documents"][0]["answers"]

    product.shift_clock(7 * 365 * day)  # two leap days short of seven years
    assert product.json("prune", "--json")["companies"] == [_gone(0, 0)]
    product.shift_clock((7 * 365 + 3) * day)
    assert product.json("prune", "--dry-run", "--json")["companies"] == [_gone(1, 1)]
    assert _kept_bytes(product) == (3, 2)
    assert product.json("prune", "--json")["companies"] == [_gone(1, 1)]
    assert product.json("prune", "--json")["companies"] == [_gone(0, 0)]
    assert _kept_bytes(product) == (2, 1), "the held one, and the younger one, keep theirs"
    hashes = product.sql("SELECT sha256 FROM delivery UNION ALL SELECT sha256 FROM request")[0]
    assert all(len(one) == 64 for (one,) in hashes)

    assert {table: _rows(product, table) for table in proofs} == before
    assert house.record("NS-201")["documents"][0]["answers"] == answers
    ((said,),) = product.sql("SELECT body FROM event WHERE act = 'history.pruned'")[0]
    assert "The raw bytes of 1 delivery, 1 call and 0 uploaded files from before" in said
    work(house)  # it links the new event
    assert product.json("verify", *COMPANY, "--json")["breaks"] == []
    assert product.json("replay", *COMPANY, "--json")["different"] == []
    assert product.json("invariants", "--json")["kedai"]["breaches"] == []
    asked = house.visitor("finance@kedai.example").session.get(
        f"{house.address}/c/kedai/records/netshop/order/201?tab=raw&download=raw", timeout=30
    )
    assert asked.status_code == 410
    assert "older than what is kept" in asked.text


def _gone(deliveries: int, calls: int) -> dict[str, Any]:
    return {"company": "kedai", "deliveries": deliveries, "calls": calls, "uploads": 0}


def _kept_bytes(product: Product) -> tuple[int, int]:
    """How many deliveries and calls that write still have their bytes."""
    deliveries = product.sql("SELECT count(*) FROM delivery WHERE body IS NOT NULL")[0][0][0]
    calls = "SELECT count(*) FROM request WHERE body IS NOT NULL AND kind = 'push'"
    return deliveries, product.sql(calls)[0][0][0]


def _later(house: House, number: int, seconds: float) -> None:
    """An order that is delivered so much later."""
    raw = json.dumps({"event": "order.updated", "orders": [clean(number)]}).encode()
    answer = house.post_hook(raw, event_id=f"evt_later_{number}", at=time.time() + seconds)
    assert answer.status_code == 202, answer.text


def _columns(product: Product, table: str) -> set[str]:
    asked = PLACES["postgresql" if product.server else "sqlite"].format(table)
    return {name for (name,) in product.sql(asked)[0]}


def _rows(product: Product, table: str) -> list[dict[str, Any]]:
    names = sorted(_columns(product, table))
    listed = ", ".join(f'"{name}"' for name in names)
    found = product.sql(f'SELECT {listed} FROM "{table}" ORDER BY {listed}')[0]
    rows = [dict(zip(names, row, strict=True)) for row in found]
    return sorted(rows, key=repr)
