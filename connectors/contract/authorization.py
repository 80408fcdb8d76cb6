"""Targets that a person allows on pages of their own (OAuth 2, authorization code).

Here: the protocol, and what comes of each step. Not here: who may begin it, what is kept meanwhile
(holding/connections/authorization.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from connectors.contract.targets import Settings
from connectors.transport.http import Http


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """What the browser brought back: our own word `state`, a code that works once, the company
    that was chosen; or why there is no code (`error`): `denied` where the person declined.
    """

    state: str = ""
    code: str = ""
    company: str = ""
    error: str = ""
    denied: bool = False

    def __repr__(self) -> str:
        return f"Returned(company {self.company}, error {self.error!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Granted:
    """What a code was exchanged for: a whole key, a refusal of the code or of the app itself, or no
    answer for now. `words` are for people and name no secret.
    """

    kind: Literal["granted", "code_refused", "app_refused", "away"]
    words: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"Granted({self.kind}: {self.words})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """What came of taking a permission back: done, not known there any more, refused, or no
    answer for now.
    """

    kind: Literal["revoked", "unknown", "refused", "away"]
    words: str


@runtime_checkable
class Authorizing(Protocol):
    """A target whose key a person gives by allowing it on the target's own pages."""

    @property
    def authorizes(self) -> str:
        """What the button calls the system."""
        ...

    def app_secret(self, secret: str) -> str:
        """The part of a stored key that is the app's own; blank where it has none."""
        ...

    def lacks_permission(self, secret: str) -> bool:
        """Whether a key is the app's own part alone: nothing can be called with it yet."""
        ...

    def authorization_address(self, settings: Settings, *, state: str, back: str) -> str:
        """Where the browser goes; it comes back to `back`, exactly, with `state`."""
        ...

    def returned(self, query: Mapping[str, str]) -> Returned:
        """What a browser that came back brings with its address."""
        ...

    def exchange(
        self, settings: Settings, secret: str, *, code: str, back: str, http: Http
    ) -> Granted:
        """Exchange the code, once. `secret` is the app's own part, `back` as it was sent there."""
        ...

    def revoke(self, settings: Settings, secret: str, http: Http) -> Revoked:
        """Take back there what the key allows."""
        ...
