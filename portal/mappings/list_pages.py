"""Lists of a target's codes and unpaid documents: where each comes from, and giving one in.

Here: views. Not here: what is unpaid (unpaid_page.py), reading and keeping a list
(holding/code_lists).
"""

from decimal import Decimal
from typing import Final

from flask import Response, abort, g, request, url_for

from holding.access.actors import MASK
from holding.connections import channel as probe
from holding.connections import connections as connection_rows
from holding.db.models.columns import ListKind, to_minor
from holding.db.refusal import Refusal
from holding.db.together import KEPT, Together
from holding.mappings import fixes as keepers
from holding.mappings import list_files, list_sources
from holding.mappings.list_rows import ListRow, read_list
from holding.platform import processes as doorbell
from portal.mappings.mapping_pages import pages, tabs
from portal.web import filters, forms, fragments, security, store

__all__ = ["pages"]

SHOWN: Final = 200
MOST: Final = 100_000


@pages.get("/lists")
def lists() -> Response:
    """Where each list comes from and how old it is, and the form to give one in."""
    return _lists({})


@pages.post("/lists")
@security.limiter.limit("12 per minute")
def give_list() -> Response:
    """Keep a file as the list of a day."""
    file, form = request.files.get("file"), request.form
    as_of, kind = forms.day(form.get("as_of", "")), form.get("kind", "")
    problems = {}
    if file is None or not file.filename:
        problems["file"] = "Select a file."
    if as_of is None:
        problems["as_of"] = "Enter the date as 2026-11-01."
    if problems or file is None or as_of is None or kind not in set(ListKind):
        return _lists(problems, status=422)
    name, raw = str(file.filename), file.read()
    store.renew()  # neither a snapshot nor a lock is kept while a process reads the workbook
    rows = read_list(name, raw, ListKind(kind))
    with store.writing() as session:
        answer = list_files.give(
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
        return fragments.refuse(answer, back=url_for("mappings.lists", co=g.company.code))
    said = (
        f"{answer.file_name} is the list of {answer.as_of} now: {answer.entries:,} in all, "
        f"{answer.added} added, {answer.changed} changed, {answer.gone} gone. Nothing was posted."
    )
    changed = url_for("mappings.list_changes", co=g.company.code, no=answer.file_id)
    return fragments.moved(changed, said)


@pages.post("/look")
@security.limiter.limit("12 per minute")
def look() -> Response:
    """Ask targets again for their codes, from a hold or a missing value: one was added there."""
    hold_id, cause = (forms.whole(request.form.get(name)) for name in ("hold", "cause"))
    back = url_for("mappings.missing", co=g.company.code, cause=cause)
    if hold_id is not None:
        back = url_for("holding.show", co=g.company.code, hold_id=hold_id)
    with store.writing() as session:
        answer = probe.look_again(session, g.actor, request.form.getlist("target"), g.now)
    if isinstance(answer, Refusal):
        return fragments.refuse(answer, back=back)
    doorbell.ring(g.company.id, "lists")
    asked = ", ".join(answer)
    said = f"{asked} is asked again within a minute. Records that wait for the code then go on."
    return fragments.moved(back, said)


@pages.get("/lists/<int:no>")
def list_changes(no: int) -> Response:
    """What one list has otherwise than the one before it."""
    found = list_files.changes(store.reading(), g.company.id, no, SHOWN)
    if found is None:
        abort(404)
    file, rows = found
    return fragments.respond(
        "mappings/list_changes.html",
        tabs(),
        file=file,
        rows=rows,
        of_items=file.kind == ListKind.ITEM,
        seen=_seen,
        minor=_minor,
    )


def _seen(row: ListRow | None, field: str) -> str:
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


def _lists(problems: dict[str, str], status: int = 200) -> Response:
    session, company_id = store.reading(), g.company.id
    page = Together(session, KEPT)
    targets, files = (
        page.ask(connection_rows.asked_listing(company_id)),
        page.ask(list_files.asked_files(company_id)),
    )
    return fragments.respond(
        "mappings/lists.html",
        tabs(),
        status=status,
        sources=list_sources.list_sources(session, company_id, g.now, beside=page),
        files=files.value,
        targets=[one.name for one in targets.value if one.is_target],
        kinds=list(ListKind),
        today=filters.today(),
        form=request.form,
        keeping=keepers.refused(session, g.actor, ()),
        problems=problems,
    )
