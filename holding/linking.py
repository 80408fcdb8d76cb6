"""Link keys: the values of records that duplicate rules compare, and by which links find them.

Here: filling them for new versions, and for all records when other rules come into force. Not here:
which values those are (the program says), and what equal ones mean (the rules say).
"""

from collections.abc import Iterable

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding import bulk
from holding.database import Database
from holding.models import Company, LinkKey, Record, Version
from holding.worlds import Judge, Programs

CHUNK = 2000


def link(
    session: Session,
    company_id: int,
    judge: Judge,
    records: Iterable[tuple[int, str, dict[str, object]]],
) -> None:
    """Keep the link keys of (record id, kind, body); known ones stay."""
    rows = {
        (name, value, record_id)
        for record_id, kind, body in records
        for name, value in (
            *judge.link_keys(body, kind),
            *((name, value) for name, value, _ in judge.family_keys(body, kind)),
        )
        if value
    }
    bulk.insert(
        session,
        LinkKey,
        [
            {"company_id": company_id, "name": name, "value": value, "record_id": record_id}
            for name, value, record_id in sorted(rows)
        ],
        ignore=True,
    )


def ensure_linked(
    database: Database, company_id: int, ruleset_version_id: int, programs: Programs
) -> None:
    """Fill the link keys of all records once for each ruleset version, before it judges anything.

    The company's row is locked meanwhile, so that no intake falls between two rulesets.
    """
    with database.read() as session:
        if session.get_one(Company, company_id).linked_version_id == ruleset_version_id:
            return
    with database.write() as session:
        company = session.get_one(Company, company_id, with_for_update={"key_share": True})
        if company.linked_version_id == ruleset_version_id:
            return
        judge = programs(session, ruleset_version_id)
        after: int | None = 0
        while after is not None:
            after = _link_chunk(session, company_id, judge, after)
        session.execute(
            update(Company)
            .where(Company.id == company_id)
            .values(linked_version_id=ruleset_version_id)
        )


def _link_chunk(session: Session, company_id: int, judge: Judge, after: int) -> int | None:
    """Link some records above an id; the last of them, or None at the end."""
    query = (
        select(Record.id, Record.type, Version.body)
        .join(Version, Version.id == Record.version_id)
        .where(Record.company_id == company_id, Record.id > after)
        .order_by(Record.id)
        .limit(CHUNK)
    )
    rows = [(i, kind, body) for i, kind, body in session.execute(query) if body is not None]
    link(session, company_id, judge, rows)
    return rows[-1][0] if rows else None
