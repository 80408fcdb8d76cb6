"""One record judged on the command line: reading it, and telling the outcome in words.

Here: the parts of `clearpost try`. Not here: the judging (`rules.testing.runner`).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from grammar.text.characters import in_currency
from portal.terminal.command_frame import USAGE, Stop
from rules.values.canonical import POSTING_LABELS, PostingState, in_sentence
from rules.values.wording import clause

if TYPE_CHECKING:
    from rules.outcomes import Decision, Outcome, VerdictResult

_SIGNS: "Mapping[VerdictResult, str]" = {"hit": "HIT", "unknown": "UNKNOWN", "not_applicable": "-"}
"""The results that stand out in a trace; the others stand in their own words."""


def read_record(path: Path) -> dict[str, object]:
    """The body of a record: a JSON object whose numbers are exact."""
    from connectors.transport.strict_json import JsonRefusal, loads

    value = loads(path.read_bytes())
    if isinstance(value, JsonRefusal):
        raise Stop(f"{path}: {value.message}", value.hint, USAGE)
    if not isinstance(value, dict):
        raise Stop(f"{path} does not contain a JSON object.", 'write {"number": "NS-1", …}', USAGE)
    return {key: _plain(item) for key, item in value.items()}


def chosen(kind: str | None, kinds: tuple[str, ...]) -> str:
    """The kind that was asked for, or the only one."""
    if kind in kinds:
        return str(kind)
    known = ", ".join(kinds)
    if kind is not None:
        raise Stop(
            f"The rules do not cover records of kind {kind}.", f"--kind: one of {known}", USAGE
        )
    if len(kinds) != 1:
        raise Stop(
            f"The rules cover {len(kinds)} kinds of record: choose one.", f"--kind: {known}", USAGE
        )
    return kinds[0]


def report(outcome: "Outcome") -> Iterator[str]:
    """The decision for each route, with its findings."""
    yield f"{outcome.number or '(no number)'}, status {outcome.status_word or '(blank)'}"
    for decision in outcome.decisions:
        yield f"{decision.route}: {in_sentence(POSTING_LABELS[decision.state])}{_detail(decision)}"
        for finding in decision.findings:
            owner = f" [{finding.owner}]" if finding.owner else ""
            yield f"  {finding.severity} {finding.code} {finding.rule}{owner}: {finding.message}"
            if finding.would_pass:
                yield f"    clears when {clause(finding.would_pass)}"


def traced(outcome: "Outcome", sources: Mapping[str, str]) -> Iterator[str]:
    """Every rule line with its verdict and what it saw, then the document that came of it."""
    from rules.outcomes import in_words, lines

    route = ""
    for line in lines(outcome, sources):
        if line.route != route:
            yield from _document(outcome, route)
            route = line.route
            yield f"\n{route or 'all routes'}"
        of_line = f" (line {line.record_line})" if line.record_line else ""
        said = _SIGNS.get(line.result) or in_words(line.kind, line.result)
        yield f"  {said:11}{line.where}  {line.source}{of_line}"
        for name, value in line.operands:
            yield f"               {name} = {value}"
        if line.text and line.kind != "units":
            yield f"               {line.text}"
    yield from _document(outcome, route)


def _document(outcome: "Outcome", route: str) -> Iterator[str]:
    """Every field of the document with where its value comes from."""
    for row in outcome.lineage:
        if row.route == route:
            of_line = f" (line {row.line})" if row.line else ""
            yield f"  {row.field} = {row.value}{of_line}  from {row.source}"


def _detail(decision: "Decision") -> str:
    if decision.document is not None and decision.state == PostingState.READY:
        document = decision.document
        told = in_currency(document.amount, document.currency)
        return f", {document.number}, {told}, {document.party}"
    if decision.wait is not None:
        return f", {decision.wait.text}"
    return f", {decision.reason}" if decision.reason else ""


def _plain(value: object) -> object:
    """The value with decimals as text, as a canonical body has them."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return format(value, "f") if isinstance(value, Decimal) else value
