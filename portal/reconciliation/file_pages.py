"""The page of a file that a person imports by hand: download, outcome, listing, withdrawal."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import quote

from flask import Blueprint, Response, abort, g, make_response, request, url_for

from connectors import registry
from connectors.contract import SourceRefusal
from connectors.contract.pulls import ImportedByHand
from holding.db.models.columns import ImportFileState
from holding.db.refusal import Refusal
from holding.platform import processes
from holding.reconciliation import file_list, listings, open_files
from holding.reconciliation.open_files import ACT, Outcome
from portal.web import forms, request_guard, store
from portal.web.permissions import needs

pages = Blueprint("importfiles", __name__, url_prefix="/c/<co>/files")
SHEET: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_MOST: Final = 1_000_000
_PLACES: Final = 6
SAID: Final[Mapping[ImportFileState, str]] = {
    ImportFileState.IMPORTED: "The outcome is saved. Compare it with AutoCount's listing now.",
    ImportFileState.MISMATCH: "Saved. Not all of the file is accounted for.",
    ImportFileState.RECONCILED: "The file is reconciled.",
    ImportFileState.WITHDRAWN: "Compared. The file stays withdrawn.",
}


@pages.get("/<int:file_id>")
@needs("record.read")
def show(file_id: int) -> Response:
    """Show the state of the file and the next step."""
    return _page(_row(file_id), {})


@pages.post("/<int:file_id>/download")
@needs("import.tell")
def download(file_id: int) -> Response:
    """Download the file. Its bytes are identical each time."""
    with store.writing() as session:
        told = open_files.download_file(session, g.actor, g.company.id, file_id, g.now)
    if isinstance(told, Refusal):
        return store.refuse(told, back=_url(file_id))
    name, body = told
    answer = make_response(body)
    answer.headers["Content-Type"] = SHEET
    answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return answer


@pages.post("/<int:file_id>/outcome")
@needs("import.tell")
def outcome(file_id: int) -> Response:
    """Keep how many rows were New, Update and Error, and which."""
    row, wish = _row(file_id), _outcome()
    if isinstance(wish, forms.Problems):
        return _page(row, wish.by_field, status=422)
    with store.writing() as session:
        told = open_files.enter_outcome(session, g.actor, g.company.id, file_id, wish, g.now)
    return _told(row, told, "outcome")


@pages.post("/<int:file_id>/listing")
@needs("import.tell")
@request_guard.limiter.limit("12 per minute")
def listing(file_id: int) -> Response:
    """Compare the file with AutoCount's own listing."""
    row, file = _row(file_id), request.files.get("listing")
    if file is None or not file.filename:
        return _page(
            row, {"listing": "Select the listing that you saved in AutoCount."}, status=422
        )
    raw = file.read(listings.FILE_BYTES + 1)
    if len(raw) > listings.FILE_BYTES:
        return _page(row, {"listing": "The file is larger than 20 MB."}, status=422)
    target = registry.targets().get(row.connector)
    store.drop_snapshot()  # no snapshot is kept while a process reads the workbook
    if not isinstance(target, ImportedByHand):
        abort(404)
    read = target.listed(raw)
    if isinstance(read, SourceRefusal):
        return _page(row, {"listing": f"{read.message} {read.hint}"}, status=422)
    with store.writing() as session:
        told = listings.compare_listing(session, g.actor, g.company.id, file_id, read, g.now)
    return _told(row, told, "listing")


@pages.post("/<int:file_id>/confirm")
@needs("import.tell")
def confirm(file_id: int) -> Response:
    """Confirm that the import's new documents are posted, with the total that AutoCount shows."""
    row, wish = _row(file_id), forms.read_reason(request.form)
    problems = dict(wish.by_field) if isinstance(wish, forms.Problems) else {}
    problems = {f"confirm_{name}": words for name, words in problems.items()}
    total = _amount(request.form.get("total", ""))
    if total is None:
        problems["total"] = "Enter the total that AutoCount shows, such as 1,234.00."
    if problems or total is None or isinstance(wish, forms.Problems):
        return _page(row, problems, status=422)
    with store.writing() as session:
        told = listings.confirm_import(
            session, g.actor, g.company.id, file_id, total=total, reason=wish.reason, now=g.now
        )
    return _told(row, told, "total")


@pages.post("/<int:file_id>/withdraw")
@needs("import.tell")
def withdraw(file_id: int) -> Response:
    """Withdraw the file: none of its remaining documents will be imported."""
    row, wish = _row(file_id), forms.read_reason(request.form)
    if isinstance(wish, forms.Problems):
        return _page(row, wish.by_field, status=422)
    with store.writing() as session:
        told = open_files.withdraw_file(session, g.actor, g.company.id, file_id, wish.reason, g.now)
    if isinstance(told, Refusal):
        return store.refuse(told, back=_url(file_id))
    processes.ring(g.company.id, "push")
    return store.redirect_with_message(_url(file_id), told)


def _told(row: file_list.FileRow, told: ImportFileState | Refusal, field: str) -> Response:
    if isinstance(told, Refusal):
        if told.status == 422:
            return _page(row, {field: f"{told.message} {told.hint}"}, status=422)
        return store.refuse(told, back=_url(row.id))
    processes.ring(g.company.id, "push")
    return store.redirect_with_message(_url(row.id), SAID[told])


def _outcome() -> Outcome | forms.Problems:
    """Return the outcome that the form reports, or what is wrong with it."""
    problems: dict[str, str] = {}
    counts: dict[str, int] = {}
    for name in ("new", "update", "error"):
        text = request.form.get(name, "").strip() or "0"
        digits = text.isascii() and text.isdecimal() and len(text) <= len(str(_MOST))
        if digits and int(text) <= _MOST:
            counts[name] = int(text)
        else:
            problems[name] = "Enter a whole number of rows."
    named = {}
    for name in ("update_rows", "error_rows"):
        text = request.form.get(name, "")
        read = open_files.parse_rows("\n".join(text.split(",")) if name == "update_rows" else text)
        if isinstance(read, str):
            problems[name] = read
        else:
            named[name] = read
    if problems:
        return forms.Problems(problems)
    return Outcome(
        new=counts["new"],
        update=counts["update"],
        error=counts["error"],
        updated=frozenset(named["update_rows"]),
        errors=named["error_rows"],
    )


def _amount(text: str) -> Decimal | None:
    try:
        found = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        return None
    places = found.as_tuple().exponent
    if not isinstance(places, int) or places < -_PLACES or found.copy_abs() >= _MOST**2:
        return None
    return found


def _row(file_id: int) -> file_list.FileRow:
    found = file_list.load_file(store.reading(), g.company.id, file_id)
    return found if found is not None else abort(404)


def _page(row: file_list.FileRow, problems: Mapping[str, str], *, status: int = 200) -> Response:
    documents = file_list.file_documents(store.reading(), g.company.id, row.id)
    return store.respond(
        "import_files/show.html",
        status=status,
        file=row,
        documents=documents,
        left=[one for one in documents if one.verdict is None],
        changed=[one for one in documents if one.news is not None],
        State=ImportFileState,
        given=request.form,
        problems=problems,
        refusal=request_guard.may(ACT),
    )


def _url(file_id: int) -> str:
    return url_for("importfiles.show", co=g.company.code, file_id=file_id)
