"""What a shop's database delivers, and the settings that say where it is found.

Here: the kinds with their fields, the settings of each. Not here: what a setting may say
(contract/database_settings.py), the queries made of them (queries.py).
"""

from typing import Final

from connectors.contract import KeyField, Setting
from connectors.contract.schema import KindSchema
from connectors.kit.canonical_record import COMPANY_CODE, orders_of
from connectors.kit.shops.kind_fields import field

NAME: Final = "sql"
STAMP: Final = "updated_at"
"""The field that the cursor column fills: the moment of a row's latest change."""

ORDER = orders_of(
    NAME,
    COMPANY_CODE,
    field("branch", "Branch that sold."),
    field("warehouse", "Warehouse that the goods left."),
    field("registration", "Registration number of the other party."),
    field("refund_status", "The shop's own word for a refund of the order."),
    field("refund_total", "What was given back of the order.", "money"),
)
SETTLEMENT = KindSchema(
    source=NAME,
    kind="settlement",
    fields=(
        field("number", "The number that people know it by.", required=True, longest=50),
        field("status", "The shop's own word, such as approved or paid.", required=True),
        field("blogger", "Key of the blogger."),
        field("blogger_name", "Name of the blogger."),
        COMPANY_CODE,
        field("period", "First and last day, as 2026-11-10/2026-11-16."),
        field("settled_on", "Last day that the settlement is for.", "date"),
        field("paid_at", "Moment at which it was paid. Blank: not yet.", "moment"),
        field(STAMP, "Moment of this state. Of two states the later one counts.", "moment"),
        field("currency", "Three letters, such as MYR. All amounts of the record are in it."),
        field("commission", "What the blogger earned.", "money"),
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


def _query(name: str, label: str, example: str, hint: str) -> Setting:
    return Setting(name=name, label=label, example=example, kind="query", hint=hint)


def _column(name: str, label: str, example: str, hint: str) -> Setting:
    return Setting(name=name, label=label, example=example, hint=hint)


def _columns(name: str, label: str, example: str, fields: tuple[str, ...]) -> Setting:
    return Setting(
        name=name, label=label, example=example, kind="columns", hint=_COLUMNS, fields=fields
    )


def _filled(kind: KindSchema) -> tuple[str, ...]:
    return tuple(one.name for one in kind.fields if one.name != STAMP)


SETTINGS: Final = (
    Setting(
        name="base_url",
        label="Address of the database",
        hint="Without a password. postgresql, mariadb, mysql or sqlite; mssql is not tested.",
        example="postgresql://clearpost_reader@db.example:5432/shop",
        kind="database",
        required=True,
    ),
    _query(
        "order_query",
        "Query of the orders",
        "SELECT * FROM orders",
        "One SELECT with a row for each order. Blank: no orders are read.",
    ),
    _column("order_cursor", "Cursor of the orders", "updated_at", _CURSOR),
    _column("order_id", "Id of the orders", "id", _ID),
    _columns("order_columns", "Columns of the orders", "order_no = number", _filled(ORDER)),
    _query(
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
        tuple(one.name for one in ORDER.lines),
    ),
    _query(
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
KEY: Final = KeyField(
    label="Password",
    hint="Of a login that may only read. Blank for a file.",
    optional=True,
    steps=(
        "Have a login made in the database that may SELECT from these tables, and nothing else.",
        "Write a query for each kind, or have the shop make a view of it.",
        "See that the cursor column has an index, is never blank, and moves with each change.",
        "Save, then test the connection: it tells line by line what fits and what is missing.",
    ),
)
