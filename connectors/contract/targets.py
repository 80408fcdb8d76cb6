"""Define what every target offers, and the protocols that only some targets implement."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, Protocol, runtime_checkable

from connectors.contract.calls import (
    Action,
    Answer,
    ConnectionReport,
    Found,
    ItemSetup,
    OutgoingDocument,
    Payload,
    Question,
    Rounding,
    Sent,
    Stands,
)
from connectors.contract.schema import ConnectionForm, DocumentSchema, Setting
from connectors.transport.http import Http

Settings = Mapping[str, object]

Listed = Literal["customer", "vendor", "item", "invoice", "bill"]

READ: Final = "lists_read"

READ_AT: Final = "lists_read_at"

NIGHTLY, WEEKLY, OFF = "nightly", "weekly", "off"

USUAL_HOUR: Final = "01:30"

SETTINGS: Final = (
    Setting(
        name=READ,
        label="Read customers, suppliers, items and unpaid documents",
        hint="Values of mappings are chosen from these lists and compared with them; payments are"
        " compared with what is unpaid.",
        kind="choice",
        choices={NIGHTLY: "Every night", WEEKLY: "Once a week", OFF: "Only when asked"},
        unset="Not set: every night",
    ),
    Setting(
        name=READ_AT,
        label="Hour at which they are read",
        hint=f"In the time zone of the company. Blank: {USUAL_HOUR}.",
        example=USUAL_HOUR,
        kind="time",
    ),
)
"""Of every target that lists something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many calls a target allows a minute and `at_once` (None: it gives no figure), and what
    one document costs at most, sent or looked up; what a batch counts for, if not as one document.
    `counted_by` is the setting that names the account there whose calls are counted together,
    `more_where` are settings that cost a document more calls, where they are made.
    """

    per_minute: int | None = None
    to_send: int = 1
    to_look: int = 1
    to_batch: int | None = None
    at_once: int | None = None
    counted_by: str = ""
    more_where: tuple[tuple[str, int], ...] = ()

    def sending(self, settings: Settings) -> int:
        """What one document costs at most to be sent, with these settings."""
        return self.to_send + sum(calls for name, calls in self.more_where if settings.get(name))


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """How much one call of a batch carries at most: documents; rows of its sheet without the
    heading; bytes of the file as sent. None: no figure is given.
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
    def form(self) -> ConnectionForm:
        """What is asked of the person who connects it."""
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
        """How it makes a total, as its connection says (`rounding_mode`), or as it always does."""
        ...

    def build(
        self,
        documents: Sequence[OutgoingDocument],
        settings: Settings,
        *,
        batch: bool,
        batch_name: str,
        action: Action = "create",
    ) -> Payload:
        """The call that would do this to these documents, in the books of this connection. Pure.
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

        `equal`: it has: the document is there, with the new content, or is void. `absent`: it
        has not: nothing is there, or what we sent last (`standing`) is unchanged.
        `different`: something else is there, which a person must see.
        """
        ...

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Try the connection without writing."""
        ...


@runtime_checkable
class Prechecking(Protocol):
    """A target whose connector checks a document against known limits without a call."""

    @property
    def documents(self) -> tuple[DocumentSchema, ...]:
        """The document types it takes."""
        ...

    def refusal(
        self, document: OutgoingDocument, settings: Settings, action: Action
    ) -> Answer | None:
        """Return why this document could never be sent, or None. Pure."""
        ...


@runtime_checkable
class LooksTogether(Protocol):
    """A target that tells of many documents in few calls whether they have been done."""

    def look_up_together(
        self, questions: Sequence[Question], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """For each question, in their order, what `look_up` would say of it alone."""


@runtime_checkable
class Deferring(Protocol):
    """A target that takes a call in, and makes it later: it is asked again what became of it.

    An answer `awaiting`, and a look-up that is `unknown` because the target has not made it yet,
    have as `target_ref` the ticket by which it is asked again. A call without an answer may lie
    there, too: that its document is not found proves too little, so only a person sends it again.
    """

    def ask_again(
        self, document: OutgoingDocument, ticket: str, settings: Settings, secret: str, http: Http
    ) -> Found:
        """What became of the create or the look-up of this document that has this ticket.

        `unknown` with a ticket: it is not done, ask again by that one; without: nobody could say,
        and this one is still good. Otherwise as a look-up says it. Changes nothing.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """What came of it: a new secret that replaces the stored one, a refusal that only a person can
    mend, or no answer for now. `hint` is what that person does, where there is more to say than
    that a new key is needed.
    """

    kind: Literal["renewed", "refused", "away"]
    words: str
    secret: str = ""
    hint: str = ""

    def __repr__(self) -> str:
        return f"Renewed({self.kind}: {self.words})"


@runtime_checkable
class Renewing(Protocol):
    """A target or a source whose key is good for a while only."""

    def is_due(self, secret: str, now: datetime) -> bool:
        """Whether the stored secret has to be exchanged before the next call."""
        ...

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Whether a refused key may only have ended early, as it was not exchanged just now."""
        ...

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Exchange it, once. What was stored before may be worth nothing afterwards."""
        ...


@runtime_checkable
class BuildsFromLists(Protocol):
    """A target whose documents name entries of its own lists by ids that rules do not know."""

    @property
    def built_with(self) -> tuple[str, ...]:
        """The kinds of listed entries that `build` reads from its settings (kit/calls.py)."""
        ...


@runtime_checkable
class Readable(Protocol):
    """A target that shows posted documents."""

    @property
    def read_at_once(self) -> int:
        """How many documents one call shows at most."""
        ...

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """What the target has for each of these documents as they were sent last, in their order.
        Changes nothing. `absent` is told only where nothing of that number is there.
        """
        ...


@runtime_checkable
class ListsCalls(Protocol):
    """A target whose history lists the calls that a company accepted."""

    def lists_call(
        self, key: str, answer: bytes, settings: Settings, secret: str, http: Http
    ) -> bool | None:
        """Return whether the history of the connection's company lists the call with this key.

        `answer` is the target's answer to that call. Return None if the target does not list calls
        of that kind, or if the history could not be read. Nothing is changed in the target.
        """
        ...


@runtime_checkable
class ReadsLater(Protocol):
    """A target whose `read` may be answered later: `unknown` then, with a ticket to ask by."""

    def read_later(
        self,
        documents: Sequence[OutgoingDocument],
        ticket: str,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> tuple[Found, ...]:
        """The same of documents of that reading; `unknown` without a ticket, to be read again."""


@runtime_checkable
class TellsChanges(Protocol):
    """A target that tells in one call which documents were changed since a moment."""

    @property
    def changes_reach(self) -> timedelta:
        """How far back it tells."""
        ...

    def changed(
        self,
        documents: Collection[str],
        since: datetime,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> frozenset[str] | Found:
        """The references there of all documents of these types that were made, changed, made void
        or deleted since. `unknown` when nobody can say now, and where those are more than it tells
        at once. Changes nothing.
        """
        ...


@runtime_checkable
class Searchable(Protocol):
    """A target that can be searched for documents under other numbers."""

    def alike(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> tuple[Stands, ...] | Found:
        """Live documents there of the same party and amount and about the same day, whatever their
        number. `unknown` when nobody can say now; `different` when it has so many
        documents that a person must look. Changes nothing.
        """
        ...


@dataclass(frozen=True, slots=True)
class UnusableEntry:
    """An entry that a document names and its target refuses: `entry` in words, `customer 58`.

    `currency` is the entry's own currency, where the document is in another one, `needed`. Blank:
    somebody made the entry inactive.
    """

    entry: str
    currency: str = ""
    needed: str = ""


@runtime_checkable
class TellsParties(Protocol):
    """A target that shows which entries of a document it would refuse."""

    def unusable_entry(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> UnusableEntry | Found | None:
        """Return the first entry of the document that is inactive or of another currency.

        None where all can be used, or are not known: a write shows that. `unknown` when the target
        does not answer now. Changes nothing.
        """
        ...


@runtime_checkable
class TestedWhole(Protocol):
    """A target that permits each type of document for itself, which its usual test tries only in
    part: it comes every quarter of an hour, and calls are counted.
    """

    def more_calls(self, documents: Collection[str]) -> int:
        """How many calls more than the usual test the whole one of these types makes at most."""
        ...

    def test_whole(
        self, documents: Collection[str], settings: Settings, secret: str, http: Http
    ) -> ConnectionReport:
        """The usual test, and whether the key reaches each of these types. Changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry: its code as documents name it, its name, whether it is in use, and its numbers
    where the target tells them; `sku` of an item is the code that people gave it, where documents
    name it by another one.

    Of an unpaid invoice or bill: `sku` its number, where `code` is an id; `name` that of its
    customer or supplier, `party` that one's code; `left` what is still to be paid, above zero, in
    `currency`, which is blank where it is that of the books.
    """

    code: str
    name: str
    active: bool = True
    tin: str = ""
    registration: str = ""
    sku: str = ""
    party: str = ""
    left: Decimal | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ListPage:
    """A page of a list; `after` is where the next one begins, blank where there is none."""

    entries: tuple[ListEntry, ...]
    after: str


@runtime_checkable
class TellsLists(Protocol):
    """A target that lists customers, suppliers, items or what is unpaid whole."""

    @property
    def pace(self) -> Pace:
        """How fast it may be called."""
        ...

    @property
    def lists(self) -> tuple[Listed, ...]:
        """What it lists."""
        ...

    def list_page(
        self, kind: Listed, after: str, settings: Settings, secret: str, http: Http
    ) -> ListPage | Found:
        """The page that begins there, the first one where `after` is blank: one read-only call.
        Entries out of use are told, too. `unknown` when nobody can say now.
        """
        ...


@runtime_checkable
class TellsItems(Protocol):
    """A target that tells how it counts an item."""

    @property
    def documents(self) -> tuple[DocumentSchema, ...]:
        """The document types it takes."""
        ...

    @property
    def pace(self) -> Pace:
        """How fast it may be called."""
        ...

    @property
    def items_at_once(self) -> int:
        """How many may be asked for in one round, which is every quarter of an hour."""
        ...

    def items(
        self, codes: Sequence[str], settings: Settings, secret: str, http: Http
    ) -> Mapping[str, ItemSetup | None] | Found:
        """The set-up of each of these that could be read, None where there is no such item or where
        it has no unit; what could not be asked for now is left out. `unknown` when nobody can say
        anything now. Changes nothing.
        """
        ...


def read_frequency(settings: Mapping[str, object]) -> str:
    """How often a connection with these settings wants them read."""
    return str(settings.get(READ) or NIGHTLY)


def read_hour(settings: Mapping[str, object]) -> str:
    """At which hour."""
    return str(settings.get(READ_AT) or USUAL_HOUR)


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
