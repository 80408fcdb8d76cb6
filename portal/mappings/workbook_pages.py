"""All mapping tables as one workbook: downloading it, uploading a changed one, its preview, saving.

Here: views, and the changes as the form carries them. Not here: reading and comparing a workbook,
saving its changes (holding/mapping_files).
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from flask import Response, g, make_response, request, url_for

from holding.db.refusal import Refusal, plural
from holding.mappings import fixes as keepers
from holding.mappings import mapping_lists as queries
from holding.mappings import workbook_changes as saving
from holding.mappings.edited_workbook import mapping_workbook, read_workbook
from holding.mappings.entries import LONGEST
from holding.mappings.workbook_changes import AT_ONCE, Change, WorkbookChanges, workbook_changes
from holding.platform import processes as doorbell
from portal.mappings.mapping_pages import pages, tabs
from portal.web import forms, fragments, security, store

__all__ = ["pages"]

XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SHOWN_WRONG: Final = 200
_NO_TEXT: Final = re.compile("[\\0\ud800-\udfff]")
_FORM_SIGNS: Final = 200_000
"""Of the changes in a form, which are at most four bytes each there."""


@pages.get("/workbook")
def workbook() -> Response:
    """How it works, the download, and the form to upload a changed one."""
    return _page({})


@pages.get("/workbook.xlsx")
@security.limiter.limit("12 per minute")
def workbook_file() -> Response:
    """All mapping tables as a workbook."""
    answer = make_response(mapping_workbook(store.reading(), g.company.id, g.now))
    answer.headers["Content-Type"] = XLSX
    name = f"mappings-{g.company.code}-r{g.company.revision}.xlsx"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.post("/workbook")
@security.limiter.limit("12 per minute")
def upload_workbook() -> Response:
    """What a changed workbook would do; nothing of it is stored."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _page({"file": "Select a file."}, status=422)
    name, raw = str(file.filename), file.read()
    names = [one.name for one in queries.tables(store.reading(), g.company.id)]
    store.renew()  # no snapshot is kept while a process reads the workbook
    read = read_workbook(name, raw, names)
    if isinstance(read, Refusal):
        return _page({"file": read.words}, status=422)
    found = workbook_changes(store.reading(), g.actor, read)
    if isinstance(found, Refusal):
        return _page({"file": found.words}, status=422)
    return _page({}, found=found, name=name, status=409 if found.meanwhile else 200)


@pages.post("/workbook/save")
def save_workbook() -> Response:
    """Save the changes as they were shown."""
    form = request.form
    seen, rev = _changes(form.get("changes", "")), forms.whole(form.get("rev"))
    wish = forms.reasoned(form)
    if seen is None or rev is None:
        return _page({"file": "The preview was not complete. Upload the file again."}, status=422)
    if isinstance(wish, forms.Problems):
        shown = WorkbookChanges(tuple(seen), (), (), 0, 0, 0, rev, known=True)
        return _page(wish.by_field, found=shown, name=form.get("name", ""), status=422)
    with store.writing() as session:
        answer = saving.save(
            session,
            g.actor,
            seen,
            forms.whole(form.get("ready")) or 0,
            wish.reason,
            g.now,
            rev=rev,
            op=wish.op or None,
        )
    back = url_for("mappings.workbook", co=g.company.code)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "evaluate")
    woken = plural(answer.woken, "record is", "records are")
    say = f"{plural(answer.keys, 'mapping')} saved. {woken} checked again; nothing was posted."
    if answer.later:
        keys = plural(answer.keys, "mapping")
        say = f"{keys} saved. {woken} checked again, more may follow; nothing was posted."
    return fragments.moved(back, say)


def _page(
    problems: Mapping[str, str],
    *,
    found: WorkbookChanges | None = None,
    name: str = "",
    status: int = 200,
) -> Response:
    session = store.reading()
    fits, effect = found, None
    if found is not None:
        fitting = _fitting(found.changes)
        effect = saving.effect_of(session, g.company.id, fitting, g.now) if fitting else None
        left = len(found.changes) - len(fitting)
        fits = WorkbookChanges(
            fitting,
            found.meanwhile,
            found.wrong,
            found.same,
            found.not_in_file,
            found.more + left,
            found.rev,
            known=found.known,
        )
    return fragments.respond(
        "mappings/workbook.html",
        tabs(),
        status=status,
        found=fits,
        effect=effect,
        told=_told(fits.changes) if fits else "",
        name=name,
        at_once=AT_ONCE,
        most_wrong=SHOWN_WRONG,
        reason=request.form.get("reason", ""),
        problems=problems,
        keeping=keepers.refused(session, g.actor, ()),
    )


def _fitting(changes: Sequence[Change]) -> tuple[Change, ...]:
    """As many as one form carries."""
    signs, fitting = 0, []
    for one in changes:
        signs += len(_told([one]))
        if signs > _FORM_SIGNS:
            break
        fitting.append(one)
    return tuple(fitting)


def _told(changes: Sequence[Change]) -> str:
    """The changes as the form carries them, so that nothing is stored before they are saved."""
    rows = [[one.table, one.key, str(one.since), one.before, one.value] for one in changes]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


def _changes(text: str) -> list[Change] | None:
    """The changes that a form carries; None where they are not as the page wrote them."""
    try:
        rows = json.loads(text)
        found = [
            Change(table, key, date.fromisoformat(since), before, value)
            for table, key, since, before, value in rows
        ]
    except (ValueError, TypeError, RecursionError):
        return None
    return found if len(found) <= AT_ONCE and all(map(_writable, found)) else None


def _writable(change: Change) -> bool:
    """Whether a page of ours writes such a change; JSON also spells signs that are no text."""
    texts = (change.table, change.key, change.value, change.before)
    if not all(isinstance(text, str) for text in texts):
        return False
    named = change.table, change.key
    return (
        all(text.isprintable() and len(text) <= LONGEST for text in named)
        and change.value.isprintable()
        and not _NO_TEXT.search(change.before)
    )
