"""Whether a record belongs to the company that its source delivers for.

Here: the finding of a record that names another company. Not here: who compares the two
(holding/evaluation/identity.py), other doubts of identity (duplicates.py).
"""

from __future__ import annotations

from typing import Final

from grammar.text.problem import Span
from rules.facts.world import Facts
from rules.outcomes.outcome import Finding
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind

CODE: Final = "IDN02"
RULE: Final = "own_company"
COMPANY: Final = "company"
"""The word of such a conflict among the facts (rules/facts/world.py)."""


def findings(facts: Facts, route: str, *, owner: str, span: Span) -> list[Finding]:
    """At most one. Nobody may let it go: the record would be posted in books of others."""
    return [
        Finding(
            code=CODE,
            error_class="bad_value",
            rule=RULE,
            route=route,
            severity="hold",
            owner=owner,
            message=f"It is of company {conflict.mine}, and its source is bound to {bound}.",
            clears=ITSELF,
            cause_key=CauseKey(CauseKind.COMPANY, conflict.mine),
            cause_label=f"Record of another company: {conflict.mine}",
            would_pass=f"it names company {bound}, or none",
            span=span,
        )
        for conflict in facts.conflicts
        if conflict.what == COMPANY
        for bound in conflict.others
    ]
