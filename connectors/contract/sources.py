"""What every source offers: who may deliver, and a delivery as records.

Here: the protocol and its dataclasses. Not here: anything that talks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, runtime_checkable
from zoneinfo import ZoneInfo

from connectors.contract.calls import ConnectionReport
from connectors.contract.declared_settings import ConnectionForm
from connectors.contract.schema import KindSchema
from connectors.contract.targets import Settings
from connectors.transport.http import Http


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingRecord:
    """One record as it arrived, already in its canonical form. `stamp` is the source's own
    change stamp.
    """

    kind: str
    external_id: str
    number: str
    stamp: str | None
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowError:
    """One thing wrong at one place of a delivery: `orders!C17` or `order.items[2].qty`."""

    where: str
    value: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """A record that its source deleted, and told nothing of but the id. `status` is the word of
    the source for such a one.
    """

    kind: str
    external_id: str
    status: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A delivery that could be read: its good records, and every error of the others.

    `signature` is told by a source whose scheme signs the body alone: `delivery_id` is then only
    what the caller says, so that an equal signature is a delivery that was here before.
    """

    delivery_id: str
    signature: str = ""
    records: tuple[IncomingRecord, ...]
    errors: tuple[RowError, ...] = ()
    withdrawn: tuple[Withdrawn, ...] = ()
    changed: bool = False
    """It says that something changed there, and not what: the source is to be asked at once."""
    ping: bool = False
    """It only tries whether somebody listens, and nobody signed it: nothing of it is kept but
    that it came.
    """


@dataclass(frozen=True, slots=True)
class SourceRefusal:
    """A delivery that is not let in at all; `status` is the HTTP answer it deserves."""

    status: int
    code: str
    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExampleCall:
    """A signed delivery as a sender makes it: its headers, its body, and in a sentence what the
    signature is made of.
    """

    headers: Mapping[str, str]
    body: bytes
    signed: str


@runtime_checkable
class SignsMore(Protocol):
    """A source whose senders sign more than what arrives: the address that they call, or a setting
    of the connection.
    """

    def bound(self, settings: Settings, address: str) -> "Source":
        """The source as one connection has it, with the address of its webhook."""
        ...


@runtime_checkable
class ShowsExample(Protocol):
    """A source that can show how a delivery to it is signed."""

    def example(self, secret: str, now: datetime, event_id: str) -> ExampleCall:
        """One small delivery, signed with this secret at this moment; `accept` takes it."""
        ...


@runtime_checkable
class Testable(Protocol):
    """A source that can say step by step whether it can be read."""

    def test(self, settings: Settings, secret: str, zone: ZoneInfo, http: Http) -> ConnectionReport:
        """The steps of a test that changes nothing there."""
        ...


class Source(Protocol):
    """Where records come from."""

    @property
    def name(self) -> str:
        """The word in a rule file."""
        ...

    @property
    def form(self) -> ConnectionForm:
        """What is asked of the person who connects it."""
        ...

    @property
    def kinds(self) -> tuple[KindSchema, ...]:
        """The record kinds it delivers."""
        ...

    @property
    def suffixes(self) -> tuple[str, ...]:
        """The file endings that `read` understands."""
        ...

    @property
    def headers(self) -> str:
        """How the headers begin that it signs and names its webhooks with; "" without webhooks."""
        ...

    def accept(
        self,
        headers: Mapping[str, str],
        raw: bytes,
        secrets: Sequence[str],
        now: datetime,
        zone: ZoneInfo,
    ) -> Accepted | SourceRefusal:
        """A delivery from outside: who sent it is proved first, then it is read. `zone` is the
        source's own: a moment has its day there, and one that names no zone is meant so.
        """
        ...

    def read(self, name: str, raw: bytes, zone: ZoneInfo) -> Accepted | SourceRefusal:
        """A file given by somebody who has already signed in; `zone` as above."""
        ...
