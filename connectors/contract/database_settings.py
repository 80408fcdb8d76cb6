"""Settings that name a database and what is read of it: its address, a query, columns.

Here: reading such a text, or what is wrong with it in a sentence. Not here: whether the database
answers, and that nothing is written there whatever a query says (connectors/sources/sql).

A query is read by rules that hold in every database, so that none reads it otherwise than it was
judged: a sign that means one thing here and another there is refused, also where it does no harm.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final
from urllib.parse import unquote, urlsplit

SYSTEMS: Mapping[str, str] = MappingProxyType(
    {
        "postgresql": "PostgreSQL",
        "mariadb": "MariaDB",
        "mysql": "MySQL",
        "sqlite": "SQLite",
        "mssql": "SQL Server",
    }
)
"""The first word of an address -> what people call the system."""
PORTS: Mapping[str, int] = MappingProxyType(
    {"postgresql": 5432, "mariadb": 3306, "mysql": 3306, "mssql": 1433}
)
FILE: Final = "sqlite"
LONGEST: Final = 20_000
_FORM: Final = "Write it as postgresql://USER@HOST:5432/DATABASE or sqlite:///FILE."
_PASSWORD: Final = "The password does not belong into the address. Paste it as the key."  # noqa: S105
_WRITING: Final = """
alter analyze attach call copy create delete detach do drop exec execute grant insert into load lock
merge pragma rename revoke set truncate update vacuum
"""
_WRITES: Final = frozenset(_WRITING.split())
_TOKEN: Final = re.compile(
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\w+|--|/\*|\s+|.", re.DOTALL
)
_QUOTES: Final = ("'", '"', "`")


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where a database is: of a file only `database`, its path."""

    system: str
    user: str
    host: str
    port: int
    database: str

    @property
    def is_file(self) -> bool:
        """Whether it is a file of this machine."""
        return self.system == FILE

    @property
    def title(self) -> str:
        """What people call the system."""
        return SYSTEMS[self.system]


def address_of(text: str) -> DatabaseAddress | str:
    """The parts of an address, or what is wrong with it; never with a password in the sentence."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
        (parts.hostname or "").encode("idna")
    except ValueError:
        return f"This is not an address of a database. {_FORM}"
    system = parts.scheme.partition("+")[0]
    if system not in SYSTEMS:
        return f"This names no database that is known. {_FORM} Known: {', '.join(SYSTEMS)}."
    if parts.password is not None:
        return _PASSWORD
    if parts.query or parts.fragment:
        return f"The address ends after the database, without options. {_FORM}"
    database = unquote(parts.path[1:])
    if system == FILE:
        good = database and not parts.netloc and "\x00" not in database
        return (
            DatabaseAddress(system, "", "", 0, database) if good else f"It names no file. {_FORM}"
        )
    user, host = unquote(parts.username or ""), parts.hostname or ""
    if not host or not user or not database or "/" in database or port == 0:
        return f"The address lacks user, host or database. {_FORM}"
    return DatabaseAddress(system, user, host, port or PORTS[system], database)


def address_fault(text: str) -> str:
    """What is wrong with an address; blank when nothing is."""
    read = address_of(text)
    return read if isinstance(read, str) else ""


def query_text(text: str) -> str:
    """A query without what may end it."""
    return text.strip().removesuffix(";").rstrip()


def query_fault(text: str) -> str:
    """Why a query is not read; blank where it is one SELECT and nothing else."""
    query = query_text(text)
    if len(query) > LONGEST:
        return f"The query is longer than {LONGEST:,} characters. Make it a view there."
    if ";" in query:
        return "The query holds a semicolon. Give one SELECT and nothing behind it."
    if "\\" in query or "\x00" in query:
        return "The query holds a backslash, which databases read in different ways. Take it out."
    tokens = [one for one in _TOKEN.findall(query) if not one.isspace()]
    bare = [one.lower() for one in tokens if one[0] not in _QUOTES or len(one) == 1]
    if strange := next((one for one in bare if one in ("--", "/*", "#", "$", *_QUOTES)), ""):
        what = "a quotation mark without its other one" if strange in _QUOTES else f"“{strange}”"
        return f"The query holds {what}. Take comments and special quotations out."
    if not bare or bare[0] not in ("select", "with") or tokens[0][0] in _QUOTES:
        return "This is no query that only reads: it does not begin with SELECT or WITH."
    if _hides(tokens):
        return "The query holds a quotation mark in square brackets, or two of them. Take them out."
    if word := next((one for one in bare if one in _WRITES), ""):
        return (
            f"The query says {word.upper()}. It may only read; put a column of that name in quotes."
        )
    return "" if _balanced(bare) else "The brackets of the query do not match. Compare them."


def _hides(tokens: Iterable[str]) -> bool:
    """Whether square brackets are read otherwise where they are quotation marks: there `['] … [']`
    is two names, elsewhere one text.
    """
    inside, before = False, ""
    for one in tokens:
        if (inside and one[0] in _QUOTES) or before == one == "]":
            return True
        inside = one == "[" or (inside and one != "]")
        before = one
    return inside


def _balanced(tokens: Iterable[str]) -> bool:
    """Whether no bracket closes what it did not open, so that a query stays inside its own."""
    depth = 0
    for sign in tokens:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            return False
    return depth == 0


def columns_of(text: str) -> Mapping[str, str]:
    """Column in small letters -> field, of a text that has no fault."""
    return {
        column.strip().lower(): field.strip()
        for column, _, field in (part.partition("=") for part in _parts(text))
    }


def columns_fault(text: str, fields: Iterable[str]) -> str:
    """What is wrong with columns that are given to fields; blank when nothing is."""
    known, taken = list(fields), set[str]()
    for part in _parts(text):
        column, equals, field = (one.strip() for one in part.partition("="))
        if not (column and equals and field):
            return f"“{part[:60]}” is not a column with its field. Write them as order_no = number."
        if field not in known:
            return f"There is no field {field[:60]}. Known: {', '.join(known)}."
        if field in taken:
            return f"The field {field} is filled by two columns. Leave one."
        taken.add(field)
    return ""


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]
