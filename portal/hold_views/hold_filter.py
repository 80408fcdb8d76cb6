"""The filter of the holding area in an address: read from it, written into links, told in words.

Here: the names of its parts there, and what is set, each with the link that takes it away. Not
here: what it finds (holding/worklist/filters.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import g, request
from werkzeug.datastructures import MultiDict

from holding.holds import folding as bands
from holding.worklist.facets import AGES
from holding.worklist.filters import Filter
from portal.web import forms

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


def wanted(args: MultiDict[str, str]) -> Filter:
    """The filter that an address names, of who asks; what cannot be one is left out."""

    def words(part: str) -> tuple[str, ...]:
        given = dict.fromkeys(args.getlist(PARTS[part]))
        return tuple(word for word in given if word and len(word) <= LONGEST)[:MOST]

    def numbers(part: str, most: int | None = None) -> tuple[int, ...]:
        found = (forms.whole(word) for word in words(part))
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
        amounts=numbers("amounts", bands.UNKNOWN),
        ages=numbers("ages", len(AGES) - 1),
        customers=words("customers"),
        text=args.get("q", "").strip()[:100],
        person_id=g.actor.person_id,
        midnight=g.company.ages_from,
    )


def link(wanted: Filter) -> dict[str, Any]:
    """The filter as a link carries it."""
    parts = {name: getattr(wanted, part) for part, name in PARTS.items()}
    return {"view": wanted.view, **parts, "q": wanted.text or None}


def kept(wanted: Filter) -> dict[str, Any]:
    """The same with the place in the list: what it opens is what was counted. Each row of the list
    has it, so it says nothing of the view that is shown without a word.
    """
    view = wanted.view if wanted.view != FIRST else None
    return {**link(wanted), "view": view, "after": request.args.get("after")}


def words_of(wanted: Filter) -> dict[str, list[str]]:
    """The filter as it is kept: the words of its address, those that are not set left out."""
    found: dict[str, list[str]] = {}
    for name, words in link(wanted).items():
        each = words if isinstance(words, tuple) else (words,)
        found[name] = [str(word) for word in each if word is not None]
    return {name: words for name, words in found.items() if words}


@dataclass(frozen=True, slots=True)
class Chip:
    """A word of the filter that is set; `without`: what is left when it is taken away. `named`: its
    title is a name that somebody gave.
    """

    heading: str
    title: str
    named: bool
    without: Mapping[str, Any]

    @property
    def own(self) -> str:
        """Its title, as it is."""
        return self.title


def chips(wanted: Filter, title: Callable[[str, Any], str]) -> list[Chip]:
    """All words that are set, in the order of the facets."""
    found = []
    for part in PARTS:
        words = getattr(wanted, part)
        for word in words:
            rest = tuple(one for one in words if one != word)
            without = link(wanted) | {PARTS[part]: rest}
            named = part in NAMED and word != 0
            found.append(Chip(HEADINGS[part], title(part, word), named, without))
    if wanted.text:
        without = link(replace(wanted, text=""))
        found.append(Chip(HEADINGS["text"], wanted.text, named=True, without=without))
    return found
