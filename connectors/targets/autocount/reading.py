"""One document as AutoCount shows it, or why it could not be read.

Here: the read-only call by number. Not here: comparing (compare.py), and what follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from connectors.kit.calling import KEPT_BYTES, Call, Get, unclear
from connectors.kit.contract import Found
from connectors.kit.http import HttpAnswer, HttpFailure, retry_after
from connectors.kit.strictjson import loads

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Seen:
    """What a read saw: the document, or proof that there is none of that number."""

    document: Mapping[str, Any] | None
    words: str
    proof: bytes

    @property
    def void(self) -> bool:
        """Whether it was made void."""
        master = (self.document or {}).get("master")
        return isinstance(master, dict) and master.get("cancelled") is True


def read(path: str, number: str, get: Get) -> Seen | Found:
    """Read by number. Only AutoCount's own words prove that nothing stands there: a 404 without
    them may come from anything on the way.
    """
    answer = get(path)
    if isinstance(answer, HttpFailure):
        return unclear(answer)
    content, proof = loads(answer.body), answer.body[:KEPT_BYTES]
    told = message_of(content)
    if answer.status == _NOT_FOUND and "not exists" in told.casefold():
        return Seen(None, f"No {number} stands there.", proof)
    if answer.status == 200 and isinstance(content, dict):
        master = content.get("master")
        found = master.get("docNo") if isinstance(master, dict) else None
        if isinstance(found, str) and found.casefold() == number.casefold():
            return Seen(content, f"{number} stands there.", proof)
    return not_told(answer)


def not_told(answer: Call) -> Found:
    """Why a call tells nothing of a document."""
    if isinstance(answer, HttpFailure):
        return unclear(answer)
    return unclear(answer, message_of(loads(answer.body)), pause_of(answer))


def pause_of(answer: HttpAnswer) -> float | None:
    """How long until the counter of calls starts anew, in seconds."""
    asked = retry_after(answer.headers, answer.at)
    if asked is not None:
        return asked
    try:
        reset = datetime.fromisoformat(answer.headers.get("x-rate-limit-reset", ""))
        return max(0.0, (reset - answer.at).total_seconds())
    except (ValueError, TypeError):
        return None


def message_of(content: object) -> str:
    """AutoCount's own words in an error."""
    message = content.get("message") if isinstance(content, dict) else None
    return message if isinstance(message, str) else ""
