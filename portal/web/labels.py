"""How each state is called and shown, and whether a push may be tried again, said as a sentence.

Here: state -> word and tone, for records and postings alike, and the tone of a push. Not here: what
each state is called (holding/platform/states.py), which moves are allowed
(holding/platform/states.py), the retry (holding/posting).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.contract.errors import RETRY, RetryWay
from holding.db.models.columns import PushState
from holding.db.refusal import plural
from holding.platform.states import (
    ATTEMPT_LABELS,
    CALL_KIND_LABELS,
    CALL_LABELS,
    HOLD_LABELS,
    PUSH_LABELS,
    RUN_KIND_LABELS,
    RUN_LABELS,
    STATE_LABELS,
)
from holding.posting.push_history import PushRow
from rules.outcomes import HIT, NOT_APPLICABLE, PASS, UNKNOWN
from rules.values.canonical import PostingState


@dataclass(frozen=True, slots=True)
class Shown:
    """A state as people see it; the icon has the state's own name."""

    word: str
    tone: str
    plain: str  # the short word other programs of the same users show


_TONES: Final = {
    "received": ("idle", "pending"),
    "waiting": ("idle", "pending"),
    "ready": ("info", "pending"),
    "held": ("warn", "needs attention"),
    "sending": ("info", "pending"),
    "awaiting": ("info", "pending"),
    "uncertain": ("doubt", "needs attention"),
    "posted": ("ok", "succeeded"),
    "reversed": ("idle", "succeeded"),
    "failed": ("bad", "failed"),
    "ignored": ("idle", "skipped"),
    "dropped": ("idle", "skipped"),
    "reference": ("idle", "skipped"),
}
STATES: Final = {state: Shown(STATE_LABELS[state], *told) for state, told in _TONES.items()}

GOES: Final = ("ready", "sending")  # a target that has taken it in only has to be asked


def plain(state: str, tries: int = 0) -> str:
    """One of six words with one meaning everywhere: what a person must know of a state.

    pending, retrying, succeeded, failed, skipped, needs attention.
    """
    word = STATES[state].plain
    return "retrying" if tries > 0 and state in GOES else word


RESULT_TONES: Final = {
    PASS: ("ok", "pass"),
    HIT: ("warn", "held"),
    UNKNOWN: ("doubt", "uncertain"),
    NOT_APPLICABLE: ("idle", "na"),
}
"""The result of a rule -> its tone and its icon."""
LABELS: Final = {
    "push_labels": PUSH_LABELS,
    "attempt_labels": ATTEMPT_LABELS,
    "call_labels": CALL_LABELS,
    "call_kinds": CALL_KIND_LABELS,
    "hold_labels": HOLD_LABELS,
    "run_labels": RUN_LABELS,
    "run_kinds": RUN_KIND_LABELS,
}
"""The tables of labels by the names under which templates find them."""
PUSH_TONES: Final = {
    "intent": ("info", "sending"),
    "sending": ("info", "sending"),
    "awaiting": ("info", "awaiting"),
    "uncertain": ("doubt", "uncertain"),
    "accepted": ("ok", "posted"),
    "refused": ("bad", "failed"),
    "conflict": ("warn", "held"),
    "dropped": ("idle", "dropped"),
}


@dataclass(frozen=True, slots=True)
class Retry:
    """The verdict: yes, no or not yet, and why."""

    word: str
    why: str
    tone: str
    at: datetime | None = None  # when it is retried automatically, and how often that may still be
    left: int = 0


WORDS: Final = {
    RetryWay.LOOK_UP_FIRST: ("Not yet", "doubt"),
    RetryWay.AFTER_CHANGE: ("No", "warn"),
    RetryWay.NEVER: ("No", "warn"),
}
BY_STATE: Final = {
    "accepted": Retry("No", "It is posted; there is nothing to retry.", "ok"),
    "intent": Retry("Not yet", "It is on its way.", "info"),
    "sending": Retry("Not yet", "It is on its way.", "info"),
    "awaiting": Retry("Not yet", "The accounting system has not confirmed it yet.", "info"),
    "conflict": Retry(
        "No",
        "The accounting system has this number with other values, or may have it where only people"
        " can look. A person decides.",
        "warn",
    ),
    "dropped": Retry("No", "It was cancelled before it was sent.", "idle"),
}


def retry_verdict(push: PushRow) -> Retry:
    """The sentence for one push as it stands."""
    if push.state in BY_STATE:
        return BY_STATE[push.state]
    if push.state == PushState.REFUSED and not push.last:
        return Retry("No", "It was sent again later.", "idle")
    found = (
        "uncertain" if push.state == PushState.UNCERTAIN else push.error_class or "business_rule"
    )
    rule = next((rule for name, rule in RETRY.items() if name == found), RETRY["business_rule"])
    if push.waits and push.stands_still:
        words = f"{rule.cause} Its posting rule is stopped or its connection is paused."
        return Retry("Not yet", f"{words} It is sent again when posting resumes.", "info")
    if push.waits:
        return Retry("Yes", rule.cause, "ok", push.due_at, push.left)
    if rule.retry == RetryWay.AUTOMATIC:
        return Retry("Yes", f"{rule.cause} {_used_up(push)}", "info")
    word, tone = WORDS[rule.retry]
    return Retry(word, f"{rule.cause} {rule.action} What ends the wait: {rule.ends_by}.", tone)


def _used_up(push: PushRow) -> str:
    """What a person can do when it is not retried automatically."""
    if push.posting_state not in {PostingState.FAILED, PostingState.POSTED}:
        return "It is not retried automatically."
    tried = f"It was tried {plural(push.tries, 'time')} and" if push.tries else "It"
    return (
        f"{tried} is not retried automatically."
        " A person may have it tried again from its hold: it is then sent once more."
    )
