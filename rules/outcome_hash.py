"""Hash what an evaluation decided; `clearpost replay` compares the hashes.

The hash covers states, findings, waits, approvals, plans, documents and facts. It covers no
wording, and neither verdicts, lineage nor entries, which follow from the facts, the rules and the
version.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from operator import attrgetter
from types import MappingProxyType
from typing import Any, Final

from rules.outcomes import ApprovalNeed, Decision, Document, Finding, Outcome, Step, Wait
from rules.values.canonical import WrittenJson, json_bytes, moment_text, sha256_hex
from rules.values.cause_keys import CauseKey, Clearing

DIGEST: Final = 3
"""The number of this algorithm. It is stored with each hash, so that a later one can differ."""

WORDING: Mapping[type, frozenset[str]] = {
    Finding: frozenset({"message", "cause_label", "would_pass"}),
    Wait: frozenset({"text"}),
    ApprovalNeed: frozenset({"message"}),
    Step: frozenset({"reason"}),
    Decision: frozenset({"reason"}),
}
"""Texts for people, by type. No decision depends on them."""

WHERE = frozenset({"span", "engine"})
"""A rule's place in its file, and the engine: both follow from the rules' own hash."""

REPEATED = frozenset({"units", "reads", "withdrawn", "incomplete"})
"""Values that are also in the document, the record, the used entries or a verdict."""

DESCRIBED = frozenset({"verdicts", "lineage", "used", "valid_until"})
"""The fields of an outcome that only a full evaluation fills.

`valid_until` is one of them: a value that only the description needs, such as `today` in an unused
`otherwise`, makes it earlier.
"""

_AS_IS: set[type] = {type(None), bool, int, str}

_LISTS = frozenset({tuple, list})

_MAPPINGS = frozenset({dict, MappingProxyType})


def hash_outcome(outcome: Outcome, facts: str) -> str:
    """Return the SHA-256 in hex. `facts` is the canonical JSON of the facts, as stored."""
    *head, amount, currency = _OF_HEAD(outcome)
    money = None if amount is None else format(amount, "f")
    hashed = json_bytes(
        [[_decision_json(decision) for decision in outcome.decisions], *head, money, currency]
    )
    return sha256_hex(b"%b\n%b" % (hashed, facts.encode()))


def _decision_json(decision: Decision) -> list[Any]:
    """Return plain JSON of a decision. Most of its fields are blank except for the document."""
    if decision.findings or decision.wait is not None or decision.approvals or decision.open:
        hashed: list[Any] = _counted(decision)
        return hashed
    plan = None if _only_creates(decision) else _counted(decision.plan)
    document = decision.document and _of_document(decision.document)
    return [decision.route, decision.state, document, (), None, (), plan, None]


def _of_document(document: Document) -> list[Any]:
    """Return plain JSON of a document with its fields and lines already serialized."""
    *words, amount = _OF_DOCUMENT(document)
    return [*words, format(amount, "f"), *[WrittenJson(part) for part in parts_of(document)]]


class _Latest:
    """Cache the serialized parts of the last document, because two hashes are computed in a row."""

    __slots__ = ("_seen",)

    def __init__(self) -> None:
        self._seen: tuple[Document | None, tuple[bytes, bytes]] = (None, (b"", b""))

    def of(self, document: Document) -> tuple[bytes, bytes]:
        """Return the serialized fields and lines of a document."""
        cached, parts = self._seen
        if cached is not document:
            parts = json_bytes(document.fields), json_bytes(document.lines)
            self._seen = (document, parts)
        return parts


parts_of = _Latest().of
"""Canonical JSON of a document's fields and of its lines, for digest and hash."""


def _silent(decision: Decision) -> frozenset[str]:
    """Return the fields of a decision that add no information."""
    return (
        frozenset({"withdrawn", "incomplete"})
        | ({"plan"} if _only_creates(decision) else set())
        | ({"open"} if not decision.open else set())
    )


def _only_creates(decision: Decision) -> bool:
    """Check whether the plan only creates the decision's own document."""
    document = decision.document
    for step in decision.plan:
        if (
            step.action != "create"
            or step.rule
            or not (step.document is document or step.document == document)
        ):
            return False
    return True


def counted_fields(kind: type) -> tuple[str, ...]:
    """Return the hashed fields of an outcome type, in their order."""
    left_out = WORDING.get(kind, frozenset()) | WHERE | REPEATED
    return tuple(member.name for member in fields(kind) if member.name not in left_out)


def _of_decision(decision: Decision) -> list[Any]:
    silent = _silent(decision)
    return [None if name in silent else getattr(decision, name) for name in _OF_DECISION]


def _counted(value: Any) -> Any:
    """Return plain JSON of a value's hashed parts."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    if kind in _LISTS:
        return [item if type(item) in _AS_IS else _counted(item) for item in value]
    if kind is Document:
        return _of_document(value)
    if kind in _MAPPINGS:
        return {name: _counted(item) for name, item in value.items()}
    extract = _COUNTED.get(kind)
    if extract is not None:
        return _counted(extract(value))
    if issubclass(kind, str | int):
        _AS_IS.add(kind)  # an enum
        return value
    raise TypeError(f"{kind.__name__} is no part of an outcome")


_FIRST, *_HEAD = (name for name in counted_fields(Outcome) if name not in DESCRIBED)
assert _FIRST == "decisions"  # noqa: S101 - they are written before the head
_OF_HEAD = attrgetter(*_HEAD)
_BEFORE = counted_fields(Document)[:-2]  # all but fields and lines
_OF_DOCUMENT = attrgetter(*_BEFORE)
assert (_BEFORE[-1], _HEAD[-2]) == ("amount", "amount")  # noqa: S101 - the one that is no JSON
_OF_DECISION = counted_fields(Decision)
_COUNTED: dict[type, Callable[[Any], Any]] = {
    Decision: _of_decision,
    **{
        kind: attrgetter(*counted_fields(kind))
        for kind in (Finding, Document, Wait, ApprovalNeed, Step)
    },
    Decimal: lambda value: format(value, "f"),
    datetime: moment_text,
    date: date.isoformat,
    CauseKey: str,
    Clearing: str,
}
