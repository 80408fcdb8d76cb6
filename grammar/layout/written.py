"""Samples and tests as text, in the one layout: what `parse` reads back as the same nodes.

Here: their text, and whether a text can be written between quotes at all. Not here: the layout
itself (formatter.py), which samples and tests there are to be (rules/testing).
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from grammar import nodes as n
from grammar.layout.formatter import format_text
from grammar.text.durations import duration
from grammar.text.invisible import control_signs

_PAIRED: Final = {"credit_and_new": "credit note and new", "look_up": "look up first"}
_OWNED: Final = {"hold": "for", "review": "by", "approve": "by"}


def can_be_quoted(text: str) -> bool:
    """Whether a text can stand between quotes: without a quote, a new line, a control character."""
    return not {'"', "\n", "\r", "\t"} & set(text) and next(control_signs(text), None) is None


def written(samples: Iterable[n.Sample], test: n.Test) -> str:
    """The text of some samples and of a test."""
    parts = ["\n".join(_sample(one)) for one in samples]
    return format_text("\n\n".join([*parts, "\n".join(_test(test))]) + "\n")


def _sample(sample: n.Sample) -> Iterator[str]:
    yield f"sample {sample.name} of {sample.record} at {_moment(sample.at)}"
    for pair in sample.sets:
        yield f"    {_pair(pair)}"
    for line in sample.lines:
        yield f"    line {', '.join(map(_pair, line))}"
    if sample.facts:
        yield f"    with {_facts(sample.facts)}"


def _test(test: n.Test) -> Iterator[str]:
    yield f'test "{test.title}"'
    at = f" at {_moment(test.at)}" if test.at else ""
    facts = f" with {_facts(test.facts)}" if test.facts else ""
    yield f"    given {test.given}{at}{facts}"
    for step in test.steps:
        told = _facts(step.facts)
        if step.at is None:
            yield f"    then {told}"
        else:
            yield f"    then at {_moment(step.at)}{f' with {told}' if told else ''}"
    for expect in test.expects:
        yield from _expect(expect)


def _expect(expect: n.Expect) -> Iterator[str]:
    first, *further = _expected(expect)
    yield f"    expect {first}"
    yield from (f"        {one}" for one in further)


def expect_text(expect: n.Expect) -> str:
    """An expectation in one line, as a rule file says it in several."""
    return ", ".join(_expected(expect))


def _expected(expect: n.Expect) -> Iterator[str]:
    outcome = outcome_text(expect.outcome) if expect.outcome else ""
    words = (str(expect.route) if expect.route else "", outcome)
    yield " ".join(word for word in words if word)
    if expect.head:
        yield ", ".join(map(_pair, expect.head))
    for number, fields in expect.lines:
        yield f"line {number} {', '.join(map(_pair, fields))}"


def outcome_text(expected: n.Expected) -> str:
    """An expected outcome, as a rule file says it."""
    if expected.again is not None:
        return _again(expected.again)
    kind = _PAIRED.get(expected.kind, expected.kind.replace("_", " "))
    role = f" {_OWNED[expected.kind]} {expected.role}" if expected.role else ""
    until = f" {_moment(expected.until)}" if expected.until else ""
    route = f" {expected.route}" if expected.route else ""
    because = f" because {expected.reason}" if expected.reason else ""
    return f"{kind}{role}{until}{route}{because}"


def _again(again: n.TryAgain) -> str:
    tries = f"try {again.times} times from {duration(again.pause)}"
    then = again.then
    role = f" {_OWNED[then.kind]} {then.role}" if then.role else ""
    return f"{tries} then {_PAIRED.get(then.kind, then.kind.replace('_', ' '))}{role}"


def _pair(one: n.Pair | n.FieldIs) -> str:
    return f"{one.name} = {_value(one.value)}"


def _facts(facts: Iterable[n.Fact]) -> str:
    return ", ".join(map(fact_text, facts))


def fact_text(fact: n.Fact) -> str:
    """A fact of a test or a sample, as a rule file says it."""
    match fact:
        case n.IsValue():
            return f"{fact.name} = {_value(fact.value)}"
        case n.IsRecords():
            return f"{fact.name} = ({', '.join(fact.samples)})"
        case n.IsMissing():
            return f"{fact.name} is missing"
        case n.LineValue():
            return f"line {fact.line}.{fact.name} = {_value(fact.value)}"
        case n.TargetShows():
            return f"{fact.route}.{fact.field} = {_value(fact.value)}"
        case n.IsPosted():
            return f"{fact.route} is posted" + (f' as "{fact.number}"' if fact.number else "")
        case n.NotPosted():
            return f"{fact.route} is missing"
        case n.Entry():
            return f'{fact.table}("{fact.key}") = {_value(fact.value)}'
        case n.SetUp():
            counted = f'{fact.count:f} {fact.unit} of "{fact.item}"'
            return f"{counted} = {fact.base_count:f} {fact.base_unit} in {fact.target}"


def _value(value: n.Value) -> str:
    if isinstance(value, n.Word):
        return value.name
    held = value.value
    if isinstance(held, bool):
        return "yes" if held else "no"
    if isinstance(held, Decimal):
        return f"{held * 100:f}%" if value.kind == "percent" else f"{held:f}"
    if isinstance(held, timedelta):
        return duration(held)
    if isinstance(held, datetime):
        return _moment(held)
    return held.isoformat() if isinstance(held, date) else f'"{held}"'


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"
