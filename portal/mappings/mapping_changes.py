"""Serve party merges, the posted documents that a change contradicts, and the mapping workbook."""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from flask import Response, abort, g, make_response, request, url_for

from connectors.kit.workbook import write_sheets
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
"""Documents per workbook; older documents go into another workbook."""

MOST_KEYS = 50  # keys in one merge

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


SHOWN_WRONG: Final = 200

_NO_TEXT: Final = re.compile("[\\0\ud800-\udfff]")

_FORM_SIGNS: Final = 200_000
"""Most characters of the changes in a form; each takes up to four bytes there."""


@pages.get("/parties")
@needs("record.read")
def parties_found() -> Response:
    """Show each pair of keys that may be one party, each pair once."""
    proposals = party_merge.merge_proposals(store.reading(), g.company.id, filters.today())
    return store.respond("mappings/parties.html", head_values(), found=proposals)


@pages.get("/parties/<int:hold_id>")
@needs("record.read")
def merge(hold_id: int) -> Response:
    """Show one proposal: the keys that it changes, and what both parties owe together."""
    return _show_merge(hold_id, request.args.get("turned") == "1", {})


def _show_merge(
    hold_id: int, turned: bool, problems: dict[str, str], *, status: int = 200
) -> Response:
    proposal = party_merge.merge_proposal(
        store.reading(), g.company.id, hold_id, filters.today(), turned=turned
    )
    if proposal is None:
        abort(404)
    return store.respond(
        "mappings/merge.html",
        head_values(),
        status=status,
        merge=proposal,
        keeping=fixes.refuse_change(store.reading(), g.actor, [key.table for key in proposal.keys]),
        turned=turned,
        hidden=hidden_tables(),
        problems=problems,
        typed=request.form.get("reason", ""),
    )


@pages.post("/parties/<int:hold_id>")
@needs("mapping.fix")
def accept_merge(hold_id: int) -> Response:
    """Merge the keys of one party into the other, in the mappings only."""
    turned = request.form.get("turned") == "1"
    reason_form = forms.read_reason(request.form)
    if isinstance(reason_form, forms.Problems):
        return _show_merge(hold_id, turned, dict(reason_form.by_field), status=422)
    rev = forms.parse_whole(request.form.get("rev"))
    with store.writing() as session:
        merged = party_merge.accept_merge(
            session,
            g.actor,
            hold_id,
            reason_form.reason,
            g.now,
            today=filters.today(),
            turned=turned,
            rev=rev if rev is not None else g.company.revision,
            op=reason_form.op or None,
        )
    back = url_for("mappings.parties_found", co=g.company.code)
    if isinstance(merged, Refusal):
        return store.refuse(merged, back=back)
    processes.ring(g.company.id, "evaluate")
    since = merged.first if merged.first != merged.revision else None
    moved = url_for("mappings.moved", co=g.company.code, no=merged.revision, since=since)
    keys = plural(merged.keys, "key names", "keys name")
    woken = plural(merged.woken, "record is", "records are")
    say = (
        f"Merged: {keys} the other party now, {woken} checked again."
        " What is posted stays as it is; what was on hold for this alone becomes ready and is sent."
    )
    if merged.later:
        say = (
            f"Merged: {keys} the other party now, {woken} checked again, more may follow."
            " What is posted stays as it is; what was on hold for this alone becomes ready"
            " and is sent."
        )
    return store.redirect_with_message(moved, say)


@pages.post("/parties/<int:hold_id>/refuse")
@needs("mapping.fix")
def refuse_merge(hold_id: int) -> Response:
    """Record permanently that the two parties are different."""
    reason_form = forms.read_reason(request.form)
    if isinstance(reason_form, forms.Problems):
        problems = {"apart": "Give a reason, so that it is not proposed again without one."}
        return _show_merge(hold_id, turned=False, problems=problems, status=422)
    with store.writing() as session:
        op = reason_form.op or None
        refused = party_merge.refuse_merge(
            session, g.actor, hold_id, reason_form.reason, g.now, today=filters.today(), op=op
        )
    back = url_for("mappings.parties_found", co=g.company.code)
    if isinstance(refused, Refusal):
        return store.refuse(refused, back=back)
    say = f"{refused.first} and {refused.second} stay two parties. The merge is not proposed again."
    return store.redirect_with_message(back, say)


@pages.get("/changes/<int:no>")
@needs("record.read")
def moved(no: int) -> Response:
    """Show the posted documents that a saved change contradicts."""
    change = reclassification.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    if change.table in hidden_tables():
        return hidden_table_refusal(change.table)
    below = forms.parse_whole(request.args.get("below"))
    sent = reclassification.load_sent(store.reading(), change, A_SHEET, below or END_OF_IDS)
    contradictions = reclassification.find_contradictions(
        store.reading(), change, sent, most=JUDGED
    )
    return store.respond(
        "mappings/moved.html",
        change=change,
        before=change.before.text if change.before else "",
        after=change.after.text if change.after else "",
        found=contradictions,
        below=below,
        later=later_wakes.has_pending(store.reading(), g.company.id, change.entries),
        beside=_merge_contradictions(change, forms.parse_whole(request.args.get("since"))),
        rows=contradictions.documents[:SHOWN],
        pairs={
            document.posting_id: reclassification.journal_entries(document)
            for document in contradictions.documents[:SHOWN]
        },
        tables=mapping_lists.tables(store.reading(), g.company.id),
        missing_count=filters.count_missing(),
    )


def _merge_contradictions(
    change: reclassification.Saved, since: int | None
) -> list[tuple[reclassification.Saved, reclassification.Contradictions]]:
    """Return all changes of a merge with their contradictions; `change` is the last one saved."""
    session = store.reading()
    if since is None or not max(0, change.no - MOST_KEYS) < since < change.no:
        return []
    saved_changes = (
        reclassification.saved_change(session, g.company.id, no)
        for no in range(since, change.no + 1)
    )
    return [
        (saved_change, reclassification.find_contradictions(session, saved_change, most=JUDGED))
        for saved_change in saved_changes
        if saved_change and (saved_change.by, saved_change.at) == (change.by, change.at)
    ]


@pages.get("/changes/<int:no>/reclassification.xlsx")
@needs("record.names")
def sheet(no: int) -> Response:
    """Return the contradictions as a workbook: a journal to enter, and a list of differing values.

    It covers up to A_SHEET documents: the newest, or those below one id.
    """
    change = reclassification.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    below = forms.parse_whole(request.args.get("below"))
    sent = reclassification.load_sent(store.reading(), change, A_SHEET, below or END_OF_IDS)
    documents = reclassification.find_contradictions(store.reading(), change, sent).documents
    body = write_sheets(
        {
            "Journal": reclassification.journal_rows(change, documents, filters.today()),
            "Documents": reclassification.document_rows(documents),
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
    """Show instructions, the download, and the upload form of the mapping workbook."""
    return _show_workbook({})


def _show_workbook(
    problems: Mapping[str, str],
    *,
    changes: WorkbookChanges | None = None,
    name: str = "",
    status: int = 200,
) -> Response:
    session = store.reading()
    fits, effect = changes, None
    if changes is not None:
        fitting = _fitting_changes(changes.changes)
        effect = saving.effect_of(session, g.company.id, fitting, g.now) if fitting else None
        left = len(changes.changes) - len(fitting)
        fits = WorkbookChanges(
            fitting,
            changes.meanwhile,
            changes.wrong,
            changes.same,
            changes.not_in_file,
            changes.more + left,
            changes.rev,
            known=changes.known,
        )
    return store.respond(
        "mappings/workbook.html",
        head_values(),
        status=status,
        found=fits,
        effect=effect,
        told=_changes_json(fits.changes) if fits else "",
        name=name,
        at_once=AT_ONCE,
        most_wrong=SHOWN_WRONG,
        reason=request.form.get("reason", ""),
        problems=problems,
        keeping=fixes.refuse_change(session, g.actor, ()),
    )


def _fitting_changes(changes: Sequence[Change]) -> tuple[Change, ...]:
    """Return as many changes as one form can carry."""
    signs, fitting = 0, []
    for change in changes:
        signs += len(_changes_json([change]))
        if signs > _FORM_SIGNS:
            break
        fitting.append(change)
    return tuple(fitting)


def _changes_json(changes: Sequence[Change]) -> str:
    """Return the changes as the form carries them; they are stored only when the form is saved."""
    rows = [
        [change.table, change.key, str(change.since), change.before, change.value]
        for change in changes
    ]
    return json.dumps(rows, ensure_ascii=False, separators=(",", ":"))


@pages.get("/workbook.xlsx")
@needs("mapping.read")
@request_guard.limiter.limit("12 per minute")
def workbook_file() -> Response:
    """Return all mapping tables as a workbook."""
    answer = make_response(mapping_workbook(store.reading(), g.company.id, g.now))
    answer.headers["Content-Type"] = XLSX
    name = f"mappings-{g.company.code}-r{g.company.revision}.xlsx"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@pages.post("/workbook")
@needs("mapping.fix")
@request_guard.limiter.limit("12 per minute")
def upload_workbook() -> Response:
    """Show the effect of a changed workbook; nothing is stored."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return _show_workbook({"file": "Select a file."}, status=422)
    name, raw = str(file.filename), file.read()
    names = [row.name for row in mapping_lists.tables(store.reading(), g.company.id)]
    store.drop_snapshot()  # no snapshot is kept while a process reads the workbook
    workbook = read_workbook(name, raw, names)
    if isinstance(workbook, Refusal):
        return _show_workbook({"file": workbook.words}, status=422)
    changes = workbook_changes(store.reading(), g.actor, workbook)
    if isinstance(changes, Refusal):
        return _show_workbook({"file": changes.words}, status=422)
    return _show_workbook({}, changes=changes, name=name, status=409 if changes.meanwhile else 200)


@pages.post("/workbook/save")
@needs("mapping.fix")
def save_workbook() -> Response:
    """Save the changes as they were shown."""
    form = request.form
    shown_changes, rev = _read_changes(form.get("changes", "")), forms.parse_whole(form.get("rev"))
    reason_form = forms.read_reason(form)
    if shown_changes is None or rev is None:
        return _show_workbook(
            {"file": "The preview was not complete. Upload the file again."}, status=422
        )
    if isinstance(reason_form, forms.Problems):
        workbook_state = WorkbookChanges(tuple(shown_changes), (), (), 0, 0, 0, rev, known=True)
        return _show_workbook(
            reason_form.by_field, changes=workbook_state, name=form.get("name", ""), status=422
        )
    with store.writing() as session:
        saved = saving.save_changes(
            session,
            g.actor,
            shown_changes,
            forms.parse_whole(form.get("ready")) or 0,
            reason_form.reason,
            g.now,
            rev=rev,
            op=reason_form.op or None,
        )
    back = url_for("mappings.workbook", co=g.company.code)
    if isinstance(saved, Refusal):
        return store.refuse(saved, back=back)
    processes.ring(g.company.id, "evaluate")
    woken = plural(saved.woken, "record is", "records are")
    say = f"{plural(saved.keys, 'mapping')} saved. {woken} checked again; nothing was posted."
    if saved.later:
        keys = plural(saved.keys, "mapping")
        say = f"{keys} saved. {woken} checked again, more may follow; nothing was posted."
    return store.redirect_with_message(back, say)


def _read_changes(text: str) -> list[Change] | None:
    """Return the changes that a form carries; None if the page did not write them."""
    try:
        rows = json.loads(text)
        changes = [
            Change(table, key, date.fromisoformat(since), before, value)
            for table, key, since, before, value in rows
        ]
    except (ValueError, TypeError, RecursionError):
        return None
    return changes if len(changes) <= AT_ONCE and all(map(_is_writable, changes)) else None


def _is_writable(change: Change) -> bool:
    """Check whether a page could have written the change; JSON can carry invalid characters."""
    texts = (change.table, change.key, change.value, change.before)
    if not all(isinstance(text, str) for text in texts):
        return False
    short_texts = change.table, change.key
    return (
        all(text.isprintable() and len(text) <= LONGEST for text in short_texts)
        and change.value.isprintable()
        and not _NO_TEXT.search(change.before)
    )
