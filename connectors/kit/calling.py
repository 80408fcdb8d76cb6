"""The calls of a connector: the way to read, and what is kept of a write.

Here: what every target does alike. Not here: sockets (http.py), what an answer means (each target's
answers.py and lookup.py).
"""

from collections.abc import Callable, Mapping

from connectors.kit.contract import Answer, Found, Payload, Sent
from connectors.kit.http import KEY_REFUSED, TOO_MANY, Http, HttpAnswer, HttpFailure

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
