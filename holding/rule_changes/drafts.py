"""The text of a rule file as a person left it in the editor; each has their own.

Here: keeping, finding and throwing away, and how large one may be. Not here: checking it
(holding/rulesets), making it a change (holding/rulesets/publication.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.refusal import Refusal
from holding.tables import RuleDraft

BYTES: Final = 256 * 1024
LINES: Final = 10_000
TOO_LARGE: Final = Refusal(
    "draft.too_large",
    f"The file is too large to write here: it may have {BYTES // 1024} KB and {LINES:,} lines.",
    "Split it into several files, and send them with clearpost rules push.",
    413,
)


@dataclass(frozen=True, slots=True)
class Draft:
    """A text, the version that it was begun from, and when it was kept last."""

    text: str
    base_id: int | None
    saved_at: datetime


def too_large(text: str) -> Refusal | None:
    """Asked before any work is done with a text."""
    large = len(text) > BYTES or len(text.encode()) > BYTES or text.count("\n") >= LINES
    return TOO_LARGE if large else None


def draft(session: Session, actor: Actor, path: str) -> Draft | None:
    """The person's own draft of a file."""
    found = session.get(RuleDraft, (actor.company_id, actor.person_id, path))
    return Draft(found.body, found.base_id, found.saved_at) if found else None


def keep(
    session: Session, actor: Actor, path: str, text: str, base_id: int | None, now: datetime
) -> Refusal | None:
    """Keep a text; of a draft that is there the version that it was begun from stays."""
    refusal = may(actor, "rules.draft") or too_large(text)
    if refusal:
        return refusal
    found = session.get(RuleDraft, (actor.company_id, actor.person_id, path))
    if found is None:
        found = RuleDraft(
            company_id=actor.company_id, person_id=actor.person_id, path=path, base_id=base_id
        )
        session.add(found)
    found.body, found.saved_at = text, now
    session.flush()
    return None


def throw_away(session: Session, actor: Actor, path: str) -> None:
    """There is no draft of this file any more."""
    session.execute(
        delete(RuleDraft).where(
            RuleDraft.company_id == actor.company_id,
            RuleDraft.person_id == actor.person_id,
            RuleDraft.path == path,
        )
    )
