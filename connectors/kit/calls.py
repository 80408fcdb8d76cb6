"""The calls of a connector and their results: not sent, unconfirmed, posted, to be checked.

Here: the way to read, what is kept of a write, and the results that targets have alike. Not here:
what an answer means (each target's answers.py).
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from connectors.contract import Answer, Found, Kept, OutgoingDocument, Payload, Sent
from connectors.transport.http import KEY_REFUSED, TOO_MANY, Http, HttpAnswer, HttpFailure

KEPT_BYTES = 65_536
Call = HttpAnswer | HttpFailure
Get = Callable[[str], Call]


def reader(http: Http, url: Callable[[str], str], headers: Mapping[str, str]) -> Get:
    """One read-only call to a path, each time it is asked: until the target has enough of us, which
    is then the answer to whatever else is asked of it here.
    """
    enough: list[HttpAnswer] = []

    def get(path: str) -> Call:
        if enough:
            return enough[0]
        answer = http.request("GET", url(path), headers=headers)
        if isinstance(answer, HttpAnswer) and answer.status == TOO_MANY:
            enough.append(answer)
        return answer

    return get


class Timed:
    """A way to read that knows how long its calls took."""

    def __init__(self, get: Get) -> None:
        self._get = get
        self.seconds = 0.0

    def __call__(self, path: str) -> Call:
        """The call, and its time."""
        answer = self._get(path)
        self.seconds += answer.seconds
        return answer


def unclear(call: Call, told: str = "", pause: float | None = None) -> Found:
    """What a look-up saw that tells nothing: no answer, or another than was asked for.

    `told` are the target's own words; it wants to be left alone for `pause` seconds.
    """
    if isinstance(call, HttpFailure):
        return Found(kind="unknown", words=call.words)
    return Found(
        kind="unknown",
        words=f"The look-up was answered {call.status}: {told or 'no reason given'}",
        proof=call.body[:KEPT_BYTES],
        key_refused=call.status in KEY_REFUSED,
        status=call.status,
        retry_after=pause,
    )


def sent(answers: tuple[Answer, ...], call: Call | None, masked: Callable[[bytes], bytes]) -> Sent:
    """What came back: the answers, and of the call itself what may be kept."""
    heard = call if isinstance(call, HttpAnswer) else None
    return Sent(
        answers=answers,
        status=call.status if call else None,
        headers=heard.headers if heard else {},
        body=masked(heard.body)[:KEPT_BYTES] if heard else b"",
        seconds=call.seconds if call else 0.0,
    )


def not_made(payload: Payload) -> Sent:
    """No call, for nothing of a payload may be sent."""
    answers = tuple(payload.refused[at] for at in range(len(payload.numbers)))
    return Sent(answers=answers, status=None, headers={}, body=b"", seconds=0.0)


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
    """No byte of it left: it is retried automatically."""
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
    """It is posted, with our content."""
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
        words=f"{most} documents and more exist there for {document.party} around {day}, and not"
        f" all were looked through: {document.number} may be among them, typed by hand.",
    )
