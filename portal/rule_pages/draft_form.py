"""A draft as its form sends it: its text, what its window began with, and keeping it.

Here: reading the form, all files with it, what is kept of it. Not here: the page (editor.py),
drafts (holding/rule_changes/drafts.py).
"""

from dataclasses import dataclass
from datetime import datetime

from flask import abort, g, request

from grammar.text.correction import Correction, corrected
from grammar.text.problem import Span
from holding.refusal import Refusal
from holding.rule_changes import drafts
from holding.rulesets import admission, publication
from holding.rulesets import rulebook as queries
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
    """Keep what the form says; a base that the form does not know is the version in force. `seen`:
    the mark of what is kept by now, where that is known better than by the form.
    """
    version, base = version_in_force(), forms.whole(request.form.get("base"))
    found = queries.published(store.reading(), g.company.id, base) if base is not None else None
    base_id = found.version_id if found else version.version_id
    began_with = seen_mark() if seen is None else seen
    with store.writing() as session:
        refusal = drafts.keep(session, g.actor, path, text, base_id, g.now, seen=began_with)
    no = found.no if found else version.no
    mark = drafts.mark_of(text)
    return refusal or Shown(text=text, base_no=no, saved_at=g.now, seen=mark)


def name_of(path: str) -> str:
    """The draft, for whoever remembers it: nobody else's is ever called the same."""
    return f"{g.company.id}/{g.actor.person_id}/{path}"


def files_of(path: str) -> dict[str, str]:
    """All files in force, if this is a rule file among them or one that this person began; such a
    file is blank.
    """
    version = queries.version_in_force(store.reading(), g.company.id)
    files = publication.files_of(store.reading(), version.version_id) if version else {}
    if path in admission.rule_sources(files):
        return files
    if version is None or path in files or drafts.draft(store.reading(), g.actor, path) is None:
        abort(404)
    return {**files, path: ""}


def version_in_force() -> queries.VersionInForce:
    """The rules in force; 404 where there are none."""
    found = queries.version_in_force(store.reading(), g.company.id)
    if found is None:
        abort(404)
    return found
