"""What every source and every target offers, and the plain data that passes between them and the
holding floor.

Here: the names, one room a side. Not here: anything that talks.
"""

from connectors.kit.contract.calls import (
    Answer,
    AnswerKind,
    Found,
    Kept,
    OutgoingDocument,
    Payload,
    Sent,
    Stands,
)
from connectors.kit.contract.reports import ConnectionReport, ItemSetup, Rounding, Snapshot, Step
from connectors.kit.contract.sources import (
    Accepted,
    IncomingRecord,
    RowError,
    Source,
    SourceRefusal,
)
from connectors.kit.contract.targets import Action, FileLimits, Pace, Settings, Target

__all__ = [
    "Accepted",
    "Action",
    "Answer",
    "AnswerKind",
    "ConnectionReport",
    "FileLimits",
    "Found",
    "IncomingRecord",
    "ItemSetup",
    "Kept",
    "OutgoingDocument",
    "Pace",
    "Payload",
    "Rounding",
    "RowError",
    "Sent",
    "Settings",
    "Snapshot",
    "Source",
    "SourceRefusal",
    "Stands",
    "Step",
    "Target",
]
