"""Missing mapping values with a preview of each fix, mapping tables, unpaid lists and units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from flask import Blueprint, Response, abort, g, make_response, request, url_for
from werkzeug.datastructures import MultiDict

from holding.access import people
from holding.access.actors import MASK, PERSONAL_FIELDS
from holding.db.refusal import Refusal, plural
from holding.db.together import Answer, Together, answer
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
from holding.programs.world import fresh_now
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs
from rules.comparison.preflight import references
from rules.phrases import capitalize
from rules.program import Program
from rules.rulebook.coverage import agreements
from rules.values.wording import term

BESIDE_ONE: Final = 40
"""Rows of a page on which a value is open: it weighs as much as ten."""

SOLVED: Final = Refusal(
    "mapping.solved", "This value is mapped already.", "No record waits for it any more.", 409
)

pages = Blueprint("mappings", __name__, url_prefix="/c/<co>/mappings")

SHOWN: Final = 200

LONGEST: Final = 100

__all__ = ["pages"]

READS: Final = "mapping.read"
"""The act of who reads every entry."""


@pages.context_processor
def _in_force() -> dict[str, object]:
    """Whether the rules in force have a table, asked where a page shows the tables."""

    def unused(table: str) -> bool:
        version = g.company.ruleset_version_id
        return version is not None and table not in mapping_lists.declared_tables(
            store.reading(), version
        )

    return {"unused": unused}


@pages.get("/missing")
@needs("record.read")
def missing() -> Response:
    """What has no mapping, largest amount first; one of them open."""
    opened = open_value(forms.parse_whole(request.args.get("cause")))
    if opened is None and store.wants_block("mappreview"):
        return make_response("", 204)  # it is solved: the group that asks goes with its next look
    return store.respond("mappings/missing.html", _missing(opened, {}))


@dataclass(frozen=True, slots=True)
class Pick:
    """The values to choose from: those that are suggested where nothing is typed, and what fits.

    `more`: so many fit that some are left out. `complete` are targets that told all their codes.
    """

    text: str
    suggestions: tuple[mapping_lists.Suggestion, ...]
    found: tuple[choices.Choice, ...]
    more: bool
    complete: tuple[str, ...]


@dataclass(slots=True)
class Opened:
    """The missing value that the page shows, with what is in its form.

    `known` is of the value that is chosen or typed.
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


def _missing(opened: Opened | None, problems: Mapping[str, str]) -> dict[str, object]:
    session = store.reading()
    after = forms.parse_place(request.args.get("after"))
    asked, company_id = Together(session), g.company.id
    causes = asked.ask(fixes.asked_causes(company_id, after=after))
    tables = asked.ask(mapping_lists.asked_tables(company_id))
    revisions = asked.ask(mapping_lists.revisions(company_id))
    rows = answer(session, fixes.asked_missing(session, company_id, causes.value))
    most = BESIDE_ONE if opened else fixes.A_PAGE
    return {
        "rows": rows[:most],
        "last": rows[most - 1] if len(rows) > most else None,
        "missing_count": filters.count_missing(),
        "open": opened,
        "solved": opened is None and bool(request.args.get("cause")),
        "at": store.target_suffix(),
        "saved": "",
        "pick": opened.pick if opened else None,
        "chosen": opened.chosen if opened and not opened.typed else "",
        "keeping": fixes.refuse_change(session, g.actor, [opened.row.table]) if opened else None,
        "tables": tables.value,
        "revisions": revisions.value,
        "problems": problems,
    }


@pages.get("/missing/values")
@needs("record.read")
def values() -> Response:
    """What fits the letters that are typed: of the table, and of what the target lists."""
    cause_id, text = forms.parse_whole(request.args.get("cause")), request.args.get("q", "")
    if not store.wants_block("mapchoices"):
        opened = open_value(cause_id, text)
        return store.respond("mappings/missing.html", _missing(opened, {}))
    pick = find_choices(cause_id, text)
    if pick is None:
        abort(404)
    return store.respond("mappings/missing.html", pick=pick, chosen="", at=store.target_suffix())


@pages.get("/<table>")
@needs("record.read")
def table(table: str) -> Response:
    """The entries of one table."""
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
    """What a fix would free, and what would stay held and why; changes nothing.

    The form posts what is typed: its token, and a value that nobody saved, stand in no address.
    """
    return _panel(request.form or request.args, {}, status=200)


def _panel(form: MultiDict[str, str], problems: dict[str, str], *, status: int) -> Response:
    """The open panel with a preview of the value in the form."""
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
            found = mappings_preview.preview_entry(
                store.reading(),
                g.company.id,
                row.table,
                row.key,
                value,
                g.now,
                since or fixes.ALWAYS,
            )
            if isinstance(found, Refusal):
                problems["to"] = f"{found.message} {found.hint}"
                status = found.status
            else:
                opened.preview = found
        elif status == 200 and not searching:
            problems["to"] = "Select a suggestion or enter a value."
    whole = problems and store.wants_block("freed")  # what is wrong is told at its field
    block, shown = f"mappreview{store.target_suffix()}" if whole else "", _missing(opened, problems)
    return store.respond("mappings/missing.html", shown, status=status, block=block)


@pages.post("/fix")
@needs("mapping.fix")
def fix() -> Response:
    """Save the entry; what it blocked is judged again."""
    wish = forms.read_mapping_value(request.form)
    if isinstance(wish, forms.Problems):
        return _panel(request.form, dict(wish.by_field), status=422)
    answer = save_value(wish.table, wish)
    back = url_for("mappings.missing", co=g.company.code)
    if isinstance(answer, Refusal):
        if answer.status == 422:
            return _panel(request.form, _beside_field(answer), status=422)
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "evaluate")
    if not store.target_suffix():
        return store.redirect_with_message(back, saved_message(answer))
    done = saved_message(answer)  # in a group of the holding area: that page stays
    return store.respond("mappings/missing.html", say=done, saved=done, at=store.target_suffix())


def _beside_field(refusal: Refusal) -> dict[str, str]:
    """What is wrong with a value or its day, beside the field in which it was typed."""
    field = "since" if refusal.code == "mapping.since" else "to"
    return {field: refusal.words}


def save_value(table: str, wish: forms.MapValue) -> fixes.Fixed | Refusal:
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
            since=wish.since or fixes.ALWAYS,
        )


def head_values() -> dict[str, object]:
    """What the head of a page asks for that is about no table."""
    return {
        "tables": mapping_lists.tables(store.reading(), g.company.id),
        "missing_count": filters.count_missing(),
        "table": "",
    }


@pages.get("/<table>/entry")
@needs("record.read")
def entry(table: str) -> Response:
    """One entry with its history, and what another value of it would do."""
    return _form(table, request.args, {}, status=200)


def _form(
    table: str, given: MultiDict[str, str], problems: dict[str, str], *, status: int
) -> Response:
    """The form with a preview of the value in it, and what the key had before."""
    session, key = store.reading(), given.get("key", "")
    asked, company_id = Together(session), g.company.id
    stood = asked.ask(entries.change_history(company_id, table, key))
    users = asked.ask(entries.asked_usage_by_day(company_id, table, key))
    tables = asked.ask(mapping_lists.asked_tables(company_id))
    changes = stood.value
    if not changes:
        abort(404)
    back = next((one for one in changes if str(one.revision) == given.get("revert")), None)
    typed = back.before if back else (given.get("other") or "").strip()
    since = back.since if back else forms.read_since(given)
    if isinstance(since, forms.Problems):
        problems, status, since = {**since.by_field, **problems}, 422, None
    preview = None
    if typed:
        found = mappings_preview.preview_entry(
            session, g.company.id, table, key, typed, g.now, since or fixes.ALWAYS
        )
        if isinstance(found, Refusal):
            problems, status = {"to": f"{found.message} {found.hint}", **problems}, found.status
        else:
            preview = found
    used = users.value
    in_force = sorted(
        (one for one in changes if one.in_force), key=lambda one: one.since or fixes.ALWAYS
    )
    return store.respond(
        "mappings/entry.html",
        status=status,
        table=table,
        key=key,
        changes=changes,
        stands=[
            (one, entries.refuse_removal(used.get(one.since or fixes.ALWAYS, entries.NOBODY)))
            for one in in_force
        ],
        back=back,
        typed=typed,
        since=given.get("since", "") if back is None else back.since or "",
        reason=given.get("reason", ""),
        preview=preview,
        keeping=fixes.refuse_change(session, g.actor, [table]),
        problems=problems,
        tables=tables.value,
        missing_count=filters.count_missing(),
    )


@pages.post("/<table>/entry/preview")
@needs("record.read")
def preview_entry(table: str) -> Response:
    """What the typed value would do; changes nothing."""
    return _form(table, request.form, {}, status=200)


@pages.post("/<table>/entry")
@needs("mapping.fix")
def save_entry(table: str) -> Response:
    """Save the other value; what it moves is judged again, what is posted stays."""
    wish = forms.read_mapping_value(request.form)
    if isinstance(wish, forms.Problems):
        return _form(table, request.form, dict(wish.by_field), status=422)
    answer = save_value(table, wish)
    if isinstance(answer, Refusal):
        if answer.status == 422:
            return _form(table, request.form, _beside_field(answer), status=422)
        return store.refuse(answer, back=_entry_url(table, wish.key))
    processes.ring(g.company.id, "evaluate")
    shown_url = url_for("mappings.moved", co=g.company.code, no=answer.revision)
    return store.redirect_with_message(shown_url, saved_message(answer))


def _entry_url(table: str, key: str) -> str:
    return url_for("mappings.entry", co=g.company.code, table=table, key=key)


@pages.post("/<table>/entry/remove")
@needs("mapping.fix")
def remove_entry(table: str) -> Response:
    """Take an entry away that no record used."""
    wish, key = forms.read_reason(request.form), request.form.get("key", "")
    since = forms.read_since(request.form)
    if isinstance(wish, forms.Problems):
        return _form(table, request.form, {"remove": wish.by_field["reason"]}, status=422)
    if isinstance(since, forms.Problems):
        return _form(table, request.form, dict(since.by_field), status=422)
    rev = forms.parse_whole(request.form.get("rev"))
    with store.writing() as session:
        answer = fixes.remove(
            session,
            g.actor,
            table,
            key,
            wish.reason,
            g.now,
            rev if rev is not None else g.company.revision,
            wish.op or None,
            since or fixes.ALWAYS,
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=_entry_url(table, key))
    processes.ring(g.company.id, "evaluate")
    return store.redirect_with_message(_entry_url(table, key), saved_message(answer))


@pages.get("/lists/unpaid")
@needs("record.read")
def unpaid() -> Response:
    """The first of a list, or those with the letters that were typed."""
    session = store.reading()
    lists = file_codes.unpaid_lists(session, g.company.id)
    one, text = chosen_list(lists), typed_letters()
    found = unpaid_rows(one, SHOWN + 1) if one else ()
    known = file_codes.unpaid_list(session, one.connection_id, one.kind) if one else None
    return store.respond(
        "mappings/unpaid.html",
        head_values(),
        lists=lists,
        chosen=one,
        listed=known,
        rows=found[:SHOWN],
        more=len(found) > SHOWN,
        in_all=_in_all(one) if one and not found else 0,
        most=SHOWN,
        text=text,
        named=filters.sees_personal(),
    )


def _in_all(one: FileList) -> int:
    """How many the list has, whatever was typed, at most one more than are shown."""
    session = store.reading()
    return len(file_codes.search_unpaid(session, one, "", SHOWN + 1, names=False))


def chosen_list(lists: Sequence[FileList]) -> FileList | None:
    """The list that is asked for, or else the first."""
    key, kind = forms.parse_whole(request.args.get("of", "")), request.args.get("kind", "")
    asked = (one for one in lists if (one.connection_id, one.kind) == (key, kind))
    return next(asked, lists[0] if lists else None)


def unpaid_rows(one: FileList, most: int) -> tuple[Unpaid, ...]:
    """Those with the letters that were typed; by names they are found for who may see names."""
    names = filters.sees_personal()
    return file_codes.search_unpaid(store.reading(), one, typed_letters(), most, names=names)


def typed_letters() -> str:
    """What was typed."""
    return request.args.get("q", "").strip()[:LONGEST]


def list_title(one: FileList) -> str:
    """What a list is called."""
    return f"{one.target}, {list_storage.NAMED[one.kind]}s"


@pages.get("/units/proof")
@needs("record.read")
def unit_proof() -> Response:
    """Every unit that holds records, the most money first; one of them with its four values."""
    session = store.reading()
    page = Together(session)
    tables = page.ask(mapping_lists.asked_tables(g.company.id))
    known = page.ask(fresh_now(g.company.id, g.now))
    waiting = mapping_lists.units_on_hold(session, g.company.id)
    asked = forms.parse_whole(request.args.get("cause"))
    opened = asked if asked is not None else next((one.cause_id for one in waiting), None)
    shown = mapping_lists.unit_comparison(session, g.company.id, opened) if opened else None
    if asked is not None and shown is None:
        abort(404)
    return store.respond(
        "mappings/unit_proof.html",
        _calculation(shown, known),
        tables=tables.value,
        missing_count=filters.count_missing(),
        table="",
        shown=shown,
        others=waiting,
        repair=_repair(shown) if shown else "",
    )


def _calculation(
    shown: mapping_lists.UnitComparison | None, known: Answer[frozenset[str]]
) -> dict[str, object]:
    """What was typed to be calculated, first the unit that holds, and the result."""
    usual = {"qty": "1", "unit": shown.unit, "item": shown.item} if shown else {}
    typed = {
        word: request.args.get(word, usual.get(word, "")).strip()[:100]
        for word in ("qty", "unit", "item")
    }
    quantity = world.quantity_of(typed["qty"])
    problems: dict[str, str] = {}
    if "qty" in request.args and quantity is None:
        problems["qty"] = "Enter a number above 0, such as 5."
    if "qty" in request.args and not typed["unit"]:
        problems["unit"] = "Enter a unit, such as CTN."
    found = None
    if quantity is not None and (unit := typed["unit"]):
        session, today = store.reading(), filters.today()
        found = world.calculate(
            session, g.company.id, quantity, unit, typed["item"], known=known.value, today=today
        )
    return {"typed": typed, "calculated": found, "problems": problems}


def _repair(shown: mapping_lists.UnitComparison) -> str:
    """Where the conversion is changed, or given where there is none."""
    co = g.company.code
    if shown.has_entry:
        return url_for("mappings.entry", co=co, table="units", key=shown.entry)
    return f"{url_for('mappings.missing', co=co, cause=shown.cause_id)}#mappreview"


def open_value(cause_id: int | None, text: str = "") -> Opened | None:
    """The form of one missing value, and what fits the text in it; None: it is solved."""
    if not cause_id:
        return None
    session, company_id = store.reading(), g.company.id
    asked = Together(session)
    causes = asked.ask(fixes.asked_causes(company_id, cause_id=cause_id))
    lists_of = choices.asked_lists(asked, company_id)
    if not causes.value:
        return None
    table, key = causes.value[0].key.table or "", causes.value[0].key.entry
    rows = asked.ask(fixes.asked_missing(session, company_id, causes.value))
    lists = lists_of()
    personal = filters.sees_personal()
    waiting = asked.ask(choices.waiting_record(company_id, cause_id, key, personal=personal))
    alike = asked.ask(mapping_lists.asked_suggestions(company_id, table, key))
    (row,) = rows.value
    judge = active_program(session, company_id)
    told = lists.purpose(judge.ruleset if judge else None, table)
    suggestions = () if text.strip() else _suggested(row, alike.value)
    return Opened(row, told, waiting.value, _pick(table, text, suggestions, told))


def _suggested(
    row: fixes.Missing, alike: tuple[mapping_lists.Suggestion, ...]
) -> tuple[mapping_lists.Suggestion, ...]:
    """Values in use: how the party is known otherwise first, then keys that look alike."""
    session = store.reading()
    known = party_merge.other_identities(session, g.company.id, row.table, row.cause_id)
    values = {one.value for one in known}
    return (*known, *(one for one in alike if one.value not in values))


def _pick(
    table: str, text: str, suggestions: tuple[mapping_lists.Suggestion, ...], told: choices.Purpose
) -> Pick:
    """What fits, without what is suggested anyhow; blank text finds the first of all. Nothing of a
    table that they may not read.
    """
    if table in hidden_tables():
        return Pick(text.strip()[: choices.LONGEST_SEARCH], (), (), more=False, complete=())
    found = choices.search_choices(store.reading(), g.company.id, table, text, told)
    suggested = {one.value for one in suggestions}
    rest = [one for one in found[: choices.SHOWN_CHOICES] if one.value not in suggested]
    if told.of_parties and not filters.sees_personal():
        rest = [replace(one, name=MASK) if one.name else one for one in rest]
    text = text.strip()[: choices.LONGEST_SEARCH]
    told_all = [one.target for one in told.lists if one.complete]
    complete = tuple(dict.fromkeys([*told_all, *(one.target for one in told.files)]))
    return Pick(text, suggestions, tuple(rest), len(found) > choices.SHOWN_CHOICES, complete)


def find_choices(cause_id: int | None, text: str) -> Pick | None:
    """What fits some letters, for a missing value; None: it is solved."""
    table = fixes.table_of_missing(store.reading(), g.company.id, cause_id)
    if table is None:
        return None
    return _pick(table, text, (), choices.load_purpose(store.reading(), g.company.id, table))


def describe_value(shown: Opened, value: str) -> None:
    """Say what is known of the value that is chosen or typed."""
    session, row = store.reading(), shown.row
    shown.chosen = value
    shown.known = choices.check_value(
        session, g.company.id, row.table, row.key, value, shown.purpose
    )


def saved_message(done: fixes.Fixed) -> str:
    """What a saved value did, in one sentence."""
    was = f", before {done.before}" if done.before else ""
    since = f" from {done.since}" if done.since else ""
    became = f"is now {done.value}" if done.value else "was removed"
    woken = plural(done.woken, "record is", "records are")
    table = capitalize(term(done.table))
    if done.later:
        return (
            f"{table}: “{done.key}” {became}{since}{was}. {woken} checked again, more may follow."
        )
    return f"{table}: “{done.key}” {became}{since}{was}. {woken} checked again."


def hidden_tables() -> frozenset[str]:
    """The tables whose entries the person of this request may not read."""
    if request_guard.may(READS) is None:
        return frozenset()
    judge = active_program(store.reading(), g.company.id)
    return personal_tables(judge) if judge is not None else frozenset()


def personal_tables(judge: Program) -> frozenset[str]:
    """The tables that fill a personal field of a document, and those that a check compares with
    them.
    """
    filled = (one for one in references(judge.ruleset, schemas()) if one.field in PERSONAL_FIELDS)
    found = {table for one in filled for table in one.tables}
    checks = (one for kind in judge.records for one in agreements(judge.ruleset, kind))
    beside = (one.sides[0] | one.sides[1] for one in checks)
    return frozenset(found.union(*(tables for tables in beside if tables & found)))


@pages.before_request
def refuse_hidden_table() -> Response | None:
    """What is answered instead of a page, a form or a file of such a table."""
    table = (request.view_args or {}).get("table")
    return hidden_table_refusal(table) if table and table in hidden_tables() else None


def hidden_table_refusal(table: str) -> Response:
    """Why they cannot read it, and who can."""
    words = (
        f"You cannot read the entries of {term(table)},"
        " because your role does not include personal data."
    )
    who = people.who_may(store.reading(), g.company.id, READS)
    hint = f"{', '.join(who)} can." if who else "An administrator gives somebody a role that does."
    return store.refuse(Refusal("mapping.personal", words, hint, 403, READS))
