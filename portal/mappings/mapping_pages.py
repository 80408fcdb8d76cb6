"""Serve missing mapping values with previews, mapping tables, unpaid lists and units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from flask import Blueprint, Response, abort, g, make_response, request, url_for
from werkzeug.datastructures import MultiDict

from holding.access import people
from holding.access.actors import MASK, PERSONAL_FIELDS
from holding.db.refusal import Refusal, plural
from holding.mappings import (
    choices,
    entries,
    file_codes,
    fixes,
    list_storage,
    mapping_lists,
    party_merge,
)
from holding.mappings import preview as mappings_preview
from holding.mappings.file_codes import FileList, Unpaid
from holding.mappings.preview import active_program
from holding.platform import processes
from holding.programs import world
from holding.programs.known_schemas import schemas
from holding.programs.world import fresh_targets
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs
from rules.comparison.preflight import references
from rules.phrases import capitalize
from rules.program import Program
from rules.rulebook.coverage import agreements
from rules.values.wording import readable_term

ROWS_BESIDE_OPEN: Final = 40
"""Rows of a page with an open value, whose panel is as large as ten rows."""

SOLVED: Final = Refusal(
    "mapping.solved", "This value is mapped already.", "No record waits for it any more.", 409
)

pages = Blueprint("mappings", __name__, url_prefix="/c/<co>/mappings")

MAX_ROWS: Final = 200

MAX_SEARCH: Final = 100

__all__ = ["pages"]

READ_ACT: Final = "mapping.read"
"""The act of reading every mapping entry."""


@pages.context_processor
def _add_unused() -> dict[str, object]:
    """Give templates `unused(table)`: whether the rules in force lack a table."""

    def unused(table: str) -> bool:
        version = g.company.ruleset_version_id
        return version is not None and table not in mapping_lists.declared_tables(
            store.reading(), version
        )

    return {"unused": unused}


@pages.get("/missing")
@needs("record.read")
def missing() -> Response:
    """Show the values without a mapping, largest amount first, with one value open."""
    opened = open_value(forms.parse_whole(request.args.get("cause")))
    if opened is None and store.wants_block("mappreview"):
        return make_response("", 204)  # solved: the group disappears at its next refresh
    return store.respond("mappings/missing.html", _missing_values(opened, {}))


@dataclass(frozen=True, slots=True)
class Pick:
    """The values to choose from: suggestions while no text is typed, and matches of a typed text.

    `more` means that some matches are left out. `complete` are targets that listed all their codes.
    """

    text: str
    suggestions: tuple[mapping_lists.Suggestion, ...]
    found: tuple[choices.Choice, ...]
    more: bool
    complete: tuple[str, ...]


@dataclass(slots=True)
class Opened:
    """The missing value that the page shows, and its form's fields.

    `known` describes the chosen or typed value.
    """

    row: fixes.Missing
    purpose: choices.Purpose
    waiting: choices.Waiting | None
    pick: Pick
    preview: mappings_preview.Preview | None = None
    known: choices.Known | None = None
    chosen: str = ""
    typed: str = ""
    since: str = ""
    reason: str = ""


def _missing_values(opened: Opened | None, problems: Mapping[str, str]) -> dict[str, object]:
    session = store.reading()
    after = forms.parse_place(request.args.get("after"))
    rows = fixes.missing(session, g.company.id, after=after)
    row_limit = ROWS_BESIDE_OPEN if opened else fixes.A_PAGE
    return {
        "rows": rows[:row_limit],
        "last": rows[row_limit - 1] if len(rows) > row_limit else None,
        "missing_count": filters.count_missing(),
        "open": opened,
        "solved": opened is None and bool(request.args.get("cause")),
        "at": store.target_suffix(),
        "saved": "",
        "pick": opened.pick if opened else None,
        "chosen": opened.chosen if opened and not opened.typed else "",
        "keeping": fixes.refuse_change(session, g.actor, [opened.row.table]) if opened else None,
        "tables": mapping_lists.tables(session, g.company.id),
        "revisions": mapping_lists.list_revisions(session, g.company.id),
        "problems": problems,
    }


@pages.get("/missing/values")
@needs("record.read")
def values() -> Response:
    """Show the values that match the typed letters, of the table and of the target's lists."""
    cause_id, text = forms.parse_whole(request.args.get("cause")), request.args.get("q", "")
    if not store.wants_block("mapchoices"):
        opened = open_value(cause_id, text)
        return store.respond("mappings/missing.html", _missing_values(opened, {}))
    pick = find_choices(cause_id, text)
    if pick is None:
        abort(404)
    return store.respond("mappings/missing.html", pick=pick, chosen="", at=store.target_suffix())


@pages.get("/<table>")
@needs("record.read")
def table(table: str) -> Response:
    """Show the entries of one table."""
    session = store.reading()
    tables = mapping_lists.tables(session, g.company.id)
    if table not in {row.name for row in tables}:
        abort(404)
    text = request.args.get("q", "").strip()[:100]
    after, since = request.args.get("after"), forms.parse_day(request.args.get("since"))
    rows = mapping_lists.entries(session, g.company.id, table, text=text, after=after, since=since)
    return store.respond(
        "mappings/table.html",
        table=table,
        keeper=fixes.load_keeper(session, g.company.id, table),
        keeping=fixes.refuse_change(session, g.actor, [table]),
        tables=tables,
        rows=rows,
        text=text,
        missing_count=filters.count_missing(),
        last=rows[-1] if len(rows) >= mapping_lists.A_PAGE else None,
    )


@pages.route("/preview", methods=["GET", "POST"])
@needs("mapping.fix")
def preview() -> Response:
    """Show which records a fix would free, and which stay on hold and why; nothing is changed.

    The form is posted so that its token and the unsaved value never appear in an address.
    """
    return _show_panel(request.form or request.args, {}, status=200)


def _show_panel(form: MultiDict[str, str], problems: dict[str, str], *, status: int) -> Response:
    """Show the open panel with a preview of the form's value."""
    opened = open_value(forms.parse_whole(form.get("cause")), form.get("q", ""))
    searching = "search" in form
    value = "" if searching else (form.get("other") or "").strip() or form.get("to", "")
    if opened is None and store.wants_fragment():
        return store.refuse(SOLVED)
    if opened is not None:
        describe_value(opened, value)
        opened.chosen, opened.typed = value or form.get("to", ""), form.get("other", "")
        opened.reason, opened.since = form.get("reason", ""), form.get("since", "").strip()
        since = forms.read_since(form)
        if isinstance(since, forms.Problems):
            problems, status = {**since.by_field, **problems}, 422
        elif value:
            row = opened.row
            previewed = mappings_preview.preview_entry(
                store.reading(),
                g.company.id,
                row.table,
                row.key,
                value,
                g.now,
                since or fixes.ALWAYS,
            )
            if isinstance(previewed, Refusal):
                problems["to"] = f"{previewed.message} {previewed.hint}"
                status = previewed.status
            else:
                opened.preview = previewed
        elif status == 200 and not searching:
            problems["to"] = "Select a suggestion or enter a value."
    shows_whole_panel = problems and store.wants_block(
        "freed"
    )  # problems are shown at their fields
    block, page_values = (
        f"mappreview{store.target_suffix()}" if shows_whole_panel else "",
        _missing_values(opened, problems),
    )
    return store.respond("mappings/missing.html", page_values, status=status, block=block)


@pages.post("/fix")
@needs("mapping.fix")
def fix() -> Response:
    """Save the entry; the records that it blocked are judged again."""
    mapping_value = forms.read_mapping_value(request.form)
    if isinstance(mapping_value, forms.Problems):
        return _show_panel(request.form, dict(mapping_value.by_field), status=422)
    saved = save_value(mapping_value.table, mapping_value)
    back = url_for("mappings.missing", co=g.company.code)
    if isinstance(saved, Refusal):
        if saved.status == 422:
            return _show_panel(request.form, _problem_at_field(saved), status=422)
        return store.refuse(saved, back=back)
    processes.ring(g.company.id, "evaluate")
    if not store.target_suffix():
        return store.redirect_with_message(back, saved_message(saved))
    message = saved_message(saved)  # a group of the holding area stays on its page
    return store.respond(
        "mappings/missing.html", say=message, saved=message, at=store.target_suffix()
    )


def _problem_at_field(refusal: Refusal) -> dict[str, str]:
    """Return the problem of a value or its day, keyed by its form field."""
    field = "since" if refusal.code == "mapping.since" else "to"
    return {field: refusal.words}


def save_value(table: str, mapping_value: forms.MapValue) -> fixes.Fixed | Refusal:
    """Save the entered value of a table's key."""
    with store.writing() as session:
        return fixes.fix(
            session,
            g.actor,
            table,
            mapping_value.key,
            mapping_value.value,
            reason=mapping_value.reason,
            now=g.now,
            rev=mapping_value.rev if mapping_value.rev is not None else g.company.revision,
            op=mapping_value.op or None,
            since=mapping_value.since or fixes.ALWAYS,
        )


def head_values() -> dict[str, object]:
    """Return the values that every mapping page's head needs."""
    return {
        "tables": mapping_lists.tables(store.reading(), g.company.id),
        "missing_count": filters.count_missing(),
        "table": "",
    }


@pages.get("/<table>/entry")
@needs("record.read")
def entry(table: str) -> Response:
    """Show one entry with its history, and a preview of another value."""
    return _show_entry_form(table, request.args, {}, status=200)


def _show_entry_form(
    table: str, form_values: MultiDict[str, str], problems: dict[str, str], *, status: int
) -> Response:
    """Show the entry's form with a preview of its value, and the key's history."""
    session, key = store.reading(), form_values.get("key", "")
    changes = entries.change_history(session, g.company.id, table, key)
    if not changes:
        abort(404)
    reverted = next(
        (change for change in changes if str(change.revision) == form_values.get("revert")), None
    )
    typed = reverted.before if reverted else (form_values.get("other") or "").strip()
    since = reverted.since if reverted else forms.read_since(form_values)
    if isinstance(since, forms.Problems):
        problems, status, since = {**since.by_field, **problems}, 422, None
    preview = None
    if typed:
        previewed = mappings_preview.preview_entry(
            session, g.company.id, table, key, typed, g.now, since or fixes.ALWAYS
        )
        if isinstance(previewed, Refusal):
            problems = {"to": f"{previewed.message} {previewed.hint}", **problems}
            status = previewed.status
        else:
            preview = previewed
    usage_by_day = entries.usage_by_day(session, g.company.id, table, key)
    always = fixes.ALWAYS
    in_force = sorted(
        (change for change in changes if change.in_force), key=lambda row: row.since or always
    )
    return store.respond(
        "mappings/entry.html",
        status=status,
        table=table,
        key=key,
        changes=changes,
        stands=[
            (row, entries.refuse_removal(usage_by_day.get(row.since or always, entries.NOBODY)))
            for row in in_force
        ],
        back=reverted,
        typed=typed,
        since=form_values.get("since", "") if reverted is None else reverted.since or "",
        reason=form_values.get("reason", ""),
        preview=preview,
        keeping=fixes.refuse_change(session, g.actor, [table]),
        problems=problems,
        tables=mapping_lists.tables(session, g.company.id),
        missing_count=filters.count_missing(),
    )


@pages.post("/<table>/entry/preview")
@needs("record.read")
def preview_entry(table: str) -> Response:
    """Show the effect of the typed value; nothing is changed."""
    return _show_entry_form(table, request.form, {}, status=200)


@pages.post("/<table>/entry")
@needs("mapping.fix")
def save_entry(table: str) -> Response:
    """Save another value; affected records are judged again, posted documents stay."""
    mapping_value = forms.read_mapping_value(request.form)
    if isinstance(mapping_value, forms.Problems):
        return _show_entry_form(table, request.form, dict(mapping_value.by_field), status=422)
    saved = save_value(table, mapping_value)
    if isinstance(saved, Refusal):
        if saved.status == 422:
            return _show_entry_form(table, request.form, _problem_at_field(saved), status=422)
        return store.refuse(saved, back=_entry_url(table, mapping_value.key))
    processes.ring(g.company.id, "evaluate")
    contradictions_address = url_for("mappings.moved", co=g.company.code, no=saved.revision)
    return store.redirect_with_message(contradictions_address, saved_message(saved))


def _entry_url(table: str, key: str) -> str:
    return url_for("mappings.entry", co=g.company.code, table=table, key=key)


@pages.post("/<table>/entry/remove")
@needs("mapping.fix")
def remove_entry(table: str) -> Response:
    """Remove an entry that no record used."""
    reason_form, key = forms.read_reason(request.form), request.form.get("key", "")
    since = forms.read_since(request.form)
    if isinstance(reason_form, forms.Problems):
        return _show_entry_form(
            table, request.form, {"remove": reason_form.by_field["reason"]}, status=422
        )
    if isinstance(since, forms.Problems):
        return _show_entry_form(table, request.form, dict(since.by_field), status=422)
    rev = forms.parse_whole(request.form.get("rev"))
    with store.writing() as session:
        removed = fixes.remove(
            session,
            g.actor,
            table,
            key,
            reason_form.reason,
            g.now,
            rev if rev is not None else g.company.revision,
            reason_form.op or None,
            since or fixes.ALWAYS,
        )
    if isinstance(removed, Refusal):
        return store.refuse(removed, back=_entry_url(table, key))
    processes.ring(g.company.id, "evaluate")
    return store.redirect_with_message(_entry_url(table, key), saved_message(removed))


@pages.get("/lists/unpaid")
@needs("record.read")
def unpaid() -> Response:
    """Show an unpaid list's first rows, or the rows that match the typed letters."""
    session = store.reading()
    lists = file_codes.unpaid_lists(session, g.company.id)
    chosen, text = chosen_list(lists), typed_letters()
    rows = unpaid_rows(chosen, MAX_ROWS + 1) if chosen else ()
    listed = file_codes.unpaid_list(session, chosen.connection_id, chosen.kind) if chosen else None
    return store.respond(
        "mappings/unpaid.html",
        head_values(),
        lists=lists,
        chosen=chosen,
        listed=listed,
        rows=rows[:MAX_ROWS],
        more=len(rows) > MAX_ROWS,
        in_all=_count_unpaid(chosen) if chosen and not rows else 0,
        most=MAX_ROWS,
        text=text,
        named=filters.sees_names(),
    )


def _count_unpaid(list_row: FileList) -> int:
    """Return the length of the whole list, counted to at most one more than the page shows."""
    session = store.reading()
    return len(file_codes.search_unpaid(session, list_row, "", MAX_ROWS + 1, names=False))


def chosen_list(lists: Sequence[FileList]) -> FileList | None:
    """Return the requested list, else the first."""
    key, kind = forms.parse_whole(request.args.get("of", "")), request.args.get("kind", "")
    matches = (
        list_row for list_row in lists if (list_row.connection_id, list_row.kind) == (key, kind)
    )
    return next(matches, lists[0] if lists else None)


def unpaid_rows(list_row: FileList, limit: int) -> tuple[Unpaid, ...]:
    """Return the rows that match the typed letters; names need a permission to match."""
    names = filters.sees_names()
    return file_codes.search_unpaid(store.reading(), list_row, typed_letters(), limit, names=names)


def typed_letters() -> str:
    """Return the search text."""
    return request.args.get("q", "").strip()[:MAX_SEARCH]


def list_title(list_row: FileList) -> str:
    """Return the title of a list."""
    return f"{list_row.target}, {list_storage.NAMED[list_row.kind]}s"


@pages.get("/units/proof")
@needs("record.read")
def unit_proof() -> Response:
    """Show every unit that holds records, the largest amount first, with one unit's calculation."""
    session = store.reading()
    held_units = mapping_lists.units_on_hold(session, g.company.id)
    cause_id = forms.parse_whole(request.args.get("cause"))
    opened_cause = (
        cause_id if cause_id is not None else next((unit.cause_id for unit in held_units), None)
    )
    comparison = (
        mapping_lists.unit_comparison(session, g.company.id, opened_cause) if opened_cause else None
    )
    if cause_id is not None and comparison is None:
        abort(404)
    return store.respond(
        "mappings/unit_proof.html",
        _calculation(comparison),
        tables=mapping_lists.tables(session, g.company.id),
        missing_count=filters.count_missing(),
        table="",
        shown=comparison,
        others=held_units,
        repair=_repair_address(comparison) if comparison else "",
    )


def _calculation(comparison: mapping_lists.UnitComparison | None) -> dict[str, object]:
    """Return the typed calculation and its result; the first unit on hold is the default."""
    default_values = (
        {"qty": "1", "unit": comparison.unit, "item": comparison.item} if comparison else {}
    )
    typed = {
        word: request.args.get(word, default_values.get(word, "")).strip()[:100]
        for word in ("qty", "unit", "item")
    }
    quantity = world.quantity_of(typed["qty"])
    problems: dict[str, str] = {}
    if "qty" in request.args and quantity is None:
        problems["qty"] = "Enter a number above 0, such as 5."
    if "qty" in request.args and not typed["unit"]:
        problems["unit"] = "Enter a unit, such as CTN."
    calculated = None
    if quantity is not None and (unit := typed["unit"]):
        session, today = store.reading(), filters.today()
        calculated = world.calculate(
            session,
            g.company.id,
            quantity,
            unit,
            typed["item"],
            known_targets=fresh_targets(session, g.company.id, g.now),
            today=today,
        )
    return {"typed": typed, "calculated": calculated, "problems": problems}


def _repair_address(comparison: mapping_lists.UnitComparison) -> str:
    """Return the address at which the conversion is changed or added."""
    co = g.company.code
    if comparison.has_entry:
        return url_for("mappings.entry", co=co, table="units", key=comparison.entry)
    return f"{url_for('mappings.missing', co=co, cause=comparison.cause_id)}#mappreview"


def open_value(cause_id: int | None, text: str = "") -> Opened | None:
    """Return the form of one missing value with choices for the text; None if it is solved."""
    if not cause_id:
        return None
    session, company_id = store.reading(), g.company.id
    rows = fixes.missing(session, company_id, cause_id=cause_id)
    if not rows:
        return None
    (row,) = rows
    hidden = filters.hidden_fields()
    waiting = choices.load_waiting_record(session, company_id, cause_id, row.key, hidden)
    purpose = choices.load_purpose(session, company_id, row.table)
    suggestions = () if text.strip() else _suggestions(row)
    return Opened(row, purpose, waiting, _find_pick(row.table, text, suggestions, purpose))


def _suggestions(row: fixes.Missing) -> tuple[mapping_lists.Suggestion, ...]:
    """Return suggestions: the party's values elsewhere first, then values of similar keys."""
    session = store.reading()
    similar = mapping_lists.suggestions(session, g.company.id, row.table, row.key)
    party_values = party_merge.other_identities(session, g.company.id, row.table, row.cause_id)
    values = {suggestion.value for suggestion in party_values}
    return (
        *party_values,
        *(suggestion for suggestion in similar if suggestion.value not in values),
    )


def _find_pick(
    table: str,
    text: str,
    suggestions: tuple[mapping_lists.Suggestion, ...],
    purpose: choices.Purpose,
) -> Pick:
    """Return the matches that are not suggested already; blank text matches the first values.

    A table that the user may not read has no matches.
    """
    if table in hidden_tables():
        return Pick(text.strip()[: choices.LONGEST_SEARCH], (), (), more=False, complete=())
    matches = choices.search_choices(store.reading(), g.company.id, table, text, purpose)
    suggested = {suggestion.value for suggestion in suggestions}
    remaining = [
        match for match in matches[: choices.SHOWN_CHOICES] if match.value not in suggested
    ]
    if purpose.of_parties and not filters.sees_names():
        remaining = [replace(match, name=MASK) if match.name else match for match in remaining]
    text = text.strip()[: choices.LONGEST_SEARCH]
    complete_targets = [code_list.target for code_list in purpose.lists if code_list.complete]
    complete = tuple(dict.fromkeys([*complete_targets, *(file.target for file in purpose.files)]))
    return Pick(text, suggestions, tuple(remaining), len(matches) > choices.SHOWN_CHOICES, complete)


def find_choices(cause_id: int | None, text: str) -> Pick | None:
    """Return the values that match some letters, for a missing value; None if it is solved."""
    table = fixes.table_of_missing(store.reading(), g.company.id, cause_id)
    if table is None:
        return None
    return _find_pick(table, text, (), choices.load_purpose(store.reading(), g.company.id, table))


def describe_value(opened: Opened, value: str) -> None:
    """Set the chosen or typed value of the panel, and what is known about it."""
    session, row = store.reading(), opened.row
    opened.chosen = value
    opened.known = choices.check_value(
        session, g.company.id, row.table, row.key, value, opened.purpose
    )


def saved_message(saved: fixes.Fixed) -> str:
    """Return one sentence about the effect of a saved value."""
    before_text = f", before {saved.before}" if saved.before else ""
    since = f" from {saved.since}" if saved.since else ""
    outcome_text = f"is now {saved.value}" if saved.value else "was removed"
    woken = plural(saved.woken, "record is", "records are")
    table = capitalize(readable_term(saved.table))
    if saved.later:
        return (
            f"{table}: “{saved.key}” {outcome_text}{since}{before_text}. {woken} checked again,"
            " more may follow."
        )
    return f"{table}: “{saved.key}” {outcome_text}{since}{before_text}. {woken} checked again."


def hidden_tables() -> frozenset[str]:
    """Return the tables whose entries the user of this request may not read."""
    if request_guard.may(READ_ACT) is None:
        return frozenset()
    program = active_program(store.reading(), g.company.id)
    return personal_tables(program) if program is not None else frozenset()


def personal_tables(program: Program) -> frozenset[str]:
    """Return the tables that fill a personal field, and the tables compared with them."""
    personal_references = (
        reference
        for reference in references(program.ruleset, schemas())
        if reference.field in PERSONAL_FIELDS
    )
    table_names = {table for reference in personal_references for table in reference.tables}
    checks = (
        agreement for kind in program.records for agreement in agreements(program.ruleset, kind)
    )
    compared_tables = (check.sides[0] | check.sides[1] for check in checks)
    return frozenset(
        table_names.union(*(tables for tables in compared_tables if tables & table_names))
    )


@pages.before_request
def refuse_hidden_table() -> Response | None:
    """Refuse a page, a form or a file of a hidden table; return None for others."""
    table = (request.view_args or {}).get("table")
    return hidden_table_refusal(table) if table and table in hidden_tables() else None


def hidden_table_refusal(table: str) -> Response:
    """Return why the user cannot read the table, and who can."""
    words = (
        f"You cannot read the entries of {readable_term(table)},"
        " because your role does not include personal data."
    )
    names = people.who_may(store.reading(), g.company.id, READ_ACT)
    hint = (
        f"{', '.join(names)} can." if names else "An administrator gives somebody a role that does."
    )
    return store.refuse(Refusal("mapping.personal", words, hint, 403, READ_ACT))
