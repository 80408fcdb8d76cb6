"""Hash outcomes; `clearpost replay` compares the hashes.

A stored evaluation names the digest of its hash and is always verified by that digest. WORDED
(until version 0.1) covers every text. DECIDED covers states, findings, verdicts, operands,
documents, mapping entries and facts, and no wording. BARE leaves out verdicts, lineage and entries
too, because they follow from the facts, the rules and the version.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from enum import IntEnum
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from rules.outcomes import (
    LETTERS,
    ApprovalNeed,
    Decision,
    Document,
    Finding,
    Lineage,
    Outcome,
    Step,
    Use,
    Verdict,
    Wait,
)
from rules.values.canonical import WrittenJson, dumps, json_bytes, moment_text, sha256_hex
from rules.values.cause_keys import CauseKey, Clearing, restore_first_wording
from rules.values.wording import MISSING

UNITS = "units"
"""The kind of verdict whose operands are sentences. Its values are also in the document and the
entries.
"""

WORDING: Mapping[type, frozenset[str]] = {
    Verdict: frozenset({"text"}),
    Finding: frozenset({"message", "cause_label", "would_pass"}),
    Wait: frozenset({"text"}),
    ApprovalNeed: frozenset({"message"}),
    Step: frozenset({"reason"}),
    Decision: frozenset({"reason"}),
    Lineage: frozenset({"beside"}),
}
"""Texts for people, by type. No decision depends on them, and DECIDED ignores them."""

WHERE = frozenset({"span", "engine"})
"""A rule's place in its file, and the engine: both follow from the rules' own hash."""

REPEATED = frozenset({"units", "reads", "withdrawn", "incomplete"})
"""Values that are also in the document, the record, the used entries or a verdict."""

DESCRIBED = frozenset({"verdicts", "lineage", "used", "valid_until"})
"""The fields of an outcome that only a full evaluation fills, and that BARE ignores.

`valid_until` is one of them: a value that only the description needs, such as `today` in an unused
`otherwise`, makes it earlier.
"""

_DECISION = tuple(each.name for each in fields(Decision))

_AS_IS: set[type] = {type(None), bool, int, str}

_LISTS = frozenset({tuple, list})

_MAPPINGS = frozenset({dict, MappingProxyType})


class Digest(IntEnum):
    """Name the algorithm behind the hash of a stored evaluation."""

    WORDED = 1
    DECIDED = 2
    BARE = 3


def hash_outcome(outcome: Outcome, facts: str, digest: Digest) -> str:
    """Return the SHA-256 in hex. `facts` is the canonical JSON of the facts, as stored."""
    if digest is Digest.BARE:
        return hash_bare(outcome, facts)
    return hash_decided(outcome, facts) if digest is Digest.DECIDED else hash_worded(outcome)


def hash_bare(outcome: Outcome, facts: str) -> str:
    """Return the hash of states, findings, plans and documents, regardless of the description."""
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


def hash_decided(outcome: Outcome, facts: str) -> str:
    """Return the hash of the decision, which does not depend on wording or language."""
    return sha256_hex(b"%b\n%b" % (_bytes(outcome), facts.encode()))


def hash_worded(outcome: Outcome) -> str:
    """Return the older hash, which covers every text except the rule files' own (spans).

    A plan that only creates the decision's own document is omitted, and so is an empty `open`.
    """
    verdicts = [
        (v.route, v.rule, v.kind, v.result, v.line, v.operands, v.text, v.released)
        for v in outcome.verdicts
    ]
    lineage = [(e.route, e.field, e.line, e.source, e.value) for e in outcome.lineage]
    used = [(u.table, u.key, u.entry_id, u.value) for u in outcome.used]
    head = (
        outcome.status,
        outcome.status_word,
        outcome.number,
        outcome.party,
        outcome.doc_date,
        outcome.amount,
        outcome.currency,
        outcome.valid_until,
        outcome.engine,
    )
    rows = json.dumps([verdicts, lineage, used], separators=(",", ":"), ensure_ascii=False)
    decisions = [
        {name: getattr(d, name) for name in _DECISION if name not in _silent(d)}
        for d in outcome.decisions
    ]
    return sha256_hex(restore_first_wording(f"{rows}\n{dumps([decisions, head])}"))


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
    """Return the fields of an outcome type that DECIDED covers, in their order."""
    left_out = WORDING.get(kind, frozenset()) | WHERE | REPEATED
    return tuple(member.name for member in fields(kind) if member.name not in left_out)


def _of_verdict(verdict: Verdict) -> list[Any]:
    operands = () if verdict.kind == UNITS else verdict.operands
    return [
        verdict.route,
        verdict.rule,
        verdict.kind,
        LETTERS[verdict.result],
        verdict.line,
        [None if value == MISSING else value for _, value in operands],
        verdict.released,
    ]


def _of_decision(decision: Decision) -> list[Any]:
    silent = _silent(decision)
    return [None if name in silent else getattr(decision, name) for name in _OF_DECISION]


def _bytes(value: object) -> bytes:
    """Return canonical JSON of a value's hashed parts."""
    return json_bytes(_counted(value))


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
assert _FIRST == "decisions"  # noqa: S101 - bare writes them before the head
_OF_HEAD = attrgetter(*_HEAD)
_BEFORE = counted_fields(Document)[:-2]  # all but fields and lines
_OF_DOCUMENT = attrgetter(*_BEFORE)
assert (_BEFORE[-1], _HEAD[-2]) == ("amount", "amount")  # noqa: S101 - the one that is no JSON
_OF_DECISION = counted_fields(Decision)
_COUNTED: dict[type, Callable[[Any], Any]] = {
    Verdict: _of_verdict,
    Decision: _of_decision,
    **{
        kind: attrgetter(*counted_fields(kind))
        for kind in (Outcome, Finding, Document, Wait, ApprovalNeed, Step, Lineage, Use)
    },
    Decimal: lambda value: format(value, "f"),
    datetime: moment_text,
    date: date.isoformat,
    CauseKey: str,
    Clearing: str,
}
