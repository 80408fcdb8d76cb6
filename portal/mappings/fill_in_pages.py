"""Serve one form with a field for each missing mapping value, and a preview of its effect."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from flask import Response, g, request, url_for
from werkzeug.datastructures import MultiDict

from holding.db.refusal import Refusal, plural
from holding.mappings import exact_matches, fill_in, fixes
from holding.mappings.choices import Choice
from holding.mappings.entries import LONGEST
from holding.mappings.fill_in import EnteredValue, Rejected
from holding.mappings.preview import Effect
from holding.platform import processes
from portal.mappings.exact_pages import visible_identity
from portal.mappings.mapping_pages import find_choices, head_values, pages
from portal.web import forms, store
from portal.web.permissions import needs

__all__ = ["pages"]

AT_ONCE: Final = fixes.A_PAGE

UNLISTED: Final = "Correct the marked codes, or tick that they are saved as they are."


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page shows of a sent form: its fields, their problems, and the effect."""

    form: MultiDict[str, str]
    problems: Mapping[str, str]
    effect: Effect | None = None


@pages.get("/missing/all")
@needs("record.read")
def fill_in_all() -> Response:
    """Show a field for each missing value, filled where exactly one value matches."""
    return _show_form(Shown(MultiDict(), {}), after=request.args.get("after", ""))


def _show_form(shown: Shown, *, after: str, status: int = 200, block: str = "") -> Response:
    session, company_id = store.reading(), g.company.id
    found = fixes.missing(session, company_id, after=forms.parse_place(after))
    if after and not found:  # those after this place were mapped meanwhile
        after, found = "", fixes.missing(session, company_id)
    rows, form = found[:AT_ONCE], shown.form
    matches = exact_matches.exact_matches(session, company_id)
    matched = {match.row.cause_id: match.value for match in matches.exact}
    identities = {match.row.cause_id: visible_identity(match.who) for match in matches.exact}
    identities |= {value.row.cause_id: visible_identity(value.who) for value in matches.left}
    tables = sorted({row.table for row in rows})
    kept = {table: fixes.refuse_change(session, g.actor, [table]) for table in tables}
    values = head_values() | {
        "rows": rows,
        "most": AT_ONCE,
        "after": after,
        "last": _place(rows[-1]) if len(found) > len(rows) else "",
        "matched": matched,
        "identities": identities,
        "entered": {
            row.cause_id: form.get(f"value_{row.cause_id}", matched.get(row.cause_id, ""))
            for row in rows
        },
        "choices": _choices_by_table(rows),
        "reason": form.get("reason", ""),
        "since": form.get("since", "").strip(),
        "effect": shown.effect,
        "problems": shown.problems,
        "kept": kept,
        "keeping": kept[rows[0].table] if rows and all(kept.values()) else None,
    }
    return store.respond("mappings/fill_in.html", values, status=status, block=block)


def _place(row: fixes.Missing) -> str:
    """Return the place of a value in the list, as an address names it."""
    return f"{row.book}:{row.cause_id}"


def _choices_by_table(rows: tuple[fixes.Missing, ...]) -> dict[str, tuple[Choice, ...]]:
    """Return by mapping table the suggested target codes for its input fields."""
    cause_ids = {row.table: row.cause_id for row in rows}
    picks = {table: find_choices(cause_id, "") for table, cause_id in cause_ids.items()}
    return {table: pick.found if pick else () for table, pick in picks.items()}


@pages.post("/missing/all/preview")
@needs("mapping.fix")
def preview_all() -> Response:
    """Show what saving the entered values would do; nothing is changed."""
    form, values = request.form, _read_values(request.form)
    since = forms.read_since(form)
    if isinstance(since, forms.Problems):
        return _refuse_form(since.by_field)
    if not values:
        return _refuse_form({"values": fill_in.NOTHING_ENTERED.words})
    effect = fill_in.preview_values(
        store.reading(), g.company.id, values, since or fixes.ALWAYS, g.now
    )
    if isinstance(effect, Rejected):
        return _refuse_form({f"value_{effect.cause_id}": effect.refusal.words})
    return _show_form(Shown(form, {}, effect), after=form.get("after", ""))


def _refuse_form(problems: Mapping[str, str]) -> Response:
    """Show the sent form again with its problems."""
    block = "fillin" if store.wants_fragment() else ""
    shown = Shown(request.form, problems)
    return _show_form(shown, after=request.form.get("after", ""), status=422, block=block)


@pages.post("/missing/all")
@needs("mapping.fix")
def save_all() -> Response:
    """Save all entered values together; blank fields stay missing."""
    form = request.form
    reason_form, since = forms.read_reason(form), forms.read_since(form)
    if isinstance(reason_form, forms.Problems) or isinstance(since, forms.Problems):
        read = [part for part in (reason_form, since) if isinstance(part, forms.Problems)]
        return _refuse_form({name: why for part in read for name, why in part.by_field.items()})
    rev, values = forms.parse_whole(form.get("rev")), _read_values(form)
    if not form.get("unlisted"):
        unlisted = fill_in.unlisted_values(store.reading(), g.company.id, values)
        if unlisted:
            problems = {f"value_{cause_id}": why.words for cause_id, why in unlisted.items()}
            return _refuse_form({**problems, "unlisted": UNLISTED})
    revision = rev if rev is not None else g.company.revision
    filled = fill_in.FilledForm(values, reason_form.reason, revision, since or fixes.ALWAYS)
    with store.writing() as session:
        saved = fill_in.save_values(session, g.actor, filled, g.now, op=reason_form.op or None)
    if isinstance(saved, Rejected) and saved.refusal.status == 422:
        of_day = saved.refusal.code == "mapping.since"
        field = "since" if of_day else f"value_{saved.cause_id}"
        return _refuse_form({field: saved.refusal.words})
    if saved is fill_in.NOTHING_ENTERED:
        return _refuse_form({"values": fill_in.NOTHING_ENTERED.words})
    refusal = saved.refusal if isinstance(saved, Rejected) else saved
    if isinstance(refusal, Refusal):
        return store.refuse(refusal, back=url_for("mappings.fill_in_all", co=g.company.code))
    processes.ring(g.company.id, "evaluate")
    message = _saved_message(refusal, len(values), since)
    return store.redirect_with_message(_next_address(form.get("last", "")), message)


def _next_address(last: str) -> str:
    """Return the address of the values after a place, or of all missing values without one."""
    if forms.parse_place(last) is None:
        return url_for("mappings.missing", co=g.company.code)
    return url_for("mappings.fill_in_all", co=g.company.code, after=last)


def _saved_message(saved: fixes.Together, count: int, since: date | None) -> str:
    """Return one sentence about what was saved and what is checked again."""
    keys, woken = plural(count, "mapping"), plural(saved.woken, "record is", "records are")
    first_day = f", counting from {since}" if since else ""
    if saved.later:
        return (
            f"{keys} saved{first_day}. {woken} checked again, more may follow; nothing was posted."
        )
    return f"{keys} saved{first_day}. {woken} checked again; nothing was posted."


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
