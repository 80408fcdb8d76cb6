"""Downloads of the holding area, the approval inbox, late documents and search results."""

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
from holding.db.together import answer
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

AT_ONCE: Final = 500

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


class OfRecord(Protocol):
    """A row that speaks of a record."""

    @property
    def record_id(self) -> int:
        """Which one."""


Row = TypeVar("Row", bound=OfRecord)

CAUSES: Final = ("Class", "Cause", "Rule", "Team", "On hold since", "Records", "Currency",
                 "Amount")  # fmt: skip

BLOCKING: Final = ("Class", "Cause", "Rule", "Team", "On hold since", "Records", "Currency",
                   "Amount", "Other currencies")  # fmt: skip


def holding() -> ListFile:
    """What the view and the filter of the page find."""
    wanted = hold_filter.read_filter(request.args)
    company = g.company.id
    title = "the holding area"
    if wanted.view == "cleared":
        ask_closed = partial(open_holds.closed_page, store.reading(), company)
        table = Table("Cleared", CLEARED, _each(ask_closed, lambda row: row.id, _closed))
    elif wanted.view == "accepted":
        ask = partial(accepted_differences.list_accepted, store.reading(), company)
        table = Table("Accepted", ACCEPTED, _each(ask, lambda row: row.id, _accepted))
    elif wanted.view in ("ignored", "uncertain"):
        ask_states = partial(open_holds.postings_in_state, store.reading(), company, wanted.view)
        table = Table(VIEWS[wanted.view], STATES, _each(ask_states, lambda row: row.id, _state))
    else:
        table = Table("Records", HELD, _holds(wanted))
        beside = [Table("Causes", CAUSES, causes(wanted)), _filter_sheet(wanted)]
        typed = frozenset({"search"})
        return ListFile(title, "holding", [table], _filter(wanted), typed, beside)
    return ListFile(title, "holding", [table], _filter(wanted), frozenset({"search"}))


def _each(
    ask: Callable[[int | None, int], Sequence[Row]],
    key: Callable[[Row], int],
    cells: Callable[[Row, actors.HideOf], list[Written]],
) -> Iterator[list[Written]]:
    """All rows of a list that is paged by an id, what is personal hidden where it must be."""
    show = filters.sees_personal()
    for page in each_page(lambda after: ask(after, AT_ONCE), key, AT_ONCE):
        ids = {row.record_id for row in page}
        hide = actors.hiding_each(store.reading(), ids, show=show)
        yield from (cells(row, hide) for row in page)


def _closed(row: open_holds.ClosedHold, hide: actors.HideOf) -> list[Written]:
    why = hide(row.record_id, row.why) if row.why else None
    return [row.id, row.number, row.source, row.kind, row.external_id,
            class_label(row.error_class), hide(row.record_id, row.message),
            HOLD_LABELS[row.state], why, row.by, moment_text(row.opened_at),
            moment_text(row.closed_at), *_money(row.amount, row.currency)]  # fmt: skip


def _money(minor: int | None, currency: str) -> tuple[Written, Written]:
    return currency or g.company.currency, _amount(minor, currency or g.company.currency)


def _amount(minor: int | None, currency: str) -> Written:
    return None if minor is None else from_minor(minor, currency)


def _accepted(row: Accepted, hide: actors.HideOf) -> list[Written]:
    sides = (row.posted, row.wanted, row.change)
    money = [_amount(minor, row.currency) for minor in sides]
    return [row.number, row.source, row.kind, row.external_id, filters.party(row.party),
            row.target, filters.kind_of(row.doc_type), row.document, row.currency, *money,
            row.by, moment_text(row.at), hide(row.record_id, row.reason)]  # fmt: skip


def _state(row: open_holds.StateRow, hide: actors.HideOf) -> list[Written]:
    return [row.number, row.source, row.kind, row.external_id, filters.party(row.party),
            filters.kind_of(row.doc_type), row.document, state_label(row.state, row.reason),
            hide(row.record_id, row.reason), *_money(row.amount, row.currency)]  # fmt: skip


def _holds(wanted: Filter) -> Iterator[list[Written]]:
    terms = worklist_filters.hold_terms(g.company.id, wanted)

    def ask(after: int | None, most: int) -> tuple[ListedHold, ...]:
        return open_holds.list_holds(store.reading(), terms, after=after, most=most)

    return _each(ask, lambda row: row.id, _held)


def _held(row: ListedHold, hide: actors.HideOf) -> list[Written]:
    until = moment_text(row.snoozed_until) if row.snoozed_until else None
    return [row.id, row.number, row.source, row.kind, row.external_id, filters.party(row.party),
            class_label(row.error_class), hide(row.record_id, title_text(row.cause)),
            hide(row.record_id, row.message), row.rule, row.team, row.person,
            filters.kind_of(row.doc_type), moment_text(row.opened_at), until,
            *_money(row.amount, row.currency),
            _amount(row.posted_now, row.posted_currency)]  # fmt: skip


def _filter_sheet(wanted: Filter) -> Table:
    """What was asked for, a word a row, and when."""
    rows: list[list[Written]] = [[word, said] for word, said in _filter(wanted).items()]
    return Table("Filter", ("Filter", "Value"), [*rows, ["as of", moment_text(g.now)]])


def _filter(wanted: Filter) -> dict[str, str]:
    """What was asked for, by its words."""
    asked = {
        "view": VIEWS[wanted.view],
        "class": ", ".join(wanted.classes),
        "team": ", ".join(map(str, wanted.teams)),
        "person": ", ".join(map(str, wanted.people)),
        "cause": ", ".join(map(str, wanted.causes)),
        **_named(wanted),
        "search": wanted.text,
    }
    return {word: said for word, said in asked.items() if said}


def _named(wanted: Filter) -> dict[str, str]:
    """What is told by its title: source, target, and bands; a customer by the key of the link."""
    if not (wanted.fine or wanted.customers):
        return {}
    names = answer(store.reading(), facets.asked_facet_names(g.company.id, wanted))
    title = partial(facets.title_of, teams={}, named=names, currency=g.company.currency)
    parts = ("sources", "targets", "amounts", "ages")
    found = {
        hold_filter.PARTS[part]: ", ".join(title(part, word) for word in getattr(wanted, part))
        for part in parts
    }
    if wanted.ages and wanted.midnight:
        found["ages counted to"] = moment_text(wanted.midnight)
    customers = (
        wanted.customers if filters.sees_personal() else map(filters.party, wanted.customers)
    )
    return found | {"customer": ", ".join(customers)}


def inbox() -> ListFile:
    """Each document that waits for a consent, the oldest first."""
    table = Table("To approve", ASKED, _each(_asked_page, lambda row: row.hold_id, _asked))
    return ListFile("the approval inbox", "approval-inbox", [table])


def _asked_page(after: int | None, most: int) -> tuple[approval_inbox.Asked, ...]:
    return approval_inbox.load_page(store.reading(), g.actor, after, most).rows


def _asked(row: approval_inbox.Asked, hide: actors.HideOf) -> list[Written]:
    refusal = actors.may(g.actor, candidates.ACT)
    why_not = row.why_not or (refusal.message if refusal else "")
    may = f"no: {why_not}" if why_not else "yes"
    return [row.number, row.source, row.kind, row.external_id, filters.party(row.party),
            row.target, filters.kind_of(row.doc_type), hide(row.record_id, row.message), may,
            moment_text(row.since), *_money(row.amount, row.currency),
            _amount(row.posted_now, row.posted_currency), row.day or None, row.lines,
            _changes(row), "; ".join(row.beside.other_holds) or None,
            hide(row.record_id, row.beside.edited_there) or None]  # fmt: skip


def _changes(row: approval_inbox.Asked) -> str | None:
    """What differs from what is posted; only the field names where values are personal."""
    each = row.beside.posted_changes
    if not filters.sees_personal():
        return ", ".join(one.field for one in each) or None
    return "; ".join(f"{one.field}: {one.before} → {one.now}" for one in each) or None


def approval(op: str) -> ListFile:
    """Each document of an approval, and what became of it."""
    found = decided_documents.result(store.reading(), g.actor, op)
    if found is None:
        abort(404)
    ids = {row.record_id for row in found.rows}
    hide = actors.hiding_each(store.reading(), ids, show=filters.sees_personal())
    rows = ([row.number, row.source, row.kind, row.external_id, filters.party(row.party),
             filters.kind_of(row.doc_type), FATES[row.fate].title, state_label(row.state),
             hide(row.record_id, row.why) or None, *_money(row.amount, row.currency)]
            for row in found.rows)  # fmt: skip
    asked = {"given by": found.by, "at": moment_text(found.at), "reason": found.reason}
    return ListFile("an approval", "approval", [Table("Approval", DECIDED, rows)], asked)


def by_owner() -> ListFile:
    """Held records by owner and age: a row for each owner and currency, counts in the first."""
    steps = [filters.capfirst(step) for step, _ in ageing.STEPS]
    heads = ("Owner", "Records", *steps, "Overdue", "Rejected by the accounting system", "Oldest",
             "Currency", "Amount")  # fmt: skip
    found = ageing.ageing_by_owner(store.reading(), g.company.id, g.now)
    rows = (cells for row in found for cells in _owner(row))
    return ListFile("ageing of records on hold by owner", "ageing", [Table("Ageing", heads, rows)])


def _owner(row: ageing.AgeingRow) -> Iterator[list[Written]]:
    counts: list[Written] = [row.records, *row.ages, row.overdue, row.refused]
    for code, amount in by_currency(row.money, g.company.currency):
        yield [row.owner, *counts, moment_text(row.oldest), code, amount]
        counts = [None] * len(counts)


def late() -> ListFile:
    """Each document that is finished in its source and not posted, the oldest first."""
    pages = each_page(_late_page, lambda row: (row.finished_at, row.id), AT_ONCE)
    rows = (_late(row) for page in pages for row in page)
    return ListFile("documents not posted yet", "not-posted-yet", [Table("Not posted", LATE, rows)])


def _late_page(after: tuple[datetime, int] | None) -> tuple[ageing.LateRow, ...]:
    return answer(store.reading(), ageing.asked_late(g.company.id, after, AT_ONCE)).rows


def _late(row: ageing.LateRow) -> list[Written]:
    due = moment_text(row.due_at) if row.due_at else None
    return [row.record, row.source, row.kind, row.external_id, row.status,
            moment_text(row.finished_at), row.route, state_label(row.state),
            row.rule or row.reason,
            row.cause and title_text(row.cause), row.owner, row.holds, due,
            *_money(row.amount, row.currency)]  # fmt: skip


def found() -> ListFile:
    """What the search box finds."""
    text, session, company = dashboard.search_text(), store.reading(), g.company.id
    each = search.find_exact(session, company, text) or search.find_similar(session, company, text)
    each = each if text else ()
    question = credited_orders.credited_orders(company, [row.id for row in each], g.now)
    credited = answer(session, question)
    rows = ([row.number, row.source, row.kind, row.external_id, filters.party(row.party),
             credited_orders.CREDITED if row.id in credited else state_label(row.state),
             row.document, *_money(row.amount, row.currency)]
            for row in each)  # fmt: skip
    table = Table("Found", FOUND, rows)
    return ListFile("found records", "found", [table], {"search": text}, frozenset({"search"}))


def top_causes() -> ListFile:
    """Each cause of the dashboard, all of them, in one row; the largest amount first."""
    rows = map(_blocking, _groups(Filter(person_id=g.actor.person_id)))
    return ListFile("the causes of the dashboard", "causes", [Table("Causes", BLOCKING, rows)])


def _blocking(group: groups.Group) -> list[Written]:
    books, *others = by_currency(group.money, g.company.currency)
    beside = " + ".join(f"{code} {amount:,}" for code, amount in others)
    return [*_cause(group), *books, beside or None]


def _cause(group: groups.Group) -> list[Written]:
    return [class_label(group.error_class), group.label, group.rule, group.team,
            moment_text(group.since), group.records]  # fmt: skip


def _groups(wanted: Filter) -> Iterator[groups.Group]:
    """All causes, the largest amount first."""
    session, company = store.reading(), g.company.id
    held = worklist_filters.load_held(session, company, g.actor.person_id, fine=wanted.fine)

    def ask(after: tuple[int, int] | None) -> Sequence[groups.Group]:
        return answer(session, groups.asked_groups(session, company, wanted, held, after))

    pages = each_page(ask, lambda group: (group.book, group.id), groups.GROUPS_A_PAGE)
    return (group for page in pages for group in page)


def causes(wanted: Filter) -> Iterator[list[Written]]:
    """A row a cause and currency, largest first: the records that it blocks, each once."""
    for group in _groups(wanted):
        for currency, amount in by_currency(group.money, g.company.currency):
            yield [*_cause(group), currency, amount]
