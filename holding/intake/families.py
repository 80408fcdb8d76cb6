"""Link keys and families: the values by which records find each other, and who goes in order.

Here: keeping both true for new versions, and for all records when other rules come into force. Not
here: which values those are (the program says), and what equal ones mean (the rules say).
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from holding.intake.deliveries import family_of
from holding.lifecycle.changes import locked_company, wake_relatives
from holding.programs.world import Judge, Programs
from holding.store import bulk
from holding.store.database import Database
from holding.tables import Company, LinkKey, Posting, Record, Version

CHUNK = 2000


@dataclass(frozen=True, slots=True)
class Current:
    """The content of a record that counts now."""

    record_id: int
    kind: str
    body: dict[str, Any]


def link(
    session: Session,
    company_id: int,
    judge: Judge,
    records: Iterable[Current],
    former: Iterable[Current] = (),
) -> None:
    """Keep the link keys of records; known ones stay. Of former contents those that duplicate rules
    compare: a document may have gone out under them.
    """
    rows = {
        (name, value, one.record_id)
        for one in records
        for name, value in (
            *judge.link_keys(one.body, one.kind),
            *((name, value) for name, value, _ in judge.family_keys(one.body, one.kind)),
        )
        if value
    } | {
        (name, value, one.record_id)
        for one in former
        for name, value in judge.link_keys(one.body, one.kind)
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


def relate(
    session: Session,
    company_id: int,
    judge: Judge,
    records: Sequence[Current],
    before: Mapping[int, int],
    after: Mapping[int, int],
    now: datetime,
) -> None:
    """Who belongs to whom, now that these contents count; woken are those that were and are joined.

    `before` and `after` are the families of those records that are not new.
    """
    move_families(session, {i: after[i] for i in before if after[i] != before[i]})
    wake_relatives(session, sorted(before), now)
    unlink(session, sorted(before))
    link(session, company_id, judge, records)
    wake_relatives(session, sorted(one.record_id for one in records), now)


def unlink(session: Session, record_ids: Collection[int]) -> None:
    """Forget by which values links found these records: they may have others now.

    What duplicate rules compare stays: a document may have gone out under the former value.
    """
    if record_ids:
        session.execute(
            delete(LinkKey)
            .where(bulk.among(LinkKey.record_id, record_ids))
            .where(LinkKey.name.startswith(LinkKey.OF_LINKS, autoescape=True))
            .execution_options(synchronize_session=False)
        )


def move_families(session: Session, families: Mapping[int, int]) -> None:
    """Put records (by id) and their postings into another family."""
    rows = [{"id": record_id, "family": family} for record_id, family in families.items()]
    bulk.update(session, Record, rows, bump="lock")
    if rows:
        theirs = select(Record.family).where(Record.id == Posting.record_id).scalar_subquery()
        session.execute(
            update(Posting)
            .where(bulk.among(Posting.record_id, sorted(families)))
            .values(family=theirs, lock=Posting.lock + 1)
            .execution_options(synchronize_session=False)
        )


def link_all(
    database: Database, company_id: int, ruleset_version_id: int, programs: Programs
) -> None:
    """Link all records once for each ruleset version, before it judges anything.

    The company's row is locked meanwhile, so that no intake falls between two rulesets.
    """
    with database.write() as session:
        company = locked_company(session, company_id)
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
        select(
            Record.id,
            Record.type,
            Version.body,
            Record.family,
            Record.source_id,
            Record.external_id,
        )
        .join(Version, Version.id == Record.version_id)
        .where(Record.company_id == company_id, Record.id > after)
        .order_by(Record.id)
        .limit(CHUNK)
    )
    rows = session.execute(query).all()
    moved: dict[int, int] = {}
    for row in rows:
        body = row.body or {}
        wanted = family_of(company_id, row.source_id, row.type, row.external_id, body, judge)
        if wanted != row.family:
            moved[row.id] = wanted
    move_families(session, moved)
    contents = [Current(row.id, row.type, row.body) for row in rows if row.body]
    link(session, company_id, judge, contents, _former(session, [row.id for row in rows]))
    return rows[-1].id if rows else None


def _former(session: Session, record_ids: Collection[int]) -> list[Current]:
    """The contents that these records had before the one that counts now."""
    query = (
        select(Record.id, Record.type, Version.body)
        .join(Version, Version.record_id == Record.id)
        .where(bulk.among(Record.id, record_ids), Version.id != Record.version_id)
        .order_by(Version.id)
    )
    return [Current(row.id, row.type, row.body) for row in session.execute(query) if row.body]
