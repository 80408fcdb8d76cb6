"""What a call comes to where no answer tells: nothing was sent, or nobody knows.

Here: the two ends that every target has. Not here: what an answer means (each target's answers.py).
"""

from connectors.kit.contract import Answer
from connectors.kit.http import HttpFailure


def unanswered(failure: HttpFailure, number: str | None = None) -> Answer:
    """What a call without an answer means."""
    if failure.kind == "blocked":
        return Answer(
            kind="refused",
            error_class="authorization_failed",
            code="address_refused",
            words=failure.words,
            number=number,
        )
    if failure.kind == "not_sent":
        return not_sent(failure.words, number)
    return uncertain("no_answer", failure.words, failure.status, number)


def not_sent(words: str, number: str | None = None) -> Answer:
    """No byte of it left: it is tried again by itself."""
    return Answer(
        kind="temporary", error_class="temporary", code="not_sent", words=words, number=number
    )


def uncertain(code: str, words: str, status: int | None, number: str | None = None) -> Answer:
    """Nobody knows what became of it."""
    return Answer(
        kind="uncertain",
        error_class="uncertain",
        code=code,
        words=words,
        number=number,
        status=status,
    )
