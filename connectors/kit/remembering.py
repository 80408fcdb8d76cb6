"""Reads that were answered once are not asked again, for a moment.

Here: the memory of one pass over many documents that ask the same. Not here: sockets (http.py).
"""

from collections.abc import Mapping
from datetime import datetime

from connectors.kit.http import Http, HttpAnswer, HttpFailure

OK = 200


class Remembering(Http):
    """A session for the look-ups of one pass; only good answers to reads are remembered."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._known: dict[str, HttpAnswer] = {}

    def now(self) -> datetime:
        """The present moment, for answers that name a time."""
        return self._http.now()

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        push: bool = False,
    ) -> HttpAnswer | HttpFailure:
        """The answer of before, or one call. All calls of a pass carry the same key."""
        if method != "GET":
            return self._http.request(method, url, headers=headers, body=body, push=push)
        if url in self._known:
            return self._known[url]
        answer = self._http.request(method, url, headers=headers)
        if isinstance(answer, HttpAnswer) and answer.status == OK:
            self._known[url] = answer
        return answer
