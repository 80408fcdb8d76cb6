"""A PostgreSQL server on which every product of the tests has a database of its own.

Here: making, copying and dropping databases there. Not here: what stands in them (houses.py).
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg


@dataclass(frozen=True)
class Server:
    """The server, by the URL of a database there that stays as it is."""

    url: str
    made: set[str] = field(default_factory=set)

    def url_of(self, name: str) -> str:
        """What a product is told."""
        return f"{self.url.rpartition('/')[0]}/{name}"

    @contextmanager
    def connected(self, name: str) -> Iterator[psycopg.Connection[Any]]:
        """A database itself, for what no user can do; committed when the block ends well."""
        with psycopg.connect(_plain(self.url_of(name))) as found:
            yield found

    def has(self, name: str) -> bool:
        """Whether there is such a database."""
        with psycopg.connect(_plain(self.url)) as found:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            return found.execute(query, (name,)).fetchone() is not None

    def create(self, name: str) -> None:
        """An empty database, instead of what was there before."""
        self._replace(name, f'CREATE DATABASE "{name}"')

    def copy(self, source: str, name: str) -> None:
        """A copy of a database that nobody uses, instead of what was there before."""
        self._replace(name, f'CREATE DATABASE "{name}" TEMPLATE "{source}"')

    def drop(self, name: str) -> None:
        """No such database any more, whoever uses it."""
        with psycopg.connect(_plain(self.url), autocommit=True) as found:
            found.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'.encode())
        self.made.discard(name)

    def _replace(self, name: str, statement: str) -> None:
        self.drop(name)
        with psycopg.connect(_plain(self.url), autocommit=True) as found:
            found.execute(statement.encode())
        self.made.add(name)


def name_for(folder: Path) -> str:
    """The name of a database for what lives in this folder."""
    return f"clearpost_{hashlib.sha256(str(folder).encode()).hexdigest()[:20]}"


def _plain(url: str) -> str:
    """The URL as psycopg itself knows it."""
    return url.replace("+psycopg", "", 1)
