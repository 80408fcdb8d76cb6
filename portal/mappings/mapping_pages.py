"""Mappings: values that are missing, the fix with its preview, the tables, and other values.

Here: views. Not here: what a fix wakes (holding/mappings/fixes.py) and would do
(holding/mappings/preview.py), which documents it contradicts (mapping_changes.py).
"""

from collections.abc import Mapping
from typing import Final

from flask import Blueprint, Response, abort, g, make_response, request, url_for
from werkzeug.datastructures import MultiDict

from holding.db.refusal import Refusal
from holding.db.together import Together, answer
from holding.mappings import entries as entry_history
from holding.mappings import fixes
from holding.mappings import fixes as keepers
from holding.mappings import mapping_lists as queries
from holding.mappings import preview as mappings_preview
from holding.platform import processes as doorbell
from portal.mappings import opened_value
from portal.web import forms, fragments, frame, store

BESIDE_ONE: Final = 40
"""Rows of a page on which a value is open: it weighs as much as ten."""
SOLVED: Final = Refusal(
    "mapping.solved", "This value is mapped already.", "No record waits for it any more.", 409
)
pages = Blueprint("mappings", __name__, url_prefix="/c/<co>/mappings")


@pages.context_processor
def _in_force() -> dict[str, object]:
    """Whether the rules in force have a table, asked where a page shows the tables."""

    def unused(table: str) -> bool:
        version = g.company.ruleset_version_id
        return version is not None and table not in queries.declared(store.reading(), version)

    return {"unused": unused}


@pages.get("/missing")
def missing() -> Response:
    """What has no mapping, largest amount first; one of them open."""
    opened = opened_value.opened(forms.whole(request.args.get("cause")))
    if opened is None and fragments.wants("mappreview"):
        return make_response("", 204)  # it is solved: the group that asks goes with its next look
    return fragments.respond("mappings/missing.html", _missing(opened, {}))


@pages.get("/missing/values")
def values() -> Response:
    """What fits the letters that are typed: of the table, and of what the target lists."""
    cause_id, text = forms.whole(request.args.get("cause")), request.args.get("q", "")
    if not fragments.wants("mapchoices"):
        opened = opened_value.opened(cause_id, text)
        return fragments.respond("mappings/missing.html", _missing(opened, {}))
    pick = opened_value.found_by(cause_id, text)
    if pick is None:
        abort(404)
    return fragments.respond("mappings/missing.html", pick=pick, chosen="", at=fragments.ending())


@pages.get("/<table>")
def table(table: str) -> Response:
    """The entries of one table."""
    session = store.reading()
    tables = queries.tables(session, g.company.id)
    if table not in {row.name for row in tables}:
        abort(404)
    text = request.args.get("q", "").strip()[:100]
    after, since = request.args.get("after"), forms.day(request.args.get("since"))
    rows = queries.entries(session, g.company.id, table, text=text, after=after, since=since)
    return fragments.respond(
        "mappings/table.html",
        table=table,
        keeper=keepers.keeper(session, g.company.id, table),
        keeping=keepers.refused(session, g.actor, [table]),
        tables=tables,
        rows=rows,
        text=text,
        missing_count=frame.missing_values(),
        last=rows[-1] if len(rows) >= queries.A_PAGE else None,
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
            return _panel(request.form, _beside_field(answer), status=422)
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "evaluate")
    if not fragments.ending():
        return fragments.moved(back, opened_value.said(answer))
    done = opened_value.said(answer)  # in a group of the holding area: that page stays
    return fragments.respond("mappings/missing.html", say=done, saved=done, at=fragments.ending())


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
            since=wish.since or fixes.ALWAYS,
        )


def _beside_field(refusal: Refusal) -> dict[str, str]:
    """What is wrong with a value or its day, beside the field in which it was typed."""
    field = "since" if refusal.code == "mapping.since" else "to"
    return {field: refusal.words}


def _panel(form: MultiDict[str, str], problems: dict[str, str], *, status: int) -> Response:
    """The open panel with a preview of the value in the form."""
    opened = opened_value.opened(forms.whole(form.get("cause")), form.get("q", ""))
    searching = "search" in form
    value = "" if searching else (form.get("other") or "").strip() or form.get("to", "")
    if opened is None and fragments.wants_fragment():
        return fragments.refuse(SOLVED)
    if opened is not None:
        opened_value.judge(opened, value)
        opened.chosen, opened.typed = value or form.get("to", ""), form.get("other", "")
        opened.reason, opened.since = form.get("reason", ""), form.get("since", "").strip()
        since = forms.since(form)
        if isinstance(since, forms.Problems):
            problems, status = {**since.by_field, **problems}, 422
        elif value:
            row = opened.row
            found = mappings_preview.preview(
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
    whole = problems and fragments.wants("freed")  # what is wrong is told at its field
    block, shown = f"mappreview{fragments.ending()}" if whole else "", _missing(opened, problems)
    return fragments.respond("mappings/missing.html", shown, status=status, block=block)


def tabs() -> dict[str, object]:
    """What the head of a page asks for that is about no table."""
    return {
        "tables": queries.tables(store.reading(), g.company.id),
        "missing_count": frame.missing_values(),
        "table": "",
    }


def _missing(opened: opened_value.Opened | None, problems: Mapping[str, str]) -> dict[str, object]:
    session = store.reading()
    after = forms.place(request.args.get("after"))
    asked, company_id = Together(session), g.company.id
    causes = asked.ask(fixes.asked_causes(company_id, after=after))
    tables = asked.ask(queries.asked_tables(company_id))
    revisions = asked.ask(queries.revisions(company_id))
    rows = answer(session, fixes.asked_missing(session, company_id, causes.value))
    most = BESIDE_ONE if opened else fixes.A_PAGE
    return {
        "rows": rows[:most],
        "last": rows[most - 1] if len(rows) > most else None,
        "missing_count": frame.missing_values(),
        "open": opened,
        "solved": opened is None and bool(request.args.get("cause")),
        "at": fragments.ending(),
        "saved": "",
        "pick": opened.pick if opened else None,
        "chosen": opened.chosen if opened and not opened.typed else "",
        "keeping": keepers.refused(session, g.actor, [opened.row.table]) if opened else None,
        "tables": tables.value,
        "revisions": revisions.value,
        "problems": problems,
    }


@pages.get("/<table>/entry")
def entry(table: str) -> Response:
    """One entry with its history, and what another value of it would do."""
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
            return _form(table, request.form, _beside_field(answer), status=422)
        return fragments.refuse(answer, back=_entry_url(table, wish.key))
    doorbell.ring(g.company.id, "evaluate")
    shown_url = url_for("mappings.moved", co=g.company.code, no=answer.revision)
    return fragments.moved(shown_url, opened_value.said(answer))


@pages.post("/<table>/entry/remove")
def remove_entry(table: str) -> Response:
    """Take an entry away that no record used."""
    wish, key = forms.reasoned(request.form), request.form.get("key", "")
    since = forms.since(request.form)
    if isinstance(wish, forms.Problems):
        return _form(table, request.form, {"remove": wish.by_field["reason"]}, status=422)
    if isinstance(since, forms.Problems):
        return _form(table, request.form, dict(since.by_field), status=422)
    rev = forms.whole(request.form.get("rev"))
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
        return fragments.refuse(answer, back=_entry_url(table, key))
    doorbell.ring(g.company.id, "evaluate")
    return fragments.moved(_entry_url(table, key), opened_value.said(answer))


def _entry_url(table: str, key: str) -> str:
    return url_for("mappings.entry", co=g.company.code, table=table, key=key)


def _form(
    table: str, given: MultiDict[str, str], problems: dict[str, str], *, status: int
) -> Response:
    """The form with a preview of the value in it, and what the key had before."""
    session, key = store.reading(), given.get("key", "")
    asked, company_id = Together(session), g.company.id
    stood = asked.ask(entry_history.history(company_id, table, key))
    users = asked.ask(entry_history.asked_users(company_id, table, key))
    tables = asked.ask(queries.asked_tables(company_id))
    changes = stood.value
    if not changes:
        abort(404)
    back = next((one for one in changes if str(one.revision) == given.get("revert")), None)
    typed = back.before if back else (given.get("other") or "").strip()
    since = back.since if back else forms.since(given)
    if isinstance(since, forms.Problems):
        problems, status, since = {**since.by_field, **problems}, 422, None
    preview = None
    if typed:
        found = mappings_preview.preview(
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
    return fragments.respond(
        "mappings/entry.html",
        status=status,
        table=table,
        key=key,
        changes=changes,
        stands=[
            (one, entry_history.stays(used.get(one.since or fixes.ALWAYS, entry_history.NOBODY)))
            for one in in_force
        ],
        back=back,
        typed=typed,
        since=given.get("since", "") if back is None else back.since or "",
        reason=given.get("reason", ""),
        preview=preview,
        keeping=keepers.refused(session, g.actor, [table]),
        problems=problems,
        tables=tables.value,
        missing_count=frame.missing_values(),
    )
