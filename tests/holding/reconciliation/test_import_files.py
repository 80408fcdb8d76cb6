"""Files that a person carries to AutoCount: only that person or a listing ends their wait."""

import io
from dataclasses import replace
from datetime import timedelta

import openpyxl
import pytest
from sqlalchemy import select, update

from connectors.transport import strict_json
from holding.connections.channel import Channel, open_channel
from holding.db.models import Connection, Posting
from holding.db.models.columns import ImportFileState
from holding.db.models.postings import IN_FLIGHT_STATES
from holding.db.refusal import Refusal
from holding.posting.claims import claim, release_expired_claims
from holding.reconciliation import settling
from holding.reconciliation.open_files import Outcome, parse_rows
from tests.holding.reconciliation.desktop import Desktop, rules
from tests.support.zones import SHOP_ZONE


class DeadWorkerError(Exception):
    """The worker ends here."""


def test_what_is_ready_goes_in_one_file_and_waits(desk: Desktop) -> None:
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    day = desk.shop.now.astimezone(SHOP_ZONE)
    assert file.name == f"cp_kedai_invoice_{day:%Y%m%d}_{file.run_id}.xlsx"
    assert (file.documents, file.rows, file.totals) == (2, 2, {"MYR": 38400})
    assert file.state is ImportFileState.EXPORTED
    assert desk.posting_states() == {"A-1": "awaiting", "A-2": "awaiting"}
    body = desk.download(file)
    assert desk.download(file) == body
    assert desk.files[0].state is ImportFileState.HANDED_OVER
    book = openpyxl.load_workbook(io.BytesIO(body))
    assert book.sheetnames == ["Data", "Clearpost"]
    told = {row[0]: row[1] for row in book["Clearpost"].iter_rows(values_only=True)}
    assert (told["Run"], told["Rows"], told["Total MYR"]) == (str(file.run_id), 2, 384)


def test_a_whole_import_is_proved_by_the_listing(desk: Desktop) -> None:
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    rows = desk.imports(desk.download(file))
    assert [row["state"] for row in rows] == ["New", "New"]
    assert desk.tell(file, desk.outcome(rows)) is ImportFileState.IMPORTED
    assert desk.posting_states() == {"A-1": "awaiting", "A-2": "awaiting"}
    assert desk.compare(file) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted", "A-2": "posted"}
    assert desk.shop.states() == {"A-1": "posted", "A-2": "posted"}


@pytest.mark.parametrize(
    ("listing", "total", "state", "posted"),
    [
        ("credit_note", "192.00", ImportFileState.RECONCILED, True),
        ("credit_note", "191.00", ImportFileState.MISMATCH, False),
        ("invoice", "192.00", ImportFileState.MISMATCH, False),
    ],
)
def test_credit_notes_are_proved_by_the_listing_of_credit_notes(
    desk: Desktop, listing: str, total: str, state: ImportFileState, posted: bool
) -> None:
    """Not by that of invoices, and not where the total there is another."""
    files = rules().items()
    of_invoices, of_notes = "autocount_excel.invoice", "autocount_excel.credit_note"
    desk.shop.publish({name: text.replace(of_invoices, of_notes) for name, text in files})
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    rows = desk.imports(desk.download(file), type="credit_note")
    assert [row["state"] for row in rows] == ["New", "New"]
    desk.tell(file, desk.outcome(rows))
    desk.sim.control("by_hand", type="credit_note", number="A-2", total=total)
    assert desk.compare(file, listing) is state
    assert (desk.posting_states()["A-2"] == "posted") is posted


def test_what_autocount_refused_fails_by_its_class(desk: Desktop) -> None:
    desk.at_once("A-1")
    desk.sim.control("lock", through="2026-11-30")
    (file,) = desk.files
    rows = desk.imports(desk.download(file))
    assert desk.tell(file, desk.outcome(rows)) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "failed"}
    (hold,) = _holds(desk, "A-1")
    assert (hold.code, hold.error_class) == ("TGT01", "period_locked")
    assert "18/11/2026 is locked" in hold.message


def test_an_update_where_new_was_expected_is_an_alarm(desk: Desktop) -> None:
    desk.sim.control(
        "by_hand", type="invoice", number="A-1", date="2026-11-01", party="300-W001", total="5.00"
    )
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    rows = desk.imports(desk.download(file))
    assert [row["state"] for row in rows] == ["Update", "New"]
    desk.tell(file, desk.outcome(rows))
    (hold,) = _holds(desk, "A-1")
    assert (hold.code, hold.error_class) == ("TGT02", "duplicate")
    assert "has overwritten it" in hold.message
    assert desk.posting_states() == {"A-1": "failed", "A-2": "awaiting"}
    assert desk.compare(file) is ImportFileState.MISMATCH
    assert desk.posting_states() == {"A-1": "failed", "A-2": "posted"}


def test_a_document_that_lost_a_row_is_not_posted(desk: Desktop) -> None:
    two = [_line(1), {**_line(2), "sku": "CUP-4", "uom": "BOX"}]
    desk.at_once("A-1", lines=two, total="384.00")
    desk.sim.control("masters", items={"SOAP90": {"CTN": 1}})
    (file,) = desk.files
    rows = desk.imports(desk.download(file))
    assert [row["state"] for row in rows] == ["New", "Error"]
    desk.tell(file, desk.outcome(rows))
    (hold,) = _holds(desk, "A-1")
    assert (hold.code, hold.error_class) == ("TGT02", "business_rule")
    assert "left out row 3 of A-1" in hold.message
    desk.sim.control("masters", items={"SOAP90": {"PCS": 1}})


def test_a_file_that_was_edited_before_the_import_is_found_by_its_total(desk: Desktop) -> None:
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    desk.sim.control("edit_before_import", rows=[{"row": 3, "column": "Qty", "value": "79"}])
    rows = desk.imports(desk.download(file))
    desk.tell(file, desk.outcome(rows))
    assert desk.compare(file) is ImportFileState.MISMATCH
    assert desk.posting_states() == {"A-1": "posted", "A-2": "failed"}
    (hold,) = _holds(desk, "A-2")
    assert hold.error_class == "business_rule"
    assert "its total is 189.60, not 192.00" in hold.message
    assert "edited before the import" in hold.message


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("date", "2026-11-19", "its date is 2026-11-19, not 2026-11-18"),
        ("party", "300-K210", "its party is 300-K210, not 300-W001"),
        ("total", "1.00", "its total is 1.00, not 192.00"),
    ],
)
def test_what_was_changed_there_after_the_import_is_a_mismatch(
    desk: Desktop, field: str, value: str, words: str
) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.imports(desk.download(file))
    desk.sim.control("by_hand", type="invoice", number="A-1", **{field: value})
    assert desk.compare(file) is ImportFileState.MISMATCH
    (hold,) = _holds(desk, "A-1")
    assert (hold.code, hold.error_class) == ("TGT02", "business_rule")
    assert words in hold.message


def test_rows_that_are_not_those_of_the_file_are_a_mismatch(desk: Desktop) -> None:
    desk.at_once("A-1", "A-2")
    (file,) = desk.files
    desk.sim.control("edit_before_import", rows=[{"row": 3, "delete": True}])
    rows = desk.imports(desk.download(file))
    assert desk.tell(file, desk.outcome(rows)) is ImportFileState.MISMATCH
    assert [hold.code for hold in _holds(desk, "A-1")] == ["TGT08"]
    assert [hold.error_class for hold in _holds(desk, "A-2")] == ["business_rule"]
    assert desk.posting_states() == {"A-1": "awaiting", "A-2": "awaiting"}
    assert desk.compare(file) is ImportFileState.MISMATCH
    assert desk.posting_states() == {"A-1": "posted", "A-2": "awaiting"}
    assert not _holds(desk, "A-1")
    assert "A-2" in _holds(desk, "A-2")[0].message
    desk.withdraw(file, "row 3 was deleted")
    assert desk.posting_states() == {"A-1": "posted", "A-2": "failed"}


def test_after_a_day_without_a_word_it_needs_attention(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.shop.clock.advance(timedelta(hours=20).total_seconds())
    desk.download(file)
    desk.work()
    desk.shop.clock.advance(timedelta(hours=23, minutes=59).total_seconds())
    desk.work()
    assert not _holds(desk, "A-1")
    desk.shop.clock.advance(120)
    desk.work()
    (hold,) = _holds(desk, "A-1")
    assert (hold.code, hold.error_class) == ("TGT08", "uncertain")
    assert desk.posting_states() == {"A-1": "awaiting"}
    desk.imports(desk.download(file))
    assert desk.compare(file) is ImportFileState.RECONCILED
    assert not _holds(desk, "A-1")


def test_it_is_in_no_other_file_until_the_first_is_known_or_withdrawn(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.download(file)
    desk.at_once("A-1", created_by="somebody")
    desk.shop.clock.advance(3600)
    desk.work()
    assert len(desk.files) == 1
    told = desk.withdraw(file)
    assert told == f"{file.name} is withdrawn. 1 document needs a decision."
    (hold,) = _holds(desk, "A-1")
    assert (hold.code, hold.error_class) == ("TGT09", "business_rule")
    assert "never imported" in hold.message
    assert len(desk.files) == 1
    again = desk.withdraw(file)
    assert isinstance(again, Refusal)
    assert "was withdrawn" in again.message


def test_a_worker_that_died_over_the_file_left_it_written(
    desk: Desktop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        if name == "push.after_intent":
            raise DeadWorkerError

    with monkeypatch.context() as patched:
        patched.setattr(strict_json, "fault_point", die)
        with pytest.raises(DeadWorkerError):
            desk.at_once("A-1")
    (file,) = desk.files
    assert desk.posting_states() == {"A-1": "sending"}
    desk.shop.clock.advance(900)
    with desk.shop.database.write() as session:
        release_expired_claims(session, desk.shop.now)
    desk.work()
    assert desk.posting_states() == {"A-1": "awaiting"}
    assert [one.id for one in desk.files] == [file.id]
    desk.imports(desk.download(file))
    assert desk.compare(file) is ImportFileState.RECONCILED
    assert desk.posting_states() == {"A-1": "posted"}


def test_a_word_that_comes_while_a_worker_looks_is_not_lost(desk: Desktop) -> None:
    desk.at_once("A-1")
    tools, now = desk.desk, desk.shop.clock.advance(90_000) or desk.shop.now
    with tools.database.read() as session:
        row = session.scalars(select(Connection).filter_by(name="autocount_excel")).one()
        channel = open_channel(session, tools, row)
    assert isinstance(channel, Channel)
    claims = claim(tools, channel, IN_FLIGHT_STATES, 10)
    assert len(claims) == 1
    with tools.database.write() as session:  # a person tells something at this moment
        session.execute(update(Posting).values(due_at=now))
    settling.settle_documents(tools, channel, claims)
    with tools.database.read() as session:
        assert session.scalars(select(Posting)).one().due_at == now


def test_only_finance_and_only_in_order(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    early = desk.tell(file, Outcome(new=1, update=0, error=0, updated=frozenset(), errors={}))
    assert isinstance(early, Refusal)
    assert "not downloaded yet" in early.message
    desk.siti = desk.shop.actor("vera")
    refused = desk.withdraw(file)
    assert isinstance(refused, Refusal)
    assert refused.status == 403
    desk.siti = replace(desk.shop.actor("farah"), company_id=desk.shop.company.id + 1)
    strange = desk.withdraw(file)
    assert isinstance(strange, Refusal)
    assert strange.status == 404


def test_a_report_that_does_not_fit_the_file_is_refused(desk: Desktop) -> None:
    desk.at_once("A-1")
    (file,) = desk.files
    desk.download(file)
    none: frozenset[int] = frozenset()
    for outcome, words in (
        (Outcome(new=0, update=0, error=1, updated=none, errors={}), "named 0"),
        (Outcome(new=0, update=1, error=0, updated=frozenset({7}), errors={}), "Row 7 is not in"),
        (
            Outcome(new=0, update=1, error=1, updated=frozenset({2}), errors={2: "x"}),
            "and as Error",
        ),
    ):
        told = desk.tell(file, outcome)
        assert isinstance(told, Refusal)
        assert words in told.message
        assert told.status == 422
    assert desk.files[0].state is ImportFileState.HANDED_OVER


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("4: Debtor not found\n\nRow 12 - locked", {4: "Debtor not found", 12: "locked"}),
        ("7", {7: ""}),
        ("", {}),
    ],
)
def test_rows_are_read_as_people_write_them(text: str, rows: dict[int, str]) -> None:
    assert parse_rows(text) == rows


@pytest.mark.parametrize("text", ["Debtor not found", "4: a\n4: b"])
def test_rows_that_cannot_be_read_are_told(text: str) -> None:
    assert isinstance(parse_rows(text), str)


def _line(pos: int) -> dict[str, object]:
    return {"pos": pos, "sku": "TEA-1", "name": "Tea", "uom": "CTN", "qty": "2", "price": "96.00"}


def _holds(desk: Desktop, number: str) -> list:  # type: ignore[type-arg]
    with desk.shop.database.read() as session:
        return desk.shop.holds(session, number)
