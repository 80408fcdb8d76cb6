"""What every source and every target offers, and the plain data that passes between them and the
holding floor.

Here: the names, one room a side. Not here: anything that talks.
"""

from connectors.contract.book_facts import BookFacts, DuplicateWindow
from connectors.contract.calls import (
    Action,
    Answer,
    AnswerKind,
    ConnectionReport,
    Found,
    ItemSetup,
    Kept,
    OutgoingDocument,
    Payload,
    Question,
    Rounding,
    Sent,
    Snapshot,
    Stands,
    Step,
)
from connectors.contract.declared_settings import ConnectionForm, ConnectionSide, KeyField, Setting
from connectors.contract.e_invoices import EInvoices, Submitter
from connectors.contract.sources import (
    Accepted,
    ExampleCall,
    IncomingRecord,
    RowError,
    ShowsExample,
    SignsMore,
    Source,
    SourceRefusal,
)
from connectors.contract.targets import FileLimits, Pace, Settings, Target

__all__ = [
    "Accepted",
    "Action",
    "Answer",
    "AnswerKind",
    "BookFacts",
    "ConnectionForm",
    "ConnectionReport",
    "ConnectionSide",
    "DuplicateWindow",
    "EInvoices",
    "ExampleCall",
    "FileLimits",
    "Found",
    "IncomingRecord",
    "ItemSetup",
    "Kept",
    "KeyField",
    "OutgoingDocument",
    "Pace",
    "Payload",
    "Question",
    "Rounding",
    "RowError",
    "Sent",
    "Setting",
    "Settings",
    "ShowsExample",
    "SignsMore",
    "Snapshot",
    "Source",
    "SourceRefusal",
    "Stands",
    "Step",
    "Submitter",
    "Target",
]
