"""The filter of the holding area in a URL, its saved views and facets, and approval results."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, abort, g, request, url_for
from werkzeug.datastructures import MultiDict

from holding.access import actors
from holding.approvals import decided_documents
from holding.approvals.decided_documents import Fate
from holding.db.refusal import Refusal
from holding.holds import folding
from holding.worklist import facets
from holding.worklist import filters as queries
from holding.worklist.facets import AGES, Facet, Names
from holding.worklist.filters import Filter, Held
from portal.web import filters, forms, store
from portal.web.permissions import needs
from rules.values.wording import title_text

VIEWS: Final = ("todo", "mine", "approve", "snoozed", "all", "uncertain", "accepted", "ignored",
                "cleared")  # fmt: skip

FIRST: Final = "todo"
"""The view that an address means which names none."""

PARTS: Final[Mapping[str, str]] = {
    "classes": "class",
    "teams": "team",
    "people": "person",
    "causes": "cause",
    "sources": "source",
    "targets": "target",
    "amounts": "amount",
    "ages": "age",
    "customers": "customer",
}
"""A part of the filter, and its name in an address."""

HEADINGS: Final[Mapping[str, str]] = {
    "classes": "Cause type",
    "teams": "Owner",
    "people": "Taken by",
    "causes": "Cause",
    "sources": "Source",
    "targets": "Accounting system",
    "amounts": "Amount",
    "ages": "Age",
    "customers": "Customer",
    "text": "Search",
}

NAMED: Final = {"people", "sources", "targets", "teams", "customers", "text"}
"""Parts whose words are names that somebody gave, unless they are 0."""

MOST: Final = 50  # words of one part

LONGEST: Final = 200  # letters of a word

view_pages = Blueprint("views", __name__, url_prefix="/c/<co>/holding/views")

ALONE = {"sources", "targets"}
"""Facets that say nothing where there is one word."""

A_PAGE: Final = 50

pages = Blueprint("approvals", __name__, url_prefix="/c/<co>/holding/approvals")


@dataclass(frozen=True, slots=True)
class ResultLabel:
    """The title, tone, icon and explanation of an approved document's result."""

    title: str
    tone: str
    icon: str
    text: str


FATES: Final = {
    Fate.REFUSED: ResultLabel("Not approved", "idle", "lock", ""),
    Fate.VOID: ResultLabel(
        "Approval no longer valid", "warn", "held", "The document changed since it was approved."
    ),
    Fate.HELD: ResultLabel("Stays on hold", "warn", "held", "Approved. It is being checked again."),
    Fate.NOT_POSTED: ResultLabel(
        "Not posted", "idle", "ignored", "A rule excludes it, or a person rejected it since."
    ),
    Fate.UNDONE: ResultLabel(
        "Undone", "idle", "undo", "The approval was undone before it was sent."
    ),
    Fate.ON_ITS_WAY: ResultLabel("On its way", "info", "ready", ""),
    Fate.POSTED: ResultLabel("Posted", "ok", "posted", ""),
}


def read_filter(args: MultiDict[str, str]) -> Filter:
    """Return the filter in the address, for the current user. Invalid values are left out."""

    def words(part: str) -> tuple[str, ...]:
        given = dict.fromkeys(args.getlist(PARTS[part]))
        return tuple(word for word in given if word and len(word) <= LONGEST)[:MOST]

    def numbers(part: str, most: int | None = None) -> tuple[int, ...]:
        found = (forms.parse_whole(word) for word in words(part))
        return tuple(n for n in found if n is not None and 0 <= n <= (n if most is None else most))

    view = args.get("view", FIRST)
    return Filter(
        view=view if view in VIEWS else FIRST,
        classes=words("classes"),
        teams=numbers("teams"),
        people=numbers("people"),
        causes=numbers("causes"),
        sources=numbers("sources"),
        targets=numbers("targets"),
        amounts=numbers("amounts", folding.UNKNOWN),
        ages=numbers("ages", len(AGES) - 1),
        customers=words("customers"),
        text=args.get("q", "").strip()[:100],
        person_id=g.actor.person_id,
        midnight=g.company.ages_from,
    )


def filter_args(wanted: Filter) -> dict[str, Any]:
    """Return the filter as arguments for a link."""
    parts = {name: getattr(wanted, part) for part, name in PARTS.items()}
    return {"view": wanted.view, **parts, "q": wanted.text or None}


def place_args(wanted: Filter) -> dict[str, Any]:
    """Return the filter and the position in the list as arguments for a link.

    The default view is left out, since each row has such a link.
    """
    view = wanted.view if wanted.view != FIRST else None
    return {**filter_args(wanted), "view": view, "after": request.args.get("after")}


def filter_words(wanted: Filter) -> dict[str, list[str]]:
    """Return the filter in stored form: the words of its address, without unset parts."""
    found: dict[str, list[str]] = {}
    for name, words in filter_args(wanted).items():
        each = words if isinstance(words, tuple) else (words,)
        found[name] = [str(word) for word in each if word is not None]
    return {name: words for name, words in found.items() if words}


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter value that is set.

    `without`: the filter without it. `named`: its title is a name that a user entered.
    """

    heading: str
    title: str
    named: bool
    without: Mapping[str, Any]

    @property
    def own(self) -> str:
        """The title for display without translation, if it is a name that a user entered."""
        return self.title


def chips(wanted: Filter, title: Callable[[str, Any], str]) -> list[Chip]:
    """Return a chip for every filter value that is set, in the order of the facets."""
    found = []
    for part in PARTS:
        words = getattr(wanted, part)
        for word in words:
            rest = tuple(one for one in words if one != word)
            without = filter_args(wanted) | {PARTS[part]: rest}
            named = part in NAMED and word != 0
            found.append(Chip(HEADINGS[part], title(part, word), named, without))
    if wanted.text:
        without = filter_args(replace(wanted, text=""))
        found.append(Chip(HEADINGS["text"], wanted.text, named=True, without=without))
    return found


@view_pages.get("", endpoint="listing")
@needs("record.read")
def list_views() -> Response:
    """Show the user's saved views, to rename, share or delete, and views that colleagues share."""
    rows = facets.list_views(store.reading(), g.actor)
    return store.respond(
        "worklist/views.html",
        mine=[row for row in rows if row.person_id == g.actor.person_id],
        others=[row for row in rows if row.person_id != g.actor.person_id],
        limited=g.actor.reach.limited,
        longest=facets.LONGEST,
    )


@view_pages.post("")
@needs("record.read")
def keep() -> Response:
    """Save the page's filter as a view with a name."""
    query = filter_words(read_filter(request.form))
    name, shared = request.form.get("name", ""), "shared" in request.form
    with store.writing() as session:
        found = facets.save_view(session, g.actor, name, query, g.now, shared=shared)
    back = url_for("holding.listing", co=g.company.code) + f"?{urlencode(query, doseq=True)}"
    if isinstance(found, Refusal):
        return store.refuse(found, back=back)
    return store.redirect_with_message(back, "Saved. You find it under Saved views.")


@view_pages.post("/<int:view_id>")
@needs("record.read")  # changes the user's own views
def change(view_id: int) -> Response:
    """Rename the user's saved view, and share it or stop sharing it."""
    name, shared = request.form.get("name", ""), "shared" in request.form
    with store.writing() as session:
        refusal = facets.change_view(session, g.actor, view_id, name, shared=shared)
    return _back(refusal, "Saved.")


def _back(refusal: Refusal | None, said: str) -> Response:
    back = url_for("views.listing", co=g.company.code)
    return store.refuse(refusal, back=back) if refusal else store.redirect_with_message(back, said)


@view_pages.post("/<int:view_id>/delete")
@needs("record.read")
def delete(view_id: int) -> Response:
    """Delete the user's saved view."""
    with store.writing() as session:
        refusal = facets.delete_view(session, g.actor, view_id)
    return _back(refusal, "Deleted. The records are as they were.")


@dataclass(frozen=True, slots=True)
class FacetView:
    """A facet of the filter.

    `name` is its name in the address; `ids` begins the HTML ids of its boxes.
    """

    heading: str
    name: str
    words: tuple[Facet, ...]
    chosen: frozenset[str]


def facet_values(wanted: Filter, held: Held, searched: Held) -> dict[str, object]:
    """Return the page's values for the facets beside the list.

    `searched`: the holds left after filtering by customers or text.
    """
    session, company = store.reading(), g.company.id
    names = facets.load_facet_names(session, company, wanted)
    keys = facets.list_largest_customers(session, company, wanted)
    customers: tuple[facets.Customer, ...] = ()
    if filters.sees_names() or wanted.customers:
        customers = facets.customers_of(session, company, wanted, keys)
    counted, title = searched.whole, title_by(held, names, customers)
    left = queries.narrow_held(session, company, wanted, searched) if counted else held
    each = facets.facets_of(left, wanted, names, g.company.currency)
    return {
        "facets": [_shown(part, words, wanted) for part, words in each.items()],
        "customers": customers if filters.sees_names() else (),
        "counted": counted,
        "chips": chips(wanted, title),
        "beside": filter_args(wanted),
        "views": facets.list_views(session, g.actor),
        "asked": filter_words(wanted),
    }


def _shown(part: str, words: tuple[Facet, ...], wanted: Filter) -> FacetView:
    chosen = frozenset(map(str, getattr(wanted, part)))
    if part in ALONE and len(words) == 1 and not chosen:
        words = ()
    return FacetView(HEADINGS[part], PARTS[part], words, chosen)


def title_by(
    held: Held, names: Names, customers: tuple[facets.Customer, ...]
) -> Callable[[str, Any], str]:
    """Return a function that gives the title of a filter value, from its part and word."""
    of_key = {one.key: one.name for one in customers}
    return partial(_title, held, names, of_key)


def _title(held: Held, names: Names, of_key: dict[str, str], part: str, word: Any) -> str:
    if part == "customers":
        return filters.party(of_key.get(word, word))
    found = facets.title_of(part, word, held.teams, names, g.company.currency)
    return title_text(found) if part == "causes" else found


@pages.get("")
@needs("record.read")  # lists the user's own approvals
def listing() -> Response:
    """Show the user's latest approvals."""
    return store.respond(
        "approvals/given.html", rows=decided_documents.given(store.reading(), g.actor)
    )


@pages.get("/<op>")
@needs("record.read")
def show(op: str) -> Response:
    """Show each document of an approval, documents that need attention first."""
    found = decided_documents.result(store.reading(), g.actor, op)
    if found is None:
        abort(404)
    ids = {row.record_id for row in found.rows}
    hide = actors.hiding_each(store.reading(), ids, filters.hidden_fields())
    begin = max(0, forms.parse_whole(request.args.get("after")) or 0)
    end = begin + A_PAGE
    return store.respond(
        "approvals/result.html",
        result=found,
        rows=found.rows[begin:end],
        more=end if len(found.rows) > end else None,
        fates=[(fate, FATES[fate], found.of(fate)) for fate in Fate if found.of(fate).count],
        shown=FATES,
        Fate=Fate,
        hide=hide,
    )
