"""The pages of an uploaded workbook or CSV: preview, columns, import and error workbook."""

import re
import threading
from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import timedelta
from functools import partial
from typing import Final
from urllib.parse import quote

from flask import Blueprint, Response, abort, g, make_response, request, url_for

from connectors.contract import SourceRefusal
from connectors.contract.pulls import (
    DAYS,
    FIXED,
    LEFT_OUT,
    REMEMBERED,
    SHORT_DAYS,
    DayOrder,
    FieldLabel,
    FileColumn,
    values_set,
)
from holding.access.actors import MASK
from holding.db.models.columns import RecordState, UploadState
from holding.db.refusal import Refusal, plural
from holding.intake.deliveries import zone_of_source
from holding.platform import processes
from holding.uploads import check_result, submit
from holding.uploads.check_result import STORED, ChangedField, CheckResult, Standing, UploadRow
from holding.uploads.file_check import (
    CURRENCIES,
    every_wrong_cell,
    known_codes,
    known_values,
    labels_of,
)
from holding.uploads.submit import beside
from holding.uploads.upload_turns import kind_of, reader
from portal.web import filters, forms, request_guard, store
from portal.web.permissions import needs
from portal.web.request_guard import may

pages = Blueprint("uploads", __name__, url_prefix="/c/<co>/uploads")

A_PAGE: Final = 25

COLUMN: Final = "column:"
"""Before the name of a column in a form: `column:orders!C`."""

FIXED_VALUE: Final = "fixed:"
"""Before the name of a field in a form: `fixed:status`."""

LONGEST_VALUE: Final = 200  # signs of a value that is set for all rows

SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

RETRY_SECONDS: Final = 20

MOST_LISTED: Final = 50  # records of an imported file on its page

WATCHED_AFTER_IMPORT: Final = timedelta(minutes=10)

BUSY: Final = Refusal(
    "upload.busy",
    "Another workbook with errors is being written at the moment.",
    "Nothing was changed. Download it again in a few seconds.",
    503,
)

_turn = threading.BoundedSemaphore(1)
"""A large file takes a thread, and much memory, for a minute: the others stay for the pages."""


@pages.get("")
@needs("record.read")
def listing() -> Response:
    """Show the upload form, and the uploads so far, newest first."""
    return _list({})


def _list(problems: Mapping[str, str], status: int = 200) -> Response:
    session = store.reading()
    before = forms.parse_whole(request.args.get("before"))
    mine = g.actor.person_id
    rows = check_result.listing(session, g.company.id, mine, before, A_PAGE)
    return store.respond(
        "uploads/list.html",
        status=status,
        rows=rows,
        before=rows[-1].id if len(rows) >= A_PAGE else None,
        State=UploadState,
        choices=_choices(
            request.form.get("source") or request.args.get("source", ""),
            request.form.get("kind") or request.args.get("kind", ""),
        ),
        problems=problems,
        refusal=may("upload"),
    )


def _choices(source: str, kind: str) -> dict[str, object]:
    """Return the choices of an upload form, and which are selected."""
    takes = submit.sources_for(store.reading(), g.company.id)
    kinds = dict.fromkeys(one for name in takes for one in takes[name])
    return {"sources": takes, "kinds": kinds, "wanted": source, "wanted_kind": kind}


@pages.post("")
@needs("upload")
def begin() -> Response:
    """Receive a file and queue it for a check. No records are stored yet."""
    file, source = request.files.get("file"), request.form.get("source", "")
    kind = request.form.get("kind", "") or submit.KIND
    if file is None or not file.filename:
        return _list({"file": "Select a file."}, status=422)
    with store.writing() as session:
        answer = submit.begin(
            session, g.actor, g.company.id, source, file.filename, file.read(), g.now, kind=kind
        )
    if isinstance(answer, Refusal):
        if answer.status != 422:
            return store.refuse(answer, back=url_for("uploads.listing", co=g.company.code))
        return _list({"file": f"{answer.message} {answer.hint}"}, status=422)
    processes.ring(g.company.id, "upload")
    return store.redirect_with_message(_url(answer.upload_id), _said(answer, str(file.filename)))


def _url(upload_id: int) -> str:
    return url_for("uploads.show", co=g.company.code, upload_id=upload_id)


def _said(answer: submit.Begun, name: str) -> str:
    if not answer.again:
        return f"{name} was uploaded. Nothing of it is stored yet."
    row = _row(answer.upload_id)
    if not row.confirmed:
        return "You uploaded this file already. It waits for you to confirm it."
    at, who = filters.moment(row.at), row.person or "somebody"
    return f"{name} is the file that {who} uploaded on {at}: nothing new was stored."


def _row(upload_id: int) -> UploadRow:
    """Return a confirmed upload of this company, or the user's own.

    Abort with 404 if there is none.
    """
    found = check_result.one(store.reading(), g.company.id, g.actor.person_id, upload_id)
    if found is None:
        abort(404)
    return found


@pages.get("/<int:upload_id>")
@needs("record.read")  # only its user sees an unconfirmed upload
def show(upload_id: int) -> Response:
    """Show the state of a file: its check, the preview, its import, or the result."""
    return _page(_row(upload_id))


def _page(row: UploadRow) -> Response:
    """Return the upload's page, which reloads itself while the file is processed.

    Data for the preview and forms is loaded only if these are shown.
    """
    found = row.found
    fields = {} if row.busy else _fields(row, found)
    to_set = _fields_to_set(found, {one.name for each in fields.values() for one in each})
    imported = row.state is UploadState.DONE
    counts = (
        check_result.count_imported_records(store.reading(), g.company.id, row.id)
        if imported
        else {}
    )
    return store.respond(
        "uploads/show.html",
        row=row,
        found=found,
        standing=Standing,
        stored=STORED,
        State=UploadState,
        fields=fields,
        to_set=to_set,
        known_values=partial(known_values, store.reading(), row.source_id, row.kind, to_set),
        labels=labels_of(fields),
        set_before=values_set(row.chosen, REMEMBERED),
        of_orders=row.kind == submit.KIND,
        sees=_sees(row),
        stored_value=_stored_value,
        currencies=CURRENCIES,
        other_file=partial(_choices, row.source, row.kind),
        imported=counts,
        imported_records=partial(
            check_result.load_imported_records, store.reading(), g.company.id, row.id, MOST_LISTED
        ),
        judging=_is_judging(row, counts),
        problems={},
    )


def _is_judging(row: UploadRow, counts: Mapping[RecordState, int]) -> bool:
    """Check whether records of a recent import still wait for their first check.

    Records without a rule stay received for ever, so the page stops reloading after a while.
    """
    return (
        RecordState.RECEIVED in counts
        and row.ended_at is not None
        and g.now - row.ended_at < WATCHED_AFTER_IMPORT
    )


def _fields(row: UploadRow, found: CheckResult | None) -> Mapping[str, tuple[FieldLabel, ...]]:
    kind = kind_of(row.connector, row.kind)
    return reader().fields(found.columns, kind) if found is not None else {}


def _fields_to_set(found: CheckResult | None, known: Collection[str]) -> list[str]:
    """Return the fields that no column fills, for which a person may set one value: those that are
    missing, those that the rules need, and those that have a value already.
    """
    if found is None:
        return []
    needed = [name.replace("line.", "line_") for name in found.needed]
    needed = [name if name in known else name.removeprefix("line_") for name in needed]
    wanted = dict.fromkeys([*(name for _, name in found.missing), *needed, *found.fixed])
    return [name for name in wanted if name in known]


def _sees(row: UploadRow) -> bool:
    return row.person_id == g.actor.person_id or filters.sees_personal()


def _stored_value(field: ChangedField) -> str:
    """Return the stored value of a changed order's field, masked unless the user may see personal
    data.

    Owning the file gives no such right: its order ids may belong to any order.
    """
    named = field.path.partition(".")[0].partition("[")[0]
    return MASK if field.before and named in filters.hidden_fields() else field.before


@pages.post("/<int:upload_id>/columns")
@needs("upload")
def columns(upload_id: int) -> Response:
    """Match columns with fields as the person chose, and check the file again."""
    row = _row(upload_id)
    chosen = _chosen(row)
    with store.writing() as session:
        refusal = submit.choose(session, g.actor, g.company.id, upload_id, chosen, g.now)
    if refusal is not None:
        return store.refuse(refusal, back=_url(upload_id))
    processes.ring(g.company.id, "upload")
    return store.redirect_with_message(
        _url(upload_id), f"{row.name} is checked again with these columns."
    )


def _chosen(row: UploadRow) -> dict[str, str]:
    """Return the form's choices that differ from the current ones: fields of columns, and fixed
    values.
    """
    found = row.found
    columns: tuple[FileColumn, ...] = found.columns if found is not None else ()
    known = {
        sheet: {one.name for one in fields} | {LEFT_OUT}
        for sheet, fields in _fields(row, found).items()
    }
    wanted = {one.key: request.form.get(COLUMN + one.key, one.field) for one in columns}
    chosen = {
        one.key: wanted[one.key]
        for one in columns
        if wanted[one.key] != one.field and wanted[one.key] in known.get(one.sheet, ())
    }
    fields = {name for names in known.values() for name in names if name != LEFT_OUT}
    for name, value in request.form.items():
        field = name.removeprefix(FIXED_VALUE)
        if name.startswith(FIXED_VALUE) and field in fields:
            chosen[f"{FIXED}{field}"] = value.strip()[:LONGEST_VALUE]
    return chosen


@pages.post("/<int:upload_id>/days")
@needs("upload")
def days(upload_id: int) -> Response:
    """Store how the user wants the file's dates to be read, and check the file again.

    If the first number of its dates may be a two-digit year, the choice has a key of its own.
    """
    row, date_order = _row(upload_id), request.form.get("days", "")
    if date_order not in set(DayOrder):
        abort(400)
    found = row.found
    short = found is not None and DayOrder.YEAR in dict(found.ways)
    answer = {SHORT_DAYS if short else DAYS: date_order}
    with store.writing() as session:
        refusal = submit.choose(session, g.actor, g.company.id, upload_id, answer, g.now)
    if refusal is not None:
        return store.refuse(refusal, back=_url(upload_id))
    processes.ring(g.company.id, "upload")
    return store.redirect_with_message(
        _url(upload_id), f"{row.name} is checked again with these days."
    )


@pages.post("/<int:upload_id>/confirm")
@needs("upload")
def confirm(upload_id: int) -> Response:
    """Import the orders in the background."""
    unknown = request.form.get("unknown") == "1"
    with store.writing() as session:
        refusal = submit.confirm(
            session, g.actor, g.company.id, upload_id, with_unknown=unknown, now=g.now
        )
    if refusal is not None:
        return store.refuse(refusal, back=_url(upload_id))
    processes.ring(g.company.id, "upload")
    return store.redirect_with_message(_url(upload_id), "The import has started.")


@pages.post("/<int:upload_id>/cancel")
@needs("upload")
def cancel(upload_id: int) -> Response:
    """Forget the file."""
    with store.writing() as session:
        refusal = submit.cancel(session, g.actor, g.company.id, upload_id)
    if refusal is not None:
        return store.refuse(refusal, back=_url(upload_id))
    back = url_for("uploads.listing", co=g.company.code)
    return store.redirect_with_message(back, "The upload is cancelled. Nothing was stored.")


@pages.post("/<int:upload_id>/again")
@needs("upload")
def again(upload_id: int) -> Response:
    """Check the file of an import once more; only what is not stored yet counts."""
    with store.writing() as session:
        answer = submit.look_again(session, g.actor, g.company.id, upload_id, g.now)
    if isinstance(answer, Refusal):
        return store.refuse(answer, back=_url(upload_id))
    processes.ring(g.company.id, "upload")
    return store.redirect_with_message(_url(answer), "The file is being checked again.")


@pages.get("/<int:upload_id>/file")
@needs("record.read")  # for its user and for users who may view personal data
def file(upload_id: int) -> Response:
    """Download the file byte for byte."""
    row = _row(upload_id)
    return _attached(_bytes(row), row.name, "application/octet-stream")


def _attached(raw: bytes, name: str, kind: str) -> Response:
    answer = make_response(raw)
    answer.headers["Content-Type"] = kind
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return answer


def _bytes(row: UploadRow) -> bytes:
    """Return the file, if the user uploaded it or may see personal data."""
    if not _sees(row):
        abort(403)
    raw = check_result.file_of(store.reading(), g.company.id, g.actor.person_id, row.id)
    if raw is None:
        abort(404)
    return raw


@pages.get("/<int:upload_id>/errors.xlsx")
@needs("record.read")  # for its user and for users who may view personal data
@request_guard.limiter.limit("6 per minute")
def errors(upload_id: int) -> Response:
    """Download the file as a workbook with a column Errors, if the check found errors."""
    row = _row(upload_id)
    raw, found = _bytes(row), row.found
    if found is None or not found.cells:
        abort(404)
    made = error_workbook(row, found, raw)
    if isinstance(made, bytes):
        return _attached(made, f"{row.name.rpartition('.')[0]}-errors.xlsx", SHEET)
    answer = store.refuse(made, back=_url(upload_id))
    if made is BUSY:
        answer.headers["Retry-After"] = str(RETRY_SECONDS)
    return answer


@pages.app_template_filter("orders")
def orders(count: int, kind: str) -> str:
    """Return the count with its noun: `1 order`, `1,180 orders`; `records` for other kinds."""
    return plural(count, "order") if kind == submit.KIND else plural(count, "record")


@pages.app_template_filter("field_words")
def field_words(path: str, labels: Mapping[str, str]) -> str:
    """Return a path in readable words: `lines[0].qty` becomes "Quantity, line 1"."""
    found = re.fullmatch(r"lines\[(\d+)\](?:\.(\w+))?", path)
    if found is None:
        return labels.get(path, path.replace("_", " ").capitalize())
    line = f"line {int(found[1]) + 1}"
    return f"{labels.get(found[2], found[2])}, {line}" if found[2] else line.capitalize()


@pages.app_template_global("takes_files")
def takes_files(name: str) -> bool:
    """Check whether files can be uploaded for the connection with this name."""
    return name in submit.sources_for(store.reading(), g.company.id)


def error_workbook(row: UploadRow, found: CheckResult, raw: bytes) -> bytes | Refusal:
    """Return the file with its errors added. 503 while another file is being written, 422 if it
    cannot be written.
    """
    if not _turn.acquire(blocking=False):
        return BUSY
    try:
        made = _written(row, found, raw)
    finally:
        _turn.release()
    words = f"{row.name} cannot be written again."
    return made or Refusal("upload.errors", words, "Correct the file itself.", 422)


def _written(row: UploadRow, found: CheckResult, raw: bytes) -> bytes | None:
    zone = zone_of_source(store.reading(), row.source_id)
    others = beside(store.reading(), row.source_id)
    store.drop_snapshot()  # no snapshot is kept while a process is at work
    kind = kind_of(row.connector, row.kind)
    read = reader().upload(row.name, raw, zone, row.chosen, kind, others)
    if isinstance(read, SourceRefusal):
        return None
    labels = labels_of(reader().fields(read.columns, kind))
    known = known_codes(store.reading(), g.company.id)
    store.drop_snapshot()
    words: dict[str, list[str]] = defaultdict(list)
    for cell in every_wrong_cell(read, known, labels, frozenset(found.left_out)):
        words[cell.where].append(cell.words)
    told = {where: " ".join(each) for where, each in words.items()}
    return reader().with_errors(row.name, raw, told)
