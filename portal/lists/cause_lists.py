"""What holds records back, as files: the causes of the dashboard, and those of a filter.

Here: their columns and rows, the largest amount first. Not here: the holds of a cause
(hold_lists.py), how causes are counted (holding/worklist/groups.py).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from flask import g

from connectors.contract.errors import class_label
from connectors.kit.workbook import Written
from holding.db.models.columns import moment_text
from holding.db.together import answer
from holding.worklist import filters as worklist_filters
from holding.worklist import groups
from holding.worklist.filters import Filter
from portal.lists.list_file import ListFile, Table, by_currency, each_page
from portal.web import store

CAUSES: Final = ("Class", "Cause", "Rule", "Team", "On hold since", "Records", "Currency",
                 "Amount")  # fmt: skip
BLOCKING: Final = ("Class", "Cause", "Rule", "Team", "On hold since", "Records", "Currency",
                   "Amount", "Other currencies")  # fmt: skip


def top_causes() -> ListFile:
    """Each cause of the dashboard, all of them, in one row; the largest amount first."""
    rows = map(_blocking, _groups(Filter(person_id=g.actor.person_id)))
    return ListFile("the causes of the dashboard", "causes", [Table("Causes", BLOCKING, rows)])


def _blocking(group: groups.Group) -> list[Written]:
    books, *others = by_currency(group.money, g.company.currency)
    beside = " + ".join(f"{code} {amount:,}" for code, amount in others)
    return [*_cause(group), *books, beside or None]


def causes(wanted: Filter) -> Iterator[list[Written]]:
    """A row a cause and currency, largest first: the records that it blocks, each once."""
    for group in _groups(wanted):
        for currency, amount in by_currency(group.money, g.company.currency):
            yield [*_cause(group), currency, amount]


def _cause(group: groups.Group) -> list[Written]:
    return [class_label(group.error_class), group.label, group.rule, group.team,
            moment_text(group.since), group.records]  # fmt: skip


def _groups(wanted: Filter) -> Iterator[groups.Group]:
    """All causes, the largest amount first."""
    session, company = store.reading(), g.company.id
    held = worklist_filters.held(session, company, g.actor.person_id, fine=wanted.fine)

    def ask(after: tuple[int, int] | None) -> Sequence[groups.Group]:
        return answer(session, groups.groups(session, company, wanted, held, after))

    pages = each_page(ask, lambda group: (group.book, group.id), groups.GROUPS_A_PAGE)
    return (group for page in pages for group in page)
