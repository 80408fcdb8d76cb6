"""What events are about, as a person chooses among them.

Here: the groups of acts, and the condition that an event is of one. A group is a choice of a list
and decides nothing; an act may be in two. Not here: the events (event_log.py).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import ColumnElement, or_

from holding.tables import Event


class ActGroup(StrEnum):
    """A group of acts, as addresses and files name it."""

    APPROVALS = "approvals"
    HOLDS = "holds"
    MAPPINGS = "mappings"
    RULES = "rules"
    CONNECTIONS = "connections"
    PEOPLE = "people"
    RECORDS = "records"
    DOCUMENTS = "documents"
    COMPANY = "company"
    EVIDENCE = "evidence"
    ESCALATIONS = "escalations"
    PACKETS = "packets"
    SIGNALS = "signals"


@dataclass(frozen=True, slots=True)
class _Meant:
    title: str
    acts: tuple[str, ...]
    families: tuple[str, ...]


_GROUPS: Final[dict[ActGroup, _Meant]] = {
    ActGroup.APPROVALS: _Meant(
        "Approvals and releases",
        ("posting.approved", "posting.rejected", "posting.linked", "hold.released"),
        ("approval",),
    ),
    ActGroup.MAPPINGS: _Meant("Mappings", (), ("mapping", "party", "unit")),
    ActGroup.RULES: _Meant(
        "Rules", (), ("rules", "route", "stop", "schedule", "backtest", "shadow")
    ),
    ActGroup.CONNECTIONS: _Meant(
        "Connections",
        ("list.given", "list.told"),
        ("connection", "pull", "webhook", "key", "lists"),
    ),
    ActGroup.PEOPLE: _Meant(
        "People", (), ("person", "team", "deputy", "token", "link", "setup", "signin", "access")
    ),
    ActGroup.COMPANY: _Meant("Company", (), ("company", "clock", "program", "notice", "history")),
    ActGroup.EVIDENCE: _Meant(
        "Exports and escalations", ("list.downloaded",), ("audit", "escalation")
    ),
    ActGroup.ESCALATIONS: _Meant("Escalation packets", (), ("escalation",)),
    ActGroup.PACKETS: _Meant("Evidence packets", ("audit.packet",), ()),
    ActGroup.SIGNALS: _Meant("Signals", (), ("signal",)),
    ActGroup.HOLDS: _Meant(
        "Holds and retries", (), ("hold", "retry", "note", "message", "period", "operation")
    ),
    ActGroup.RECORDS: _Meant("Records", (), ("record", "delivery", "upload")),
    ActGroup.DOCUMENTS: _Meant(
        "Documents and runs", (), ("posting", "push", "target", "run", "import", "work")
    ),
}
TITLES: Final = {group: meant.title for group, meant in _GROUPS.items()}
OTHER: Final = "Other"


def title_of(act: str) -> str:
    """The title of the first group that has this act; `Other` where none has."""
    family = act.partition(".")[0]
    found = (m for m in _GROUPS.values() if act in m.acts or family in m.families)
    return next((meant.title for meant in found), OTHER)


def of_group(group: ActGroup) -> ColumnElement[bool]:
    """The condition that an event is of this group."""
    meant = _GROUPS[group]
    families = [Event.act.like(f"{family}.%") for family in meant.families]
    return or_(Event.act.in_(meant.acts), *families)
