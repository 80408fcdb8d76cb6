"""The steps of a test: what was given is judged and posted, then more happens, and so on.

Here: tell. A `then` comes after everything ready was posted; what changed, what is billed and what
a credit note mirrors follow from that. Not here: the world (test_world.py), expectations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from grammar import nodes as n
from rules.amendments.decision_tables import RetryAnswer
from rules.outcomes.outcome import Decision, Outcome
from rules.programs.program import Program
from rules.testing.test_world import ClosedWorld
from rules.types.symbol_table import Index
from rules.values.posting_states import PostingState

MOST_ROUNDS = 20
"""So often it is judged again because a document was posted that another one waits for."""


@dataclass(frozen=True, slots=True)
class Told:
    """How a test ends: the outcome, and the answer to an error of a target, if it told one."""

    outcome: Outcome
    retry: Callable[[str], RetryAnswer | None] | None = None


def tell(sample: n.Sample, test: n.Test | None, index: Index, program: Program) -> Told:
    """The end of a sample's story, as a test tells it."""
    world = ClosedWorld(sample, index, program)
    at = sample.at
    if test is not None:
        world.apply(test.facts)
        at = test.at or at
        for step in test.steps:
            _post_what_is_ready(world, at)
            world.next_version()
            world.apply(step.facts)
            at = step.at or at
    outcome = _judged(world, at)
    error, tries = world.known.error, world.known.tries
    if error is None:
        return Told(outcome)
    return Told(outcome, lambda target: program.retry(target, error, tries))


def _post_what_is_ready(world: ClosedWorld, at: datetime) -> None:
    for _ in range(MOST_ROUNDS):
        ready = [d for d in _judged(world, at).decisions if d.state == PostingState.READY]
        for decision in ready:
            for step in decision.plan:
                world.carry_out(step, decision.route)
        if not ready:
            return


def _judged(world: ClosedWorld, at: datetime) -> Outcome:
    now = at.replace(tzinfo=world.zone).astimezone(UTC)
    outcome = world.program.evaluate(world.subject(), world.facts(now), world.world(), now)
    person = world.known.approval
    if person is None:
        return outcome
    return replace(outcome, decisions=tuple(_approved(d, person) for d in outcome.decisions))


def _approved(decision: Decision, person: str) -> Decision:
    """The decision once a person has approved it who may."""
    given = {need.rule for need in decision.approvals if person not in need.never}
    left = tuple(f for f in decision.findings if not (f.severity == "approve" and f.rule in given))
    stops = any(f.severity != "warn" for f in left)
    if len(left) == len(decision.findings) or stops or decision.state != PostingState.HELD:
        return replace(decision, findings=left)
    state = PostingState.WAITING if decision.wait is not None else PostingState.READY
    return replace(decision, findings=left, state=state, reason=state.value)
