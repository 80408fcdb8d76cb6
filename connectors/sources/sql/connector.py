"""A shop's database: orders with their lines and settlements of bloggers, by queries.

Here: what the source offers. Not here: the queries of the settings (queries.py), asking page by
page (pages.py), the connection test (probe.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib import import_module
from types import ModuleType
from typing import ClassVar, Final
from zoneinfo import ZoneInfo

from connectors.contract import (
    Accepted,
    ConnectionForm,
    ConnectionReport,
    Settings,
    Source,
    SourceRefusal,
)
from connectors.contract.pulls import NoPage, Page
from connectors.contract.schema import KindSchema
from connectors.sources.sql.kinds import KEY, KINDS, NAME, SETTINGS
from connectors.transport.http import Http

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

    def accept(
        self,
        headers: Mapping[str, str],  # noqa: ARG002
        raw: bytes,  # noqa: ARG002
        secrets: Sequence[str],  # noqa: ARG002
        now: datetime,  # noqa: ARG002
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """Nothing: a database sends no webhook."""
        words = "Nothing is taken here, because a database is asked and does not call."
        return SourceRefusal(405, "no_webhook", words, "Clearpost reads its changes.")

    def read(
        self,
        name: str,  # noqa: ARG002
        raw: bytes,  # noqa: ARG002
        zone: ZoneInfo,  # noqa: ARG002
    ) -> Accepted | SourceRefusal:
        """Nothing: there are no files of it."""
        words = "Files are not read as a database."
        return SourceRefusal(415, "no_file", words, "Upload it as a workbook.")

    def begin(self, since: datetime) -> str:
        """The cursor of a moment."""
        begun: str = _module("pages").begin(since)
        return begun

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """What follows a cursor."""
        told: Page | NoPage = _module("pages").page(cursor, settings, secret, zone, http)
        return told

    def test(self, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> ConnectionReport:
        """What fits and what does not, a step a line."""
        told: ConnectionReport = _module("probe").test(settings, secret, zone, http.now())
        return told


def _module(name: str) -> ModuleType:
    """A module that asks the database. It is loaded when one is asked: a command that only wants to
    know the fields of a source waits for no driver.
    """
    return import_module(f"connectors.sources.sql.{name}")


SOURCE: Source = Sql()
