"""A target's stand-in in this process: what the product sends is handed to it without a socket.

Here: requests and answers in their two shapes, and the client that takes them across. Not here:
what the stand-in does (its own simulator), ways to fail (tests/faults/target.py).
"""

from datetime import datetime
from typing import Unpack
from urllib.parse import parse_qsl, urlsplit

from connectors.transport.http import Clock, Http, HttpAnswer, HttpFailure
from connectors.transport.http import RequestOptions as Given
from sandbox.simulators.base.server import Handle, Reply, Request


def request_of(method: str, url: str, given: Given) -> Request:
    """A call of the product as the stand-in reads it."""
    parts = urlsplit(url)
    return Request(
        method=method,
        path=parts.path,
        query=dict(parse_qsl(parts.query, keep_blank_values=True)),
        headers={name.lower(): value for name, value in given["headers"].items()},
        body=given.get("body") or b"",
    )


def answer_of(reply: Reply, at: datetime) -> HttpAnswer | HttpFailure:
    """The stand-in's answer as the product hears it."""
    if reply.cut:
        return HttpFailure(kind="no_answer", words="The connection was cut.", seconds=0.1)
    headers = {name.lower(): value for name, value in reply.headers.items()}
    body = reply.encoded()
    return HttpAnswer(status=reply.status, headers=headers, body=body, seconds=0.1, at=at)


class Inside(Http):
    """The product's way out, straight to a stand-in."""

    def __init__(self, clock: Clock, handle: Handle) -> None:
        super().__init__(clock)
        self._handle = handle

    def request(self, method: str, url: str, **given: Unpack[Given]) -> HttpAnswer | HttpFailure:
        reply = self._handle(request_of(method, url, given))
        return answer_of(reply, self.now())
