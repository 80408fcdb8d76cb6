"""The queries that the settings of a connection name.

Here: each with its cursor, its id and where its columns go. Not here: asking them (database.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from connectors.contract import Settings
from connectors.contract.database_settings import columns_of, query_fault, query_text
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.sources.sql.kinds import KINDS, ORDER, STAMP

_ROWS: Final = 200
_MOST_ROWS: Final = 1000
_LATE: Final = 10
_MOST_LATE: Final = 24 * 60  # beyond a day the nightly sweep finds it


@dataclass(frozen=True, slots=True)
class LineQuery:
    """The rows of the lines: the column with the id of their order, and that of their own."""

    text: str
    order: str
    id: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KindQuery:
    """The rows of one kind. `columns` are those that go to a field of another name."""

    schema: KindSchema
    text: str
    cursor: str
    id: str
    columns: Mapping[str, str]
    lines: LineQuery | None = None

    @property
    def kind(self) -> str:
        """The kind of its records."""
        return self.schema.kind


def queries_of(settings: Settings) -> tuple[KindQuery, ...] | str:
    """The queries in the order of the kinds, or why there are none."""
    found = tuple(
        _query(settings, schema) for schema in KINDS if _said(settings, f"{schema.kind}_query")
    )
    if not found:
        return "No query is set: fill in that of the orders or that of the settlements."
    texts = [one.text for one in found] + [one.lines.text for one in found if one.lines]
    return next((fault for text in texts if (fault := query_fault(text))), found)


def fields_by_column(
    columns: Mapping[str, str], fields: tuple[FieldSchema, ...]
) -> dict[str, FieldSchema]:
    """Column in small letters -> the field that it fills: what is named, else what is called so."""
    by_name = {one.name: one for one in fields}
    named = {column: by_name[field] for column, field in columns.items() if field in by_name}
    taken = {field.name for field in named.values()}
    free = {name: field for name, field in by_name.items() if name not in taken}
    return {**free, **named}


def rows_at_once(settings: Settings) -> int:
    """How many rows of a kind are asked for."""
    return min(_MOST_ROWS, int(_said(settings, "page_rows") or _ROWS))


def late_minutes(settings: Settings) -> int:
    """How far the next reading goes back, a day at most: all of it is read again each time."""
    return min(_MOST_LATE, int(_said(settings, "late_minutes") or _LATE))


def _query(settings: Settings, schema: KindSchema) -> KindQuery:
    kind = schema.kind
    return KindQuery(
        schema=schema,
        text=query_text(_said(settings, f"{kind}_query")),
        cursor=_said(settings, f"{kind}_cursor") or STAMP,
        id=_said(settings, f"{kind}_id") or "id",
        columns=columns_of(_said(settings, f"{kind}_columns")),
        lines=_lines(settings) if schema is ORDER else None,
    )


def _lines(settings: Settings) -> LineQuery | None:
    text = query_text(_said(settings, "line_query"))
    if not text:
        return None
    return LineQuery(
        text=text,
        order=_said(settings, "line_order") or "order_id",
        id=_said(settings, "line_id") or "id",
        columns=columns_of(_said(settings, "line_columns")),
    )


def _said(settings: Settings, name: str) -> str:
    return str(settings.get(name) or "").strip()
