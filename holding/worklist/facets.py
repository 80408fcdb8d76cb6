"""Count the facets of the hold filters with their amounts, and store saved views."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from unicodedata import category

from sqlalchemy import Select, func, literal, or_, select, union_all
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, aliased

from connectors.contract.errors import CLASS_LABELS, class_label
from holding.access.actors import Actor, may
from holding.db import bulk
from holding.db.bulk import Columns, of
from holding.db.held_amounts import counted_holds, held_amount
from holding.db.models import Cause, Connection, Hold, Membership, Person, Record, SavedView
from holding.db.models.decisions import HOLD_OPEN
from holding.db.refusal import Refusal, Sums, by_key, money, most_first
from holding.holds import folding, tally_figures
from holding.holds.assignments import MOST
from holding.holds.shapes import Look, Money, counted_money
from holding.holds.tally_figures import Figure
from holding.worklist import filters
from holding.worklist.filters import TOLD, Filter, Held, hold_terms

AGES: Final = ("Today", "1 to 2 days", "3 to 7 days", "8 to 30 days", "More than 30 days")

FACETS: Final = ("classes", "teams", "sources", "targets", "amounts", "ages")
"""Parts of a filter that have a facet; a facet ignores its own part of the filter."""

BY_ORDER: Final = {"amounts", "ages"}

Names = Mapping[tuple[str, int], str]
"""Names by kind (`connection`, `person`, `cause`) and id."""

ACT: Final = "record.read"

LONGEST: Final = 60  # letters of a name

MOST_VIEWS: Final = 30  # of one person in a company

MOST_SHARED: Final = 50  # in a company

PERSONAL: Final = frozenset({"customer", "q"})
"""Parts of a URL that may contain a customer's name."""

Query = Mapping[str, Sequence[str]]
"""The filter as in the URL: part name -> its words."""


@dataclass(frozen=True, slots=True)
class ViewRow:
    """A saved view in a user's list; `by` is its owner."""

    id: int
    name: str
    query: Query
    shared: bool
    person_id: int
    by: str


ROW = Columns(
    ViewRow(
        id=of(SavedView.id),
        name=of(SavedView.name),
        query=of(SavedView.query),
        shared=of(SavedView.shared),
        person_id=of(SavedView.person_id),
        by=of(Person.name),
    ),
    {"name": "saved_view.name", "by": "person.name"},
)

SHOWN: Final = 5

LARGEST: Final = 200  # holds among which the customers of the largest amounts are looked for

COUNTED: Final = 200  # holds of a customer; how many more there are is not said

_READ: Final = select(
    *(Hold.id, Hold.lock, Hold.record_id, Hold.cause_id, Hold.opened_at, Hold.code),
    *(Hold.amount, Hold.currency),
)


@dataclass(frozen=True, slots=True)
class Facet:
    """One value of a facet with its counts.

    `named`: its title is a name given by a user.
    """

    word: str
    title: str
    records: int
    money: Sums
    named: bool = False

    @property
    def own(self) -> str:
        """The title without translation."""
        return self.title


def load_facet_names(session: Session, company_id: int, hold_filter: Filter) -> Names:
    """Return (kind, id) -> name, for the company's connections and the people and causes that the
    filter contains.
    """
    members = select(Membership.person_id).where(Membership.company_id == company_id)
    rows = session.execute(
        union_all(
            _named("connection", Connection).where(Connection.company_id == company_id),
            _named("person", Person).where(
                Person.id.in_(hold_filter.people), Person.id.in_(members)
            ),
            select(literal("cause").label("kind"), Cause.id, Cause.label.label("name")).where(
                Cause.company_id == company_id, Cause.id.in_(hold_filter.causes)
            ),
        )
    )
    return {(row.kind, row.id): row.name for row in rows}


def _named(kind: str, table: Any) -> Any:
    return select(literal(kind).label("kind"), table.id, table.name.label("name"))


def facets_of(
    open_holds: Held, hold_filter: Filter, named: Names, currency: str
) -> dict[str, tuple[Facet, ...]]:
    """Return the facet of each filter part, largest amounts first, bands in order.

    `open_holds` are narrowed to the filter's causes, customers and text.
    """
    figures_by_part = _figures(open_holds, hold_filter)
    for part in FACETS:  # what is chosen stays in sight where it finds nothing
        for word in getattr(hold_filter, part):
            figures_by_part[part].setdefault(word, Figure())
    return {
        part: tuple(
            _facet(part, word, figure, open_holds.teams, named, currency)
            for word, figure in _sorted(part, figures_by_part[part])
        )
        for part in FACETS
    }


def _figures(open_holds: Held, hold_filter: Filter) -> dict[str, dict[Any, Figure]]:
    """Count all facets in one pass over the shapes."""
    is_in_view = filters.view_predicate(open_holds, hold_filter)
    parts = {name: frozenset(getattr(hold_filter, name)) for name in TOLD}
    set_ = [(name, TOLD[name], values) for name, values in parts.items() if values]

    def keys(_: Any, look: Look) -> Iterable[tuple[str, Any]]:
        if not is_in_view(look):
            return ()
        unmet = [name for name, read_value, values in set_ if read_value(look) not in values]
        if len(unmet) > 1:
            return ()
        return [(name, TOLD[name](look)) for name in unmet or FACETS if name in FACETS]

    figures: dict[str, dict[Any, Figure]] = defaultdict(dict)
    question = ("facets", hold_filter, open_holds.own_teams)
    figures_by_key = open_holds.tally.once(
        question, lambda: tally_figures.figures_by(open_holds.tally.rows, keys)
    )
    for (part, word), figure in figures_by_key.items():
        figures[part][word] = figure
    return figures


def _facet(
    part: str, word: Any, figure: Figure, teams: Mapping[int, str], named: Names, currency: str
) -> Facet:
    title = title_of(part, word, teams, named, currency)
    is_own_name = part in {"sources", "targets", "teams"} and bool(word)
    return Facet(str(word), title, figure.records, figure.money, is_own_name)


def _sorted(part: str, figures: Mapping[Any, Figure]) -> list[tuple[Any, Figure]]:
    if part in BY_ORDER:
        return sorted(figures.items())
    return sorted(
        figures.items(), key=lambda entry: (*most_first(entry[1].money), not entry[0], entry[0])
    )


def title_of(part: str, word: Any, teams: Mapping[int, str], named: Names, currency: str) -> str:
    """Return the title of a filter value, or the value itself if it is unknown."""
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
    """Return a title such as `From RM 100.00 to RM 1,000.00`; the upper limit is exclusive."""
    if band == folding.UNKNOWN:
        return f"No amount in {currency}"
    least, end = folding.amount_band_limits(band)
    if end is None:
        return f"{money(least, currency)} and more"
    if not least:
        return f"Below {money(end, currency)}"
    return f"From {money(least, currency)} to {money(end, currency)}"


def list_views(session: Session, actor: Actor) -> tuple[ViewRow, ...]:
    """Return a user's own views and the shared ones, by name.

    A user limited to some sources sees only their own.
    """
    own_views = SavedView.person_id == actor.person_id
    rows = session.execute(
        ROW.select()
        .join(Person, Person.id == SavedView.person_id)
        .where(SavedView.company_id == actor.company_id)
        .where(own_views if actor.reach.limited else or_(own_views, SavedView.shared))
        .order_by(func.lower(SavedView.name), SavedView.id)
    )
    return ROW.each(rows)


def save_view(
    session: Session, actor: Actor, name: str, query: Query, now: datetime, *, shared: bool = False
) -> int | Refusal:
    """Save a filter under a name and return the view's id.

    Saving an equal filter under its existing name returns that view, so a second click adds
    nothing.
    """
    name = _tidy(name)
    refused = may(actor, ACT) or _unfit(name) or (_alone(actor, query) if shared else None)
    if refused:
        return refused
    namesake = session.scalar(_own(actor).where(SavedView.name == name))
    if namesake is not None:
        return namesake.id if namesake.query == {**query} else _taken(name)
    refused = _full(session, actor) or (_full_of_shared(session, actor) if shared else None)
    if refused:
        return refused
    view = SavedView(
        company_id=actor.company_id or 0,
        person_id=actor.person_id or 0,
        name=name,
        query={part: [*words] for part, words in query.items()},
        shared=shared,
        made_at=now,
    )
    try:
        with session.begin_nested():
            session.add(view)
    except IntegrityError:  # it was kept meanwhile
        return save_view(session, actor, name, query, now, shared=shared)
    return view.id


def _tidy(name: str) -> str:
    return " ".join(name.split())


def _unfit(name: str) -> Refusal | None:
    if not name:
        return Refusal("view.name", "Enter a name for the view.", "", 422)
    if len(name) > LONGEST:
        return Refusal("view.name", f"A name has at most {LONGEST} letters.", "", 422)
    if any(category(letter).startswith("C") for letter in name):
        return Refusal("view.name", "A name has no control characters.", "", 422)
    return None


def _alone(actor: Actor, query: Query) -> Refusal | None:
    """Refuse to share a view with customer names, or by a user limited to some sources."""
    if actor.reach.limited:
        words = "You see some sources only, so you cannot share a view."
        return Refusal("view.limited", words, "Save it for yourself alone.", 403)
    if not PERSONAL & query.keys():
        return None
    words = "A view with a customer or a search cannot be shared."
    return Refusal("view.personal", words, "Save it for yourself alone.", 422)


def _own(actor: Actor) -> Select[SavedView]:
    own_views = SavedView.company_id == actor.company_id, SavedView.person_id == actor.person_id
    return select(SavedView).where(*own_views)


def _taken(name: str) -> Refusal:
    words = f"You have another view with the name “{name}”."
    return Refusal("view.taken", words, "Choose another name, or delete that view first.", 409)


def _full(session: Session, actor: Actor) -> Refusal | None:
    count = select(func.count()).select_from(_own(actor).subquery())
    if (session.scalar(count) or 0) < MOST_VIEWS:
        return None
    words = f"You have {MOST_VIEWS} saved views, which is the most."
    return Refusal("view.most", words, "Delete one first.", 409)


def _full_of_shared(session: Session, actor: Actor) -> Refusal | None:
    count = select(func.count()).where(SavedView.company_id == actor.company_id, SavedView.shared)
    if (session.scalar(count) or 0) < MOST_SHARED:
        return None
    words = f"The company shares {MOST_SHARED} views, which is the most."
    return Refusal("view.most", words, "Save it for yourself alone.", 409)


def change_view(
    session: Session, actor: Actor, view_id: int, name: str, *, shared: bool
) -> Refusal | None:
    """Rename the user's own view, and share it or stop sharing it."""
    name = _tidy(name)
    view = _mine(session, actor, view_id)
    if isinstance(view, Refusal):
        return view
    refused = _unfit(name) or (_alone(actor, view.query) if shared else None)
    if refused:
        return refused
    other = _own(actor).where(SavedView.name == name, SavedView.id != view.id)
    if session.scalar(other) is not None:
        return _taken(name)
    if shared and not view.shared and (refused := _full_of_shared(session, actor)):
        return refused
    view.name, view.shared = name, shared
    session.flush()
    return None


def _mine(session: Session, actor: Actor, view_id: int) -> SavedView | Refusal:
    """Return the user's own view, or refuse as if another's view did not exist."""
    refused = may(actor, ACT)
    if refused:
        return refused
    view = session.scalar(_own(actor).where(SavedView.id == view_id).with_for_update())
    return view or Refusal(
        "view.unknown", "You have no such saved view.", "Someone may have deleted it.", 404
    )


def delete_view(session: Session, actor: Actor, view_id: int) -> Refusal | None:
    """Delete the user's own view, also for colleagues."""
    view = _mine(session, actor, view_id)
    if isinstance(view, Refusal):
        return view
    session.delete(view)
    session.flush()
    return None


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with their held records; `more`: there are too many holds to count."""

    key: str
    name: str
    records: int
    money: Sums
    more: bool


def list_largest_customers(
    session: Session, company_id: int, hold_filter: Filter
) -> tuple[str, ...]:
    """Return keys of the customers with the largest held amounts under the rest of the filter.

    Only the company's largest holds are searched.
    """
    with_amount = (Hold.company_id == company_id, HOLD_OPEN, Hold.book.is_not(None))
    top = (
        select(Hold.id)
        .where(*with_amount)
        .order_by(Hold.book.desc(), Hold.id.desc())
        .limit(LARGEST)
    )
    first = top.subquery("largest")
    other_terms = hold_terms(company_id, replace(hold_filter, customers=()))
    # Joined to them and sorted here: else SQLite walks the open holds of the whole company
    rows = session.execute(
        select(Hold.party_key, Hold.book)
        .join_from(first, Hold, Hold.id == first.c.id)
        .where(*other_terms)
    )
    keys_by_amount = sorted((-row.book, row.party_key) for row in rows if row.party_key)
    return tuple(dict.fromkeys(key for _, key in keys_by_amount))[:SHOWN]


def customers_of(
    session: Session, company_id: int, hold_filter: Filter, keys: Sequence[str]
) -> tuple[Customer, ...]:
    """Return these customers, and those in the filter, under the rest of the filter."""
    all_keys = dict.fromkeys((*hold_filter.customers, *keys))
    return tuple(_load_customer(session, company_id, hold_filter, key) for key in all_keys)


def _load_customer(session: Session, company_id: int, hold_filter: Filter, key: str) -> Customer:
    """Return one customer's sums, computed from holds because the tally has no customers."""
    terms = hold_terms(company_id, replace(hold_filter, customers=(key,)))
    oldest = select(Hold.id).where(*terms).order_by(Hold.opened_at, Hold.id).limit(COUNTED + 1)
    single = counted_holds(Hold.id.in_(oldest))
    rows = session.execute(
        select(Record.party, single.c.currency, single.c.minor, single.c.holds).join_from(
            single, Record, Record.id == single.c.record_id
        )
    ).all()
    sums = by_key((None, row.currency, row.minor) for row in rows).get(None, {})
    name = max((row.party for row in rows), default="") or key
    return Customer(key, name, len(rows), sums, more=sum(row.holds for row in rows) > COUNTED)


@dataclass(frozen=True, slots=True)
class FrozenHold:
    """One hold as it was looked at."""

    id: int
    lock: int
    version_id: int | None
    record_id: int
    number: str
    party: str
    amount: int | None
    currency: str
    cause: str
    opened_at: datetime
    code: str


def count_once(rows: Iterable[FrozenHold], books: str) -> list[FrozenHold]:
    """Return one hold for each record: the one whose amount is counted (`counted_money`).

    `books` is the company's currency.
    """
    by_record: dict[int, dict[Money, FrozenHold]] = defaultdict(dict)
    for row in rows:
        currency = "" if row.currency == books else row.currency
        by_record[row.record_id].setdefault((currency, row.amount), row)
    return [
        holds_by_amount[counted_money(holds_by_amount)] for holds_by_amount in by_record.values()
    ]


def frozen_holds(session: Session, company_id: int, hold_filter: Filter) -> tuple[FrozenHold, ...]:
    """Return a filter's holds, oldest first; one more than an action takes shows that there are
    more.
    """
    query = _READ.where(*hold_terms(company_id, hold_filter))
    return _frozen(session, query.order_by(Hold.opened_at, Hold.id).limit(MOST + 1))


def _frozen(session: Session, holds_query: Select[*tuple[Any, ...]]) -> tuple[FrozenHold, ...]:
    """Return these holds with their records, and read no other records."""
    hold = aliased(Hold, holds_query.subquery("looked_at"))
    amount, currency = held_amount(hold)
    columns = Columns(
        FrozenHold(
            id=of(hold.id),
            lock=of(hold.lock),
            version_id=of(Record.version_id),
            record_id=of(Record.id),
            number=of(Record.number),
            party=of(Record.party),
            amount=of(amount),
            currency=of(currency),
            cause=of(Cause.label),
            opened_at=of(hold.opened_at),
            code=of(hold.code),
        ),
        {"cause": "cause.label"},
    )
    query = columns.select().join(Record, Record.id == hold.record_id)
    query = query.join(Cause, Cause.id == hold.cause_id).order_by(hold.opened_at, hold.id)
    return columns.each(session.execute(query))


def frozen_holds_by_id(
    session: Session, company_id: int, ids: Sequence[int]
) -> tuple[FrozenHold, ...]:
    """Return the open ones among these holds."""
    wanted_holds = (Hold.company_id == company_id, HOLD_OPEN, bulk.among(Hold.id, ids))
    return _frozen(session, _READ.where(*wanted_holds))
