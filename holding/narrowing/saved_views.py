"""Filters of the holding area under a name: a person's own, and those that colleagues share.

Here: keeping, renaming, sharing and deleting one, and the list. Not here: what a filter finds
(filters.py), its address (portal/hold_views). A view grants nothing: whoever opens it sees what
they may see.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from unicodedata import category

from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from holding.access.actors import Actor, may
from holding.db.bulk import Columns, of
from holding.db.models import Person, SavedView
from holding.db.refusal import Refusal
from holding.db.together import Question

ACT: Final = "record.read"
LONGEST: Final = 60  # letters of a name
MOST: Final = 30  # of one person in a company
MOST_SHARED: Final = 50  # in a company
PERSONAL: Final = frozenset({"customer", "q"})
"""Parts of an address in which the name of a customer may stand."""
Query = Mapping[str, Sequence[str]]
"""The filter as its address has it: name of a part -> its words."""


@dataclass(frozen=True, slots=True)
class ViewRow:
    """A view in somebody's list; `by`: whose it is."""

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


def listing(actor: Actor) -> Question[tuple[ViewRow, ...]]:
    """A person's own views of a company and those that are shared there, by name; whoever is
    limited to some sources sees their own.
    """
    mine = SavedView.person_id == actor.person_id
    rows = yield (
        ROW.select()
        .join(Person, Person.id == SavedView.person_id)
        .where(SavedView.company_id == actor.company_id)
        .where(mine if actor.reach.limited else or_(mine, SavedView.shared))
        .order_by(func.lower(SavedView.name), SavedView.id)
    )
    return ROW.each(rows)


def keep(
    session: Session, actor: Actor, name: str, query: Query, now: datetime, *, shared: bool = False
) -> int | Refusal:
    """Keep a filter under a name; the id of the view. The same filter under a name that the person
    has already is that view: a second click makes no other.
    """
    name = _tidy(name)
    refused = may(actor, ACT) or _unfit(name) or (_alone(actor, query) if shared else None)
    if refused:
        return refused
    same = session.scalar(_own(actor).where(SavedView.name == name))
    if same is not None:
        return same.id if same.query == {**query} else _taken(name)
    refused = _full(session, actor) or (_full_of_shared(session, actor) if shared else None)
    if refused:
        return refused
    made = SavedView(
        company_id=actor.company_id or 0,
        person_id=actor.person_id or 0,
        name=name,
        query={part: [*words] for part, words in query.items()},
        shared=shared,
        made_at=now,
    )
    try:
        with session.begin_nested():
            session.add(made)
    except IntegrityError:  # it was kept meanwhile
        return keep(session, actor, name, query, now, shared=shared)
    return made.id


def change(
    session: Session, actor: Actor, view_id: int, name: str, *, shared: bool
) -> Refusal | None:
    """Give one's own view another name, let colleagues see it, or no longer."""
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


def delete(session: Session, actor: Actor, view_id: int) -> Refusal | None:
    """Take one's own view away, for colleagues, too; one that is gone already stays gone."""
    view = _mine(session, actor, view_id)
    if isinstance(view, Refusal):
        return view
    session.delete(view)
    session.flush()
    return None


def _mine(session: Session, actor: Actor, view_id: int) -> SavedView | Refusal:
    """One's own view in this company; that of another is as if there were none."""
    refused = may(actor, ACT)
    if refused:
        return refused
    found = session.scalar(_own(actor).where(SavedView.id == view_id).with_for_update())
    return found or Refusal(
        "view.unknown", "You have no such saved view.", "Someone may have deleted it.", 404
    )


def _own(actor: Actor) -> Select[SavedView]:
    mine = SavedView.company_id == actor.company_id, SavedView.person_id == actor.person_id
    return select(SavedView).where(*mine)


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
    """Why a view stays with who made it: not every colleague sees the names of customers, and who
    is limited to some sources sees no view of colleagues either.
    """
    if actor.reach.limited:
        words = "You see some sources only, so you cannot share a view."
        return Refusal("view.limited", words, "Save it for yourself alone.", 403)
    if not PERSONAL & query.keys():
        return None
    words = "A view with a customer or a search cannot be shared."
    return Refusal("view.personal", words, "Save it for yourself alone.", 422)


def _taken(name: str) -> Refusal:
    words = f"You have another view with the name “{name}”."
    return Refusal("view.taken", words, "Choose another name, or delete that view first.", 409)


def _full(session: Session, actor: Actor) -> Refusal | None:
    count = select(func.count()).select_from(_own(actor).subquery())
    if (session.scalar(count) or 0) < MOST:
        return None
    words = f"You have {MOST} saved views, which is the most."
    return Refusal("view.most", words, "Delete one first.", 409)


def _full_of_shared(session: Session, actor: Actor) -> Refusal | None:
    count = select(func.count()).where(SavedView.company_id == actor.company_id, SavedView.shared)
    if (session.scalar(count) or 0) < MOST_SHARED:
        return None
    words = f"The company shares {MOST_SHARED} views, which is the most."
    return Refusal("view.most", words, "Save it for yourself alone.", 409)
