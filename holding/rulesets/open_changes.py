"""A change of the rules as somebody reads it before it is published.

Here: reads. Not here: storing and publishing one (publication.py).
"""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from holding.access.people import names_of, who_may
from holding.db.models import Change, ChangeFile, Company
from holding.db.models.columns import ChangeState
from holding.rulesets.publication import OPEN_STATES


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadChange:
    """A change with its files; `authors` are the ids of who wrote them, `publishers` the names of
    those who can publish it. `current`: it was made for the rules that are in force; `base_id`: for
    which version.
    `starts_at`: when it comes into force, where `starter` set a time.
    """

    no: int
    title: str
    state: ChangeState
    author: str
    made_at: datetime
    hash: str
    authors: Set[int]
    publishers: tuple[str, ...]
    current: bool
    base_id: int | None
    files: Mapping[str, str]
    change_id: int
    starts_at: datetime | None
    starter: str
    starts_reason: str

    @property
    def is_published(self) -> bool:
        """Whether it came into force."""
        return self.state == ChangeState.PUBLISHED

    @property
    def is_returned(self) -> bool:
        """Whether it went back to who wrote it."""
        return self.state == ChangeState.CLOSED

    @property
    def waits(self) -> bool:
        """Whether it can still be published."""
        return self.current and self.state in OPEN_STATES


def change(session: Session, company_id: int, no: int) -> ReadChange | None:
    """The change of this number, if the company has one."""
    mine = select(Change).where(Change.company_id == company_id, Change.no == no)
    found = session.scalar(mine)
    if found is None:
        return None
    files = session.scalars(
        select(ChangeFile).where(ChangeFile.change_id == found.id).order_by(ChangeFile.path)
    ).all()
    wrote = (found.author_id, *(one.person_id for one in files))
    authors = {person for person in wrote if person is not None}
    names = names_of(session, [found.author_id, found.starts_by_id])
    return ReadChange(
        no=found.no,
        title=found.title,
        state=found.state,
        author=names.get(found.author_id or 0, "the command line"),
        made_at=found.made_at,
        hash=found.hash,
        authors=authors,
        publishers=who_may(session, company_id, "rules.publish", but=authors),
        current=session.get_one(Company, company_id).ruleset_version_id == found.base_id,
        base_id=found.base_id,
        files={one.path: one.body for one in files if one.body is not None},
        change_id=found.id,
        starts_at=found.starts_at,
        starter=names.get(found.starts_by_id or 0, ""),
        starts_reason=found.starts_reason,
    )
