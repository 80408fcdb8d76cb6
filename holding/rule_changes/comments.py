"""What people write beside a change of the rules, and sending a change back to who wrote it.

Here: reads, a comment, a return. A change that went back is closed: who wrote it goes on with its
files as drafts and submits them again. Not here: publishing (holding/rulesets/publication.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.bulk import Columns, of
from holding.db.models import Change, ChangeComment, Company, Person
from holding.db.models.columns import ChangeState
from holding.db.refusal import Refusal
from holding.db.together import Question
from holding.platform.events import record_event
from holding.rule_changes import drafts
from holding.rulesets.publication import (
    OPEN_STATES,
    files_of,
    files_of_change,
    publishable,
    unknown,
)

LONGEST: Final = 2000  # characters
BLANK: Final = Refusal(
    "comment.blank", "The comment is blank; nothing was saved.", "Write what is to be changed.", 422
)


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment; `returns`: with it the change went back to who wrote it."""

    by: str
    body: str
    returns: bool
    at: datetime


COMMENT = Columns(
    Comment(
        by=of(Person.name),
        body=of(ChangeComment.body),
        returns=of(ChangeComment.returns),
        at=of(ChangeComment.at),
    ),
    {"by": "person.name"},
)


def of_change(change_id: int) -> Question[tuple[Comment, ...]]:
    """The comments of a change, the oldest first."""
    query = COMMENT.select().join(Person, Person.id == ChangeComment.person_id)
    query = query.where(ChangeComment.change_id == change_id)
    return COMMENT.each((yield query.order_by(ChangeComment.id)))


@dataclass(frozen=True, slots=True)
class Returned:
    """A change that came back to who wrote it: its number, who returned it, and why."""

    no: int
    by: str
    why: str


def returned_to(session: Session, actor: Actor) -> Returned | None:
    """The newest change of a person, where it came back: later ones say that they went on."""
    row = session.execute(
        select(Change.no, Change.state, ChangeComment.body.label("why"), Person.name.label("by"))
        .outerjoin(
            ChangeComment,
            and_(ChangeComment.change_id == Change.id, ChangeComment.returns.is_(True)),
        )
        .outerjoin(Person, Person.id == ChangeComment.person_id)
        .where(Change.company_id == actor.company_id, Change.author_id == actor.person_id)
        .order_by(Change.no.desc())
        .limit(1)
    ).first()
    if row is None or row.state != ChangeState.CLOSED or row.why is None:
        return None
    return Returned(no=row.no, by=row.by, why=row.why)


def comment(
    session: Session, change_no: int, actor: Actor, body: str, now: datetime
) -> Refusal | None:
    """Write beside a change, whatever became of it."""
    refusal = may(actor, "rules.discuss")
    if refusal:
        return refusal
    change = _change(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    if not body.strip():
        return BLANK
    _keep(session, change, actor, body, now, returns=False)
    return None


def send_back(
    session: Session, change_no: int, actor: Actor, body: str, now: datetime
) -> Refusal | None:
    """Close a change with the reason, by somebody who could have published it."""
    change = publishable(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    if not body.strip():
        return BLANK
    change.state = ChangeState.CLOSED
    change.starts_at, change.starts_by_id, change.starts_reason = None, None, ""
    _keep(session, change, actor, body, now, returns=True)
    return None


def take_up(session: Session, change_no: int, actor: Actor, now: datetime) -> str | Refusal:
    """Make drafts of what a change that went back, or that others overtook, says otherwise than the
    rules it was made for; the path of the first. A draft of one's own that is there already is left
    as it is.

    The drafts were begun from those rules: where others came into force since, the editor lets them
    begin again and takes no draft that would undo them.
    """
    refusal = may(actor, "rules.draft")
    if refusal:
        return refusal
    change = _change(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    in_force = session.get_one(Company, change.company_id).ruleset_version_id
    if change.state == ChangeState.PUBLISHED or (
        change.state in OPEN_STATES and change.base_id == in_force
    ):
        words = f"Change {change_no} was not returned, so nothing was taken up."
        return Refusal("change.not_returned", words, status=409)
    if change.base_id is None:
        words = f"Change {change_no} would have been the first rules; the editor has none yet."
        hint = "Choose rules again in the set-up, or send the files with clearpost rules push."
        return Refusal("change.first_rules", words, hint, 409)
    before, after = files_of(session, change.base_id), files_of_change(session, change.id)
    wrote = {
        path: after.get(path, "")
        for path in sorted({*before, *after})
        if after.get(path) != before.get(path)
    }
    if not wrote:
        words = f"Change {change_no} says nothing that was not in force already."
        return Refusal("change.nothing_left", words, status=409)
    if refusal := next(filter(None, map(drafts.too_large, wrote.values())), None):
        return refusal
    for path, text in wrote.items():
        if drafts.draft(session, actor, path) is None:
            refusal = drafts.keep(session, actor, path, text, change.base_id, now)
            if refusal:
                return refusal
    return min(wrote)


def _change(session: Session, no: int, actor: Actor) -> Change | Refusal:
    mine = select(Change).where(Change.company_id == actor.company_id, Change.no == no)
    found = session.scalar(mine)
    return found or unknown(no)


def _keep(
    session: Session, change: Change, actor: Actor, body: str, now: datetime, *, returns: bool
) -> None:
    said = body.strip()[:LONGEST]
    session.add(
        ChangeComment(
            company_id=change.company_id,
            change_id=change.id,
            person_id=actor.person_id,
            body=said,
            returns=returns,
            at=now,
        )
    )
    session.flush()
    did = "returned" if returns else "commented on"
    record_event(
        session,
        company_id=change.company_id,
        at=now,
        actor=actor,
        act="rules.returned" if returns else "rules.commented",
        body={
            "say": f"{actor.name} {did} change {change.no}: {said}",
            "change": change.no,
            "comment": said,
        },
    )
