"""Who is acting, and which act each role may do.

Here: a person as an actor of one company, with their roles and in whose name they may act; one
table of acts, and the one question `may`. Not here: acts refused by person rather than by role
(author and publisher in `rulesets/publication.py`, editor and approver in `approvals/approve.py`),
where grants are stored (`people.py`), who stands in for whom (`deputies.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import String, bindparam, cast, func, or_, select
from sqlalchemy.orm import Session

from holding.access.reach import EVERYTHING, Reach, of_ids
from holding.access.role_words import ACT_LABELS, any_of
from holding.db.models import Deputy, Membership, Person, SourceLimit
from holding.db.models.columns import NOW
from holding.db.refusal import Refusal
from holding.db.together import KEPT
from holding.platform.events import COMMAND_LINE

ROLES: Final = (
    "viewer",
    "finance",
    "approver",
    "consultant",
    "publisher",
    "auditor",
    "operator",
    "admin",
)

ACTS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "record.read": frozenset(ROLES),
        "record.pii": frozenset({"finance", "approver", "auditor"}),
        "record.edit": frozenset({"finance"}),
        "hold.assign": frozenset({"finance", "approver"}),
        "hold.retry": frozenset({"finance", "approver"}),
        "retry.override": frozenset({"admin"}),
        "upload": frozenset({"finance", "consultant"}),
        "import.tell": frozenset({"finance"}),
        "mapping.read": frozenset(ROLES) - {"viewer", "operator"},
        "mapping.fix": frozenset({"finance", "admin"}),
        "posting.approve": frozenset({"approver"}),
        "rules.draft": frozenset({"consultant"}),
        "rules.discuss": frozenset({"consultant", "publisher"}),
        "rules.publish": frozenset({"publisher"}),
        "audit.export": frozenset({"auditor"}),
        "audit.note": frozenset({"auditor"}),
        "audit.read": frozenset({"auditor", "admin"}),
        "stop.decide": frozenset({"approver", "operator", "admin"}),
        "run.operate": frozenset({"operator", "admin"}),
        "connection.admin": frozenset({"admin"}),
        "people.admin": frozenset({"admin"}),
        "company.setup": frozenset({"admin"}),
        "deputy.name": frozenset({"approver", "admin"}),
    }
)

if set(ACTS) != set(ACT_LABELS):  # else a refusal could not say what it refuses
    raise RuntimeError(f"role_words.py does not fit: {sorted(set(ACTS) ^ set(ACT_LABELS))}")

# Pairs that one account should not hold together. Granting both is allowed and said aloud in an
# event: what is refused is the act, by person.
UNEASY_PAIRS: Final = (("consultant", "publisher"), ("admin", "approver"))


WHOLE: Final = frozenset(
    {
        *("mapping.fix", "rules.draft", "rules.discuss", "rules.publish"),
        *("run.operate", "stop.decide"),
        *("audit.read", "audit.export", "connection.admin", "people.admin", "company.setup"),
        "deputy.name",
    }
)
"""Acts that reach every source: whoever sees some sources only may do none of them."""

LENT: Final = frozenset({"posting.approve"})  # what a deputy may do in another's name

GUARDED_ROLES: Final = tuple(
    role
    for role in ROLES
    if any(role in ACTS[act] for act in ("posting.approve", "rules.publish", "people.admin"))
)
"""Whose holders need a second factor where a company requires it."""


@dataclass(frozen=True, slots=True)
class StandIn:
    """A person in whose place somebody may act at this moment."""

    person_id: int
    name: str
    roles: frozenset[str]


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or the system) acting inside one company, over one way in.

    `scopes`: the acts that a token was given for; None where no token is used. `reach`: of which
    sources they see records.
    """

    person_id: int | None
    name: str
    email: str
    company_id: int | None
    roles: frozenset[str]
    via: str = "portal"
    stands_for: tuple[StandIn, ...] = ()
    scopes: frozenset[str] | None = None
    reach: Reach = EVERYTHING


@dataclass(frozen=True, slots=True)
class Voice:
    """In whose name somebody acts: their own, or that of a person they stand in for."""

    actor: Actor
    lent: StandIn | None = None

    @property
    def person_id(self) -> int | None:
        """Who does it."""
        return self.actor.person_id

    @property
    def for_person_id(self) -> int | None:
        """In whose place, if in anybody's."""
        return self.lent.person_id if self.lent else None

    @property
    def answers(self) -> int | None:
        """Whose teams count."""
        return self.lent.person_id if self.lent else self.actor.person_id

    @property
    def via(self) -> str:
        """The way in that they came by."""
        return self.actor.via

    @property
    def name(self) -> str:
        """How the trace names it: Siti, or Siti for Lim."""
        person = self.lent.name if self.lent else ""
        return f"{self.actor.name} for {person}" if person else self.actor.name


SYSTEM: Final = Actor(
    person_id=None, name="Clearpost", email="", company_id=None, roles=frozenset(), via="system"
)

BY_PROGRAM: Final = "token"  # how a program comes in

OPERATOR: Final = replace(SYSTEM, via=COMMAND_LINE)
"""Whoever may run commands on the machine, where a command asks for no person."""


def may(actor: Actor, act: str) -> Refusal | None:
    """None when a role of the actor allows the act, else a refusal that names those that do."""
    allowed = ACTS[act]
    if actor.scopes is not None and act not in actor.scopes:
        return Refusal(
            code="token.scope",
            message=f"This API token does not have the scope {act}.",
            hint="Use a token with this scope, or create one: clearpost token add --scope …",
            status=403,
        )
    if actor.reach.limited and act in WHOLE:
        return Refusal(
            code="reach.limited",
            message=f"You cannot {ACT_LABELS[act]}, because you work with some sources only.",
            hint=f"Ask {any_of(allowed)} who works with all sources.",
            status=403,
        )
    if voices(actor, act):
        return None
    told = f"You cannot {ACT_LABELS[act]}, because your role does not include it."
    if actor.via == COMMAND_LINE:  # whoever types need not be who is named
        told = f"{actor.name} cannot {ACT_LABELS[act]}, because no role of theirs includes it."
    return Refusal("forbidden", told, f"Ask {any_of(allowed)}.", 403, act)


def voices(actor: Actor, act: str) -> list[Voice]:
    """In whose names the actor may do the act, the own one first."""
    allowed = ACTS[act]
    own = [Voice(actor)] if actor.roles & allowed else []
    lenders = actor.stands_for if act in LENT else ()
    return own + [Voice(actor, lender) for lender in lenders if lender.roles & allowed]


def actor_of(
    session: Session,
    person_id: int,
    company_id: int,
    *,
    via: str = "portal",
    now: datetime | None = None,
) -> Actor | None:
    """The person inside one company, with all roles there; None for strangers and the disabled.

    With `now`, also with the people in whose place they may act at that moment.
    """
    person = session.get(Person, person_id)
    held = _held_with_lenders(session, company_id, person_id, now)
    own = held.pop(person_id, None)
    if person is None or not person.active or not own:
        return None
    return Actor(
        person_id=person.id,
        name=person.name,
        email=person.email,
        company_id=company_id,
        roles=frozenset(own.roles),
        via=via,
        stands_for=_stand_ins(session, held),
        reach=own.reach,
    )


def roles_of(session: Session, company_id: int, person_id: int) -> set[str]:
    """The person's own roles in a company."""
    held = _held_with_lenders(session, company_id, person_id, None)
    return held[person_id].roles if person_id in held else set()


def reach_of(session: Session, company_id: int, person_id: int) -> Reach:
    """Of which sources a person sees records in a company."""
    held = _held_with_lenders(session, company_id, person_id, None)
    return held[person_id].reach if person_id in held else EVERYTHING


@dataclass(slots=True)
class _Held:
    """What a person has in a company."""

    roles: set[str]
    reach: Reach


_SOURCES = (
    select(func.aggregate_strings(cast(SourceLimit.source_id, String), " "))
    .where(
        SourceLimit.company_id == Membership.company_id,
        SourceLimit.person_id == Membership.person_id,
    )
    .correlate(Membership)
    .scalar_subquery()
)


_OWN = Membership.person_id == bindparam("person")
_LENDERS = select(Deputy.person_id).where(
    Deputy.company_id == bindparam("company"),
    Deputy.deputy_id == bindparam("person"),
    Deputy.until_at > NOW,
    Deputy.from_at <= NOW,
    Deputy.ended_at.is_(None),
)
_OF_ANYBODY = select(Membership.person_id, Membership.role, _SOURCES.label("sources")).where(
    Membership.company_id == bindparam("company")
)
_HELD = _OF_ANYBODY.where(_OWN)
_HELD_OR_LENT = _OF_ANYBODY.where(or_(_OWN, Membership.person_id.in_(_LENDERS)))


def _held_with_lenders(
    session: Session, company_id: int, person_id: int, now: datetime | None
) -> dict[int, _Held]:
    """Person id -> what they have: the person, and the people they stand in for."""
    query, given = _HELD, {"company": company_id, "person": person_id, "now": now}
    if now is not None:
        query = _HELD_OR_LENT
    found: dict[int, _Held] = {}
    for row in session.execute(query, given, execution_options=KEPT):
        reach = of_ids(map(int, (row.sources or "").split()))
        found.setdefault(row.person_id, _Held(set(), reach)).roles.add(row.role)
    return found


def _stand_ins(session: Session, held: Mapping[int, _Held]) -> tuple[StandIn, ...]:
    """The lenders that could act themselves; nobody lends what is of some sources only: their
    deputy would do it for all.
    """
    lenders = [key for key, one in held.items() if not one.reach.limited]
    if not lenders:
        return ()
    people = select(Person.id, Person.name).where(Person.id.in_(lenders), Person.active)
    return tuple(
        StandIn(row.id, row.name, frozenset(held[row.id].roles))
        for row in session.execute(people.order_by(Person.id))
    )
