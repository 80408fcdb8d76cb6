"""What every source and every target offers, and the plain data that passes between them and the
holding floor.

Here: the names, one room a side. Not here: anything that talks.
"""

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
from connectors.contract.pulls import (
    Accepted,
    ExampleCall,
    IncomingRecord,
    RowError,
    ShowsExample,
    SignsMore,
    Source,
    SourceRefusal,
)
from connectors.contract.schema import (
    BookFacts,
    ConnectionForm,
    ConnectionSide,
    DuplicateWindow,
    EInvoices,
    KeyField,
    Setting,
    Submitter,
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
