"""All that is wrong with rule files, without any data: each question asked, in one order.

Here: check, which asks all questions; not_yet, which asks only what nothing carries out; which
findings of style are silenced, and whether each silence is needed; one order and wording for
terminal, editor and browser. Not here: syntax (grammar), running tests (rules/testing/runner.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields, replace
from itertools import chain
from typing import Any

from grammar import nodes as n
from grammar.nodes import Ruleset
from grammar.text.finding_codes import CODES, STYLE
from grammar.text.problem import Problem, Span, believable
from rules.checker import (
    declarations,
    logic,
    places,
    reversibility,
    routes_and_gates,
    schema_fit,
    tables,
    tests_and_samples,
    type_errors,
)
from rules.checker.places import problem
from rules.facts.seeds import Seeds
from rules.types.functions import did_you_mean
from rules.types.outside_schemas import Schemas
from rules.types.symbol_table import Index


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
    type_errors.check_links,
    type_errors.check_types,
    logic.check_logic,
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
    tests_and_samples.check_samples,
    declarations.check_unused,
)


def check(
    ruleset: Ruleset, known: Schemas | None = None, *, in_force: bool = True
) -> tuple[Problem, ...]:
    """Every problem of a ruleset, in the order of its text; each one once.

    Rules that are only tried and tested (`in_force` no) may say what nothing carries out yet.
    """
    index = Index(ruleset)
    found = chain.from_iterable(question(index) for question in _QUESTIONS)
    outside: Iterable[Problem] = ()
    if known is not None:
        outside = chain(
            schema_fit.check_schemas(index, known), schema_fit.check_amounts(index, known)
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
) -> tuple[Problem, ...]:
    """All findings by file and line, each with a way out; `syntax` is what the parser found.

    With `in_force` also what nothing carries out yet, as publishing sees it.
    """
    found: tuple[Problem, ...] = (*check(ruleset, known, in_force=in_force), *rows.problems)
    if syntax:
        found = believable(found, syntax, sources)
    told = {_hinted(problem) for problem in (*syntax, *found)}
    records = frozenset(record.span for record in ruleset.records)
    return _below_causes(sorted(told, key=lambda p: (p.span, p.code, p.message)), records)


_MEANT = re.compile(r"[Dd]id you mean '([^']+)'\?")
_QUOTED = re.compile(r"'([^']+)'")
_OUTSIDE = frozenset({"POS01", "NAM24", "NAM25"})
"""Findings that a declaration itself has a name which nothing outside knows."""
_INSIDE = frozenset({"GAT01", "EDT01", "POS12"})
"""Findings that a declaration lacks something, which may stand in it misspelt."""


def _below_causes(found: Sequence[Problem], records: frozenset[Span]) -> tuple[Problem, ...]:
    """One finding for one typo: what is wrong only because of it stands below it."""
    typos = {p: pair for p in found if p.severity == "error" and (pair := _typo(p))}
    cause_of: dict[Problem, Problem] = {}
    for cause in sorted(typos, key=lambda p: p.code not in _OUTSIDE):
        if cause not in cause_of:
            mine = [p for p in found if p is not cause and p not in cause_of]
            cause_of |= dict.fromkeys(_following(cause, mine, typos, records), cause)
    below: dict[Problem, list[Problem]] = {}
    for other in found:
        if other in cause_of:
            below.setdefault(cause_of[other], []).append(other)
    return tuple(_with(p, below.get(p, []), typos) for p in found if p not in cause_of)


def _typo(problem: Problem) -> tuple[str, str] | None:
    """The name that is not there and the one that is, as the finding says; None where it cannot."""
    wrong, meant = _QUOTED.search(problem.message), _MEANT.search(problem.hint)
    return (wrong[1], meant[1]) if wrong and meant else None


def _following(
    cause: Problem,
    found: Sequence[Problem],
    typos: Mapping[Problem, tuple[str, str]],
    records: frozenset[Span],
) -> Iterator[Problem]:
    """What is wrong because of a typo: of a declaration its uses, of a use what is lacking."""
    wrong, meant = typos[cause]
    unused = any(p.code in STYLE and _lacking(p) == {meant} for p in found)
    alike = [p for p in found if p.code == cause.code and typos.get(p) == (wrong, meant)]
    declared = unused and bool(alike)  # it is declared misspelt, and used as it was meant
    for other in found:
        lacks = _lacking(other)
        if cause.code in _OUTSIDE:
            turned = typos.get(other) == (meant, wrong)
            follows = turned or (bool(lacks) and lacks <= {meant, wrong})
        elif other.code in _INSIDE:
            follows = lacks == {meant} and _within(cause.span, other.span)
        else:
            follows = lacks == {meant} or (declared and other in alike)
        if cause.code == "NAM07":
            follows = follows or wrong in other.message.split()
        if follows or (cause.span in records and _of_record(other)):
            yield other


def _of_record(problem: Problem) -> bool:
    """Whether a finding may come of a record that is not read: nothing is used, no line known."""
    said = re.split(r"[ '.]", problem.message)
    return problem.code in STYLE or "line" in said


def _lacking(problem: Problem) -> set[str]:
    """The names that a finding says are not used, or not there."""
    if problem.code in STYLE:
        return set(_QUOTED.findall(problem.message)[:1])
    if problem.code not in _INSIDE:
        return set()
    return set(re.split(r": | needs ", problem.message)[-1].split(", "))


def _within(inner: Span, outer: Span) -> bool:
    return inner.file == outer.file and outer.line <= inner.line <= outer.end_line


def _with(
    problem: Problem, below: Sequence[Problem], typos: Mapping[Problem, tuple[str, str]]
) -> Problem:
    """A finding with what follows from it; a hint never proposes what is misspelt itself."""
    declared = next((p for p in below if p.code in STYLE), None)
    if declared is None or not any(p.code == problem.code for p in below):
        return replace(problem, follows=tuple(below)) if below else problem
    _, misspelt = typos[problem]
    hint = f"'{misspelt}' is declared in {declared.span}, and nothing uses it: correct its name."
    return replace(problem, hint=hint, follows=tuple(below))


def _hinted(problem: Problem) -> Problem:
    """The problem with a way out, even where the checker knew none."""
    return (
        problem if problem.hint else replace(problem, hint=f"see docs/findings/{problem.code}.md")
    )
