"""Mappings: values that are missing, the preview of a fix, the fix, and the tables themselves.

Here: views. Not here: what a fix wakes (holding/mappings.py) and would do (holding/whatif.py).
"""

from typing import Any

from flask import Blueprint, Response, abort, g, request, url_for

from holding import doorbell, mappings
from holding.impact import parties
from holding.queries import mappings as queries
from holding.refusal import Refusal
from portal import forms, fragments, store

pages = Blueprint("mappings", __name__, url_prefix="/c/<co>/mappings")


@pages.get("/missing")
def missing() -> Response:
    """What has no mapping, worst money first; one of them open."""
    return fragments.respond(
        "mappings/missing.html", **_missing(forms.whole(request.args.get("cause")))
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
        missing_count=len(mappings.missing(session, g.company.id)),
        after=rows[-1].key if len(rows) >= queries.A_PAGE else None,
    )


@pages.get("/preview")
def preview() -> Response:
    """What a fix would free, and what would stay held and why."""
    return _panel(request.args, {}, status=200)


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


def saved(table: str, wish: forms.MapValue) -> mappings.Fixed | Refusal:
    """Give a key of a table the value that the person wishes."""
    with store.writing() as session:
        return mappings.fix(
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


def said(done: mappings.Fixed) -> str:
    """What a saved value did, in one sentence."""
    was = f", before {done.before}" if done.before else ""
    woken = f"{done.woken} {'record is' if done.woken == 1 else 'records are'} judged again"
    return f"{done.table}: “{done.key}” is now {done.value}{was}. {woken}."


def _panel(form: Any, problems: dict[str, str], *, status: int) -> Response:
    """The open panel with a preview of the value in the form."""
    shown = _missing(forms.whole(form.get("cause")))
    value = (form.get("other") or "").strip() or form.get("to", "")
    if shown["open"] is not None:
        shown["open"]["chosen"], shown["open"]["typed"] = value, form.get("other", "")
        shown["open"]["reason"] = form.get("reason", "")
        if value:
            row = shown["open"]["row"]
            found = mappings.preview(
                store.reading(), g.company.id, row.table, row.key, value, g.now
            )
            if isinstance(found, Refusal):
                problems["to"] = f"{found.message} {found.hint}"
                status = found.status
            else:
                shown["open"]["preview"] = found
        elif status == 200:
            problems["to"] = "Choose a suggestion or type the value."
    return fragments.respond(
        "mappings/missing.html", status=status, **shown | {"problems": problems}
    )


def _missing(cause_id: int | None) -> dict[str, Any]:
    session = store.reading()
    rows = mappings.missing(session, g.company.id)
    row = next((r for r in rows if r.cause_id == cause_id), None)
    opened: dict[str, Any] | None = None
    if row is not None:
        opened = {
            "row": row,
            "suggestions": _suggested(row),
            "preview": None,
            "chosen": "",
            "typed": "",
            "reason": "",
        }
    return {
        "rows": rows,
        "open": opened,
        "tables": queries.tables(session, g.company.id),
        "revisions": queries.revisions(session, g.company.id),
        "problems": {},
    }


def _suggested(row: mappings.Missing) -> tuple[mappings.Suggestion, ...]:
    """Values in use: how the party is known otherwise first, then keys that look alike."""
    session = store.reading()
    known = parties.known_as(session, g.company.id, row.table, row.cause_id)
    values = {one.value for one in known}
    alike = mappings.suggestions(session, g.company.id, row.table, row.key)
    return (*known, *(one for one in alike if one.value not in values))
