"""Format the result of a backtest as text and as JSON."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from grammar.text.characters import SPACE, currency_prefix
from portal.backtest.parallel_run import Ran
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

SHOWN = 5
"""So many examples are shown of what would be stopped, and of what would be posted."""


@dataclass(frozen=True, slots=True)
class Example:
    """One record that would have another result, and the rule line behind it."""

    where: tuple[str, int]
    change: Change
    money: Sum
    currency: str
    why: Reason


@dataclass(frozen=True, slots=True)
class Report:
    """A tally with what can only be said once all is counted."""

    tally: Tally
    share: float
    complete: bool
    stopped: tuple[Example, ...]
    freed: tuple[Example, ...]
    fired: tuple[Fired, ...]
    hash: str
    newly_asked: tuple[str, ...]  # links and duplicates of which the lines may know nothing

    @property
    def changed(self) -> int:
        """Records that would have another result."""
        return self.tally.records - self.tally.same


def build_report(backtest: Backtest, ran: Ran) -> Report:
    """The report of a run; examples are judged once more, with their whole story."""
    changes = ran.tally.examples
    stopped = {change: found for change, found in changes.items() if change.stops}
    freed = {change: found for change, found in changes.items() if change.frees}
    return Report(
        ran.tally,
        ran.share,
        ran.complete,
        tuple(_examples(backtest, stopped, of_new=True)),
        tuple(_examples(backtest, freed, of_new=False)),
        count_fired(backtest.new, ran.tally),
        backtest.new.program.hash,
        tuple(_newly_asked(backtest)),
    )


def _newly_asked(backtest: Backtest) -> Iterator[str]:
    """What the new rules look for among other records in another way than the old ones."""
    asked = newly_needed_names(backtest.old.program, backtest.new.program)
    for kind, names in sorted(asked.items()):
        links = {name.rpartition(".")[2] for name in names if name.startswith(OF_LINKS)}
        yield from (f"link {link} of {kind}" for link in sorted(links))
        if any(name.startswith(OF_DUPLICATES) for name in names):
            yield f"duplicates of {kind}"


def _examples(
    backtest: Backtest, found: Mapping[Change, Sequence[Past]], *, of_new: bool
) -> Iterator[Example]:
    """The first of them, with what stops them: in the new rules, or in the old ones."""
    side = backtest.new if of_new else backtest.old
    pairs = [(past, change) for change, pasts in found.items() for past in pasts]
    for past, change in sorted(pairs, key=lambda pair: (pair[0].where, pair[1]))[:SHOWN]:
        why = decision_reason(side, past, change.route)
        amount, currency = backtest.amount(past)
        yield Example(past.where, change, Sum(1, amount), currency, why)


# ---- words --------------------------------------------------------------------------------------


def report_lines(found: Report) -> Iterator[str]:
    """The report for people."""
    tally = found.tally
    if not found.complete:
        yield f"Stopped early, after about {found.share:.0%} of the files. So far:"
    yield (
        f"{plural(tally.records, 'record')} checked by both: {tally.same:,} come to the same, "
        f"{found.changed:,} would come to something else."
    )
    yield from _matrix(tally)
    yield from _told("Posted, and would have been stopped", tally.stopped, found.stopped)
    yield from _told("Not posted, and would newly be posted", tally.freed, found.freed)
    if tally.records and not _says_states(tally):
        yield "\nNo line says what was posted (states), so nothing is known about posted records."
    if found.newly_asked:
        asked = ", ".join(found.newly_asked)
        yield (
            f"\nThe new rules look for other records otherwise: {asked}. Where the facts of a line"
            " do not say what that finds, it finds nothing here. A backtest in the browser looks it"
            " up."
        )
    yield from _rules(found.fired)
    yield from _bad(tally)


def _matrix(tally: Tally) -> Iterator[str]:
    """For each record kind and route, what differs first."""
    tables: dict[tuple[str, str], list[tuple[Change, str, Sum]]] = defaultdict(list)
    for change, money in tally.cells.items():
        for currency, one in money.items():
            tables[change.kind, change.route].append((change, currency, one))
    for (kind, route), rows in sorted(tables.items()):
        yield f"\n{kind} to {route}"
        yield f"  {'state':10}{'was':13}{'would be':13}{'records':>12}{'amount':>22}"
        for change, currency, one in sorted(rows, key=_order):
            mark = "*" if change.was != change.would else " "
            state = change.state or "-"
            yield (
                f"{mark} {state:10}{change.was:13}{change.would:13}{one.records:>12,}"
                f"{_money(currency, one.amount):>22}"
            )


def _order(row: tuple[Change, str, Sum]) -> tuple[bool, int, Change, str]:
    change, currency, one = row
    return change.was == change.would, -one.records, change, currency


def _told(title: str, money: Money, examples: Sequence[Example]) -> Iterator[str]:
    total = sum(one.records for one in money.values())
    yield f"\n{title}: {plural(total, 'record')}{_amounts(money)}"
    for one in examples:
        span = one.why.span
        place = f"{span.file}:{span.line}" if span else "-"
        number = one.why.number or f"{one.where[0]}:{one.where[1]}"
        yield (
            f"  {number}  {_money(one.currency, one.money.amount)}  "
            f"{one.change.route}: {one.change.was} -> {one.change.would}"
        )
        yield f"    {place}  {one.why.rule + ': ' if one.why.rule else ''}{one.why.text}"
    if total > len(examples) > 0:
        yield f"  + {total - len(examples):,} more"


def _rules(found: Sequence[Fired]) -> Iterator[str]:
    for title, rows in (("Never fires", _never(found)), ("Always fires", _always(found))):
        if rows:
            yield f"\n{title} in the new rules:"
        for one in rows:
            of = f"{one.fired:,} of {one.records:,} ({one.kind})"
            yield f"  {one.span.file}:{one.span.line}  {one.rule}: {of}"


def _never(found: Sequence[Fired]) -> list[Fired]:
    return [one for one in found if not one.fired]


def _always(found: Sequence[Fired]) -> list[Fired]:
    return [one for one in found if one.fired == one.records]


def _bad(tally: Tally) -> Iterator[str]:
    if not tally.bad:
        return
    yield f"\n{plural(tally.bad, 'line')} could not be used:"
    for (file, line), message in tally.complaints:
        yield f"  {file}:{line}: {message}"
    if tally.bad > len(tally.complaints):
        yield f"  + {tally.bad - len(tally.complaints):,} more"


def _amounts(money: Money) -> str:
    told = [_money(c, one.amount) for c, one in sorted(money.items()) if c]
    return f", {' + '.join(told)}" if told else ""


def _money(currency: str, amount: Decimal) -> str:
    if not currency:
        return "amount unknown"
    places = max(2, -int(amount.as_tuple().exponent))
    return f"{currency_prefix(currency).replace(SPACE, ' ')}{amount:,.{places}f}"


def _says_states(tally: Tally) -> bool:
    return any(change.state for change in tally.cells)


# ---- JSON ---------------------------------------------------------------------------------------


def report_json(found: Report) -> dict[str, object]:
    """The same for another program; amounts are texts, exact."""
    tally = found.tally
    return {
        "complete": found.complete,
        "share": round(found.share, 4),
        "records": tally.records,
        "same": tally.same,
        "changed": found.changed,
        "cells": [
            {**change._asdict(), **_sum(currency, one)}
            for change, money in sorted(tally.cells.items())
            for currency, one in sorted(money.items())
        ],
        "stopped": _part(tally.stopped, found.stopped),
        "freed": _part(tally.freed, found.freed),
        "hash": found.hash,
        "newly_asked": list(found.newly_asked),
        "rules": [_fired(one) for one in found.fired],
        "never": [_fired(one) for one in _never(found.fired)],
        "always": [_fired(one) for one in _always(found.fired)],
        "bad": tally.bad,
        "complaints": [
            {"file": one.where[0], "line": one.where[1], "message": one.message}
            for one in tally.complaints
        ],
    }


def _sum(currency: str, one: Sum) -> dict[str, object]:
    known = bool(currency)
    return {
        "records": one.records,
        "currency": currency or None,
        "amount": number_text(one.amount, 2) if known else None,
    }


def _part(money: Money, examples: Sequence[Example]) -> dict[str, object]:
    return {
        "records": sum(one.records for one in money.values()),
        "amounts": [_sum(currency, one) for currency, one in sorted(money.items())],
        "examples": [_example(one) for one in examples],
    }


def _example(one: Example) -> dict[str, object]:
    span = one.why.span
    return {
        "number": one.why.number,
        "file": one.where[0],
        "line": one.where[1],
        **one.change._asdict(),
        **_sum(one.currency, one.money),
        "rule": one.why.rule,
        "rule_file": span.file if span else None,
        "rule_line": span.line if span else None,
        "reason": one.why.text,
    }


def _fired(one: Fired) -> dict[str, object]:
    place = {"rule": one.rule, "file": one.span.file, "line": one.span.line}
    known = {"kind": one.kind, "declared": one.declared}
    return {**place, **known, "fired": one.fired, "of": one.records}
