"""Rules as lists: reasons for holds, proposals, changes, backtests and shadows as files.

Here: their columns and rows. Not here: judging (holding/trials), the rule book
(portal/pages/rulesets.py).
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Final, TypedDict

from flask import abort, g

from connectors.kit.workbook import Written
from holding.db.models.columns import from_minor, moment_text
from holding.rulesets import change_list, rulebook
from holding.rulesets.proposals import Proposal
from holding.trials import shadow_pages as shown_backtests
from holding.trials import shadow_pages as shown_shadows
from holding.trials.shadow_pages import Counts, ListedResult
from portal.help.topics import names_of
from portal.lists.list_file import ListFile, Table, each_page
from portal.pages import rulesets
from portal.rule_pages import backtests, trials
from portal.web import filters, store
from rules.rulebook.hold_catalogue import Reason

AT_ONCE: Final = 1000
REASONS: Final = ("Code", "Reason", "Placed by", "Goes to", "Released by", "Cleared by", "Blocks")
PROPOSALS: Final = ("What was done by hand", "Times", "Last", "Draft")
CHANGES: Final = ("Change", "Title", "State", "Author", "Made", "Starts", "Start set by")
MATRIX: Final = ("Record", "Document", "Rules in force", "Change", "Records", "Currency", "Amount")
CELL: Final = ("Record", "Source", "Kind", "Id in source", "Customer", "Day", "Document",
               "Rules in force", "Change", "Currency", "Amount")  # fmt: skip
SHADOW: Final = ("Checked at", "Source", "Kind", "Id", "Record", "Customer", "Currency", "Total",
                 "Rules in force", "Would")  # fmt: skip


class Side(TypedDict):
    """What a shadow kept of a route: its state, and code and rule of what stops it."""

    state: str
    findings: list[tuple[str, str]]


def reasons() -> ListFile:
    """Each reason for a hold, in the order of the rule files."""
    session = store.reading()
    version = rulebook.version_in_force(session, g.company.id)
    found = rulebook.reasons(session, version.version_id) if version else ()
    rows = ([one.code, ": ".join(names_of(one)), _placed(one),
             one.owner or "Team of its class",
             one.released or "Cannot be released", one.clears, one.blocks]
            for one in found)  # fmt: skip
    return ListFile("the reasons for holds", "hold-reasons", [Table("Reasons", REASONS, rows)])


def _placed(one: Reason) -> str:
    return f"{one.span.file}:{one.span.line}" if one.span else str(one.placer)


def proposals() -> ListFile:
    """The commonest handwork first; the values of records stay on the page."""
    rows = (_proposal(one) for one in rulesets.all_proposals())
    table = Table("Proposals", PROPOSALS, rows)
    return ListFile("proposals for rules", "rule-proposals", [table])


def _proposal(one: Proposal) -> list[Written]:
    draft = "yes" if one.files else one.why_not
    return [one.what, one.times, moment_text(one.last), draft]


def changes() -> ListFile:
    """All changes of the rules, the newest first."""
    ask = partial(_changes)
    pages = each_page(ask, lambda one: one.no, AT_ONCE)
    rows = (_change(one) for page in pages for one in page)
    return ListFile("changes of the rules", "rule-changes", [Table("Changes", CHANGES, rows)])


def _changes(before: int | None) -> tuple[change_list.ListedChange, ...]:
    return change_list.changes(store.reading(), g.company.id, before=before, most=AT_ONCE)


def _change(one: change_list.ListedChange) -> list[Written]:
    starts = moment_text(one.starts_at) if one.starts_at else None
    made = moment_text(one.made_at)
    return [one.no, one.title, str(one.state), one.author, made, starts, one.starter]


def backtest(no: int) -> ListFile:
    """The matrix of a change: a row for each cell and currency."""
    change = backtests.change_of(no)
    run = shown_backtests.backtest_of_change(
        store.reading(), g.company.id, change.change_id
    ) or abort(404)
    table = Table("Backtest", MATRIX, _cells(shown_backtests.counts(run)))
    return ListFile(f"the backtest of change {no}", f"backtest-{no}", [table])


def _cells(counts: Counts) -> Iterator[list[Written]]:
    labels = shown_backtests.LABELS
    for one in counts.matrices:
        for _, row, _ in one.rows:
            for cell in (cell for cell in row if cell.records):
                words = [labels.get(word, word) for word in (cell.was, cell.would)]
                for code, (number, minor) in sorted(cell.money.items()):
                    amount = from_minor(minor, code) if code else None
                    yield [one.kind, one.route, *words, number, code, amount]


def backtest_records(no: int) -> ListFile:
    """The records of a cell of the matrix, the newest first."""
    change, cell = backtests.change_of(no), backtests.cell_asked()
    run = shown_backtests.backtest_of_change(
        store.reading(), g.company.id, change.change_id
    ) or abort(404)
    pages = each_page(partial(_results, run.id, cell), lambda one: one.record_id, AT_ONCE)
    rows = (_result(one) for page in pages for one in page)
    title = f"records of a backtest of change {no}"
    return ListFile(title, f"backtest-{no}-records", [Table("Records", CELL, rows)], cell)


def _results(run_id: int, cell: Mapping[str, str], before: int | None) -> tuple[ListedResult, ...]:
    return shown_backtests.listed(store.reading(), run_id, cell, before=before, most=AT_ONCE)


def _result(one: ListedResult) -> list[Written]:
    labels = shown_backtests.LABELS
    sides = [labels.get(word, word) for word in (one.was, one.would)]
    amount = from_minor(one.amount, one.currency) if one.currency else None
    return [one.number, one.source, one.kind, one.external_id, filters.party(one.party), one.day,
            one.route, *sides, one.currency, amount]  # fmt: skip


def shadow(no: int) -> ListFile:
    """All differences of the shadow of a change."""
    change, session = trials.change_of(no), store.reading()
    found = shown_shadows.shadow_of_change(session, g.company.id, change.change_id) or abort(404)
    every = shown_shadows.differences(session, g.company.id, found.id, most=None)
    table = Table("Differences", SHADOW, map(_difference, every))
    return ListFile(f"differences of the shadow of change {no}", f"shadow-{no}", [table])


def _difference(one: shown_shadows.ListedDifference) -> list[Written]:
    amount = None if one.amount is None else from_minor(one.amount, one.currency)
    place = [one.source, one.kind, one.external_id, one.number, filters.party(one.party)]
    return [filters.stamp(one.at), *place, one.currency, amount,
            _stored(one.was), _stored(one.would)]  # fmt: skip


def _stored(routes: Mapping[str, Side]) -> str:
    """What a shadow kept of one side: each route with its state and what stops it."""
    return "; ".join(
        f"{route}: {side['state']}" + "".join(f", {rule} {code}" for code, rule in side["findings"])
        for route, side in sorted(routes.items())
    )
