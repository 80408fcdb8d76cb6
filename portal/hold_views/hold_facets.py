"""The facets of the holding area, and what is set in them, as its page shows them.

Here: which facets there are under a filter, with what each word of it is called. Not here: the
filter in an address (hold_filter.py), counting (holding/worklist/facets.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from flask import g

from holding.db.together import Together
from holding.worklist import facets
from holding.worklist import facets as held_customers
from holding.worklist import facets as saved_views
from holding.worklist import filters as queries
from holding.worklist.facets import Facet, Names
from holding.worklist.filters import Filter, Held
from portal.hold_views import hold_filter
from portal.web import filters, store
from rules.values.wording import titled

ALONE = {"sources", "targets"}
"""Facets that say nothing where there is one word."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One facet: `name` is that of its part in an address; `ids` begins the ids of its boxes."""

    heading: str
    name: str
    words: tuple[Facet, ...]
    chosen: frozenset[str]


def shown(wanted: Filter, held: Held, asked: Held) -> dict[str, object]:
    """What the page shows beside the list; `asked`: what is left of what is held where customers or
    a text are asked for.
    """
    session, company = store.reading(), g.company.id
    page = Together(session)
    named = page.ask(facets.names(company, wanted))
    largest = page.ask(held_customers.largest(company, wanted))
    views = page.ask(saved_views.listing(g.actor))
    customers: tuple[held_customers.Customer, ...] = ()
    names, keys = named.value, largest.value
    if filters.sees_personal() or wanted.customers:
        customers = held_customers.customers_of(session, company, wanted, keys)
    counted, title = asked.whole, title_by(held, names, customers)
    left = queries.counted(session, company, wanted, asked) if counted else held
    each = facets.facets_of(left, wanted, names, g.company.currency)
    return {
        "facets": [_shown(part, words, wanted) for part, words in each.items()],
        "customers": customers if filters.sees_personal() else (),
        "counted": counted,
        "chips": hold_filter.chips(wanted, title),
        "beside": hold_filter.link(wanted),
        "views": views.value,
        "asked": hold_filter.words_of(wanted),
    }


def _shown(part: str, words: tuple[Facet, ...], wanted: Filter) -> Shown:
    chosen = frozenset(map(str, getattr(wanted, part)))
    if part in ALONE and len(words) == 1 and not chosen:
        words = ()
    return Shown(hold_filter.HEADINGS[part], hold_filter.PARTS[part], words, chosen)


def title_by(
    held: Held, names: Names, customers: tuple[held_customers.Customer, ...]
) -> Callable[[str, Any], str]:
    """Part and word of a filter -> what it is called."""
    of_key = {one.key: one.name for one in customers}
    return partial(_title, held, names, of_key)


def _title(held: Held, names: Names, of_key: dict[str, str], part: str, word: Any) -> str:
    if part == "customers":
        return filters.party(of_key.get(word, word))
    found = facets.title_of(part, word, held.teams, names, g.company.currency)
    return titled(found) if part == "causes" else found
