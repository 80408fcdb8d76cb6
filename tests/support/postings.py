"""Records that were judged ready, made without a judging: what pushing starts from."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.approvals.consent import posting_hash
from holding.db.models import (
    Company,
    Connection,
    Evaluation,
    Posting,
    Push,
    Record,
    RulesetVersion,
    Version,
)
from holding.db.models.columns import RecordState
from rules.outcomes import Document
from rules.values.canonical import plain, sha256_hex
from tests.support.factories import connection_named

ROUTE = "aiaccount.sales_invoice"
NOW = datetime(2026, 11, 20, 1, 0, tzinfo=UTC)


def invoice(
    number: str, *, day: date = date(2026, 11, 19), price: str = "10.00", lines: int = 1
) -> Document:
    """A sales invoice with so many lines, as AiAccount takes it."""
    of_line = Decimal(price) * 2
    amount = of_line * lines
    return Document(
        target="aiaccount",
        document="sales_invoice",
        number=number,
        date=day,
        party="Aisyah Rahman",
        currency="MYR",
        amount=amount,
        fields={
            "InvoiceNumber": number,
            "InvoiceDate": day.isoformat(),
            "Customer": "Aisyah Rahman",
            "Currency": "MYR",
            "Reference": number,
            "Total": f"{amount:f}",
        },
        lines=tuple(
            {
                "LineNo": str(no),
                "SKU": "TEE-BLK-M",
                "Description": "Tee, black, M",
                "Quantity": "2",
                "UOM": "PCS",
                "UnitPrice": price,
                "AccountCode": "40000",
                "TaxCode": "NT",
                "LineTotal": f"{of_line:f}",
            }
            for no in range(1, lines + 1)
        ),
    )


def make_ready(
    session: Session,
    company: Company,
    number: str,
    *,
    due: datetime | None = NOW,
    document: Document | None = None,
    findings: tuple[tuple[str, str, str, str], ...] = (),
    state: str = "ready",
) -> Posting:
    """A record with one version, one evaluation and one posting."""
    target = connection_named(session, company, "aiaccount")
    record = _record(session, company, number)
    planned = document or invoice(number)
    route = f"aiaccount.{planned.document}"
    outcome = {"decisions": [{"route": route, "state": state, "findings": list(findings)}]}
    evaluation = Evaluation(
        record_id=record.id,
        version_id=record.version_id,
        ruleset_version_id=_ruleset(session, company).id,
        revision=1,
        at=NOW,
        facts={},
        outcome={**outcome, "verdicts": ""},
        hash="0" * 64,
        fence=1,
    )
    session.add(evaluation)
    session.flush()
    amount = int(planned.amount * 100)
    posting = Posting(
        company_id=company.id,
        record_id=record.id,
        family=record.family,
        connection_id=target.id,
        route=route,
        seq=1,
        doc_type=planned.document,
        number=planned.number,
        state=state,
        hash=posting_hash(target.id, _there(target), planned, "create"),
        content=plain(planned),
        version_id=record.version_id,
        evaluation_id=evaluation.id,
        revision=1,
        amount=amount,
        currency="MYR",
        book=amount,
        doc_date=planned.date,
        party=planned.party,
        due_at=due,
    )
    session.add(posting)
    record.state = RecordState(state)
    session.flush()
    return posting


def make_push(posting: Posting, *, state: str, at: datetime, **given: Any) -> Push:
    """What a call for the posting leaves behind."""
    row = {"no": 1, "action": "create", "key": f"cp-{posting.id}", "content": posting.content or {}}
    return Push(
        posting_id=posting.id,
        connection_id=posting.connection_id,
        family=posting.family,
        hash=posting.hash,
        number=posting.number,
        evaluation_id=posting.evaluation_id,
        state=state,
        made_at=at,
        **row | given,
    )


def _record(session: Session, company: Company, number: str) -> Record:
    source = connection_named(session, company, "netshop")
    record = Record(
        company_id=company.id,
        source_id=source.id,
        type="order",
        external_id=number,
        number=number,
        family=int(sha256_hex(number)[:14], 16),
        seen_at=NOW,
        fence=1,
    )
    session.add(record)
    session.flush()
    body: Mapping[str, Any] = {"number": number}
    version = Version(record_id=record.id, no=1, sha256=sha256_hex(number), body=body, at=NOW)
    session.add(version)
    session.flush()
    record.version_id = version.id
    return record


def _ruleset(session: Session, company: Company) -> RulesetVersion:
    known = select(RulesetVersion).where(RulesetVersion.company_id == company.id)
    found = session.scalars(known.limit(1)).one_or_none()
    if found is None:
        found = RulesetVersion(
            company_id=company.id,
            no=1,
            hash="0" * 64,
            revision=1,
            published_at=NOW,
            engine="test",
        )
        session.add(found)
        session.flush()
    return found


def _there(connection: Connection) -> str:
    return str(connection.settings["company_id"])
