"""Format the result of a backtest as text and as JSON."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from grammar.text.characters import SPACE, currency_prefix
from portal.backtest.parallel_run import RunResult
from portal.terminal.command_frame import plural
from rules.comparison.two_sides import (
    OF_DUPLICATES,
    OF_LINKS,
    Backtest,
    Change,
    Fired,
    Money,
    Past,
    Reason,
    Sum,
    Tally,
    count_fired,
    decision_reason,
    newly_needed_names,
)
from rules.values.canonical import number_text

MAX_EXAMPLES = 5
"""Examples shown of newly stopped and of newly posted records."""


@dataclass(frozen=True, slots=True)
class Example:
    """Describe one record that would have another result, and the rule line behind it."""

    where: tuple[str, int]
    change: Change
    money: Sum
    currency: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Report:
    """A finished tally, its examples, and the counts of each rule."""

    tally: Tally
    share: float
    complete: bool
    stopped: tuple[Example, ...]
    freed: tuple[Example, ...]
    fired: tuple[Fired, ...]
    hash: str
    newly_asked: tuple[str, ...]  # links and duplicate checks whose facts may be missing

    @property
    def changed(self) -> int:
        """Records that would have another result."""
        return self.tally.records - self.tally.same


def build_report(backtest: Backtest, ran: RunResult) -> Report:
    """Return the report of a run; examples are judged once more to find their reason."""
    changes = ran.tally.examples
    stopped_records = {change: records for change, records in changes.items() if change.stops}
    freed_records = {change: records for change, records in changes.items() if change.frees}
    return Report(
        ran.tally,
        ran.share,
        ran.complete,
        tuple(_examples(backtest, stopped_records, of_new=True)),
        tuple(_examples(backtest, freed_records, of_new=False)),
        count_fired(backtest.new, ran.tally),
        backtest.new.program.hash,
        tuple(_newly_needed(backtest)),
    )


def _newly_needed(backtest: Backtest) -> Iterator[str]:
    """Yield the links and duplicate checks that the new rules use differently from the old."""
    needed_names = newly_needed_names(backtest.old.program, backtest.new.program)
    for kind, names in sorted(needed_names.items()):
        links = {name.rpartition(".")[2] for name in names if name.startswith(OF_LINKS)}
        yield from (f"link {link} of {kind}" for link in sorted(links))
        if any(name.startswith(OF_DUPLICATES) for name in names):
            yield f"duplicates of {kind}"


def _examples(
    backtest: Backtest, records_by_change: Mapping[Change, Sequence[Past]], *, of_new: bool
) -> Iterator[Example]:
    """Yield the first examples with the rule that stops them, of the new or the old rules."""
    side = backtest.new if of_new else backtest.old
    pairs = [(past, change) for change, pasts in records_by_change.items() for past in pasts]
    for past, change in sorted(pairs, key=lambda pair: (pair[0].where, pair[1]))[:MAX_EXAMPLES]:
        why = decision_reason(side, past, change.route)
        amount, currency = backtest.amount(past)
        yield Example(past.where, change, Sum(1, amount), currency, why)


# ---- words --------------------------------------------------------------------------------------


def report_lines(report: Report) -> Iterator[str]:
    """Yield the report as lines of text."""
    tally = report.tally
    if not report.complete:
        yield f"Stopped early, after about {report.share:.0%} of the files. So far:"
    yield (
        f"{plural(tally.records, 'record')} checked by both: {tally.same:,} come to the same, "
        f"{report.changed:,} would come to something else."
    )
    yield from _matrix(tally)
    yield from _section_lines("Posted, and would have been stopped", tally.stopped, report.stopped)
    yield from _section_lines("Not posted, and would newly be posted", tally.freed, report.freed)
    if tally.records and not _has_states(tally):
        yield "\nNo line says what was posted (states), so nothing is known about posted records."
    if report.newly_asked:
        needed_names = ", ".join(report.newly_asked)
        yield (
            f"\nThe new rules look for other records otherwise: {needed_names}. Where the facts of"
            " a line do not say what that finds, it finds nothing here. A backtest in the browser"
            " looks it up."
        )
    yield from _rule_lines(report.fired)
    yield from _fault_lines(tally)


def _matrix(tally: Tally) -> Iterator[str]:
    """Yield a table for each record kind and route, with changed results first."""
    tables: dict[tuple[str, str], list[tuple[Change, str, Sum]]] = defaultdict(list)
    for change, money in tally.cells.items():
        for currency, total in money.items():
            tables[change.kind, change.route].append((change, currency, total))
    for (kind, route), rows in sorted(tables.items()):
        yield f"\n{kind} to {route}"
        yield f"  {'state':10}{'was':13}{'would be':13}{'records':>12}{'amount':>22}"
        for change, currency, total in sorted(rows, key=_order):
            change_sign = "*" if change.was != change.would else " "
            state = change.state or "-"
            yield (
                f"{change_sign} {state:10}{change.was:13}{change.would:13}{total.records:>12,}"
                f"{_money_text(currency, total.amount):>22}"
            )


def _order(row: tuple[Change, str, Sum]) -> tuple[bool, int, Change, str]:
    change, currency, total = row
    return change.was == change.would, -total.records, change, currency


def _section_lines(title: str, money: Money, examples: Sequence[Example]) -> Iterator[str]:
    total = sum(currency_total.records for currency_total in money.values())
    yield f"\n{title}: {plural(total, 'record')}{_amounts_text(money)}"
    for example in examples:
        span = example.why.span
        place = f"{span.file}:{span.line}" if span else "-"
        number = example.why.number or f"{example.where[0]}:{example.where[1]}"
        yield (
            f"  {number}  {_money_text(example.currency, example.money.amount)}  "
            f"{example.change.route}: {example.change.was} -> {example.change.would}"
        )
        rule = f"{example.why.rule}: " if example.why.rule else ""
        yield f"    {place}  {rule}{example.why.text}"
    if total > len(examples) > 0:
        yield f"  + {total - len(examples):,} more"


def _rule_lines(rule_counts: Sequence[Fired]) -> Iterator[str]:
    for title, rows in (
        ("Never fires", _never_fired(rule_counts)),
        ("Always fires", _always_fired(rule_counts)),
    ):
        if rows:
            yield f"\n{title} in the new rules:"
        for rule in rows:
            count_text = f"{rule.fired:,} of {rule.records:,} ({rule.kind})"
            yield f"  {rule.span.file}:{rule.span.line}  {rule.rule}: {count_text}"


def _never_fired(rule_counts: Sequence[Fired]) -> list[Fired]:
    return [rule for rule in rule_counts if not rule.fired]


def _always_fired(rule_counts: Sequence[Fired]) -> list[Fired]:
    return [rule for rule in rule_counts if rule.fired == rule.records]


def _fault_lines(tally: Tally) -> Iterator[str]:
    if not tally.bad:
        return
    yield f"\n{plural(tally.bad, 'line')} could not be used:"
    for (file, line), message in tally.complaints:
        yield f"  {file}:{line}: {message}"
    if tally.bad > len(tally.complaints):
        yield f"  + {tally.bad - len(tally.complaints):,} more"


def _amounts_text(money: Money) -> str:
    amounts = [
        _money_text(currency, total.amount) for currency, total in sorted(money.items()) if currency
    ]
    return f", {' + '.join(amounts)}" if amounts else ""


def _money_text(currency: str, amount: Decimal) -> str:
    if not currency:
        return "amount unknown"
    places = max(2, -int(amount.as_tuple().exponent))
    return f"{currency_prefix(currency).replace(SPACE, ' ')}{amount:,.{places}f}"


def _has_states(tally: Tally) -> bool:
    return any(change.state for change in tally.cells)


# ---- JSON ---------------------------------------------------------------------------------------


def report_json(report: Report) -> dict[str, object]:
    """Return the report for another program; amounts are exact texts."""
    tally = report.tally
    return {
        "complete": report.complete,
        "share": round(report.share, 4),
        "records": tally.records,
        "same": tally.same,
        "changed": report.changed,
        "cells": [
            {**change._asdict(), **_sum_json(currency, total)}
            for change, money in sorted(tally.cells.items())
            for currency, total in sorted(money.items())
        ],
        "stopped": _section_json(tally.stopped, report.stopped),
        "freed": _section_json(tally.freed, report.freed),
        "hash": report.hash,
        "newly_asked": list(report.newly_asked),
        "rules": [_rule_json(rule) for rule in report.fired],
        "never": [_rule_json(rule) for rule in _never_fired(report.fired)],
        "always": [_rule_json(rule) for rule in _always_fired(report.fired)],
        "bad": tally.bad,
        "complaints": [
            {"file": complaint.where[0], "line": complaint.where[1], "message": complaint.message}
            for complaint in tally.complaints
        ],
    }


def _sum_json(currency: str, total: Sum) -> dict[str, object]:
    has_currency = bool(currency)
    return {
        "records": total.records,
        "currency": currency or None,
        "amount": number_text(total.amount, 2) if has_currency else None,
    }


def _section_json(money: Money, examples: Sequence[Example]) -> dict[str, object]:
    return {
        "records": sum(total.records for total in money.values()),
        "amounts": [_sum_json(currency, total) for currency, total in sorted(money.items())],
        "examples": [_example_json(example) for example in examples],
    }


def _example_json(example: Example) -> dict[str, object]:
    span = example.why.span
    return {
        "number": example.why.number,
        "file": example.where[0],
        "line": example.where[1],
        **example.change._asdict(),
        **_sum_json(example.currency, example.money),
        "rule": example.why.rule,
        "rule_file": span.file if span else None,
        "rule_line": span.line if span else None,
        "reason": example.why.text,
    }


def _rule_json(rule: Fired) -> dict[str, object]:
    place = {"rule": rule.rule, "file": rule.span.file, "line": rule.span.line}
    declaration = {"kind": rule.kind, "declared": rule.declared}
    return {**place, **declaration, "fired": rule.fired, "of": rule.records}
