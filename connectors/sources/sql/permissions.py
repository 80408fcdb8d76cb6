"""What a database lets us do, and how it would read a page.

Here: questions to each system about itself. Not here: the steps of a test (probe.py).
"""

import re
from typing import Final

from connectors.sources.sql.database import Reader
from connectors.sources.sql.queries import KindQuery

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


def transaction_reads_only(reader: Reader) -> bool:
    """Whether the database itself says that this transaction cannot write."""
    match reader.system:
        case "postgresql":
            return reader.told("SHOW transaction_read_only") == [("on",)]
        case "mariadb" | "mysql":
            names = reader.told(
                "SHOW SESSION VARIABLES WHERE Variable_name IN"
                " ('tx_read_only', 'transaction_read_only')"
            )
            return bool(names) and all(value in ("ON", "1") for _, value in names)
        case "sqlite":
            return True  # opened so, and nothing but reading is let through (drivers.py)
        case _:
            return False


def writes_allowed(reader: Reader) -> str:
    """What the login may do besides reading, in half a sentence; blank where nothing is known."""
    match reader.system:
        case "postgresql":
            return str(reader.told(_RIGHTS)[0][0])
        case "mariadb" | "mysql":
            return _granted([str(row[0]) for row in reader.told("SHOW GRANTS")])
        case _:
            return ""


def indexed(reader: Reader, query: KindQuery) -> bool | None:
    """Whether reading from a moment on uses an index; None where the database does not say."""
    match reader.system:
        case "postgresql":
            reader.says("SET LOCAL enable_seqscan = off")
            return any("Index Cond" in str(row) for row in reader.explained("EXPLAIN", query))
        case "mariadb" | "mysql":
            return any(row.get("possible_keys") for row in reader.explained("EXPLAIN", query))
        case "sqlite":
            plan = [str(row) for row in reader.explained("EXPLAIN QUERY PLAN", query)]
            return any("SEARCH" in row and "INDEX" in row for row in plan)
        case _:
            return None


def _granted(lines: list[str]) -> str:
    """Rights of MariaDB's own list that do more than read; its passwords are not touched."""
    rights: set[str] = set()
    for line in lines:
        if found := _GRANT.match(line):
            named = re.sub(r"\([^)]*\)", "", found[1])
            rights |= {one.strip().upper() for one in named.split(",")}
    more = sorted(rights - _HARMLESS - {""})
    return ", ".join(one.lower() for one in more[:5])
