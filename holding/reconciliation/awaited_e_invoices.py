"""Whether a posted document waits for its e-invoice, as its target states who submits them.

Here: where the e-invoice of one document stands, and how many of a connection wait. Not here: what
a target states (connectors/contract/e_invoices.py), reading it there (read_back.py). Waiting is no
state of a document: it is posted, and nothing is sent or held on account of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import EInvoices, Submitter
from holding.db.models import Posting
from rules.values.posting_states import PostingState
from rules.values.tax_codes import CANCEL_WINDOW


class EInvoiceStatus(StrEnum):
    """Where the e-invoice of a posted document stands, as far as anybody tells."""

    VALID = "valid"
    BY_TARGET = "by_target"
    AWAITED = "awaited"
    NOT_AWAITED = "not_awaited"


@dataclass(frozen=True, slots=True)
class Awaited:
    """How many documents of a connection wait for their e-invoice, the field in which it has to be
    noted there, since when the oldest waits, None where none waits, and how many have waited for
    longer than an e-invoice can be cancelled.
    """

    field: str
    count: int
    since: datetime | None
    late: int


def status(
    connector: str, doc_type: str, settings: Mapping[str, object], valid_at: datetime | None
) -> EInvoiceStatus:
    """Where the e-invoice of such a posted document stands: valid once its target told it."""
    if valid_at is not None:
        return EInvoiceStatus.VALID
    stated = _stated(connector)
    if stated is None:
        return EInvoiceStatus.NOT_AWAITED
    if stated.submitter is Submitter.TARGET:
        return EInvoiceStatus.BY_TARGET
    awaited = bool(stated.awaited_in(doc_type, settings))
    return EInvoiceStatus.AWAITED if awaited else EInvoiceStatus.NOT_AWAITED


def of_connection(
    session: Session,
    connection_id: int,
    connector: str,
    settings: Mapping[str, object],
    now: datetime,
) -> Awaited | None:
    """What waits in a target; None, and nothing is counted, where nothing is ever awaited."""
    stated = _stated(connector)
    types = [t for t in stated.awaited if stated.awaited_in(t, settings)] if stated else []
    if stated is None or not types:
        return None
    late = func.count().filter(Posting.posted_at < now - CANCEL_WINDOW)
    count, since, long = session.execute(
        select(func.count(Posting.id), func.min(Posting.posted_at), late).where(
            Posting.connection_id == connection_id,
            Posting.doc_type.in_(types),
            Posting.state == PostingState.POSTED,
            Posting.e_invoice_at.is_(None),
        )
    ).one()
    return Awaited(stated.awaited_in(types[0], settings), count, since, long)


def _stated(connector: str) -> EInvoices | None:
    target = registry.targets().get(connector)
    return target.form.e_invoices if target else None
