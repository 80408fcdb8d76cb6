"""Store each user's drafts of rule files, their submission as a change, and its comments."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import and_, delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.bulk import Columns, of
from holding.db.models import Change, ChangeComment, Company, Person, RuleDraft
from holding.db.models.columns import ChangeState
from holding.db.refusal import Refusal
from holding.platform.events import record_event
from holding.rulesets import publication
from holding.rulesets.admission import RULES, Report, rule_sources
from holding.rulesets.publication import (
    OPEN_STATES,
    files_of,
    files_of_change,
    lock_publishable,
    unknown_change,
)
from holding.rulesets.rulebook import VersionInForce, version_in_force
from rules.editing.daily_hours import merge_texts
from rules.values.canonical import sha256_hex

BYTES: Final = 256 * 1024

LINES: Final = 10_000

LONGEST_TITLE: Final = 80  # characters of a path

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

OVERTAKEN: Final = Refusal(
    code="rules.overtaken",
    message="Other rules were published since this draft was begun; nothing was submitted.",
    hint="Begin again from the rules in force: your text is kept, with what others changed.",
)

_MOVED: Final = Refusal(
    code="draft.elsewhere",
    message="You changed another file of this change in another window; nothing was submitted.",
    hint="Look at the difference, and submit it again.",
)

LONGEST_COMMENT: Final = 2000  # characters

BLANK: Final = Refusal(
    "comment.blank", "The comment is blank; nothing was saved.", "Write what is to be changed.", 422
)


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment; `returns`: the change was returned to its author with it."""

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


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft text, the version it was started from, and when it was last saved."""

    text: str
    base_id: int | None
    saved_at: datetime

    @property
    def mark(self) -> str:
        """A short hash that identifies the text a window started with."""
        return mark_of(self.text)


@dataclass(frozen=True, slots=True)
class Elsewhere(Refusal):
    """The refusal when another window saved a newer `text`, with its `mark`."""

    text: str = ""
    mark: str = ""


def mark_of(text: str | None) -> str:
    """Return a short hash of a draft's text; blank for None, which means that no draft exists."""
    return "" if text is None else sha256_hex(text)[:20]


def too_large(text: str) -> Refusal | None:
    """Refuse a text that is too large, before any work is done with it."""
    large = len(text) > BYTES or len(text.encode()) > BYTES or text.count("\n") >= LINES
    return TOO_LARGE if large else None


def load_draft(session: Session, actor: Actor, path: str) -> Draft | None:
    """Return the user's own draft of a file."""
    row = session.get(RuleDraft, (actor.company_id, actor.person_id, path))
    return Draft(row.body, row.base_id, row.saved_at) if row else None


def drafts_of_person(session: Session, actor: Actor, *, locked: bool = False) -> dict[str, Draft]:
    """Return all drafts of the user by path; `locked` keeps others from writing them."""
    query = select(RuleDraft).where(
        RuleDraft.company_id == actor.company_id, RuleDraft.person_id == actor.person_id
    )
    query = query.with_for_update().execution_options(populate_existing=True) if locked else query
    rows = session.scalars(query.order_by(RuleDraft.path))
    return {row.path: Draft(row.body, row.base_id, row.saved_at) for row in rows}


def save_draft(
    session: Session,
    actor: Actor,
    path: str,
    text: str,
    base_id: int | None,
    now: datetime,
    *,
    shown_mark: str | None = None,
) -> Refusal | None:
    """Save the user's draft of a file, or return why it is not saved.

    `base_id` is the rule version from which a new draft starts; an existing draft keeps its own.
    `shown_mark` is `mark_of` the draft that the user's window showed, blank if there was no draft.
    If another window saved another text since, nothing is saved. None skips this comparison.
    """
    refusal = may(actor, "rules.draft") or too_large(text)
    if refusal:
        return refusal
    if refusal := find_other_text(session, actor, path, text, shown_mark):
        return refusal
    key = (actor.company_id, actor.person_id, path)
    row = session.get(RuleDraft, key)
    if row is None and _insert_draft(session, actor, path, text, base_id, now):
        return None
    if row is None:  # another window made it a moment ago
        if refusal := find_other_text(session, actor, path, text, shown_mark):
            return refusal
        row = session.get_one(RuleDraft, key)
    row.body, row.saved_at = text, now
    session.flush()
    return None


def _insert_draft(
    session: Session, actor: Actor, path: str, text: str, base_id: int | None, now: datetime
) -> bool:
    """Insert the draft, and return whether it is new."""
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


def restart_draft(
    session: Session, actor: Actor, path: str, text: str, base_id: int, now: datetime
) -> None:
    """Replace the draft's text and base version."""
    row = session.get_one(RuleDraft, (actor.company_id, actor.person_id, path))
    row.body, row.base_id, row.saved_at = text, base_id, now
    session.flush()


def find_other_text(
    session: Session, actor: Actor, path: str, text: str, shown_mark: str | None
) -> Elsewhere | None:
    """Lock the draft, and return a refusal with its text if another window changed it.

    None if it is unchanged since the window showed `shown_mark`, or equals `text` already.
    """
    key = (actor.company_id, actor.person_id, path)
    row = session.get(RuleDraft, key, with_for_update=True, populate_existing=True)
    stored_text = row.body if row is not None else None
    if shown_mark is None or stored_text == text or shown_mark == mark_of(stored_text):
        return None
    return Elsewhere(
        code="draft.elsewhere",
        message="You changed this draft in another window; the text of this one is not saved.",
        hint="Compare both texts, and keep one of them."
        if stored_text is not None
        else "It was submitted or discarded there. Save this text as a new draft, if you want it.",
        text=stored_text or "",
        mark=mark_of(stored_text),
    )


def delete_drafts(session: Session, actor: Actor, paths: Iterable[str]) -> None:
    """Delete the user's drafts of these files."""
    session.execute(
        delete(RuleDraft).where(
            RuleDraft.company_id == actor.company_id,
            RuleDraft.person_id == actor.person_id,
            RuleDraft.path.in_(tuple(paths)),
        )
    )


def new_path(name: str, files: Collection[str]) -> str | Refusal:
    """Return the path of a new rule file or, with .csv, a table.

    Refused with 422 for an invalid name, and with 409 if the file exists.
    """
    ending = TABLES if name.strip().endswith(TABLES) else RULES
    stem = name.strip().removesuffix(ending)
    path = stem + ending
    if len(path) > LONGEST_TITLE or not _NAME.fullmatch(stem):
        words = f"The name of a rule file has up to {LONGEST_TITLE} letters, digits and hyphens."
        return Refusal("rulefile.name", words, _HINT, 422)
    if path in files:
        words = f"The rules have a file {path} already."
        return Refusal("rulefile.there", words, _TABLE_THERE if ending == TABLES else _FILE_THERE)
    return path


@dataclass(frozen=True, slots=True)
class OwnChange:
    """A user's drafts by path, on top of the current version's files."""

    version: VersionInForce
    in_force: Mapping[str, str]
    drafts: Mapping[str, Draft]

    def files(self, now: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return all files as the change leaves them, with `now` in place of drafts.

        A blank draft deletes its file.
        """
        texts = {path: draft.text for path, draft in self.drafts.items()} | dict(now or {})
        over = {path: text for path, text in texts.items() if text.strip()}
        unchanged = {path: text for path, text in self.in_force.items() if path not in texts}
        return unchanged | over

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that the editor can open: current rule files and the user's drafts.

        Current CSV files are left out, because they contain customer names. Pages show their
        entries under mappings instead.
        """
        return tuple(sorted({*rule_sources(self.in_force), *self.drafts}))

    @property
    def overtaken(self) -> bool:
        """Whether a draft was started from rules that are no longer current."""
        return any(draft.base_id != self.version.version_id for draft in self.drafts.values())


def own_change(session: Session, actor: Actor) -> OwnChange | None:
    """Return the user's change, or None without current rules."""
    company_id = actor.company_id
    version = version_in_force(session, company_id) if company_id is not None else None
    if version is None:
        return None
    files = publication.files_of(session, version.version_id)
    return OwnChange(version, files, drafts_of_person(session, actor))


def submit_change(
    session: Session,
    company_id: int,
    actor: Actor,
    change: OwnChange,
    own_texts: Mapping[str, str],
    title: str,
    now: datetime,
    checked: Report,
) -> int | Refusal:
    """Submit the checked change with the window's own texts (`own_texts`), delete its drafts, and
    return its number.

    If another window changed other files meanwhile, nothing is submitted.
    """
    written = drafts_of_person(session, actor, locked=True)
    then, since = (
        {path: draft.text for path, draft in of.items() if path not in own_texts}
        for of in (change.drafts, written)
    )
    if then != since:
        return _MOVED
    files, base = change.files(own_texts), change.version.version_id
    # With its base: if other rules came into force meanwhile, publishing this change would undo
    # them.
    answer = publication.push_change(session, company_id, actor, files, title, now, checked, base)
    if not isinstance(answer, Refusal):
        delete_drafts(session, actor, {*written, *own_texts})
    return answer


@dataclass(frozen=True, slots=True)
class BegunAgain:
    """The version the drafts continue from, and the first lines of conflicts by path."""

    no: int
    clashes: Mapping[str, tuple[int, ...]]


def restart_drafts(session: Session, actor: Actor, now: datetime) -> BegunAgain | Refusal:
    """Merge outdated drafts with the current rules, and delete those without a difference."""
    change = own_change(session, actor)
    refusal = may(actor, "rules.draft")
    if refusal or change is None:
        return refusal or OVERTAKEN
    clashes, version = dict[str, tuple[int, ...]](), change.version
    for path, draft in drafts_of_person(session, actor, locked=True).items():
        if draft.base_id == version.version_id:
            continue
        current_text = change.in_force.get(path)
        began = publication.files_of(session, draft.base_id) if draft.base_id else change.in_force
        merge_result = merge_texts(began.get(path, ""), draft.text, current_text or "")
        if refusal := too_large(merge_result.text):
            return refusal
        if merge_result.text == (current_text or "") and (path in change.in_force or path in began):
            delete_drafts(session, actor, [path])
            continue
        restart_draft(session, actor, path, merge_result.text, version.version_id, now)
        if merge_result.clashes:
            clashes[path] = merge_result.clashes
    return BegunAgain(version.no, clashes)


def list_comments(session: Session, change_id: int) -> tuple[Comment, ...]:
    """Return the comments of a change, oldest first."""
    query = COMMENT.select().join(Person, Person.id == ChangeComment.person_id)
    query = query.where(ChangeComment.change_id == change_id)
    return COMMENT.each(session.execute(query.order_by(ChangeComment.id)))


@dataclass(frozen=True, slots=True)
class Returned:
    """A change that was returned to its author: number, reviewer and reason."""

    no: int
    by: str
    why: str


def returned_to(session: Session, actor: Actor) -> Returned | None:
    """Return the user's newest change if it was returned; later changes show that they
    continued.
    """
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


def add_comment(
    session: Session, change_no: int, actor: Actor, body: str, now: datetime
) -> Refusal | None:
    """Add a comment to a change in any state."""
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


def _change(session: Session, no: int, actor: Actor) -> Change | Refusal:
    query = select(Change).where(Change.company_id == actor.company_id, Change.no == no)
    change = session.scalar(query)
    return change or unknown_change(no)


def _keep(
    session: Session, change: Change, actor: Actor, body: str, now: datetime, *, returns: bool
) -> None:
    comment = body.strip()[:LONGEST_COMMENT]
    session.add(
        ChangeComment(
            company_id=change.company_id,
            change_id=change.id,
            person_id=actor.person_id,
            body=comment,
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
            "say": f"{actor.name} {did} change {change.no}: {comment}",
            "change": change.no,
            "comment": comment,
        },
    )


def send_back(
    session: Session, change_no: int, actor: Actor, body: str, now: datetime
) -> Refusal | None:
    """Close a change with a reason, by a user who could have published it."""
    change = lock_publishable(session, change_no, actor)
    if isinstance(change, Refusal):
        return change
    if not body.strip():
        return BLANK
    # Not reopened later: what was reviewed and what comes into force must not share a number.
    change.state = ChangeState.CLOSED
    change.starts_at, change.starts_by_id, change.starts_reason = None, None, ""
    _keep(session, change, actor, body, now, returns=True)
    return None


def restore_drafts(session: Session, change_no: int, actor: Actor, now: datetime) -> str | Refusal:
    """Make drafts of a returned or outdated change's differences, and return the first path.

    Existing drafts stay as they are. The drafts start from the change's base version, so the editor
    makes the user merge newer rules first.
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
    changed_files = {
        path: after.get(path, "")
        for path in sorted({*before, *after})
        if after.get(path) != before.get(path)
    }
    if not changed_files:
        words = f"Change {change_no} says nothing that was not in force already."
        return Refusal("change.nothing_left", words, status=409)
    if refusal := next(filter(None, map(too_large, changed_files.values())), None):
        return refusal
    for path, text in changed_files.items():
        if load_draft(session, actor, path) is None:
            refusal = save_draft(session, actor, path, text, change.base_id, now)
            if refusal:
                return refusal
    return min(changed_files)
