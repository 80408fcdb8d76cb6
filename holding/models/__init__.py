"""All tables of holding, by their names.

Here: the list. Not here: rules about them.
"""

from holding.models.access import ApiToken, Deputy
from holding.models.base import Base
from holding.models.company import (
    ClockMark,
    Company,
    Membership,
    Operation,
    Person,
    Session,
    Singleton,
    Team,
    TeamMember,
)
from holding.models.connection import Connection, ConnectionKey, Snapshot, SnapshotItem, Throttle
from holding.models.event import Event, EventLink
from holding.models.hold import (
    AcceptedDifference,
    Approval,
    Cause,
    Dating,
    Evaluation,
    Hold,
    Note,
    Release,
    Retry,
)
from holding.models.posting import (
    Attempt,
    Posting,
    PostingLine,
    Push,
    Reading,
    Request,
    Run,
    Schedule,
)
from holding.models.record import Delivery, LinkKey, Record, Upload, Version
from holding.models.ruleset import (
    Change,
    ChangeFile,
    MappingEntry,
    MappingTable,
    PostingUse,
    Revision,
    RuleFile,
    RulesetVersion,
)
from holding.models.stop import RouteStop

__all__ = [
    "AcceptedDifference",
    "ApiToken",
    "Approval",
    "Attempt",
    "Base",
    "Cause",
    "Change",
    "ChangeFile",
    "ClockMark",
    "Company",
    "Connection",
    "ConnectionKey",
    "Dating",
    "Delivery",
    "Deputy",
    "Evaluation",
    "Event",
    "EventLink",
    "Hold",
    "LinkKey",
    "MappingEntry",
    "MappingTable",
    "Membership",
    "Note",
    "Operation",
    "Person",
    "Posting",
    "PostingLine",
    "PostingUse",
    "Push",
    "Reading",
    "Record",
    "Release",
    "Request",
    "Retry",
    "Revision",
    "RouteStop",
    "RuleFile",
    "RulesetVersion",
    "Run",
    "Schedule",
    "Session",
    "Singleton",
    "Snapshot",
    "SnapshotItem",
    "Team",
    "TeamMember",
    "Throttle",
    "Upload",
    "Version",
]
