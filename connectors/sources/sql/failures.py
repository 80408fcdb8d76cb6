"""Explain why a database gave no answer: driver codes, a sentence and the next step for each.

A sentence contains neither the password nor the query. From the database's own message only a
missing name is passed on.
"""

import re
from collections.abc import Mapping
from typing import Final, Literal

Cause = Literal[
    "blocked",
    "driver",
    "away",
    "host",
    "port",
    "silent",
    "stranger",
    "login",
    "database",
    "rights",
    "name",
    "query",
    "time",
    "value",
    "long",
    "plain",
    "certificate",
    "other",
]
WAYS: Final[frozenset[Cause]] = frozenset({"host", "port", "silent", "stranger"})
"""Causes that name where the network path to a server ends."""
_OF_STATES: Final[Mapping[str, Cause]] = {
    "28": "login",
    "3D": "database",
    "42501": "rights",
    "42P01": "name",
    "42703": "name",
    "3F000": "name",
    "42": "query",
    "57014": "time",
    "25006": "query",
    "0A": "query",
    "22": "value",
    "08": "away",
    "53": "away",
    "57P": "away",
    "55P03": "time",
}
_OF_NUMBERS: Final[Mapping[int, Cause]] = {
    1045: "login",
    1698: "login",
    1251: "login",
    1044: "rights",
    1049: "database",
    1142: "rights",
    1143: "rights",
    1370: "rights",
    1146: "name",
    1054: "name",
    1060: "query",
    1064: "query",
    1792: "query",
    1969: "time",
    3024: "time",
    1205: "time",
    1040: "away",
    2003: "away",
    2006: "away",
    2013: "away",
}
_SAID: Final[Mapping[Cause, tuple[str, str]]] = {
    "blocked": ("", "Enter an address that may be asked, or ask who runs Clearpost's server."),
    "driver": (
        "The driver of this database is not installed here.",
        "Ask the server's operator to install it (docs/operations/reading-sources.md).",
    ),
    "away": (
        "The database cannot be reached, or does not take connections now.",
        "Ask who runs it whether it is up and lets our outgoing address in.",
    ),
    "host": ("The name of the database was not found.", "Compare the address."),
    "port": (
        "The connection was refused on this port.",
        "Compare the port. If it is right, ask who runs the database to let us in.",
    ),
    "silent": (
        "The database did not answer in time.",
        "A firewall may drop our calls: ask for our outgoing address to be allowed.",
    ),
    "stranger": (
        "What answers there is no database of this kind.",
        "Enter the address of the database, not of a web page or of another system.",
    ),
    "login": (
        "The database does not accept the login.",
        "Compare the user in the address, and enter the password again.",
    ),
    "database": ("There is no such database there.", "Compare the end of the address."),
    "rights": (
        "The login may not read what the query names.",
        "Ask who runs the database to let this login SELECT from these tables.",
    ),
    "name": (
        "The query, the cursor or the id names a table or column that is not there.",
        "Compare the settings with the database.",
    ),
    "query": (
        "The database does not take the query as one that only reads.",
        "Try the query there with the same login, or have the shop make a view of it.",
    ),
    "time": (
        "The query took longer than it may.",
        "Have an index made on the cursor column, or read fewer rows at once.",
    ),
    "value": (
        "The database has a value that it cannot show, or the query reckons with one.",
        "Try the query there with the same login.",
    ),
    "long": (
        "A row of the database is longer than may be read at once.",
        "Name the columns that are needed, or have the shop make a view without long ones.",
    ),
    "plain": (
        "The database asks for the password unencrypted, so it was not sent.",
        "Ask who runs it to let this login in by another way, such as caching_sha2_password.",
    ),
    "certificate": (
        "The database shows a certificate that is not trusted, or that names another host.",
        "Compare the host; who runs Clearpost's server can name certificates to trust.",
    ),
    "other": (
        "The database broke off without an answer that is known here.",
        "Test the connection; ask who runs the database if it stays so.",
    ),
}
_TIMED_OUT: Final = "timed out"
_NAMED: Final = re.compile(
    r"(?:relation|column|table|[Tt]able|[Uu]nknown column|no such (?:table|column):) "
    r"[\"'`]?([\w.]{1,80})[\"'`]?"
)


class UnansweredError(Exception):
    """The database gave no answer; `words` and `hint` are for people."""

    def __init__(self, cause: Cause, words: str = "", hint: str = "") -> None:
        usual_words, usual_hint = _SAID[cause]
        self.cause: Cause = cause
        self.words = words or usual_words
        self.hint = hint or usual_hint
        super().__init__(self.words)


class TooLongError(UnansweredError):
    """A row, or all rows of a page, are longer than may be read at once."""

    def __init__(self, words: str = "", hint: str = "") -> None:
        super().__init__("long", words, hint)


def unanswered(error: BaseException, *, connecting: bool = False) -> UnansweredError:
    """Return the meaning of a driver's error. Only a missing name of its text is shown."""
    cause = _cause(error, connecting=connecting)
    if connecting and any(sign in str(error).lower() for sign in _OF_WAYS["certificate"]):
        cause = "certificate"
    if cause == "long":
        return TooLongError()
    words = ""
    if connecting and cause == "rights":  # so MariaDB says it to a login that has no rights at all
        words = "There is no such database there, or the login may not open it."
        return UnansweredError("database", words)
    if cause == "name" and (match := _NAMED.search(str(error))):
        words = f"The database knows no {match[1]}."
    return UnansweredError(cause, words)


def _cause(error: BaseException, *, connecting: bool) -> Cause:
    first = error.args[0] if error.args else None
    if isinstance(first, int):  # MariaDB's numbers say more than its states
        if connecting and _TIMED_OUT in str(error).lower():
            return "silent"
        return _OF_NUMBERS.get(first, "away" if connecting else "other")
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        prefix = next((state[:size] for size in (5, 3, 2) if state[:size] in _OF_STATES), "")
        return _OF_STATES[prefix] if prefix else "other"
    text = str(error).lower()
    for cause, signs in (_OF_WAYS if connecting else _OF_TEXTS).items():
        if any(sign in text for sign in signs):
            return cause
    return "away" if connecting else "other"


def unreached(cause: Cause, system: str, host: str, port: int) -> UnansweredError:
    """Return why a server cannot be reached, with its host and port."""
    match cause:
        case "host":
            return UnansweredError(cause, f"The name {host} was not found.")
        case "port":
            return UnansweredError(cause, f"{host} refused the connection on port {port}.")
        case "silent":
            return UnansweredError(cause, f"{host} did not answer in time.")
        case "stranger":
            return UnansweredError(cause, f"{host} answers on port {port}, and is no {system}.")
        case _:
            return UnansweredError(cause)


def network_cause(error: BaseException) -> Cause:
    """Return the cause of a network error while a connection is opened."""
    if isinstance(error, ConnectionRefusedError):
        return "port"
    return "silent" if isinstance(error, TimeoutError) else "away"


_OF_TEXTS: Final[Mapping[Cause, tuple[str, ...]]] = {
    "time": ("interrupted", "timeout", "timed out"),
    "name": ("no such table", "no such column"),
    "login": (
        "authentication failed",
        "password supplied",
        "pg_hba.conf",
        'role "',
        "login failed",
    ),
    "database": ('database "',),
    "query": ("syntax error", "readonly", "not authorized", "prohibited", "incomplete input"),
    "long": ("too big",),
    "value": ("could not decode", "can't load", "too large", "out of range"),
}
"""Where a driver has no codes: SQLite, and PostgreSQL before there is a connection."""
_OF_WAYS: Final[Mapping[Cause, tuple[str, ...]]] = {
    "certificate": ("certificate verify", "match host"),
    "stranger": ("negotiation", "but received"),
    "port": ("connection refused",),
    "silent": ("timeout expired", "timed out"),
    **_OF_TEXTS,
}
"""Signs of errors while a connection is opened, where PostgreSQL has no codes yet."""
