"""A draft as its form sends it: its text, what its window began with, and keeping it.

Here: reading the form, the change that its file is of, what is kept of it. Not here: the page
(draft_page.py), drafts and their change (holding/rule_changes).
"""

from dataclasses import dataclass
from datetime import datetime

from flask import abort, g, request

from grammar.text.problem import Correction, Span, corrected
from holding.db.refusal import Refusal
from holding.rulesets import drafts
from holding.rulesets import rulebook as queries
from holding.rulesets.drafts import OwnChange, own_change
from portal.web import forms, store


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the editor stands at: the text, the version it was begun from, when it was kept, and
    the mark of what is kept.
    """

    text: str
    base_no: int
    saved_at: datetime | None = None
    seen: str = ""


def given_text() -> str:
    """What is written in the form."""
    return request.form.get("text", "").replace("\r\n", "\n")


def with_correction(text: str) -> str:
    """The text with the correction whose button was pressed, if one was; where scripts are on, the
    editor has made it already.
    """
    place, _, instead = request.form.get("correct", "").partition(" ")
    at = [forms.whole(part) for part in place.split(":")]
    line, column, end = at if len(at) == 3 else (None, None, None)
    if line is None or column is None or end is None:
        return text
    return corrected(text, Correction(Span("", line, column, line, end), instead))


def seen_mark() -> str | None:
    """The mark of the draft that the form was begun with, or that its writer chose to overwrite."""
    return request.form.get("over", request.form.get("seen"))


def kept(path: str, text: str, seen: str | None = None) -> Shown | Refusal:
    """Keep what the form says. `seen`: the mark of what is kept by now, where that is known better
    than by the form.
    """
    base, began_with = base_of(path), seen_mark() if seen is None else seen
    with store.writing() as session:
        refusal = drafts.keep(session, g.actor, path, text, base.id, g.now, seen=began_with)
    mark = drafts.mark_of(text)
    return refusal or Shown(text=text, base_no=base.no, saved_at=g.now, seen=mark)


@dataclass(frozen=True, slots=True)
class Base:
    """The version that a draft was begun from."""

    id: int | None
    no: int


def base_of(path: str) -> Base:
    """Of the draft that is kept; where none is, of the file that the form was begun with. One that
    the form does not know is the version in force.
    """
    change, session = change_of(path), store.reading()
    draft = change.drafts.get(path)
    if draft is not None:
        return Base(draft.base_id, queries.no_of(session, g.company.id, draft.base_id) or 0)
    asked = forms.whole(request.form.get("base"))
    found = queries.published(session, g.company.id, asked) if asked is not None else None
    version = change.version
    return Base(found.version_id, found.no) if found else Base(version.version_id, version.no)


def name_of_change() -> str:
    """The change that is written, for whoever remembers it: nobody else's is called the same."""
    return f"{g.company.id}/{g.actor.person_id}"


def change_of(path: str) -> OwnChange:
    """The change that this person writes; 404 where this is none of the files that it opens."""
    found = own_change(store.reading(), g.actor)
    if found is None or path not in found.paths:
        abort(404)
    return found


def version_in_force() -> queries.VersionInForce:
    """The rules in force; 404 where there are none."""
    found = queries.version_in_force(store.reading(), g.company.id)
    if found is None:
        abort(404)
    return found
