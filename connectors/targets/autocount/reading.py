"""One document as AutoCount shows it, or why it could not be read.

Here: the read-only call by number. Not here: comparing (compare.py), and what follows.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.kit.calling import KEPT_BYTES, Get
from connectors.kit.http import KEY_REFUSED, HttpFailure
from connectors.kit.strictjson import loads

_NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class Seen:
    """What a read saw: the document, nothing of that number, or no clear answer at all."""

    document: Mapping[str, Any] | None
    clear: bool
    words: str
    proof: bytes = b""
    key_refused: bool = False

    @property
    def void(self) -> bool:
        """Whether it was made void."""
        master = (self.document or {}).get("master")
        return isinstance(master, dict) and master.get("cancelled") is True


def read(path: str, number: str, get: Get) -> Seen:
    """Read by number. Only AutoCount's own words prove that nothing stands there: a 404 without
    them may come from anything on the way.
    """
    answer = get(path)
    if isinstance(answer, HttpFailure):
        return Seen(None, clear=False, words=answer.words)
    content, proof = loads(answer.body), answer.body[:KEPT_BYTES]
    told = message_of(content)
    if answer.status == _NOT_FOUND and "not exists" in told.casefold():
        return Seen(None, clear=True, words=f"No {number} stands there.", proof=proof)
    if answer.status == 200 and isinstance(content, dict):
        master = content.get("master")
        found = master.get("docNo") if isinstance(master, dict) else None
        if isinstance(found, str) and found.casefold() == number.casefold():
            return Seen(content, clear=True, words=f"{number} stands there.", proof=proof)
    words = f"The look-up was answered {answer.status}: {told or 'no reason given'}"
    refused = answer.status in KEY_REFUSED
    return Seen(None, clear=False, words=words, proof=proof, key_refused=refused)


def message_of(content: object) -> str:
    """AutoCount's own words in an error."""
    message = content.get("message") if isinstance(content, dict) else None
    return message if isinstance(message, str) else ""
