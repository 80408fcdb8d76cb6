"""What a target with keys that run out can do: exchange what is stored for what lets us in now.

Here: the ability as a protocol. Not here: when it is done and where the new key is kept
(holding/renewal.py). A target without it is called with the key as it was given.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from connectors.kit.contract import Settings
from connectors.kit.http import Http


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """What came of it: a new secret that replaces the stored one, a refusal that only a person can
    mend, or no answer for now.
    """

    kind: Literal["renewed", "refused", "away"]
    words: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"Renewed({self.kind}: {self.words})"


@runtime_checkable
class Renewing(Protocol):
    """A target whose key is good for a while only."""

    def is_due(self, secret: str, now: datetime) -> bool:
        """Whether the stored secret has to be exchanged before the next call."""
        ...

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Whether a refused key may only have ended early, as it was not exchanged just now."""
        ...

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Exchange it, once. What was stored before may be worth nothing afterwards."""
        ...
