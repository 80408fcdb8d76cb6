"""The states of rows: words of ours that the database keeps as they are.

Here: one enum for each column. Not here: the states of postings, which the rules speak of too
(rules/values/posting_states.py), and which state may follow which (holding/platform/states.py).
"""

from enum import StrEnum


class RecordState(StrEnum):
    """Where a record stands: of several postings the first in this order.

    `reference` is settled without any posting: no rule posts records of its kind, others are
    compared with it.
    """

    RECEIVED = "received"
    UNCERTAIN = "uncertain"
    FAILED = "failed"
    HELD = "held"
    SENDING = "sending"
    AWAITING = "awaiting"
    READY = "ready"
    WAITING = "waiting"
    POSTED = "posted"
    REVERSED = "reversed"
    DROPPED = "dropped"
    IGNORED = "ignored"
    REFERENCE = "reference"


class PostingWait(StrEnum):
    """What a document that is ready waits for before it is sent: the target's word on its items."""

    ITEM_SETUP = "item_setup"


class PushState(StrEnum):
    """Where one push stands; the last four are ends."""

    INTENT = "intent"
    SENDING = "sending"
    AWAITING = "awaiting"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    CONFLICT = "conflict"
    DROPPED = "dropped"


class AttemptState(StrEnum):
    """What came of one call for a push, or what a look-up found (the last four)."""

    SENDING = "sending"
    AWAITING = "awaiting"
    UNCERTAIN = "uncertain"
    ACCEPTED = "accepted"
    EXISTING = "existing"
    REFUSED = "refused"
    TEMPORARY = "temporary"
    SPLIT = "split"
    EQUAL = "equal"
    DIFFERENT = "different"
    ABSENT = "absent"
    UNKNOWN = "unknown"


class RequestState(StrEnum):
    """Where one call stands."""

    SENDING = "sending"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"


class RunState(StrEnum):
    """Where a run stands."""

    DUE = "due"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ImportFileState(StrEnum):
    """Where a file stands that a person imports in a target; the last three are ends, of which
    `mismatch` still lets a person find out more.
    """

    EXPORTED = "exported"
    HANDED_OVER = "handed_over"
    IMPORTED = "imported"
    MISMATCH = "mismatch"
    RECONCILED = "reconciled"
    WITHDRAWN = "withdrawn"


class UploadState(StrEnum):
    """Where a file stands that a person uploaded; nothing of it is stored before `importing`."""

    CHECKING = "checking"
    CHECKED = "checked"
    IMPORTING = "importing"
    DONE = "done"
    FAILED = "failed"


class ListKind(StrEnum):
    """What the entries of a list are: the words by which a document's field refers to them, or says
    that it pays one of them.
    """

    CUSTOMER = "customer"
    VENDOR = "vendor"
    ITEM = "item"
    INVOICE = "invoice"
    BILL = "bill"

    @property
    def unpaid(self) -> bool:
        """Whether it is a list of documents with what is left to pay: those come and go."""
        return self in (ListKind.INVOICE, ListKind.BILL)

    @property
    def sold(self) -> bool:
        """Whether it is of what customers owe."""
        return self is ListKind.INVOICE


class HoldState(StrEnum):
    """Whether a hold is open, and else how it ended."""

    OPEN = "open"
    CLEARED = "cleared"
    RELEASED = "released"
    APPROVED = "approved"


class StopState(StrEnum):
    """Whether a change is still counted, has stopped its route, or was resumed."""

    COUNTING = "counting"
    STOPPED = "stopped"
    RESUMED = "resumed"


class ChangeState(StrEnum):
    """Where a change of the rules stands."""

    DRAFT = "draft"
    REVIEW = "review"
    PUBLISHED = "published"
    CLOSED = "closed"


class ShadowEnd(StrEnum):
    """Why a shadow ended."""

    PERSON = "person"
    TIME = "time"
    LIMIT = "limit"
    CLOSED = "closed"


class BacktestEnd(StrEnum):
    """Why a backtest in the browser ended."""

    DONE = "done"
    PERSON = "person"
    CLOSED = "closed"


class KeyState(StrEnum):
    """Whether the key of a connection is in use."""

    NEW = "new"
    ACTIVE = "active"
    OLD = "old"
    DISABLED = "disabled"


class BreakerState(StrEnum):
    """Whether a connection is called: `open` it is not, `half_open` one call is tried."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class SignalKind(StrEnum):
    """Why a signal is raised."""

    MANY_FAILURES = "many_failures"
    AUTHORIZATION_LOST = "authorization_lost"
    CLOSE_BLOCKED = "close_blocked"
    TOTALS_DIFFER = "totals_differ"


class RecipientKind(StrEnum):
    """How a recipient of notices is reached."""

    PERSON = "person"
    MAIL = "mail"
    WEBHOOK = "webhook"


class NoticeKind(StrEnum):
    """Why a notice is sent."""

    DIGEST = "digest"
    URGENT = "urgent"
    PACKET = "packet"
    TEST = "test"
    RETURNED = "returned"


class NoticeState(StrEnum):
    """Where a notice stands; the last four are ends. `unknown`: it may have arrived, and is not
    sent again. `nothing`: there was nothing to tell.
    """

    DUE = "due"
    CLAIMED = "claimed"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    FAILED = "failed"
    NOTHING = "nothing"
