"""Whether a push may be tried again, said as a sentence.

Here: the word for each class and state. Not here: the classes themselves
(connectors/kit/errors.py), the retry (holding/pushing).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from connectors.kit.errors import RETRY
from holding.queries.pushes import PushRow
from holding.words import plural


@dataclass(frozen=True, slots=True)
class Retry:
    """The verdict: yes, no or not yet, and why."""

    word: str
    why: str
    tone: str
    at: datetime | None = None  # when it is sent again by itself, and how often that may still be
    left: int = 0


WORDS: Final = {
    "look up first": ("Not yet", "doubt"),
    "after a change": ("No", "warn"),
    "never": ("No", "warn"),
}
BY_STATE: Final = {
    "accepted": Retry("No", "It is posted; there is nothing to retry.", "ok"),
    "intent": Retry("Not yet", "It is on its way.", "info"),
    "sending": Retry("Not yet", "It is on its way.", "info"),
    "awaiting": Retry("Not yet", "The target has it and has not confirmed it.", "info"),
    "conflict": Retry(
        "No", "The target has this number with another content. A person decides.", "warn"
    ),
    "dropped": Retry("No", "It was dropped before it was sent.", "idle"),
}


def verdict(push: PushRow) -> Retry:
    """The sentence for one push as it stands."""
    if push.state in BY_STATE:
        return BY_STATE[push.state]
    if push.state == "refused" and not push.last:
        return Retry("No", "It was sent again later.", "idle")
    found = "uncertain" if push.state == "uncertain" else push.error_class or "business_rule"
    rule = next((rule for name, rule in RETRY.items() if name == found), RETRY["business_rule"])
    if push.waits and push.stands_still:
        words = f"{rule.cause} Its route has stopped or its connection is paused."
        return Retry("Not yet", f"{words} It is sent again when that goes on.", "info")
    if push.waits:
        return Retry("Yes", rule.cause, "ok", push.due_at, push.left)
    if rule.retry == "by itself":
        return Retry("Yes", f"{rule.cause} {_used_up(push)}", "info")
    word, tone = WORDS[rule.retry]
    return Retry(word, f"{rule.cause} {rule.action} What ends the wait: {rule.ends_by}.", tone)


def _used_up(push: PushRow) -> str:
    """What a person can do when it is not tried again by itself."""
    if push.posting_state not in {"failed", "posted"}:
        return "It is not tried again by itself."
    tried = f"It was tried {plural(push.tries, 'time')} and" if push.tries else "It"
    return (
        f"{tried} is not tried again by itself."
        " A person may have it tried again from its hold: it is then sent once more."
    )
