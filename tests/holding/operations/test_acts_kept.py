"""What people's acts wrote is sealed, too: whoever edits it with SQL is found out."""

from typing import Any

import pytest
from sqlalchemy import select, text

from holding.db.models import Event
from holding.db.models.columns import ListKind
from holding.holds import notes, releases, undo
from holding.holds.holds import Done
from holding.mappings import fixes, list_files, party_merge
from holding.mappings.entry_changes import Fixed
from holding.mappings.list_rows import read_list
from holding.operations import content_invariants, escalation_packets
from tests.holding.life import Life
from tests.holding.operations.test_contents import edit, edited, said, said_in
from tests.holding.shop import DEBTORS, FILES

CODES = b"Customer code,Customer name\n300-M012,Maju Jaya\n300-B001,Boon\n"


class Packet:
    """A packet of few words."""

    def as_json(self) -> dict[str, Any]:
        return {"record": "A-1", "failure": "the target said no"}


@pytest.fixture
def acted(life: Life) -> Life:
    """A note, a release, a mapping, a list of codes, two parties kept apart, an escalation."""
    shop = life.shop
    shop.publish(FILES | {"maps/debtors.csv": f"{DEBTORS}C-88,Chong\nC-89,Das\n"})
    life.arrive("A-1", total="190.00")
    life.arrive("A-2", total="190.00")
    with shop.database.write() as session:
        farah, lim, now = shop.actor("farah"), shop.actor("lim"), shop.now
        (hold,) = shop.holds(session, "A-1")
        assert isinstance(notes.add_note(session, farah, hold.id, "Asked the shop.", now), Done)
        assert isinstance(releases.release(session, lim, hold.id, "agreed", now), Done)
        (other,) = shop.holds(session, "A-2")
        assert isinstance(releases.reject(session, lim, other.id, "not ours", now), Done)
        done = fixes.fix(session, farah, "debtor", "C-99", "300-C99", "new", now, 99)
        assert isinstance(done, Fixed)
        made = party_merge.keep_apart(session, farah, ("300-A", "300-B"), "A-1", "two shops", now)
        assert isinstance(made, party_merge.Apart)
        read = read_list("c.csv", CODES, ListKind.CUSTOMER)
        day = now.date()
        of = (session, farah, "aiaccount", ListKind.CUSTOMER, "c.csv", CODES, read)
        given = list_files.submit_list(*of, as_of=day, today=day, now=now)
        assert isinstance(given, list_files.ListStanding)
        sent: Any = Packet()
        record_id = shop.record(session, "A-1").id
        packet = escalation_packets.make(
            session, farah, record_id, sent, personal=False, now=now, op="x"
        )
        assert isinstance(packet, escalation_packets.Made)
        kept = escalation_packets.sent(session, farah, packet.id, "AiAccount", "T-1", now)
        assert isinstance(kept, escalation_packets.Kept)
    life.work()
    assert said(life) == []
    return life


NEWEST = "(SELECT max(id) FROM {0})"
EDITS = {
    "note": "UPDATE note SET body = 'Nobody was asked.'",
    "release reason": "UPDATE release SET reason = 'never looked at'",
    "release person": "UPDATE release SET person_id = person_id + 1",
    "release content": "UPDATE release SET content_sha256 = 'ab'",
    "mapping_entry value": "UPDATE mapping_entry SET value = '300-MINE'",
    "mapping_entry day": "UPDATE mapping_entry SET valid_from = '2030-01-01'",
    "mapping_entry person": "UPDATE mapping_entry SET person_id = person_id + 1",
    "ruleset_version author": "UPDATE ruleset_version SET author_id = author_id + 5",
    "kept_apart": "UPDATE kept_apart SET reason = 'one shop'",
    "list_file": "UPDATE list_file SET as_of = '2020-01-01'",
    "listed_code": "UPDATE listed_code SET active = NOT active",
    "listed_code sku": "UPDATE listed_code SET sku = 'A-1'",
    "escalation": "UPDATE escalation SET packet = '{{}}'",
    "escalation to": "UPDATE escalation SET sent_to = 'nobody'",
}


@pytest.mark.slow
def test_T30e_an_edit_of_what_people_wrote_is_named_with_its_table(acted: Life) -> None:
    for name, statement in EDITS.items():
        table = name.split()[0]
        words = f"{statement.format()} WHERE id = {NEWEST.format(table)}"
        with edited(acted.shop.database, words) as session:
            row = session.scalar(text(f"SELECT max(id) FROM {table}"))
            file = session.scalar(text("SELECT max(from_file_id) FROM listed_code"))
            found = said_in(session, acted)
        start = f"Table {table}, row {row}: its content is not what event "
        if table == "listed_code":
            start = f"Table {table}, from_file_id {file}: its content is not what event "
        assert [one for one in found if one.startswith(start)], (name, found)


@pytest.mark.slow
def test_T30e_when_an_entry_of_a_list_ended_is_sealed_too(acted: Life) -> None:
    """Ended by nobody, in force again, and ended with another list: each changes what is compared
    with the books, and none changes what an entry says.
    """
    shop = acted.shop
    with shop.database.write() as session:
        later = CODES.replace(b"300-M012,Maju Jaya\n", b"").replace(b"Boon", b"Boon & Co")
        read = read_list("d.csv", later, ListKind.CUSTOMER)
        of = (session, shop.actor("farah"), "aiaccount", ListKind.CUSTOMER, "d.csv", later, read)
        given = list_files.submit_list(
            *of, as_of=shop.now.date(), today=shop.now.date(), now=shop.now
        )
        assert isinstance(given, list_files.ListStanding)
    acted.work()
    assert said(acted) == []
    first, second = "(SELECT min(id) FROM list_file)", "(SELECT max(id) FROM list_file)"
    for statement, ended_with in (
        ("to_file_id = NULL WHERE code = '300-M012'", second),
        (f"to_file_id = {first} WHERE code = '300-M012'", first),
        (f"to_file_id = {second} WHERE name = 'Boon & Co'", second),
        (f"to_file_id = {first} WHERE name = 'Boon & Co'", first),
    ):
        with edited(shop.database, f"UPDATE listed_code SET {statement}") as session:
            file = session.scalar(text(f"SELECT {ended_with}"))
            found = said_in(session, acted)
        start = f"Table listed_code, to_file_id {file}: its content is not what event "
        row = "Table listed_code, row "
        assert [one for one in found if one.startswith((start, row))], (statement, found)


OF_RULES = """UPDATE mapping_entry SET value = 'X' WHERE id = (SELECT min(id) FROM mapping_entry
WHERE from_revision = (SELECT max(revision) FROM ruleset_version))"""


def test_T30e_the_files_of_rules_and_their_entries_are_sealed_together(acted: Life) -> None:
    database = acted.shop.database
    for statement, said_of_it in (
        ("UPDATE rule_file SET body = body || ' '", "Table rule_file, ruleset_version_id "),
        (OF_RULES, "Table mapping_entry, from_revision "),
    ):
        with edited(database, statement) as session:
            found = said_in(session, acted)
        assert [one for one in found if one.startswith(said_of_it)], (statement, found)


def test_T30f_what_was_taken_away_or_put_in_is_named(acted: Life) -> None:
    database = acted.shop.database
    for table in ("note", "release", "kept_apart", "escalation", "list_file"):
        with edited(database, f"DELETE FROM {table} WHERE id = {NEWEST.format(table)}") as session:
            found = said_in(session, acted)
        gone = [one for one in found if one.startswith(f"Table {table}, id ")]
        assert gone, found
        assert gone[0].endswith(" sealed, is gone.")
    columns = "route, seq, cause_id, content_sha256, rule, kind, person_id, reason, at"
    edit(
        database,
        f"INSERT INTO release (id, code, record_id, {columns})"
        f" SELECT 99999, 'X', record_id, {columns} FROM release"
        f" WHERE id = {NEWEST.format('release')}",
    )
    assert said(acted) == ["Table release, row 99999: no event tells of it."]


OF_LIM = """INSERT INTO release (id, code, record_id, route, seq, cause_id, content_sha256, rule,
kind, person_id, reason, at)
SELECT {id}, 'X', record.id, 'order', 0, (SELECT min(id) FROM cause), 'ab',
'r', 'release', (SELECT min(id) FROM person), 'agreed', (SELECT max(at) FROM event)
FROM record LIMIT 1"""


def test_T30f_a_row_below_the_first_that_was_sealed_is_named(acted: Life) -> None:
    with edited(acted.shop.database, OF_LIM.format(id=-7)) as session:
        assert said_in(session, acted) == ["Table release, row -7: no event tells of it."]


def test_T30f_the_first_row_of_its_table_is_named(life: Life) -> None:
    life.shop.publish(FILES)
    life.arrive("A-1", total="190.00")
    assert said(life) == []
    with edited(life.shop.database, OF_LIM.format(id=1)) as session:
        assert said_in(session, life) == ["Table release, row 1: no event tells of it."]


def test_T30f_a_decision_that_was_taken_back_and_counts_again_is_named(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARPOST_UNDO_SECONDS", "30")
    shop = life.shop
    life.arrive("A-1", total="190.00")
    life.arrive("A-2", total="190.00")
    lim = shop.actor("lim")
    with shop.database.write() as session:
        for number in ("A-1", "A-2"):
            (hold,) = shop.holds(session, number)
            did = releases.release(session, lim, hold.id, "agreed", shop.now, op=number)
            assert isinstance(did, Done)
    with shop.database.write() as session:
        assert isinstance(undo.undo(session, lim, "A-1", shop.now), undo.Undone)
    assert said(life) == []
    first = "(SELECT min(id) FROM release)"
    edit(shop.database, f"UPDATE release SET voided_at = NULL WHERE id = {first}")
    with shop.database.read() as session:
        row = session.scalar(text("SELECT min(id) FROM release"))
    assert said(life) == [f"Table release, row {row}: it was taken back, and counts again."]


def test_T30f_an_entry_that_somebody_let_end_is_named(acted: Life) -> None:
    edit(
        acted.shop.database,
        f"UPDATE mapping_entry SET to_revision = 1 WHERE id = {NEWEST.format('mapping_entry')}",
    )
    (one,) = said(acted)
    assert one.endswith(": it has ended, and no other entry of its key began then.")


def test_T30g_events_from_before_seal_no_rows_and_nothing_is_missed(life: Life) -> None:
    shop = life.shop
    life.arrive("A-1", total="190.00")
    with shop.database.write() as session:
        (hold,) = shop.holds(session, "A-1")
        releases.release(session, shop.actor("lim"), hold.id, "agreed", shop.now)
    with shop.database.read() as session:
        events = session.scalars(select(Event).where(Event.act == "hold.released")).all()
        assert [row[0] for one in events for row in one.body["rows"]] == ["release"]
        assert content_invariants.compare(session, shop.company.id).breaks == []
    edit(shop.database, "UPDATE event SET body = replace(body, '\"rows\"', '\"other\"')")
    edit(shop.database, "UPDATE release SET reason = 'another'")
    assert said(life) == []
