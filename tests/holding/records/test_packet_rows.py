"""Rows and seals that a packet contains have the hashes that the audit trail sealed."""

from sqlalchemy import select

from holding.db.models import Event, Record
from holding.platform import events
from holding.platform.row_trail import ACT, SEALS
from holding.records.packet_rows import collect_rows
from rules.values.canonical import sha256_hex
from tests.holding.life import Life
from tests.holding.operations.test_acts_kept import acted
from tests.holding.operations.test_sealed_rows import seal

__all__ = ["acted"]


def test_each_stored_value_and_each_seal_has_its_hash_on_every_database(acted: Life) -> None:
    seal(acted)
    events.link_due_events(acted.shop.database, now=acted.shop.now, all_events=True)
    company_id = acted.shop.company.id
    with acted.shop.database.read() as session:
        head = events.chain_head(session, company_id)
        digests = {
            event.id: event.body[SEALS][2]
            for event in session.scalars(select(Event).where(Event.act == ACT))
        }
        for record_id in session.scalars(select(Record.id)).all():
            proof = collect_rows(session, company_id, record_id, head=head, hide=str, personal=True)
            tables = proof.content["rows"]
            rows = [row for keyed in tables.values() for row in keyed.values()]
            assert rows
            assert None not in rows
            assert proof.content["seals"]
            assert len(proof.places) == len(proof.content["seals"])
            for batch in proof.content["seals"]:
                assert sha256_hex("\n".join(batch["texts"])) == digests[batch["event"]]


def test_a_row_with_a_secret_and_a_row_without_personal_data_have_no_values(acted: Life) -> None:
    seal(acted)
    company_id = acted.shop.company.id
    with acted.shop.database.read() as session:
        record_id, number = session.execute(select(Record.id, Record.number)).first() or (0, "")
        head = events.chain_head(session, company_id)

        def rows(secret: str, *, personal: bool) -> dict[str, object]:
            found = collect_rows(
                session,
                company_id,
                record_id,
                head=head,
                hide=lambda text: text.replace(secret, "removed"),
                personal=personal,
            ).content["rows"]
            return {f"{table}/{key}": row for table in found for key, row in found[table].items()}

        whole = rows("no such text", personal=True)
        without = rows(number, personal=True)
        assert without[f"record/{record_id}"] is None
        assert without.keys() == whole.keys()
        assert any(row is not None for row in without.values())
        assert set(rows("no such text", personal=False).values()) == {None}
