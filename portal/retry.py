"""Whether a push may be tried again, said as a sentence.

Here: the word for each class and state. Not here: the classes themselves
(connectors/kit/errors.py), the retry (holding/pushing).
"""

from dataclasses import dataclass
from typing import Final

from connectors.kit.errors import RETRY
from holding.queries.pushes import PushRow


@dataclass(frozen=True, slots=True)
class Retry:
    """The verdict: yes, no or not yet, and why."""

    word: str
    why: str
    tone: str


WORDS: Final = {
    "by itself": ("Yes", "ok"),
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
    found = "uncertain" if push.state == "uncertain" else push.error_class or "business_rule"
    rule = next((rule for name, rule in RETRY.items() if name == found), RETRY["business_rule"])
    word, tone = WORDS[rule.retry]
    return Retry(word, f"{rule.cause} {rule.action} What ends the wait: {rule.ends_by}.", tone)
