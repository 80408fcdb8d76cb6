"""The topics of a rule book, and what is at stake where nothing answers one.

Here: TOPICS, RISKS, which topic a check and an exception belong to. Not here: sentences.
"""

from __future__ import annotations

from grammar import nodes as n
from rules.analyse.places import uses

READY = "ready"
TOPICS = {
    READY: "What “ready” means",
    "status": "Status",
    "mapping": "Mapping",
    "uom": "Units of measure",
    "approval": "Approval and version",
    "timing": "Timing",
    "exceptions": "Exceptions: what must be true, and what a change does",
    "duplicates": "Duplicates",
    "retry": "Retry: when a push fails",
    "owners": "Audit owners: who looks after what",
}
RISKS = {
    READY: "Nothing is posted.",
    "status": "Nobody said which status may go.",
    "mapping": "Codes go out as the source writes them.",
    "uom": "Quantities go out in whatever unit the source counts in.",
    "approval": "Nobody is asked before a document goes, and any version of a record may go.",
    "timing": "Nobody said when a document goes.",
    "exceptions": "Nothing is checked, and what changes after posting is held with no word on why.",
    "duplicates": "The same thing may be posted twice.",
    "retry": "What a target refuses is answered by what is built in, with no team of yours.",
    "owners": "What is held belongs to nobody.",
}
EXCEPTIONS = {
    "duplicate party": "duplicates",
    "duplicate invoice": "duplicates",
    "UOM mismatch": "uom",
    "failed push": "retry",
}
"""The usual exceptions that are not told under Exceptions."""

_UNITS = frozenset({"in_base", "price_in_base", "base_unit", "is_whole"})
_APPROVAL = ("approv", "version")


def of_check(check: n.Check) -> str:
    """The topic that a check belongs to, by the names that it asks."""
    named = {name for e in (check.when, *check.requires) if e is not None for name in uses(e)}
    if named & _UNITS:
        return "uom"
    if any(word in name for name in named for word in _APPROVAL):
        return "approval"
    return "exceptions"
