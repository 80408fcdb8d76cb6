"""Who else may act: tokens of programs, and people who stand in for others.

Here: api_token, deputy. Not here: people and their roles (company.py).
"""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from holding.models.base import Base, Id, ref
from holding.types import Json


class ApiToken(Base):
    """A key with which a program acts as a person in one company; the key itself is kept nowhere.

    `scopes` are the acts that it may be used for, of those that the person's roles allow.
    """

    __tablename__ = "api_token"
    __table_args__ = (Index("ix_api_token_company", "company_id", "id"),)

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    person_id: Mapped[int] = ref("person")
    token_hash: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    scopes: Mapped[list[str]] = mapped_column(Json)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    seen_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Deputy(Base):
    """`deputy_id` says yes or no in the name of `person_id`, from one moment until another."""

    __tablename__ = "deputy"
    __table_args__ = (
        Index("ix_deputy_deputy", "company_id", "deputy_id", "until_at"),
        CheckConstraint("deputy_id <> person_id", name="other"),
        CheckConstraint("until_at > from_at", name="time"),
    )

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    person_id: Mapped[int] = ref("person")
    deputy_id: Mapped[int] = ref("person")
    from_at: Mapped[datetime]
    until_at: Mapped[datetime]
    reason: Mapped[str]
    named_at: Mapped[datetime]
    named_by_id: Mapped[int | None] = ref("person")
    ended_at: Mapped[datetime | None]
    ended_by_id: Mapped[int | None] = ref("person")
