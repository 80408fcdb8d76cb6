"""A source that is asked for what changed there, page by page, instead of being waited for.

Here: the protocol, one page and why there is none, and what every such source asks of who connects
it. Not here: when it is asked and where its cursor is kept (holding/intake/pulls.py).

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

from connectors.contract.declared_settings import Setting
from connectors.contract.sources import IncomingRecord, RowError
from connectors.contract.targets import Settings
from connectors.transport.http import Http

READING = (
    Setting(
        name="pull_minutes",
        label="Ask for changes",
        hint="What a webhook did not bring comes with the next answer. Blank: every 15 minutes.",
        kind="choice",
        choices={
            "5": "Every 5 minutes",
            "15": "Every 15 minutes",
            "60": "Every hour",
            "0": "In the night only",
        },
    ),
    Setting(
        name="sweep_at",
        label="Nightly sweep at",
        hint="When the last days are read once more, by the clock of the source. Blank: 02:30.",
        example="02:30",
        kind="time",
    ),
    Setting(
        name="sweep_days",
        label="Days that the sweep reads",
        hint="How many days back it looks for changes. Blank: 7.",
        example="7",
        kind="whole",
    ),
    Setting(
        name="pull_from",
        label="Changes from this day on",
        hint="Blank: from when it is connected, so that nothing older is posted a second time.",
        example="2026-11-01",
        kind="day",
    ),
)
"""What every source is asked that can be asked for changes."""


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

    `wrong` says what could not be read beside it, such as the payouts of a shop whose orders can
    be; the source goes on telling it until that can be read, too.
    """

    found: Sequence[Pulled]
    after: str
    more: bool
    wrong: "NoPage | None" = None


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

    @property
    def sentence(self) -> str:
        """Why, and what can be done about it."""
        return f"{self.words} {self.hint}".strip()


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
