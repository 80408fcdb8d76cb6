"""Serve exact matches of missing values, which are accepted together, and the lists of codes."""

from collections.abc import Collection
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


MAX_ROWS: Final = 200

MOST: Final = 100_000


@pages.get("/exact")
@needs("record.read")
def exact() -> Response:
    """Show all missing values that exactly one value fits, and those left out."""
    matches = exact_matches.exact_matches(store.reading(), g.company.id)
    picked_ids = {match.row.cause_id for match in matches.exact}
    return _show_matches(matches, picked_ids, {})


def _show_matches(
    matches: Matches,
    picked_ids: Collection[int],
    problems: dict[str, str],
    *,
    form: MultiDict[str, str] | None = None,
    status: int = 200,
) -> Response:
    session = store.reading()
    chosen_matches = [match for match in matches.exact if match.row.cause_id in picked_ids]
    since: date | None = None
    since_form = forms.read_since(form) if form is not None else None
    if isinstance(since_form, forms.Problems):
        problems, status = {**problems, **since_form.by_field}, 422
    else:
        since = since_form
    causes = [match.row.cause_id for match in chosen_matches]
    preview = list_sources.bulk_preview(
        session, g.company.id, chosen_matches, g.now, since or fixes.ALWAYS, maps=matches.maps
    )
    return store.respond(
        "mappings/exact.html",
        status=status,
        found=matches,
        picked=set(causes),
        of=_ids_text(causes),
        preview=preview,
        shown=visible_identity,
        named=_visible_name,
        reason=form.get("reason", "") if form else "",
        since=form.get("since", "").strip() if form else "",
        problems=problems,
        keeping=fixes.refuse_change(
            session, g.actor, [match.row.table for match in chosen_matches]
        ),
        tables=mapping_lists.tables(session, g.company.id),
        missing_count=filters.count_missing(),
        table="",
    )


def _ids_text(picked: Collection[int]) -> str:
    return ",".join(str(cause_id) for cause_id in sorted(picked))


def visible_identity(identity: Identity) -> Identity:
    """Return the identity of a key, masked unless the user may see who a customer is."""
    return identity if filters.sees_names() else mask_identity(identity)


def _visible_name(target_name: str, identity: Identity) -> str:
    """Return a name of a target's list; a party's name is masked without permission."""
    is_visible = not target_name or not identity.of_party or filters.sees_names()
    return target_name if is_visible else MASK


@pages.post("/exact/preview")
@needs("mapping.fix")
def preview_exact() -> Response:
    """Show the effect of accepting the ticked matches; nothing is changed."""
    matches = exact_matches.exact_matches(store.reading(), g.company.id)
    return _show_matches(matches, _picked_ids(request.form), {}, form=request.form)


def _picked_ids(form: MultiDict[str, str]) -> set[int]:
    return {
        cause_id
        for text in form.getlist("pick")
        if (cause_id := forms.parse_whole(text)) is not None
    }


@pages.post("/exact")
@needs("mapping.fix")
def accept_exact() -> Response:
    """Save the ticked matches together, as they were shown."""
    form = request.form
    reason_form, since, picked_ids = (
        forms.read_reason(form),
        forms.read_since(form),
        _picked_ids(form),
    )
    problems: dict[str, str] = {}
    for part in (reason_form, since):
        problems |= part.by_field if isinstance(part, forms.Problems) else {}
    if form.get("of", "") != _ids_text(picked_ids):
        problems["pick"] = "You changed the selection. Look at what it does now, then accept."
    if problems or isinstance(reason_form, forms.Problems) or isinstance(since, forms.Problems):
        matches = exact_matches.exact_matches(store.reading(), g.company.id)
        return _show_matches(matches, picked_ids, problems, form=form, status=422)
    rev = forms.parse_whole(form.get("rev"))
    with store.writing() as session:
        accepted = list_sources.accept_matches(
            session,
            g.actor,
            [_read_match(form, cause_id) for cause_id in sorted(picked_ids)],
            forms.parse_whole(form.get("ready")) or 0,
            reason_form.reason,
            g.now,
            rev=rev if rev is not None else g.company.revision,
            since=since or fixes.ALWAYS,
            op=reason_form.op or None,
        )
    if isinstance(accepted, Refusal):
        return store.refuse(accepted, back=url_for("mappings.exact", co=g.company.code))
    processes.ring(g.company.id, "evaluate")
    keys = plural(accepted.keys, "mapping")
    woken = plural(accepted.woken, "record is", "records are")
    say = f"{keys} accepted. {woken} checked again; nothing was posted by this."
    if accepted.later:
        say = (
            f"{keys} accepted. {woken} checked again, more may follow; nothing was posted by this."
        )
    return store.redirect_with_message(url_for("mappings.missing", co=g.company.code), say)


def _read_match(form: MultiDict[str, str], cause_id: int) -> Seen:
    """Return a match as the page showed it."""
    return Seen(
        cause_id,
        form.get(f"key_{cause_id}", ""),
        form.get(f"value_{cause_id}", ""),
        forms.parse_whole(form.get(f"records_{cause_id}")) or 0,
    )


def match_rows(matches: Matches) -> list[list[Written]]:
    """Return both lists of the page as rows under `HEADS`; personal data is masked if required."""
    rows: list[list[Written]] = []
    cells = [(match.row, match.who, match.value, match.name, ", ".join(match.reasons), "yes")
            for match in matches.exact]  # fmt: skip
    cells += [(left_out.row, left_out.who, "", "", left_out.why, "no") for left_out in matches.left]
    for row, match_identity, value, target_name, why, is_exact in cells:
        identity = visible_identity(match_identity)
        amount = sums(row.money, g.company.currency).replace("\xa0", " ")
        identity_cells = (identity.name, identity.tin, identity.registration)
        target_cells = (value, _visible_name(target_name, match_identity), why, is_exact)
        rows.append([row.table, row.key, *identity_cells, *target_cells, row.records, amount])
    return rows


@pages.get("/lists")
@needs("record.read")
def lists() -> Response:
    """Show each list's source and age, and the form to upload a list."""
    return _show_lists({})


def _show_lists(problems: dict[str, str], status: int = 200) -> Response:
    session, company_id = store.reading(), g.company.id
    rows = connections.list_connections(session, company_id)
    return store.respond(
        "mappings/lists.html",
        head_values(),
        status=status,
        sources=list_sources.list_sources(session, company_id, g.now),
        files=list_files.list_uploads(session, company_id),
        targets=[connection.name for connection in rows if connection.is_target],
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
    """Store a file as the list of a day."""
    file, form = request.files.get("file"), request.form
    as_of, kind = forms.parse_day(form.get("as_of", "")), form.get("kind", "")
    problems = {}
    if file is None or not file.filename:
        problems["file"] = "Select a file."
    if as_of is None:
        problems["as_of"] = "Enter the date as 2026-11-01."
    if problems or file is None or as_of is None or kind not in set(ListKind):
        return _show_lists(problems, status=422)
    name, raw = str(file.filename), file.read()
    store.drop_snapshot()  # hold neither a snapshot nor a lock while a process reads the workbook
    rows = read_list(name, raw, ListKind(kind))
    with store.writing() as session:
        stored = list_files.submit_list(
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
    if isinstance(stored, Refusal):
        if stored.status == 422:
            field = "as_of" if stored.code == "list.day" else "file"
            return _show_lists({field: stored.words}, status=422)
        return store.refuse(stored, back=url_for("mappings.lists", co=g.company.code))
    message = (
        f"{stored.file_name} is the list of {stored.as_of} now: {stored.entries:,} in all, "
        f"{stored.added} added, {stored.changed} changed, {stored.gone} gone. Nothing was posted."
    )
    changes_address = url_for("mappings.list_changes", co=g.company.code, no=stored.file_id)
    return store.redirect_with_message(changes_address, message)


@pages.post("/look")
@needs("mapping.fix")
@request_guard.limiter.limit("12 per minute")
def look() -> Response:
    """Request that targets list their codes again, after a code was added there."""
    hold_id, cause = (forms.parse_whole(request.form.get(name)) for name in ("hold", "cause"))
    back = url_for("mappings.missing", co=g.company.code, cause=cause)
    if hold_id is not None:
        back = url_for("holding.show", co=g.company.code, hold_id=hold_id)
    with store.writing() as session:
        targets = channel.refresh_now(session, g.actor, request.form.getlist("target"), g.now)
    if isinstance(targets, Refusal):
        return store.refuse(targets, back=back)
    processes.ring(g.company.id, "lists")
    target_names = ", ".join(targets)
    message = (
        f"{target_names} is asked again within a minute. Records that wait for the code then go on."
    )
    return store.redirect_with_message(back, message)


@pages.get("/lists/<int:no>")
@needs("record.read")
def list_changes(no: int) -> Response:
    """Show the differences between a list and the list before it."""
    file_changes = list_files.file_changes(store.reading(), g.company.id, no, MAX_ROWS)
    if file_changes is None:
        abort(404)
    file, rows = file_changes
    return store.respond(
        "mappings/list_changes.html",
        head_values(),
        file=file,
        rows=rows,
        of_items=file.kind == ListKind.ITEM,
        seen=_visible_value,
        minor=_unpaid_minor,
    )


def _visible_value(row: ListRow | None, field: str) -> str:
    """Return a field's text, masked if it is personal data that the user may not see.

    A name that equals the code, and an SKU, are never masked.
    """
    text = str(getattr(row, field)) if row else ""
    is_visible = (
        not text or field == "sku" or (row is not None and text == row.code) or filters.sees_names()
    )
    return text if is_visible else MASK


def _unpaid_minor(row: ListRow) -> int:
    """Return the unpaid amount in minor units."""
    return to_minor(row.left or Decimal(0), row.currency)
