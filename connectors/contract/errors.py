"""Define the ten error classes, and the settings of a database connection.

An error class defines who handles an error, what it means, and when a retry makes sense.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, get_args
from urllib.parse import unquote, urlsplit

from grammar.text.finding_codes import ErrorClass

ERROR_CLASSES: tuple[ErrorClass, ...] = get_args(ErrorClass)


class FailureWord(StrEnum):
    """The plain words for why a call failed; each error class belongs to exactly one word."""

    MISSING = "missing"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    DUPLICATED = "duplicated"
    NOT_AUTHORIZED = "not authorized"


FAILURE_WORDS: Mapping[ErrorClass, FailureWord] = MappingProxyType(
    {
        "missing_field": FailureWord.MISSING,
        "mapping_missing": FailureWord.MISSING,
        "temporary": FailureWord.UNAVAILABLE,
        "uncertain": FailureWord.UNAVAILABLE,  # no clear answer was to be had
        "bad_value": FailureWord.REJECTED,
        "stale_version": FailureWord.REJECTED,
        "period_locked": FailureWord.REJECTED,
        "business_rule": FailureWord.REJECTED,
        "duplicate": FailureWord.DUPLICATED,
        "authorization_failed": FailureWord.NOT_AUTHORIZED,
    }
)

CLASS_LABELS: Mapping[ErrorClass, str] = MappingProxyType(
    {
        "missing_field": "Required field missing",
        "mapping_missing": "Mapping missing",
        "temporary": "Temporary problem",
        "uncertain": "Unconfirmed",
        "bad_value": "Value not valid",
        "stale_version": "Changed after posting",
        "period_locked": "Period locked",
        "business_rule": "Rule not met",
        "duplicate": "Possible duplicate",
        "authorization_failed": "Connection not authorised",
    }
)
"""How people call a class. The code is what files, exports and the interface say."""

APPROVAL_LABEL = "Approval needed"
"""A rule asks for it; none is broken."""

_AFTER_RECORD = "a new version of the record, a mapping entry or the rules"


class RetryWay(StrEnum):
    """What must happen before a failed call is repeated, by its error class."""

    AUTOMATIC = "automatic"
    LOOK_UP_FIRST = "look_up_first"
    AFTER_CHANGE = "after_change"
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryRule:
    """What people read about a class, and what must happen before a retry.

    The budget applies to automatic retries and to retries after a lookup.
    """

    owner: str
    cause: str
    action: str
    retry: RetryWay
    ends_by: str
    pauses: tuple[float, ...] = ()
    tries: int | None = None
    budget_hours: int | None = None


RETRY: Mapping[ErrorClass, RetryRule] = MappingProxyType(
    {
        "missing_field": RetryRule(
            owner="operations",
            cause="A field that the document needs is blank.",
            action="Complete the record in the system it comes from.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by=_AFTER_RECORD,
        ),
        "bad_value": RetryRule(
            owner="operations",
            cause="A value is present but not valid.",
            action="Correct the record in the system it comes from.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by=_AFTER_RECORD,
        ),
        "mapping_missing": RetryRule(
            owner="finance",
            cause="A value is not mapped to a code in the accounting system.",
            action="Add the mapping; all records that wait for it are checked again together.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by="the mapping entry, or the code made known in the accounting system",
        ),
        "authorization_failed": RetryRule(
            owner="admin",
            cause="The accounting system did not accept the key, its permissions or the company.",
            action="Renew the key or its permissions, then test the connection.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by="a new key, or a connection test that passes",
        ),
        "duplicate": RetryRule(
            owner="finance",
            cause="The document may already be in the accounting system.",
            action="Compare both before anything is sent again.",
            retry=RetryWay.NEVER,
            ends_by="a person's decision",
        ),
        "stale_version": RetryRule(
            owner="finance",
            cause="The document in the accounting system does not match the latest version of "
            "the record.",
            action="Correct the document in the accounting system, then have it checked again.",
            retry=RetryWay.NEVER,
            ends_by="a person's decision",
        ),
        "period_locked": RetryRule(
            owner="finance",
            cause="The accounting period of the document's date is closed.",
            action="Open the period, or agree on another date.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by="the period opened, or another document date",
        ),
        "temporary": RetryRule(
            owner="system",
            cause="The accounting system is busy or not responding.",
            action="Nothing: it is retried automatically.",
            retry=RetryWay.AUTOMATIC,
            ends_by="time",
            pauses=(2.0, 900.0),
            tries=12,
            budget_hours=24,
        ),
        "uncertain": RetryRule(
            owner="system",
            cause="No clear answer came, so the document may or may not have arrived.",
            action="No action needed: Clearpost looks the document up before sending again.",
            retry=RetryWay.LOOK_UP_FIRST,
            ends_by="the look-up",
            pauses=(5.0, 15.0, 30.0, 60.0, 120.0, 600.0),
            budget_hours=24,
        ),
        "business_rule": RetryRule(
            owner="approver",
            cause="A rule is not met.",
            action="Decide: release, reject, or have the rule or the record changed.",
            retry=RetryWay.AFTER_CHANGE,
            ends_by="a rule, the record or an approval changed",
        ),
    }
)

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


def failure_word(error_class: str) -> FailureWord:
    """Return the plain word of a stored error class."""
    return next(word for name, word in FAILURE_WORDS.items() if name == error_class)


def class_label(error_class: str, approval: bool = False) -> str:
    """Return the label of a stored error class.

    >>> class_label("mapping_missing"), class_label("business_rule", True)
    """
    if approval:
        return APPROVAL_LABEL
    return next(label for name, label in CLASS_LABELS.items() if name == error_class)


def classes_with_word(word: FailureWord) -> tuple[ErrorClass, ...]:
    """Return the error classes that belong to a plain word."""
    return tuple(name for name, class_word in FAILURE_WORDS.items() if class_word is word)


@dataclass(frozen=True, slots=True)
class DatabaseAddress:
    """Where a database is; for a file, only `system` and `database`, its path, are set."""

    system: str
    user: str
    host: str
    port: int
    database: str

    @property
    def is_file(self) -> bool:
        """Whether the database is a file on this machine."""
        return self.system == FILE

    @property
    def title(self) -> str:
        """The system's name as people use it."""
        return SYSTEMS[self.system]


def parse_address(text: str) -> DatabaseAddress | str:
    """Return the parts of a database address, or a sentence that explains the fault.

    The sentence never contains a password.
    """
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
    """Return the fault of a database address, or blank."""
    address_or_fault = parse_address(text)
    return address_or_fault if isinstance(address_or_fault, str) else ""


def query_text(text: str) -> str:
    """Return a query without trailing semicolon and blanks."""
    return text.strip().removesuffix(";").rstrip()


def query_fault(text: str) -> str:
    """Return why a query is refused; blank if it is exactly one SELECT."""
    query = query_text(text)
    if len(query) > LONGEST:
        return f"The query is longer than {LONGEST:,} characters. Make it a view there."
    if ";" in query:
        return "The query holds a semicolon. Give one SELECT and nothing behind it."
    if "\\" in query or "\x00" in query:
        return "The query holds a backslash, which databases read in different ways. Take it out."
    tokens = [token for token in _TOKEN.findall(query) if not token.isspace()]
    bare = [token.lower() for token in tokens if token[0] not in _QUOTES or len(token) == 1]
    if bad_token := next(
        (token for token in bare if token in ("--", "/*", "#", "$", *_QUOTES)), ""
    ):
        description = (
            "a quotation mark without its other one" if bad_token in _QUOTES else f"“{bad_token}”"
        )
        return f"The query holds {description}. Take comments and special quotations out."
    if not bare or bare[0] not in ("select", "with") or tokens[0][0] in _QUOTES:
        return "This is no query that only reads: it does not begin with SELECT or WITH."
    if _has_ambiguous_brackets(tokens):
        return "The query holds a quotation mark in square brackets, or two of them. Take them out."
    if word := next((token for token in bare if token in _WRITES), ""):
        return (
            f"The query says {word.upper()}. It may only read; put a column of that name in quotes."
        )
    return (
        ""
        if _has_balanced_brackets(bare)
        else "The brackets of the query do not match. Compare them."
    )


def _has_ambiguous_brackets(tokens: Iterable[str]) -> bool:
    """Check whether databases could disagree about what the square brackets quote.

    Where brackets are quotation marks, `['] … [']` is two names; elsewhere it is one text.
    """
    inside, previous = False, ""
    for word in tokens:
        if (inside and word[0] in _QUOTES) or previous == word == "]":
            return True
        inside = word == "[" or (inside and word != "]")
        previous = word
    return inside


def _has_balanced_brackets(tokens: Iterable[str]) -> bool:
    """Check whether every bracket closes one that the query opened.

    An unmatched bracket could end the subquery into which the reader puts the query.
    """
    depth = 0
    for sign in tokens:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            return False
    return depth == 0


def parse_columns(text: str) -> Mapping[str, str]:
    """Return lower-case column -> field, for a text without faults."""
    return {
        column.strip().lower(): field.strip()
        for column, _, field in (part.partition("=") for part in _parts(text))
    }


def _parts(text: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]


def columns_fault(text: str, fields: Iterable[str]) -> str:
    """Return the fault of a list such as `order_no = number`, or blank."""
    field_names, filled_fields = list(fields), set[str]()
    for part in _parts(text):
        column, equals, field = (cell.strip() for cell in part.partition("="))
        if not (column and equals and field):
            return f"“{part[:60]}” is not a column with its field. Write them as order_no = number."
        if field not in field_names:
            return f"There is no field {field[:60]}. Known: {', '.join(field_names)}."
        if field in filled_fields:
            return f"The field {field} is filled by two columns. Leave one."
        filled_fields.add(field)
    return ""
