"""What a reading saw, as it is kept and as the facts of a judging.

Here: both forms, pure. Not here: when and how it is read (plan.py, look.py), and whose a field is
(rules/amendments/target_edits.py).
"""

from collections.abc import Mapping
from typing import Any

from connectors.contract import Found
from rules.facts.world import LINES, NOTHING, VOID, WHOLE, TargetEdit
from rules.values.canonical import dumps, sha256_hex

PROOF_CAP = 4000
_NEWS = ("found", "void", "differs")


def body_of(found: Found) -> dict[str, Any]:
    """A reading as it is kept: what differs, in what words, by whom, and what the target said."""
    return {
        "found": found.kind,
        "void": found.void,
        "differs": [[one.line, one.field, one.value] for one in found.differs],
        "words": found.words,
        "by": found.changed_by,
        "ref": found.target_ref,
        "proof": found.proof.decode("utf-8", "replace")[:PROOF_CAP],
    }


def digest(body: Mapping[str, Any]) -> str:
    """What makes a reading news; the rest of the answer may change every day."""
    return sha256_hex(dumps({name: body[name] for name in _NEWS}))


def covers(body: Mapping[str, Any], found: Found) -> bool:
    """Whether a kept reading knows all that a later look saw."""
    known = {tuple(one) for one in body["differs"]}
    there = {(one.line, one.field, one.value) for one in found.differs}
    return body["found"] == found.kind and body["void"] == found.void and there <= known


def edits(route: str, seq: int, body: Mapping[str, Any] | None) -> tuple[TargetEdit, ...]:
    """The reading as facts: each field that somebody changed there, or what became of the whole."""
    if body is None or body["found"] == "equal":
        return ()
    if body["found"] == "absent":
        return (TargetEdit(route, seq, None, WHOLE, NOTHING),)
    if body["void"]:
        return (TargetEdit(route, seq, None, WHOLE, VOID),)
    found = [
        TargetEdit(route, seq, line or None, field or LINES, value)
        for line, field, value in body["differs"]
    ]
    return tuple(found) or (TargetEdit(route, seq, None, WHOLE, body["words"]),)
