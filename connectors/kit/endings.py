"""What a call comes to: nothing was sent, nobody knows, it stands there, or a person must look.

Here: the ends that targets have alike. Not here: what an answer means (each target's answers.py).
"""

from datetime import date
from decimal import Decimal

from connectors.kit.contract import Answer, Found, Kept, OutgoingDocument
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


def accepted(
    number: str,
    ref: str,
    status: int | None,
    words: str,
    *,
    existing: bool = False,
    kept: tuple[Kept, ...] = (),
    total: Decimal | None = None,
) -> Answer:
    """It stands there, with our content."""
    return Answer(
        kind="accepted",
        words=words,
        target_ref=ref,
        number=number,
        status=status,
        existing=existing,
        same_content=True if existing else None,
        kept=kept,
        total=total,
    )


def crowded(most: int, document: OutgoingDocument, day: date) -> Found:
    """A search among so many that it was given up."""
    return Found(
        kind="different",
        words=f"{most} documents and more stand there for {document.party} around {day}, and not"
        f" all were looked through: {document.number} may be among them, typed by hand.",
    )
