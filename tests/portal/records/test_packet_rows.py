"""An evidence packet proves the record's stored rows by their seals, without the database."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from holding.db.database import Database
from holding.platform import events as chain
from holding.platform import row_trail
from holding.records.packet_file import PARTS, ROWS, Checked, check_packet, pack
from tests.portal.reading import one
from tests.support.clock import SetClock
from tests.support.databases import unlock

PAGE = "/c/kedai/evidence/netshop/order/SO-10240"
MINE = "(SELECT id FROM record WHERE number = 'SO-10240')"
POSTING = f"(SELECT id FROM posting WHERE record_id = {MINE})"

Written = Callable[..., Path]
Parts = dict[str, Any]


def seal(database: Database, clock: SetClock) -> None:
    """Link and seal everything, as a worker does when it leaves."""
    for _ in range(2):
        chain.link_due_events(database, now=clock.now(), all_events=True)
        row_trail.seal_due_rows(database, now=clock.now(), at_once=True)
    chain.link_due_events(database, now=clock.now(), all_events=True)


@pytest.fixture
def written(visit: Any, tmp_path: Path) -> Written:
    """Make a packet of the posted order, with personal data unless stated otherwise."""

    def write(**chosen: str) -> Path:
        answer = visit("nurul").post(PAGE, chosen or {"personal": "1"}, status=200)
        file = tmp_path / "packet.zip"
        file.write_bytes(answer.get_data())
        return file

    return write


def forge(packet: Path, change: Callable[[Parts], object]) -> Checked:
    """Return the check of a packet whose parts were changed and hashed anew."""
    with zipfile.ZipFile(io.BytesIO(packet.read_bytes())) as file:
        raw = {name: file.read(name) for name in file.namelist() if name != "manifest.json"}
    parts: Parts = {name: json.loads(raw[name]) for name in (*PARTS, ROWS) if "json" in name}
    change(parts)
    made = pack({**raw, **{name: json.dumps(part).encode() for name, part in parts.items()}})
    assert made
    forged = packet.with_name("forged.zip")
    forged.write_bytes(made.content)
    return check_packet(forged)


def faults(checked: Checked) -> list[str]:
    return [f"{fault.part}: {fault.message}" for fault in checked.faults]


def test_every_stored_row_equals_its_seal_and_is_proved_up_to_a_noted_head(
    written: Written, database: Database, clock: SetClock
) -> None:
    seal(database, clock)
    seq = one(database, "SELECT max(seq) FROM event_link")
    digest = one(database, f"SELECT hash FROM event_link WHERE seq = {seq}")
    found = check_packet(written(personal="1", others="1"), [(seq, digest)])
    assert faults(found) == []
    assert found.rows.rows == found.rows.compared == found.rows.proved > 10
    alone = check_packet(written())
    assert (alone.rows.compared, alone.rows.proved) == (found.rows.rows, 0)


def test_without_personal_data_rows_are_counted_and_not_shown(
    written: Written, database: Database, clock: SetClock
) -> None:
    seal(database, clock)
    found = check_packet(written(others=""))
    assert faults(found) == []
    assert found.rows.rows > 10
    assert found.rows.compared == 0


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("posting", f"UPDATE posting SET target_ref = 'X-1' WHERE record_id = {MINE}"),
        ("version", f"UPDATE version SET status = 'X' WHERE record_id = {MINE}"),
        ("record", f"UPDATE record SET party = 'X' WHERE id = {MINE}"),
        ("push", f"UPDATE push SET target_ref = 'X-1' WHERE posting_id IN {POSTING}"),
        ("evaluation", f"UPDATE evaluation SET facts = '{{\"x\": 1}}' WHERE record_id = {MINE}"),
    ],
)
def test_a_row_that_was_edited_with_sql_is_named(
    written: Written, database: Database, clock: SetClock, table: str, change: str
) -> None:
    seal(database, clock)
    with database.write() as session:
        unlock(session)
        session.execute(text(change))
    told = faults(check_packet(written()))
    assert [each for each in told if each.startswith(f"{ROWS}: Row ") and f" {table} " in each]


def test_what_changed_since_the_newest_seal_is_no_fault_and_not_counted(
    written: Written, visit: Any, database: Database, clock: SetClock
) -> None:
    seal(database, clock)
    before = check_packet(written()).rows
    visit("nurul").post(f"{PAGE}/note", {"text": "Agrees."}, status=303)
    with database.write() as session:
        session.execute(text(f"UPDATE record SET party = 'X' WHERE id = {MINE}"))
    found = check_packet(written())
    assert faults(found) == []
    assert (found.rows.rows, found.rows.compared) == (before.rows, before.compared - 1)


def edit_value(parts: Parts) -> None:
    next(iter(parts[ROWS]["rows"]["version"].values()))[0]["status"] = "X"


def drop_row(parts: Parts) -> None:
    parts[ROWS]["rows"]["version"].popitem()


def add_row(parts: Parts) -> None:
    parts[ROWS]["rows"]["note"]["999"] = [{"id": 999}, {}, []]


def edit_seal(parts: Parts) -> None:
    texts = parts[ROWS]["seals"][-1]["texts"]
    texts[0] = texts[0].replace('"id":', '"id": ')


def name_another_event(parts: Parts) -> None:
    parts[ROWS]["seals"][-1]["event"] = 1


def show_another_number(parts: Parts) -> None:
    parts["packet.json"]["postings"][0]["target_id"] = "X-1"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (edit_value, " of table version is not what event "),
        (drop_row, "sealed, is missing."),
        (add_row, f"{ROWS}: Row 999 of table note: no event tells of it."),
        (edit_seal, f"{ROWS}: Seals of rows are not what event"),
        (name_another_event, f"{ROWS}: Event 1, which sealed rows, is not in the packet."),
        (show_another_number, "is shown otherwise than its row is stored."),
    ],
)
def test_a_forged_row_or_seal_is_told(
    written: Written,
    database: Database,
    clock: SetClock,
    change: Callable[[Parts], object],
    told: str,
) -> None:
    seal(database, clock)
    found = faults(forge(written(), change))
    assert [each for each in found if told in each], found
