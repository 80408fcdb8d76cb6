"""Serve one form with a field for each missing mapping value."""

from collections.abc import Mapping
from typing import Final

from flask import Response, g, request, url_for
from werkzeug.datastructures import MultiDict

from holding.db.refusal import Refusal, plural
from holding.mappings import exact_matches, fill_in, fixes
from holding.mappings.choices import Choice
from holding.mappings.entries import LONGEST
from holding.mappings.fill_in import EnteredValue, Rejected
from holding.platform import processes
from portal.mappings.exact_pages import visible_identity
from portal.mappings.mapping_pages import find_choices, head_values, pages
from portal.web import forms, store
from portal.web.permissions import needs

__all__ = ["pages"]

AT_ONCE: Final = fixes.A_PAGE


@pages.get("/missing/all")
@needs("record.read")
def fill_in_all() -> Response:
    """Show a field for each missing value, filled where exactly one value matches."""
    return _show_form(MultiDict(), {})


def _show_form(
    form: MultiDict[str, str], problems: Mapping[str, str], status: int = 200
) -> Response:
    session, company_id = store.reading(), g.company.id
    rows = fixes.missing(session, company_id)
    shown = rows[:AT_ONCE]
    matches = exact_matches.exact_matches(session, company_id)
    matched = {match.row.cause_id: match.value for match in matches.exact}
    identities = {match.row.cause_id: visible_identity(match.who) for match in matches.exact}
    identities |= {value.row.cause_id: visible_identity(value.who) for value in matches.left}
    tables = sorted({row.table for row in shown})
    kept = {table: fixes.refuse_change(session, g.actor, [table]) for table in tables}
    return store.respond(
        "mappings/fill_in.html",
        head_values(),
        status=status,
        rows=shown,
        more=len(rows) > len(shown),
        matched=matched,
        identities=identities,
        entered={
            row.cause_id: form.get(f"value_{row.cause_id}", matched.get(row.cause_id, ""))
            for row in shown
        },
        choices=_choices_by_table(shown),
        reason=form.get("reason", ""),
        problems=problems,
        kept=kept,
        keeping=kept[shown[0].table] if shown and all(kept.values()) else None,
    )


def _choices_by_table(rows: tuple[fixes.Missing, ...]) -> dict[str, tuple[Choice, ...]]:
    """Return by mapping table the suggested target codes for its input fields."""
    cause_ids = {row.table: row.cause_id for row in rows}
    picks = {table: find_choices(cause_id, "") for table, cause_id in cause_ids.items()}
    return {table: pick.found if pick else () for table, pick in picks.items()}


@pages.post("/missing/all")
@needs("mapping.fix")
def save_all() -> Response:
    """Save all entered values together; blank fields stay missing."""
    form = request.form
    reason_form, values = forms.read_reason(form), _read_values(form)
    if isinstance(reason_form, forms.Problems):
        return _show_form(form, reason_form.by_field, 422)
    rev = forms.parse_whole(form.get("rev"))
    revision = rev if rev is not None else g.company.revision
    filled = fill_in.FilledForm(values, reason_form.reason, revision)
    with store.writing() as session:
        saved = fill_in.save_values(session, g.actor, filled, g.now, op=reason_form.op or None)
    if isinstance(saved, Rejected) and saved.refusal.status == 422:
        return _show_form(form, {f"value_{saved.cause_id}": saved.refusal.words}, 422)
    if saved is fill_in.NOTHING_ENTERED:
        return _show_form(form, {"values": fill_in.NOTHING_ENTERED.words}, 422)
    refusal = saved.refusal if isinstance(saved, Rejected) else saved
    if isinstance(refusal, Refusal):
        return store.refuse(refusal, back=url_for("mappings.fill_in_all", co=g.company.code))
    processes.ring(g.company.id, "evaluate")
    woken = plural(refusal.woken, "record is", "records are")
    keys = plural(len(values), "mapping")
    say = f"{keys} saved. {woken} checked again; nothing was posted."
    if refusal.later:
        say = f"{keys} saved. {woken} checked again, more may follow; nothing was posted."
    return store.redirect_with_message(url_for("mappings.missing", co=g.company.code), say)


def _read_values(form: MultiDict[str, str]) -> list[EnteredValue]:
    """Return the filled fields."""
    values = []
    for text in form.getlist("cause")[:AT_ONCE]:
        cause_id, value = forms.parse_whole(text), form.get(f"value_{text}", "").strip()
        if cause_id is None or not value:
            continue
        table, key = form.get(f"table_{text}", ""), form.get(f"key_{text}", "")
        values.append(EnteredValue(cause_id, table, key, value[:LONGEST]))
    return values
