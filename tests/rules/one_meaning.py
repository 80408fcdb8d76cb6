"""One meaning: whichever way a record is judged, it comes to the same.

Here: in_every_way, which asks all of them and answers with the whole evaluation. A decision is
asked of a world that has answered nothing yet, and again of the same world, which remembers.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime

from rules.facts import Facts, Subject, World
from rules.outcome_hash import hash_outcome
from rules.outcomes import Glance, Outcome, Verdict
from rules.program import Program


def in_every_way(
    program: Program, subject: Subject, facts: Facts, world: World, now: datetime
) -> Outcome:
    """The whole evaluation, which is what every other way has come to, too."""
    outcome = program.evaluate(subject, facts, world, now)
    fresh = replace(world)
    first = program.decision(subject, facts, fresh, now)
    same_decision(outcome, first)
    assert program.decision(subject, facts, fresh, now) == first
    asked = subject, facts, replace(world), now
    assert program.decisions([asked, asked]) == [first, first]
    same_glance(program, outcome, program.glance(subject, facts, fresh, now))
    return outcome


def same_decision(outcome: Outcome, decision: Outcome) -> None:
    """What was decided without telling what passed is what the whole story says."""
    untold = {"verdicts": (), "lineage": (), "used": (), "valid_until": None}
    assert replace(decision, **untold) == replace(outcome, **untold)  # type: ignore[arg-type]
    assert hash_outcome(decision, "") == hash_outcome(outcome, "")
    if decision.valid_until != outcome.valid_until:  # what is only told may hang on the clock
        assert outcome.valid_until is not None
        assert decision.valid_until is None or decision.valid_until > outcome.valid_until
    made_of = {use for row in outcome.lineage for use in row.used}
    assert made_of <= set(decision.used) <= set(outcome.used)
    loud = [[v for v in one.verdicts if _is_loud(v)] for one in (outcome, decision)]
    assert Counter(loud[0]) == Counter(loud[1])


def _is_loud(verdict: Verdict) -> bool:
    if verdict.kind == "when":
        return verdict.result != "pass"
    return verdict.result in {"hit", "unknown"} or (verdict.kind == "gate" and verdict.text != "")


def same_glance(program: Program, outcome: Outcome, glance: Glance) -> None:
    """The glance has the states, the amount, and the bits of what did not pass."""
    assert glance.amount == outcome.amount
    assert [(r.route, r.state) for r in glance.routes] == [
        (d.route, d.state) for d in outcome.decisions
    ]
    for seen in glance.routes:
        for bits, result in ((seen.fail, "hit"), (seen.unknown, "unknown")):
            rules = {(r.kind, r.name) for i, r in enumerate(program.rules) if bits >> i & 1}
            assert rules == _told(program, outcome, seen.route, result)


def _told(program: Program, outcome: Outcome, route: str, result: str) -> set[tuple[str, str]]:
    """Kind and name of the numbered rules that gave a verdict."""
    known = {(r.kind, r.name) for r in program.rules}
    return {
        (v.kind, v.rule if (v.kind, v.rule) in known else "")
        for v in outcome.verdicts
        if (v.route, v.result, v.released) == (route, result, False)
    }
