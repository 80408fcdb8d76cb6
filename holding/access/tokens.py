"""Tokens: how a program acts as a person, in one company, for some acts.

Here: making, reading, listing and revoking them. A token does nothing that its person may not do at
that moment, and nothing outside its scopes. Not here: HTTP (portal/api), roles (`actors.py`).
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from holding.access.actors import BY_PROGRAM, Actor, actor_of
from holding.db.bulk import Columns, of
from holding.db.models import ApiToken, Person
from holding.db.refusal import Refusal
from holding.platform.events import record_event

SCOPES: Final = (  # acts that the interface offers
    "record.read",
    "record.edit",
    "posting.approve",
    "hold.assign",
    "hold.retry",
    "retry.override",
)
LONGEST: Final = timedelta(days=366)
NOTED_AFTER: Final = timedelta(minutes=5)  # how exactly the last use of a token is known
_MARK: Final = "cp_"  # so that a token is known for one where it should not be


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token just made, with the key to hand over once."""

    id: int
    key: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a key stands for now. `stale` = its last use is old enough to be noted again."""

    token_id: int
    actor: Actor
    stale: bool


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One line of the list; the key is not kept."""

    id: int
    name: str
    email: str
    scopes: Sequence[str]
    made_at: datetime
    expires_at: datetime
    seen_at: datetime | None
    revoked_at: datetime | None


_TOKEN = Columns(
    TokenRow(
        id=of(ApiToken.id),
        name=of(ApiToken.name),
        email=of(Person.email),
        scopes=of(ApiToken.scopes),
        made_at=of(ApiToken.made_at),
        expires_at=of(ApiToken.expires_at),
        seen_at=of(ApiToken.seen_at),
        revoked_at=of(ApiToken.revoked_at),
    )
)


def make(
    session: Session,
    maker: Actor,
    *,
    company_id: int,
    person_id: int,
    name: str,
    scopes: Collection[str],
    lasts: timedelta,
    now: datetime,
) -> NewToken | Refusal:
    """A new token of a person of the company."""
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        told = f"A token cannot be given for {', '.join(unknown) or 'nothing'}."
        return Refusal("token.scopes", told, f"Scopes: {', '.join(SCOPES)}.", 422)
    if not name.strip():
        return Refusal("token.name", "A token needs a name.", "Name the program that uses it.", 422)
    if not timedelta(0) < lasts <= LONGEST:
        hint = "Make a new one before it ends."
        return Refusal("token.days", f"A token lasts 1 to {LONGEST.days} days.", hint, 422)
    actor = actor_of(session, person_id, company_id)
    if actor is None:
        return Refusal("person.unknown", "There is no such person here.", status=404)
    key = _MARK + secrets.token_urlsafe(32)
    row = ApiToken(
        company_id=company_id,
        person_id=person_id,
        token_hash=_digest(key),
        name=name.strip(),
        scopes=sorted(scopes),
        made_at=now,
        expires_at=now + lasts,
    )
    session.add(row)
    session.flush()
    say = f"Token {row.name} was made for {actor.name}: {', '.join(row.scopes)}."
    _tell(session, maker, row, "token.made", say, now)
    return NewToken(row.id, key, row.expires_at)


def bearer(session: Session, key: str, now: datetime) -> Bearer | None:
    """Who acts with this key now; None when it is unknown, over, revoked, or its person gone."""
    row = session.scalar(select(ApiToken).where(ApiToken.token_hash == _digest(key)))
    if row is None or row.revoked_at is not None or row.expires_at <= now:
        return None
    actor = actor_of(session, row.person_id, row.company_id, via=BY_PROGRAM, now=now)
    if actor is None:
        return None
    named = replace(actor, name=f"{actor.name} ({row.name})", scopes=frozenset(row.scopes))
    stale = row.seen_at is None or now - row.seen_at >= NOTED_AFTER
    return Bearer(row.id, named, stale)


def touch(session: Session, token_id: int, now: datetime) -> None:
    """Note that the token was used."""
    session.execute(update(ApiToken).where(ApiToken.id == token_id).values(seen_at=now))


def revoke(
    session: Session, maker: Actor, company_id: int, token_id: int, now: datetime
) -> Refusal | None:
    """End a token for good."""
    row = session.get(ApiToken, token_id, with_for_update=True, populate_existing=True)
    if row is None or row.company_id != company_id:
        return Refusal("token.unknown", f"There is no token {token_id}.", status=404)
    if row.revoked_at is not None:
        return Refusal("token.revoked", f"Token {row.name} is revoked already.")
    row.revoked_at = now
    session.flush()
    _tell(session, maker, row, "token.revoked", f"Token {row.name} was revoked.", now)
    return None


def end_all(
    session: Session,
    maker: Actor,
    person_id: int,
    why: str,
    now: datetime,
    *,
    company_id: int | None = None,
) -> int:
    """End every live token of a person, in one company or in all; how many. `why` says it."""
    live = (ApiToken.revoked_at.is_(None), ApiToken.expires_at > now)
    mine = select(ApiToken).where(ApiToken.person_id == person_id, *live)
    if company_id is not None:
        mine = mine.where(ApiToken.company_id == company_id)
    rows = session.scalars(mine.order_by(ApiToken.id).with_for_update()).all()
    for row in rows:
        row.revoked_at = now
    session.flush()
    for row in rows:
        say = f"Token {row.name} was revoked, because {why}."
        _tell(session, maker, row, "token.revoked", say, now)
    return len(rows)


def listing(session: Session, company_id: int) -> Sequence[TokenRow]:
    """All tokens of a company, the newest first."""
    query = (
        _TOKEN.select()
        .join(Person, Person.id == ApiToken.person_id)
        .where(ApiToken.company_id == company_id)
        .order_by(ApiToken.id.desc())
    )
    return _TOKEN.each(session.execute(query))


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def _tell(session: Session, maker: Actor, row: ApiToken, act: str, say: str, now: datetime) -> None:
    record_event(
        session,
        company_id=row.company_id,
        at=now,
        actor=maker,
        act=act,
        object=f"token:{row.id}",
        body={"say": say, "person": row.person_id, "scopes": list(row.scopes)},
    )
