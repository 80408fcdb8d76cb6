"""The timeline of a record, the lineage of its values, and which rule decided."""

import pytest
from sqlalchemy import select

from connectors import registry
from holding.db.database import Database
from holding.db.models import Company, Evaluation, Event
from holding.holds import releases
from holding.records import lineage, record_rows, trace
from tests.holding.shop import Shop, line, open_shop, order
from tests.holding.traced import posted_shop, send
from tests.support.clock import SetClock


@pytest.fixture
def shop(database: Database, company: Company, clock: SetClock) -> Shop:
    return open_shop(database, company, clock)


@pytest.fixture
def posted(shop: Shop) -> Shop:
    return posted_shop(shop)


def test_the_timeline_tells_everything_in_order(posted: Shop) -> None:
    with posted.database.read() as session:
        steps = trace.timeline(session, posted.record(session, "NS-1").id)
    assert [step.at for step in steps] == sorted(step.at for step in steps)
    kinds = [step.kind for step in steps]
    assert {kind: kinds.count(kind) for kind in ("version", "evaluation", "push", "attempt")} == {
        "version": 1,
        "evaluation": 2,
        "push": 1,
        "attempt": 1,
    }
    told = " | ".join(step.say for step in steps)
    assert "Checked again because Farah set debtor(“C-99”) = Chong" in told
    assert "Lim approved NS-1" in told
    assert "Sent NS-1, attempt 1: accepted, HTTP 201." in told
    assert max(step.gap or 0 for step in steps) == 7200


def test_the_timeline_tells_each_arrival_once_with_both_proofs(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    shop.receive(
        order("NS-1", updated_at="2026-11-19T00:12:00Z", total="288.00", lines=[line(qty="3")])
    )
    shop.judge()
    with shop.database.read() as session:
        record_id = shop.record(session, "NS-1").id
        steps = trace.timeline(session, record_id)
        told = select(Event.act).where(Event.record_id == record_id).order_by(Event.id)
        acts = list(session.scalars(told))
    arrived = [step for step in steps if "arrived" in step.say]
    assert [step.say for step in arrived] == [
        "Order NS-1 arrived from netshop.",
        "Version 2 of order NS-1 arrived from netshop.",
    ]
    assert {(step.kind, step.actor) for step in arrived} == {("version", "source")}
    for no, (step, act) in enumerate(zip(arrived, acts, strict=False), start=1):
        assert step.proved_by.startswith(f"version {no}, ")
        assert f", {act} " in step.proved_by
    events = [step for step in steps if step.kind == "event"]
    assert len(events) == len(acts) - len(arrived)  # nothing else is left out


def test_lineage_names_source_rule_entry_and_sent_value(posted: Shop) -> None:
    with posted.database.read() as session:
        rows = lineage.lineage_rows(session, posted.posting(session, "NS-1").id)
    by_field = {(row.field, row.line): row for row in rows}
    buyer = by_field["Customer", None]
    told = "debtor(customer) = Chong; customer = C-99"
    assert (buyer.source, buyer.value, buyer.sent) == (told, "Chong", "Chong")
    assert buyer.rule == "Customer       = debtor(customer)"
    (used,) = buyer.used
    assert (used.table, used.key, used.value, used.revision) == ("debtor", "C-99", "Chong", 2)
    assert used.person == "Farah"
    assert by_field["Quantity", 1].sent == "80"
    assert {row.kept for row in rows} == {None}


def test_a_field_that_is_only_compared_is_not_among_the_sent_ones(posted: Shop) -> None:
    schema = registry.document("aiaccount", "sales_invoice")
    assert schema is not None
    unsent = {
        *((None, field.name) for field in schema.header if not field.sent),
        *((1, field.name) for field in schema.lines if not field.sent),
    }
    with posted.database.read() as session:
        rows = lineage.lineage_rows(session, posted.posting(session, "NS-1").id)
    compared = {(row.line, row.field): row.sent for row in rows if row.compared}
    assert compared == {(None, "Total"): None}
    assert compared.keys() <= unsent
    assert {(row.line, row.field) for row in rows if row.sent is not None}.isdisjoint(unsent)


@pytest.mark.parametrize(
    ("connector", "document", "header", "line"),
    [
        ("aiaccount", "sales_invoice", {"Total", "Notes"}, {"TaxRate"}),
        ("aiaccount", "expense_bill", {"Total", "TaxRate"}, {"TaxRate"}),
        ("quickbooks", "invoice", {"Total"}, {"TaxAmount", "TaxRate"}),
        ("autocount_aotg", "ar_invoice", {"NetTotal"}, {"TaxAmount", "TaxRate"}),
        (
            "autocount",
            "invoice",
            {"CurrencyCode", "FinalTotal", "RoundingAdjustment"},
            {"TaxAmount", "TaxRate", "Location", "Classification", "SubTotal"},
        ),
        ("autocount_excel", "invoice", {"FinalTotal"}, {"TaxAmount", "TaxRate", "SubTotal"}),
        ("elsewhere", "invoice", set(), set()),
    ],
)
def test_the_fields_that_a_target_only_compares(
    connector: str, document: str, header: set[str], line: set[str]
) -> None:
    fields = lineage.compared_fields(connector, document)
    assert fields == {(False, name) for name in header} | {(True, name) for name in line}


def test_lineage_tells_what_the_target_keeps_instead(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    shop.judge()
    with shop.database.write() as session:
        proof = '[{"field":"LineTotal","line":1,"value":"192.01"}]'
        send(session, shop, shop.posting(session, "NS-1"), proof)
    with shop.database.read() as session:
        rows = lineage.lineage_rows(session, shop.posting(session, "NS-1").id)
    told = {(row.field, row.line, row.sent): row.kept for row in rows if row.kept}
    assert told == {("LineTotal", 1, "192.00"): "192.01"}


def test_lineage_before_posting_has_no_sent_value(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"))
    shop.judge()
    with shop.database.read() as session:
        rows = lineage.lineage_rows(session, shop.posting(session, "NS-1").id)
    assert {row.sent for row in rows} == {None}
    assert len(rows) == 15


def test_the_deciding_line_is_marked_with_its_operands(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", total="190.00"))
    shop.judge()
    with shop.database.read() as session:
        evaluation = trace.deciding_evaluation(session, shop.record(session, "NS-1").id)
        rows = lineage.verdict_rows(session, evaluation or 0)
    (deciding,) = [row for row in rows if row.deciding]
    assert (deciding.rule, deciding.result) == ("adds_up", "hit")
    assert deciding.text == "require  sum(lines.amount) = total"
    assert ("total", "190.00") in deciding.operands
    assert deciding.message == "The lines of NS-1 do not add up to RM 190.00."
    assert deciding.would_pass
    assert {row.result for row in rows} <= {"pass", "hit", "unknown", "not_applicable"}


def test_a_missing_mapping_decides(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", lines=[line(), line(pos=2, sku="AB-1", uom="PCS")], total="384.00"))
    shop.judge()
    with shop.database.read() as session:
        evaluation = session.scalars(select(Evaluation.id)).one()
        (deciding,) = [row for row in lineage.verdict_rows(session, evaluation) if row.deciding]
    assert deciding.rule == "item"
    assert "AB-1" in deciding.message


def test_a_clean_record_is_decided_by_its_gate(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1"), order("NS-2", status="pending"))
    shop.judge()
    for number, text in (("NS-1", "ready   paid"), ("NS-2", "wait    pending")):
        with shop.database.read() as session:
            evaluation = trace.deciding_evaluation(session, shop.record(session, number).id)
            (deciding,) = [r for r in lineage.verdict_rows(session, evaluation or 0) if r.deciding]
        assert (deciding.kind, deciding.text) == ("gate", text)


def test_a_released_verdict_stays_a_hit_marked_released(shop: Shop) -> None:
    shop.publish()
    shop.receive(order("NS-1", total="190.00"))
    shop.judge()
    with shop.database.write() as session:
        hold = shop.holds(session, "NS-1")[0]
        releases.release(session, shop.actor("lim"), hold.id, "agreed", shop.now)
    shop.judge()
    with shop.database.read() as session:
        evaluation = trace.deciding_evaluation(session, shop.record(session, "NS-1").id)
        rows = lineage.verdict_rows(session, evaluation or 0)
    (row,) = [row for row in rows if row.rule == "adds_up"]
    assert (row.result, row.released, row.deciding) == ("hit", True, False)


def test_a_record_is_found_by_the_numbers_of_its_company_alone(posted: Shop) -> None:
    with posted.database.write() as session:
        record, posting = posted.record(session, "NS-1"), posted.posting(session, "NS-1")
        record.external_id, posting.number = "shop-1", "INV-1"
        session.flush()
        for number in ("NS-1", "shop-1", "INV-1"):
            found = record_rows.with_number(session, posted.company.id, number)
            assert found is not None
            assert (found.id, found.number, found.external_id) == (record.id, "NS-1", "shop-1")
            assert found.state == record.state
            assert record_rows.with_number(session, posted.company.id + 1, number) is None
        assert record_rows.with_number(session, posted.company.id, "NS-2") is None
