"""Missing values with one exact match, accepted together; the lists of codes and their files."""

from collections.abc import Collection, Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from flask import Response, abort, g, request, url_for
from werkzeug.datastructures import MultiDict

from connectors.kit.workbook import Written
from holding.access.actors import MASK
from holding.connections import channel, connections
from holding.db.models.columns import ListKind, to_minor
from holding.db.refusal import Refusal, plural, sums
from holding.db.together import KEPT, Together
from holding.mappings import exact_matches, fixes, list_files, list_sources, mapping_lists
from holding.mappings.exact_matches import Matches, mask_identity
from holding.mappings.file_codes import Identity
from holding.mappings.list_rows import ListRow, read_list
from holding.mappings.list_sources import Seen
from holding.platform import processes
from portal.mappings.mapping_pages import head_values, pages
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs

__all__ = ["pages"]

HEADS: Final = (
    *("Table", "Key", "Name", "TIN", "Registration number", "Value", "Name there", "Why"),
    *("Exact", "Records", "Amount"),
)


SHOWN: Final = 200

MOST: Final = 100_000


@pages.get("/exact")
@needs("record.read")
def exact() -> Response:
    """All missing values with exactly one value that fits, and those that are left out."""
    beside = Together(store.reading(), KEPT)
    tables = beside.ask(mapping_lists.asked_tables(g.company.id))
    fixers = beside.ask(fixes.asked_fixers(g.actor))
    found = exact_matches.exact_matches(store.reading(), g.company.id, beside=beside)
    picked = {one.row.cause_id for one in found.exact}
    return _page(found, picked, {}, tables=tables.value, fixers=fixers.value)


def _page(
    found: Matches,
    picked: Collection[int],
    problems: dict[str, str],
    *,
    form: MultiDict[str, str] | None = None,
    status: int = 200,
    tables: Sequence[mapping_lists.TableRow] | None = None,
    fixers: Sequence[str] | None = None,
) -> Response:
    session = store.reading()
    chosen = [one for one in found.exact if one.row.cause_id in picked]
    since: date | None = None
    typed = forms.read_since(form) if form is not None else None
    if isinstance(typed, forms.Problems):
        problems, status = {**problems, **typed.by_field}, 422
    else:
        since = typed
    causes = [one.row.cause_id for one in chosen]
    preview = list_sources.bulk_preview(
        session, g.company.id, chosen, g.now, since or fixes.ALWAYS, maps=found.maps
    )
    return store.respond(
        "mappings/exact.html",
        status=status,
        found=found,
        picked=set(causes),
        of=_words(causes),
        preview=preview,
        shown=_shown,
        named=_name,
        reason=form.get("reason", "") if form else "",
        since=form.get("since", "").strip() if form else "",
        problems=problems,
        keeping=fixes.refuse_change(
            session, g.actor, [one.row.table for one in chosen], fixers=fixers
        ),
        tables=mapping_lists.tables(session, g.company.id) if tables is None else tables,
        missing_count=filters.count_missing(),
        table="",
    )


def _words(picked: Collection[int]) -> str:
    return ",".join(str(cause_id) for cause_id in sorted(picked))


def _shown(who: Identity) -> Identity:
    return who if filters.sees_personal() else mask_identity(who)


def _name(there: str, who: Identity) -> str:
    """A name in a target's list; that of a party for who may see personal data."""
    return there if not there or not who.of_party or filters.sees_personal() else MASK


@pages.post("/exact/preview")
@needs("mapping.fix")
def preview_exact() -> Response:
    """What accepting the ticked ones would do; changes nothing."""
    found = exact_matches.exact_matches(store.reading(), g.company.id)
    return _page(found, _picked(request.form), {}, form=request.form)


def _picked(form: MultiDict[str, str]) -> set[int]:
    return {
        found for text in form.getlist("pick") if (found := forms.parse_whole(text)) is not None
    }


@pages.post("/exact")
@needs("mapping.fix")
def accept_exact() -> Response:
    """Save the ticked ones together, as they were shown."""
    form = request.form
    wish, since, picked = forms.read_reason(form), forms.read_since(form), _picked(form)
    problems: dict[str, str] = {}
    for one in (wish, since):
        problems |= one.by_field if isinstance(one, forms.Problems) else {}
    if form.get("of", "") != _words(picked):
        problems["pick"] = "You changed the selection. Look at what it does now, then accept."
    if problems or isinstance(wish, forms.Problems) or isinstance(since, forms.Problems):
        found = exact_matches.exact_matches(store.reading(), g.company.id)
        return _page(found, picked, problems, form=form, status=422)
    rev = forms.parse_whole(form.get("rev"))
    with store.writing() as session:
        answer = list_sources.accept_matches(
            session,
            g.actor,
            [_read_match(form, cause_id) for cause_id in sorted(picked)],
            forms.parse_whole(form.get("ready")) or 0,
            wish.reason,
            g.now,
            rev=rev if rev is not None else g.company.revision,
            since=since or fixes.ALWAYS,
            op=wish.op or None,
        )
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=url_for("mappings.exact", co=g.company.code))
    processes.ring(g.company.id, "evaluate")
    keys = plural(answer.keys, "mapping")
    woken = plural(answer.woken, "record is", "records are")
    say = f"{keys} accepted. {woken} checked again; nothing was posted by this."
    if answer.later:
        say = (
            f"{keys} accepted. {woken} checked again, more may follow; nothing was posted by this."
        )
    return store.redirect_with_message(url_for("mappings.missing", co=g.company.code), say)


def _read_match(form: MultiDict[str, str], cause_id: int) -> Seen:
    """A match as the page showed it."""
    return Seen(
        cause_id,
        form.get(f"key_{cause_id}", ""),
        form.get(f"value_{cause_id}", ""),
        forms.parse_whole(form.get(f"records_{cause_id}")) or 0,
    )


def match_rows(found: Matches) -> list[list[Written]]:
    """Both lists of the page as rows under `HEADS`, what is personal hidden where it must be."""
    rows: list[list[Written]] = []
    told = [(one.row, one.who, one.value, one.name, ", ".join(one.reasons), "yes")
            for one in found.exact]  # fmt: skip
    told += [(one.row, one.who, "", "", one.why, "no") for one in found.left]
    for row, who, value, there, why, is_exact in told:
        shown = _shown(who)
        amount = sums(row.money, g.company.currency).replace("\xa0", " ")
        said = (shown.name, shown.tin, shown.registration)
        found_there = (value, _name(there, who), why, is_exact)
        rows.append([row.table, row.key, *said, *found_there, row.records, amount])
    return rows


@pages.get("/lists")
@needs("record.read")
def lists() -> Response:
    """Where each list comes from and how old it is, and the form to give one in."""
    return _lists({})


def _lists(problems: dict[str, str], status: int = 200) -> Response:
    session, company_id = store.reading(), g.company.id
    page = Together(session, KEPT)
    targets, files = (
        page.ask(connections.connections_query(company_id)),
        page.ask(list_files.asked_uploads(company_id)),
    )
    return store.respond(
        "mappings/lists.html",
        head_values(),
        status=status,
        sources=list_sources.list_sources(session, company_id, g.now, beside=page),
        files=files.value,
        targets=[one.name for one in targets.value if one.is_target],
        kinds=list(ListKind),
        today=filters.today(),
        form=request.form,
        keeping=fixes.refuse_change(session, g.actor, ()),
        problems=problems,
    )


@pages.post("/lists")
@needs("mapping.fix")
@request_guard.limiter.limit("12 per minute")
def give_list() -> Response:
    """Keep a file as the list of a day."""
    file, form = request.files.get("file"), request.form
    as_of, kind = forms.parse_day(form.get("as_of", "")), form.get("kind", "")
    problems = {}
    if file is None or not file.filename:
        problems["file"] = "Select a file."
    if as_of is None:
        problems["as_of"] = "Enter the date as 2026-11-01."
    if problems or file is None or as_of is None or kind not in set(ListKind):
        return _lists(problems, status=422)
    name, raw = str(file.filename), file.read()
    store.drop_snapshot()  # hold neither a snapshot nor a lock while a process reads the workbook
    rows = read_list(name, raw, ListKind(kind))
    with store.writing() as session:
        answer = list_files.submit_list(
            session,
            g.actor,
            form.get("target", ""),
            ListKind(kind),
            name,
            raw,
            rows,
            as_of=as_of,
            today=filters.today(),
            now=g.now,
        )
    if isinstance(answer, Refusal):
        if answer.status == 422:
            field = "as_of" if answer.code == "list.day" else "file"
            return _lists({field: answer.words}, status=422)
        return store.refuse(answer, back=url_for("mappings.lists", co=g.company.code))
    said = (
        f"{answer.file_name} is the list of {answer.as_of} now: {answer.entries:,} in all, "
        f"{answer.added} added, {answer.changed} changed, {answer.gone} gone. Nothing was posted."
    )
    changed = url_for("mappings.list_changes", co=g.company.code, no=answer.file_id)
    return store.redirect_with_message(changed, said)


@pages.post("/look")
@needs("mapping.fix")
@request_guard.limiter.limit("12 per minute")
def look() -> Response:
    """Ask targets again for their codes, from a hold or a missing value: one was added there."""
    hold_id, cause = (forms.parse_whole(request.form.get(name)) for name in ("hold", "cause"))
    back = url_for("mappings.missing", co=g.company.code, cause=cause)
    if hold_id is not None:
        back = url_for("holding.show", co=g.company.code, hold_id=hold_id)
    with store.writing() as session:
        answer = channel.refresh_now(session, g.actor, request.form.getlist("target"), g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=back)
    processes.ring(g.company.id, "lists")
    asked = ", ".join(answer)
    said = f"{asked} is asked again within a minute. Records that wait for the code then go on."
    return store.redirect_with_message(back, said)


@pages.get("/lists/<int:no>")
@needs("record.read")
def list_changes(no: int) -> Response:
    """What one list has otherwise than the one before it."""
    found = list_files.file_changes(store.reading(), g.company.id, no, SHOWN)
    if found is None:
        abort(404)
    file, rows = found
    return store.respond(
        "mappings/list_changes.html",
        head_values(),
        file=file,
        rows=rows,
        of_items=file.kind == ListKind.ITEM,
        seen=_visible_value,
        minor=_minor,
    )


def _visible_value(row: ListRow | None, field: str) -> str:
    """A number or name, for who may see personal data; a name that is the code is no secret, and
    nobody's SKU is.
    """
    text = str(getattr(row, field)) if row else ""
    plain = (
        not text
        or field == "sku"
        or (row is not None and text == row.code)
        or filters.sees_personal()
    )
    return text if plain else MASK


def _minor(row: ListRow) -> int:
    """What is left to pay, as amounts are shown."""
    return to_minor(row.left or Decimal(0), row.currency)
