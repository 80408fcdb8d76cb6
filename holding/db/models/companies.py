"""Tables of companies, people, memberships, teams, sessions, second factors and API tokens."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ColumnElement,
    Index,
    UniqueConstraint,
    false,
    func,
    literal_column,
    true,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column

from holding.db.models.columns import WHOLE, Base, Id, Json, partial, ref


class ApiToken(Base):
    """A key with which a program acts as a person in one company, for the acts `scopes` of those
    that the person's roles allow; the key itself is kept nowhere.
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
    """`deputy_id` decides in the name of `person_id`, from one moment until another."""

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


class Company(Base):
    """A set of books; everything else belongs to exactly one.

    `closed_through`: the last day of its closed books when it was set up. `starts_on`: the first
    document date that is posted (the cutover), if set. Nothing is sent for a company that is not
    `live`; its own go-live starts it (holding/company/going_live.py). Companies that older releases
    made by commands are live without a moment. `ages_from`: the midnight to which ages of holds are
    counted (holding/holds/folding.py). `needs_second_factor`: for people who may approve, publish
    or administer (holding/access/actors.py).
    """

    __tablename__ = "company"

    id: Mapped[Id]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    zone: Mapped[str]
    currency: Mapped[str]
    revision: Mapped[int] = mapped_column(WHOLE, default=0)
    ruleset_version_id: Mapped[int | None]
    linked_version_id: Mapped[int | None]
    rules_revision: Mapped[int] = mapped_column(WHOLE, default=0)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    lock: Mapped[int] = mapped_column(WHOLE, default=0)
    registration: Mapped[str] = mapped_column(default="", server_default="")
    closed_through: Mapped[date | None]
    starts_on: Mapped[date | None]
    live: Mapped[bool] = mapped_column(default=False, server_default=true())
    went_live_at: Mapped[datetime | None]
    ages_from: Mapped[datetime | None]
    needs_second_factor: Mapped[bool] = mapped_column(default=False, server_default=false())


class SetupAddress(Base):
    """An address at which the first company can be set up once; the token in it is kept nowhere."""

    __tablename__ = "setup_address"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Person(Base):
    """A person who can sign in."""

    __tablename__ = "person"

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    password_hash: Mapped[str | None]
    active: Mapped[bool] = mapped_column(default=True)
    settings: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)


class FormerName(Base):
    """An earlier name of a person; a source that uses the name still means that person."""

    __tablename__ = "former_name"

    person_id: Mapped[int] = ref("person", primary_key=True)
    name: Mapped[str] = mapped_column(primary_key=True)
    until_at: Mapped[datetime]


class Membership(Base):
    """One role of a person in a company."""

    __tablename__ = "membership"

    company_id: Mapped[int] = ref("company", primary_key=True)
    person_id: Mapped[int] = ref("person", primary_key=True, index=True)
    role: Mapped[str] = mapped_column(primary_key=True)
    granted_by_id: Mapped[int | None] = ref("person")
    granted_at: Mapped[datetime]


class SourceLimit(Base):
    """A source that a person of a company is limited to; people without a row are not limited."""

    __tablename__ = "source_limit"

    company_id: Mapped[int] = ref("company", primary_key=True)
    person_id: Mapped[int] = ref("person", primary_key=True, index=True)
    source_id: Mapped[int] = ref("connection", primary_key=True)
    set_by_id: Mapped[int | None] = ref("person")
    set_at: Mapped[datetime]


class Team(Base):
    """An owner of holds, named by the rules."""

    __tablename__ = "team"
    __table_args__ = (UniqueConstraint("company_id", "name"),)

    id: Mapped[Id]
    company_id: Mapped[int] = ref("company")
    name: Mapped[str]
    title: Mapped[str] = mapped_column(default="")

    @hybrid_property
    def shown(self) -> str:
        """The team's title as the rules define it, else its name."""
        return self.title or self.name

    @shown.inplace.expression
    @classmethod
    def _shown_in_sql(cls) -> ColumnElement[str]:
        return func.coalesce(func.nullif(cls.title, literal_column("''")), cls.name)


class TeamMember(Base):
    """A person in a team."""

    __tablename__ = "team_member"

    team_id: Mapped[int] = ref("team", primary_key=True)
    person_id: Mapped[int] = ref("person", primary_key=True, index=True)


class FormerMember(Base):
    """A person who left a company; the row ends when the person returns."""

    __tablename__ = "former_member"

    company_id: Mapped[int] = ref("company", primary_key=True)
    person_id: Mapped[int] = ref("person", primary_key=True)
    left_at: Mapped[datetime]


class AccessLink(Base):
    """An address that works once, to join a company or to set a new password.

    Its token is not stored. `person_id`: whose password is set, or who joined.
    """

    __tablename__ = "access_link"
    __table_args__ = (
        CheckConstraint("kind IN ('join', 'reset')", name="kind"),
        CheckConstraint("kind = 'join' OR person_id IS NOT NULL", name="person"),
        Index("ix_access_link_company", "company_id", "id"),
    )

    id: Mapped[Id]
    token_hash: Mapped[str] = mapped_column(unique=True)
    kind: Mapped[str]
    company_id: Mapped[int] = ref("company")
    person_id: Mapped[int | None] = ref("person")
    email: Mapped[str]
    name: Mapped[str]
    roles: Mapped[list[str]] = mapped_column(Json)
    team_ids: Mapped[list[int]] = mapped_column(Json)
    source_ids: Mapped[list[int]] = mapped_column(Json, default=list)
    made_at: Mapped[datetime]
    made_by_id: Mapped[int | None] = ref("person")
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class Session(Base):
    """A signed-in browser; its token is not stored.

    `device` and `address`: where the person signed in, for display. `factor_at`: when it proved a
    second factor; None with only the password. `device_key`: the hash of the browser's device
    cookie, None for programs and older sessions. `step_up_at`: when it last entered a code, which
    is required again for large amounts.
    """

    __tablename__ = "session"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = ref("person", index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    step_up_at: Mapped[datetime | None]
    device: Mapped[str] = mapped_column(default="", server_default="")
    address: Mapped[str] = mapped_column(default="", server_default="")
    factor_at: Mapped[datetime | None]
    device_key: Mapped[str | None]


class Identity(Base):
    """An account at a sign-in provider, named by issuer and subject, and the person it signs in.

    `email`: the account's address when it was connected, shown to people. The row of a disconnected
    account is kept, so that its address does not connect it again.
    """

    __tablename__ = "identity"
    __table_args__ = (UniqueConstraint("issuer", "subject"),)

    id: Mapped[Id]
    issuer: Mapped[str]
    subject: Mapped[str]
    person_id: Mapped[int] = ref("person", index=True)
    email: Mapped[str]
    tied_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class SecondFactor(Base):
    """A person's authenticator app; its secret is encrypted (holding/access/actors.py).

    It counts since `confirmed_at`; before, it is being set up. `last_step` is the newest time step
    (30 seconds each, since 1970) with an accepted code: no code counts twice. `made_in`: the hash
    of the session, or of the sign-in step, that set it up and alone sees it.
    """

    __tablename__ = "second_factor"

    person_id: Mapped[int] = ref("person", primary_key=True)
    secret: Mapped[str]
    made_at: Mapped[datetime]
    made_in: Mapped[str]
    confirmed_at: Mapped[datetime | None]
    last_step: Mapped[int] = mapped_column(WHOLE, default=0, server_default="0")


class RecoveryCode(Base):
    """A code that replaces the app once; the code itself is not stored."""

    __tablename__ = "recovery_code"

    id: Mapped[Id]
    person_id: Mapped[int] = ref("person", index=True)
    code_hash: Mapped[str]
    made_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class SignInStep(Base):
    """A person with a proven password who needs a second factor; its token is not stored."""

    __tablename__ = "sign_in_step"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    person_id: Mapped[int] = ref("person", index=True)
    made_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class Operation(Base):
    """A submitted form: a second click gets the stored answer.

    The hash of its content is stored: a reused id with other content is refused. An operation that
    can be undone has its deadline and its result. It also stores the earlier state of holds that it
    only assigned or snoozed.
    """

    __tablename__ = "operation"
    __table_args__ = (
        partial("ix_operation_undo", "person_id", "undo_until", where="undo_until IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)
    asked: Mapped[str | None]
    person_id: Mapped[int] = ref("person")
    at: Mapped[datetime]
    answer: Mapped[Any | None] = mapped_column(Json)
    company_id: Mapped[int | None] = ref("company")
    say: Mapped[str | None]
    undo_until: Mapped[datetime | None]
    undone_at: Mapped[datetime | None]
    stood: Mapped[Any | None] = mapped_column(Json)
