"""What is posted already and no longer matches its record, where no table speaks of that.

Here: compare. Without `on edit` or `on cancel` a change or a cancellation of something posted is a
finding for a person, and the posted document stays as it is. Not here: the tables (posted.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from grammar.problem import Span
from rules.documents import Draft
from rules.facts import PostingFact
from rules.outcome import Finding, Verdict
from rules.requirement import HIT, PASS
from rules.run import Run
from rules.said import Said

RULE = "change"
_SHOWN = 8


def compare(
    run: Run,
    posting: PostingFact,
    *,
    gate: str,
    draft: Draft,
    theirs: frozenset[str],
    owner: str,
    span: Span,
) -> Said:
    """One verdict: nothing differs, or a finding that names what does; `theirs` may differ."""
    route = posting.route
    changes = _status_change(gate) or _differences(posting.content, draft, theirs)
    released = bool(changes) and (route, RULE) in run.facts.releases
    text = f"{posting.number} is posted, but {'; '.join(changes)}." if changes else ""
    operands = (("posted as", posting.number), ("posted version", str(posting.version)))
    result = HIT if changes else PASS
    said = Said([Verdict(RULE, "change", route, result, span, operands, None, text, released)])
    if changes and not released:
        said.findings.append(
            Finding(
                code="STL01",
                error_class="stale_version",
                rule=RULE,
                route=route,
                severity="hold",
                owner=owner,
                message=f"{text} The posted document stays until somebody decides.",
                clears=f"by:{owner}",
                cause_key=f"stale:{route}",
                cause_label=f"Changed after posting to {route}",
                would_pass=f"the record says again what {posting.number} says",
                span=span,
            )
        )
    return said


def _status_change(gate: str) -> list[str]:
    if gate == "cancel":
        return ["the record is cancelled now"]
    return ["the record may not go any more"] if gate in {"hold", "wait", "ignore"} else []


def _differences(
    content: Mapping[str, object] | None, draft: Draft, theirs: frozenset[str]
) -> list[str]:
    """What the draft says otherwise than the posted content; unknown fields are named too."""
    if content is None:
        return []
    old_fields, old_lines = content.get("fields"), content.get("lines")
    found = _fields(old_fields, draft.fields, "", theirs)
    lines: list[Any] = list(old_lines) if isinstance(old_lines, list | tuple) else []
    if len(lines) != len(draft.lines):
        found.append(f"it has {len(draft.lines)} lines instead of {len(lines)}")
    for number, (old, new) in enumerate(zip(lines, draft.lines, strict=False), start=1):
        found += _fields(old, new, f"line {number} ", theirs)
    more = len(found) - _SHOWN
    return found[:_SHOWN] + ([f"{more} more"] if more > 0 else [])


def _fields(old: object, new: Mapping[str, str], prefix: str, theirs: frozenset[str]) -> list[str]:
    before: Mapping[str, object] = old if isinstance(old, Mapping) else {}
    names = dict.fromkeys([*new, *before])
    return [
        f"{prefix}{name} was {before.get(name, '(missing)')}, is {new.get(name, '(missing)')}"
        for name in names
        if before.get(name) != new.get(name) and name not in theirs
    ]
