"""Test the connection to a shop's database, a step a line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from connectors.contract import ConnectionReport, Settings, Step
from connectors.contract.errors import FILE, SYSTEMS, DatabaseAddress, parse_address
from connectors.contract.schema import FieldSchema
from connectors.sources.sql.connector import (
    ORDER,
    STAMP,
    KindQuery,
    LineQuery,
    fields_by_column,
    queries_of,
)
from connectors.sources.sql.database import Reader, moment_of, open_reader
from connectors.sources.sql.failures import WAYS, Cause, UnansweredError
from connectors.sources.sql.pages import JUST_NOW, SET_BY_THE_SHOP, query_time_fault

FIRST: Final = ("Settings", "Driver", "Reach", "Login", "Read-only")

_STOPS_AT: Final[dict[Cause, int]] = {
    "driver": 1,
    "blocked": 2,
    "away": 2,
    **dict.fromkeys(WAYS, 2),
}

_CODES: Final[dict[Cause, str]] = {"host": "name", "port": "refused", "silent": "timeout"}
"""Codes that all kinds of systems share (kit/reach.py)."""

_AHEAD: Final = timedelta(hours=1)

_INDEX: Final = "Have an index made on it: without one each reading goes through the whole table."

_EXACT: Final = frozenset({"money", "decimal", "quantity"})

_SAMPLE: Final = 200
"""How many rows are checked for a moment later than the cursor."""

_SECOND: Final = timedelta(seconds=1)

_OF_BEGINNING: Final = re.compile("creat|insert|added|placed|ordered|register", re.IGNORECASE)

_SET_WITH_EACH: Final = (
    "Name the column that the shop itself sets with each change. The nightly sweep finds some of"
    " these changes, later."
)

_HARMLESS: Final = frozenset({"SELECT", "USAGE", "SHOW VIEW", "SHOW DATABASES", "PROCESS"})

_GRANT: Final = re.compile(r"GRANT (.*?) ON ", re.DOTALL)

_RIGHTS: Final = """
SELECT CASE
  WHEN (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    'everything, as a superuser'
  WHEN EXISTS (SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'v', 'f')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema')
    AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')
      OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE')))
  THEN 'change rows of tables'
  WHEN EXISTS (SELECT 1 FROM pg_namespace n WHERE left(n.nspname, 3) <> 'pg_'
    AND n.nspname <> 'information_schema' AND has_schema_privilege(n.oid, 'CREATE'))
  THEN 'make tables'
  ELSE '' END
"""


def test(settings: Settings, password: str, zone: ZoneInfo, now: datetime) -> ConnectionReport:
    """Return the steps of the test; the steps after a failed step are not run."""
    queries, address = queries_of(settings), parse_address(str(settings.get("base_url") or ""))
    for setting in (address, queries):
        if isinstance(setting, str):
            hint = "Correct it under Settings."
            step = Step.failed(FIRST[0], setting, hint, "database.settings")
            return ConnectionReport.stopped(FIRST, step, there=False)
    assert not isinstance(address, str)  # noqa: S101 - narrowed above
    assert not isinstance(queries, str)  # noqa: S101 - narrowed above
    kinds = tuple(f"{query.kind.capitalize()}s" for query in queries)
    steps = [Step(FIRST[0], ok=True, words=f"Read: {', '.join(kinds).lower()}.")]
    try:
        with open_reader(address, password, zone) as reader:
            steps += _reached_steps(address)
            steps.append(_read_only(reader))
    except UnansweredError as error:
        return _stopped(steps, address, kinds, error)
    for query in queries:
        steps += _kind_steps(address, password, zone, query, now)
    return ConnectionReport(steps=tuple(steps), snapshot=None)


def _reached_steps(address: DatabaseAddress) -> list[Step]:
    """Return the steps that pass once a transaction was opened."""
    system = SYSTEMS[address.system]
    where = "The file" if address.is_file else address.host
    login = "A file asks for no login." if address.is_file else f"{address.user} was let in."
    return [
        Step(FIRST[1], ok=True, words=f"The driver of {system} is installed."),
        Step(FIRST[2], ok=True, words=f"{where} answers."),
        Step(FIRST[3], ok=True, words=login),
    ]


def _read_only(reader: Reader) -> Step:
    name = FIRST[4]
    if not transaction_reads_only(reader):
        words = "This database cannot be kept from writing by the connection."
        hint = "See that the login may only SELECT: nothing else keeps a query from writing."
        return Step(name, None, words, hint, "database.writable")
    if reader.system == FILE:
        return Step(name, ok=True, words="The file is opened for reading, and nothing else.")
    allowed = writes_allowed(reader)
    if allowed:
        words = f"The connection only reads, but its login may do more: {allowed}."
        hint = "Have a login made that may SELECT from these tables and nothing else."
        return Step(name, None, words, hint, "database.rights")
    return Step(name, ok=True, words="The connection only reads, and its login may do no more.")


def _stopped(
    steps: list[Step], address: DatabaseAddress, kinds: Sequence[str], error: UnansweredError
) -> ConnectionReport:
    """Return the report of a connection that could not be opened."""
    index = _STOPS_AT.get(error.cause, 3) if len(steps) == 1 else 4
    before = (steps[0], *_reached_steps(address)[: index - 1])
    code = (
        f"reach.{_CODES.get(error.cause, error.cause)}"
        if index == _STOPS_AT["away"]
        else f"database.{error.cause}"
    )
    failed = Step.failed(FIRST[index], error.words, error.hint, code)
    is_reached = index > _STOPS_AT["away"]
    return ConnectionReport.stopped((*FIRST, *kinds), *before, failed, there=is_reached)


def _kind_steps(
    address: DatabaseAddress, password: str, zone: ZoneInfo, query: KindQuery, now: datetime
) -> list[Step]:
    """Return the steps of one kind: its columns, its lines' columns, its cursor and its id."""
    title, steps = f"{query.kind.capitalize()}s", list[Step]()
    try:
        with open_reader(address, password, zone) as reader:  # one that failed answers nothing more
            steps.append(_columns(reader, query, f"{title}: columns"))
            if query.lines:
                steps.append(_line_columns(reader, query.lines))
            steps += _inexact(reader, query, f"{title}: amounts")
            steps.append(_cursor(reader, query, f"{title}: cursor", now))
            if steps[-1].ok is not False:
                steps += _unmoved(reader, query, f"{title}: changes", now)
    except UnansweredError as error:
        steps.append(Step.failed(title, error.words, error.hint, f"database.{error.cause}"))
    return steps


def _columns(reader: Reader, query: KindQuery, name: str) -> Step:
    columns = reader.columns(query.text)
    fields = tuple(field for field in query.schema.fields if field.name != STAMP)
    return _fit(name, columns, query.columns, fields, (query.cursor, query.id))


def _fit(
    name: str,
    column_types: dict[str, str],
    field_names: Mapping[str, str],
    fields: tuple[FieldSchema, ...],
    keys: tuple[str, ...],
) -> Step:
    """Check whether the required columns exist, and list which columns are read."""
    missing = [
        f"column {column}" for column in (*field_names, *keys) if column.lower() not in column_types
    ]
    by_field = fields_by_column(field_names, fields).items()
    filled = {field.name: column for column, field in by_field if column in column_types}
    required_names = [
        field.name for field in fields if field.required and field.name not in field_names.values()
    ]
    missing += [f"column for {name}" for name in required_names if name not in filled]
    if missing:
        words = f"The query has no {', no '.join(dict.fromkeys(missing))}."
        hint = (
            f"It has: {', '.join(column_types)}. Correct the query or the columns under Settings."
        )
        return Step.failed(name, words, hint, "database.columns")
    words = f"Read: {', '.join(filled[field.name] for field in fields if field.name in filled)}."
    unread = [
        column
        for column in column_types
        if column not in filled.values() and column not in map(str.lower, keys)
    ]
    hint = f"Not read, for no field is called so: {', '.join(unread)}." if unread else ""
    return Step(name, ok=True, words=words, hint=hint)


def _line_columns(reader: Reader, lines: LineQuery) -> Step:
    columns = reader.columns(lines.text)
    fields = tuple(replace(field, required=False) for field in ORDER.lines)  # pos is counted
    return _fit("Order lines: columns", columns, lines.columns, fields, (lines.order, lines.id))


def _cursor(reader: Reader, query: KindQuery, name: str, now: datetime) -> Step:
    """Check whether reading can continue at a cursor: no blank, no repeated id, an index."""
    for column, meaning in ((query.cursor, "moment"), (query.id, "id")):
        blank = reader.blank(query, column, 1)
        if blank:
            words = f"The column {column} is blank in some rows, which then have no {meaning}."
            hint = "Have the shop fill it in and forbid that it is blank, or leave such rows out."
            return Step.failed(name, words, hint, "database.blank")
    repeated_id = reader.repeated(query)
    if repeated_id is not None:
        words = f"The id {str(repeated_id)[:40]} occurs more than once in {query.id}."
        hint = "Have the query give one row for each; lines have a query of their own."
        return Step.failed(name, words, hint, "database.repeated")
    if fault := _moments(reader, query):
        hint = "Name a column with date and time that each change of a row moves; an id does not."
        return Step.failed(name, fault, hint, "database.cursor")
    newest = moment_of(reader.newest(query), reader.zone)
    oldest = moment_of(reader.oldest(query), reader.zone)
    just_now = oldest is not None and oldest == newest and abs(now - oldest) < JUST_NOW
    if just_now and reader.count(query) > 1:
        return Step.failed(name, query_time_fault(query), SET_BY_THE_SHOP, "database.cursor")
    if newest is not None and newest > now + _AHEAD:
        words = f"The latest {query.cursor} is {newest:%Y-%m-%d %H:%M} UTC, which is yet to come."
        hint = "Compare the time zone of the connection with that of the database."
        return Step(name, None, words, hint, "database.ahead")
    if indexed(reader, query) is False:
        words = f"{query.cursor} and {query.id} fit, but no index on {query.cursor} is used."
        return Step(name, None, words, _INDEX, "database.index")
    words = f"{query.cursor} is never blank, {query.id} never twice; rows of one moment go by id."
    hint = (
        f"No test can see whether each change moves {query.cursor}: ask the shop. Nothing moves it"
        " when a row is deleted: only the nightly sweep finds that."
    )
    return Step(name, ok=True, words=words, hint=hint)


def _inexact(reader: Reader, query: KindQuery, name: str) -> list[Step]:
    """Return a warning that names the amounts and quantities read from binary numbers."""
    read: list[tuple[str, Mapping[str, str], Sequence[FieldSchema]]] = [
        (query.text, query.columns, query.schema.fields)
    ]
    if query.lines:
        read.append((query.lines.text, query.lines.columns, query.schema.lines))
    floats: list[str] = []
    for text, columns, fields in read:
        filled = fields_by_column(columns, tuple(fields))
        exact = {column for column, field in filled.items() if field.type in _EXACT}
        floats += sorted(reader.floats(text) & {column.lower() for column in exact})
    if not floats:
        return []
    names = ", ".join(floats)
    words = f"Binary numbers (FLOAT, DOUBLE, REAL), which are not exact: {names}."
    hint = (
        "Have the shop make them DECIMAL, or round them in the query, as ROUND(CAST(total AS"
        " DECIMAL(18, 6)), 2). A value that is not exact is held."
    )
    return [Step(name, None, words, hint, "database.float")]


def _unmoved(reader: Reader, query: KindQuery, name: str, now: datetime) -> list[Step]:
    """Return a warning where a change of a row does not move the cursor, as far as can be seen."""
    later: set[str] = set()
    for row in reader.latest(query, _SAMPLE):
        moved = moment_of(row.get(query.cursor.lower()), reader.zone)
        for column, value in row.items():
            moment = moment_of(value, reader.zone)
            if moved and moment and moved + _SECOND < moment <= now:
                later.add(column)
    if later:
        columns = ", ".join(sorted(later))
        words = (
            f"Some rows have a later moment in {columns} than in {query.cursor}: a change does not"
            " always move it, and is then not read."
        )
    elif _OF_BEGINNING.search(query.cursor):
        words = f"{query.cursor} looks like the moment of a row's beginning: no change moves it."
    else:
        return []
    return [Step(name, None, words, _SET_WITH_EACH, "database.unmoved")]


def _moments(reader: Reader, query: KindQuery) -> str:
    """Return why the column is no cursor, or blank."""
    if reader.system not in (FILE, "mssql"):
        kind = reader.columns(query.text).get(query.cursor.lower())
        return "" if kind else f"The column {query.cursor} holds something that is not a moment."
    newest = reader.newest(query)
    if newest is None or moment_of(newest, reader.zone) is not None:
        return ""
    return f"The column {query.cursor} holds “{str(newest)[:40]}”, which is not a moment."


def transaction_reads_only(reader: Reader) -> bool:
    """Check whether the database itself confirms that this transaction cannot write."""
    match reader.system:
        case "postgresql":
            return reader.fetch_all("SHOW transaction_read_only") == [("on",)]
        case "mariadb" | "mysql":
            names = reader.fetch_all(
                "SHOW SESSION VARIABLES WHERE Variable_name IN"
                " ('tx_read_only', 'transaction_read_only')"
            )
            return bool(names) and all(value in ("ON", "1") for _, value in names)
        case "sqlite":
            return True  # opened so, and nothing but reading is let through (drivers.py)
        case _:
            return False


def writes_allowed(reader: Reader) -> str:
    """Return what the login may do besides reading, in half a sentence; blank if that is
    unknown.
    """
    match reader.system:
        case "postgresql":
            return str(reader.fetch_all(_RIGHTS)[0][0])
        case "mariadb" | "mysql":
            return _granted([str(row[0]) for row in reader.fetch_all("SHOW GRANTS")])
        case _:
            return ""


def _granted(lines: list[str]) -> str:
    """Return the rights in MariaDB's list that allow more than reading; its passwords are not
    used.
    """
    rights: set[str] = set()
    for line in lines:
        if match := _GRANT.match(line):
            right_names = re.sub(r"\([^)]*\)", "", match[1])
            rights |= {right.strip().upper() for right in right_names.split(",")}
    write_rights = sorted(rights - _HARMLESS - {""})
    return ", ".join(right.lower() for right in write_rights[:5])


def indexed(reader: Reader, query: KindQuery) -> bool | None:
    """Check whether reading from a moment on uses an index; None if the database does not show
    it.
    """
    match reader.system:
        case "postgresql":
            reader.execute("SET LOCAL enable_seqscan = off")
            return any("Index Cond" in str(row) for row in reader.explained("EXPLAIN", query))
        case "mariadb" | "mysql":
            return any(row.get("possible_keys") for row in reader.explained("EXPLAIN", query))
        case "sqlite":
            plan = [str(row) for row in reader.explained("EXPLAIN QUERY PLAN", query)]
            return any("SEARCH" in row and "INDEX" in row for row in plan)
        case _:
            return None
