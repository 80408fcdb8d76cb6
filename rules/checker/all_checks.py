"""Run all checks of rule files in a fixed order and collect the findings."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import reduce
from itertools import chain
from typing import Any

from grammar import nodes
from grammar.advice.consequences import Declared, below_causes
from grammar.nodes import Ruleset
from grammar.text.finding_codes import CODES, STYLE
from grammar.text.problem import Problem, Span, believable_errors
from rules.checker import (
    declarations,
    guards,
    places,
    routes_and_gates,
    schema_fit,
    tables,
    tests_and_samples,
    type_errors,
)
from rules.checker.pairs import Pairs, Reasoned, contradicted, repeats_other
from rules.checker.places import (
    Claims,
    Look,
    Memory,
    make_problem,
    records_of,
    used_names,
    with_checks,
)
from rules.checker.ranges import Allowed, Cuts
from rules.facts import Seeds
from rules.types.functions import did_you_mean
from rules.types.inference import COMPARED, ignore_problem, infer, settled_answer
from rules.types.symbol_table import CURRENCY, RESERVED, Index, Schemas, Scope, stored_currency
from rules.values.wording import format_expression

_ONCE: Mapping[str, tuple[str, str]] = {
    "family": ("NAM22", "One field says the family: the number that several records share."),
    "dated": ("NAM23", "One day decides: mark that one, and take the mark from the other."),
}

_DAYS = ("date", "moment")

_ALWAYS = frozenset({"=", "<=", ">="})


def apply_silences(found: Sequence[Problem], ruleset: nodes.Ruleset) -> Iterator[Problem]:
    """Yield the findings that remain after silences, and the problems of the silences."""
    quiet: set[Problem] = set()
    for silence in ruleset.silences:
        meant = {p for p in found if _is_meant(p, silence, ruleset)} - quiet
        quiet |= meant
        yield from _wrong(silence, meant)
    yield from (problem for problem in found if problem not in quiet)


def _is_meant(finding: Problem, silence: nodes.Silence, ruleset: nodes.Ruleset) -> bool:
    return finding.code == silence.code in STYLE and any(
        declared.span == finding.span for declared in _declarations_named(silence.name, ruleset)
    )


def _declarations_named(name: str, ruleset: nodes.Ruleset) -> Iterator[Any]:
    """Yield every declaration with that name."""
    shelves = (
        getattr(ruleset, shelf.name)
        for shelf in dataclasses.fields(ruleset)
        if shelf.name != "silences"
    )
    yield from (node for shelf in shelves for node in shelf if getattr(node, "name", None) == name)


def _wrong(silence: nodes.Silence, meant: set[Problem]) -> Iterator[Problem]:
    code, name, span = silence.code, silence.name, silence.span
    if code not in CODES:
        message = f"there is no finding '{code}'"
        yield make_problem("SIL01", message, did_you_mean(code, STYLE), span)
    elif code not in STYLE:
        message = f"{code} ({CODES[code]}) cannot be silenced"
        hint = f"Repair it. Only style can be silenced: {', '.join(sorted(STYLE))}."
        yield make_problem("SIL02", message, hint, span)
    elif not silence.reason.strip():
        message = f"{code} of '{name}' is silenced without a reason"
        yield make_problem("SIL04", message, 'Say why it is meant so: because "…".', span)
    elif not meant:
        message = f"nothing to silence: there is no {code} of '{name}'"
        yield make_problem(
            "SIL03", message, "Take the silence out, or correct the name.", span, "warning"
        )


def check(
    ruleset: Ruleset,
    known: Schemas | None = None,
    *,
    in_force: bool = True,
    memory: Memory | None = None,
    sources: Mapping[str, str] | None = None,
) -> tuple[Problem, ...]:
    """Return every problem of a ruleset once, in the order of its text.

    Trial rules (`in_force` no) may use features that no worker carries out. With a memory and the
    files' texts, known checks are not repeated.
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
            check_names_outside(index, known),
            schema_fit.check_schemas(index, known),
            schema_fit.check_amounts(index, known),
        )
    refused = not_yet(ruleset, known) if in_force else ()
    once = dict.fromkeys(chain(found, outside, refused))
    told = apply_silences(tuple(once), ruleset)
    return tuple(sorted(told, key=lambda p: (p.span, p.code, p.message)))


def not_yet(ruleset: Ruleset, known: Schemas | None = None) -> tuple[Problem, ...]:
    """Return the problems of what these rules use and the product does not implement yet."""
    return tuple(places.check_later(Index(ruleset), known))


def collect_findings(
    ruleset: Ruleset,
    sources: Mapping[str, str],
    syntax: Sequence[Problem],
    rows: Seeds,
    known: Schemas,
    *,
    in_force: bool,
    memory: Memory | None = None,
) -> tuple[Problem, ...]:
    """Return all findings by file and line, each with a remedy; `syntax` has the parser's problems.

    With `in_force` they include unimplemented features, as publishing requires. A caller that
    checks files repeatedly keeps a `memory`, which makes later checks faster.
    """
    told = check(ruleset, known, in_force=in_force, memory=memory, sources=sources)
    found: tuple[Problem, ...] = (*told, *rows.problems)
    if syntax:
        found = believable_errors(found, syntax, sources)
    of_text = (*places.check_signs(sources), *places.check_language(sources))
    hinted = {_hinted(problem) for problem in (*syntax, *found, *of_text)}
    in_order = sorted(hinted, key=lambda p: (p.span, p.code, p.message))
    return below_causes(in_order, sources, _declared(ruleset))


def _hinted(problem: Problem) -> Problem:
    """Return the problem with a remedy, even where the checker has none."""
    return (
        problem if problem.hint else replace(problem, hint=f"see docs/findings/{problem.code}.md")
    )


def _declared(ruleset: nodes.Ruleset) -> Declared:
    """Return the declarations that may be consequences of a missing name."""
    links: dict[str, set[str]] = {}
    for link in ruleset.links:
        for record in (link.record, link.other):
            links.setdefault(record, set()).add(link.name)
    return Declared(
        frozenset(record.span for record in ruleset.records),
        frozenset(retry.span for retry in ruleset.retries),
        links,
    )


def check_fields(index: Index) -> Iterator[Problem]:
    """Yield the problems of fields, statuses and marks, without outside schemas."""
    for record in index.ruleset.records:
        seen: set[str] = set()
        for field in record.fields:
            if field.name in seen:
                message = f"the field '{field.name}' of {record.name} is declared twice"
                yield make_problem("NAM20", message, "Keep one of them.", field.span)
            seen.add(field.name)
            yield from _taken(field, record, index)
            if isinstance(field, nodes.Field):
                yield from _states(field)
        yield from _origin(record, index)
        yield from _marks(record)


def _taken(
    field: nodes.Field | nodes.Computed, record: nodes.Record, index: Index
) -> Iterator[Problem]:
    name = field.name
    if name in RESERVED:
        message = f"'{name}' is a fact of the language and cannot be a field of {record.name}"
        yield make_problem("NAM21", message, "Give the field another name.", field.span)
    elif name in index.consts:
        message = f"'{name}' is a const too, so it could be read in two ways"
        yield make_problem("NAM21", message, "Give one of them another name.", field.span)
    if isinstance(field, nodes.Field) and field.type == "many" and field.of not in index.records:
        hint = did_you_mean(field.of or "", index.records)
        yield make_problem("NAM07", f"there is no record '{field.of}'", hint, field.span)


def _states(field: nodes.Field) -> Iterator[Problem]:
    """Yield repeated statuses, and spellings of two statuses."""
    first: dict[str, Span] = {}
    meant: dict[str, str] = {}
    for state in field.states:
        if state.name in first:
            message = f"the status '{state.name}' of {field.name} is declared twice"
            hint = f"It stands in {first[state.name]} already: give that one all spellings."
            yield make_problem("NAM20", message, hint, state.span)
        first.setdefault(state.name, state.span)
        for word in (state.name, *state.aliases):
            folded = word.strip().casefold()
            if meant.get(folded, state.name) != state.name:
                message = f'"{word}" means {meant[folded]} and {state.name}'
                hint = "Spellings are compared trimmed and in any case: give it to one status."
                yield make_problem("GAT07", message, hint, state.span)
            meant.setdefault(folded, state.name)


def _origin(record: nodes.Record, index: Index) -> Iterator[Problem]:
    """Yield the problems of a record's source or parent record."""
    if record.parent is not None and record.parent not in index.records:
        hint = did_you_mean(record.parent, index.records)
        yield make_problem("NAM07", f"there is no record '{record.parent}'", hint, record.span)
    if record.source is not None and record.source not in index.sources:
        hint = did_you_mean(record.source, index.sources)
        yield make_problem("NAM08", f"there is no source '{record.source}'", hint, record.span)


def _marks(record: nodes.Record) -> Iterator[Problem]:
    """Yield repeated, missing and misplaced marks."""
    marked: dict[str, list[nodes.Field]] = {"key": [], "family": [], "dated": []}
    for field in record.fields:
        if isinstance(field, nodes.Field) and field.mark in marked:
            marked[field.mark].append(field)
    keys = marked.pop("key")
    if len(keys) > 1 or (record.parent is None and not keys):
        message = f"{record.name} has {len(keys)} key fields"
        yield make_problem("NAM22", message, "Mark exactly one field as key.", record.span)
    for field in [one for one in marked["dated"] if one.type not in _DAYS]:
        marked["dated"].remove(field)
        message = f"'{field.name}' is marked dated and has no day: its type is {field.type}"
        yield make_problem("NAM23", message, "Mark a field that is a date or a moment.", field.span)
    for mark, fields in marked.items():
        for second in fields[1:]:
            code, hint = _ONCE[mark]
            message = f"'{second.name}' is marked {mark}, and '{fields[0].name}' is so already"
            yield make_problem(code, message, hint, second.span)


def check_dated(look: Look) -> Iterator[Problem]:
    """Yield constants whose record has no day to read them at."""
    index, consts = look.index, look.index.consts.keys()
    reading = look.saying(consts)
    told: set[str] = set()
    for place in with_checks(reading, index):
        record = place.scope.record
        wanted = consts & set(used_names(place.expr))
        if wanted and record not in told and index.marked(record, "dated") is None:
            told.add(record)
            message = f"{record} has no dated field, but its rules read {sorted(wanted)[0]}"
            hint = "Mark the field whose day decides as dated."
            yield make_problem("NAM23", message, hint, place.expr.span)


def check_names_outside(index: Index, schemas: Schemas) -> Iterator[Problem]:
    """Yield the problems of all names that an outside system defines."""
    yield from _misspelled_names(index.sources, {kind.source for kind in schemas.kinds})
    yield from _misspelled_names(index.targets, {document.target for document in schemas.documents})
    for record in index.ruleset.records:
        yield from _record(record, index, schemas)


def _misspelled_names(
    declared: Mapping[str, nodes.Source | nodes.Target], names: set[str]
) -> Iterator[Problem]:
    """Yield names that nearly match a connector's; other names are the customer's own."""
    for name in declared.keys() - names:
        near = get_close_matches(name, sorted(names - declared.keys()), 1, 0.7)
        if near:
            message = f"no connector is called '{name}'"
            yield make_problem("NAM27", message, f"Did you mean '{near[0]}'?", declared[name].span)


def _record(record: nodes.Record, index: Index, schemas: Schemas) -> Iterator[Problem]:
    owner = index.records.get(record.parent or "") or record
    known = schemas.kind(owner.source or "", owner.name)
    if known is None:
        kinds = [k.kind for k in schemas.kinds if k.source == owner.source]
        if kinds and record is owner:
            message = f"{record.source} sends no '{record.name}'"
            yield make_problem("NAM24", message, did_you_mean(record.name, kinds), record.span)
        return
    fields = {f.name: f for f in (known.fields if record is owner else known.lines)}
    many = {"lines"} if record is owner else set()
    for field in record.fields:
        if isinstance(field, nodes.Field) and field.name not in fields.keys() | many:
            message = f"{owner.source} sends no field '{field.name}' with {record.name}"
            hint = did_you_mean(field.name, {*fields, *many})
            yield make_problem("NAM25", message, hint, field.span)


def compare_checks(reasoned: Sequence[Reasoned]) -> Iterator[Problem]:
    """Yield checks that contradict or cover each other."""
    pairs = Pairs(reasoned)
    for at, one in enumerate(reasoned):
        wrong = next((i for i in pairs.contradicting(at) if contradicted(reasoned[i], one)), None)
        if wrong is not None:
            yield contradiction_finding(reasoned[wrong], one)
        others = (i for i in pairs.covering(at) if reasoned[i].check.name != one.check.name)
        more = next((i for i in others if repeats_other(i, at, reasoned)), None)
        if more is not None:
            yield coverage_finding(one.check, reasoned[more].check)


def contradiction_finding(first: Reasoned, second: Reasoned) -> Problem:
    """Return the finding for two contradictory checks, at the later one."""
    one, other = first.check, second.check
    fails = first.all.both(second.all).impossible
    message = f"'{other.name}' and '{one.name}' can never both pass: no '{fails}' fits both"
    hint = f"'{one.name}' stands in {one.span}: correct one of them."
    return make_problem("LOG05", message, hint, other.span)


def coverage_finding(less: nodes.Check, more: nodes.Check) -> Problem:
    """Return the finding for a check that adds nothing to another."""
    message = f"'{less.name}' adds nothing: wherever it fails, '{more.name}' fails too"
    hint = f"'{more.name}' stands in {more.span}: keep one of them."
    return make_problem("LOG06", message, hint, less.span, "warning")


def check_constants(index: Index) -> Iterator[Problem]:
    """Yield conditions without effect outside checks."""
    for place in with_checks((), index):
        if place.what == "condition":
            yield from constant_comparisons(place.expr)


def check_logic(look: Look) -> Iterator[Problem]:
    """Yield everything that can be proved about single checks and pairs of checks."""
    index = look.index
    for name, record in index.records.items():
        if record.source is None:
            continue
        mine = [c for c in index.ruleset.checks if name in records_of(c.records, index)]
        for each_line in (False, True):
            yield from _of_record([c for c in mine if c.each_line == each_line], name, look)


def _of_record(checks: list[nodes.Check], record: str, look: Look) -> Iterator[Problem]:
    """Yield the problems of a record's checks; checks known to be right are skipped."""
    group = tuple(map(look.studied, checks))
    if group and not look.memory.is_right(record, group):
        look.memory.compared += 1
        found = tuple(_among(checks, record, look))
        if not found:
            look.memory.found_right(record, group)
        yield from found


def _among(checks: list[nodes.Check], record: str, look: Look) -> Iterator[Problem]:
    claims = [look.claims(check_, record) for check_ in checks]
    said = [s for c in claims for s in (c.when, *c.requires) if s is not None]
    cuts = Cuts(look.index, said)
    reasoned = [_reasoned(c, of, cuts) for c, of in zip(checks, claims, strict=True)]
    for one in reasoned:
        yield from _alone(one, cuts)
    yield from compare_checks(reasoned)


def _reasoned(check_: nodes.Check, claims: Claims, cuts: Cuts) -> Reasoned:
    when = cuts.allowed(claims.when) if claims.when is not None else Allowed()
    requires = tuple(cuts.allowed(claim) for claim in claims.requires)
    return Reasoned(check_, when, requires, reduce(Allowed.both, requires, Allowed()))


def _alone(one: Reasoned, cuts: Cuts) -> Iterator[Problem]:
    check_ = one.check
    never = one.when.impossible
    if never and check_.when is not None:
        message = f"'{check_.name}' never applies: no '{never}' fits its when"
        yield make_problem("LOG02", message, "Widen the condition behind when.", check_.when.span)
        return
    fails = one.all.impossible or one.when.both(one.all).impossible
    if fails:
        message = f"'{check_.name}' can never pass: no '{fails}' fits all its conditions"
        yield make_problem("LOG03", message, "Take one of them out, or correct it.", check_.span)
        return
    for allowed, node in zip(one.requires, check_.requires, strict=True):
        given = check_.when is not None and one.when.implies(allowed)
        if given or cuts.fits_all(allowed):
            why = "the when of the check says so already" if given else "every value fits it"
            message = f"'{format_expression(node)}' never fails: {why}"
            yield make_problem(
                "LOG04", message, "Take it out, or correct it.", node.span, "warning"
            )


def constant_comparisons(node: nodes.Expr) -> Iterator[Problem]:
    """Yield comparisons that are always or never true, and repeated conditions."""
    if isinstance(node, nodes.AllOf | nodes.AnyOf):
        yield from repeated_conditions(node.parts)
        for part in node.parts:
            yield from constant_comparisons(part)
    elif isinstance(node, nodes.Not):
        yield from constant_comparisons(node.expr)
    elif isinstance(node, nodes.Compare) and node.op in {"=", "<>"} and _blank(node) is not None:
        asked = format_expression(_blank(node) or node)
        hint = f"Write '{asked} is missing'." if node.op == "=" else f"Write '{asked} is known'."
        message = f"'{format_expression(node)}' asks for a blank text, and what is blank is missing"
        yield make_problem("LOG01", message, hint, node.span, "warning")
    elif isinstance(node, nodes.Compare):
        answer = _answer(node)
        if answer is not None:
            word = "always" if answer else "never"
            message = f"'{format_expression(node)}' is {word} so, whatever the record holds"
            yield make_problem("LOG01", message, "Compare a field with something else.", node.span)


def _blank(node: nodes.Compare) -> nodes.Expr | None:
    """Return the expression that is compared with a blank text, or None."""
    for one, other in ((node.left, node.right), (node.right, node.left)):
        if (
            isinstance(other, nodes.Literal)
            and isinstance(other.value, str)
            and not other.value.strip()
        ):
            return one
    return None


def _answer(node: nodes.Compare) -> bool | None:
    left, right = node.left, node.right
    if isinstance(left, nodes.Literal) and isinstance(right, nodes.Literal):
        same = type(left.value) is type(right.value)
        return bool(COMPARED[node.op](left.value, right.value)) if same else None
    if not isinstance(left, nodes.Literal) and format_expression(left) == format_expression(right):
        return node.op in _ALWAYS
    return settled_answer(node)


def check_abroad(index: Index) -> Iterator[Problem]:
    """Yield the currency findings of approvals and routes."""
    asking: tuple[nodes.Approve | nodes.Post, ...] = (
        *index.ruleset.approvals,
        *index.ruleset.posts,
    )
    for one in asking:
        if one.when is not None and one.record in index.records:
            yield from currency_findings((one.when,), Scope(index, one.record))


def currency_findings(asked: Sequence[nodes.Expr], scope: Scope) -> Iterator[Problem]:
    """Yield amounts of the rules that are compared in a record of another currency.

    Such a number counts in the source's currency, so the comparison is always unknown.
    """
    source = scope.index.sources.get(scope.index.records[scope.record].source or "")
    if source is None or not stored_currency(scope.index, scope.record):
        return
    parts = [p for one in asked for p in (one.parts if isinstance(one, nodes.AllOf) else (one,))]
    if not any(_elsewhere(part, source.currency) for part in parts):
        return
    for node in nodes.walk(tuple(parts)):
        if isinstance(node, nodes.Compare | nodes.Arith) and _sets_beside(node, scope):
            message = (
                f"'{format_expression(node)}' is never known here: a number counts in "
                f"{source.currency}"
            )
            hint = "No rate stands between two currencies: such a record is held for a person."
            yield make_problem("TYP01", message, hint, node.span, "warning")


def _elsewhere(part: nodes.Expr, home: str) -> bool:
    """Check whether a condition admits only records in another currency."""
    if isinstance(part, nodes.Member) and _is_currency(part.left):
        return all(_code(value) not in {home, None} for value in part.values)
    if not isinstance(part, nodes.Compare) or not _is_currency(part.left):
        return False
    code = _code(part.right)
    return code is not None and (part.op, code == home) in {("=", False), ("<>", True)}


def _is_currency(node: nodes.Expr) -> bool:
    return isinstance(node, nodes.Name) and node.path == (CURRENCY,)


def _code(node: nodes.Expr | nodes.Value) -> str | None:
    value = node.value if isinstance(node, nodes.Literal) else None
    return value.strip().upper() if isinstance(value, str) else None


def _sets_beside(node: nodes.Compare | nodes.Arith, scope: Scope) -> bool:
    """Check whether one side is an amount and the other a number of the rules except zero."""
    if isinstance(node, nodes.Arith) and node.op in "*/":
        return False
    kinds = [infer(side, scope, ignore_problem) for side in (node.left, node.right)]
    number = next((kind for kind in kinds if kind.kind == "number"), None)
    return (
        number is not None
        and {k.kind for k in kinds} == {"number", "money"}
        and (not number.written or any(number.written))
    )


def repeated_conditions(parts: Sequence[nodes.Expr]) -> Iterator[Problem]:
    """Yield conditions that are repeated side by side, which is usually a mistake."""
    seen: set[str] = set()
    for part in parts:
        if format_expression(part) in seen:
            message = f"'{format_expression(part)}' says nothing new: it stands here already"
            yield make_problem(
                "LOG04", message, "Take it out, or correct it.", part.span, "warning"
            )
        seen.add(format_expression(part))


def _checks_by_themselves(look: Look) -> Iterator[Problem]:
    """Yield the problems of single checks; only possibly wrong checks are examined."""
    for of in look.index.ruleset.checks:
        studied = look.studied(of)
        if not studied.right:
            look.memory.asked += 1
            found = tuple(_by_itself(of, look))
            studied.right = not found
            yield from found


def _by_itself(of: nodes.Check, look: Look) -> Iterator[Problem]:
    for place in look.places(of):
        yield from type_errors.wrong_types(place)
        if place.what == "condition":
            yield from constant_comparisons(place.expr)
    for name in places.records_of(of.records, look.index):
        scope = Scope(look.index, name, line=of.each_line)
        yield from currency_findings([e for e in (of.when, *of.requires) if e is not None], scope)
    yield from repeated_conditions(of.requires)
    yield from places.hidden_characters((of.when, of.requires))
    yield from places.far_durations((of.when, of.requires))
    yield from places.unreadable(of.say, of.say.span)


_QUESTIONS = (
    declarations.check_names,
    declarations.check_targets,
    check_fields,
    type_errors.check_links,
    type_errors.check_types,
    check_constants,
    check_abroad,
    declarations.check_owners,
    routes_and_gates.check_gates,
    type_errors.check_entries,
    tables.check_tables,
    tables.check_edit_groups,
    type_errors.check_units,
    schema_fit.check_posts,
    routes_and_gates.check_going,
    places.check_undoing,
    routes_and_gates.check_answers,
    places.check_messages,
    places.check_texts,
    places.check_far_days,
    tests_and_samples.check_samples,
    guards.check_guards,
    guards.check_clears,
)

_OF_CHECKS = (
    _checks_by_themselves,
    check_logic,
    routes_and_gates.check_duplicates,
    guards.check_statuses,
    check_dated,
    declarations.check_unused,
)
