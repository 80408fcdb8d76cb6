"""What a posted document says of its e-invoice: valid, awaited, the target's own, or nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from holding.db.models import Posting
from holding.reconciliation.reading_plan import (
    Awaited,
    EInvoiceStatus,
    awaited_e_invoices,
    e_invoice_status,
)
from tests.holding.life import Life
from tests.holding.posting.test_autocount_life import life, running

__all__ = ["life", "running"]  # fixtures
VALID = datetime(2026, 11, 20, 1, tzinfo=UTC)
FIELD = {"e_invoice_field": "E-invoice"}


@pytest.mark.parametrize(
    ("connector", "doc_type", "settings", "valid_at", "expected"),
    [
        ("quickbooks", "invoice", FIELD, None, EInvoiceStatus.AWAITED),
        ("quickbooks", "invoice", FIELD, VALID, EInvoiceStatus.VALID),
        ("quickbooks", "invoice", {}, None, EInvoiceStatus.NOT_AWAITED),
        ("quickbooks", "bill", FIELD, None, EInvoiceStatus.NOT_AWAITED),
        ("aiaccount", "sales_invoice", FIELD, None, EInvoiceStatus.BY_TARGET),
        ("autocount", "invoice", FIELD, None, EInvoiceStatus.BY_TARGET),
        ("autocount", "invoice", {}, VALID, EInvoiceStatus.VALID),
        ("gone", "invoice", FIELD, None, EInvoiceStatus.NOT_AWAITED),
    ],
)
def test_where_the_e_invoice_of_a_document_stands(
    connector: str,
    doc_type: str,
    settings: Mapping[str, object],
    valid_at: datetime | None,
    expected: EInvoiceStatus,
) -> None:
    assert e_invoice_status(connector, doc_type, settings, valid_at) is expected


@pytest.mark.slow
def test_posted_invoices_without_one_are_counted_with_the_oldest(life: Life) -> None:
    for number in ("A-1", "A-2", "A-3", "A-4", "A-5"):
        life.arrive(number)
    database = life.shop.database
    with database.write() as session:
        first, second, _, fourth, fifth = (
            life.shop.posting(session, f"A-{at}") for at in range(1, 6)
        )
        target, oldest = first.connection_id, second.posted_at
        for one, changed in (
            (first, {"e_invoice_at": VALID}),
            (fourth, {"doc_type": "bill"}),
            (fifth, {"state": "reversed"}),
        ):
            session.execute(update(Posting).where(Posting.id == one.id).values(**changed))
    with database.read() as session:
        assert oldest is not None
        now = oldest + timedelta(hours=72)
        told = awaited_e_invoices(session, target, "quickbooks", FIELD, now)
        assert told == Awaited("E-invoice", 2, oldest, 0)
        told = awaited_e_invoices(session, target, "quickbooks", FIELD, now + timedelta(seconds=1))
        assert told is not None
        assert told.late >= 1
        week = awaited_e_invoices(session, target, "quickbooks", FIELD, now + timedelta(days=7))
        assert week == Awaited("E-invoice", 2, oldest, 2)
        none = awaited_e_invoices(session, target + 1, "quickbooks", FIELD, now)
        assert none == Awaited("E-invoice", 0, None, 0)
        assert awaited_e_invoices(session, target, "quickbooks", {}, now) is None
        assert awaited_e_invoices(session, target, "autocount", FIELD, now) is None
