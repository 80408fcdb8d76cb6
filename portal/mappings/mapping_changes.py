"""Merging parties, the posted documents that a change contradicts, and the mapping workbook."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from flask import Response, abort, g, make_response, request, url_for

from connectors.kit.workbook import write_sheets
from holding.db import together
from holding.db.refusal import Refusal, plural
from holding.mappings import fixes, mapping_lists, party_merge, reclassification
from holding.mappings import workbook_changes as saving
from holding.mappings.edited_workbook import mapping_workbook, read_workbook
from holding.mappings.entries import LONGEST
from holding.mappings.workbook_changes import AT_ONCE, Change, WorkbookChanges, workbook_changes
from holding.platform import changes as later_wakes
from holding.platform import processes
from holding.platform.states import END_OF_IDS
from portal.mappings.mapping_pages import head_values, hidden_table_refusal, hidden_tables, pages
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs

__all__ = ["pages"]

SHOWN = 50

JUDGED = 500

A_SHEET = 5_000
"""A sheet has those of so many documents; that of the older ones is another."""

MOST_KEYS = 50  # of one merge

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


SHOWN_WRONG: Final = 200

_NO_TEXT: Final = re.compile("[\\0\ud800-\udfff]")

_FORM_SIGNS: Final = 200_000
"""Of the changes in a form, which are at most four bytes each there."""


@pages.get("/parties")
@needs("record.read")
def parties_found() -> Response:
    """Two keys that seem to be one party, each pair once."""
    found = party_merge.merge_proposals(store.reading(), g.company.id, filters.today())
    return store.respond("mappings/parties.html", head_values(), found=found)


@pages.get("/parties/<int:hold_id>")
@needs("record.read")
def merge(hold_id: int) -> Response:
    """One proposal: the keys that it changes, and what both parties owe together."""
    return _merge_page(hold_id, request.args.get("turned") == "1", {})


def _merge_page(
    hold_id: int, turned: bool, problems: dict[str, str], *, status: int = 200
) -> Response:
    found = party_merge.merge_proposal(
        store.reading(), g.company.id, hold_id, filters.today(), turned=turned
    )
    if found is None:
        abort(404)
    return store.respond(
        "mappings/merge.html",
        head_values(),
        status=status,
        merge=found,
        keeping=fixes.refuse_change(store.reading(), g.actor, [key.table for key in found.keys]),
        turned=turned,
        hidden=hidden_tables(),
        problems=problems,
        typed=request.form.get("reason", ""),
    )


@pages.post("/parties/<int:hold_id>")
@needs("mapping.fix")
def accept_merge(hold_id: int) -> Response:
    """Give the keys of one party to the other, in the mappings only."""
    turned = request.form.get("turned") == "1"
    wish = forms.read_reason(request.form)
    if isinstance(wish, forms.Problems):
        return _merge_page(hold_id, turned, dict(wish.by_field), status=422)
    rev = forms.parse_whole(request.form.get("rev"))
    with store.writing() as session:
        answer = party_merge.accept_merge(
            session,
            g.actor,
            hold_id,
            wish.reason,
            g.now,
            today=filters.today(),
            turned=turned,
            rev=rev if rev is not None else g.company.revision,
            op=wish.op or None,
        )
    back = url_for("mappings.parties_found", co=g.company.code)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "evaluate")
    since = answer.first if answer.first != answer.revision else None
    moved = url_for("mappings.moved", co=g.company.code, no=answer.revision, since=since)
    keys = plural(answer.keys, "key names", "keys name")
    woken = plural(answer.woken, "record is", "records are")
    say = (
        f"Merged: {keys} the other party now, {woken} checked again."
        " What is posted stays as it is; what was on hold for this alone becomes ready and is sent."
    )
    if answer.later:
        say = (
            f"Merged: {keys} the other party now, {woken} checked again, more may follow."
            " What is posted stays as it is; what was on hold for this alone becomes ready"
            " and is sent."
        )
    return store.redirect_with_message(moved, say)


@pages.post("/parties/<int:hold_id>/refuse")
@needs("mapping.fix")
def refuse_merge(hold_id: int) -> Response:
    """Say for good that the two are not one party."""
    wish = forms.read_reason(request.form)
    if isinstance(wish, forms.Problems):
        problems = {"apart": "Give a reason, so that it is not proposed again without one."}
        return _merge_page(hold_id, turned=False, problems=problems, status=422)
    with store.writing() as session:
        op = wish.op or None
        answer = party_merge.refuse_merge(
            session, g.actor, hold_id, wish.reason, g.now, today=filters.today(), op=op
        )
    back = url_for("mappings.parties_found", co=g.company.code)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    say = f"{answer.first} and {answer.second} stay two parties. The merge is not proposed again."
    return store.redirect_with_message(back, say)


@pages.get("/changes/<int:no>")
@needs("record.read")
def moved(no: int) -> Response:
    """The posted documents that a saved change contradicts."""
    change = reclassification.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    if change.table in hidden_tables():
        return hidden_table_refusal(change.table)
    below = forms.parse_whole(request.args.get("below"))
    sent = together.answer(
        store.reading(), reclassification.asked_documents(change, A_SHEET, below or END_OF_IDS)
    )
    found = reclassification.find_contradictions(store.reading(), change, sent, most=JUDGED)
    return store.respond(
        "mappings/moved.html",
        change=change,
        before=change.before.text if change.before else "",
        after=change.after.text if change.after else "",
        found=found,
        below=below,
        later=later_wakes.has_pending(store.reading(), g.company.id, change.entries),
        beside=_beside(change, forms.parse_whole(request.args.get("since"))),
        rows=found.documents[:SHOWN],
        pairs={
            one.posting_id: reclassification.journal_entries(one) for one in found.documents[:SHOWN]
        },
        tables=mapping_lists.tables(store.reading(), g.company.id),
        missing_count=filters.count_missing(),
    )


def _beside(
    change: reclassification.Saved, since: int | None
) -> list[tuple[reclassification.Saved, reclassification.Contradictions]]:
    """All changes of a merge, the last of which is shown, each with what it contradicts."""
    session = store.reading()
    if since is None or not max(0, change.no - MOST_KEYS) < since < change.no:
        return []
    saved = (
        reclassification.saved_change(session, g.company.id, no)
        for no in range(since, change.no + 1)
    )
    return [
        (one, reclassification.find_contradictions(session, one, most=JUDGED))
        for one in saved
        if one and (one.by, one.at) == (change.by, change.at)
    ]


@pages.get("/changes/<int:no>/reclassification.xlsx")
@needs("record.pii")
def sheet(no: int) -> Response:
    """Them as a journal to enter, and as a list of every value that differs: of so many documents,
    the newest or those below one.
    """
    change = reclassification.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    below = forms.parse_whole(request.args.get("below"))
    sent = together.answer(
        store.reading(), reclassification.asked_documents(change, A_SHEET, below or END_OF_IDS)
    )
    found = reclassification.find_contradictions(store.reading(), change, sent).documents
    body = write_sheets(
        {
            "Journal": reclassification.journal_rows(change, found, filters.today()),
            "Documents": reclassification.document_rows(found),
        }
    )
    answer = make_response(body)
    answer.headers["Content-Type"] = XLSX
    name = f"reclassification-{g.company.code}-{no}.xlsx"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.get("/workbook")
@needs("record.read")
def workbook() -> Response:
    """How it works, the download, and the form to upload a changed one."""
    return _workbook_page({})


def _workbook_page(
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
    return store.respond(
        "mappings/workbook.html",
        head_values(),
        status=status,
        found=fits,
        effect=effect,
        told=_told(fits.changes) if fits else "",
        name=name,
        at_once=AT_ONCE,
        most_wrong=SHOWN_WRONG,
        reason=request.form.get("reason", ""),
        problems=problems,
        keeping=fixes.refuse_change(session, g.actor, ()),
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


@pages.get("/workbook.xlsx")
@needs("mapping.read")
@request_guard.limiter.limit("12 per minute")
def workbook_file() -> Response:
    """All mapping tables as a workbook."""
    answer = make_response(mapping_workbook(store.reading(), g.company.id, g.now))
    answer.headers["Content-Type"] = XLSX
    name = f"mappings-{g.company.code}-r{g.company.revision}.xlsx"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.post("/workbook")
@needs("mapping.fix")
@request_guard.limiter.limit("12 per minute")
def upload_workbook() -> Response:
    """What a changed workbook would do; nothing of it is stored."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _workbook_page({"file": "Select a file."}, status=422)
    name, raw = str(file.filename), file.read()
    names = [one.name for one in mapping_lists.tables(store.reading(), g.company.id)]
    store.drop_snapshot()  # no snapshot is kept while a process reads the workbook
    read = read_workbook(name, raw, names)
    if isinstance(read, Refusal):
        return _workbook_page({"file": read.words}, status=422)
    found = workbook_changes(store.reading(), g.actor, read)
    if isinstance(found, Refusal):
        return _workbook_page({"file": found.words}, status=422)
    return _workbook_page({}, found=found, name=name, status=409 if found.meanwhile else 200)


@pages.post("/workbook/save")
@needs("mapping.fix")
def save_workbook() -> Response:
    """Save the changes as they were shown."""
    form = request.form
    seen, rev = _changes(form.get("changes", "")), forms.parse_whole(form.get("rev"))
    wish = forms.read_reason(form)
    if seen is None or rev is None:
        return _workbook_page(
            {"file": "The preview was not complete. Upload the file again."}, status=422
        )
    if isinstance(wish, forms.Problems):
        shown = WorkbookChanges(tuple(seen), (), (), 0, 0, 0, rev, known=True)
        return _workbook_page(wish.by_field, found=shown, name=form.get("name", ""), status=422)
    with store.writing() as session:
        answer = saving.save_changes(
            session,
            g.actor,
            seen,
            forms.parse_whole(form.get("ready")) or 0,
            wish.reason,
            g.now,
            rev=rev,
            op=wish.op or None,
        )
    back = url_for("mappings.workbook", co=g.company.code)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "evaluate")
    woken = plural(answer.woken, "record is", "records are")
    say = f"{plural(answer.keys, 'mapping')} saved. {woken} checked again; nothing was posted."
    if answer.later:
        keys = plural(answer.keys, "mapping")
        say = f"{keys} saved. {woken} checked again, more may follow; nothing was posted."
    return store.redirect_with_message(back, say)


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
