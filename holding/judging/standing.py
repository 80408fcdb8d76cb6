"""Postings with what stands of them in the target: those of families, or of some records.

Here: the one statement that reads them. Not here: what is made of them (around.py, gather.py).
"""

from collections.abc import Iterable

from sqlalchemy import and_, bindparam, case, func, select
from sqlalchemy.orm import Session, aliased

from holding import bulk
from holding.judging.batch import PostingRow
from holding.models import Evaluation, Posting, Push, Reading, Record, Version


def of_families(session: Session, company_id: int, families: Iterable[int]) -> list[PostingRow]:
    """Those of all records of these families."""
    given = {"company": company_id, "families": sorted(families)}
    return [PostingRow(**row._mapping) for row in session.execute(_OF_FAMILIES, given)]


def of_records(session: Session, record_ids: Iterable[int]) -> list[PostingRow]:
    """Those of these records."""
    given = {"ids": sorted(record_ids)}
    return [PostingRow(**row._mapping) for row in session.execute(_OF_RECORDS, given)]


_sent = aliased(Push)
_version = func.coalesce(Evaluation.version_id, Posting.version_id)
_changed = and_(Posting.sent_at.is_not(None), _version != Record.version_id)
_READ = (
    select(
        Posting.id,
        Posting.record_id,
        Posting.family,
        Posting.route,
        Posting.seq,
        Posting.state,
        Posting.lock,
        Posting.number,
        Posting.hash,
        Posting.content,
        Posting.bills,
        _version.label("version_id"),
        Version.no.label("version_no"),
        Posting.revision,
        Posting.due_at,
        Posting.finished_at,
        Push.content.label("standing"),
        func.coalesce(Push.action, "create").label("standing_action"),
        func.coalesce(Push.hash, "").label("standing_hash"),
        case((_changed, Version.body)).label("sent_body"),
        Posting.e_invoice_at,
        Posting.reverses_id,
        Reading.body.label("reading"),
        Reading.at.label("reading_at"),
    )
    .outerjoin(_sent, _sent.id == func.coalesce(Posting.posted_push_id, Posting.push_id))
    .outerjoin(Evaluation, Evaluation.id == _sent.evaluation_id)
    .join(Version, Version.id == _version)
    .join(Record, Record.id == Posting.record_id)
    .outerjoin(Push, Push.id == Posting.posted_push_id)
    .outerjoin(Reading, Reading.id == Posting.reading_id)
    .order_by(Posting.id)
)
_relatives = select(Record.id).where(
    Record.company_id == bindparam("company"), bulk.among_given(Record.family, "families")
)
_OF_FAMILIES = _READ.where(Posting.record_id.in_(_relatives))
_OF_RECORDS = _READ.where(bulk.among_given(Posting.record_id, "ids"))
