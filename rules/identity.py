"""Which record is it: one id under another number than before, or one number under several ids.

Here: the findings of such conflicts, which no rule has to ask for. Not here: how they are noticed
(holding), records that only look alike (duplicates.py).
"""

from __future__ import annotations

from grammar.problem import Span
from rules.facts import Conflict, Facts
from rules.outcome import Finding

CODE, RULE = "IDN01", "identity"


def findings(facts: Facts, route: str, *, owner: str, span: Span) -> list[Finding]:
    """One for each conflict, unless a person has said that it is right so."""
    if (route, RULE) in facts.releases:
        return []
    return [_finding(conflict, route, owner, span) for conflict in facts.conflicts]


def _finding(conflict: Conflict, route: str, owner: str, span: Span) -> Finding:
    others = ", ".join(conflict.others)
    if conflict.what == "number":
        message = f"It was {others} before and calls itself {conflict.mine} now, under the same id."
        label, would_pass = "Another number under the same id", f"its number is {others} again"
    else:
        message = f"{conflict.mine} came under another id, too: {others}. Which of them is it?"
        label, would_pass = "The same number under another id", "only one of the ids has the number"
    return Finding(
        code=CODE,
        error_class="stale_version" if conflict.what == "number" else "duplicate",
        rule=RULE,
        route=route,
        severity="hold",
        owner=owner,
        message=message,
        clears=f"by:{owner}",
        cause_key=f"identity:{conflict.mine}"[:200],
        cause_label=label,
        would_pass=would_pass,
        span=span,
    )
