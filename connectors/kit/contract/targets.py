"""What every target offers.

Here: the protocol. Not here: what passes through it (calls.py, reports.py), anything that talks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from connectors.kit.contract.calls import Found, OutgoingDocument, Payload, Sent
from connectors.kit.contract.reports import ConnectionReport, Rounding
from connectors.kit.http import Http
from connectors.kit.schema import DocumentSchema

Settings = Mapping[str, object]
Action = Literal["create", "update", "void"]
"""What is done to a document: made, brought to another content, made void."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many calls a minute a target allows (None: it gives no figure), and how many calls one
    document costs at most when it is sent, and when it is looked up.
    """

    per_minute: int | None = None
    to_send: int = 1
    to_look: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """How much one call of a batch carries at most: documents; rows of its sheet, without the
    heading; bytes of the file as it is sent. None: the target gives no figure.
    """

    documents: int
    rows: int | None = None
    bytes: int | None = None


class Target(Protocol):
    """Where documents go."""

    @property
    def name(self) -> str:
        """The word in a rule file."""
        ...

    @property
    def documents(self) -> tuple[DocumentSchema, ...]:
        """The document types it takes."""
        ...

    @property
    def dedupe(self) -> Literal["key", "number", "number+customer", "none"]:
        """By what the target itself refuses a second document."""
        ...

    @property
    def lookup(self) -> Literal["strong", "lagging", "none"]:
        """Whether a look-up can be believed at once."""
        ...

    @property
    def settle_seconds(self) -> float:
        """How long a write may take to show in a look-up."""
        ...

    @property
    def pace(self) -> Pace:
        """How fast it may be called."""
        ...

    @property
    def file_limits(self) -> FileLimits:
        """How much one call of a batch carries at most."""
        ...

    def rows_of(self, document: OutgoingDocument) -> int:
        """How many rows of a file this document takes: 1 at least, and 1 where no file is made."""
        ...

    def rounding(self, settings: Settings) -> Rounding:
        """How it makes a total, as its connection declares it (`rounding_mode`), or as it always
        does.
        """
        ...

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        *,
        batch: bool,
        batch_name: str,
        action: Action = "create",
    ) -> Payload:
        """The call that would do this to these documents. Pure.

        Only what a document's schema lists in `actions` is ever asked, one document at a time.
        """
        ...

    def send(self, payload: Payload, settings: Settings, secret: str, key: str, http: Http) -> Sent:
        """Make the call, once, and say for each document what became of it."""
        ...

    def look_up(
        self,
        document: OutgoingDocument,
        settings: Settings,
        secret: str,
        key: str,
        http: Http,
        *,
        action: Action = "create",
        standing: OutgoingDocument | None = None,
    ) -> Found:
        """Whether it has been done. Changes nothing, may be repeated.

        `equal`: it has: the document stands there, with the new content, or is void. `absent`: it
        has not: nothing stands there, or what we sent last (`standing`) stands unchanged.
        `different`: something else stands there, which a person must see.
        """
        ...

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        ...
