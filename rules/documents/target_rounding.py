"""The rules say how a target rounds, and so does the target: both have to say the same.

Here: RoundingTold: the finding where they differ, for every document that would be sent. Not here:
the sums (rounding.py), who asked the target (it comes with the world).
"""

from __future__ import annotations

from grammar import nodes as n
from rules.documents.rounding import WAYS
from rules.expressions.run import Run
from rules.facts.world import World
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, Finding, Verdict
from rules.values.cause_keys import ITSELF, CauseKey, CauseKind

RULE = "rounding_told"


def cause_key(target: str) -> CauseKey:
    """What all holds have in common for which a target rounds otherwise than the rules say."""
    return CauseKey(CauseKind.ROUNDING, target)


class RoundingTold:
    """What the target of one route says of its rounding, against the rules."""

    def __init__(self, route: str, target: n.Target, owner: str) -> None:
        self.route, self.target = route, target
        self.owner = target.tolerance_action.role or owner

    def differs(self, world: World) -> bool:
        """Whether the target told of another way than the rules."""
        state = world.targets.get(self.target.name)
        return state is not None and state.rounding not in ("", self.target.rounding)

    def judge(self, run: Run) -> Said:
        """A hold that nobody can release: the target would show another total than what is sent."""
        if not self.differs(run.world):
            return Said()
        name, span = self.target.name, self.target.span
        told = run.world.targets[name].rounding
        there, here = WAYS.get(told, told), WAYS[self.target.rounding]
        text = f"{name} rounds {there}, and the rules say {here}."
        operands = (("the target says", there), ("the rules say", here))
        verdict = Verdict(RULE, "rounding", self.route, HIT, span, operands, None, text)
        finding = Finding(
            code="RND03",
            error_class="business_rule",
            rule=RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=f"{text} Nothing is sent to {name} until both say the same.",
            clears=ITSELF,
            cause_key=cause_key(name),
            cause_label=f"{name} rounds otherwise than the rules say",
            would_pass=(
                f"rules are published that say rounding {there}, or {name} rounds {here} again"
            ),
            span=span,
        )
        return Said([verdict], [finding])
