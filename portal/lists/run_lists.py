"""Runs, the documents of one, and all pushes as files.

Here: their columns and rows. Names of customers are left out: a file goes further than a page. Not
here: which runs and documents (holding/runs).
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from flask import abort, g, request

from connectors.kit.workbook import Written
from holding.access.actors import HideOf
from holding.db.models.columns import PushState, from_minor, moment_text
from holding.db.refusal import Refusal
from holding.runs import run_documents, run_history, run_search
from holding.runs.run_history import PushLine, RunRow
from portal.lists.list_file import ListFile, Table, each_page
from portal.pages import run_filter, runs
from portal.web import store

AT_ONCE: Final = 1000
RUNS: Final = ("Run", "Kind", "Accounting system", "Connector", "Document", "Started", "Ended",
               "By", "State", "Done", "Total", "Failed")  # fmt: skip
DOCUMENTS: Final = ("Document", "Record", "Source", "Kind", "Action", "Answer", "Class",
                    "What it said", "Accounting system reference", "Sent", "Currency",
                    "Amount")  # fmt: skip


def all_runs() -> ListFile | Refusal:
    """The runs that the form looks for."""
    asked = run_filter.asked(request.args, ZoneInfo(g.company.zone))
    if asked.problems:
        return Refusal("runs.times", next(iter(asked.problems.values())), "", 422)
    session, company = store.reading(), g.company.id
    first = run_search.listing(session, company, asked.wanted, most=1)
    if isinstance(first, Refusal):
        return first
    rows = (_run(row) for page in _runs(asked.wanted) for row in page)
    typed = frozenset({"customer", "vendor"})
    return ListFile("the runs", "runs", [Table("Runs", RUNS, rows)], asked.typed, typed)


def _runs(wanted: run_search.RunFilter) -> Iterator[tuple[RunRow, ...]]:
    session, company, after = store.reading(), g.company.id, None
    while True:
        found = run_search.listing(session, company, wanted, after=after, most=AT_ONCE)
        if isinstance(found, Refusal) or not found:
            return
        yield found
        after = found[-1].id


def _run(run: RunRow) -> list[Written]:
    ended = moment_text(run.ended_at) if run.ended_at else None
    state = "failed" if run.failed else str(run.state)
    return [run.id, run.kind, run.target, run.connector, run.doc_type, moment_text(run.made_at),
            ended, run.by or "Clearpost", state, run.done, run.total, run.failures]  # fmt: skip


def documents(run_id: int) -> ListFile:
    """All documents of a run, those that did not go first."""
    session, company = store.reading(), g.company.id
    run = run_history.one(session, company, run_id) or abort(404)
    ask = partial(_documents, run_id)
    pages = each_page(ask, _place, AT_ONCE)
    rows = ([run.id, *cells] for page in pages for cells in _cells(page))
    table = Table("Documents", ("Run", *DOCUMENTS), rows)
    return ListFile(f"the documents of run {run_id}", f"run-{run_id}", [table])


def _documents(run_id: int, after: run_documents.Place | None) -> tuple[PushLine, ...]:
    session, company = store.reading(), g.company.id
    return run_documents.documents(session, company, run_id, after=after, most=AT_ONCE)


def _place(one: PushLine) -> run_documents.Place:
    return run_documents.Place(one.state == PushState.ACCEPTED, one.id)


def pushes() -> ListFile:
    """All pushes that the form of the page finds, each with its target."""
    text, state = runs.pushes_asked()
    ask = partial(_pushes, text, state)
    pages = each_page(ask, lambda one: one.id, AT_ONCE)
    rows = (
        [one.target, *cells]
        for page in pages
        for one, cells in zip(page, _cells(page), strict=True)
    )
    asked = {"search": text, "answer": state}
    kept = {word: said for word, said in asked.items() if said}
    table = Table("Documents sent", ("Accounting system", *DOCUMENTS), rows)
    return ListFile("the posting log", "pushes", [table], kept, frozenset({"search"}))


def _pushes(text: str, state: str, after: int | None) -> tuple[PushLine, ...]:
    session, company = store.reading(), g.company.id
    return run_search.pushes(session, company, text=text, state=state, after=after, most=AT_ONCE)


def _cells(page: Sequence[PushLine]) -> Iterator[list[Written]]:
    """Of each its cells; what was answered without what the person may not see."""
    hide = runs.hiding_answers(page)
    return (_cells_of(one, hide) for one in page)


def _cells_of(one: PushLine, hide: HideOf) -> list[Written]:
    known = one.amount is not None and one.currency
    amount = from_minor(one.amount or 0, one.currency) if known else "not known"
    told = one.failure is not None and one.error is not None
    said = hide(one.record_id, one.error or "") if told else None
    return [one.number, one.record, one.source, one.kind, one.action, one.state, one.failure, said,
            one.target_ref, moment_text(one.made_at), one.currency, amount]  # fmt: skip
