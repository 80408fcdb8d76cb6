"""AutoCount's Excel import as a target: a workbook for a person, and nothing that is called.

Here: its form, building, what a person's report means, the connection test. Not here: the workbook
(import_workbook.py), what becomes of the documents (holding/import_files).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Literal

from connectors.contract import (
    Action,
    Answer,
    BookFacts,
    ConnectionForm,
    ConnectionReport,
    EInvoices,
    FileLimits,
    Found,
    OutgoingDocument,
    Pace,
    Payload,
    Rounding,
    Sent,
    Setting,
    Settings,
    Snapshot,
    SourceRefusal,
    Step,
    Submitter,
    Target,
)
from connectors.contract import declared_settings as declared
from connectors.contract.hand_imports import Listed, document_types
from connectors.kit.calls import not_made
from connectors.kit.connection_settings import E_INVOICES, closed_through, told_by_settings
from connectors.kit.rounding.book_decimals import settings_of_book
from connectors.targets.autocount_excel import import_reports, import_workbook
from connectors.targets.autocount_excel.documents import DOCUMENTS
from connectors.transport.http import Http
from grammar.text.finding_codes import ErrorClass

_ASK = (
    "Enter the last day that is closed for the user who imports, or none, in “Books closed"
    " through”."
)
FORM = ConnectionForm(
    title="AutoCount Excel import",
    gives="Sales and purchase documents, bills and payments, in a workbook to import",
    needs="A prefix for document numbers that nothing else in the account book uses",
    settings=(
        Setting(
            name="company_id",
            label="Short name of the account book",
            hint="Stands in the name of every file, so that it is imported in the right book.",
            example="kedai",
            required=True,
        ),
        Setting(
            name="company_name",
            label="Name of the account book",
            hint="Shown here only: nothing in AutoCount is asked, so it cannot be compared.",
            example="Kedai Contoh Sdn Bhd",
        ),
        Setting(
            name=import_workbook.PREFIX,
            label="Prefix of our document numbers",
            hint="An import overwrites a number that is taken. Several with commas: CP, NS-.",
            example="CP",
            required=True,
        ),
        Setting(
            name="locked_through",
            label="Books closed through",
            hint="The last day closed for the user who imports, or none. Keep it up to date.",
            example="2026-09-30",
            kind="closed_day",
            required=True,
        ),
        Setting(
            name=import_workbook.HEADS,
            label="Column names of your import template",
            hint="Only where they differ from AutoCount's own: yours = AutoCount's, one a line.",
            example="InvNo = DocNo",
            kind="columns",
            fields=import_workbook.TITLES,
        ),
        document_types({one.name: one.title for one in DOCUMENTS}),
        *settings_of_book(import_workbook.USUAL_DECIMALS),
        E_INVOICES,
    ),
    way="file",
    system="AutoCount",
    tells=BookFacts(closing_date="entered"),
    e_invoices=EInvoices(
        submitter=Submitter.TARGET,
        types={"invoice": "01", "cash_sale": "01", "credit_note": "02"},
        says=(
            "They are submitted in AutoCount desktop.",
            "Clearpost submits none, waits for none, and reads nothing of them.",
        ),
    ),
    can=(
        "Writes one workbook for each run and document type, for a finance user to import.",
        "Takes invoices, credit notes, sales orders, delivery orders and goods received notes.",
        "Takes cash sales, each with what was paid and how.",
        "Takes A/R payments, A/P invoices and A/P payments.",
        "Compares AutoCount's own listing with the file: number, party, date and total.",
    ),
    cannot=(
        "Post automatically: a document counts as posted when a person or a listing says so.",
        "Tie a delivery to its order: AutoCount transfers documents, an import only adds them.",
        "Change or void what is posted: that is done in AutoCount.",
        "Look into AutoCount: codes, closed periods and manual changes are not read from it.",
    ),
)
STEPS = ("Account book", "Prefix", "Closed period", "Column names")
WAITS = "It stands in a file, and waits for a person to import it and to say what happened."
CANNOT_LOOK = "AutoCount desktop cannot be asked from here: compare the document there."


class AutoCountExcel:
    """The target `autocount_excel`. Nothing of it is ever called."""

    name = "autocount_excel"
    form = FORM
    documents = DOCUMENTS
    dedupe: Literal["key", "number", "number+customer", "none"] = "none"
    lookup: Literal["strong", "lagging", "none"] = "none"
    settle_seconds = 0.0
    pace = Pace()
    file_limits = FileLimits(documents=500, rows=5_000, bytes=5 * 1024 * 1024)

    def rounding(self, settings: Settings) -> Rounding:  # noqa: ARG002 - it has no other way
        """Tax is worked out for each line, and the lines are summed."""
        return "per_line"

    def rows_of(self, document: OutgoingDocument) -> int:
        """A row for each line; of a document without lines, one."""
        return import_workbook.rows_taken(document)

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,  # noqa: ARG002 - one document is a file as well
        batch_name: str,
        action: Action = "create",
    ) -> Payload:
        """The workbook of these documents; `batch_name` ends with the run: `20261120_17`."""
        name = batch_name or documents[0].number
        return import_workbook.build(documents, settings, name=name, action=action)

    def send(
        self,
        payload: Payload,
        settings: Settings,  # noqa: ARG002 - nothing is called
        secret: str,  # noqa: ARG002
        key: str,  # noqa: ARG002
        http: Http,  # noqa: ARG002
    ) -> Sent:
        """The file is written and waits for a person; what could never be imported is refused."""
        if len(payload.refused) == len(payload.numbers):
            return not_made(payload)
        answers = (
            payload.refused.get(at) or Answer(kind="awaiting", words=WAITS, number=number)
            for at, number in enumerate(payload.numbers)
        )
        return Sent(answers=tuple(answers), status=None, headers={}, body=b"", seconds=0.0)

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,  # noqa: ARG002 - nothing is called
        secret: str,  # noqa: ARG002
        key: str,  # noqa: ARG002
        http: Http,  # noqa: ARG002
        *,
        action: Action = "create",  # noqa: ARG002
        standing: OutgoingDocument | None = None,  # noqa: ARG002
    ) -> Found:
        """Nobody can look there; only a person ends the wait of a document."""
        return Found(kind="different", words=f"{document.number}: {CANNOT_LOOK}")

    def class_of(self, message: str) -> ErrorClass:
        """The class of what the import said of a row."""
        return import_reports.class_of(message)

    def listed(self, raw: bytes) -> tuple[Listed, ...] | SourceRefusal:
        """The documents of AutoCount's own listing."""
        return import_reports.listed(raw)

    def test(
        self,
        settings: Settings,
        secret: str,  # noqa: ARG002 - it has no key
        http: Http,  # noqa: ARG002
    ) -> ConnectionReport:
        """Whether the settings say what a safe file needs; nothing is called."""
        locked = closed_through(settings, _ASK)
        steps = (_book(settings), _prefix(settings), _closed(locked), _heads(settings))
        snapshot = None if isinstance(locked, str) else _told(settings, locked)
        return ConnectionReport(steps=steps, snapshot=snapshot)


def _book(settings: Settings) -> Step:
    book = str(settings.get("company_id", "")).strip()
    if not book:
        hint = "Set the short name of the account book of this connection."
        return Step.failed(STEPS[0], "The account book has no short name.", hint, "company.unknown")
    words = f"Files are named cp_{book}_… AutoCount desktop is not called: compare the book once."
    return Step(STEPS[0], ok=None, words=words)


def _prefix(settings: Settings) -> Step:
    prefixes = declared.listed(str(settings.get(import_workbook.PREFIX, "")))
    if not prefixes:
        hint = "Choose one that no other number in the account book begins with, such as CP."
        return Step.failed(STEPS[1], "No prefix is set.", hint, "number_prefix")
    words = f"Numbers begin with {' or '.join(prefixes)}; no other document is sent."
    return Step(STEPS[1], ok=True, words=words)


def _closed(locked: date | str | None) -> Step:
    if isinstance(locked, str):
        hint = "Set Books closed through of this connection."
        return Step.failed(STEPS[2], locked, hint, "closed_day")
    closed = f"Closed through {locked}" if locked else "Nothing is closed"
    return Step(STEPS[2], ok=True, words=f"{closed}, by the setting.")


def _heads(settings: Settings) -> Step:
    if fault := import_workbook.heads_fault(settings):
        hint = "Correct the column names of your import template."
        return Step.failed(STEPS[3], fault, hint, "column_names")
    own = import_workbook.own_heads(settings)
    told = ", ".join(f"{name} for {field}" for field, name in own.items())
    words = f"As in your template: {told}." if own else "AutoCount's own names."
    return Step(STEPS[3], ok=True, words=words)


def _told(settings: Settings, locked: date | None) -> Snapshot:
    known = told_by_settings(settings, locked)
    return replace(known, key_status="none", excel_import_enabled=True)


TARGET: Target = AutoCountExcel()
