"""Uploaded files as pages show them.

Here: reads. A file that was not confirmed is shown to its person alone. Not here: what is done with
a file (giving_in.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from holding.db.bulk import Columns, of
from holding.db.models import Connection, Person, Upload
from holding.db.models.columns import UploadState
from holding.uploads.check_result import CheckResult, of_json

UNCONFIRMED: Final = (UploadState.CHECKING, UploadState.CHECKED, UploadState.FAILED)


@dataclass(frozen=True, slots=True)
class UploadRow:
    """A file as its page and the list show it; not its bytes."""

    id: int
    source_id: int
    source: str
    connector: str
    kind: str
    person_id: int | None
    person: str | None
    name: str
    state: UploadState
    at: datetime
    chosen: dict[str, str]
    outcome: dict[str, int]
    with_unknown: bool
    taken: int
    total: int
    confirmed_at: datetime | None
    ended_at: datetime | None
    expires_at: datetime | None
    result: dict[str, Any] | None

    @property
    def found(self) -> CheckResult | None:
        """What the check found, once it has."""
        return of_json(self.result) if self.result else None

    @property
    def busy(self) -> bool:
        """Whether a worker has it."""
        return self.state in (UploadState.CHECKING, UploadState.IMPORTING)

    @property
    def stopped(self) -> bool:
        """Whether an import ended before its end."""
        return self.state is UploadState.DONE and bool(self.result and self.result["refused"])

    @property
    def confirmed(self) -> bool:
        """Whether somebody confirmed it."""
        return self.state not in UNCONFIRMED


UPLOAD = Columns(
    UploadRow(
        id=of(Upload.id),
        source_id=of(Upload.source_id),
        source=of(Connection.name),
        connector=of(Connection.connector),
        kind=of(Upload.kind),
        person_id=of(Upload.person_id),
        person=of(Person.name),
        name=of(Upload.name),
        state=of(Upload.state),
        at=of(Upload.at),
        chosen=of(Upload.chosen),
        outcome=of(Upload.outcome),
        with_unknown=of(Upload.with_unknown),
        taken=of(Upload.taken),
        total=of(Upload.total),
        confirmed_at=of(Upload.confirmed_at),
        ended_at=of(Upload.ended_at),
        expires_at=of(Upload.expires_at),
        result=of(Upload.result),
    ),
    {"source": "connection.name", "person": "person.name"},
)


def one(
    session: Session, company_id: int, person_id: int | None, upload_id: int
) -> UploadRow | None:
    """An upload that was confirmed, or the person's own."""
    query = _shown_to(company_id, person_id).where(Upload.id == upload_id)
    return UPLOAD.first(session.execute(query))


def listing(
    session: Session, company_id: int, person_id: int | None, before: int | None, most: int
) -> tuple[UploadRow, ...]:
    """The confirmed uploads of a company and the person's own, the newest first."""
    query = _shown_to(company_id, person_id).order_by(Upload.id.desc()).limit(most)
    return UPLOAD.each(
        session.execute(query if before is None else query.where(Upload.id < before))
    )


def file_of(
    session: Session, company_id: int, person_id: int | None, upload_id: int
) -> bytes | None:
    """The file byte for byte."""
    if one(session, company_id, person_id, upload_id) is None:
        return None
    return session.scalar(select(Upload.body).where(Upload.id == upload_id))


def _shown_to(company_id: int, person_id: int | None) -> Any:
    return (
        UPLOAD.select()
        .join(Connection, Connection.id == Upload.source_id)
        .outerjoin(Person, Person.id == Upload.person_id)
        .where(Upload.company_id == company_id)
        .where(or_(Upload.state.not_in(UNCONFIRMED), Upload.person_id == person_id))
    )
