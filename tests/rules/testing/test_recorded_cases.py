"""A record as it was judged becomes a test that passes, or a word about why it cannot."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grammar import nodes
from grammar.layout.written import write_test
from grammar.parsing.parser import parse
from holding.programs.known_schemas import schemas
from rules.checker.all_checks import check
from rules.facts import Facts, TargetDocument
from rules.outcomes import Decision, Document, Outcome, Step
from rules.program import Program, compile_ruleset
from rules.testing.recorded_cases import Case, NoCase, case_of, first_difference
from rules.testing.recorded_values import Judged, Neutral, Secrets
from rules.testing.runner import run_test
from rules.testing.test_steps import ClosedWorld, _post_what_is_ready
from rules.types.symbol_table import Index
from rules.values.canonical import PostingState
from tests.support.templates import rules_of

STARTERS = Path(__file__).parents[3] / "portal/starters"
NEUTRAL = Neutral({"customer_name": "Sample customer"}, {"Customer": "Sample customer"})
STORIES = {
    # what was billed before, part by part, is no fact of a sample
    "orders-autocount": {
        "the second delivery makes a second invoice, for the difference",
        "when all is billed nothing more goes out",
        "parts of a line that does not divide come to the whole, to the sen",
        "and the parts of line and discount come to the whole",
        "a delivery that was billed is taken back: so is its bill",
        "cancelled after it was paid: a person decides, for the payment stands",
        "cancelled after its payment was returned: nobody is owed anything",
        "cancelled, nothing out: within 72 hours the e-invoice is made void",
        "cancelled, nothing out: after 72 hours a credit note",
        "cancelled, and AutoCount cannot tell how old the e-invoice is: nobody guesses",
        "nobody voids what somebody has changed there, unseen",
        "cancelled after a refund: people decide, for the refund has its own credit note",
    },
    "netshop-aiaccount": set[str](),
    "settlements-aiaccount": {"duplicate invoice: the same number, but another day"},
    "woocommerce-quickbooks": set[str](),
}
"""Starter -> the tests whose record cannot be told as a test of its own."""


@cache
def starter(name: str) -> tuple[Mapping[str, str], Program]:
    files = rules_of(name)
    ruleset, problems = parse(files)
    assert not problems
    return files, compile_ruleset(ruleset, hash=name, schemas=schemas())


def judged_of(program: Program, title: str) -> Judged | None:
    """What the record of a test of the rules is judged with at its end; of an answer of a target
    and of an approval nothing is judged."""
    index = Index(program.ruleset)
    test = next(one for one in program.ruleset.tests if one.title == title)
    sample = index.samples[test.given]
    world, at = ClosedWorld(sample, index, program), test.at or sample.at
    world.apply(test.facts)
    for step in test.steps:
        _post_what_is_ready(world, at)
        world.next_version()
        world.apply(step.facts)
        at = step.at or at
    if world.known.error or world.known.approval:
        return None
    return judge(program, world, at.replace(tzinfo=world.zone).astimezone(UTC))


def judge(program: Program, world: ClosedWorld, now: datetime, **facts: Any) -> Judged:
    subject, known = world.subject(), replace(world.facts(now), **facts)
    outcome = program.evaluate(subject, known, world.world(), now)
    return Judged(subject=subject, facts=known, world=world.world(), now=now, outcome=outcome)


def proved(files: Mapping[str, str], program: Program, case: Case) -> str:
    """Its text, which is checked and passes beside these rules."""
    text = write_test(case.samples, case.test)
    ruleset, problems = parse({**files, "zz.rules": text})
    assert not problems, (problems, text)
    wrong = [one for one in check(ruleset, schemas()) if one.span.file == "zz.rules"]
    assert not [one for one in wrong if one.severity == "error"], (wrong, text)
    (test,) = (one for one in ruleset.tests if one.title == case.test.title)
    assert test == case.test
    result = run_test(test, Index(ruleset), program)
    assert result.passed, (result.message, text)
    return text


@pytest.mark.slow
@pytest.mark.parametrize("name", STORIES)
def test_the_record_of_each_test_of_a_starter_is_told_again(name: str) -> None:
    files, program = starter(name)
    untold, told = set[str](), 0
    for title in (test.title for test in program.ruleset.tests):
        judged = judged_of(program, title)
        if judged is None:
            continue
        case = case_of(program, judged, NEUTRAL, schemas())
        if isinstance(case, NoCase):
            untold.add(title)
        else:
            told += 1
            assert case.test.expects
            assert documents_of(case) == documents(judged, case)
            if told % 8 == 0:
                proved(files, program, case)
    assert untold == STORIES[name]
    assert told > 20


Fields = Mapping[str, str]


def documents_of(case: Case) -> dict[str, Fields]:
    """Of each document that the test expects, what its head says."""
    return {
        str(one.route): {pair.name: said(pair.value) for pair in one.head}
        for one in case.test.expects
        if one.head
    }


def said(value: nodes.Value) -> str:
    assert isinstance(value, nodes.Literal)
    return str(value.value)


def documents(judged: Judged, case: Case) -> dict[str, Fields]:
    """The same of what came out of the record itself, but for what is not told."""
    told = documents_of(case)
    found = {one.route: one.document for one in judged.outcome.decisions}
    return {
        route: {
            name: "Sample customer" if was == "Sample customer" else document.fields[name]
            for name, was in told[route].items()
        }
        for route in told
        if (document := found[route])
    }


def test_two_outcomes_that_send_another_document_are_not_the_same() -> None:
    """But for values in which a personal one stands: these are not written as they were."""
    _, program = starter("netshop-aiaccount")
    outcome = ready(program).outcome
    (decision, step, document) = sent(outcome)
    none, name = Secrets({}), document.fields["Customer"]

    def other(**changes: Any) -> Outcome:
        changed = replace(step, document=replace(document, **changes))
        return replace(outcome, decisions=(replace(decision, plan=(changed,)),))

    assert first_difference(outcome, other(), none) is None
    renamed = other(fields={**document.fields, "Customer": "Sample customer"})
    assert first_difference(outcome, renamed, none) == decision.route
    assert first_difference(outcome, renamed, Secrets({name.casefold(): "Sample customer"})) is None
    fewer = {key: value for key, value in document.fields.items() if key != "Customer"}
    assert first_difference(outcome, other(fields=fewer), none) == decision.route
    assert first_difference(outcome, other(lines=document.lines * 2), none) == decision.route
    cheaper = tuple({**line, "Price": "0.01"} for line in document.lines)
    assert first_difference(outcome, other(lines=cheaper), none) == decision.route
    unsent = replace(step, document=None)
    nothing = replace(outcome, decisions=(replace(decision, plan=(unsent,)),))
    assert first_difference(outcome, nothing, none) == decision.route


def sent(outcome: Outcome) -> tuple[Decision, Step, Document]:
    (decision,) = outcome.decisions
    (step,) = decision.plan
    assert step.document
    return decision, step, step.document


def test_it_says_no_more_than_the_outcome_needs() -> None:
    files, program = starter("netshop-aiaccount")
    case = ready_case(program)
    text = proved(files, program, case)
    (sample,) = case.samples
    for fact in sample.facts:
        fewer = replace(sample, facts=tuple(one for one in sample.facts if one is not fact))
        ruleset = replace(program.ruleset, samples=(*program.ruleset.samples, fewer))
        assert not run_test(case.test, Index(ruleset), program).passed, fact
    assert "Sample customer" in text


def ready_case(program: Program) -> Case:
    case = case_of(program, ready(program), NEUTRAL, schemas())
    assert isinstance(case, Case)
    return case


def ready(program: Program) -> Judged:
    """The first record of the starter that is ready."""
    for test in program.ruleset.tests:
        judged = judged_of(program, test.title)
        if judged and all(one.state == PostingState.READY for one in judged.outcome.decisions):
            return judged
    raise AssertionError


def test_its_names_are_its_own() -> None:
    _, program = starter("netshop-aiaccount")
    first = ready_case(program)
    ruleset = replace(
        program.ruleset,
        samples=(*program.ruleset.samples, *first.samples),
        tests=(*program.ruleset.tests, first.test),
    )
    again = compile_ruleset(ruleset, hash="again", schemas=schemas())
    second = case_of(again, ready(program), NEUTRAL, schemas())
    assert isinstance(second, Case)
    assert second.test.title == f"{first.test.title} (2)"
    assert second.samples[-1].name == f"{first.samples[-1].name}_2"


def test_a_release_is_nothing_that_a_test_can_tell() -> None:
    _, program = starter("netshop-aiaccount")
    held = next(one for one in every(program) if any(d.findings for d in one.outcome.decisions))
    (decision, *_) = (d for d in held.outcome.decisions if d.findings)
    released = frozenset((d.route, f.rule) for d in held.outcome.decisions for f in d.findings)
    facts = replace(held.facts, releases=released)
    outcome = program.evaluate(held.subject, facts, held.world, held.now)
    assert outcome.decisions != held.outcome.decisions
    told = case_of(program, replace(held, facts=facts, outcome=outcome), NEUTRAL, schemas())
    assert isinstance(told, NoCase)
    assert told.route == decision.route


def every(program: Program) -> Iterator[Judged]:
    for test in program.ruleset.tests:
        if (judged := judged_of(program, test.title)) is not None:
            yield judged


def test_what_needs_a_hidden_value_is_not_told_without_it() -> None:
    _, program = starter("netshop-aiaccount")
    assert isinstance(case_of(program, ready(program), Neutral({}, {}), schemas()), Case)
    assert isinstance(
        case_of(program, ready(program), Neutral({"total": "1.00"}, {}), schemas()), NoCase
    )


PERSONAL = {
    "customer_name": "Tan Mei Ling",
    "email": "mei@kedai.example",
    "phone": "Al",
    "address": "李明",
}
INSTEAD = Neutral(
    {
        "customer_name": "Sample customer",
        "email": "buyer@example.com",
        "phone": "+60 12-345 6789",
        "address": "1 Sample Street",
    },
    {"Customer": "Sample customer"},
)


def test_a_name_inside_another_text_is_not_told_either() -> None:
    """As whole words, or between letters that write none; one of two Latin letters would be part of
    any text, so only as the whole of one."""
    files, program = starter("netshop-aiaccount")
    judged = ready(program)
    note = "Al fresco: ask TAN MEI LING (mei@kedai.example), not Tan Mei Lingam; 致李明收"
    (line, *_) = lines_of(judged)
    lines = [{**line, "name": note}]
    body = {**judged.subject.body, **PERSONAL, "lines": lines}
    subject = replace(judged.subject, body=body)
    outcome = program.evaluate(subject, judged.facts, judged.world, judged.now)
    case = case_of(program, replace(judged, subject=subject, outcome=outcome), INSTEAD, schemas())
    assert isinstance(case, Case), case
    text = proved(files, program, case)
    assert "Al fresco: ask Sample customer (buyer@example.com), not Tan Mei Lingam" in text
    assert "致1 Sample Street收" in text
    assert "mei@" not in text


def test_of_many_documents_of_a_target_none_tells_whose_it_is() -> None:
    """Of so many facts none is left out, needed or not."""
    _, program = starter("settlements-aiaccount")
    judged = ready(program)
    route = judged.outcome.decisions[0].route
    others = tuple(
        TargetDocument(route, f"X-{number}", {"Customer": "Tan Mei Ling"}, "ST-0")
        for number in range(101)
    )
    facts = replace(judged.facts, documents=others)
    outcome = program.evaluate(judged.subject, facts, judged.world, judged.now)
    case = case_of(program, replace(judged, facts=facts, outcome=outcome), INSTEAD, schemas())
    assert isinstance(case, Case)
    text = write_test(case.samples, case.test)
    assert "Tan" not in text
    assert text.count("Sample customer") >= 101


def lines_of(judged: Judged) -> list[dict[str, object]]:
    lines: Any = judged.subject.body["lines"]
    return list(lines)


@pytest.mark.slow
def test_what_is_personal_in_a_linked_record_is_not_told() -> None:
    """Neither there nor in a text of the record itself."""
    _, program = starter("lazada-autocount")
    told = 0
    for judged in every(program):
        if judged.subject.kind != "refund" or not any(judged.facts.links.values()):
            continue
        links = {
            link: tuple({**body, **PERSONAL} for body in bodies)
            for link, bodies in judged.facts.links.items()
        }
        lines = [{**line, "name": "Refund for Tan Mei Ling"} for line in lines_of(judged)]
        subject = replace(judged.subject, body={**judged.subject.body, "lines": lines})
        facts = replace(judged.facts, links=links)
        outcome = program.evaluate(subject, facts, judged.world, judged.now)
        given = replace(judged, subject=subject, facts=facts, outcome=outcome)
        case = case_of(program, given, INSTEAD, schemas())
        if isinstance(case, Case):
            text = write_test(case.samples, case.test)
            told += "Refund for Sample customer" in text
            assert "Tan Mei Ling" not in text
    assert told


def test_a_very_long_record_is_not_told() -> None:
    _, program = starter("netshop-aiaccount")
    judged = ready(program)
    lines: Any = judged.subject.body["lines"]
    body = {**judged.subject.body, "lines": lines * 101}
    told = case_of(
        program, replace(judged, subject=replace(judged.subject, body=body)), NEUTRAL, schemas()
    )
    assert told == NoCase(None)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)  # each plays all tests of a template
@given(
    st.text(max_size=12),
    st.text(max_size=12),
    st.sampled_from(["12.00", "1e3", "-5", "x", "", "9" * 40]),
)
def test_whatever_a_shop_writes_it_is_told_so_that_it_passes_or_not_at_all(
    name: str, currency: str, total: str
) -> None:
    files, program = starter("netshop-aiaccount")
    judged = ready(program)
    body = {**judged.subject.body, "number": name, "currency": currency, "total": total}
    subject = replace(judged.subject, body=body)
    outcome = program.evaluate(subject, Facts(judged.now), judged.world, judged.now)
    given = replace(judged, subject=subject, facts=Facts(judged.now), outcome=outcome)
    case = case_of(program, given, NEUTRAL, schemas())
    if isinstance(case, Case):
        proved(files, program, case)
