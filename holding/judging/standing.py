"""Postings with what stands of them in the target: those of families, or of some records.

Here: the one statement that reads them. Not here: what is made of them (around.py, gather.py).
"""

from collections.abc import Iterable

from sqlalchemy import and_, bindparam, case, func, select
from sqlalchemy.orm import Session, aliased

from holding import bulk
from holding.columns import Columns, of
from holding.judging.batch import PostingRow
from holding.models import Evaluation, Posting, Push, Reading, Record, Version


def of_families(session: Session, company_id: int, families: Iterable[int]) -> list[PostingRow]:
    """Those of all records of these families."""
    given = {"company": company_id, "families": sorted(families)}
    return list(_POSTING.each(session.execute(_OF_FAMILIES, given)))


def of_records(session: Session, record_ids: Iterable[int]) -> list[PostingRow]:
    """Those of these records."""
    given = {"ids": sorted(record_ids)}
    return list(_POSTING.each(session.execute(_OF_RECORDS, given)))


_sent = aliased(Push)
_version = func.coalesce(Evaluation.version_id, Posting.version_id)
_changed = and_(Posting.sent_at.is_not(None), _version != Record.version_id)
_POSTING = Columns(
    PostingRow(
        id=of(Posting.id),
        record_id=of(Posting.record_id),
        family=of(Posting.family),
        route=of(Posting.route),
        seq=of(Posting.seq),
        state=of(Posting.state),
        lock=of(Posting.lock),
        number=of(Posting.number),
        hash=of(Posting.hash),
        content=of(Posting.content),
        bills=of(Posting.bills),
        version_id=of(_version.label("version_id")),
        version_no=of(Version.no),
        revision=of(Posting.revision),
        tries=of(Posting.tries),
        due_at=of(Posting.due_at),
        finished_at=of(Posting.finished_at),
        standing=of(Push.content),
        standing_action=of(func.coalesce(Push.action, "create").label("standing_action")),
        standing_hash=of(func.coalesce(Push.hash, "").label("standing_hash")),
        standing_at=of(Push.closed_at),
        sent_body=of(case((_changed, Version.body)).label("sent_body")),
        e_invoice_at=of(Posting.e_invoice_at),
        reverses_id=of(Posting.reverses_id),
        reading=of(Reading.body),
        reading_at=of(Reading.at),
    ),
    {"standing": "push.content", "standing_at": "push.closed_at", "reading": "reading.body"},
)
_READ = (
    _POSTING.select()
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
