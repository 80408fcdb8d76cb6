"""Read orders with lines, and settlements of bloggers, from a shop's database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from connectors.contract import (
    Accepted,
    ConnectionForm,
    ConnectionReport,
    KeyField,
    Setting,
    Settings,
    Source,
    SourceRefusal,
)
from connectors.contract.errors import parse_columns, query_fault, query_text
from connectors.contract.pulls import NoPage, Page
from connectors.contract.schema import FieldSchema, KindSchema
from connectors.kit.canonical_record import COMPANY_CODE, orders_of
from connectors.kit.shops.payouts import field_schema
from connectors.transport.http import Http

_ROWS: Final = 200

_MOST_ROWS: Final = 1000

_LATE: Final = 10

_MOST_LATE: Final = 24 * 60  # beyond a day the nightly sweep finds it

NAME: Final = "sql"

STAMP: Final = "updated_at"
"""The field that the cursor column fills: the moment of a row's latest change."""

ORDER = orders_of(
    NAME,
    COMPANY_CODE,
    field_schema("branch", "Branch that sold."),
    field_schema("warehouse", "Warehouse that the goods left."),
    field_schema("registration", "Registration number of the other party."),
    field_schema("refund_status", "The shop's own word for a refund of the order."),
    field_schema("refund_total", "What was given back of the order.", "money"),
)

SETTLEMENT = KindSchema(
    source=NAME,
    kind="settlement",
    fields=(
        field_schema("number", "The number that people know it by.", required=True, longest=50),
        field_schema("status", "The shop's own word, such as approved or paid.", required=True),
        field_schema("blogger", "Key of the blogger."),
        field_schema("blogger_name", "Name of the blogger."),
        COMPANY_CODE,
        field_schema("period", "First and last day, as 2026-11-10/2026-11-16."),
        field_schema("settled_on", "Last day that the settlement is for.", "date"),
        field_schema("paid_at", "Moment at which it was paid. Blank: not yet.", "moment"),
        field_schema(STAMP, "Moment of this state. Of two states the later one counts.", "moment"),
        field_schema(
            "currency", "Three letters, such as MYR. All amounts of the record are in it."
        ),
        field_schema("commission", "What the blogger earned.", "money"),
    ),
)

KINDS: Final = (ORDER, SETTLEMENT)

_CURSOR: Final = (
    "The column with the moment of the latest change. Each change of the row, also a cancel, has to"
    " move it. Blank: as the example."
)

_ID: Final = "The column that tells one row from all others. Blank: as the example."

_COLUMNS: Final = (
    "Columns whose name is not that of their field, with commas. The others go by name."
)

KEY: Final = KeyField(
    label="Password",
    hint="Of a login that may only read. Blank for a file.",
    optional=True,
    steps=(
        "Have a login made in the database that may SELECT from these tables, and nothing else.",
        "Write a query for each kind, or have the shop make a view. It must not drop rows by age.",
        "See that the cursor column has an index, is never blank, and moves with each change.",
        "Save, then test the connection: it tells line by line what fits and what is missing.",
    ),
)


def _query_setting(name: str, label: str, example: str, hint: str) -> Setting:
    return Setting(name=name, label=label, example=example, kind="query", hint=hint)


def _column(name: str, label: str, example: str, hint: str) -> Setting:
    return Setting(name=name, label=label, example=example, hint=hint)


def _columns(name: str, label: str, example: str, fields: tuple[str, ...]) -> Setting:
    return Setting(
        name=name, label=label, example=example, kind="columns", hint=_COLUMNS, fields=fields
    )


def _filled(kind: KindSchema) -> tuple[str, ...]:
    return tuple(field.name for field in kind.fields if field.name != STAMP)


SETTINGS: Final = (
    Setting(
        name="base_url",
        label="Address of the database",
        hint="Without a password. postgresql, mariadb, mysql or sqlite; mssql is not tested.",
        example="postgresql://clearpost_reader@db.example:5432/shop",
        kind="database",
        required=True,
    ),
    _query_setting(
        "order_query",
        "Query of the orders",
        "SELECT * FROM orders",
        "One SELECT with a row for each order. Blank: no orders are read.",
    ),
    _column("order_cursor", "Cursor of the orders", "updated_at", _CURSOR),
    _column("order_id", "Id of the orders", "id", _ID),
    _columns("order_columns", "Columns of the orders", "order_no = number", _filled(ORDER)),
    _query_setting(
        "line_query",
        "Query of the order lines",
        "SELECT * FROM order_items",
        "One SELECT with a row for each line. Blank: orders come without lines.",
    ),
    _column(
        "line_order",
        "Order of a line",
        "order_id",
        "The column of a line with the id of its order. Blank: as the example.",
    ),
    _column("line_id", "Id of the lines", "id", f"{_ID} Lines without pos are numbered by it."),
    _columns(
        "line_columns",
        "Columns of the lines",
        "unit_price = price",
        tuple(field.name for field in ORDER.lines),
    ),
    _query_setting(
        "settlement_query",
        "Query of the settlements",
        "SELECT * FROM blogger_settlements",
        "One SELECT with a row for each settlement of a blogger. Blank: none are read.",
    ),
    _column("settlement_cursor", "Cursor of the settlements", "updated_at", _CURSOR),
    _column("settlement_id", "Id of the settlements", "id", _ID),
    _columns(
        "settlement_columns",
        "Columns of the settlements",
        "amount = commission",
        _filled(SETTLEMENT),
    ),
    Setting(
        name="page_rows",
        label="Rows at once",
        hint="How many rows one query may bring, at most 1000. Blank: 200.",
        example="200",
        kind="whole",
    ),
    Setting(
        name="late_minutes",
        label="Minutes to go back",
        hint="A change may be committed this long after the moment it names, and is still read"
        " with the next changes; the nightly sweep finds later ones. At most 1440. Blank: 10.",
        example="10",
        kind="whole",
    ),
)

FORM: Final = ConnectionForm(
    title="A shop's database (SQL)",
    gives="Orders and settlements, by queries that only read",
    needs="A login of the database that may only read",
    settings=SETTINGS,
    key=KEY,
)


class Sql:
    """The source `sql`."""

    name = NAME
    form = FORM
    kinds: tuple[KindSchema, ...] = KINDS
    suffixes: ClassVar[tuple[str, ...]] = ()
    headers = ""
    calls_a_minute = 60
    lists_back = None

    def accept(
        self,
        headers: Mapping[str, str],  # noqa: ARG002
        raw: bytes,  # noqa: ARG002
        secrets: Sequence[str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """Refuse: a database sends no webhook."""
        words = "Nothing is taken here, because a database is asked and does not call."
        return SourceRefusal(405, "no_webhook", words, "Clearpost reads its changes.")

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,  # noqa: ARG002
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """Refuse: a database has no files."""
        words = "Files are not read as a database."
        return SourceRefusal(415, "no_file", words, "Upload it as a workbook.")

    def listed_kinds(self, settings: Settings) -> tuple[str, ...]:
        """Return the kinds that have a query."""
        return tuple(kind.kind for kind in KINDS if _setting(settings, f"{kind.kind}_query"))

    def begin(self, since: datetime) -> str:
        """Return the cursor of a moment."""
        cursor: str = _module("pages").begin(since)
        return cursor

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """Return the page that follows a cursor."""
        next_page: Page | NoPage = _module("pages").page(cursor, settings, secret, zone, http)
        return next_page

    def test(self, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> ConnectionReport:
        """Test step by step what fits and what does not."""
        report: ConnectionReport = _module("probe").test(settings, secret, zone, http.now())
        return report


def _module(name: str) -> ModuleType:
    """Return a module that queries the database.

    It is loaded on first use, so that a command that lists the fields of a source loads no driver.
    """
    return import_module(f"connectors.sources.sql.{name}")


@dataclass(frozen=True, slots=True)
class LineQuery:
    """The query of the lines, with the columns of their order's id and of their own id."""

    text: str
    order: str
    id: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class KindQuery:
    """The query of one kind. `columns` are the columns that fill a field with another name."""

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
    """Return the queries in the order of the kinds, or why there are none."""
    queries = tuple(
        _kind_query(settings, schema)
        for schema in KINDS
        if _setting(settings, f"{schema.kind}_query")
    )
    if not queries:
        return "No query is set: fill in that of the orders or that of the settlements."
    texts = [query.text for query in queries] + [
        query.lines.text for query in queries if query.lines
    ]
    return next((fault for text in texts if (fault := query_fault(text))), queries)


def _kind_query(settings: Settings, schema: KindSchema) -> KindQuery:
    kind = schema.kind
    return KindQuery(
        schema=schema,
        text=query_text(_setting(settings, f"{kind}_query")),
        cursor=_setting(settings, f"{kind}_cursor") or STAMP,
        id=_setting(settings, f"{kind}_id") or "id",
        columns=parse_columns(_setting(settings, f"{kind}_columns")),
        lines=_lines(settings) if schema is ORDER else None,
    )


def _setting(settings: Settings, name: str) -> str:
    return str(settings.get(name) or "").strip()


def _lines(settings: Settings) -> LineQuery | None:
    text = query_text(_setting(settings, "line_query"))
    if not text:
        return None
    return LineQuery(
        text=text,
        order=_setting(settings, "line_order") or "order_id",
        id=_setting(settings, "line_id") or "id",
        columns=parse_columns(_setting(settings, "line_columns")),
    )


def fields_by_column(
    columns: Mapping[str, str], fields: tuple[FieldSchema, ...]
) -> dict[str, FieldSchema]:
    """Return lower-case column -> field: by the settings, else by the field's name."""
    by_name = {candidate.name: candidate for candidate in fields}
    by_setting = {column: by_name[field] for column, field in columns.items() if field in by_name}
    filled = {field.name for field in by_setting.values()}
    by_own_name = {name: field for name, field in by_name.items() if name not in filled}
    return {**by_own_name, **by_setting}


def rows_at_once(settings: Settings) -> int:
    """Return how many rows of a kind one query may bring."""
    return min(_MOST_ROWS, int(_setting(settings, "page_rows") or _ROWS))


def late_minutes(settings: Settings) -> int:
    """Return how many minutes before its cursor the next pull starts, at most a day.

    Rows in this overlap are read again.
    """
    return min(_MOST_LATE, int(_setting(settings, "late_minutes") or _LATE))


SOURCE: Source = Sql()
