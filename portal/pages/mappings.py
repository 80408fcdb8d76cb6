"""Mappings: values that are missing, the fix with its preview, the tables, and other values.

Here: views. What another value for a key contradicts in the books is shown with its
reclassification sheet. Not here: what a fix wakes (holding/mappings/fixes.py) and would do
(holding/mappings/preview.py), which documents it contradicts (holding/mappings).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from flask import Blueprint, Response, abort, g, make_response, request, url_for
from werkzeug.datastructures import MultiDict

from connectors.kit.workbook import write_sheets
from holding.mappings import correcting_journal, entries, fixes, party_merge, reclassification
from holding.mappings import mapping_lists as queries
from holding.mappings import preview as mappings_preview
from holding.refusal import Refusal
from holding.runtime import doorbell
from portal.web import forms, fragments, store

pages = Blueprint("mappings", __name__, url_prefix="/c/<co>/mappings")


@pages.get("/missing")
def missing() -> Response:
    """What has no mapping, worst money first; one of them open."""
    return fragments.respond(
        "mappings/missing.html", _missing(_opened(forms.whole(request.args.get("cause"))), {})
    )


@pages.get("/<table>")
def table(table: str) -> Response:
    """The entries of one table."""
    session = store.reading()
    tables = queries.tables(session, g.company.id)
    if table not in {row.name for row in tables}:
        abort(404)
    text = request.args.get("q", "").strip()[:100]
    rows = queries.entries(session, g.company.id, table, text=text, after=request.args.get("after"))
    return fragments.respond(
        "mappings/table.html",
        table=table,
        tables=tables,
        rows=rows,
        text=text,
        missing_count=len(fixes.missing(session, g.company.id)),
        after=rows[-1].key if len(rows) >= queries.A_PAGE else None,
    )


@pages.route("/preview", methods=["GET", "POST"])
def preview() -> Response:
    """What a fix would free, and what would stay held and why; changes nothing.

    The form posts what is typed: its token, and a value that nobody saved, stand in no address.
    """
    return _panel(request.form or request.args, {}, status=200)


@pages.post("/fix")
def fix() -> Response:
    """Save the entry; what it blocked is judged again."""
    wish = forms.map_value(request.form)
    if isinstance(wish, forms.Problems):
        return _panel(request.form, dict(wish.by_field), status=422)
    answer = saved(wish.table, wish)
    back = url_for("mappings.missing", co=g.company.code)
    if isinstance(answer, Refusal):
        if answer.status == 422:
            return _panel(request.form, {"to": f"{answer.message} {answer.hint}"}, status=422)
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "evaluate")
    return fragments.moved(back, said(answer))


def saved(table: str, wish: forms.MapValue) -> fixes.Fixed | Refusal:
    """Give a key of a table the value that the person wishes."""
    with store.writing() as session:
        return fixes.fix(
            session,
            g.actor,
            table,
            wish.key,
            wish.value,
            reason=wish.reason,
            now=g.now,
            rev=wish.rev if wish.rev is not None else g.company.revision,
            op=wish.op or None,
        )


def said(done: fixes.Fixed) -> str:
    """What a saved value did, in one sentence."""
    was = f", before {done.before}" if done.before else ""
    woken = f"{done.woken} {'record is' if done.woken == 1 else 'records are'} judged again"
    return f"{done.table}: “{done.key}” is now {done.value}{was}. {woken}."


def _panel(form: MultiDict[str, str], problems: dict[str, str], *, status: int) -> Response:
    """The open panel with a preview of the value in the form."""
    opened = _opened(forms.whole(form.get("cause")))
    value = (form.get("other") or "").strip() or form.get("to", "")
    if opened is not None:
        opened.chosen, opened.typed = value, form.get("other", "")
        opened.reason = form.get("reason", "")
        if value:
            row = opened.row
            found = mappings_preview.preview(
                store.reading(), g.company.id, row.table, row.key, value, g.now
            )
            if isinstance(found, Refusal):
                problems["to"] = f"{found.message} {found.hint}"
                status = found.status
            else:
                opened.preview = found
        elif status == 200:
            problems["to"] = "Choose a suggestion or type the value."
    return fragments.respond("mappings/missing.html", _missing(opened, problems), status=status)


@dataclass(slots=True)
class _Opened:
    """The missing value that the page shows, with what is in its form."""

    row: fixes.Missing
    suggestions: tuple[entries.Suggestion, ...]
    preview: mappings_preview.Preview | None = None
    chosen: str = ""
    typed: str = ""
    reason: str = ""


def _opened(cause_id: int | None) -> _Opened | None:
    rows = fixes.missing(store.reading(), g.company.id)
    row = next((r for r in rows if r.cause_id == cause_id), None)
    return None if row is None else _Opened(row, _suggested(row))


def _missing(opened: _Opened | None, problems: Mapping[str, str]) -> dict[str, object]:
    session = store.reading()
    return {
        "rows": fixes.missing(session, g.company.id),
        "open": opened,
        "tables": queries.tables(session, g.company.id),
        "revisions": queries.revisions(session, g.company.id),
        "problems": problems,
    }


def _suggested(row: fixes.Missing) -> tuple[entries.Suggestion, ...]:
    """Values in use: how the party is known otherwise first, then keys that look alike."""
    session = store.reading()
    known = party_merge.known_as(session, g.company.id, row.table, row.cause_id)
    values = {one.value for one in known}
    alike = entries.suggestions(session, g.company.id, row.table, row.key)
    return (*known, *(one for one in alike if one.value not in values))


SHOWN = 50
JUDGED = 500
MOST_KEYS = 50  # of one merge
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pages.get("/<table>/entry")
def entry(table: str) -> Response:
    """One entry, and what another value of it would do."""
    return _form(table, request.args, {}, status=200)


@pages.post("/<table>/entry/preview")
def preview_entry(table: str) -> Response:
    """What the typed value would do; changes nothing."""
    return _form(table, request.form, {}, status=200)


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
    change = reclassification.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    found = reclassification.contradictions(store.reading(), change, most=JUDGED)
    return fragments.respond(
        "mappings/moved.html",
        change=change,
        before=change.before.text if change.before else "",
        after=change.after.text if change.after else "",
        found=found,
        beside=_beside(change, forms.whole(request.args.get("since"))),
        rows=found.documents[:SHOWN],
        pairs={one.posting_id: correcting_journal.entries(one) for one in found.documents[:SHOWN]},
        tables=queries.tables(store.reading(), g.company.id),
        missing_count=len(fixes.missing(store.reading(), g.company.id)),
    )


@pages.get("/changes/<int:no>/reclassification.xlsx")
def sheet(no: int) -> Response:
    """All of them as a journal to enter, and as a list of every value that differs."""
    change = reclassification.saved_change(store.reading(), g.company.id, no)
    if change is None:
        abort(404)
    found = reclassification.contradictions(store.reading(), change).documents
    today = g.now.astimezone(ZoneInfo(g.company.zone)).date()
    body = write_sheets(
        {
            "Journal": correcting_journal.journal_rows(change, found, today),
            "Documents": correcting_journal.document_rows(found),
        }
    )
    answer = make_response(body)
    answer.headers["Content-Type"] = XLSX
    name = f"reclassification-{g.company.code}-{no}.xlsx"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


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
        (one, reclassification.contradictions(session, one, most=JUDGED))
        for one in saved
        if one and (one.by, one.at) == (change.by, change.at)
    ]


def _entry_url(table: str, key: str) -> str:
    return url_for("mappings.entry", co=g.company.code, table=table, key=key)


def _form(
    table: str, given: MultiDict[str, str], problems: dict[str, str], *, status: int
) -> Response:
    """The form with a preview of the value in it."""
    session, key = store.reading(), given.get("key", "")
    stored = queries.entry(session, g.company.id, table, key)
    if stored is None:
        abort(404)
    typed = (given.get("other") or "").strip()
    preview = None
    if typed:
        found = mappings_preview.preview(session, g.company.id, table, key, typed, g.now)
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
        missing_count=len(fixes.missing(session, g.company.id)),
    )
