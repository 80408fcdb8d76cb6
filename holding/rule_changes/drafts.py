"""The text of a rule file as a person left it in the editor; each has their own.

Here: keeping, finding and throwing away, how large one may be, what a new file may be called. Not
here: checking it (holding/rulesets), making it a change (holding/rulesets/publication.py).
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.refusal import Refusal
from holding.rulesets.admission import RULES
from holding.tables import RuleDraft

BYTES: Final = 256 * 1024
LINES: Final = 10_000
LONGEST: Final = 80  # characters of a path
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*")
_HINT: Final = "Enter lower-case letters, digits and hyphens, such as credit-notes.rules."
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


def paths(session: Session, actor: Actor) -> tuple[str, ...]:
    """The files of which the person has a draft."""
    mine = select(RuleDraft.path).where(
        RuleDraft.company_id == actor.company_id, RuleDraft.person_id == actor.person_id
    )
    return tuple(session.scalars(mine.order_by(RuleDraft.path)))


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


def new_path(name: str, files: Collection[str]) -> str | Refusal:
    """The path of a new rule file called so; the ending may be left out. 422: the name is blank,
    too long or of other signs; 409: the rules have such a file.
    """
    stem = name.strip().removesuffix(RULES)
    path = stem + RULES
    if len(path) > LONGEST or not _NAME.fullmatch(stem):
        words = f"The name of a rule file has up to {LONGEST} letters, digits and hyphens."
        return Refusal("rulefile.name", words, _HINT, 422)
    if path in files:
        words = f"The rules have a file {path} already."
        return Refusal("rulefile.there", words, "Open that file, or enter another name.")
    return path
