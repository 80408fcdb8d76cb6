"""Rates of ours that a target cannot prove: a person confirms each once.

Here: whether a conversion is still open for a target, and the finding for it. Not here: what the
target tells of its items itself (agreement.py), who may confirm (the caller's services).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from grammar.text.problem import Span
from rules.facts.units import Conversion
from rules.facts.world import ItemUnits, TargetState
from rules.outcomes.findings import Said
from rules.outcomes.outcome import HIT, Finding, Verdict
from rules.values.cause_keys import ITSELF, CauseKey

RULE, CODE = "rate_confirmed", "UOM09"


def is_open(by: Conversion, item: str, set_up: ItemUnits | None, state: TargetState | None) -> bool:
    """Whether nobody has said of the target that the rate holds there: not it, and no person.

    Asked where confirmations are asked for, of a quantity that was converted. A rate that was
    confirmed and is another one now is open again.
    """
    if state is None or state.confirmed is None or by.unit == by.base:
        return False
    if set_up is not None and set_up.rate(by.unit) is not None:
        return False
    told = state.confirmed.get(f"{by.unit}|{item}")
    if told is None:
        return True
    base, num, den = told
    return base != by.base or Fraction(num, den) != Fraction(by.num, by.den)


@dataclass(frozen=True, slots=True)
class RateProgram:
    """What is said of a rate that is open, in one route."""

    route: str
    target: str
    owner: str
    span: Span

    def judge(self, by: Conversion, item: str, state: TargetState, line: int) -> Said:
        """A hold, one cause for an item, its unit and this rate; it ends when the rate is confirmed
        or the target tells it.
        """
        before = (state.confirmed or {}).get(f"{by.unit}|{item}")
        mine = f"1 {by.unit} of {item} is {by.factor} {by.base}"
        if before is None:
            text = f"It is not confirmed that {mine} in {self.target}, which tells no such rate."
        else:
            base, num, den = before
            worth = f"{num if den == 1 else f'{num}/{den}'} {base}"
            text = f"{mine} in the units table now, and {worth} was confirmed for {self.target}."
        shown = (("units", str(by)), ("confirmed", "no" if before is None else worth))
        text = f"{text} Nothing was sent."
        verdict = Verdict(RULE, "units", self.route, HIT, self.span, shown, line, text)
        return Said([verdict], [self._finding(by, item, mine, text, line)])

    def _finding(self, by: Conversion, item: str, mine: str, text: str, line: int) -> Finding:
        return Finding(
            code=CODE,
            error_class="mapping_missing",
            rule=RULE,
            route=self.route,
            severity="hold",
            owner=self.owner,
            message=text,
            clears=ITSELF,
            cause_key=CauseKey.rate(self.target, by.unit, item, (by.base, by.num, by.den)),
            cause_label=f"Not confirmed for {self.target}: {mine}",
            would_pass=(
                f"look the item up in {self.target} and confirms on the page of that "
                f"connection that {mine}"
            ),
            span=self.span,
            lines=(line,),
        )
