"""The facets of the holding area: what each word of a filter would show, with its money.

Here: records and money by class, team, source, target, and bands of amount and age. Each is counted
under the other parts of the filter, so that a word says what the list shows when it is chosen. Not
here: customers (held_customers.py), the filter (filters.py).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import literal, select, union_all

from connectors.contract.errors import CLASS_LABELS, class_label, failure_word
from holding.db.models import Cause, Connection, Membership, Person
from holding.db.refusal import Sums, money, most_first
from holding.db.together import Question
from holding.holds import folding as bands
from holding.holds import tally_figures
from holding.holds.shapes import Look
from holding.holds.tally_figures import Figure
from holding.worklist import filters
from holding.worklist.filters import TOLD, Filter, Held

AGES: Final = ("Today", "1 to 2 days", "3 to 7 days", "8 to 30 days", "More than 30 days")
FACETS: Final = ("classes", "teams", "sources", "targets", "amounts", "ages")
"""Parts of a filter that have a facet; one takes nothing away from its own."""
BY_ORDER: Final = {"amounts", "ages"}


@dataclass(frozen=True, slots=True)
class Facet:
    """One word of a facet with what it holds; `under`: the heading it stands under. `named`: its
    title is a name that somebody gave.
    """

    word: str
    title: str
    records: int
    money: Sums
    under: str = ""
    named: bool = False

    @property
    def own(self) -> str:
        """Its title, as it is."""
        return self.title


Names = Mapping[tuple[str, int], str]
"""What is called so, by its kind (`connection`, `person`, `cause`) and id."""


def names(company_id: int, wanted: Filter) -> Question[Names]:
    """The connections of the company, and the people and causes that a filter asks for."""
    members = select(Membership.person_id).where(Membership.company_id == company_id)
    rows = yield union_all(
        _named("connection", Connection).where(Connection.company_id == company_id),
        _named("person", Person).where(Person.id.in_(wanted.people), Person.id.in_(members)),
        select(literal("cause").label("kind"), Cause.id, Cause.label.label("name")).where(
            Cause.company_id == company_id, Cause.id.in_(wanted.causes)
        ),
    )
    return {(row.kind, row.id): row.name for row in rows}


def _named(kind: str, table: Any) -> Any:
    return select(literal(kind).label("kind"), table.id, table.name.label("name"))


def of(found: Held, wanted: Filter, named: Names, currency: str) -> dict[str, tuple[Facet, ...]]:
    """Part of a filter -> its facet, most money first, bands in their order; `found`: what is left
    when cause, customer and text are asked for.
    """
    each = _figures(found, wanted)
    for part in FACETS:  # what is chosen stays in sight where it finds nothing
        for word in getattr(wanted, part):
            each[part].setdefault(word, Figure())
    return {
        part: tuple(
            _facet(part, word, one, found.teams, named, currency)
            for word, one in _sorted(part, each[part])
        )
        for part in FACETS
    }


def _figures(found: Held, wanted: Filter) -> dict[str, dict[Any, Figure]]:
    """All facets in one go over the shapes."""
    seen = filters.seen(found, wanted)
    parts = {name: frozenset(getattr(wanted, name)) for name in TOLD}
    set_ = [(name, TOLD[name], values) for name, values in parts.items() if values]

    def keys(_: Any, look: Look) -> Iterable[tuple[str, Any]]:
        if not seen(look):
            return ()
        unmet = [name for name, told, values in set_ if told(look) not in values]
        if len(unmet) > 1:
            return ()
        return [(name, TOLD[name](look)) for name in unmet or FACETS if name in FACETS]

    figures: dict[str, dict[Any, Figure]] = defaultdict(dict)
    question = ("facets", wanted, found.own_teams)
    told = found.tally.once(question, lambda: tally_figures.by(found.tally.rows, keys))
    for (part, word), one in told.items():
        figures[part][word] = one
    return figures


def _sorted(part: str, each: Mapping[Any, Figure]) -> list[tuple[Any, Figure]]:
    if part in BY_ORDER:
        return sorted(each.items())
    return sorted(each.items(), key=lambda one: (*most_first(one[1].money), not one[0], one[0]))


def _facet(
    part: str, word: Any, one: Figure, teams: Mapping[int, str], named: Names, currency: str
) -> Facet:
    title = title_of(part, word, teams, named, currency)
    under = failure_word(word) if part == "classes" and word in CLASS_LABELS else ""
    own = part in {"sources", "targets", "teams"} and bool(word)
    return Facet(str(word), title, one.records, one.money, under, own)


def title_of(part: str, word: Any, teams: Mapping[int, str], named: Names, currency: str) -> str:
    """What a word of a filter is called; the word itself where nothing is known of it."""
    if part == "classes" and word in CLASS_LABELS:
        return class_label(word)
    if part == "teams":
        return teams.get(word, str(word)) if word else "No owner"
    if part == "people":
        return named.get(("person", word), str(word)) if word else "No owner"
    if part == "targets" and not word:
        return "Not routed"
    if part in {"sources", "targets"}:
        return named.get(("connection", word), str(word))
    if part == "causes":
        return named.get(("cause", word), str(word))
    if part == "amounts":
        return amount_title(word, currency)
    return AGES[word] if part == "ages" else str(word)


def amount_title(band: int, currency: str) -> str:
    """`From RM 100.00 to RM 1,000.00`: the second is the first of the next band."""
    if band == bands.UNKNOWN:
        return f"No amount in {currency}"
    least, end = bands.amounts_of(band)
    if end is None:
        return f"{money(least, currency)} and more"
    if not least:
        return f"Below {money(end, currency)}"
    return f"From {money(least, currency)} to {money(end, currency)}"
