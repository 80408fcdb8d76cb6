"""One way in for each kind of record: by API or by Excel import, never by both.

Here: which sources of a company would bring the same kind by two ways, and the refusal of the
second. Not here: the switch itself (connectors/contract/declared_settings.py).

Two ways for the same orders are the usual reason why they are posted twice: a file gives them
other ids than the API does. A file that is uploaded under the source of the API is no second way:
there the ids are compared.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from connectors import registry
from connectors.contract import declared_settings as declared
from holding.db.models import Connection
from holding.db.refusal import Refusal, in_a_row
from holding.platform.changes import locked_company

CODE: Final = "connection.two_ways"
SETTINGS: Final = frozenset({declared.DELIVERIES, declared.RECORD_KINDS})
"""Those of a source that say what it brings."""


@dataclass(frozen=True, slots=True)
class TwoWays:
    """Two sources that are on for the same kinds: by which way each, in words; `is_new`: the second
    is not there yet.
    """

    first: str
    first_way: str
    second: str
    second_way: str
    kinds: tuple[str, ...]
    is_new: bool = False

    @property
    def words(self) -> str:
        """What is wrong."""
        kinds = in_a_row(kind.replace("_", " ") for kind in self.kinds)
        return (
            f"{self.first} ({self.first_way}) brings {kinds} records already. By {self.second}"
            f" ({self.second_way}) the same would come a second time."
        )

    @property
    def todo(self) -> str:
        """The ways out."""
        if self.is_new:
            return (
                f"Keep one: under Settings switch the deliveries of {self.first} off before you add"
                f" {self.second}, or leave this kind of record to one of them."
            )
        return (
            f"Keep one: under Settings switch the deliveries of {self.first} or of {self.second}"
            f" off, or leave this kind of record to one of them."
        )


def refusal(session: Session, connection: Connection, after: Mapping[str, Any]) -> Refusal | None:
    """Why a source cannot have these settings; it need not be stored yet."""
    locked_company(session, connection.company_id)  # the other way may be switched on meanwhile
    others = [one for one in _sources(session, connection.company_id) if one.id != connection.id]
    for other in others:
        found = _between((other.name, other.connector, other.settings), _told(connection, after))
        if found is not None:
            told = replace(found, is_new=connection.id is None)
            return Refusal(CODE, told.words, told.todo, 422)
    return None


def clashes(session: Session, company_id: int) -> tuple[TwoWays, ...]:
    """Those that are on side by side, from before this was refused or by another way."""
    rows = [(one.name, one.connector, one.settings) for one in _sources(session, company_id)]
    found = (_between(first, second) for first, second in combinations(rows, 2))
    return tuple(one for one in found if one is not None)


_Told = tuple[str, str, Mapping[str, Any]]  # name, connector, settings


def _told(connection: Connection, settings: Mapping[str, Any]) -> _Told:
    return connection.name, connection.connector, settings


def _between(first: _Told, second: _Told) -> TwoWays | None:
    ways = [_way(connector) for _, connector, _ in (first, second)]
    kinds = sorted(_kinds(first) & _kinds(second))
    if not kinds or ways[0] == ways[1]:
        return None
    return TwoWays(first[0], ways[0], second[0], ways[1], tuple(kinds))


def _way(connector: str) -> str:
    form = registry.form_of("source", connector)
    return declared.WAYS[form.way] if form else ""


def _kinds(told: _Told) -> frozenset[str]:
    """The kinds of record that a source takes."""
    _, connector, settings = told
    source = registry.sources().get(connector)
    if source is None or not declared.takes(settings):
        return frozenset()
    every = frozenset(kind.kind for kind in source.kinds)
    allowed = declared.listed(str(settings.get(declared.RECORD_KINDS, "")))
    return every & frozenset(allowed) if allowed else every


def _sources(session: Session, company_id: int) -> Iterable[Connection]:
    return session.scalars(_SOURCES, {"company": company_id}).all()


_SOURCES = (
    select(Connection)
    .where(Connection.company_id == bindparam("company"), Connection.side == "source")
    .order_by(Connection.id)
)
