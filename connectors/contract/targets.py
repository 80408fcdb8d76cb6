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
    """How many calls a target allows and what a document costs.

    `per_minute` and `at_once` are None if the target gives no figure. `to_send` and `to_look` are
    the most calls that sending or looking up one document takes. `to_batch` is what a batch counts
    for, if not as one document. `counted_by` is the setting that names the account whose calls are
    counted together. `more_where` are settings that, if filled, add calls to each document.
    """

    per_minute: int | None = None
    to_send: int = 1
    to_look: int = 1
    to_batch: int | None = None
    at_once: int | None = None
    counted_by: str = ""
    more_where: tuple[tuple[str, int], ...] = ()

    def sending(self, settings: Settings) -> int:
        """Return the most calls that sending one document takes, with these settings."""
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
    """An accounting system, or a way into it, to which documents go."""

    @property
    def name(self) -> str:
        """The target's word in a rule file."""
        ...

    @property
    def form(self) -> ConnectionForm:
        """The connection form that a person fills in."""
        ...

    @property
    def documents(self) -> tuple[DocumentSchema, ...]:
        """The document types it takes."""
        ...

    @property
    def dedupe(self) -> Literal["key", "number", "number+customer", "none"]:
        """The property by which the target itself refuses a duplicate document."""
        ...

    @property
    def lookup(self) -> Literal["strong", "lagging", "none"]:
        """Whether a lookup can be trusted at once."""
        ...

    @property
    def settle_seconds(self) -> float:
        """The number of seconds after which a write shows in a lookup, at most."""
        ...

    @property
    def pace(self) -> Pace:
        """The limits of how often the target may be called."""
        ...

    @property
    def file_limits(self) -> FileLimits:
        """The limits of one call of a batch."""
        ...

    def rows_of(self, document: OutgoingDocument) -> int:
        """Return how many rows of a file this document takes; 1 if the target takes no files."""
        ...

    def rounding(self, settings: Settings) -> Rounding:
        """Return how the target makes a total, which its setting `rounding_mode` may change."""
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
        """Build the call that performs the action on these documents for this connection. Pure.

        Only an action that the document's schema lists in `actions` is ever requested, one document
        at a time.
        """
        ...

    def send(self, payload: Payload, settings: Settings, secret: str, key: str, http: Http) -> Sent:
        """Make the call once and return the outcome of each document."""
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
        """Check whether the action was done. Read-only, may be repeated.

        `equal`: it was done; the document is there with the new content, or is void. `absent`: it
        was not done; nothing is there, or what we sent last (`standing`) is unchanged. `different`:
        another content is there, which a person must see.
        """
        ...

    def test(self, settings: Settings, secret: str, http: Http) -> ConnectionReport:
        """Test the connection without writing."""
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
    """A target that looks up many documents in few calls."""

    def look_up_together(
        self, questions: Sequence[Question], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """Return for each question, in order, what `look_up` would return for it."""


@runtime_checkable
class Deferring(Protocol):
    """A target that queues a call and executes it later, so that its outcome is polled.

    An answer `awaiting`, and a lookup that is `unknown` because the target has not executed the
    call yet, have the ticket for polling as `target_ref`. A call without an answer may be in the
    queue as well. A missing document is then no proof, so only a person sends it again.
    """

    def ask_again(
        self, document: OutgoingDocument, ticket: str, settings: Settings, secret: str, http: Http
    ) -> Found:
        """Poll the outcome of this document's create or lookup by its ticket.

        `unknown` with a ticket: not executed yet, poll by that ticket. `unknown` without: no answer
        now, and the old ticket stays valid. Otherwise as a lookup. Read-only.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewed:
    """The outcome of a key renewal.

    Either a new secret that replaces the stored secret, or a refusal that only a person can
    resolve, or no answer for now. `hint` is that person's next step if a new key is not enough.
    """

    kind: Literal["renewed", "refused", "away"]
    words: str
    secret: str = ""
    hint: str = ""

    def __repr__(self) -> str:
        return f"Renewed({self.kind}: {self.words})"


@runtime_checkable
class Renewing(Protocol):
    """A target or a source whose key expires after a while."""

    def is_due(self, secret: str, now: datetime) -> bool:
        """Check whether the stored secret must be exchanged before the next call."""
        ...

    def may_be_over(self, secret: str, now: datetime) -> bool:
        """Check whether a refused key may merely have expired, so that it should be renewed.

        False for a key that was renewed just now, because its refusal has another reason.
        """
        ...

    def renew(self, settings: Settings, secret: str, http: Http) -> Renewed:
        """Exchange the secret for a new one, in one attempt.

        The old secret may be invalid afterwards, whatever the result.
        """
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
        """The number of documents that one call shows at most."""
        ...

    def read(
        self, documents: Sequence[OutgoingDocument], settings: Settings, secret: str, http: Http
    ) -> tuple[Found, ...]:
        """Return the target's version of each document as last sent, in order. Read-only.

        `absent` is returned only if no document with that number exists.
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
    """A target whose `read` may be answered later: `unknown` then, with a ticket for polling."""

    def read_later(
        self,
        documents: Sequence[OutgoingDocument],
        ticket: str,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> tuple[Found, ...]:
        """Return the results of an earlier `read` by its ticket; `unknown` without a ticket means:
        read again.
        """


@runtime_checkable
class TellsChanges(Protocol):
    """A target that lists in one call which documents changed since a moment."""

    @property
    def changes_reach(self) -> timedelta:
        """The length of time that the list of changes covers."""
        ...

    def changed(
        self,
        documents: Collection[str],
        since: datetime,
        settings: Settings,
        secret: str,
        http: Http,
    ) -> frozenset[str] | Found:
        """Return the target's references of all documents of these types that changed since.

        Created, updated, voided and deleted documents count. `unknown` when the target does not
        answer, or when there are more changes than one call lists. Read-only.
        """
        ...


@runtime_checkable
class Searchable(Protocol):
    """A target that can be searched for documents under other numbers."""

    def alike(
        self, document: OutgoingDocument, settings: Settings, secret: str, http: Http
    ) -> tuple[Stands, ...] | Found:
        """Return live documents with equal party and amount and about the day, whatever their
        number.

        `unknown` when the target does not answer; `different` when there are too many documents to
        check without a person. Read-only.
        """
        ...


@dataclass(frozen=True, slots=True)
class UnusableEntry:
    """An entry that a document names and its target refuses: `entry` in words, `customer 58`.

    `currency` is the entry's own currency, where the document is in another one, `needed`. Blank:
    the entry was made inactive.
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

        None if all are usable or the target does not know them: a write shows that. `unknown` when
        the target does not answer now. Read-only.
        """
        ...


@runtime_checkable
class TestedWhole(Protocol):
    """A target that grants permission per document type, which the usual test checks only in part.

    The usual test runs every quarter of an hour, and calls are counted.
    """

    def more_calls(self, documents: Collection[str]) -> int:
        """Return how many calls a whole test of these types makes at most beyond the usual test."""
        ...

    def test_whole(
        self, documents: Collection[str], settings: Settings, secret: str, http: Http
    ) -> ConnectionReport:
        """Run the usual test and check whether the key reaches each of these types. Read-only."""
        ...


@dataclass(frozen=True, slots=True)
class ListEntry:
    """One entry: its code as documents name it, its name, whether it is active, and its numbers.

    Numbers are set where the target shows them. `sku` of an item is the code that people gave it,
    if documents name the item by another code.

    For an unpaid invoice or bill: `sku` is its number if `code` is an id; `name` and `party` are
    the name and code of its customer or supplier; `left` is the unpaid amount, above zero, in
    `currency`, which is blank for the currency of the books.
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
    """A page of a list; `after` is the cursor of the next page, blank on the last page."""

    entries: tuple[ListEntry, ...]
    after: str


@runtime_checkable
class TellsLists(Protocol):
    """A target that lists all its customers, suppliers, items or unpaid documents."""

    @property
    def pace(self) -> Pace:
        """The limits of how often the target may be called."""
        ...

    @property
    def lists(self) -> tuple[Listed, ...]:
        """The kinds of lists that the target offers."""
        ...

    def list_page(
        self, kind: Listed, after: str, settings: Settings, secret: str, http: Http
    ) -> ListPage | Found:
        """Read the page at this cursor, the first if `after` is blank, with one read-only call.

        Inactive entries are included. `unknown` when the target does not answer now.
        """
        ...


@runtime_checkable
class TellsItems(Protocol):
    """A target that shows how it counts an item."""

    @property
    def documents(self) -> tuple[DocumentSchema, ...]:
        """The document types it takes."""
        ...

    @property
    def pace(self) -> Pace:
        """The limits of how often the target may be called."""
        ...

    @property
    def items_at_once(self) -> int:
        """The number of items that one round may request. A round runs every quarter of an hour."""
        ...

    def items(
        self, codes: Sequence[str], settings: Settings, secret: str, http: Http
    ) -> Mapping[str, ItemSetup | None] | Found:
        """Return the unit set-up of each item that could be read.

        None for an unknown item or an item without a unit; items that could not be read now are
        left out. `unknown` when the target does not answer at all. Read-only.
        """
        ...


def read_frequency(settings: Mapping[str, object]) -> str:
    """Return how often these settings have the lists read."""
    return str(settings.get(READ) or NIGHTLY)


def read_hour(settings: Mapping[str, object]) -> str:
    """Return the time of day at which the target's lists are read, such as 01:30."""
    return str(settings.get(READ_AT) or USUAL_HOUR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """The parameters with which the browser came back.

    `state` is our own token, `code` works once, `company` is the chosen company. If there is no
    code, `error` is the reason, and `denied` is set when the person declined.
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
    """The outcome of exchanging a code.

    Either a whole key, or a refusal of the code or of the app itself, or no answer for now. `words`
    are for people and contain no secret.
    """

    kind: Literal["granted", "code_refused", "app_refused", "away"]
    words: str
    secret: str = ""

    def __repr__(self) -> str:
        return f"Granted({self.kind}: {self.words})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """The outcome of a revocation: done, no longer known in the target, refused, or no answer for
    now.
    """

    kind: Literal["revoked", "unknown", "refused", "away"]
    words: str


@runtime_checkable
class Authorizing(Protocol):
    """A target whose key a person grants on the target's own pages."""

    @property
    def authorizes(self) -> str:
        """The system's name on the button."""
        ...

    def app_secret(self, secret: str) -> str:
        """Return the app's own part of a stored key; blank if it has none."""
        ...

    def lacks_permission(self, secret: str) -> bool:
        """Check whether a key is only the app's own part, which cannot call anything yet."""
        ...

    def authorization_address(self, settings: Settings, *, state: str, back: str) -> str:
        """Return the address for the browser, which comes back to exactly `back` with `state`."""
        ...

    def returned(self, query: Mapping[str, str]) -> Returned:
        """Return what the query of the browser's return address contains."""
        ...

    def exchange(
        self, settings: Settings, secret: str, *, code: str, back: str, http: Http
    ) -> Granted:
        """Return the key granted for the authorization code; a code works once.

        `secret` is the app's own part of the key. `back` is the redirect address that was sent
        before.
        """
        ...

    def revoke(self, settings: Settings, secret: str, http: Http) -> Revoked:
        """Revoke the key's permission in the target."""
        ...
