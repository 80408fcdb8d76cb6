"""The change that a person writes: all their drafts over the files in force, checked, tried and
submitted together.

Here: its files, whether it was overtaken, submitting it, and beginning it again from the rules in
force. Not here: one draft (drafts.py), how two texts become one (rules/editing/merging.py), what a
change is once it is submitted (holding/rulesets/publication.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.refusal import Refusal
from holding.rule_changes import drafts
from holding.rule_changes.drafts import Draft
from holding.rulesets import publication
from holding.rulesets.admission import rule_sources
from holding.rulesets.check_report import Report
from holding.rulesets.rulebook import VersionInForce, version_in_force
from rules.editing.merging import merged

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


@dataclass(frozen=True, slots=True)
class OwnChange:
    """The drafts of a person, by their paths, over the files in force of a version."""

    version: VersionInForce
    in_force: Mapping[str, str]
    drafts: Mapping[str, Draft]

    def files(self, now: Mapping[str, str] | None = None) -> dict[str, str]:
        """All files as the change leaves them, these texts in the place of their drafts.

        A file whose draft is blank is taken away: without a word it says nothing.
        """
        texts = {path: draft.text for path, draft in self.drafts.items()} | dict(now or {})
        over = {path: text for path, text in texts.items() if text.strip()}
        kept = {path: text for path, text in self.in_force.items() if path not in texts}
        return kept | over

    @property
    def paths(self) -> tuple[str, ...]:
        """The files that are opened: rule files in force, and whatever the person wrote. Tables in
        force name customers: their entries are shown among the mappings, to who may see them.
        """
        return tuple(sorted({*rule_sources(self.in_force), *self.drafts}))

    @property
    def overtaken(self) -> bool:
        """Whether a draft was begun from rules that are no longer in force."""
        return any(one.base_id != self.version.version_id for one in self.drafts.values())


def own_change(session: Session, actor: Actor) -> OwnChange | None:
    """The change that the person writes; None where no rules are in force."""
    company_id = actor.company_id
    version = version_in_force(session, company_id) if company_id is not None else None
    if version is None:
        return None
    files = publication.files_of(session, version.version_id)
    return OwnChange(version, files, drafts.of_person(session, actor))


def submit(
    session: Session,
    company_id: int,
    actor: Actor,
    change: OwnChange,
    given: Mapping[str, str],
    title: str,
    now: datetime,
    checked: Report,
) -> int | Refusal:
    """Submit the change as it was checked, with the texts that the window says itself, `given`;
    its drafts end. What another window wrote of the other files meanwhile is not submitted unseen.
    The number of the change.
    """
    written = drafts.of_person(session, actor, locked=True)
    then, since = (
        {path: one.text for path, one in of.items() if path not in given}
        for of in (change.drafts, written)
    )
    if then != since:
        return _MOVED
    files, base = change.files(given), change.version.version_id
    answer = publication.push(session, company_id, actor, files, title, now, checked, base)
    if not isinstance(answer, Refusal):
        drafts.throw_away(session, actor, {*written, *given})
    return answer


@dataclass(frozen=True, slots=True)
class BegunAgain:
    """The version that the change goes on from; `clashes`: by its path, the first lines of those
    places of a file that the person and others changed each in another way.
    """

    no: int
    clashes: Mapping[str, tuple[int, ...]]


def begin_again(session: Session, actor: Actor, now: datetime) -> BegunAgain | Refusal:
    """Let the drafts that were overtaken go on from the rules in force: each says what its writer
    changed, and what others changed since it was begun. One that differs no more is thrown away.
    """
    change = own_change(session, actor)
    refusal = may(actor, "rules.draft")
    if refusal or change is None:
        return refusal or OVERTAKEN
    clashes, version = dict[str, tuple[int, ...]](), change.version
    for path, draft in drafts.of_person(session, actor, locked=True).items():
        if draft.base_id == version.version_id:
            continue
        theirs = change.in_force.get(path)
        began = publication.files_of(session, draft.base_id) if draft.base_id else change.in_force
        both = merged(began.get(path, ""), draft.text, theirs or "")
        if refusal := drafts.too_large(both.text):
            return refusal
        if both.text == (theirs or "") and (path in change.in_force or path in began):
            drafts.throw_away(session, actor, [path])
            continue
        drafts.begun_again(session, actor, path, both.text, version.version_id, now)
        if both.clashes:
            clashes[path] = both.clashes
    return BegunAgain(version.no, clashes)
