"""All that is wrong with rule files, without any data: each question asked, in one order.

Here: check, which asks all questions; not_yet, which asks only what nothing carries out; which
findings of style are silenced, and whether each silence is needed; one order and wording for
terminal, editor and browser. Not here: syntax (grammar), running tests (rules/testing/runner.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain
from typing import Any

from grammar import nodes as n
from grammar.advice.consequences import Declared, below_causes
from grammar.nodes import Ruleset
from grammar.text.finding_codes import CODES, STYLE
from grammar.text.problem import Problem, believable
from rules.checker import (
    declarations,
    guards,
    logic,
    places,
    record_fields,
    reversibility,
    routes_and_gates,
    schema_fit,
    tables,
    tests_and_samples,
    type_errors,
)
from rules.checker.memory import Look, Memory
from rules.checker.places import problem
from rules.facts.seeds import Seeds
from rules.types.functions import did_you_mean
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index, Scope


def heeded(found: Sequence[Problem], ruleset: n.Ruleset) -> Iterator[Problem]:
    """The findings that stay, and what is wrong with the silences themselves."""
    quiet: set[Problem] = set()
    for silence in ruleset.silences:
        meant = {p for p in found if _is_meant(p, silence, ruleset)} - quiet
        quiet |= meant
        yield from _wrong(silence, meant)
    yield from (problem for problem in found if problem not in quiet)


def _is_meant(finding: Problem, silence: n.Silence, ruleset: n.Ruleset) -> bool:
    return finding.code == silence.code in STYLE and any(
        declared.span == finding.span for declared in _called(silence.name, ruleset)
    )


def _called(name: str, ruleset: n.Ruleset) -> Iterator[Any]:
    """Every declaration of that name."""
    shelves = (
        getattr(ruleset, shelf.name) for shelf in fields(ruleset) if shelf.name != "silences"
    )
    yield from (node for shelf in shelves for node in shelf if getattr(node, "name", None) == name)


def _wrong(silence: n.Silence, meant: set[Problem]) -> Iterator[Problem]:
    code, name, span = silence.code, silence.name, silence.span
    if code not in CODES:
        message = f"there is no finding '{code}'"
        yield problem("SIL01", message, did_you_mean(code, STYLE), span)
    elif code not in STYLE:
        message = f"{code} ({CODES[code]}) cannot be silenced"
        hint = f"Repair it. Only style can be silenced: {', '.join(sorted(STYLE))}."
        yield problem("SIL02", message, hint, span)
    elif not silence.reason.strip():
        message = f"{code} of '{name}' is silenced without a reason"
        yield problem("SIL04", message, 'Say why it is meant so: because "…".', span)
    elif not meant:
        message = f"nothing to silence: there is no {code} of '{name}'"
        yield problem(
            "SIL03", message, "Take the silence out, or correct the name.", span, "warning"
        )


_QUESTIONS = (
    declarations.check_names,
    declarations.check_targets,
    record_fields.check_fields,
    type_errors.check_links,
    type_errors.check_types,
    logic.check_constants,
    logic.check_abroad,
    declarations.check_owners,
    routes_and_gates.check_gates,
    type_errors.check_entries,
    tables.check_tables,
    tables.check_edit_groups,
    type_errors.check_units,
    schema_fit.check_posts,
    routes_and_gates.check_going,
    reversibility.check_undoing,
    routes_and_gates.check_answers,
    places.check_messages,
    places.check_texts,
    places.check_far_days,
    tests_and_samples.check_samples,
    guards.check_guards,
    guards.check_clears,
)


def _checks_by_themselves(look: Look) -> Iterator[Problem]:
    """What is wrong with a check whatever other checks say; only what may be wrong is asked."""
    for of in look.index.ruleset.checks:
        studied = look.studied(of)
        if not studied.right:
            look.memory.asked += 1
            found = tuple(_by_itself(of, look))
            studied.right = not found
            yield from found


def _by_itself(of: n.Check, look: Look) -> Iterator[Problem]:
    for place in look.places(of):
        yield from type_errors.wrong_types(place)
        if place.what == "condition":
            yield from logic.constant(place.expr)
    for name in places.records_of(of.records, look.index):
        scope = Scope(look.index, name, line=of.each_line)
        yield from logic.abroad([e for e in (of.when, *of.requires) if e is not None], scope)
    yield from logic.repeated(of.requires)
    yield from places.hidden((of.when, of.requires))
    yield from places.far((of.when, of.requires))
    yield from places.unreadable(of.say, of.say.span)


_OF_CHECKS = (
    _checks_by_themselves,
    logic.check_logic,
    routes_and_gates.check_duplicates,
    guards.check_statuses,
    record_fields.check_dated,
    declarations.check_unused,
)


def check(
    ruleset: Ruleset,
    known: Schemas | None = None,
    *,
    in_force: bool = True,
    memory: Memory | None = None,
    sources: Mapping[str, str] | None = None,
) -> tuple[Problem, ...]:
    """Every problem of a ruleset, in the order of its text; each one once.

    Rules that are only tried and tested (`in_force` no) may say what nothing carries out yet.
    With a memory and the text of its files, checks that it knows are not asked again.
    """
    index = Index(ruleset)
    look = Look(index, memory, sources)
    found = chain(
        chain.from_iterable(question(index) for question in _QUESTIONS),
        chain.from_iterable(question(look) for question in _OF_CHECKS),
    )
    outside: Iterable[Problem] = ()
    if known is not None:
        outside = chain(
            record_fields.check_names_outside(index, known),
            schema_fit.check_schemas(index, known),
            schema_fit.check_amounts(index, known),
        )
    refused = not_yet(ruleset, known) if in_force else ()
    once = dict.fromkeys(chain(found, outside, refused))
    told = heeded(tuple(once), ruleset)
    return tuple(sorted(told, key=lambda p: (p.span, p.code, p.message)))


def not_yet(ruleset: Ruleset, known: Schemas | None = None) -> tuple[Problem, ...]:
    """What these rules say and nothing carries out yet, whatever else is wrong with them."""
    return tuple(reversibility.check_later(Index(ruleset), known))


def findings(
    ruleset: Ruleset,
    sources: Mapping[str, str],
    syntax: Sequence[Problem],
    rows: Seeds,
    known: Schemas,
    *,
    in_force: bool,
    memory: Memory | None = None,
) -> tuple[Problem, ...]:
    """All findings by file and line, each with a remedy; `syntax` is what the parser found.

    With `in_force` also what nothing carries out yet, as publishing sees it. Whoever looks at files
    again and again keeps a `memory`: the findings are the same, and come sooner.
    """
    told = check(ruleset, known, in_force=in_force, memory=memory, sources=sources)
    found: tuple[Problem, ...] = (*told, *rows.problems)
    if syntax:
        found = believable(found, syntax, sources)
    of_text = (*places.check_signs(sources), *places.check_language(sources))
    hinted = {_hinted(problem) for problem in (*syntax, *found, *of_text)}
    in_order = sorted(hinted, key=lambda p: (p.span, p.code, p.message))
    return below_causes(in_order, sources, _declared(ruleset))


def _declared(ruleset: n.Ruleset) -> Declared:
    """What a name that is not there takes with it."""
    links: dict[str, set[str]] = {}
    for link in ruleset.links:
        for record in (link.record, link.other):
            links.setdefault(record, set()).add(link.name)
    return Declared(
        frozenset(record.span for record in ruleset.records),
        frozenset(retry.span for retry in ruleset.retries),
        links,
    )


def _hinted(problem: Problem) -> Problem:
    """The problem with a remedy, even where the checker knew none."""
    return (
        problem if problem.hint else replace(problem, hint=f"see docs/findings/{problem.code}.md")
    )
