"""The key that a source is asked with, where keys of that source run out.

Here: exchanging it in time, and once more where it ended early. Not here: the exchange itself
(holding/connections/key_renewal.py), the asking (holding/intake/pulls.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from connectors.contract.pulls import NoPage, Page, Pulls
from connectors.contract.targets import Renewing
from connectors.transport.clock import Clock
from connectors.transport.http import Http
from holding.access.secrets import Keys
from holding.connections.key_renewal import renew
from holding.store.database import Database

_BY_ANOTHER = timedelta(seconds=5)
_HINT = "Give the connection a new key: its page says where it comes from."


@dataclass(frozen=True, slots=True)
class Later:
    """No page now and nothing wrong: it is asked again after this while."""

    after: timedelta


@dataclass(frozen=True, slots=True)
class KeyUse:
    """The key of one source, and what exchanges it."""

    database: Database
    clock: Clock
    source: Pulls
    connection_id: int
    http: Http
    keys: Keys

    def asked(self, secret: str, ask: Callable[[str], Page | NoPage]) -> Page | NoPage | Later:
        """What `ask` finds with a key that lasts."""
        source = self.source
        if not isinstance(source, Renewing):
            return ask(secret)
        if source.is_due(secret, self.clock.now()):
            found = self._exchanged(at_once=False)
            return ask(found) if isinstance(found, str) else found
        page = ask(secret)
        refused = isinstance(page, NoPage) and page.key_refused
        if not refused or not source.may_be_over(secret, self.clock.now()):
            return page
        found = self._exchanged(at_once=True)
        return Later(timedelta(0)) if isinstance(found, str) else found

    def _exchanged(self, *, at_once: bool) -> str | NoPage | Later:
        told = renew(
            self.database,
            self.clock,
            self.connection_id,
            http=self.http,
            keys=self.keys,
            at_once=at_once,
        )
        if told is None:
            return Later(_BY_ANOTHER)
        if told.kind == "renewed":
            return told.secret
        return NoPage(words=told.words, hint=_HINT if told.kind == "refused" else "")
