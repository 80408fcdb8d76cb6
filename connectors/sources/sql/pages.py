"""What changed in a shop's database, page by page: orders, then settlements.

Here: the place between two pages, and which rows make one. Not here: the statements (database.py),
what a row means (rows.py), when it is asked (holding/intake/pulls.py).

A place is a moment with the id of its row, so that rows of one moment are neither left out nor
counted. The next reading goes back some minutes, for a change is often committed after the moment
that it names; and never further on than now, whatever moment a row names.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import RowError, Settings
from connectors.contract.database_settings import FILE, address_of
from connectors.contract.pulls import NoPage, Page, Pulled
from connectors.kit.delivery_limits import LINES, MEGABYTE
from connectors.sources.sql.database import Reader, Row, opened
from connectors.sources.sql.failures import UnansweredError
from connectors.sources.sql.places import Place, Start, moment_of, place_of, told
from connectors.sources.sql.queries import KindQuery, late_minutes, queries_of, rows_at_once
from connectors.sources.sql.rows import by_order, key_text, pulled
from connectors.transport.http import Http
from connectors.transport.strict_json import dumps

PAGE_BYTES: Final = 8 * MEGABYTE
PAGE_LINES: Final = 4 * LINES
BLANK: Final = 5  # rows without a moment that are told
MANY_AT_ONCE: Final = 10  # rows of one moment
JUST_NOW: Final = timedelta(minutes=1)
SET_BY_THE_SHOP: Final = "Name the column that the shop itself sets with each change."
_MOMENT: Final = "Have the query give it as 2026-11-19 14:03:11, in every row alike."


@dataclass(frozen=True, slots=True)
class _Cursor:
    """Since when anything is read; the kind that is read, the place of each, and the latest moment
    that was seen of each.
    """

    floor: datetime
    kind: str = ""
    at: dict[str, Place | Start] = field(default_factory=dict)
    high: dict[str, datetime] = field(default_factory=dict)

    def text(self) -> str:
        return json.dumps(
            {
                "floor": self.floor.isoformat(),
                "kind": self.kind,
                "at": {kind: told(place) for kind, place in self.at.items()},
                "high": {kind: high.isoformat() for kind, high in self.high.items()},
            }
        )

    @classmethod
    def of(cls, text: str) -> "_Cursor":
        given = json.loads(text)
        return cls(
            floor=datetime.fromisoformat(given["floor"]),
            kind=given["kind"],
            at={kind: place_of(place) for kind, place in given["at"].items()},
            high={kind: datetime.fromisoformat(high) for kind, high in given["high"].items()},
        )


@dataclass(frozen=True, slots=True)
class _Heads:
    """Rows of one kind, each with its moment, and whether others follow."""

    rows: Sequence[Row]
    more: bool


def begin(since: datetime) -> str:
    """The cursor from which everything shows that changed at this moment or later."""
    return _Cursor(since).text()


def page(
    cursor: str, settings: Settings, password: str, zone: ZoneInfo, http: Http
) -> Page | NoPage:
    """What follows a cursor."""
    queries, address = queries_of(settings), address_of(str(settings.get("base_url") or ""))
    if isinstance(queries, str):
        return NoPage(words=queries, hint="An admin changes it under Settings.")
    if isinstance(address, str):
        return NoPage(words=address, hint="An admin changes it under Settings.")
    at = _Cursor.of(cursor)
    query = next((one for one in queries if one.kind == at.kind), queries[0])
    try:
        with opened(address, password, zone) as reader:
            return _read(reader, query, queries, at, settings, http.now())
    except UnansweredError as why:
        refused = why.cause == "login"
        return NoPage(words=why.words, hint=why.hint, key_refused=refused)


def _read(
    reader: Reader,
    query: KindQuery,
    queries: Sequence[KindQuery],
    at: _Cursor,
    settings: Settings,
    now: datetime,
) -> Page:
    place = _sampled(reader, query, at.at.get(query.kind, Start(at.floor)))
    heads = _heads(reader, query, place, rows_at_once(settings))
    _each_has_its_own(heads.rows, query, reader.zone, now)
    found, heads = _with_lines(reader, query, heads, at.floor)
    high = _high(heads.rows, query, reader.zone, at.high.get(query.kind))
    highs = at.high if high is None else {**at.high, query.kind: high}
    if heads.more:
        places = {**at.at, query.kind: _behind(heads.rows[-1], query)}
        after = replace(at, kind=query.kind, at=places, high=highs)
        return Page(found=found, after=after.text(), more=True)
    later = queries[queries.index(query) + 1 :]
    back = None if high is None else min(high, now) - timedelta(minutes=late_minutes(settings))
    after = _Cursor(
        floor=at.floor,
        kind=later[0].kind if later else "",
        at={**at.at, query.kind: _next_start(at.floor, place, back)},
        high={kind: one for kind, one in highs.items() if kind != query.kind},
    )
    return Page(found=(*found, *_blank(reader, query)), after=after.text(), more=bool(later))


def _next_start(floor: datetime, place: Place | Start, back: datetime | None) -> Start:
    """Where the next reading of a kind begins; where nothing was seen, as this one did."""
    if back is None:
        return place if isinstance(place, Start) else Start(floor)
    sample = place.sample if isinstance(place, Start) else place.moved
    return Start(max(floor, back), sample if isinstance(sample, str) else "")


def _sampled(reader: Reader, query: KindQuery, place: Place | Start) -> Place | Start:
    """A place to begin at, with how a column of texts writes its moments."""
    if reader.system != FILE or isinstance(place, Place) or place.sample:
        return place
    newest = reader.newest(query)
    if newest is None:
        return place
    if not isinstance(newest, str) or moment_of(newest, reader.zone) is None:
        words = f"The column {query.cursor} holds “{str(newest)[:40]}”, which is not a moment."
        raise UnansweredError("value", words, _MOMENT)
    return Start(place.moment, newest)


def _heads(reader: Reader, query: KindQuery, place: Place | Start, most: int) -> _Heads:
    rows: list[Row] = []
    keys: set[str] = set()
    size, latest = 0, None
    for row in reader.page(query, place, most + 1):
        key = _key(row, query)
        if not key:
            words = f"A row of the {query.kind}s has no id in the column {query.id}."
            raise UnansweredError("value", words, "Have the query give each row its id.")
        if key in keys:
            words = f"Two rows of the {query.kind}s have the id {key[:60]}."
            raise UnansweredError("value", words, "Have the query give one row for each.")
        keys.add(key)
        moment = moment_of(row.get(query.cursor.lower()), reader.zone)
        if reader.system == FILE and moment and latest and moment < latest:
            words = f"The column {query.cursor} writes its moments in more than one way."
            raise UnansweredError("value", words, _MOMENT)
        latest = moment or latest
        size += sum(len(str(value)) for value in row.values())
        if len(rows) == most or (rows and size > PAGE_BYTES):
            return _Heads(rows, more=True)
        rows.append(row)
    return _Heads(rows, more=False)


def _each_has_its_own(rows: Sequence[Row], query: KindQuery, zone: ZoneInfo, now: datetime) -> None:
    """Raise where so many rows changed just now, all at one moment, that the column may say when it
    is asked: the reading would begin again with each page, and never end. What really changed so is
    read a minute later.
    """
    moments = {moment_of(row.get(query.cursor.lower()), zone) for row in rows}
    if len(rows) < MANY_AT_ONCE or len(moments) > 1:
        return
    (moment,) = moments
    if moment is not None and abs(now - moment) < JUST_NOW:
        raise UnansweredError("value", says_the_hour(query), SET_BY_THE_SHOP)


def says_the_hour(query: KindQuery) -> str:
    """What is wrong with a cursor that is worked out when it is asked."""
    return (
        f"All {query.kind}s changed just now: the column {query.cursor} holds when it is asked, not"
        " when a row changed."
    )


def _with_lines(
    reader: Reader, query: KindQuery, heads: _Heads, floor: datetime
) -> tuple[tuple[Pulled, ...], _Heads]:
    """The records of rows that may be read, and the rows; fewer of them where lines are many."""
    wanted = [row for row in heads.rows if _since(row, query, floor, reader.zone)]
    lines: dict[str, list[Row]] = {}
    if query.lines and wanted:
        keys = [row[query.id.lower()] for row in wanted]
        found = reader.lines(query.lines, keys, PAGE_LINES + 1)
        if len(found) > PAGE_LINES and len(heads.rows) > 1:
            fewer = _Heads(heads.rows[: len(heads.rows) // 2], more=True)
            return _with_lines(reader, query, fewer, floor)
        lines = by_order(query.lines, found)
        if strange := lines.keys() - {key_text(key) for key in keys}:
            words = f"Lines name the order “{min(strange)[:40]}” otherwise than the order itself."
            raise UnansweredError("value", words, "Have both queries give the id alike.")
    made = (pulled(query, row, lines.get(_key(row, query), ()), reader.zone) for row in wanted)
    return tuple(made), heads


def _blank(reader: Reader, query: KindQuery) -> tuple[Pulled, ...]:
    """Rows that no reading can ever come to."""
    found = reader.blank(query, query.cursor, BLANK)
    return tuple(_untold(query, _key(row, query)) for row in found)


def _untold(query: KindQuery, key: str) -> Pulled:
    error = RowError(
        where=f"{query.kind} {key}, {query.cursor}",
        value="",
        message="It is blank, so the row is never read.",
        hint="Have the shop fill it in, and forbid that it is blank.",
    )
    return Pulled(raw=dumps({query.kind: key, query.cursor: None}), errors=(error,))


def _since(row: Row, query: KindQuery, floor: datetime, zone: ZoneInfo) -> bool:
    moment = moment_of(row.get(query.cursor.lower()), zone)
    return moment is None or moment >= floor


def _high(
    rows: Iterable[Row], query: KindQuery, zone: ZoneInfo, before: datetime | None
) -> datetime | None:
    """The latest moment that was seen."""
    seen = [moment_of(row.get(query.cursor.lower()), zone) for row in rows]
    return max((one for one in (before, *seen) if one is not None), default=None)


def _behind(row: Row, query: KindQuery) -> Place:
    """The place behind a row."""
    moved, key = row[query.cursor.lower()], row[query.id.lower()]
    return Place(
        moved if isinstance(moved, (datetime, str)) else str(moved),
        key if isinstance(key, (int, str, Decimal)) else key_text(key),
    )


def _key(row: Row, query: KindQuery) -> str:
    return key_text(row.get(query.id.lower()))
