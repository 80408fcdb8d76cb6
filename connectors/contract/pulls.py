"""A source that is asked for what changed there, page by page, instead of being waited for.

Here: the protocol, one page, and why there is none. Not here: when it is asked and where its cursor
is kept (holding/intake/pulls.py).

A cursor is a text that only its source understands: a place in the order in which its records
changed. It is kept with the records of its page in one transaction, so that a worker that dies goes
on where the last whole page ended. A page may show again what an earlier one showed; what is known
already makes no version. So a source goes back a little rather than leave something out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from connectors.contract.sources import IncomingRecord, RowError
from connectors.contract.targets import Settings
from connectors.transport.http import Http


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """One thing of a page as the source wrote it: its records, or what is wrong with it.

    `raw` is JSON, and is kept where any of its records is new. One order may be several records:
    itself and what was refunded of it.
    """

    raw: bytes
    records: tuple[IncomingRecord, ...] = ()
    errors: tuple[RowError, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What the source showed. `after` is the cursor to go on from: at once where there is `more`,
    else at the next reading, for which it lies a little back already.
    """

    found: Sequence[Pulled]
    after: str
    more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NoPage:
    """Why there is no page now, in a sentence for people, and what they can do about it.

    The source wants to be left alone for `pause` seconds, where it says so.
    """

    words: str
    hint: str = ""
    pause: float | None = None
    key_refused: bool = False
    """It did not accept our key, which may have ended early where it is exchanged for others."""


@runtime_checkable
class Pulls(Protocol):
    """A source that can be asked."""

    @property
    def calls_a_minute(self) -> int:
        """How often it may be asked in a minute; a connection may set less."""
        ...

    def begin(self, since: datetime) -> str:
        """The cursor from which everything shows that changed at this moment or later."""
        ...

    def page(
        self, cursor: str, settings: Settings, secret: str, zone: ZoneInfo, http: Http
    ) -> Page | NoPage:
        """What follows a cursor, the oldest change first. One call, or few; changes nothing there.

        `settings` name the address (`base_url`), `secret` is the connection's newest.
        """
        ...
