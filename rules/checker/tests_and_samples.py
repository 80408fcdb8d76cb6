"""Check that samples and tests name existing records, fields, facts, maps and routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import get_args

from grammar import nodes
from grammar.text.finding_codes import ErrorClass
from grammar.text.problem import Problem, Span
from rules.checker.places import ABLE, AGAIN, REVERSED, make_problem
from rules.checker.tables import BUILT_IN
from rules.decisions.barred_documents import MODULE_RULE
from rules.decisions.posted_documents import CANCEL
from rules.documents.rounding import ROUNDING, TARGET_TAX, TOLERANCE
from rules.documents.totals import LINE_AMOUNT, OWN_TOTAL
from rules.documents.unit_proofs import UNIT_MISMATCH_RULE as MISMATCH
from rules.documents.unusual import UNUSUAL
from rules.expressions.lists import BILL_RULE as BILL
from rules.types.functions import did_you_mean
from rules.types.symbol_table import FACTS, Index
from rules.values.cause_keys import CLASS

_WORDS = {
    "period": ("open", "locked"),
    "e_invoice_issuer": FACTS["e_invoice_issuer"][1],
    "error": get_args(ErrorClass),
}
_GIVEN = (*_WORDS, "last_editor", "e_invoice_age", "tries", "approval")
_KINDS = {"e_invoice_age": "duration", "tries": "number"}
_SUCH = {"e_invoice_age": "e_invoice_age = 5h", "tries": "tries = 2"}
_OF_TABLES = {"block", *ABLE, *AGAIN, *REVERSED, "look_up", "try_again"}
"""Outcomes that only a row of a decision table gives."""

REASONS = frozenset(
    {"gate", "units", "duplicates", "identity", "change", "approve", *BUILT_IN}
    | {CANCEL, BILL, MISMATCH, ROUNDING, TOLERANCE, OWN_TOTAL, LINE_AMOUNT, CLASS, *UNUSUAL}
    | {TARGET_TAX, MODULE_RULE}
)
"""Reasons of an outcome that no rule file gives a name."""


def check_samples(index: Index) -> Iterator[Problem]:
    """Yield the problems of all samples and tests."""
    for sample in index.ruleset.samples:
        if sample.record not in index.records or index.records[sample.record].source is None:
            hint = did_you_mean(sample.record, index.records)
            message = f"there is no record '{sample.record}'"
            yield make_problem("NAM07", message, hint, sample.span)
            continue
        for pair in sample.sets:
            yield from _field(pair.name, pair.value, sample.record, index, pair.span)
        lines = index.line_records.get(sample.record)
        for pair in (p for line in sample.lines for p in line):
            yield from _field(pair.name, pair.value, lines.name if lines else "", index, pair.span)
        yield from _facts(sample.facts, sample, index)
    for test in index.ruleset.tests:
        yield from _test(test, index)


def _test(test: nodes.Test, index: Index) -> Iterator[Problem]:
    sample = index.samples.get(test.given)
    if sample is None:
        hint = did_you_mean(test.given, index.samples)
        yield make_problem("TST01", f"there is no sample '{test.given}'", hint, test.span)
        return
    if sample.record not in index.records:
        return  # said at the sample
    for facts in (test.facts, *(step.facts for step in test.steps)):
        yield from _facts(facts, sample, index)
    posts = {str(p.route) for p in index.posts.get(sample.record, [])}
    routes = posts | _reversals(index, sample.record)
    for expect in test.expects:
        if expect.route is None and len(posts) > 1:
            message = f"{sample.record} has {len(posts)} routes"
            yield make_problem("TST03", message, "Say which one is expected.", expect.span)
        elif expect.route is not None and str(expect.route) not in routes:
            hint = did_you_mean(str(expect.route), routes)
            message = f"{sample.record} is not posted to '{expect.route}'"
            yield make_problem("NAM06", message, hint, expect.route.span)
        yield from _reason(expect.outcome, index)
        if expect.outcome is not None and expect.outcome.kind in _OF_TABLES:
            yield from _of_tables(expect.outcome, sample.record, index)


def _reversals(index: Index, record: str) -> set[str]:
    return {str(r.route) for r in index.ruleset.reversals if r.record == record}


def _of_tables(outcome: nodes.Expected, record: str, index: Index) -> Iterator[Problem]:
    """Yield expected outcomes of tables that contain no such action."""
    rules = index.ruleset
    tables = [e.table for e in rules.edits if e.record == record]
    tables += [c.table for c in rules.cancels if any(w.name == record for w in c.records)]
    targets = {p.route.target for p in index.posts.get(record, [])}
    tables += [r.table for r in rules.retries if r.target in targets]
    rows = [row.action for table in tables for row in table.rows]
    found = {"try_again" if isinstance(a, nodes.TryAgain) else a.kind for a in rows}
    found |= {p.we_own.kind for p in index.posts.get(record, [])}
    found |= {p.bill.action.kind for p in index.posts.get(record, []) if p.bill}
    found |= {"credit_note"} if "credit_and_new" in found else set()
    if outcome.kind not in found:
        words = outcome.kind.replace("_", " ")
        message = f"no table of {record} has a row that says '{words}'"
        hint = f"Its tables say {', '.join(sorted(found)).replace('_', ' ')}."
        yield make_problem("TST05", message, hint, outcome.span)


def _reason(outcome: nodes.Expected | None, index: Index) -> Iterator[Problem]:
    if outcome is None or outcome.reason is None:
        return
    known = known_reasons(index)
    if outcome.reason not in known:
        hint = did_you_mean(outcome.reason, known)
        message = f"'{outcome.reason}' is no rule that could be the reason"
        yield make_problem("TST04", message, hint, outcome.span)


def known_reasons(index: Index) -> frozenset[str]:
    """Return the reasons that a test may expect."""
    fields = {name for known in index.fields.values() for name in known}
    groups = {group.name for edit in index.ruleset.edits for group in edit.groups}
    checks = {check.name for check in index.ruleset.checks}
    return REASONS | {*index.maps, *fields, *FACTS, *_links(index), *checks, *groups}


def _links(index: Index) -> Iterator[str]:
    for links in index.links.values():
        yield from links


def _facts(facts: Iterable[nodes.Fact], sample: nodes.Sample, index: Index) -> Iterator[Problem]:
    lines = index.line_records.get(sample.record)
    for fact in facts:
        if isinstance(fact, nodes.IsValue):
            yield from _fact_or_field(fact.name, fact.value, sample, index, fact.span)
        elif isinstance(fact, nodes.IsMissing):
            yield from _fact_or_field(fact.name, None, sample, index, fact.span)
        elif isinstance(fact, nodes.LineValue):
            name = lines.name if lines else ""
            yield from _field(fact.name, fact.value, name, index, fact.span)
            if fact.line > len(sample.lines):
                message = f"the sample has {len(sample.lines)} lines"
                yield make_problem("TST02", message, "Name one of them.", fact.span)
        else:
            yield from _outside(fact, sample, index)


def _outside(fact: nodes.Fact, sample: nodes.Sample, index: Index) -> Iterator[Problem]:
    if isinstance(fact, nodes.SetUp):
        yield from _set_up(fact, index)
    elif isinstance(fact, nodes.Entry):
        if fact.table not in index.maps:
            hint = did_you_mean(fact.table, index.maps)
            yield make_problem("TST02", f"there is no map '{fact.table}'", hint, fact.span)
    elif isinstance(fact, nodes.IsRecords):
        for name in fact.samples:
            if name not in index.samples:
                hint = did_you_mean(name, index.samples)
                yield make_problem("TST01", f"there is no sample '{name}'", hint, fact.span)
        links = index.links.get(sample.record, {})
        if fact.name not in {"seen", *links}:
            hint = did_you_mean(fact.name, ["seen", *links])
            message = f"'{fact.name}' is no link of {sample.record}"
            yield make_problem("TST02", message, hint, fact.span)
        elif fact.name != "seen":
            yield from _linked(fact, links[fact.name], index)
    elif isinstance(fact, nodes.TargetShows | nodes.IsPosted | nodes.NotPosted) and str(
        fact.route
    ) not in _routes(index):
        hint = did_you_mean(str(fact.route), _routes(index))
        yield make_problem("NAM06", f"nothing is posted to '{fact.route}'", hint, fact.span)


def _set_up(fact: nodes.SetUp, index: Index) -> Iterator[Problem]:
    if fact.target not in index.targets:
        hint = did_you_mean(fact.target, index.targets)
        yield make_problem("NAM09", f"there is no target '{fact.target}'", hint, fact.span)
    if fact.count <= 0 or fact.base_count <= 0:
        message = f"the factor of {fact.unit} is not above zero"
        yield make_problem("UOM04", message, "Write how many there are.", fact.span)


def _routes(index: Index) -> set[str]:
    return {*index.routes(), *(str(r.route) for r in index.ruleset.reversals)}


def _linked(fact: nodes.IsRecords, link: nodes.Link, index: Index) -> Iterator[Problem]:
    for name in fact.samples:
        sample = index.samples.get(name)
        if sample is not None and sample.record != link.other:
            message = f"'{name}' is a sample of {sample.record}, {link.name} are of {link.other}"
            yield make_problem("TST02", message, f"Name samples of {link.other}.", fact.span)


def _fact_or_field(
    name: str, value: nodes.Value | None, sample: nodes.Sample, index: Index, span: Span
) -> Iterator[Problem]:
    if name in index.fields[sample.record]:
        if value is not None:
            yield from _field(name, value, sample.record, index, span)
    elif name not in _GIVEN and (value or name not in index.links.get(sample.record, {})):
        hint = did_you_mean(name, [*index.fields[sample.record], *_GIVEN])
        yield make_problem("TST02", f"'{name}' is no field of {sample.record}", hint, span)
    elif name in _WORDS and value is not None:
        words = _WORDS[name]
        said = value.name if isinstance(value, nodes.Word) else str(value.value)
        if said not in words:
            message = f"'{said}' is none of {', '.join(words)}"
            yield make_problem("NAM03", message, did_you_mean(said, words), span)
    elif name in _KINDS and value is not None and getattr(value, "kind", "") != _KINDS[name]:
        message = f"'{name}' is a {_KINDS[name]}"
        yield make_problem("TST02", message, f"Write it as one: {_SUCH[name]}.", span)


def _field(
    name: str, value: nodes.Value, record: str, index: Index, span: Span
) -> Iterator[Problem]:
    field = index.fields.get(record, {}).get(name)
    if not isinstance(field, nodes.Field):
        known = [
            f.name for f in index.fields.get(record, {}).values() if isinstance(f, nodes.Field)
        ]
        what = "computed" if field is not None else "no field"
        message = f"'{name}' is {what} of {record or 'a line'}"
        yield make_problem("TST02", message, did_you_mean(name, known), span)
    elif field.type == "one_of" and isinstance(value, nodes.Word):
        words = [s.name for s in field.states]
        if value.name not in words:
            message = f"'{value.name}' is none of {', '.join(words)}"
            yield make_problem("NAM03", message, did_you_mean(value.name, words), span)
