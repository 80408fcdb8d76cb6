"""Another value for a key that has one: what it would move, and what it contradicts in the books.

Here: views of the mappings pages: the form with its preview, and the posted documents of a saved
change with their reclassification sheet. Not here: values that are missing (mappings.py), which
documents those are (holding/impact).
"""

from typing import Any
from zoneinfo import ZoneInfo

from flask import Response, abort, g, make_response, request, url_for

from connectors.kit.workbook import write_sheets
from holding import doorbell, mappings
from holding.impact import journal, reclassify
from holding.queries import mappings as queries
from holding.refusal import Refusal
from portal import forms, fragments, store
from portal.pages.mappings import pages, said, saved

__all__ = ["pages"]
SHOWN = 50
JUDGED = 500
MOST_KEYS = 50  # of one merge
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pages.get("/<table>/entry")
def entry(table: str) -> Response:
    """One entry, and what another value of it would do."""
    return _form(table, request.args, {}, status=200)


@pages.post("/<table>/entry")
def save_entry(table: str) -> Response:
    """Save the other value; what it moves is judged again, what is posted stays."""
    wish = forms.map_value(request.form)
    if isinstance(wish, forms.Problems):
        return _form(table, request.form, dict(wish.by_field), status=422)
    answer = saved(table, wish)
    if isinstance(answer, Refusal):
        if answer.status == 422:
            return _form(table, request.form, {"to": f"{answer.message} {answer.hint}"}, status=422)
        return fragments.refuse(answer, back=_entry_url(table, wish.key))
    doorbell.ring(g.company.id, "evaluate")
    shown_url = url_for("mappings.moved", co=g.company.code, no=answer.revision)
    return fragments.moved(shown_url, said(answer))


@pages.get("/changes/<int:no>")
def moved(no: int) -> Response:
    """The posted documents that a saved change contradicts."""
    change = reclassify.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    found = reclassify.contradictions(store.reading(), change, most=JUDGED)
    return fragments.respond(
        "mappings/moved.html",
        change=change,
        before=change.before.text if change.before else "",
        after=change.after.text if change.after else "",
        found=found,
        beside=_beside(change, forms.whole(request.args.get("since"))),
        rows=found.documents[:SHOWN],
        pairs={one.posting_id: journal.entries(one) for one in found.documents[:SHOWN]},
        tables=queries.tables(store.reading(), g.company.id),
        missing_count=len(mappings.missing(store.reading(), g.company.id)),
    )


@pages.get("/changes/<int:no>/reclassification.xlsx")
def sheet(no: int) -> Response:
    """All of them as a journal to enter, and as a list of every value that differs."""
    change = reclassify.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    found = reclassify.contradictions(store.reading(), change).documents
    today = g.now.astimezone(ZoneInfo(g.company.zone)).date()
    body = write_sheets(
        {
            "Journal": journal.journal_rows(change, found, today),
            "Documents": journal.document_rows(found),
        }
    )
    answer = make_response(body)
    answer.headers["Content-Type"] = XLSX
    name = f"reclassification-{g.company.code}-{no}.xlsx"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _beside(change: reclassify.Saved, since: int | None) -> list[Any]:
    """All changes of a merge, the last of which is shown, each with what it contradicts."""
    session, last = store.reading(), change.revision
    if since is None or not max(0, last.no - MOST_KEYS) < since < last.no:
        return []
    saved = (reclassify.saved_change(session, g.company.id, no) for no in range(since, last.no + 1))
    return [
        (one, reclassify.contradictions(session, one, most=JUDGED))
        for one in saved
        if one and (one.by, one.revision.at) == (change.by, last.at)
    ]


def _entry_url(table: str, key: str) -> str:
    return url_for("mappings.entry", co=g.company.code, table=table, key=key)


def _form(table: str, given: Any, problems: dict[str, str], *, status: int) -> Response:
    """The form with a preview of the value in it."""
    session, key = store.reading(), given.get("key", "")
    stored = queries.entry(session, g.company.id, table, key)
    if stored is None:
        abort(404)
    typed = (given.get("other") or "").strip()
    preview = None
    if typed:
        found = mappings.preview(session, g.company.id, table, key, typed, g.now)
        if isinstance(found, Refusal):
            problems, status = {"to": f"{found.message} {found.hint}", **problems}, found.status
        else:
            preview = found
    return fragments.respond(
        "mappings/entry.html",
        status=status,
        table=table,
        key=key,
        value=stored,
        typed=typed,
        reason=given.get("reason", ""),
        preview=preview,
        problems=problems,
        tables=queries.tables(session, g.company.id),
        missing_count=len(mappings.missing(session, g.company.id)),
    )
