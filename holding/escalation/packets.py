"""The packet that a support desk asks for: eight fields in its order, and five beside them.

Here: filling it from the failure and from what a person adds, what must not be missing, and its
shape as JSON and as text. Secrets are removed from every text before it stands in a packet. Not
here: the failure (failures.py), keeping packets (kept_packets.py).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final

from holding.db.refusal import Refusal, plural
from holding.escalation.failures import Failure
from holding.escalation.recent_changes import Change
from holding.escalation.redaction import Redact

LONGEST: Final = 4000
"""How many characters a person may write in one field."""
NOT_RECORDED: Final = "not recorded"
NO_CHANGE: Final = "No change is recorded in the 14 days before."
AT_ONCE: Final = "none: it is sent as soon as it is ready"
NOT_SENT: Final = "none: it was never sent"
LABELS: Final[Mapping[str, str]] = {
    "connector": "Connector",
    "record_number": "Record number",
    "sync_run": "Sync run",
    "status": "Status",
    "exact_message": "Exact message",
    "retry_count": "Retry count",
    "expected_result": "Expected result",
    "what_changed_recently": "What changed recently",
    "module": "Module",
    "branch_or_warehouse": "Branch or warehouse",
    "user": "User",
    "visible_message": "Visible message",
    "same_failure": "Same failure",
    "company": "Company",
    "made_at": "Made",
}
"""The fields of a packet as people read them, in the order in which a desk asks for them."""
TYPED: Final = ("record_number", "exact_message", "expected_result")
"""What the form shows for a person to check or to write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """What a person says: the number and the message as they stand in the form, what they expected,
    the keys of the changes they leave out, and what else changed.
    """

    record_number: str
    exact_message: str
    expected_result: str
    left_out: frozenset[str] = frozenset()
    also_changed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What only a page knows how to say: moments in the zone of the company, and a state."""

    moment: Callable[[datetime], str]
    status: str
    company: str
    user: str
    money: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What is sent. All texts, but for the list of changes; the names are those of the JSON."""

    connector: str
    record_number: str
    sync_run: str
    status: str
    exact_message: str
    retry_count: str
    expected_result: str
    what_changed_recently: tuple[str, ...]
    module: str
    branch_or_warehouse: str
    user: str
    visible_message: str
    same_failure: str
    company: str
    made_at: str

    def as_json(self) -> dict[str, Any]:
        """The packet as an object; equal packets are equal objects."""
        found = asdict(self)
        return {**found, "what_changed_recently": list(self.what_changed_recently)}


def missing(typed: Typed) -> Mapping[str, str]:
    """Field -> why a packet cannot be made of this; empty where it can."""
    blank = {
        "record_number": "The record number is missing. Support cannot find the record without it.",
        "exact_message": "The message is missing. Copy the exact words that you see.",
        "expected_result": "The expected result is missing. Say what should have happened.",
    }
    long = f"At most {LONGEST:,} characters fit here."
    given = {name: str(getattr(typed, name)).strip() for name in TYPED}
    found = {name: words for name, words in blank.items() if not given[name]}
    texts = {**given, "also_changed": typed.also_changed}
    return found | {name: long for name, text in texts.items() if len(text) > LONGEST}


def unknown_number(typed: Typed, failure: Failure) -> Refusal | None:
    """Why this number is not of the record that the packet is about; None where it is."""
    if typed.record_number.strip() in failure.numbers:
        return None
    words = f"This page is about {failure.number}; {typed.record_number.strip()} is another number."
    return Refusal("escalation.number", words, "Open that record and escalate it there.", 422)


def packet(
    failure: Failure,
    changes: Sequence[Change],
    typed: Typed,
    words: Words,
    now: datetime,
    redact: Redact,
) -> Packet:
    """The packet, filled from the failure and from what the person wrote, without secrets."""
    told = typed.exact_message.strip()
    recorded = failure.message.strip()
    if recorded and _plain(told) != _plain(recorded):
        told = f"{told} (recorded: {recorded})"
    return Packet(
        connector=_connector(failure),
        record_number=typed.record_number.strip(),
        sync_run=run_words(failure, words),
        status=words.status,
        exact_message=redact(told),
        retry_count=retry_words(failure, words),
        expected_result=redact(typed.expected_result.strip()),
        what_changed_recently=_changed(changes, typed, words, redact),
        module=module(failure),
        branch_or_warehouse=redact(failure.place or NOT_RECORDED),
        user=words.user,
        visible_message=redact(failure.visible or NOT_RECORDED),
        same_failure=same_words(failure, words),
        company=words.company,
        made_at=words.moment(now),
    )


def as_text(made: Mapping[str, Any]) -> str:
    """A packet as plain lines, for a mail or a chat; `made` is its JSON."""
    lines = []
    for name, label in LABELS.items():
        value = made.get(name, NOT_RECORDED)
        if isinstance(value, list):
            lines += [f"{label}:", *(f"  - {one}" for one in value)]
        else:
            lines.append(f"{label}: {value}")
    return "\n".join(lines) + "\n"


def run_words(failure: Failure, words: Words) -> str:
    """The run that sent the document last, or why there is none."""
    if failure.run_id is None:
        return AT_ONCE if failure.tries else NOT_SENT
    at = f", {words.moment(failure.run_at)}" if failure.run_at else ""
    return f"Run {failure.run_id}{at}"


def retry_words(failure: Failure, words: Words) -> str:
    """How often it was sent again, and when last."""
    if not failure.tries or failure.last_try is None:
        return "0, it was never sent"
    return f"{failure.retries}, last sent {words.moment(failure.last_try)}"


def same_words(failure: Failure, words: Words) -> str:
    """How many records the same cause holds."""
    if failure.same < 2:
        return "Only this record."
    return f"{plural(failure.same, 'record')} on hold for the same cause, {words.money}"


def module(failure: Failure) -> str:
    """What kind of document it is: as the target calls it, else as the source does."""
    return (failure.document or failure.kind).replace("_", " ").capitalize()


def _connector(failure: Failure) -> str:
    known = failure.target_connector
    other = f" ({known})" if known and known != failure.connector else ""
    return f"{failure.connector}{other}"


def _changed(
    changes: Collection[Change], typed: Typed, words: Words, redact: Redact
) -> tuple[str, ...]:
    told = [
        f"{words.moment(one.at)}, {one.by}: {redact(one.say)}"
        for one in changes
        if one.key not in typed.left_out
    ]
    if also := typed.also_changed.strip():
        told.append(redact(also))
    return tuple(told) or (NO_CHANGE,)


def _plain(text: str) -> str:
    return " ".join(text.split())
