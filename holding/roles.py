"""Who is acting, and which act each role may do.

Here: the roles, one table of acts, and the one question `may`. Not here: acts refused by person
rather than by role (author and publisher in `rulesets.py`, editor and approver in `approvals.py`),
nor where grants are stored (`people.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from holding.refusal import Refusal

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
        "upload": frozenset({"finance", "consultant"}),
        "mapping.fix": frozenset({"finance", "admin"}),
        "posting.approve": frozenset({"approver"}),
        "rules.draft": frozenset({"consultant"}),
        "rules.publish": frozenset({"publisher"}),
        "audit.export": frozenset({"auditor"}),
        "audit.read": frozenset({"auditor", "admin"}),
        "run.operate": frozenset({"operator", "admin"}),
        "connection.admin": frozenset({"admin"}),
    }
)

# Pairs that one account should not hold together. Granting both is allowed and said aloud in an
# event: what is refused is the act, by person.
UNEASY_PAIRS: Final = (("consultant", "publisher"), ("admin", "approver"))


@dataclass(frozen=True, slots=True)
class Actor:
    """A person (or the system) acting inside one company, over one way in."""

    person_id: int | None
    name: str
    email: str
    company_id: int | None
    roles: frozenset[str]
    via: str = "portal"


SYSTEM: Final = Actor(
    person_id=None, name="Clearpost", email="", company_id=None, roles=frozenset(), via="system"
)


def may(actor: Actor, act: str) -> Refusal | None:
    """None when a role of the actor allows the act, else a refusal that names those that do."""
    allowed = ACTS[act]
    if actor.roles & allowed:
        return None
    needed = " or ".join(role for role in ROLES if role in allowed)
    return Refusal(
        code="forbidden",
        message=f"{actor.name or 'You'} may not do this: it needs the permission {act}.",
        hint=f"Ask somebody with the role {needed}.",
        status=403,
    )
