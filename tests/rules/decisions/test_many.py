"""Many records that are decided step by step come to what each comes to alone."""

from dataclasses import replace
from typing import Any
from unittest import mock

import pytest

from rules.decisions.judge_record import EvaluationInput
from rules.decisions.route_rules import RouteProgram
from rules.facts import Conflict, Facts, Subject
from rules.outcomes import Outcome
from tests.rules.kedai import NOW, line, order, program_of, world


def asked(kind: str = "order", facts: Facts | None = None, **parts: Any) -> EvaluationInput:
    return Subject(kind, "netshop", order(**parts), 1), facts or Facts(NOW), world(), NOW


MIXED = [
    asked(),
    asked(total="1.00"),
    asked(kind="parcel"),
    asked(customer="C-0"),
    asked(number=None),
    asked(status="pending"),
    asked(facts=Facts(NOW, conflicts=(Conflict("number", "NS-2", ("NS-1",)),))),
    asked(number="NS-9", lines=[line(), line(pos=2)]),
]


def test_each_comes_to_what_it_comes_to_alone() -> None:
    program = program_of()
    alone = [program.decision(*one) for one in MIXED]
    assert program.decisions(MIXED) == alone
    assert program.decisions(MIXED[::-1]) == alone[::-1]
    states = [tuple(d.state for d in one.decisions) for one in alone]
    assert len(set(states)) > 3, "the mix is no mix"


def test_nobody_is_asked_about_none() -> None:
    assert program_of().decisions([]) == []


def test_one_that_runs_out_of_steps_says_so_as_it_does_alone() -> None:
    program, long = program_of(), asked(lines=[line(pos=at) for at in range(1, 9)])
    with mock.patch("rules.expressions.run.STEPS", 6):
        alone = [program.decision(*one) for one in (MIXED[0], long, MIXED[1])]
        assert program.decisions([MIXED[0], long, MIXED[1]]) == alone
    codes = {f.code for d in alone[1].decisions for f in d.findings}
    assert "EVA01" in codes


def test_what_breaks_on_one_record_stays_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    decide = RouteProgram.decide

    def breaks(self: RouteProgram, run: Any, **known: Any) -> Any:
        if run.head["number"] == "NS-BAD":
            raise LookupError("broken")
        return decide(self, run, **known)

    monkeypatch.setattr(RouteProgram, "decide", breaks)
    bad, held = asked(number="NS-BAD", total="1.00"), MIXED[1]
    first, failed, last = program_of().decisions([MIXED[0], bad, held])
    assert isinstance(failed, LookupError)
    assert [first, last] == [program_of().decision(*one) for one in (MIXED[0], held)]


def test_each_is_asked_in_its_own_world() -> None:
    subject, facts, there, now = asked()
    later = replace(there, revision=there.revision + 1, maps={})
    told = program_of().decisions([(subject, facts, there, now), (subject, facts, later, now)])
    states = [one.decisions[0].state for one in told if isinstance(one, Outcome)]
    assert states == ["ready", "held"]
