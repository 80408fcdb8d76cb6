"""The text of a file of the rules as a person left it in the editor; each has their own.

Here: keeping, finding and throwing away, what another window of theirs wrote meanwhile, how large
one may be, what a new file may be called. Not here: the change that the drafts of a person are
together (own_change.py), checking it (holding/rulesets).
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.models import RuleDraft
from holding.db.refusal import Refusal
from holding.rulesets.admission import RULES
from rules.values.canonical import sha256_hex

BYTES: Final = 256 * 1024
LINES: Final = 10_000
LONGEST: Final = 80  # characters of a path
TABLES: Final = ".csv"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]*(/[a-z0-9][a-z0-9_-]*)*")
_HINT: Final = (
    "Enter lower-case letters, digits and hyphens, such as credit-notes.rules, or for the table"
    " of a mapping maps/carriers.csv."
)
_FILE_THERE: Final = "Open that file, or enter another name."
_TABLE_THERE: Final = "Add and change its entries under Mappings: such a file only begins a table."
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

    @property
    def mark(self) -> str:
        """What a window notes of the text that it began with."""
        return mark_of(self.text)


@dataclass(frozen=True, slots=True)
class Elsewhere(Refusal):
    """Another window of the same person wrote this since (`text`, which has this `mark`)."""

    text: str = ""
    mark: str = ""


def mark_of(text: str | None) -> str:
    """A text in a word: two texts with one mark are the same. Blank where there is no draft."""
    return "" if text is None else sha256_hex(text)[:20]


def too_large(text: str) -> Refusal | None:
    """Asked before any work is done with a text."""
    large = len(text) > BYTES or len(text.encode()) > BYTES or text.count("\n") >= LINES
    return TOO_LARGE if large else None


def draft(session: Session, actor: Actor, path: str) -> Draft | None:
    """The person's own draft of a file."""
    found = session.get(RuleDraft, (actor.company_id, actor.person_id, path))
    return Draft(found.body, found.base_id, found.saved_at) if found else None


def of_person(session: Session, actor: Actor, *, locked: bool = False) -> dict[str, Draft]:
    """All drafts of the person by their paths; `locked`: nobody else writes them meanwhile."""
    mine = select(RuleDraft).where(
        RuleDraft.company_id == actor.company_id, RuleDraft.person_id == actor.person_id
    )
    mine = mine.with_for_update().execution_options(populate_existing=True) if locked else mine
    rows = session.scalars(mine.order_by(RuleDraft.path))
    return {row.path: Draft(row.body, row.base_id, row.saved_at) for row in rows}


def keep(
    session: Session,
    actor: Actor,
    path: str,
    text: str,
    base_id: int | None,
    now: datetime,
    *,
    seen: str | None = None,
) -> Refusal | None:
    """Keep a text; of a draft that is there the version that it was begun from stays.

    `seen`: the mark of the text that this window began with, blank where there was no draft. What
    another window wrote since is not overwritten unseen.
    """
    refusal = may(actor, "rules.draft") or too_large(text)
    if refusal:
        return refusal
    if refusal := elsewhere(session, actor, path, text, seen):
        return refusal
    whose = (actor.company_id, actor.person_id, path)
    found = session.get(RuleDraft, whose)
    if found is None and _made(session, actor, path, text, base_id, now):
        return None
    if found is None:  # another window made it a moment ago
        if refusal := elsewhere(session, actor, path, text, seen):
            return refusal
        found = session.get_one(RuleDraft, whose)
    found.body, found.saved_at = text, now
    session.flush()
    return None


def begun_again(
    session: Session, actor: Actor, path: str, text: str, base_id: int, now: datetime
) -> None:
    """The draft of this path is this text from now on, begun from this version."""
    found = session.get_one(RuleDraft, (actor.company_id, actor.person_id, path))
    found.body, found.base_id, found.saved_at = text, base_id, now
    session.flush()


def _made(
    session: Session, actor: Actor, path: str, text: str, base_id: int | None, now: datetime
) -> bool:
    """Whether the draft is a new one."""
    row = RuleDraft(
        company_id=actor.company_id,
        person_id=actor.person_id,
        path=path,
        base_id=base_id,
        body=text,
        saved_at=now,
    )
    try:
        with session.begin_nested():
            session.add(row)
            session.flush()
    except IntegrityError:
        return False
    return True


def elsewhere(
    session: Session, actor: Actor, path: str, text: str, seen: str | None
) -> Elsewhere | None:
    """What another window of this person made of the draft since this one saw it, if it did; the
    draft is locked. None where both say the same.
    """
    whose = (actor.company_id, actor.person_id, path)
    found = session.get(RuleDraft, whose, with_for_update=True, populate_existing=True)
    there = found.body if found is not None else None
    if seen is None or there == text or seen == mark_of(there):
        return None
    return Elsewhere(
        code="draft.elsewhere",
        message="You changed this draft in another window; the text of this one is not saved.",
        hint="Compare both texts, and keep one of them."
        if there is not None
        else "It was submitted or discarded there. Save this text as a new draft, if you want it.",
        text=there or "",
        mark=mark_of(there),
    )


def throw_away(session: Session, actor: Actor, paths: Iterable[str]) -> None:
    """There are no drafts of these files any more."""
    session.execute(
        delete(RuleDraft).where(
            RuleDraft.company_id == actor.company_id,
            RuleDraft.person_id == actor.person_id,
            RuleDraft.path.in_(tuple(paths)),
        )
    )


def new_path(name: str, files: Collection[str]) -> str | Refusal:
    """The path of a new file called so: a table where it ends in .csv, else a rule file, whose
    ending may be left out. 422: the name is blank, too long or of other signs; 409: the rules have
    such a file.
    """
    ending = TABLES if name.strip().endswith(TABLES) else RULES
    stem = name.strip().removesuffix(ending)
    path = stem + ending
    if len(path) > LONGEST or not _NAME.fullmatch(stem):
        words = f"The name of a rule file has up to {LONGEST} letters, digits and hyphens."
        return Refusal("rulefile.name", words, _HINT, 422)
    if path in files:
        words = f"The rules have a file {path} already."
        return Refusal("rulefile.there", words, _TABLE_THERE if ending == TABLES else _FILE_THERE)
    return path
