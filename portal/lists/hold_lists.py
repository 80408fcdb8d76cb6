"""Build the downloads of the holding area, the inbox, late documents and search results."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Protocol, TypeVar

from flask import abort, g, request

from connectors.contract.errors import class_label
from connectors.kit.workbook import Written
from holding.access import actors
from holding.approvals import candidates, decided_documents
from holding.db.models.columns import from_minor, moment_text
from holding.platform.states import HOLD_LABELS, state_label
from holding.records import accepted_differences, credited_orders
from holding.records.accepted_differences import Accepted
from holding.worklist import ageing, approval_inbox, facets, groups, open_holds, search
from holding.worklist import filters as worklist_filters
from holding.worklist.filters import Filter
from holding.worklist.open_holds import ListedHold
from portal.holds import hold_filter
from portal.holds.hold_filter import FATES
from portal.web import filters, store
from portal.web.list_file import ListFile, Table, by_currency, each_page
from portal.worklist import dashboard
from rules.values.wording import title_text

PAGE_SIZE: Final = 500

HELD: Final = ("Hold", "Record", "Source", "Kind", "Id in source", "Customer", "Class", "Cause",
               "What happened", "Rule", "Team", "Taken by", "Document", "On hold since",
               "Snoozed until", "Currency", "Amount", "Posted now")  # fmt: skip

STATES: Final = ("Record", "Source", "Kind", "Id in source", "Customer", "Document", "Number",
                 "State", "Reason", "Currency", "Amount")  # fmt: skip

CLEARED: Final = ("Hold", "Record", "Source", "Kind", "Id in source", "Class", "What happened",
                  "How it ended", "Why", "By", "On hold since", "Ended", "Currency",
                  "Amount")  # fmt: skip

ACCEPTED: Final = ("Record", "Source", "Kind", "Id in source", "Customer",
                   "Accounting system", "Document", "Number", "Currency", "Posted", "Source now",
                   "Difference", "Accepted by", "When", "Reason")  # fmt: skip

ASKED: Final = ("Record", "Source", "Kind", "Id in source", "Customer", "Accounting system",
                "Document", "Why", "You may decide", "Waits since", "Currency",
                "Amount", "Posted now", "Dated", "Lines", "Differs from what is posted",
                "Also on hold", "Changed in the accounting system")  # fmt: skip

LATE: Final = ("Record", "Source", "Kind", "Id in source", "Status", "Finished", "Posting rule",
               "State", "Waits for", "Cause", "Owner", "Holds", "Due", "Currency",
               "Amount")  # fmt: skip

FOUND: Final = ("Record", "Source", "Kind", "Id in source", "Customer", "State", "Document",
                "Currency", "Amount")  # fmt: skip

DECIDED: Final = ("Record", "Source", "Kind", "Id in source", "Customer", "Document", "Result",
                  "State", "Why", "Currency", "Amount")  # fmt: skip

VIEWS: Final = {
    "todo": "All open",
    "mine": "Assigned to me",
    "approve": "To approve",
    "snoozed": "Snoozed",
    "all": "All",
    "uncertain": "Unconfirmed",
    "accepted": "Accepted differences",
    "ignored": "Not posted",
    "cleared": "Cleared",
}


class RecordRow(Protocol):
    """Require that a row belongs to a record."""

    @property
    def record_id(self) -> int:
        """The record's id."""


Row = TypeVar("Row", bound=RecordRow)

CAUSES: Final = ("Class", "Cause", "Rule", "Team", "On hold since", "Records", "Currency",
                 "Amount")  # fmt: skip

BLOCKING: Final = ("Class", "Cause", "Rule", "Team", "On hold since", "Records", "Currency",
                   "Amount", "Other currencies")  # fmt: skip


def holding() -> ListFile:
    """Return the holds or postings that match the page's view and filter."""
    chosen_filter = hold_filter.read_filter(request.args)
    company = g.company.id
    title = "the holding area"
    if chosen_filter.view == "cleared":
        ask_closed = partial(open_holds.closed_page, store.reading(), company)
        table = Table(
            "Cleared", CLEARED, _paged_cells(ask_closed, lambda row: row.id, _closed_cells)
        )
    elif chosen_filter.view == "accepted":
        load_page = partial(accepted_differences.list_accepted, store.reading(), company)
        table = Table(
            "Accepted", ACCEPTED, _paged_cells(load_page, lambda row: row.id, _accepted_cells)
        )
    elif chosen_filter.view in ("ignored", "uncertain"):
        ask_states = partial(
            open_holds.postings_in_state, store.reading(), company, chosen_filter.view
        )
        table = Table(
            VIEWS[chosen_filter.view],
            STATES,
            _paged_cells(ask_states, lambda row: row.id, _state_cells),
        )
    else:
        table = Table("Records", HELD, _hold_rows(chosen_filter))
        extra_tables = [
            Table("Causes", CAUSES, causes(chosen_filter)),
            _filter_sheet(chosen_filter),
        ]
        typed = frozenset({"search"})
        return ListFile(
            title, "holding", [table], _filter_words(chosen_filter), typed, extra_tables
        )
    return ListFile(title, "holding", [table], _filter_words(chosen_filter), frozenset({"search"}))


def _paged_cells(
    load_page: Callable[[int | None, int], Sequence[Row]],
    key: Callable[[Row], int],
    cells: Callable[[Row, actors.HideOf], list[Written]],
) -> Iterator[list[Written]]:
    """Yield the cells of every row of a list paged by id; personal data is hidden if required."""
    hidden = filters.hidden_fields()
    for page in each_page(lambda after: load_page(after, PAGE_SIZE), key, PAGE_SIZE):
        ids = {row.record_id for row in page}
        hide = actors.hiding_each(store.reading(), ids, hidden)
        yield from (cells(row, hide) for row in page)


def _closed_cells(row: open_holds.ClosedHold, hide: actors.HideOf) -> list[Written]:
    why = hide(row.record_id, row.why) if row.why else None
    return [row.id, row.number, row.source, row.kind, row.external_id,
            class_label(row.error_class), hide(row.record_id, row.message),
            HOLD_LABELS[row.state], why, row.by, moment_text(row.opened_at),
            moment_text(row.closed_at),
            *_currency_and_amount(row.amount, row.currency)]  # fmt: skip


def _currency_and_amount(minor: int | None, currency: str) -> tuple[Written, Written]:
    return currency or g.company.currency, _amount(minor, currency or g.company.currency)


def _amount(minor: int | None, currency: str) -> Written:
    return None if minor is None else from_minor(minor, currency)


def _accepted_cells(row: Accepted, hide: actors.HideOf) -> list[Written]:
    sides = (row.posted, row.wanted, row.change)
    money = [_amount(minor, row.currency) for minor in sides]
    return [row.number, row.source, row.kind, row.external_id, filters.party(row.party),
            row.target, filters.kind_of(row.doc_type), row.document, row.currency, *money,
            row.by, moment_text(row.at), hide(row.record_id, row.reason)]  # fmt: skip


def _state_cells(row: open_holds.StateRow, hide: actors.HideOf) -> list[Written]:
    return [row.number, row.source, row.kind, row.external_id, filters.party(row.party),
            filters.kind_of(row.doc_type), row.document, state_label(row.state, row.reason),
            hide(row.record_id, row.reason),
            *_currency_and_amount(row.amount, row.currency)]  # fmt: skip


def _hold_rows(chosen_filter: Filter) -> Iterator[list[Written]]:
    terms = worklist_filters.hold_terms(g.company.id, chosen_filter)

    def load_page(after: int | None, most: int) -> tuple[ListedHold, ...]:
        return open_holds.list_holds(store.reading(), terms, after=after, most=most)

    return _paged_cells(load_page, lambda row: row.id, _hold_cells)


def _hold_cells(row: ListedHold, hide: actors.HideOf) -> list[Written]:
    until = moment_text(row.snoozed_until) if row.snoozed_until else None
    return [row.id, row.number, row.source, row.kind, row.external_id, filters.party(row.party),
            class_label(row.error_class), hide(row.record_id, title_text(row.cause)),
            hide(row.record_id, row.message), row.rule, row.team, row.person,
            filters.kind_of(row.doc_type), moment_text(row.opened_at), until,
            *_currency_and_amount(row.amount, row.currency),
            _amount(row.posted_now, row.posted_currency)]  # fmt: skip


def _filter_sheet(chosen_filter: Filter) -> Table:
    """Return the filter as a table, one word per row, with the time of the download."""
    rows: list[list[Written]] = [
        [word, text] for word, text in _filter_words(chosen_filter).items()
    ]
    return Table("Filter", ("Filter", "Value"), [*rows, ["as of", moment_text(g.now)]])


def _filter_words(chosen_filter: Filter) -> dict[str, str]:
    """Return the filter's words and values; empty values are left out."""
    words = {
        "view": VIEWS[chosen_filter.view],
        "class": ", ".join(chosen_filter.classes),
        "team": ", ".join(map(str, chosen_filter.teams)),
        "person": ", ".join(map(str, chosen_filter.people)),
        "cause": ", ".join(map(str, chosen_filter.causes)),
        **_titled_filters(chosen_filter),
        "search": chosen_filter.text,
    }
    return {word: text for word, text in words.items() if text}


def _titled_filters(chosen_filter: Filter) -> dict[str, str]:
    """Return the source, target and band filters by title, and customers by key."""
    if not (chosen_filter.fine or chosen_filter.customers):
        return {}
    names = facets.load_facet_names(store.reading(), g.company.id, chosen_filter)
    title = partial(facets.title_of, teams={}, named=names, currency=g.company.currency)
    parts = ("sources", "targets", "amounts", "ages")
    titles = {
        hold_filter.PARTS[part]: ", ".join(
            title(part, word) for word in getattr(chosen_filter, part)
        )
        for part in parts
    }
    if chosen_filter.ages and chosen_filter.midnight:
        titles["ages counted to"] = moment_text(chosen_filter.midnight)
    return titles | {"customer": ", ".join(map(filters.party, chosen_filter.customers))}


def inbox() -> ListFile:
    """Return each document that waits for an approval, the oldest first."""
    table = Table(
        "To approve", ASKED, _paged_cells(_approval_page, lambda row: row.hold_id, _approval_cells)
    )
    return ListFile("the approval inbox", "approval-inbox", [table])


def _approval_page(after: int | None, most: int) -> tuple[approval_inbox.Asked, ...]:
    return approval_inbox.load_page(store.reading(), g.actor, after, most).rows


def _approval_cells(row: approval_inbox.Asked, hide: actors.HideOf) -> list[Written]:
    refusal = actors.may(g.actor, candidates.ACT)
    why_not = row.why_not or (refusal.message if refusal else "")
    may_decide = f"no: {why_not}" if why_not else "yes"
    return [row.number, row.source, row.kind, row.external_id, filters.party(row.party),
            row.target, filters.kind_of(row.doc_type), hide(row.record_id, row.message), may_decide,
            moment_text(row.since), *_currency_and_amount(row.amount, row.currency),
            _amount(row.posted_now, row.posted_currency), row.day or None, row.lines,
            _changes_text(row), "; ".join(row.beside.other_holds) or None,
            hide(row.record_id, row.beside.edited_there) or None]  # fmt: skip


def _changes_text(row: approval_inbox.Asked) -> str | None:
    """Return the differences to the posted document; only field names if values are personal."""
    changes = row.beside.posted_changes
    if not filters.sees_personal():
        return ", ".join(change.field for change in changes) or None
    return (
        "; ".join(f"{change.field}: {change.before} → {change.now}" for change in changes) or None
    )


def approval(op: str) -> ListFile:
    """Return each document of an approval, and its outcome."""
    decided = decided_documents.result(store.reading(), g.actor, op)
    if decided is None:
        abort(404)
    ids = {row.record_id for row in decided.rows}
    hide = actors.hiding_each(store.reading(), ids, filters.hidden_fields())
    rows = ([row.number, row.source, row.kind, row.external_id, filters.party(row.party),
             filters.kind_of(row.doc_type), FATES[row.fate].title, state_label(row.state),
             hide(row.record_id, row.why) or None, *_currency_and_amount(row.amount, row.currency)]
            for row in decided.rows)  # fmt: skip
    filter_words = {"given by": decided.by, "at": moment_text(decided.at), "reason": decided.reason}
    return ListFile("an approval", "approval", [Table("Approval", DECIDED, rows)], filter_words)


def by_owner() -> ListFile:
    """Return records on hold by owner and age, a row per owner and currency."""
    steps = [filters.capfirst(step) for step, _ in ageing.STEPS]
    heads = ("Owner", "Records", *steps, "Overdue", "Rejected by the accounting system", "Oldest",
             "Currency", "Amount")  # fmt: skip
    owners = ageing.ageing_by_owner(store.reading(), g.company.id, g.now)
    rows = (cells for row in owners for cells in _owner_rows(row))
    return ListFile("ageing of records on hold by owner", "ageing", [Table("Ageing", heads, rows)])


def _owner_rows(row: ageing.AgeingRow) -> Iterator[list[Written]]:
    counts: list[Written] = [row.records, *row.ages, row.overdue, row.refused]
    for code, amount in by_currency(row.money, g.company.currency):
        yield [row.owner, *counts, moment_text(row.oldest), code, amount]
        counts = [None] * len(counts)


def late() -> ListFile:
    """Return each document that is finished in its source but not posted, the oldest first."""
    pages = each_page(_late_page, lambda row: (row.finished_at, row.id), PAGE_SIZE)
    rows = (_late_row(row) for page in pages for row in page)
    return ListFile("documents not posted yet", "not-posted-yet", [Table("Not posted", LATE, rows)])


def _late_page(after: tuple[datetime, int] | None) -> tuple[ageing.LateRow, ...]:
    return ageing.load_late(store.reading(), g.company.id, after, PAGE_SIZE).rows


def _late_row(row: ageing.LateRow) -> list[Written]:
    due = moment_text(row.due_at) if row.due_at else None
    return [row.record, row.source, row.kind, row.external_id, row.status,
            moment_text(row.finished_at), row.route, state_label(row.state),
            row.rule or row.reason,
            row.cause and title_text(row.cause), row.owner, row.holds, due,
            *_currency_and_amount(row.amount, row.currency)]  # fmt: skip


def search_results() -> ListFile:
    """Return what the search box finds."""
    text, session, company = dashboard.search_text(), store.reading(), g.company.id
    matches = search.find_exact(session, company, text) or search.find_similar(
        session, company, text
    )
    matches = matches if text else ()
    ids = [row.id for row in matches]
    credited = credited_orders.find_credited(session, company, ids, g.now)
    rows = ([row.number, row.source, row.kind, row.external_id, filters.party(row.party),
             credited_orders.CREDITED if row.id in credited else state_label(row.state),
             row.document, *_currency_and_amount(row.amount, row.currency)]
            for row in matches)  # fmt: skip
    table = Table("Found", FOUND, rows)
    return ListFile("found records", "found", [table], {"search": text}, frozenset({"search"}))


def top_causes() -> ListFile:
    """Return each cause of the dashboard in one row, the largest amount first."""
    rows = map(_blocking_row, _cause_groups(Filter(person_id=g.actor.person_id)))
    return ListFile("the causes of the dashboard", "causes", [Table("Causes", BLOCKING, rows)])


def _blocking_row(group: groups.Group) -> list[Written]:
    own_cells, *other_sums = by_currency(group.money, g.company.currency)
    other_sums_text = " + ".join(f"{code} {amount:,}" for code, amount in other_sums)
    return [*_cause_cells(group), *own_cells, other_sums_text or None]


def _cause_cells(group: groups.Group) -> list[Written]:
    return [class_label(group.error_class), group.label, group.rule, group.team,
            moment_text(group.since), group.records]  # fmt: skip


def _cause_groups(chosen_filter: Filter) -> Iterator[groups.Group]:
    """Return all causes, the largest amount first."""
    session, company = store.reading(), g.company.id
    held_records = worklist_filters.load_held(
        session, company, g.actor.person_id, fine=chosen_filter.fine
    )

    def load_page(after: tuple[int, int] | None) -> Sequence[groups.Group]:
        return groups.list_groups(session, company, chosen_filter, held_records, after)

    pages = each_page(load_page, lambda group: (group.book, group.id), groups.GROUPS_A_PAGE)
    return (group for page in pages for group in page)


def causes(chosen_filter: Filter) -> Iterator[list[Written]]:
    """Yield a row per cause and currency, largest first; each blocked record counts once."""
    for group in _cause_groups(chosen_filter):
        for currency, amount in by_currency(group.money, g.company.currency):
            yield [*_cause_cells(group), currency, amount]
